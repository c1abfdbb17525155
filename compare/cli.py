"""The command line: ``gradscale run``, ``verify``, ``list``, ``report`` and ``bench``.

Exit codes: 0 done, 1 a gradient is wrong, 2 the input is wrong, 130 interrupted.
"""

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from compare.machine import gradscale_version

__all__ = ["main"]

DONE, MISMATCH, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

_GIB = 1024**3
#: Time budget of a cell in seconds, in a full run and in a quick one.
_BUDGET_S = {False: 3.0, True: 1.0}
#: Rounds of a benchmark in one process, and in fresh ones.
_ROUNDS = {False: 21, True: 5}
#: Engines that a quick run times unless told otherwise; all are verified.
_QUICK_ENGINES = ("expanded", "shared", "adjoint", "matrix", "graph", "graph-compiled")


class _Positive(click.ParamType[float]):
    """A positive, finite number."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not 0 < number < float("inf"):
            self.fail(f"{value} arrived; expected a positive number", param, ctx)
        return number


def _entries(kind: str, names: Sequence[str]) -> list[Any]:
    """Return the problems or engines of these names, all if there are none."""
    from compare.engines import ENGINES, get_engine
    from compare.problems import PROBLEMS, get_problem

    table: dict[str, Any] = dict(PROBLEMS if kind == "problem" else ENGINES)
    get = get_problem if kind == "problem" else get_engine
    return [get(name) for name in names] if names else list(table.values())


_choices = [
    click.option("--problem", "problems", multiple=True, help="Only this problem; repeatable."),
    click.option("--engine", "engines", multiple=True, help="Only this engine; repeatable."),
    click.option(
        "--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the inputs."
    ),
    click.option(
        "--threads",
        default=1,
        show_default=True,
        type=click.IntRange(1),
        help="Threads of the linear algebra libraries.",
    ),
]


def _with(options: Sequence[Any]) -> Callable[[Any], Any]:
    """Return a decorator that gives a command these options."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(gradscale_version(), prog_name="gradscale")
def cli() -> None:
    """Compare gradients written as formulas with gradients computed on a graph.

    Exit codes: 0 done, 1 a gradient is wrong, 2 the input is wrong, 130 interrupted.
    """


@cli.command()
@click.option(
    "--out",
    default=Path("reports/latest"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for the CSV files, the charts and the report.",
)
@click.option("--quick", is_flag=True, help="Few sizes and a small budget: under 45 s.")
@click.option(
    "--budget-s",
    type=_Positive(),
    help=f"Time budget of a cell in seconds.  [default: {_BUDGET_S[False]:g}, "
    f"quick {_BUDGET_S[True]:g}]",
)
@click.option(
    "--budget-gb",
    type=_Positive(),
    default=4.0,
    show_default=True,
    help="Memory budget of a cell in GiB.",
)
@_with(_choices)
def run(
    out: Path,
    quick: bool,
    budget_s: float | None,
    budget_gb: float,
    problems: Sequence[str],
    engines: Sequence[str],
    seed: int,
    threads: int,
) -> int:
    """Verify every engine, time them on growing networks, and write the report."""
    from compare.executor import Budget
    from compare.run import Settings
    from compare.run import run as run_job

    budget = Budget(budget_s or _BUDGET_S[quick], int(budget_gb * _GIB))
    verified = _entries("engine", engines)
    settings = Settings(
        folder=out,
        problems=_entries("problem", problems),
        verified=verified,
        engines=verified if engines or not quick else _entries("engine", _QUICK_ENGINES),
        budget=budget,
        quick=quick,
        seed=seed,
        threads=threads,
        command=shlex.join(["gradscale", *sys.argv[1:]]),
    )
    page, agreed, interrupted = run_job(settings, Console())
    click.echo(f"report: {page}")
    if interrupted:
        return INTERRUPTED
    return DONE if agreed else MISMATCH


@cli.command()
@_with(_choices)
def verify(problems: Sequence[str], engines: Sequence[str], seed: int, threads: int) -> int:
    """Check that every engine agrees on every problem; exit code 1 if one does not."""
    from compare.report.terminal import print_agreement
    from compare.run import verify_problems

    console = Console()
    frame = verify_problems(
        _entries("problem", problems),
        _entries("engine", engines),
        console,
        seed=seed,
        threads=threads,
    )
    print_agreement(frame, console)
    wrong = int(frame["status"].isin(["mismatch", "error", "timeout", "memory"]).sum())
    if wrong:
        click.echo(f"{wrong} of {len(frame)} comparisons failed")
        return MISMATCH
    agreeing = int((frame["status"] == "ok").sum())
    click.echo(f"{agreeing} of {len(frame)} comparisons agree; the others are unsupported")
    return DONE


@cli.command("list")
def list_() -> int:
    """List the problems with their sizes, and the engines."""
    from compare.engines import ENGINES
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
    return DONE


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
def report(folder: Path) -> int:
    """Make the report of FOLDER again from its CSV files."""
    from compare.run import report_folder

    click.echo(f"report: {report_folder(folder, Console())}")
    return DONE


@cli.group()
def bench() -> None:
    """Time one gradient against NumPy by hand, and against other libraries if installed."""


_bench_options = [
    click.option("--workload", "workloads", multiple=True, help="Only this workload; repeatable."),
    click.option("--contender", "contenders", multiple=True, help="Only this one; repeatable."),
    click.option(
        "--rounds",
        type=click.IntRange(1),
        help=f"Samples of each contender, taken in turn.  [default: {_ROUNDS[False]}, "
        f"in fresh processes {_ROUNDS[True]}]",
    ),
    click.option(
        "--sample-ms",
        default=10.0,
        show_default=True,
        type=_Positive(),
        help="Length of a sample at least, in milliseconds.",
    ),
    click.option(
        "--json",
        "file",
        type=click.Path(path_type=Path, dir_okay=False, writable=True),
        help="Write the samples, and what they were taken on, to this file.",
    ),
]


@bench.command()
@_with(_bench_options)
def eager(
    workloads: Sequence[str],
    contenders: Sequence[str],
    rounds: int | None,
    sample_ms: float,
    file: Path | None,
) -> int:
    """Time functions that are differentiated as they run, on one thread.

    Value and gradient of each contender are checked against NumPy by hand first; one that is
    wrong gets no time, and the exit code is 1. The garbage collector is on, as it is for users.
    """
    from compare.bench.contenders import EAGER
    from compare.bench.run import IMPORT
    from compare.bench.run import run as run_bench
    from compare.bench.workloads import EAGER_WORKLOADS, WORKLOADS
    from compare.naming import nearest

    known = {**{name: WORKLOADS[name] for name in EAGER_WORKLOADS}, IMPORT: None}
    chosen = [nearest("workload", name, known) for name in workloads or known]
    field = [nearest("contender", name, EAGER) for name in contenders or EAGER]
    return _bench(
        lambda on_stage: run_bench(
            [workload for workload in chosen if workload is not None],
            field,
            rounds=rounds or _ROUNDS[False],
            sample_s=sample_ms / 1000,
            imports=None in chosen,
            on_stage=on_stage,
        ),
        file,
    )


@bench.command()
@_with(_bench_options)
@click.option(
    "--fresh",
    is_flag=True,
    help="Take each sample in a process of its own, which has no memory at hand.",
)
def compiled(
    workloads: Sequence[str],
    contenders: Sequence[str],
    rounds: int | None,
    sample_ms: float,
    file: Path | None,
    fresh: bool,
) -> int:
    """Time gradients that may be compiled before they run, on one thread.

    Tracing, compiling and the first call have a column of their own. Value and gradient of each
    contender are checked against NumPy by hand first; one that is wrong gets no time, and the exit
    code is 1. A workload goes by its name or its short name: deep-8 or W3a. Three more parts go by
    their names: checkpoint, a long chain in parts that are not kept; memory; and growth, what
    making a program costs as it gets longer.
    """
    from compare.bench.contenders import COMPILED
    from compare.bench.cost import PARTS
    from compare.bench.fresh import run_fresh
    from compare.bench.goals import COMPILED_GOALS, COMPILED_MEANS, FRESH_GOALS
    from compare.bench.results import take_means
    from compare.bench.run import run as run_bench
    from compare.bench.workloads import WORKLOADS
    from compare.naming import nearest

    known = dict(WORKLOADS) if fresh else {**WORKLOADS, **dict.fromkeys(PARTS)}
    short = {workload.label: name for name, workload in WORKLOADS.items()}
    names = list(workloads or known)
    chosen = [nearest("workload", short.get(name, name), known) for name in names]
    field = [nearest("contender", name, COMPILED) for name in contenders or COMPILED]
    functions = [workload for workload in chosen if workload is not None]

    def found(on_stage: Any) -> Any:
        settings = {
            "rounds": rounds or _ROUNDS[fresh],
            "sample_s": sample_ms / 1000,
            "on_stage": on_stage,
        }
        if fresh:
            return run_fresh(functions, field, goals=FRESH_GOALS, **settings)
        report = run_bench(functions, field, goals=COMPILED_GOALS, imports=False, **settings)
        take_means(report, COMPILED_MEANS, [w.name for w in functions if w.scalar])
        for name in names:
            if name in PARTS:
                PARTS[name](report, {each.name: each for each in field}, on_stage=on_stage)
        return report

    return _bench(found, file)


@bench.command()
@_with(_bench_options[2:])
def symbolic(rounds: int | None, sample_ms: float, file: Path | None) -> int:
    """Derive gradients as formulas, and run them, on one thread.

    Deriving is measured in fresh processes: time, memory, and operations beside those of the value;
    strategies of symdiff against CasADi, SymEngine and plain SymPy. What is derived is run beside
    NumPy by hand and CasADi, and is checked first; one that is wrong gets no time, and the exit
    code is 1. The last table has the goals and what was reached.
    """
    from compare.bench.symbolic import run_symbolic

    options: dict[str, Any] = {"rounds": rounds or _ROUNDS[False], "sample_s": sample_ms / 1000}
    return _bench(lambda on_stage: run_symbolic(on_stage=on_stage, **options), file)


def _bench(run: Callable[[Callable[[str], None]], Any], file: Path | None) -> int:
    """Run a benchmark, print what it finds and write it to a file; return the exit code."""
    from compare.bench.results import write_json
    from compare.bench.table import print_report

    if file is not None and not file.parent.is_dir():
        raise ValueError(f"{file}: there is no folder {file.parent}; make it first")
    console = Console()
    with console.status("") as status:
        report = run(status.update)
    print_report(report, console)
    if file is not None:
        write_json(report, file, shlex.join(["gradscale", *sys.argv[1:]]))
        click.echo(f"samples: {file}")
    if report.wrong:
        click.echo(f"not timed: {', '.join(report.wrong)}")
        return MISMATCH
    return DONE


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments; those of the process by default.
    """
    try:
        code = cli.main(args=arguments, prog_name="gradscale", standalone_mode=False)
    except click.exceptions.Abort:
        code = INTERRUPTED
    except KeyboardInterrupt:
        code = INTERRUPTED
    except click.ClickException as error:
        click.echo(f"gradscale: {error.format_message()}", err=True)
        code = BAD_INPUT
    except (ValueError, TypeError, OSError) as error:
        click.echo(f"gradscale: {error}", err=True)
        code = BAD_INPUT
    sys.exit(code)
