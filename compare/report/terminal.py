"""Tables for the terminal: the summary, the agreement, the exactness."""

from collections.abc import Callable

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from compare.report import cells as frames
from compare.report.exactness import ulp_text
from compare.report.format import MISSING, count_text, error_text, ratio_text, seconds_text
from compare.report.reach import budget, reach
from compare.report.record import RunRecord
from compare.report.tables import growth_text
from compare.report.worst import worst_pairs
from compare.results.schema import AGREEMENT_COLUMNS, TRUTH_COLUMNS

__all__ = ["print_agreement", "print_exactness", "print_summary"]


def print_summary(record: RunRecord, console: Console) -> None:
    """Print one line an engine: how far it came, and how its cost grows."""
    grown = frames.growing(record.results)
    scope = frames.networks(grown)
    what, unit = "network", "parameters"
    if scope.empty and len(grown):
        sized = bool((grown["against"] == "size").all())
        scope, what, unit = (grown, "problem", "size") if sized else (grown, "function", unit)
    if scope.empty:
        console.print("Nothing that grows was measured.")
        return
    limits = budget(record.results, {})
    table = Table(
        title=f"Largest {what} differentiated" + (f" within {limits}" if limits else ""),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
        collapse_padding=True,
    )
    table.add_column("engine", no_wrap=True, overflow="ellipsis", max_width=18)
    for name in (f"largest\n({unit})", "one\ngradient", "growth exp.\n(95 %)", "ratio\nto loss"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("stopped\nby", overflow="ellipsis", max_width=11)
    for engine in frames.engines(scope):
        far = reach(scope, engine)
        if far is None:
            continue
        family = str(far.best.get("family", ""))
        growth = growth_text(record.summary, family, engine) if far.best else MISSING
        row = (
            engine,
            count_text(far.n) if far.best else "none",
            seconds_text(far.best.get("run_s")),
            growth.split(", ×")[0].replace(" to ", "–"),
            ratio_text(far.best.get("ratio")),
            far.stopped_by or MISSING,
        )
        style = {"graph": "bold"}.get(engine, "")
        # Text, not markup: a name in square brackets must stay what it is.
        table.add_row(*(Text(text, style=style) for text in row))
    console.print(table)
    families = frames.families(scope)
    console.print(
        Text(
            f"over {len(families)} growing famil{'y' if len(families) == 1 else 'ies'}; "
            "ratio = one gradient / one evaluation of the loss",
            style="dim",
        )
    )


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
