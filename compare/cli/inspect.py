"""``gradscale verify``, ``list`` and ``report``: without a clock."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from compare.cli.codes import DONE, MISMATCH
from compare.cli.options import CHOICES, Choice, options

__all__ = ["list_", "report", "verify"]


@click.command()
@options(CHOICES)
def verify(**chosen: Any) -> int:
    """Check that every engine agrees on every problem; exit code 1 if one does not."""
    from compare.report.terminal import print_agreement, print_exactness
    from compare.run.run import verify_problems
    from compare.truth import cases_for_truth, measure_errors

    console = Console()
    choice = Choice(**chosen)
    seed, threads = choice.seed, choice.threads
    problems, engines = choice.problems(), choice.engines()
    found: dict[tuple[str, int, str], Any] = {}
    frame = verify_problems(problems, engines, console, seed=seed, threads=threads, found=found)
    print_agreement(frame, console)
    cases = cases_for_truth(problems, seed, quick=True)
    truth = measure_errors(cases, engines, found, threads=threads)
    print_exactness(truth, console)
    for row in truth[truth["status"] == "mismatch"].to_dict("records"):
        click.echo(f"{row['engine']} on {row['problem']} is not the truth: {row['message']}")
    failed = {
        (row["problem"], row["engine"])
        for rows in (frame, truth)
        for row in rows[~rows["status"].isin(["ok", "unsupported"])].to_dict("records")
    }
    wrong = len(failed)
    if wrong:
        click.echo(f"{wrong} of {len(frame)} comparisons failed")
        return MISMATCH
    agreeing = int((frame["status"] == "ok").sum())
    click.echo(f"{agreeing} of {len(frame)} comparisons agree; the others are unsupported")
    return DONE


@click.command("list")
def list_() -> int:
    """List the problems with their sizes, and the engines."""
    from compare.engines import ABSENT, ENGINES, PEERS
    from compare.problems import PROBLEMS

    console = Console()
    table = Table(
        "problem", "family", "sizes", "what it is", title="Problems", title_justify="left"
    )
    for problem in PROBLEMS.values():
        labels = [problem.label(size) for size in problem.sizes]
        shown = labels if len(labels) < 4 else [*labels[:2], "…", labels[-1]]
        table.add_row(problem.name, problem.family, ", ".join(shown), problem.meaning)
    console.print(table)
    table = Table("engine", "what it is", title="Engines", title_justify="left")
    for engine in ENGINES.values():
        table.add_row(engine.name, engine.meaning)
    console.print(table)
    table = Table("engine", "what it is", title="Peers, by --peers or name", title_justify="left")
    for engine in PEERS.values():
        table.add_row(engine.name, engine.meaning)
    for name, library in ABSENT.items():
        table.add_row(name, f"not installed: pip install {library}")
    console.print(table)
    return DONE


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--title", default="", help="What the page is called.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File for the page of several folders.  [default: side-by-side.html]",
)
def report(folders: tuple[Path, ...], title: str, out: Path | None) -> int:
    """Make the report of a folder again from its CSV files, or of several side by side."""
    from compare.run.reporting import read_record, report_folder

    if len(folders) == 1:
        if out is not None:
            raise click.UsageError("--out is for several folders; one has its report.html")
        click.echo(f"report: {report_folder(folders[0], Console(), title)}")
        return DONE
    from compare.report.side_by_side import write_side_by_side

    records = [(str(folder), read_record(folder, laws=False)) for folder in folders]
    page = write_side_by_side(out or Path("side-by-side.html"), records, title)
    click.echo(f"report: {page}")
    return DONE
