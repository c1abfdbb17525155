"""The settings of a run, as given on the command line."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compare.engines.engine import Engine
from compare.measure.sweep import Plan
from compare.problems.problem import Problem
from compare.process.executor import Budget

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
    quick : bool
        Whether to time the few sizes of a quick run, and train for fewer steps.
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
    """

    folder: Path
    problems: Sequence[Problem]
    verified: Sequence[Engine]
    engines: Sequence[Engine]
    budget: Budget
    quick: bool
    seed: int
    threads: int
    command: str
    fresh: bool = False
    resume: bool = False
    parquet: bool = False

    @property
    def training_steps(self) -> int:
        """Steps of gradient descent that each of the two training runs takes."""
        return 100 if self.quick else 2000

    def sizes(self, problem: Problem) -> tuple[int, ...]:
        """Return the sizes of a problem that are timed."""
        return problem.quick_sizes if self.quick else problem.sizes

    @property
    def plan(self) -> Plan:
        """The sweep of the run."""
        return Plan(
            tuple(self.problems),
            tuple(self.engines),
            self.budget,
            self.sizes,
            self.seed,
            self.threads,
            self.fresh,
        )

    @property
    def requested(self) -> dict[str, Any]:
        """The settings that a run which goes on with this one must share."""
        return {
            "problems": [problem.name for problem in self.problems],
            "engines": [engine.name for engine in self.engines],
            "verified": [engine.name for engine in self.verified],
            "quick": self.quick,
            "budget_s": self.budget.seconds,
            "budget_bytes": self.budget.bytes,
            "seed": self.seed,
            "threads": self.threads,
            "mode": "fresh" if self.fresh else "warm",
        }
