"""The two shapes that the logarithm of a cost can have: a line, and a line above an overhead.

The line is ``y = intercept + slope z + offset``, where the offset is a known function of the size:
the factor of a law next to its power. Slopes come with their intervals of the profile likelihood.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from compare.growth.tobit import SIGMA_FLOOR, Flags, Floats, location, tobit

__all__ = ["Curve", "fit_curve", "fit_line"]

_CONFIDENCE = 0.95
#: Places between two ends, where a call on many costs little more than on one.
_EVENLY = np.linspace(0.0, 1.0, 49)


class Curve(NamedTuple):
    """A shape with its scatter, and the 95 % interval of its slope."""

    slope: float
    low: float
    high: float
    intercept: float
    log_share: float
    sigma: float
    log_likelihood: float


def _drop(m: int, d: int) -> float:
    """Return the drop of the log-likelihood at the ends of an interval."""
    t = float(stats.t.ppf(0.5 + 0.5 * _CONFIDENCE, d))
    return 0.5 * m * math.log1p(t * t / d)


def fit_line(z: Floats, y: Floats, censored: Flags, offset: Floats) -> Curve:
    """Return the line of the largest likelihood, which is the curve without overhead."""
    y = y - offset
    m = int(np.count_nonzero(~censored))
    X = np.column_stack([np.ones_like(z), z])
    (intercept, slope, sigma), best = tobit(X, y, censored)
    drop = _drop(m, m - 2)
    # Half the width of the interval without censoring, where it is exact.
    half = sigma * math.sqrt(math.expm1(2.0 * drop / m) / float(np.var(z[~censored])))
    ends = [slope - half, slope + half]
    if m < len(y):

        def above(candidate: float) -> float:
            return location(y - candidate * z, censored)[1] - best + drop

        ends = [_end(above, slope, -half), _end(above, slope, half)]
    return Curve(slope, ends[0], ends[1], intercept, -math.inf, sigma, best)


def fit_curve(z: Floats, y: Floats, censored: Flags, offset: Floats) -> Curve:
    """Return the curve of the largest likelihood among those that grow."""
    measured = ~censored
    m = int(np.count_nonzero(measured))
    order = np.argsort(z[measured])
    steps_z, steps_y = np.diff(z[measured][order]), np.diff(y[measured][order])
    steepest = float(np.max(np.abs(steps_y[steps_z > 0.0]) / steps_z[steps_z > 0.0]))
    # A curve that is steeper by far than any two neighbours is not bounded by the points.
    limit = 4.0 * max(steepest, 1.0)

    def at(slope: float) -> tuple[float, float]:
        """Return minus the largest log-likelihood of a slope, and the overhead's share there."""
        low, high = -6.0, slope + 4.0
        if m == len(y):
            return _zoom(
                lambda places: _scatter(y - np.logaddexp(places, slope * z + offset)), low, high
            )

        def loss(share: float) -> float:
            return -location(y - np.logaddexp(share, slope * z + offset), censored)[1]

        return _smallest(loss, np.linspace(low, high, 13))

    value, slope = _smallest(lambda slope: at(slope)[0], np.linspace(0.0, limit, 25)[1:])
    log_share = at(slope)[1]
    best, drop = -value, _drop(m, m - 3)
    (intercept, sigma), _ = location(y - np.logaddexp(log_share, slope * z + offset), censored)

    def above(candidate: float) -> float:
        return -at(candidate)[0] - best + drop

    low = 0.0 if above(1e-6 * slope) >= 0.0 else _end(above, slope, -0.1 * slope, 1e-6 * slope)
    high = math.inf if above(limit) >= 0.0 else _end(above, slope, 0.1 * slope, limit)
    return Curve(slope, low, high, intercept, log_share, sigma, best)


def _scatter(deviations: Floats) -> Floats:
    """Return minus the largest log-likelihood of each row of measured points around its mean."""
    m = deviations.shape[1]
    # A fit asks a few hundred times: np.var takes as long as all else.
    deviations = deviations - deviations.sum(axis=1, keepdims=True) / m
    variance = np.einsum("ij,ij->i", deviations, deviations) / m + SIGMA_FLOOR**2
    return np.asarray(0.5 * m * (np.log(2.0 * math.pi * variance) + 1.0))


def _zoom(f: Callable[[Floats], Floats], low: float, high: float) -> tuple[float, float]:
    """Return the smallest value of a function of a column and where it is, by finer grids."""
    for _ in range(5):
        grid = low + (high - low) * _EVENLY
        values = f(grid[:, None])
        i = int(np.argmin(values))
        value, place = float(values[i]), float(grid[i])
        low, high = float(grid[max(i - 1, 0)]), float(grid[min(i + 1, len(grid) - 1)])
    return value, place


def _smallest(f: Callable[[float], float], grid: Floats) -> tuple[float, float]:
    """Return the smallest value of a function and where it is, from a grid on."""
    values = [f(float(place)) for place in grid]
    i = int(np.argmin(values))
    low, high = float(grid[max(i - 1, 0)]), float(grid[min(i + 1, len(grid) - 1)])
    found = optimize.minimize_scalar(
        f, bounds=(low, high), method="bounded", options={"xatol": 1e-7 * (high - low)}
    )
    if found.fun < values[i]:
        return float(found.fun), float(found.x)
    return values[i], float(grid[i])


def _end(
    above: Callable[[float], float], inside: float, step: float, limit: float | None = None
) -> float:
    """Return the place at which a function that is positive inside an interval falls to zero."""
    direction = math.copysign(1.0, step)
    furthest = direction * math.inf if limit is None else limit
    for _ in range(60):
        outside = direction * min(direction * (inside + step), direction * furthest)
        if above(outside) < 0.0:
            return float(optimize.brentq(above, *sorted((inside, outside)), rtol=1e-9))
        if outside == furthest:
            break
        inside, step = outside, 2.0 * step
    return direction * math.inf
