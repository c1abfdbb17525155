"""Formulas of symdiff, run as their users run them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.candidates.implementation import BoundCall, Implementation, bound
from benchmarks.workloads import Workload

__all__ = ["ADJOINT", "ADJOINT_C", "MATRIX"]

#: Entries of the arguments that formulas of scalars are still written for.
_MOST_ENTRIES = 10_000


def _gradient(symdiff: Any, workload: Workload, strategy: str) -> Any:
    """Return the formula of a workload, whose arguments symdiff knows by name."""
    names = list(workload.inputs)

    def by_name(**inputs: Any) -> Any:
        return workload.function(np, *(inputs[name] for name in names))

    shapes = {name: np.shape(x) for name, x in workload.inputs.items()}
    return symdiff.gradient(by_name, wrt=workload.wrt, strategy=strategy, inputs=shapes)


def _in_reverse(symdiff: Any, workload: Workload) -> Any:
    """Return the formula of each entry, by reverse accumulation."""
    if sum(np.size(x) for x in workload.inputs.values()) > _MOST_ENTRIES:
        raise NotImplementedError("entry by entry it would be too long")
    return _gradient(symdiff, workload, "adjoint")


def _adjoint(symdiff: Any, workload: Workload) -> BoundCall:
    """Prepare the formula in reverse, called as its users do."""
    gradient = _in_reverse(symdiff, workload)
    return bound(workload, partial(gradient.value_and_gradient, **workload.inputs))


def _adjoint_c(symdiff: Any, workload: Workload) -> BoundCall:
    """Prepare the same formula as machine code."""
    compiled = _in_reverse(symdiff, workload).compile(backend="c")
    return bound(workload, partial(compiled.value_and_gradient, **workload.inputs))


def _matrix(symdiff: Any, workload: Workload) -> BoundCall:
    """Prepare the source that is printed of the formula of whole matrices."""
    namespace: dict[str, Callable[..., Any]] = {}
    source = _gradient(symdiff, workload, "matrix").source
    exec(compile(source, "<symdiff matrix>", "exec"), namespace)
    return bound(workload, partial(namespace["value_and_gradient"], *workload.inputs.values()))


MATRIX = Implementation("symdiff-matrix", "the source of strategy matrix", "symdiff", _matrix)
ADJOINT = Implementation("symdiff-adjoint", "the gradient of strategy adjoint", "symdiff", _adjoint)
ADJOINT_C = Implementation("symdiff-c", "the same, by a C compiler", "symdiff", _adjoint_c)
