"""Results of a benchmark, for the terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.results import Entry, Judged, Report, Result
from compare.report.format import MISSING, bytes_text, count_text, seconds_text

__all__ = ["print_report"]

#: More cores busy than this, and a candidate did not keep to one thread.
_MOST_CORES = 1.1
#: Fewer, and other programs had the core for a part of the time.
_FEWEST_CORES = 0.9


def print_report(report: Report, console: Console) -> None:
    """Print one table for each workload, and the goals."""
    for result in report.results:
        operations = f" ({result.operations} operations)" if result.operations else ""
        console.print(Text(f"{result.title}: {result.meaning}{operations}", style="bold"))
        console.print(_table(result))
        for entry in result.entries:
            if entry.status in ("mismatch", "error"):
                console.print(Text(f"{entry.candidate}: {entry.status}: {entry.message}"))
            elif entry.cores is not None and entry.cores > _MOST_CORES:
                console.print(Text(f"{entry.candidate} kept {entry.cores:.1f} cores busy, not one"))
        if left_out := [e for e in result.entries if e.status == "unsupported"]:
            reasons = "; ".join(f"{entry.candidate} ({entry.message})" for entry in left_out)
            console.print(Text(f"left out: {reasons}", style="dim"))
        if (cores := result.entries[0].cores) is not None and cores < _FEWEST_CORES:
            console.print(
                Text(
                    f"the machine was busy: {result.entries[0].candidate} had {cores:.2f} of a "
                    "core; the ratio of processor times is the better one, measure again"
                )
            )
        console.print()
    more = ((report.footprints, _footprints), (report.growth, _growth), (report.derived, _derived))
    for rows, table in more:
        if rows:
            console.print(table(report))
            console.print()
    console.print(_goals(report))
    console.print()
    for line in _legend(report):
        console.print(Text(line, style="dim"))


def _titled(title: str, words: Sequence[str], numbers: Sequence[str]) -> Table:
    """Return an empty table, whose columns hold words and then numbers."""
    table = Table(
        title=title or None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in words:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _table(result: Result) -> Table:
    """Return the times on one workload; candidates that have goals are bold."""
    columns = ("median", "ratio", "", "cpu ratio", "per operation", "prepare")
    table = _titled("", ["candidate"], columns)
    ours = {goal.candidate for goal in result.goals}
    for entry in result.entries:
        if entry.status not in ("absent", "unsupported"):
            style = "bold" if entry.candidate in ours else ""
            table.add_row(*(Text(text, style=style) for text in _row(entry)))
    return table


def _row(entry: Entry) -> tuple[str, ...]:
    if entry.ratio is None or entry.ratio_spread is None:
        return entry.candidate, MISSING, entry.status, "", MISSING, MISSING, MISSING
    return (
        entry.candidate,
        seconds_text(entry.median_s),
        f"{entry.ratio:.2f}",
        f"± {entry.ratio_spread:.2f}",
        MISSING if entry.processor_ratio is None else f"{entry.processor_ratio:.2f}",
        _microseconds(entry.per_operation_s),
        seconds_text(entry.prepare_s),
    )


def _microseconds(seconds: float | None) -> str:
    return MISSING if seconds is None else f"{1e6 * seconds:.2f} µs"


def _legend(report: Report) -> list[str]:
    """Return the meaning of rows and columns, and who is missing."""
    entries = {
        entry.candidate: entry
        for result in report.results
        if result.operations
        for entry in result.entries
    }
    here = [f"{e.candidate}: {e.meaning}" for e in entries.values() if e.status != "absent"]
    absent = [name for name, entry in entries.items() if entry.status == "absent"]
    lines = [
        f"medians of {report.rounds} rounds, candidates in turn, float64, one thread"
        + (", each sample in a process of its own" if report.fresh else ""),
        "ratio: to the first row in the same round, ± median absolute deviation; cpu ratio: of "
        "processor times; prepare: tracing or compiling, and the first call",
    ]
    if report.derived:
        lines.append(
            "operations: of value and gradient, each distinct one once; ratio: to the value's"
        )
    if here:
        lines.append("; ".join(here))
    if absent:
        lines.append(f"not installed: {', '.join(absent)}")
    return lines


def _footprints(report: Report) -> Table:
    """Return the memory, compared with that of the eager engine."""
    title = "memory of a call beyond its arguments"
    numbers = ("peak", "as planned", "ratio to autodiff")
    table = _titled(title, ("workload", "candidate"), numbers)
    eager = {f.workload: f.peak_bytes for f in report.footprints if f.candidate == "autodiff"}
    for found in report.footprints:
        baseline = eager.get(found.workload)
        table.add_row(
            found.workload,
            found.candidate,
            bytes_text(found.peak_bytes),
            bytes_text(found.planned_bytes),
            MISSING if baseline is None else f"{found.peak_bytes / baseline:.2g}",
        )
    return table


def _growth(report: Report) -> Table:
    """Return the costs of making programs as they grow."""
    numbers = ("size", "operations", "build", "memory", "per operation", "call", "ratio")
    table = _titled("making a program, by its size", ("series", "candidate"), numbers)
    for row in report.growth:
        names = row.series, row.candidate, f"{row.size:,}", f"{row.operations:,}"
        if row.build_s is None or row.ratio is None:
            table.add_row(*names, row.message.partition(":")[0], *[MISSING] * 4)
        else:
            memory = MISSING if row.peak_bytes is None else bytes_text(row.peak_bytes)
            each = _microseconds(row.build_s / row.operations) if row.operations else MISSING
            times = memory, each, seconds_text(row.run_s), f"{row.ratio:.2f}"
            table.add_row(*names, seconds_text(row.build_s), *times)
    return table


def _derived(report: Report) -> Table:
    """Return the costs of deriving formulas."""
    title = "deriving the gradient, in fresh processes: processor time"
    numbers = ("parameters", "time", "memory", "operations", "ratio")
    table = _titled(title, ("network", "by"), numbers)
    for row in report.derived:
        names = row.network, row.candidate, f"{row.parameters:,}"
        if row.derive_s is None:
            table.add_row(*names, row.message, MISSING, MISSING, MISSING)
            continue
        table.add_row(
            *names,
            seconds_text(row.derive_s),
            bytes_text(row.peak_bytes),
            count_text(row.operations),
            MISSING if row.ratio is None else f"{row.ratio:.2f}",
        )
    return table


def _goals(report: Report) -> Table:
    """Return the goals with what was reached, of candidates that are here and made for it."""
    words = ("workload", "candidate", "against")
    table = _titled("", words, ("of", "found", "goal", "reached"))
    for result in report.results:
        status = {entry.candidate: entry.status for entry in result.entries}
        for goal in result.goals:
            both = [status.get(name, "absent") for name in (goal.candidate, goal.against)]
            if not {"absent", "unsupported"} & set(both):
                failed = next((each for each in both if each != "ok"), "")
                table.add_row(*_goal_row(goal, failed))
    for goal in report.goals:
        if goal.reached is not None:
            table.add_row(*_goal_row(goal, ""))
    return table


def _goal_row(goal: Judged, failed: str) -> tuple[str, ...]:
    found = failed or MISSING if goal.found is None else f"{goal.found:.3g}"
    reached = {True: "yes", False: "no", None: failed or MISSING}[goal.reached]
    names = goal.workload, goal.candidate, goal.against, goal.what
    return *names, found, f"≤ {goal.most:.3g}", reached
