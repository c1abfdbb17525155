"""Rules of sums, products and means, and what the other reductions share with them."""

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.core.batching import over_axes
from autodiff.core.primitive import Array, fast_path, general, handles, linear
from autodiff.core.tensor import Tensor, record
from autodiff.errors import LostDerivative
from autodiff.rules.operands import Axis

#: Elements of an array that is filled in less time than NumPy needs to make a view of one number.
_SMALL = 4096


def operand(a: Array) -> Array:
    """Return a tensor as it is, anything else as an array."""
    return a if hasattr(a, "__array_function__") else np.asarray(a)


def reduced_axes(ndim: int, axis: Axis) -> tuple[int, ...]:
    """Return the axes of a reduction, none of them negative."""
    return normalize_axis_tuple(range(ndim) if axis is None else axis, ndim)


def expanded(x: Array, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Array:
    """Return the result of a reduction with its axes back, of length 1."""
    if keepdims or not shape:
        return x
    axes = reduced_axes(len(shape), axis)
    return np.reshape(x, tuple(1 if i in axes else n for i, n in enumerate(shape)))


def converted(a: Array, dtype: Any, what: str) -> Array:
    """Return the operand in the data type that a reduction was told to compute with."""
    if dtype is None:
        return a
    dtype = np.dtype(dtype)
    if a.dtype == dtype:
        return a
    if type(a) is Tensor and a.dtype.kind in "fc" and dtype.kind not in "fc":
        raise LostDerivative(
            f"np.{what}: dtype={dtype} would lose the derivative of a tensor of dtype {a.dtype}: "
            "give a floating-point type, or leave dtype out"
        )
    return a.astype(dtype)


def masked(a: Array, where: Any, fill: Any) -> Array:
    """Return the operand with a number in place of what a reduction leaves out."""
    if where is True:
        return a
    where = operand(where)
    if where.dtype != bool:
        raise TypeError(f"where= is of dtype {where.dtype}: a mask of bool is needed")
    if np.broadcast_shapes(where.shape, a.shape) != a.shape:
        raise ValueError(f"where= of shape {where.shape} does not fit an array of shape {a.shape}")
    return np.where(where, a, fill)


def numbers(a: Array, where: Any) -> Array:
    """Return the mask of the elements that are not NaN, of those that a mask leaves."""
    numbers = np.logical_not(np.isnan(a))
    return numbers if where is True else np.logical_and(numbers, where)


def with_initial(out: Array, initial: Any, combine: np.ufunc) -> Array:
    """Return the result of a reduction combined with the number that it starts from."""
    if initial is None:
        return out
    if np.ndim(initial):
        raise ValueError(f"initial= is one number; an array of shape {np.shape(initial)} arrived")
    return combine(out, operand(initial).astype(out.dtype))


def counted(shape: tuple[int, ...], axis: Axis, where: Any = True, keepdims: bool = False) -> Array:
    """Return the number of elements of a reduction: an int, unless a mask chooses them."""
    if where is True:
        lengths = shape if axis is None else [shape[i] for i in reduced_axes(len(shape), axis)]
        return math.prod(lengths)
    return np.sum(np.broadcast_to(where, shape), axis=axis, keepdims=keepdims)


def divided(total: Array, count: Array) -> Array:
    """Return a quotient of the data type of the dividend, whatever that of the divisor is."""
    # float16 ends at 65504: what is counted may be more.
    quotient = total / (np.int64(count) if total.dtype == np.float16 else count)
    return quotient if quotient.dtype == total.dtype else quotient.astype(total.dtype)


def _sum_transpose(g: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
    shape = x.shape
    if axis is None and type(g) is np.float64 and x.size < _SMALL:
        # A view of one number takes nine times as long to make.
        x_bar = np.empty(shape)
        x_bar.fill(g)
        return x_bar
    return np.broadcast_to(expanded(g, shape, axis, keepdims), shape)


def _sum(a: Array, *, axis: Axis, keepdims: bool) -> Array:
    if type(a) is np.ndarray:
        # What ``np.sum`` calls in the end, at half the time for small arrays.
        return np.add.reduce(a, axis, None, None, keepdims)  # type: ignore[call-overload]
    return np.sum(a, axis=axis, keepdims=keepdims)


AXES: list[Any] = [
    (((2, 3),), {"axis": None, "keepdims": False}),
    (((2, 3, 4),), {"axis": (0, 2), "keepdims": False}),
    (((2, 3),), {"axis": -1, "keepdims": True}),
]

SUM = linear(
    "sum",
    _sum,
    _sum_transpose,
    examples=[*AXES, (((0, 3),), {"axis": 0, "keepdims": False})],
    batch=over_axes,
)


def _mean(a: Array, *, axis: Axis, keepdims: bool) -> Array:
    total = _sum(a, axis=axis, keepdims=keepdims)
    return total / counted(np.shape(a), axis)


def _mean_transpose(g: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
    share = g / (x.size if axis is None else counted(np.shape(x), axis))
    return _sum_transpose(share, out, x, axis=axis, keepdims=keepdims)


#: Of floating-point numbers; other means are a sum and a quotient.
MEAN = linear("mean", _mean, _mean_transpose, examples=AXES, batch=over_axes)


#: Arguments of a reduction of all elements; nobody writes into them.
_ALL = {"axis": None, "keepdims": False}


@fast_path(np.sum)
def _sum_of_all(a: Tensor) -> Array:
    """Return the sum of all elements."""
    return record(SUM, (a,), _ALL)


@fast_path(np.mean)
def _mean_of_all(a: Tensor) -> Array:
    """Return the mean of all elements."""
    value = a.value
    if type(value) is np.ndarray and value.dtype.char in "fdFD" and value.size:
        return record(MEAN, (a,), _ALL)
    return mean(a)


def _before(x: Array) -> Array:
    """Return for each element the product of those before it along the last axis."""
    one = np.ones_like(x, shape=(*np.shape(x)[:-1], 1))
    return np.cumprod(np.concatenate([one, x[..., :-1]], axis=-1), axis=-1)


def _others(x: Array, axis: Axis) -> Array:
    """Return for each element the product of the others along `axis`, right at zeros too.

    The products of the elements before and after are multiplied; dividing the product of all by
    the element would give 0/0 where the element is zero.
    """
    shape = np.shape(x)
    axes = reduced_axes(len(shape), axis)
    kept = tuple(i for i in range(len(shape)) if i not in axes)
    length = counted(shape, axis)
    if not length:
        return x
    flat = np.reshape(np.transpose(x, kept + axes), (*(shape[i] for i in kept), length))
    others = _before(flat) * np.flip(_before(np.flip(flat, -1)), -1)
    back = np.reshape(others, tuple(shape[i] for i in kept + axes))
    return np.transpose(back, tuple(int(i) for i in np.argsort(kept + axes)))


def _prod_vjp(g: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
    return expanded(g, np.shape(x), axis, keepdims) * _others(x, axis)


def _prod_jvp(x_dot: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
    return np.sum(x_dot * _others(x, axis), axis=axis, keepdims=keepdims)


PROD = general(
    "prod",
    np.prod,
    [_prod_vjp],
    [_prod_jvp],
    examples=[*AXES, (((3,),), {"axis": (), "keepdims": False})],
    complex=True,
    batch=over_axes,
)


@handles(np.sum)
def sum_(
    a: Array,
    axis: Axis = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Array:
    """Return the sum over `axis`."""
    if dtype is not None or where is not True:
        a = masked(converted(operand(a), dtype, "sum"), where, 0)
    out = record(SUM, (a,), {"axis": axis, "keepdims": keepdims})
    return out if initial is None else with_initial(out, initial, np.add)


@handles(np.prod)
def prod(
    a: Array,
    axis: Axis = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Array:
    """Return the product over `axis`."""
    if dtype is not None or where is not True:
        a = masked(converted(operand(a), dtype, "prod"), where, 1)
    out = record(PROD, (a,), {"axis": axis, "keepdims": keepdims})
    return out if initial is None else with_initial(out, initial, np.multiply)


@handles(np.mean)
def mean(
    a: Array, axis: Axis = None, dtype: Any = None, *, keepdims: bool = False, where: Any = True
) -> Array:
    """Return the mean over `axis`."""
    a = operand(a)
    if dtype is None and where is True and a.size and a.dtype.char in "fdFD":
        return record(MEAN, (a,), {"axis": axis, "keepdims": keepdims})
    half = dtype is None and a.dtype == np.float16
    if half:
        dtype = np.float32
    elif dtype is None and a.dtype.kind in "biu":
        dtype = float
    total = sum_(a, axis, dtype, keepdims=keepdims, where=where)
    average = divided(total, counted(a.shape, axis, where, keepdims))
    return average.astype(np.float16) if half else average
