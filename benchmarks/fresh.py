"""Timing in fresh processes: what a gradient costs where no memory is at hand.

In a process that has run for a while the C library keeps the memory that it was given back, and
large intermediates cost no more than small ones. In a new one it returns them to the system, and
each call takes its pages anew. Here each sample is taken in a process of its own, which has loaded
one candidate's library and nothing else: it prepares, calls once to warm up, and starts the clock.
The settings of the C library are those of the system; none is made worse on purpose.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.candidates import BASELINE, COMPILED, Implementation
from benchmarks.checking import checked, loaded
from benchmarks.goals import Goals
from benchmarks.results import Entry, Report, empty_result, timed
from benchmarks.run import empty_report, with_baseline
from benchmarks.turns import take_turns
from benchmarks.workloads import GROUPS, Workload
from compare.measure.session import sample_of
from compare.measure.timing import Sample, calibrated, time_calls
from compare.process.executor import Budget, Executor, Outcome

__all__ = ["first_check", "in_new_process", "run_fresh", "sample"]

#: No round is repeated: each takes so long that a look at the machine around it says little.
_UNDISTURBED = Sample(1.0, 1.0)
#: Limits of one process, compilation included: some minutes, and the memory of the machine.
_BUDGET = Budget(300.0, sys.maxsize)


def run_fresh(
    workloads: Sequence[Workload],
    candidates: Sequence[Implementation],
    *,
    goals: Goals,
    rounds: int,
    sample_s: float,
    baseline: Implementation = BASELINE,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Report:
    """Return the report of a benchmark whose samples each take a fresh process.

    The first process of a candidate checks it and finds out how many calls make a sample.
    """
    field = with_baseline(candidates, baseline)
    report = empty_report(field, rounds, sample_s, fresh=True)
    for workload in workloads:
        on_stage(f"checking {workload.name}")
        result = empty_result(workload, goals.get(workload.name, ()))
        report.results.append(result)
        samplers = {}
        for candidate in field:
            names = workload.name, candidate.name
            outcome = in_new_process(first_check, *names, sample_s)
            if outcome.status != "ok":
                failed = Entry(candidate.name, candidate.meaning, "error", outcome.message)
                result.entries.append(failed)
                continue
            entry, threads, loops = outcome.result
            result.entries.append(entry)
            report.threads |= threads
            if loops:
                samplers[candidate.name] = _sampler(*names, loops, on_stage)
        if baseline.name in samplers:
            samples, lost = take_turns(samplers, rounds, lambda: _UNDISTURBED)
            for entry in result.entries:
                if entry.candidate in lost:
                    entry.status, entry.message = "error", lost[entry.candidate]
            timed(result, samples)
    return report


def in_new_process(function: Callable[..., Any], *args: Any) -> Outcome:
    """Return how a call ended in a process of its own, on one thread."""
    with Executor(threads=1) as executor:
        return executor.call(function, *args, budget=_BUDGET)


def _sampler(
    workload: str, candidate: str, loops: int, on_stage: Callable[[str], None]
) -> Callable[[], Sample]:
    def new_sample() -> Sample:
        on_stage(f"timing {workload}: {candidate}")
        return sample_of(in_new_process(sample, workload, candidate, loops))

    return new_sample


def _named(workload: str) -> Workload:
    return next(group[workload] for group in GROUPS.values() if workload in group)


def first_check(
    workload: str, candidate: str, sample_s: float
) -> tuple[Entry, dict[str, int], int]:
    """Return whether a candidate is right, its threads, and the calls in a sample, 0 if wrong."""
    with loaded([COMPILED[candidate]]) as ((each,), threads):
        entry, call = checked(_named(workload), each)
        return entry, threads, calibrated(call.run, sample_s) if call else 0


def sample(workload: str, candidate: str, loops: int) -> Sample:
    """Return a sample of a candidate that was found to be right.

    Examples
    --------
    >>> sample("circuit", "by-hand", 3).seconds > 0
    True
    """
    with loaded([COMPILED[candidate]]) as ((each,), _):
        run = each.candidate.bind(each.module, _named(workload)).run
        run()
        return Sample(*time_calls(run, loops), loops)
