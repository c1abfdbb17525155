"""The functions of NumPy beyond the elementary ones: sinc and the Bessel function i0.

The n-th derivative of s(t) = sin(t) / t is the real part of iⁿ times the integral of uⁿ exp(i u t)
over 0 ≤ u ≤ 1. From t s(t) = sin(t), differentiated n times, follows the recurrence

    t sₙ(t) + n sₙ₋₁(t) = sin(t + n π/2),

which keeps its digits for t > n; below that the power series, which is the integral of that of the
exponential, is summed. Each derivative is one primitive, so that all orders are exact, at 0 too.
"""

import math

import numpy as np

from autodiff.core.batching import broadcast
from autodiff.core.libraries import elsewhere
from autodiff.core.primitive import Array, general, handles
from autodiff.core.tensor import Tensor, record


def _series(t: Array, order: int) -> Array:
    """Return the `order`-th derivative of sin(t)/t for |t| up to about `order` + 1."""
    first = (order + 1) // 2
    terms = 12 + 2 * order
    square, total = t * t, 0.0 * t
    for k in reversed(range(first, first + terms)):
        power = 2 * k - order
        # The ratio of neighbours; Horner's scheme needs no factorial that overflows.
        ratio = -square * (2 * k + 1) / ((power + 1) * (power + 2) * (2 * k + 3))
        total = 1.0 + ratio * total
    power = 2 * first - order
    return (-1.0) ** first / (2 * first + 1) * t**power * total


def _sinc(x: Array, *, order: int) -> Array:
    """Return the `order`-th derivative of sin(πx)/(πx)."""
    if type(x) is Tensor:
        return record(SINC, (x,), {"order": order})
    if order == 0:
        return np.sinc(x)
    t = math.pi * (np.asarray(x) if elsewhere(x) is None else x)
    small = np.absolute(t) <= order + 1
    large = np.where(small, 1.0, t)
    cycle = (np.sin(large), np.cos(large), -np.sin(large), -np.cos(large))
    derivative = cycle[0] / large
    for n in range(1, order + 1):
        derivative = (cycle[n % 4] - n * derivative) / large
    chosen = np.where(small, _series(np.where(small, t, 0.0), order), derivative)
    return (math.pi**order * chosen)[()]


SINC = general(
    "sinc",
    _sinc,
    [lambda g, out, x, *, order: g * _sinc(x, order=order + 1)],
    [lambda x_dot, out, x, *, order: x_dot * _sinc(x, order=order + 1)],
    examples=[
        (((),), {"order": 0}),
        (((0,),), {"order": 0}),
        (((2, 3),), {"order": 0}),
        (((5,),), {"order": 1}),
        (((5,),), {"order": 2}),
    ],
    complex=True,
    batch=broadcast,
)


@handles(np.sinc)
def sinc(x: Array) -> Array:
    """Return sin(πx)/(πx); its derivative at 0 is 0."""
    return _sinc(x, order=0)


def _i1(x: Array) -> Array:
    """Return the modified Bessel function of order 1, which NumPy does not have."""
    # late: SciPy takes 0.2 s to import
    from scipy.special import i1

    return i1(x)


I0 = general(
    "i0",
    np.i0,
    [lambda g, out, x: g * _i1(x)],
    [lambda x_dot, out, x: x_dot * _i1(x)],
    examples=[(((),), {}), (((0,),), {}), (((2, 3),), {})],
    batch=broadcast,
)


@handles(np.i0)
def i0(x: Array) -> Array:
    """Return the modified Bessel function of order 0. Its derivative comes from SciPy."""
    return record(I0, (x,))
