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
    """Return the times of several functions that are called in turn.

    Parameters
    ----------
    runs : mapping of str to callable
        What to time, by name; each has been called before, so that it is warm.
    rounds : int
        Samples of each.
    sample_s : float
        Length of a sample at least: each takes as many calls as that needs.
    clock : callable
        Returns seconds.

    Returns
    -------
    dict of str to Samples
        By name; the samples of one place belong to one round.
    """
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

    Parameters
    ----------
    samples, baseline : sequence of float
        Times by round.

    Returns
    -------
    list of float
        One for each round.

    Raises
    ------
    ValueError
        If the numbers of rounds differ.

    Examples
    --------
    >>> ratios([3.0, 30.0], [1.0, 10.0])
    [3.0, 3.0]
    """
    return [a / max(b, _RESOLUTION_S) for a, b in zip(samples, baseline, strict=True)]


def median_and_spread(numbers: Sequence[float]) -> tuple[float, float]:
    """Return the median and the median absolute deviation.

    Parameters
    ----------
    numbers : sequence of float
        At least one.

    Returns
    -------
    tuple of float
        Both; one number that is far off changes neither by much.

    Examples
    --------
    >>> median_and_spread([1.0, 2.0, 3.0, 4.0, 1000.0])
    (3.0, 1.0)
    """
    median = statistics.median(numbers)
    return median, statistics.median(abs(number - median) for number in numbers)
