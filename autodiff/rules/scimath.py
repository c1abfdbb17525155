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


def _answer(
    function: Callable[..., Array], ufunc: np.ufunc, outside: Callable[[Array], Array]
) -> None:
    """Register a function that is complex if an element is outside the domain of real numbers."""

    @handles(function)
    def answer(x: Array) -> Array:
        return ufunc(_complex_if(x, outside))


_answer(np.emath.sqrt, np.sqrt, _negative)
_answer(np.emath.log, np.log, _negative)
_answer(np.emath.log2, np.log2, _negative)
_answer(np.emath.log10, np.log10, _negative)
_answer(np.emath.arcsin, np.arcsin, _beyond_one)
_answer(np.emath.arccos, np.arccos, _beyond_one)
_answer(np.emath.arctanh, np.arctanh, _beyond_one)


@handles(np.emath.logn)
def logn(n: Array, x: Array) -> Array:
    """Return the logarithm of `x` to base `n`, complex if an element is negative."""
    return np.log(_complex_if(x, _negative)) / np.log(_complex_if(n, _negative))


@handles(np.emath.power)
def power(x: Array, p: Array) -> Array:
    """Return `x` to the power `p`, complex if an element of `x` is negative."""
    # An integer has no negative power among integers.
    p = np.multiply(p, 1.0) if np.any(_negative(p)) else p
    return np.power(_complex_if(x, _negative), p)
