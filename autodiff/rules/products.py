"""Rules of products of matrices and vectors: bilinear, so each VJP is a product again.

Source: Giles, Collected matrix derivative results for forward and reverse mode algorithmic
differentiation (2008), section 2. None of the transposes is conjugated: see `Primitive`.
"""

import math
from itertools import chain
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autodiff.core.batching import aligned, stacked
from autodiff.core.libraries import beside
from autodiff.core.primitive import Array, general, handles, linear
from autodiff.core.tensor import matrix_product, record
from autodiff.rules.elementwise_rules import unbroadcast


def _column(x: Array) -> Array:
    return np.reshape(x, (*np.shape(x), 1))


def _row(x: Array) -> Array:
    return np.reshape(x, (*np.shape(x)[:-1], 1, np.shape(x)[-1]))


def _conj(x: Array) -> Array:
    return np.conjugate(x) if np.iscomplexobj(x) else x


def _flat(x: Array) -> Array:
    """Return a stack of matrices as one matrix of all their rows."""
    shape = np.shape(x)
    return np.reshape(x, (prod(shape[:-1]), shape[-1]))


def _matmul_vjp_left(g: Array, out: Array, x: Array, y: Array) -> Array:
    if x.ndim == y.ndim == 2:
        # The case met most often, at a third of the time for small matrices.
        return matrix_product(g, y.T)
    x_shape, y_ndim = x.shape, y.ndim
    if y_ndim == 1:
        # (..., k) @ (k,): out[...] = sum_k x[..., k] y[k]
        return _column(g) * y
    if len(x_shape) == 1:
        if type(g) is type(y) is np.ndarray and y_ndim == 2:
            return matrix_product(y, g)
        x_bar = np.matmul(y, _column(g))[..., 0]
        return unbroadcast(x_bar, x_shape)
    y_t = np.swapaxes(y, -1, -2)
    if y_ndim == 2 and len(x_shape) > 2:
        # One product of matrices; a stack of small ones would take twice as long.
        return np.reshape(np.matmul(_flat(g), y_t), x_shape)
    return unbroadcast(np.matmul(g, y_t), x_shape)


def _matmul_vjp_right(g: Array, out: Array, x: Array, y: Array) -> Array:
    if x.ndim == y.ndim == 2:
        return matrix_product(x.T, g)
    y_shape, x_ndim = y.shape, x.ndim
    if x_ndim == 1:
        if len(y_shape) == 1:
            return g * x
        if type(g) is type(x) is np.ndarray and g.ndim == 1:
            return x[:, None] * g
        return _column(x) * _row(g)
    if len(y_shape) == 1:
        return np.matmul(np.reshape(g, (-1,)), _flat(x))
    if len(y_shape) == 2 and x_ndim > 2:
        # The sum over the stack is part of the product, not a stack that is summed later.
        return np.matmul(np.swapaxes(_flat(x), 0, 1), _flat(g))
    return unbroadcast(np.matmul(np.swapaxes(x, -1, -2), g), y_shape)


def _matmul_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    """Batch products of matrices; what all elements share is multiplied by all at once."""
    (x, y), (left, right) = xs, on
    x_ndim, y_ndim = np.ndim(x) - left, np.ndim(y) - right
    if not right and y_ndim <= 2:
        # One product of all rows, not one for each element.
        return np.matmul(x, y) if x_ndim == 1 or y_ndim == 1 else _rows_times(x, y)
    if not left and y_ndim == 1 and x_ndim <= 2:
        return np.matmul(y, x if x_ndim == 1 else np.swapaxes(x, 0, 1))
    x = np.expand_dims(x, -2) if x_ndim == 1 else x
    y = np.expand_dims(y, -1) if y_ndim == 1 else y
    out = np.matmul(*aligned((x, y), on, (2, 2)))
    out = out[..., 0] if y_ndim == 1 else out
    if x_ndim > 1:
        return out
    return out[..., 0] if y_ndim == 1 else out[..., 0, :]


def _rows_times(x: Array, y: Array) -> Array:
    shape = np.shape(x)
    return np.reshape(np.matmul(_flat(x), y), (*shape[:-1], np.shape(y)[1]))


def _trace_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    ndim = np.ndim(xs[0]) - 1
    axis1, axis2 = (i + 1 for i in normalize_axis_tuple((params["axis1"], params["axis2"]), ndim))
    return np.trace(xs[0], params["offset"], axis1, axis2)


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
        (((0, 2, 3), (3, 4)), {}),
    ],
    complex=True,
    batch=_matmul_batch,
)

VECDOT = general(
    "vecdot",
    np.vecdot,
    # The first vector is conjugated, so its tangent is too: Re(g conj(dx) y) = Re(conj(g y) dx).
    [
        lambda g, out, x, y: unbroadcast(_conj(_column(g) * y), np.shape(x)),
        lambda g, out, x, y: unbroadcast(_column(g) * _conj(x), np.shape(y)),
    ],
    [
        lambda x_dot, out, x, y: np.vecdot(x_dot, y),
        lambda y_dot, out, x, y: np.vecdot(x, y_dot),
    ],
    examples=[(((3,), (3,)), {}), (((2, 1, 3), (4, 3)), {}), (((2, 0), (0,)), {})],
    complex=True,
    batch=stacked(1, 1),
)


def _matvec_vjp_matrix(g: Array, out: Array, x: Array, y: Array) -> Array:
    return unbroadcast(_column(g) * _row(y), np.shape(x))


def _matvec_vjp_vector(g: Array, out: Array, x: Array, y: Array) -> Array:
    return unbroadcast(np.matvec(np.swapaxes(x, -1, -2), g), np.shape(y))


def _vecmat_vjp_vector(g: Array, out: Array, x: Array, y: Array) -> Array:
    return unbroadcast(_conj(np.matvec(y, g)), np.shape(x))


def _vecmat_vjp_matrix(g: Array, out: Array, x: Array, y: Array) -> Array:
    return unbroadcast(_column(_conj(x)) * _row(g), np.shape(y))


# These two came with NumPy 2.2.
if hasattr(np, "matvec"):
    general(
        "matvec",
        np.matvec,
        [_matvec_vjp_matrix, _matvec_vjp_vector],
        [
            lambda x_dot, out, x, y: np.matvec(x_dot, y),
            lambda y_dot, out, x, y: np.matvec(x, y_dot),
        ],
        examples=[(((2, 3), (3,)), {}), (((4, 2, 3), (3,)), {}), (((2, 3), (4, 1, 3)), {})],
        complex=True,
        batch=stacked(2, 1),
    )
    general(
        "vecmat",
        np.vecmat,
        [_vecmat_vjp_vector, _vecmat_vjp_matrix],
        [
            lambda x_dot, out, x, y: np.vecmat(x_dot, y),
            lambda y_dot, out, x, y: np.vecmat(x, y_dot),
        ],
        examples=[(((2,), (2, 3)), {}), (((2,), (4, 2, 3)), {}), (((4, 1, 2), (2, 3)), {})],
        complex=True,
        batch=stacked(1, 2),
    )


def _cross(a: Array, b: Array) -> Array:
    return np.cross(a, b)


CROSS = general(
    "cross",
    _cross,
    # The triple product is cyclic: g · (da × b) = da · (b × g).
    [
        lambda g, out, a, b: unbroadcast(np.cross(b, g), np.shape(a)),
        lambda g, out, a, b: unbroadcast(np.cross(g, a), np.shape(b)),
    ],
    [
        lambda a_dot, out, a, b: np.cross(a_dot, b),
        lambda b_dot, out, a, b: np.cross(a, b_dot),
    ],
    examples=[(((3,), (3,)), {}), (((2, 3), (3,)), {}), (((4, 1, 3), (2, 3)), {})],
    complex=True,
    batch=stacked(1, 1),
)


def _trace_transpose(
    g: Array, out: Array, a: Array, *, offset: int, axis1: int, axis2: int
) -> Array:
    shape = np.shape(a)
    diagonal = beside(g, np.eye(shape[axis1], shape[axis2], offset, dtype=bool))
    placed = np.reshape(g, (*np.shape(g), 1, 1)) * diagonal
    return np.moveaxis(placed, (-2, -1), (axis1, axis2)) if len(shape) > 2 else placed


TRACE = linear(
    "trace",
    np.trace,
    _trace_transpose,
    examples=[
        (((3, 3),), {"offset": 0, "axis1": 0, "axis2": 1}),
        (((2, 3),), {"offset": -1, "axis1": 0, "axis2": 1}),
        (((2, 3, 4),), {"offset": 1, "axis1": 0, "axis2": 2}),
        (((2, 3, 4, 3),), {"offset": 1, "axis1": 3, "axis2": 0}),
    ],
    batch=_trace_batch,
)


@handles(np.dot)
def dot(a: Array, b: Array) -> Array:
    """Return the dot product: over the last axis of `a` and the second to last of `b`."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return tensordot(a, b, ((np.ndim(a) - 1,), (np.ndim(b) - 2,)))


@handles(np.linalg.matmul)
def matmul(x1: Array, x2: Array, /) -> Array:
    """Return the product of matrices or of stacks of them."""
    return np.matmul(x1, x2)


@handles(np.vdot)
def vdot(a: Array, b: Array, /) -> Array:
    """Return the dot product of all elements, those of `a` conjugated."""
    return np.matmul(_conj(np.ravel(a)), np.ravel(b))


@handles(np.linalg.vecdot)
def vecdot(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Return the dot products of vectors along an axis, those of `x1` conjugated."""
    return np.vecdot(_with_last(x1, axis), _with_last(x2, axis))


@handles(np.inner)
def inner(a: Array, b: Array, /) -> Array:
    """Return the dot products over the last axes."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(a) == np.ndim(b) == 1:
        # A number, which the result of tensordot is not.
        return np.dot(a, b)
    return tensordot(a, b, ((np.ndim(a) - 1,), (np.ndim(b) - 1,)))


@handles(np.outer)
def outer(a: Array, b: Array) -> Array:
    """Return the products of all pairs of elements."""
    return np.reshape(a, (math.prod(np.shape(a)), 1)) * np.reshape(b, (1, math.prod(np.shape(b))))


@handles(np.linalg.outer)
def outer_of_vectors(x1: Array, x2: Array, /) -> Array:
    """Return the products of all pairs of elements of two vectors."""
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(
            f"np.linalg.outer: arrays of shape {np.shape(x1)} and {np.shape(x2)} arrived; "
            "both must have 1 axis: use np.outer, which flattens them"
        )
    return outer(x1, x2)


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
    length = prod(lengths_a)
    rows = prod(a_shape[i] for i in free_a)
    columns = prod(b_shape[i] for i in free_b)
    left = np.reshape(np.transpose(a, free_a + summed_a), (rows, length))
    right = np.reshape(np.transpose(b, summed_b + free_b), (length, columns))
    shape = [a_shape[i] for i in free_a] + [b_shape[i] for i in free_b]
    return np.reshape(np.matmul(left, right), shape)


@handles(np.linalg.tensordot)
def tensordot_of_linalg(x1: Array, x2: Array, /, *, axes: Any = 2) -> Array:
    """Return the products summed over pairs of axes."""
    return tensordot(x1, x2, axes)


@handles(np.kron)
def kron(a: Array, b: Array) -> Array:
    """Return the Kronecker product: `b` times each element of `a`, laid out as blocks."""
    ndim = max(np.ndim(a), np.ndim(b))
    a_shape = (1,) * (ndim - np.ndim(a)) + np.shape(a)
    b_shape = (1,) * (ndim - np.ndim(b)) + np.shape(b)
    blocks = np.reshape(a, tuple(chain.from_iterable((n, 1) for n in a_shape)))
    entries = np.reshape(b, tuple(chain.from_iterable((1, n) for n in b_shape)))
    shape = tuple(n * k for n, k in zip(a_shape, b_shape, strict=True))
    return np.reshape(blocks * entries, shape)


def _with_last(x: Array, axis: int) -> Array:
    """Return the array with an axis moved to the end."""
    last = np.ndim(x) - 1
    return x if axis in (-1, last) else np.moveaxis(x, axis, -1)


def _in_space(x: Array) -> Array:
    """Return vectors of the plane as vectors of space."""
    shape = np.shape(x)
    if shape[-1] == 3:
        return x
    return np.concatenate([x, np.zeros_like(x, shape=(*shape[:-1], 1))], axis=-1)


@handles(np.cross)
def cross(
    a: Array, b: Array, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Array:
    """Return the cross products of vectors; of two in the plane, only the third component."""
    if axis is not None:
        axisa = axisb = axisc = axis
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        raise ValueError("cross: at least one array has no axes; each needs one of length 2 or 3")
    left = _with_last(a, normalize_axis_index(axisa, np.ndim(a), "axisa"))
    right = _with_last(b, normalize_axis_index(axisb, np.ndim(b), "axisb"))
    lengths = np.shape(left)[-1], np.shape(right)[-1]
    if not {2, 3}.issuperset(lengths):
        raise ValueError(f"cross: vectors of length {lengths[0]} and {lengths[1]}; 2 or 3 is right")
    product = record(CROSS, (_in_space(left), _in_space(right)))
    if lengths == (2, 2):
        return product[..., 2]
    axisc = normalize_axis_index(axisc, np.ndim(product), "axisc")
    return product if axisc == np.ndim(product) - 1 else np.moveaxis(product, -1, axisc)


@handles(np.linalg.cross)
def cross_in_space(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """Return the cross products of vectors in space."""
    lengths = np.shape(x1)[axis], np.shape(x2)[axis]
    if lengths != (3, 3):
        raise ValueError(f"np.linalg.cross: vectors of length {lengths[0]} and {lengths[1]}, not 3")
    return cross(x1, x2, axis=axis)


@handles(np.trace)
def trace(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Array:
    """Return the sums along the diagonals of two axes."""
    axis1, axis2 = normalize_axis_tuple((axis1, axis2), a.ndim, "axis1 and axis2")
    if dtype is not None:
        a = np.astype(a, np.dtype(dtype))
    return record(TRACE, (a,), {"offset": offset, "axis1": axis1, "axis2": axis2})


@handles(np.linalg.trace)
def trace_of_last(x: Array, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """Return the sums along the diagonals of the last two axes."""
    return trace(x, offset, -2, -1, dtype)


@handles(np.linalg.matrix_transpose)
def matrix_transpose(x: Array, /) -> Array:
    """Return the last two axes swapped."""
    return np.swapaxes(x, -1, -2)
