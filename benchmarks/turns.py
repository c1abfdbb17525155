"""Timing contenders in turn: A B C, A B C, ..., so that a slow minute is slow for all of them."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from compare.measure.timing import calibrated, time_calls

__all__ = [
    "Samples",
    "fair_collector",
    "interleaved",
    "median_and_spread",
    "ratios",
]

#: A sample that the clock saw as nothing has taken less than this.
_RESOLUTION_S = 1e-12


@dataclass(frozen=True)
class Samples:
    """Times of one contender, one for each round.

    Parameters
    ----------
    seconds : list of float
        Wall time of a call, in s.
    processor_s : list of float
        Processor time of a call on all cores together, in s, by the same rounds.
    loops : int
        Calls in each sample.
    """

    seconds: list[float]
    processor_s: list[float]
    loops: int

    @property
    def median_s(self) -> float:
        """Median wall time of a call."""
        return statistics.median(self.seconds)

    @property
    def cores(self) -> float:
        """Cores that were busy with it: more than one thread has more, on a busy machine less."""
        return sum(self.processor_s) / max(sum(self.seconds), _RESOLUTION_S)


def interleaved(
    runs: Mapping[str, Callable[[], Any]],
    rounds: int,
    sample_s: float,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Samples]:
    """Return the times of several functions that are called in turn."""
    loops = {name: calibrated(run, sample_s, clock) for name, run in runs.items()}
    wall: dict[str, list[float]] = {name: [] for name in runs}
    processor: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            # What one contender leaves behind is not for the next to clear.
            gc.collect()
            if loops[name] > 1:
                run()  # collecting emptied what Python keeps for reuse
            seconds, processor_s = time_calls(run, loops[name], clock)
            wall[name].append(seconds)
            processor[name].append(processor_s)
    return {name: Samples(wall[name], processor[name], loops[name]) for name in runs}


@contextmanager
def fair_collector() -> Iterator[None]:
    """Leave the garbage collector on, as users have it, but let it skip what is there already.

    Without this a contender written in Python would pay, at each full collection, for walking
    through the objects of all the other libraries that were imported to compare it with.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def ratios(samples: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """Return the ratios of the samples of two contenders, each within its round.

    Examples
    --------
    >>> ratios([3.0, 30.0], [1.0, 10.0])
    [3.0, 3.0]
    """
    return [a / max(b, _RESOLUTION_S) for a, b in zip(samples, baseline, strict=True)]


def median_and_spread(numbers: Sequence[float]) -> tuple[float, float]:
    """Return the median and the median absolute deviation.

    Examples
    --------
    >>> median_and_spread([1.0, 2.0, 3.0, 4.0, 1000.0])
    (3.0, 1.0)
    """
    median = statistics.median(numbers)
    return median, statistics.median(abs(number - median) for number in numbers)
