"""Descriptions of arrays, which are plain: shapes, types and text have no derivative."""

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.core.conversions import text_of
from autodiff.core.primitive import Array, handles
from autodiff.core.stores import current
from autodiff.core.tensor import Tensor, primal


@handles(np.shape, derivative=False)
def shape(a: Array) -> tuple[int, ...]:
    """Return the shape."""
    return tuple(a.shape)


@handles(np.ndim, derivative=False)
def ndim(a: Array) -> int:
    """Return the number of axes."""
    return int(a.ndim)


@handles(np.size, derivative=False)
def size(a: Array, axis: int | tuple[int, ...] | None = None) -> int:
    """Return the number of elements."""
    if axis is None:
        return int(a.size)
    return math.prod(a.shape[i] for i in normalize_axis_tuple(axis, a.ndim))


def _typed(x: Any) -> Any:
    """Return the data type of a tensor, which says the same about types, and all else as it is."""
    return x.dtype if type(x) is Tensor else x


@handles(np.result_type, derivative=False)
def result_type(*arrays_and_dtypes: Array) -> np.dtype:
    """Return the data type that NumPy would give a result."""
    return np.result_type(*map(_typed, arrays_and_dtypes))


@handles(np.can_cast, derivative=False)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """Return whether values of one type can become another by a rule of casting."""
    return np.can_cast(_typed(from_), _typed(to), casting)


@handles(np.min_scalar_type, derivative=False)
def min_scalar_type(a: Array, /) -> np.dtype:
    """Return the smallest type that holds a number; of an array, its own type."""
    return np.min_scalar_type(primal(a))


@handles(np.common_type, derivative=False)
def common_type(*arrays: Array) -> type:
    """Return the floating-point type that holds all arrays."""
    return np.common_type(*(np.empty(0, _typed(a)) if type(a) is Tensor else a for a in arrays))


@handles(np.iscomplexobj, derivative=False)
def iscomplexobj(x: Array) -> bool:
    """Return whether the elements are complex."""
    return bool(x.dtype.kind == "c")


@handles(np.isrealobj, derivative=False)
def isrealobj(x: Array) -> bool:
    """Return whether the elements are real."""
    return bool(x.dtype.kind != "c")


@handles(np.may_share_memory, derivative=False)
def may_share_memory(a: Array, b: Array, /, max_work: Any = 0) -> bool:
    """Return whether two arrays might overlap in memory."""
    return np.may_share_memory(primal(a), primal(b), max_work)


@handles(np.shares_memory, derivative=False)
def shares_memory(a: Array, b: Array, /, max_work: Any = -1) -> bool:
    """Return whether two arrays overlap in memory."""
    return np.shares_memory(primal(a), primal(b), max_work)


@handles(np.array2string, derivative=False)
def array2string(
    a: Array,
    max_line_width: int | None = None,
    precision: int | None = None,
    suppress_small: bool | None = None,
    separator: str = " ",
    prefix: str = "",
    *,
    formatter: Any = None,
    threshold: int | None = None,
    edgeitems: int | None = None,
    sign: Any = None,
    floatmode: Any = None,
    suffix: str = "",
    legacy: Any = None,
) -> str:
    """Return the value as text."""
    text = np.array2string(
        np.asarray(primal(current(a))),
        max_line_width,
        precision,
        suppress_small,
        separator,
        prefix,
        formatter=formatter,
        threshold=threshold,
        edgeitems=edgeitems,
        sign=sign,
        floatmode=floatmode,
        suffix=suffix,
        legacy=legacy,
    )
    return text_of(a, text)


@handles(np.array_repr, derivative=False)
def array_repr(
    arr: Array,
    max_line_width: int | None = None,
    precision: int | None = None,
    suppress_small: bool | None = None,
) -> str:
    """Return the value as the text that ``repr`` gives."""
    value = np.asarray(primal(current(arr)))
    return text_of(arr, np.array_repr(value, max_line_width, precision, suppress_small))


@handles(np.array_str, derivative=False)
def array_str(
    a: Array,
    max_line_width: int | None = None,
    precision: int | None = None,
    suppress_small: bool | None = None,
) -> str:
    """Return the value as the text that ``str`` gives."""
    value = np.asarray(primal(current(a)))
    return text_of(a, np.array_str(value, max_line_width, precision, suppress_small))


@handles(np.diag_indices_from, derivative=False)
def diag_indices_from(arr: Array) -> tuple[Array, ...]:
    """Return the positions of the diagonal: they follow from the shape."""
    return np.diag_indices_from(np.empty(arr.shape, bool))


@handles(np.tril_indices_from, derivative=False)
def tril_indices_from(arr: Array, k: int = 0) -> tuple[Array, Array]:
    """Return the positions of the lower triangle: they follow from the shape."""
    return np.tril_indices_from(np.empty(arr.shape, bool), k)


@handles(np.triu_indices_from, derivative=False)
def triu_indices_from(arr: Array, k: int = 0) -> tuple[Array, Array]:
    """Return the positions of the upper triangle: they follow from the shape."""
    return np.triu_indices_from(np.empty(arr.shape, bool), k)
