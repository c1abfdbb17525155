"""GradBench's evals: the derivative that each asks for, in plain NumPy, by hand where it is short.

What descends (particle, saddle) is here by the gradient that each of its steps takes.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from scipy.special import multigammaln

from benchmarks.gradbench.evals.inputs import cameras, hand, letters
from benchmarks.gradbench.evals.models import (
    cost,
    log_posterior,
    log_posterior_of_factors,
    loss,
)
from benchmarks.gradbench.evals.nested import height, potential
from benchmarks.gradbench.evals.vectors import (
    expansion,
    least_squares,
    log_sum_exp,
    runge_kutta,
    square,
)
from benchmarks.gradbench.evals.vision import distances, distances_from, reprojection, skinned
from benchmarks.workloads.workload import Workload
from compare.engines.rebound import Library, rebound

__all__ = ["GRADBENCH"]

Function = Callable[..., Any]


def _of_library(f: Function) -> Function:
    """Return a function whose first argument is the array library that it calls."""
    copies = cache(lambda xp: rebound(f, Library(xp)))
    return lambda xp, *inputs: (f if xp is np else copies(xp))(*inputs)


def _of_torch(f: Function) -> Function:
    @cache
    def copied() -> Function:
        # late: it imports PyTorch
        from compare.engines.peers.torch_numpy import TorchNumPy

        stand = TorchNumPy()
        return rebound(f, Library(stand, stand.constant))

    return lambda torch, *inputs: copied()(*inputs)


def _square_by_hand(x: float) -> Any:
    return x * x, (2 * x,)


def _log_sum_exp_by_hand(x: Any) -> Any:
    high = np.max(x)
    e = np.exp(x - high)
    total = np.sum(e)
    return high + np.log(total), (e / total,)


def _least_squares_by_hand(x: Any, powers: Any, signs: Any) -> Any:
    left = powers @ x - signs
    return 0.5 * np.sum(left**2), (powers.T @ left,)


def _mixture(alpha: Any, mu: Any, q: Any, below: Any, x: Any) -> Any:
    return log_posterior(alpha, mu, q, below, x, 0, 1.0)


def _places(d: int) -> Any:
    """Return where each entry of a factor stands in its diagonal, the columns under it, and a 0."""
    columns, rows = np.triu_indices(d, 1)
    places = np.full((d, d), d + len(rows))
    places[np.arange(d), np.arange(d)] = np.arange(d)
    places[rows, columns] = np.arange(d, d + len(rows))
    return places


_PLACES = _places(
    32
)  # made before: where a library's own arrays stand for NumPy's, none is written


def _gathered_mixture(alpha: Any, mu: Any, q: Any, below: Any, x: Any) -> Any:
    """Return `_mixture` in 32 dimensions for arrays that cannot be written into."""
    entries = np.concatenate([np.exp(q), below, np.zeros((len(mu), 1))], axis=1)
    return log_posterior_of_factors(alpha, mu, q, entries[:, _PLACES], x, 0, 1.0)


def _mixture_by_hand(alpha: Any, mu: Any, q: Any, below: Any, x: Any) -> Any:
    (k, d), n = mu.shape, len(x)
    columns, rows = np.triu_indices(d, 1)
    places, diagonal = np.arange(d), np.exp(q)
    lower = np.zeros((k, d, d))
    lower[:, rows, columns] = below
    lower[:, places, places] = diagonal
    centred = x - mu[:, None]
    scaled = centred @ lower.transpose(0, 2, 1)
    beta = (alpha + np.sum(q, axis=1))[:, None] - 0.5 * np.sum(scaled**2, axis=2)
    top, top_alpha = np.max(beta, axis=0), np.max(alpha)
    log_sum = top + np.log(np.sum(np.exp(beta - top), axis=0))
    log_sum_alpha = top_alpha + np.log(np.sum(np.exp(alpha - top_alpha)))
    constant = k * (-0.5 * (d + 1) * d * np.log(2) - multigammaln(0.5 * (d + 1), d))
    likelihood = np.sum(log_sum) - n * log_sum_alpha - 0.5 * n * d * np.log(2 * np.pi)
    weights = np.exp(beta - log_sum)
    total = np.sum(weights, axis=1)
    scaled_bar = -weights[:, :, None] * scaled
    lower_bar = scaled_bar.transpose(0, 2, 1) @ centred - lower
    return likelihood - 0.5 * np.sum(lower**2) + constant, (
        total - n * np.exp(alpha - log_sum_alpha),
        -np.sum(scaled_bar @ lower, axis=1),
        total[:, None] + lower_bar[:, places, places] * diagonal,
        lower_bar[:, rows, columns],
    )


def _last(s: int, x: Any) -> Any:
    return runge_kutta(x, s)[-1]


def _last_by_hand(s: int, x: Any) -> Any:
    last = _last(s, x)
    return last, (last / x,)  # it is a multiple of the product of all entries


def _clusters_by_hand(centroids: Any, points: Any) -> Any:
    squares = np.sum(centroids**2, axis=1) - 2 * points @ centroids.T
    chosen = np.eye(len(centroids))[np.argmin(squares, axis=1)]
    slope = 2 * (np.sum(chosen, axis=0)[:, None] * centroids - chosen.T @ points)
    return np.sum(np.min(squares, axis=1)) + np.sum(points**2), (slope,)


def _determinant_by_hand(a: Any) -> Any:
    value = np.linalg.det(a)
    return value, (value * np.linalg.inv(a).T,)


def _across(cameras: Any, points: Any, weights: Any, features: Any) -> Any:
    """Return the sum of errors whose gradient holds the first row of each block."""
    return np.sum(reprojection(cameras, points, weights, features)[:, 0])


def _potential_by_hand(right: float, up: float, w: float) -> Any:
    aside, above = right - 10, up - 10 + w
    far, near = 1 / np.sqrt(aside**2 + above**2), 1 / np.sqrt(aside**2 + up**2)
    slopes = -aside * (far**3 + near**3), -above * far**3 - up * near**3
    return float(far + near), tuple(map(float, slopes))


def _height_by_hand(x: Any, y: Any) -> Any:
    return np.sum(x**2) - np.sum(y**2), (2 * x, -2 * y)


def _draw_polynomial(n: int, m: int, rng: np.random.Generator) -> dict[str, Any]:
    t = np.linspace(-1, 1, n)
    return {"x": rng.random(m), "powers": np.vander(t, m, increasing=True), "signs": np.sign(t)}


def _draw_mixture(n: int, k: int, d: int, rng: np.random.Generator) -> dict[str, Any]:
    return {
        "alpha": rng.normal(size=k),
        "mu": rng.random((k, d)),
        "q": 0.1 * rng.normal(size=(k, d)),
        "below": 0.1 * rng.normal(size=(k, d * (d - 1) // 2)),
        "x": rng.normal(size=(n, d)),
    }


def _draw_clusters(n: int, k: int, d: int, rng: np.random.Generator) -> dict[str, Any]:
    points = rng.random((n, d))
    return {"centroids": points[-k:].copy(), "points": points}


def _workload(
    name: str,
    meaning: str,
    f: Function,
    draw: Any,
    wrt: str,
    by_hand: Any = None,
    unwritten: Function | None = None,
    **more: Any,
) -> Workload:
    """Return a workload; `unwritten` is the function for arrays that cannot be written into."""
    idioms = {"torch": _of_torch(f)}
    if unwritten is not None:
        idioms |= dict.fromkeys(("jax", "autograd"), _of_library(unwritten))
    return Workload(
        name=f"gradbench-{name}",
        meaning=meaning,
        operations=0,
        function=_of_library(f),
        idioms=idioms,
        hand=by_hand,
        draw=draw,
        wrt=tuple(wrt.split()),
        group="gradbench",
        **more,
    )


def _seen(rng: np.random.Generator) -> dict[str, Any]:
    views, points, weights, features, camera, point = cameras(49, 7776, 31843, rng)
    seen = views[camera], points[point], weights, features
    return dict(zip(("cameras", "points", "weights", "features"), seen, strict=True))


_HAND = hand(100, False)


def _of_hand(us: Any, data: Any) -> Function:
    return lambda theta: distances(theta, us, data)


def _fingers(bones: int) -> tuple[Any, Any]:
    """Return matrices from the parameters of fingers to the angles by which bones bend, spread."""
    bend, spread, places = np.zeros((bones, 20)), np.zeros((bones, 20)), np.arange(20).reshape(5, 4)
    bent = 2 + np.arange(5)[:, None] * 4 + np.arange(3)
    bend[bent, places[:, [0, 2, 3]]] = 1.0
    spread[bent[:, 0], places[:, 1]] = 1.0
    return bend, spread


_BEND, _SPREAD = _fingers(len(_HAND[2]["parents"]))


def _posed_hand(theta: Any) -> Any:
    """Return the distances of a hand for arrays that cannot be written into, and no branches."""
    spread, bend = _SPREAD @ theta[6:], _BEND @ theta[6:]
    none, one = np.zeros_like(bend), np.ones_like(bend)
    c, s = np.cos(spread), np.sin(spread)
    rows = [
        [c, -s, none, none],
        [s, c, none, none],
        [none, none, one, none],
        [none, none, none, one],
    ]
    spread_by = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    c, s = np.cos(bend), np.sin(bend)
    rows = [
        [one, none, none, none],
        [none, c, -s, none],
        [none, s, c, none],
        [none, none, none, one],
    ]
    bent_by = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    angle = np.sqrt(np.sum(theta[:3] ** 2))
    x, y, z = theta[0] / angle, theta[1] / angle, theta[2] / angle
    zero = 0.0 * x
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)
    axis = np.stack([x, y, z])
    cosine = np.cos(angle)
    rotation = (
        cosine * np.eye(3) + np.sin(angle) * cross + (1 - cosine) * axis[:, None] * axis[None, :]
    )
    found = skinned(spread_by @ bent_by, rotation, theta[3:6], _HAND[2])
    return distances_from(found, _HAND[1], _HAND[2])


#: Every eval by its name.
GRADBENCH: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        _workload("hello", "square of a number", square, lambda rng: {"x": 1.5}, "x",
                  _square_by_hand),
        _workload("lse", "log-sum-exp of 1,000,000 numbers", log_sum_exp,
                  lambda rng: {"x": rng.random(1_000_000)}, "x", _log_sum_exp_by_hand),
        _workload("llsq", "least squares, 4,096 rows, 128 parameters", least_squares,
                  partial(_draw_polynomial, 4096, 128), "x", _least_squares_by_hand),
        _workload("gmm", "mixture of 25 Gaussians in 32 dimensions, 1,000 samples", _mixture,
                  partial(_draw_mixture, 1000, 25, 32), "alpha mu q below", _mixture_by_hand,
                  _gathered_mixture),
        _workload("ode", "60 equations, 20 steps of Runge and Kutta", partial(_last, 20),
                  lambda rng: {"x": 0.5 + rng.random(60)}, "x", partial(_last_by_hand, 20)),
        _workload("kmeans", "10 clusters of 10,000 points in 64 dimensions", cost,
                  partial(_draw_clusters, 10_000, 10, 64), "centroids", _clusters_by_hand),
        _workload("det", "determinant of 10 rows, by minors", expansion,
                  lambda rng: {"a": rng.random((10, 10))}, "a", _determinant_by_hand),
        _workload("lstm", "2 layers, 20 letters of 14 bits", loss, partial(letters, 2, 20),
                  "main extra"),
        _workload("ba", "49 cameras, 7,776 points, 31,843 observations: a row of each block",
                  _across, _seen, "cameras points weights"),
        _workload("ht", "hand of 544 vertices, 100 points: its Jacobian", _of_hand(*_HAND[1:]),
                  lambda rng: {"theta": _HAND[0]}, "theta", None, _posed_hand,
                  derivative="jacobian"),
        _workload("particle", "potential of two charges: its slope", potential,
                  lambda rng: {"right": 1.0, "up": 7.0, "w": 0.2}, "right up",
                  _potential_by_hand),
        _workload("saddle", "difference of two squared norms", height,
                  lambda rng: {"x": rng.normal(size=2), "y": rng.normal(size=2)}, "x y",
                  _height_by_hand),
    )
}  # fmt: skip
