"""The jobs of a measured process: prepare one engine, check it, and give samples.

The process stays up while other candidates take their turns; what it needs from one job to the
next is held here.
"""

import dataclasses
import gc
import operator
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from compare.checks.state_check import (
    Observed,
    Result,
    digest,
    input_digests,
    moved_inputs,
    observe,
    result_of,
    with_second_inputs,
)
from compare.engines.engine import Engine, Prepared
from compare.measure.calibration import calibration_workload
from compare.measure.memory import PeakMemory, allocated_bytes
from compare.measure.timing import SAMPLE_S, Sample, calibrated, time_calls, timed_result
from compare.problems.problem import Case
from compare.process.jobs import Report
from compare.process.threads import pinned_cores, threads_read

__all__ = [
    "allocated",
    "calibrate",
    "observed",
    "prepare",
    "prepare_calibration",
    "prepare_primal",
    "sample",
    "sample_calibration",
    "sampled_result",
    "slower_on_new_inputs",
    "take_up",
]

#: A call that lasts this long is a sample, and is no mishap of the clock.
_LONG_S = 100 * SAMPLE_S
#: Calls on new inputs, each its own, and the entries that these may have together: they must be
#: made, and should stay in the caches of the processor as the usual inputs do.
_NEW_CALLS, _NEW_ENTRIES, _NEW_ATTEMPTS = 64, 200_000, 5

Inputs = Mapping[str, Any]


@dataclasses.dataclass
class _Held:
    """The prepared function of this process, kept from one job to the next."""

    run: Callable[[], Any] = lambda: None
    #: The inputs that samples take in turns, and the result of a call of the last sample.
    inputs: tuple[Inputs, ...] = ()
    sampled: Any = None
    #: The prepared function, its first result with the time that took, and digests of the inputs
    #: from before it was prepared.
    prepared_run: Callable[[Any], Any] = lambda inputs: None
    first: Any = None
    first_run_s: float = 0.0
    before: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    #: Processor time of this process when it last began to wait, in s.
    waiting_since_s: float = 0.0


_held = _Held()


def prepare(report: Report, case: Case, engine: Engine, threads: int) -> dict[str, Any]:
    """Return the columns known after the first run; the modules were imported before."""
    cores = ",".join(map(str, pinned_cores()))
    report("configure", {"pinned": cores, "parameters": case.parameters})
    configured = engine.configure(threads)
    inputs = case.inputs
    _held.before = input_digests(inputs)
    memory = PeakMemory()
    report("build", {"baseline_bytes": memory.start_bytes})
    start = time.perf_counter()
    prepared: Prepared = engine.prepare(case)
    build_s = time.perf_counter() - start
    columns = {"build_s": build_s, "operations": _count("operations", prepared.operations)}
    if prepared.compile is not None:
        report("compile", columns)
        start = time.perf_counter()
        prepared.compile()
        columns = {"compile_s": time.perf_counter() - start}
    report("first run", columns)
    start = time.perf_counter()
    _held.first = prepared.run(inputs)
    first_run_s = time.perf_counter() - start
    peak_bytes = memory.above_start()
    report("threads", {"first_run_s": first_run_s, "peak_bytes": peak_bytes})
    _held.prepared_run, _held.first_run_s = prepared.run, first_run_s
    _held.inputs, _held.run = (inputs,), _bound(prepared.run, inputs)
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
    run = _held.prepared_run
    found = observe(case, run, first, _held.before, threads, _held.first_run_s)
    if found.at_second_inputs is not None:
        _held.inputs = (case.inputs, with_second_inputs(case).inputs)
    return found


def calibrate(report: Report) -> tuple[int, float]:
    """Return the calls that make a sample, and how long such a sample may take, in s."""
    start = time.perf_counter()
    _held.run()
    sample_s = time.perf_counter() - start
    loops = 1
    if sample_s < _LONG_S:
        loops = calibrated(_held.run, SAMPLE_S)
        sample_s = max(10 * SAMPLE_S, sample_s)
    _settle()
    return loops, sample_s


def _settle() -> None:
    """End the work before the clock."""
    # The collector stays on, as users have it; what was made before the clock is not walked
    # through during it, by a candidate with many objects no more than by one with few.
    gc.collect()
    gc.freeze()
    _held.waiting_since_s = time.process_time()


def take_up(report: Report, case: Case, both: bool) -> None:
    """Make ready for samples in one more process of a cell that was checked in the first."""
    if both:
        _held.inputs = (case.inputs, with_second_inputs(case).inputs)
    _settle()


def sample(report: Report, loops: int, warm: bool = True, turn: int = 0) -> Sample:
    """Return one sample; samples take the inputs in turns."""
    idle_processor_s = time.process_time() - _held.waiting_since_s if warm else 0.0
    _held.sampled, run, place = None, _held.run, 0
    if _held.inputs:
        place = turn % len(_held.inputs)
        run = _bound(_held.prepared_run, _held.inputs[place])
    if warm:
        gc.collect()
        if loops > 1:
            run()  # collecting emptied what Python keeps for reuse
    # Nobody knows beforehand which of the calls will be looked at.
    seconds, processor_s, _held.sampled = timed_result(run, loops, random.randrange(loops))
    found = digest(_held.sampled) if _held.inputs else b""
    _held.waiting_since_s = time.process_time()
    return Sample(seconds, processor_s, loops, idle_processor_s, place, found)


def sampled_result(report: Report) -> Result:
    """Return the result of that call of the last sample which was looked at."""
    return result_of(_held.sampled)


def slower_on_new_inputs(report: Report, case: Case, loops: int) -> float:
    """Return how many times longer a call takes on inputs that it has never seen."""
    entries = sum(int(np.size(value)) for value in case.inputs.values())
    count = max(1, min(loops, _NEW_CALLS, _NEW_ENTRIES // max(entries, 1)))
    run, new_s, known_s = _held.prepared_run, [], []
    for attempt in range(_NEW_ATTEMPTS):
        new = iter([moved_inputs(case, attempt * count + k) for k in range(count)])
        new_s.append(time_calls(lambda new=new: run(next(new)), count))  # type: ignore[misc]
        known_s.append(time_calls(_held.run, count))
    # Who else is at work makes calls longer by the clock, hardly so by their processor time; an
    # engine that has others compute for it is slow by the clock alone.
    wall = min(new[0] / max(known[0], 1e-9) for new, known in zip(new_s, known_s, strict=True))
    processor = min(new[1] for new in new_s) / max(min(known[1] for known in known_s), 1e-9)
    return max(wall, processor)


def sample_calibration(report: Report) -> Sample:
    """Return one sample of the calibration workload."""
    seconds, processor_s = time_calls(calibration_workload, 1)
    return Sample(seconds, processor_s)


def allocated(report: Report) -> int:
    """Return the bytes that Python allocates during one gradient."""
    return allocated_bytes(_held.run)
