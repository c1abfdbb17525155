"""Special functions of SciPy, at the points where their formulas lose digits or divide 0 by 0."""

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
from scipy import special

from compare.conformance.case import Case
from compare.conformance.families.tables import cases_of

__all__ = ["CASES"]


def _normal(x: Any) -> Any:
    return mp.exp(-(x**2) / 2) / mp.sqrt(2 * mp.pi)


def _scaled_erfc(x: Any) -> Any:
    """Return the slope of erfcx, with the digits that its two terms take from each other."""
    with mp.workdps(120):
        return 2 * x * mp.exp(x**2) * mp.erfc(x) - 2 / mp.sqrt(mp.pi)


def _dawson(x: Any) -> Any:
    with mp.workdps(120):
        value = mp.exp(-(x**2)) * mp.erfi(x) * mp.sqrt(mp.pi) / 2
        return 1 - 2 * x * value


def _scaled(bessel: Callable[[int, Any], Any], sign: int) -> Callable[[Any], Any]:
    """Return the slope of exp(∓x) times a Bessel function of order 0."""

    def slope(x: Any) -> Any:
        with mp.workdps(120):
            return mp.exp(-sign * x) * (sign * bessel(1, x) - sign * bessel(0, x))

    return slope


def _elliptic_k(m: Any) -> Any:
    return mp.pi / 8 if m == 0 else (mp.ellipe(m) / (1 - m) - mp.ellipk(m)) / (2 * m)


def _elliptic_e(m: Any) -> Any:
    return -mp.pi / 8 if m == 0 else (mp.ellipe(m) - mp.ellipk(m)) / (2 * m)


def _exprel(x: Any) -> Any:
    with mp.workdps(120):
        return mp.mpf(1) / 2 if x == 0 else (mp.exp(x) * (x - 1) + 1) / x**2


def _reciprocal_gamma(x: Any) -> Any:
    if x <= 0 and x == mp.floor(x):
        return (-1) ** int(x) * mp.factorial(-x)
    return -mp.psi(0, x) * mp.rgamma(x)


def _gamma_density(a: Any, x: Any) -> Any:
    return mp.exp(-x + (a - 1) * mp.log(x) - mp.loggamma(a))


def _logistic(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


_UNARY = [
    (special.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-(x**2)), (0.0, 26.0)),
    (special.erfc, lambda x: -2 / mp.sqrt(mp.pi) * mp.exp(-(x**2)), (-1.3, 26.0)),
    (special.erfcx, _scaled_erfc, (0.7, 30.0, 1e5)),
    (
        special.erfinv,
        lambda p: mp.sqrt(mp.pi) / 2 * mp.exp(mp.erfinv(p) ** 2),
        (0.0, 0.999999),
    ),
    (special.dawsn, _dawson, (0.7, 1e4)),
    (special.ndtr, _normal, (0.0, -30.0)),
    (special.log_ndtr, lambda x: _normal(x) / mp.ncdf(x), (-50.0, -1e4, 8.0)),
    (special.expit, lambda x: _logistic(x) * _logistic(-x), (0.0, 40.0, -700.0)),
    (special.log_expit, lambda x: _logistic(-x), (-800.0, 30.0)),
    (special.logit, lambda p: 1 / (p * (1 - p)), (1e-300, 0.5)),
    (special.gammaln, lambda x: mp.psi(0, x), (1e-10, -0.5, 1e10)),
    (special.gamma, lambda x: mp.gamma(x) * mp.psi(0, x), (0.5, -1.5, 170.0)),
    (special.rgamma, _reciprocal_gamma, (0.0, -2.0, 2.5)),
    (special.digamma, lambda x: mp.psi(1, x), (1e-5, -0.5, 1e10)),
    (special.i0, lambda x: mp.besseli(1, x), (0.0, 700.0)),
    (special.i0e, _scaled(mp.besseli, 1), (2.0, 1e3)),
    (special.i1, lambda x: (mp.besseli(0, x) + mp.besseli(2, x)) / 2, (0.0, 1e-10)),
    (special.k0, lambda x: -mp.besselk(1, x), (1e-10, 600.0)),
    (special.k0e, _scaled(mp.besselk, -1), (2.0, 1e3)),
    (special.j0, lambda x: -mp.besselj(1, x), (0.0, 50.0)),
    (special.j1, lambda x: (mp.besselj(0, x) - mp.besselj(2, x)) / 2, (0.0, 1e-10)),
    (special.y0, lambda x: -mp.bessely(1, x), (1e-10, 50.0)),
    (special.exp1, lambda x: -mp.exp(-x) / x, (1e-10, 700.0)),
    (special.expi, lambda x: mp.exp(x) / x, (-1.0, 1e-10)),
    (special.ellipk, _elliptic_k, (0.0, 1e-10, 0.5)),
    (special.ellipe, _elliptic_e, (0.0, 1e-10)),
    (special.exprel, _exprel, (0.0, 1e-8, 50.0)),
    (special.entr, lambda x: -mp.log(x) - 1, (0.5, 1e-300)),
    (special.spence, lambda x: mp.log(x) / (1 - x) if x != 1 else mp.mpf(-1), (1.0, 1e-10)),
]

_MORE = [
    (special.xlogy, (lambda x, y: mp.log(y), None), ((0.0, 2.0),)),
    (special.xlogy, (None, lambda x, y: x / y), ((0.0, 2.0),)),
    (special.xlog1py, (None, lambda x, y: x / (1 + y)), ((3.0, -0.5),)),
    (special.rel_entr, (lambda x, y: mp.log(x / y) + 1, None), ((0.5, 0.25),)),
    (special.kl_div, (None, lambda x, y: 1 - x / y), ((0.5, 0.25),)),
    (special.gammainc, (None, _gamma_density), ((100.0, 99.0),)),
    (special.gammaincc, (None, lambda a, x: -_gamma_density(a, x)), ((0.5, 1e-10),)),
    (
        special.betainc,
        (
            None,
            None,
            lambda a, b, x: mp.power(x, a - 1) * mp.power(1 - x, b - 1) / mp.beta(a, b),
        ),
        ((50.0, 0.5, 0.999),),
    ),
    (special.betaln, (lambda a, b: mp.psi(0, a) - mp.psi(0, a + b), None), ((3.0, 0.5),)),
    (
        special.jv,
        (None, lambda v, x: (mp.besselj(v - 1, x) - mp.besselj(v + 1, x)) / 2),
        ((2.5, 1e-3),),
    ),
    (
        special.kv,
        (None, lambda v, x: -(mp.besselk(v - 1, x) + mp.besselk(v + 1, x)) / 2),
        ((0.5, 2.0),),
    ),
    (
        special.hyp2f1,
        (None, None, None, lambda a, b, c, z: a * b / c * mp.hyp2f1(a + 1, b + 1, c + 1, z)),
        ((1.0, 2.0, 3.5, 0.9),),
    ),
    (special.boxcox, (lambda x, power: mp.power(x, power - 1), None), ((2.0, 0.0),)),
]


#: Some libraries compute these slopes from the value, as s(1 - s) and 1 - 2 x dawsn(x); that of
#: log_ndtr, of the size of x, by an exponent of the size of x²; and that of spence by 1 - x, whose
#: rounding is 1/x times as large.
CASES = cases_of(
    _UNARY + _MORE,
    {
        special.expit: 1.0,
        special.erfcx: 1.0,
        special.dawsn: 1.0,
        special.log_ndtr: 5e11,
        special.spence: 1e10,
    },
)

CASES += [
    Case(
        "logsumexp of two that are huge",
        lambda x: special.logsumexp(x),
        (np.array([1000.0, 1000.0]),),
        (np.array([0.5, 0.5]),),
    ),
    Case(
        "logsumexp with a probability of 0",
        lambda x: special.logsumexp(x),
        (np.array([0.0, -np.inf]),),
        (np.array([1.0, 0.0]),),
    ),
]
