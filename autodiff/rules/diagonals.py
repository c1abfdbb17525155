"""Rules of diagonals and triangles of matrices, which are taken and put back as elements are."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.core.primitive import Array, handles
from autodiff.rules.indexing import scattered
from autodiff.rules.operands import as_array, as_decided


@handles(np.diagonal)
def diagonal(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Return the diagonals of the matrices along two axes, as the last axis."""
    if a.ndim < 2:
        raise ValueError(f"diagonal: shape {a.shape} arrived; two axes are needed")
    first, second = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    if first == second:
        raise ValueError(f"diagonal: axis1 and axis2 are both {axis1}; they must differ")
    if (first, second) != (a.ndim - 2, a.ndim - 1):
        a = np.moveaxis(a, (first, second), (-2, -1))
    offset = int(as_decided(offset))
    below, above = max(0, -offset), max(0, offset)
    places = np.arange(max(0, min(a.shape[-2] - below, a.shape[-1] - above)))
    return a[..., places + below, places + above]


@handles(np.linalg.diagonal)
def linalg_diagonal(x: Array, /, *, offset: int = 0) -> Array:
    """Return the diagonals of the matrices in the last two axes."""
    return diagonal(x, offset, -2, -1)


@handles(np.diag)
def diag(v: Array, k: int = 0) -> Array:
    """Return a diagonal of a matrix, or the matrix with a vector on its diagonal."""
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"diag: an array of shape {v.shape} arrived; 1 or 2 axes are needed")
    k = int(as_decided(k))
    n = v.shape[0] + abs(k)
    places = np.arange(v.shape[0])
    index = (places + max(0, -k), places + max(0, k))
    return scattered(v, index, (n, n))


@handles(np.diagflat)
def diagflat(v: Array, k: int = 0) -> Array:
    """Return the matrix with the flattened array on its diagonal."""
    return diag(np.ravel(as_array(v)), k)


def _triangle(m: Array, k: Any) -> Array:
    """Return the mask of the lower triangle of matrices; of a vector, of those it is rows of."""
    if not m.ndim:
        raise ValueError("tril or triu: a number arrived; one axis is needed at least")
    return np.tri(m.shape[max(-2, -m.ndim)], m.shape[-1], int(as_decided(k)), bool)


@handles(np.tril)
def tril(m: Array, k: int = 0) -> Array:
    """Return the lower triangle, zeros elsewhere."""
    return np.where(_triangle(m, k), m, 0.0)


@handles(np.triu)
def triu(m: Array, k: int = 0) -> Array:
    """Return the upper triangle, zeros elsewhere."""
    return np.where(_triangle(m, k - 1), 0.0, m)
