"""Fresh processes that fail cost their own row."""

import os

import pytest

from benchmarks import fresh
from benchmarks.candidates import COMPILED
from benchmarks.fresh import first_check, in_new_process, run_fresh
from benchmarks.results import Entry
from benchmarks.workloads import WORKLOADS
from compare.measure.timing import Sample
from compare.process.executor import Outcome


def test_a_process_that_ends_is_told_from_one_that_answers():
    assert in_new_process(os._exit, 3).status == "crashed"
    outcome = in_new_process(first_check, "circuit", "by-hand", 1e-6)
    entry, threads, loops = outcome.result
    assert (entry.status, set(threads.values())) == ("ok", {1})
    assert loops >= 1


@pytest.mark.parametrize("when", ["check", "sample"])
def test_a_process_that_fails_costs_its_own_row(monkeypatch, when):
    def in_new_process(function, workload, candidate, *args):
        failing = first_check if when == "check" else fresh.sample
        if candidate == "autodiff" and function is failing:
            return Outcome("crashed", message="ended by a signal")
        if function is first_check:
            return Outcome("ok", (Entry(candidate, ""), {"blas": 1}, 3))
        return Outcome("ok", Sample(0.01, 0.01, 3))

    monkeypatch.setattr(fresh, "in_new_process", in_new_process)
    field = [COMPILED["autodiff"], COMPILED["autodiff-plan"]]
    workloads = [WORKLOADS["circuit"]]
    report = run_fresh(workloads, field, goals={}, rounds=2, sample_s=0.01)
    hand, failed, plan = report.results[0].entries
    assert (failed.status, failed.message) == ("error", "ended by a signal")
    assert (failed.ratio, failed.samples_s) == (None, [])
    assert (hand.ratio, plan.ratio, plan.samples_s) == (1.0, 1.0, [0.01, 0.01])
    assert report.threads == {"blas": 1}
    assert report.wrong == ["autodiff on circuit"]
