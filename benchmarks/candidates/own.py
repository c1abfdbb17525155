"""NumPy by hand, and autodiff in each of its ways."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from benchmarks.candidates.implementation import BoundCall, Implementation, bound, bound_matrix
from benchmarks.workloads import Workload

__all__ = [
    "BASELINE",
    "BY_HAND_OUT",
    "CHECKPOINT",
    "EAGER_AUTODIFF",
    "GRAPH",
    "PLAN",
    "PLAN_FAST",
    "PLAN_NUMBA",
    "PLAN_OUT",
    "compiled",
]


def _by_hand(numpy: Any, workload: Workload) -> BoundCall:
    if workload.hand is None:
        raise NotImplementedError("nobody wrote it")
    return bound(workload, partial(workload.hand, *workload.inputs.values()))


def _by_hand_out(numpy: Any, workload: Workload) -> BoundCall:
    if workload.best is None:
        raise NotImplementedError("nothing is faster than what is by hand")
    inputs = workload.inputs.values()
    return bound(workload, partial(workload.best(*inputs), *inputs))


def _differentiated(autodiff: Any, workload: Workload) -> Any:
    """Return the function that computes value and gradients, or the matrix of derivatives."""
    function, argnums = partial(workload.function, np), workload.argnums
    if workload.derivative == "gradient":
        return autodiff.value_and_grad(function, argnums)
    return getattr(autodiff, workload.derivative)(function, *argnums)


def _bound(workload: Workload, function: Any) -> BoundCall:
    run = partial(function, *workload.inputs.values())
    return (
        bound(workload, run) if workload.derivative == "gradient" else bound_matrix(workload, run)
    )


def _eager(autodiff: Any, workload: Workload) -> BoundCall:
    return _bound(workload, _differentiated(autodiff, workload))


def _in_parts(autodiff: Any, workload: Workload) -> BoundCall:
    function = partial(workload.idioms["autodiff"], autodiff)
    both = autodiff.value_and_grad(function, workload.argnums)
    return bound(workload, partial(both, *workload.inputs.values()))


def _graph(autodiff: Any, workload: Workload) -> BoundCall:
    inputs = workload.inputs.values()
    graph = autodiff.trace(partial(workload.function, np), *inputs, wrt=workload.wrt)
    return bound(workload, partial(graph.value_and_gradient, *inputs))


def compiled(autodiff: Any, workload: Workload, **options: Any) -> Any:
    """Return the function that computes value and gradients by a plan."""
    return autodiff.compile(_differentiated(autodiff, workload), **options)


def _plan(autodiff: Any, workload: Workload, **options: Any) -> BoundCall:
    return _bound(workload, compiled(autodiff, workload, **options))


def _plan_out(autodiff: Any, workload: Workload) -> BoundCall:
    if workload.scalar:
        raise NotImplementedError("numbers are always new")
    return _plan(autodiff, workload, donate=True)


def _plan_fast(autodiff: Any, workload: Workload) -> BoundCall:
    if workload.name not in ("elementwise", "mixture"):
        raise NotImplementedError("its functions of few elements stay as they are")
    return _plan(autodiff, workload, fast_math=True)


def _plan_numba(autodiff: Any, workload: Workload) -> BoundCall:
    try:
        return _plan(autodiff, workload, backend="numba")
    except ValueError as error:
        raise NotImplementedError(str(error)) from error


@contextmanager
def _compiler(module: str) -> Iterator[Any]:
    """Import a library that plans need, and the engine with its compiler, which it loads late."""
    importlib.import_module(module)
    autodiff = importlib.import_module("autodiff")
    autodiff.compile  # noqa: B018  (loaded now, so that preparing does not count it)
    yield autodiff


#: The candidate that all others are compared with.
BASELINE = Implementation("by-hand", "NumPy, the gradient written by a person", "numpy", _by_hand)
BY_HAND_OUT = Implementation(
    "by-hand-out",
    "the fastest by hand: into buffers, which the next call writes over",
    "numpy",
    _by_hand_out,
)
EAGER_AUTODIFF = Implementation("autodiff", "value_and_grad", "autodiff", _eager)
GRAPH = Implementation("autodiff-graph", "trace once, then the graph", "autodiff", _graph)
PLAN = Implementation("autodiff-plan", "compile(value_and_grad)", "autodiff", _plan, _compiler)
PLAN_OUT = Implementation(
    "autodiff-plan-out",
    "with donate=True: the next call writes over the gradients, as by-hand-out does",
    "autodiff",
    _plan_out,
    _compiler,
)
PLAN_FAST = Implementation(
    "autodiff-plan-fast", "with fast_math=True", "autodiff", _plan_fast, _compiler
)
PLAN_NUMBA = Implementation(
    "autodiff-plan-numba", 'with backend="numba"', "numba", _plan_numba, _compiler
)
#: Computes parts of a function again instead of keeping them.
CHECKPOINT = Implementation(
    "autodiff-checkpoint", "value_and_grad, parts under checkpoint", "autodiff", _in_parts
)
