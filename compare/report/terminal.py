"""Tables for the terminal: the summary, the agreement, the exactness."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from compare.report import cells as frames
from compare.report.exactness import ulp_text
from compare.report.finding import finding
from compare.report.format import MISSING, count_text, error_text, ratio_text, seconds_text
from compare.report.reach import budget, reach
from compare.report.record import RunRecord
from compare.report.tables import growth_text
from compare.report.worst import worst_pairs
from compare.results.schema import AGREEMENT_COLUMNS, RESULT_COLUMNS, TRUTH_COLUMNS

#: Columns of a terminal that has room for the laws of growth.
_WIDE = 76
#: Words for a status, where the column beside the laws has no room for its own.
_SHORT = {"unsupported": "refused"}

__all__ = ["print_agreement", "print_exactness", "print_finding", "print_summary"]


def print_finding(results: pd.DataFrame, run: Mapping[str, Any], console: Console) -> None:
    """Print the finding of a run, if something has grown by now."""
    cells = frames.complete(results, RESULT_COLUMNS)
    if _grown(frames.ok(cells)):
        console.print(Text(finding(cells, run), style="bold"))


def print_summary(record: RunRecord, console: Console) -> None:
    """Print for each family one line an engine: how far it came, and how its cost grows."""
    grown, several = frames.growing(record.results), _grown(record.results)
    for family in frames.families(grown):
        if family in several:
            cells = grown[grown["family"] == family]
            console.print(_reaches(record, cells, family, laws=console.width >= _WIDE))
    if several:
        note = f"time of one gradient; {MISSING}: stopped by nothing, the largest that was tried"
        console.print(Text(note, style="dim"))
    # The problems of the notes are beside the point where something grows.
    beside = several | {"notes"} if several else several
    single = record.results[~record.results["family"].isin(beside)]
    if len(single):
        console.print(_singles(single))
        for row in single[single["status"] == "unsupported"].to_dict("records"):
            console.print(Text(f"{row['engine']} on {row['problem']}: {row['message']}", "dim"))
    if record.results.empty:
        console.print("Nothing was measured.")


def _grown(results: pd.DataFrame) -> set[str]:
    """Return the families of which several sizes were tried."""
    sizes = frames.growing(results).groupby("family")["size"].nunique()
    return {str(family) for family in sizes.index[sizes > 1]} - {"own"}


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
        collapse_padding=True,
    )


def _reaches(record: RunRecord, cells: pd.DataFrame, family: str, *, laws: bool) -> Table:
    """Return the table of one family: what ended each engine there."""
    sized = bool((cells["against"] == "size").all())
    unit = frames.SIZE_WORDS.get(family, "size") if sized else "parameters"
    limits = budget(cells, {})
    table = _table(f"{family}: the largest" + (f" within {limits}" if limits else ""))
    table.add_column("engine", no_wrap=True, overflow="ellipsis", max_width=18)
    names = [f"largest\n({unit})", "time", "ratio\nto loss"]
    for name in [*names, *["growth exp.\n(95 %)"] * laws]:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("stopped\nby", overflow="ellipsis", max_width=11)
    for engine in frames.engines(cells):
        far = reach(cells, engine)
        if far is None:
            continue
        growth = growth_text(record.summary, family, engine) if far.best else MISSING
        row = (
            engine,
            count_text(far.n) if far.best else "none",
            seconds_text(far.best.get("run_s")),
            ratio_text(far.best.get("ratio")),
            *[growth.split(", ×")[0].replace(" to ", ", ")] * laws,
            _SHORT.get(far.stopped_by, far.stopped_by) or MISSING,
        )
        style = {"graph": "bold"}.get(engine, "")
        # Text, not markup: a name in square brackets must stay what it is.
        table.add_row(*(Text(text, style=style) for text in row))
    return table


def _singles(cells: pd.DataFrame) -> Table:
    """Return the table of problems of one size."""
    table = _table("One gradient")
    for name in ("problem", "engine"):
        table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=24)
    for name in ("parameters", "one\ngradient", "ratio\nto loss", "status"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in cells.to_dict("records"):
        texts = [str(row["problem"]), str(row["engine"]), count_text(row["parameters"])]
        texts += [seconds_text(row["run_s"]), ratio_text(row["ratio"]), str(row["status"])]
        style = "" if row["status"] in ("ok", "unsupported") else "bold red"
        table.add_row(*(Text(text, style=style) for text in texts))
    return table


def print_agreement(agreement: pd.DataFrame, console: Console) -> None:
    """Print the largest error of each engine on each problem, or how the comparison ended."""
    pairs = frames.complete(agreement, AGREEMENT_COLUMNS)
    if pairs.empty:
        console.print("No engines were compared.")
        return
    console.print(Text("Largest relative difference", style="bold"))
    for engines in _fitting(pairs, console.width):
        console.print(_errors(pairs, engines))


def print_exactness(truth: pd.DataFrame, console: Console) -> None:
    """Print the largest error of each engine on each problem in ULPs of the true gradient."""
    known = frames.complete(truth, TRUTH_COLUMNS)
    if known.empty:
        return
    console.print(Text("Largest distance from the true gradient, in ULPs", style="bold"))
    pairs = known.assign(max_error=known["ulp_max"])
    for engines in _fitting(pairs, console.width):
        console.print(_errors(pairs, engines, ulp_text))


def _heading(engine: str) -> str:
    """Return the name of an engine in lines."""
    return "\n".join(engine.replace("-", "- ").split())


def _fitting(pairs: pd.DataFrame, width: int) -> list[list[str]]:
    """Return the engines in groups whose columns fit next to the names of the problems."""
    room = width - max(pairs["problem"].str.len()) - 4
    groups: list[list[str]] = [[]]
    left = room
    for engine in frames.engines(pairs):
        # The longest entry is a status in words.
        wide = max(8, *map(len, _heading(engine).split("\n"))) + 2
        if wide > left and groups[-1]:
            groups.append([])
            left = room
        groups[-1].append(engine)
        left -= wide
    return groups


def _errors(
    pairs: pd.DataFrame, engines: list[str], text: Callable[[float], str] = error_text
) -> Table:
    """Return the table of some engines."""
    worst = worst_pairs(pairs)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("problem", no_wrap=True)
    for engine in engines:
        table.add_column(Text(_heading(engine)), justify="right", no_wrap=True)
    styles = {"ok": "", "unsupported": "dim"}
    for problem in dict.fromkeys(pairs["problem"]):
        texts = [Text(str(problem))]
        for engine in engines:
            row = worst.get((problem, engine))
            status = str(row["status"]) if row else "unsupported"
            shown = text(row["max_error"]) if row and status == "ok" else status
            shown = MISSING if status == "unsupported" else shown
            texts.append(Text(shown, style=styles.get(status, "bold red")))
        table.add_row(*texts)
    return table
