"""Factorisations: those of NumPy under SciPy's signatures."""

from typing import Any

import numpy as np
import scipy.linalg as sl

from autodiff.core.primitive import Array, discrete
from autodiff.core.tensor import record
from autodiff.rules.linalg.matrices import dagger, recorded
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import refused, stands_for
from autodiff.scipy.linalg.matrices import assumed

__all__ = ["cholesky", "eig", "eigh", "eigvals", "eigvalsh", "qr", "svd", "svdvals"]


@stands_for("scipy.linalg.cholesky")
def cholesky(a: Array, lower: bool = False) -> Array:
    """Return the triangular factor of a positive definite matrix, by default the upper one."""
    return np.linalg.cholesky(as_array(a), upper=not lower)


def _signs(v: Array, a: Array, *, lower: bool) -> Array:
    """Return for each eigenvector 1, or -1 where SciPy's other driver gives its opposite."""
    theirs = sl.eigh(a, lower=lower)[1] if a.size else v
    return np.where(np.sum(v * theirs, axis=-2, keepdims=True) < 0, -1.0, 1.0)


_SIGNS = discrete(recorded("scipy.eigh signs", True)(_signs), "scipy.eigh signs")


@stands_for(
    "scipy.linalg.eigh",
    limits="`subset_by_value=` is refused; complex eigenvectors have the phases of NumPy's",
    idle=["driver"],
)
def eigh(
    a: Array,
    b: Array | None = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    type: int = 1,
    subset_by_index: Any = None,
) -> Any:
    """Return eigenvalues, ascending, and eigenvectors of a Hermitian matrix, or of a pair of them.

    A pair is reduced to one matrix by the Cholesky factor of the second (Golub and Van Loan, Matrix
    Computations, section 8.7.2).
    """
    a = as_array(a)
    if b is None:
        w, v = np.linalg.eigh(a, "L" if lower else "U")
        if not eigvals_only and not np.iscomplexobj(a):
            v = v * record(_SIGNS, (v, a), {"lower": bool(lower)})
    else:
        factor = cholesky(as_array(b), lower=lower)
        factor = factor if lower else dagger(factor)
        shared = _mirrored(a, lower)
        if type == 1:
            half = dagger(np.linalg.solve(factor, shared))
            inner = np.linalg.solve(factor, half)
        elif type in (2, 3):
            inner = np.matmul(dagger(factor), np.matmul(shared, factor))
        else:
            raise ValueError(f'"type" keyword only accepts 1, 2, and 3; {type!r} arrived')
        w, u = np.linalg.eigh(0.5 * (inner + dagger(inner)))
        v = np.matmul(factor, u) if type == 3 else np.linalg.solve(dagger(factor), u)
        if not eigvals_only and not np.iscomplexobj(v):
            params = {"lower": bool(lower), "type": type}
            v = v * record(_PAIR_SIGNS, (v, a, as_array(b)), params)
    if subset_by_index is not None:
        first, last = subset_by_index
        w, v = w[..., first : last + 1], v[..., first : last + 1]
    return w if eigvals_only else (w, v)


def _pair_signs(v: Array, a: Array, b: Array, *, lower: bool, type: int) -> Array:
    theirs = sl.eigh(a, b, lower=lower, type=type)[1]
    return np.where(np.sum(v * theirs, axis=-2, keepdims=True) < 0, -1.0, 1.0)


_PAIR_SIGNS = discrete(
    recorded("scipy.eigh pair signs", True)(_pair_signs), "scipy.eigh pair signs"
)


def _mirrored(a: Array, lower: bool) -> Array:
    """Return the Hermitian matrix of which SciPy reads one triangle."""
    return assumed(a, "her", lower)


@stands_for("scipy.linalg.eigvalsh", limits="`subset_by_value=` is refused", idle=["driver"])
def eigvalsh(
    a: Array,
    b: Array | None = None,
    *,
    lower: bool = True,
    type: int = 1,
    subset_by_index: Any = None,
) -> Array:
    """Return the eigenvalues of a Hermitian matrix, or of a pair of them."""
    found: Array = eigh(
        a, b, lower=lower, eigvals_only=True, type=type, subset_by_index=subset_by_index
    )
    return found


@stands_for("scipy.linalg.eig", limits="`b=` and `left=` are refused")
def eig(a: Array, right: bool = True) -> Any:
    """Return eigenvalues, as complex numbers, and eigenvectors of a matrix."""
    w, v = np.linalg.eig(as_array(a))
    w = w + 0j
    return (w, v) if right else w


@stands_for("scipy.linalg.eigvals", limits="`b=` is refused")
def eigvals(a: Array, homogeneous_eigvals: bool = False) -> Array:
    """Return the eigenvalues of a matrix, as complex numbers."""
    if homogeneous_eigvals:
        raise refused("scipy.linalg.eigvals", "homogeneous_eigvals=")
    return eig(a, right=False)


@stands_for("scipy.linalg.svd", idle=["lapack_driver"])
def svd(a: Array, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Return the singular value decomposition."""
    a = as_array(a)
    return tuple(np.linalg.svd(a, full_matrices=full_matrices)) if compute_uv else svdvals(a)


@stands_for("scipy.linalg.svdvals")
def svdvals(a: Array) -> Array:
    """Return the singular values, descending."""
    return np.linalg.svdvals(as_array(a))


def _column_order(a: Array) -> Array:
    return sl.qr(a, mode="r", pivoting=True)[1]


_COLUMN_ORDER = discrete(recorded("scipy.qr order", True)(_column_order), "scipy.qr order")


@stands_for(
    "scipy.linalg.qr",
    limits="`mode='full'` of more rows than columns adds columns that are not determined: refused",
    idle=["lwork"],
)
def qr(a: Array, mode: str = "full", pivoting: bool = False) -> Any:
    """Return orthonormal columns and a triangle whose product is the matrix."""
    a = as_array(a)
    m, n = np.shape(a)[-2:]
    extra: tuple[Any, ...] = ()
    if pivoting:
        order = record(_COLUMN_ORDER, (a,))
        a, extra = np.take(a, order, axis=-1), (order,)
    if mode == "r":
        r: Array = np.linalg.qr(a, mode="r")
        if m > n:
            r = np.concatenate([r, np.zeros((m - n, n))], axis=-2)
        return (r, *extra)
    if mode not in ("full", "economic"):
        raise refused("scipy.linalg.qr", f"mode={mode!r}", "mode='economic' is")
    q, r = np.linalg.qr(a, mode="complete" if mode == "full" else "reduced")
    return (q, r, *extra)
