"""The clock around many calls: how many make a sample, and what one of them takes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from compare.process.jobs import perf_counter, process_time

__all__ = ["SAMPLE_S", "Sample", "calibrated", "time_calls", "timed_result"]

#: A sample lasts at least this long, so that the clock's resolution weighs little, and no longer: a
#: round should end before the machine changes its speed.
SAMPLE_S = 0.002
#: Calls in a sample at most, should the clock stand still.
_MOST_LOOPS = 10**7


@dataclass(frozen=True)
class Sample:
    """The times of one sample."""

    #: Wall time of one call, in s.
    seconds: float
    #: Processor time of one call, on all cores together, in s.
    processor_s: float
    #: Calls in the sample.
    loops: int = 1
    #: Processor time that the process took while it should have waited for its turn, in s.
    idle_processor_s: float = 0.0
    #: Which of the inputs it was taken at, and of the call that is looked at the digest of its
    #: result and its wall time in s.
    place: int = 0
    digest: bytes = b""
    looked_s: float = 0.0


def calibrated(
    run: Callable[[], Any],
    sample_s: float = SAMPLE_S,
    clock: Callable[[], float] = perf_counter,
) -> int:
    """Return the number of calls that make a sample last long enough.

    Examples
    --------
    >>> calibrated(lambda: None, sample_s=0.0)
    1
    """
    loops = 1

    def elapsed() -> float:
        """Return the time of a sample, and if that would do, of another: one may be a mishap."""
        first = time_calls(run, loops, clock)[0]
        enough = first * loops >= sample_s
        return loops * (min(first, time_calls(run, loops, clock)[0]) if enough else first)

    while (elapsed_s := elapsed()) < sample_s and loops < _MOST_LOOPS:
        wanted = math.ceil(1.2 * loops * sample_s / max(elapsed_s, 1e-9))
        loops = min(max(2 * loops, wanted), _MOST_LOOPS)
    return loops


def time_calls(
    run: Callable[[], Any], loops: int, clock: Callable[[], float] = perf_counter
) -> tuple[float, float]:
    """Return wall time and processor time of one call, from many.

    Examples
    --------
    >>> seconds, processor_s = time_calls(lambda: None, 1000)
    >>> 0 < seconds < 1
    True
    """
    return timed_result(run, loops, loops - 1, clock)[:2]


def timed_result(
    run: Callable[[], Any],
    loops: int,
    at: int,
    clock: Callable[[], float] = perf_counter,
) -> tuple[float, float, float, Any]:
    """Return wall and processor time of a call, from many; the wall time and the result of one."""
    before, after = range(at), range(loops - 1 - at)
    processor_start, start = process_time(), clock()
    for _ in before:
        run()
    begin = clock()
    result = run()
    looked_s = clock() - begin
    for _ in after:
        run()
    end, processor_end = clock(), process_time()
    return (end - start) / loops, (processor_end - processor_start) / loops, looked_s, result
