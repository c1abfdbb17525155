"""Continuous distributions, a row for each.

The formulas are those that SciPy computes with, of its special functions (Johnson, Kotz and
Balakrishnan, Continuous Univariate Distributions, 1994).
"""

import math
from typing import Any

import numpy as np
import scipy.special as sp

from autodiff.core.primitive import Array
from autodiff.scipy.stats.distribution import distribution

__all__ = [
    *("beta", "cauchy", "chi2", "expon", "f", "gamma", "gumbel_r", "halfnorm", "invgamma"),
    *("laplace", "logistic", "lognorm", "norm", "pareto", "rayleigh", "skewnorm", "t", "uniform"),
    *("vonmises", "weibull_min"),
]

_HALF_LINE: Any = {"support": (0.0, np.inf), "inside": 1.0}
_ROOT = math.sqrt(2.0)
_LOG_ROOT = 0.5 * math.log(2.0 * math.pi)
_IN_X = "`cdf` and `sf` with respect to x, loc and scale, not to the shapes"


def _normal(x: Array) -> Array:
    return -(x**2) / 2.0 - _LOG_ROOT


norm = distribution(
    "norm",
    _normal,
    cdf=sp.ndtr,
    sf=lambda x: sp.ndtr(-x),
    logcdf=sp.log_ndtr,
    logsf=lambda x: sp.log_ndtr(-x),
    ppf=sp.ndtri,
    isf=lambda q: -sp.ndtri(q),
    inside=0.0,
)
t = distribution(
    "t",
    lambda x, df: (
        np.log(sp.poch(0.5 * df, 0.5))
        - 0.5 * (np.log(df) + math.log(math.pi))
        - (df + 1.0) / 2.0 * np.log1p(x * x / df)
    ),
    cdf=lambda x, df: sp.stdtr(df, x),
    sf=lambda x, df: sp.stdtr(df, -x),
    ppf=lambda q, df: sp.stdtrit(df, q),
    isf=lambda q, df: -sp.stdtrit(df, q),
    inside=0.0,
    limits=_IN_X,
)
gamma = distribution(
    "gamma",
    lambda x, a: sp.xlogy(a - 1.0, x) - x - sp.gammaln(a),
    cdf=lambda x, a: sp.gammainc(a, x),
    sf=lambda x, a: sp.gammaincc(a, x),
    ppf=lambda q, a: sp.gammaincinv(a, q),
    isf=lambda q, a: sp.gammainccinv(a, q),
    limits=_IN_X,
    **_HALF_LINE,
)
beta = distribution(
    "beta",
    lambda x, a, b: sp.xlog1py(b - 1.0, -x) + sp.xlogy(a - 1.0, x) - sp.betaln(a, b),
    cdf=lambda x, a, b: sp.betainc(a, b, x),
    sf=lambda x, a, b: sp.betaincc(a, b, x),
    ppf=lambda q, a, b: sp.betaincinv(a, b, q),
    isf=lambda q, a, b: sp.betainccinv(a, b, q),
    support=(0.0, 1.0),
    limits=_IN_X,
)
expon = distribution(
    "expon",
    lambda x: -x,
    cdf=lambda x: -np.expm1(-x),
    sf=lambda x: np.exp(-x),
    logsf=lambda x: -x,
    ppf=lambda q: -np.log1p(-q),
    isf=lambda q: -np.log(q),
    **_HALF_LINE,
)
laplace = distribution(
    "laplace",
    lambda x: math.log(0.5) - np.abs(x),
    cdf=lambda x: np.where(x > 0, 1.0 - 0.5 * np.exp(-np.abs(x)), 0.5 * np.exp(-np.abs(x))),
    sf=lambda x: np.where(x < 0, 1.0 - 0.5 * np.exp(-np.abs(x)), 0.5 * np.exp(-np.abs(x))),
    ppf=lambda q: np.where(q > 0.5, -np.log(2.0 * (1.0 - q)), np.log(2.0 * q)),
    isf=lambda q: np.where(q > 0.5, np.log(2.0 * (1.0 - q)), -np.log(2.0 * q)),
)
lognorm = distribution(
    "lognorm",
    lambda x, s: -(np.log(x) ** 2) / (2.0 * s**2) - np.log(s * x) - _LOG_ROOT,
    cdf=lambda x, s: sp.ndtr(np.log(x) / s),
    sf=lambda x, s: sp.ndtr(-np.log(x) / s),
    logcdf=lambda x, s: sp.log_ndtr(np.log(x) / s),
    logsf=lambda x, s: sp.log_ndtr(-np.log(x) / s),
    ppf=lambda q, s: np.exp(s * sp.ndtri(q)),
    isf=lambda q, s: np.exp(-s * sp.ndtri(q)),
    open_below=True,
    **_HALF_LINE,
)
uniform = distribution(
    "uniform",
    lambda x: 0.0 * x,
    cdf=lambda x: x,
    sf=lambda x: 1.0 - x,
    ppf=lambda q: q,
    isf=lambda q: 1.0 - q,
    support=(0.0, 1.0),
)
cauchy = distribution(
    "cauchy",
    lambda x: -np.log(math.pi * (1.0 + x * x)),
    cdf=lambda x: np.arctan2(1.0, -x) / math.pi,
    sf=lambda x: np.arctan2(1.0, x) / math.pi,
    ppf=lambda q: np.tan(math.pi * q - math.pi / 2.0),
    isf=lambda q: np.tan(math.pi / 2.0 - math.pi * q),
)
logistic = distribution(
    "logistic",
    lambda x: sp.log_expit(x) + sp.log_expit(-x),
    cdf=sp.expit,
    sf=lambda x: sp.expit(-x),
    logcdf=sp.log_expit,
    logsf=lambda x: sp.log_expit(-x),
    ppf=sp.logit,
    isf=lambda q: -sp.logit(q),
)
chi2 = distribution(
    "chi2",
    lambda x, df: (
        sp.xlogy(df / 2.0 - 1.0, x) - x / 2.0 - sp.gammaln(df / 2.0) - math.log(2.0) * df / 2.0
    ),
    cdf=lambda x, df: sp.chdtr(df, x),
    sf=lambda x, df: sp.chdtrc(df, x),
    ppf=lambda q, df: 2.0 * sp.gammaincinv(df / 2.0, q),
    isf=lambda q, df: sp.chdtri(df, q),
    limits=_IN_X,
    **_HALF_LINE,
)
weibull_min = distribution(
    "weibull_min",
    lambda x, c: np.log(c) + sp.xlogy(c - 1.0, x) - x**c,
    cdf=lambda x, c: -np.expm1(-(x**c)),
    sf=lambda x, c: np.exp(-(x**c)),
    logsf=lambda x, c: -(x**c),
    ppf=lambda q, c: (-np.log1p(-q)) ** (1.0 / c),
    isf=lambda q, c: (-np.log(q)) ** (1.0 / c),
    **_HALF_LINE,
)
pareto = distribution(
    "pareto",
    lambda x, b: np.log(b) - (b + 1.0) * np.log(x),
    cdf=lambda x, b: 1.0 - x ** (-b),
    sf=lambda x, b: x ** (-b),
    ppf=lambda q, b: (1.0 - q) ** (-1.0 / b),
    isf=lambda q, b: q ** (-1.0 / b),
    support=(1.0, np.inf),
    inside=2.0,
)
halfnorm = distribution(
    "halfnorm",
    lambda x: 0.5 * math.log(2.0 / math.pi) - x * x / 2.0,
    cdf=lambda x: sp.erf(x / _ROOT),
    sf=lambda x: sp.erfc(x / _ROOT),
    ppf=lambda q: sp.ndtri((1.0 + q) / 2.0),
    isf=lambda q: -sp.ndtri(q / 2.0),
    **_HALF_LINE,
)
rayleigh = distribution(
    "rayleigh",
    lambda x: np.log(x) - 0.5 * x * x,
    cdf=lambda x: -np.expm1(-0.5 * x**2),
    sf=lambda x: np.exp(-0.5 * x**2),
    logsf=lambda x: -0.5 * x**2,
    ppf=lambda q: np.sqrt(-2.0 * np.log1p(-q)),
    isf=lambda q: np.sqrt(-2.0 * np.log(q)),
    open_below=True,
    **_HALF_LINE,
)
invgamma = distribution(
    "invgamma",
    lambda x, a: -(a + 1.0) * np.log(x) - sp.gammaln(a) - 1.0 / x,
    cdf=lambda x, a: sp.gammaincc(a, 1.0 / x),
    sf=lambda x, a: sp.gammainc(a, 1.0 / x),
    ppf=lambda q, a: 1.0 / sp.gammainccinv(a, q),
    isf=lambda q, a: 1.0 / sp.gammaincinv(a, q),
    limits=_IN_X,
    open_below=True,
    **_HALF_LINE,
)
gumbel_r = distribution(
    "gumbel_r",
    lambda x: -x - np.exp(-x),
    cdf=lambda x: np.exp(-np.exp(-x)),
    sf=lambda x: -np.expm1(-np.exp(-x)),
    logcdf=lambda x: -np.exp(-x),
    ppf=lambda q: -np.log(-np.log(q)),
    isf=lambda q: -np.log(-np.log1p(-q)),
)
f = distribution(
    "f",
    lambda x, dfn, dfd: (
        dfn / 2.0 * np.log(dfn)
        + dfd / 2.0 * np.log(dfd)
        + sp.xlogy(dfn / 2.0 - 1.0, x)
        - (dfn + dfd) / 2.0 * np.log(dfd + dfn * x)
        - sp.betaln(dfn / 2.0, dfd / 2.0)
    ),
    cdf=lambda x, dfn, dfd: sp.fdtr(dfn, dfd, x),
    sf=lambda x, dfn, dfd: sp.fdtrc(dfn, dfd, x),
    limits=_IN_X,
    **_HALF_LINE,
)
skewnorm = distribution(
    "skewnorm",
    lambda x, a: math.log(2.0) + _normal(x) + sp.log_ndtr(a * x),
    valid=lambda a: np.isfinite(a),
)
vonmises = distribution(
    "vonmises",
    lambda x, kappa: kappa * sp.cosm1(x) - math.log(2.0 * math.pi) - np.log(sp.i0e(kappa)),
    valid=lambda kappa: kappa >= 0,
)
