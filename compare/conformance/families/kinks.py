"""Kinks: what is right where a function has no derivative, and where it has one nevertheless."""

import numpy as np

from compare.conformance.case import Case

__all__ = ["CASES"]

_ZERO3 = np.zeros(3)
#: Where a library documents which one it takes: PyTorch, Autograd mechanics, "Gradients for
#: non-differentiable functions": the subgradient of minimum norm, else by continuity.
_SUBGRADIENT = "a subgradient (Clarke 1983, Optimization and Nonsmooth Analysis, 2.1)"
_CONTINUED = "by continuity (PyTorch, Autograd mechanics)"
_GENERALISED = (
    "an element of the generalised second derivative of a function with a Lipschitz gradient "
    "(Hiriart-Urruty, Strodiot and Nguyen 1984)"
)


def _first(name, function, x, *right, reason=_SUBGRADIENT, **more):
    """Return a case without a derivative, and what is right all the same."""
    conventions = {f"{reason}: {np.asarray(r).tolist()}": (r,) for r in right}
    return Case(name, function, (x,), None, conventions, **more)


def _second(name, function, x, truth, **more):
    return Case(name, function, (x,), (np.asarray(truth, float)[()],), order=2, **more)


def _no_second(name, function, x, *right, reason=_GENERALISED, **more):
    conventions = {f"{reason}: {r}": (np.asarray(r, float)[()],) for r in right}
    return Case(name, function, (x,), None, conventions, order=2, **more)


def _smooth(name, function, x, truth, **more):
    return Case(name, function, (x,), (np.asarray(truth, float)[()],), **more)


_TIES = "whatever the shares of two that tie, they add up to 1"
_NEWTON = "a Newton step from here goes nowhere if the second derivative is 0"

_FIRST = [
    _first(
        "abs at 0", lambda x: np.abs(x), 0.0, 0.0, 1.0, -1.0, why="1 in JAX (jax-ml/jax #37820)"
    ),
    _first("relu at 0", lambda x: np.maximum(x, 0.0), 0.0, 0.0, 1.0, 0.5),
    _first("clip at its lower edge", lambda x: np.clip(x, 0.0, 1.0), 0.0, 0.0, 1.0, 0.5),
    _first("clip at its upper edge", lambda x: np.clip(x, 0.0, 1.0), 1.0, 0.0, 1.0, 0.5),
    _first("sqrt at 0", lambda x: np.sqrt(x), 0.0, np.inf, reason=_CONTINUED),
    _first("norm at 0", lambda x: np.linalg.norm(x), _ZERO3, _ZERO3),
    _first("cbrt at 0", lambda x: np.cbrt(x), 0.0, np.inf, reason=_CONTINUED),
    _first(
        "max of two that tie",
        lambda x: np.max(x),
        np.array([2.0, 2.0]),
        np.array([0.5, 0.5]),
        np.array([1.0, 0.0]),
        np.array([0.0, 1.0]),
    ),
    _first(
        "min of three that tie",
        lambda x: np.min(x),
        np.array([2.0, 2.0, 2.0]),
        np.full(3, 1 / 3),
        *np.eye(3),
    ),
    _first(
        "maximum of an array with itself shifted",
        lambda x: np.sum(np.maximum(x[1:], x[:-1])),
        np.array([1.0, 1.0, 3.0]),
        np.array([0.5, 0.5, 1.0]),
        np.array([1.0, 0.0, 1.0]),
        np.array([0.0, 1.0, 1.0]),
    ),
    _first("floor at an integer", lambda x: np.floor(x), 2.0, 0.0, reason=_CONTINUED),
    _first("sign at 0", lambda x: np.sign(x), 0.0, 0.0, reason=_CONTINUED),
    _first("hypot at the origin", lambda x: np.hypot(x, 0.0), 0.0, 0.0, 0.5, 1.0),
    _first("std of equal numbers", lambda x: np.std(x), np.array([2.0, 2.0, 2.0]), _ZERO3),
    _first("1-norm at 0", lambda x: np.linalg.norm(x, 1), _ZERO3, _ZERO3, np.ones(3)),
    _first(
        "median of an even count with a tie",
        lambda x: np.median(x),
        np.array([1.0, 2.0, 2.0, 5.0]),
        np.array([0.0, 0.5, 0.5, 0.0]),
    ),
]

_SMOOTH = [
    _smooth("abs squared at 0", lambda x: np.abs(x) ** 2, 0.0, 0.0),
    _smooth("x abs(x) at 0", lambda x: x * np.abs(x), 0.0, 0.0),
    _smooth("relu squared at 0", lambda x: np.maximum(x, 0.0) ** 2, 0.0, 0.0),
    _smooth("norm squared at 0", lambda x: np.linalg.norm(x) ** 2, _ZERO3, _ZERO3),
    _smooth("sqrt(x²)² at 0", lambda x: np.sqrt(np.sum(x * x)) ** 2, _ZERO3, _ZERO3),
    _smooth("sqrt(1 + norm²) at 0", lambda x: np.sqrt(1 + np.linalg.norm(x) ** 2), _ZERO3, _ZERO3),
    _smooth("std squared of equal numbers", lambda x: np.std(x) ** 2, np.full(3, 2.0), _ZERO3),
    _smooth("maximum(x, x)", lambda x: np.maximum(x, x), 1.5, 1.0, why=_TIES),
    _smooth("maximum(x, -x)² at 0", lambda x: np.maximum(x, -x) ** 2, 0.0, 0.0),
    _smooth(
        "sum of what is sorted, with ties", lambda x: np.sum(np.sort(x)), np.ones(3), np.ones(3)
    ),
    _smooth("max + min of two that tie", lambda x: np.max(x) + np.min(x), np.ones(2), np.ones(2)),
    _smooth(
        "max + min of two by maximum and minimum",
        lambda x: np.maximum(x[0], x[1]) + np.minimum(x[0], x[1]),
        np.ones(2),
        np.ones(2),
        why=_TIES,
    ),
    _smooth("x ** 1.0 at 0", lambda x: x**1.0, 0.0, 1.0),
    _smooth("x ** 2.0 at 0", lambda x: x**2.0, 0.0, 0.0),
    _smooth("x ** 1.5 at 0", lambda x: x**1.5, 0.0, 0.0),
    _smooth("prod with a zero", lambda x: np.prod(x), np.array([2.0, 0.0, 3.0]), [0.0, 6.0, 0.0]),
    _smooth("prod with two zeros", lambda x: np.prod(x), np.array([0.0, 0.0, 3.0]), _ZERO3),
    _smooth("x * sqrt(x) at 0", lambda x: x * np.sqrt(x), 0.0, 0.0),
]

_RING = np.array([3.0, 4.0])

_SECOND = [
    _second("abs² at 0", lambda x: np.abs(x) ** 2, 0.0, 2.0, why=_NEWTON),
    _second("abs · abs at 0", lambda x: np.abs(x) * np.abs(x), 0.0, 2.0, why=_NEWTON),
    _second("abs³ at 0", lambda x: np.abs(x) ** 3, 0.0, 0.0),
    _second("norm² at 0", lambda x: np.linalg.norm(x) ** 2, _ZERO3, np.full(3, 2.0), why=_NEWTON),
    _second(
        "exp(-norm²) at 0",
        lambda x: np.exp(-(np.linalg.norm(x) ** 2)),
        _ZERO3,
        np.full(3, -2.0),
        why=_NEWTON,
    ),
    _second(
        "sqrt(1 + norm²) at 0",
        lambda x: np.sqrt(1 + np.linalg.norm(x) ** 2),
        _ZERO3,
        np.ones(3),
        why=_NEWTON,
    ),
    _second("sqrt(x·x)² at 0", lambda x: np.sqrt(np.sum(x * x)) ** 2, _ZERO3, np.full(3, 2.0)),
    _second("sqrt(x²)² at 0", lambda x: np.sqrt(x * x) ** 2, 0.0, 2.0),
    _second("hypot² at 0", lambda x: np.hypot(x[0], x[1]) ** 2, np.zeros(2), np.full(2, 2.0)),
    _second(
        "std² of equal numbers, times its weights",
        lambda x: np.std(x * np.array([1.0, 2.0])) ** 2,
        np.array([2.0, 1.0]),
        [-0.5, 1.0],
    ),
    _second("maximum(x, -x)² at 0", lambda x: np.maximum(x, -x) ** 2, 0.0, 2.0, why=_NEWTON),
    _second("1-norm² of one entry at 0", lambda x: np.linalg.norm(x, 1) ** 2, np.zeros(1), [2.0]),
    _second("cos(abs) at 0", lambda x: np.cos(np.abs(x)), 0.0, -1.0),
    _second("cosh(norm) at 0", lambda x: np.cosh(np.linalg.norm(x)), _ZERO3, np.ones(3)),
    _second("sinc at 0", lambda x: np.sinc(x), 0.0, -(np.pi**2) / 3),
    _second("x⁴ at 0", lambda x: x**4, 0.0, 0.0),
    _second("x ** 2.0 at 0", lambda x: x**2.0, 0.0, 2.0),
    _second("logaddexp(x, -x) at 0", lambda x: np.logaddexp(x, -x), 0.0, 1.0),
    _second("norm at (3, 4)", lambda x: np.linalg.norm(x), _RING, [4.0 / 125, -3.0 / 125]),
    _second(
        "prod with a zero",
        lambda x: np.prod(x),
        np.array([2.0, 0.0, 3.0]),
        [3.0, 5.0, 2.0],
        why="a rule that divides by the entries gives NaN",
    ),
    _second(
        "frobenius norm² at 0",
        lambda x: np.linalg.norm(x) ** 2,
        np.zeros((2, 2)),
        np.full((2, 2), 2.0),
    ),
    _second("abs(complex)² at 0", lambda x: np.abs(x + 1j * x) ** 2, 0.0, 4.0),
    _second(
        "huber at 0.3", lambda x: np.where(np.abs(x) < 1, x * x / 2, np.abs(x) - 0.5), 0.3, 1.0
    ),
]

_NO_SECOND = [
    _no_second(
        "abs at 0",
        lambda x: np.abs(x),
        0.0,
        0.0,
        reason=_CONTINUED,
        why="the slope jumps from -1 to 1, and is constant on both sides",
    ),
    _no_second("norm at 0", lambda x: np.linalg.norm(x), _ZERO3),
    _no_second("x abs(x) at 0", lambda x: x * np.abs(x), 0.0, 0.0, 1.0, 2.0, -2.0),
    _no_second("relu² at 0", lambda x: np.maximum(x, 0.0) ** 2, 0.0, 0.0, 0.5, 1.0, 2.0),
    _no_second("sqrt at 0", lambda x: np.sqrt(x), 0.0),
    _no_second("x ** 1.5 at 0", lambda x: x**1.5, 0.0),
]

CASES = (
    _FIRST
    + _SMOOTH
    + [
        Case(f"{c.name}, second order", **{k: v for k, v in vars(c).items() if k != "name"})
        for c in _SECOND
    ]
    + [
        Case(
            f"{c.name}, second order, which is none",
            **{k: v for k, v in vars(c).items() if k != "name"},
        )
        for c in _NO_SECOND
    ]
)
