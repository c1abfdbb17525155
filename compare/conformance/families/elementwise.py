"""Elementwise functions over their whole domain: ordinary, at zero, huge, tiny, at the edges."""

from typing import Any

import mpmath as mp
import numpy as np

from compare.conformance.families.tables import cases_of

__all__ = ["CASES"]

_TINY, _SMALL = 1e-300, 1e-9
_REAL = (0.7, -1.3, 0.0, -0.0, 25.0, -25.0, _SMALL)
_POSITIVE = (0.7, 25.0, 1e12, _SMALL, _TINY)
_UNIT = (0.3, -0.6, 0.0, 0.999999)

_UNARY = [
    (np.exp, mp.exp, (*_REAL, 700.0, -700.0)),
    (np.exp2, lambda x: mp.log(2) * mp.power(2, x), _REAL),
    (np.expm1, mp.exp, (*_REAL, _TINY)),
    (np.log, lambda x: 1 / x, _POSITIVE),
    (np.log2, lambda x: 1 / (x * mp.log(2)), _POSITIVE),
    (np.log10, lambda x: 1 / (x * mp.log(10)), _POSITIVE),
    (np.log1p, lambda x: 1 / (1 + x), (0.7, -0.5, 0.0, 1e12, _SMALL, -0.999999)),
    (np.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), (0.7, 25.0, 1e300, _TINY)),
    (np.cbrt, lambda x: mp.cbrt(abs(x)) / (3 * abs(x)), (0.7, -1.3, 1e12, _SMALL, -_SMALL)),
    (np.square, lambda x: 2 * x, (*_REAL, 1e150)),
    (np.reciprocal, lambda x: -1 / x**2, (0.7, -1.3, 1e100, -_SMALL)),
    (np.sin, mp.cos, (*_REAL, 1e5)),
    (np.cos, lambda x: -mp.sin(x), (*_REAL, 1e5)),
    (np.tan, lambda x: 1 / mp.cos(x) ** 2, (*_REAL, 1.5)),
    (np.arcsin, lambda x: 1 / mp.sqrt(1 - x**2), _UNIT),
    (np.arccos, lambda x: -1 / mp.sqrt(1 - x**2), _UNIT),
    (np.arctan, lambda x: 1 / (1 + x**2), (*_REAL, 1e100)),
    (np.sinh, mp.cosh, (*_REAL, 700.0)),
    (np.cosh, mp.sinh, (*_REAL, 700.0)),
    (np.tanh, lambda x: mp.sech(x) ** 2, (0.7, -1.3, 0.0, 15.0, -15.0, _SMALL, 350.0)),
    (np.arcsinh, lambda x: 1 / mp.sqrt(1 + x**2), (*_REAL, 1e100)),
    (np.arccosh, lambda x: 1 / (mp.sqrt(x - 1) * mp.sqrt(x + 1)), (1.7, 25.0, 1e100, 1.000001)),
    (np.arctanh, lambda x: 1 / (1 - x**2), _UNIT),
    (np.sinc, lambda x: _sinc_slope(x), (0.7, -1.3, 0.0, 25.5, 1e-5, 1e-200)),
    (np.abs, mp.sign, (0.7, -1.3, 1e300, -_TINY)),
    (np.negative, lambda x: -1, (0.7, 0.0)),
    (np.positive, lambda x: 1, (0.7, 0.0)),
    (np.deg2rad, lambda x: mp.pi / 180, (0.7, 0.0)),
    (np.rad2deg, lambda x: 180 / mp.pi, (0.7, 0.0)),
    (np.sign, lambda x: 0, (0.7, -1.3)),
    (np.floor, lambda x: 0, (0.7, -1.3)),
    (np.ceil, lambda x: 0, (0.7, -1.3)),
    (np.trunc, lambda x: 0, (0.7, -1.3)),
    (np.rint, lambda x: 0, (0.7, -1.3)),
]


def _sinc_slope(x: Any) -> Any:
    """Return the derivative of sin(πx)/(πx); 0 at 0, where it is even."""
    t = mp.pi * x
    if abs(x) < mp.mpf(10) ** -20:
        return -mp.pi * t / 3
    return mp.pi * (t * mp.cos(t) - mp.sin(t)) / t**2


_BINARY = [
    (np.add, (lambda x, y: 1, lambda x, y: 1), ((0.7, -1.3), (1e300, 1e-300))),
    (np.subtract, (lambda x, y: 1, lambda x, y: -1), ((0.7, -1.3), (2.0, 2.0))),
    (np.multiply, (lambda x, y: y, lambda x, y: x), ((0.7, -1.3), (0.0, 5.0), (1e200, 1e-200))),
    (
        np.divide,
        (lambda x, y: 1 / y, lambda x, y: -x / y**2),
        ((0.7, -1.3), (0.0, 5.0), (1e-100, 1e100), (3.0, 1e-100)),
    ),
    (
        np.power,
        (
            lambda x, y: y * mp.power(x, y - 1) if y else mp.mpf(0),
            lambda x, y: mp.power(x, y) * mp.log(x) if x else mp.mpf(0),
        ),
        ((0.7, -1.3), (2.0, 3.0), (0.0, 2.0), (0.0, 3.5), (5.0, 0.0), (1e-10, 2.0)),
    ),
    (
        np.arctan2,
        (lambda y, x: x / (x**2 + y**2), lambda y, x: -y / (x**2 + y**2)),
        ((0.7, -1.3), (0.0, 2.0), (0.0, -2.0), (3.0, 0.0), (1e200, 1e200), (1e-200, 1e-200)),
    ),
    (
        np.hypot,
        (lambda x, y: x / mp.hypot(x, y), lambda x, y: y / mp.hypot(x, y)),
        ((0.7, -1.3), (0.0, 2.0), (1e200, 1e200), (1e-200, 1e-200)),
    ),
    (
        np.logaddexp,
        (lambda x, y: 1 / (1 + mp.exp(y - x)), lambda x, y: 1 / (1 + mp.exp(x - y))),
        ((0.7, -1.3), (1000.0, 1000.0), (-1000.0, 1000.0), (2.0, 2.0)),
    ),
    (
        np.logaddexp2,
        (lambda x, y: 1 / (1 + mp.power(2, y - x)), lambda x, y: 1 / (1 + mp.power(2, x - y))),
        ((0.7, -1.3), (1000.0, 1000.0), (2.0, 2.0)),
    ),
    (
        np.maximum,
        (lambda x, y: int(x > y), lambda x, y: int(y > x)),
        ((0.7, -1.3), (-2.0, 3.0)),
    ),
    (
        np.minimum,
        (lambda x, y: int(x < y), lambda x, y: int(y < x)),
        ((0.7, -1.3), (-2.0, 3.0)),
    ),
    (
        np.fmax,
        (lambda x, y: int(x > y), lambda x, y: int(y > x)),
        ((0.7, -1.3), (-2.0, 3.0)),
    ),
    (
        np.copysign,
        (lambda x, y: mp.sign(x) * mp.sign(y), lambda x, y: 0),
        ((0.7, -1.3), (-0.7, 1.3), (-0.7, -1.3), (0.7, 1.3)),
    ),
    (
        np.mod,
        (lambda x, y: 1, lambda x, y: -mp.floor(x / y)),
        ((5.3, 2.0), (-5.3, 2.0), (5.3, -2.0)),
    ),
    (
        np.fmod,
        (lambda x, y: 1, lambda x, y: -(mp.floor(abs(x / y)) * mp.sign(x / y))),
        ((5.3, 2.0), (-5.3, 2.0), (5.3, -2.0)),
    ),
    (
        np.heaviside,
        (lambda x, y: 0, lambda x, y: 0),
        ((0.7, 0.5), (-0.7, 0.5)),
    ),
    (
        np.float_power,
        (lambda x, y: y * mp.power(x, y - 1), lambda x, y: mp.power(x, y) * mp.log(x)),
        ((0.7, -1.3), (2.0, 3.0)),
    ),
]


#: Many libraries compute these slopes from the value, as 1 - tanh² and expm1 + 1, and that of sinc
#: from cos(πx)/x, which is 1e5 at the smallest number that is not tiny.
CASES = cases_of(_UNARY + _BINARY, {np.tanh: 1.0, np.expm1: 1.0, np.sinc: 1e5})
