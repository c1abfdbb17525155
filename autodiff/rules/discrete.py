"""Functions whose derivative is zero wherever it exists: comparisons, rounding, positions.

While a function is differentiated they give plain arrays. In a graph that will run again on
other inputs they are nodes, so that they are computed anew.
"""

import numpy as np

from autodiff.rules.table import TUPLES, Array, discrete, handles
from autodiff.tensor import Tensor, record

for _ufunc in (
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not),
    *(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert),
    *(np.isnan, np.isinf, np.isfinite, np.signbit),
    *(np.floor, np.ceil, np.trunc, np.rint, np.floor_divide),
):
    discrete(_ufunc)

_ARGMAX = discrete(np.argmax)
_ARGMIN = discrete(np.argmin)
_ANY = discrete(np.any)
_ALL = discrete(np.all)
_ROUND = discrete(np.round)


TUPLES[np.divmod] = lambda x, y: (np.floor_divide(x, y), np.remainder(x, y))


@handles(np.argmax, derivative=False)
def argmax(a: Array, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Return the position of the maximum."""
    return record(_ARGMAX, (a,), {"axis": axis, "keepdims": keepdims})


@handles(np.argmin, derivative=False)
def argmin(a: Array, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Return the position of the minimum."""
    return record(_ARGMIN, (a,), {"axis": axis, "keepdims": keepdims})


@handles(np.any, derivative=False)
def any_(a: Array, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Return whether any element is true."""
    return record(_ANY, (a,), {"axis": axis, "keepdims": keepdims})


@handles(np.all, derivative=False)
def all_(a: Array, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Return whether all elements are true."""
    return record(_ALL, (a,), {"axis": axis, "keepdims": keepdims})


@handles(np.round, np.around, derivative=False)
def round_(a: Array, decimals: int = 0) -> Array:
    """Return the elements rounded; the derivative is zero."""
    return record(_ROUND, (a,), {"decimals": decimals})


# What describes an array is a plain value: shapes do not depend on the numbers.


@handles(np.shape, derivative=False)
def shape(a: Array) -> tuple[int, ...]:
    """Return the shape."""
    return tuple(a.shape)


@handles(np.ndim, derivative=False)
def ndim(a: Array) -> int:
    """Return the number of axes."""
    return int(a.ndim)


@handles(np.size, derivative=False)
def size(a: Array, axis: int | None = None) -> int:
    """Return the number of elements."""
    return int(a.size if axis is None else a.shape[axis])


@handles(np.result_type, derivative=False)
def result_type(*arrays_and_dtypes: Array) -> np.dtype:
    """Return the data type that NumPy would give a result."""
    return np.result_type(*(a.dtype if type(a) is Tensor else a for a in arrays_and_dtypes))


@handles(np.iscomplexobj, derivative=False)
def iscomplexobj(x: Array) -> bool:
    """Return whether the elements are complex."""
    return bool(x.dtype.kind == "c")


@handles(np.isrealobj, derivative=False)
def isrealobj(x: Array) -> bool:
    """Return whether the elements are real."""
    return bool(x.dtype.kind != "c")


@handles(np.zeros_like, derivative=False)
def zeros_like(a: Array, dtype: object = None, *, shape: object = None) -> Array:
    """Return zeros of the shape and type of a tensor: a constant."""
    return np.zeros(a.shape if shape is None else shape, dtype or a.dtype)


@handles(np.ones_like, derivative=False)
def ones_like(a: Array, dtype: object = None, *, shape: object = None) -> Array:
    """Return ones of the shape and type of a tensor: a constant."""
    return np.ones(a.shape if shape is None else shape, dtype or a.dtype)
