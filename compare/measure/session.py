"""Limits, cores, references and calibration workload, shared by the batches of a sweep."""

import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from compare.checks.reference import compute_reference, reference_gradient
from compare.checks.state_check import judge_job, with_moved_inputs, with_second_inputs
from compare.engines.engine import Engine
from compare.measure import jobs
from compare.measure.rounds import Limits, Lost
from compare.measure.timing import Sample
from compare.problems.problem import Case
from compare.process.executor import Budget, Executor, Outcome, Worker, worker_environment
from compare.process.pristine import Pristine
from compare.process.threads import candidate_cores

__all__ = ["Imported", "MeasurementSession", "imported_by", "sample_of", "without_inputs"]

#: Modules that a process imports, and the variables that it starts with.
Imported = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]

#: Share of the time budget of a cell that its samples may take, but some time in any case; and
#: the share for the first three samples of a slow candidate.
_SAMPLING_SHARE, _SAMPLING_LEAST_S, _SLOW_SHARE = 0.1, 0.3, 1 / 3
#: Samples of a candidate of which each takes a new process.
_FRESH_SAMPLES = 5
#: Processes of a candidate, at different times: what a process has for its life (where its memory
#: lies, who else is at work) is in the interval of its times only where there are several.
_PROCESSES = 2
#: Samples of a candidate at least and at most in each of them.
_LEAST, _MOST = 30, 300


class MeasurementSession:
    """The limits shared by the batches of a sweep; processes of references and calibration.

    `seed` is that of the inputs and of the order in each round; with `fresh`, each sample is taken
    in a process of its own. `cores` are those of this machine to choose from.
    """

    def __init__(
        self,
        budget: Budget,
        threads: int = 1,
        seed: int = 0,
        fresh: bool = False,
        cores: Sequence[int] | None = None,
    ) -> None:
        self.budget, self.threads, self.seed, self.fresh = budget, threads, seed, fresh
        #: Cores of the candidates, of the primal and of the calibration workload.
        self.cores = candidate_cores(threads, cores)
        self._executor = Executor(threads)
        self._calibration: Worker | None = None
        self._pristine: dict[tuple[Imported, int], Pristine] = {}
        self._import_s: dict[Imported, float] = {}
        self._references: dict[str, Outcome] = {}
        self._referred: Case | None = None
        self._seed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.__exit__(kind, error, trace)
        for held in (self._calibration, *self._pristine.values()):
            if held is not None:
                held.close()

    def pristine(self, imported: Imported, process: int) -> Pristine | None:
        """Return the process whose forks are processes of candidates; None before the first import.

        Each number of a process has one of its own: forks of one have their memory at one place.
        """
        if self.fresh or imported not in self._import_s:
            return None
        return self._forked(imported, process)

    def plain(self) -> Pristine:
        """Return the process whose forks compute the loss alone, and the calibration workload."""
        return self._forked(imported_by(("numpy",), {}), 0)

    def _forked(self, imported: Imported, process: int) -> Pristine:
        key = (imported, process)
        if key not in self._pristine:
            imports, environment = imported
            variables = worker_environment(self.threads, dict(environment))
            self._pristine[key] = Pristine(variables, (jobs.__name__, *imports))
        return self._pristine[key]

    def import_s(self, imported: Imported, measured_s: float | None) -> float | None:
        """Return the time of imports in a new interpreter: now, or when it was measured last."""
        if measured_s is not None:
            self._import_s[imported] = measured_s
        return self._import_s.get(imported)

    @property
    def processes(self) -> int:
        """Times that the candidates of a batch take turns, in new processes each time."""
        return 1 if self.fresh else _PROCESSES

    @property
    def mode(self) -> str:
        """How samples are taken, as the column ``mode`` names it."""
        return "fresh" if self.fresh else "warm"

    @property
    def limits(self) -> Limits:
        """Limits of the samples of each candidate in each process."""
        seconds = self.budget.seconds
        budget_s = max(_SAMPLING_LEAST_S, _SAMPLING_SHARE * seconds)
        slow_s = max(budget_s, _SLOW_SHARE * seconds)
        if self.fresh:
            return Limits(slow_s, slow_s, _FRESH_SAMPLES, _FRESH_SAMPLES)
        return Limits(budget_s / _PROCESSES, slow_s / _PROCESSES, _LEAST, _MOST)

    def reference(self, case: Case, name: str) -> Outcome:
        """Return the value and gradients of the engine that others are held against."""
        references = self._references_of(case)
        if name not in references:
            references[name] = self._executor.run(
                compute_reference, without_inputs(case), name, budget=self.budget, stage="reference"
            )
        return references[name]

    def reference_at_second_inputs(self, case: Case, name: str) -> Outcome:
        """Return the same at other inputs of the same shapes, those of `with_second_inputs`."""
        references, key = self._references_of(case), f"{name} at second inputs"
        if key not in references:
            job = (_at_second_inputs, without_inputs(case), name)
            references[key] = self._executor.call(*job, budget=self.budget)
        return references[key]

    def seed_of_new_inputs(self, case: Case) -> int:
        """Return the seed of inputs that no process has seen, another one in each turn."""
        self._references_of(case)
        return self._seed

    def reference_at_new_inputs(self, case: Case, name: str) -> Outcome:
        """Return the same at those inputs."""
        references, key = self._references_of(case), f"{name} at new inputs"
        if key not in references:
            job = (_at_new_inputs, without_inputs(case), name, self._seed)
            references[key] = self._executor.call(*job, budget=self.budget)
        return references[key]

    def judge(self, case: Case, engine: Engine, *observed: Any) -> Outcome:
        """Return the verdict on an engine's observations, found in the process of references."""
        return self._executor.run(judge_job, case, engine, *observed, budget=self.budget)

    def _references_of(self, case: Case) -> dict[str, Outcome]:
        """Return the references of a case, and release those of the last one."""
        if self._referred is not case:
            self._references, self._referred = {}, case
            self._seed = secrets.randbits(32)
        return self._references

    def forget(self) -> None:
        """Release the references of the last case: they may be large."""
        self._references, self._referred = {}, None

    def calibration(self) -> Sample:
        """Return a sample of the calibration workload."""
        if self._calibration is None or not self._calibration.alive:
            if self._calibration is not None:
                self._calibration.close()
            self._calibration = Worker(self.threads, None, self.cores, self.plain())
            self._calibration.run((jobs.prepare_calibration,), self.budget)
        job = (jobs.sample_calibration,)
        return sample_of(self._calibration.run(job, self.budget, stage="sampling"))


def imported_by(imports: Sequence[str], environment: Mapping[str, str]) -> Imported:
    """Return what tells processes that have imported the same under the same variables."""
    return tuple(imports), tuple(sorted(environment.items()))


def _at_second_inputs(case: Case, name: str) -> Any:
    """Return value and gradients of an engine at other inputs; runs in a process of its own."""
    return reference_gradient(with_second_inputs(case), name)


def _at_new_inputs(case: Case, name: str, seed: int) -> Any:
    """Return value and gradients of an engine at moved inputs; runs in a process of its own."""
    return reference_gradient(with_moved_inputs(case, seed), name)


def sample_of(outcome: Outcome) -> Sample:
    """Return the sample that a job gave, or raise `Lost`."""
    if outcome.status != "ok":
        raise Lost(outcome)
    sample: Sample = outcome.result
    return sample


def without_inputs(case: Case) -> Case:
    """Return a case whose inputs are not drawn yet, and so are not sent to another process."""
    return dataclasses.replace(case)
