"""What is timed in a process of its own, as the parent sees it: an engine, or the loss alone."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from compare.checks.reference import reference_name
from compare.checks.state_check import unprobed
from compare.engines.engine import Engine
from compare.measure import jobs
from compare.measure.rounds import Lost
from compare.measure.session import Referee, bare, sample_of
from compare.measure.timing import Sample
from compare.problems.problem import Case
from compare.process.executor import Outcome, Worker
from compare.process.jobs import import_modules
from compare.results.schema import RESULT_COLUMNS, SCHEMA_VERSION

__all__ = ["Contender", "Row", "Timed"]

Row = dict[str, Any]

#: A sample may take this many times what it took before, on top of the time budget.
_SLOWER = 10


class Timed:
    """What is timed in a process of its own: an engine, or the loss alone."""

    def __init__(
        self,
        referee: Referee,
        imports: tuple[str, ...],
        preparation: tuple[Any, ...],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._referee, self._imports, self._preparation = referee, imports, preparation
        self._environment = environment
        self._loops, self._sample_s = 1, 0.0
        #: Processor time that it took out of turn, and the time of the turns of others, in s.
        self.restless_s = 0.0
        self.worker: Worker | None = None

    def start(self) -> None:
        """Start the interpreter, and do not wait for it."""
        self.worker = Worker(self._referee.threads, self._environment, self._referee.cores)

    def job(self, *job: Any, stage: str = "start", limit_s: float | None = None) -> Outcome:
        """Return how a job ended in the process."""
        assert self.worker
        more = {} if limit_s is None else {"limit_s": limit_s}
        return self.worker.run(job, self._referee.budget, stage=stage, **more)

    def prepare(self) -> Outcome:
        """Import and prepare; the facts of the outcome are columns of results.csv."""
        imported = self.job(import_modules, self._imports, stage="import")
        if imported.status != "ok":
            return imported
        prepared = self.job(*self._preparation)
        prepared.facts["import_s"] = imported.result
        return prepared

    def calibrate(self) -> Outcome:
        """Find out how many calls make a sample."""
        outcome = self.job(jobs.calibrate, stage="calibrate", limit_s=self._limit_s)
        if outcome.status == "ok":
            self._loops, self._sample_s = outcome.result
            if self._referee.fresh:
                self.close()
        return outcome

    @property
    def _limit_s(self) -> float:
        return self._referee.budget.seconds + _SLOWER * self._sample_s

    def sample(self) -> Sample:
        """Return the next sample, or raise `Lost`."""
        if not self._referee.fresh:
            job = (jobs.sample, self._loops)
            return sample_of(self.job(*job, stage="sampling", limit_s=self._limit_s))
        try:
            self.start()
            prepared = self.prepare()
            if prepared.status != "ok":
                raise Lost(prepared)
            cold = (jobs.sample, self._loops, False)
            return sample_of(self.job(*cold, stage="sampling", limit_s=self._limit_s))
        finally:
            self.close()

    def close(self) -> None:
        """End the process."""
        if self.worker is not None:
            self.worker.close()
            self.worker = None


class Contender(Timed):
    """An engine in a heat, and its row."""

    def __init__(self, case: Case, engine: Engine, referee: Referee) -> None:
        self.case, self.engine = case, engine
        self.row = _row(case, engine, referee)
        # Variables by a faulty engine are an error of its cell.
        self.failed = ""
        environment: Mapping[str, str] = {}
        try:
            self.refusal = engine.refuses(case)
            environment = dict(engine.environment(referee.threads))
        except Exception as error:
            self.refusal, self.failed = "", f"{type(error).__name__}: {error}"
        preparation = (jobs.prepare, bare(case), engine, referee.threads)
        super().__init__(referee, engine.imports, preparation, environment)

    def ready(self) -> bool:
        """Prepare and check; a contender that is not ready has a row that says why."""
        if self.refusal or self.failed:
            refused = Outcome("unsupported", None, self.refusal)
            self.ends(refused if self.refusal else Outcome("error", None, self.failed))
            return False
        outcome = self.prepare()
        self._known(outcome)
        if outcome.status != "ok":
            self.ends(outcome)
            return False
        self.row |= outcome.result
        against = reference_name(self.case, self.engine)
        reference = self._referee.reference(self.case, against)
        if reference.status != "ok":
            message = f"the reference {against} ended as {reference.status}: {reference.message}"
            self.ends(Outcome("error", None, message, "check"))
            return False
        checked = self.job(
            jobs.check,
            bare(self.case),
            self.engine,
            self._referee.threads,
            against,
            reference.result,
            self._elsewhere(against),
            stage="check",
        )
        if checked.status != "ok":
            self.ends(checked)
            return False
        self.row |= checked.result
        if self.row["status"] != "ok":
            self.ends()
            return False
        calibrated = self.calibrate()
        if calibrated.status != "ok":
            self.ends(calibrated)
            return False
        return True

    def _elsewhere(self, against: str) -> Any:
        """Return what the reference computed at other inputs; None where nobody would ask."""
        if unprobed(self.case, self.row["first_run_s"] or 0.0):
            return None
        outcome = self._referee.elsewhere(self.case, against)
        return outcome.result if outcome.status == "ok" else None

    def _known(self, outcome: Outcome) -> None:
        """Add to the row what an outcome tells."""
        facts = {key: value for key, value in outcome.facts.items() if value is not None}
        baseline_bytes = facts.pop("baseline_bytes", 0)
        if outcome.status == "ok":
            # Where the system does not count the peak, what the parent saw by polling stands in.
            facts = {"peak_bytes": max(0, outcome.peak_bytes - baseline_bytes)} | facts
        self.row |= facts

    def ends(self, outcome: Outcome | None = None) -> None:
        """Close the process and complete the row, with why the cell did not end as ok."""
        self.close()
        if outcome is not None:
            self.row |= {
                "status": outcome.status,
                "message": outcome.message,
                "stage": outcome.stage,
            }
        if self.row["parameters"] is None:
            with contextlib.suppress(Exception):
                self.row["parameters"] = self.case.parameters
        self.row["ended"] = datetime.now(UTC).isoformat(timespec="seconds")


def _row(case: Case, engine: Engine, referee: Referee) -> Row:
    """Return a row with what is known before anything is measured."""
    row: Row = dict.fromkeys(column.name for column in RESULT_COLUMNS)
    return row | {
        "schema_version": SCHEMA_VERSION,
        "family": case.problem.family,
        "problem": case.problem.name,
        "size": case.size,
        "label": case.label,
        "engine": engine.name,
        "mode": _mode(referee),
        "seed": referee.seed,
        "threads": referee.threads,
        "budget_s": referee.budget.seconds,
        "budget_bytes": referee.budget.bytes,
    }


def _mode(referee: Referee) -> str:
    return "fresh" if referee.fresh else "warm"
