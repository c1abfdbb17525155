"""Functions of the parts of a number: integral and fractional part, mantissa, exponent, bits.

Functions with two results are answered by two functions of one result each.
"""

from typing import Any

import numpy as np

from autodiff.core.batching import broadcast
from autodiff.core.primitive import TUPLES, Array, discrete, general, refuses
from autodiff.rules.elementwise_rules import unbroadcast
from autodiff.rules.parameters import constant

for _ufunc in (np.gcd, np.lcm, np.left_shift, np.right_shift, np.bitwise_count, np.isnat):
    discrete(_ufunc)

refuses(
    "its mantissa jumps at every power of two: divide by a power of two, as np.ldexp does",
    np.frexp,
)
refuses(
    "the distance to the next number is no function of real numbers: apply it to the plain array "
    "before the function that is traced",
    *(np.nextafter, np.spacing),
)


def _draw_ldexp(rng: Any, x: tuple[int, ...], n: tuple[int, ...]) -> list[Array]:
    return [rng.normal(size=x)[()], rng.integers(-2, 3, size=n)[()]]


LDEXP = general(
    "ldexp",
    np.ldexp,
    # Not the product with 2**n, which overflows where the result does not.
    [
        lambda g, out, x, n: unbroadcast(np.ldexp(g, n), np.shape(x)),
        constant("np.ldexp", "x2", "it is an integer"),
    ],
    [
        lambda x_dot, out, x, n: np.ldexp(x_dot, n),
        constant("np.ldexp", "x2", "it is an integer"),
    ],
    draw=_draw_ldexp,
    examples=[(((), ()), {}), (((3,), (2, 3)), {}), (((2, 3), ()), {}), (((2, 1), (1, 0)), {})],
    batch=broadcast,
)


def _modf(x: Array) -> tuple[Array, Array]:
    """Return the fractional part, whose derivative is 1, and the integral part."""
    infinite = np.isinf(x)
    # The rest of infinity is 0; by 1 the remainder of -2 is -0, as it is here.
    rest = np.fmod(np.where(infinite, 1.0, x), 1.0)
    return np.where(infinite, np.copysign(0.0, x), rest), np.trunc(x)


TUPLES[np.modf] = _modf
