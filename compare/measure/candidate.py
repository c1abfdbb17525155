"""A measured process, as its parent sees it: an engine's, or that of the loss alone."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from compare.checks.difference import compare_gradients
from compare.checks.reference import reference_name, tolerance_of
from compare.checks.state_check import Observed, Result, digest, unchecked_reason
from compare.engines.engine import Engine
from compare.measure import jobs
from compare.measure.rounds import Lost, Rounds
from compare.measure.session import MeasurementSession, sample_of, without_inputs
from compare.measure.timing import Sample
from compare.problems.problem import Case
from compare.process.executor import Budget, Outcome, Worker
from compare.process.jobs import import_modules
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
#: Times that a call may take longer on new inputs: caches of the processor make it up to 2.
_REMEMBERS = 4.0


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
        self._environment = environment
        self._loops, self._sample_s, self._turn = 1, 0.0, 0
        self.worker: Worker | None = None

    def start(self, pristine: Pristine | None = None) -> None:
        """Start the interpreter, and do not wait for it."""
        self.worker = Worker(
            self._session.threads, self._environment, self._session.cores, pristine
        )

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
        prepared.metadata["import_s"] = imported.result
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

    def sample(self) -> Sample:
        """Return the next sample, or raise `Lost`."""
        if not self._session.fresh:
            job = (jobs.sample, self._loops, True, self._turn)
            self._turn += 1
            return self.checked(sample_of(self.job(*job, stage="sampling", limit_s=self._limit_s)))
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
        #: The rounds that it took part in.
        self.rounds: list[Rounds] = []

    def ready(self) -> bool:
        """Prepare and check; a candidate that is not ready has a row that says why."""
        if self.refusal or self.failed:
            refused = Outcome("unsupported", None, self.refusal)
            self.ends(refused if self.refusal else Outcome("error", None, self.failed))
            return False
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
        return self._forgets()

    def _agrees(self, against: str, reference: Result) -> bool:
        """Hold the engine against its reference, at both inputs, in a process of neither."""
        case = without_inputs(self.case)
        observed = self.job(jobs.observed, case, self._session.threads, stage="check")
        if observed.status != "ok":
            self.ends(observed)
            return False
        seen: Observed = observed.result
        second = self._at_second_inputs(against)
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

    def count_allocations(self) -> None:
        """Fill the column of Python's allocations, where that does not take long."""
        if self._sample_s / self._loops < _TRACED_S:
            traced = self.job(jobs.allocated, stage="allocations", limit_s=_TRACING_S)
            self.row["allocated_bytes"] = traced.result

    def leaves(self, outcome: Outcome) -> None:
        """Close a process that broke its budget, which an earlier one had kept."""
        self.close()
        why = f"measured in one process only, the next one ended as {outcome.status}"
        self.row["message"] = "; ".join(filter(None, [self.row["message"], why]))

    def take_up(self) -> Outcome:
        """Prepare one more process of a candidate that was checked in its first."""
        self.start(self._session.pristine(self.engine.imports, self._environment or {}))
        prepared = self.prepare()
        if prepared.status != "ok":
            return prepared
        job = (jobs.take_up, without_inputs(self.case), len(self._results) > 1)
        return self.job(*job, stage="sampling")

    def _forgets(self) -> bool:
        """Whether a call takes as long on inputs that the engine has never seen."""
        if unchecked_reason(self.case, self.row["first_run_s"] or 0.0):
            return True
        job = (jobs.slower_on_new_inputs, without_inputs(self.case), self._loops)
        found = self.job(*job, stage="new inputs", limit_s=self._limit_s)
        if self.worker is None or not self.worker.alive:
            self.ends(found)
            return False
        if found.status != "ok":
            # Calls that are refused show nothing, which whoever reads the times must know.
            why = f"not timed on new inputs: {found.message}"
            self.row["message"] = "; ".join(filter(None, [self.row["message"], why]))
            return True
        if found.result < _REMEMBERS:
            return True
        message = (
            f"a call takes {found.result:.1f} × as long on new inputs as on those it has seen: "
            "it remembers results"
        )
        self.ends(Outcome("mismatch", None, message, "new inputs"))
        return False

    def checked(self, sample: Sample) -> Sample:
        """Return a sample, or raise `Lost` where its result is not the one that was checked."""
        if sample.digest in self._digests[sample.place]:
            return sample
        kept = self.job(jobs.sampled_result, stage="check")
        tolerance = tolerance_of(self.engine, self.case)
        expected = self._results[sample.place]
        # Threads and alignment may change the order of a sum, and so the last bits.
        if kept.status == "ok":
            value, gradients = kept.result
            difference = compare_gradients(value, gradients, *expected, tolerance)
            if difference.agrees:
                self._digests[sample.place].add(sample.digest)
                return sample
            message = (
                f"a result while it was timed is not the one that was checked: {difference.message}"
            )
            kept = Outcome("mismatch", None, message, "sampling")
        raise Lost(kept)

    def _at_second_inputs(self, against: str) -> Any:
        """Return the reference at other inputs; None where the engine is not run there."""
        if unchecked_reason(self.case, self.row["first_run_s"] or 0.0):
            return None
        outcome = self._session.reference_at_second_inputs(self.case, against)
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
