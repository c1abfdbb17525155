"""The main job: verify, sweep, train, fit, report, into one folder."""

import dataclasses
import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from compare.agreement import verify_cases
from compare.engines.engine import Engine
from compare.executor import Budget
from compare.machine import description
from compare.problems.problem import Case, Problem
from compare.schema import (
    AGREEMENT_COLUMNS,
    SUMMARY_COLUMNS,
    SWELL_COLUMNS,
    TRAINING_COLUMNS,
    TRUTH_COLUMNS,
)
from compare.sweep import Plan, sweep

if TYPE_CHECKING:
    import pandas as pd

    from compare.truth.measure import Found

__all__ = ["Settings", "report_folder", "run", "verify_problems"]

#: Time and memory budget of a gradient that is verified, whatever the budget of timed cells is.
_VERIFY_BUDGET = Budget(20.0, 2 * 1024**3)
#: Files that a run writes; those of an earlier run in the same folder are removed first.
_OUTPUTS = (
    "results.csv",
    "summary.csv",
    "agreement.csv",
    "truth.csv",
    "swell.csv",
    "training.csv",
    "run.json",
)
_REPORTS = ("report.html", "report.md")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a run does, as given on the command line.

    Parameters
    ----------
    folder : Path
        Where everything is written.
    problems : sequence of Problem
        Problems.
    verified : sequence of Engine
        Engines that are verified before any clock starts.
    engines : sequence of Engine
        Engines that are timed.
    budget : Budget
        Limits of each cell.
    quick : bool
        Whether to time the few sizes of a quick run, and train for fewer steps.
    seed : int
        Seed of the inputs.
    threads : int
        Threads of the linear algebra libraries.
    command : str
        The command that repeats the run.
    """

    folder: Path
    problems: Sequence[Problem]
    verified: Sequence[Engine]
    engines: Sequence[Engine]
    budget: Budget
    quick: bool
    seed: int
    threads: int
    command: str

    @property
    def training_steps(self) -> int:
        """Steps of gradient descent that each of the two training runs takes."""
        return 100 if self.quick else 2000

    def sizes(self, problem: Problem) -> tuple[int, ...]:
        """Return the sizes of a problem that are timed."""
        return problem.quick_sizes if self.quick else problem.sizes


def verify_problems(
    problems: Sequence[Problem],
    engines: Sequence[Engine],
    console: Console,
    *,
    seed: int = 0,
    threads: int = 1,
    found: "Found | None" = None,
) -> "pd.DataFrame":
    """Return how the engines agree on each problem at its size for verification.

    Parameters
    ----------
    problems : sequence of Problem
        Problems.
    engines : sequence of Engine
        Engines.
    console : rich.console.Console
        Where progress is shown.
    seed : int
        Seed of the inputs.
    threads : int
        Threads of the linear algebra libraries.
    found : dict, optional
        Filled with what every engine did, as of `compare.agreement.verify_cases`.

    Returns
    -------
    pandas.DataFrame
        Columns as in `compare.schema.AGREEMENT_COLUMNS`.
    """
    cases = [problem.case(problem.verify_size, seed) for problem in problems]
    with _progress(console) as progress:
        task = progress.add_task("verify", total=len(cases) * len(engines))

        def on_done(case: Case, engine: Engine) -> None:
            progress.update(task, advance=1, description=f"verify {case.problem.name}")

        return verify_cases(
            cases,
            engines,
            budget_s=_VERIFY_BUDGET.seconds,
            budget_bytes=_VERIFY_BUDGET.bytes,
            threads=threads,
            on_done=on_done,
            found=found,
        )


def run(settings: Settings, console: Console) -> tuple[Path, bool, bool]:
    """Do the main job and write its folder.

    Parameters
    ----------
    settings : Settings
        What to do.
    console : rich.console.Console
        Where progress and the closing table are shown.

    Returns
    -------
    page : Path
        The report.
    agreed : bool
        Whether no engine differed from its reference.
    interrupted : bool
        Whether Ctrl-C ended the sweep early; what was finished is in the report.

    Raises
    ------
    compare.store.ResultsError
        If the folder cannot be written.
    """
    from compare.store import append_row, create_results, prepare_folder, write_table
    from compare.truth import cases_for_truth, measure_errors

    folder = prepare_folder(settings.folder)
    for name in (*_OUTPUTS, *_REPORTS):
        (folder / name).unlink(missing_ok=True)
    begin = time.monotonic()
    facts = _facts(settings)
    results = folder / "results.csv"
    create_results(results)
    _write_json(folder / "run.json", facts)
    agreed, interrupted = True, False
    try:
        found: Found = {}
        agreement = verify_problems(
            settings.problems,
            settings.verified,
            console,
            seed=settings.seed,
            threads=settings.threads,
            found=found,
        )
        write_table(folder / "agreement.csv", agreement, AGREEMENT_COLUMNS)
        with console.status("the true gradients, in 50 digits"):
            cases = cases_for_truth(settings.problems, settings.seed, quick=settings.quick)
            truth = measure_errors(cases, settings.verified, found, threads=settings.threads)
        write_table(folder / "truth.csv", truth, TRUTH_COLUMNS)
        agreed = not any((frame["status"] == "mismatch").any() for frame in (agreement, truth))
        # Central differences may miss their tolerance where a function bends sharply; that is
        # a row of the table, not a wrong engine.
        exact = {engine.name for engine in settings.engines if engine.tolerance == "exact"}
        for ended in _swept(settings, console):
            row = ended.row
            append_row(results, row)
            agreed = agreed and not (row["status"] == "mismatch" and row["engine"] in exact)
        with console.status("the swell, the collapse, and the two-layer network trained twice"):
            _finish(settings, folder, facts)
    except KeyboardInterrupt:
        interrupted = True
        console.print("interrupted: the report shows what was finished")
    facts |= {"interrupted": interrupted, "elapsed_s": round(time.monotonic() - begin, 1)}
    _write_json(folder / "run.json", facts)
    return report_folder(folder, console), agreed, interrupted


def _finish(settings: Settings, folder: Path, facts: dict[str, Any]) -> None:
    """Write the swell, the published example, the collapse of two layers, and two trainings."""
    import threadpoolctl

    from compare.collapse import linear_layers_collapse
    from compare.published import beside
    from compare.store import write_table
    from compare.swell import QUICK_SERIES, SERIES, swell
    from compare.training import train_both

    facts["collapse"] = dataclasses.asdict(linear_layers_collapse())
    facts["logistic"] = [dataclasses.asdict(row) for row in beside()]
    swollen = swell(QUICK_SERIES if settings.quick else SERIES)
    write_table(folder / "swell.csv", swollen, SWELL_COLUMNS)
    with threadpoolctl.threadpool_limits(settings.threads, user_api="blas"):
        training = train_both(settings.training_steps, settings.seed)
    write_table(folder / "training.csv", training, TRAINING_COLUMNS)


def report_folder(folder: Path, console: Console) -> Path:
    """Make the report of a folder from its CSV files, and print the closing table.

    Parameters
    ----------
    folder : Path
        A folder that `run` has written, wholly or in part.
    console : rich.console.Console
        Where the table is shown.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    compare.store.ResultsError
        If results.csv is missing, not ours, or cut off in the middle of a row.
    """
    from compare.report import print_summary, write_report
    from compare.scaling import summarise
    from compare.store import ResultsError, read_results, read_table, write_table

    if not folder.is_dir():
        raise ResultsError(f"{folder} is no folder; expected one that gradscale run has written")
    results = read_results(folder / "results.csv")
    tables = {
        name: read_table(folder / f"{name}.csv", columns)
        if (folder / f"{name}.csv").exists()
        else None
        for name, columns in (
            ("agreement", AGREEMENT_COLUMNS),
            ("truth", TRUTH_COLUMNS),
            ("swell", SWELL_COLUMNS),
            ("training", TRAINING_COLUMNS),
        )
    }
    facts = _read_json(folder / "run.json")
    summary = summarise(results)
    write_table(folder / "summary.csv", summary, SUMMARY_COLUMNS)
    with console.status("drawing the report"):
        page = write_report(folder, results, summary, run=facts, **tables)
    print_summary(summary, results, console)
    return page


def _swept(settings: Settings, console: Console) -> Any:
    """Yield the rows of the sweep, showing the cell under way, the count and the time left."""
    plan = Plan(
        tuple(settings.problems),
        tuple(settings.engines),
        settings.budget,
        settings.sizes,
        settings.seed,
        settings.threads,
    )
    with _progress(console) as progress:
        task = progress.add_task("measure", total=None)

        def on_begin(case: Case, engine: Engine, done: int, total: int) -> None:
            text = f"{case.problem.name} {case.label} {engine.name}"
            progress.update(task, completed=done, total=total, description=text)

        yield from sweep(plan, on_begin)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<44.44}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _facts(settings: Settings) -> dict[str, Any]:
    """Return what run.json tells about a run."""
    plan_cells = sum(len(settings.sizes(p)) for p in settings.problems) * len(settings.engines)
    return {
        "command": settings.command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "elapsed_s": None,
        "interrupted": True,
        "quick": settings.quick,
        "budget_s": settings.budget.seconds,
        "budget_bytes": settings.budget.bytes,
        "seed": settings.seed,
        "threads": settings.threads,
        "planned_cells": plan_cells,
        **description(),
    }


def _write_json(path: Path, facts: dict[str, Any]) -> None:
    """Write atomically, so that a killed run leaves the old or the new file."""
    beside = path.with_suffix(".json.new")
    beside.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    os.replace(beside, path)


def _read_json(path: Path) -> dict[str, Any]:
    from compare.store import ResultsError

    if not path.exists():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultsError(
            f"{path} is not JSON ({error}): remove it to report without it"
        ) from None
    if not isinstance(facts, dict):
        raise ResultsError(f"{path} holds a {type(facts).__name__}; expected an object")
    return facts
