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
special("loggamma", lambda out, x: sp.psi(x), domain=[_POSITIVE], complex=True, partly=True)
special("rgamma", _rgamma, domain=[(-2.5, 3.0)], complex=True)
special("psi", lambda out, x: sp.zeta(2, x), domain=[_POSITIVE])
special(
    "_zeta",
    "x",
    lambda out, s, q: -s * sp.zeta(s + 1, q),
    domain=[(1.5, 4.0), _POSITIVE],
    partly=True,
)


def _is_pole(x: Array) -> Array:
    return (x <= 0) & (x == np.floor(x))


def _psi_difference(x: Array, y: Array) -> Array:
    """Return ψ(x) - ψ(y); of two poles, by reflection, in which the infinite parts cancel."""
    both = _is_pole(x) & _is_pole(y)
    return sp.psi(np.where(both, 1.0 - x, x)) - sp.psi(np.where(both, 1.0 - y, y))


def _by_zero(usual: Array, zero: Array, factor: Array, pole: Array, rest: Array) -> Array:
    """Return the slope of a quotient where it is zero since Γ(pole) below it is infinite.

    There it is the `factor` times the slope of 1/Γ. The `rest` of the product rule is zero, but its
    slope is not.
    """
    return np.where(zero, factor * _rgamma(pole, np.where(zero, pole, 1.0)) + rest, usual)


def _beta(out: Array, a: Array, b: Array) -> Array:
    total = a + b
    zero = _is_pole(total) & np.logical_not(_is_pole(a)) & np.logical_not(_is_pole(b))
    return _by_zero(
        out * _psi_difference(a, total), zero, sp.gamma(a) * sp.gamma(b), total, out * sp.psi(a)
    )


def _betaln(out: Array, a: Array, b: Array) -> Array:
    return np.where(np.isfinite(out), _psi_difference(a, a + b), np.nan)


def _poch(out: Array, z: Array, m: Array) -> Array:
    zero = _is_pole(z) & np.logical_not(_is_pole(z + m))
    return _by_zero(out * _psi_difference(z + m, z), zero, sp.gamma(z + m), z, out * sp.psi(z + m))


def _rest(out: Array, n: Array, k: Array) -> Array:
    """Return n - k + 1; where SciPy counts it as a pole but for rounding, that pole."""
    rest = n - k + 1.0
    nearest = np.rint(rest)
    near = (rest != nearest) & (np.absolute(rest - nearest) < 1e-12)
    return np.where((out == 0) & near, nearest, rest)


def _binom(out: Array, n: Array, k: Array) -> Array:
    rest = _rest(out, n, k)
    zero = _is_pole(rest) & np.logical_not(_is_pole(n + 1.0)) & np.logical_not(_is_pole(k + 1.0))
    factor = sp.gamma(n + 1.0) * sp.rgamma(k + 1.0)
    usual = out * _psi_difference(n + 1.0, rest)
    return _by_zero(usual, zero, factor, rest, out * sp.psi(n + 1.0))


def _binom_k(out: Array, n: Array, k: Array) -> Array:
    below, rest = k + 1.0, _rest(out, n, k)
    regular = np.logical_not(_is_pole(n + 1.0))
    usual = out * _psi_difference(rest, below)
    zero = _is_pole(rest) & np.logical_not(_is_pole(below)) & regular
    usual = _by_zero(usual, zero, -sp.gamma(n + 1.0) * sp.rgamma(below), rest, -out * sp.psi(below))
    zero = _is_pole(below) & np.logical_not(_is_pole(rest)) & regular
    return _by_zero(usual, zero, sp.gamma(n + 1.0) * sp.rgamma(rest), below, out * sp.psi(rest))


special("beta", _beta, lambda out, a, b: _beta(out, b, a), domain=[_POSITIVE])
special("betaln", _betaln, lambda out, a, b: _betaln(out, b, a), domain=[_POSITIVE])
special("poch", _poch, lambda out, z, m: out * sp.psi(z + m), domain=[_POSITIVE])
special("binom", _binom, _binom_k, domain=[(3.0, 5.0), (0.5, 2.5)])


def gamma_density(a: Array, x: Array) -> Array:
    """Return the density of the gamma distribution of shape `a`: the derivative of gammainc."""
    return np.exp(sp.xlogy(a - 1.0, x) - x - sp.gammaln(a))


def beta_density(a: Array, b: Array, x: Array) -> Array:
    """Return the density of the beta distribution: the derivative of betainc."""
    return np.exp(sp.xlogy(a - 1.0, x) + sp.xlog1py(b - 1.0, -x) - sp.betaln(a, b))


special("gammainc", "a", lambda out, a, x: gamma_density(a, x), domain=[_POSITIVE], partly=True)
special("gammaincc", "a", lambda out, a, x: -gamma_density(a, x), domain=[_POSITIVE], partly=True)
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
    partly=True,
)
special(
    "betaincc",
    *("a", "b", lambda out, a, b, x: -beta_density(a, b, x)),
    domain=[_POSITIVE, _POSITIVE, _INSIDE],
    partly=True,
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
