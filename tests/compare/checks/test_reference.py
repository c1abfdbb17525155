import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import compare
from compare.checks.difference import compare_gradients
from compare.checks.reference import reference_gradient, reference_name
from compare.checks.tolerance import TOLERANCES
from compare.engines import ENGINES, get_engine
from compare.engines.engine import Prepared
from compare.problems import PROBLEMS
from compare.run.verify import verify_cases

EXACT = TOLERANCES["exact"]


def loss(w, b, x):
    return np.sum(np.tanh(x @ w + b) ** 2)


@pytest.fixture
def arguments(rng):
    return rng.standard_normal((3, 2)), rng.standard_normal(2), rng.standard_normal((5, 3))


def test_every_engine_agrees_on_a_function_of_the_user(arguments):
    frame = compare.verify(loss, *arguments, analytic=True)
    assert set(frame["engine"]) == set(ENGINES) - {"hand-written"}
    assert frame["status"].eq("ok").all(), frame.to_string()
    assert (frame["max_error"] <= frame["tolerance"]).all()
    assert frame["max_error_at"].str.len().min() > 0


@pytest.mark.parametrize("name", PROBLEMS)
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


@pytest.mark.parametrize("name", ["adjoint", "matrix", "graph-compiled"])
def test_a_wrong_engine_is_caught_whatever_it_is_made_of(name, arguments):
    right = get_engine(name)

    def prepare(case):
        run = right.prepare(case).run

        def run_wrong(inputs):
            value, gradients = run(inputs)
            return value, {**gradients, "w": gradients["w"] * (1 + 1e-7)}

        return Prepared(run_wrong)

    planted = dataclasses.replace(right, name="planted", prepare=prepare)
    frame = compare.verify(loss, *arguments, engines=[right, planted])
    assert frame["status"].tolist() == ["ok", "mismatch"]


def test_what_matrix_cannot_derive_it_refuses_by_name():
    frame = compare.verify(lambda x: np.sum(np.cumsum(x) ** 2), np.array([1.0, 2.0, -1.0]))
    rows = frame.set_index("engine")
    assert rows.loc["matrix", "status"] == "unsupported"
    assert "numpy.cumsum: strategy='matrix' has no rule for it" in rows.loc["matrix", "message"]
    assert rows.drop("matrix")["status"].eq("ok").all()


def test_nan_in_the_inputs_is_reported_as_such():
    frame = compare.verify(lambda x: np.sum(x * x), np.array([1.0, np.nan]), engines=["graph"])
    assert frame["status"].tolist() == ["mismatch"]
    assert "not finite; the inputs x hold NaN or infinity" in frame["message"][0]


def test_an_unused_argument_has_gradient_zero():
    frame = compare.verify(lambda x, y: x * x, 3.0, 2.0)
    assert frame["status"].eq("ok").all(), frame.to_string()


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: compare.verify(lambda x: x * x, 3), TypeError, "argument 'x' is a int"),
        (lambda: compare.verify(lambda x: x, np.ones(2)), ValueError, "shape (2,)"),
        (lambda: compare.verify(lambda x: x, "3"), TypeError, "is a str"),
        (lambda: compare.verify(lambda x: x, 1j), TypeError, "is a complex"),
        (lambda: compare.verify(lambda x: x, np.array([1, 2])), TypeError, "dtype int64"),
        (lambda: compare.verify(lambda x: x, 1.0, engines=["grap"]), ValueError, "'graph'"),
        (lambda: compare.verify(lambda x: x, 1.0, wrt="y"), ValueError, "the arguments are x"),
        (lambda: compare.verify(lambda x: x, 1.0, budget_s=0), ValueError, "positive"),
        (lambda: compare.verify(lambda x: x), TypeError, "missing"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(call, error, told):
    with pytest.raises(error) as caught:
        call()
    assert told in str(caught.value)


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


def test_the_tolerance_does_not_grow_with_size():
    reference = np.ones(10**6)
    given_gradient = reference.copy()
    given_gradient[123_456] += 1e-6
    difference = compare_gradients(1.0, {"x": given_gradient}, 1.0, {"x": reference}, EXACT)
    assert difference.at == "x[123456]"
    assert not difference.agrees


def test_the_hand_written_gradient_is_itself_under_test():
    problem = PROBLEMS["squared-norm"]

    def doubled(**inputs):
        value, gradients = problem.gradient(**inputs)
        return value, {name: 2 * x_bar for name, x_bar in gradients.items()}

    case = dataclasses.replace(problem, gradient=doubled).case(problem.verify_size, 0)
    frame = verify_cases([case], [get_engine("hand-written")], budget_s=5.0, budget_bytes=10**9)
    assert frame["status"].tolist() == ["mismatch"]
    assert frame["against"].tolist() == ["graph"]


@pytest.mark.parametrize(
    ("value", "dtype", "told"),
    [
        (1.0, np.float64, ""),
        (1.0, np.float32, "the gradient of x has dtype float32; expected float64"),
        (np.array([1.0]), np.float64, "the value has shape (1,); expected ()"),
        (1 + 0j, np.float64, "the value has dtype complex128"),
        (None, np.float64, "the value is a NoneType"),
    ],
)
def test_structure_is_compared_before_numbers(value, dtype, told):
    x = np.ones(2)
    found = compare_gradients(value, {"x": x.astype(dtype)}, 1.0, {"x": x}, EXACT, {"x": x})
    assert found.message.startswith(told)
    assert found.agrees == (not told)


def test_float32_is_held_to_a_tolerance_of_its_own():
    x = np.linspace(0.1, 1.0, 50, dtype=np.float32)
    frame = compare.verify(lambda x: np.sum(np.exp(x) * x), x, engines=["graph", "adjoint"])
    assert frame["status"].tolist() == ["ok", "ok"]
    assert frame["tolerance"].tolist() == [TOLERANCES["float32"].relative] * 2
    assert frame["max_error"].max() > EXACT.relative


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


@pytest.mark.parametrize("name", PROBLEMS)
def test_no_problem_is_verified_where_its_gradient_is_zero(name):
    problem = PROBLEMS[name]
    _, gradients = problem.gradient(**problem.case(problem.verify_size, 0).inputs)
    assert any(np.any(x_bar) for x_bar in gradients.values())


def test_the_truth_decides_between_an_engine_and_a_wrong_reference():
    problem = PROBLEMS["squared-norm"]

    def doubled(**inputs):
        value, gradients = problem.gradient(**inputs)
        return value, {name: 2 * x_bar for name, x_bar in gradients.items()}

    case = dataclasses.replace(problem, gradient=doubled).case(problem.verify_size, 0)
    engines = [get_engine(name) for name in ("graph", "shared", "hand-written")]
    frame = verify_cases([case], engines, budget_s=5.0, budget_bytes=10**9)
    assert frame["status"].tolist() == ["ok", "ok", "mismatch"]
    assert frame["message"][0].startswith("it is the reference hand-written that is wrong")
    assert frame["max_error"].max() > EXACT.relative > frame["max_error"][0]


def test_a_reference_that_has_no_answer_accuses_nobody():
    # Central differences, the reference of the graph, leave the domain of the square root.
    frame = compare.verify(
        lambda x: np.sum(np.sqrt(1.0 - x * x)), np.array([0.5, 1.0 - 1e-12]), engines=["graph"]
    )
    assert frame["status"].tolist() == ["ok"], frame.to_string()
    assert "finite-differences" in frame["message"][0]


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
