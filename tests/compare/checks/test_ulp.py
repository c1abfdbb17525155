import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.checks.ulp import ulp, ulps_apart, ulps_text

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE)
def test_the_next_number_is_one_ulp_away(x):
    with np.errstate(over="ignore"):
        above = float(np.nextafter(x, np.inf))
    if np.isfinite(above):
        assert ulps_apart(x, above) == 1
    assert ulp(x) == ulp(-x) > 0


@given(FINITE, FINITE)
def test_the_distance_is_one(x, y):
    assert ulps_apart(x, y) == ulps_apart(y, x)
    assert (ulps_apart(x, y) == 0) == (x == y)


@given(st.floats(1.0, 2.0, exclude_max=True), st.integers(0, 2**20))
def test_ulps_add_up_within_a_binade(x, count):
    y = x + count * 2.0**-52
    if y < 2.0:
        assert ulps_apart(x, y) == count


def test_zero_lies_between_the_smallest_numbers():
    tiny = 5e-324
    assert ulps_apart(-tiny, tiny) == 2
    assert ulps_apart(0.0, -0.0) == 0


def test_float32_is_counted_as_such():
    x = np.float32(1.0)
    assert ulps_apart(x, np.nextafter(x, np.float32(2))) == 1
    assert ulps_text(np.float32(1.0), np.float32(1.5)) == "4.2e+06 ULPs apart"
    # A reference that float32 has no number for.
    assert ulps_apart(np.float32(1.0), 1e300) == ulps_apart(1.0, 1e300)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_at_the_end_of_the_range(dtype):
    largest = np.finfo(dtype).max
    before = np.nextafter(largest, dtype(0))
    assert ulp(largest) == largest - before
    assert ulps_apart(before, largest) == 1
    # More steps than an integer of as many bits counts.
    assert ulps_apart(-largest, largest) == 2 * ulps_apart(dtype(0), largest)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_has_no_distance(bad):
    with pytest.raises(ValueError, match="expected finite numbers"):
        ulps_apart(1.0, bad)
