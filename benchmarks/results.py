"""What a benchmark found, as tables of plain numbers that become JSON."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.goals import Goal
from benchmarks.timing import Samples, median_and_spread, ratios
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
    "judged",
    "take_means",
    "timed",
    "write_json",
]

SCHEMA_VERSION = 3

#: ok: right, and timed; mismatch: wrong, and not timed; absent: its library is not installed;
#: unsupported: the workload is not for it; error: it raised an exception.
Status = Literal["ok", "mismatch", "absent", "unsupported", "error"]


@dataclass
class Entry:
    """One contender on one workload.

    Parameters
    ----------
    contender : str
        Its name.
    meaning : str
        One line for a reader.
    status : str
        How it ended: ok, mismatch, absent, unsupported or error.
    message : str
        Why it is not ok.
    prepare_s : float, optional
        Preparing and the first call, in s: tracing, compiling.
    max_error : float, optional
        Largest error of an entry of the gradients, relative.
    median_s : float, optional
        Median time of a call, in s.
    ratio, ratio_spread : float, optional
        Median over the rounds of the ratio to the baseline, and its median absolute deviation.
    processor_ratio : float, optional
        The same of the processor time, which other programs on the machine disturb less.
    per_operation_s : float, optional
        `median_s` for each operation of the workload, in s.
    cores : float, optional
        Cores that were busy with it; 1 for one thread, less where other programs had them.
    loops : int, optional
        Calls in each sample.
    samples_s, processor_samples_s : list of float
        Wall time and processor time of a call in each round, in s.
    """

    contender: str
    meaning: str
    status: Status = "ok"
    message: str = ""
    prepare_s: float | None = None
    max_error: float | None = None
    median_s: float | None = None
    ratio: float | None = None
    ratio_spread: float | None = None
    processor_ratio: float | None = None
    per_operation_s: float | None = None
    cores: float | None = None
    loops: int | None = None
    samples_s: list[float] = field(default_factory=list)
    processor_samples_s: list[float] = field(default_factory=list)


@dataclass
class Judged:
    """A goal, with what was reached.

    Parameters
    ----------
    workload : str
        On what.
    what : str
        Of what: time, or another quantity with its unit.
    contender, against : str
        Whose number it is, and to whose it is a ratio, if it is one.
    most : float
        The largest that reaches the goal.
    found : float, optional
        The ratio, median over the rounds, or the number.
    reached : bool, optional
        Whether it is no larger.
    """

    workload: str
    what: str
    contender: str
    against: str
    most: float
    found: float | None = None
    reached: bool | None = None

    def take(self, found: float) -> None:
        """Write what was found."""
        self.found, self.reached = found, found <= self.most


def judged(goal: Goal, workload: str) -> Judged:
    """Return a goal of which nothing is known yet."""
    return Judged(workload, goal.what, goal.contender, goal.against, goal.most)


@dataclass
class Footprint:
    """Memory of one contender on one workload.

    Parameters
    ----------
    workload, contender : str
        Their names.
    peak_bytes : int
        Most memory that a call needs beyond its arguments, what is kept between calls included,
        in bytes.
    planned_bytes : int, optional
        What the contender says it needs, before it runs.
    """

    workload: str
    contender: str
    peak_bytes: int
    planned_bytes: int | None = None


@dataclass
class Growth:
    """What preparing a program of one size costs.

    Parameters
    ----------
    series : str
        Name of the workloads that grow.
    size : int
        Depth or length.
    operations : int
        Operations that are recorded.
    contender : str
        Its name.
    build_s : float, optional
        Tracing and compiling, in s.
    run_s : float, optional
        A call, in s.
    ratio : float, optional
        Of the call to that of the gradient by hand.
    message : str
        Why there are no times.
    """

    series: str
    size: int
    operations: int
    contender: str
    build_s: float | None = None
    run_s: float | None = None
    ratio: float | None = None
    message: str = ""


@dataclass
class Derived:
    """What deriving the gradient of one network takes.

    Parameters
    ----------
    network, contender : str
        Their names.
    parameters : int
        Its parameters; its depth where lengths are names.
    derive_s : float, optional
        Median time of the processor, which other programs on the machine disturb less, in s.
    peak_bytes : int, optional
        Memory above what the process had before.
    operations : int, optional
        Operations of value and gradient, each distinct one once.
    ratio : float, optional
        The same to those of the value.
    message : str
        Why there are no numbers.
    samples_s : list of float
        The times, in s.
    """

    network: str
    contender: str
    parameters: int
    derive_s: float | None = None
    peak_bytes: int | None = None
    operations: int | None = None
    ratio: float | None = None
    message: str = ""
    samples_s: list[float] = field(default_factory=list)


@dataclass
class Result:
    """All contenders on one workload; the first is the baseline.

    Parameters
    ----------
    workload : str
        Its name.
    meaning : str
        One line for a reader.
    operations : int
        Operations of one call; 0 where that says nothing.
    goals : list of Judged
        What is meant to be reached.
    label : str
        Short name.
    entries : list of Entry
        The contenders, in the order of a round.
    """

    workload: str
    meaning: str
    operations: int
    goals: list[Judged] = field(default_factory=list)
    label: str = ""
    entries: list[Entry] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Its short name, if it has one, and its name."""
        return f"{self.label} {self.workload}".strip()


@dataclass
class Report:
    """A run of a benchmark.

    Parameters
    ----------
    results : list of Result
        By workload.
    libraries : dict of str
        Versions of the contenders' libraries.
    threads : dict of str to int
        Threads that each library reported.
    rounds : int
        Samples of each contender.
    sample_s : float
        Length of a sample at least, in s.
    fresh : bool
        Whether each sample was taken in a process of its own.
    goals : list of Judged
        What is meant to be reached beyond single workloads.
    footprints : list of Footprint
        Memory.
    growth : list of Growth
        What preparing costs, by size.
    derived : list of Derived
        What deriving formulas takes.
    """

    results: list[Result]
    libraries: dict[str, str]
    threads: dict[str, int]
    rounds: int
    sample_s: float
    fresh: bool = False
    goals: list[Judged] = field(default_factory=list)
    footprints: list[Footprint] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    derived: list[Derived] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Contenders that were wrong or failed, with their workloads."""
        return [
            f"{entry.contender} on {result.workload}"
            for result in self.results
            for entry in result.entries
            if entry.status in ("mismatch", "error")
        ]


def timed(result: Result, samples: Mapping[str, Samples]) -> None:
    """Write times into the entries of a result."""
    baseline = samples[result.entries[0].contender]
    for entry in result.entries:
        if entry.contender not in samples:
            continue
        found = samples[entry.contender]
        entry.samples_s, entry.processor_samples_s = found.seconds, found.processor_s
        entry.loops, entry.cores, entry.median_s = found.loops, found.cores, found.median_s
        wall = ratios(found.seconds, baseline.seconds)
        entry.ratio, entry.ratio_spread = median_and_spread(wall)
        processor = ratios(found.processor_s, baseline.processor_s)
        entry.processor_ratio, _ = median_and_spread(processor)
        if result.operations:
            entry.per_operation_s = found.median_s / result.operations
    for goal in result.goals:
        if goal.contender in samples and goal.against in samples:
            found, other = samples[goal.contender], samples[goal.against]
            goal.take(median_and_spread(ratios(found.seconds, other.seconds))[0])


def take_means(report: Report, goals: Sequence[Goal], without: Sequence[str]) -> None:
    """Write geometric means over the workloads into a report."""
    for goal in (judged(each, "geometric mean") for each in goals):
        found = []
        for result in report.results:
            median_s = {e.contender: e.median_s for e in result.entries if e.median_s is not None}
            if result.workload not in without and {goal.contender, goal.against} <= set(median_s):
                found.append(median_s[goal.contender] / median_s[goal.against])
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
