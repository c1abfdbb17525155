"""``gradscale conformance``: which library is right, and where."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from compare.cli.codes import DONE, MISMATCH

__all__ = ["conformance"]

#: Headings that would take more room than their numbers.
_BROKEN = {"convention": "conven-\ntion"}


@click.command()
@click.option(
    "--engine",
    "engines",
    multiple=True,
    metavar="NAME",
    help="A library by its name, or FILE.py:GRADIENT, a function gradient(f, wrt); repeatable.",
)
@click.option("--peers", is_flag=True, help="Have all libraries that are installed take part.")
@click.option("--family", "families", multiple=True, metavar="NAME", help="A family; repeatable.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reports/conformance"),
    show_default=True,
    help="Folder for conformance.csv and conformance.html.",
)
def conformance(engines: tuple[str, ...], peers: bool, families: tuple[str, ...], out: Path) -> int:
    """Ask every library for derivatives that are known, and say which are right.

    Exit code 1 if one of our own is wrong in silence, or a FILE.py:GRADIENT is.
    """
    from compare.conformance.judge import VERDICTS
    from compare.conformance.libraries import OURS
    from compare.conformance.page import write_page
    from compare.conformance.run import conformance as run
    from compare.registry.plugins import in_file, is_in_file
    from compare.results.schema import CONFORMANCE_COLUMNS
    from compare.results.store import write_table

    named = [name for name in engines if not is_in_file(name)]
    own = [in_file(name) for name in engines if is_in_file(name)]
    if len(own) > 1:
        raise click.UsageError("--engine: one FILE.py:GRADIENT at a time")
    chosen = None if peers else named or (None if own else list(OURS))
    console = Console()
    with console.status("conformance") as status:
        frame = run(
            chosen,
            families or None,
            own[0] if own else None,
            lambda name, done, count: status.update(f"{name}: {done} of {count} cases"),
        )
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / "conformance.csv", frame, CONFORMANCE_COLUMNS)
    page = write_page(frame, out / "conformance.html")
    verdicts = [verdict for verdict in VERDICTS if (frame["verdict"] == verdict).any()]
    libraries = frame.groupby("library", sort=False)
    console.print(_counts(frame, verdicts))
    click.echo(", ".join(f"{name} {rows['version'].iloc[0]}" for name, rows in libraries))
    click.echo(f"every case with a program that repeats it: {page}")
    judged = {*OURS, *(name for name, _ in own)}
    wrong = frame[frame["library"].isin(judged) & (frame["verdict"] == "wrong")]
    for row in wrong.to_dict("records"):
        click.echo(f"{row['library']}: {row['family']}: {row['case']} is wrong: {row['value']}")
    return MISMATCH if len(wrong) else DONE


def _counts(frame: Any, verdicts: Sequence[str]) -> Table:
    """Return how many cases of each library got each verdict, in 80 columns."""
    table = Table(
        title="Cases by verdict",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=0,
    )
    table.add_column("library", no_wrap=True)
    for verdict in verdicts:
        table.add_column(_BROKEN.get(verdict, verdict), justify="right", no_wrap=True)
    for name, rows in frame.groupby("library", sort=False):
        counts = rows["verdict"].value_counts()
        table.add_row(str(name), *(str(counts.get(verdict, 0)) for verdict in verdicts))
    return table
