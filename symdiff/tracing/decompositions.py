"""Eigenvalues, singular values, inverses and exponentials of matrices, written in their entries.

There are closed forms for two rows or columns; the others are those of ``strategy="matrix"``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import numpy as np

from symdiff.errors import Untraceable
from symdiff.tracing.scipy_functions import expm

__all__ = ["DECOMPOSITIONS"]

_TERMS = 9  # of series that are right to rounding below 1/4


def _refuse(name: str, what: str) -> NoReturn:
    raise Untraceable(f"{name}: {what} no closed form in the entries that is written out here")


def _square(name: str, a: Any, most: int = 2) -> int:
    """Return the number of rows of square matrices with a closed form."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"{name}: a square matrix is needed, not shape {a.shape}")
    if a.shape[-1] > most:
        _refuse(name, f"a matrix of {a.shape[-1]} rows has")
    return int(a.shape[-1])


def _entries(a: Any) -> tuple[Any, Any, Any, Any]:
    """Return the entries of matrices of two rows."""
    return a[..., 0, 0], a[..., 0, 1], a[..., 1, 0], a[..., 1, 1]


def _eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Return the eigenvalues of symmetric matrices, of which one triangle is read."""
    if _square("np.linalg.eigvalsh", a) == 1:
        return a[..., 0]
    p, upper, lower, q = _entries(a)
    middle, radius = (p + q) / 2, np.hypot((p - q) / 2, lower if UPLO.upper() == "L" else upper)
    return np.stack([middle - radius, middle + radius], axis=-1)


def _svdvals(a: Any) -> Any:
    """Return the singular values, the largest first."""
    rows, columns = a.shape[-2:]
    if min(rows, columns) == 1:
        return np.linalg.norm(a, axis=(-2, -1))[..., None]
    if min(rows, columns) > 2:
        _refuse("np.linalg.svd", f"a matrix of {rows} rows and {columns} columns has")
    if rows == columns:
        p, q, r, s = _entries(a)
        one, other = np.hypot(p + s, r - q), np.hypot(p - s, q + r)
        return np.stack([(one + other) / 2, np.abs(one - other) / 2], axis=-1)
    u, v = (a[..., 0, :], a[..., 1, :]) if rows == 2 else (a[..., 0], a[..., 1])
    p, q = np.sum(u**2, axis=-1), np.sum(v**2, axis=-1)
    radius = np.hypot((p - q) / 2, np.sum(u * v, axis=-1))
    pairs = [(i, j) for j in range(max(rows, columns)) for i in range(j)]
    minors = sum((u[..., i] * v[..., j] - u[..., j] * v[..., i]) ** 2 for i, j in pairs)
    largest = np.sqrt((p + q) / 2 + radius)
    return np.stack([largest, np.sqrt(minors) / largest], axis=-1)


def _svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Return the singular values."""
    if compute_uv:
        _refuse("np.linalg.svd", "singular vectors have")
    return _svdvals(a)


def _pinv(a: Any, *_: Any, **__: Any) -> Any:
    """Return the inverse of matrices of full rank from the side where they have one."""
    rows, columns = a.shape[-2:]
    if rows == columns:
        return np.linalg.inv(a)
    if rows > columns:
        return np.linalg.inv(a.mT @ a) @ a.mT
    return a.mT @ np.linalg.inv(a @ a.mT)


class _LstsqResult(NamedTuple):
    """The result of `np.linalg.lstsq`, for a matrix of full rank."""

    x: Any
    residuals: Any
    rank: int
    s: Any


def _lstsq(a: Any, b: Any, rcond: Any = None) -> _LstsqResult:
    """Return the solution of least squares."""
    x = _pinv(a) @ b
    rows, columns = a.shape
    squares = np.sum((b - a @ x) ** 2, axis=0, keepdims=np.ndim(b) == 1)
    small = min(rows, columns)
    return _LstsqResult(x, squares, small, _svdvals(a) if small < 3 else None)


def _expm(a: Any) -> Any:
    """Return the exponential of matrices, by what is left of them without the mean eigenvalue."""
    if _square("scipy.linalg.expm", a) == 1:
        return np.exp(a)
    p, q, r, s = _entries(a)
    mean, half = (p + s) / 2, (p - s) / 2
    square = half * half + q * r  # of the distance of the eigenvalues to their mean
    real, turning = square > 0.25, square < -0.25
    even, odd = _series(square, 0), _series(square, 1)
    far, turn = np.sqrt(np.where(real, square, 1.0)), np.sqrt(np.where(turning, -square, 1.0))
    up, down, size = np.exp(mean + far), np.exp(mean - far), np.exp(mean)
    cosine = np.where(real, (up + down) / 2, size * np.where(turning, np.cos(turn), even))
    sine = np.where(
        real, (up - down) / (2 * far), size * np.where(turning, np.sin(turn) / turn, odd)
    )
    rows = [
        np.stack([cosine + half * sine, q * sine], axis=-1),
        np.stack([r * sine, cosine - half * sine], axis=-1),
    ]
    return np.stack(rows, axis=-2)


def _series(square: Any, first: int) -> Any:
    """Return the sum of ``square**k / (2*k + first)!``."""
    result: Any = 0.0
    for k in range(_TERMS, -1, -1):
        result = result * square + 1 / math.factorial(2 * k + first)
    return result


#: By the function of NumPy's, or the stand-in for SciPy's.
DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    np.linalg.eigvalsh: _eigvalsh,
    np.linalg.svdvals: _svdvals,
    np.linalg.svd: _svd,
    np.linalg.pinv: _pinv,
    np.linalg.lstsq: _lstsq,
    expm: _expm,
}
