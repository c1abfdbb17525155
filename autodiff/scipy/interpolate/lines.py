"""Interpolation of one argument by lines, steps and splines."""

from typing import Any

import numpy as np
import scipy.interpolate as si

from autodiff.core.primitive import Array
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import add, has_tensor
from autodiff.scipy.interpolate.piecewise import Interpolant, moved_back, taken
from autodiff.scipy.interpolate.splines import make_interp_spline

__all__ = ["interp1d"]

_DEGREES = {"zero": 0, "slinear": 1, "quadratic": 2, "cubic": 3}
_STEPS = ("nearest", "nearest-up", "previous", "next")


class interp1d(Interpolant):  # noqa: N801 (the name is SciPy's)
    """A function through points, as `scipy.interpolate.interp1d`."""

    def __init__(
        self,
        x: Any,
        y: Any,
        kind: Any = "linear",
        axis: int = -1,
        copy: bool = True,
        bounds_error: bool | None = None,
        fill_value: Any = np.nan,
        assume_sorted: bool = False,
    ) -> None:
        if not has_tensor([x, y, fill_value]):
            self._scipys = si.interp1d(
                x, y, kind, axis, copy, bounds_error, fill_value, assume_sorted
            )
        x, y = as_array(x), as_array(y)
        if not assume_sorted:
            order = np.argsort(x)
            x, y = np.take(x, order), np.take(y, order, axis=axis)
        self._points, self._kind = x, kind
        self._along = axis % np.ndim(y)
        self._values = np.moveaxis(y, axis, 0)
        self._beyond = isinstance(fill_value, str) and fill_value == "extrapolate"
        if bounds_error is None:
            plain = isinstance(fill_value, float) and np.isnan(fill_value)
            bounds_error = not self._beyond and plain
        self._checks, self._fill = bounds_error, fill_value
        if kind not in ("linear", *_STEPS):
            degree = kind if isinstance(kind, int) else _DEGREES.get(kind)
            if degree is None:
                raise NotImplementedError(
                    f"{kind} is unsupported: Use fitpack routines for other types."
                )
            if degree == 0:
                self._kind = "previous"
            else:
                self._degree = degree

    def __call__(self, x: Any) -> Array:
        """Return values at points."""
        if self._scipys is not None and not has_tensor(x):
            return self._scipys(x)
        x = as_array(x)
        points = np.reshape(x, (-1,))
        below, above = points < self._points[0], points > self._points[-1]
        if self._checks and bool(np.any(below)):
            raise ValueError("A value in x_new is below the interpolation range.")
        if self._checks and bool(np.any(above)):
            raise ValueError("A value in x_new is above the interpolation range.")
        out = self._evaluated(points)
        if not self._beyond:
            fill = self._fill
            left, right = fill if isinstance(fill, tuple) and len(fill) == 2 else (fill, fill)
            wide = (-1, *(1,) * (np.ndim(out) - 1))
            out = np.where(np.reshape(below, wide), left, out)
            out = np.where(np.reshape(above, wide), right, out)
        out = np.reshape(out, (*np.shape(x), *np.shape(self._values)[1:]))
        return moved_back(out, np.ndim(x), self._along)

    def _evaluated(self, points: Array) -> Array:
        x, y, n = self._points, self._values, np.shape(self._points)[0]
        if self._kind == "linear":
            high = np.clip(np.searchsorted(x, points), 1, n - 1)
            x0, x1 = taken(x, high - 1), taken(x, high)
            y0, y1 = taken(y, high - 1), taken(y, high)
            wide = (-1, *(1,) * (np.ndim(y) - 1))
            slope = (y1 - y0) / np.reshape(x1 - x0, wide)
            if bool(np.any(points == x1)):
                # At a point between two lines the derivative is the mean of their slopes.
                inner = np.minimum(high + 1, n - 1)
                at = (points == x1) & (high < n - 1)
                apart = np.where(at, taken(x, inner) - x1, 1.0)
                after = (taken(y, inner) - y1) / np.reshape(apart, wide)
                turned = np.reshape(at, wide)
                slope = np.where(turned, (slope + after) / 2.0, slope)
                x0, y0 = np.where(at, x1, x0), np.where(turned, y1, y0)
            return slope * np.reshape(points - x0, wide) + y0
        if self._kind in ("nearest", "nearest-up"):
            side: Any = "left" if self._kind == "nearest" else "right"
            places = np.searchsorted((x[1:] + x[:-1]) / 2.0, points, side)
        elif self._kind == "previous":
            places = np.searchsorted(x, points, "right") - 1
        elif self._kind == "next":
            places = np.searchsorted(x, points, "left")
        else:
            spline = make_interp_spline(x, y, k=self._degree)
            found: Array = spline(points)
            return found
        return taken(y, np.clip(places, 0, n - 1))


add(
    "scipy.interpolate.interp1d",
    interp1d,
    limits=(
        "all kinds; of steps (`nearest`, `previous`, `next`) with respect to the values; where two "
        "lines meet the mean of their slopes"
    ),
)
