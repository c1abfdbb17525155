"""The main job: verify, sweep, train, fit, report, into one folder."""

import dataclasses
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from compare.engines.engine import Engine
from compare.measure.sweep import Ended, sweep
from compare.problems import PROBLEMS
from compare.problems.problem import Case, Problem
from compare.process.executor import Budget
from compare.results.identity import fingerprint
from compare.results.lock import locked
from compare.results.machine import machine, moment, whole_description
from compare.results.reading import ResultsError, read_results, read_table
from compare.results.resume import PreviousRun, previous_run, read_json, write_json
from compare.results.samples import SampleStore
from compare.results.schema import (
    AGREEMENT_COLUMNS,
    SWELL_COLUMNS,
    TRAINING_COLUMNS,
    TRUTH_COLUMNS,
    Cell,
)
from compare.results.store import (
    append_row,
    create_results,
    prepare_folder,
    remove_parts,
    write_parquet,
    write_table,
)
from compare.run.reporting import report_folder
from compare.run.settings import Settings
from compare.run.verify import verify_cases

if TYPE_CHECKING:
    from compare.truth.measure import Found

__all__ = ["Settings", "report_folder", "run", "verify_problems"]

#: Time and memory budget of a gradient that is verified, whatever the budget of timed cells is.
_VERIFY_BUDGET = Budget(20.0, 2 * 1024**3)
#: Files that a run writes; those of an earlier run in the same folder are removed first.
_OUTPUTS = (
    "results.csv",
    "summary.csv",
    "crossovers.csv",
    "agreement.csv",
    "truth.csv",
    "swell.csv",
    "training.csv",
    "results.parquet",
    "results.stale.csv",
    "run.json",
    "machine.json",
)
#: Requested settings that run.json repeats for the report.
_SHOWN = ("quick", "budget_s", "budget_bytes", "seed", "threads", "mode")
_REPORTS = ("report.html", "report.md")
#: Statuses of a cell whose engine failed: not refusals, and not budgets that ended.
_FAILED = ("error", "crashed")


def verify_problems(
    problems: Sequence[Problem],
    engines: Sequence[Engine],
    console: Console,
    *,
    seed: int = 0,
    threads: int = 1,
    found: "Found | None" = None,
) -> pd.DataFrame:
    """Return the agreement of engines on each problem at its size for verification."""
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
    """Do the main job and write its folder."""
    with locked(prepare_folder(settings.folder)):
        return _run(settings, console)


def _run(settings: Settings, console: Console) -> tuple[Path, bool, bool]:
    folder, begin = settings.folder, time.monotonic()
    fingerprints = _fingerprints(settings)
    previous = _begin(settings, console, fingerprints)
    metadata, machine = _metadata(settings, previous), _machine_metadata(settings)
    write_json(folder / "run.json", metadata)
    write_json(folder / "machine.json", machine)
    samples, interrupted = SampleStore(folder), False
    try:
        _verify(settings, console, metadata)
        for ended in _swept(settings, console, previous.done):
            row = ended.row
            cell = (row["problem"], row["size"], row["engine"])
            samples.add(cell, ended.samples, previous.run)
            append_row(folder / "results.csv", row)
        # A report of somebody's own function is about that function, not about our networks.
        ours = {(problem.name, problem.family) for problem in PROBLEMS.values()}
        if any((problem.name, problem.family) in ours for problem in settings.problems):
            with console.status("the swell, the collapse, the two-layer network trained thrice"):
                _finish(settings, metadata)
        else:
            # late: the studies derive with SymPy, which takes 0.3 s to import
            from compare.studies.example import example_of

            with console.status("the formula and the circuit"):
                example = example_of(settings.problems[0], settings.seed)
                metadata["example"] = dataclasses.asdict(example)
    except KeyboardInterrupt:
        interrupted = True
        console.print("interrupted: the report shows what was finished; --resume goes on")
    samples.finish(complete=not interrupted)
    metadata |= {"interrupted": interrupted, "elapsed_s": round(time.monotonic() - begin, 1)}
    write_json(folder / "run.json", metadata)
    write_json(folder / "machine.json", machine | {"after": moment()})
    page = report_folder(folder, console)
    if settings.parquet:
        write_parquet(folder / "results.parquet", read_results(folder / "results.csv"))
    return page, _sound(settings, console), interrupted


def _fingerprints(settings: Settings) -> dict[Cell, str]:
    """Return the digest of each cell of a run."""
    return {
        (case.problem.name, case.size, engine.name): fingerprint(
            case, engine, settings.plan.conditions
        )
        for case, engine in settings.plan.cells()
    }


def _begin(settings: Settings, console: Console, fingerprints: Mapping[Cell, str]) -> PreviousRun:
    """Make the folder ready, and return the part that is kept of the run in it."""
    folder = settings.folder
    remove_parts(folder)
    if settings.resume:
        previous = previous_run(folder, settings.requested, fingerprints, machine())
        for sentence in previous.remarks:
            console.print(sentence)
    else:
        previous = PreviousRun()
        unfinished = _unfinished(folder)
        if unfinished:
            console.print(
                f"An unfinished run of {unfinished} cells is replaced; --resume goes on with one."
            )
        for name in (*_OUTPUTS, *_REPORTS):
            (folder / name).unlink(missing_ok=True)
        SampleStore(folder).clear()
    if not (folder / "results.csv").exists():
        create_results(folder / "results.csv")
    return previous


def _unfinished(folder: Path) -> int:
    """Return the number of cells of an unfinished run in a folder, 0 if there is none."""
    try:
        if read_json(folder / "run.json").get("interrupted"):
            return len(read_results(folder / "results.csv"))
    except ResultsError:
        pass
    return 0


def _verify(settings: Settings, console: Console, metadata: dict[str, Any]) -> None:
    """Write agreement.csv and truth.csv, unless they are there and nothing has changed since."""
    # late: mpmath takes 0.1 s to import, and reports need no truth
    from compare.truth import cases_for_truth, measure_errors

    folder, digest = settings.folder, _digest_of_verification(settings)
    tables = [folder / name for name in ("agreement.csv", "truth.csv")]
    if metadata.get("verified") == digest and all(table.exists() for table in tables):
        return
    found: Found = {}
    agreement = verify_problems(
        settings.problems,
        settings.verified,
        console,
        seed=settings.seed,
        threads=settings.threads,
        found=found,
    )
    write_table(tables[0], agreement, AGREEMENT_COLUMNS)
    with console.status("the true gradients, in 50 digits"):
        cases = cases_for_truth(settings.problems, settings.seed, quick=settings.quick)
        truth = measure_errors(cases, settings.verified, found, threads=settings.threads)
    write_table(tables[1], truth, TRUTH_COLUMNS)
    metadata["verified"] = digest
    write_json(folder / "run.json", metadata)


def _digest_of_verification(settings: Settings) -> str:
    """Return a digest of all that agreement.csv and truth.csv depend on."""
    digest = hashlib.sha256()
    for problem in settings.problems:
        case = problem.case(problem.verify_size, settings.seed)
        for engine in settings.verified:
            digest.update(fingerprint(case, engine, settings.plan.conditions).encode())
    return digest.hexdigest()[:16]


def _sound(settings: Settings, console: Console) -> bool:
    """Return whether a run measured something and no engine was wrong or failed; say which did."""
    folder = settings.folder
    frames = [
        read_table(folder / name, columns)
        for name, columns in (("agreement.csv", AGREEMENT_COLUMNS), ("truth.csv", TRUTH_COLUMNS))
        if (folder / name).exists()
    ]
    # Central differences may miss their tolerance where a function bends sharply; that is a row
    # of the table, not a wrong engine.
    exact = {engine.name for engine in settings.engines if engine.tolerance == "exact"}
    rows = read_results(folder / "results.csv")
    failed = rows[rows["status"].isin(_FAILED)].drop_duplicates(["problem", "engine", "message"])
    for row in failed.to_dict("records"):
        text = f"{row['engine']} on {row['problem']}, {row['label']}: {row['message']}"
        console.print(text, style="red", markup=False, highlight=False)
    if not (rows["status"] == "ok").any():
        console.print("Nothing was measured: no engine gave a gradient that is right.")
        return False
    frames.append(rows[rows["engine"].isin(exact)])
    return failed.empty and not any((frame["status"] == "mismatch").any() for frame in frames)


def _finish(settings: Settings, metadata: dict[str, Any]) -> None:
    """Write the swell, the published example, the collapse of two layers, and three trainings."""
    import threadpoolctl

    folder, digest = settings.folder, _digest_of_verification(settings)
    tables = [folder / name for name in ("swell.csv", "training.csv")]
    if metadata.get("finished") == digest and all(table.exists() for table in tables):
        return

    # late: the studies derive with SymPy, which takes 0.3 s to import
    from compare.studies.collapse import linear_layers_collapse
    from compare.studies.published import compare_with_published
    from compare.studies.swell import QUICK_SERIES, SERIES, swell
    from compare.studies.training import train_all

    metadata["collapse"] = dataclasses.asdict(linear_layers_collapse())
    metadata["logistic"] = [dataclasses.asdict(row) for row in compare_with_published()]
    swollen = swell(QUICK_SERIES if settings.quick else SERIES)
    write_table(tables[0], swollen, SWELL_COLUMNS)
    with threadpoolctl.threadpool_limits(settings.threads, user_api="blas"):
        training = train_all(settings.training_steps, settings.seed)
    write_table(tables[1], training, TRAINING_COLUMNS)
    metadata["finished"] = digest


def _swept(settings: Settings, console: Console, done: Mapping[Cell, str]) -> Iterator[Ended]:
    """Yield the cells of the sweep, showing the one under way, the count and the time left."""
    with _progress(console) as progress:
        task = progress.add_task("measure", total=None)

        def on_begin(case: Case, engine: Engine, done: int, total: int) -> None:
            text = f"{case.problem.name} {case.label} {engine.name}"
            progress.update(task, completed=done, total=total, description=text)

        yield from sweep(settings.plan, on_begin, done)


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


def _metadata(settings: Settings, previous: PreviousRun) -> dict[str, Any]:
    """Return the metadata of a run: run.json."""
    plan_cells = sum(len(settings.sizes(p)) for p in settings.problems) * len(settings.engines)
    known = ("verified", "finished", "collapse", "logistic", "example")
    return {
        "command": settings.command,
        "process": os.getpid(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "elapsed_s": None,
        "interrupted": True,
        "resumed": previous.run,
        "requested": settings.requested,
        **{name: settings.requested[name] for name in _SHOWN},
        "planned_cells": plan_cells,
        **{name: previous.metadata[name] for name in known if name in previous.metadata},
    }


def _machine_metadata(settings: Settings) -> dict[str, Any]:
    """Return the metadata of the place of a run: machine.json."""
    return {
        **whole_description(),
        "command": settings.command,
        "seed": settings.seed,
        "before": moment(),
        "after": None,
    }
