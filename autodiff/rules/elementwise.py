"""Rules of functions that act on each element: their partial derivatives.

Source of the formulas: NIST Digital Library of Mathematical Functions, sections 4.4, 4.20, 4.24,
4.34 and 4.38. Each is written in terms of the result where that is cheaper or loses no digits.
Conventions at points without a derivative: abs has 0 at 0; equal arguments of maximum and
minimum share the cotangent evenly; the derivative of 0**0 is 0.
"""

import math

import numpy as np

from autodiff.rules.table import NEGATIVE, ONE, Array, Rule, elementwise

_LOG2 = math.log(2.0)
_LOG10 = math.log(10.0)
_POSITIVE = (0.1, 3.0)
_INSIDE = (-0.9, 0.9)


def _power_base(out: Array, x: Array, y: Array) -> Array:
    if isinstance(y, int | float):
        if y == 2:
            return 2.0 * x
        return y * x ** (y - 1) if y != 0 else np.zeros_like(x)
    # Where y is 0 the product would be 0 times infinity at x = 0.
    is_zero = y == 0
    return np.where(is_zero, 0.0, y * x ** np.where(is_zero, 1.0, y - 1))


def _power_exponent(out: Array, x: Array, y: Array) -> Array:
    # At x = 0 the result is 0 for every y > 0, so the derivative is 0; the logarithm is not.
    return out * np.log(np.where(x == 0, 1.0, x))


def _reciprocal(out: Array, x: Array, y: Array) -> Array:
    # A Python zero would raise where NumPy gives infinity.
    return np.divide(1.0, y) if isinstance(y, int | float) and y == 0 else 1.0 / y


def _larger(out: Array, x: Array, y: Array) -> Array:
    # "Not smaller": a NaN passes its cotangent on, as it passes itself on.
    return np.logical_not(x < y) - 0.5 * (x == y)


def _smaller(out: Array, x: Array, y: Array) -> Array:
    return np.logical_not(x > y) - 0.5 * (x == y)


def _larger_or_number(out: Array, x: Array, y: Array) -> Array:
    return ((x > y) | np.isnan(y)) + 0.5 * (x == y)


def _smaller_or_number(out: Array, x: Array, y: Array) -> Array:
    return ((x < y) | np.isnan(y)) + 0.5 * (x == y)


def _swapped(partial: Rule) -> Rule:
    return lambda out, x, y: partial(out, y, x)


ADD = elementwise(np.add, ONE, ONE, complex=True)
SUBTRACT = elementwise(np.subtract, ONE, NEGATIVE, complex=True)
MULTIPLY = elementwise(np.multiply, lambda out, x, y: y, lambda out, x, y: x, complex=True)
DIVIDE = elementwise(
    np.divide,
    _reciprocal,
    lambda out, x, y: -out / y,
    domain=[(-2.0, 2.0), (0.5, 2.0)],
)
NEGATE = elementwise(np.negative, NEGATIVE)
elementwise(np.positive, ONE)
POWER = elementwise(np.power, _power_base, _power_exponent, domain=[_POSITIVE, (-2.0, 2.0)])
elementwise(np.float_power, _power_base, _power_exponent, domain=[_POSITIVE, (-2.0, 2.0)])
elementwise(
    np.remainder,
    ONE,
    lambda out, x, y: -np.floor_divide(x, y),
    domain=[(0.1, 0.9), (1.0, 2.0)],
)
elementwise(np.fmod, ONE, lambda out, x, y: np.rint((out - x) / y), domain=[(0.1, 0.9), (1.0, 2.0)])
elementwise(np.square, lambda out, x: 2.0 * x)
elementwise(np.sqrt, lambda out, x: 0.5 / out, domain=[_POSITIVE])
elementwise(np.cbrt, lambda out, x: 1.0 / (3.0 * out * out), domain=[_POSITIVE])
elementwise(np.reciprocal, lambda out, x: -out * out, domain=[_POSITIVE])
elementwise(np.absolute, lambda out, x: np.sign(x), domain=[_POSITIVE])
elementwise(np.fabs, lambda out, x: np.sign(x), domain=[_POSITIVE])

elementwise(np.exp, lambda out, x: out)
elementwise(np.exp2, lambda out, x: out * _LOG2)
elementwise(np.expm1, lambda out, x: out + 1.0)
elementwise(np.log, lambda out, x: 1.0 / x, domain=[_POSITIVE])
elementwise(np.log2, lambda out, x: 1.0 / (x * _LOG2), domain=[_POSITIVE])
elementwise(np.log10, lambda out, x: 1.0 / (x * _LOG10), domain=[_POSITIVE])
elementwise(np.log1p, lambda out, x: 1.0 / (1.0 + x), domain=[_POSITIVE])
elementwise(np.logaddexp, lambda out, x, y: np.exp(x - out), lambda out, x, y: np.exp(y - out))
elementwise(np.logaddexp2, lambda out, x, y: np.exp2(x - out), lambda out, x, y: np.exp2(y - out))

elementwise(np.sin, lambda out, x: np.cos(x))
elementwise(np.cos, lambda out, x: -np.sin(x))
elementwise(np.tan, lambda out, x: 1.0 + out * out, domain=[(-1.0, 1.0)])
elementwise(np.arcsin, lambda out, x: 1.0 / np.sqrt((1.0 - x) * (1.0 + x)), domain=[_INSIDE])
elementwise(np.arccos, lambda out, x: -1.0 / np.sqrt((1.0 - x) * (1.0 + x)), domain=[_INSIDE])
elementwise(np.arctan, lambda out, x: 1.0 / (1.0 + x * x))
elementwise(
    np.arctan2,
    lambda out, y, x: x / (x * x + y * y),
    lambda out, y, x: -y / (x * x + y * y),
    domain=[_POSITIVE],
)
elementwise(np.sinh, lambda out, x: np.cosh(x))
elementwise(np.cosh, lambda out, x: np.sinh(x))
elementwise(np.tanh, lambda out, x: 1.0 - out * out)
elementwise(np.arcsinh, lambda out, x: 1.0 / np.sqrt(x * x + 1.0))
elementwise(
    np.arccosh, lambda out, x: 1.0 / (np.sqrt(x - 1.0) * np.sqrt(x + 1.0)), domain=[(1.1, 3.0)]
)
elementwise(np.arctanh, lambda out, x: 1.0 / ((1.0 - x) * (1.0 + x)), domain=[_INSIDE])
elementwise(np.hypot, lambda out, x, y: x / out, lambda out, x, y: y / out, domain=[_POSITIVE])
elementwise(np.deg2rad, lambda out, x: math.pi / 180.0)
elementwise(np.radians, lambda out, x: math.pi / 180.0)
elementwise(np.rad2deg, lambda out, x: 180.0 / math.pi)
elementwise(np.degrees, lambda out, x: 180.0 / math.pi)

elementwise(np.maximum, _larger, _swapped(_larger))
elementwise(np.minimum, _smaller, _swapped(_smaller))
elementwise(np.fmax, _larger_or_number, _swapped(_larger_or_number))
elementwise(np.fmin, _smaller_or_number, _swapped(_smaller_or_number))
elementwise(
    np.copysign,
    lambda out, x, y: np.sign(x) * np.where(np.signbit(y), -1.0, 1.0),
    lambda out, x, y: np.zeros_like(out),
    domain=[_POSITIVE],
)
elementwise(np.heaviside, lambda out, x, y: np.zeros_like(out), lambda out, x, y: x == 0)
