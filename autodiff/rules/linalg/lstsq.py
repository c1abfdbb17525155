"""The rule of linear least squares.

The solution is the pseudoinverse times the right-hand side, so its derivative follows from
Golub and Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose
variables separate (1973), equation 4.12.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.core.primitive import PRIMITIVES, Array, discrete, general, handles
from autodiff.core.tensor import Tensor, record
from autodiff.rules.linalg.matrices import (
    conj,
    constant,
    dagger,
    pack,
    real,
    recorded,
    transposed,
    unpack,
)


def _shapes(a: Array, b: Array) -> list[tuple[int, ...]]:
    """Return the shapes of the solution, of the singular values and of the rank."""
    m, n = np.shape(a)
    return [(n, *np.shape(b)[1:]), (min(m, n),), (1,)]


@recorded("lstsq")
def _lstsq(a: Array, b: Array, *, rcond: float) -> Array:
    x, _, rank, s = np.linalg.lstsq(a, b, rcond)
    return pack([x, s, np.reshape(rank, (1,)).astype(s.dtype)], 0)


def _columns(x: Array) -> Array:
    return x[:, None] if np.ndim(x) == 1 else x


def _solution(packed: Array, a: Array, b: Array) -> tuple[Array, Array]:
    x, s, _ = unpack(packed, _shapes(a, b))
    return _columns(x), real(s)


def _lstsq_vjps(g: Array, out: Array, a: Array, b: Array, *, rcond: float) -> tuple[Array, Array]:
    """Return both cotangents, by one pseudoinverse."""
    x, _ = _solution(out, a, b)
    g_x, g_s = _solution(g, a, b)
    p = np.linalg.pinv(a, rcond)
    g_t = transposed(g_x)
    residual = _columns(b) - np.matmul(a, x)
    unseen = g_t - np.matmul(np.matmul(g_t, p), a)
    left = np.matmul(residual, np.matmul(np.matmul(g_t, p), dagger(p)))
    right = np.matmul(np.matmul(dagger(p), x), unseen)
    a_bar = conj(left + right) - np.matmul(np.matmul(transposed(p), g_x), transposed(x))
    b_bar = np.reshape(np.matmul(transposed(p), g_x), np.shape(b))
    if type(g_s) is not Tensor and not np.any(g_s):
        return a_bar, b_bar
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return a_bar + np.matmul(conj(u) * g_s, conj(vh)), b_bar


def _lstsq_vjp_side(g: Array, out: Array, a: Array, b: Array, *, rcond: float) -> Array:
    g_x, _ = _solution(g, a, b)
    b_bar = np.matmul(transposed(np.linalg.pinv(a, rcond)), g_x)
    return np.reshape(b_bar, np.shape(b))


def _lstsq_jvp_matrix(a_dot: Array, out: Array, a: Array, b: Array, *, rcond: float) -> Array:
    x, s = _solution(out, a, b)
    p = np.linalg.pinv(a, rcond)
    residual = _columns(b) - np.matmul(a, x)
    change = np.matmul(dagger(a_dot), np.matmul(dagger(p), x))
    x_dot = (
        np.matmul(p, np.matmul(dagger(p), np.matmul(dagger(a_dot), residual)))
        + change
        - np.matmul(p, np.matmul(a, change) + np.matmul(a_dot, x))
    )
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    s_dot = real(np.sum(conj(u) * np.matmul(a_dot, dagger(vh)), axis=0))
    return pack([x_dot, s_dot, np.zeros_like(s, shape=(1,))], 0)


def _lstsq_jvp_side(b_dot: Array, out: Array, a: Array, b: Array, *, rcond: float) -> Array:
    _, s = _solution(out, a, b)
    x_dot = np.matmul(np.linalg.pinv(a, rcond), _columns(b_dot))
    none = np.zeros_like(s, shape=(np.shape(s)[0] + 1,))
    return pack([x_dot, none], 0)


def _lstsq_jvps(x_dots: Sequence[Any], *args: Array, rcond: float) -> Array:
    a_dot, b_dot = x_dots
    if a_dot is None:
        return _lstsq_jvp_side(b_dot, *args, rcond=rcond)
    out_dot = _lstsq_jvp_matrix(a_dot, *args, rcond=rcond)
    return out_dot if b_dot is None else out_dot + _lstsq_jvp_side(b_dot, *args, rcond=rcond)


LSTSQ = PRIMITIVES["lstsq"] = replace(
    general(
        "lstsq",
        _lstsq,
        [lambda *args, **params: _lstsq_vjps(*args, **params)[0], _lstsq_vjp_side],
        [_lstsq_jvp_matrix, _lstsq_jvp_side],
        examples=[
            (((3, 3), (3,)), {"rcond": 1e-14}),
            (((5, 3), (5,)), {"rcond": 1e-14}),
            (((5, 3), (5, 2)), {"rcond": 1e-14}),
            (((2, 4), (2,)), {"rcond": 1e-14}),
            (((2, 4), (2, 3)), {"rcond": 1e-14}),
        ],
        complex=True,
    ),
    joint=(_lstsq_vjps, _lstsq_jvps),
)


def _rank(packed: Array) -> Array:
    return packed[-1].real.astype(np.int32)


_RANK_OF = discrete(recorded("rank of")(_rank), "rank of")


@handles(np.linalg.lstsq)
def lstsq(a: Array, b: Array, rcond: Any = None) -> tuple[Array, Array, Any, Array]:
    """Return the solution of least squares, the sums of squared residuals, rank, singular values.

    All but the rank are differentiated. The derivative is that along matrices of the same rank;
    of several solutions the shortest is meant, as in NumPy.
    """
    a, b = (x if hasattr(x, "shape") else np.asarray(x) for x in (a, b))
    if np.ndim(a) != 2 or np.ndim(b) not in (1, 2):
        raise np.linalg.LinAlgError(
            f"lstsq: arrays of shape {np.shape(a)} and {np.shape(b)} arrived; the first must be a "
            "matrix, the second a vector or a matrix"
        )
    m, n = np.shape(a)
    if np.shape(b)[0] != m:
        raise np.linalg.LinAlgError(
            f"lstsq: {m} rows (first axis of argument 0) are not {np.shape(b)[0]} (first axis of "
            "argument 1)"
        )
    if rcond is None:
        rcond = max(m, n) * float(np.finfo(np.result_type(a, b, np.float32)).eps)
    packed = record(LSTSQ, (a, b), {"rcond": constant(rcond, "lstsq: rcond")})
    x, s, _ = unpack(packed, _shapes(a, b))
    rank = record(_RANK_OF, (packed,))
    if m <= n or rank != n:
        return x, np.zeros(0, np.finfo(np.result_type(s)).dtype), rank, real(s)
    residual = _columns(b) - np.matmul(a, _columns(x))
    squares = np.sum(real(residual * conj(residual)), axis=0)
    return x, squares, rank, real(s)
