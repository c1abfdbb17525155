"""Orthogonal polynomials with respect to their argument.

Source: NIST Digital Library of Mathematical Functions, 18.9(iii). Each derivative is a polynomial
of the next lower degree with raised parameters, and so is right at the ends of the interval too,
where the more common quotients are 0/0. Degrees may be any real number where SciPy allows it.
"""

import numpy as np
import scipy.special as sp

from autodiff.core.primitive import Array
from autodiff.rules.special.entries import special

_DEGREE = (0.5, 3.5)
_WHOLE = (0, 4)
_PARAMETER = (0.5, 2.0)
_INSIDE = (-0.8, 0.8)
_UNIT = (0.1, 0.9)


def _jacobi_slope(n: Array, alpha: Array, beta: Array, x: Array) -> Array:
    slope = 0.5 * (n + alpha + beta + 1.0) * sp.eval_jacobi(n - 1.0, alpha + 1.0, beta + 1.0, x)
    return _unless_constant(n, slope)


def _unless_constant(n: Array, slope: Array) -> Array:
    """Return the slope, 0 where the degree is: SciPy has no values of all degrees below."""
    return np.where(n == 0, 0.0, slope)


def _legendre_slope(n: Array, x: Array) -> Array:
    # P(n) = P(-n - 1), and so of degrees below 0.
    return _jacobi_slope(np.where(n < -0.5, -n - 1.0, n), 0.0, 0.0, x)


def _chebyu_slope(n: Array, x: Array) -> Array:
    # U(n) = -U(-n - 2), and so of degrees below -1.
    degree = np.where(n < -1.0, -n - 2.0, n)
    slope = 2.0 * sp.eval_gegenbauer(degree - 1.0, 2.0, x)
    return np.where(
        degree == -1.0, 0.0, np.where(n < -1.0, -1.0, 1.0) * _unless_constant(degree, slope)
    )


special(
    "eval_legendre",
    *("n", lambda out, n, x: _legendre_slope(n, x)),
    domain=[_DEGREE, _INSIDE],
    complex=True,
)
special(
    "eval_sh_legendre",
    *("n", lambda out, n, x: 2.0 * _legendre_slope(n, 2.0 * x - 1.0)),
    domain=[_DEGREE, _UNIT],
    complex=True,
)
special(
    "eval_chebyt",
    *("n", lambda out, n, x: _unless_constant(n, n * sp.eval_chebyu(n - 1.0, x))),
    domain=[_DEGREE, _INSIDE],
    complex=True,
)
special(
    "eval_sh_chebyt",
    *("n", lambda out, n, x: _unless_constant(n, 2.0 * n * sp.eval_chebyu(n - 1.0, 2.0 * x - 1.0))),
    domain=[_DEGREE, _UNIT],
    complex=True,
)
special(
    "eval_chebyc",
    *("n", lambda out, n, x: _unless_constant(n, n * sp.eval_chebys(n - 1.0, x))),
    domain=[_DEGREE, _INSIDE],
    complex=True,
)
special(
    "eval_chebyu",
    *("n", lambda out, n, x: _chebyu_slope(n, x)),
    domain=[_DEGREE, _INSIDE],
    complex=True,
    partly=True,
)
special(
    "eval_sh_chebyu",
    *("n", lambda out, n, x: 2.0 * _chebyu_slope(n, 2.0 * x - 1.0)),
    domain=[_DEGREE, _UNIT],
    complex=True,
    partly=True,
)
special(
    "eval_chebys",
    *("n", lambda out, n, x: 0.5 * _chebyu_slope(n, 0.5 * x)),
    domain=[_DEGREE, _INSIDE],
    complex=True,
    partly=True,
)
special(
    "eval_gegenbauer",
    *("n", "alpha"),
    lambda out, n, alpha, x: _unless_constant(
        n, 2.0 * alpha * sp.eval_gegenbauer(n - 1.0, alpha + 1.0, x)
    ),
    domain=[_DEGREE, _PARAMETER, _INSIDE],
    complex=True,
    partly=True,
)
special(
    "eval_jacobi",
    *("n", "alpha", "beta", lambda out, n, alpha, beta, x: _jacobi_slope(n, alpha, beta, x)),
    domain=[_DEGREE, _PARAMETER, _PARAMETER, _INSIDE],
    complex=True,
    partly=True,
)
special(
    "eval_sh_jacobi",
    *("n", "p", "q"),
    lambda out, n, p, q, x: _unless_constant(
        n, n * sp.eval_sh_jacobi(n - 1.0, p + 2.0, q + 1.0, x)
    ),
    domain=[_DEGREE, (2.0, 3.0), _PARAMETER, _UNIT],
    complex=True,
    partly=True,
)
special(
    "eval_laguerre",
    *("n", lambda out, n, x: _unless_constant(n, -sp.eval_genlaguerre(n - 1.0, 1.0, x))),
    domain=[_DEGREE, _UNIT],
    complex=True,
)
special(
    "eval_genlaguerre",
    *("n", "alpha"),
    lambda out, n, alpha, x: _unless_constant(n, -sp.eval_genlaguerre(n - 1.0, alpha + 1.0, x)),
    domain=[_DEGREE, _PARAMETER, _UNIT],
    complex=True,
    partly=True,
)
special(
    "eval_hermite",
    *("n", lambda out, n, x: 2.0 * n * sp.eval_hermite(np.maximum(n - 1, 0), x)),
    domain=[_WHOLE, (-2.0, 2.0)],
    partly=True,
)
special(
    "eval_hermitenorm",
    *("n", lambda out, n, x: n * sp.eval_hermitenorm(np.maximum(n - 1, 0), x)),
    domain=[_WHOLE, (-2.0, 2.0)],
    partly=True,
)


def _associated_slope(out: Array, m: Array, v: Array, x: Array) -> Array:
    # By the next degree (14.10.5): SciPy has no values where the order is above the degree.
    raised = (v - m + 1.0) * sp.lpmv(m, v + 1.0, x) - (v + 1.0) * x * out
    end, order = x * x == 1.0, np.absolute(m)
    slope = raised / np.where(end, np.nan, x * x - 1.0)
    # At the ends it is 0/0. Of order 0 it is that of Legendre polynomials, with their curvature.
    full = v * (v + 1.0)
    curvature = -0.0625 * full * (full + 6.0) * (x * x - 1.0)
    slope = np.where(end & (order == 0), x * out * (0.5 * full + curvature), slope)
    # Of orders beyond 2 it is zero, but of 3 and 4 its own slope is not.
    flat = np.sqrt(np.where(end & (order < 5), x * x - 1.0, 0.0))
    return np.where(end & (order > 2), flat, slope)


special("lpmv", *("m", "v"), _associated_slope, domain=[(0, 1), (2, 4), _INSIDE], partly=True)
