"""The report of a run: a page, a Markdown file, charts and a table for the terminal.

The modules behind the two functions are imported when they are first called, so that
``import compare`` needs no chart library.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

__all__ = ["print_summary", "write_report"]


def write_report(
    folder: Path,
    results: "pd.DataFrame",
    summary: "pd.DataFrame",
    agreement: "pd.DataFrame | None" = None,
    training: "pd.DataFrame | None" = None,
    run: Mapping[str, Any] | None = None,
    swell: "pd.DataFrame | None" = None,
    truth: "pd.DataFrame | None" = None,
    crossovers: "pd.DataFrame | None" = None,
) -> Path:
    """Return the path of ``report.html`` after writing the whole report into a folder."""
    from compare.report.write import write_report as write

    return write(folder, results, summary, agreement, training, run, swell, truth, crossovers)


def print_summary(summary: "pd.DataFrame", results: "pd.DataFrame", console: "Console") -> None:
    """Print how far each engine came and how its cost grows, in at most 80 columns."""
    from compare.report.terminal import print_summary as print_table

    print_table(summary, results, console)
