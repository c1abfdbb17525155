"""Functions made of powers, exponentials and logarithms: logistic, entropy, losses, Box-Cox.

Each derivative is written so that it keeps its relative digits: the slope of the logistic function
is a product of two logistic functions, not out (1 - out), and the Box-Cox transforms go through
the relative exponential (exp(t) - 1)/t = ₁F₁(1; 2; t), whose derivatives ₁F₁ gives without
cancellation.
"""

import math

import numpy as np
import scipy.special as sp

from autodiff.core.primitive import Array, discrete
from autodiff.rules.elementwise import power_by_base, power_by_exponent
from autodiff.rules.special.entries import found, special

_DEGREE = math.pi / 180.0
_LOG10 = math.log(10.0)
_POSITIVE = (0.2, 3.0)
_PROBABILITY = (0.1, 0.9)

for _name in ("round", "gammasgn"):
    discrete(found(_name), f"special.{_name}")

special("expit", lambda out, x: out * sp.expit(-x))
special("logit", lambda out, x: 1.0 / (x * (1.0 - x)), domain=[_PROBABILITY], partly=True)
special("log_expit", lambda out, x: sp.expit(-x))
special("log1p", lambda out, x: 1.0 / (1.0 + x), domain=[_POSITIVE], complex=True, partly=True)
special("expm1", lambda out, x: np.exp(x), complex=True)
special("exp2", lambda out, x: out * math.log(2.0))
special("exp10", lambda out, x: out * _LOG10)
special("cbrt", lambda out, x: 1.0 / (3.0 * out * out), domain=[_POSITIVE])
special("cosm1", lambda out, x: -np.sin(x))
special("sindg", lambda out, x: _DEGREE * sp.cosdg(x), domain=[(-90.0, 90.0)])
special("cosdg", lambda out, x: -_DEGREE * sp.sindg(x), domain=[(-90.0, 90.0)])
special("tandg", lambda out, x: _DEGREE * (1.0 + out * out), domain=[(-60.0, 60.0)])
special("cotdg", lambda out, x: -_DEGREE * (1.0 + out * out), domain=[(20.0, 160.0)])
special(
    "radian",
    lambda out, d, m, s: _DEGREE,
    lambda out, d, m, s: _DEGREE / 60.0,
    lambda out, d, m, s: _DEGREE / 3600.0,
    domain=[(1.0, 9.0)],
)


def exprel_slope(t: Array) -> Array:
    """Return the derivative of (exp(t) - 1)/t."""
    # Near 0 the quotient cancels; far from it ₁F₁ takes SciPy for ever.
    near = np.absolute(t) < 1.0
    far = np.where(near, 1.0, t)
    quotient = (np.exp(far) * (far - 1.0) + 1.0) / (far * far)
    return np.where(near, 0.5 * sp.hyp1f1(2.0, 3.0, np.where(near, t, 0.0)), quotient)


def _log_times(log: Array, lmbda: Array) -> Array:
    """Return the derivative of (exp(λ log) - 1)/λ with respect to λ."""
    end = (log == -np.inf) & (lmbda > 0)
    inside = np.where(end, 0.0, log)
    slope = inside * inside * exprel_slope(lmbda * inside)
    return np.where(end, 1.0 / np.where(end, lmbda * lmbda, 1.0), slope)


special("exprel", lambda out, x: exprel_slope(x))
special(
    "powm1",
    lambda out, x, y: power_by_base(np.power(x, y), x, y),
    lambda out, x, y: power_by_exponent(np.power(x, y), x, y),
    domain=[_POSITIVE, (-2.0, 2.0)],
)
special(
    "boxcox",
    lambda out, x, lmbda: np.power(x, lmbda - 1.0),
    lambda out, x, lmbda: _log_times(np.log(x), lmbda),
    domain=[_POSITIVE, (-1.0, 1.0)],
    partly=True,
)
special(
    "boxcox1p",
    lambda out, x, lmbda: np.exp((lmbda - 1.0) * np.log1p(x)),
    lambda out, x, lmbda: _log_times(np.log1p(x), lmbda),
    domain=[(-0.5, 2.0), (-1.0, 1.0)],
    partly=True,
)
# The inverses by the derivatives of what they invert.
special(
    "inv_boxcox",
    lambda out, y, lmbda: np.power(out, 1.0 - lmbda),
    lambda out, y, lmbda: -_log_times(np.log(out), lmbda) * np.power(out, 1.0 - lmbda),
    domain=[(-0.8, 0.8), (-1.0, 1.0)],
    partly=True,
)
special(
    "inv_boxcox1p",
    lambda out, y, lmbda: np.exp((1.0 - lmbda) * np.log1p(out)),
    lambda out, y, lmbda: -_log_times(np.log1p(out), lmbda) * np.exp((1.0 - lmbda) * np.log1p(out)),
    domain=[(-0.8, 0.8), (-1.0, 1.0)],
    partly=True,
)


def _alike(y: Array, out: Array) -> Array:
    """Return a number as a complex one where the result is."""
    return y + 0j if np.iscomplexobj(out) and not np.iscomplexobj(y) else y


def _xlogy_by_y(x: Array, y: Array, zero: Array) -> Array:
    """Return x / y, and 0 where the logarithm of `zero` is nothing times minus infinity."""
    return x / np.where((x == 0) & zero, 1.0, y)


special(
    "xlogy",
    lambda out, x, y: np.log(_alike(y, out)),
    lambda out, x, y: _xlogy_by_y(x, y, y == 0),
    domain=[(-2.0, 2.0), _POSITIVE],
    complex=True,
    partly=True,
)
special(
    "xlog1py",
    lambda out, x, y: np.log1p(_alike(y, out)),
    lambda out, x, y: _xlogy_by_y(x, 1.0 + y, y == -1),
    domain=[(-2.0, 2.0), _POSITIVE],
    complex=True,
    partly=True,
)
special("entr", lambda out, x: -np.log(x) - 1.0, domain=[_POSITIVE], partly=True)
special(
    "rel_entr",
    lambda out, x, y: np.log(x / y) + 1.0,
    lambda out, x, y: -_xlogy_by_y(x, y, y == 0),
    domain=[_POSITIVE],
    partly=True,
)


def _log_ratio(x: Array, y: Array) -> Array:
    # The quotient of two that are close is rounded; their difference is not.
    close = (0.5 * y <= x) & (x <= 2.0 * y) & (y > 0)
    distant, nearby = np.where(close, 1.0, x) / np.where(close, 1.0, y), np.where(close, y, 1.0)
    return np.where(close, np.log1p(np.where(close, x - y, 0.0) / nearby), np.log(distant))


special(
    "kl_div",
    lambda out, x, y: _log_ratio(x, y),
    lambda out, x, y: (y - x) / np.where((x == 0) & (y == 0), 1.0, y),
    domain=[_POSITIVE],
    partly=True,
)


def _pseudo_huber_residual(out: Array, delta: Array, r: Array) -> Array:
    length = np.hypot(delta, r)
    return r * (delta / np.where(length == 0, 1.0, length))


def _pseudo_huber_delta(out: Array, delta: Array, r: Array) -> Array:
    # δ (2 (s - 1) - u²/s) with u = r/δ and s = √(1 + u²), without the differences.
    length = np.hypot(delta, r)
    length = np.where(length == 0, 1.0, length)
    share = r / (length + delta)
    return r * share * share * (r / length)


special(
    "huber",
    lambda out, delta, r: np.maximum(np.absolute(r) - delta, 0.0),
    lambda out, delta, r: np.where(delta == 0, 0.0, np.maximum(np.minimum(r, delta), -delta)),
    domain=[(0.5, 1.0), (-2.0, 2.0)],
    partly=True,
)
special(
    "pseudo_huber", _pseudo_huber_delta, _pseudo_huber_residual, domain=[_POSITIVE], partly=True
)


def _wright_omega(out: Array, z: Array) -> Array:
    return out / (1.0 + out)


special("wrightomega", _wright_omega, complex=True)
special(
    "_lambertw",
    lambda out, z, k, tol: np.exp(-out) / (1.0 + out),
    "k",
    "tol",
    domain=[_POSITIVE, (0, 0), (1e-8, 1e-8)],
    complex=True,
)
