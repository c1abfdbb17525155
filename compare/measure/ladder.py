"""The ladder of a sweep: given what ended how, what is next and what has stopped.

It knows no clock, no process and no machine: who measures asks it for batches, and tells it how
their cells ended. An engine goes up the sizes of a problem until one ends as anything but ok or
mismatch; larger sizes of that problem are then not begun.
"""

import bisect
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from compare.engines.engine import Engine
from compare.problems.problem import Case
from compare.results.schema import Cell

__all__ = ["Batch", "Ladder"]

#: Ways a cell can end after which the engine still goes on to the next size.
_GOES_ON = frozenset({"ok", "mismatch"})


@dataclass(frozen=True, eq=False)
class Batch:
    """A problem at a size with the engines still in the race: what is measured in one piece."""

    case: Case
    engines: tuple[Engine, ...]
    #: Number of the attempt to measure it, from 1: a worker may be lost under it.
    attempt: int = 1
    #: Its place in the plan.
    place: int = field(default=0, repr=False)

    @property
    def problem(self) -> str:
        """Name of the problem, whose sizes are one ladder."""
        return self.case.problem.name

    def engine(self, name: str) -> Engine:
        """Return the engine of a name."""
        return next(engine for engine in self.engines if engine.name == name)


class Ladder:
    """The batches of a sweep that are left, each after those of smaller sizes.

    Parameters
    ----------
    cells : iterable of (Case, Engine)
        The cells of a plan, in its order; those of one case follow each other.
    done : mapping of (problem, size, engine) to str
        Cells that a previous run has ended, and how.

    Examples
    --------
    >>> from compare.engines import get_engine
    >>> from compare.problems import PROBLEMS
    >>> cases = [PROBLEMS["mlp-width"].case(size, 0) for size in (2, 8)]
    >>> engines = [get_engine("graph"), get_engine("expanded")]
    >>> ladder = Ladder([(case, engine) for case in cases for engine in engines], {})
    >>> first = next(ladder.ready())
    >>> ladder.begin(first)
    >>> list(ladder.ready())
    []
    >>> ladder.cell_ended(first, "expanded", "timeout")
    >>> ladder.batch_ended(first)
    >>> [(b.case.size, [e.name for e in b.engines]) for b in ladder.ready()], ladder.left
    ([(8, ['graph'])], 1)
    """

    def __init__(self, cells: Iterable[tuple[Case, Engine]], done: Mapping[Cell, str]) -> None:
        self._waiting: dict[str, deque[Batch]] = {}
        #: Place and problem of the next batch of each ladder, in order.
        self._heads: list[tuple[int, str]] = []
        self._again: list[Batch] = []
        self._under_way: Counter[str] = Counter()
        self._stopped: set[tuple[str, str]] = set()
        #: Cells that are not begun, as far as is known now.
        self.left = 0
        steps: list[tuple[Case, list[Engine]]] = []
        # Where a previous run was stopped, smaller sizes may be left: rows come as cells end.
        stopped: set[tuple[str, str]] = set()
        for case, engine in cells:
            problem = case.problem.name
            status = done.get((problem, case.size, engine.name))
            if status is not None and status not in _GOES_ON:
                stopped.add((problem, engine.name))
            if status is None and (problem, engine.name) not in stopped:
                if not steps or steps[-1][0] is not case:
                    steps.append((case, []))
                steps[-1][1].append(engine)
                self.left += 1
        for place, (case, engines) in enumerate(steps):
            batches = self._waiting.setdefault(case.problem.name, deque())
            batches.append(Batch(case, tuple(engines), place=place))
        self._heads = sorted((batches[0].place, name) for name, batches in self._waiting.items())

    def ready(self, *, alongside: bool = False) -> Iterator[Batch]:
        """Yield the batches that could begin now, what is tried again first.

        With `alongside`, a size need not wait until the smaller ones have ended.
        """
        yield from list(self._again)
        again = {batch.problem for batch in self._again}
        for _, problem in list(self._heads):
            if alongside or not (self._under_way[problem] or problem in again):
                head = self._waiting[problem][0]
                yield replace(head, engines=self._racing(head))

    def begin(self, batch: Batch) -> None:
        """Take a batch off those that are left."""
        self._under_way[batch.problem] += 1
        if batch in self._again:
            self._again.remove(batch)
        else:
            self.left -= len(batch.engines)
            self._next(batch.problem)

    def _next(self, problem: str) -> None:
        """Go on to the next batch of a ladder in which an engine is still in the race."""
        batches = self._waiting[problem]
        self._heads.remove((batches.popleft().place, problem))
        while batches and not self._racing(batches[0]):
            batches.popleft()
        if batches:
            bisect.insort(self._heads, (batches[0].place, problem))

    def cell_ended(self, batch: Batch, engine: str, status: str) -> None:
        """Note how a cell ended."""
        stopped = (batch.problem, engine)
        if status in _GOES_ON or stopped in self._stopped:
            return
        waiting = self._waiting[batch.problem]
        self.left -= sum(e.name == engine for b in waiting for e in b.engines)
        self._stopped.add(stopped)
        if waiting and not self._racing(waiting[0]):
            self._next(batch.problem)

    def batch_ended(self, batch: Batch) -> None:
        """Note that a batch is through."""
        self._under_way[batch.problem] -= 1

    def batch_lost(self, batch: Batch) -> bool:
        """Note that the worker of a batch was lost; return whether that is the end of its cells.

        It is tried once more; lost twice, its engines are run one by one.
        """
        self.batch_ended(batch)
        if batch.attempt > 1 and len(batch.engines) == 1:
            return True
        groups = [batch.engines] if batch.attempt == 1 else [(e,) for e in batch.engines]
        self._again += [replace(batch, engines=g, attempt=batch.attempt + 1) for g in groups]
        return False

    def _racing(self, batch: Batch) -> tuple[Engine, ...]:
        """Return the engines of a batch that have not stopped."""
        return tuple(e for e in batch.engines if (batch.problem, e.name) not in self._stopped)
