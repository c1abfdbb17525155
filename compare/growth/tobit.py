"""Regression with bounds: a line through points, some of which are only known to lie above.

J. Tobin, "Estimation of relationships for limited dependent variables", Econometrica 26, 1958. The
likelihood is concave in the parameters ``(coefficients / sigma, 1 / sigma)``, and Newton's method
finds its only maximum: R. J. Olsen, "Note on the uniqueness of the maximum likelihood estimator for
the Tobit model", Econometrica 46, 1978.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["SIGMA_FLOOR", "Flags", "Floats", "location", "mills", "tobit"]

#: Costs are taken to scatter by at least this share, so that an exact law has a finite likelihood.
SIGMA_FLOOR = 1e-6

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def location(y: Floats, censored: Flags) -> tuple[tuple[float, float], float]:
    """Return mean and sigma of the largest likelihood, and its logarithm.

    Notes
    -----
    The likelihood of `tobit` for a constant in place of a line. In units of the measured points'
    mean and scatter it needs these points no more, which makes it fast enough for a search.
    """
    measured = y[~censored]
    m, center = len(measured), float(np.mean(measured))
    scatter = math.sqrt(float(np.mean((measured - center) ** 2)) + SIGMA_FLOOR**2)
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
            ratio, weight = mills(gamma - theta * u)
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


def mills(v: float) -> tuple[float, float]:
    """Return ``phi(v) / Phi(v)`` and minus its derivative, without cancellation."""
    ratio = math.sqrt(2.0 / math.pi) / float(special.erfcx(-v / math.sqrt(2.0)))
    return ratio, min(max(ratio * (v + ratio), 0.0), 1.0)


def tobit(X: Floats, y: Floats, censored: Flags) -> tuple[tuple[float, ...], float]:
    """Return coefficients and sigma of the largest likelihood, and its logarithm.

    Notes
    -----
    Each measured point carries the floor's variance besides its residual, which for uncensored
    points gives ``sigma^2 = residual sum / points + floor^2`` and leaves the likelihood concave.
    """
    measured = ~censored
    floor2 = SIGMA_FLOOR**2
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
        self.floor2 = self.m * (SIGMA_FLOOR / scatter) ** 2
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
