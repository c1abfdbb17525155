"""Tests of whether one cell got slower, and their correction for the number of cells."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Change", "change_of_medians", "change_of_samples", "holm"]

_RESAMPLES = 1000
#: Half the width of a 95 % interval, in standard errors.
_STANDARD_ERRORS = 1.959964


class Change(NamedTuple):
    """How a quantity moved: ratio of medians new to old, its 95 % interval, and the p-value."""

    ratio: float
    low: float
    high: float
    p: float


def change_of_samples(old: Any, new: Any, rng: np.random.Generator) -> Change:
    """Return the change of a cell between two runs, by its samples.

    Notes
    -----
    H. B. Mann and D. R. Whitney, "On a test of whether one of two random variables is
    stochastically larger than the other", 1947. The test takes the samples as independent, and
    those taken one after the other are not: the machine drifts. Its standardised statistic is
    therefore divided by the square root of ``(1 + r) / (1 - r)``, with `r` the autocorrelation
    of neighbouring samples where it is positive: the factor by which a mean of them varies more
    (G. M. Jenkins and D. G. Watts, "Spectral Analysis", 1968). The interval is a percentile
    bootstrap of blocks of that length (H. R. Künsch, 1989), for the same reason. What differs from
    one run to the next and not within a run (the layout of memory, who else uses the machine) is
    in neither: it is why a cell must also pass a threshold.
    """
    from scipy.stats import mannwhitneyu, norm

    old, new = np.asarray(old, float), np.asarray(new, float)
    factor = max(_more_variable(old), _more_variable(new))
    p = float(mannwhitneyu(old, new, alternative="two-sided").pvalue)
    if factor > 1 and p > 0:
        p = float(2 * norm.sf(norm.isf(p / 2) / math.sqrt(factor)))
    block = math.ceil(factor)
    medians = [_resampled_medians(x, block, rng) for x in (old, new)]
    low, high = np.quantile(medians[1] / medians[0], [0.025, 0.975])
    return Change(float(np.median(new) / np.median(old)), float(low), float(high), min(1.0, p))


def _more_variable(x: Any) -> float:
    """Return by which factor the variance of a mean grows because neighbours are alike."""
    ranks = np.argsort(np.argsort(x)).astype(float)
    ranks -= ranks.mean()
    total = float(ranks @ ranks)
    # The estimate is too low by about (1 + 4 r) / n (M. G. Kendall, 1954).
    r = float(ranks[1:] @ ranks[:-1]) / total if total else 0.0
    r = min(0.9, (r * len(x) + 1) / max(1, len(x) - 4))
    return max(1.0, (1 + r) / (1 - r))


def _resampled_medians(x: Any, block: int, rng: np.random.Generator) -> Any:
    blocks = -(-len(x) // block)
    starts = rng.integers(0, len(x), (_RESAMPLES, blocks, 1))
    places = ((starts + np.arange(block)) % len(x)).reshape(_RESAMPLES, -1)[:, : len(x)]
    return np.median(x[places], axis=1)


def change_of_medians(
    old: tuple[float, float, float], new: tuple[float, float, float]
) -> Change | None:
    """Return the change of a median, by the intervals alone: the weaker test."""
    from scipy.stats import norm

    if not all(math.isfinite(x) and x > 0 for x in (*old, *new)):
        return None
    moved = math.log(new[0] / old[0])
    errors = [math.log(high / low) / (2 * _STANDARD_ERRORS) for _, low, high in (old, new)]
    error = math.hypot(*errors)
    p = float(2 * norm.sf(abs(moved) / error)) if error else float(moved == 0)
    width = _STANDARD_ERRORS * error
    return Change(math.exp(moved), math.exp(moved - width), math.exp(moved + width), p)


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number.

    Notes
    -----
    S. Holm, "A simple sequentially rejective multiple test procedure", 1979. It holds however
    the tests depend on each other. The share of false alarms among the alarms (Benjamini and
    Hochberg 1995) would be the weaker promise: one false alarm already stops somebody's build.
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    corrected, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        corrected[i] = largest
    return corrected
