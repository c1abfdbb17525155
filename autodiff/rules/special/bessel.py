"""Bessel functions and their relatives, with respect to the argument.

Source: NIST Digital Library of Mathematical Functions, 10.6.1, 10.29.1, 10.51 (spherical), 10.61
and 11.4.27. The derivatives are sums of neighbouring orders rather than quotients by the argument,
and so are right at 0 too. Those of the exponentially scaled functions cancel for large arguments:
their error is absolute. No derivative with respect to the order is known in closed form.
"""

import math

import numpy as np
import scipy.special as sp

from autodiff.core.primitive import Array
from autodiff.rules.special.entries import special

_POSITIVE = (0.4, 4.0)
_ORDER = (0.3, 2.7)

special("j0", lambda out, x: -sp.j1(x))
special("j1", lambda out, x: 0.5 * (sp.j0(x) - sp.jv(2, x)))
special("y0", lambda out, x: -sp.y1(x), domain=[_POSITIVE])
special("y1", lambda out, x: 0.5 * (sp.y0(x) - sp.yn(2, x)), domain=[_POSITIVE])
special("i0", lambda out, x: sp.i1(x))
special("i1", lambda out, x: 0.5 * (sp.i0(x) + sp.iv(2, x)))
special("k0", lambda out, x: -sp.k1(x), domain=[_POSITIVE])
special("k1", lambda out, x: -0.5 * (sp.k0(x) + sp.kv(2, x)), domain=[_POSITIVE])
special("i0e", lambda out, x: sp.i1e(x) - np.sign(x) * out, domain=[_POSITIVE])
special(
    "i1e",
    lambda out, x: 0.5 * (sp.i0e(x) + sp.ive(2, x)) - np.sign(x) * out,
    domain=[_POSITIVE],
)
special("k0e", lambda out, x: out - sp.k1e(x), domain=[_POSITIVE])
special("k1e", lambda out, x: out - 0.5 * (sp.k0e(x) + sp.kve(2, x)), domain=[_POSITIVE])

_BOTH = [_ORDER, _POSITIVE]
special(
    "jv",
    *("v", lambda out, v, z: 0.5 * (sp.jv(v - 1, z) - sp.jv(v + 1, z))),
    domain=_BOTH,
    complex=True,
)
special(
    "yv",
    *("v", lambda out, v, z: 0.5 * (sp.yv(v - 1, z) - sp.yv(v + 1, z))),
    domain=_BOTH,
    complex=True,
)
special(
    "iv",
    *("v", lambda out, v, z: 0.5 * (sp.iv(v - 1, z) + sp.iv(v + 1, z))),
    domain=_BOTH,
    complex=True,
)
special(
    "kv",
    *("v", lambda out, v, z: -0.5 * (sp.kv(v - 1, z) + sp.kv(v + 1, z))),
    domain=_BOTH,
    complex=True,
)
# Orders are cut to whole numbers, as SciPy does.
special(
    "yn",
    *("n", lambda out, n, x: 0.5 * (sp.yn(np.trunc(n) - 1.0, x) - sp.yn(np.trunc(n) + 1.0, x))),
    domain=[(0, 3), _POSITIVE],
)
special(
    "kn",
    *("n", lambda out, n, x: -0.5 * (sp.kv(np.trunc(n) - 1.0, x) + sp.kv(np.trunc(n) + 1.0, x))),
    domain=[(0, 3), _POSITIVE],
)
# The scale is exp(-|imaginary part|) or exp(-|real part|), which is not holomorphic.
special(
    "jve",
    *("v", lambda out, v, z: 0.5 * (sp.jve(v - 1, z) - sp.jve(v + 1, z))),
    domain=_BOTH,
)
special(
    "yve",
    *("v", lambda out, v, z: 0.5 * (sp.yve(v - 1, z) - sp.yve(v + 1, z))),
    domain=_BOTH,
)
special(
    "ive",
    *("v", lambda out, v, z: 0.5 * (sp.ive(v - 1, z) + sp.ive(v + 1, z)) - np.sign(z) * out),
    domain=_BOTH,
)
special(
    "kve",
    *("v", lambda out, v, z: out - 0.5 * (sp.kve(v - 1, z) + sp.kve(v + 1, z))),
    domain=_BOTH,
    complex=True,
)
special(
    "hankel1",
    *("v", lambda out, v, z: 0.5 * (sp.hankel1(v - 1, z) - sp.hankel1(v + 1, z))),
    domain=_BOTH,
    complex=True,
)
special(
    "hankel2",
    *("v", lambda out, v, z: 0.5 * (sp.hankel2(v - 1, z) - sp.hankel2(v + 1, z))),
    domain=_BOTH,
    complex=True,
)
special(
    "hankel1e",
    *("v", lambda out, v, z: 0.5 * (sp.hankel1e(v - 1, z) - sp.hankel1e(v + 1, z)) - 1j * out),
    domain=_BOTH,
    complex=True,
)
special(
    "hankel2e",
    *("v", lambda out, v, z: 0.5 * (sp.hankel2e(v - 1, z) - sp.hankel2e(v + 1, z)) + 1j * out),
    domain=_BOTH,
    complex=True,
)


def _struve_term(v: Array, x: Array) -> Array:
    # Of -0 as of 0: the infinite parts cancel, which is NaN.
    return np.power(0.5 * x + 0.0, v) / (math.sqrt(math.pi) * sp.gamma(v + 1.5))


special(
    "struve",
    "v",
    lambda out, v, x: 0.5 * (sp.struve(v - 1, x) - sp.struve(v + 1, x) + _struve_term(v, x)),
    domain=_BOTH,
)
special(
    "modstruve",
    "v",
    lambda out, v, x: 0.5 * (sp.modstruve(v - 1, x) + sp.modstruve(v + 1, x) + _struve_term(v, x)),
    domain=_BOTH,
)


def _quotient(x: Array, y: Array, limit: float) -> Array:
    """Return x / y, and its limit where y is 0."""
    return np.where(y == 0, limit, x / np.where(y == 0, 1.0, y))


special("itstruve0", lambda out, x: sp.struve(0, x), domain=[_POSITIVE])
special(
    "it2struve0", lambda out, x: -_quotient(sp.struve(0, x), x, 2.0 / math.pi), domain=[_POSITIVE]
)
special("itmodstruve0", lambda out, x: sp.modstruve(0, x), domain=[_POSITIVE])

# Kelvin functions: ber + i bei and ker + i kei solve w'' + w'/x = i w.
special("ber", lambda out, x: sp.berp(x), domain=[_POSITIVE])
special("bei", lambda out, x: sp.beip(x), domain=[_POSITIVE])
special("ker", lambda out, x: sp.kerp(x), domain=[_POSITIVE])
special("kei", lambda out, x: sp.keip(x), domain=[_POSITIVE])
special("berp", lambda out, x: -sp.bei(x) - _quotient(out, x, 0.0), domain=[_POSITIVE])
special("beip", lambda out, x: sp.ber(x) - _quotient(out, x, 0.5), domain=[_POSITIVE])
special("kerp", lambda out, x: -sp.kei(x) - out / x, domain=[_POSITIVE])
special("keip", lambda out, x: sp.ker(x) - out / x, domain=[_POSITIVE])
