"""Running a benchmark: check every contender, then time those that are right, in turn."""

from collections.abc import Callable, Sequence

from benchmarks.checking import checked, opened
from benchmarks.contenders import BASELINE, Contender
from benchmarks.goals import EAGER_GOALS, Goals
from benchmarks.imports import time_imports
from benchmarks.results import Entry, Report, Result, judged, timed
from benchmarks.timing import fair_collector, interleaved
from benchmarks.workloads import Workload

__all__ = ["IMPORT", "empty_result", "import_result", "installed", "run"]

#: Name of the workload that is no function: importing the engine.
IMPORT = "import"


def run(
    workloads: Sequence[Workload],
    contenders: Sequence[Contender],
    *,
    rounds: int,
    sample_s: float,
    goals: Goals = EAGER_GOALS,
    imports: bool = True,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Report:
    """Return what a benchmark finds."""
    field = [BASELINE, *(c for c in contenders if c.name != BASELINE.name)]
    results = []
    on_stage("importing the contenders")
    with opened(field) as (libraries, threads):
        for workload in workloads:
            on_stage(f"checking {workload.name}")
            result = empty_result(workload, goals)
            runs = {}
            for library in libraries:
                entry, prepared = checked(workload, library)
                result.entries.append(entry)
                if prepared is not None:
                    runs[entry.contender] = prepared.run
            on_stage(f"timing {workload.name}")
            if BASELINE.name in runs:
                with fair_collector():
                    timed(result, interleaved(runs, rounds, sample_s))
            results.append(result)
    if imports:
        on_stage("timing imports")
        results.append(import_result(rounds))
    return Report(results, installed(field), threads, rounds, sample_s)


def installed(contenders: Sequence[Contender]) -> dict[str, str]:
    """Return the versions of the contenders' libraries by name."""
    return {c.module: c.version for c in contenders if c.version}


def empty_result(workload: Workload, goals: Goals) -> Result:
    """Return a result that has no entries yet."""
    return Result(
        workload.name,
        workload.meaning,
        workload.operations,
        [judged(goal, workload.title) for goal in goals.get(workload.name, ())],
        workload.label,
    )


def import_result(rounds: int) -> Result:
    """Return what importing the engine costs, beside importing NumPy."""
    result = Result(
        IMPORT,
        "import in a fresh process",
        0,
        [judged(goal, IMPORT) for goal in EAGER_GOALS[IMPORT]],
        entries=[Entry("numpy", "import numpy"), Entry("autodiff", "import autodiff")],
    )
    timed(result, time_imports([entry.contender for entry in result.entries], rounds))
    return result
