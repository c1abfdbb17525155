"""The other libraries: how each computes value and gradient, in float64 and on one thread.

The engines of `compare.engines.peers` know how a library is set up for that.
"""

import importlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from benchmarks.candidates.implementation import (
    BoundCall,
    Implementation,
    bound,
    bound_matrix,
    tuned_only,
)
from benchmarks.workloads import Workload
from compare.engines.peers import jax as jax_engine
from compare.engines.peers import torch as torch_engine

__all__ = [
    "AUTOGRAD",
    "CASADI",
    "CASADI_ARRAYS",
    "CASADI_RAW",
    "JAX",
    "JAX_JIT",
    "MICROGRAD",
    "MYGRAD",
    "TORCH",
    "casadi_gradients",
    "jax_program",
]


def _autograd(autograd: Any, workload: Workload) -> BoundCall:
    if workload.group == "general" or workload.derivative != "gradient":
        raise NotImplementedError("gradients of the other groups only")
    function = partial(workload.idiom("autograd"), importlib.import_module("autograd.numpy"))
    both = autograd.value_and_grad(function, workload.argnums)
    return bound(workload, partial(both, *workload.inputs.values()))


def _mygrad(mygrad: Any, workload: Workload) -> BoundCall:
    tuned_only(workload)

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

    return bound(workload, run)


def _micrograd(micrograd: Any, workload: Workload) -> BoundCall:
    """Call micrograd, with the exponential function of its author's lecture."""
    tuned_only(workload)
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

    return bound(workload, run)


def casadi_gradients(casadi: Any, out: Any, symbols: Sequence[Any]) -> list[Any]:
    """Return the gradients of a scalar, by one pass back for all arguments."""
    ends = np.cumsum([0, *(symbol.numel() for symbol in symbols)]).tolist()
    parts = casadi.vertsplit(casadi.gradient(out, casadi.veccat(*symbols)), ends)
    return [casadi.reshape(p, *s.shape) for p, s in zip(parts, symbols, strict=True)]


def _casadi_function(casadi: Any, workload: Workload) -> tuple[Any, list[Any]]:
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


def _casadi(casadi: Any, workload: Workload) -> BoundCall:
    """Call CasADi on its own matrices, or on numbers."""
    both, arguments = _casadi_function(casadi, workload)
    scalar = workload.scalar
    if not scalar:
        arguments = [casadi.DM(x) for x in arguments]

    def run() -> Any:
        value, *gradients = both(*arguments)
        return float(value), [float(g) for g in gradients] if scalar else gradients

    return bound(workload, run, rows=True)


def _casadi_raw(casadi: Any, workload: Workload) -> BoundCall:
    """Call CasADi's function on memory that it reads from and writes to: nothing is converted."""
    both, arguments = _casadi_function(casadi, workload)
    # In its order, column by column.
    columns = [np.ravel(np.asarray(x, dtype=float), order="F") for x in arguments]
    shapes = [both.size_out(k) for k in range(both.n_out())]
    results = [np.zeros(int(np.prod(shape))) for shape in shapes]
    buffer, trigger = both.buffer()
    for k, x in enumerate(columns):
        buffer.set_arg(k, x.data)
    for k, x in enumerate(results):
        buffer.set_res(k, x.data)
    value, *gradients = (x.reshape(s, order="F") for x, s in zip(results, shapes, strict=True))

    held = buffer, columns  # whose memory the function reads

    def run() -> Any:
        assert held
        trigger()
        return value[0, 0], gradients

    return bound(workload, run, rows=True)


def _casadi_arrays(casadi: Any, workload: Workload) -> BoundCall:
    """Call CasADi with arrays of NumPy, and return them."""
    both, arguments = _casadi_function(casadi, workload)

    def run() -> Any:
        value, *gradients = both(*arguments)
        return float(value), [g.full() for g in gradients]

    return bound(workload, run, rows=True)


def _torch(torch: Any, workload: Workload) -> BoundCall:
    def tensors() -> list[Any]:
        wrt = set(workload.wrt)
        return [
            torch.tensor(x, dtype=torch.float64, requires_grad=name in wrt)
            for name, x in workload.inputs.items()
        ]

    function = workload.idiom("torch")
    if workload.derivative != "gradient":
        transform = {"jacobian": torch.func.jacfwd, "hessian": torch.func.hessian}
        matrix = transform[workload.derivative](partial(function, torch), *workload.argnums)
        plain = [torch.tensor(x, dtype=torch.float64) for x in workload.inputs.values()]
        return bound_matrix(workload, partial(matrix, *plain))
    argnums, scalar, fixed = workload.argnums, workload.scalar, tensors()

    def run() -> Any:
        arguments = tensors() if scalar else fixed
        out = function(torch, *arguments)
        gradients = torch.autograd.grad(out, [arguments[i] for i in argnums])
        return (out.item(), [g.item() for g in gradients]) if scalar else (out.detach(), gradients)

    return bound(workload, run)


@contextmanager
def _torch_session(module: str) -> Iterator[Any]:
    """Import PyTorch and keep it to one thread."""
    torch = importlib.import_module(module)
    before = torch.get_num_threads()
    try:
        if (threads := torch_engine.TORCH.configure(1)) != 1:
            raise OSError(f"torch uses {threads} threads; one was requested")
        yield torch
    finally:
        torch.set_num_threads(before)


def _jax_gradient(jax: Any, workload: Workload) -> Callable[..., Any]:
    function = partial(workload.idiom("jax"), jax.numpy)
    if workload.derivative != "gradient":
        transform = {"jacobian": jax.jacfwd, "hessian": jax.hessian}[workload.derivative]
        return transform(function, *workload.argnums)  # type: ignore[no-any-return]
    return jax.value_and_grad(function, workload.argnums)  # type: ignore[no-any-return]


def _jax(jax: Any, workload: Workload, both: Callable[..., Any] | None = None) -> BoundCall:
    """Call JAX on its own arrays, or on numbers, and wait for the results."""
    both = both or _jax_gradient(jax, workload)
    inputs = workload.inputs.values()

    def of_floats() -> Any:
        value, gradients = both(*inputs)
        return float(value), [float(g) for g in gradients]

    if workload.scalar:
        return bound(workload, of_floats)
    arguments = [jax.numpy.asarray(x) for x in inputs]
    as_bound = bound if workload.derivative == "gradient" else bound_matrix
    return as_bound(workload, lambda: jax.block_until_ready(both(*arguments)))


def _jax_jit(jax: Any, workload: Workload) -> BoundCall:
    return _jax(jax, workload, jax.jit(_jax_gradient(jax, workload)))


def jax_program(jax: Any, workload: Workload) -> Any:
    """Return the program that JAX compiles of value and gradients."""
    arguments = [jax.numpy.asarray(x) for x in workload.inputs.values()]
    return jax.jit(_jax_gradient(jax, workload)).lower(*arguments).compile()


@contextmanager
def _jax_session(module: str) -> Iterator[Any]:
    """Import JAX and set it to float64, the processor and one thread."""
    environment = dict(os.environ)
    os.environ.update(jax_engine.JAX.environment(1))
    try:
        jax = importlib.import_module(module)
        settings = {name: jax.config.values[name] for name in jax_engine.SETTINGS}
        try:
            jax_engine.JAX.configure(1)  # starts it, in the environment above
            yield jax
        finally:
            for name, value in settings.items():
                jax.config.update(name, value)
    finally:
        os.environ.clear()
        os.environ.update(environment)


AUTOGRAD = Implementation("autograd", "HIPS autograd", "autograd", _autograd)
MYGRAD = Implementation("mygrad", "MyGrad", "mygrad", _mygrad)
MICROGRAD = Implementation("micrograd", "micrograd", "micrograd", _micrograd)
CASADI = Implementation("casadi", "CasADi, scalar expressions", "casadi", _casadi)
CASADI_RAW = Implementation(
    "casadi-raw", "CasADi, on memory of its own function", "casadi", _casadi_raw
)
CASADI_ARRAYS = Implementation(
    "casadi-arrays", "CasADi, arrays of NumPy in and out", "casadi", _casadi_arrays
)
TORCH = Implementation("torch", "PyTorch, eager", "torch", _torch, _torch_session)
JAX = Implementation("jax", "without jit", "jax", _jax, _jax_session)
JAX_JIT = Implementation("jax-jit", "compiled by jit", "jax", _jax_jit, _jax_session)
