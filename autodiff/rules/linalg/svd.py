"""Rules of the singular value decomposition, and of what is made of it.

Sources: Giles, Collected matrix derivative results for forward and reverse mode algorithmic
differentiation (2008), section 3.2; Townsend, Differentiating the singular value decomposition
(2016); for complex matrices Wan and Zhang, Automatic differentiation for complex valued SVD (2019).
"""

from functools import cache
from typing import Any

import numpy as np

from autodiff.core.batching import stacked
from autodiff.core.primitive import Array, discrete, general, handles
from autodiff.core.tensor import record
from autodiff.rules.linalg.matrices import (
    conj,
    constant,
    dagger,
    diagonal,
    pack,
    placed,
    real,
    reciprocal_gaps,
    recorded,
    symmetrised,
    transposed,
    triangle_share,
    unpack,
)
from autodiff.rules.linalg.phases import settled_cotangent, settled_tangent


def _shapes(a: Array, full: bool) -> list[tuple[int, ...]]:
    m, n = np.shape(a)[-2:]
    k = min(m, n)
    return [(m, m if full else k), (k,), (n, n if full else k)]


@recorded("svd")
def _svd(a: Array, *, full_matrices: bool, hermitian: bool) -> Array:
    """Return U, the singular values and V, not conjugated, packed."""
    u, s, vh = np.linalg.svd(a, full_matrices, hermitian=hermitian)
    return pack([u, s, np.conj(np.swapaxes(vh, -1, -2))], np.ndim(a) - 2)


def _parts(packed: Array, a: Array, full: bool) -> tuple[Array, ...]:
    """Return U, s and V, and the further columns of U and V that have no singular value."""
    u, s, v = unpack(packed, _shapes(a, full))
    k = np.shape(s)[-1]
    return u[..., :k], real(s), v[..., :k], u[..., k:], v[..., k:]


def _reciprocals(s: Array, size: int) -> tuple[Array, Array]:
    """Return 1 / (s[j]² - s[i]²), 0 where they are equal, and 1 / s, 0 where it is zero."""
    i, j = s[..., :, None], s[..., None, :]
    gaps = reciprocal_gaps(s, (j - i) * (j + i), size)
    # A singular value is zero where it is equal to a zero put next to it.
    extended = np.concatenate([s, np.zeros_like(s[..., :1])], axis=-1)
    inverse = reciprocal_gaps(extended, extended[..., None, :] - extended[..., :, None], size)
    return gaps, inverse[..., -1, :-1]


def _real_rows(a: Array) -> tuple[int, int]:
    """Return the rows of U above V in which LAPACK's bidiagonal form leaves one of them real."""
    return (np.shape(a)[-2], 0)


def _turned(u: Array, v: Array, rows: tuple[int, int], settle: Any, *vectors: Array) -> list[Array]:
    """Settle the phases of U and V together, as each pair of columns has one in common."""
    together = np.concatenate([u, v], axis=-2)
    m = np.shape(u)[-2]
    settled = settle(np.concatenate(vectors, axis=-2), together, rows)
    return [settled[..., :m, :], settled[..., m:, :]]


def _svd_vjp(g: Array, out: Array, a: Array, *, full_matrices: bool, hermitian: bool) -> Array:
    u, s, v, u_null, v_null = _parts(out, a, full_matrices)
    u_bar, s_bar, v_bar, u_null_bar, v_null_bar = _parts(g, a, full_matrices)
    if np.size(s) == 0:
        return np.zeros_like(a)
    if np.iscomplexobj(a):
        u_bar, v_bar = _turned(u, v, _real_rows(a), settled_cotangent, u_bar, v_bar)
    # From here on conjugated, as in the literature.
    u_bar, v_bar = conj(u_bar), conj(v_bar)
    gaps, inverse = _reciprocals(s, max(np.shape(a)[-2:]))
    inner_u, inner_v = np.matmul(dagger(u), u_bar), np.matmul(dagger(v), v_bar)
    middle = (
        symmetrised(gaps * inner_u) * s[..., None, :]
        + s[..., :, None] * symmetrised(gaps * inner_v)
        + placed(s_bar)
    )
    if np.iscomplexobj(a):
        middle = middle + 1j * placed(np.imag(diagonal(inner_u)) * inverse)
    u_rest, v_rest = u_bar - np.matmul(u, inner_u), v_bar - np.matmul(v, inner_v)
    if full_matrices:
        # The columns without singular values turn no more than U and V make them.
        u_rest = u_rest - np.matmul(u_null, np.matmul(transposed(u_null_bar), u))
        v_rest = v_rest - np.matmul(v_null, np.matmul(transposed(v_null_bar), v))
    left = np.matmul(u, middle) + u_rest * inverse[..., None, :]
    a_bar = np.matmul(left, dagger(v)) + np.matmul(u * inverse[..., None, :], dagger(v_rest))
    a_bar = conj(a_bar)
    return triangle_share(a, False) * symmetrised(a_bar) if hermitian else a_bar


def _svd_jvp(a_dot: Array, out: Array, a: Array, *, full_matrices: bool, hermitian: bool) -> Array:
    u, s, v, u_null, v_null = _parts(out, a, full_matrices)
    if np.size(s) == 0:
        return np.zeros_like(out)
    if hermitian:
        a_dot = symmetrised(triangle_share(a, False) * a_dot)
    gaps, inverse = _reciprocals(s, max(np.shape(a)[-2:]))
    on_v, on_u = np.matmul(a_dot, v), np.matmul(dagger(a_dot), u)
    inner = np.matmul(dagger(u), on_v)
    turn_u = gaps * symmetrised(inner * s[..., None, :])
    turn_v = gaps * symmetrised(s[..., :, None] * inner)
    if np.iscomplexobj(a):
        turn_u = turn_u + 1j * placed(np.imag(diagonal(inner)) * inverse)
    u_rest = (on_v - np.matmul(u, inner)) * inverse[..., None, :]
    v_rest = (on_u - np.matmul(v, dagger(inner))) * inverse[..., None, :]
    u_dot, v_dot = np.matmul(u, turn_u) + u_rest, np.matmul(v, turn_v) + v_rest
    u_null_dot = -np.matmul(u, np.matmul(dagger(u_rest), u_null))
    v_null_dot = -np.matmul(v, np.matmul(dagger(v_rest), v_null))
    if np.iscomplexobj(a):
        u_dot, v_dot = _turned(u, v, _real_rows(a), settled_tangent, u_dot, v_dot)
    if full_matrices:
        u_dot = np.concatenate([u_dot, u_null_dot], axis=-1)
        v_dot = np.concatenate([v_dot, v_null_dot], axis=-1)
    return pack([u_dot, real(diagonal(inner)), v_dot], np.ndim(a) - 2)


def _separated(rng: Any, shape: tuple[int, ...]) -> list[Array]:
    """Return matrices with well separated singular values; not symmetric."""
    return [
        0.4 * rng.normal(size=shape)
        + 2.0 * np.eye(shape[-2], shape[-1]) * (1 + np.arange(shape[-1]))
    ]


SVD = general(
    "svd",
    _svd,
    [_svd_vjp],
    [_svd_jvp],
    examples=[
        (((1, 1),), {"full_matrices": False, "hermitian": False}),
        (((3, 3),), {"full_matrices": True, "hermitian": False}),
        (((4, 2),), {"full_matrices": False, "hermitian": False}),
        (((2, 4),), {"full_matrices": False, "hermitian": False}),
        (((2, 1, 3, 2),), {"full_matrices": False, "hermitian": False}),
        (((3, 3),), {"full_matrices": False, "hermitian": True}),
        (((0, 2),), {"full_matrices": False, "hermitian": False}),
        (((0, 2, 3),), {"full_matrices": False, "hermitian": False}),
    ],
    complex=True,
    draw=_separated,
    batch=stacked(2),
)


@recorded("matrix_rank")
def _rank(a: Array, **params: Any) -> Array:
    # Of a vector NumPy gives a Python int.
    return np.asarray(np.linalg.matrix_rank(a, **params))[()]


_RANK = discrete(_rank, "matrix_rank")


@cache
def _svd_result() -> Any:
    return type(np.linalg.svd(np.eye(1)))


@handles(np.linalg.svd)
def svd(
    a: Array, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Return the singular value decomposition: U, the singular values, and V conjugated.

    Where singular values are equal, or zero, the derivative of their vectors counts as zero: it
    does not exist, but that of functions of the space they span is right. The further columns that
    ``full_matrices=True`` adds are any basis: functions that do not depend on its choice are
    differentiated rightly. So are functions that do not depend on the phases of complex vectors,
    and those that do, where LAPACK fixes the phases by an element that is real.
    """
    wide = bool(full_matrices and compute_uv and a.shape[-1] != a.shape[-2])
    packed = record(SVD, (a,), {"full_matrices": wide, "hermitian": bool(hermitian)})
    u, s, v = unpack(packed, _shapes(a, wide))
    return _svd_result()(u, real(s), dagger(v)) if compute_uv else real(s)


@handles(np.linalg.svdvals)
def svdvals(x: Array, /) -> Array:
    """Return the singular values, descending."""
    return svd(x, compute_uv=False)


@handles(np.linalg.cond)
def cond(x: Array, p: Any = None) -> Array:
    """Return the condition number; a singular matrix has none unless `p` is None, 2 or -2."""
    if 0 in x.shape[-2:]:
        raise np.linalg.LinAlgError("cond is not defined on empty arrays")
    if p is None or p in (2, -2):
        s = svdvals(x)
        largest, smallest = s[..., 0], s[..., -1]
        with np.errstate(divide="ignore"):
            return smallest / largest if p == -2 else largest / smallest
    norms = [np.linalg.norm(y, p, axis=(-2, -1)) for y in (x, np.linalg.inv(x))]
    return norms[0] * norms[1]


@handles(np.linalg.matrix_rank, derivative=False)
def matrix_rank(A: Array, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Array:
    """Return the number of singular values that are not zero."""
    tol, rtol = constant(tol, "matrix_rank: tol"), constant(rtol, "matrix_rank: rtol")
    return record(_RANK, (A,), {"tol": tol, "hermitian": hermitian, "rtol": rtol})
