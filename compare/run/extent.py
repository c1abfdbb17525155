"""The extent of a run: which problems it times, at which sizes, under which engines."""

from collections.abc import Iterable
from enum import StrEnum

from compare.engines.engine import Engine
from compare.problems.problem import Problem

__all__ = ["Extent", "estimated_s", "is_lead", "sizes_of", "takes_part"]


class Extent(StrEnum):
    """How far a run goes."""

    QUICK = "quick"
    USUAL = "usual"
    FULL = "full"

    @property
    def budget_s(self) -> float:
        """Time budget of a cell in s, unless another one is given."""
        return 2.0 if self is Extent.QUICK else 3.0

    @property
    def engines(self) -> tuple[str, ...]:
        """Engines that are timed, unless others are named; none stands for all."""
        if self is Extent.FULL:
            return ()
        strategies = ("expanded", "shared", "adjoint", "matrix")
        by_hand = ("hand-written",) if self is Extent.USUAL else ()
        return (*strategies, "graph", "graph-compiled", *by_hand)


#: What a quick run times of the problems that are shipped, unless one is named; and the engines at
#: the sizes where the others would only wait for their time to be over.
_QUICK_PROBLEMS = ("mlp-width",)
_QUICK_ENGINES = {("mlp-width", 3200): ("expanded", "graph", "graph-compiled")}
#: The problem that the finding is about: it is timed first.
_LEAD = "mlp-width"

#: Processor time of a cell beside its sampling, in s, by what its process imports; and of the rest
#: of a run, in s: measured on one core of a Xeon, where a loaded machine takes longer.
_CELL_S = {"symdiff": 1.3, "autodiff": 0.9}
_OTHER_CELL_S, _SAMPLES_S, _PAIR_S, _REPORT_S = 0.5, 0.5, 0.05, 12.0


def sizes_of(problem: Problem, extent: Extent, *, named: bool) -> tuple[int, ...]:
    """Return the sizes of a problem that are timed; one that was named has some in any case.

    Examples
    --------
    >>> from compare.problems import get_problem
    >>> sizes_of(get_problem("circuit"), Extent.QUICK, named=False)
    ()
    >>> sizes_of(get_problem("circuit"), Extent.QUICK, named=True)
    (1,)
    """
    if extent is Extent.FULL:
        return problem.sizes
    if extent is Extent.USUAL:
        usual = problem.sizes if problem.usual_sizes is None else problem.usual_sizes
        return usual or (problem.sizes if named else ())
    # Where a usual run has sizes of its own, the problem is one of ours.
    if named or problem.usual_sizes is None or problem.name in _QUICK_PROBLEMS:
        return problem.quick_sizes or (problem.sizes[:1] if named else ())
    return ()


def takes_part(problem: Problem, size: int, engine: Engine) -> bool:
    """Return whether an engine that nobody named is timed at a size in a quick run."""
    return engine.name in _QUICK_ENGINES.get((problem.name, size), (engine.name,))


def is_lead(problem: Problem) -> bool:
    """Return whether the finding is about a problem."""
    return problem.name == _LEAD


def estimated_s(cells: Iterable[tuple[Problem, Engine]], pairs: int) -> float:
    """Return about how long a run takes on an idle machine of two cores, in s."""
    each = [_CELL_S.get(e.imports[0] if e.imports else "", _OTHER_CELL_S) for _, e in cells]
    return sum(each) + _SAMPLES_S * len(each) + _PAIR_S * pairs + _REPORT_S
