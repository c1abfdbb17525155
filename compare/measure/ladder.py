"""The ladder of a sweep: given what ended how, what is next and what has stopped.

It knows no clock, no process and no machine: who measures asks it for batches, and tells it how
their cells ended. An engine goes up the sizes of a problem until one ends as anything but ok or
mismatch; larger sizes of that problem are then not begun.
"""

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
        self._again: list[Batch] = []
        self._under_way: Counter[str] = Counter()
        self._stopped: set[tuple[str, str]] = set()
        steps: list[tuple[Case, list[Engine]]] = []
        for case, engine in cells:
            problem = case.problem.name
            status = done.get((problem, case.size, engine.name))
            if status is not None and status not in _GOES_ON:
                self._stopped.add((problem, engine.name))
            if status is None and (problem, engine.name) not in self._stopped:
                if not steps or steps[-1][0] is not case:
                    steps.append((case, []))
                steps[-1][1].append(engine)
        for place, (case, engines) in enumerate(steps):
            batches = self._waiting.setdefault(case.problem.name, deque())
            batches.append(Batch(case, tuple(engines), place=place))

    @property
    def left(self) -> int:
        """Cells that are not begun, as far as is known now."""
        waiting = (batch for batches in self._waiting.values() for batch in batches)
        return sum(len(self._racing(batch)) for batch in waiting)

    def ready(self, *, alongside: bool = False) -> Iterator[Batch]:
        """Yield the batches that could begin now, what is tried again first.

        With `alongside`, a size need not wait until the smaller ones have ended.
        """
        yield from list(self._again)
        again = {batch.problem for batch in self._again}
        heads = []
        for problem, batches in self._waiting.items():
            if alongside or not (self._under_way[problem] or problem in again):
                while batches and not self._racing(batches[0]):
                    batches.popleft()
                if batches:
                    heads.append(replace(batches[0], engines=self._racing(batches[0])))
        yield from sorted(heads, key=lambda batch: batch.place)

    def begin(self, batch: Batch) -> None:
        """Take a batch off those that are left."""
        self._under_way[batch.problem] += 1
        if batch in self._again:
            self._again.remove(batch)
        else:
            self._waiting[batch.problem].popleft()

    def cell_ended(self, batch: Batch, engine: str, status: str) -> None:
        """Note how a cell ended."""
        if status not in _GOES_ON:
            self._stopped.add((batch.problem, engine))

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
