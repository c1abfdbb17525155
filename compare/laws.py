"""Laws of growth, fitted by the largest likelihood, with overhead and with lower bounds.

The logarithm of the cost ``y`` at size ``n`` is taken as normal around the logarithm of a power
law ``y = overhead + a n^b``, or of an exponential law ``y = overhead + a exp(c n)``. The overhead
is what a call costs at any size; without it, small sizes would bend a power law until it looks
like an exponential one.

A cell that ran out of time says that its cost is at least the bound, and enters the likelihood
with the probability of that: J. Tobin, "Estimation of relationships for limited dependent
variables", Econometrica 26, 1958. Leaving such cells out would make the slowest engines look
better than they are.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

__all__ = [
    "ExponentialLaw",
    "Flags",
    "Floats",
    "PowerLaw",
    "choose_law",
    "fit_exponential",
    "fit_power",
]

#: Costs are taken to scatter by at least this share, so that an exact law has a finite likelihood.
_SIGMA_FLOOR = 1e-6
#: Measured points below which a law with its scatter is not fitted ...
_FEWEST_POINTS = 3
#: Measured points below which the two laws cannot be told apart.
_FEWEST_TO_CHOOSE = 4
#: ... and below which it is fitted without an overhead.
_FEWEST_WITH_OVERHEAD = 4
#: Gain of log-likelihood from which an overhead is worth its parameter (Akaike, 1974).
_OVERHEAD_GAIN = 1.0
_CONFIDENCE = 0.95

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class PowerLaw:
    """A power law ``y = overhead + coefficient n^exponent``.

    Parameters
    ----------
    exponent, exponent_low, exponent_high : float
        Exponent and its 95 % confidence interval.
    coefficient : float
        Cost at ``n = 1``, without the overhead.
    overhead : float
        Cost at any size; 0 where the points do not show one.
    sigma : float
        Standard deviation of ``log y`` around the law.
    log_likelihood : float
        Logarithm of the largest likelihood of ``log y``.
    log_likelihood_overhead : float
        The same with an overhead, whether or not it is worth its parameter.
    aic : float
        Corrected Akaike criterion (AICc); NaN for less than 3 points more than parameters.
    points, censored : int
        Points fitted, and how many of these are lower bounds.
    """

    exponent: float
    exponent_low: float
    exponent_high: float
    coefficient: float
    overhead: float
    sigma: float
    log_likelihood: float
    log_likelihood_overhead: float
    aic: float
    points: int
    censored: int


@dataclass(frozen=True)
class ExponentialLaw:
    """An exponential law ``y = overhead + coefficient exp(rate n)``.

    Parameters
    ----------
    rate, rate_low, rate_high : float
        Rate and its 95 % confidence interval.
    coefficient : float
        Cost at ``n = 0``, without the overhead.
    overhead : float
        Cost at any size; 0 where the points do not show one.
    sigma : float
        Standard deviation of ``log y`` around the law.
    log_likelihood : float
        Logarithm of the largest likelihood of ``log y``.
    log_likelihood_overhead : float
        The same with an overhead, whether or not it is worth its parameter.
    aic : float
        Corrected Akaike criterion (AICc); NaN for less than 3 points more than parameters.
    points, censored : int
        Points fitted, and how many of these are lower bounds.
    """

    rate: float
    rate_low: float
    rate_high: float
    coefficient: float
    overhead: float
    sigma: float
    log_likelihood: float
    log_likelihood_overhead: float
    aic: float
    points: int
    censored: int


def fit_power(n: ArrayLike, y: ArrayLike, censored: ArrayLike | None = None) -> PowerLaw | None:
    """Return the power law of the largest likelihood.

    Parameters
    ----------
    n : sequence of float, shape (points,)
        Sizes. A point whose size or cost is not positive and finite is left out.
    y : sequence of float, shape (points,)
        Costs; where `censored`, lower bounds of them.
    censored : sequence of bool, shape (points,), optional
        Which costs are lower bounds; none if not given.

    Returns
    -------
    PowerLaw or None
        None if fewer than 3 costs are measured, or all at one size, or if the measured costs
        above the overhead are too few to bound the growth.

    Raises
    ------
    ValueError
        If the three have different lengths.

    Notes
    -----
    The interval is the one of the profile likelihood: the exponents ``b`` whose largest likelihood
    over the other parameters is at least ``exp(-q / 2)`` of the largest of all. With many points
    ``q`` is the 95 % quantile of chi-squared, 3.84, which is too narrow for the few points of a
    sweep. Here ``q = m log(1 + t^2 / d)``, where ``m`` is the number of measured points, ``d`` that
    number less the parameters of the law, and ``t`` the 97.5 % quantile of Student's t with ``d``
    degrees of freedom. Without censored points and overhead (``d = m - 2``) this is exactly the t
    interval of linear regression, at any number of points.

    An overhead enters the law where 4 costs are measured and Akaike's criterion prefers it (H.
    Akaike, "A new look at the statistical model identification", 1974).

    Without an overhead the likelihood is concave in the parameters ``(slope / sigma,
    intercept / sigma, 1 / sigma)``, and Newton's method finds its only maximum: R. J. Olsen, "Note
    on the uniqueness of the maximum likelihood estimator for the Tobit model", Econometrica 46,
    1978. With one, the slope and the share of the overhead are searched on a grid and refined.

    Examples
    --------
    >>> law = fit_power([1, 2, 4, 8], [3, 12, 48, 192])
    >>> round(law.exponent, 3), round(law.coefficient, 3)
    (2.0, 3.0)
    """
    points = _usable(n, y, censored)
    with np.errstate(all="ignore"):
        fit = _fit(np.log(points[0]), np.log(points[1]), points[2])
    return None if fit is None else PowerLaw(*fit)


def fit_exponential(
    n: ArrayLike, y: ArrayLike, censored: ArrayLike | None = None
) -> ExponentialLaw | None:
    """Return the exponential law of the largest likelihood.

    Parameters
    ----------
    n, y, censored : sequence, shape (points,)
        Sizes, costs, and which costs are lower bounds, as in `fit_power`.

    Returns
    -------
    ExponentialLaw or None
        None if fewer than 3 costs are measured, or all at one size, or if the measured costs
        above the overhead are too few to bound the growth.

    Raises
    ------
    ValueError
        If the three have different lengths.

    Examples
    --------
    >>> law = fit_exponential([1, 2, 3, 4], [6, 12, 24, 48])
    >>> round(law.rate / math.log(2.0), 3), round(law.coefficient, 3)
    (1.0, 3.0)
    """
    points = _usable(n, y, censored)
    with np.errstate(all="ignore"):
        fit = _fit(points[0], np.log(points[1]), points[2])
    return None if fit is None else ExponentialLaw(*fit)


def choose_law(power: PowerLaw | None, exponential: ExponentialLaw | None) -> str:
    """Return which law fits better.

    Parameters
    ----------
    power : PowerLaw or None
        Power law of some points.
    exponential : ExponentialLaw or None
        Exponential law of the same points.

    Returns
    -------
    str
        ``"power"``, ``"exponential"``, or ``"none"`` if there is no law.

    Notes
    -----
    The smaller corrected Akaike criterion decides where there are points enough for it. Where
    there are not, its correction would outweigh any evidence of an overhead; then the larger
    likelihood decides, with as many parameters in both laws: with an overhead where 4 costs are
    measured, else without. Where they fit equally well, as a constant cost does, the power law
    is named; so it is below 4 measured costs, too few to tell the two apart.

    Examples
    --------
    >>> n, y = [1, 2, 3, 4, 5], [2, 4, 8, 16, 32]
    >>> choose_law(fit_power(n, y), fit_exponential(n, y))
    'exponential'
    """
    if power is None or exponential is None:
        return "none"
    if power.points - power.censored < _FEWEST_TO_CHOOSE:
        return "power"
    ours, other = power.aic, exponential.aic
    if math.isnan(ours) or math.isnan(other):
        ours, other = -power.log_likelihood_overhead, -exponential.log_likelihood_overhead
    return "exponential" if other < ours - 1e-3 * (1.0 + abs(ours)) else "power"


def _usable(n: ArrayLike, y: ArrayLike, censored: ArrayLike | None) -> tuple[Floats, Floats, Flags]:
    """Return the points whose size and cost are positive and finite."""
    sizes, costs = np.asarray(n, dtype=np.float64), np.asarray(y, dtype=np.float64)
    none = np.zeros(costs.shape, np.bool_)
    flags = none if censored is None else np.asarray(censored, np.bool_)
    if not sizes.shape == costs.shape == flags.shape or sizes.ndim != 1:
        raise ValueError(
            f"fit: the shapes of n, y and censored are {sizes.shape}, {costs.shape} and "
            f"{flags.shape}, expected one length for all three."
        )
    keep = np.isfinite(sizes) & np.isfinite(costs) & (sizes > 0.0) & (costs > 0.0)
    return sizes[keep], costs[keep], flags[keep]


class _Fit(NamedTuple):
    """The fields of a law, in their order."""

    slope: float
    low: float
    high: float
    factor: float
    overhead: float
    sigma: float
    log_likelihood: float
    log_likelihood_overhead: float
    aic: float
    points: int
    censored: int


def _fit(x: Floats, y: Floats, censored: Flags) -> _Fit | None:
    """Return the law of the logarithm `y` in `x`; None where the points bound no growth."""
    measured = ~censored
    m = int(np.count_nonzero(measured))
    if m < _FEWEST_POINTS or np.ptp(x[measured]) <= 1e-9 * np.max(np.abs(x[measured])):
        return None
    # In these units the search is well scaled, for 3 as for 10 million parameters.
    start, spread = float(np.min(x[measured])), float(np.ptp(x[measured]))
    z = (x - start) / spread
    line = _fit_line(z, y, censored)
    curve = _fit_curve(z, y, censored) if m >= _FEWEST_WITH_OVERHEAD else line
    # The line is the curve of no overhead, which a search may miss by a rounding.
    best = max(line.log_likelihood, curve.log_likelihood)
    # Where overhead hides all growth but the last, no exponent is better than a wrong one.
    chosen = curve if best > line.log_likelihood + _OVERHEAD_GAIN else line
    if not (math.isfinite(chosen.low) and math.isfinite(chosen.high)):
        return None
    k = 4 if chosen is curve else 3
    slack = len(y) - k - 1
    aic = 2.0 * (k - chosen.log_likelihood + k * (k + 1) / slack) if slack > 1 else math.nan
    slope = chosen.slope / spread
    intercept = chosen.intercept - slope * start
    return _Fit(
        slope,
        chosen.low / spread,
        chosen.high / spread,
        float(np.exp(intercept)),
        float(np.exp(chosen.intercept + chosen.log_share)),
        chosen.sigma,
        chosen.log_likelihood,
        best,
        aic,
        len(y),
        len(y) - m,
    )


class _Curve(NamedTuple):
    """``y = intercept + log(exp(log_share) + exp(slope z))`` with its scatter and interval."""

    slope: float
    low: float
    high: float
    intercept: float
    log_share: float
    sigma: float
    log_likelihood: float


def _drop(m: int, d: int) -> float:
    """Return how far the log-likelihood falls to the ends of an interval."""
    t = float(stats.t.ppf(0.5 + 0.5 * _CONFIDENCE, d))
    return 0.5 * m * math.log1p(t * t / d)


def _fit_line(z: Floats, y: Floats, censored: Flags) -> _Curve:
    """Return the line of the largest likelihood, which is the curve without overhead."""
    m = int(np.count_nonzero(~censored))
    X = np.column_stack([np.ones_like(z), z])
    (intercept, slope, sigma), best = _tobit(X, y, censored)
    drop = _drop(m, m - 2)
    # Half the width of the interval without censoring, where it is exact.
    half = sigma * math.sqrt(math.expm1(2.0 * drop / m) / float(np.var(z[~censored])))
    ends = [slope - half, slope + half]
    if m < len(y):

        def above(candidate: float) -> float:
            return _location(y - candidate * z, censored)[1] - best + drop

        ends = [_end(above, slope, -half), _end(above, slope, half)]
    return _Curve(slope, ends[0], ends[1], intercept, -math.inf, sigma, best)


def _fit_curve(z: Floats, y: Floats, censored: Flags) -> _Curve:
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
        shares = np.linspace(-6.0, slope + 4.0, 13)
        if m == len(y):
            return _zoom(lambda places: _scatter(y - np.logaddexp(places, slope * z)), shares)

        def loss(share: float) -> float:
            return -_location(y - np.logaddexp(share, slope * z), censored)[1]

        return _smallest(loss, shares)

    value, slope = _smallest(lambda slope: at(slope)[0], np.linspace(0.0, limit, 25)[1:])
    log_share = at(slope)[1]
    best, drop = -value, _drop(m, m - 3)
    (intercept, sigma), _ = _location(y - np.logaddexp(log_share, slope * z), censored)

    def above(candidate: float) -> float:
        return -at(candidate)[0] - best + drop

    low = 0.0 if above(1e-6 * slope) >= 0.0 else _end(above, slope, -0.1 * slope, 1e-6 * slope)
    high = math.inf if above(limit) >= 0.0 else _end(above, slope, 0.1 * slope, limit)
    return _Curve(slope, low, high, intercept, log_share, sigma, best)


def _scatter(deviations: Floats) -> Floats:
    """Return minus the largest log-likelihood of each row of measured points around its mean."""
    variance = np.var(deviations, axis=1) + _SIGMA_FLOOR**2
    return np.asarray(0.5 * deviations.shape[1] * (np.log(2.0 * math.pi * variance) + 1.0))


def _zoom(f: Callable[[Floats], Floats], grid: Floats) -> tuple[float, float]:
    """Return the smallest value of a function of a column and where it is, by finer grids."""
    for _ in range(9):
        values = f(grid[:, None])
        i = int(np.argmin(values))
        value, place = float(values[i]), float(grid[i])
        grid = np.linspace(grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)], len(grid))
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
    """Return where a function that is positive inside an interval falls to zero."""
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


def _location(y: Floats, censored: Flags) -> tuple[tuple[float, float], float]:
    """Return mean and sigma of the largest likelihood, and its logarithm.

    The likelihood of `_tobit` for a constant in place of a line. In units of the measured points'
    mean and scatter it needs these points no more, which makes it fast enough for a search.
    """
    measured = y[~censored]
    m, center = len(measured), float(np.mean(measured))
    scatter = math.sqrt(float(np.mean((measured - center) ** 2)) + _SIGMA_FLOOR**2)
    bounds = ((y[censored] - center) / scatter).tolist()

    def log_likelihood(gamma: float, theta: float) -> float:
        if not theta > 0.0:
            return -math.inf
        ends = sum(float(special.log_ndtr(gamma - theta * u)) for u in bounds)
        return m * math.log(theta) - 0.5 * m * (gamma * gamma + theta * theta) + ends

    gamma, theta = 0.0, 1.0
    value = log_likelihood(gamma, theta)
    for _ in range(200 if bounds else 0):
        g0, g1 = -m * gamma, m / theta - m * theta
        h00, h01, h11 = float(m), 0.0, m / (theta * theta) + m
        for u in bounds:
            ratio, weight = _mills(gamma - theta * u)
            g0, g1 = g0 + ratio, g1 - u * ratio
            h00, h01, h11 = h00 + weight, h01 - u * weight, h11 + u * u * weight
        determinant = h00 * h11 - h01 * h01
        d0, d1 = (h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant
        if not g0 * d0 + g1 * d1 > 1e-14 * (1.0 + abs(value)):
            break
        step = 1.0
        while step > 1e-12:
            trial = log_likelihood(gamma + step * d0, theta + step * d1)
            if trial > value:
                break
            step *= 0.5
        else:
            break
        gamma, theta, value = gamma + step * d0, theta + step * d1, trial
    sigma = scatter / theta
    constant = -m * (0.5 * math.log(2.0 * math.pi) + math.log(scatter))
    return (center + gamma * sigma, sigma), constant + value


def _mills(v: float) -> tuple[float, float]:
    """Return ``phi(v) / Phi(v)`` and minus its derivative, without cancellation."""
    ratio = math.sqrt(2.0 / math.pi) / float(special.erfcx(-v / math.sqrt(2.0)))
    return ratio, min(max(ratio * (v + ratio), 0.0), 1.0)


def _tobit(X: Floats, y: Floats, censored: Flags) -> tuple[tuple[float, ...], float]:
    """Return coefficients and sigma of the largest likelihood, and its logarithm.

    Each measured point carries the floor's variance besides its residual, which for uncensored
    points gives ``sigma^2 = residual sum / points + floor^2`` and leaves the likelihood concave.
    """
    measured = ~censored
    floor2 = _SIGMA_FLOOR**2
    start = _least_squares(X[measured], y[measured])
    residuals = y - X @ start
    sigma = math.sqrt(float(np.mean(residuals[measured] ** 2)) + floor2)
    m = int(np.count_nonzero(measured))
    constant = -0.5 * m * math.log(2.0 * math.pi)
    if m == len(y):
        return (*start.tolist(), sigma), constant - m * math.log(sigma) - 0.5 * m

    # Start from the line through all points where it is likelier, such as where the bounds
    # contradict an exact line through the measured ones.
    through_all = _least_squares(X, y)
    sigma_all = math.sqrt(float(np.mean((y - X @ through_all) ** 2)) + floor2)
    problem = max(
        _Scaled(X, y, censored, start, sigma),
        _Scaled(X, y, censored, through_all, sigma_all),
        key=lambda scaled: scaled.log_likelihood(scaled.start),
    )
    solution = problem.maximise()
    theta = float(solution[-1])
    line = problem.line + problem.scatter * solution[:-1] / theta
    sigma = problem.scatter / theta
    return (*line.tolist(), sigma), constant + problem.log_likelihood(solution)


def _least_squares(X: Floats, y: Floats) -> Floats:
    """Return the coefficients of least squares, the shortest where they are not unique."""
    return np.asarray(np.linalg.lstsq(X, y, rcond=None)[0], dtype=np.float64)


class _Scaled:
    """Tobit likelihood in Olsen's parameters, in units of a line and a scatter."""

    def __init__(self, X: Floats, y: Floats, censored: Flags, line: Floats, scatter: float) -> None:
        self.line, self.scatter = line, scatter
        residuals = (y - X @ line) / scatter
        # Rows (-X, residual): their product with (gamma, theta) is the standardised deviation.
        rows = np.column_stack([-X, residuals])
        self.measured, self.bounds = rows[~censored], rows[censored]
        self.m = len(self.measured)
        self.floor2 = self.m * (_SIGMA_FLOOR / scatter) ** 2
        self.start: Floats = np.zeros(X.shape[1] + 1)
        self.start[-1] = 1.0

    def log_likelihood(self, p: Floats) -> float:
        """Return the logarithm of the likelihood, without its constant."""
        if not p[-1] > 0.0:
            return -math.inf
        e = self.measured @ p
        ends = special.log_ndtr(-(self.bounds @ p))
        fit = -0.5 * float(e @ e) - 0.5 * self.floor2 * float(p[-1]) ** 2
        return self.m * math.log(p[-1] / self.scatter) + fit + float(np.sum(ends))

    def maximise(self) -> Floats:
        """Return the parameters of the largest likelihood by Newton's method with halving."""
        p = self.start
        value = self.log_likelihood(p)
        for _ in range(200):
            gradient, curvature = self._derivatives(p)
            direction = _least_squares(curvature, gradient)
            gain = float(gradient @ direction)
            if not gain > 1e-18 * (1.0 + abs(value)):
                break
            step, found = 1.0, False
            for _ in range(60):
                trial = p + step * direction
                trial_value = self.log_likelihood(trial)
                if trial_value > value:
                    p, value, found = trial, trial_value, True
                    break
                step *= 0.5
            if not found:
                break
        return p

    def _derivatives(self, p: Floats) -> tuple[Floats, Floats]:
        """Return the gradient, and the negative of the matrix of second derivatives."""
        v = -(self.bounds @ p)
        # phi(v) / Phi(v), without the cancellation of its textbook form.
        ratio = math.sqrt(2.0 / math.pi) / special.erfcx(-v / math.sqrt(2.0))
        weight = np.clip(ratio * (v + ratio), 0.0, 1.0)
        theta = float(p[-1])
        gradient = -self.measured.T @ (self.measured @ p) - self.bounds.T @ ratio
        gradient[-1] += self.m / theta - self.floor2 * theta
        curvature = self.measured.T @ self.measured
        curvature += (self.bounds.T * weight) @ self.bounds
        curvature[-1, -1] += self.m / theta**2 + self.floor2
        return gradient, curvature
