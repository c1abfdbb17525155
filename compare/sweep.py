"""The sweep: every problem at growing sizes under every engine, each cell a row.

An engine goes up the sizes of a problem until one ends as anything but ok or mismatch; larger
sizes of that problem are then not begun. The row that stopped it stays: for the scaling laws it
is a censored point.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compare.agreement import chosen_engines
from compare.engines.engine import Engine
from compare.executor import Budget, Executor, Outcome
from compare.machine import description
from compare.problems.problem import Case, Problem
from compare.schema import RESULT_COLUMNS, SCHEMA_VERSION

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ended", "Plan", "benchmark", "sweep"]

#: Ways a cell can end after which the engine still goes on to the next size.
_GOES_ON = frozenset({"ok", "mismatch"})


@dataclass(frozen=True)
class Plan:
    """What a sweep does.

    Parameters
    ----------
    problems : tuple of Problem
        Problems.
    engines : tuple of Engine
        Engines.
    budget : Budget
        Limits of each cell.
    sizes : callable
        ``sizes(problem)`` returns the sizes to go up.
    seed : int
        Seed of the inputs.
    threads : int
        Threads of the linear algebra libraries.
    fresh : bool
        Whether each sample is taken in a process of its own.
    """

    problems: tuple[Problem, ...]
    engines: tuple[Engine, ...]
    budget: Budget
    sizes: Callable[[Problem], Sequence[int]]
    seed: int = 0
    threads: int = 1
    fresh: bool = False

    def cells(self) -> Iterator[tuple[Case, Engine]]:
        """Return the cells, small sizes of all problems first."""
        longest = max((len(self.sizes(p)) for p in self.problems), default=0)
        for place in range(longest):
            for problem in self.problems:
                sizes = self.sizes(problem)
                if place < len(sizes):
                    case = problem.case(sizes[place], self.seed)
                    for engine in self.engines:
                        yield case, engine


Row = dict[str, Any]
#: Names of problem and engine, and the size between them.
Cell = tuple[str, int, str]


@dataclass(frozen=True)
class Ended:
    """A cell that has ended.

    Parameters
    ----------
    row : dict
        Columns of results.csv.
    samples : tuple of dict
        Its raw samples: columns of samples.parquet.
    """

    row: Row
    samples: tuple[Row, ...] = ()


def sweep(
    plan: Plan,
    on_begin: Callable[[Case, Engine, int, int], None] | None = None,
    done: Mapping[Cell, str] | None = None,
) -> Iterator[Ended]:
    """Return the cells of a sweep, each as soon as it has ended.

    Parameters
    ----------
    plan : Plan
        What to measure.
    on_begin : callable, optional
        ``on_begin(case, engine, done, total)`` is called before each cell; the total falls when
        an engine stops.
    done : mapping of (problem, size, engine) to status, optional
        Cells that an earlier run has ended, and how: they are not measured again, and an engine
        that failed in one of them stops there.

    Yields
    ------
    Ended
        The row of the cell, and its samples.
    """
    where = description()
    executor = Executor(plan.threads)
    pending = _left(plan, done or {})
    ended = 0
    while pending:
        case, engine = pending.pop(0)
        if on_begin:
            on_begin(case, engine, ended, ended + 1 + len(pending))
        row = _row(case, engine, plan, executor) | where
        ended += 1
        if row["status"] not in _GOES_ON:
            stopped = (case.problem.name, engine.name)
            pending = [c for c in pending if (c[0].problem.name, c[1].name) != stopped]
        yield Ended(row)


def _left(plan: Plan, done: Mapping[Cell, str]) -> list[tuple[Case, Engine]]:
    """Return the cells that an earlier run has left to measure."""
    left, stopped = [], set()
    for case, engine in plan.cells():
        place = (case.problem.name, engine.name)
        status = done.get((case.problem.name, case.size, engine.name))
        if status is None and place not in stopped:
            left.append((case, engine))
        elif status is not None and status not in _GOES_ON:
            stopped.add(place)
    return left


def _row(case: Case, engine: Engine, plan: Plan, executor: Executor) -> Row:
    """Return the row of one cell."""
    row: Row = dict.fromkeys(column.name for column in RESULT_COLUMNS)
    row |= {
        "schema_version": SCHEMA_VERSION,
        "family": case.problem.family,
        "problem": case.problem.name,
        "size": case.size,
        "label": case.label,
        "engine": engine.name,
        "seed": plan.seed,
        "threads": plan.threads,
        "budget_s": plan.budget.seconds,
        "budget_bytes": plan.budget.bytes,
    }
    refusal = engine.refuses(case)
    if refusal:
        return row | {
            "status": "unsupported",
            "message": refusal,
            "parameters": case.parameters,
        }
    return row | _measured(executor.measure(case, engine, plan.budget))


def _measured(outcome: Outcome) -> Row:
    """Return the columns that an outcome fills."""
    facts = {key: value for key, value in outcome.facts.items() if value is not None}
    baseline_bytes = facts.pop("baseline_bytes", 0)
    if outcome.status == "ok":
        # Where the system does not count the peak, what the parent saw by polling stands in.
        seen = max(0, outcome.peak_bytes - baseline_bytes)
        return {"peak_bytes": seen, **facts, **outcome.result}
    return {
        **facts,
        "status": outcome.status,
        "message": outcome.message,
        "stage": outcome.stage,
    }


def benchmark(
    f: Callable[..., Any] | str,
    *args: Any,
    wrt: str | Sequence[str] | None = None,
    engines: Iterable[str | Engine] | None = None,
    sizes: Sequence[int] | None = None,
    analytic: bool = False,
    budget_s: float = 10.0,
    budget_bytes: int = 2 * 1024**3,
    seed: int = 0,
    threads: int = 1,
) -> "pd.DataFrame":
    """Return measurements of gradients: of a function at its arguments, or of a built-in problem.

    Parameters
    ----------
    f : callable or str
        Plain NumPy function that returns a scalar, or the name of a built-in problem.
    *args : float or array
        Arguments of a function.
    wrt : str or sequence of str, optional
        Arguments to differentiate with respect to; all by default.
    engines : iterable of str or Engine, optional
        Engines; all that can do the problem by default.
    sizes : sequence of int, optional
        Sizes of a built-in problem; those of a quick run by default, or of a full one.
    analytic : bool
        Whether a function is analytic: then a complex step is taken too.
    budget_s : float
        Time budget of each cell in seconds.
    budget_bytes : int
        Memory budget of each cell in bytes.
    seed : int
        Seed of the inputs of a built-in problem.
    threads : int
        Threads of the linear algebra libraries.

    Returns
    -------
    pandas.DataFrame
        Columns as in `compare.schema.RESULT_COLUMNS`, a row a cell.

    Raises
    ------
    TypeError
        If an argument is not of floating-point type.
    ValueError
        If a name is unknown, a budget is not positive, or the function returns no scalar.

    Examples
    --------
    >>> frame = benchmark(lambda x: x * x, 3.0, engines=["graph"])
    >>> frame["status"].tolist(), bool(frame["run_s"][0] > 0)
    (['ok'], True)
    """
    from compare.problems import get_problem
    from compare.problems.own import own_problem
    from compare.store import as_frame

    if isinstance(f, str):
        if args:
            raise TypeError(f"benchmark: {f!r} is a built-in problem, which takes no arguments")
        problem = get_problem(f)
        ladder = tuple(sizes or problem.quick_sizes or problem.sizes)
    else:
        problem, ladder = own_problem(f, args, wrt=wrt, analytic=analytic), (1,)
    chosen = chosen_engines(problem.case(ladder[0], seed), engines)
    budget = Budget(budget_s, budget_bytes)
    plan = Plan((problem,), tuple(chosen), budget, lambda _: ladder, seed, threads)
    return as_frame((ended.row for ended in sweep(plan)), RESULT_COLUMNS)
