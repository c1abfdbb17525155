"""Rules of interpolation and of numbers in equal steps."""

import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.core.batching import over_operand
from autodiff.core.primitive import Array, general, handles
from autodiff.core.tensor import record
from autodiff.errors import Undifferentiable
from autodiff.rules.discrete import recorded
from autodiff.rules.indexing import scattered, take
from autodiff.rules.operands import as_array, as_operand

# np.interp: on the interval from p to q, out = f(p) (1 - t) + f(q) t with t = (x - p) / (q - p).


def _left_knots(x: Array, xp: Array) -> Array:
    """Return the position of the knot to the left of each point, of the two at its interval."""
    return np.clip(np.searchsorted(xp, x, "right") - 1, 0, max(len(xp) - 2, 0))


_knots = recorded(_left_knots, "knots", batch=over_operand(0))


def _pieces(x: Array, xp: Array, fp: Array) -> tuple[Array, Array, Array, Array]:
    """Return left and right knot, the share of the right one, and the slope, for each point.

    Outside the knots the share is 0 or 1 and the slope 0. On a knot it is the slope to its right;
    on the last one that to its left.
    """
    left = _knots(x, xp)
    right = left + (1 if np.shape(xp)[0] > 1 else 0)
    width = take(xp, right) - take(xp, left)
    # One knot, or equal ones at the end, have no interval.
    none = width == 0
    width = np.where(none, 1.0, width)
    inside = (x >= xp[0]) & (x <= xp[-1]) & np.logical_not(none)
    share = np.where(x > xp[-1], 1.0, np.where(inside, (x - take(xp, left)) / width, 0.0))
    slope = np.where(inside, (take(fp, right) - take(fp, left)) / width, 0.0)
    return left, right, share, slope


def _knot_bar(g: Array, left: Array, right: Array, share: Array, shape: Any) -> Array:
    """Return cotangents of points, divided between the knots at their sides."""
    both = np.stack([g * (1.0 - share), g * share])
    return scattered(both, (np.stack([left, right]),), shape)


def _interp_vjp_x(g: Array, out: Array, x: Array, xp: Array, fp: Array) -> Array:
    return g * _pieces(x, xp, fp)[3]


def _interp_vjp_xp(g: Array, out: Array, x: Array, xp: Array, fp: Array) -> Array:
    left, right, share, slope = _pieces(x, xp, fp)
    return _knot_bar(-g * slope, left, right, share, np.shape(xp))


def _interp_vjp_fp(g: Array, out: Array, x: Array, xp: Array, fp: Array) -> Array:
    left, right, share, _ = _pieces(x, xp, fp)
    return _knot_bar(g, left, right, share, np.shape(fp))


def _mixed(dot: Array, left: Array, right: Array, share: Array) -> Array:
    return take(dot, left) * (1.0 - share) + take(dot, right) * share


def _interp_jvp_x(x_dot: Array, out: Array, x: Array, xp: Array, fp: Array) -> Array:
    return x_dot * _pieces(x, xp, fp)[3]


def _interp_jvp_xp(x_dot: Array, out: Array, x: Array, xp: Array, fp: Array) -> Array:
    left, right, share, slope = _pieces(x, xp, fp)
    return -slope * _mixed(x_dot, left, right, share)


def _interp_jvp_fp(x_dot: Array, out: Array, x: Array, xp: Array, fp: Array) -> Array:
    left, right, share, _ = _pieces(x, xp, fp)
    return _mixed(x_dot, left, right, share)


def _draw(rng: Any, *shapes: tuple[int, ...]) -> list[Array]:
    """Return points on both sides of all knots, and knots in ascending order."""
    x, xp, fp = (rng.uniform(-2.0, 2.0, size=shape)[()] for shape in shapes)
    return [1.5 * x, np.linspace(-1.5, 1.5, xp.size) + 0.05 * xp, fp]


INTERP = general(
    "interp",
    np.interp,
    [_interp_vjp_x, _interp_vjp_xp, _interp_vjp_fp],
    [_interp_jvp_x, _interp_jvp_xp, _interp_jvp_fp],
    examples=[
        (((7,), (5,), (5,)), {}),
        (((), (3,), (3,)), {}),
        (((2, 3), (1,), (1,)), {}),
        (((0,), (2,), (2,)), {}),
    ],
    draw=_draw,
    batch=over_operand(0),
)


@handles(np.interp)
def interp(
    x: Array, xp: Array, fp: Array, left: Any = None, right: Any = None, period: Any = None
) -> Array:
    """Return the piecewise linear function through points, constant outside them."""
    x, xp, fp = as_array(x), as_array(xp), as_array(fp)
    if fp.dtype.kind == "c":

        def interpolated(part: Any) -> Array:
            outside = {
                name: part(v) for name, v in (("left", left), ("right", right)) if v is not None
            }
            return np.interp(x, xp, part(fp), period=period, **outside)

        return interpolated(np.real) + 1j * interpolated(np.imag)
    if xp.ndim != 1 or fp.shape != xp.shape or not xp.size:
        raise ValueError(
            f"interp: xp of shape {xp.shape} and fp of shape {fp.shape} arrived; vectors of the "
            "same length, not empty, are needed"
        )
    # NumPy computes in double precision, whatever arrives.
    x, xp, fp = (a if a.dtype == float else np.astype(a, float) for a in (x, xp, fp))
    if period is not None:
        if np.any(period == 0):
            raise ValueError("interp: the period is 0")
        period = np.abs(period)
        x, xp = x % period, xp % period
        order = np.argsort(xp)
        xp, fp = take(xp, order), take(fp, order)
        xp = np.concatenate((xp[-1:] - period, xp, xp[:1] + period))
        fp = np.concatenate((fp[-1:], fp, fp[:1]))
        return record(INTERP, (x, xp, fp))
    out = record(INTERP, (x, xp, fp))
    if left is not None:
        out = np.where(x < xp[0], left, out)
    return out if right is None else np.where(x > xp[-1], right, out)


@handles(np.unwrap)
def unwrap(p: Array, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Array:
    """Return angles without jumps: periods are added, so the derivative passes unchanged."""
    axis = normalize_axis_index(axis, p.ndim)
    half = period / 2
    step = np.diff(p, axis=axis)
    # A step, brought into the half-open interval of one period; its upper end stays where it is.
    folded = (step + half) % period - half
    folded = np.where((folded == -half) & (step > 0), half, folded)
    small = np.abs(step) < (half if discont is None else discont)
    added = np.cumsum(np.where(small, 0.0, folded - step), axis=axis)
    first = (slice(None),) * axis
    return np.concatenate(
        (p[(*first, slice(None, 1))], p[(*first, slice(1, None))] + added), axis=axis
    )


def _ends(start: Array, stop: Array, name: str, dtype: Any) -> tuple[Array, Array]:
    """Return both ends as arrays, unless a type is asked for that has no derivative."""
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise Undifferentiable(
            f"np.{name}: dtype={np.dtype(dtype)} rounds to integers, which would lose the "
            "derivative: use np.floor of the result"
        )
    return as_operand(start), as_operand(stop)


def _typed(y: Array, dtype: Any) -> Array:
    return y if dtype is None or y.dtype == np.dtype(dtype) else np.astype(y, dtype)


@handles(np.linspace)
def linspace(
    start: Array,
    stop: Array,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """Return numbers in equal steps from start to stop, both of which may be tensors."""
    start, stop = _ends(start, stop, "linspace", dtype)
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"linspace: {num} numbers were asked for; not less than 0 can be")
    steps = num - 1 if endpoint else num
    delta = np.subtract(stop, start)
    kind = np.result_type(delta, 1.0)
    count = np.arange(num, dtype=kind if kind.kind == "f" else float, device=device)
    count = np.reshape(count, (num,) + (1,) * delta.ndim)
    step = delta / steps if steps > 0 else np.nan * delta
    y = count * (step if steps > 0 else delta) + start
    if endpoint and num > 1:
        y = np.where(count == num - 1, stop, y)
    y = _typed(np.moveaxis(y, 0, axis) if axis else y, dtype)
    return (y, step) if retstep else y


@handles(np.logspace)
def logspace(
    start: Array,
    stop: Array,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    """Return powers of the base with exponents in equal steps."""
    start, stop = _ends(start, stop, "logspace", dtype)
    if np.ndim(base):
        start, stop, base = as_array(start), as_array(stop), as_array(base)
        ndim = max(start.ndim, stop.ndim, base.ndim)
        start, stop, base = (
            np.reshape(a, (1,) * (ndim - a.ndim) + a.shape) for a in (start, stop, base)
        )
        base = np.expand_dims(base, axis)
    return _typed(np.power(base, np.linspace(start, stop, num, endpoint, axis=axis)), dtype)


@handles(np.geomspace)
def geomspace(
    start: Array,
    stop: Array,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    """Return numbers from start to stop, each the same multiple of the one before."""
    start, stop = (as_array(x) for x in _ends(start, stop, "geomspace", dtype))
    if "c" in start.dtype.kind + stop.dtype.kind:
        raise Undifferentiable(
            "np.geomspace of complex tensors: use np.exp(np.linspace(np.log(a), np.log(b), num))"
        )
    if np.any(start == 0) or np.any(stop == 0):
        raise ValueError("geomspace: a geometric sequence cannot include zero")
    sign = np.sign(start)
    # Of signs that differ there is no real sequence: NumPy gives NaN, with its warning.
    exponents = (np.log10(start * sign), np.log10(stop * sign))
    y = np.logspace(*exponents, num, endpoint, 10.0) * sign
    place = np.reshape(np.arange(num), (num,) + (1,) * (y.ndim - 1))
    y = np.where(place == 0, start, y)
    if num > 1 and endpoint:
        y = np.where(place == num - 1, stop, y)
    return _typed(np.moveaxis(y, 0, axis) if axis else y, dtype)
