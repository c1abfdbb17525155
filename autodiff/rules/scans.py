"""Rules of scans: running sums, products and extrema.

The derivative of a running product is a linear recurrence y[i] = a[i] y[i-1] + b[i], whose own
derivative is one again. None of them divides, so that all orders are right at zeros.
"""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.core.batching import along_axis
from autodiff.core.libraries import elsewhere
from autodiff.core.primitive import Array, general, handles, linear
from autodiff.core.tensor import Tensor, record
from autodiff.rules.picking import pick, positional
from autodiff.rules.reductions import converted, operand


def _shifted(x: Array, first: float, axis: int) -> Array:
    """Return the elements moved up by one place along an axis, behind a number."""
    shape = list(np.shape(x))
    index: list[Any] = [slice(None)] * len(shape)
    index[axis], shape[axis] = slice(None, -1), min(shape[axis], 1)
    start = np.full_like(x, first, shape=shape)
    return np.concatenate([start, x[tuple(index)]], axis=axis)


def _cumsum_transpose(g: Array, out: Array, x: Array, *, axis: int) -> Array:
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


CUMSUM = linear(
    "cumsum",
    np.cumsum,
    _cumsum_transpose,
    examples=[(((4,),), {"axis": 0}), (((2, 3),), {"axis": 1})],
    batch=along_axis,
)


def _times(x: Array, y: Array) -> Array:
    """Return a product in which zero times infinity is zero.

    Infinity comes from products of elements that a recurrence taken step by step never forms.
    """
    product = x * y
    lost = np.isnan(product)
    if elsewhere(product) is None and not lost.any():
        return product
    return np.where(lost & ((x == 0) | (y == 0)), 0, product)


def _solved(a: Array, b: Array) -> Array:
    """Return the recurrence along the last axis.

    Two steps are one step of the same kind: half as many of these give every other result, and
    one step more the results between (cyclic reduction, as in Blelloch, Prefix sums and their
    applications, 1990, section 1.4). All work is proportional to the length.
    """
    n = b.shape[-1]
    result = b.astype(np.result_type(a, b))
    if n < 2:
        return result
    firsts, seconds = slice(0, n - 1, 2), slice(1, n, 2)
    steps = _times(a[..., seconds], a[..., firsts])
    odd = _solved(steps, _times(a[..., seconds], b[..., firsts]) + b[..., seconds])
    between = _times(a[..., 2::2], odd[..., : (n - 1) // 2])
    if elsewhere(result) is not None:
        # Put together: Dask loses chunks of what is written into each second element.
        even = np.concatenate([result[..., :1], result[..., 2::2] + between], -1)
        pairs = np.stack([even, np.concatenate([odd, odd[..., : n % 2]], -1)], -1)
        return np.reshape(pairs, (*b.shape[:-1], n + n % 2))[..., :n]
    result[..., seconds] = odd
    result[..., 2::2] += between
    return result


def _recurrence(a: Array, b: Array, *, axis: int) -> Array:
    if type(a) is Tensor or type(b) is Tensor:
        return record(RECURRENCE, (a, b), {"axis": axis})
    # Steps that are put together may overflow where single ones do not.
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.moveaxis(_solved(np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1)), -1, axis)


def _backward(g: Array, a: Array, axis: int) -> Array:
    """Return the recurrence that runs from the end: s[i] = g[i] + a[i+1] s[i+1]."""
    factors = np.roll(np.flip(a, axis), 1, axis)
    return np.flip(_recurrence(factors, np.flip(g, axis), axis=axis), axis)


RECURRENCE = general(
    "recurrence",
    _recurrence,
    [
        lambda g, out, a, b, *, axis: _backward(g, a, axis) * _shifted(out, 0.0, axis),
        lambda g, out, a, b, *, axis: _backward(g, a, axis),
    ],
    [
        lambda a_dot, out, a, b, *, axis: _recurrence(
            a, a_dot * _shifted(out, 0.0, axis), axis=axis
        ),
        lambda b_dot, out, a, b, *, axis: _recurrence(a, b_dot, axis=axis),
    ],
    examples=[
        (((6,), (6,)), {"axis": 0}),
        (((2, 5), (2, 5)), {"axis": 1}),
        (((3, 2), (3, 2)), {"axis": 0}),
        (((1,), (1,)), {"axis": 0}),
        (((0,), (0,)), {"axis": 0}),
    ],
    complex=True,
    batch=along_axis,
)


def _cumprod_vjp(g: Array, out: Array, x: Array, *, axis: int) -> Array:
    return _shifted(out, 1.0, axis) * _backward(g, x, axis)


def _cumprod_jvp(x_dot: Array, out: Array, x: Array, *, axis: int) -> Array:
    return _recurrence(x, _shifted(out, 1.0, axis) * x_dot, axis=axis)


CUMPROD = general(
    "cumprod",
    np.cumprod,
    [_cumprod_vjp],
    [_cumprod_jvp],
    examples=[
        (((5,),), {"axis": 0}),
        (((2, 3),), {"axis": 1}),
        (((4, 2),), {"axis": -2}),
        (((0, 2),), {"axis": 0}),
    ],
    complex=True,
    batch=along_axis,
)


def _scan(primitive: Any, a: Array, axis: int | None, dtype: Any) -> Array:
    a = converted(operand(a), dtype, primitive.name)
    if axis is None:
        return record(primitive, (np.ravel(a),), {"axis": 0})
    if not a.ndim:
        normalize_axis_index(axis, 1)
        return record(primitive, (np.reshape(a, (1,)),), {"axis": 0})
    return record(primitive, (a,), {"axis": axis})


@handles(np.cumsum)
def cumsum(a: Array, axis: int | None = None, dtype: Any = None) -> Array:
    """Return the running sum along `axis`."""
    return _scan(CUMSUM, a, axis, dtype)


@handles(np.cumprod)
def cumprod(a: Array, axis: int | None = None, dtype: Any = None) -> Array:
    """Return the running product along `axis`."""
    return _scan(CUMPROD, a, axis, dtype)


@handles(np.nancumsum)
def nancumsum(a: Array, axis: int | None = None, dtype: Any = None) -> Array:
    """Return the running sum along `axis`, NaN taken as 0."""
    return _scan(CUMSUM, np.where(np.isnan(a), 0, a), axis, dtype)


@handles(np.nancumprod)
def nancumprod(a: Array, axis: int | None = None, dtype: Any = None) -> Array:
    """Return the running product along `axis`, NaN taken as 1."""
    return _scan(CUMPROD, np.where(np.isnan(a), 1, a), axis, dtype)


def _cumulative(
    primitive: Any, x: Array, axis: int | None, dtype: Any, include_initial: bool, first: float
) -> Array:
    """Return a scan by the rules of the array API standard."""
    if x.ndim == 0:
        x = np.reshape(x, (1,))
    if axis is None:
        if x.ndim > 1:
            raise ValueError(
                f"np.cumulative_{primitive.name[3:]}: an array of shape {x.shape} arrived; axis= "
                "is needed for more than one axis"
            )
        axis = 0
    out = _scan(primitive, x, axis, dtype)
    if not include_initial:
        return out
    shape = list(out.shape)
    shape[axis] = 1
    return np.concatenate([np.full_like(out, first, shape=shape), out], axis=axis)


@handles(np.cumulative_sum)
def cumulative_sum(
    x: Array, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """Return the running sum along `axis`, behind a 0 if told so."""
    return _cumulative(CUMSUM, x, axis, dtype, include_initial, 0.0)


@handles(np.cumulative_prod)
def cumulative_prod(
    x: Array, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """Return the running product along `axis`, behind a 1 if told so."""
    return _cumulative(CUMPROD, x, axis, dtype, include_initial, 1.0)


@positional("position_of_running_extremum", batch=along_axis)
def _running(x: Array, *, axis: int, largest: bool) -> Array:
    """Return the positions that first reach the running extremum; a NaN is the last one."""
    x = np.moveaxis(x, axis, -1)
    out = (np.maximum if largest else np.minimum).accumulate(x, axis=-1)
    before, now = out[..., :-1], x[..., 1:]
    found = (now > before if largest else now < before) | (np.isnan(now) & ~np.isnan(before))
    places = np.zeros_like(x, np.intp)
    places[..., 1:] = np.where(found, np.arange(1, x.shape[-1]), 0)
    return np.moveaxis(np.maximum.accumulate(places, axis=-1), -1, axis)


def maximum_accumulate(array: Array, axis: int = 0, dtype: Any = None) -> Array:
    """Return the running maximum; each derives from the place where it was first reached."""
    return _extreme_scan(array, axis, dtype, largest=True)


def minimum_accumulate(array: Array, axis: int = 0, dtype: Any = None) -> Array:
    """Return the running minimum; each derives from the place where it was first reached."""
    return _extreme_scan(array, axis, dtype, largest=False)


def _extreme_scan(array: Array, axis: int, dtype: Any, largest: bool) -> Array:
    what = f"{'maximum' if largest else 'minimum'}.accumulate"
    array = converted(operand(array), dtype, what)
    axis = normalize_axis_index(axis, array.ndim)
    if not array.size:
        return array
    return pick(array, _running(array, axis=axis, largest=largest), axis)
