import importlib.util
import io
import json
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from benchmarks import run as run_module
from benchmarks.candidates import BASELINE, EAGER
from benchmarks.goals import EAGER_GOALS, Goal
from benchmarks.results import take_means, write_json
from benchmarks.run import IMPORT, run
from benchmarks.table import print_report
from benchmarks.workloads import WORKLOADS

TINY = {"rounds": 2, "sample_s": 1e-6}

pytestmark = pytest.mark.usefixtures("undisturbed")


def right(workload):
    return workload.hand(*workload.inputs.values())


def entries(report):
    (result,) = report.results
    return {entry.candidate: entry for entry in result.entries}


def printed(report):
    page = io.StringIO()
    print_report(report, Console(width=100, file=page))
    return page.getvalue()


def tiny(workload, *candidates, goals=()):
    return run([workload], candidates, goals={"squares": goals}, imports=False, **TINY)


def test_the_baseline_comes_first_and_once(squares, candidate):
    report = tiny(squares, candidate(right), BASELINE)
    assert list(entries(report)) == ["by-hand", "mine"]
    assert entries(report)["by-hand"].ratio == 1.0
    assert len(entries(report)["mine"].samples_s) == 2
    assert report.wrong == []


def half_wrong(workload):
    value, gradients = right(workload)
    wrong = gradients["x"].copy()
    wrong[1] *= 1 + 1e-6
    return value, {"x": wrong}


WRONG = {
    "a gradient": (half_wrong, "x[1]"),
    "a value": (lambda w: (right(w)[0] + 1e-6, right(w)[1]), "value"),
    "a NaN": (lambda w: (right(w)[0], {"x": np.full(4, np.nan)}), "not finite"),
    "a shape": (lambda w: (right(w)[0], {"x": right(w)[1]["x"][:2]}), "shape (2,)"),
    "nothing": (lambda w: (right(w)[0], {}), "nothing"),
    "zeros": (lambda w: (right(w)[0], {"x": np.zeros(4)}), "x["),
    "float32": (lambda w: (np.float32(right(w)[0]), right(w)[1]), "float32"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_candidate_that_is_wrong_is_told_and_not_timed(case, squares, candidate):
    answer, expected = WRONG[case]
    others = candidate(answer), candidate(right, "other")
    report = tiny(squares, *others, goals=[Goal("mine", 1000.0)])
    wrong, other = entries(report)["mine"], entries(report)["other"]
    assert wrong.status == "mismatch"
    assert expected in wrong.message
    assert wrong.samples_s == []
    assert (wrong.ratio, wrong.median_s) == (None, None)
    (goal,) = report.results[0].goals
    assert (goal.found, goal.reached) == (None, None)
    assert other.status == "ok"
    assert report.wrong == ["mine on squares"]
    assert "mine: mismatch" in printed(report)


def test_a_candidate_that_is_wrong_the_second_time_is_not_timed(squares, candidate):
    answers = [right, half_wrong]
    report = tiny(squares, candidate(lambda w: answers.pop(0)(w)))
    assert entries(report)["mine"].status == "mismatch"


def test_a_candidate_that_fails_costs_its_own_row_only(squares, candidate):
    def fails(workload):
        raise ArithmeticError("no\nluck")

    report = tiny(squares, candidate(fails), candidate(right, "other"))
    assert entries(report)["mine"].status == "error"
    assert entries(report)["mine"].message == "ArithmeticError: no luck"
    assert entries(report)["other"].ratio is not None
    assert report.wrong == ["mine on squares"]


def test_a_library_that_is_not_installed_is_no_mistake(squares, candidate):
    report = tiny(squares, candidate(right, module="no_such_library"))
    assert entries(report)["mine"].status == "absent"
    assert report.wrong == []
    assert "not installed: mine" in printed(report)


def test_a_library_that_cannot_be_loaded_says_why(squares, candidate, tmp_path, monkeypatch):
    (tmp_path / "half_library.py").write_text("import no_such_part\n")
    monkeypatch.syspath_prepend(tmp_path)
    report = tiny(squares, candidate(right, module="half_library"))
    assert entries(report)["mine"].status == "error"
    assert "no_such_part" in entries(report)["mine"].message


def test_a_candidate_that_keeps_two_cores_busy_is_told(squares, candidate):
    report = tiny(squares, candidate(right))
    entries(report)["mine"].cores = 1.9
    assert "mine kept 1.9 cores busy" in printed(report)


def test_a_busy_machine_is_told(squares, candidate):
    report = tiny(squares, candidate(right))
    entries(report)["by-hand"].cores, entries(report)["mine"].cores = 0.4, 1.0
    assert "the machine was busy: by-hand had 0.40 of a core" in printed(report)
    entries(report)["by-hand"].cores = 1.0
    assert "busy" not in printed(report)


def installed(name):
    return importlib.util.find_spec(EAGER[name].module) is not None


@pytest.mark.parametrize("name", [name for name in EAGER if installed(name)])
def test_every_installed_candidate_is_right(name):
    workloads = [WORKLOADS[w] for w in ("mlp", "notes")]
    report = run(workloads, [EAGER[name]], imports=False, **TINY)
    assert report.wrong == []
    assert {e.status for result in report.results for e in result.entries} == {"ok"}


def test_the_candidates_are_those_of_the_issue():
    names = {"by-hand", "autodiff", "autodiff-graph", "autograd", "mygrad", "torch", "jax"}
    assert names < set(EAGER)
    assert {name: [(g.candidate, g.most) for g in EAGER_GOALS[name]] for name in EAGER_GOALS} == {
        "chain": [("autodiff", 2.5)],
        "notes": [("autodiff", 1.05)],
        "mlp": [("autodiff", 1.5)],
        IMPORT: [("autodiff", 1.5)],
    }


@pytest.mark.exhaustive
def test_imports_are_timed_in_fresh_processes():
    report = run([], [], rounds=1, sample_s=0.0)
    found = entries(report)
    assert report.results[0].workload == IMPORT
    assert list(found) == ["numpy", "autodiff"]
    assert found["autodiff"].ratio > 0.5
    assert [goal.reached is not None for goal in report.results[0].goals] == [True]
    assert found["numpy"].per_operation_s is None


def test_the_json_has_samples_machine_and_versions(squares, candidate, tmp_path):
    goals = [Goal("mine", 1000.0), Goal("wrong", 1.0)]
    report = tiny(squares, candidate(right), candidate(half_wrong, "wrong"), goals=goals)
    path = tmp_path / "bench.json"
    write_json(report, path, "python -m benchmarks eager")
    document = json.loads(path.read_text(encoding="utf-8"))
    assert set(document) == {
        *("schema_version", "command", "machine", "machine_class", "host", "system", "python"),
        *("versions", "blas"),
        *("results", "libraries", "threads", "rounds", "sample_s"),
        *("fresh", "goals", "footprints", "growth", "derived", "governor"),
    }
    assert document["libraries"] == {"numpy": np.__version__}
    assert "gradscale" in document["versions"]
    assert set(document["threads"].values()) <= {1}
    (result,) = document["results"]
    assert (result["workload"], result["operations"]) == ("squares", 3)
    hand, mine, wrong = result["entries"]
    assert len(mine["samples_s"]) == document["rounds"] == 2
    ratios = [a / b for a, b in zip(mine["samples_s"], hand["samples_s"], strict=True)]
    assert mine["ratio"] == pytest.approx(np.median(ratios))
    assert mine["per_operation_s"] == pytest.approx(mine["median_s"] / 3)
    assert [goal["reached"] for goal in result["goals"]] == [True, None]
    assert result["goals"][0]["found"] == mine["ratio"]
    assert (wrong["status"], wrong["samples_s"], wrong["median_s"]) == ("mismatch", [], None)


def judged_part(report):
    return printed(report).split("reached")[1].split("medians")[0]


def test_the_table_judges_those_with_goals_only(squares, candidate):
    field = candidate(right, "ours"), candidate(right, "theirs")
    part = judged_part(tiny(squares, *field, goals=[Goal("ours", 1000.0)]))
    assert "ours" in part
    assert "theirs" not in part


def test_a_goal_against_another_candidate(squares, candidate):
    def slow(workload):
        time.sleep(0.02)
        return right(workload)

    goals = [Goal("mine", 0.5, "slow"), Goal("slow", 0.5, "mine"), Goal("mine", 1.0, "nobody")]
    report = tiny(squares, candidate(right), candidate(slow, "slow"), goals=goals)
    assert [goal.reached for goal in report.results[0].goals] == [True, False, None]
    assert "nobody" not in judged_part(report), "it is not there"


def test_what_a_workload_is_not_for_is_left_out_with_the_reason(squares, candidate):
    def refuses(workload):
        raise NotImplementedError("cubes\nonly")

    report = tiny(squares, candidate(refuses), goals=[Goal("mine", 1.0)])
    assert entries(report)["mine"].status == "unsupported"
    assert report.wrong == []
    assert "left out: mine (cubes only)" in printed(report)
    assert "mine" not in judged_part(report)


def test_geometric_means_over_workloads(squares, candidate):
    workloads = [replace(squares, name=name) for name in ("a", "b", "c")]
    report = run(workloads, [candidate(right)], goals={}, imports=False, **TINY)
    for result, factor in zip(report.results, (2.0, 8.0, 1e9), strict=True):
        hand, mine = result.entries
        mine.median_s = factor * hand.median_s
    take_means(report, [Goal("mine", 5.0), Goal("nobody", 1.0)], without=["c"])
    mean, missing = report.goals
    assert mean.found == pytest.approx(4.0)
    assert mean.reached
    assert missing.found is None
    assert "geometric mean" in judged_part(report)


def test_the_harness_imports_no_candidate():
    absent = ("autodiff", "autograd", "mygrad", "torch", "jax", "sympy", "pandas")
    code = f"import sys, {run_module.__name__}; print(*[m for m in {absent!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
