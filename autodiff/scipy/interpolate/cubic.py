"""Cubic splines, given by values and slopes at points.

Slopes of smooth splines solve a system of three diagonals (de Boor, A Practical Guide to Splines,
1978, chapter 4); those of monotone ones are harmonic means (Fritsch and Butland 1984).
"""

from typing import Any

import numpy as np
import scipy.interpolate as si

from autodiff.core.primitive import Array
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import add, has_tensor
from autodiff.scipy.interpolate.piecewise import Piecewise
from autodiff.scipy.linalg.banded import solve_banded

__all__ = ["CubicHermiteSpline", "CubicSpline", "PchipInterpolator"]


def _data(x: Any, y: Any, axis: int) -> tuple[Array, Array, Array, Array, int]:
    """Return points, values with their axis first, distances, slopes between, and the axis."""
    x, y = as_array(x), as_array(y)
    axis = axis % max(np.ndim(y), 1)
    y = np.moveaxis(y, axis, 0)
    if np.ndim(x) != 1 or np.shape(x)[0] < 2 or np.shape(y)[0] != np.shape(x)[0]:
        raise ValueError(
            f"points of shape {np.shape(x)} and values of shape {np.shape(y)} along them arrived; "
            "as many of each are needed, at least 2"
        )
    distances = np.diff(x)
    if np.any(distances <= 0):
        raise ValueError("`x` must be strictly increasing sequence.")
    distances = np.reshape(distances, (-1, *(1,) * (np.ndim(y) - 1)))
    return x, y, distances, np.diff(y, axis=0) / distances, axis


def _hermite(y: Array, slopes: Array, h: Array, secants: Array) -> Array:
    """Return the coefficients of the cubics with given values and slopes."""
    bend = (slopes[:-1] + slopes[1:] - 2.0 * secants) / h
    return np.stack([bend / h, (secants - slopes[:-1]) / h - bend, slopes[:-1], y[:-1]])


class CubicHermiteSpline(Piecewise):
    """The cubic spline of given values and slopes, as SciPy's."""

    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None) -> None:
        if not has_tensor([x, y, dydx]):
            self._scipys = si.CubicHermiteSpline(x, y, dydx, axis, extrapolate)
        x, y, h, secants, axis = _data(x, y, axis)
        slopes = np.moveaxis(as_array(dydx), axis, 0)
        super().__init__(_hermite(y, slopes, h, secants), x, extrapolate, axis)


class PchipInterpolator(Piecewise):
    """The monotone cubic spline, as SciPy's."""

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: Any = None) -> None:
        if not has_tensor([x, y]):
            self._scipys = si.PchipInterpolator(x, y, axis, extrapolate)
        x, y, h, secants, axis = _data(x, y, axis)
        slopes = _monotone(h, secants)
        super().__init__(_hermite(y, slopes, h, secants), x, extrapolate, axis)


def _monotone(h: Array, m: Array) -> Array:
    """Return slopes that keep a curve as monotone as its values are."""
    if np.shape(m)[0] == 1:
        return np.concatenate([m, m])
    before, after = m[:-1], m[1:]
    flat = (np.sign(before) != np.sign(after)) | (before == 0) | (after == 0)
    w1, w2 = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
    safe = [np.where(flat, 1.0, part) for part in (before, after)]
    inner = np.where(flat, 0.0, (w1 + w2) / (w1 / safe[0] + w2 / safe[1]))
    first = _edge(h[:1], h[1:2], m[:1], m[1:2])
    last = _edge(h[-1:], h[-2:-1], m[-1:], m[-2:-1])
    return np.concatenate([first, inner, last])


def _edge(h0: Array, h1: Array, m0: Array, m1: Array) -> Array:
    """Return the slope at an end, by three points."""
    d = ((2.0 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    turned = np.sign(d) != np.sign(m0)
    steep = (np.sign(m0) != np.sign(m1)) & (np.abs(d) > 3.0 * np.abs(m0))
    return np.where(turned, 0.0, np.where(steep, 3.0 * m0, d))


class CubicSpline(Piecewise):
    """The spline with two continuous derivatives, as SciPy's."""

    def __init__(
        self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None
    ) -> None:
        if not has_tensor([x, y, bc_type]):
            self._scipys = si.CubicSpline(x, y, axis, bc_type, extrapolate)
        if extrapolate is None:
            extrapolate = "periodic" if bc_type == "periodic" else True
        x, y, h, secants, axis = _data(x, y, axis)
        slopes = _smooth(x, y, h, secants, bc_type)
        super().__init__(_hermite(y, slopes, h, secants), x, extrapolate, axis)


_NAMED = {"clamped": (1, 0.0), "natural": (2, 0.0)}


def _ends(bc_type: Any) -> list[Any]:
    """Return the conditions at the two ends: "not-a-knot", or the order of a derivative and it."""
    both = [bc_type, bc_type] if isinstance(bc_type, str) else list(bc_type)
    ends = [_NAMED.get(end, end) if isinstance(end, str) else end for end in both]
    for end in ends:
        known = end == "not-a-knot" if isinstance(end, str) else len(end) == 2 and end[0] in (1, 2)
        if not known:
            raise ValueError(f"bc_type={end!r} is not allowed.")
    return ends


def _smooth(x: Array, y: Array, h: Array, secants: Array, bc_type: Any) -> Array:
    """Return the slopes that make the second derivative continuous."""
    n, trailing = np.shape(y)[0], np.shape(y)[1:]
    steps = np.diff(x)
    if isinstance(bc_type, str) and bc_type == "periodic":
        return _periodic(y, h, secants)
    ends = _ends(bc_type)
    if n == 2:
        ends = [(1, secants[0]) if isinstance(end, str) else end for end in ends]
    if n == 3 and all(isinstance(end, str) for end in ends):
        # A parabola.
        bend = (secants[1] - secants[0]) / (h[0] + h[1])
        left = secants[0] - bend * h[0]
        return np.stack([left, secants[0] + bend * h[0], secants[1] + bend * h[1]])
    main: list[Any] = [2.0 * (steps[:-1] + steps[1:])]
    above, below = [steps[:-1]], [steps[1:]]
    right = [3.0 * (h[1:] * secants[:-1] + h[:-1] * secants[1:])]
    for end, last in zip(ends, (False, True), strict=True):
        near, next_to = (-1, -2) if last else (0, 1)
        h0, m0 = h[near], secants[near]
        if isinstance(end, str):
            # The cubics on both sides of the second point are one.
            s0, s1, h1, m1 = steps[near], steps[next_to], h[next_to], secants[next_to]
            d = s0 + s1
            wide = h0 + h1
            diagonal, other = s1, d
            side = ((h0 + 2.0 * wide) * h1 * m0 + h0**2 * m1) / wide
        elif end[0] == 1:
            diagonal, other = np.ones(()), np.zeros(())
            side = np.broadcast_to(end[1], trailing)
        else:
            s0 = steps[near]
            diagonal, other = 2.0 * s0, s0
            bend = np.broadcast_to(end[1], trailing)
            side = (
                3.0 * (y[-1] - y[-2]) + 0.5 * h0**2 * bend
                if last
                else (3.0 * (y[1] - y[0]) - 0.5 * h0**2 * bend)
            )
        place = len(main) if last else 0
        main.insert(place, np.reshape(diagonal, (1,)))
        right.insert(place, side[None])
        (below if last else above).insert(place, np.reshape(other, (1,)))
    gap = np.zeros(1)
    bands = np.stack(
        [
            np.concatenate([gap, *above]),
            np.concatenate(main),
            np.concatenate([*below, gap]),
        ]
    )
    sides = np.concatenate(right)
    found = solve_banded((1, 1), bands, np.reshape(sides, (n, -1)) if trailing else sides)
    return np.reshape(found, (n, *trailing))


def _periodic(y: Array, h: Array, secants: Array) -> Array:
    """Return the slopes of a spline that goes round."""
    count = np.shape(h)[0]
    previous = np.roll(np.arange(count), 1)
    h_before, m_before = np.take(h, previous, axis=0), np.take(secants, previous, axis=0)
    sides = 3.0 * (h * m_before + h_before * secants)
    steps, before = np.reshape(h, (-1,)), np.reshape(h_before, (-1,))
    eye = np.eye(count)
    system = (
        eye * (2.0 * (steps + before))[:, None]
        + np.roll(eye, 1, axis=1) * before[:, None]
        + np.roll(eye, -1, axis=1) * steps[:, None]
    )
    flat = np.linalg.solve(system, np.reshape(sides, (count, -1)))
    slopes = np.reshape(flat, np.shape(sides))
    return np.concatenate([slopes, slopes[:1]])


add("scipy.interpolate.CubicSpline", CubicSpline, limits="values, slopes and integrals")
add("scipy.interpolate.CubicHermiteSpline", CubicHermiteSpline)
add("scipy.interpolate.PchipInterpolator", PchipInterpolator)
