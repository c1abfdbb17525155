"""Results of a benchmark, as tables of plain numbers that become JSON."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.goals import Goal
from benchmarks.turns import Samples, ratio
from benchmarks.workloads import Workload
from compare.results.machine import description

__all__ = [
    "SCHEMA_VERSION",
    "Derived",
    "Entry",
    "Footprint",
    "Growth",
    "Judged",
    "Report",
    "Result",
    "empty_result",
    "judged",
    "take_means",
    "timed",
    "write_json",
]

SCHEMA_VERSION = 4

#: ok: right, and timed; mismatch: wrong, and not timed; absent: its library is not installed;
#: unsupported: the workload is not for it; error: it raised an exception, or its process ended.
Status = Literal["ok", "mismatch", "absent", "unsupported", "error"]


@dataclass
class Entry:
    """One candidate on one workload."""

    candidate: str
    #: One line for a reader.
    meaning: str
    status: Status = "ok"
    #: Why it is not ok.
    message: str = ""
    #: Preparing and the first call, in s: tracing, compiling.
    prepare_s: float | None = None
    #: Largest error of an entry of the gradients, relative.
    max_error: float | None = None
    #: Median time of a call, in s.
    median_s: float | None = None
    #: Median over the rounds of the ratio to the baseline, and its median absolute deviation.
    ratio: float | None = None
    ratio_spread: float | None = None
    #: The same of the processor time, which other programs on the machine disturb less.
    processor_ratio: float | None = None
    #: `median_s` for each operation of the workload, in s.
    per_operation_s: float | None = None
    #: Cores that were busy with it; 1 for one thread, less where other programs had them.
    cores: float | None = None
    #: Calls in each sample.
    loops: int | None = None
    #: Wall time and processor time of a call in each round, in s.
    samples_s: list[float] = field(default_factory=list)
    processor_samples_s: list[float] = field(default_factory=list)


@dataclass
class Judged:
    """A goal, with what was reached."""

    workload: str
    #: Of what: time, or another quantity with its unit.
    what: str
    candidate: str
    #: Whose number it is a ratio to, if it is one.
    against: str
    #: The largest that reaches the goal.
    most: float
    #: The ratio, median over the rounds, or the number.
    found: float | None = None
    reached: bool | None = None

    def take(self, found: float) -> None:
        """Write what was found."""
        self.found, self.reached = found, found <= self.most


def judged(goal: Goal, workload: str) -> Judged:
    """Return a goal of which nothing is known yet."""
    return Judged(workload, goal.what, goal.candidate, goal.against, goal.most)


@dataclass
class Footprint:
    """Memory of one candidate on one workload."""

    workload: str
    candidate: str
    #: Most memory that a call needs beyond its arguments, what is kept between calls included.
    peak_bytes: int
    #: What the candidate says it needs, before it runs.
    planned_bytes: int | None = None


@dataclass
class Growth:
    """Costs of a program of one size."""

    #: Name of the workloads that grow.
    series: str
    #: Depth or length.
    size: int
    operations: int
    candidate: str
    #: Tracing and compiling, and a call, in s.
    build_s: float | None = None
    #: Most memory that Python and NumPy took for tracing and compiling, in bytes; not JAX's.
    peak_bytes: int | None = None
    run_s: float | None = None
    #: Of the call to that of the gradient by hand.
    ratio: float | None = None
    #: Why there are no times.
    message: str = ""


@dataclass
class Derived:
    """Costs of deriving the gradient of one network."""

    network: str
    candidate: str
    #: Its parameters; its depth where lengths are names.
    parameters: int
    #: Median time of the processor, which other programs on the machine disturb less, in s.
    derive_s: float | None = None
    #: Memory above what the process had before.
    peak_bytes: int | None = None
    #: Operations of value and gradient, each distinct one once, and their ratio to the value's.
    operations: int | None = None
    ratio: float | None = None
    #: Why there are no numbers.
    message: str = ""
    #: Times of the processor, in s.
    samples_s: list[float] = field(default_factory=list)


@dataclass
class Result:
    """All candidates on one workload; the first is the baseline."""

    workload: str
    #: One line for a reader.
    meaning: str
    #: Operations of one call; 0 where that says nothing.
    operations: int
    goals: list[Judged] = field(default_factory=list)
    #: Short name.
    label: str = ""
    #: The candidates, in the order of the tables.
    entries: list[Entry] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Its short name, if it has one, and its name."""
        return f"{self.label} {self.workload}".strip()


def empty_result(workload: Workload, goals: Sequence[Goal]) -> Result:
    """Return a result that has no entries yet."""
    return Result(
        workload.name,
        workload.meaning,
        workload.operations,
        [judged(goal, workload.title) for goal in goals],
        workload.label,
    )


@dataclass
class Report:
    """A run of a benchmark."""

    results: list[Result]
    #: Versions of the candidates' libraries.
    libraries: dict[str, str]
    #: Threads that each library reported.
    threads: dict[str, int]
    #: Samples of each candidate, and their length at least, in s.
    rounds: int
    sample_s: float
    #: Whether each sample was taken in a process of its own.
    fresh: bool = False
    #: What is meant to be reached beyond single workloads.
    goals: list[Judged] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    derived: list[Derived] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Candidates that were wrong or failed, with their workloads."""
        return [
            f"{entry.candidate} on {result.workload}"
            for result in self.results
            for entry in result.entries
            if entry.status in ("mismatch", "error")
        ]


def timed(result: Result, samples: Samples) -> None:
    """Write times into the entries of a result."""
    baseline = samples.get(result.entries[0].candidate)
    if baseline is None:
        return
    for entry in result.entries:
        if (found := samples.get(entry.candidate)) is None:
            continue
        entry.samples_s = [sample.seconds for sample in found]
        entry.processor_samples_s = [sample.processor_s for sample in found]
        entry.loops = found[0].loops
        entry.median_s = statistics.median(entry.samples_s)
        entry.cores = sum(entry.processor_samples_s) / max(sum(entry.samples_s), 1e-12)
        wall = ratio(found, baseline)
        entry.ratio, entry.ratio_spread = wall.median, wall.spread
        entry.processor_ratio = ratio(found, baseline, "processor_s").median
        if result.operations:
            entry.per_operation_s = entry.median_s / result.operations
    for goal in result.goals:
        if goal.candidate in samples and goal.against in samples:
            goal.take(ratio(samples[goal.candidate], samples[goal.against]).median)


def take_means(report: Report, goals: Sequence[Goal], without: Sequence[str]) -> None:
    """Write geometric means over the workloads into a report."""
    for goal in (judged(each, "geometric mean") for each in goals):
        found = []
        for result in report.results:
            median_s = {e.candidate: e.median_s for e in result.entries if e.median_s is not None}
            if result.workload not in without and {goal.candidate, goal.against} <= set(median_s):
                found.append(median_s[goal.candidate] / median_s[goal.against])
        if found:
            goal.take(statistics.geometric_mean(found))
        report.goals.append(goal)


def write_json(report: Report, path: Path, command: str) -> None:
    """Write a report with the machine it was taken on."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        **description(),
        **asdict(report),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
