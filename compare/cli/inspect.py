"""``gradscale verify``, ``list`` and ``report``: without a clock."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from compare.cli.codes import DONE, MISMATCH
from compare.cli.options import CHOICES, Choice, options

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["list_", "report", "verify"]


@click.command()
@options(CHOICES)
def verify(**chosen: Any) -> int:
    """Check that every engine agrees on every problem; exit code 1 if one does not."""
    from compare.problems import PROBLEMS
    from compare.report.terminal import print_agreement, print_exactness
    from compare.run.run import differentiated, verify_problems
    from compare.truth import cases_for_truth, measure_errors

    console = Console()
    choice = Choice(**chosen)
    seed, threads = choice.seed, choice.threads
    problems, engines = choice.problems(), choice.engines()
    for problem in problems:
        if problem.name not in PROBLEMS:
            console.print(Text(differentiated(problem, seed)))
    found: dict[tuple[str, int, str], Any] = {}
    with Progress(
        TextColumn("{task.description:<44.44}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task("verify", total=len(problems) * len(engines))
        frame = verify_problems(
            problems,
            engines,
            seed=seed,
            threads=threads,
            on_done=lambda case, engine: progress.update(
                task, advance=1, description=f"{engine.name} on {case.problem.name}"
            ),
            found=found,
        )
    print_agreement(frame, console)
    cases = cases_for_truth(problems, seed, quick=True)
    truth = measure_errors(cases, engines, found, threads=threads)
    print_exactness(truth, console)
    wrong = 0
    for rows, against in ((frame, _references(frame)), (truth, "the true gradient")):
        rows = rows.assign(against=rows.get("against", ""))
        failed = rows[~rows["status"].isin(["ok", "unsupported"])]
        wrong += len(failed)
        for row in failed.to_dict("records"):
            beside = f" against {row['against']}" if row["against"] else ""
            place = f"{row['engine']}{beside} on {row['problem']}, {row['label']}"
            console.print(Text(f"{row['status']}: {place}: {row['message']}", style="red"))
        agreeing, refused = ((rows["status"] == status).sum() for status in ("ok", "unsupported"))
        others = ", ".join(
            f"{count} {what}"
            for count, what in ((len(failed), "failed"), (refused, "unsupported"))
            if count
        )
        sentence = f"{agreeing} of {len(rows)} gradients agree with {against}"
        console.print(Text(sentence + (f" ({others})" if others else "")))
    if not (frame["status"] == "ok").any():
        click.echo("Nothing was compared: no engine gave a gradient.")
        return MISMATCH
    return MISMATCH if wrong else DONE


def _references(agreement: "pd.DataFrame") -> str:
    """Return the references that engines were compared with, in words."""
    compared = agreement[agreement["status"] != "unsupported"]
    engines = compared.groupby("against", sort=False)["engine"].agg(
        lambda names: sorted(set(names))
    )
    if len(engines) < 2:
        return next(iter(engines.index), "a reference")
    counts = sorted(engines.items(), key=lambda pair: -len(pair[1]))
    return "their references: " + ", ".join(
        f"{against} ({len(names)} engines)" if len(names) > 3 else f"{against} ({', '.join(names)})"
        for against, names in counts
    )


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
