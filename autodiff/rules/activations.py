"""Rules of forms of several operations that programs recognise.

Users write them as ``1 / (1 + np.exp(-x))`` and ``np.maximum(x, 0)``. Their derivatives are shorter
than those that the chain rule makes of the parts: the derivative of the logistic function s is
s² exp(-x), that of the rectifier 1, 0, and 1/2 where its argument is 0, as ties of a maximum share.
"""

import numpy as np

from autodiff.core.batching import alike, broadcast
from autodiff.core.primitive import Array, general
from autodiff.core.tensor import Tensor, record

__all__ = ["RELU", "RELU_VJP", "SIGMOID"]


def _sigmoid(x: Array) -> Array:
    if type(x) is Tensor:
        return record(SIGMOID, (x,))
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-x))


def _sigmoid_slope(out: Array, x: Array) -> Array:
    """Return s² exp(-x): of s (1 - s) no digit is left from x = 37 on, where s is 1.0."""
    dtype = np.dtype(getattr(out, "dtype", float))
    if dtype.kind != "f":
        return out * (1.0 - out)
    # Where exp(-x) is infinite s is 0.
    return out * (out * np.minimum(np.exp(-x), np.finfo(dtype).max))


SIGMOID = general(
    "sigmoid",
    _sigmoid,
    [lambda g, out, x: g * _sigmoid_slope(out, x)],
    [lambda x_dot, out, x: x_dot * _sigmoid_slope(out, x)],
    examples=[(((2, 3),), {}), (((),), {})],
    batch=broadcast,
)


def _relu(x: Array) -> Array:
    return record(RELU, (x,)) if type(x) is Tensor else np.maximum(x, 0.0)


def _relu_vjp(g: Array, x: Array) -> Array:
    if type(g) is Tensor or type(x) is Tensor:
        return record(RELU_VJP, (g, x))
    share = np.logical_not(x < 0.0)
    ties = x == 0.0
    tied = type(ties) not in (np.ndarray, np.bool_) or np.count_nonzero(ties)
    return g * (share - 0.5 * ties if tied else share)


#: The cotangent, or tangent, of the argument of a rectifier.
RELU_VJP = general(
    "relu_vjp",
    _relu_vjp,
    [lambda h, out, g, x: _relu_vjp(h, x), lambda h, out, g, x: np.zeros_like(x)],
    [lambda g_dot, out, g, x: _relu_vjp(g_dot, x), lambda x_dot, out, g, x: np.zeros_like(out)],
    examples=[(((2, 3), (2, 3)), {}), (((), ()), {})],
    batch=alike,
)
RELU = general(
    "relu",
    _relu,
    [lambda g, out, x: _relu_vjp(g, x)],
    [lambda x_dot, out, x: _relu_vjp(x_dot, x)],
    examples=[(((2, 3),), {}), (((),), {})],
    batch=broadcast,
    masks=True,
)
