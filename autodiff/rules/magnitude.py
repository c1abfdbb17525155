"""Rules of squares and square roots as variances and norms need them.

Where every element is the same, a standard deviation is zero and its slope is infinite times
zero; so is that of a norm at the origin. By convention their derivative there is 0, the choice of
least length among all slopes that the function has around that point.
"""

import numpy as np

from autodiff.core.batching import broadcast
from autodiff.core.primitive import Array, general
from autodiff.core.tensor import Tensor, record
from autodiff.rules.elementwise_rules import multiply_no_nan


def _squared_modulus(x: Array) -> Array:
    if type(x) is Tensor:
        return record(SQUARED_MODULUS, (x,))
    return np.square(np.real(x)) + np.square(np.imag(x))


def conjugate(x: Array) -> Array:
    """Return the conjugate; of real numbers, themselves."""
    return np.conjugate(x) if np.iscomplexobj(x) else x


def real_part(x: Array) -> Array:
    """Return the real part; of real numbers, themselves."""
    return np.real(x) if np.iscomplexobj(x) else x


SQUARED_MODULUS = general(
    "squared_modulus",
    _squared_modulus,
    [lambda g, out, x: 2.0 * g * conjugate(x)],
    [lambda x_dot, out, x: 2.0 * real_part(conjugate(x) * x_dot)],
    examples=[(((2, 3),), {}), (((),), {})],
    complex=True,
    batch=broadcast,
)


def squared(x: Array) -> Array:
    """Return the squares of the absolute values."""
    return record(SQUARED_MODULUS, (x,)) if np.iscomplexobj(x) else np.square(x)


def _root(x: Array) -> Array:
    return record(ROOT, (x,)) if type(x) is Tensor else np.sqrt(x)


def _root_product(direction: Array, out: Array, x: Array) -> Array:
    # Infinite roots have no slope: inf / inf.
    return multiply_no_nan(direction, direction * (0.5 * out / np.where(out == 0, 1.0, x)))


ROOT = general(
    "root",
    _root,
    [_root_product],
    [_root_product],
    domain=[(0.1, 3.0)],
    examples=[(((2, 3),), {}), (((),), {})],
    batch=broadcast,
)


def root(x: Array) -> Array:
    """Return the square roots; unlike that of ``np.sqrt`` the derivative at 0 is 0."""
    return record(ROOT, (x,))
