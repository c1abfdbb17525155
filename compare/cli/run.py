"""``gradscale run``: the main job."""

import shlex
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from compare.cli.codes import DONE, INTERRUPTED, MISMATCH
from compare.cli.options import CHOICES, Choice, Positive, options

__all__ = ["run"]

_GIB = 1024**3
#: Time budget of a cell in seconds, in a full run and in a quick one.
_BUDGET_S = {False: 3.0, True: 1.0}
#: Engines that a quick run times unless others are named; all are verified.
_QUICK_ENGINES = ("expanded", "shared", "adjoint", "matrix", "graph", "graph-compiled")


@click.command()
@click.option(
    "--out",
    default=Path("reports/latest"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for the CSV files, the charts and the report.",
)
@click.option("--quick", is_flag=True, help="Few sizes and a small budget: about a minute.")
@click.option(
    "--budget-s",
    type=Positive(),
    help=f"Time budget of a cell in seconds.  [default: {_BUDGET_S[False]:g}, "
    f"quick {_BUDGET_S[True]:g}]",
)
@click.option(
    "--budget-gb",
    type=Positive(),
    default=4.0,
    show_default=True,
    help="Memory budget of a cell in GiB.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in the folder where it was killed or interrupted.",
)
@click.option(
    "--fresh",
    is_flag=True,
    help="Take each sample in a process of its own, which has no memory at hand.",
)
@click.option("--parquet", is_flag=True, help="Write results.parquet too.")
@options(CHOICES)
def run(
    out: Path,
    quick: bool,
    budget_s: float | None,
    budget_gb: float,
    resume: bool,
    fresh: bool,
    parquet: bool,
    **chosen: Any,
) -> int:
    """Verify every engine, time them on growing networks, and write the report."""
    from compare.process.executor import Budget
    from compare.run.run import run as run_job
    from compare.run.settings import Settings

    budget = Budget(budget_s or _BUDGET_S[quick], int(budget_gb * _GIB))
    choice = Choice(**chosen)
    verified = choice.engines()
    settings = Settings(
        folder=out,
        problems=choice.problems(),
        verified=verified,
        engines=choice.engines(_QUICK_ENGINES) if quick else verified,
        budget=budget,
        quick=quick,
        seed=choice.seed,
        threads=choice.threads,
        command=shlex.join(["gradscale", *sys.argv[1:]]),
        fresh=fresh,
        resume=resume,
        parquet=parquet,
    )
    page, agreed, interrupted = run_job(settings, Console())
    click.echo(f"report: {page}")
    if interrupted:
        return INTERRUPTED
    return DONE if agreed else MISMATCH
