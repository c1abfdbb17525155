import dataclasses

import numpy as np
import pytest

from compare.engines import ENGINES, get_engine
from compare.engines.engine import Engine, Prepared
from compare.problems import PROBLEMS
from compare.problems.own import own_problem
from compare.results.schema import TRUTH_COLUMNS
from compare.truth import cases_for_truth, measure_errors

OURS = ["expanded", "shared", "adjoint", "matrix", "graph", "graph-compiled", "hand-written"]


def planted(change, name="planted"):
    """Return an engine that is the graph but for a mistake."""

    def prepare(case):
        run = get_engine("graph").prepare(case).run

        def run_wrong(inputs):
            value, gradients = run(inputs)
            return change(value, {n: np.array(g) for n, g in gradients.items()})

        return Prepared(run_wrong)

    return Engine(name, "wrong on purpose", ("autodiff",), prepare)


@pytest.mark.exhaustive
def test_every_problem_has_a_truth_and_our_engines_are_near_it():
    cases = cases_for_truth(PROBLEMS.values(), seed=2, quick=True)
    errors = measure_errors(cases, [get_engine(name) for name in OURS])
    assert list(errors.columns) == [column.name for column in TRUTH_COLUMNS]
    assert len(errors) == len(PROBLEMS) * len(OURS)
    assert set(errors["status"]) <= {"ok", "unsupported"}, errors.to_string()
    known = errors[errors["status"] == "ok"]
    assert (known["entries"] == known["parameters"]).all()
    assert (known["ulp_median"] <= known["ulp_max"]).all()
    assert known["ulp_max"].max() < 2**12
    assert set(known["precision"]) == {"float64"}


def test_finite_differences_lose_half_of_their_digits():
    case = PROBLEMS["mlp-width"].case(4, 0)
    frame = measure_errors([case], [ENGINES["finite-differences"], ENGINES["complex-step"]])
    assert frame["status"].tolist() == ["ok", "ok"]
    assert frame["ulp_max"][0] > 2**20 > 2**8 > frame["ulp_max"][1]


def test_larger_sizes_are_looked_at_unless_it_must_be_quick():
    problem = PROBLEMS["mlp-width"]
    assert [c.size for c in cases_for_truth([problem], 0)] == [4, 8]
    assert [c.size for c in cases_for_truth([problem], 0, quick=True)] == [4]


def test_who_is_not_near_the_truth_is_a_mismatch():
    changes = [
        (lambda v, g: (v, {**g, "z": 1.001 * g["z"]}), "z is "),
        (lambda v, g: (v + 1e-6, g), "value is "),
        (lambda v, g: (v, {"x": g["x"]}), "gradients of x arrived"),
        (lambda v, g: (v, {**g, "z": np.float64(np.nan)}), "z is nan: not finite"),
    ]
    engines = [planted(change, f"wrong {i}") for i, (change, _) in enumerate(changes)]
    frame = measure_errors([PROBLEMS["circuit"].case(1, 0)], engines)
    assert frame["status"].tolist() == ["mismatch"] * len(changes)
    for said, (_, message) in zip(frame["message"], changes, strict=True):
        assert message in said


def test_the_truth_tells_which_of_two_that_differ_is_wrong():
    circuit = PROBLEMS["circuit"]

    def doubled(**inputs):
        value, gradients = circuit.gradient(**inputs)
        return value, {name: 2 * x_bar for name, x_bar in gradients.items()}

    case = dataclasses.replace(circuit, gradient=doubled).case(1, 0)
    frame = measure_errors([case], [get_engine("graph"), get_engine("hand-written")])
    assert frame["status"].tolist() == ["ok", "mismatch"]
    assert "the truth" in frame["message"][1]


def test_what_is_known_already_is_not_computed_again():
    from compare.run.verify import verify_cases

    requested = []

    def refuses(case):
        requested.append(case)
        return ""

    counted = dataclasses.replace(
        get_engine("graph"), name="counted", prepare=_raises, refuses=refuses
    )
    cases, found = [PROBLEMS["neuron"].case(1, 0)], {}
    verify_cases(cases, [get_engine("graph")], budget_s=9.0, budget_bytes=2**31, found=found)
    found["neuron", 1, "counted"] = found["neuron", 1, "graph"]
    assert measure_errors(cases, [counted], found)["status"].tolist() == ["ok"]


def _raises(case):
    raise RuntimeError("computed again")


def no_truth(x):
    return np.sum(np.linalg.svd(x, compute_uv=False) ** 3)


def test_without_a_truth_engines_are_compared_and_take_the_taylor_test():
    x = np.array([[2.0, 1.0], [0.5, 3.0]])
    case = own_problem(no_truth, [x]).case(1, 0)
    right = planted(lambda v, g: (v, g), "right")
    wrong = planted(lambda v, g: (v, {"x": 1.01 * g["x"]}), "wrong")
    frame = measure_errors([case], [right, wrong]).set_index("engine")
    assert frame["status"].to_dict() == {"right": "ok", "wrong": "mismatch"}
    assert "no truth: numpy.linalg.svd does not compute" in frame.loc["right", "message"]
    assert frame["against"].tolist() == ["graph", "graph"]
    assert frame.loc["right", "taylor_slope"] > 1.9
    assert frame.loc["wrong", "taylor_slope"] < 1.1


def test_the_taylor_test_decides_where_no_other_engine_can_help():
    x = np.array([[2.0, 1.0], [0.5, 3.0]])
    case = own_problem(no_truth, [x]).case(1, 0)
    graph = planted(lambda v, g: (v, {"x": 1.00001 * g["x"]}), "graph")
    frame = measure_errors([case], [dataclasses.replace(graph, tolerance="finite-differences")])
    assert frame["status"].tolist() == ["mismatch"]
    assert "remainder of the Taylor series shrinks with slope " in frame["message"][0]


def test_float32_results_are_measured_in_their_own_ulps():
    x = np.linspace(0.5, 1.0, 5, dtype=np.float32)
    case = own_problem(lambda x: np.sum(np.exp(x) * x), [x]).case(1, 0)
    frame = measure_errors([case], [get_engine("graph"), get_engine("adjoint")])
    assert frame["status"].tolist() == ["ok", "ok"]
    assert frame["precision"].tolist() == ["float32", "float32"]
    assert frame["ulp_max"].max() < 16


def test_three_that_tie_share_evenly_which_is_no_error():
    case = own_problem(lambda x: np.max(x), [np.ones(3)]).case(1, 0)
    frame = measure_errors([case], [get_engine("graph")])
    assert frame["status"].tolist() == ["ok"]
    assert "3 entries at a kink" in frame["message"][0]


@pytest.mark.parametrize("how", ["hangs", "raises"])
def test_a_function_that_spoils_the_truth_costs_the_truth_only(how):
    case = own_problem(lambda x: _spoils(x, how), [1.0]).case(1, 0)
    frame = measure_errors([case], [planted(lambda v, g: (v, g))], truth_s=0.1)
    assert frame["message"][0].startswith("no truth: "), frame.to_string()


def _spoils(x, how):
    import time

    if type(x).__name__ == "ExactArray":
        if how == "raises":
            raise RuntimeError("not with me")
        time.sleep(30)
    return x * x
