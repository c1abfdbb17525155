"""Rules of medians and quantiles: elements picked by rank, and points between two of them.

Among equal elements the rank goes by position, as in a stable sort. Between ranks the derivative
is that of the interpolation, with respect to the elements and to the quantile itself. Sources:
Hyndman and Fan, Sample quantiles in statistical packages, The American Statistician 50 (1996),
and the documentation of ``np.quantile`` for the methods they do not list.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.core.batching import over_operand
from autodiff.core.libraries import beside, elsewhere
from autodiff.core.primitive import Array, handles
from autodiff.rules.operands import Axis, number
from autodiff.rules.picking import pick, positional
from autodiff.rules.reductions import operand, reduced_axes
from autodiff.rules.statistics import fitted_weights
from autodiff.rules.ties import ranked

#: Methods that interpolate between ranks, and the parameters of their plotting positions.
_CONTINUOUS = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3.0, 1 / 3.0),
    "normal_unbiased": (3 / 8.0, 3 / 8.0),
}
#: Methods that take the middle of two ranks at some quantiles.
_HALVED = ("averaged_inverted_cdf", "midpoint")
#: Methods that take one element.
_SINGLE = ("inverted_cdf", "closest_observation", "lower", "higher", "nearest")
#: Up to how many ranks finding each is faster than sorting: in short arrays, and in long ones.
_FEW, _MANY = 4, 64
#: How long an array must be for each further rank.
_LENGTH_PER_RANK = 4096


def _virtual(q: Array, n: Array, method: str) -> Array:
    """Return ranks, counted from 0, as numbers between integers."""
    if method == "averaged_inverted_cdf":
        return n * q - 1
    if method in ("linear", "midpoint"):
        return (n - 1) * q
    alpha, beta = _CONTINUOUS[method]
    return n * q + (alpha + q * (1 - alpha - beta)) - 1


def _single(q: Array, n: Array, method: str) -> Array:
    """Return the ranks that a method of single elements takes."""
    if method == "lower":
        return np.floor((n - 1) * q)
    if method == "higher":
        return np.ceil((n - 1) * q)
    if method == "nearest":
        return np.round((n - 1) * q)
    place = n * q - (1 if method == "inverted_cdf" else 1.5)
    down = np.floor(place)
    stays = place == down
    if method == "closest_observation":
        stays &= down % 2 == 1
    return np.where(stays, down, down + 1)


@positional("ranks_of_quantiles")
def _ranks(q: Array, n: Array, *, method: str) -> Array:
    """Return the ranks below and above each quantile, or the ranks that are taken, as integers."""
    if not np.all((q >= 0) & (q <= 1)):
        raise ValueError("Quantiles must be in the range [0, 1], percentiles in [0, 100]")
    if np.any(np.equal(n, 0)):
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=2)
    if method in _SINGLE:
        ranks = _single(q, n, method)
    else:
        below = np.floor(_virtual(q, n, method))
        ranks = np.concatenate([below, below + 1], axis=-1)
    return np.clip(ranks, 0, np.maximum(n - 1, 0)).astype(np.intp)


@positional("halves_of_quantiles")
def _halves(q: Array, n: Array, *, method: str) -> Array:
    """Return the share of the upper of two ranks in methods of means."""
    virtual = _virtual(q, n, method)
    integer = virtual == np.floor(virtual)
    # Where the rank is an integer, one method takes the mean and the other the element.
    return np.where(integer, *((0.0, 0.5) if method == "midpoint" else (0.5, 1.0)))


def _stable(rows: Array, ranks: Array, order: Array) -> Array:
    """Return the positions of few ranks, by position among equal elements."""
    places = order[..., ranks]
    values = np.take_along_axis(rows, places, -1)
    for i, rank in enumerate(ranks):
        equal = rows == values[..., i : i + 1]
        if np.count_nonzero(equal) > places[..., i].size:
            nth = rank - np.count_nonzero(rows < values[..., i : i + 1], axis=-1)
            found = np.cumsum(equal, axis=-1) == np.expand_dims(nth, -1) + 1
            places[..., i] = np.argmax(found, axis=-1)
    return places


@positional("positions_of_ranks", over_operand(0))
def _places(rows: Array, ranks: Array, *, skip_nan: bool) -> Array:
    """Return the positions of the elements of some ranks along the last axis.

    A NaN has the last ranks; unless it is skipped it takes the place of all others.
    """
    last = rows.shape[-1] - 1
    here = elsewhere(rows) is None
    if (
        here
        and ranks.ndim == 1
        and ranks.size <= max(_FEW, min(_MANY, rows.size // _LENGTH_PER_RANK))
    ):
        order = np.argpartition(rows, np.unique([*ranks, last]), axis=-1)
        places = _stable(rows, ranks, order)
    else:
        order = np.argsort(rows, axis=-1, kind="stable")
        every = np.broadcast_to(ranks, (*rows.shape[:-1], ranks.shape[-1]))
        places = np.take_along_axis(order, beside(rows, every), -1)
    if skip_nan:
        return places
    final = order[..., -1:]
    return np.where(np.isnan(np.take_along_axis(rows, final, -1)), final, places)


@positional("positions_of_weighted_ranks")
def _weighted_places(rows: Array, weights: Array, q: Array, *, skip_nan: bool) -> Array:
    """Return the positions at which the weights first reach a share of all."""
    if np.any(weights < 0):
        raise ValueError("Weights must be non-negative.")
    nan = np.isnan(rows)
    if skip_nan:
        nothing = np.all(nan, axis=-1, keepdims=True)
        if np.any(nothing):
            warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=2)
        weights = np.where(nan, np.where(nothing, 1.0, 0.0), weights)
    order = np.argsort(rows, axis=-1, kind="stable")
    share = np.cumsum(np.take_along_axis(weights, order, -1), axis=-1, dtype=float)
    with np.errstate(invalid="ignore"):
        share = share / share[..., -1:]
    if np.any(np.isnan(share[..., -1])):
        raise ValueError("Weights included NaN, inf or were all zero.")
    if q.dtype.kind == "f":
        share = share.astype(q.dtype)
    # Elements without weight at the beginning are never taken, not even by the quantile 0.
    share = np.where(share == 0, -1, share)
    ranks = np.stack([np.count_nonzero(share < level, axis=-1) for level in q], axis=-1)
    places = np.take_along_axis(order, np.minimum(ranks, rows.shape[-1] - 1), -1)
    if skip_nan:
        return places
    final = order[..., -1:]
    return np.where(np.isnan(np.take_along_axis(rows, final, -1)), final, places)


def _rows(a: Array, axis: Axis) -> tuple[Array, tuple[int, ...]]:
    """Return the reduced axes as one, the last, and the shape of a result that keeps them."""
    shape = a.shape
    axes = tuple(sorted(reduced_axes(len(shape), axis)))
    kept = tuple(i for i in range(len(shape)) if i not in axes)
    moved = a if kept + axes == tuple(range(len(shape))) else np.transpose(a, kept + axes)
    length = int(np.prod([shape[i] for i in axes], dtype=int))
    rows = np.reshape(moved, (*(shape[i] for i in kept), length))
    return rows, tuple(1 if i in axes else n for i, n in enumerate(shape))


def _between(low: Array, high: Array, t: Array) -> Array:
    """Return the point between two, exact at both ends."""
    step, t = high - low, beside(high, t) if type(t) is np.ndarray else t
    return np.where(t >= 0.5, high - step * (1 - t), low + step * t)


def _quantile(
    a: Array,
    q: Any,
    axis: Axis,
    method: str,
    keepdims: bool,
    weights: Any,
    skip_nan: bool,
    scale: float,
) -> Array:
    """Return quantiles, those of NaN left out or not."""
    a = operand(a)
    if a.dtype.kind == "c":
        raise TypeError("a must be an array of real numbers")
    if method not in (*_CONTINUOUS, *_HALVED, *_SINGLE):
        known = ", ".join((*_CONTINUOUS, *_HALVED, *_SINGLE))
        raise ValueError(f"{method!r} is not a valid method. Use one of: {known}")
    weak = type(q) in (int, float)
    q = operand(q) if scale == 1.0 else operand(q) / scale
    levels = np.reshape(q, (-1,))
    rows, full_shape = _rows(a, axis)
    if not a.size and skip_nan:
        return np.nanmean(a, axis, keepdims=keepdims)
    if not rows.shape[-1]:
        raise IndexError(f"quantile: an array of shape {a.shape} has no element along axis {axis}")
    if weights is not None:
        if method != "inverted_cdf":
            raise ValueError(f"Only method 'inverted_cdf' supports weights. Got: {method}.")
        fitted = np.broadcast_to(fitted_weights(weights, a.shape, axis), a.shape)
        places = _weighted_places(rows, _rows(fitted, axis)[0], levels, skip_nan=skip_nan)
        values = pick(ranked(rows), places)
    else:
        n: Any = rows.shape[-1]
        if skip_nan:
            n = np.sum(np.logical_not(np.isnan(rows)), axis=-1, keepdims=True)
        ranks = _ranks(levels, n, method=method)
        values = pick(ranked(rows), _places(rows, ranks, skip_nan=skip_nan))
        if method not in _SINGLE:
            if method in _HALVED:
                t = _halves(levels, n, method=method)
            else:
                virtual = _virtual(levels, n, method)
                t = virtual - np.floor(virtual)
            # As in NumPy a Python number takes the type of the array, and counts no type at all.
            dtype = rows.dtype if weak else levels.dtype
            t = t.astype(dtype) if dtype.kind == "f" else t
            count = levels.shape[0]
            values = _between(values[..., :count], values[..., count:], t)
    shape = full_shape if keepdims else rows.shape[:-1]
    return number(np.reshape(np.moveaxis(values, -1, 0), (*q.shape, *shape)))


def _answer(function: Callable[..., Array], scale: float, skip_nan: bool) -> None:
    """Register a function of quantiles, which derive from the elements they lie between."""

    @handles(function)
    def quantile(
        a: Array,
        q: Any,
        axis: Axis = None,
        *,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: bool = False,
        weights: Any = None,
    ) -> Array:
        return _quantile(a, q, axis, method, keepdims, weights, skip_nan, scale)


_answer(np.quantile, 1, skip_nan=False)
_answer(np.percentile, 100, skip_nan=False)
_answer(np.nanquantile, 1, skip_nan=True)
_answer(np.nanpercentile, 100, skip_nan=True)


@positional("ranks_of_median", over_operand(0))
def _middle(n: Array) -> Array:
    """Return the ranks of the one or two elements in the middle."""
    if np.any(n == 0):
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=2)
    return np.concatenate([np.maximum(n - 1, 0) // 2, np.minimum(n // 2, np.maximum(n - 1, 0))], -1)


@handles(np.median)
def median(
    a: Array, axis: Axis = None, *, overwrite_input: bool = False, keepdims: bool = False
) -> Array:
    """Return the median over `axis`: the element in the middle, or the mean of the two there."""
    rows, full_shape = _rows(operand(a), axis)
    n = rows.shape[-1]
    if n:
        ranks = np.arange((n - 1) // 2, n // 2 + 1)
        rows = pick(ranked(rows), _places(rows, ranks, skip_nan=False))
    middle = np.mean(rows, axis=-1)
    return np.reshape(middle, full_shape) if keepdims else middle


@handles(np.nanmedian)
def nanmedian(
    a: Array, axis: Axis = None, *, overwrite_input: bool = False, keepdims: bool = False
) -> Array:
    """Return the median of all but NaN: one element, or the mean of two."""
    rows, full_shape = _rows(operand(a), axis)
    if rows.shape[-1]:
        n = np.sum(np.logical_not(np.isnan(rows)), axis=-1, keepdims=True)
        rows = pick(ranked(rows), _places(rows, _middle(n), skip_nan=True))
    middle = np.mean(rows, axis=-1)
    return np.reshape(middle, full_shape) if keepdims else middle
