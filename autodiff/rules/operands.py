"""Arguments made into operands of rules: tensors, arrays, plain numbers."""

import operator
from typing import Any

import numpy as np

from autodiff.core.libraries import adapted
from autodiff.core.primitive import Array
from autodiff.core.tensor import Tensor, holds_tensor

__all__ = ["Axis", "as_array", "as_decided", "as_operand", "guarded", "holds_tensor", "number"]

Axis = int | tuple[int, ...] | None


def as_array(x: Any) -> Array:
    """Return an array-like as an array or tensor; lists that hold tensors are stacked."""
    if hasattr(x, "__array_function__"):
        return x
    if holds_tensor(x):
        return np.stack([as_array(i) for i in x])
    other = adapted(x)
    return np.asarray(x) if other is x else other


def as_operand(x: Any) -> Any:
    """Return an array-like as `as_array` does; Python's numbers stay: they take others' type."""
    return x if isinstance(x, int | float | complex) else as_array(x)


def as_decided(x: Any) -> Any:
    """Return integers that decide shapes as plain ones, each guarded as a branch is."""
    if isinstance(x, list | tuple):
        return type(x)([as_decided(i) for i in x])
    if type(x) is not Tensor:
        return x
    if not x.shape:
        return operator.index(x)
    convert: Any = bool if x.dtype.kind == "b" else operator.index
    elements: Any = np.ravel(x)
    return np.array([convert(i) for i in elements], dtype=x.dtype).reshape(x.shape)


def number(x: Array) -> Array:
    """Return a result as it is, but an array without axes as the number that NumPy gives."""
    return x if np.ndim(x) else x[()]


def guarded(x: Array) -> Array:
    """Return a result whose shape is decided by numbers, guarded if the graph will run again."""
    within = x
    while type(within) is Tensor and within.tape.batch is not None:
        within = within.value.array
    if type(within) is Tensor and within.tape.replayable:
        within.tape.guards.append((within, "shape", within.shape))
    return x
