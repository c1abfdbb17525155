"""The gamma function and its family, with the incomplete integrals and their inverses.

Source: NIST Digital Library of Mathematical Functions, chapters 5, 8 and 25 (25.11.17 for the
derivatives of digamma, which are Hurwitz zeta functions). Differences of digamma, in the
derivatives of beta functions, have the absolute error of digamma itself. The densities of the
incomplete functions are exponentials of a difference: their relative error is the machine's
times the parameters' magnitude times its logarithm.
"""

import math

import numpy as np
import scipy.special as sp

from autodiff.core.primitive import Array
from autodiff.rules.special.entries import special

_POSITIVE = (0.6, 3.0)
_INSIDE = (0.1, 0.9)


def _rgamma(out: Array, x: Array) -> Array:
    # At the zeros digamma is infinite: by reflection, 1/Γ(1 - y) = Γ(y) sin(πy)/π, left of 1/2.
    left = np.real(x) < 0.5
    right = np.where(left, 1.0, x)
    mirrored = 1.0 - np.where(left, x, 0.0)
    nearest = np.rint(np.real(mirrored))
    turn = math.pi * (mirrored - nearest)  # sine and cosine of multiples of half turns are exact
    sign = 1.0 - 2.0 * np.remainder(nearest, 2.0)
    slope = np.cos(turn) + np.sin(turn) * (sp.psi(mirrored) / math.pi)
    return np.where(left, -sign * sp.gamma(mirrored) * slope, -sp.rgamma(right) * sp.psi(right))


special("gamma", lambda out, x: out * sp.psi(x), domain=[_POSITIVE], complex=True)
special("gammaln", lambda out, x: sp.psi(x), domain=[_POSITIVE])
special("loggamma", lambda out, x: sp.psi(x), domain=[_POSITIVE], complex=True)
special("rgamma", _rgamma, domain=[(-2.5, 3.0)], complex=True)
special("psi", lambda out, x: sp.zeta(2, x), domain=[_POSITIVE])
special("_zeta", "x", lambda out, s, q: -s * sp.zeta(s + 1, q), domain=[(1.5, 4.0), _POSITIVE])

special(
    "beta",
    lambda out, a, b: out * (sp.psi(a) - sp.psi(a + b)),
    lambda out, a, b: out * (sp.psi(b) - sp.psi(a + b)),
    domain=[_POSITIVE],
)
special(
    "betaln",
    lambda out, a, b: sp.psi(a) - sp.psi(a + b),
    lambda out, a, b: sp.psi(b) - sp.psi(a + b),
    domain=[_POSITIVE],
)
special(
    "poch",
    lambda out, z, m: out * (sp.psi(z + m) - sp.psi(z)),
    lambda out, z, m: out * sp.psi(z + m),
    domain=[_POSITIVE],
)
special(
    "binom",
    lambda out, n, k: out * (sp.psi(n + 1) - sp.psi(n - k + 1)),
    lambda out, n, k: out * (sp.psi(n - k + 1) - sp.psi(k + 1)),
    domain=[(3.0, 5.0), (0.5, 2.5)],
)


def gamma_density(a: Array, x: Array) -> Array:
    """Return the density of the gamma distribution of shape `a`: the derivative of gammainc."""
    return np.exp(sp.xlogy(a - 1.0, x) - x - sp.gammaln(a))


def beta_density(a: Array, b: Array, x: Array) -> Array:
    """Return the density of the beta distribution: the derivative of betainc."""
    return np.exp(sp.xlogy(a - 1.0, x) + sp.xlog1py(b - 1.0, -x) - sp.betaln(a, b))


special("gammainc", "a", lambda out, a, x: gamma_density(a, x), domain=[_POSITIVE])
special("gammaincc", "a", lambda out, a, x: -gamma_density(a, x), domain=[_POSITIVE])
special(
    "gammaincinv", "a", lambda out, a, y: 1.0 / gamma_density(a, out), domain=[_POSITIVE, _INSIDE]
)
special(
    "gammainccinv", "a", lambda out, a, y: -1.0 / gamma_density(a, out), domain=[_POSITIVE, _INSIDE]
)
special(
    "betainc",
    *("a", "b", lambda out, a, b, x: beta_density(a, b, x)),
    domain=[_POSITIVE, _POSITIVE, _INSIDE],
)
special(
    "betaincc",
    *("a", "b", lambda out, a, b, x: -beta_density(a, b, x)),
    domain=[_POSITIVE, _POSITIVE, _INSIDE],
)
special(
    "betaincinv",
    *("a", "b", lambda out, a, b, y: 1.0 / beta_density(a, b, out)),
    domain=[_POSITIVE, _POSITIVE, _INSIDE],
)
special(
    "betainccinv",
    *("a", "b", lambda out, a, b, y: -1.0 / beta_density(a, b, out)),
    domain=[_POSITIVE, _POSITIVE, _INSIDE],
)
