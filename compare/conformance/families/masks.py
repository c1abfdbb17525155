"""Masks and guards: what is not taken contributes nothing, whatever its own derivative is."""

import numpy as np

from compare.conformance.case import Case

__all__ = ["CASES"]

_GUARD = "the NaN or infinity of the branch that is not taken must not leak: 0 · inf"
_SUMMED = "what was broadcast is summed back into the shape of the argument"
_MIXED = np.array([-1.0, 0.0, 2.0])


def _of(name, function, x, truth, why=_GUARD, **more):
    return Case(name, function, (x,), (np.asarray(truth, float)[()],), why=why, **more)


def _safe_sqrt(x):
    return np.sum(np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0))


def _by_index(x):
    y = np.zeros(3)
    y = np.where(x > 0, x, y)
    return np.sum(y[y > 0] ** 2)


def _branch(x):
    return x * np.log(x) if x > 0 else 0.0 * x


CASES = [
    _of(
        "where(x > 0, sqrt(x), 0)",
        lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)),
        _MIXED,
        [0.0, 0.0, 0.5 / np.sqrt(2.0)],
    ),
    _of(
        "where(x > 0, log(x), x)",
        lambda x: np.sum(np.where(x > 0, np.log(np.abs(x)), x)),
        _MIXED,
        [1.0, 1.0, 0.5],
    ),
    _of(
        "where(x > 0, x log x, 0)",
        lambda x: np.sum(np.where(x > 0, x * np.log(x), 0.0)),
        _MIXED,
        [0.0, 0.0, np.log(2.0) + 1],
    ),
    _of(
        "where(x < 10, exp(x), x)",
        lambda x: np.sum(np.where(x < 10, np.exp(x), x)),
        np.array([1.0, 1000.0]),
        [np.e, 1.0],
    ),
    _of(
        "where(x != 0, sin(x)/x, 1)",
        lambda x: np.sum(np.where(x != 0, np.sin(x) / x, 1.0)),
        np.array([0.0, np.pi]),
        [0.0, -1 / np.pi],
    ),
    _of(
        "where(x > 0, 1/x, 0)",
        lambda x: np.sum(np.where(x > 0, 1 / x, 0.0)),
        np.array([0.0, 2.0]),
        [0.0, -0.25],
    ),
    _of("where of a safe argument", _safe_sqrt, _MIXED, [0.0, 0.0, 0.5 / np.sqrt(2.0)]),
    _of(
        "where(c, x, y) by a scalar",
        lambda x: np.where(True, x, 0.0) * 3,
        2.0,
        3.0,
        why="a mask that is a number",
    ),
    _of(
        "where of a scalar and an array",
        lambda x: np.sum(np.where(np.array([True, False]), x, 0.0)),
        2.0,
        1.0,
        why=_SUMMED,
    ),
    _of(
        "where broadcasts",
        lambda x: np.sum(np.where(np.array([[True], [False]]), x, 2 * x)),
        np.ones(3),
        np.full(3, 3.0),
        why=_SUMMED,
    ),
    _of(
        "where(mask, x, inf) and a minimum",
        lambda x: np.min(np.where(np.array([True, False, True]), x, np.inf)),
        np.array([3.0, 1.0, 2.0]),
        [0.0, 0.0, 1.0],
    ),
    _of(
        "multiplied by a mask",
        lambda x: np.sum(x**2 * np.array([1.0, 0.0, 1.0])),
        np.array([1.0, 2.0, 3.0]),
        [2.0, 0.0, 6.0],
    ),
    _of(
        "a boolean index",
        lambda x: np.sum(x[np.array([True, False, True])] ** 2),
        np.array([1.0, 2.0, 3.0]),
        [2.0, 0.0, 6.0],
    ),
    _of(
        "a boolean index of the argument itself",
        lambda x: np.sum(x[x > 0] ** 2),
        _MIXED,
        [0.0, 0.0, 4.0],
    ),
    _of("a mask made on the way", _by_index, _MIXED, [0.0, 0.0, 4.0]),
    _of(
        "select",
        lambda x: np.sum(np.select([x < 0, x > 1], [-x, x**2], 5.0)),
        _MIXED,
        [-1.0, 0.0, 4.0],
    ),
    _of("piecewise by a branch, taken", _branch, 2.0, np.log(2.0) + 1),
    _of("piecewise by a branch, not taken", _branch, -2.0, 0.0),
    _of(
        "nansum",
        lambda x: np.nansum(x**2),
        np.array([1.0, np.nan, 3.0]),
        [2.0, 0.0, 6.0],
        why="a missing value has no weight",
    ),
    _of("nanmean", lambda x: np.nanmean(x), np.array([1.0, np.nan, 3.0]), [0.5, 0.0, 0.5]),
    _of("nanmax", lambda x: np.nanmax(x), np.array([1.0, np.nan, 3.0]), [0.0, 0.0, 1.0]),
    _of("nan_to_num", lambda x: np.sum(np.nan_to_num(x) ** 2), np.array([1.0, np.nan]), [2.0, 0.0]),
    _of(
        "sum(where=)",
        lambda x: np.sum(x**2, where=np.array([True, False, True])),
        np.array([1.0, 2.0, 3.0]),
        [2.0, 0.0, 6.0],
        why="what is left out of the sum has no share",
    ),
    _of(
        "maximum(x, 0) of NaN kept apart",
        lambda x: np.sum(np.where(np.isnan(x), 0.0, x**2)),
        np.array([np.nan, 3.0]),
        [0.0, 6.0],
    ),
    _of(
        "xlogx at 0 behind where, second argument",
        lambda x: np.sum(np.where(x == 0, 0.0, x * np.log(np.where(x == 0, 1.0, x)))),
        np.array([0.0, 1.0]),
        [0.0, 1.0],
    ),
    Case(
        "where(x > 0, sqrt(x), 0), second order",
        lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)),
        (np.array([-1.0, 4.0]),),
        (np.array([0.0, -1.0 / 32]),),
        order=2,
        why=_GUARD,
    ),
    Case(
        "where(x > 0, x log x, 0), second order",
        lambda x: np.sum(np.where(x > 0, x * np.log(x), 0.0)),
        (np.array([-1.0, 4.0]),),
        (np.array([0.0, 0.25]),),
        order=2,
        why=_GUARD,
    ),
]
