"""The other libraries: how each computes value and gradient, in float64 and on one thread."""

import importlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

__all__ = [
    "RUNS",
    "casadi_function",
    "casadi_gradients",
    "jax_program",
    "jax_session",
    "torch_session",
]

#: JAX reads this when it starts, and threadpoolctl does not see its threads.
_XLA_FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def _autograd(autograd: Any, workload: "Workload") -> Callable[[], Any]:
    """Return a call of HIPS autograd."""
    function = partial(workload.function, importlib.import_module("autograd.numpy"))
    both = autograd.value_and_grad(function, workload.argnums)
    return partial(both, *workload.inputs.values())


def _mygrad(mygrad: Any, workload: "Workload") -> Callable[[], Any]:
    """Return a call of MyGrad."""

    def tensors() -> list[Any]:
        wrt = set(workload.wrt)
        return [mygrad.tensor(x) if name in wrt else x for name, x in workload.inputs.items()]

    argnums, scalar, fixed = workload.argnums, workload.scalar, tensors()

    def run() -> Any:
        arguments = tensors() if scalar else fixed
        out = workload.function(mygrad, *arguments)
        out.backward()
        gradients = [arguments[i].grad for i in argnums]
        return (out.item(), [g.item() for g in gradients]) if scalar else (out.data, gradients)

    return run


def _micrograd(micrograd: Any, workload: "Workload") -> Callable[[], Any]:
    """Return a call of micrograd, with the exponential function of its author's lecture."""
    if not workload.scalar:
        raise NotImplementedError("numbers only")
    value_class = importlib.import_module(f"{micrograd.__name__}.engine").Value
    exp = math.exp

    class Functions:
        @staticmethod
        def exp(x: Any) -> Any:
            out = value_class(exp(x.data), (x,), "exp")

            def backward() -> None:
                x.grad += out.data * out.grad

            out._backward = backward
            return out

    argnums = workload.argnums

    def run() -> Any:
        arguments = [value_class(x) for x in workload.inputs.values()]
        out = workload.function(Functions, *arguments)
        out.backward()
        return out.data, [arguments[i].grad for i in argnums]

    return run


def casadi_gradients(casadi: Any, out: Any, symbols: Sequence[Any]) -> list[Any]:
    """Return the gradients of a scalar, by one pass back for all arguments."""
    ends = np.cumsum([0, *(symbol.numel() for symbol in symbols)]).tolist()
    parts = casadi.vertsplit(casadi.gradient(out, casadi.veccat(*symbols)), ends)
    return [casadi.reshape(p, *s.shape) for p, s in zip(parts, symbols, strict=True)]


def casadi_function(casadi: Any, workload: "Workload") -> tuple[Any, list[Any]]:
    """Return CasADi's function of value and gradients, and what it is called with."""
    if not workload.scalar and "casadi" not in workload.idioms:
        raise NotImplementedError("it does not broadcast")
    inputs = workload.inputs
    # A vector is a row here, as it is in a product of a vector and a matrix.
    rows = {name: np.atleast_2d(x) for name, x in inputs.items()}
    symbols = [casadi.SX.sym(name, *x.shape) for name, x in rows.items()]
    out = workload.idiom("casadi")(casadi, *symbols)
    gradients = casadi_gradients(casadi, out, [symbols[i] for i in workload.argnums])
    both = casadi.Function("both", symbols, [out, *gradients])
    return both, list(inputs.values()) if workload.scalar else list(rows.values())


def _casadi(casadi: Any, workload: "Workload") -> Callable[[], Any]:
    """Return a call of CasADi, for numbers and for functions that are written for it."""
    both, arguments = casadi_function(casadi, workload)
    scalar = workload.scalar
    if not scalar:
        arguments = [casadi.DM(x) for x in arguments]

    def run() -> Any:
        value, *gradients = both(*arguments)
        return float(value), [float(g) for g in gradients] if scalar else gradients

    return run


def _casadi_arrays(casadi: Any, workload: "Workload") -> Callable[[], Any]:
    """Return a call of CasADi that takes arrays of NumPy and returns them."""
    both, arguments = casadi_function(casadi, workload)

    def run() -> Any:
        value, *gradients = both(*arguments)
        return float(value), [g.full() for g in gradients]

    return run


def _torch(torch: Any, workload: "Workload") -> Callable[[], Any]:
    """Return a call of PyTorch."""

    def tensors() -> list[Any]:
        wrt = set(workload.wrt)
        return [
            torch.tensor(x, dtype=torch.float64, requires_grad=name in wrt)
            for name, x in workload.inputs.items()
        ]

    function = workload.idiom("torch")
    argnums, scalar, fixed = workload.argnums, workload.scalar, tensors()

    def run() -> Any:
        arguments = tensors() if scalar else fixed
        out = function(torch, *arguments)
        gradients = torch.autograd.grad(out, [arguments[i] for i in argnums])
        return (out.item(), [g.item() for g in gradients]) if scalar else (out.detach(), gradients)

    return run


@contextmanager
def torch_session(module: str) -> Iterator[Any]:
    """Import PyTorch and keep it to one thread."""
    torch = importlib.import_module(module)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if torch.get_num_threads() != 1:
            raise OSError(f"torch uses {torch.get_num_threads()} threads, told to use one")
        yield torch
    finally:
        torch.set_num_threads(before)


def _jax(jax: Any, workload: "Workload", *, jit: bool) -> Callable[[], Any]:
    """Return a call of JAX that waits for the results, compiled into one program or not."""
    both = _jax_gradient(jax, workload)
    if jit:
        both = jax.jit(both)
    inputs = workload.inputs.values()

    def of_floats() -> Any:
        value, gradients = both(*inputs)
        return float(value), [float(g) for g in gradients]

    if workload.scalar:
        return of_floats
    arguments = [jax.numpy.asarray(x) for x in inputs]
    return lambda: jax.block_until_ready(both(*arguments))


def _jax_gradient(jax: Any, workload: "Workload") -> Callable[..., Any]:
    function = partial(workload.function, jax.numpy)
    return jax.value_and_grad(function, workload.argnums)  # type: ignore[no-any-return]


def jax_program(jax: Any, workload: "Workload") -> Any:
    """Return the program that JAX compiles of value and gradients."""
    arguments = [jax.numpy.asarray(x) for x in workload.inputs.values()]
    return jax.jit(_jax_gradient(jax, workload)).lower(*arguments).compile()


@contextmanager
def jax_session(module: str) -> Iterator[Any]:
    """Import JAX and set it to float64, the processor and one thread."""
    flags = os.environ.get("XLA_FLAGS")
    os.environ["XLA_FLAGS"] = f"{flags or ''} {_XLA_FLAGS}".strip()
    try:
        jax = importlib.import_module(module)
        # Who waits for each result gains nothing from a thread that computes it, and small
        # programs take twice as long.
        wanted = {
            "jax_enable_x64": True,
            "jax_platforms": "cpu",
            "jax_cpu_enable_async_dispatch": False,
        }
        before = {name: jax.config.values[name] for name in wanted}
        for name, value in wanted.items():
            jax.config.update(name, value)
        try:
            jax.devices()  # starts it, under the flags above
            yield jax
        finally:
            for name, value in before.items():
                jax.config.update(name, value)
    finally:
        if flags is None:
            os.environ.pop("XLA_FLAGS", None)
        else:
            os.environ["XLA_FLAGS"] = flags


#: By name of contender: ``RUNS[name](library, workload)`` returns a call without arguments, which
#: returns the value and the gradients in order. It raises NotImplementedError where the library is
#: not made for the workload.
RUNS: dict[str, "Callable[[Any, Workload], Callable[[], Any]]"] = {
    "autograd": _autograd,
    "mygrad": _mygrad,
    "micrograd": _micrograd,
    "casadi": _casadi,
    "casadi-arrays": _casadi_arrays,
    "torch": _torch,
    "jax": partial(_jax, jit=False),
    "jax-jit": partial(_jax, jit=True),
}
