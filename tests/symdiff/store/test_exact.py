"""Numbers of formulas."""

import math
from fractions import Fraction

import numpy as np
import pytest

from symdiff.store.exact import exact_number, fold


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2.0, 2),
        (0.75, Fraction(3, 4)),
        (0.1, 0.1),
        (np.float32(0.5), Fraction(1, 2)),
        (np.int8(-3), -3),
        (True, 1),
        (1e300, 1e300),
        (Fraction(6, 3), 2),
    ],
)
def test_numbers_have_one_form(value, expected):
    found = exact_number(value)
    assert found == expected
    assert type(found) is type(expected)


def test_long_numbers_become_floats():
    assert fold(Fraction(1, 3**200)) == 3.0**-200
    assert fold(10**400) == math.inf
    assert fold(-(10**400)) == -math.inf


def test_infinities_and_nan_stay():
    assert fold(math.inf) == math.inf
    assert math.isnan(fold(math.nan))


@pytest.mark.parametrize("value", [1j, "1", None, np.array([1.0])])
def test_only_real_numbers_are_traced(value):
    with pytest.raises(TypeError, match="only real numbers"):
        exact_number(value)
