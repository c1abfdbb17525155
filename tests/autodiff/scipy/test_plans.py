"""Functions of SciPy in compiled plans, which compute them anew for other arguments."""

import numpy as np
import pytest

import autodiff
from autodiff.scipy import integrate, interpolate, linalg, ndimage, optimize, signal, sparse, stats
from autodiff.scipy.stats import norm

DATA = np.array([0.3, 1.0, 2.0])
SPLINE = interpolate.CubicSpline(DATA, DATA**2)
FROZEN = norm(0.5, 1.0)
FUNCTIONS = {
    "expm": lambda x: np.sum(linalg.expm(np.outer(x, x))),
    "eigh": lambda x: np.sum(linalg.eigh(np.outer(x, x) + np.diag(x))[1][:, 0] ** 2 * x),
    "lu": lambda x: np.sum(linalg.lu(np.outer(x, x) + np.diag(x))[2]),
    "a module's distribution": lambda x: np.sum(stats.gamma.logpdf(DATA, 2.0, scale=x[0])),
    "a distribution": lambda x: np.sum(norm.logpdf(DATA, x[0], x[1])),
    "a distribution made inside": lambda x: np.sum(norm(x[0], x[1]).cdf(DATA)),
    "a distribution made outside": lambda x: np.sum(FROZEN.logpdf(x)),
    "a spline made outside": lambda x: np.sum(SPLINE(x)),
    "a spline made inside": lambda x: interpolate.CubicSpline(DATA[:2], x)(0.7),
    "a root": lambda x: optimize.brentq(lambda t: t**3 + t - x[0], -9.0, 9.0, xtol=1e-14) * x[1],
    "an equation": lambda x: integrate.odeint(lambda y, t: -x[0] * y, x[1], DATA)[-1, 0],
    "steps of its own": lambda x: integrate.solve_ivp(lambda t, y: -x * y, (0, 1), DATA[:2]).y[
        0, -1
    ],
    "an integral": lambda x: integrate.quad(lambda t: np.exp(-x[0] * t), 0.0, x[1])[0],
    "a sparse system": lambda x: np.sum(sparse.linalg.spsolve(sparse.diags(x), DATA[:2])),
    "a filter": lambda x: np.sum(signal.lfilter(x, [1.0, 0.5], DATA) ** 2),
    "a blur": lambda x: np.sum(ndimage.gaussian_filter(DATA, x[0]) ** 2) * x[1],
}


@pytest.mark.each("name", FUNCTIONS)
def test_plans_are_not_stale(name):
    f = FUNCTIONS[name]
    plan = autodiff.compile(autodiff.value_and_grad(f))
    for x in (np.array([0.7, 1.3]), np.array([0.8, 1.1])):
        value, slopes = plan(x)
        expected = autodiff.value_and_grad(f)(x)
        np.testing.assert_allclose(value, expected[0], rtol=1e-9)
        np.testing.assert_allclose(slopes, expected[1], rtol=1e-7, atol=1e-9)
