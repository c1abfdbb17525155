"""``python -m benchmarks``: one gradient beside other libraries."""

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.results import Report, write_json
from benchmarks.table import print_report
from compare.cli.codes import DONE, MISMATCH
from compare.cli.options import Positive, options
from compare.registry.naming import nearest

__all__ = ["benchmarks"]

#: Rounds of a benchmark in one process, and in fresh ones.
_ROUNDS = {False: 21, True: 5}

_CHOICES = [
    click.option("--workload", "workloads", multiple=True, help="Only this workload; repeatable."),
    click.option("--candidate", "candidates", multiple=True, help="Only this one; repeatable."),
]
_SETTINGS = [
    click.option(
        "--rounds",
        type=click.IntRange(1),
        help=f"Samples of each candidate, taken in turn.  [default: {_ROUNDS[False]}, "
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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def benchmarks() -> None:
    """Time one gradient against NumPy by hand, and against other libraries if installed.

    Exit codes: 0 done, 1 a gradient is wrong, 2 the input is wrong, 130 interrupted.
    """


@benchmarks.command()
@options([*_CHOICES, *_SETTINGS])
def eager(
    workloads: Sequence[str], candidates: Sequence[str], file: Path | None, **settings: Any
) -> int:
    """Time functions that are differentiated as they run, on one thread.

    Value and gradient of each candidate are checked against NumPy by hand first; one that is
    wrong gets no time, and the exit code is 1. The garbage collector is on, as it is for users.
    """
    from benchmarks.candidates import EAGER
    from benchmarks.run import IMPORT, run
    from benchmarks.workloads import EAGER_WORKLOADS, WORKLOADS

    known = {**{name: WORKLOADS[name] for name in EAGER_WORKLOADS}, IMPORT: None}
    chosen = [nearest("workload", name, known) for name in workloads or known]
    field = _field(candidates, EAGER)
    functions = [workload for workload in chosen if workload is not None]

    def found(**settings: Any) -> Report:
        return run(functions, field, imports=None in chosen, **settings)

    return _printed(found, file, **settings)


@benchmarks.command()
@options([*_CHOICES, *_SETTINGS])
@click.option(
    "--group",
    type=click.Choice(["tuned", "general", "gradbench"]),
    default="tuned",
    show_default=True,
    help="Workloads to time if none is named: those that have goals, kinds of code that nobody "
    "tuned for, or the evals of GradBench.",
)
@click.option(
    "--fresh",
    is_flag=True,
    help="Take each sample in a process of its own, which has no memory at hand.",
)
def compiled(
    workloads: Sequence[str],
    candidates: Sequence[str],
    file: Path | None,
    fresh: bool,
    group: str,
    **settings: Any,
) -> int:
    """Time gradients that may be compiled before they run, on one thread.

    Tracing, compiling and the first call have a column of their own. Value and gradient of each
    candidate are checked against NumPy by hand first; one that is wrong gets no time, and the exit
    code is 1. A workload goes by its name or its short name: deep-8 or W3a. Three more parts go by
    their names: checkpoint, a long chain in parts that are not kept; memory; and growth, what
    making a program costs as it gets longer. Where a gradient by hand is missing, as for some
    evals of GradBench, the ratios are to autodiff-plan.
    """
    from benchmarks.candidates import BASELINE, COMPILED
    from benchmarks.costs.parts import PARTS
    from benchmarks.fresh import run_fresh
    from benchmarks.goals import COMPILED_GOALS, COMPILED_MEANS, FRESH_GOALS, GRADBENCH_GOALS
    from benchmarks.results import take_means
    from benchmarks.run import run
    from benchmarks.workloads import GROUPS, WORKLOADS

    parts = {} if fresh else dict.fromkeys(PARTS)
    known = {name: w for group in GROUPS.values() for name, w in group.items()} | parts
    short = {workload.label: name for name, workload in WORKLOADS.items()}
    whole_group = {**GROUPS[group], **(parts if group == "tuned" else {})}
    names = list(workloads or whole_group)
    chosen = [nearest("workload", short.get(name, name), known) for name in names]
    field = _field(candidates, COMPILED)
    functions = [workload for workload in chosen if workload is not None]
    baseline = BASELINE if all(w.hand for w in functions) else COMPILED["autodiff-plan"]
    goals = {**COMPILED_GOALS, **dict.fromkeys(GROUPS["gradbench"], GRADBENCH_GOALS)}

    def found(**settings: Any) -> Report:
        settings["baseline"] = baseline
        if fresh:
            return run_fresh(functions, field, goals=FRESH_GOALS, **settings)
        report = run(functions, field, goals=goals, imports=False, **settings)
        untuned = [w.name for w in functions if w.scalar or w.group != "tuned"]
        take_means(report, COMPILED_MEANS, untuned)
        for name in names:
            if name in PARTS:
                PARTS[name](report, field, settings["on_stage"])
        return report

    return _printed(found, file, fresh=fresh, **settings)


@benchmarks.command()
@options(_SETTINGS)
def symbolic(file: Path | None, **settings: Any) -> int:
    """Derive gradients as formulas, and run them, on one thread.

    Deriving is measured in fresh processes: time, memory, and operations beside those of the value;
    strategies of symdiff against CasADi, SymEngine and plain SymPy. What is derived is run beside
    NumPy by hand and CasADi, and is checked first; one that is wrong gets no time, and the exit
    code is 1. The last table has the goals and what was reached.
    """
    from benchmarks.symbolic.run import run_symbolic

    return _printed(run_symbolic, file, **settings)


def _field(names: Sequence[str], known: Mapping[str, Any]) -> list[Any]:
    """Return candidates by their names, all that are known if none is named."""
    return [nearest("candidate", name, known) for name in names or known]


def _printed(
    run: Callable[..., Report],
    file: Path | None,
    *,
    rounds: int | None,
    sample_ms: float,
    fresh: bool = False,
) -> int:
    """Run a benchmark, print what it finds and write it to a file; return the exit code."""
    if file is not None and not file.parent.is_dir():
        raise ValueError(f"{file}: there is no folder {file.parent}; make it first")
    console = Console()
    with console.status("") as status:
        report = run(
            rounds=rounds or _ROUNDS[fresh], sample_s=sample_ms / 1000, on_stage=status.update
        )
    print_report(report, console)
    if file is not None:
        write_json(report, file, shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]))
        click.echo(f"samples: {file}")
    if report.wrong:
        click.echo(f"not timed: {', '.join(report.wrong)}")
        return MISMATCH
    return DONE
