"""Laws that the costs do not rule out, by a parametric bootstrap, and their predictions.

Costs are drawn again and again from the fitted law, cut off at the same bounds as the measured
ones, and fitted; how far each fit is from the law that it was drawn from, in units of its own
scatter, says how far the fitted law may be from the truth (B. Efron, R. Tibshirani, "An
Introduction to the Bootstrap", 1993, section 12.5: the bootstrap-t interval). The studentising
matters with the few points of a sweep: for an uncensored line the intervals are those of Student's
t, at any number of points.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from compare.growth.laws import Law, offset_of, place_of, usable
from compare.growth.tobit import SIGMA_FLOOR, Flags, Floats

__all__ = ["Draws", "draw", "predict"]

#: Laws that are drawn.
COUNT = 400
#: Share of the drawn laws that must have points enough to be fitted.
_LEAST_SHARE = 0.8
_QUANTILES = (0.025, 0.975)
_STEPS, _HALVINGS = 40, 12


@dataclass(frozen=True)
class Draws:
    """Laws that the measured costs do not rule out, one of them an entry of each array."""

    #: The fitted law.
    law: Law
    #: Of each law; the overhead's logarithm is minus infinity where the fitted law has none. Shape
    #: (draws,).
    log_overhead: Floats
    log_coefficient: Floats
    slope: Floats
    sigma: Floats

    def log_cost(self, n: ArrayLike) -> Floats:
        """Return the logarithm of the cost by each law."""
        sizes = np.atleast_1d(np.asarray(n, dtype=np.float64))
        kind = self.law.kind
        growing = (
            self.log_coefficient[:, None]
            + self.slope[:, None] * place_of(kind, sizes)
            + offset_of(kind, sizes)
        )
        return np.asarray(np.logaddexp(self.log_overhead[:, None], growing), dtype=np.float64)

    @property
    def slope_interval(self) -> tuple[float, float]:
        """The 95 % interval of exponent or rate."""
        low, high = np.quantile(self.slope, _QUANTILES)
        return float(low), float(high)


def draw(
    law: Law,
    n: ArrayLike,
    y: ArrayLike,
    censored: ArrayLike | None = None,
    count: int = COUNT,
    seed: int = 0,
) -> Draws | None:
    """Return laws that the costs do not rule out.

    Notes
    -----
    A law with an overhead is drawn by its tangent: parameters enter to first order.
    """
    sizes, costs, flags = usable(n, y, censored)
    mean = law.log_cost(sizes)
    place, offset = place_of(law.kind, sizes), offset_of(law.kind, sizes)
    # In these units columns are of one size, for 3 as for 10 million parameters.
    start, spread = float(np.min(place)), float(np.ptp(place)) or 1.0
    z = (place - start) / spread
    if law.overhead > 0.0:
        weight = np.exp(law.log_coefficient + law.slope * place + offset - mean)
        X = np.column_stack([weight, weight * z, 1.0 - weight])
    else:
        X = np.column_stack([np.ones_like(z), z])
    noise = np.random.default_rng(seed).standard_normal((count, len(sizes)))
    bounds = np.where(flags, (np.log(costs) - mean) / law.sigma, np.inf)
    steps, scatter = _fitted(X, np.minimum(noise, bounds), noise > bounds)
    good = np.isfinite(scatter)
    if np.count_nonzero(good) < _LEAST_SHARE * count:
        return None
    steps, scatter = steps[good], scatter[good]
    moved = -law.sigma * steps / scatter[:, None]
    slope = law.slope + moved[:, 1] / spread
    return Draws(
        law,
        math.log(law.overhead) + moved[:, 2]
        if law.overhead > 0.0
        else np.full(len(moved), -math.inf),
        law.log_coefficient + moved[:, 0] - moved[:, 1] * start / spread,
        slope,
        law.sigma / scatter,
    )


def predict(draws: Draws, n: float, seed: int = 0) -> tuple[float, float, float]:
    """Return the prediction of one more measurement: log10 of value, and of its 95 % interval."""
    rng = np.random.default_rng(seed)
    costs = draws.log_cost(n)[:, 0] + draws.sigma * rng.standard_normal(len(draws.sigma))
    low, high = np.quantile(costs, _QUANTILES)
    value = float(draws.law.log_cost(n))
    # A law is the best guess also where the drawn ones are skew.
    return tuple(float(x) / math.log(10.0) for x in (value, min(low, value), max(high, value)))  # type: ignore[return-value]


def _fitted(X: Floats, y: Floats, censored: Flags) -> tuple[Floats, Floats]:
    """Return coefficients and scatter of the largest likelihood for each row of `y`.

    The many small regressions of `compare.growth.tobit.tobit`, all at once; a row with too few
    measured points has scatter NaN.
    """
    p = X.shape[1]
    measured = ~censored
    count = measured.sum(axis=1)
    enough = count > p
    # Ordinary least squares on the measured points is where Newton's method starts, and the end
    # where nothing is censored.
    weights = measured.astype(np.float64)
    normal = np.einsum("bi,ij,ik->bjk", weights, X, X) + 1e-12 * np.eye(p)
    right = np.einsum("bi,bi,ij->bj", weights, y, X)
    start = np.linalg.solve(normal, right[..., None])[..., 0]
    residuals = weights * (y - start @ X.T)
    scatter = np.sqrt((residuals**2).sum(axis=1) / np.maximum(count, 1) + SIGMA_FLOOR**2)
    some = enough & censored.any(axis=1)
    if some.any():
        start[some], scatter[some] = _newton(X, y[some], censored[some], start[some], scatter[some])
    scatter[~enough] = np.nan
    return start, scatter


def _newton(
    X: Floats, y: Floats, censored: Flags, start: Floats, scatter: Floats
) -> tuple[Floats, Floats]:
    """Return the same for rows with censored points, by Newton's method in Olsen's parameters."""
    p = X.shape[1]
    # The scatter of a row may be far too small where its measured points lie on a line.
    scatter = np.maximum(scatter, 0.05)
    q = np.concatenate([start / scatter[:, None], 1.0 / scatter[:, None]], axis=1)
    rows = np.concatenate([np.broadcast_to(-X, (*y.shape, p)), y[..., None]], axis=2)
    weights = (~censored).astype(np.float64)
    count = weights.sum(axis=1)
    floor = count * SIGMA_FLOOR**2

    def value_of(q: Floats) -> Floats:
        e = np.einsum("bik,bk->bi", rows, q)
        with np.errstate(all="ignore"):
            ends = np.where(censored, special.log_ndtr(-e), 0.0).sum(axis=1)
            inside = count * np.log(q[:, -1]) - 0.5 * (weights * e**2).sum(axis=1)
        value = inside + ends - 0.5 * floor * q[:, -1] ** 2
        return np.where(q[:, -1] > 0.0, value, -np.inf)

    value = value_of(q)
    for _ in range(_STEPS):
        e = np.einsum("bik,bk->bi", rows, q)
        ratio = math.sqrt(2.0 / math.pi) / special.erfcx(e / math.sqrt(2.0))
        pull = np.where(censored, ratio, e)
        stiff = np.where(censored, np.clip(ratio * (ratio - e), 0.0, 1.0), 1.0)
        gradient = -np.einsum("bi,bik->bk", pull, rows)
        gradient[:, -1] += count / q[:, -1] - floor * q[:, -1]
        curvature = np.einsum("bi,bik,bil->bkl", stiff, rows, rows)
        curvature[:, -1, -1] += count / q[:, -1] ** 2 + floor
        step = np.linalg.solve(curvature + 1e-12 * np.eye(p + 1), gradient[..., None])[..., 0]
        if np.all(np.einsum("bk,bk->b", gradient, step) <= 1e-12 * (1.0 + np.abs(value))):
            break
        for _ in range(_HALVINGS):
            trial = value_of(q + step)
            worse = ~(trial >= value)
            if not worse.any():
                break
            step[worse] *= 0.5
        step[~(trial >= value)] = 0.0
        q = q + step
        value = value_of(q)
    return q[:, :-1] / q[:, -1:], 1.0 / q[:, -1]
