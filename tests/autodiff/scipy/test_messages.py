"""Where SciPy refuses a tensor, or would give a wrong derivative, the error names what takes it."""

import numpy as np
import pytest
import scipy.fft as sf
import scipy.integrate as si
import scipy.interpolate as it
import scipy.linalg as sl
import scipy.ndimage as nd
import scipy.optimize as so
import scipy.signal as sg
import scipy.sparse as sp
import scipy.spatial.distance as sd
import scipy.special as ss
import scipy.stats as st

import autodiff
from autodiff.core.scipy_names import SCIPY

X = np.array([1.0, 2.0, 3.0])
CALLS = {
    "scipy.special.logsumexp": lambda x: ss.logsumexp(x),
    "scipy.special.log_softmax": lambda x: ss.log_softmax(x)[0],
    "scipy.stats.norm": lambda x: np.sum(st.norm.logpdf(X, loc=x)),
    "scipy.stats.gamma": lambda x: st.gamma(x[0]).pdf(1.0),
    "scipy.stats.poisson": lambda x: st.poisson.logpmf(1, mu=x[0]),
    "scipy.stats.multivariate_normal": lambda x: st.multivariate_normal.logpdf(X, x),
    "scipy.integrate.odeint": lambda x: si.odeint(lambda y, t: -x[0] * y, 1.0, [0, 1])[-1, 0],
    "scipy.integrate.solve_ivp": lambda x: si.solve_ivp(lambda t, y: -y, (0, 1), x).y[0, -1],
    "scipy.integrate.quad": lambda x: si.quad(lambda t: x[0] * t, 0.0, 1.0)[0],
    "scipy.linalg.solve_triangular": lambda x: np.sum(sl.solve_triangular(np.eye(3), x)),
    "scipy.linalg.expm": lambda x: np.sum(sl.expm(np.outer(x, x))),
    "scipy.linalg.cholesky": lambda x: np.sum(sl.cholesky(np.outer(x, x) + np.eye(3))),
    "scipy.interpolate.interp1d": lambda x: np.sum(
        it.interp1d(np.arange(5.0), np.arange(5.0) ** 2)(x)
    ),
    "scipy.interpolate.CubicSpline": lambda x: np.sum(it.CubicSpline(X, x)(X)),
    "scipy.signal.fftconvolve": lambda x: np.sum(sg.fftconvolve(x, np.ones(2))),
    "scipy.signal.lfilter": lambda x: np.sum(sg.lfilter([1.0], [1.0, 0.5], x)),
    "scipy.fft.dct": lambda x: np.sum(sf.dct(x)),
    "scipy.ndimage.gaussian_filter": lambda x: np.sum(nd.gaussian_filter(x, 1.0)),
    "scipy.spatial.distance.cdist": lambda x: np.sum(sd.cdist(x[:, None], x[:, None])),
    "scipy.sparse.diags": lambda x: np.sum(sp.diags(x) @ np.ones(3)),
    "scipy.sparse.csr_array": lambda x: np.sum(sp.csr_array((x, (range(3), range(3)))) @ X),
    "scipy.optimize.brentq": lambda x: so.brentq(lambda t: t - x[0], 0.0, 2.0),
    "scipy.optimize.root_scalar": lambda x: so.root_scalar(lambda t: t - x[0], x0=1, x1=2).root,
    "scipy.optimize.newton": lambda x: so.newton(lambda t: t**3 - x[0], 1.0, lambda t: 3 * t**2),
    "scipy.optimize.fsolve": lambda x: so.fsolve(lambda t: t - x[0], 0.5)[0],
    "scipy.optimize.minimize": lambda x: so.minimize(lambda t: np.sum((t - x) ** 2), X).fun,
    "scipy.optimize.fixed_point": lambda x: so.fixed_point(lambda t: np.cos(t) * x[0], 0.5),
}


@pytest.mark.each("name", CALLS)
def test_the_derivative_is_right_or_the_replacement_is_named(name):
    f, told = CALLS[name], ""
    try:
        slopes = autodiff.grad(f)(X)
    except (autodiff.LostDerivative, autodiff.Undifferentiable) as error:
        told = str(error)
    if told:
        assert f"{SCIPY[name]} takes tensors in place of {name}" in told
        return
    steps = 1e-5 * np.eye(3)
    expected = [(f(X + step) - f(X - step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(slopes, expected, rtol=2e-3, atol=2e-4)
