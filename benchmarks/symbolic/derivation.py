"""Deriving formulas: what it takes in a fresh process, by whoever does it.

A process of its own loads one library, derives a tiny gradient to warm up, and then the one that is
measured: time, peak memory above what it had, and operations of value and gradient as a ratio to
those of the value, each distinct one counted once.
"""

import gc
import importlib
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.candidates.peers import casadi_gradients
from benchmarks.workloads.formulas import residual, sample
from compare.measure.memory import PeakMemory
from compare.problems.mlp import mlp_loss, parameter_names

__all__ = ["TOOLS", "measure"]

Counts = Callable[[], dict[str, int]]


def shapes(widths: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arguments of `mlp_loss` for a network.

    Examples
    --------
    >>> shapes((3, 2, 1))["w1"]
    (3, 2)
    """
    found: dict[str, tuple[int, ...]] = {"x": (widths[0],), "t": (widths[-1],)}
    for k, (n, m) in enumerate(pairwise(widths), 1):
        found |= {f"w{k}": (n, m), f"b{k}": (m,)}
    return found


def _symdiff(strategy: str, written: str = "") -> Callable[[Sequence[int]], Counts]:
    """Return how a strategy of symdiff derives the gradient of a network, and writes it in SymPy.

    What SymPy derives itself is there in SymPy; whoever is compared with it has to write it, too.
    """

    def derive(widths: Sequence[int]) -> Counts:
        import symdiff

        gradient = symdiff.gradient(
            mlp_loss, wrt=parameter_names(widths), strategy=strategy, inputs=shapes(widths)
        )

        if written:
            getattr(gradient, written)
        if written == "partial_forms":
            _ = gradient.lets

        def counts() -> dict[str, int]:
            found = gradient.operations
            return {
                "operations": gradient.operation_count,
                "value_operations": found.value_dag,
                "tree": found.gradient_tree,
            }

        return counts

    return derive


def _matrix(network: str) -> Callable[[Sequence[int]], Counts]:
    """Return how the matrix strategy derives the gradient of a deep network; widths are depth."""

    def derive(widths: Sequence[int]) -> Counts:
        import symdiff

        (depth,) = widths
        names = [f"w{k}" for k in range(1, depth + 1)]
        inputs = {"x": ("N", "d"), "y": ("N", "d")} | dict.fromkeys(names, ("d", "d"))
        function = {"mlp": _deep_mlp, "resnet": _deep_residual}[network]
        gradient = symdiff.gradient(function, wrt=names, strategy="matrix", inputs=inputs)
        return lambda: {
            "operations": gradient.operation_count,
            "value_operations": gradient.operations.value,
        }

    return derive


def _deep_mlp(x: Any, y: Any, **weights: Any) -> Any:
    h = x
    for w in weights.values():
        h = np.tanh(h @ w)
    return np.sum((h - y) ** 2)


def _deep_residual(x: Any, y: Any, **weights: Any) -> Any:
    return residual().function(np, x, y, *weights.values())


def _pendulum(cos: Callable[[Any], Any], angle: Any, speed: Any) -> Any:
    """Return kinetic less potential energy of a chain of unit masses on rods of unit length."""
    links, terms = len(angle), []
    for i in range(links):
        for j in range(links):
            below = links - max(i, j)  # masses that both rods move
            terms.append(below / 2 * cos(angle[i] - angle[j]) * speed[i] * speed[j])
    return sum(terms) + sum(9.81 * (links - i) * cos(angle[i]) for i in range(links))


def _pendulum_in_symdiff(links: Sequence[int]) -> Counts:
    import symdiff

    inputs = dict.fromkeys(("angle", "speed"), tuple(links))
    gradient = symdiff.gradient(
        lambda angle, speed: _pendulum(np.cos, angle, speed), strategy="adjoint", inputs=inputs
    )
    return lambda: {
        "operations": gradient.operation_count,
        "value_operations": gradient.operations.value_dag,
    }


def _pendulum_in_casadi(links: Sequence[int]) -> Counts:
    import casadi

    symbols = [casadi.SX.sym(name, *links) for name in ("angle", "speed")]
    loss = _pendulum(casadi.cos, *(casadi.vertsplit(x) for x in symbols))
    return _counted_in_casadi(symbols, loss, casadi_gradients(casadi, loss, symbols))


def _entries(widths: Sequence[int], symbol: Callable[[str], Any]) -> dict[str, Any]:
    """Return arrays of symbols by name."""
    arrays: dict[str, Any] = {}
    for name, shape in shapes(widths).items():
        array = np.empty(shape, dtype=object)
        for index in np.ndindex(shape):
            array[index] = symbol(f"{name}_{'_'.join(map(str, index))}")
        arrays[name] = array
    return arrays


def _entrywise_loss(
    widths: Sequence[int], arrays: dict[str, Any], exp: Callable[[Any], Any]
) -> Any:
    """Return the loss as users of a library of scalar formulas write it."""
    h = list(arrays["x"])
    last = len(widths) - 1
    for k, (n, m) in enumerate(pairwise(widths), 1):
        w, b = arrays[f"w{k}"], arrays[f"b{k}"]
        z = [sum((h[i] * w[i, j] for i in range(n)), b[j]) for j in range(m)]
        h = z if k == last else [1 / (1 + exp(-each)) for each in z]
    return sum((y - t) ** 2 for y, t in zip(h, arrays["t"], strict=True))


def _differentiated(library: str) -> Callable[[Sequence[int]], Counts]:
    """Return how SymPy or SymEngine derives it: one call of diff a parameter."""

    def derive(widths: Sequence[int]) -> Counts:
        module = importlib.import_module(library)
        arrays = _entries(widths, module.Symbol)
        loss = _entrywise_loss(widths, arrays, module.exp)
        for name in parameter_names(widths):
            for symbol in arrays[name].flat:
                module.diff(loss, symbol)
        return dict

    return derive


def _casadi(widths: Sequence[int]) -> Counts:
    import casadi

    symbols = {
        name: casadi.SX.sym(name, *(shape if len(shape) > 1 else (1, *shape)))
        for name, shape in shapes(widths).items()
    }
    loss = sample(widths).idiom("casadi")(casadi, *symbols.values())
    wrt = [symbols[name] for name in parameter_names(widths)]
    return _counted_in_casadi(list(symbols.values()), loss, casadi_gradients(casadi, loss, wrt))


def _counted_in_casadi(symbols: list[Any], loss: Any, gradients: list[Any]) -> Counts:
    """Return how to count the operations of a value and its gradients in CasADi."""
    import casadi

    def counts() -> dict[str, int]:
        free = {casadi.OP_INPUT, casadi.OP_OUTPUT, casadi.OP_CONST, casadi.OP_NEG}

        def operations(outputs: list[Any]) -> int:
            f = casadi.Function("f", symbols, outputs)
            return sum(f.instruction_id(k) not in free for k in range(f.n_instructions()))

        return {
            "operations": operations([loss, *gradients]),
            "value_operations": operations([loss]),
        }

    return counts


#: Who derives: what must be imported, and how; it returns how to count what was derived.
TOOLS: dict[str, tuple[str, Callable[[Sequence[int]], Counts]]] = {
    "symdiff-expanded": ("symdiff", _symdiff("expanded", "partials")),
    "symdiff-shared": ("symdiff", _symdiff("shared", "partial_forms")),
    "symdiff-adjoint": ("symdiff", _symdiff("adjoint")),
    "symdiff-matrix-mlp": ("symdiff", _matrix("mlp")),
    "symdiff-matrix-resnet": ("symdiff", _matrix("resnet")),
    "symdiff-adjoint-pendulum": ("symdiff", _pendulum_in_symdiff),
    "casadi-pendulum": ("casadi", _pendulum_in_casadi),
    "sympy": ("sympy", _differentiated("sympy")),
    "symengine": ("symengine", _differentiated("symengine")),
    "casadi": ("casadi", _casadi),
}
#: Frames that a derivation may nest in a test of depth; a recursive one would need a frame a layer.
_FRAMES = 200


def measure(
    tool: str, widths: Sequence[int], shallow: bool = False, predict: bool = False
) -> dict[str, Any]:
    """Return the cost of one derivation: times in s, bytes, and operations.

    Parameters
    ----------
    tool : str
        Who derives, by the names of `TOOLS`.
    widths : sequence of int
        Widths of the network, or its depth alone for whole matrices.
    shallow : bool
        Whether it must do without recursion.
    predict : bool
        Whether the operations of the closed forms are predicted, too.

    Examples
    --------
    >>> found = measure("symdiff-adjoint", [2, 2, 1])
    >>> found["operations"], found["value_operations"]
    (39, 20)
    """
    library, derive = TOOLS[tool]
    try:
        importlib.import_module(library)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        return {"absent": library}
    derive((2,) if len(widths) == 1 else (2, 2, 1))
    gc.collect()
    limit = sys.getrecursionlimit()
    memory = PeakMemory()
    processor, start = time.process_time(), time.perf_counter()
    try:
        if shallow:
            sys.setrecursionlimit(_frames_now() + _FRAMES)
        counts = derive(widths)
    finally:
        sys.setrecursionlimit(limit)
    seconds, processor_s = time.perf_counter() - start, time.process_time() - processor
    found = {"seconds": seconds, "processor_s": processor_s, "peak_bytes": memory.above_start()}
    found |= counts()
    if predict:
        found["predicted"] = _closed_form_prediction(widths)
    return {name: x for name, x in found.items() if x is not None}


def _frames_now() -> int:
    """Return how deep the stack is."""
    frame, depth = sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def _closed_form_prediction(widths: Sequence[int]) -> int:
    """Return the predicted operations of the closed forms of the gradient."""
    import symdiff
    from symdiff.strategies.expanded import predict_operations

    traced = symdiff.trace(mlp_loss, inputs=shapes(widths))
    symbols = [n for name in parameter_names(widths) for n in traced.inputs[name].ravel().tolist()]
    return predict_operations(traced.dag, int(traced.nodes), symbols)
