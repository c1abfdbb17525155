"""The answer in one look, for the terminal."""

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from compare.report import cells as frames
from compare.report.content import frames_of
from compare.report.finding import budget, reach
from compare.report.format import MISSING, count_text, ratio_text, seconds_text
from compare.report.tables import growth_text

__all__ = ["print_summary"]


def print_summary(summary: pd.DataFrame, results: pd.DataFrame, console: Console) -> None:
    """Print one line an engine: how far it came, and how its cost grows.

    Parameters
    ----------
    summary, results : DataFrame
        Frames with the columns of ``SUMMARY_COLUMNS`` and ``RESULT_COLUMNS``; may be empty.
    console : rich.console.Console
        Where to print.
    """
    known = frames_of(results, summary)
    grown = frames.growing(known.results)
    scope = frames.networks(grown)
    what, unit = "network", "parameters"
    if scope.empty and len(grown):
        scope, what, unit = grown, "problem", "size"
    if scope.empty:
        console.print("No growing network was measured.")
        return
    limits = budget(known.results, {})
    table = Table(
        title=f"Largest {what} differentiated" + (f" within {limits}" if limits else ""),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
        collapse_padding=True,
    )
    table.add_column("engine", no_wrap=True, overflow="ellipsis", max_width=18)
    for name in (f"largest\n({unit})", "one\ngradient", "growth exponent\n(95 % interval)"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ratio\nto loss", justify="right", no_wrap=True)
    table.add_column("stopped by", no_wrap=True, overflow="ellipsis", max_width=10)
    for engine in frames.engines(scope):
        far = reach(scope, engine)
        if far is None:
            continue
        family = str(far.best.get("family", ""))
        growth = growth_text(known.summary, family, engine) if far.best else MISSING
        row = (
            engine,
            count_text(far.n) if far.best else "none",
            seconds_text(far.best.get("run_s")),
            growth.split(" (×")[0].replace(" to ", "–"),
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
