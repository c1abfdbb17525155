"""The main job: verify, sweep, train, fit, report, into one folder."""

import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.text import Text

from compare.engines.engine import Engine
from compare.measure.local import LocalRunner
from compare.measure.sweep import Runner, sweep
from compare.problems import PROBLEMS
from compare.problems.problem import Case, Problem
from compare.process.executor import Budget
from compare.report.format import budget_text
from compare.results.identity import fingerprint
from compare.results.lock import locked
from compare.results.machine import machine, machine_class, moment, whole_description
from compare.results.machines import marked_hosts, read_machines
from compare.results.reading import read_results, read_table
from compare.results.resume import PreviousRun, previous_run, write_json
from compare.results.samples import SampleStore
from compare.results.schema import (
    AGREEMENT_COLUMNS,
    RESULT_COLUMNS,
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
from compare.run.display import Display, clock_text
from compare.run.extent import Extent
from compare.run.reporting import report_folder
from compare.run.settings import Settings
from compare.run.verify import verify_cases

if TYPE_CHECKING:
    from distributed import Client

    from compare.truth.measure import Found

__all__ = ["Settings", "differentiated", "report_folder", "run", "verify_problems"]

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
#: Names of arguments that a sentence lists.
_MOST_NAMES = 8
_REPORTS = ("report.html", "report.md")
#: Statuses of a cell whose engine failed: not refusals, and not budgets that ended.
_FAILED = ("error", "crashed")


def verify_problems(
    problems: Sequence[Problem],
    engines: Sequence[Engine],
    *,
    seed: int = 0,
    threads: int = 1,
    on_done: Callable[[Case, Engine], None] | None = None,
    found: "Found | None" = None,
) -> pd.DataFrame:
    """Return the agreement of engines on each problem at its size for verification."""
    return verify_cases(
        [problem.case(problem.verify_size, seed) for problem in problems],
        engines,
        budget_s=_VERIFY_BUDGET.seconds,
        budget_bytes=_VERIFY_BUDGET.bytes,
        threads=threads,
        on_done=on_done,
        found=found,
    )


def run(
    settings: Settings, console: Console, client: "Client | None" = None
) -> tuple[Path, bool, bool]:
    """Do the main job, on the workers of a cluster if its client is given; write its folder."""
    with locked(prepare_folder(settings.folder)):
        return _run(settings, console, client)


def _run(settings: Settings, console: Console, client: "Client | None") -> tuple[Path, bool, bool]:
    # late: pandas and the report are not needed before
    from compare.report.terminal import print_finding

    folder, begin = settings.folder, time.monotonic()
    fingerprints = _fingerprints(settings)
    previous = _begin(settings, console, fingerprints, machine() if client is None else None)
    metadata, machines = _metadata(settings, previous), read_machines(folder)
    runner: Runner = LocalRunner()
    if client is None:
        machines[machine_class()] = {**whole_description(), "before": moment(), "after": None}
    write_json(folder / "run.json", metadata)
    write_json(folder / "machine.json", machines)
    # Last: who resumes what has a table must find what it was asked to do.
    if not (folder / "results.csv").exists():
        create_results(folder / "results.csv")
    samples, interrupted = SampleStore(folder), False
    cells = len(fingerprints) - len(previous.done)
    cells_s, rest_s = settings.estimate_s
    cells_s *= cells / max(len(fingerprints), 1)
    _announce(settings, console, cells, cells_s + rest_s)
    try:
        with Display(console, cells, cells_s, rest_s) as display:
            if client is not None:
                runner = _cluster(client, folder, previous, machines, display, console)
            _time(settings, 0, display, previous, samples, runner)
            print_finding(read_results(folder / "results.csv"), metadata, console)
            # Each cell was held against its reference before it was timed; now all engines are
            # on every problem, also on those that no clock sees.
            _verify(settings, display, metadata)
            for place in range(1, len(settings.plans)):
                _time(settings, place, display, previous, samples, runner)
            # A report of somebody's own function is about that function, not about our networks.
            ours = PROBLEMS.keys() - {*PROBLEMS.plugins}
            if any(problem.name in ours for problem in settings.problems):
                display.does("the swell, the collapse of two layers, and the training")
                _finish(settings, metadata)
            else:
                # late: the studies derive with SymPy, which takes 0.3 s to import
                from compare.studies.example import example_of

                display.does("the formula and the circuit")
                example = example_of(settings.problems[0], settings.seed)
                metadata["example"] = dataclasses.asdict(example)
    except KeyboardInterrupt:
        interrupted = True
        console.print("interrupted: the report shows what was finished; --resume goes on")
    samples.finish(complete=not interrupted)
    metadata |= {"interrupted": interrupted, "elapsed_s": round(time.monotonic() - begin, 1)}
    write_json(folder / "run.json", metadata)
    if client is None:
        machines[machine_class()]["after"] = moment()
    else:
        rows = read_results(folder / "results.csv")
        write_table(folder / "results.csv", marked_hosts(rows), RESULT_COLUMNS)
    write_json(folder / "machine.json", machines)
    page = report_folder(folder, console)
    if settings.parquet:
        write_parquet(folder / "results.parquet", read_results(folder / "results.csv"))
    return page, _sound(settings, console), interrupted


def _cluster(
    client: "Client",
    folder: Path,
    previous: PreviousRun,
    machines: dict[str, dict[str, Any]],
    display: Display,
    console: Console,
) -> Runner:
    """Return the runner of a cluster, which tells the display what it does."""
    # late: Dask is optional
    from compare.cluster.runner import DaskRunner

    def says(text: str) -> None:
        display.does(text)
        # Also for a run that is killed: who joined stands there.
        write_json(folder / "machine.json", machines)

    def warns(text: str) -> None:
        console.print(Text(text), soft_wrap=True)

    return DaskRunner(client, says=says, warns=warns, classes=previous.classes, machines=machines)


def _announce(settings: Settings, console: Console, cells: int, seconds: float) -> None:
    """Say what a run will do, where it writes and about how long it takes."""
    timed = [p for plan in settings.plans for p in plan.problems]
    limits = budget_text(settings.budget.seconds, settings.budget.bytes)
    console.print(
        f"Timing {_count(len(settings.engines), 'engine')} on {_count(len(timed), 'problem')}, "
        f"at most {_count(cells, 'cell')} within {limits} each; verifying "
        f"{_count(len(settings.verified), 'engine')} on "
        f"{_count(len(settings.problems), 'problem')}.",
        highlight=False,
    )
    for problem in settings.problems:
        if problem.name not in PROBLEMS:
            console.print(Text(differentiated(problem, settings.seed)))
    where = Text(f"Writing to {settings.folder}")
    console.print(where, soft_wrap=True)
    console.print(
        f"About {clock_text(seconds)} (minutes:seconds) on two idle cores. Ctrl-C ends it with a "
        "report of what is finished; --resume goes on.",
        highlight=False,
    )


def differentiated(problem: Problem, seed: int) -> str:
    """Return a sentence on what a problem is differentiated by, and what is not."""
    case = problem.case(problem.verify_size, seed)
    shown = ", ".join(case.wrt[:_MOST_NAMES]) + ", …" * (len(case.wrt) > _MOST_NAMES)
    others = [name for name in case.inputs if name not in case.wrt]
    held = f"; held: {', '.join(others[:_MOST_NAMES])}" if others else ""
    return f"{problem.name}: {_count(case.parameters, 'parameter')} in {shown}{held}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)


def _time(
    settings: Settings,
    place: int,
    display: Display,
    previous: PreviousRun,
    samples: SampleStore,
    runner: Runner,
) -> None:
    """Time the cells of one of the plans, and write each as soon as it has ended."""
    plan, *later = settings.plans[place:]
    beyond = sum(_cell(*pair) not in previous.done for other in later for pair in other.cells())

    def on_begin(case: Case, engine: Engine, done: int, total: int) -> None:
        display.begins(case, engine, total - done + beyond)

    for ended in sweep(plan, on_begin, previous.done, runner):
        row = ended.row
        samples.add((row["problem"], row["size"], row["engine"]), ended.samples, previous.run)
        append_row(settings.folder / "results.csv", row)
        display.ended(row)


def _cell(case: Case, engine: Engine) -> Cell:
    return case.problem.name, case.size, engine.name


def _fingerprints(settings: Settings) -> dict[Cell, str]:
    """Return the digest of each cell of a run."""
    return {
        _cell(case, engine): fingerprint(case, engine, plan.conditions)
        for plan in settings.plans
        for case, engine in plan.cells()
    }


def _begin(
    settings: Settings, console: Console, fingerprints: Mapping[Cell, str], here: str | None
) -> PreviousRun:
    """Make the folder ready, and return the part that is kept of the run in it."""
    folder = settings.folder
    remove_parts(folder)
    if settings.resume:
        previous = previous_run(folder, settings.requested, fingerprints, here)
        for sentence in previous.remarks:
            console.print(sentence)
    else:
        previous = PreviousRun()
        for name in (*_OUTPUTS, *_REPORTS):
            (folder / name).unlink(missing_ok=True)
        SampleStore(folder).clear()
    return previous


def _verify(settings: Settings, display: Display, metadata: dict[str, Any]) -> None:
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
        seed=settings.seed,
        threads=settings.threads,
        on_done=lambda case, engine: display.does(f"verifying {engine.name} {case.problem.name}"),
        found=found,
    )
    write_table(tables[0], agreement, AGREEMENT_COLUMNS)
    cases = cases_for_truth(
        settings.problems, settings.seed, quick=settings.extent is not Extent.FULL
    )
    truth = measure_errors(
        cases,
        settings.verified,
        found,
        threads=settings.threads,
        on_done=lambda case: display.does(f"the true gradient of {case.problem.name}, 50 digits"),
    )
    write_table(tables[1], truth, TRUTH_COLUMNS)
    metadata["verified"] = digest
    write_json(folder / "run.json", metadata)


def _digest_of_verification(settings: Settings) -> str:
    """Return a digest of all that agreement.csv and truth.csv depend on."""
    digest, conditions = hashlib.sha256(), settings.plans[0].conditions
    for problem in settings.problems:
        case = problem.case(problem.verify_size, settings.seed)
        for engine in settings.verified:
            digest.update(fingerprint(case, engine, conditions).encode())
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
    swollen = swell(SERIES if settings.extent is Extent.FULL else QUICK_SERIES)
    write_table(tables[0], swollen, SWELL_COLUMNS)
    with threadpoolctl.threadpool_limits(settings.threads, user_api="blas"):
        training = train_all(settings.training_steps, settings.seed)
    write_table(tables[1], training, TRAINING_COLUMNS)
    metadata["finished"] = digest


def _metadata(settings: Settings, previous: PreviousRun) -> dict[str, Any]:
    """Return the metadata of a run: run.json."""
    plan_cells = sum(1 for plan in settings.plans for _ in plan.cells())
    known = ("verified", "finished", "collapse", "logistic", "example")
    return {
        "command": settings.command,
        "title": settings.title,
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
