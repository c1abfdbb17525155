"""Interpolation on tensors: points, values and arguments."""

import numpy as np
import pytest
import scipy.interpolate as si

import autodiff
from autodiff.scipy import interpolate

R = np.random.default_rng(8)
X = np.array([0.0, 0.7, 1.1, 2.0, 2.4, 3.5])
Y = R.normal(size=6)
Y2 = R.normal(size=(2, 6, 3))
P = np.array([[0.3, 0.8], [2.25, 3.1]])
OUT = np.array([-0.5, 1.7, 4.0])
ROUND = np.append(Y[:-1], Y[0])
KINDS = ("linear", "slinear", "quadratic", "cubic", 4)
GRID = (np.array([0.0, 1.0, 1.5]), np.array([-1.0, 0.0, 2.0, 2.5]))
V = R.normal(size=(3, 4))
Q = np.array([[0.3, 0.2], [1.2, 2.1], [0.9, -0.7]])


def periodic(y):
    return np.concatenate([y, y[:1]])


CASES = [
    *(
        # At points in a list, which is no array.
        (f"scipy.interpolate.{name}", lambda f, y, p: f(X, y)([p[0, 0], p[1, 1]]), (Y, P))
        for name in ("CubicSpline", "PchipInterpolator", "make_interp_spline", "interp1d")
    ),
    *(
        ("scipy.interpolate.interp1d", lambda f, x, y, p, k=k: f(x, y, k)(p), (X, Y, P))
        for k in KINDS
    ),
    *(
        ("scipy.interpolate.interp1d", lambda f, y, k=k: f(X, y, k)(P), (Y,))
        for k in ("nearest", "nearest-up", "previous", "next", "zero")
    ),
    *(("scipy.interpolate.interp1d", lambda f, p, k=k: f(X, Y, k)(p), (P,)) for k in KINDS),
    ("scipy.interpolate.interp1d", lambda f, y: f(X[::-1], y, axis=1)(P), (Y2,)),
    (
        "scipy.interpolate.interp1d",
        lambda f, y, p: f(X, y, bounds_error=False, fill_value=(1.0, -2.0))(p),
        (Y, OUT),
    ),
    (
        "scipy.interpolate.interp1d",
        lambda f, y, p: f(X, y, "cubic", fill_value="extrapolate")(p),
        (Y, OUT),
    ),
    *(
        ("scipy.interpolate.CubicSpline", lambda f, x, y, p, b=b: f(x, y, bc_type=b)(p), (X, Y, P))
        for b in ("not-a-knot", "natural", "clamped", ((1, 0.5), (2, -0.3)))
    ),
    *(
        ("scipy.interpolate.CubicSpline", lambda f, x, y, n=n: f(x[:n], y[:n])(0.5), (X, Y))
        for n in (2, 3, 4)
    ),
    (
        "scipy.interpolate.CubicSpline",
        lambda f, y, p: f(X, periodic(y), bc_type="periodic")(p),
        (Y[:-1], OUT),
    ),
    ("scipy.interpolate.CubicSpline", lambda f, y: f(X, y, axis=1)(P), (Y2,)),
    ("scipy.interpolate.CubicSpline", lambda f, y, p: f(X, y)(p, 1), (Y, P)),
    ("scipy.interpolate.CubicSpline", lambda f, y, p: f(X, y).derivative(2)(p), (Y, P)),
    ("scipy.interpolate.CubicSpline", lambda f, y, a, b: f(X, y).integrate(a, b), (Y, 0.3, 2.9)),
    ("scipy.interpolate.CubicSpline", lambda f, p: f(X, Y)(p), (P,)),
    ("scipy.interpolate.CubicSpline", lambda f, p: f(X, Y).antiderivative()(p), (P,)),
    ("scipy.interpolate.CubicHermiteSpline", lambda f, y, d: f(X, y, d)(P), (Y, Y[::-1])),
    ("scipy.interpolate.PchipInterpolator", lambda f, x, y, p: f(x, y)(p), (X, Y, P)),
    ("scipy.interpolate.PchipInterpolator", lambda f, y: f(X[:2], y[:2])(0.3), (Y,)),
    ("scipy.interpolate.PPoly", lambda f, c, x, p: f(c, x)(p), (Y2[0, :5].T, X, P)),
    (
        "scipy.interpolate.BSpline",
        lambda f, t, c, p: f(t, c, 2)(p),
        ([0.0, 0.1, 0.2, 1.0, 2.0, 3.2, 3.3, 3.4], R.normal(size=(5, 2)), P),
    ),
    ("scipy.interpolate.BSpline", lambda f, c, p: f(np.arange(10.0), c, 3)(p, 1), (Y, P + 3)),
    (
        "scipy.interpolate.BSpline",
        lambda f, c, a: f(np.arange(10.0), c, 3).integrate(a, 5.5),
        (Y, 3.2),
    ),
    *(
        (
            "scipy.interpolate.make_interp_spline",
            lambda f, x, y, p, k=k: f(x, y, k)(p),
            (X, Y, P),
        )
        for k in (1, 2, 3, 5)
    ),
    (
        "scipy.interpolate.make_interp_spline",
        lambda f, y: f(X, y, 3, bc_type="natural", axis=1)(P),
        (Y2,),
    ),
    (
        "scipy.interpolate.make_interp_spline",
        lambda f, y, p: f(X, y, 3, bc_type=([(1, 0.3)], [(2, 0.0)]))(p),
        (Y, P),
    ),
    ("scipy.interpolate.make_interp_spline", lambda f, p: f(X, Y)(p), (P,)),
    (
        "scipy.interpolate.splev",
        lambda f, c, p: f(p, (np.arange(10.0), c, 3), der=1),
        (Y, P[0] + 3),
    ),
    ("scipy.interpolate.RegularGridInterpolator", lambda f, v, q: f(GRID, v)(q), (V, Q)),
    (
        "scipy.interpolate.RegularGridInterpolator",
        lambda f, a, b, v: f((a, b), v)(Q),
        (*GRID, R.normal(size=(3, 4, 2))),
    ),
    (
        "scipy.interpolate.RegularGridInterpolator",
        lambda f, v: f(GRID, v, "nearest", bounds_error=False, fill_value=0.5)(Q + 1.0),
        (V,),
    ),
    (
        "scipy.interpolate.RegularGridInterpolator",
        lambda f, v, q: f(GRID, v, bounds_error=False, fill_value=None)(q),
        (V, Q + 3.0),
    ),
    ("scipy.interpolate.interpn", lambda f, v, q: f(GRID, v, q), (V, Q)),
]


def test_cases(case, holds):
    holds(case)


def test_errors_are_those_of_scipy():
    for data in (X, X + 0.1):
        with pytest.raises(ValueError, match="below the interpolation range"):
            autodiff.grad(lambda x, d=data: interpolate.interp1d(d, Y)(x))(-1.0)
    with pytest.raises(ValueError, match="strictly increasing"):
        autodiff.grad(lambda y: interpolate.CubicSpline(X[::-1], y)(1.0))(Y)
    with pytest.raises(ValueError, match="out of bounds in dimension 1"):
        autodiff.grad(lambda v: interpolate.RegularGridInterpolator(GRID, v)([1.0, 9.0])[0])(V)


def test_what_is_made_of_plain_data_is_scipys():
    ours, theirs = interpolate.CubicSpline(X, Y), si.CubicSpline(X, Y)
    np.testing.assert_array_equal(ours.c, theirs.c)
    np.testing.assert_array_equal(ours.roots(), theirs.roots())
    with pytest.raises(autodiff.Undifferentiable, match="its attribute 'roots'"):
        autodiff.grad(lambda y: interpolate.CubicSpline(X, y).roots()[0])(Y)


def test_monotone_splines_are_flat_where_values_turn():
    y = np.array([0.0, 1.0, 1.0, 0.5, 2.0, 2.0])
    found = interpolate.PchipInterpolator(X, y)
    np.testing.assert_allclose(
        autodiff.jvp(lambda y: interpolate.PchipInterpolator(X, y)(P), (y,), (Y,))[0], found(P)
    )


def test_lines_have_the_mean_slope_where_they_meet():
    x = np.arange(5.0)

    def loss(p):
        return np.sum(interpolate.interp1d(x, x**2)(p))

    np.testing.assert_allclose(autodiff.grad(loss)(x), [1.0, 2.0, 4.0, 6.0, 7.0])
    found = autodiff.grad(lambda y: interpolate.interp1d(x, y)(2.0))(x**2)
    np.testing.assert_allclose(found, [0.0, 0.0, 1.0, 0.0, 0.0])
