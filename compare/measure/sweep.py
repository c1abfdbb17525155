"""The sweep: every problem at growing sizes, all engines of one size in one batch, each cell a row.

What is next and what has stopped is said by the `Ladder`; a runner measures the batches, on this
machine or on others. The row that stopped an engine stays: for the scaling laws it is a censored
point.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from compare.engines import chosen_engines
from compare.engines.engine import Engine
from compare.measure.interleaved import Ended
from compare.measure.ladder import Batch, Ladder
from compare.measure.local import LocalRunner
from compare.measure.plan import Plan
from compare.problems import get_problem
from compare.problems.own import own_problem
from compare.problems.problem import Case
from compare.process.executor import Budget
from compare.results.identity import engine_versions, fingerprint
from compare.results.schema import RESULT_COLUMNS, Cell

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ended", "Plan", "Runner", "benchmark", "sweep"]


class Runner(Protocol):
    """Whoever measures the batches of a sweep."""

    def measured(
        self, plan: Plan, ladder: Ladder, on_begin: Callable[[Batch, Engine], None]
    ) -> Iterator[tuple[Batch, Ended]]:
        """Yield the cells with their batches, each as soon as it has ended.

        It begins batches of the ladder and tells it when they are through.
        """


def sweep(
    plan: Plan,
    on_begin: Callable[[Case, Engine, int, int], None] | None = None,
    done: Mapping[Cell, str] | None = None,
    runner: Runner | None = None,
) -> Iterator[Ended]:
    """Return the cells of a sweep, each as soon as it has ended.

    Parameters
    ----------
    plan : Plan
        Problems, engines, sizes and budget.
    on_begin : callable, optional
        ``on_begin(case, engine, begun, total)`` is called before a cell is measured, with the
        number of cells that began before it and of all that are known of.
    done : mapping of (problem, size, engine) to str, optional
        Cells that are not measured again, and how they ended.
    runner : Runner, optional
        Whoever measures: this machine by default, or a `compare.DaskRunner`.

    Yields
    ------
    Ended
        ``row`` with the columns of results.csv, ``samples`` with those of samples.parquet.

    Examples
    --------
    >>> from compare import PROBLEMS, Budget, get_engine
    >>> engines = (get_engine("hand-written"),)
    >>> plan = Plan((PROBLEMS["gates"],), engines, Budget(3.0, 2**31), lambda problem: (2,))
    >>> [(ended.row["engine"], ended.row["status"]) for ended in sweep(plan)]
    [('hand-written', 'ok')]
    """
    ladder = Ladder(plan.cells(), done or {})
    begun, waiting = 0, Counter[Batch]()

    def begins(batch: Batch, engine: Engine) -> None:
        nonlocal begun
        waiting.setdefault(batch, len(batch.engines))
        if on_begin:
            on_begin(batch.case, engine, begun, begun + waiting.total() + ladder.left)
        begun += 1
        waiting[batch] -= 1

    for batch, ended in (runner or LocalRunner()).measured(plan, ladder, begins):
        row = ended.row
        engine = batch.engine(row["engine"])
        ladder.cell_ended(batch, engine.name, row["status"])
        identity = {
            "fingerprint": fingerprint(batch.case, engine, plan.conditions),
            "versions": f"{row['versions']}; {engine_versions(engine)}",
            "attempt": batch.attempt,
        }
        yield Ended(row | identity, ended.samples)


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
    >>> frame = benchmark(lambda x: x * x, 3.0, engines=["graph"], budget_s=3.0)
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
