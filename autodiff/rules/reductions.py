"""Rules of sums, products, extrema and what is made of them."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.rules.table import Array, general, handles, linear
from autodiff.tensor import record

Axis = int | tuple[int, ...] | None


def _expanded(x: Array, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Array:
    """Return the result of a reduction with its axes back, of length 1."""
    if keepdims or not shape:
        return x
    axes = normalize_axis_tuple(range(len(shape)) if axis is None else axis, len(shape))
    return np.reshape(x, tuple(1 if i in axes else n for i, n in enumerate(shape)))


def _sum_transpose(g: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
    shape = np.shape(x)
    return np.broadcast_to(_expanded(g, shape, axis, keepdims), shape)


_AXES: list[Any] = [
    (((2, 3),), {"axis": None, "keepdims": False}),
    (((2, 3, 4),), {"axis": (0, 2), "keepdims": False}),
    (((2, 3),), {"axis": -1, "keepdims": True}),
]

SUM = linear(
    "sum",
    np.sum,
    _sum_transpose,
    examples=[*_AXES, (((0, 3),), {"axis": 0, "keepdims": False})],
)


def _extremum_share(out: Array, x: Array, axis: Axis, keepdims: bool) -> Array:
    """Return how the elements that attain the extremum, NaN if there is one, share it: evenly."""
    hits = (x == _expanded(out, np.shape(x), axis, keepdims)) | np.isnan(x)
    return hits / np.sum(hits, axis=axis, keepdims=True)


def _extremum_vjp(g: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
    return _expanded(g, np.shape(x), axis, keepdims) * _extremum_share(out, x, axis, keepdims)


def _extremum_jvp(x_dot: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
    return np.sum(x_dot * _extremum_share(out, x, axis, keepdims), axis=axis, keepdims=keepdims)


MAX = general("max", np.max, [_extremum_vjp], [_extremum_jvp], examples=_AXES)
MIN = general("min", np.min, [_extremum_vjp], [_extremum_jvp], examples=_AXES)


def _others(x: Array, axis: Axis) -> Array:
    """Return for each element the product of the others along `axis`, right at zeros too.

    The products of the elements before and after are multiplied; dividing the whole product by
    the element would give 0/0 where the element is zero.
    """
    shape = np.shape(x)
    axes = normalize_axis_tuple(range(len(shape)) if axis is None else axis, len(shape))
    kept = tuple(i for i in range(len(shape)) if i not in axes)
    length = int(np.prod([shape[i] for i in axes], dtype=int))
    flat = np.reshape(np.transpose(x, kept + axes), (*(shape[i] for i in kept), length))
    one = np.ones((*np.shape(flat)[:-1], 1))
    before, after = [one], [one]
    for i in range(length - 1):
        before.append(before[-1] * flat[..., i : i + 1])
        after.append(after[-1] * flat[..., length - 1 - i : length - i])
    if not length:
        return x
    others = np.concatenate(before, -1) * np.concatenate(after[::-1], -1)
    back = np.reshape(others, tuple(shape[i] for i in kept + axes))
    return np.transpose(back, tuple(int(i) for i in np.argsort(kept + axes)))


def _prod_vjp(g: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
    return _expanded(g, np.shape(x), axis, keepdims) * _others(x, axis)


def _prod_jvp(x_dot: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
    return np.sum(x_dot * _others(x, axis), axis=axis, keepdims=keepdims)


PROD = general("prod", np.prod, [_prod_vjp], [_prod_jvp], examples=_AXES)

CUMSUM = linear(
    "cumsum",
    np.cumsum,
    lambda g, out, x, *, axis: np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis),
    examples=[(((4,),), {"axis": 0}), (((2, 3),), {"axis": 1})],
)


@handles(np.sum)
def sum_(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Return the sum over `axis`."""
    return record(SUM, (a,), {"axis": axis, "keepdims": keepdims})


@handles(np.max, np.amax)
def max_(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Return the maximum over `axis`; equal elements share the cotangent evenly."""
    return record(MAX, (a,), {"axis": axis, "keepdims": keepdims})


@handles(np.min, np.amin)
def min_(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Return the minimum over `axis`; equal elements share the cotangent evenly."""
    return record(MIN, (a,), {"axis": axis, "keepdims": keepdims})


@handles(np.prod)
def prod(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Return the product over `axis`."""
    return record(PROD, (a,), {"axis": axis, "keepdims": keepdims})


@handles(np.cumsum)
def cumsum(a: Array, axis: int | None = None) -> Array:
    """Return the running sum along `axis`."""
    if axis is None:
        return record(CUMSUM, (np.ravel(a),), {"axis": 0})
    return record(CUMSUM, (a,), {"axis": axis})


def _count(shape: tuple[int, ...], axis: Axis) -> int:
    axes = normalize_axis_tuple(range(len(shape)) if axis is None else axis, len(shape))
    return int(np.prod([shape[i] for i in axes], dtype=int))


@handles(np.mean)
def mean(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Return the mean over `axis`."""
    return sum_(a, axis, keepdims=keepdims) / _count(a.shape, axis)


@handles(np.var)
def var(a: Array, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """Return the variance over `axis`."""
    deviation = a - mean(a, axis, keepdims=True)
    total = np.sum(deviation * deviation, axis=axis, keepdims=keepdims)
    return total / max(_count(a.shape, axis) - ddof, 0)


@handles(np.std)
def std(a: Array, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Array:
    """Return the standard deviation over `axis`."""
    return np.sqrt(var(a, axis, ddof=ddof, keepdims=keepdims))


@handles(np.linalg.norm)
def norm(x: Array, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """Return the Euclidean or Frobenius norm."""
    axes = tuple(range(x.ndim)) if axis is None else normalize_axis_tuple(axis, x.ndim)
    known = {1: (None, 2), 2: (None, "fro")}.get(len(axes), (None,) if axis is None else ())
    if ord not in known:
        raise NotImplementedError(
            f"np.linalg.norm: ord={ord!r}, axis={axis!r} of a tensor of shape {x.shape}: "
            "write it with np.abs, np.sum and np.max"
        )
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
