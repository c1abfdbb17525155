"""The rule of the QR decomposition.

Source: Walter and Lehmann, Algorithmic differentiation of linear algebra functions with
application in optimum experimental design (2018), section 3; the conjugate transpose and a real
diagonal of R, as LAPACK leaves it, make it hold for complex matrices.
"""

from functools import cache
from typing import Any

import numpy as np

from autodiff.core.batching import stacked
from autodiff.core.libraries import beside
from autodiff.core.primitive import Array, general, handles
from autodiff.core.tensor import record
from autodiff.rules.linalg.matrices import (
    conj,
    dagger,
    pack,
    recorded,
    symmetrised,
    transposed,
    unpack,
)


def _shapes(a: Array) -> list[tuple[int, ...]]:
    m, n = np.shape(a)[-2:]
    return [(m, n), (n, n)]


@recorded("qr")
def _qr(a: Array) -> Array:
    """Return Q and R of matrices with at least as many rows as columns, packed."""
    return pack(np.linalg.qr(a), np.ndim(a) - 2)


def _below(x: Array) -> Array:
    return x * beside(x, np.tri(np.shape(x)[-1], k=-1, dtype=bool))


def _on(x: Array) -> Array:
    return x * beside(x, np.eye(np.shape(x)[-1], dtype=bool))


def _qr_vjp(g: Array, out: Array, a: Array) -> Array:
    q, r = unpack(out, _shapes(a))
    q_bar, r_bar = (conj(x) for x in unpack(g, _shapes(a)))
    m = np.matmul(r, dagger(r_bar)) - np.matmul(dagger(q_bar), q)
    on = _on(np.real(m) if np.iscomplexobj(m) else m)
    inner = q_bar + np.matmul(q, symmetrised(_below(m)) + on)
    return conj(dagger(np.linalg.solve(r, dagger(inner))))


def _qr_jvp(a_dot: Array, out: Array, a: Array) -> Array:
    q, r = unpack(out, _shapes(a))
    b = transposed(np.linalg.solve(transposed(r), transposed(a_dot)))
    c = np.matmul(dagger(q), b)
    rotation = _below(c) - dagger(_below(c))
    if np.iscomplexobj(c):
        # The diagonal of R stays real: what it would turn by, the column of Q turns by.
        rotation = rotation + 1j * _on(np.imag(c))
    kept = c - rotation
    return pack([b - np.matmul(q, kept), np.matmul(kept, r)], np.ndim(a) - 2)


QR = general(
    "qr",
    _qr,
    [_qr_vjp],
    [_qr_jvp],
    examples=[
        (((1, 1),), {}),
        (((3, 3),), {}),
        (((5, 3),), {}),
        (((2, 1, 3, 2),), {}),
        (((0, 3, 2),), {}),
    ],
    complex=True,
    batch=stacked(2),
)


@cache
def _qr_result() -> Any:
    return type(np.linalg.qr(np.eye(1)))


@handles(np.linalg.qr)
def qr(a: Array, mode: str = "reduced") -> Any:
    """Return orthonormal columns and a triangular matrix whose product is `a`.

    The first columns, as many as there are rows at most, must be linearly independent.
    """
    if np.ndim(a) < 2:
        raise np.linalg.LinAlgError(f"qr: an array of shape {np.shape(a)} has fewer than 2 axes")
    m, n = np.shape(a)[-2:]
    if mode == "raw" or (mode == "complete" and m > n):
        raise NotImplementedError(
            f"np.linalg.qr: mode={mode!r} of a tensor of shape {np.shape(a)}: what it adds to "
            "mode='reduced' is not determined by the matrix, and has no derivative"
        )
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr: mode={mode!r} is none of 'reduced', 'complete', 'r', 'raw'")
    k = min(m, n)
    q, r = unpack(record(QR, (a if k == n else a[..., :k],)), [(m, k), (k, k)])
    if k < n:
        # The columns beyond the first square block have no part in Q.
        r = np.concatenate([r, np.matmul(dagger(q), a[..., k:])], axis=-1)
    return r if mode == "r" else _qr_result()(q, r)
