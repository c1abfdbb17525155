"""An interleaved batch: all engines of one problem at one size, each in a process that stays up.

One after the other they import, build, compile and run once, and are held against the reference;
then they take turns in `Rounds`. Whoever fails ends as a row at once, and the others go on.
"""

import dataclasses
from collections.abc import Callable, Generator, Iterator, Sequence

import psutil

from compare.engines.engine import Engine
from compare.measure import jobs
from compare.measure.candidate import Candidate, MeasuredProcess, Row
from compare.measure.estimates import estimate, noisy
from compare.measure.rounds import CALIBRATION, PRIMAL, Rounds
from compare.measure.session import MeasurementSession, without_inputs
from compare.problems.problem import Case
from compare.process.jobs import start

__all__ = ["Ended", "InterleavedBatch", "available_bytes"]

#: Gradients that take longer are not repeated under the allocation tracer, in s.
_TRACED_S = 0.2
#: Time that this may take, in s: the tracer looks up the line of each allocation, which takes
#: minutes in a formula of many thousand lines. The bytes are then left out.
_TRACING_S = 1.0
#: Share of the time of the others' turns that a waiting process may use the processor for.
_IDLE_SHARE = 0.05


@dataclasses.dataclass(frozen=True)
class Ended:
    """A cell that has ended."""

    #: Columns of results.csv.
    row: Row
    #: Its raw samples: columns of samples.parquet. The first cell of a batch that has any also has
    #: those of the primal and the calibration workload.
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
    #: Called with case and engine before an engine is prepared.
    on_begin: Callable[[Case, Engine], None] | None = None
    #: Memory that new processes could take, in bytes: little of it splits the batch in groups.
    available: Callable[[], int] = available_bytes

    def cells(self) -> Iterator[Ended]:
        """Yield the cells, those that fail as soon as they do."""
        candidates = [Candidate(self.case, engine, self.session) for engine in self.engines]
        started: list[Candidate] = []
        group: list[Candidate] = []
        first = 0
        try:
            for candidate in candidates:
                if not (candidate.refusal or candidate.failed):
                    candidate.start()
                    started.append(candidate)
            for candidate in started:
                # The interpreters come up at the same time, before any clock runs.
                candidate.job(start)
            for candidate in candidates:
                if group and self.available() < self.session.budget.bytes:
                    first = yield from self._timed(group, first)
                    group = []
                if self.on_begin:
                    self.on_begin(self.case, candidate.engine)
                if candidate.ready():
                    group.append(candidate)
                else:
                    yield Ended(candidate.row)
            if group:
                yield from self._timed(group, first)
        finally:
            self.session.forget()
            for candidate in started:
                candidate.close()

    def _timed(self, group: Sequence[Candidate], first: int) -> Generator[Ended, None, int]:
        """Take the rounds of candidates that are ready, and return the number of the next."""
        session = self.session
        by_name = {candidate.engine.name: candidate for candidate in group}
        job = (jobs.prepare_primal, without_inputs(self.case))
        primal = MeasuredProcess(session, ("numpy",), job)
        try:
            primal.start()
            runs = primal.prepare().status == "ok" and primal.calibrate().status == "ok"
            rounds = Rounds(
                {name: candidate.sample for name, candidate in by_name.items()},
                session.calibration,
                primal.sample if runs else None,
                session.limits,
                session.seed,
                first,
            )
            left = dict(by_name)
            for name, lost in rounds.take():
                candidate = left.pop(name)
                candidate.ends(lost.args[0])
                names = [name] if left else [name, PRIMAL, CALIBRATION]
                yield Ended(candidate.row, _raw(rounds, names, candidate.row))
        finally:
            primal.close()
        shared = [PRIMAL, CALIBRATION]
        for name, candidate in left.items():
            candidate.row |= _times(rounds, name, session.seed)
            if candidate.worker is not None and candidate.row["run_s"] < _TRACED_S:
                traced = candidate.job(jobs.allocated, stage="allocations", limit_s=_TRACING_S)
                candidate.row["allocated_bytes"] = traced.result
            remarks = [candidate.row["message"] or "", *_remarks(rounds, name, candidate.row)]
            candidate.row["message"] = "; ".join(filter(None, remarks))
            candidate.ends()
            yield Ended(candidate.row, _raw(rounds, [name, *shared], candidate.row))
            shared = []
        return rounds.next


def _times(rounds: Rounds, name: str, seed: int) -> Row:
    """Return the columns that the samples of a candidate fill."""
    counted = rounds.counted(name)
    samples = [taken.sample for taken in counted]
    run = estimate([sample.seconds for sample in samples], seed)
    wall_s = sum(sample.seconds * sample.loops for sample in samples)
    processor_s = sum(sample.processor_s * sample.loops for sample in samples)
    drifted = sum(taken.drifted for taken in counted)
    row = {
        "run_s": run.median,
        "run_spread_s": run.spread,
        "run_low_s": run.low,
        "run_high_s": run.high,
        "run_min_s": run.least,
        "noisy": int(noisy(run) or 2 * drifted > len(counted)),
        "samples": run.count,
        "loops": samples[0].loops,
        "repeated": rounds.repeated,
        "cores_busy": processor_s / wall_s if wall_s else None,
    }
    primal = {taken.round: taken.sample.seconds for taken in rounds.counted(PRIMAL)}
    pairs = [(t.sample.seconds, primal[t.round]) for t in counted if primal.get(t.round)]
    if pairs:
        ratio = estimate([run_s / primal_s for run_s, primal_s in pairs], seed)
        row |= {
            "primal_s": estimate(list(primal.values()), seed).median,
            "ratio": ratio.median,
            "ratio_low": ratio.low,
            "ratio_high": ratio.high,
        }
    return row


def _remarks(rounds: Rounds, name: str, row: Row) -> Iterator[str]:
    """Yield remarks on a cell that ended as ok, for its message."""
    if row["threads_read"] is not None and row["threads_read"] > row["threads"]:
        yield f"a library reports {row['threads_read']} threads, asked for were {row['threads']}"
    idle_s = sum(taken.sample.idle_processor_s for taken in rounds.taken[name])
    others_s = sum(
        taken.sample.seconds * taken.sample.loops
        for other, all_taken in rounds.taken.items()
        if other != name
        for taken in all_taken
    )
    if idle_s > _IDLE_SHARE * others_s:
        yield f"it used {idle_s:.2g} s of processor time while others had their turn"


def _raw(rounds: Rounds, names: Sequence[str], row: Row) -> tuple[Row, ...]:
    """Return samples as rows of samples.parquet."""
    where = {key: row[key] for key in ("problem", "size", "mode")}
    return tuple(
        where
        | {"engine": name, "round": taken.round, "counts": int(taken.counts)}
        | {
            "seconds": taken.sample.seconds,
            "processor_s": taken.sample.processor_s,
            "loops": taken.sample.loops,
        }
        for name in names
        for taken in rounds.taken[name]
    )
