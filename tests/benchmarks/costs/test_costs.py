import numpy as np
import pytest

from benchmarks.candidates import COMPILED, BoundCall, Implementation
from benchmarks.costs import growth
from benchmarks.costs.memory import peak_bytes
from benchmarks.costs.parts import PARTS
from benchmarks.goals import Goal
from benchmarks.results import Report
from benchmarks.workloads.chain import long_chain, number_chain
from benchmarks.workloads.elementwise import elementwise
from benchmarks.workloads.networks import deep

KIB = 1024

pytestmark = pytest.mark.usefixtures("undisturbed")


def quiet(stage):
    """Nobody is told what begins."""


@pytest.fixture
def report():
    return Report([], {}, {}, rounds=1, sample_s=1e-6)


def test_memory_is_the_most_at_any_time():
    def call():
        first = np.ones(100 * KIB)
        first = None
        second = np.ones(50 * KIB)
        return second, first

    assert peak_bytes(lambda: call) == pytest.approx(800 * KIB, rel=0.01)


def test_memory_that_is_kept_counts_once():
    def prepare():
        buffer = np.ones(100 * KIB)
        return lambda: np.add(buffer, 1.0, buffer)

    assert peak_bytes(prepare) == pytest.approx(800 * KIB, rel=0.01)


def test_footprints_of_those_that_can_be_told(report):
    chosen = [COMPILED[name] for name in ("by-hand", "by-hand-out", "autodiff", "autodiff-plan")]
    PARTS["memory"](report, chosen, quiet, workloads=[elementwise(30_000)])
    found = {f.candidate: f.peak_bytes for f in report.footprints}
    assert {"by-hand", "by-hand-out", "autodiff", "autodiff-plan"} <= set(found)
    assert found["by-hand-out"] < found["by-hand"] < found["autodiff"]
    assert all(size >= 240_000 for size in found.values()), "the gradient alone takes that"
    planned = {f.candidate: f.planned_bytes for f in report.footprints}
    assert planned["autodiff-plan"] > 0


def test_a_chain_in_parts_takes_less_memory(report):
    PARTS["checkpoint"](report, [], quiet, workload=long_chain(steps=203, size=1000))
    (result,) = report.results
    assert {e.candidate: e.status for e in result.entries} == dict.fromkeys(
        ("by-hand", "autodiff", "autodiff-checkpoint"), "ok"
    )
    assert result.goals[0].found > 0.5
    (goal,) = report.goals
    assert (goal.what, goal.against) == ("memory", "autodiff")
    assert 1 / 20 < goal.found < 1 / 5


@pytest.mark.parametrize("make", [long_chain, number_chain])
def test_the_chains_keep_something_of_the_gradient(make):
    workload = make(3000)
    _, gradients = workload.hand(*workload.inputs.values())
    sizes = [np.max(np.abs(g)) for g in workload.by_name(gradients).values()]
    assert min(sizes) > 1e-6


@pytest.mark.exhaustive
def test_programs_that_grow(report, monkeypatch):
    monkeypatch.setitem(
        growth.BUILD_GOALS, ("network", 4), Goal("autodiff-plan", 99.0, "", "build")
    )
    series = {
        "network": (lambda depth: deep(depth, width=3, batch=2), (2, 4, 8), ["autodiff-plan"]),
        "numbers": (number_chain, (30,), ["autodiff-plan", "nobody"]),
    }
    PARTS["growth"](report, COMPILED.values(), quiet, series=series)
    assert [(row.series, row.size) for row in report.growth] == [
        *(("network", size) for size in (2, 4, 8)),
        ("numbers", 30),
    ]
    assert all(row.build_s > 0 and row.run_s > 0 and row.ratio > 0 for row in report.growth)
    assert [row.operations for row in report.growth][-1] == 30
    build, exponent = (goal for goal in report.goals if goal.found is not None)
    assert (build.workload, build.reached) == ("network-4", True)
    assert build.found == report.growth[1].build_s
    assert (exponent.workload, exponent.what) == ("network", "exponent")


def test_a_series_ends_where_it_takes_too_long(report, monkeypatch):
    monkeypatch.setattr(growth, "_LONGEST_BUILD_S", 0.0)
    series = {"numbers": (number_chain, (3, 6), ["autodiff-plan"])}
    PARTS["growth"](report, [COMPILED["autodiff-plan"]], quiet, series=series)
    assert [row.size for row in report.growth] == [3]
    longest = [(g.workload, g.what, g.found, g.reached) for g in report.goals]
    assert longest == [
        ("numbers-1000000", "build, s", None, False),
        ("numbers-1000000", "time", None, False),
    ]


def test_a_program_that_is_wrong_has_no_times(report):
    def bind(library, workload):
        return BoundCall(lambda: (0.0, {}), lambda result: result)

    wrong = Implementation("autodiff-plan", "wrong on purpose", "numpy", bind)
    series = {"numbers": (number_chain, (3, 6), ["autodiff-plan"])}
    PARTS["growth"](report, [wrong], quiet, series=series)
    (row,) = report.growth
    assert (row.build_s, row.run_s) == (None, None)
    assert row.message.startswith("mismatch: ")
