"""What a benchmark found, as tables of plain numbers that become JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from compare.bench.timing import Samples, median_and_spread, ratios
from compare.machine import description

__all__ = ["SCHEMA_VERSION", "Entry", "Report", "Result", "timed", "write_json"]

SCHEMA_VERSION = 1

#: ok: right, and timed; mismatch: wrong, and not timed; absent: its library is not installed;
#: error: it raised an exception.
Status = Literal["ok", "mismatch", "absent", "error"]


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
        How it ended: ok, mismatch, absent or error.
    message : str
        Why it is not ok.
    judged : bool
        Whether the goal of the workload is meant for it.
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
    meets_goal : bool, optional
        Whether the ratio is no larger than the goal.
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
    judged: bool = False
    prepare_s: float | None = None
    max_error: float | None = None
    median_s: float | None = None
    ratio: float | None = None
    ratio_spread: float | None = None
    processor_ratio: float | None = None
    per_operation_s: float | None = None
    meets_goal: bool | None = None
    cores: float | None = None
    loops: int | None = None
    samples_s: list[float] = field(default_factory=list)
    processor_samples_s: list[float] = field(default_factory=list)


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
    goal : float
        Largest ratio that the project's own engine is meant to need.
    entries : list of Entry
        The contenders, in the order of a round.
    """

    workload: str
    meaning: str
    operations: int
    goal: float
    entries: list[Entry]


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
    """

    results: list[Result]
    libraries: dict[str, str]
    threads: dict[str, int]
    rounds: int
    sample_s: float

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
    """Write times into the entries of a result.

    Parameters
    ----------
    result : Result
        Its first entry is the baseline.
    samples : mapping of str to Samples
        By name of contender; entries without samples stay as they are.
    """
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
        if entry.judged:
            entry.meets_goal = entry.ratio <= result.goal


def write_json(report: Report, path: Path, command: str) -> None:
    """Write a report with the machine it was taken on.

    Parameters
    ----------
    report : Report
        What was found.
    path : Path
        The file.
    command : str
        The command that repeats the run.
    """
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        **description(),
        **asdict(report),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
