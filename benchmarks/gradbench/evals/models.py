"""Models that are fitted: gmm, kmeans and lstm."""

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import multigammaln

from benchmarks.gradbench.engines import Engine
from benchmarks.gradbench.evals.eval import Eval, floats, primal

__all__ = ["GMM", "KMEANS", "LSTM"]


def _log_sum_exp(x: Any) -> Any:
    high = np.max(x, axis=0)
    return high + np.log(np.sum(np.exp(x - high), axis=0))


def log_posterior(alpha: Any, mu: Any, q: Any, below: Any, x: Any, m: int, gamma: float) -> Any:
    """Return the logarithm of the posterior probability of a mixture of Gaussians.

    The precision matrix of a component is LᵀL, where the diagonal of L is exp(q) and the
    columns under it are in `below`; the prior of precision matrices is Wishart's.
    """
    k, d = mu.shape
    columns, rows = np.triu_indices(d, 1)
    lower = np.zeros((k, d, d))
    lower[:, rows, columns] = below
    lower[:, np.arange(d), np.arange(d)] = np.exp(q)
    return log_posterior_of_factors(alpha, mu, q, lower, x, m, gamma)


def log_posterior_of_factors(
    alpha: Any, mu: Any, q: Any, lower: Any, x: Any, m: int, gamma: float
) -> Any:
    """Return `log_posterior` by the factors L of the precision matrices."""
    (k, d), n = mu.shape, len(x)
    scaled = (x - mu[:, None]) @ np.swapaxes(lower, 1, 2)
    log_det = np.sum(q, axis=1)
    beta = (alpha + log_det)[:, None] - 0.5 * np.sum(scaled**2, axis=2)
    likelihood = np.sum(_log_sum_exp(beta)) - n * _log_sum_exp(alpha)
    prior = m * np.sum(log_det) - 0.5 * gamma**2 * np.sum(lower**2)
    free = d + m + 1
    constant = k * (free * d * np.log(gamma / np.sqrt(2)) - multigammaln(free / 2, d))
    return likelihood + prior + constant - 0.5 * n * d * np.log(2 * np.pi)


def _read_mixture(message: Any) -> tuple[Any, ...]:
    k, d = message["k"], message["d"]
    sizes = {"alpha": (k,), "mu": (k, d), "q": (k, d), "l": (k, d * (d - 1) // 2)}
    parameters = [floats(message[name]).reshape(size) for name, size in sizes.items()]
    return *parameters, floats(message["x"]), message["m"], float(message["gamma"])


def _mixture_gradient(engine: Engine) -> Any:
    by_place = engine.compiled(engine.gradient(log_posterior, (0, 1, 2, 3)))
    return lambda *args: dict(zip(("alpha", "mu", "q", "l"), by_place(*args), strict=True))


def cost(centroids: Any, points: Any) -> Any:
    """Return the sum of squared distances to the nearest centroid."""
    products = np.sum(points**2, axis=1)[:, None] - 2 * points @ centroids.T
    return np.sum(np.min(products + np.sum(centroids**2, axis=1), axis=1))


def _direction(engine: Engine) -> Any:
    """Return the function of Newton's direction: the Hessian is diagonal, so its rows sum to it."""
    slope = engine.gradient(cost, 0)

    def direction(centroids: Any, points: Any) -> Any:
        ones = np.ones(centroids.shape)
        g, h = engine.along(lambda c: slope(c, points), (centroids,), (ones,))
        return g / h

    return engine.compiled(direction)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def loss(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
    """Return the loss of a network of LSTM layers with diagonal weights, letter by letter."""
    layers = len(main) // 2
    weights, biases = main[::2].reshape(layers, 4, -1), main[1::2].reshape(layers, 4, -1)
    hidden, cell = list(state[::2]), list(state[1::2])
    total = 0.0
    for letter, following in pairwise(sequence):
        h = letter * extra[0]
        for i in range(layers):
            (w_forget, w_in, w_out, w_change), (b_forget, b_in, b_out, b_change) = (
                weights[i],
                biases[i],
            )
            forget = _sigmoid(h * w_forget + b_forget)
            ingate = _sigmoid(hidden[i] * w_in + b_in)
            outgate = _sigmoid(h * w_out + b_out)
            change = np.tanh(hidden[i] * w_change + b_change)
            cell[i] = cell[i] * forget + ingate * change
            h = hidden[i] = outgate * np.tanh(cell[i])
        predicted = h * extra[1] + extra[2]
        normalised = predicted - np.log(np.sum(np.exp(predicted)) + 2)
        total = total + np.sum(following * normalised)
    return -total / ((len(sequence) - 1) * sequence.shape[1])


def _loss_gradient(engine: Engine) -> Any:
    both = engine.compiled(engine.gradient(loss, (0, 1)))
    return lambda *args: np.concatenate([np.ravel(part) for part in both(*args)])


GMM = Eval(_read_mixture, {"objective": primal(log_posterior), "jacobian": _mixture_gradient})
KMEANS = Eval(
    lambda message: (floats(message["centroids"]), floats(message["points"])),
    {"cost": primal(cost), "dir": _direction},
)
LSTM = Eval(
    lambda message: tuple(
        floats(message[name]) for name in ("main_params", "extra_params", "state", "sequence")
    ),
    {"objective": primal(loss), "jacobian": _loss_gradient},
)
