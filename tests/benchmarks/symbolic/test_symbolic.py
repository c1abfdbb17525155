"""Deriving formulas and running them, at tiny sizes."""

import json

import numpy as np
import pytest

from benchmarks.candidates import FORMULAS, BoundCall, Implementation
from benchmarks.command import benchmarks
from benchmarks.goals import DERIVATION_GOALS, SYMBOLIC_GOALS
from benchmarks.results import Derived, Report
from benchmarks.symbolic import derivation
from benchmarks.symbolic import run as symbolic
from benchmarks.symbolic.derivation import TOOLS, measure
from benchmarks.symbolic.run import DERIVATIONS, RUNS, derive, run_symbolic
from benchmarks.workloads.formulas import residual, sample
from compare.cli import main
from compare.problems.mlp import mlp_loss
from compare.process.executor import Outcome

pytestmark = pytest.mark.usefixtures("undisturbed")


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_derives_and_counts(tool):
    single = tool.endswith(("-mlp", "-resnet", "-pendulum"))
    try:
        found = measure(tool, [3] if single else [2, 3, 1])
    except ModuleNotFoundError:
        pytest.fail("a library that is absent is said, not raised")
    if "absent" in found:
        pytest.skip(f"{found['absent']} is not installed")
    assert found["seconds"] > 0
    assert found["peak_bytes"] >= 0
    if tool not in ("sympy", "symengine"):
        assert found["operations"] > found["value_operations"] > 0


def test_libraries_of_scalar_formulas_write_the_same_loss():
    widths = (2, 3, 2)
    inputs = sample(widths).inputs
    loss = derivation._entrywise_loss(widths, inputs, np.exp)
    assert float(loss) == pytest.approx(float(mlp_loss(**inputs)), rel=1e-13)


def test_the_prediction_of_the_closed_form_is_exact():
    found = measure("symdiff-expanded", [3, 4, 4, 1], predict=True)
    assert found["predicted"] == found["tree"]


def test_a_deep_network_is_derived_without_recursion(monkeypatch):
    depth = 300
    widths = [2] * (depth + 1) + [1]
    assert measure("symdiff-adjoint", widths, shallow=True)["operations"] > depth

    def recursive(widths):
        return recursive(widths[1:]) if len(widths) > 3 else dict

    monkeypatch.setitem(TOOLS, "recursive", ("symdiff", recursive))
    with pytest.raises(RecursionError):
        measure("recursive", widths, shallow=True)


def test_a_process_that_fails_costs_its_own_row(monkeypatch):
    failed = Outcome("error", message="RecursionError: too deep")
    monkeypatch.setattr(symbolic, "in_new_process", lambda *call: failed)
    row, metadata = derive((2, 2, 1), "symdiff-adjoint", times=1)
    assert (row.derive_s, row.message, metadata) == (None, "too deep", {})
    report = Report([], {}, {}, 1, 0.0, derived=[Derived("depth 1000", "symdiff-adjoint", 1)])
    symbolic._judge(report, {("depth 1000", "symdiff-adjoint"): {}})
    assert [(goal.what, goal.reached) for goal in report.goals] == [("failures", False)]


def test_what_is_not_installed_is_left_out_with_a_word(monkeypatch, capsys):
    absent = Outcome("ok", {"absent": "casadi"})
    monkeypatch.setattr(symbolic, "in_new_process", lambda *call: absent)
    row, _ = derive((2, 2, 1), "casadi")
    assert row.message == "casadi is not installed"
    monkeypatch.setitem(TOOLS, "nobody", ("no_such_library", TOOLS["casadi"][1]))
    assert measure("nobody", [2, 1]) == {"absent": "no_such_library"}


@pytest.mark.parametrize(
    "workload", [sample((3, 4, 4, 1)), residual(3, 4, 5)], ids=lambda w: w.name
)
def test_workloads_are_derived_right_by_hand(workload):
    rng = np.random.default_rng(1)
    value, gradients = workload.hand(*workload.inputs.values())
    named = workload.by_name(gradients)
    direction = {name: rng.standard_normal(np.shape(named[name])) for name in workload.wrt}
    stepped = {
        name: x + 1e-200j * direction[name] if name in direction else x
        for name, x in workload.inputs.items()
    }
    result = workload.function(np, *stepped.values())
    expected = sum(np.sum(named[name] * direction[name]) for name in workload.wrt)
    assert float(value) == pytest.approx(result.real, rel=1e-13)
    assert result.imag / 1e-200 == pytest.approx(float(expected), rel=1e-11)


def test_goals_are_of_what_is_measured():
    measured = {symbolic._names(widths, tool) for widths, tools in DERIVATIONS for tool in tools}
    for candidate, networks in symbolic._GROWING.values():
        assert {(network, candidate) for network in networks} <= measured
    assert set(DERIVATION_GOALS) <= measured
    assert set(SYMBOLIC_GOALS) == set(RUNS)
    names = {goal.candidate for goals in SYMBOLIC_GOALS.values() for goal in goals}
    assert names <= set(FORMULAS)
    for (network, _), goals in DERIVATION_GOALS.items():
        assert all(not goal.against or (network, goal.against) in measured for goal in goals)


@pytest.mark.exhaustive
def test_a_report_holds_what_was_found_against_the_goals():
    derivations = [
        ((3, 8, 8, 1), ("symdiff-adjoint", "symdiff-expanded", "symdiff-shared")),
        ((2,), ("symdiff-matrix-mlp",)),
    ]
    report = run_symbolic(
        rounds=1,
        sample_s=1e-6,
        derivations=derivations,
        workloads=[sample((2, 3, 1)), residual(2, 3, 3)],
        times=1,
    )
    found = {(goal.workload, goal.candidate, goal.what): goal for goal in report.goals}
    assert found["3-8-8-1", "symdiff-adjoint", "operations"].reached
    assert found["3-8-8-1", "symdiff-expanded", "prediction"].found == 0.0
    assert ("3-8-8-1", "symdiff-shared", "derive") not in found, "SymPy was not measured"
    statuses = {
        (result.workload, entry.candidate): entry.status
        for result in report.results
        for entry in result.entries
    }
    assert statuses["2-3-1", "symdiff-adjoint"] == "ok"
    assert statuses["2-3-1", "symdiff-matrix"] == "ok"
    assert statuses["residual-2", "symdiff-matrix"] == "ok"
    assert statuses["2-3-1", "casadi"] in ("ok", "absent")
    assert not report.wrong


def test_a_wrong_formula_is_not_timed():
    def doubled(symdiff, workload):
        value, gradients = workload.hand(*workload.inputs.values())
        named = {n: 2 * np.asarray(g) for n, g in workload.by_name(gradients).items()}
        return BoundCall(lambda: (value, named), lambda result: result)

    wrong = Implementation("doubled", "wrong on purpose", "symdiff", doubled)
    report = run_symbolic(
        rounds=1,
        sample_s=1e-6,
        derivations=[],
        workloads=[residual(2, 3, 3)],
        candidates=[wrong],
    )
    assert report.wrong == ["doubled on residual-2"]


def test_the_command_prints_its_tables_and_writes_a_file(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(
        symbolic.run_symbolic,
        "__kwdefaults__",
        {
            **symbolic.run_symbolic.__kwdefaults__,
            "derivations": [((3, 8, 8, 1), ("symdiff-adjoint",))],
            "workloads": [residual(2, 3, 3)],
            "times": 1,
        },
    )
    path = tmp_path / "symbolic.json"
    arguments = ["--rounds", "1", "--sample-ms", "0.001", "--json", str(path)]
    with pytest.raises(SystemExit) as exit_:
        main(["symbolic", *arguments], benchmarks)
    out = capsys.readouterr().out
    assert exit_.value.code == 0
    assert "deriving the gradient, in fresh processes" in out
    assert "≤ 2.6" in out
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["derived"][0]["operations"] == 547
    from docs_tools.figures import bench_text

    assert "| 3-8-8-1, symdiff-adjoint | 113 |" in bench_text(document)
