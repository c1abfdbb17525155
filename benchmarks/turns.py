"""Candidates that take turns, so that a slow minute is slow for all of them: `compare.measure`."""

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

from compare.measure.calibration import calibration_workload
from compare.measure.estimates import Estimate, estimate
from compare.measure.rounds import Limits, Lost, Rounds
from compare.measure.timing import Sample, calibrated, time_calls

__all__ = ["Samples", "fair_collector", "ratio", "sampler", "take_turns"]

#: Samples by name of candidate, one for each round.
Samples = dict[str, list[Sample]]

#: A sample that the clock saw as nothing has taken less than this.
_RESOLUTION_S = 1e-12


def sampler(
    run: Callable[[], Any], sample_s: float, clock: Callable[[], float] = time.perf_counter
) -> Callable[[], Sample]:
    """Return a function that takes samples in this process, each of `sample_s` seconds at least."""
    loops = calibrated(run, sample_s, clock)

    def sample() -> Sample:
        # What one candidate leaves behind is not for the next to clear.
        gc.collect()
        if loops > 1:
            run()  # collecting emptied what Python keeps for reuse
        return Sample(*time_calls(run, loops, clock), loops)

    return sample


def take_turns(
    samplers: Mapping[str, Callable[[], Sample]],
    rounds: int,
    calibration: Callable[[], Sample] = lambda: Sample(*time_calls(calibration_workload, 1)),
) -> tuple[Samples, dict[str, str]]:
    """Return samples, as many of each as there are rounds, and why others were lost."""
    limits = Limits(math.inf, math.inf, rounds, rounds)
    taken = Rounds(samplers, calibration, None, limits)
    lost = {name: _reason(loss) for name, loss in taken.take()}
    kept = [name for name in samplers if name not in lost]
    return {name: [each.sample for each in taken.counted(name)] for name in kept}, lost


def _reason(loss: Lost) -> str:
    return str(loss.args[0].message)


@contextmanager
def fair_collector() -> Iterator[None]:
    """Leave the garbage collector on, as users have it, but let it skip what is there already.

    Without this a candidate written in Python would pay, at each full collection, for walking
    through the objects of all the other libraries that were imported to compare it with.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def ratio(samples: Sequence[Sample], baseline: Sequence[Sample], of: str = "seconds") -> Estimate:
    """Return the ratio of the samples of two candidates, each within its round."""
    times = attrgetter(of)
    pairs = zip(samples, baseline, strict=True)
    return estimate([times(a) / max(times(b), _RESOLUTION_S) for a, b in pairs])
