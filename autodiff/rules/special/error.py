"""The error function and its family, and the normal distribution.

Source: NIST Digital Library of Mathematical Functions, chapter 7. The derivatives of the scaled
functions erfcx, dawsn and wofz are differences that cancel for large arguments: there the
derivative of their asymptotic series (7.12.1) is summed, whose terms sink below 1e-16 from 8 on.
"""

import math

import numpy as np
import scipy.special as sp

from autodiff.core.primitive import Array
from autodiff.rules.special.entries import special

_TWO_BY_ROOT_PI = 2.0 / math.sqrt(math.pi)
_ROOT_TWO = math.sqrt(2.0)
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
_FAR = 8.0
_TERMS = 18
_INSIDE = (-0.9, 0.9)
_PROBABILITY = (0.1, 0.9)


def _tail(t: Array) -> Array:
    """Return 1 + 1·3 t + 1·3·5 t² + ..., an asymptotic series."""
    total = 1.0 + 0.0 * t
    for n in range(_TERMS, 0, -1):
        total = 1.0 + (2 * n + 1) * t * total
    return total


def _apart(far: Array, near: Array, z: Array, sign: float, scale: complex) -> Array:
    """Return the slope `near`, and the tail's where the argument is far."""
    if isinstance(far, np.ndarray | np.bool_) and not np.count_nonzero(far):
        return near
    away = np.where(far, z, _FAR)
    return np.where(far, scale / away / away * _tail(sign * 0.5 / away / away), near)


def _erfcx(out: Array, x: Array) -> Array:
    near = 2.0 * x * out - _TWO_BY_ROOT_PI
    return _apart(np.real(x) > _FAR, near, x, -1.0, -0.5 * _TWO_BY_ROOT_PI)


def _dawsn(out: Array, x: Array) -> Array:
    near = 1.0 - 2.0 * x * out
    if np.iscomplexobj(x):
        return near
    return _apart(np.absolute(x) > _FAR, near, x, 1.0, -0.5)


def _wofz(out: Array, z: Array) -> Array:
    near = 1j * _TWO_BY_ROOT_PI - 2.0 * z * out
    far = (np.absolute(z) > _FAR) & (np.imag(z) >= 0)
    return _apart(far, near, z + 0j, 1.0, -0.5j * _TWO_BY_ROOT_PI)


def _normal_density(x: Array) -> Array:
    return np.exp(-0.5 * x * x) / _ROOT_TWO_PI


def _log_ndtr(out: Array, x: Array) -> Array:
    # The density divided by the distribution, of which neither may be 0.
    return (_TWO_BY_ROOT_PI / _ROOT_TWO) / sp.erfcx(-x / _ROOT_TWO)


special("erf", lambda out, x: _TWO_BY_ROOT_PI * np.exp(-x * x), complex=True)
special("erfc", lambda out, x: -_TWO_BY_ROOT_PI * np.exp(-x * x), complex=True)
special("erfi", lambda out, x: _TWO_BY_ROOT_PI * np.exp(x * x), complex=True)
special("erfcx", _erfcx)
special("dawsn", _dawsn, complex=True)
special("wofz", _wofz, complex=True)
special("erfinv", lambda out, y: np.exp(out * out) / _TWO_BY_ROOT_PI, domain=[_INSIDE])
special("erfcinv", lambda out, y: -np.exp(out * out) / _TWO_BY_ROOT_PI, domain=[(0.2, 1.8)])

special("ndtr", lambda out, x: _normal_density(x), complex=True)
special("log_ndtr", _log_ndtr, complex=False)
special("ndtri", lambda out, p: _ROOT_TWO_PI * np.exp(0.5 * out * out), domain=[_PROBABILITY])
# The inverse of log_ndtr.
special(
    "ndtri_exp",
    lambda out, y: sp.erfcx(-out / _ROOT_TWO) * (_ROOT_TWO / _TWO_BY_ROOT_PI),
    domain=[(-4.0, -0.2)],
)
special(
    "owens_t",
    lambda out, h, a: -np.exp(-0.5 * h * h) * sp.erf(a * h / _ROOT_TWO) / (2.0 * _ROOT_TWO_PI),
    lambda out, h, a: np.exp(-0.5 * h * h * (1.0 + a * a)) / (2.0 * math.pi * (1.0 + a * a)),
)


def _voigt_slope(x: Array, sigma: Array, gamma: Array) -> tuple[Array, Array]:
    """Return the argument of the Faddeeva function, and its derivative there."""
    z = (x + 1j * gamma) / (sigma * _ROOT_TWO)
    return z, _wofz(sp.wofz(z), z) / (sigma * _ROOT_TWO_PI)


def _voigt_x(out: Array, x: Array, sigma: Array, gamma: Array) -> Array:
    _, slope = _voigt_slope(x, sigma, gamma)
    return np.real(slope) / (sigma * _ROOT_TWO)


def _voigt_sigma(out: Array, x: Array, sigma: Array, gamma: Array) -> Array:
    z, slope = _voigt_slope(x, sigma, gamma)
    return -(out + np.real(z * slope)) / sigma


def _voigt_gamma(out: Array, x: Array, sigma: Array, gamma: Array) -> Array:
    _, slope = _voigt_slope(x, sigma, gamma)
    return -np.imag(slope) / (sigma * _ROOT_TWO)


special(
    "voigt_profile",
    *(_voigt_x, _voigt_sigma, _voigt_gamma),
    domain=[(-2.0, 2.0), (0.5, 2.0), (0.5, 2.0)],
)
