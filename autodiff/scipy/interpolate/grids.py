"""Interpolation on rectangular grids."""

import itertools
from typing import Any

import numpy as np
import scipy.interpolate as si

from autodiff.core.primitive import Array
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import add, has_tensor, refused, stands_for
from autodiff.scipy.interpolate.piecewise import Interpolant, taken

__all__ = ["RegularGridInterpolator", "interpn"]


class RegularGridInterpolator(Interpolant):
    """A function through values on a rectangular grid, as SciPy's."""

    def __init__(
        self,
        points: Any,
        values: Any,
        method: str = "linear",
        bounds_error: bool = True,
        fill_value: Any = np.nan,
        **solver: Any,
    ) -> None:
        if not has_tensor([list(points), values, fill_value]):
            self._scipys = si.RegularGridInterpolator(
                points, values, method, bounds_error, fill_value, **solver
            )
        self._grid, self._values = [as_array(p) for p in points], as_array(values)
        self._way, self._checks, self._fill = method, bounds_error, fill_value
        for i, p in enumerate(self._grid):
            if not bool(np.all(np.diff(p) > 0)):
                raise refused(
                    "scipy.interpolate.RegularGridInterpolator",
                    f"a dimension {i} that does not ascend",
                    "turn points and values round",
                )

    def __call__(self, xi: Any, method: str | None = None, **more: Any) -> Array:
        """Return values at points, whose coordinates are along the last axis."""
        if self._scipys is not None and not has_tensor(xi):
            return self._scipys(xi, method, **more)
        method = self._way if method is None else method
        if method not in ("linear", "nearest"):
            raise refused(
                "scipy.interpolate.RegularGridInterpolator", f"method={method!r}", "'linear' is"
            )
        ndim = len(self._grid)
        if isinstance(xi, tuple):
            xi = np.stack(np.broadcast_arrays(*[as_array(x) for x in xi]), axis=-1)
        xi = as_array(xi)
        if np.ndim(xi) == 1:
            xi = np.reshape(xi, (1, -1)) if ndim > 1 or np.size(xi) == 1 else xi[:, None]
        if np.shape(xi)[-1] != ndim:
            raise ValueError(
                f"The requested sample points xi have dimension {np.shape(xi)[-1]} but this "
                f"RegularGridInterpolator has dimension {ndim}"
            )
        points = np.reshape(xi, (-1, ndim))
        outside: Any = False
        lows, parts = [], []
        for i, grid in enumerate(self._grid):
            x = points[:, i]
            beyond = (x < grid[0]) | (x > grid[-1])
            if self._checks and bool(np.any(beyond)):
                raise ValueError(f"One of the requested xi is out of bounds in dimension {i}")
            outside = outside | beyond
            low = np.clip(np.searchsorted(grid, x) - 1, 0, np.shape(grid)[0] - 2)
            x0, x1 = taken(grid, low), taken(grid, low + 1)
            lows.append(low)
            parts.append((x - x0) / (x1 - x0))
        trailing = (-1, *(1,) * (np.ndim(self._values) - ndim))
        if method == "nearest":
            chosen = [low + (part > 0.5) for low, part in zip(lows, parts, strict=True)]
            out: Any = self._at(chosen)
        else:
            out = 0.0
            for corner in itertools.product((0, 1), repeat=ndim):
                weight: Any = 1.0
                for side, part in zip(corner, parts, strict=True):
                    weight = weight * (part if side else 1.0 - part)
                index = [low + side for low, side in zip(lows, corner, strict=True)]
                out = out + np.reshape(weight, trailing) * self._at(index)
        if not self._checks and self._fill is not None:
            out = np.where(np.reshape(outside, trailing), self._fill, out)
        lost = np.reshape(np.any(np.isnan(points), axis=-1), trailing)
        out = np.where(lost, np.nan, out)
        return np.reshape(out, (*np.shape(xi)[:-1], *np.shape(self._values)[ndim:]))

    def _at(self, index: list[Any]) -> Array:
        """Return the values at nodes of the grid."""
        ndim, shape = len(index), np.shape(self._values)
        strides = [int(np.prod(shape[i + 1 : ndim])) for i in range(ndim)]
        places = sum(i * stride for i, stride in zip(index, strides, strict=True))
        return taken(np.reshape(self._values, (-1, *shape[ndim:])), places)


add(
    "scipy.interpolate.RegularGridInterpolator",
    RegularGridInterpolator,
    limits="`linear`, and `nearest` with respect to the values; grids that ascend",
)


@stands_for("scipy.interpolate.interpn", limits="as `RegularGridInterpolator`")
def interpn(
    points: Any,
    values: Any,
    xi: Any,
    method: str = "linear",
    bounds_error: bool = True,
    fill_value: Any = np.nan,
) -> Array:
    """Return values at points of a function on a rectangular grid."""
    made = RegularGridInterpolator(points, values, method, bounds_error, fill_value)
    return made(xi)
