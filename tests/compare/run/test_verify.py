"""Every engine against its reference, in processes of their own."""

import dataclasses

import numpy as np
import pytest

import compare
from compare.checks.tolerance import TOLERANCES
from compare.engines import ENGINES, get_engine
from compare.engines.engine import Prepared
from compare.problems import PROBLEMS
from compare.problems.own import own_problem
from compare.run.verify import verify_cases

EXACT = TOLERANCES["exact"]


def loss(w, b, x):
    return np.sum(np.tanh(x @ w + b) ** 2)


@pytest.fixture
def arguments(rng):
    return rng.standard_normal((3, 2)), rng.standard_normal(2), rng.standard_normal((2, 3))


@pytest.mark.exhaustive
def test_every_engine_agrees_on_a_function_of_the_user(arguments):
    frame = compare.verify(lambda w, b, x, unused: loss(w, b, x), *arguments, 2.0, analytic=True)
    assert set(frame["engine"]) == set(ENGINES) - {"hand-written"}
    assert frame["status"].eq("ok").all(), frame.to_string()
    assert (frame["max_error"] <= frame["tolerance"]).all()
    assert frame["max_error_at"].str.len().min() > 0


@pytest.mark.sampled(3)
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


SINGLE = np.linspace(0.1, 1.0, 50, dtype=np.float32)
#: Functions that are odd in one way each, and where.
ODD = {
    "nan": (lambda x: np.sum(x * x), np.array([1.0, np.nan])),
    "least": (lambda x: np.sum(np.minimum.accumulate(x) ** 2), np.array([1.0, 2.0, -1.0])),
    "float32": (lambda x: np.sum(np.exp(x) * x), SINGLE),
    # Central differences, the reference of the graph, leave the domain of the square root.
    "edge": (lambda x: np.sum(np.sqrt(1.0 - x * x)), np.array([0.5, 1.0 - 1e-12])),
}


@pytest.fixture(scope="module")
def rows():
    """By function and engine: the rows of engines on what is odd."""
    problems = [dataclasses.replace(own_problem(f, [x]), name=name) for name, (f, x) in ODD.items()]
    engines = [get_engine(name) for name in ("matrix", "graph", "adjoint")]
    cases = [problem.case(1, 0) for problem in problems]
    frame = verify_cases(cases, engines, budget_s=10.0, budget_bytes=2 * 1024**3)
    return frame.set_index(["problem", "engine"]).to_dict("index")


def test_what_matrix_cannot_derive_it_refuses_by_name(rows):
    assert rows["least", "matrix"]["status"] == "unsupported"
    assert "np.minimum.accumulate" in rows["least", "matrix"]["message"]
    assert rows["least", "graph"]["status"] == rows["least", "adjoint"]["status"] == "ok"


def test_nan_in_the_inputs_is_reported_as_such(rows):
    assert rows["nan", "graph"]["status"] == "mismatch"
    assert "not finite; the inputs x hold NaN or infinity" in rows["nan", "graph"]["message"]


def test_float32_is_held_to_a_tolerance_of_its_own(rows):
    found = [rows["float32", name] for name in ("graph", "adjoint")]
    assert [row["status"] for row in found] == ["ok", "ok"]
    assert [row["tolerance"] for row in found] == [TOLERANCES["float32"].relative] * 2
    assert max(row["max_error"] for row in found) > EXACT.relative


def test_a_reference_that_has_no_answer_accuses_nobody(rows):
    assert rows["edge", "graph"]["status"] == "ok", rows["edge", "graph"]
    assert "finite-differences" in rows["edge", "graph"]["message"]


@pytest.mark.parametrize(
    ("call", "error", "text"),
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
def test_wrong_input_is_told_in_one_sentence(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_a_gradient_by_hand_is_under_test_and_the_truth_decides_when_it_is_wrong():
    problem = PROBLEMS["squared-norm"]

    def doubled(**inputs):
        value, gradients = problem.gradient(**inputs)
        return value, {name: 2 * x_bar for name, x_bar in gradients.items()}

    case = dataclasses.replace(problem, gradient=doubled).case(problem.verify_size, 0)
    engines = [get_engine(name) for name in ("graph", "shared", "hand-written")]
    frame = verify_cases([case], engines, budget_s=5.0, budget_bytes=10**9)
    assert frame["status"].tolist() == ["ok", "ok", "mismatch"]
    assert frame["against"][2] == "graph"
    assert frame["message"][0].startswith("it is the reference hand-written that is wrong")
    assert frame["max_error"].max() > EXACT.relative > frame["max_error"][0]


@pytest.mark.exhaustive
def test_what_one_engine_changes_in_its_process_reaches_no_other(arguments):
    def prepare(case):
        import sys

        run = get_engine("graph").prepare(case).run

        def contaminating(inputs):
            result = run(inputs)
            np.tanh = np.sin
            sys.path[:] = []
            sys.setrecursionlimit(60)
            return result

        return Prepared(contaminating)

    bad = dataclasses.replace(get_engine("graph"), name="bad", prepare=prepare)
    frame = compare.verify(loss, *arguments, engines=[bad, "graph", "adjoint"])
    rows = frame.set_index("engine")["status"]
    assert rows["graph"] == rows["adjoint"] == "ok"


@pytest.mark.each(
    "name", ["control", "primal", "your gradient", "", "  ", "a\nb", "a\0", "\udce9", None]
)
def test_names_that_no_table_can_hold_are_refused(name):
    with pytest.raises(ValueError, match="an engine called"):
        dataclasses.replace(get_engine("graph"), name=name)
    if not str(name).isprintable():
        with pytest.raises(ValueError, match="a problem called"):
            dataclasses.replace(PROBLEMS["neuron"], name=name)


def test_two_engines_of_one_name_are_refused_and_one_that_is_named_twice_counts_once():
    graph = get_engine("graph")
    for engines in (
        [dataclasses.replace(graph, meaning="mine")],
        [dataclasses.replace(graph, name=n, meaning=m) for n, m in (("a", "1"), ("a", "2"))],
    ):
        with pytest.raises(ValueError, match="another engine is called"):
            compare.verify(lambda x: x * x, 2.0, engines=engines)
    frame = compare.verify(lambda x: x * x, 2.0, engines=["graph", graph, "graph"])
    assert frame["engine"].tolist() == ["graph"]
