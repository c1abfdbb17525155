"""Laws of growth, fitted by the largest likelihood, with overhead and with lower bounds.

The logarithm of the cost ``y`` at size ``n`` is taken as normal around the logarithm of a law:
``y = overhead + a n^b``, ``y = overhead + a n^b log(1 + n)`` or ``y = overhead + a exp(c n)``. The
overhead is what a call costs at any size; without it, small sizes would bend a power law until it
looks like an exponential one.

A cell that ran out of time or memory says that its cost is at least the bound, and enters the
likelihood with the probability of that. Leaving such cells out would make the slowest engines look
better than they are.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compare.growth.curve import fit_curve, fit_line
from compare.growth.tobit import Flags, Floats

__all__ = [
    "KINDS",
    "Law",
    "choose_law",
    "fit",
    "fit_power",
    "offset_of",
    "place_of",
    "usable",
]

#: The laws, from the simplest on, in words.
KINDS = {
    "power": "y = a n^b",
    "power-log": "y = a n^b log(1 + n)",
    "exponential": "y = a exp(c n)",
}
#: Measured points below which a law with its scatter is not fitted ...
_FEWEST_POINTS = 3
#: Measured points below which the laws cannot be distinguished.
_FEWEST_TO_CHOOSE = 4
#: ... and below which it is fitted without an overhead.
_FEWEST_WITH_OVERHEAD = 4
#: Gain of log-likelihood from which an overhead is worth its parameter (Akaike, 1974).
_OVERHEAD_GAIN = 1.0
#: Difference of Akaike's criterion from which a law has considerably less support (K. P. Burnham,
#: D. R. Anderson, "Model Selection and Multimodel Inference", 2002, section 2.6): below it a
#: logarithmic factor is not distinguished from none.
_INDISTINGUISHABLE = 4.0


@dataclass(frozen=True)
class Law:
    """A law of growth, as fitted."""

    #: Key into `KINDS`.
    kind: str
    #: Exponent ``b`` or rate ``c``, and its 95 % interval by the profile likelihood.
    slope: float
    slope_low: float
    slope_high: float
    #: Logarithm of ``a``.
    log_coefficient: float
    #: Cost at any size; 0 where the points do not show one.
    overhead: float
    #: Standard deviation of ``log y`` around the law.
    sigma: float
    #: Logarithm of the largest likelihood of ``log y``.
    log_likelihood: float
    #: The same with an overhead, whether or not it is worth its parameter.
    log_likelihood_overhead: float
    #: Corrected Akaike criterion (AICc); NaN for less than 3 points more than parameters.
    aic: float
    #: Points fitted, and how many of these are lower bounds.
    points: int
    censored: int

    @property
    def coefficient(self) -> float:
        """``a``: of an exponential law the cost at ``n = 0``, without the overhead."""
        return float(np.exp(self.log_coefficient))

    def log_cost(self, n: ArrayLike) -> Floats:
        """Return the logarithm of the cost that the law gives."""
        growing = (
            self.log_coefficient + self.slope * place_of(self.kind, n) + offset_of(self.kind, n)
        )
        if self.overhead <= 0.0:
            return growing
        return np.asarray(np.logaddexp(math.log(self.overhead), growing), dtype=np.float64)


def place_of(kind: str, n: ArrayLike) -> Floats:
    """Return the places of sizes on the axis of a law: the sizes, or their logarithms."""
    sizes = np.asarray(n, dtype=np.float64)
    return sizes if kind == "exponential" else np.log(sizes)


def offset_of(kind: str, n: ArrayLike) -> Floats:
    """Return the offset of a law from its line: the logarithm of the logarithm, or 0."""
    sizes = np.asarray(n, dtype=np.float64)
    return np.log(np.log1p(sizes)) if kind == "power-log" else np.zeros_like(sizes)


def fit(kind: str, n: ArrayLike, y: ArrayLike, censored: ArrayLike | None = None) -> Law | None:
    """Return the law of the largest likelihood.

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
    Akaike, "A new look at the statistical model identification", 1974). With one, the slope and the
    share of the overhead are searched on a grid and refined.
    """
    sizes, costs, flags = usable(n, y, censored)
    with np.errstate(all="ignore"):
        return _fit(kind, sizes, np.log(costs), flags)


def fit_power(n: ArrayLike, y: ArrayLike, censored: ArrayLike | None = None) -> Law | None:
    """Return the power law of the largest likelihood: `fit` of ``"power"``."""
    return fit("power", n, y, censored)


def choose_law(power: Law | None, exponential: Law | None, power_log: Law | None = None) -> str:
    """Return which law fits best.

    Notes
    -----
    The smallest corrected Akaike criterion decides where there are points enough for it. Where
    there are not, its correction would outweigh any evidence of an overhead; then the largest
    likelihood decides, with as many parameters in all laws: with an overhead where 4 costs are
    measured, else without. Where they fit equally well, as a constant cost does, the power law
    is named; so it is below 4 measured costs, too few to tell laws from each other, and where a
    logarithmic factor gains less than 4.
    """
    if power is None or exponential is None:
        return "none"
    if power.points - power.censored < _FEWEST_TO_CHOOSE:
        return "power"
    laws = [law for law in (power, power_log, exponential) if law is not None]
    values = [law.aic for law in laws]
    if any(math.isnan(value) for value in values):
        values = [-law.log_likelihood_overhead for law in laws]
    scores = {law.kind: value for law, value in zip(laws, values, strict=True)}
    ours = scores["power"]
    # A logarithm must earn its name; an exponential law only has to be better.
    margins = {"power-log": _INDISTINGUISHABLE, "exponential": 1e-3 * (1.0 + abs(ours))}
    better = [
        kind for kind, margin in margins.items() if scores.get(kind, math.inf) < ours - margin
    ]
    return min(better, key=scores.__getitem__) if better else "power"


def usable(n: ArrayLike, y: ArrayLike, censored: ArrayLike | None) -> tuple[Floats, Floats, Flags]:
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


def _fit(kind: str, n: Floats, y: Floats, censored: Flags) -> Law | None:
    """Return the law of the logarithm `y`; None where the points bound no growth."""
    measured, x, offset = ~censored, place_of(kind, n), offset_of(kind, n)
    m = int(np.count_nonzero(measured))
    if m < _FEWEST_POINTS or np.ptp(x[measured]) <= 1e-9 * np.max(np.abs(x[measured])):
        return None
    # In these units the search is well scaled, for 3 as for 10 million parameters.
    start, spread = float(np.min(x[measured])), float(np.ptp(x[measured]))
    z = (x - start) / spread
    line = fit_line(z, y, censored, offset)
    curve = fit_curve(z, y, censored, offset) if m >= _FEWEST_WITH_OVERHEAD else line
    # The line is the curve of no overhead, which a search may miss by a rounding.
    best = max(line.log_likelihood, curve.log_likelihood)
    # Where overhead hides all growth but the last, no exponent is better than a wrong one.
    chosen = curve if best > line.log_likelihood + _OVERHEAD_GAIN else line
    if not (math.isfinite(chosen.low) and math.isfinite(chosen.high)):
        return None
    k = 4 if chosen is curve else 3
    slack = len(y) - k - 1
    slope = chosen.slope / spread
    return Law(
        kind=kind,
        slope=slope,
        slope_low=chosen.low / spread,
        slope_high=chosen.high / spread,
        log_coefficient=chosen.intercept - slope * start,
        overhead=float(np.exp(chosen.intercept + chosen.log_share)),
        sigma=chosen.sigma,
        log_likelihood=chosen.log_likelihood,
        log_likelihood_overhead=best,
        aic=2.0 * (k - chosen.log_likelihood + k * (k + 1) / slack) if slack > 1 else math.nan,
        points=len(y),
        censored=len(y) - m,
    )
