"""The plan of a sweep: which problems, engines and sizes, under which budget."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from compare.engines.engine import Engine
from compare.problems.problem import Case, Problem
from compare.process.executor import Budget

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """Problems, engines, sizes and budget of a sweep.

    Parameters
    ----------
    problems : tuple of Problem
        Problems, each a ladder of growing sizes.
    engines : tuple of Engine
        Engines that go up these ladders.
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
    takes_part : callable
        ``takes_part(problem, size, engine)``: whether an engine takes part at a size of a problem.

    Examples
    --------
    >>> from compare import PROBLEMS, Budget, get_engine
    >>> plan = Plan((PROBLEMS["mlp-width"],), (get_engine("graph"),), Budget(3.0, 2**31),
    ...             sizes=lambda problem: problem.sizes[:2])
    >>> [(case.size, engine.name) for case, engine in plan.cells()]
    [(2, 'graph'), (8, 'graph')]
    """

    problems: tuple[Problem, ...]
    engines: tuple[Engine, ...]
    budget: Budget
    sizes: Callable[[Problem], Sequence[int]]
    seed: int = 0
    threads: int = 1
    fresh: bool = False
    takes_part: Callable[[Problem, int, Engine], bool] = lambda problem, size, engine: True

    @property
    def mode(self) -> str:
        """How samples are taken, as the column ``mode`` names it."""
        return "fresh" if self.fresh else "warm"

    @property
    def conditions(self) -> dict[str, object]:
        """Conditions of the measurement, by name."""
        return {
            "threads": self.threads,
            "mode": self.mode,
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
