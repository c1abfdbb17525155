"""Whole matrices of derivatives: Jacobians of two models, the Hessian of a regression."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload
from compare.problems.problem import Gradients, Inputs

__all__ = ["fit", "regression", "rotations"]


def _fit(xp: Any, t: Any, p: Any) -> Any:
    half = len(p) // 2
    return xp.exp(-t[:, None] * p[half:]) @ p[:half]


def _fit_by_hand(t: Any, p: Any) -> tuple[float, Gradients]:
    half = len(p) // 2
    decays = np.exp(-t[:, None] * p[half:])
    return 0.0, {"p": np.concatenate([decays, -t[:, None] * decays * p[:half]], axis=1)}


def _draw_fit(rows: int, parameters: int, rng: np.random.Generator) -> Inputs:
    return {"t": 3.0 * rng.random(rows), "p": 0.5 + rng.random(parameters)}


def fit(rows: int = 1000, parameters: int = 10) -> Workload:
    """Return the Jacobian of a sum of exponentials, as a fit of least squares needs it."""
    return Workload(
        name="fit",
        meaning=f"Jacobian {rows} × {parameters} of a sum of exponentials",
        operations=0,
        group="general",
        derivative="jacobian",
        function=_fit,
        hand=_fit_by_hand,
        draw=partial(_draw_fit, rows, parameters),
        wrt=("p",),
    )


def _regression(xp: Any, x: Any, w: Any) -> Any:
    return xp.mean(xp.log1p(xp.exp(-(x @ w)))) + 0.05 * xp.sum(w * w)


def _regression_by_hand(x: Any, w: Any) -> tuple[float, Gradients]:
    s = 1.0 / (1.0 + np.exp(-(x @ w)))
    weights = s * (1.0 - s) / len(x)
    return 0.0, {"w": x.T @ (weights[:, None] * x) + 0.1 * np.eye(len(w))}


def _draw_regression(rows: int, parameters: int, rng: np.random.Generator) -> Inputs:
    x = rng.standard_normal((rows, parameters))
    return {"x": x, "w": rng.standard_normal(parameters) / parameters**0.5}


def regression(rows: int = 500, parameters: int = 50) -> Workload:
    """Return the Hessian of a logistic regression."""
    return Workload(
        name="regression",
        meaning=f"Hessian of a logistic regression of {parameters} parameters, {rows} rows",
        operations=0,
        group="general",
        derivative="hessian",
        function=_regression,
        hand=_regression_by_hand,
        draw=partial(_draw_regression, rows, parameters),
        wrt=("w",),
    )


def _rotation(xp: Any, v: Any) -> Any:
    """Return the matrix of a rotation, by the formula of Rodrigues."""
    angle = xp.sqrt(v @ v)
    x, y, z = v[0] / angle, v[1] / angle, v[2] / angle
    o = x * 0.0
    k = xp.stack([o, -z, y, z, o, -x, -y, x, o]).reshape(3, 3)
    eye = xp.eye(3, dtype=xp.float64)
    return eye + xp.sin(angle) * k + (1.0 - xp.cos(angle)) * (k @ k)


def _rotations(xp: Any, points: Any, p: Any) -> Any:
    moved = points
    for i in range((len(p) - 2) // 3):
        moved = moved @ _rotation(xp, p[3 * i : 3 * i + 3]).T
    return (p[-2] * moved + p[-1]).reshape(-1)


def _skew(v: Any) -> Any:
    x, y, z = v.tolist()
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def _rotations_by_hand(points: Any, p: Any) -> tuple[float, Gradients]:
    """Return the Jacobian, the derivative of a rotation as in Gallego and Yezzi (2015), eq. 9."""
    count = (len(p) - 2) // 3
    matrices, slopes = [], []
    for v in p[:-2].reshape(count, 3):
        square = v @ v
        angle = np.sqrt(square)
        k = _skew(v / angle)
        r = np.eye(3) + np.sin(angle) * k + (1.0 - np.cos(angle)) * (k @ k)
        rest = np.eye(3) - r
        matrices.append(r)
        slopes.append(
            [(v[j] * _skew(v) + _skew(np.cross(v, rest[:, j]))) @ r / square for j in range(3)]
        )
    columns = np.empty((points.size, len(p)))
    after = np.eye(3)
    behind = []
    for r in reversed(matrices):
        behind.append(after)
        after = after @ r
    before = points
    for i, r in enumerate(matrices):
        for j in range(3):
            turned = before @ (behind[count - 1 - i] @ slopes[i][j]).T
            columns[:, 3 * i + j] = p[-2] * turned.reshape(-1)
        before = before @ r.T
    columns[:, -2] = before.reshape(-1)
    columns[:, -1] = 1.0
    return 0.0, {"p": columns}


def _draw_rotations(points: int, count: int, rng: np.random.Generator) -> Inputs:
    return {
        "points": rng.standard_normal((points, 3)),
        "p": np.concatenate([0.5 * rng.standard_normal(3 * count), [1.5, 0.2]]),
    }


def rotations(points: int = 100, count: int = 8) -> Workload:
    """Return the Jacobian of points that a chain of rotations moves, with a scale and an offset."""
    return Workload(
        name="rotations",
        meaning=f"Jacobian {3 * points} × {3 * count + 2} of a chain of {count} rotations",
        operations=0,
        group="general",
        derivative="jacobian",
        function=_rotations,
        hand=_rotations_by_hand,
        draw=partial(_draw_rotations, points, count),
        wrt=("p",),
    )
