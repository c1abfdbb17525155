"""The size of the terms that cancel in a gradient, by Monte Carlo arithmetic.

Where terms cancel, rounding leaves an error that is small beside the terms and may be larger than
what is left of them: at a minimum the gradient is nothing but such errors, and no two engines agree
on them. What counts there is an error relative to the terms.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from compare.checks.difference import VALUE
from compare.checks.tolerance import Tolerance
from compare.engines import get_engine
from compare.problems.problem import Case

__all__ = ["terms_of"]

#: Every intermediate is moved by this, relative to itself: far above rounding, so that it is not
#: seen, and far below the size at which the second order would be. For float32 the other.
_MOVED, _MOVED_SINGLE = 2.0**-40, 2.0**-12
#: The step of central differences: at a flat minimum terms are much larger there.
_STEP = 2.0**-17
#: Draws: each moves every intermediate up or down, and two terms may move alike by chance.
_DRAWS = 8
#: Entries up to which central differences are taken again and again.
_MOST_DIFFERENCES = 256


def terms_of(
    case: Case, against: str = "finite-differences", tolerance: Tolerance | None = None
) -> dict[str, float]:
    """Return the size of the largest terms in the value and in each gradient of a case.

    Every intermediate of the forward and of the backward pass is multiplied by 1 ± 2⁻⁴⁰ at random;
    what that moves, divided by 2⁻⁴⁰, is the size of the terms: Monte Carlo arithmetic
    (D. S. Parker, "Monte Carlo Arithmetic", UCLA CSD-970002, 1997). Where the function has no graph
    only its inputs are moved, and the engine `against` computes. Who sees the function at steps
    alone, as the tolerance of central differences says, has terms of the size they reach there.

    Examples
    --------
    >>> from compare.problems.own import own_problem
    >>> case = own_problem(lambda x: (x - 0.1) ** 2, [0.1 + 2.0**-53]).case(1, 0)
    >>> 0.1 < terms_of(case)["x"] < 1.0
    True
    """
    rng = np.random.default_rng(0)
    single = any(getattr(x, "dtype", None) == np.float32 for x in case.inputs.values())
    by = _MOVED_SINGLE if single else _MOVED
    if tolerance is not None and tolerance.of_value:
        by = max(by, _STEP)
    for way in (_moved_graph, partial(_moved_inputs, against=against)):
        try:
            with np.errstate(all="ignore"):
                return _sizes(case, *way(case), lambda value: _moved(value, rng, by), by)
        except Exception:  # whatever the user's function does, the next way may know
            continue
    # Nothing is known of its terms: they excuse no difference.
    return dict.fromkeys((VALUE, *case.wrt), 0.0)


def _sizes(
    case: Case, here: list[Any], moved: Callable[..., list[Any]], move: Any, by: float
) -> dict[str, float]:
    """Return by how much each part moves in any of the draws, relative to the intermediates."""
    largest = dict.fromkeys((VALUE, *case.wrt), 0.0)
    for _ in range(_DRAWS):
        for name, before, after in zip(largest, here, moved(move), strict=True):
            shift = np.abs(np.asarray(after, float) - np.asarray(before, float)) / by
            found = float(np.max(shift, initial=0.0))
            if np.isfinite(found):
                largest[name] = max(largest[name], found)
    return largest


def _moved_graph(case: Case) -> tuple[list[Any], Any]:
    """Return value and gradients, and a function that gives them with every intermediate moved."""
    # late: only a disagreement needs it
    import autodiff

    function, inputs = case.problem.function, case.inputs
    wrt = [inputs[name] for name in case.wrt]

    def everything(one: Any, *xs: Any) -> Any:
        # The factor 1 makes every cotangent depend on an input, so that all are recorded.
        def loss(*ys: Any) -> Any:
            return one * function(**{**inputs, **dict(zip(case.wrt, ys, strict=True))})

        value, gradients = autodiff.value_and_grad(loss, argnums=tuple(range(len(xs))))(*xs)
        return np.concatenate([np.reshape(part, -1) for part in (value, *gradients)])

    graph = autodiff.trace(everything, 1.0, *wrt)
    splits = np.cumsum([1, *(np.size(x) for x in wrt)])[:-1]
    leaves = {id(n): x for n, x in zip(graph.inputs.values(), (1.0, *wrt), strict=True)}

    def run(move: Callable[[Any], Any]) -> list[Any]:
        values: dict[int, Any] = {}
        for node in graph.nodes:
            if node.primitive is None:
                values[id(node)] = move(leaves[id(node)])
                continue
            operands = [values.get(id(x), x) for x in node.operands]
            values[id(node)] = move(node.primitive.function(*operands, **(node.params or {})))
        return np.split(values[id(graph.output)], splits)

    return run(lambda value: value), run


def _moved_inputs(case: Case, against: str) -> tuple[list[Any], Any]:
    """Return value and gradients by an engine, and a function that gives them at moved inputs."""
    if against == "finite-differences" and case.parameters > _MOST_DIFFERENCES:
        raise ValueError(f"central differences of {case.parameters} entries take too long")
    run = get_engine(against).prepare(case).run

    def parts(inputs: Mapping[str, Any]) -> list[Any]:
        value, gradients = run(inputs)
        return [value, *(gradients[name] for name in case.wrt)]

    def moved(move: Callable[[Any], Any]) -> list[Any]:
        return parts({name: move(value) for name, value in case.inputs.items()})

    return parts(case.inputs), moved


def _moved(value: Any, rng: np.random.Generator, by: float) -> Any:
    """Return floating-point numbers multiplied by 1 + `by` or 1 - `by`, others as they are."""
    array = np.asarray(value)
    if array.dtype.kind not in "fc":
        return value
    factors = (1.0 + by * rng.choice((-1.0, 1.0), array.shape)).astype(array.dtype)
    return type(value)(array * factors) if isinstance(value, float) else array * factors
