"""Elliptic integrals, complete, incomplete and in Carlson's symmetric form.

Source: NIST Digital Library of Mathematical Functions, 19.4, 19.5.1, 19.18 and 19.25. The textbook
quotients, such as (E - (1 - m) K) / (2 m (1 - m)), are 0/0 at m = 0 and cancel near it; the
symmetric integrals and the hypergeometric function are neither. The slope of the integral of the
second symmetric kind, elliprd, is a difference that cancels where its arguments come close, and
NaN where two coincide.
"""

import math

import numpy as np
import scipy.special as sp

from autodiff.core.primitive import Array
from autodiff.rules.special.entries import special

_POSITIVE = (0.3, 3.0)
_SPREAD = [(0.3, 0.8), (1.0, 1.6), (2.0, 3.0)]


def _complete_first(m: Array) -> Array:
    """Return dK/dm."""
    return (math.pi / 8.0) * sp.hyp2f1(1.5, 1.5, 2.0, m)


def _complete_second(m: Array) -> Array:
    """Return dE/dm."""
    return (-math.pi / 8.0) * sp.hyp2f1(0.5, 1.5, 2.0, m)


special("ellipk", lambda out, m: _complete_first(m), domain=[(-2.0, 0.9)])
special("ellipe", lambda out, m: _complete_second(m), domain=[(-2.0, 0.9)])


def _ellipkm1(out: Array, p: Array) -> Array:
    # 1 - p would lose the digits of a small p, which is what this function is for.
    small = p < 0.5
    tiny, rest = np.where(small, p, 0.5), np.where(small, 0.5, p)
    return -np.where(small, sp.elliprd(0.0, 1.0, tiny) / 6.0, _complete_first(1.0 - rest))


special("ellipkm1", _ellipkm1, domain=[(0.1, 0.8)])


def ellipkinc_by_parameter(phi: Array, m: Array) -> Array:
    """Return the derivative of the incomplete integral of the first kind by its parameter."""
    sine, cosine = np.sin(phi), np.cos(phi)
    within = sine**3 * sp.elliprd(cosine**2, 1.0, 1.0 - m * sine**2) / 6.0
    turns = np.rint(phi / math.pi)
    # The sine is that of the angle less the turns but for its sign.
    sign = 1.0 - 2.0 * np.remainder(turns, 2.0)
    return sign * within + 2.0 * turns * _complete_first(m)


def _ellipeinc_m(out: Array, phi: Array, m: Array) -> Array:
    sine, cosine = np.sin(phi), np.cos(phi)
    within = -(sine**3) * sp.elliprd(cosine**2, 1.0 - m * sine**2, 1.0) / 6.0
    turns = np.rint(phi / math.pi)
    sign = 1.0 - 2.0 * np.remainder(turns, 2.0)
    return sign * within + 2.0 * turns * _complete_second(m)


special(
    "ellipkinc",
    lambda out, phi, m: 1.0 / np.sqrt(1.0 - m * np.sin(phi) ** 2),
    lambda out, phi, m: ellipkinc_by_parameter(phi, m),
    domain=[(0.3, 4.0), (0.2, 0.8)],
    partly=True,
)
special(
    "ellipeinc",
    lambda out, phi, m: np.sqrt(1.0 - m * np.sin(phi) ** 2),
    _ellipeinc_m,
    domain=[(0.3, 4.0), (0.2, 0.8)],
    partly=True,
)


def _elliprd_x(x: Array, y: Array, z: Array) -> Array:
    """Return the derivative with respect to the first argument, by 19.18.10 for b = 1/2."""
    gap = np.where(x == z, np.nan, x - z)
    return 0.5 * (sp.elliprd(y, z, x) - sp.elliprd(x, y, z)) / gap


def _elliprd_x_times_x(x: Array, y: Array, z: Array) -> Array:
    """Return the same times the argument, which is 0 where the argument is."""
    return np.where(x == 0, 0.0, x * _elliprd_x(np.where(x == 0, 0.5 * z, x), y, z))


def _elliprd_z(out: Array, x: Array, y: Array, z: Array) -> Array:
    # Euler's theorem: the function is homogeneous of degree -3/2.
    return -(1.5 * out + _elliprd_x_times_x(x, y, z) + _elliprd_x_times_x(y, x, z)) / z


def _elliprg_x(x: Array, y: Array, z: Array) -> Array:
    return 0.25 * (sp.elliprf(x, y, z) - x * sp.elliprd(y, z, x) / 3.0)


special(
    "elliprf",
    lambda out, x, y, z: -sp.elliprd(y, z, x) / 6.0,
    lambda out, x, y, z: -sp.elliprd(x, z, y) / 6.0,
    lambda out, x, y, z: -sp.elliprd(x, y, z) / 6.0,
    domain=_SPREAD,
    complex=True,
)


def _elliprc(b: float, out: Array, x: Array, y: Array) -> Array:
    """Return a hypergeometric function that the derivatives for y > 0 are multiples of."""
    right = np.where(y < 0, 1.0, y)
    return np.power(right, -1.5) * sp.hyp2f1(1.5, b, 2.5, 1.0 - x / right)


def _elliprc_x(out: Array, x: Array, y: Array) -> Array:
    # The principal value for y < 0 solves the same equation; there is no cancellation there.
    left = np.where(y < 0, y, -1.0)
    principal = 0.5 * (out - 1.0 / np.sqrt(x)) / (left - x)
    return np.where(y < 0, principal, _elliprc(1.5, out, x, y) / -6.0)


def _elliprc_y(out: Array, x: Array, y: Array) -> Array:
    left = np.where(y < 0, y, -1.0)
    principal = 0.5 * (np.sqrt(x) / left - out) / (left - x)
    return np.where(y < 0, principal, _elliprc(0.5, out, x, y) / -3.0)


special("elliprc", *(_elliprc_x, _elliprc_y), domain=[_POSITIVE], partly=True)
special(
    "elliprd",
    lambda out, x, y, z: _elliprd_x(x, y, z),
    lambda out, x, y, z: _elliprd_x(y, x, z),
    _elliprd_z,
    domain=_SPREAD,
    complex=True,
)
special(
    "elliprg",
    lambda out, x, y, z: _elliprg_x(x, y, z),
    lambda out, x, y, z: _elliprg_x(y, x, z),
    lambda out, x, y, z: _elliprg_x(z, x, y),
    domain=_SPREAD,
    complex=True,
)


def _agm(out: Array, a: Array, b: Array) -> Array:
    """Return the derivative with respect to `a`, of the mean π / (2 F(0, a², b²))."""
    near = np.absolute(a - b) < 0.5 * np.absolute(a + b)
    # Where one is small, the symmetric integral keeps its digits; where both are equal, the series.
    far = np.where(near, 1.0, a), np.where(near, 2.0, b)
    small, large = far[0] * far[0], far[1] * far[1]
    by_integral = (
        out * out * (2.0 / (3.0 * math.pi)) * np.absolute(far[0]) * sp.elliprd(0.0, large, small)
    )
    half, gap = 0.5 * (a + b), 0.5 * np.where(near, a - b, 0.0)
    ratio = gap / half
    series = sp.hyp2f1(0.5, 0.5, 1.0, ratio * ratio)
    slope = 0.25 * sp.hyp2f1(1.5, 1.5, 2.0, ratio * ratio)
    by_series = (0.5 - slope / series * ratio * (1.0 - ratio)) / series
    slope = np.where(near, by_series, by_integral)
    return np.where((b == 0) & (a != 0), 0.0, slope)


special(
    "agm",
    _agm,
    lambda out, a, b: _agm(out, b, a),
    domain=[_POSITIVE],
)
