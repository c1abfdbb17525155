"""``gradscale compare``: what got slower or faster from one run to another."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from compare.cli.codes import DONE, REGRESSION
from compare.cli.options import Positive

if TYPE_CHECKING:
    from compare.regressions import Comparison, Verdicts

__all__ = ["compare"]

#: Rows of the table that are shown without --all.
_MOST_ROWS = 30
_STYLES = {"slower": "bold red", "broken": "bold red", "faster": "green", "mended": "green"}


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--threshold",
    type=Positive(),
    default=1.1,
    show_default=True,
    help="Factor above which a significant change counts.",
)
@click.option(
    "--absolute", is_flag=True, help="Compare seconds, not ratios to the primal of the same round."
)
@click.option("--verdicts", "with_verdicts", is_flag=True, help="Whether who is faster held.")
@click.option("--all", "everything", is_flag=True, help="Show the cells that are the same, too.")
@click.option("--csv", "csv", type=click.Path(path_type=Path), help="Write the cells to this file.")
@click.option("--json", "json_", type=click.Path(path_type=Path), help="Write all to this file.")
def compare(
    old: Path,
    new: Path,
    threshold: float,
    absolute: bool,
    with_verdicts: bool,
    everything: bool,
    csv: Path | None,
    json_: Path | None,
) -> int:
    """Say which cells got slower or faster from OLD to NEW; exit code 1 if one got slower.

    OLD and NEW are folders that gradscale run has written, or their results.csv.
    """
    from compare.regressions import compare_runs, read_run, verdicts
    from compare.results.schema import COMPARISON_COLUMNS
    from compare.results.store import write_table

    runs = read_run(old), read_run(new)
    found = compare_runs(*runs, threshold=threshold, absolute=absolute)
    held = verdicts(*runs) if with_verdicts else None
    if csv:
        write_table(csv, found.cells, COMPARISON_COLUMNS)
    if json_:
        text = json.dumps(_document(found, held, absolute), indent=2, allow_nan=False)
        json_.write_text(text + "\n", encoding="utf-8")
    _print(found, everything)
    if held is not None:
        _print_verdicts(held)
    return REGRESSION if found.regressed else DONE


def _print(found: "Comparison", everything: bool) -> None:
    console = Console()
    silent = [] if everything else ["same", "noisy", "untested"]
    cells = found.cells[~found.cells["verdict"].isin(silent)]
    shown = cells if everything else cells.head(_MOST_ROWS)
    if len(shown):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for name in ("problem", "engine"):
            table.add_column(name, overflow="fold")
        for name in ("size", "change", "95 %", "p"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("verdict", overflow="fold")
        rows: list[Any] = shown.to_dict("records")
        for row in rows:
            table.add_row(*(Text(text) for text in _texts(row)), style=_STYLES.get(row["verdict"]))
        console.print(table)
    if len(cells) > len(shown):
        click.echo(f"and {len(cells) - len(shown)} more; --all shows them")
    for note in found.notes:
        click.echo(note)
    for count, where in ((found.only_old, "old"), (found.only_new, "new")):
        if count:
            click.echo(f"{count} cells are in the {where} run only")
    counts = ", ".join(
        f"{found.count(verdict)} {verdict}"
        for verdict in ("slower", "faster", "broken", "mended", "noisy")
    )
    click.echo(
        f"{len(found.cells)} cells in both: {counts} (by more than ×{found.threshold:g}, "
        "Holm-corrected p ≤ 0.05)"
    )


def _texts(row: dict[str, Any]) -> list[str]:
    """Return the texts of a row of the table."""
    mode = f" ({row['mode']})" if row["mode"] != "warm" else ""
    verdict = str(row["verdict"])
    if row["status_old"] != row["status_new"]:
        verdict += f": {row['status_old']} → {row['status_new']}"
    if row["change"] != row["change"]:
        return [row["problem"] + mode, row["engine"], row["label"], "", "", "", verdict]
    return [
        row["problem"] + mode,
        row["engine"],
        row["label"],
        f"×{row['change']:.2f}",
        f"{row['change_low']:.2f} to {row['change_high']:.2f}",
        f"{row['p_corrected']:.1g}",
        verdict,
    ]


def _print_verdicts(held: "Verdicts") -> None:
    share = f" ({100 * held.same / held.pairs:.1f} %)" if held.pairs else ""
    click.echo(
        f"verdicts: {held.same} of {held.pairs} pairs of engines whose intervals are apart are in "
        f"the same order{share}"
    )
    if held.cells:
        click.echo(
            f"the ratio to the primal moved by {100 * held.moved:.1f} % in the median of "
            f"{held.cells} cells"
        )
    for row in held.flipped:
        click.echo(
            f"  {row['problem']} {row['size']}: {row['faster_old']} was faster (×{row['old']:.2f}),"
            f" now {row['faster_new']} is (×{row['new']:.2f})"
        )


def _document(found: "Comparison", held: "Verdicts | None", absolute: bool) -> dict[str, Any]:
    """Return the contents of the JSON file."""
    cells = found.cells.astype(object).where(found.cells.notna(), None).to_dict("records")
    document = {
        "threshold": found.threshold,
        "absolute": absolute,
        "regressed": found.regressed,
        "notes": found.notes,
        "only_old": found.only_old,
        "only_new": found.only_new,
        "cells": cells,
    }
    if held is not None:
        verdicts = dataclasses.asdict(held)
        document["verdicts"] = verdicts | {"moved": held.moved if held.cells else None}
    return document
