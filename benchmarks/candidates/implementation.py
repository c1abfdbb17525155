"""Candidates: ways to compute value and gradient of a workload.

They are no engines of `compare`: an engine takes arguments by name and returns NumPy arrays, under
the clock. Here the clock runs around a call on arguments that lie ready, in arrays of the library's
own.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workloads import Workload
from compare.problems.problem import Gradients

__all__ = ["BoundCall", "Implementation", "bound", "bound_matrix", "tuned_only"]


@dataclass(frozen=True)
class BoundCall:
    """A gradient function with its arguments, ready for the clock."""

    #: Computes value and gradients once, as arrays of the candidate's own library.
    run: Callable[[], Any]
    #: Turns what `run` returned into the value and the gradients by name of argument, as NumPy
    #: arrays. It is not timed.
    read: Callable[[Any], tuple[Any, Gradients]]


@contextmanager
def _imported(module: str) -> Iterator[Any]:
    """Import a library that needs no settings."""
    yield importlib.import_module(module)


@dataclass(frozen=True)
class Implementation:
    """A way to compute value and gradient."""

    #: Unique name, as typed on the command line.
    name: str
    #: One line for a reader.
    meaning: str
    #: Library it needs, by the name of its module and its distribution.
    module: str
    #: ``bind(library, workload)``: the work done once per shape. It raises NotImplementedError
    #: where the library is not made for the workload.
    bind: Callable[[Any, Workload], BoundCall]
    #: ``session(module)`` is a context that yields the imported library, set to float64 and
    #: one thread, and puts the settings back at its end.
    session: Callable[[str], AbstractContextManager[Any]] = _imported


def bound(workload: Workload, run: Callable[[], Any], *, rows: bool = False) -> BoundCall:
    """Return a call that gives value and gradients, by name or in order, maybe vectors as rows."""
    return BoundCall(run, partial(_read, workload, rows))


def bound_matrix(workload: Workload, run: Callable[[], Any]) -> BoundCall:
    """Return a call that gives the matrix of derivatives by the one argument, and no value."""
    return BoundCall(run, lambda matrix: _read(workload, False, (0.0, (matrix,))))


def tuned_only(workload: Workload) -> None:
    """Raise for workloads on which a library of this size is not timed."""
    if workload.group != "tuned":
        raise NotImplementedError("timed on the tuned workloads only")


def _read(workload: Workload, rows: bool, result: tuple[Any, Any]) -> tuple[Any, Gradients]:
    """Return value and gradients as arrays of NumPy."""
    value, gradients = result
    named = {name: np.asarray(x_bar) for name, x_bar in workload.by_name(gradients).items()}
    if rows:
        named = {n: x_bar.reshape(np.shape(workload.inputs[n])) for n, x_bar in named.items()}
    return np.asarray(value), named
