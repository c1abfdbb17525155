"""A heat: all engines of one problem at one size, each in a process of its own that stays up.

One after the other they import, build, compile and run once, and are held against the reference;
then they take turns in `Rounds`. Whoever fails ends as a row at once, and the others go on.
"""

import dataclasses
from collections.abc import Callable, Generator, Iterator, Sequence

import psutil

from compare.engines.engine import Engine
from compare.measure import jobs
from compare.measure.candidate import Contender, Row, Timed
from compare.measure.estimates import estimate, noisy
from compare.measure.rounds import CONTROL, PRIMAL, Rounds
from compare.measure.session import Referee, bare
from compare.problems.problem import Case
from compare.process.jobs import start

__all__ = ["Ended", "available_bytes", "heat"]

#: Gradients that take longer are not repeated under the allocation tracer, in s.
_TRACED_S = 0.2
#: Time that this may take, in s: the tracer looks up the line of each allocation, which takes
#: minutes in a formula of many thousand lines. The bytes are then left out.
_TRACING_S = 1.0
#: Share of the time of the others' turns that a waiting process may use the processor for.
_RESTLESS = 0.05


@dataclasses.dataclass(frozen=True)
class Ended:
    """A cell that has ended.

    Parameters
    ----------
    row : dict
        Columns of results.csv.
    samples : tuple of dict
        Its raw samples: columns of samples.parquet. The first cell of a heat that has any also
        has those of the primal and the control kernel.
    """

    row: Row
    samples: tuple[Row, ...] = ()


def available_bytes() -> int:
    """Return the memory that new processes could take without paging, in bytes."""
    return int(psutil.virtual_memory().available)


def heat(
    case: Case,
    engines: Sequence[Engine],
    referee: Referee,
    on_begin: Callable[[Case, Engine], None] | None = None,
    available: Callable[[], int] = available_bytes,
) -> Iterator[Ended]:
    """Return the cells of a heat, those that fail as soon as they do."""
    contenders = [Contender(case, engine, referee) for engine in engines]
    started: list[Contender] = []
    group: list[Contender] = []
    first = 0
    try:
        for contender in contenders:
            if not (contender.refusal or contender.failed):
                contender.start()
                started.append(contender)
        for contender in started:
            # The interpreters come up at the same time, before any clock runs.
            contender.job(start)
        for contender in contenders:
            if group and available() < referee.budget.bytes:
                first = yield from _timed(group, case, referee, first)
                group = []
            if on_begin:
                on_begin(case, contender.engine)
            if contender.ready():
                group.append(contender)
            else:
                yield Ended(contender.row)
        if group:
            yield from _timed(group, case, referee, first)
    finally:
        referee.forget()
        for contender in started:
            contender.close()


def _timed(
    group: Sequence[Contender], case: Case, referee: Referee, first: int
) -> Generator[Ended, None, int]:
    """Take the rounds of some contenders that are ready, and return the number of the next."""
    by_name = {contender.engine.name: contender for contender in group}
    primal = Timed(referee, ("numpy",), (jobs.prepare_primal, bare(case)))
    try:
        primal.start()
        runs = primal.prepare().status == "ok" and primal.calibrate().status == "ok"
        rounds = Rounds(
            {name: contender.sample for name, contender in by_name.items()},
            referee.control,
            primal.sample if runs else None,
            referee.limits,
            referee.seed,
            first,
        )
        left = dict(by_name)
        for name, lost in rounds.take():
            contender = left.pop(name)
            contender.ends(lost.args[0])
            own = [name] if left else [name, PRIMAL, CONTROL]
            yield Ended(contender.row, _raw(rounds, own, contender.row))
    finally:
        primal.close()
    beside = [PRIMAL, CONTROL]
    for name, contender in left.items():
        contender.row |= _times(rounds, name, referee.seed)
        if contender.worker is not None and contender.row["run_s"] < _TRACED_S:
            traced = contender.job(jobs.allocated, stage="allocations", limit_s=_TRACING_S)
            contender.row["allocated_bytes"] = traced.result
        told = [contender.row["message"] or "", *_remarks(rounds, name, contender.row)]
        contender.row["message"] = "; ".join(filter(None, told))
        contender.ends()
        yield Ended(contender.row, _raw(rounds, [name, *beside], contender.row))
        beside = []
    return rounds.next


def _times(rounds: Rounds, name: str, seed: int) -> Row:
    """Return the columns that the samples of a contender fill."""
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
    """Yield what a reader of a row must know although the cell ended as ok."""
    if row["threads_read"] is not None and row["threads_read"] > row["threads"]:
        yield f"a library reports {row['threads_read']} threads, asked for were {row['threads']}"
    idle_s = sum(taken.sample.idle_processor_s for taken in rounds.taken[name])
    others_s = sum(
        taken.sample.seconds * taken.sample.loops
        for other, all_taken in rounds.taken.items()
        if other != name
        for taken in all_taken
    )
    if idle_s > _RESTLESS * others_s:
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
