import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from compare.checks.reference import reference_gradient, reference_name
from compare.checks.state_check import input_digests, judge_job, observe, with_second_inputs
from compare.engines import get_engine
from compare.problems import PROBLEMS
from compare.problems.own import own_problem


def checked(case, engine, **more):
    """Return the verdict of the state check on an engine, as a measuring process asks for it."""
    against = reference_name(case, engine)
    before = input_digests(case.inputs)
    run = engine.prepare(case).run
    at_second_inputs = reference_gradient(with_second_inputs(case), against)
    first = run(case.inputs)
    return judge_job(
        lambda stage, metadata: None,
        case,
        engine,
        observe(case, run, first, before, **more),
        against,
        reference_gradient(case, against),
        at_second_inputs,
    )


OURS = ["expanded", "shared", "adjoint", "matrix", "graph", "graph-compiled", "hand-written"]
OURS += ["finite-differences", "complex-step"]


@pytest.mark.each("name", PROBLEMS)
def test_no_engine_of_ours_is_accused(name):
    case = PROBLEMS[name].case(PROBLEMS[name].verify_size, seed=1)
    for engine in (get_engine(each) for each in OURS):
        if not engine.refuses(case):
            found = checked(case, engine)
            assert (found["status"], found["message"]) == ("ok", ""), (engine.name, found)


def test_the_inputs_of_the_next_seed_are_the_others():
    case = PROBLEMS["mlp-width"].case(4, seed=5)
    assert with_second_inputs(case).seed == 6
    assert with_second_inputs(case).inputs["w1"].shape == case.inputs["w1"].shape


def test_a_function_of_one_point_is_moved_a_little_and_keeps_its_types():
    x = np.array([1.0, 0.0, -2.0], np.float32)
    case = own_problem(lambda x, s: np.sum(x) * s, [x, 3.0]).case(1, 0)
    moved = with_second_inputs(case).inputs
    assert moved["x"].dtype == np.float32
    assert moved["x"][1] == 0.0
    assert 0 < abs(moved["x"][0] - 1.0) < 2e-3
    assert isinstance(moved["s"], float)
    assert moved["s"] != 3.0
    assert input_digests(moved) == input_digests(with_second_inputs(case).inputs)


def test_who_refuses_other_inputs_is_not_wrong():
    def f(x):
        return np.sum(x * x) if x[0] <= 1.0 else np.sum(x)

    case = own_problem(f, [np.array([1.0, 2.0])]).case(1, 0)
    graph = get_engine("graph")
    run = graph.prepare(case).run

    def refusing(inputs):
        if inputs["x"][0] != 1.0:
            raise ValueError("another branch: trace it again")
        return run(inputs)

    before = input_digests(case.inputs)
    found = observe(case, refusing, refusing(case.inputs), before)
    assert found.result[0] == 5.0
    assert found.complaint == ""
    assert found.failed == ""
    assert "not checked at other inputs: ValueError: another branch" in found.remark


def test_sums_in_another_order_are_allowed_on_several_threads():
    case = PROBLEMS["squared-norm"].case(3, 0)
    run, calls = get_engine("graph").prepare(case).run, []

    def restless(inputs):
        calls.append(1)
        value, gradients = run(inputs)
        return value, {n: x_bar * (1 + len(calls) * 2.0**-52) for n, x_bar in gradients.items()}

    before = input_digests(case.inputs)
    assert "not deterministic" in observe(case, restless, restless(case.inputs), before).complaint
    two = observe(case, restless, restless(case.inputs), before, threads=2)
    assert two.complaint == ""


def test_a_view_of_an_input_is_an_alias_and_a_copy_is_none():
    case = own_problem(lambda a: np.sum(a * a) / 2, [np.arange(6.0).reshape(2, 3)]).case(1, 0)
    before = input_digests(case.inputs)

    def view(inputs):
        return float(np.sum(inputs["a"] ** 2) / 2), {"a": inputs["a"][::1]}

    def copy(inputs):
        return view(inputs)[0], {"a": inputs["a"].copy()}

    text = "the gradient of a shares memory with the input a"
    assert text in observe(case, view, view(case.inputs), before).complaint
    assert observe(case, copy, copy(case.inputs), before).complaint == ""


@pytest.mark.parametrize("constant", [3, True, "text", "", None, np.array([0, 2]), [1, "a"]])
def test_inputs_that_are_no_floats_have_digests_and_stay(constant):
    problem = PROBLEMS["neuron"]
    case = dataclasses.replace(
        problem, inputs=lambda size, rng: {"x": np.ones(2), "how": constant}
    ).case(1, 0)
    assert input_digests(case.inputs) == input_digests({"x": np.ones(2), "how": constant})
    moved = with_second_inputs(case).inputs
    assert moved["how"] is constant
    assert not np.array_equal(moved["x"], np.ones(2))


def test_nothing_is_loaded_after_an_engine_has_run():
    """It may have set a limit of recursion under which NumPy's masked arrays cannot be loaded."""
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, numpy as np\n"
            "from compare.checks import state_check\n"
            "sys.setrecursionlimit(40)\n"
            "state_check.kept((np.float64(1.0), {'x': np.ones(3)}))\n",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
