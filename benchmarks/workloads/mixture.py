"""A Gaussian mixture: the objective that benchmarks of automatic differentiation share.

F. Srajer, Z. Kukelova and A. Fitzgibbon, A benchmark of selected algorithmic differentiation tools
on some problems in computer vision and machine learning, Optimization Methods and Software 33
(2018), section 4.1.
"""

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload
from compare.problems.problem import Gradients, Inputs

__all__ = ["mixture"]

#: Parameters of the Wishart prior.
_GAMMA, _M = 1.0, 0
#: Samples of a block: of these, all that is between the two products fits into the cache.
_BLOCK = 128


@cache
def _lower(d: int) -> tuple[Any, Any]:
    """Return rows and columns of what is below the diagonal, column by column."""
    columns, rows = np.triu_indices(d, 1)
    return rows, columns


@cache
def _places(d: int) -> Any:
    """Return where each entry of a transposed factor stands in diagonal, triangle and a zero."""
    places = np.full((d, d), d + d * (d - 1) // 2)
    places[np.diag_indices(d)] = np.arange(d)
    rows, columns = _lower(d)
    places[columns, rows] = np.arange(d, d + len(rows))
    return places


@cache
def _constant(n: int, d: int, k: int) -> float:
    """Return the part of the value that does not depend on the parameters."""
    freedom = d + _M + 1
    log_gamma = d * (d - 1) / 4 * math.log(math.pi) + sum(
        math.lgamma((freedom - j) / 2) for j in range(d)
    )
    wishart = freedom * d * (math.log(_GAMMA) - 0.5 * math.log(2.0)) - log_gamma
    return -0.5 * n * d * math.log(2.0 * math.pi) - k * wishart


def _log_sum_exp(xp: Any, a: Any) -> Any:
    top = xp.max(a, axis=0)
    return top + xp.log(xp.sum(xp.exp(a - top), axis=0))


def _mixture(xp: Any, alphas: Any, means: Any, factors: Any, x: Any) -> Any:
    """Return the logarithm of the likelihood of samples, with the prior of the factors."""
    (n, d), k = x.shape, len(alphas)
    q, triangle = factors[:, :d], factors[:, d:]
    diagonal = xp.exp(q)
    entries = xp.concatenate([diagonal, triangle, np.zeros((k, 1))], axis=1)
    transposed = entries[:, _places(d)]
    y = xp.matmul(x[None, :, :] - means[:, None, :], transposed)
    log_weights = alphas + xp.sum(q, axis=1)
    inner = log_weights[:, None] - 0.5 * xp.sum(y**2, axis=2)
    prior = 0.5 * _GAMMA**2 * (xp.sum(diagonal**2) + xp.sum(triangle**2)) - _M * xp.sum(q)
    likelihood = xp.sum(_log_sum_exp(xp, inner)) - n * _log_sum_exp(xp, alphas)
    return likelihood + prior + _constant(n, d, k)


def _in_torch(torch: Any, alphas: Any, means: Any, factors: Any, x: Any) -> Any:
    (n, d), k = x.shape, len(alphas)
    q, triangle = factors[:, :d], factors[:, d:]
    diagonal = torch.exp(q)
    rows, columns = _lower(d)
    transposed = torch.diag_embed(diagonal)
    transposed[:, columns, rows] = triangle
    y = torch.bmm(x[None, :, :] - means[:, None, :], transposed)
    inner = (alphas + q.sum(1))[:, None] - 0.5 * y.square().sum(2)
    prior = 0.5 * _GAMMA**2 * (diagonal.square().sum() + triangle.square().sum()) - _M * q.sum()
    likelihood = torch.logsumexp(inner, 0).sum() - n * torch.logsumexp(alphas, 0)
    return likelihood + prior + _constant(n, d, k)


def _by_hand(alphas: Any, means: Any, factors: Any, x: Any) -> tuple[float, Gradients]:
    (n, d), k = x.shape, len(alphas)
    rows, columns = _lower(d)
    q, triangle = factors[:, :d], factors[:, d:]
    diagonal = np.exp(q)
    Q = np.zeros((k, d, d))
    Q[:, range(d), range(d)] = diagonal
    Q[:, rows, columns] = triangle
    centred = x - means[:, None, :]
    y = centred @ Q.transpose(0, 2, 1)
    inner = (alphas + np.sum(q, axis=1))[:, None] - 0.5 * np.sum(y**2, axis=2)
    top = np.max(inner, axis=0)
    log_sum = top + np.log(np.sum(np.exp(inner - top), axis=0))
    top_alpha = np.max(alphas)
    log_sum_alpha = top_alpha + np.log(np.sum(np.exp(alphas - top_alpha)))
    prior = 0.5 * _GAMMA**2 * (np.sum(diagonal**2) + np.sum(triangle**2)) - _M * np.sum(q)
    value = np.sum(log_sum) - n * log_sum_alpha + prior + _constant(n, d, k)
    weights = np.exp(inner - log_sum)
    total = np.sum(weights, axis=1)
    y_bar = -weights[:, :, None] * y
    Q_bar = y_bar.transpose(0, 2, 1) @ centred
    Q_bar_diagonal = np.diagonal(Q_bar, axis1=1, axis2=2)
    q_bar = (Q_bar_diagonal + _GAMMA**2 * diagonal) * diagonal + total[:, None] - _M
    triangle_bar = Q_bar[:, rows, columns] + _GAMMA**2 * triangle
    return value, {
        "alphas": total - n * np.exp(alphas - log_sum_alpha),
        "means": -np.sum(y_bar @ Q, axis=1),
        "factors": np.concatenate([q_bar, triangle_bar], axis=1),
    }


def _best(alphas: Any, means: Any, factors: Any, x: Any) -> Callable[..., Any]:
    """Two products for each block of samples, which have a column of ones.

    Factor times centred sample is ``Q x - Q m``: with a column ``-Q m`` beside each factor, one
    product serves all components, and another gives the sums over samples in both directions.
    """
    (n, d), k = x.shape, len(alphas)
    rows, columns = _lower(d)
    diagonal_at, lower_at = np.arange(d), (slice(None), rows, columns)
    samples = np.ones((n, d + 1))
    joined = np.zeros((k, d, d + 1))
    Q, offset = joined[:, :, :d], joined[:, :, d]
    Q_rows = joined.reshape(k * d, d + 1)
    sums, part = np.empty((2, k * d, d + 1))
    sums3 = sums.reshape(k, d, d + 1)
    total, total_part, log_weights = np.empty((3, k))
    gradients = np.empty(k), np.empty((k, d)), np.empty_like(factors)
    alphas_bar, means_bar, factors_bar = gradients
    blocks = []
    for start in range(0, n, _BLOCK):
        b = min(start + _BLOCK, n) - start
        y, square = np.empty((k * d, b)), np.empty((k * d, b))
        inner, row = np.empty((k, b)), np.empty((2, b))
        block = samples[start : start + b]
        blocks.append(
            (block, block.T, y, y.reshape(k, d, b), square, square.reshape(k, d, b), inner,
             inner[:, None, :], *row, np.ones(b))
        )  # fmt: skip
    means_rows = means_bar[:, None, :]
    exp, log, add, subtract, multiply, divide = (
        np.exp, np.log, np.add, np.subtract, np.multiply, np.divide
    )  # fmt: skip
    minus_half, square_gamma = np.array(-0.5), np.array(_GAMMA**2)

    def run(alphas: Any, means: Any, factors: Any, x: Any) -> Any:
        q, triangle = factors[:, :d], factors[:, d:]
        diagonal = exp(q)
        samples[:, :d] = x
        Q[:, diagonal_at, diagonal_at] = diagonal
        Q[lower_at] = triangle
        subtract(0.0, (Q @ means[:, :, None])[:, :, 0], offset)
        add(alphas, add.reduce(q, 1), log_weights)
        weights_column = log_weights[:, None]
        value = _constant(n, d, k)
        sums.fill(0.0)
        total.fill(0.0)
        for block, block_t, y, y3, square, square3, inner, inner3, top, total_row, ones in blocks:
            Q_rows.dot(block_t, y)
            multiply(y, y, square)
            add.reduce(square3, 1, None, inner)
            multiply(inner, minus_half, inner)
            add(inner, weights_column, inner)
            np.maximum.reduce(inner, 0, None, top)
            subtract(inner, top, inner)
            exp(inner, inner)
            add.reduce(inner, 0, None, total_row)
            divide(inner, total_row, inner)
            log(total_row, total_row)
            value += ones.dot(top) + ones.dot(total_row)
            inner.dot(ones, total_part)
            add(total, total_part, total)
            multiply(y3, inner3, y3)
            y.dot(block, part)
            subtract(sums, part, sums)
        # sums holds the cotangent of Q x in its columns, and that of the offset in the last one.
        y_bar = sums3[:, :, d:]
        np.matmul(y_bar.transpose(0, 2, 1), Q, means_rows)
        np.negative(means_bar, means_bar)
        Q_bar = sums3[:, :, :d] - y_bar * means[:, None, :]
        q_bar, triangle_bar = factors_bar[:, :d], factors_bar[:, d:]
        multiply(diagonal, square_gamma, q_bar)
        add(q_bar, Q_bar[:, diagonal_at, diagonal_at], q_bar)
        multiply(q_bar, diagonal, q_bar)
        add(q_bar, (total - _M)[:, None], q_bar)
        multiply(triangle, square_gamma, triangle_bar)
        add(triangle_bar, Q_bar[lower_at], triangle_bar)
        top_alpha = alphas.max()
        shares = exp(alphas - top_alpha)
        share = add.reduce(shares)
        subtract(total, shares * (n / share), alphas_bar)
        squares = diagonal.ravel().dot(diagonal.ravel()) + add.reduce(triangle * triangle, None)
        value += 0.5 * _GAMMA**2 * squares - _M * add.reduce(q, None)
        return value - n * (top_alpha + math.log(share)), gradients

    return run


def _draw(n: int, k: int, d: int, rng: np.random.Generator) -> Inputs:
    return {
        "alphas": rng.standard_normal(k),
        "means": rng.standard_normal((k, d)),
        "factors": 0.3 * rng.standard_normal((k, d + d * (d - 1) // 2)),
        "x": rng.standard_normal((n, d)),
    }


def mixture(samples: int = 1000, components: int = 25, dimensions: int = 10) -> Workload:
    """Return the log-likelihood of a Gaussian mixture with a Wishart prior.

    The parameters are the logarithms of the weights, the means, and the factors of the inverse
    covariances: the logarithm of each diagonal, then what is below it, column by column.

    Examples
    --------
    >>> mixture(samples=5, components=3, dimensions=2).inputs["factors"].shape
    (3, 3)
    """
    return Workload(
        name="mixture",
        label="W8",
        meaning="log-likelihood of a Gaussian mixture with Wishart prior "
        f"(D={dimensions}, K={components}, N={samples})",
        operations=42,
        function=_mixture,
        idioms={"torch": _in_torch},
        hand=_by_hand,
        best=_best,
        draw=partial(_draw, samples, components, dimensions),
        wrt=("alphas", "means", "factors"),
    )
