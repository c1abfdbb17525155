"""Linear algebra on arrays of objects, by the textbook: NumPy's own computes in float64 only."""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["LINEAR"]


def _eliminated(a: Any, b: Any) -> tuple[Any, Any, int]:
    """Return a triangle and right-hand sides by Gaussian elimination, and the sign of the swaps."""
    a, b, sign = a.copy(), b.copy(), 1
    for k in range(len(a)):
        pivot = k + max(range(len(a) - k), key=lambda i: abs(a[k + i, k]))
        if a[pivot, k] == 0:
            raise np.linalg.LinAlgError("Singular matrix")
        if pivot != k:
            a[[k, pivot]], b[[k, pivot]] = a[[pivot, k]], b[[pivot, k]]
            sign = -sign
        for i in range(k + 1, len(a)):
            factor = a[i, k] / a[k, k]
            a[i, k:] = a[i, k:] - factor * a[k, k:]
            b[i] = b[i] - factor * b[k]
    return a, b, sign


def _solve(a: Any, b: Any) -> Any:
    """Return x with a x = b, for b of one or two dimensions."""
    a, x, _ = _eliminated(a, b)
    for k in reversed(range(len(a))):
        for i in range(k + 1, len(a)):
            x[k] = x[k] - a[k, i] * x[i]
        x[k] = x[k] / a[k, k]
    return x


def _inv(a: Any) -> Any:
    return _solve(a, np.eye(len(a), dtype=int).astype(object))


def _det(a: Any) -> Any:
    triangle, _, sign = _eliminated(a, a[:, :0])
    return sign * np.prod(np.diagonal(triangle))


def _slogdet(a: Any) -> Any:
    determinant = _det(a)
    return (1 if determinant > 0 else -1), abs(determinant).log()


def _cholesky(a: Any) -> Any:
    root = np.zeros_like(a)
    for j in range(len(a)):
        left = a[j, j] - root[j, :j] @ root[j, :j] if j else a[j, j]
        if not left > 0:
            raise np.linalg.LinAlgError("Matrix is not positive definite")
        root[j, j] = left.sqrt()
        for i in range(j + 1, len(a)):
            root[i, j] = (a[i, j] - (root[i, :j] @ root[j, :j] if j else 0)) / root[j, j]
    return root


def _one_matrix(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of single matrices that refuses stacks of them."""

    def apply(a: Any, *others: Any) -> Any:
        if np.ndim(a) != 2 or np.shape(a)[0] != np.shape(a)[1] or not np.size(a):
            raise TypeError(f"shape {np.shape(a)} arrived; expected one square matrix")
        return compute(a, *others)

    return apply


#: What takes the place of functions of NumPy that call LAPACK.
LINEAR: dict[Any, Callable[..., Any]] = {
    np.linalg.solve: _one_matrix(_solve),
    np.linalg.inv: _one_matrix(_inv),
    np.linalg.det: _one_matrix(_det),
    np.linalg.slogdet: _one_matrix(_slogdet),
    np.linalg.cholesky: _one_matrix(_cholesky),
}
