"""Stability: saturation, cancellation, huge and tiny numbers."""

import mpmath as mp
import numpy as np

from compare.conformance.case import Case, exact

__all__ = ["CASES"]


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _sigmoid_slope(x):
    return mp.exp(-x) / (1 + mp.exp(-x)) ** 2


def _log_sum_exp(x):
    high = np.max(x)
    return high + np.log(np.sum(np.exp(x - high)))


def _softmax_entry(x):
    e = np.exp(x - np.max(x))
    return (e / np.sum(e))[0]


def _softmax_slope(x):
    with mp.workdps(65):
        e = [mp.exp(mp.mpf(v) - max(x)) for v in x]
        p = [v / sum(e) for v in e]
        return np.array([p[0] * ((i == 0) - p[i]) for i in range(len(x))], object)


def _shares(x):
    with mp.workdps(65):
        e = [mp.exp(mp.mpf(v) - max(x)) for v in x]
        return np.array([v / sum(e) for v in e], object)


_POINTS = (0.0, 1.5, -1.5, 30.0, -30.0, 1000.0, -1000.0)
_LOGITS = ([0.0, 1.0, 2.0], [1000.0, 0.0, -1000.0], [1e6, 1e6, 1e6], [-1e6, -1e6 + 1, -1e6])


def _of(name, function, x, truth, **more):
    return Case(name, function, (x,), (truth,), **more)


#: A name, the stable form that people write, its derivative, and points.
_SCALAR = [
    ("logistic function", _sigmoid, _sigmoid_slope, _POINTS),
    (
        "softplus by logaddexp",
        lambda x: np.logaddexp(0, x),
        lambda x: 1 / (1 + mp.exp(-x)),
        _POINTS,
    ),
    (
        "softplus by log1p",
        lambda x: np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0),
        lambda x: 1 / (1 + mp.exp(-x)),
        _POINTS[1:],
    ),
    ("log-sigmoid", lambda x: -np.logaddexp(0, -x), lambda x: 1 / (1 + mp.exp(x)), _POINTS),
    (
        "binary cross-entropy with logits",
        lambda x: np.maximum(x, 0) - x * 0.3 + np.log1p(np.exp(-np.abs(x))),
        lambda x: 1 / (1 + mp.exp(-x)) - mp.mpf(0.3),
        _POINTS[1:],
    ),
    ("log(1 + x) by log1p", lambda x: np.log1p(x), lambda x: 1 / (1 + x), (1e-300, 1e-16, 1e16)),
    ("exp(x) - 1 by expm1", lambda x: np.expm1(x), lambda x: mp.exp(x), (1e-300, 1e-16, -50.0)),
    (
        "gelu by tanh",
        lambda x: 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3))),
        lambda x: mp.diff(
            lambda t: (
                mp.mpf(0.5)
                * t
                * (1 + mp.tanh(mp.mpf(0.7978845608) * (t + mp.mpf(0.044715) * t**3)))
            ),
            x,
        ),
        (0.0, 1.5, -1.5),
    ),
    (
        "x² / (1 + x²)",
        lambda x: x**2 / (1 + x**2),
        lambda x: 2 * x / (1 + x**2) ** 2,
        (0.0, 1e3, 1e-160),
    ),
    (
        "1 - cos(x) by its half angle",
        lambda x: 2 * np.sin(x / 2) ** 2,
        lambda x: mp.sin(x),
        (1e-8, 1e-160, 1.0),
    ),
]

CASES = (
    [
        _of(f"{name} at {x:g}", function, x, exact(slope, x), atol=3e-16)
        for name, function, slope, points in _SCALAR
        for x in points
    ]
    + [
        _of(f"log-sum-exp of {x}", _log_sum_exp, np.array(x), _shares(x), atol=1e-16)
        for x in _LOGITS
    ]
    + [
        _of(f"softmax of {x}", _softmax_entry, np.array(x), _softmax_slope(x), atol=1e-16)
        for x in _LOGITS
    ]
    + [
        _of(
            "log-sum-exp with -inf",
            lambda x: np.logaddexp.reduce(x),
            np.array([0.0, -np.inf]),
            np.array([1.0, 0.0]),
            why="a term of probability 0",
        ),
        _of(
            "norm of huge numbers",
            lambda x: np.hypot(x[0], x[1]),
            np.array([3e200, 4e200]),
            np.array([0.6, 0.8]),
        ),
        _of(
            "norm of tiny numbers",
            lambda x: np.hypot(x[0], x[1]),
            np.array([3e-200, 4e-200]),
            np.array([0.6, 0.8]),
        ),
        _of(
            "mean of huge numbers",
            lambda x: np.mean(x),
            np.array([1e307, 1e307]),
            np.array([0.5, 0.5]),
        ),
        _of(
            "variance far from 0",
            lambda x: np.var(x),
            1e8 + np.array([1.0, 2.0, 6.0]),
            np.array([-4.0 / 3, -2.0 / 3, 2.0]),
            rtol=1e-7,
        ),
        _of("prod of 400 factors", lambda x: np.prod(x), np.full(400, 1.0), np.ones(400)),
        _of("a gradient of exactly 0", lambda x: np.sum((x - 1.0) ** 2), np.ones(3), np.zeros(3)),
    ]
)
