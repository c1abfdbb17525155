"""Functions whose derivative is zero wherever it exists: comparisons, rounding, positions.

While a function is differentiated they give plain arrays. In a graph that will run again on
other inputs they are nodes, so that they are computed anew; where such a result decides a shape,
the shape is guarded as a branch is.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.batching import along_axis, broadcast, over_axes, over_operand
from autodiff.core.primitive import TUPLES, Array, BatchRule, discrete, handles
from autodiff.core.tensor import Tensor, record
from autodiff.rules.operands import Axis, guarded

__all__ = ["recorded"]

for _ufunc in (
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not),
    *(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert),
    *(np.isnan, np.isinf, np.isfinite, np.signbit),
    *(np.floor, np.ceil, np.trunc, np.rint, np.floor_divide),
):
    discrete(_ufunc)


def recorded(
    function: Callable[..., Array],
    name: str | None = None,
    shaped: bool = True,
    batch: BatchRule | None = None,
) -> Callable[..., Array]:
    """Return a function that records a computation which has no derivative."""

    def compute(*operands: Array, **params: Any) -> Array:
        # Operands that belong to an outer trace are recorded there.
        known = any(type(x) is Tensor for x in operands)
        return answer(*operands, **params) if known else function(*operands, **params)

    primitive = discrete(compute, name or function.__name__, batch)

    def answer(*operands: Array, **params: Any) -> Array:
        result = record(primitive, operands, params)
        return result if shaped else guarded(result)

    return answer


def _with_mask(function: Callable[..., Array]) -> Callable[..., Array]:
    """Return a reduction of an array and, as a second operand, of the mask of what counts."""

    def reduce(a: Array, *where: Array, **params: Any) -> Array:
        return function(a, **params, **({"where": where[0]} if where else {}))

    return recorded(reduce, function.__name__, batch=over_axes)


_argmax = recorded(np.argmax, batch=along_axis)
_argmin = recorded(np.argmin, batch=along_axis)
_any = _with_mask(np.any)
_all = _with_mask(np.all)
_count_nonzero = recorded(np.count_nonzero, batch=over_axes)
_round = recorded(np.round, batch=broadcast)
_fix = recorded(np.fix, batch=broadcast)
_isclose = recorded(np.isclose, batch=broadcast)
_allclose = recorded(np.allclose)
_array_equal = recorded(np.array_equal)
_array_equiv = recorded(np.array_equiv)
_isin = recorded(np.isin, batch=over_operand(0))


TUPLES[np.divmod] = lambda x, y: (np.floor_divide(x, y), np.remainder(x, y))


@handles(np.argmax, derivative=False)
def argmax(a: Array, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Return the position of the maximum."""
    return _argmax(a, axis=axis, keepdims=keepdims)


@handles(np.argmin, derivative=False)
def argmin(a: Array, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """Return the position of the minimum."""
    return _argmin(a, axis=axis, keepdims=keepdims)


@handles(np.any, derivative=False)
def any_(a: Array, axis: Axis = None, *, keepdims: bool = False, where: Any = True) -> Array:
    """Return whether any element is true."""
    return _any(a, *(() if where is True else (where,)), axis=axis, keepdims=keepdims)


@handles(np.all, derivative=False)
def all_(a: Array, axis: Axis = None, *, keepdims: bool = False, where: Any = True) -> Array:
    """Return whether all elements are true."""
    return _all(a, *(() if where is True else (where,)), axis=axis, keepdims=keepdims)


@handles(np.count_nonzero, derivative=False)
def count_nonzero(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Return the number of elements that are not zero."""
    return _count_nonzero(a, axis=axis, keepdims=keepdims)


@handles(np.round, np.around, derivative=False)
def round_(a: Array, decimals: int = 0) -> Array:
    """Return the elements rounded; the derivative is zero."""
    return _round(a, decimals=decimals)


@handles(np.fix, derivative=False)
def fix(x: Array) -> Array:
    """Return the elements rounded towards zero; the derivative is zero."""
    return _fix(x)


@handles(np.isclose, derivative=False)
def isclose(
    a: Array, b: Array, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False
) -> Array:
    """Return the mask of elements that are equal up to a tolerance."""
    return _isclose(a, b, rtol, atol, equal_nan=equal_nan)


@handles(np.allclose, derivative=False)
def allclose(
    a: Array, b: Array, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False
) -> Array:
    """Return whether two arrays are equal up to a tolerance."""
    return _allclose(a, b, rtol, atol, equal_nan=equal_nan)


@handles(np.array_equal, derivative=False)
def array_equal(a1: Array, a2: Array, equal_nan: bool = False) -> Array:
    """Return whether two arrays have the same shape and elements."""
    return _array_equal(a1, a2, equal_nan=equal_nan)


@handles(np.array_equiv, derivative=False)
def array_equiv(a1: Array, a2: Array) -> Array:
    """Return whether two arrays have the same elements when broadcast."""
    return _array_equiv(a1, a2)


@handles(np.isin, derivative=False)
def isin(
    element: Array,
    test_elements: Array,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: str | None = None,
) -> Array:
    """Return which elements are among others."""
    return _isin(element, test_elements, assume_unique=assume_unique, invert=invert, kind=kind)


def _elements(function: Callable[..., Array]) -> None:
    """Register a test of each element."""
    test = recorded(function, batch=broadcast)

    @handles(function, derivative=False)
    def answer(x: Array) -> Array:
        return test(x)


for _function in (np.isneginf, np.isposinf, np.iscomplex, np.isreal):
    _elements(_function)

_unravel_index = recorded(
    lambda indices, *, shape, order: np.stack(np.unravel_index(indices, shape, order)),
    "unravel_index",
    batch=lambda primitive, xs, on, params: np.moveaxis(record(primitive, tuple(xs), params), 0, 1),
)
_ravel_multi_index = recorded(
    lambda *multi_index, **params: np.ravel_multi_index(multi_index, **params),
    "ravel_multi_index",
    batch=broadcast,
)


@handles(np.unravel_index, derivative=False)
def unravel_index(indices: Array, shape: Any, order: str = "C") -> tuple[Array, ...]:
    """Return the positions along each axis of positions in the flattened array."""
    places = _unravel_index(indices, shape=shape, order=order)
    return tuple(places[i] for i in range(np.shape(places)[0]))


@handles(np.ravel_multi_index, derivative=False)
def ravel_multi_index(
    multi_index: Sequence[Array], dims: Any, mode: Any = "raise", order: str = "C"
) -> Array:
    """Return the positions in the flattened array of positions along each axis."""
    return _ravel_multi_index(*multi_index, dims=dims, mode=mode, order=order)
