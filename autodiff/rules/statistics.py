"""Statistics that are made of sums, means and products, those that leave out NaN included."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.core.libraries import elsewhere
from autodiff.core.primitive import Array, handles, linear, refuses
from autodiff.core.tensor import Tensor, holds_tensor, record
from autodiff.errors import LostDerivative, Undifferentiable
from autodiff.rules.indexing import summed_at
from autodiff.rules.operands import Axis
from autodiff.rules.reductions import (
    counted,
    mean,
    numbers,
    operand,
    prod,
    reduced_axes,
    sum_,
)
from autodiff.rules.spread import over_freedom


def _of_numbers(reduction: Callable[..., Array]) -> Callable[..., Array]:
    """Return a reduction of all elements but NaN."""

    @functools.wraps(reduction)
    def of_numbers(a: Array, *args: Any, where: Any = True, **kwargs: Any) -> Array:
        return reduction(a, *args, where=numbers(a, where), **kwargs)

    return of_numbers


handles(np.nansum)(_of_numbers(sum_))
handles(np.nanprod)(_of_numbers(prod))
handles(np.nanmean)(_of_numbers(mean))


def fitted_weights(weights: Any, shape: tuple[int, ...], axis: Axis) -> Array:
    """Return weights in a shape that broadcasts with the array that they weigh."""
    weights = operand(weights)
    if weights.shape == shape:
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = reduced_axes(len(shape), axis)
    if weights.shape != tuple(shape[i] for i in axes):
        raise ValueError("Shape of weights must be consistent with shape of a along specified axis")
    ordered = np.transpose(weights, tuple(int(i) for i in np.argsort(axes)))
    return np.reshape(ordered, tuple(n if i in axes else 1 for i, n in enumerate(shape)))


@handles(np.average)
def average(
    a: Array,
    axis: Axis = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """Return the weighted mean over `axis`, with the sum of the weights if told so."""
    a = operand(a)
    if weights is None:
        out = mean(a, axis, keepdims=keepdims)
        return (out, np.full(out.shape, counted(a.shape, axis), out.dtype)[()]) if returned else out
    weights = fitted_weights(weights, a.shape, axis)
    dtype = np.result_type(a.dtype, weights.dtype, *([] if a.dtype.kind in "fc" else [float]))
    total = sum_(weights, axis, dtype, keepdims=keepdims)
    if np.any(total == 0):
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    out = sum_(np.multiply(a, weights), axis, dtype, keepdims=keepdims) / total
    return (out, np.broadcast_to(total, out.shape)) if returned else out


def _observed(m: Array, rowvar: bool, dtype: Any) -> Array:
    """Return observations with a variable in each row."""
    if m.ndim > 2:
        raise ValueError(f"cov: an array of shape {m.shape} arrived; at most 2 axes are possible")
    rows = np.atleast_2d(m.astype(dtype))
    return rows if rowvar or m.ndim == 1 else np.transpose(rows)


def _frequencies(weights: Any, count: int, integer: bool) -> Array:
    """Return the weights of observations, checked."""
    name = "fweights" if integer else "aweights"
    weights = operand(weights).astype(float)
    if integer and not np.all(weights == np.round(weights)):
        raise TypeError("cov: fweights must be integer")
    if weights.shape != (count,):
        raise RuntimeError(f"cov: {name} of shape {weights.shape} for {count} observations")
    if np.any(weights < 0):
        raise ValueError(f"cov: {name} cannot be negative")
    return weights


@handles(np.cov)
def cov(
    m: Array,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Array:
    """Return the covariance matrix of variables in rows."""
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    parts = [operand(part) for part in (m, y) if part is not None]
    if dtype is None:
        dtype = np.result_type(*(part.dtype for part in parts), np.float64)
    rows = [_observed(part, rowvar, dtype) for part in parts]
    X = rows[0] if len(rows) == 1 else np.concatenate(rows, axis=0)
    if X.shape[0] == 0:
        return np.reshape(X, (0, 0))
    if ddof is None:
        ddof = 0 if bias else 1
    w = None if fweights is None else _frequencies(fweights, X.shape[1], integer=True)
    if aweights is not None:
        analytic = _frequencies(aweights, X.shape[1], integer=False)
        w = analytic if w is None else w * analytic
    if w is None:
        centre, factor = np.mean(X, axis=1, keepdims=True), X.shape[1] - ddof
    else:
        total = np.sum(w)
        if total == 0:
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        centre = np.sum(X * w, axis=1, keepdims=True) / total
        factor = total - ddof
        if ddof and aweights is not None:
            factor = total - ddof * np.sum(w * analytic) / total
    if factor <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=3)
        factor = 0.0
    X = X - centre
    other = np.transpose(X if w is None else X * w)
    c = np.matmul(X, np.conjugate(other) if X.dtype.kind == "c" else other)
    return np.squeeze(over_freedom(c, factor) if factor == 0 else c * np.true_divide(1, factor))


@handles(np.corrcoef)
def corrcoef(x: Array, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """Return the correlation coefficients of variables in rows."""
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return c / c
    is_complex = c.dtype.kind == "c"
    deviation = np.sqrt(np.real(np.diag(c)) if is_complex else np.diag(c))
    c = c / deviation[:, None] / deviation[None, :]
    if is_complex:
        return _at_most_one(np.real(c)) + 1j * _at_most_one(np.imag(c))
    return _at_most_one(c)


def _at_most_one(c: Array) -> Array:
    return np.minimum(np.maximum(c, -1.0), 1.0)


def _neighbours(x: Array, axis: int, combine: np.ufunc) -> Array:
    """Return a function of each element and the one before it along an axis."""
    upper: list[Any] = [slice(None)] * x.ndim
    lower = list(upper)
    upper[axis], lower[axis] = slice(1, None), slice(None, -1)
    return combine(x[tuple(upper)], x[tuple(lower)])


@handles(np.trapezoid, *([np.trapz] if hasattr(np, "trapz") else []))
def trapezoid(y: Array, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    """Return the integral along `axis` by the trapezoidal rule."""
    y, steps = operand(y), dx
    if x is not None:
        x = operand(x)
        steps = _neighbours(x, -1 if x.ndim == 1 else axis, np.subtract)
        if x.ndim == 1:
            shape = [1] * y.ndim
            shape[axis] = steps.shape[0]
            steps = np.reshape(steps, shape)
    return np.sum(steps * _neighbours(y, axis, np.add) / 2.0, axis=axis)


def _bin_weights(w: Array, *, places: Array, minlength: int) -> Array:
    if type(w) is Tensor:
        return record(BINCOUNT, (w,), {"places": places, "minlength": minlength})
    if elsewhere(w) is not None:
        length = max(int(np.max(places, initial=-1)) + 1, minlength)
        return summed_at(places, w, length)
    return np.bincount(places, w, minlength)


def _bincount_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    w, places = xs[0], params["places"]
    size, length = w.shape[0], max(int(np.max(places, initial=-1)) + 1, params["minlength"])
    every = np.ravel(np.arange(size)[:, None] * length + places)
    flat = {"places": every, "minlength": size * length}
    return np.reshape(record(primitive, (np.ravel(w),), flat), (size, length))


BINCOUNT = linear(
    "bincount",
    _bin_weights,
    lambda g, out, w, *, places, minlength: g[places],
    examples=[(((4,),), {"places": np.array([1, 0, 1, 4]), "minlength": 2})],
    complex=False,
    batch=_bincount_batch,
)


@handles(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Array:
    """Return the sums of the weights in each bin."""
    if type(x) is Tensor:
        raise LostDerivative(
            "np.bincount: the positions are computed from tensors and decide the shape of the "
            "result: give plain positions; the weights may be a tensor"
        )
    return record(BINCOUNT, (weights,), {"places": np.array(x), "minlength": minlength})


_COUNTS_JUMP = (
    "how many elements lie in a bin jumps where one crosses its edge, so that there is no useful "
    "derivative: compute the histogram of plain arrays before; sums of weights in fixed bins have "
    "one, by np.histogram(plain, weights=t) and np.bincount(positions, t); for smooth counts sum a "
    "kernel such as np.exp(-((x[:, None] - centres) / width) ** 2)"
)


@handles(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Array, Array]:
    """Return the sums of the weights of plain numbers in bins, and the edges of these."""
    if any(map(holds_tensor, (a, bins, range))) or type(weights) is not Tensor:
        raise Undifferentiable(f"np.histogram of a tensor: {_COUNTS_JUMP}")
    a, edges = np.ravel(a), np.histogram_bin_edges(a, bins, range)
    if np.size(weights) != a.size:
        raise ValueError(f"histogram: weights of shape {np.shape(weights)} for {a.size} numbers")
    within = (a >= edges[0]) & (a <= edges[-1])
    # The last bin has both of its edges.
    places = np.minimum(np.searchsorted(edges, a[within], "right"), len(edges) - 1) - 1
    sums = np.bincount(places, np.ravel(weights)[within], len(edges) - 1).astype(weights.dtype)
    return (sums / np.diff(edges) / np.sum(sums) if density else sums), edges


refuses(
    _COUNTS_JUMP,
    np.histogram2d,
    np.histogramdd,
    np.histogram_bin_edges,
)
