"""The settings of a run, as given on the command line."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compare.engines.engine import Engine
from compare.measure.sweep import Plan
from compare.problems.problem import Problem
from compare.process.executor import Budget
from compare.run.extent import Extent, estimated_s, is_lead, sizes_of, takes_part

__all__ = ["Settings"]


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of a run, as given on the command line.

    Parameters
    ----------
    folder : Path
        Where everything is written.
    problems : sequence of Problem
        Problems.
    verified : sequence of Engine
        Engines that are verified before any clock starts.
    engines : sequence of Engine
        Engines that are timed.
    budget : Budget
        Limits of each cell.
    extent : Extent
        How far it goes.
    problems_named, engines_named : bool
        Whether somebody asked for these problems and engines by name.
    seed : int
        Seed of the inputs.
    threads : int
        Threads of the linear algebra libraries.
    command : str
        The command that repeats the run.
    fresh : bool
        Whether each sample is taken in a process of its own.
    resume : bool
        Whether to go on with the run that is in the folder, if there is one.
    parquet : bool
        Whether to write ``results.parquet`` too.
    title : str
        What the report is called; empty for what it is about.
    """

    folder: Path
    problems: Sequence[Problem]
    verified: Sequence[Engine]
    engines: Sequence[Engine]
    budget: Budget
    extent: Extent
    seed: int
    threads: int
    command: str
    problems_named: bool = False
    engines_named: bool = False
    fresh: bool = False
    resume: bool = False
    parquet: bool = False
    title: str = ""

    @property
    def training_steps(self) -> int:
        """Steps of gradient descent that each of the two training runs takes."""
        return {Extent.QUICK: 100, Extent.USUAL: 1000, Extent.FULL: 2000}[self.extent]

    @property
    def quick(self) -> bool:
        """Whether the run is a quick one."""
        return self.extent is Extent.QUICK

    def sizes(self, problem: Problem) -> tuple[int, ...]:
        """Return the sizes of a problem that are timed."""
        return sizes_of(problem, self.extent, named=self.problems_named)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The sweeps of the run: of what the finding is about, then of the other problems."""
        timed = [problem for problem in self.problems if self.sizes(problem)]
        lead = [problem for problem in timed if is_lead(problem)] or timed
        rest = [problem for problem in timed if problem not in lead]
        plan = Plan(
            tuple(lead),
            tuple(self.engines),
            self.budget,
            self.sizes,
            self.seed,
            self.threads,
            self.fresh,
            self._takes_part,
        )
        others = dataclasses.replace(plan, problems=tuple(rest))
        return (plan, others) if rest else (plan,)

    def _takes_part(self, problem: Problem, size: int, engine: Engine) -> bool:
        """Return whether an engine is timed at a size; who names engines wants all of them."""
        return not self.quick or self.engines_named or takes_part(problem, size, engine)

    @property
    def estimate_s(self) -> tuple[float, float]:
        """About how long the cells take, and all the rest, in s."""
        cells = [(c.problem, e) for plan in self.plans for c, e in plan.cells()]
        whole_s = estimated_s(cells, len(self.problems) * len(self.verified))
        rest_s = estimated_s([], len(self.problems) * len(self.verified))
        return whole_s - rest_s, rest_s

    @property
    def requested(self) -> dict[str, Any]:
        """The settings that a run which goes on with this one must share."""
        return {
            "problems": [problem.name for problem in self.problems],
            "engines": [engine.name for engine in self.engines],
            "verified": [engine.name for engine in self.verified],
            "extent": str(self.extent),
            "quick": self.quick,
            "budget_s": self.budget.seconds,
            "budget_bytes": self.budget.bytes,
            "seed": self.seed,
            "threads": self.threads,
            "mode": "fresh" if self.fresh else "warm",
        }
