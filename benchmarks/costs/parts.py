"""Parts of the compiled benchmark that are not one workload."""

from collections.abc import Callable, Sequence

from benchmarks.candidates import BASELINE, Implementation
from benchmarks.candidates.own import CHECKPOINT, EAGER_AUTODIFF
from benchmarks.costs.growth import SERIES, Series, grow
from benchmarks.costs.memory import footprints
from benchmarks.goals import CHECKPOINT_GOALS, CHECKPOINT_MEMORY
from benchmarks.results import Report, judged
from benchmarks.run import run
from benchmarks.workloads import WORKLOADS, Workload
from benchmarks.workloads.chain import long_chain

__all__ = ["PARTS"]

Stage = Callable[[str], None]
Field = Sequence[Implementation]

#: Workloads whose memory is measured.
_MEASURED = ("notes", "deep-512", "elementwise")


def _memory(
    report: Report, field: Field, on_stage: Stage, workloads: Sequence[Workload] | None = None
) -> None:
    report.footprints += footprints(
        workloads or [WORKLOADS[each] for each in _MEASURED], field, on_stage
    )


def _checkpoint(
    report: Report, field: Field, on_stage: Stage, workload: Workload | None = None
) -> None:
    """Time and weigh a long chain that is kept, and one that is computed again in parts."""
    workload = workload or long_chain()
    field = [BASELINE, EAGER_AUTODIFF, CHECKPOINT]
    done = run(
        [workload],
        field,
        rounds=report.rounds,
        sample_s=report.sample_s,
        goals=CHECKPOINT_GOALS,
        imports=False,
        on_stage=on_stage,
    )
    report.results += done.results
    found = footprints([workload], field, on_stage)
    report.footprints += found
    sizes = {each.candidate: each.peak_bytes for each in found}
    goal = judged(CHECKPOINT_MEMORY, workload.title)
    goal.take(sizes[goal.candidate] / sizes[goal.against])
    report.goals.append(goal)


def _growth(report: Report, field: Field, on_stage: Stage, series: Series = SERIES) -> None:
    growth, goals = grow(field, on_stage, series)
    report.growth += growth
    report.goals += goals


#: By the names of the command line: ``PARTS[name](report, candidates, on_stage)`` writes what it
#: finds into a report; candidates take part as far as the part is for them. A last argument takes
#: the place of the part's own workloads.
PARTS: dict[str, Callable[..., None]] = {
    "memory": _memory,
    "checkpoint": _checkpoint,
    "growth": _growth,
}
