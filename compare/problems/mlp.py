"""Multilayer perceptrons that grow from 2-2-1 in width, in depth, and in both.

One sample, sigmoid hidden units, a linear output and a squared loss. The weights are drawn so
that gradients neither vanish nor explode, at any depth: a comparison of gradients that are all zero
would compare nothing.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from compare.problems.namespace import namespace
from compare.problems.problem import Gradients, Inputs, Problem

__all__ = [
    "PROBLEMS",
    "count_parameters",
    "deep_wide_widths",
    "deep_widths",
    "draw_network",
    "mlp_gradient",
    "mlp_loss",
    "parameter_names",
    "wide_widths",
]

#: Widest layer whose weights are an orthogonal matrix; beyond it normal draws are close to one.
_LARGEST_ORTHOGONAL = 64


def mlp_loss(x: Any, t: Any, **layers: Any) -> Any:
    """Return the squared loss of a multilayer perceptron on one sample.

    Notes
    -----
    ``h_0 = x``, ``h_k = 1 / (1 + exp(-(h_{k-1} w_k + b_k)))``, ``y = h_{n-1} w_n + b_n``.

    Examples
    --------
    >>> x, t, zeros = np.ones(2), np.array([1.0]), np.zeros(2)
    >>> float(mlp_loss(x, t, w1=np.zeros((2, 2)), b1=zeros, w2=np.ones((2, 1)), b2=np.ones(1)))
    1.0
    """
    xp = namespace(x, t, *layers.values())
    last = len(layers) // 2
    h = x
    for k in range(1, last):
        h = 1.0 / (1.0 + xp.exp(-(h @ layers[f"w{k}"] + layers[f"b{k}"])))
    y = h @ layers[f"w{last}"] + layers[f"b{last}"]
    return xp.sum((y - t) ** 2)


def mlp_gradient(x: Any, t: Any, **layers: Any) -> tuple[float, Gradients]:
    """Return value and gradient of `mlp_loss`: backpropagation as one writes it by hand.

    Notes
    -----
    With ``z_k = h_{k-1} w_k + b_k``: ``z_bar_n = 2 (y - t)``, and from the last layer to the first
    ``w_bar_k = h_{k-1}^T z_bar_k``, ``b_bar_k = z_bar_k``, ``h_bar_{k-1} = z_bar_k w_k^T``,
    ``z_bar_{k-1} = h_bar_{k-1} h_{k-1} (1 - h_{k-1})``.
    D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by back-propagating
    errors", Nature 323, 1986.

    Examples
    --------
    >>> x, t, zeros = np.ones(2), np.array([1.0]), np.zeros(2)
    >>> _, gradient = mlp_gradient(
    ...     x, t, w1=np.zeros((2, 2)), b1=zeros, w2=np.ones((2, 1)), b2=np.ones(1)
    ... )
    >>> gradient["b1"]
    array([0.5, 0.5])
    """
    last = len(layers) // 2
    h = [x]
    for k in range(1, last):
        h.append(1.0 / (1.0 + np.exp(-(h[-1] @ layers[f"w{k}"] + layers[f"b{k}"]))))
    residual = h[-1] @ layers[f"w{last}"] + layers[f"b{last}"] - t
    z_bar = 2.0 * residual
    gradients = dict.fromkeys(layers)
    for k in range(last, 0, -1):
        below = h[k - 1]
        gradients[f"w{k}"] = below[:, None] * z_bar
        gradients[f"b{k}"] = z_bar
        if k > 1:
            z_bar = (layers[f"w{k}"] @ z_bar) * below * (1.0 - below)
    return float(residual @ residual), gradients


def parameter_names(widths: Sequence[int]) -> tuple[str, ...]:
    """Return the names of the weights and biases of a network."""
    return tuple(f"{kind}{k}" for k in range(1, len(widths)) for kind in "wb")


def count_parameters(widths: Sequence[int]) -> int:
    """Return the number of weights and biases of a network, without drawing it."""
    return sum((n + 1) * m for n, m in pairwise(widths))


def draw_network(widths: Sequence[int], rng: np.random.Generator) -> Inputs:
    """Return a sample, a target, and weights whose gradients stay of a healthy size.

    Notes
    -----
    A sigmoid is a hyperbolic tangent: with ``u = 2 h - 1``, the layer ``h' = sigmoid(h w + b)`` is
    ``u' = tanh((u w + sum(w) + 2 b) / 4)``, the sum taken over the inputs of each unit. With
    ``w = 4 Q`` and ``b = -sum(w) / 2`` it is ``u' = tanh(u Q)``, which for orthogonal ``Q``
    preserves lengths near 0, and so do the gradients on their way back: A. M. Saxe,
    J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks", ICLR 2014. Above 64 units a matrix of normal draws of variance
    ``1 / inputs``, which preserves lengths on average, takes the place of ``Q``. The sample lies
    between 0 and 1, as if a layer of sigmoid units had computed it.
    """
    inputs: Inputs = {
        "x": rng.uniform(0.0, 1.0, widths[0]),
        "t": rng.standard_normal(widths[-1]),
    }
    for k, (n, m) in enumerate(pairwise(widths), start=1):
        w = _orthogonal(n, m, rng) if n <= _LARGEST_ORTHOGONAL else _normal(n, m, rng)
        w *= 4.0
        inputs[f"w{k}"] = w
        inputs[f"b{k}"] = -0.5 * np.sum(w, axis=0)
    return inputs


def _orthogonal(n: int, m: int, rng: np.random.Generator) -> Any:
    """Return the first `m` columns of a random orthogonal matrix of `n` rows."""
    q, r = np.linalg.qr(rng.standard_normal((n, m)))
    # Without the signs of r the matrices would not be spread evenly over all orthogonal ones.
    return q * np.sign(np.diagonal(r))


def _normal(n: int, m: int, rng: np.random.Generator) -> Any:
    """Return normal draws of variance 1 / n."""
    w = rng.standard_normal((n, m))
    w /= np.sqrt(n)
    return w


def wide_widths(size: int) -> tuple[int, ...]:
    """Return the widths of the network with one hidden layer of `size` units."""
    return size, size, 1


def deep_widths(size: int) -> tuple[int, ...]:
    """Return the widths of the network with `size` hidden layers of 2 units."""
    return (2,) * (size + 1) + (1,)


def deep_wide_widths(size: int) -> tuple[int, ...]:
    """Return the widths of the network with `size` hidden layers of ``2^size`` units."""
    return (2**size,) * (size + 1) + (1,)


#: Widths of the layers at a size.
Widths = Callable[[int], tuple[int, ...]]


def _inputs(widths: Widths, size: int, rng: np.random.Generator) -> Inputs:
    """Return the arguments of `mlp_loss` at a size."""
    return draw_network(widths(size), rng)


def _wrt(widths: Widths, size: int) -> tuple[str, ...]:
    """Return the names of the parameters at a size."""
    return parameter_names(widths(size))


def _label(widths: Widths, size: int) -> str:
    """Return the widths of the layers, or their number and width where they are many."""
    layers = widths(size)
    if len(layers) <= 6:
        return "-".join(map(str, layers))
    return f"{len(layers) - 2} hidden layers of {layers[0]}"


def _problem(widths: Widths, **fields: Any) -> Problem:
    """Return the problem of a family of networks."""
    return Problem(
        function=mlp_loss,
        gradient=mlp_gradient,
        wrt=partial(_wrt, widths),
        inputs=partial(_inputs, widths),
        label=partial(_label, widths),
        **fields,
    )


#: The three families of networks; each starts at 2-2-1.
PROBLEMS: tuple[Problem, ...] = (
    _problem(
        wide_widths,
        name="mlp-width",
        family="mlp width",
        sizes=(2, 8, 16, 32, 64, 256, 1024, 3200),
        # Each engine meets its end, and two of them by waiting for their time to be over.
        usual_sizes=(2, 8, 16, 64, 256, 3200),
        quick_sizes=(8, 3200),
        verify_size=4,
        meaning="one hidden layer, wider and wider",
    ),
    _problem(
        deep_widths,
        name="mlp-depth",
        family="mlp depth",
        sizes=(1, 4, 8, 64, 256, 1024),
        usual_sizes=(1, 4, 64, 256),
        quick_sizes=(4,),
        verify_size=3,
        meaning="hidden layers of 2 units, more and more",
    ),
    _problem(
        deep_wide_widths,
        name="mlp-both",
        family="mlp width and depth",
        sizes=(1, 2, 3, 4, 6, 8, 10),
        usual_sizes=(),
        quick_sizes=(3,),
        verify_size=2,
        meaning="k hidden layers of 2^k units",
    ),
)
