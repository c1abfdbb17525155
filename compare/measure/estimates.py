"""Estimates from samples: median, spread, and the interval that the median lies in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Estimate", "estimate", "narrow", "noisy"]

#: Resamples of a bootstrap: the ends of a 95 % interval are its 50th and 1950th, whose own
#: error is far below that of 15 samples.
_RESAMPLES = 2000
#: A candidate has been sampled enough when the interval of its median is narrower than this
#: share of it: two that differ by more are distinguished.
NARROW = 0.02
#: An interval that reaches further than this to both sides together is too wide to trust:
#: plus and minus 5 %, half of what the ratios of two runs may move by.
WIDE = 0.10


@dataclass(frozen=True)
class Estimate:
    """The median of some samples, and how far it can be trusted."""

    #: Median.
    median: float
    #: Median absolute deviation.
    spread: float
    #: Ends of the 95 % percentile bootstrap interval of the median.
    low: float
    high: float
    #: Smallest sample.
    least: float
    #: Number of samples.
    count: int

    @property
    def width(self) -> float:
        """Width of the interval relative to the median."""
        return (self.high - self.low) / self.median if self.median else 0.0


def estimate(numbers: Sequence[float], seed: int = 0) -> Estimate:
    """Return the median of samples and its percentile bootstrap interval.

    Notes
    -----
    Percentile bootstrap (Efron 1979): medians of samples drawn from the samples, 95 % of which
    lie in the interval. One sample has an interval of no width, which says nothing: `noisy`
    knows.
    """
    if not len(numbers):
        raise ValueError("estimate: no samples arrived; expected at least one")
    samples = np.asarray(numbers, dtype=float)
    median = float(np.median(samples))
    places = np.random.default_rng(seed).integers(0, samples.size, (_RESAMPLES, samples.size))
    low, high = np.percentile(np.median(samples[places], axis=1), [2.5, 97.5])
    return Estimate(
        median=median,
        spread=float(np.median(np.abs(samples - median))),
        low=float(low),
        high=float(high),
        least=float(samples.min()),
        count=samples.size,
    )


def narrow(found: Estimate) -> bool:
    """Whether more samples would tell little."""
    return found.count > 1 and found.width < NARROW


def noisy(found: Estimate) -> bool:
    """Whether the interval is too wide to trust the median."""
    return found.count < 3 or found.width > WIDE
