"""The jobs of a measured process: prepare one engine, check it, and give samples.

The process stays up while other candidates take their turns; what it needs from one job to the
next is held here.
"""

import dataclasses
import gc
import math
import operator
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from compare.checks.state_check import (
    Observed,
    Result,
    digest,
    input_digests,
    kept,
    moved_inputs,
    observe,
    result_of,
    unchecked_reason,
    unfinished,
    with_second_inputs,
)
from compare.engines.engine import Engine, Prepared
from compare.measure.calibration import calibration_workload
from compare.measure.memory import PeakMemory, allocated_bytes
from compare.measure.timing import SAMPLE_S, Sample, calibrated, time_calls, timed_result
from compare.problems.problem import Case
from compare.process.jobs import Report, perf_counter, process_time
from compare.process.threads import pinned_cores, threads_read

__all__ = [
    "COLD_S",
    "REMEMBERS",
    "Novel",
    "allocated",
    "calibrate",
    "new_inputs",
    "observed",
    "prepare",
    "prepare_calibration",
    "prepare_primal",
    "sample",
    "sample_calibration",
    "sampled_result",
    "take_up",
]

#: A call that lasts this long is a sample, and is no mishap of the clock.
_LONG_S = 100 * SAMPLE_S
#: Calls on new inputs, each its own, and the entries that these may have together: they must be
#: made, and should stay in the caches of the processor as the usual inputs do.
_NEW_CALLS, _NEW_ENTRIES, _NEW_ATTEMPTS = 64, 200_000, 5
#: What a call may take longer, in s: what it needs is in no cache, and few calls share the clock.
COLD_S = 3e-6
#: Inputs that are tried one by one where an engine refuses some.
_OTHERS = 20
#: Times that a call may take longer on new inputs: caches of the processor make it up to 2.
REMEMBERS = 4.0

#: Chance that no engine foresees by a seed of its own.
_CHANCE = random.SystemRandom()

Inputs = Mapping[str, Any]


@dataclasses.dataclass
class _Held:
    """The prepared function of this process, kept from one job to the next."""

    run: Callable[[], Any] = lambda: None
    #: The inputs that samples take in turns, the last sample, and the result of one of its calls.
    inputs: tuple[Inputs, ...] = ()
    sampled: Any = None
    last: Sample | None = None
    #: The prepared function, its first result with the time that took, the time of a later call if
    #: it is long, and digests of the inputs from before it was prepared.
    prepared_run: Callable[[Any], Any] = lambda inputs: None
    first: Any = None
    first_run_s: float = 0.0
    call_s: float = 0.0
    before: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    #: Processor time of this process when it last began to wait, in s.
    waiting_since_s: float = 0.0


_held = _Held()


@dataclasses.dataclass(frozen=True)
class Novel:
    """The behaviour of an engine on inputs that it has never seen."""

    #: How many times longer a call takes there than on inputs seen before, and how many times
    #: longer a call on these takes than in the samples.
    slower: float = 1.0
    slower_than_sampled: float = 1.0
    #: The result of one of the calls.
    result: Result | None = None
    #: Whether these calls changed the result of the last sample.
    stale: bool = False
    #: Why a call was refused there, and whether all were that were tried.
    refused: str = ""
    refuses_all: bool = False


def prepare(report: Report, case: Case, engine: Engine, threads: int) -> dict[str, Any]:
    """Return the columns known after the first run; the modules were imported before."""
    cores = ",".join(map(str, pinned_cores()))
    report("configure", {"pinned": cores, "parameters": case.parameters})
    configured = engine.configure(threads)
    inputs = case.inputs
    _held.before = input_digests(inputs)
    memory = PeakMemory()
    report("build", {"baseline_bytes": memory.start_bytes})
    start = perf_counter()
    prepared: Prepared = engine.prepare(case)
    build_s = perf_counter() - start
    columns = {"build_s": build_s, "operations": _count("operations", prepared.operations)}
    if prepared.compile is not None:
        report("compile", columns)
        start = perf_counter()
        prepared.compile()
        columns = {"compile_s": perf_counter() - start}
    report("first run", columns)
    start = perf_counter()
    returned = prepared.run(inputs)
    _held.first = result_of(returned)  # parts that are computed when they are asked for count too
    first_run_s = perf_counter() - start
    peak_bytes = memory.above_start()
    report("threads", {"first_run_s": first_run_s, "peak_bytes": peak_bytes})
    _held.prepared_run, _held.first_run_s = prepared.run, first_run_s
    if unfinished(returned):
        _held.prepared_run = _finished(prepared.run)
    _held.inputs, _held.run = (inputs,), _bound(_held.prepared_run, inputs)
    return {"threads_read": threads_read(_count("threads", configured))}


def _count(what: str, claimed: Any) -> int | None:
    """Return a number that an engine tells of itself, if it is one that can be."""
    if claimed is None:
        return None
    if isinstance(claimed, bool) or not hasattr(claimed, "__index__") or not 0 <= claimed < 2**63:
        raise TypeError(f"it told {claimed!r:.80} {what}; expected a whole number, or None")
    return operator.index(claimed)


def _bound(run: Callable[[Inputs], Any], inputs: Inputs) -> Callable[[], Any]:
    """Return the prepared function at some inputs."""
    return lambda: run(inputs)


def _finished(run: Callable[[Inputs], Any]) -> Callable[[Inputs], Any]:
    """Return the prepared function with all parts of its results computed, as part of its time."""
    return lambda inputs: result_of(run(inputs))


def prepare_primal(report: Report, case: Case) -> dict[str, Any]:
    """Return the columns of a process that computes the loss alone, on plain NumPy."""
    function, inputs = case.problem.function, case.inputs
    report("first run", {})
    function(**inputs)
    _held.run = lambda: function(**inputs)
    return {}


def prepare_calibration(report: Report) -> None:
    """Import the calibration workload and run it once, before it is sampled."""
    calibration_workload()


def observed(report: Report, case: Case, threads: int) -> Observed:
    """Return the behaviour of the engine after its first run; who judges it is elsewhere."""
    first, _held.first = _held.first, None
    run, call_s = _held.prepared_run, _held.first_run_s
    if unchecked_reason(case, call_s) and not unchecked_reason(case, 0.0):
        # A first call may compile: another one says what a call takes.
        call_s = _held.call_s = _timed_call()
    found = observe(case, run, first, _held.before, threads, call_s)
    if found.at_second_inputs is not None:
        _held.inputs = (case.inputs, with_second_inputs(case).inputs)
    return found


def calibrate(report: Report) -> tuple[int, float]:
    """Return the calls that make a sample, and how long such a sample may take, in s."""
    loops, sample_s = 1, _held.call_s or _timed_call()
    if sample_s < _LONG_S:
        loops = calibrated(_held.run, SAMPLE_S)
        sample_s = max(10 * SAMPLE_S, sample_s)
    _settle()
    return loops, sample_s


def _timed_call() -> float:
    """Return the time of one call, in s."""
    start = perf_counter()
    _held.run()
    return perf_counter() - start


def _settle() -> None:
    """End the work before the clock."""
    # The collector stays on, as users have it; what was made before the clock is not walked
    # through during it, by a candidate with many objects no more than by one with few.
    gc.collect()
    gc.freeze()
    _held.waiting_since_s = process_time()


def take_up(report: Report, case: Case, both: bool) -> None:
    """Make ready for samples in one more process of a cell that was checked in the first."""
    if both:
        _held.inputs = (case.inputs, with_second_inputs(case).inputs)
    _settle()


def sample(report: Report, loops: int, warm: bool = True, turn: int = 0) -> Sample:
    """Return one sample; samples take the inputs in turns."""
    idle_processor_s = process_time() - _held.waiting_since_s if warm else 0.0
    _held.sampled, _held.last, run, place = None, None, _held.run, 0
    if _held.inputs:
        place = turn % len(_held.inputs)
        run = _bound(_held.prepared_run, _held.inputs[place])
    if warm:
        gc.collect()
        if loops > 1:
            run()  # collecting emptied what Python keeps for reuse
    # Nobody knows beforehand which of the calls will be looked at.
    at = _CHANCE.randrange(loops)
    seconds, processor_s, looked_s, _held.sampled = timed_result(run, loops, at)
    found = digest(_held.sampled) if _held.inputs and not unfinished(_held.sampled) else b""
    _held.waiting_since_s = process_time()
    _held.last = Sample(seconds, processor_s, loops, idle_processor_s, place, found, looked_s)
    return _held.last


def sampled_result(report: Report) -> Result:
    """Return the result of that call of the last sample which was looked at."""
    if found := unfinished(_held.sampled):
        raise TypeError(found)
    return kept(_held.sampled)


def new_inputs(report: Report, case: Case, loops: int, seed: int, sampled_s: float) -> Novel:
    """Return the behaviour on inputs never seen, each its own, among them those of a seed.

    A call took `sampled_s` of processor time in the samples; 0.0 before there are any.
    """
    entries = sum(int(np.size(value)) for value in case.inputs.values())
    count = max(1, min(loops, _NEW_CALLS, _NEW_ENTRIES // max(entries, 1)))
    run, last = _held.prepared_run, _held.last
    looked_at: Any = None
    new: list[tuple[float, float]] = []
    known: list[tuple[float, float]] = []
    slower, slower_than_sampled, stale = math.inf, math.inf, False
    while max(slower, slower_than_sampled) >= REMEMBERS and len(new) < _NEW_ATTEMPTS:
        at, seeds = _CHANCE.randrange(count), [_CHANCE.getrandbits(64) for _ in range(count)]
        seeds[at] = seeds[at] if new else seed
        inputs = [moved_inputs(case, each) for each in seeds]
        try:
            wall_s, processor_s, _, result = timed_result(_at_each(run, inputs), count, at)
        except Exception as error:
            takes = any(
                _takes(run, moved_inputs(case, _CHANCE.getrandbits(64))) for _ in range(_OTHERS)
            )
            return Novel(refused=f"{type(error).__name__}: {error}", refuses_all=not takes)
        stale = stale or (last is not None and last.digest not in (b"", digest(_held.sampled)))
        looked_at = looked_at if new else result
        new.append((wall_s, processor_s))
        if last is not None and last.seconds >= _LONG_S:
            known.append((last.seconds, last.processor_s))
        else:
            # As many calls as in a sample: who remembers may do so only after some.
            known.append(time_calls(_held.run, loops))
        slower = _slower(new, known)
        slower_than_sampled = min(k[1] for k in known) / sampled_s if sampled_s else 0.0
    if found := unfinished(looked_at):
        raise TypeError(found)
    return Novel(slower, slower_than_sampled, kept(looked_at), stale)


def _at_each(run: Callable[[Inputs], Any], inputs: Sequence[Inputs]) -> Callable[[], Any]:
    """Return the prepared function at one of some inputs after the other."""
    left = iter(inputs)
    return lambda: run(next(left))


def _takes(run: Callable[[Inputs], Any], inputs: Inputs) -> bool:
    """Whether an engine computes at some inputs."""
    try:
        run(inputs)
    except Exception:  # whatever an engine may refuse with
        return False
    return True


def _slower(new: Sequence[tuple[float, float]], known: Sequence[tuple[float, float]]) -> float:
    """Return how many times longer new calls take, where they are disturbed least."""
    # Who else is at work makes calls longer by the clock, hardly so by their processor time; an
    # engine that has others compute for it is slow by the clock alone.
    wall = min((a[0] - COLD_S) / max(b[0], 1e-9) for a, b in zip(new, known, strict=True))
    processor = (min(a[1] for a in new) - COLD_S) / max(min(b[1] for b in known), 1e-9)
    return max(wall, processor)


def sample_calibration(report: Report) -> Sample:
    """Return one sample of the calibration workload."""
    seconds, processor_s = time_calls(calibration_workload, 1)
    return Sample(seconds, processor_s)


def allocated(report: Report) -> int:
    """Return the bytes that Python allocates during one gradient."""
    return allocated_bytes(_held.run)
