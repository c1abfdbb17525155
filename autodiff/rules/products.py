"""Rules of products of matrices and vectors: bilinear, so each VJP is a product again.

Source: Giles, Collected matrix derivative results for forward and reverse mode algorithmic
differentiation (2008), section 2.
"""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.rules.table import Array, general, handles, unbroadcast


def _column(x: Array) -> Array:
    return np.reshape(x, (*np.shape(x), 1))


def _row(x: Array) -> Array:
    return np.reshape(x, (*np.shape(x)[:-1], 1, np.shape(x)[-1]))


def _matmul_vjp_left(g: Array, out: Array, x: Array, y: Array) -> Array:
    x_shape, y_ndim = np.shape(x), len(np.shape(y))
    if y_ndim == 1:
        # (..., k) @ (k,): out[...] = sum_k x[..., k] y[k]
        return _column(g) * y
    if len(x_shape) == 1:
        x_bar = np.matmul(y, _column(g))[..., 0]
        return unbroadcast(x_bar, x_shape)
    return unbroadcast(np.matmul(g, np.swapaxes(y, -1, -2)), x_shape)


def _matmul_vjp_right(g: Array, out: Array, x: Array, y: Array) -> Array:
    y_shape, x_ndim = np.shape(y), len(np.shape(x))
    if x_ndim == 1:
        if len(y_shape) == 1:
            return g * x
        return _column(x) * _row(g)
    if len(y_shape) == 1:
        y_bar = np.matmul(np.swapaxes(x, -1, -2), _column(g))[..., 0]
        return unbroadcast(y_bar, y_shape)
    return unbroadcast(np.matmul(np.swapaxes(x, -1, -2), g), y_shape)


MATMUL = general(
    "matmul",
    np.matmul,
    [_matmul_vjp_left, _matmul_vjp_right],
    [
        lambda x_dot, out, x, y: np.matmul(x_dot, y),
        lambda y_dot, out, x, y: np.matmul(x, y_dot),
    ],
    examples=[
        (((2, 3), (3, 4)), {}),
        (((3,), (3,)), {}),
        (((3,), (3, 4)), {}),
        (((2, 3), (3,)), {}),
        (((5, 2, 3), (3, 4)), {}),
        (((2, 3), (5, 3, 4)), {}),
        (((3,), (5, 3, 4)), {}),
        (((5, 2, 3), (3,)), {}),
        (((1, 2, 3), (5, 3, 1)), {}),
        (((2, 0), (0, 3)), {}),
    ],
)


@handles(np.dot)
def dot(a: Array, b: Array) -> Array:
    """Return the dot product: over the last axis of `a` and the second to last of `b`."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return tensordot(a, b, ((np.ndim(a) - 1,), (np.ndim(b) - 2,)))


@handles(np.vdot)
def vdot(a: Array, b: Array, /) -> Array:
    """Return the dot product of all elements."""
    return np.matmul(np.ravel(a), np.ravel(b))


@handles(np.inner)
def inner(a: Array, b: Array, /) -> Array:
    """Return the dot products over the last axes."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return tensordot(a, b, ((np.ndim(a) - 1,), (np.ndim(b) - 1,)))


@handles(np.outer)
def outer(a: Array, b: Array) -> Array:
    """Return the products of all pairs of elements."""
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@handles(np.tensordot)
def tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    """Return the products summed over pairs of axes."""
    a_shape, b_shape = np.shape(a), np.shape(b)
    if isinstance(axes, int | np.integer):
        summed_a = tuple(range(len(a_shape) - axes, len(a_shape)))
        summed_b = tuple(range(axes))
    else:
        summed_a, summed_b = (
            normalize_axis_tuple(side, len(shape), "axes")
            for side, shape in zip(axes, (a_shape, b_shape), strict=True)
        )
    lengths_a, lengths_b = [a_shape[i] for i in summed_a], [b_shape[i] for i in summed_b]
    if lengths_a != lengths_b:
        raise ValueError(
            f"tensordot: axes {summed_a} of shape {a_shape} and {summed_b} of shape {b_shape} "
            f"do not align: {lengths_a} is not {lengths_b}"
        )
    free_a = tuple(i for i in range(len(a_shape)) if i not in summed_a)
    free_b = tuple(i for i in range(len(b_shape)) if i not in summed_b)
    length = int(np.prod(lengths_a, dtype=int))
    rows = int(np.prod([a_shape[i] for i in free_a], dtype=int))
    columns = int(np.prod([b_shape[i] for i in free_b], dtype=int))
    left = np.reshape(np.transpose(a, free_a + summed_a), (rows, length))
    right = np.reshape(np.transpose(b, summed_b + free_b), (length, columns))
    shape = [a_shape[i] for i in free_a] + [b_shape[i] for i in free_b]
    return np.reshape(np.matmul(left, right), shape)


@handles(np.trace)
def trace(a: Array, offset: int = 0) -> Array:
    """Return the sum of the diagonal."""
    return np.sum(np.diagonal(a, offset), axis=-1)
