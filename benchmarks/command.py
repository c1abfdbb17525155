"""``gradscale bench``: one gradient beside other libraries."""

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from compare.cli.codes import DONE, MISMATCH
from compare.cli.options import Positive, options

__all__ = ["bench"]

#: Rounds of a benchmark in one process, and in fresh ones.
_ROUNDS = {False: 21, True: 5}


@click.group()
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
        type=Positive(),
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
@options(_bench_options)
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
    from benchmarks.contenders import EAGER
    from benchmarks.run import IMPORT
    from benchmarks.run import run as run_bench
    from benchmarks.workloads import EAGER_WORKLOADS, WORKLOADS
    from compare.registry.naming import nearest

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
@options(_bench_options)
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
    from benchmarks.contenders import COMPILED
    from benchmarks.cost import PARTS
    from benchmarks.fresh import run_fresh
    from benchmarks.goals import COMPILED_GOALS, COMPILED_MEANS, FRESH_GOALS
    from benchmarks.results import take_means
    from benchmarks.run import run as run_bench
    from benchmarks.workloads import WORKLOADS
    from compare.registry.naming import nearest

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
@options(_bench_options[2:])
def symbolic(rounds: int | None, sample_ms: float, file: Path | None) -> int:
    """Derive gradients as formulas, and run them, on one thread.

    Deriving is measured in fresh processes: time, memory, and operations beside those of the value;
    strategies of symdiff against CasADi, SymEngine and plain SymPy. What is derived is run beside
    NumPy by hand and CasADi, and is checked first; one that is wrong gets no time, and the exit
    code is 1. The last table has the goals and what was reached.
    """
    from benchmarks.symbolic import run_symbolic

    options: dict[str, Any] = {"rounds": rounds or _ROUNDS[False], "sample_s": sample_ms / 1000}
    return _bench(lambda on_stage: run_symbolic(on_stage=on_stage, **options), file)


def _bench(run: Callable[[Callable[[str], None]], Any], file: Path | None) -> int:
    """Run a benchmark, print what it finds and write it to a file; return the exit code."""
    from benchmarks.results import write_json
    from benchmarks.table import print_report

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
