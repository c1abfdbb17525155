"""A measured process, as its parent sees it: an engine's, or that of the loss alone."""

import contextlib
import math
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np

from compare.checks.difference import compare_gradients
from compare.checks.reference import reference_name, tolerance_of
from compare.checks.state_check import (
    Observed,
    Result,
    digest,
    is_finite,
    with_moved_inputs,
)
from compare.engines.engine import Engine
from compare.measure import jobs
from compare.measure.rounds import Lost, Rounds
from compare.measure.session import MeasurementSession, imported_by, sample_of, without_inputs
from compare.measure.timing import Sample
from compare.problems.problem import Case
from compare.process.executor import Budget, Outcome, Worker
from compare.process.ipc import numbers_only
from compare.process.jobs import import_modules, start
from compare.process.pristine import Pristine
from compare.results.schema import RESULT_COLUMNS, SCHEMA_VERSION

__all__ = ["Candidate", "MeasuredProcess", "Row", "begun_row", "ended_row"]

Row = dict[str, Any]


class Conditions(Protocol):
    """Columns of a row on the measurement: those of a session, or of a plan."""

    @property
    def mode(self) -> str:
        """How samples are taken."""

    @property
    def seed(self) -> int:
        """Seed of the inputs."""

    @property
    def threads(self) -> int:
        """Threads of the linear algebra libraries."""

    @property
    def budget(self) -> Budget:
        """Limits of the cell."""


#: A sample may take this many times what it took before, on top of the time budget.
_SLOWER = 10
#: Gradients that take longer are not repeated under the allocation tracer, in s.
_TRACED_S = 0.2
#: Time that this may take, in s: the tracer looks up the line of each allocation, which takes
#: minutes in a formula of many thousand lines. The bytes are then left out.
_TRACING_S = 1.0
#: Calls of an engine that the check after its first run makes, each of which the budget allows; and
#: what copying and comparing may take besides, in s.
_CHECKED_CALLS, _CHECK_S = 3, 10.0
#: Share of the samples of which the numbers are looked at, whatever their digest says.
_LOOKED_AT = 1 / 16


class MeasuredProcess:
    """A process that prepares an engine, or the loss alone, and gives samples of it."""

    def __init__(
        self,
        session: MeasurementSession,
        imports: tuple[str, ...],
        preparation: tuple[Any, ...],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._session, self._imports, self._preparation = session, imports, preparation
        self._environment: Mapping[str, str] = environment or {}
        self.imported = imported_by(imports, self._environment)
        self._forked = False
        self._loops, self._sample_s, self._turn = 1, 0.0, 0
        #: Time that a job takes beside its sample, where it is least, by the clock of this process.
        self.beside_s = math.inf
        self.worker: Worker | None = None

    def start(self, pristine: Pristine | None = None) -> None:
        """Start the interpreter, and do not wait for it; or fork one that has imported all."""
        self._forked = pristine is not None
        self.worker = Worker(
            self._session.threads, self._environment, self._session.cores, pristine, numbers_only
        )
        self.beside_s = math.inf

    def job(self, *job: Any, stage: str = "start", limit_s: float | None = None) -> Outcome:
        """Return the outcome of a job in the process."""
        assert self.worker
        more = {} if limit_s is None else {"limit_s": limit_s}
        return self.worker.run(job, self._session.budget, stage=stage, **more)

    def prepare(self) -> Outcome:
        """Import and prepare; the metadata of the outcome are columns of results.csv."""
        imported = self.job(import_modules, self._imports, stage="import")
        if imported.status != "ok":
            return imported
        prepared = self.job(*self._preparation)
        measured_s = None if self._forked else imported.result
        prepared.metadata["import_s"] = self._session.import_s(self.imported, measured_s)
        return prepared

    def calibrate(self) -> Outcome:
        """Determine how many calls make a sample."""
        outcome = self.job(jobs.calibrate, stage="calibrate", limit_s=self._limit_s)
        if outcome.status == "ok":
            self._loops, self._sample_s = outcome.result
        return outcome

    @property
    def _limit_s(self) -> float:
        return self._session.budget.seconds + _SLOWER * self._sample_s

    @property
    def _check_limit_s(self) -> float:
        return _CHECKED_CALLS * self._session.budget.seconds + _CHECK_S

    def sample(self) -> Sample:
        """Return the next sample, or raise `Lost`."""
        if not self._session.fresh:
            return self.checked(self.warm_sample()[0])
        self.close()
        try:
            self.start()
            prepared = self.prepare()
            if prepared.status != "ok":
                raise Lost(prepared)
            cold = (jobs.sample, self._loops, False)
            return self.checked(sample_of(self.job(*cold, stage="sampling", limit_s=self._limit_s)))
        finally:
            self.close()

    def warm_sample(self, times: int = 1) -> tuple[Sample, float]:
        """Return the next sample, of so many times the calls, and what its job took beside it."""
        job = (jobs.sample, times * self._loops, True, self._turn)
        begin = time.monotonic()
        self._turn += 1
        found = sample_of(self.job(*job, stage="sampling", limit_s=self._limit_s))
        beside_s = time.monotonic() - begin - found.seconds * found.loops
        self.beside_s = min(self.beside_s, beside_s)
        return found, beside_s

    def used_s(self) -> float:
        """Return the processor time that the process has used, as the system counts it, in s."""
        return self.worker.processor_s() if self.worker else 0.0

    def checked(self, sample: Sample) -> Sample:
        """Return a sample, or raise `Lost` where its result is not what it should be."""
        return sample

    def close(self) -> None:
        """End the process."""
        if self.worker is not None:
            self.worker.close()
            self.worker = None


class Candidate(MeasuredProcess):
    """An engine in an interleaved batch, and its row."""

    def __init__(self, case: Case, engine: Engine, session: MeasurementSession) -> None:
        self.case, self.engine = case, engine
        self.row = begun_row(case, engine, session)
        # Variables by a faulty engine are an error of its cell.
        self.failed = ""
        environment: Mapping[str, str] = {}
        try:
            self.refusal = engine.refuses(case)
            environment = dict(engine.environment(session.threads))
        except Exception as error:
            self.refusal, self.failed = "", f"{type(error).__name__}: {error}"
        preparation = (jobs.prepare, without_inputs(case), engine, session.threads)
        super().__init__(session, engine.imports, preparation, environment)
        #: The results that were checked, at the inputs in turn, and their digests.
        self._results: list[Result] = []
        self._digests: list[set[bytes]] = []
        #: The engine whose gradient is its reference, and why it was not run again, if it was not.
        self.against, self.unchecked = "", ""
        #: The rounds that it took part in.
        self.rounds: list[Rounds] = []

    def ready(self) -> bool:
        """Prepare and check; a candidate that is not ready has a row that says why."""
        if self.refusal or self.failed:
            refused = Outcome("unsupported", None, self.refusal)
            self.ends(refused if self.refusal else Outcome("error", None, self.failed))
            return False
        if self.worker is None:
            self.start(self.pristine(0))
            self.job(start)
        outcome = self.prepare()
        self._add_metadata(outcome)
        if outcome.status != "ok":
            self.ends(outcome)
            return False
        self.row |= outcome.result
        against = reference_name(self.case, self.engine)
        reference = self._session.reference(self.case, against)
        if reference.status != "ok":
            message = f"the reference {against} ended as {reference.status}: {reference.message}"
            self.ends(Outcome("error", None, message, "check"))
            return False
        if not self._agrees(against, reference.result):
            return False
        calibrated = self.calibrate()
        if calibrated.status != "ok":
            self.ends(calibrated)
            return False
        return True

    def _agrees(self, against: str, reference: Result) -> bool:
        """Hold the engine against its reference, at both inputs, in a process of neither."""
        case = without_inputs(self.case)
        job = (jobs.observed, case, self._session.threads)
        observed = self.job(*job, stage="check", limit_s=self._check_limit_s)
        if observed.status != "ok":
            self.ends(observed)
            return False
        seen: Observed = observed.result
        self.against, self.unchecked = against, seen.unchecked
        second = None if seen.at_second_inputs is None else self._at_second_inputs()
        judged = self._session.judge(case, self.engine, seen, against, reference, second)
        if judged.status != "ok":
            self.ends(judged)
            return False
        self.row |= judged.result
        if self.row["status"] != "ok":
            self.ends()
            return False
        self._results = [seen.result, *filter(None, [seen.at_second_inputs])]
        self._digests = [{digest(result)} for result in self._results]
        return True

    def pristine(self, process: int) -> Pristine | None:
        """Return what a process of this engine is a fork of; None if it is a new interpreter."""
        return self._session.pristine(self.imported, process)

    def count_allocations(self) -> None:
        """Fill the column of Python's allocations, where that does not take long."""
        if self._sample_s / self._loops < _TRACED_S:
            traced = self.job(jobs.allocated, stage="allocations", limit_s=_TRACING_S)
            self.row["allocated_bytes"] = traced.result

    def leaves(self, outcome: Outcome) -> None:
        """Close a process that broke its budget, which an earlier one had kept."""
        self.close()
        self.remark(f"measured in one process only, the next one ended as {outcome.status}")

    def take_up(self) -> Outcome:
        """Prepare one more process of a candidate that was checked in its first."""
        self.start(self.pristine(1))
        prepared = self.prepare()
        if prepared.status != "ok":
            return prepared
        job = (jobs.take_up, without_inputs(self.case), self.ran_at_second_inputs)
        return self.job(*job, stage="sampling", limit_s=self._check_limit_s)

    def at_new_inputs(self, sampled_s: float) -> Outcome:
        """Return the behaviour of the engine on inputs that it has never seen."""
        seed = self._session.seed_of_new_inputs(self.case)
        job = (jobs.new_inputs, without_inputs(self.case), self._loops, seed, sampled_s)
        return self.job(*job, stage="new inputs", limit_s=self._limit_s)

    def judged_at_new_inputs(self, result: Result) -> Outcome:
        """Return the verdict on a result there; it is ok where there is no reference."""
        session, case, against = self._session, self.case, self.against
        if against == "finite-differences":  # only our own graph's, and slow
            return Outcome("ok", {"status": "ok"})
        expected = session.reference_at_new_inputs(case, against)
        if expected.status != "ok" or not is_finite(expected.result):
            return Outcome("ok", {"status": "ok"})
        moved = with_moved_inputs(case, session.seed_of_new_inputs(case))
        found = Observed(result), against, expected.result, None
        return session.judge(moved, self.engine, *found)

    @property
    def ran_at_second_inputs(self) -> bool:
        """Whether it has a result at other inputs than its own."""
        return len(self._results) > 1

    @property
    def result_bytes(self) -> int:
        """Memory of a result."""
        return sum(int(np.asarray(part).nbytes) for part in self._results[0][1].values())

    def remark(self, text: str) -> None:
        """Add a remark to the message of the row."""
        said = self.row["message"] or ""
        if text not in said:  # each of its processes may say the same
            self.row["message"] = "; ".join(filter(None, [said, text]))

    def checked(self, sample: Sample) -> Sample:
        """Return a sample, or raise `Lost` where its result is not the one that was checked."""
        known = sample.digest in self._digests[sample.place]
        if known and random.random() >= _LOOKED_AT:
            return sample
        kept = self.job(jobs.sampled_result, stage="check", limit_s=self._check_limit_s)
        tolerance = tolerance_of(self.engine, self.case)
        expected = self._results[sample.place]
        # Threads and alignment may change the order of a sum, and so the last bits.
        if kept.status == "ok":
            value, gradients = kept.result
            difference = compare_gradients(value, gradients, *expected, tolerance)
            if difference.agrees:
                self._digests[sample.place].add(sample.digest)
                return sample
            kept = Outcome("error", None, difference.message)
        if kept.status == "error":
            message = f"a result while it was timed is not the one that was checked: {kept.message}"
            kept = Outcome("mismatch", None, message, "sampling")
        raise Lost(kept)

    def _at_second_inputs(self) -> Any:
        """Return the reference at other inputs; None where it has none there."""
        outcome = self._session.reference_at_second_inputs(self.case, self.against)
        return outcome.result if outcome.status == "ok" else None

    def _add_metadata(self, outcome: Outcome) -> None:
        """Add the metadata of an outcome to the row."""
        columns = {key: value for key, value in outcome.metadata.items() if value is not None}
        baseline_bytes = columns.pop("baseline_bytes", 0)
        if outcome.status == "ok":
            # Where the system does not count the peak, what the parent saw by polling stands in.
            columns = {"peak_bytes": max(0, outcome.peak_bytes - baseline_bytes)} | columns
        self.row |= columns

    def ends(self, outcome: Outcome | None = None) -> None:
        """Close the process and complete the row, with why the cell did not end as ok."""
        self.close()
        self.row |= ended_row(self.row, self.case, outcome)


def begun_row(case: Case, engine: Engine, session: Conditions) -> Row:
    """Return a row whose columns of problem, engine and budget are filled."""
    row: Row = dict.fromkeys(column.name for column in RESULT_COLUMNS)
    return row | {
        "schema_version": SCHEMA_VERSION,
        "family": case.problem.family,
        "problem": case.problem.name,
        "size": case.size,
        "label": case.label,
        "engine": engine.name,
        "device": engine.device,
        "mode": session.mode,
        "seed": session.seed,
        "threads": session.threads,
        "budget_s": session.budget.seconds,
        "budget_bytes": session.budget.bytes,
    }


def ended_row(row: Row, case: Case, outcome: Outcome | None = None) -> Row:
    """Return a row with the end of its cell, and why that is not ok."""
    end: Row = {"ended": datetime.now(UTC).isoformat(timespec="seconds")}
    if outcome is not None:
        end |= {"status": outcome.status, "message": outcome.message, "stage": outcome.stage}
    if row["parameters"] is None:
        # The inputs of a user's problem may fail to be drawn: the row says already how it ended.
        with contextlib.suppress(Exception):
            end["parameters"] = case.parameters
    return row | end
