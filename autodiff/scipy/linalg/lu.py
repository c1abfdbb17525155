"""Triangular factors by elimination."""

from typing import Any

import numpy as np
import scipy.linalg as sl

from autodiff.core.primitive import Array, discrete, general
from autodiff.core.tensor import record
from autodiff.rules.linalg.matrices import recorded, transposed
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import stands_for

__all__ = ["lu", "lu_factor"]


def _rows(a: Array) -> Array:
    """Return the order of rows that partial pivoting takes."""
    order = np.argsort(sl.lu(a, p_indices=True)[0], axis=-1)
    return np.broadcast_to(order[..., None], a.shape)


_ROWS = discrete(recorded("scipy.lu rows", True)(_rows), "scipy.lu rows")


@recorded("scipy.lu", True)
def _lu(a: Array) -> Array:
    """Return both factors of square matrices in one, of rows in their order already."""
    _, lower, upper = sl.lu(a, p_indices=True)
    return np.tril(lower, -1) + upper


def _triangles(packed: Array) -> tuple[Array, Array]:
    return np.tril(packed, -1) + np.eye(np.shape(packed)[-1]), np.triu(packed)


def _lu_jvp(a_dot: Array, out: Array, a: Array) -> Array:
    lower, upper = _triangles(out)
    left = np.linalg.solve(lower, a_dot)
    inner = transposed(np.linalg.solve(transposed(upper), transposed(left)))
    return np.matmul(lower, np.tril(inner, -1)) + np.matmul(np.triu(inner), upper)


def _lu_vjp(g: Array, out: Array, a: Array) -> Array:
    lower, upper = _triangles(out)
    inner = np.tril(np.matmul(transposed(lower), np.tril(g, -1)), -1)
    inner = inner + np.triu(np.matmul(np.triu(g), transposed(upper)))
    left = np.linalg.solve(transposed(lower), inner)
    return transposed(np.linalg.solve(upper, transposed(left)))


LU = general(
    "scipy.lu",
    _lu,
    [_lu_vjp],
    [_lu_jvp],
    examples=[(((3, 3),), {}), (((1, 1),), {}), (((2, 3, 3),), {})],
    draw=lambda rng, shape: [rng.normal(size=shape) + 4.0 * np.eye(shape[-1])],
    complex=True,
)


def _factored(a: Array) -> tuple[Array, Array, Array]:
    """Return the order of rows, and both factors; beyond a square they follow from its own."""
    rows = record(_ROWS, (a,))
    k = min(np.shape(a)[-2:])
    a = np.take_along_axis(a, rows, axis=-2)
    lower, upper = _triangles(record(LU, (a[..., :k, :k],)))
    if np.shape(a)[-2] > k:
        rest = transposed(np.linalg.solve(transposed(upper), transposed(a[..., k:, :])))
        lower = np.concatenate([lower, rest], axis=-2)
    if np.shape(a)[-1] > k:
        upper = np.concatenate([upper, np.linalg.solve(lower, a[..., k:])], axis=-1)
    return rows[..., 0], lower, upper


@stands_for("scipy.linalg.lu", limits="of leading square matrices that are not singular")
def lu(a: Array, permute_l: bool = False, p_indices: bool = False) -> Any:
    """Return a permutation and two triangles whose product is the matrix."""
    rows, lower, upper = _factored(as_array(a))
    back = np.argsort(rows, axis=-1)
    if permute_l:
        places = np.broadcast_to(np.expand_dims(back, -1), np.shape(lower))
        return np.take_along_axis(lower, places, axis=-2), upper
    if p_indices:
        return back, lower, upper
    m = np.shape(rows)[-1]
    return np.equal(np.expand_dims(back, -1), np.arange(m)) * 1.0, lower, upper


def _pivots(a: Array) -> Array:
    return sl.lu_factor(a)[1]


_PIVOTS = discrete(recorded("scipy.lu pivots", True)(_pivots), "scipy.lu pivots")


@stands_for("scipy.linalg.lu_factor", limits="of matrices that are not singular")
def lu_factor(a: Array) -> tuple[Array, Array]:
    """Return both triangles in one matrix, and the exchanges of rows, for `lu_solve`."""
    a = as_array(a)
    _, lower, upper = _factored(a)
    m, n = np.shape(a)[-2:]
    below = np.tril(lower, -1)
    if m > n:
        packed = below + np.concatenate([upper, np.zeros((*np.shape(a)[:-2], m - n, n))], axis=-2)
    elif n > m:
        packed = np.concatenate([below + upper[..., :m], upper[..., m:]], axis=-1)
    else:
        packed = below + upper
    return packed, record(_PIVOTS, (a,))
