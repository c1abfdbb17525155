"""``gradscale run``: the main job."""

import contextlib
import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from compare.cli.cluster import dask_tls
from compare.cli.codes import DONE, INTERRUPTED, MISMATCH
from compare.cli.options import CHOICES, Choice, Positive, options

__all__ = ["run"]

_GIB = 1024**3


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the CSV files, the charts and the report.  [default: a new one in "
    "reports/runs, to which reports/latest points]",
)
@click.option("--quick", is_flag=True, help="Two sizes of one network: about half a minute.")
@click.option("--full", is_flag=True, help="All problems, sizes and engines: about ten minutes.")
@click.option(
    "--budget-s",
    type=Positive(),
    help="Time budget of a cell in seconds.  [default: 3, quick 2]",
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
    help="Go on with the run in --out, or with the latest, where it was interrupted.",
)
@click.option("--overwrite", is_flag=True, help="Replace the run that --out holds.")
@click.option(
    "--fresh",
    is_flag=True,
    help="Take each sample in a process of its own, which has no memory at hand.",
)
@click.option(
    "--dask",
    default="",
    metavar="ADDRESS",
    help="Measure on the workers of the Dask scheduler there, such as tcp://127.0.0.1:8786.",
)
@dask_tls
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="cuda: autodiff on a GPU too, by PyTorch's arrays; without a GPU its cells say so.",
)
@click.option("--parquet", is_flag=True, help="Write results.parquet too.")
@click.option("--title", default="", help="What the report is called.")
@options(CHOICES)
def run(
    out: Path | None,
    quick: bool,
    full: bool,
    budget_s: float | None,
    budget_gb: float,
    resume: bool,
    overwrite: bool,
    fresh: bool,
    device: str,
    parquet: bool,
    title: str,
    dask: str,
    dask_tls: tuple[Path, ...] | None,
    **chosen: Any,
) -> int:
    """Time every engine on growing networks, verify all of them, and write the report."""
    from compare.engines.gpu import GRAPH_CUDA
    from compare.process.executor import Budget
    from compare.run.extent import Extent
    from compare.run.run import run as run_job
    from compare.run.settings import Settings

    _refuse_contradictions(
        out,
        quick=quick,
        full=full,
        resume=resume,
        overwrite=overwrite,
        dask=bool(dask),
        tls=bool(dask_tls),
    )
    extent = Extent.QUICK if quick else Extent.FULL if full else Extent.USUAL
    budget = Budget(budget_s or extent.budget_s, int(budget_gb * _GIB))
    choice = Choice(**chosen)
    problems, engines = choice.problems(), choice.engines(extent.engines)
    if device == "cuda" and GRAPH_CUDA not in engines:
        engines.append(GRAPH_CUDA)
    settings = Settings(
        folder=Path(),
        problems=problems,
        verified=engines if quick else choice.engines(),
        engines=engines,
        budget=budget,
        extent=extent,
        problems_named=bool(choice.problem_names),
        engines_named=bool(choice.engine_names),
        seed=choice.seed,
        threads=choice.threads,
        command=shlex.join(["gradscale", *sys.argv[1:]]),
        fresh=fresh,
        resume=resume,
        parquet=parquet,
        title=title,
    )
    named = problems[0].name if choice.problem_names else str(extent)
    with _client(dask, dask_tls or ()) as client:
        folder = _folder(out, named, resume=resume, overwrite=overwrite)
        settings = dataclasses.replace(settings, folder=folder)
        page, agreed, interrupted = run_job(settings, Console(), client)
    click.echo(f"report: {page}")
    if interrupted:
        return INTERRUPTED
    return DONE if agreed else MISMATCH


def _client(address: str, tls: tuple[Path, ...]) -> Any:
    """Return a client of a cluster as a context; without an address there is none."""
    if not address:
        return contextlib.nullcontext()
    # late: Dask is optional, and takes 0.5 s to import
    from compare.cluster.connecting import connect

    return connect(address, tls)


def _refuse_contradictions(
    out: Path | None,
    *,
    quick: bool,
    full: bool,
    resume: bool,
    overwrite: bool,
    dask: bool,
    tls: bool,
) -> None:
    """Refuse options that exclude each other."""
    if quick and full:
        raise ValueError("--quick and --full exclude each other: leave out one")
    if resume and overwrite:
        raise ValueError("--resume goes on with a run and --overwrite replaces it: leave out one")
    if tls and not dask:
        raise ValueError("--dask-tls encrypts the connections of --dask: name a scheduler with it")
    if overwrite and not out:
        raise ValueError("--overwrite replaces the run in a folder: name it with --out")


def _folder(out: Path | None, name: str, *, resume: bool, overwrite: bool) -> Path:
    """Return the folder that a run is written into."""
    from compare.run.folders import latest_run, make_latest, new_folder, refuse_other_run

    if out is None and resume and latest_run().is_dir():
        return latest_run()
    if out is None:
        folder = new_folder(name)
        make_latest(folder)
        return folder
    if not (resume or overwrite):
        refuse_other_run(out)
    return out
