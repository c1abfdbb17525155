"""Hypergeometric functions, exponential integrals and what is defined by an integral.

Source: NIST Digital Library of Mathematical Functions, chapters 6, 13, 15 and 16, and 25.12 for the
dilogarithm. No derivatives with respect to the parameters are known in closed form.
"""

import numpy as np
import scipy.special as sp

from autodiff.core.primitive import Array
from autodiff.rules.special.entries import special

_POSITIVE = (0.4, 3.0)
_PARAMETER = (0.5, 2.5)

special(
    "hyp0f1",
    *("v", lambda out, v, z: sp.hyp0f1(v + 1, z) / v),
    domain=[_PARAMETER, (-2.0, 2.0)],
    complex=True,
)
special(
    "hyp1f1",
    *("a", "b", lambda out, a, b, x: sp.hyp1f1(a + 1, b + 1, x) * (a / b)),
    domain=[_PARAMETER, _PARAMETER, (-2.0, 2.0)],
    complex=True,
    partly=True,
)


def _gauss_slope(out: Array, a: Array, b: Array, c: Array, z: Array) -> Array:
    slope = sp.hyp2f1(a + 1, b + 1, c + 1, z) * (a * b / c)
    return np.where((a * b == 0) & (c != 0), 0.0, slope)


special(
    "hyp2f1",
    *("a", "b", "c", _gauss_slope),
    domain=[_PARAMETER, _PARAMETER, _PARAMETER, (-0.6, 0.6)],
    complex=True,
    partly=True,
)
special(
    "hyperu",
    *("a", "b", lambda out, a, b, x: -a * sp.hyperu(a + 1, b + 1, x)),
    domain=[_PARAMETER, _PARAMETER, _POSITIVE],
    partly=True,
)
special(
    "wright_bessel",
    *("a", "b", lambda out, a, b, x: sp.wright_bessel(a, a + b, x)),
    domain=[(0.2, 1.5), _PARAMETER, _POSITIVE],
    partly=True,
)
special(
    "log_wright_bessel",
    *("a", "b", lambda out, a, b, x: np.exp(sp.log_wright_bessel(a, a + b, x) - out)),
    domain=[(0.2, 1.5), _PARAMETER, _POSITIVE],
    partly=True,
)

special("expi", lambda out, x: np.exp(x) / x, domain=[_POSITIVE], complex=True, partly=True)
special("exp1", lambda out, x: -np.exp(-x) / x, domain=[_POSITIVE], complex=True, partly=True)


def _expn(out: Array, n: Array, x: Array) -> Array:
    n = np.trunc(n)  # as SciPy does
    return -np.where(n == 0, out * (1.0 + 1.0 / x), sp.expn(np.maximum(n - 1, 0), x))


special("expn", "n", _expn, domain=[(0, 3), _POSITIVE], partly=True)


def _spence(out: Array, x: Array) -> Array:
    # log(x) / (1 - x) is 0/0 at 1.
    near = np.absolute(x - 1.0) < 0.5
    away = np.where(near, 2.0, x)
    close = np.where(near, 1.0 - x, 0.0)
    return np.where(near, -sp.hyp2f1(1.0, 1.0, 2.0, close), np.log(away) / (1.0 - away))


special("spence", _spence, domain=[(0.2, 3.0)], complex=True)
