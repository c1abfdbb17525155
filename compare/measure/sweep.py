"""The sweep: every problem at growing sizes, all engines of one size in one batch, each cell a row.

A batch is measured twice, in other processes, with batches of other sizes between.

An engine goes up the sizes of a problem until one ends as anything but ok or mismatch; larger
sizes of that problem are then not begun. The row that stopped it stays: for the scaling laws it
is a censored point.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compare.engines import chosen_engines
from compare.engines.engine import Engine
from compare.measure.interleaved import Ended, InterleavedBatch
from compare.measure.session import MeasurementSession
from compare.problems import get_problem
from compare.problems.own import own_problem
from compare.problems.problem import Case, Problem
from compare.process.executor import Budget
from compare.process.threads import off_cores
from compare.results.identity import engine_versions, fingerprint
from compare.results.machine import description
from compare.results.schema import RESULT_COLUMNS, Cell

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ended", "Plan", "benchmark", "sweep"]

#: Ways a cell can end after which the engine still goes on to the next size.
_GOES_ON = frozenset({"ok", "mismatch"})
#: Batches that wait for their last turns while others have their first, so that the two are some
#: time apart; a run that is killed measures them again.
_HELD = 2


@dataclass(frozen=True)
class Plan:
    """Problems, engines and budget of a sweep."""

    #: Problems.
    problems: tuple[Problem, ...]
    #: Engines.
    engines: tuple[Engine, ...]
    #: Limits of each cell.
    budget: Budget
    #: ``sizes(problem)`` returns the sizes to go up.
    sizes: Callable[[Problem], Sequence[int]]
    #: Seed of the inputs.
    seed: int = 0
    #: Threads of the linear algebra libraries.
    threads: int = 1
    #: Whether each sample is taken in a process of its own.
    fresh: bool = False
    #: Whether an engine takes part at a size of a problem.
    takes_part: Callable[[Problem, int, Engine], bool] = lambda problem, size, engine: True

    @property
    def conditions(self) -> dict[str, object]:
        """Conditions of the measurement, by name."""
        return {
            "threads": self.threads,
            "mode": "fresh" if self.fresh else "warm",
            "budget_s": self.budget.seconds,
            "budget_bytes": self.budget.bytes,
        }

    def cells(self) -> Iterator[tuple[Case, Engine]]:
        """Return the cells, small sizes of all problems first."""
        longest = max((len(self.sizes(p)) for p in self.problems), default=0)
        for place in range(longest):
            for problem in self.problems:
                sizes = self.sizes(problem)
                if place < len(sizes):
                    case = problem.case(sizes[place], self.seed)
                    for engine in self.engines:
                        if self.takes_part(problem, sizes[place], engine):
                            yield case, engine


def sweep(
    plan: Plan,
    on_begin: Callable[[Case, Engine, int, int], None] | None = None,
    done: Mapping[Cell, str] | None = None,
) -> Iterator[Ended]:
    """Return the cells of a sweep, each as soon as it has ended."""
    where = description()
    pending = _left(plan, done or {})
    begun = waiting = 0

    def begin(case: Case, engine: Engine) -> None:
        nonlocal begun, waiting
        if on_begin:
            on_begin(case, engine, begun, begun + waiting + len(pending))
        begun, waiting = begun + 1, waiting - 1

    with (
        MeasurementSession(plan.budget, plan.threads, plan.seed, plan.fresh) as session,
        off_cores(session.cores),
    ):
        held: deque[InterleavedBatch] = deque()
        while pending or held:
            if pending and len(held) <= _HELD:
                case = pending[0][0]
                engines = [engine for other, engine in pending if other is case]
                pending = pending[len(engines) :]
                waiting = len(engines)
                batch = InterleavedBatch(case, engines, session, begin)
                held.append(batch)
                cells = batch.first_turns()
            else:
                batch = held.popleft()
                cells = batch.last_turns()
            for ended in cells:
                name = ended.row["engine"]
                if ended.row["status"] not in _GOES_ON:
                    stopped = (batch.case.problem.name, name)
                    pending = [c for c in pending if (c[0].problem.name, c[1].name) != stopped]
                engine = next(engine for engine in batch.engines if engine.name == name)
                identity = {
                    "fingerprint": fingerprint(batch.case, engine, plan.conditions),
                    "versions": f"{where['versions']}; {engine_versions(engine)}",
                }
                yield Ended(ended.row | where | identity, ended.samples)


def _left(plan: Plan, done: Mapping[Cell, str]) -> list[tuple[Case, Engine]]:
    """Return the cells that a previous run has left to measure."""
    left, stopped = [], set()
    for case, engine in plan.cells():
        place = (case.problem.name, engine.name)
        status = done.get((case.problem.name, case.size, engine.name))
        if status is None and place not in stopped:
            left.append((case, engine))
        elif status is not None and status not in _GOES_ON:
            stopped.add(place)
    return left


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
    *args : float or array, or dict, list, tuple, NamedTuple or dataclass of them
        Arguments of a function; what has no derivative by its type is a constant.
    wrt : str or sequence of str, optional
        Arguments to differentiate with respect to, such as ``"params"`` or ``"params.w1"``; all
        by default.
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
        Columns as in `RESULT_COLUMNS`, a row a cell; it prints with those that one reads.

    Raises
    ------
    TypeError
        If no argument, or one that `wrt` names, is of floating-point type.
    ValueError
        If a name is unknown, a budget is not positive, or the function returns no scalar.

    Examples
    --------
    >>> frame = benchmark(lambda x: x * x, 3.0, engines=["graph"])
    >>> frame["status"].tolist(), bool(frame["run_s"][0] > 0)
    (['ok'], True)
    """
    # Late: a sweep writes its rows one by one and needs no pandas.
    from compare.results.measurements import Measurements
    from compare.results.reading import as_frame

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
    return Measurements(as_frame((ended.row for ended in sweep(plan)), RESULT_COLUMNS))
