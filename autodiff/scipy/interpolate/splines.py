"""Splines as sums of B-splines, by the recursion of Cox and de Boor (1972)."""

from typing import Any

import numpy as np
import scipy.interpolate as si

from autodiff.core.primitive import Array
from autodiff.core.tensor import Tensor
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import add, has_tensor, refused, stands_for
from autodiff.scipy.interpolate.piecewise import Interpolant, moved_back, taken

__all__ = ["BSpline", "make_interp_spline", "splev"]


def _quotient(above: Array, below: Array) -> Array:
    """Return a quotient, 0 where knots coincide."""
    none = below == 0
    return np.where(none, 0.0, above / np.where(none, 1.0, below))


def _basis(t: Array, k: int, x: Array, count: int) -> tuple[Array, Array]:
    """Return the B-splines that are not zero at points, and the number of the first of them."""
    places = np.clip(np.searchsorted(t, x, "right") - 1, k, count - 1)
    values: list[Any] = [np.ones_like(x)]
    for d in range(1, k + 1):
        # Of degree d those of numbers places - d to places.
        new: list[Any] = [np.zeros_like(x)] * (d + 1)
        for j, value in enumerate(values):
            left, right = taken(t, places - d + j + 1), taken(t, places + j + 1)
            share = _quotient(value, right - left)
            new[j] = new[j] + share * (right - x)
            new[j + 1] = new[j + 1] + share * (x - left)
        values = new
    return np.stack(values, axis=-1), places - k


class BSpline(Interpolant):
    """A sum of B-splines of degree `k` with knots `t` and coefficients `c`, as SciPy's."""

    def __init__(self, t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0) -> None:
        if has_tensor([t, c]):
            c = as_array(c)
            axis = axis % np.ndim(c)
            self._set(as_array(t), np.moveaxis(c, axis, 0), int(k), extrapolate, axis)
        else:
            self._hold(si.BSpline(t, c, k, extrapolate, axis))

    def _set(self, t: Array, c: Array, k: int, extrapolate: Any, axis: int) -> None:
        self._knots, self._coefficients, self._degree = t, c, k
        self._extrapolate, self._axis = extrapolate, axis

    def _hold(self, scipys: Any) -> None:
        self._scipys = scipys
        self._set(scipys.t, scipys.c, scipys.k, scipys.extrapolate, scipys.axis)

    @classmethod
    def of(cls, scipys: Any) -> "BSpline":
        """Return the stand-in for a spline of SciPy."""
        made = cls.__new__(cls)
        made._hold(scipys)
        return made

    @classmethod
    def made(cls, t: Array, c: Array, k: int, extrapolate: Any = True, axis: int = 0) -> "BSpline":
        """Return a spline whose coefficients have their axis first."""
        found = cls.__new__(cls)
        found._set(t, c, k, extrapolate, axis)
        return found

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Array:
        """Return values, or derivatives of order `nu`."""
        if self._scipys is not None and not has_tensor(x):
            return self._scipys(x, nu, extrapolate)
        if nu:
            return self.derivative(nu)(x, 0, extrapolate)
        extrapolate = self._extrapolate if extrapolate is None else extrapolate
        t, c, k = self._knots, self._coefficients, self._degree
        x = as_array(x)
        count = np.shape(t)[0] - k - 1
        points = np.reshape(x, (-1,))
        low, high = t[k], t[count]
        if extrapolate == "periodic":
            points = low + (points - low) % (high - low)
        values, first = _basis(t, k, points, count)
        rows = taken(c, np.expand_dims(first, -1) + np.arange(k + 1))
        out = np.einsum("nj,nj...->n...", values, rows)
        if extrapolate is False:
            inside = (points >= low) & (points <= high)
            out = np.where(np.reshape(inside, (-1, *(1,) * (np.ndim(c) - 1))), out, np.nan)
        out = np.reshape(out, (*np.shape(x), *np.shape(c)[1:]))
        return moved_back(out, np.ndim(x), self._axis)

    def derivative(self, nu: int = 1) -> "BSpline":
        """Return the derivative of order `nu`, a spline of a lower degree."""
        t, c, k = self._knots, self._coefficients, self._degree
        c = c[: np.shape(t)[0] - k - 1]
        for _ in range(nu):
            if not k:
                c = np.zeros_like(c)
                break
            widths = np.reshape(t[k + 1 : -1] - t[1 : -k - 1], (-1, *(1,) * (np.ndim(c) - 1)))
            c = float(k) * _quotient(np.diff(c, axis=0), widths)
            t, k = t[1:-1], k - 1
        return BSpline.made(t, c, k, self._extrapolate, self._axis)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Array:
        """Return the integral between two points within the knots."""
        if self._scipys is not None and not has_tensor([a, b]):
            return self._scipys.integrate(a, b, extrapolate)
        t, c, k = self._knots, self._coefficients, self._degree
        c = c[: np.shape(t)[0] - k - 1]
        widths = np.reshape(t[k + 1 :] - t[: -k - 1], (-1, *(1,) * (np.ndim(c) - 1)))
        sums = np.cumsum(c * widths / (k + 1.0), axis=0)
        knots = np.concatenate([t[:1], t, t[-1:]])
        made = BSpline.made(knots, np.concatenate([np.zeros_like(sums[:1]), sums]), k + 1)
        low, high = t[k], t[np.shape(t)[0] - k - 1]
        ends = as_array(a), as_array(b)
        if any([bool(np.any((e < low) | (e > high))) for e in ends]):
            raise refused("scipy.interpolate.BSpline.integrate", "a bound beyond the knots")
        return made(ends[1]) - made(ends[0])


add("scipy.interpolate.BSpline", BSpline, limits="with respect to knots too; integrals within them")


def _knots(x: Array, k: int) -> Array:
    """Return the knots that SciPy takes for points: not at the second and last but one."""
    if k % 2:
        inner, count = x, (k + 1) // 2
    else:
        inner, count = (x[1:] + x[:-1]) / 2.0, k // 2
    inner = inner[count : np.shape(inner)[0] - count]
    ends = [np.broadcast_to(x[i], (k + 1,)) for i in (0, -1)]
    return np.concatenate([ends[0], inner, ends[1]])


def _rows(t: Array, k: int, x: Array, count: int) -> Array:
    """Return the matrix of the values of all B-splines at points."""
    values, first = _basis(t, k, x, count)
    places = np.expand_dims(first, -1) + np.arange(k + 1)
    chosen = np.equal(places[..., None], np.arange(count))
    return np.sum(np.expand_dims(values, -1) * chosen, axis=1)


def make_interp_spline(
    x: Any,
    y: Any,
    k: int = 3,
    t: Any = None,
    bc_type: Any = None,
    axis: int = 0,
    check_finite: bool = True,
) -> BSpline:
    """Return the spline of degree `k` through points."""
    if not has_tensor([x, y, t, bc_type]):
        return BSpline.of(si.make_interp_spline(x, y, k, t, bc_type, axis, check_finite))
    x, y = as_array(x), as_array(y)
    axis = axis % np.ndim(y)
    y = np.moveaxis(y, axis, 0)
    n, trailing = np.shape(x)[0], np.shape(y)[1:]
    ends: list[Any] = [None, None]
    if bc_type not in (None, "not-a-knot", (None, None)):
        named = {"natural": [(2, 0.0)], "clamped": [(1, 0.0)]}
        both = [bc_type, bc_type] if isinstance(bc_type, str) else list(bc_type)
        if "periodic" in both:
            raise refused("scipy.interpolate.make_interp_spline", "bc_type='periodic'")
        ends = [named[end] if isinstance(end, str) else end for end in both]
    extra = sum(len(end) for end in ends if end is not None)
    if t is None:
        t = _knots(x, k) if not extra else _all_knots(x, k)
    t = as_array(t)
    count = np.shape(t)[0] - k - 1
    if n + extra != count:
        raise ValueError(
            f"The number of derivatives at boundaries does not match: expected {count - n}, got "
            f"{extra}"
        )
    rows, sides = [_rows(t, k, x, count)], [np.reshape(y, (n, -1))]
    for i, end in zip((0, -1), ends, strict=True):
        for order, value in end or ():
            rows.insert(0 if not i else len(rows), _slopes(t, k, x[i], count, order))
            side = np.reshape(np.broadcast_to(value, trailing), (1, -1))
            sides.insert(0 if not i else len(sides), side)
    c = np.linalg.solve(np.concatenate(rows), np.concatenate(sides))
    c = np.reshape(c, (count, *trailing))
    return BSpline.made(t, c, k, True, axis)


add(
    "scipy.interpolate.make_interp_spline",
    make_interp_spline,
    limits=(
        "`bc_type=` None, 'natural', 'clamped' and derivatives; the system is solved as a full one"
    ),
)


def _all_knots(x: Array, k: int) -> Array:
    ends = [np.broadcast_to(x[i], (k,)) for i in (0, -1)]
    return np.concatenate([ends[0], x, ends[1]])


def _slopes(t: Array, k: int, x: Array, count: int, order: int) -> Array:
    """Return the derivatives of all B-splines at a point, as a row."""
    if type(t) is not Tensor and type(x) is not Tensor:
        return si.BSpline(t, np.eye(count), k)(x, order)[None]
    return BSpline.made(t, np.eye(count), k)(x, order)[None]


@stands_for("scipy.interpolate.splev", limits="`ext=` 0 and 1")
def splev(x: Any, tck: Any, der: int = 0, ext: int = 0) -> Array:
    """Return values of a spline, or derivatives of order `der`."""
    if isinstance(tck, BSpline):
        spline = tck
    else:
        t, c, k = tck
        spline = BSpline(t, as_array(c)[: np.shape(t)[0] - k - 1], k)
    if ext not in (0, 1):
        raise refused("scipy.interpolate.splev", f"ext={ext}")
    out = spline(x, der)
    if not ext:
        return out
    t, k = spline._knots, spline._degree
    x = as_array(x)
    return np.where((x >= t[k]) & (x <= t[-k - 1]), out, 0.0)
