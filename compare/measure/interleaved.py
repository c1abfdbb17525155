"""An interleaved batch: all engines of one problem at one size, each in a process that stays up.

One after the other they import, build, compile and run once, and are held against the reference;
then they take turns in `Rounds`. Whoever fails ends as a row at once, and the others go on.
"""

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterator, Sequence

import psutil

from compare.engines.engine import Engine
from compare.measure import jobs
from compare.measure.candidate import Candidate, MeasuredProcess, Row
from compare.measure.estimates import between_processes, estimate, noisy
from compare.measure.last_checks import last_checks
from compare.measure.rounds import CALIBRATION, PRIMAL, Rounds, Taken
from compare.measure.session import MeasurementSession, without_inputs
from compare.measure.timing import Sample
from compare.problems.problem import Case
from compare.process.executor import Outcome
from compare.process.jobs import start
from compare.process.keeper import KEEPS

__all__ = ["Ended", "InterleavedBatch", "available_bytes"]

#: Share of the time of the others' turns that a waiting process may use the processor for.
_IDLE_SHARE = 0.05


@dataclasses.dataclass(frozen=True)
class Ended:
    """A cell that has ended."""

    #: Columns of results.csv.
    row: Row
    #: Its raw samples: columns of samples.parquet. The first cell of a batch that has any also has
    #: those of the primal and the calibration workload; on a cluster it has those of all.
    samples: tuple[Row, ...] = ()


def available_bytes() -> int:
    """Return the memory that new processes could take without paging, in bytes."""
    return int(psutil.virtual_memory().available)


@dataclasses.dataclass
class InterleavedBatch:
    """All engines of one case, whose samples are taken in turns."""

    #: The problem at one size.
    case: Case
    #: Engines.
    engines: Sequence[Engine]
    #: Limits, cores, references and the calibration workload.
    session: MeasurementSession
    #: Called with an engine before it is prepared.
    on_begin: Callable[[Engine], None] | None = None
    #: Memory that new processes could take, in bytes: little of it splits the batch in groups.
    available: Callable[[], int] = available_bytes
    #: Candidates whose samples of the first processes are taken.
    _live: list[Candidate] = dataclasses.field(default_factory=list, init=False)
    #: Rounds whose samples of the primal and the calibration workload are still to be given.
    _shared: list[Rounds] = dataclasses.field(default_factory=list, init=False)
    _next: int = dataclasses.field(default=0, init=False)

    def cells(self) -> Iterator[Ended]:
        """Yield the cells, those that fail as soon as they do."""
        yield from self.first_turns()
        yield from self.last_turns()

    def first_turns(self) -> Iterator[Ended]:
        """Check the candidates and take turns; yield the cells that fail."""
        candidates = [Candidate(self.case, engine, self.session) for engine in self.engines]
        able = [c for c in candidates if not (c.refusal or c.failed)]
        # Of what is imported for the first time one new interpreter tells how long that takes; they
        # come up at the same time, before any clock runs. The others are forks, made when due.
        first = {c.imported: c for c in reversed(able)}
        fresh = [c for c in first.values() if c.pristine(0) is None]
        group: list[Candidate] = []
        try:
            for candidate in fresh:
                candidate.start()
            for candidate in fresh:
                candidate.job(start)
            for candidate in candidates:
                if group and self.available() < self.session.budget.bytes:
                    yield from self._timed(group, 0)
                    group = []
                if self.on_begin:
                    self.on_begin(candidate.engine)
                if candidate.ready() and self._stands(candidate, self.session.fresh):
                    group.append(candidate)
                else:
                    yield Ended(candidate.row)
            if group:
                yield from self._timed(group, 0)
        finally:
            self.session.forget()
            for candidate in able:
                candidate.close()

    def last_turns(self) -> Iterator[Ended]:
        """Take turns once more in new processes, and yield the cells that are left."""
        for process in range(1, self.session.processes):
            group: list[Candidate] = []
            live, self._live = self._live, []
            try:
                for candidate in live:
                    if group and self.available() < self.session.budget.bytes:
                        yield from self._timed(group, process)
                        group = []
                    outcome = candidate.take_up()
                    if outcome.status == "ok":
                        group.append(candidate)
                    elif outcome.status in ("timeout", "memory"):
                        # It kept to its budget once, which is what the budget asks of it.
                        candidate.leaves(outcome)
                        self._live.append(candidate)
                    else:
                        yield self._lost(candidate, outcome)
                if group:
                    yield from self._timed(group, process)
            finally:
                self.session.forget()
                for candidate in live:
                    candidate.close()
        between = [
            between_processes([[_logarithms(c.rounds, c.engine.name, of)] for c in self._live])
            for of in (_seconds, Rounds.ratios)
        ]
        for candidate, *variances in zip(self._live, *between, strict=True):
            in_s, of_ratio = (one.variance for one in variances)
            candidate.row |= _times(
                candidate.rounds, candidate.engine.name, in_s, of_ratio, self.session
            )
            remarks = [candidate.row["message"] or "", *_remarks(candidate)]
            candidate.row["message"] = "; ".join(filter(None, remarks))
            candidate.ends()
            yield Ended(candidate.row, self._raw(candidate))

    def _timed(self, group: Sequence[Candidate], process: int) -> Iterator[Ended]:
        """Take the rounds of candidates that are ready; yield those that are lost."""
        session = self.session
        by_name = {candidate.engine.name: candidate for candidate in group}
        job = (jobs.prepare_primal, without_inputs(self.case))
        primal = MeasuredProcess(session, ("numpy",), job)
        try:
            primal.start(session.plain())
            runs = primal.prepare().status == "ok" and primal.calibrate().status == "ok"
            rounds = Rounds(
                {name: candidate.sample for name, candidate in by_name.items()},
                session.calibration,
                primal.sample if runs else None,
                session.limits,
                session.seed,
                self._next,
                None if session.fresh else process,
            )
            for candidate in group:
                candidate.rounds.append(rounds)
            self._shared.append(rounds)
            left = dict(by_name)
            for name, lost in rounds.take():
                yield self._lost(left.pop(name), lost.args[0])
        finally:
            primal.close()
        self._next = rounds.next
        for name, candidate in left.items():
            samples = [taken.sample for taken in rounds.taken[name]]
            if not self._stands(candidate, not session.fresh, samples):
                yield Ended(candidate.row, self._raw(candidate))
                continue
            if process == 0 and candidate.worker is not None:
                candidate.count_allocations()
            candidate.close()
            self._live.append(candidate)

    def _stands(self, candidate: Candidate, now: bool, samples: Sequence[Sample] = ()) -> bool:
        """Whether a candidate stands its last checks, where it is now that they are due."""
        outcome = last_checks(candidate, samples) if now else Outcome("ok")
        if outcome.status != "ok":
            candidate.ends(outcome)
        return outcome.status == "ok"

    def _lost(self, candidate: Candidate, outcome: Outcome) -> Ended:
        """Return the cell of a candidate that gives no more samples."""
        candidate.ends(outcome)
        return Ended(candidate.row, self._raw(candidate))

    def _raw(self, candidate: Candidate) -> tuple[Row, ...]:
        """Return the samples of a candidate as rows of samples.parquet, and those of all once."""
        where = {key: candidate.row[key] for key in ("problem", "size", "mode")}
        name = candidate.engine.name
        taken = [(name, t) for rounds in candidate.rounds for t in rounds.taken[name]]
        done = [rounds for rounds in self._shared if rounds.done]
        self._shared = [rounds for rounds in self._shared if not rounds.done]
        for unit in (PRIMAL, CALIBRATION):
            taken += [(unit, t) for rounds in done for t in rounds.taken[unit]]
        return tuple(
            where
            | {"engine": engine, "process": one.process, "round": one.round}
            | {"counts": int(one.counts), "seconds": one.sample.seconds}
            | {"processor_s": one.sample.processor_s, "loops": one.sample.loops}
            for engine, one in taken
        )


def _counted(all_rounds: Sequence[Rounds], name: str) -> list[Taken]:
    """Return the samples of a candidate, the primal or the calibration workload that count."""
    return [taken for rounds in all_rounds for taken in rounds.counted(name)]


def _seconds(rounds: Rounds, name: str) -> list[float]:
    """Return the times of a candidate."""
    return [taken.sample.seconds for taken in rounds.counted(name)]


def _logarithms(
    all_rounds: Sequence[Rounds], name: str, of: Callable[[Rounds, str], list[float]]
) -> list[list[float]]:
    """Return the logarithms of the times of each process of a candidate, or of its ratios."""
    by_process: dict[int | None, list[float]] = {}
    for rounds in all_rounds:
        by_process.setdefault(rounds.process, []).extend(map(math.log, of(rounds, name)))
    return list(filter(None, by_process.values()))


def _times(
    all_rounds: Sequence[Rounds],
    name: str,
    in_s: float,
    of_ratio: float,
    session: MeasurementSession,
) -> Row:
    """Return the columns that the samples of a candidate fill, by variances between processes."""
    counted = _counted(all_rounds, name)
    processes = len({taken.process for taken in counted})
    run = estimate([taken.sample.seconds for taken in counted], session.seed, in_s / processes)
    wall_s = sum(taken.sample.seconds * taken.sample.loops for taken in counted)
    processor_s = sum(taken.sample.processor_s * taken.sample.loops for taken in counted)
    row = {
        "run_s": run.median,
        "run_spread_s": run.spread,
        "run_low_s": run.low,
        "run_high_s": run.high,
        "run_min_s": run.least,
        "samples": run.count,
        "processes": processes,
        "loops": counted[0].sample.loops,
        "repeated": sum(rounds.repeated for rounds in all_rounds),
        "cores_busy": processor_s / wall_s if wall_s else None,
    }
    calibrations = [taken.sample.seconds for taken in _counted(all_rounds, CALIBRATION)]
    if calibrations:
        row["calibration_s"] = statistics.median(calibrations)
    judged = run
    ratios = [ratio for rounds in all_rounds for ratio in rounds.ratios(name)]
    if ratios:
        # At half its speed for a while, a machine says little of seconds, and all of ratios.
        judged = ratio = estimate(ratios, session.seed, of_ratio / processes)
        primal_s = [taken.sample.seconds for taken in _counted(all_rounds, PRIMAL)]
        row |= {
            "primal_s": statistics.median(primal_s),
            "ratio": ratio.median,
            "ratio_low": ratio.low,
            "ratio_high": ratio.high,
        }
    row["noisy"] = int(noisy(judged) or processes < session.processes)
    return row


def _remarks(candidate: Candidate) -> Iterator[str]:
    """Yield remarks on a cell that ended as ok, for its message."""
    row, name = candidate.row, candidate.engine.name
    if row["threads_read"] is not None and row["threads_read"] > row["threads"]:
        yield f"a library reports {row['threads_read']} threads, asked for were {row['threads']}"
    if not KEEPS:
        yield "what it left behind is found by its environment only, as this system has it"
    idle_s = others_s = 0.0
    for rounds in candidate.rounds:
        for other, all_taken in rounds.taken.items():
            if other == name:
                idle_s += sum(taken.sample.idle_processor_s for taken in all_taken)
            else:
                others_s += sum(taken.sample.seconds * taken.sample.loops for taken in all_taken)
    if idle_s > _IDLE_SHARE * others_s:
        yield f"it used {idle_s:.2g} s of processor time while others had their turn"
