"""Running a benchmark: check every candidate, then time those that are right, in turn."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from benchmarks.candidates import BASELINE, Implementation
from benchmarks.checking import checked, loaded
from benchmarks.costs.imports import IMPORT, import_result
from benchmarks.goals import EAGER_GOALS, Goals
from benchmarks.results import Report, empty_result, timed
from benchmarks.turns import fair_collector, sampler, take_turns
from benchmarks.workloads import Workload

__all__ = ["IMPORT", "empty_report", "run", "with_baseline"]


def run(
    workloads: Sequence[Workload],
    candidates: Sequence[Implementation],
    *,
    rounds: int,
    sample_s: float,
    goals: Goals = EAGER_GOALS,
    imports: bool = True,
    baseline: Implementation = BASELINE,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Report:
    """Return the report of a benchmark in this process."""
    field = with_baseline(candidates, baseline)
    report = empty_report(field, rounds, sample_s)
    on_stage("importing the candidates")
    with loaded(field) as (found, report.threads):
        for workload in workloads:
            on_stage(f"checking {workload.name}")
            result = empty_result(workload, goals.get(workload.name, ()))
            report.results.append(result)
            runs = {}
            for each in found:
                entry, call = checked(workload, each)
                result.entries.append(entry)
                if call is not None:
                    runs[entry.candidate] = call.run
            on_stage(f"timing {workload.name}")
            if baseline.name in runs:
                with fair_collector():
                    samplers = {name: sampler(call, sample_s) for name, call in runs.items()}
                    timed(result, take_turns(samplers, rounds)[0])
    if imports:
        on_stage("timing imports")
        report.results.append(import_result(rounds))
    return report


def with_baseline(
    candidates: Sequence[Implementation], baseline: Implementation = BASELINE
) -> list[Implementation]:
    """Return the candidates behind the one that all are compared with."""
    return [baseline, *(each for each in candidates if each.name != baseline.name)]


def empty_report(
    candidates: Sequence[Implementation], rounds: int, sample_s: float, fresh: bool = False
) -> Report:
    """Return a report that has no results yet, with the versions of what is installed."""
    libraries = {}
    for candidate in candidates:
        with suppress(PackageNotFoundError):
            libraries[candidate.module] = version(candidate.module)
    return Report([], libraries, {}, rounds, sample_s, fresh)
