"""Numbers in formulas: exact where they are short, so that ``x**0.5`` is a square root."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

__all__ = ["Number", "exact_number", "fold"]

Number = int | Fraction | float

_DYADIC = 1024  # floats that are n/1024 or coarser become exact fractions
_MAX_BITS = 256  # folded numbers grow in a long recurrence; longer ones become floats


def fold(value: Number) -> Number:
    """Return a number in its one form: an int if whole, a short fraction, or a float."""
    if isinstance(value, float):
        if abs(value) < 2**53 and (value * _DYADIC).is_integer():
            return fold(Fraction(int(value * _DYADIC), _DYADIC))
        return value
    if isinstance(value, Fraction) and value.denominator == 1:
        value = int(value.numerator)
    above = value.numerator.bit_length()
    if above > _MAX_BITS or value.denominator.bit_length() > _MAX_BITS:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return value


def exact_number(value: Any) -> Number:
    """Return a Python or NumPy number as a number of a formula."""
    if isinstance(value, (bool, int, np.bool_, np.integer)):
        return fold(int(value))
    if isinstance(value, (float, np.floating)):
        return fold(float(value))
    if isinstance(value, Fraction):
        return fold(value)
    raise TypeError(
        f"a constant of the traced function is {value!r} of type {type(value).__name__}; "
        "only real numbers can be traced"
    )
