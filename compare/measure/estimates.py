"""Estimates from samples: median, spread, and the interval that the median lies in.

Samples of one process tell how well its median is known, and nothing of what the next process
would have: its memory lies elsewhere, and others are at work. Both variances are in the intervals.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Between",
    "Estimate",
    "between_processes",
    "estimate",
    "median_variance",
    "narrow",
    "noisy",
]

#: Resamples of a bootstrap: the ends of a 95 % interval are its 50th and 1950th, whose own
#: error is far below that of 15 samples.
_RESAMPLES = 2000
#: A candidate has been sampled enough when the interval of its median is narrower than this
#: share of it: two that differ by more are distinguished.
NARROW = 0.02
#: An interval that reaches further than this to both sides together is too wide to trust:
#: plus and minus 5 %, half of what the ratios of two runs may move by.
WIDE = 0.10
#: Variance between the processes of a cell that is expected before any was seen, of the logarithm
#: of its time, and how many degrees of freedom that counts for: 3 % from one process to the next.
_EXPECTED, _EXPECTED_FREEDOM = 0.03**2, 4.0
#: Degrees of freedom that all cells together count for in the variance of each: two processes of
#: one cell alone tell next to nothing.
_SHARED_FREEDOM = 8.0
#: Ends of a 95 % interval, in standard errors.
_STANDARD_ERRORS = 1.959964
#: Variance of a median to that of a mean (of numbers that are normal).
_OF_MEDIAN = math.pi / 2


class Between(NamedTuple):
    """The variance between processes of the logarithm of a time, and its degrees of freedom."""

    variance: float
    freedom: float


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


def estimate(numbers: Sequence[float], seed: int = 0, between: float = 0.0) -> Estimate:
    """Return the median of samples and its interval.

    Notes
    -----
    Percentile bootstrap (Efron 1979): medians of samples drawn from the samples, 95 % of which
    lie in the interval. `between` is the variance that the logarithm of the median has beyond
    that, since it was taken in these processes and not in others: it widens both sides, in squares.
    One sample has an interval of no width, which says nothing: `noisy` knows.
    """
    if not len(numbers):
        raise ValueError("estimate: no samples arrived; expected at least one")
    samples = np.asarray(numbers, dtype=float)
    median = float(np.median(samples))
    places = np.random.default_rng(seed).integers(0, samples.size, (_RESAMPLES, samples.size))
    low, high = np.percentile(np.median(samples[places], axis=1), [2.5, 97.5])
    if between > 0 < low:
        more = _STANDARD_ERRORS * math.sqrt(between)
        low = median / math.exp(math.hypot(math.log(median / low), more))
        high = median * math.exp(math.hypot(math.log(high / median), more))
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


def median_variance(x: Any) -> float:
    """Return the variance of the median of some numbers taken one after the other.

    Notes
    -----
    The machine drifts, so that neighbours are alike: the variance is that of independent numbers
    times ``(1 + r) / (1 - r)``, with `r` their autocorrelation where it is positive (G. M. Jenkins
    and D. G. Watts, "Spectral Analysis", 1968).
    """
    x = np.asarray(x, float)
    if len(x) < 2:
        return 0.0
    low, high = np.percentile(x, [25, 75])
    # A third of the samples may be interrupted; those that are not tell how wide the others lie.
    variance = max(((high - low) / 1.349) ** 2, 0.25 * float(np.var(x, ddof=1)))
    return float(_OF_MEDIAN * variance / len(x) * _more_variable(x))


def _more_variable(x: Any) -> float:
    """Return by which factor the variance of a mean grows because neighbours are alike."""
    ranks = np.argsort(np.argsort(x)).astype(float)
    ranks -= ranks.mean()
    total = float(ranks @ ranks)
    # The estimate is too low by about (1 + 4 r) / n (M. G. Kendall, 1954).
    r = float(ranks[1:] @ ranks[:-1]) / total if total else 0.0
    r = min(0.9, (r * len(x) + 1) / max(1, len(x) - 4))
    return max(1.0, (1 + r) / (1 - r))


def between_processes(
    cells: Sequence[Sequence[Sequence[Sequence[float]]]],
) -> list[Between]:
    """Return the variance between processes of each cell, by runs of it, processes and samples.

    Notes
    -----
    The samples are logarithms of times. A cell has two processes or so, whose difference tells
    little: the variances of all cells are pooled, and that of each is the mean of its own and of
    the pooled one, by degrees of freedom (G. K. Smyth, "Linear models and empirical Bayes methods",
    2004). What the medians vary by within their processes is taken off.
    """
    own = [_own_variance(runs) for runs in cells]
    freedom = sum(one.freedom for one in own)
    seen = sum(one.freedom * one.variance for one in own)
    shared = (_EXPECTED_FREEDOM * _EXPECTED + max(0.0, seen)) / (_EXPECTED_FREEDOM + freedom)
    # A quiet hour is no promise of the next one.
    shared = max(shared, _EXPECTED / 4)
    found = []
    for one in own:
        together = _SHARED_FREEDOM + one.freedom
        mine = one.freedom * max(0.0, one.variance)
        found.append(Between((_SHARED_FREEDOM * shared + mine) / together, together))
    return found


def _own_variance(runs: Sequence[Sequence[Sequence[float]]]) -> Between:
    """Return the variance between the processes of one cell alone, which may come out negative."""
    freedom = total = 0.0
    for processes in runs:
        if len(processes) > 1:
            more = len(processes) - 1
            medians = [float(np.median(x)) for x in processes]
            within = float(np.mean([median_variance(x) for x in processes]))
            total += more * (float(np.var(medians, ddof=1)) - within)
            freedom += more
    return Between(total / freedom if freedom else 0.0, freedom)
