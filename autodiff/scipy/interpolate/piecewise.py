"""Piecewise polynomials: what all interpolating functions of one argument are made into."""

from typing import Any

import numpy as np
import scipy.interpolate as si

from autodiff.core.primitive import Array
from autodiff.core.tensor import Tensor
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import add, has_tensor, refused

__all__ = ["Interpolant", "PPoly", "Piecewise", "moved_back", "taken"]


def moved_back(out: Array, ndim: int, axis: int) -> Array:
    """Return values whose first axes are those of the argument, with these at `axis`."""
    if not axis:
        return out
    rest = np.ndim(out) - ndim
    order = [*range(ndim, ndim + axis), *range(ndim), *range(ndim + axis, ndim + rest)]
    return np.transpose(out, order)


def taken(x: Array, places: Array) -> Array:
    """Return elements along the first axis, at places that may differ within a batch."""
    if type(places) is not Tensor:
        return np.take(x, places, axis=0)
    trailing = np.shape(x)[1:]
    column = np.reshape(places, (-1, *(1,) * len(trailing)))
    wide = np.broadcast_to(column, (np.size(places), *trailing))
    return np.reshape(np.take_along_axis(x, wide, axis=0), (*np.shape(places), *trailing))


class Interpolant:
    """The stand-in for a function that SciPy makes of data; of plain data it holds SciPy's."""

    #: SciPy's own, None if the data hold tensors.
    _scipys: Any = None

    @property
    def holds_tensors(self) -> bool:
        """Whether the data hold tensors."""
        return self._scipys is None

    def __getattr__(self, name: str) -> Any:
        """Return an attribute that there is no answer to: SciPy's, of plain data."""
        if name.startswith("_"):
            raise AttributeError(name)
        if self._scipys is None:
            raise refused(f"scipy.interpolate.{type(self).__name__}", f"its attribute {name!r}")
        return getattr(self._scipys, name)


class Piecewise(Interpolant):
    """Polynomials between breakpoints, highest power first, as `scipy.interpolate.PPoly`."""

    def __init__(self, c: Array, x: Array, extrapolate: Any = True, axis: int = 0) -> None:
        self._coefficients, self._breaks = c, x
        self._extrapolate, self._axis = True if extrapolate is None else extrapolate, axis

    @classmethod
    def of(cls, scipys: Any) -> "Piecewise":
        """Return the stand-in for a piecewise polynomial of SciPy."""
        made = cls(scipys.c, scipys.x, scipys.extrapolate, scipys.axis)
        made._scipys = scipys
        return made

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Array:
        """Return values, or derivatives of order `nu`."""
        if self._scipys is not None and not has_tensor(x):
            return self._scipys(x, nu, extrapolate)
        extrapolate = self._extrapolate if extrapolate is None else extrapolate
        c, breaks = self._coefficients, self._breaks
        x = as_array(x)
        if not isinstance(nu, int | np.integer) or nu < 0:
            raise ValueError("Order of derivative cannot be negative")
        points = np.reshape(x, (-1,))
        if extrapolate == "periodic":
            points = breaks[0] + (points - breaks[0]) % (breaks[-1] - breaks[0])
        places = np.clip(np.searchsorted(breaks, points, "right") - 1, 0, np.shape(c)[1] - 1)
        trailing = (1,) * (np.ndim(c) - 2)
        steps = np.reshape(points - taken(breaks, places), (-1, *trailing))
        power = np.shape(c)[0] - 1
        out: Any = np.zeros((np.size(points), *np.shape(c)[2:]))
        for j in range(power + 1 - nu):
            factor = float(np.prod(np.arange(power - j - nu + 1, power - j + 1)))
            out = out * steps + factor * taken(c[j], places)
        if extrapolate is False:
            inside = (points >= breaks[0]) & (points <= breaks[-1])
            out = np.where(np.reshape(inside, (-1, *trailing)), out, np.nan)
        out = np.reshape(out, (*np.shape(x), *np.shape(c)[2:]))
        return moved_back(out, np.ndim(x), self._axis)

    def derivative(self, nu: int = 1) -> "Piecewise":
        """Return the derivative of order `nu`."""
        if self._scipys is not None:
            return Piecewise.of(self._scipys.derivative(nu))
        if nu < 0:
            return self.antiderivative(-nu)
        c = self._coefficients
        power = np.shape(c)[0] - 1
        if nu > power:
            c = np.zeros((1, *np.shape(c)[1:]))
        else:
            rows = [
                c[j] * float(np.prod(np.arange(power - j - nu + 1, power - j + 1)))
                for j in range(power + 1 - nu)
            ]
            c = np.stack(rows)
        return Piecewise(c, self._breaks, self._extrapolate, self._axis)

    def antiderivative(self, nu: int = 1) -> "Piecewise":
        """Return the antiderivative of order `nu`, zero at the first breakpoint."""
        if self._scipys is not None:
            return Piecewise.of(self._scipys.antiderivative(nu))
        if nu <= 0:
            return self.derivative(-nu)
        c, breaks = self._coefficients, self._breaks
        for _ in range(nu):
            power = np.shape(c)[0]
            rows = [c[j] / float(power - j) for j in range(power)]
            widths = np.reshape(np.diff(breaks), (-1, *(1,) * (np.ndim(c) - 2)))
            gained: Any = 0.0
            for row in rows:
                gained = (gained + row) * widths
            before = np.cumsum(gained, axis=0)[:-1]
            start = np.concatenate([np.zeros((1, *np.shape(c)[2:])), before])
            c = np.stack([*rows, start])
        extrapolate = False if self._extrapolate == "periodic" else self._extrapolate
        return Piecewise(c, breaks, extrapolate, self._axis)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Array:
        """Return the integral between two points."""
        if self._scipys is not None and not has_tensor([a, b]):
            return self._scipys.integrate(a, b, extrapolate)
        extrapolate = self._extrapolate if extrapolate is None else extrapolate
        if extrapolate == "periodic":
            raise refused("scipy.interpolate.PPoly.integrate", "extrapolate='periodic'")
        made = Piecewise(self._coefficients, self._breaks, extrapolate, 0).antiderivative()
        return made(b) - made(a)


class PPoly(Piecewise):
    """Piecewise polynomials given by their coefficients."""

    def __init__(self, c: Any, x: Any, extrapolate: Any = None, axis: int = 0) -> None:
        if not has_tensor([c, x]):
            self._scipys = si.PPoly(c, x, extrapolate, axis)
        elif axis:
            raise refused("scipy.interpolate.PPoly", "axis=")
        super().__init__(as_array(c), as_array(x), extrapolate)


add("scipy.interpolate.PPoly", PPoly, limits="`axis=0`; values, derivatives and integrals")
