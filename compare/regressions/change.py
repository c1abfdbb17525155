"""Tests of whether one cell got slower, and their correction for the number of cells."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from compare.measure.estimates import Between, median_variance

__all__ = ["Change", "change_of_medians", "change_of_processes", "holm"]

#: Half the width of a 95 % interval, in standard errors.
_STANDARD_ERRORS = 1.959964


class Change(NamedTuple):
    """How a quantity moved: ratio of medians new to old, its 95 % interval, and the p-value."""

    ratio: float
    low: float
    high: float
    p: float


def change_of_processes(
    old: Sequence[Sequence[float]], new: Sequence[Sequence[float]], between: Between
) -> Change:
    """Return the change of a cell between two runs, by its samples in each of their processes.

    Notes
    -----
    The samples are logarithms. A run is the mean of the medians of its processes; its variance has
    a part within the processes (`median_variance`) and one between them (`between_processes`), and
    the difference of two runs, in standard errors, is held against Student's distribution.
    """
    from scipy.stats import t

    means = [float(np.mean([np.median(x) for x in run])) for run in (old, new)]
    variances = [
        (float(np.mean([median_variance(x) for x in run])) + between.variance) / len(run)
        for run in (old, new)
    ]
    moved, error = means[1] - means[0], math.sqrt(sum(variances))
    width = error * float(t.isf(0.025, between.freedom))
    p = float(2 * t.sf(abs(moved) / error, between.freedom))
    return Change(math.exp(moved), math.exp(moved - width), math.exp(moved + width), p)


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
