import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.truth import Truth, true_gradient, ulp_errors
from compare.truth.errors import as_reference


def truth_of(*entries, value=1.0):
    """Return a truth of one argument with these entries."""
    array = np.empty(len(entries), object)
    array[:] = [None if e is None else mpmath.mpf(e) for e in entries]
    return Truth(mpmath.mpf(value), {"x": array}, {}, len(entries), len(entries))


@given(st.floats(1e-300, 1e300), st.integers(0, 1000))
def test_an_error_of_so_many_steps_is_so_many_ulps(t, steps):
    given_entry = t + steps * float(np.spacing(t))
    errors = ulp_errors(1.0, {"x": np.array([given_entry])}, truth_of(t))
    if math.frexp(given_entry)[1] == math.frexp(t)[1]:
        assert errors.largest == steps


@given(st.floats(1e-3, 1e3))
def test_what_is_rounded_correctly_is_half_a_ulp_off_at_most(x):
    truth = true_gradient(lambda x: np.exp(x), {"x": x})
    right = float(truth.gradients["x"][()])
    if math.isfinite(right):
        assert ulp_errors(float(truth.value), {"x": right}, truth).largest <= 0.5


def test_float32_is_measured_in_its_own_ulps():
    t = 1.0 + 2.0**-24
    errors = ulp_errors(1.0, {"x": np.array([1.0], np.float32)}, truth_of(t))
    assert errors.largest == 0.5
    assert ulp_errors(1.0, {"x": np.array([1.0])}, truth_of(t)).largest == 2.0**28


def test_a_true_zero_is_measured_by_the_largest_entry():
    errors = ulp_errors(1.0, {"x": np.array([2.0**-52, 1.0])}, truth_of(0, 1))
    assert (errors.largest, errors.at) == (1.0, "x[0]")
    only_zeros = ulp_errors(1.0, {"x": np.array([0.0, 5e-324])}, truth_of(0, 0))
    assert (only_zeros.largest, only_zeros.at) == (1.0, "x[1]")


def test_a_subnormal_truth_has_the_smallest_number_for_its_ulp():
    assert ulp_errors(1.0, {"x": np.array([3 * 5e-324])}, truth_of(5e-324)).largest == 2.0


def test_a_small_entry_is_forgiven_in_ulps_of_the_largest():
    errors = ulp_errors(1.0, {"x": np.array([1.0, 2e-10])}, truth_of(1, 1e-10))
    assert errors.largest > 1e15
    assert errors.of_largest == pytest.approx(1e-10 / 2**-52, rel=1e-3)


def test_what_is_not_finite_is_infinitely_wrong():
    errors = ulp_errors(math.inf, {"x": np.array([1.0, math.nan])}, truth_of(1, 1))
    assert (errors.value, errors.largest, errors.at) == (math.inf, math.inf, "x[1]")


def test_a_value_that_is_zero_is_measured_by_what_rounding_the_inputs_does():
    inputs = {"x": np.array([4.0])}
    errors = ulp_errors(2.0**-50, {"x": np.array([1.0])}, truth_of(1, value=0), inputs)
    assert errors.value == 1.0


def test_unknown_entries_are_not_compared():
    truth = truth_of(1, None)
    assert ulp_errors(1.0, {"x": np.array([1.0, 9.0])}, truth).entries == 1
    _, reference = as_reference(truth, {"x": np.array([1.0, 9.0])})
    assert reference["x"].mask.tolist() == [False, True]


@pytest.mark.parametrize(
    ("slope", "others", "masked"),
    [(0.5, 0, False), (0.0, 1, True), (1.0, 1, True), (2.0, 0, False)],
)
def test_at_a_kink_another_slope_between_the_two_is_no_error(slope, others, masked):
    truth = true_gradient(lambda x: np.maximum(x, 0.0), {"x": np.float64(0.0)})
    errors = ulp_errors(0.0, {"x": slope}, truth)
    assert errors.other_slopes == others
    assert bool(np.all(as_reference(truth, {"x": slope})[1]["x"].mask)) is masked
    if slope == 2.0:
        assert errors.largest > 1e15
