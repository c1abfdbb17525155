"""Functions of `np.emath`: they give complex numbers where real arguments have no real result.

Which kind the result has depends on the numbers. A graph that is run again on numbers for which it
would be another says so.
"""

from collections.abc import Callable

import numpy as np

from autodiff.core.primitive import Array, handles


def _complex_if(x: Array, outside: Callable[[Array], Array]) -> Array:
    return x + 0j if np.isrealobj(x) and np.any(outside(x)) else x


def _negative(x: Array) -> Array:
    return np.less(x, 0)


def _beyond_one(x: Array) -> Array:
    return np.greater(np.absolute(x), 1)


@handles(np.emath.sqrt)
def sqrt(x: Array) -> Array:
    """Return the square root, complex if an element is negative."""
    return np.sqrt(_complex_if(x, _negative))


@handles(np.emath.log)
def log(x: Array) -> Array:
    """Return the natural logarithm, complex if an element is negative."""
    return np.log(_complex_if(x, _negative))


@handles(np.emath.log2)
def log2(x: Array) -> Array:
    """Return the logarithm to base 2, complex if an element is negative."""
    return np.log2(_complex_if(x, _negative))


@handles(np.emath.log10)
def log10(x: Array) -> Array:
    """Return the logarithm to base 10, complex if an element is negative."""
    return np.log10(_complex_if(x, _negative))


@handles(np.emath.logn)
def logn(n: Array, x: Array) -> Array:
    """Return the logarithm of `x` to base `n`, complex if an element is negative."""
    return np.log(_complex_if(x, _negative)) / np.log(_complex_if(n, _negative))


@handles(np.emath.power)
def power(x: Array, p: Array) -> Array:
    """Return `x` to the power `p`, complex if an element of `x` is negative."""
    # A whole number has no negative power among whole numbers.
    p = np.multiply(p, 1.0) if np.any(_negative(p)) else p
    return np.power(_complex_if(x, _negative), p)


@handles(np.emath.arcsin)
def arcsin(x: Array) -> Array:
    """Return the inverse sine, complex if an element is beyond 1 or -1."""
    return np.arcsin(_complex_if(x, _beyond_one))


@handles(np.emath.arccos)
def arccos(x: Array) -> Array:
    """Return the inverse cosine, complex if an element is beyond 1 or -1."""
    return np.arccos(_complex_if(x, _beyond_one))


@handles(np.emath.arctanh)
def arctanh(x: Array) -> Array:
    """Return the inverse hyperbolic tangent, complex if an element is beyond 1 or -1."""
    return np.arctanh(_complex_if(x, _beyond_one))
