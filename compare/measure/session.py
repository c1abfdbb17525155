"""What the heats of a sweep share: limits, cores, references and the control kernel."""

import dataclasses
from types import TracebackType
from typing import Any, Self

from compare.checks.reference import compute_reference, reference_gradient
from compare.checks.state_check import other_case
from compare.measure import jobs
from compare.measure.rounds import Limits, Lost
from compare.measure.timing import Sample
from compare.problems.problem import Case
from compare.process.executor import Budget, Executor, Outcome, Worker
from compare.process.threads import contender_cores

__all__ = ["Referee", "bare", "elsewhere", "sample_of"]

#: Share of the time budget of a cell that its samples may take, but some time in any case; and
#: the share for the first three samples of a slow contender.
_SAMPLING_SHARE, _SAMPLING_LEAST_S, _SLOW_SHARE = 0.1, 0.3, 1 / 3
#: Samples of a contender of which each takes a new process.
_FRESH_SAMPLES = 5


class Referee:
    """What the heats of a sweep share: who computes references, and the control kernel.

    Parameters
    ----------
    budget : Budget
        Limits of each cell.
    threads : int
        Threads of each contender.
    seed : int
        Seed of the inputs and of the order in each round.
    fresh : bool
        Whether each sample is taken in a process of its own.
    """

    def __init__(self, budget: Budget, threads: int = 1, seed: int = 0, fresh: bool = False):
        self.budget, self.threads, self.seed, self.fresh = budget, threads, seed, fresh
        #: Cores of the contenders, of the primal and of the control kernel.
        self.cores = contender_cores(threads)
        self._executor = Executor(threads)
        self._control: Worker | None = None
        self._references: dict[str, Outcome] = {}
        self._referred: Case | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.__exit__(kind, error, trace)
        if self._control is not None:
            self._control.close()

    @property
    def limits(self) -> Limits:
        """How many samples are taken of each contender."""
        seconds = self.budget.seconds
        budget_s = max(_SAMPLING_LEAST_S, _SAMPLING_SHARE * seconds)
        slow_s = max(budget_s, _SLOW_SHARE * seconds)
        if self.fresh:
            return Limits(slow_s, slow_s, _FRESH_SAMPLES, _FRESH_SAMPLES)
        return Limits(budget_s, slow_s)

    def reference(self, case: Case, name: str) -> Outcome:
        """Return the value and gradients of the engine that others are held against."""
        if self._referred is not case:
            self._references, self._referred = {}, case
        if name not in self._references:
            self._references[name] = self._executor.run(
                compute_reference, bare(case), name, budget=self.budget, stage="reference"
            )
        return self._references[name]

    def elsewhere(self, case: Case, name: str) -> Outcome:
        """Return the same at other inputs of the same shapes, as `other_case`."""
        if self._referred is not case:
            self._references, self._referred = {}, case
        key = f"{name} elsewhere"
        if key not in self._references:
            outcome = self._executor.call(elsewhere, bare(case), name, budget=self.budget)
            self._references[key] = outcome
        return self._references[key]

    def forget(self) -> None:
        """Release the references of the last case: they may be large."""
        self._references, self._referred = {}, None

    def control(self) -> Sample:
        """Return a sample of the control kernel."""
        if self._control is None:
            self._control = Worker(self.threads, cores=self.cores)
            self._control.run((jobs.prepare_control,), self.budget)
        return sample_of(self._control.run((jobs.sample_control,), self.budget, stage="sampling"))


def elsewhere(case: Case, name: str) -> Any:
    """Return value and gradients of an engine at other inputs; runs in a process of its own."""
    return reference_gradient(other_case(case), name)


def sample_of(outcome: Outcome) -> Sample:
    """Return the sample that a job gave."""
    if outcome.status != "ok":
        raise Lost(outcome)
    sample: Sample = outcome.result
    return sample


def bare(case: Case) -> Case:
    """Return a case whose inputs are not drawn yet, and so are not sent to another process."""
    return dataclasses.replace(case)
