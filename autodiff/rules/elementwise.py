"""Rules of functions that act on each element: their partial derivatives.

Source of the formulas: NIST Digital Library of Mathematical Functions, sections 4.4, 4.20, 4.24,
4.34 and 4.38. Each is written so that it keeps its relative digits where the result does not, and
in terms of the result where that is cheaper and loses none.

Conventions at points without a derivative: abs has 0 at 0, and so has hypot at the origin; equal
arguments of maximum and minimum share the cotangent evenly (what the derivatives of these slopes
are, `kinks` knows); 0**0 has the derivative 0 by its base and -infinity by its exponent; where an
argument is NaN, maximum and minimum pass the cotangent on to it as they pass on the NaN.

Two rules trade digits for speed. 1 - tanh² has an absolute error of 1e-16, and so no relative
digits for an argument beyond 19, where it rounds to 0: the exact 1/cosh² takes 25 times as long as
the difference and half as long again as tanh itself, in the innermost loop of recurrent networks.
And exp, as the product, does not look out for 0 times infinity as the other rules with infinite
slopes do: a pass whose result is NaN is made again with all rules guarded (`guarded_vjp`).
"""

import math

import numpy as np

from autodiff.core.primitive import Array, Rule
from autodiff.rules.complex_numbers import sign_of
from autodiff.rules.elementwise_rules import (
    FIRST,
    NEGATIVE,
    ONE,
    SECOND,
    elementwise,
    multiply_no_nan,
    unbroadcast,
)

_FLOAT = np.dtype(float)
_ONE = np.array(1.0)  # NumPy takes longer to convert a Python number
_LOG2 = math.log(2.0)
_LOG10 = math.log(10.0)
_POSITIVE = (0.1, 3.0)
_INSIDE = (-0.9, 0.9)


def _unless(harmless: Rule) -> Rule:
    """Return the test for a danger of 0 times infinity: none if `y` is a harmless number."""
    return lambda out, x, y: type(y) not in (int, float) or not harmless(y)


def _not_negative(x: Array) -> Array:
    """Return a number whose inverse is infinite where a logarithm has no real value."""
    return x if np.iscomplexobj(x) else np.maximum(x, 0.0)


def power_by_base(out: Array, x: Array, y: Array) -> Array:
    """Return the derivative of x**y with respect to x."""
    if isinstance(y, int | float | complex):
        if y == 2:
            return 2.0 * x
        if y == 0.5:
            return 0.5 / out
        return y * x ** (y - 1) if y != 0 else np.zeros_like(x)
    # Where both are 0 the product would be 0 times infinity. Unsigned integers have no 0 - 1.
    return y * x ** (np.where((x == 0) & (y == 0), 1.0, y) - 1.0)


def power_by_exponent(out: Array, x: Array, y: Array) -> Array:
    """Return the derivative of x**y with respect to y."""
    if type(x) in (int, float) and x > 0:
        return out * math.log(x)
    if np.iscomplexobj(out) and not np.iscomplexobj(x):
        x = x + 0j
    # At x = 0 the result is 0 for every y > 0, so the derivative is 0; the logarithm is not. From
    # y = 0 on it falls from 1 to 0.
    return out * np.log(np.where((x == 0) & (y > 0), 1.0, x))


def _reciprocal(out: Array, x: Array, y: Array) -> Array:
    # A Python zero would raise where NumPy gives infinity.
    return np.divide(1.0, y) if isinstance(y, int | float | complex) and y == 0 else 1.0 / y


def _without_ties(ties: Array) -> bool:
    """Return whether no arguments are equal. A mask that is recorded may hold others later."""
    return isinstance(ties, np.ndarray | np.bool_) and not np.count_nonzero(ties)


def _larger(out: Array, x: Array, y: Array) -> Array:
    # "Not smaller": a NaN passes its cotangent on, as it passes itself on.
    share, ties = np.logical_not(x < y), x == y
    return share if _without_ties(ties) else share - 0.5 * ties


def _smaller(out: Array, x: Array, y: Array) -> Array:
    share, ties = np.logical_not(x > y), x == y
    return share if _without_ties(ties) else share - 0.5 * ties


def _larger_or_number(out: Array, x: Array, y: Array) -> Array:
    share, ties = (x > y) | np.isnan(y), x == y
    return share if _without_ties(ties) else share + 0.5 * ties


def _smaller_or_number(out: Array, x: Array, y: Array) -> Array:
    share, ties = (x < y) | np.isnan(y), x == y
    return share if _without_ties(ties) else share + 0.5 * ties


def _swapped(partial: Rule) -> Rule:
    return lambda out, x, y: partial(out, y, x)


def _lead(x: Array, y: Array) -> Array:
    """Return y - x, and 0 where both are the same infinity."""
    if any(type(z) in (int, float) and math.isfinite(z) for z in (x, y)):
        return y - x
    same = (x == y) & np.isinf(x)
    return np.where(same, 0.0, y) - np.where(same, 0.0, x)


def _exp_share(out: Array, x: Array, y: Array) -> Array:
    """Return exp(x) / (exp(x) + exp(y)). exp(x - out) would lose digits where x is large."""
    return np.exp(-np.logaddexp(0.0, _lead(x, y)))


def _exp2_share(out: Array, x: Array, y: Array) -> Array:
    return np.exp2(-np.logaddexp2(0.0, _lead(x, y)))


def _hypot(out: Array, x: Array, y: Array) -> Array:
    return x / np.where(out == 0, 1.0, out)


def _arcsinh(out: Array, x: Array) -> Array:
    if np.iscomplexobj(x):
        return 1.0 / (np.sqrt(1.0 - 1j * x) * np.sqrt(1.0 + 1j * x))
    return 1.0 / np.hypot(x, 1.0)  # the square of a large number would overflow


def _arctan2(out: Array, y: Array, x: Array) -> Array:
    radius = np.hypot(x, y)
    return x / radius / radius


def _square_vjp(g: Array, out: Array, x: Array) -> Array:
    x_bar = g * x
    return np.add(x_bar, x_bar, x_bar) if type(x_bar) is np.ndarray else x_bar + x_bar


def _tanh_vjp(g: Array, out: Array, x: Array) -> Array:
    slope = out * out
    if type(slope) is type(g) is np.ndarray and slope.dtype is g.dtype is _FLOAT:
        # In place: for small arrays half the time, and no fresh memory for large ones.
        np.subtract(_ONE, slope, slope)
        return np.multiply(g, slope, slope)
    return g * (1.0 - slope)


def _numerator_vjp(g: Array, out: Array, x: Array, y: Array) -> Array:
    product = g * _reciprocal(out, x, y)
    if type(y) not in (int, float) or y == 0:
        product = multiply_no_nan(g, product)
    return product if product.shape == x.shape else unbroadcast(product, x.shape)


def _denominator_vjp(g: Array, out: Array, x: Array, y: Array) -> Array:
    slope = out / y
    if type(slope) is type(g) is np.ndarray and slope.dtype is g.dtype is _FLOAT:
        np.negative(slope, slope)
        product = np.multiply(g, slope, slope)
    else:
        product = g * -slope
    product = multiply_no_nan(g, product)
    return product if product.shape == y.shape else unbroadcast(product, y.shape)


ADD = elementwise(np.add, ONE, ONE, complex=True)
SUBTRACT = elementwise(np.subtract, ONE, NEGATIVE, complex=True)
MULTIPLY = elementwise(np.multiply, SECOND, FIRST, complex=True)
DIVIDE = elementwise(
    np.divide,
    _reciprocal,
    lambda out, x, y: -out / y,
    domain=[(-2.0, 2.0), (0.5, 2.0)],
    complex=True,
    singular=_unless(lambda y: y != 0),
    vjps=[_numerator_vjp, _denominator_vjp],
)
NEGATE = elementwise(np.negative, NEGATIVE, complex=True)
elementwise(np.positive, ONE, complex=True)
POWER = elementwise(
    np.power,
    power_by_base,
    power_by_exponent,
    domain=[_POSITIVE, (-2.0, 2.0)],
    complex=True,
    singular=_unless(lambda y: y >= 1),
)
elementwise(
    np.float_power,
    power_by_base,
    power_by_exponent,
    domain=[_POSITIVE, (-2.0, 2.0)],
    complex=True,
    singular=True,
)
elementwise(
    np.remainder,
    lambda out, x, y: 1.0 + 0.0 * out,  # NaN where it is
    lambda out, x, y: -np.floor_divide(x, y),
    domain=[(0.1, 0.9), (1.0, 2.0)],
    singular=True,
)
elementwise(
    np.fmod,
    lambda out, x, y: 1.0 + 0.0 * out,  # NaN where it is
    lambda out, x, y: np.rint((out - x) / y),
    domain=[(0.1, 0.9), (1.0, 2.0)],
    singular=True,
)
elementwise(np.square, lambda out, x: 2.0 * x, complex=True, vjps=[_square_vjp])
elementwise(np.sqrt, lambda out, x: 0.5 / out, domain=[_POSITIVE], complex=True, singular=True)
elementwise(np.cbrt, lambda out, x: 1.0 / (3.0 * out * out), domain=[_POSITIVE], singular=True)
elementwise(
    np.reciprocal, lambda out, x: -out * out, domain=[_POSITIVE], complex=True, singular=True
)
elementwise(np.fabs, lambda out, x: sign_of(x), domain=[_POSITIVE])

EXP = elementwise(np.exp, lambda out, x: out, complex=True)
elementwise(np.exp2, lambda out, x: out * _LOG2, complex=True, singular=True)
elementwise(np.expm1, lambda out, x: np.exp(x), complex=True, singular=True)
elementwise(
    np.log, lambda out, x: 1.0 / _not_negative(x), domain=[_POSITIVE], complex=True, singular=True
)
elementwise(
    np.log2,
    lambda out, x: 1.0 / (_not_negative(x) * _LOG2),
    domain=[_POSITIVE],
    complex=True,
    singular=True,
)
elementwise(
    np.log10,
    lambda out, x: 1.0 / (_not_negative(x) * _LOG10),
    domain=[_POSITIVE],
    complex=True,
    singular=True,
)
elementwise(
    np.log1p,
    lambda out, x: 1.0 / _not_negative(1.0 + x),
    domain=[_POSITIVE],
    complex=True,
    singular=True,
)
elementwise(np.logaddexp, _exp_share, _swapped(_exp_share))
elementwise(np.logaddexp2, _exp2_share, _swapped(_exp2_share))

elementwise(np.sin, lambda out, x: np.cos(x), complex=True)
elementwise(np.cos, lambda out, x: -np.sin(x), complex=True)
elementwise(np.tan, lambda out, x: 1.0 + out * out, domain=[(-1.0, 1.0)], complex=True)
# (1 - x)(1 + x) rather than 1 - x², and the roots of complex factors apart: no digits are lost near
# 1, and the branch cuts are those of the function.
elementwise(
    np.arcsin,
    lambda out, x: 1.0 / (np.sqrt(1.0 - x) * np.sqrt(1.0 + x)),
    domain=[_INSIDE],
    complex=True,
    singular=True,
)
elementwise(
    np.arccos,
    lambda out, x: -1.0 / (np.sqrt(1.0 - x) * np.sqrt(1.0 + x)),
    domain=[_INSIDE],
    complex=True,
    singular=True,
)
elementwise(np.arctan, lambda out, x: 1.0 / (1.0 + x * x), complex=True)
elementwise(
    np.arctan2,
    _arctan2,
    lambda out, y, x: -_arctan2(out, x, y),
    domain=[_POSITIVE],
    singular=True,
)
elementwise(np.sinh, lambda out, x: np.cosh(x), complex=True, singular=True)
elementwise(np.cosh, lambda out, x: np.sinh(x), complex=True, singular=True)
elementwise(np.tanh, lambda out, x: 1.0 - out * out, complex=True, vjps=[_tanh_vjp])
elementwise(np.arcsinh, _arcsinh, complex=True)
elementwise(
    np.arccosh,
    lambda out, x: 1.0 / (np.sqrt(x - 1.0) * np.sqrt(x + 1.0)),
    domain=[(1.1, 3.0)],
    complex=True,
    singular=True,
)
elementwise(
    np.arctanh,
    lambda out, x: 1.0 / _not_negative((1.0 - x) * (1.0 + x)),
    domain=[_INSIDE],
    complex=True,
    singular=True,
)
elementwise(np.hypot, _hypot, _swapped(_hypot), domain=[_POSITIVE], singular=True)
elementwise(np.deg2rad, lambda out, x: math.pi / 180.0)
elementwise(np.radians, lambda out, x: math.pi / 180.0)
elementwise(np.rad2deg, lambda out, x: 180.0 / math.pi)
elementwise(np.degrees, lambda out, x: 180.0 / math.pi)

for _function, _share in (
    (np.maximum, _larger),
    (np.minimum, _smaller),
    (np.fmax, _larger_or_number),
    (np.fmin, _smaller_or_number),
):
    elementwise(_function, _share, _swapped(_share), complex=True, finite=True, masks=True)
elementwise(
    np.copysign,
    # copysign(x, y) = |x| sign(y), with the sign of a zero, too.
    lambda out, x, y: sign_of(x) * np.copysign(1.0, y),
    lambda out, x, y: np.zeros_like(out),
    domain=[_POSITIVE],
)
elementwise(
    np.heaviside,
    lambda out, x, y: np.zeros_like(out),
    lambda out, x, y: x == 0,
    finite=True,
)
