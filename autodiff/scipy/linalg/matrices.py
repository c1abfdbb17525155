"""Matrices of a pattern, and functions that are NumPy's under another signature."""

from typing import Any

import numpy as np

from autodiff.core.primitive import Array
from autodiff.rules.linalg.matrices import conj, symmetrised, triangle_share
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import stands_for

__all__ = [
    *("assumed", "block_diag", "circulant", "det", "hankel", "inv", "kron", "lstsq", "norm"),
    *("pinv", "toeplitz"),
]


def assumed(a: Array, assume_a: str | None, lower: bool) -> Array:
    """Return the part of a matrix that SciPy reads, knowing its structure.

    Of a symmetric matrix both triangles are returned, with the derivative shared as
    `triangle_share` says.
    """
    if assume_a in ("symmetric", "sym"):
        shared = triangle_share(a, not lower) * a
        return shared + np.swapaxes(shared, -1, -2)
    if assume_a in ("hermitian", "her", "positive definite", "pos"):
        return symmetrised(triangle_share(a, not lower) * a)
    if assume_a == "upper triangular":
        return np.triu(a)
    if assume_a == "lower triangular":
        return np.tril(a)
    if assume_a == "diagonal":
        return np.triu(np.tril(a))
    if assume_a == "tridiagonal":
        return np.triu(np.tril(a, 1), -1)
    if assume_a not in (None, "general", "gen", "banded"):
        raise ValueError(f"{assume_a} is not a recognized matrix structure")
    return a


def _diagonals(values: Array, places: Array) -> Array:
    return np.take(values, places, axis=-1)


@stands_for("scipy.linalg.toeplitz")
def toeplitz(c: Array, r: Array | None = None) -> Array:
    """Return the matrix whose diagonals are constant: first column `c`, first row `r`."""
    c = np.atleast_1d(as_array(c))
    r = conj(c) if r is None else np.atleast_1d(as_array(r))
    m, n = np.shape(c)[-1], np.shape(r)[-1]
    places = np.arange(m)[:, None] - np.arange(n)[None, :]
    values = np.concatenate([r[..., :0:-1], c], axis=-1)
    return _diagonals(values, places + n - 1)


@stands_for("scipy.linalg.hankel")
def hankel(c: Array, r: Array | None = None) -> Array:
    """Return the matrix whose antidiagonals are constant: first column `c`, last row `r`."""
    c = np.ravel(as_array(c))
    r = np.zeros_like(c) if r is None else np.ravel(as_array(r))
    places = np.arange(np.size(c))[:, None] + np.arange(np.size(r))[None, :]
    return _diagonals(np.concatenate([c, r[1:]]), places)


@stands_for("scipy.linalg.circulant")
def circulant(c: Array) -> Array:
    """Return the matrix each of whose columns is the one before, moved by one."""
    c = np.atleast_1d(as_array(c))
    n = np.shape(c)[-1]
    places = np.arange(n)[:, None] - np.arange(n)[None, :]
    return _diagonals(c, places % max(n, 1))


@stands_for("scipy.linalg.block_diag")
def block_diag(*arrs: Array) -> Array:
    """Return the matrix with the given blocks along its diagonal."""
    blocks = [np.atleast_2d(as_array(a)) for a in arrs]
    stack = np.broadcast_shapes(*[np.shape(a)[:-2] for a in blocks])
    widths = [np.shape(a)[-1] for a in blocks]
    rows = []
    for i, a in enumerate(blocks):
        height, before, after = np.shape(a)[-2], sum(widths[:i]), sum(widths[i + 1 :])
        parts = [
            np.zeros((*stack, height, before)),
            np.broadcast_to(a, (*stack, height, widths[i])),
            np.zeros((*stack, height, after)),
        ]
        rows.append(np.concatenate([p for p in parts if np.shape(p)[-1]] or parts, axis=-1))
    return np.concatenate(rows, axis=-2)


@stands_for("scipy.linalg.kron")
def kron(a: Array, b: Array) -> Array:
    """Return the Kronecker product."""
    return np.kron(a, b)


@stands_for("scipy.linalg.norm")
def norm(a: Array, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """Return the norm of a vector or matrix."""
    return np.linalg.norm(as_array(a), ord=ord, axis=axis, keepdims=keepdims)


@stands_for("scipy.linalg.det")
def det(a: Array) -> Array:
    """Return the determinant."""
    return np.linalg.det(as_array(a))


@stands_for("scipy.linalg.inv")
def inv(a: Array, assume_a: str | None = None, lower: bool = False) -> Array:
    """Return the inverse."""
    return np.linalg.inv(assumed(as_array(a), assume_a, lower))


@stands_for(
    "scipy.linalg.pinv",
    limits="along matrices of the same rank; `atol=` and `return_rank=` are refused",
)
def pinv(a: Array, rtol: Any = None) -> Array:
    """Return the pseudoinverse."""
    a = as_array(a)
    if rtol is None:
        rtol = max(np.shape(a)[-2:]) * float(np.finfo(a.dtype).eps)
    return np.linalg.pinv(a, rcond=rtol)


@stands_for("scipy.linalg.lstsq", limits="along matrices of the same rank", idle=["lapack_driver"])
def lstsq(a: Array, b: Array, cond: Any = None) -> Any:
    """Return the least-squares solution, the sums of squares left, rank and singular values."""
    a, b = as_array(a), as_array(b)
    if cond is None:
        cond = float(np.finfo(np.result_type(a.dtype, b.dtype, np.float32)).eps)
    x, left, rank, s = np.linalg.lstsq(a, b, rcond=cond)
    if np.ndim(b) == 1 and np.size(left):
        left = left[0]
    return x, left, rank, s
