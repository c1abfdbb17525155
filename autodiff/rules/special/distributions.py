"""Distribution functions of statistics, with respect to the quantile or the probability.

The derivative of a distribution function is its density, that of its inverse the inverse of the
density there (Abramowitz and Stegun 1964, chapter 26). Derivatives with respect to degrees of
freedom and counts are not known in closed form.
"""

import math

import numpy as np
import scipy.special as sp

from autodiff.core.primitive import Array
from autodiff.rules.special.entries import special
from autodiff.rules.special.gamma import beta_density, gamma_density

_POSITIVE = (0.5, 3.0)
_FREEDOM = (2.5, 6.0)
_PROBABILITY = (0.1, 0.9)


def _chi_square(v: Array, x: Array) -> Array:
    return 0.5 * gamma_density(0.5 * v, 0.5 * x)


special(
    "chdtr", "v", lambda out, v, x: _chi_square(v, x), domain=[_FREEDOM, _POSITIVE], partly=True
)
special(
    "chdtrc", "v", lambda out, v, x: -_chi_square(v, x), domain=[_FREEDOM, _POSITIVE], partly=True
)
special(
    "chdtri", "v", lambda out, v, p: -1.0 / _chi_square(v, out), domain=[_FREEDOM, _PROBABILITY]
)


def _student(df: Array, t: Array) -> Array:
    scale = np.exp(sp.gammaln(0.5 * (df + 1.0)) - sp.gammaln(0.5 * df)) / np.sqrt(math.pi * df)
    return scale * np.exp(-0.5 * (df + 1.0) * np.log1p(t * t / df))


special("stdtr", "df", lambda out, df, t: _student(df, t), domain=[_FREEDOM, (-2.0, 2.0)])
special(
    "stdtrit", "df", lambda out, df, p: 1.0 / _student(df, out), domain=[_FREEDOM, _PROBABILITY]
)


def _fisher(dfn: Array, dfd: Array, x: Array) -> Array:
    total = dfd + dfn * x
    return beta_density(0.5 * dfn, 0.5 * dfd, dfn * x / total) * (dfn / total) * (dfd / total)


special(
    "fdtr",
    *("dfn", "dfd", lambda out, dfn, dfd, x: _fisher(dfn, dfd, x)),
    domain=[_FREEDOM, _FREEDOM, _POSITIVE],
    partly=True,
)
special(
    "fdtrc",
    *("dfn", "dfd", lambda out, dfn, dfd, x: -_fisher(dfn, dfd, x)),
    domain=[_FREEDOM, _FREEDOM, _POSITIVE],
    partly=True,
)
special(
    "fdtri",
    *("dfn", "dfd", lambda out, dfn, dfd, p: 1.0 / _fisher(dfn, dfd, out)),
    domain=[_FREEDOM, _FREEDOM, _PROBABILITY],
)


def _rate_density(a: Array, b: Array, x: Array) -> Array:
    """Return the derivative with respect to `x` of the gamma distribution at a x."""
    return np.where(a == 0, 0.0, a * gamma_density(b, np.where(a == 0, 1.0, a * x)))


# The gamma distribution of rate `a` and shape `b`.
special(
    "gdtr",
    lambda out, a, b, x: _rate_density(x, b, a),
    *("b", lambda out, a, b, x: _rate_density(a, b, x)),
    domain=[_POSITIVE, _POSITIVE, _POSITIVE],
    partly=True,
)
special(
    "gdtrc",
    lambda out, a, b, x: -_rate_density(x, b, a),
    *("b", lambda out, a, b, x: -_rate_density(a, b, x)),
    domain=[_POSITIVE, _POSITIVE, _POSITIVE],
    partly=True,
)
special(
    "gdtrix",
    lambda out, a, b, p: -out / a,
    *("b", lambda out, a, b, p: 1.0 / (a * gamma_density(b, a * out))),
    domain=[_POSITIVE, _POSITIVE, _PROBABILITY],
)
special(
    "gdtria",
    lambda out, p, b, x: 1.0 / (x * gamma_density(b, out * x)),
    *("b", lambda out, p, b, x: -out / x),
    domain=[_PROBABILITY, _POSITIVE, _POSITIVE],
)


def _binomial(k: Array, n: Array, p: Array) -> Array:
    # Counts are rounded down and cut, as SciPy does.
    return beta_density(np.floor(k) + 1.0, np.trunc(n) - np.floor(k), p)


def _negative_binomial(k: Array, n: Array, p: Array) -> Array:
    return beta_density(np.trunc(n), np.trunc(k) + 1.0, p)


special(
    "pdtr",
    *("k", lambda out, k, m: -gamma_density(np.floor(k) + 1.0, m)),
    domain=[(0, 4), _POSITIVE],
    partly=True,
)
special(
    "pdtrc",
    *("k", lambda out, k, m: gamma_density(np.floor(k) + 1.0, m)),
    domain=[(0, 4), _POSITIVE],
    partly=True,
)
special(
    "bdtr",
    *("k", "n", lambda out, k, n, p: -_binomial(k, n, p)),
    domain=[(0, 3), (5, 8), _PROBABILITY],
    partly=True,
)
special(
    "bdtrc",
    *("k", "n", lambda out, k, n, p: _binomial(k, n, p)),
    domain=[(0, 3), (5, 8), _PROBABILITY],
    partly=True,
)
special(
    "nbdtr",
    *("k", "n", lambda out, k, n, p: _negative_binomial(k, n, p)),
    domain=[(0, 3), (2, 5), _PROBABILITY],
    partly=True,
)
special(
    "nbdtrc",
    *("k", "n", lambda out, k, n, p: -_negative_binomial(k, n, p)),
    domain=[(0, 3), (2, 5), _PROBABILITY],
    partly=True,
)
special(
    "pdtri",
    *("k", lambda out, k, y: -1.0 / gamma_density(np.floor(k) + 1.0, out)),
    domain=[(0, 4), _PROBABILITY],
)
special(
    "bdtri",
    *("k", "n", lambda out, k, n, y: -1.0 / _binomial(k, n, out)),
    domain=[(0, 3), (5, 8), _PROBABILITY],
)
special(
    "nbdtri",
    *("k", "n", lambda out, k, n, y: 1.0 / _negative_binomial(k, n, out)),
    domain=[(0, 3), (2, 5), _PROBABILITY],
)


def _noncentral_chi_square(x: Array, df: Array, nc: Array) -> Array:
    """Return the density, by the scaled Bessel function (Fisher 1928)."""
    central = nc == 0
    distance, away = np.sqrt(x) - np.sqrt(nc), np.where(central, 1.0, nc)
    scale = np.exp(-0.5 * distance * distance) * np.power(x / away, 0.25 * df - 0.5)
    density = 0.5 * scale * sp.ive(0.5 * df - 1.0, np.sqrt(x * away))
    return np.where(central, _chi_square(df, x), density)


special(
    "chndtr",
    lambda out, x, df, nc: _noncentral_chi_square(x, df, nc),
    *("df", lambda out, x, df, nc: -_noncentral_chi_square(x, df + 2.0, nc)),
    domain=[_POSITIVE, _FREEDOM, _POSITIVE],
    partly=True,
)
special(
    "chndtrix",
    lambda out, p, df, nc: 1.0 / _noncentral_chi_square(out, df, nc),
    *("df",),
    lambda out, p, df, nc: (
        _noncentral_chi_square(out, df + 2.0, nc) / _noncentral_chi_square(out, df, nc)
    ),
    domain=[_PROBABILITY, _FREEDOM, _POSITIVE],
)


# Tukey's lambda distribution is known by its quantile function, of slope F**(λ-1) + (1-F)**(λ-1).
def _tukey_density(out: Array, x: Array, lmbda: Array) -> Array:
    density = 1.0 / (np.power(out, lmbda - 1.0) + np.power(1.0 - out, lmbda - 1.0))
    # For λ > 0 there is nothing beyond 1/λ; at that end itself the density leaps if λ ≥ 1.
    reach = np.where(lmbda > 0, np.absolute(x) * lmbda, 0.0)
    density = np.where((reach == 1.0) & (lmbda >= 1.0), np.nan, density)
    return np.where(reach > 1.0, 0.0, density)


special(
    "tklmbda",
    lambda out, x, lmbda: _tukey_density(out, x, lmbda),
    "lmbda",
    domain=[(-0.6, 0.6), (0.3, 1.2)],
    partly=True,
)
