"""Where one engine overtakes another: the size at which their laws meet, with its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compare.growth.draws import Draws
from compare.growth.tobit import Floats

__all__ = ["Crossover", "Measured", "crossover"]

#: Sizes at which the laws are compared, from a part of the smallest measured one to a multiple of
#: the largest: beyond that nobody believes an extrapolation.
_PLACES, _BELOW, _BEYOND = 600, 0.5, 1e4
_QUANTILES = (0.025, 0.975)


@dataclass(frozen=True)
class Measured:
    """An engine's costs that were measured, its law, and what the law leaves open."""

    #: Sizes and costs, growing in size, without those that are bounds. Shape (points,).
    n: Floats
    y: Floats
    #: The law.
    draws: Draws


@dataclass(frozen=True)
class Crossover:
    """A size from which on one engine is cheaper than another."""

    #: The size and its 95 % interval.
    n: float
    low: float
    high: float
    #: Whether it is the first of the two engines that is cheaper below, and the second above.
    first_below: bool
    #: Whether part of the interval lies outside the sizes that were measured for both.
    extrapolated: bool


def crossover(first: Measured, second: Measured) -> Crossover | None:
    """Return the crossover of two engines, or None where the costs show none.

    Notes
    -----
    The interval is that of the meeting points of pairs of laws drawn by `compare.growth.draws`.
    """
    places = np.geomspace(
        _BELOW * min(first.n[0], second.n[0]), _BEYOND * max(first.n[-1], second.n[-1]), _PLACES
    )
    middle = _meetings(
        (first.draws.law.log_cost(places) - second.draws.law.log_cost(places))[None, :], places
    )[0]
    if not middle:
        return None
    # Where laws with overhead meet twice, the meeting that is nearest to what was measured counts.
    inner = math.sqrt(max(first.n[0], second.n[0]) * min(first.n[-1], second.n[-1]))
    n, first_below = min(middle, key=lambda met: abs(math.log(met[0] / inner)))
    size = min(len(first.draws.slope), len(second.draws.slope))
    differences = first.draws.log_cost(places)[:size] - second.draws.log_cost(places)[:size]
    ends = np.quantile(
        [
            _nearest(mets, n, first_below, row)
            for mets, row in zip(_meetings(differences, places), differences, strict=True)
        ],
        _QUANTILES,
        method="inverted_cdf",
    )
    low, high = min(float(ends[0]), n), max(float(ends[1]), n)
    if not (low > 0.0 and math.isfinite(high)) or _contradicted(
        first, second, low, high, first_below
    ):
        return None
    measured = max(first.n[0], second.n[0]), min(first.n[-1], second.n[-1])
    return Crossover(n, low, high, first_below, not measured[0] <= low <= high <= measured[1])


def _meetings(differences: Floats, places: Floats) -> list[list[tuple[float, bool]]]:
    """Return, for each row of differences, where it changes sign and whether it was negative."""
    below = differences < 0.0
    log_places = np.log(places)
    found: list[list[tuple[float, bool]]] = [[] for _ in differences]
    rows, columns = np.nonzero(below[:, 1:] != below[:, :-1])
    for row, i in zip(rows.tolist(), columns.tolist(), strict=True):
        left, right = differences[row, i], differences[row, i + 1]
        share = left / (left - right)
        at = math.exp(log_places[i] + share * (log_places[i + 1] - log_places[i]))
        found[row].append((at, bool(below[row, i])))
    return found


def _nearest(
    mets: Sequence[tuple[float, bool]], n: float, first_below: bool, differences: Floats
) -> float:
    """Return the meeting nearest to a size; 0 or infinity where a pair of laws has none."""
    same = [at for at, below in mets if below == first_below]
    if same:
        return min(same, key=lambda at: abs(math.log(at / n)))
    # Who is cheaper above is so everywhere, or nowhere.
    above_everywhere = (differences[-1] > 0.0) == first_below
    return 0.0 if above_everywhere else math.inf


def _contradicted(
    first: Measured, second: Measured, low: float, high: float, first_below: bool
) -> bool:
    """Whether a size outside the interval, measured for both, has the other order."""
    both, i, j = np.intersect1d(first.n, second.n, return_indices=True)
    for n, of_first, of_second in zip(both, first.y[i], second.y[j], strict=True):
        if (n < low and (of_first < of_second) != first_below) or (
            n > high and (of_first < of_second) == first_below
        ):
            return True
    return False
