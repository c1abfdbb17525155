"""How gradients are compared, and what with."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.checks.difference import compare_gradients
from compare.checks.reference import reference_gradient, reference_name
from compare.checks.tolerance import TOLERANCES
from compare.engines import ENGINES, get_engine
from compare.problems import PROBLEMS

EXACT = TOLERANCES["exact"]


@pytest.mark.each("name", PROBLEMS)
def test_every_engine_agrees_on_every_problem(name):
    case = PROBLEMS[name].case(PROBLEMS[name].verify_size, seed=3)
    for engine in ENGINES.values():
        if engine.refuses(case):
            continue
        value, gradients = engine.prepare(case).run(case.inputs)
        against = reference_name(case, engine)
        tolerance = TOLERANCES[engine.tolerance]
        difference = compare_gradients(
            value, gradients, *reference_gradient(case, against), tolerance
        )
        assert difference.agrees, (engine.name, difference)


@pytest.mark.parametrize("name", ["expanded", "shared", "adjoint", "matrix", "graph-compiled"])
def test_a_prepared_gradient_runs_on_other_inputs_and_keeps_its_hands_off_the_last(name):
    problem = PROBLEMS["mlp-width"]
    cases = [problem.case(problem.verify_size, seed) for seed in (0, 1)]
    prepared = get_engine(name).prepare(cases[0])
    found = [prepared.run(case.inputs) for case in cases]
    for case, (value, gradients) in zip(cases, found, strict=True):
        expected = problem.gradient(**case.inputs)
        assert compare_gradients(value, gradients, *expected, EXACT).agrees
    assert prepared.operations > 0


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8),
    st.integers(0, 7),
    st.floats(1e-8, 1e3),
)
def test_a_relative_error_above_the_tolerance_in_the_largest_entry_is_seen(entries, place, factor):
    reference = np.array(entries)
    place = int(np.argmax(np.abs(reference)))
    given_gradient = reference.copy()
    given_gradient[place] *= 1 + factor
    difference = compare_gradients(0.0, {"x": given_gradient}, 0.0, {"x": reference}, EXACT)
    # A subnormal number may be too coarse to be changed by the factor.
    assert difference.agrees == (reference[place] == given_gradient[place])


@pytest.mark.each("tolerance", TOLERANCES.values())
@pytest.mark.each("unit", [5e-324, 1.0, 1e300, np.finfo(float).max])
def test_no_sign_and_no_size_hides_an_error(tolerance, unit):
    factors = (-1.0, -0.9, -0.5, 0.0, 0.5, 0.9, 1.0)
    for a, b, other in itertools.product(factors, factors, (0.0, -1.0, 1.0)):
        found, reference = (np.array([x, other * 0.1]) * unit for x in (a, b))
        difference = compare_gradients(0.0, {"x": found}, 0.0, {"x": reference}, tolerance)
        assert difference.agrees == (found[0] == reference[0])
        assert "finite" not in difference.message
        # The floor of an entry goes by the largest magnitude, whatever its sign.
        reference = np.array([b * unit, 0.0])
        close = np.array([b * unit, 1e-15 * b * unit])
        assert compare_gradients(0.0, {"x": close}, 0.0, {"x": reference}, tolerance).agrees


def test_the_tolerance_does_not_grow_with_size():
    reference = np.ones(10**6)
    given_gradient = reference.copy()
    given_gradient[123_456] += 1e-6
    difference = compare_gradients(1.0, {"x": given_gradient}, 1.0, {"x": reference}, EXACT)
    assert difference.at == "x[123456]"
    assert not difference.agrees


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (1.0, np.float64, ""),
        (1.0, np.float32, "the gradient of x has dtype float32; expected float64"),
        (np.array([1.0]), np.float64, "the value has shape (1,); expected ()"),
        (1 + 0j, np.float64, "the value has dtype complex128"),
        (None, np.float64, "the value is a NoneType"),
    ],
)
def test_structure_is_compared_before_numbers(value, dtype, text):
    x = np.ones(2)
    found = compare_gradients(value, {"x": x.astype(dtype)}, 1.0, {"x": x}, EXACT, {"x": x})
    assert found.message.startswith(text)
    assert found.agrees == (not text)


@pytest.mark.parametrize(
    ("gradients", "text"),
    [
        ([np.ones(2)], "a list of gradients arrived; expected a mapping with x, y"),
        ({"x": np.ones(2)}, "gradients of x arrived; expected x, y"),
        ({}, "gradients of nothing arrived; expected x, y"),
        ({"x": np.ones(2), "y": 1.0, "z": 1.0}, "gradients of x, y, z arrived; expected x, y"),
        ({"x": np.ones(2), "y": 1}, "the gradient of y has dtype int64; expected a floating"),
        ({"x": np.ones((2, 1)), "y": 1.0}, "the gradient of x has shape (2, 1); expected (2,)"),
    ],
)
def test_gradients_of_other_names_or_kinds_are_told(gradients, text):
    found = compare_gradients(1, gradients, 1.0, {"x": np.ones(2), "y": np.float64(1.0)}, EXACT)
    assert found.message.startswith(text)
    assert np.isnan(found.max_error)


def test_a_value_may_be_off_by_what_rounding_its_inputs_does_to_it():
    x = {"x": np.array([1.0, -1.0])}
    reference = (0.0, {"x": np.ones(2)})
    assert compare_gradients(1e-16, x | {"x": np.ones(2)}, *reference, EXACT, x).agrees
    assert not compare_gradients(1e-9, x | {"x": np.ones(2)}, *reference, EXACT, x).agrees


def test_a_message_tells_the_entry_both_values_the_error_and_the_ulps():
    found = compare_gradients(
        0.0, {"x": np.array([1.0, 2.0])}, 0.0, {"x": np.array([1.0, 2.0 + 2**-20])}, EXACT
    )
    assert found.message == (
        "x[1] is 2.0, the reference 2.0000009536743164: an error of 4.76e-07, more than 1e-09 "
        "(2.1e+09 ULPs apart); 1 of 2 entries of x differ"
    )


@pytest.mark.each("name", PROBLEMS)
def test_no_problem_is_verified_where_its_gradient_is_zero(name):
    problem = PROBLEMS[name]
    _, gradients = problem.gradient(**problem.case(problem.verify_size, 0).inputs)
    assert any(np.any(x_bar) for x_bar in gradients.values())


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8), st.floats(-1e-10, 1e-10))
def test_rounding_is_never_accused(entries, noise):
    reference = {"x": np.array(entries), "y": np.float64(entries[0])}
    rounded = {name: x_bar * (1 + noise) for name, x_bar in reference.items()}
    assert compare_gradients(1.0 + noise, rounded, 1.0, reference, EXACT).agrees


@given(st.data(), st.integers(1, 6))
def test_what_is_masked_in_the_reference_is_not_compared(data, size):
    entries = st.floats(-10, 10) | st.just(np.nan)
    given_gradient = np.array(data.draw(st.lists(entries, min_size=size, max_size=size)))
    mask = ~np.isfinite(given_gradient) | (np.arange(size) % 2 == 0)
    reference = np.ma.MaskedArray(np.where(mask, 1e300, given_gradient), mask=mask)
    assert compare_gradients(1.0, {"x": given_gradient}, 1.0, {"x": reference}, EXACT).agrees
