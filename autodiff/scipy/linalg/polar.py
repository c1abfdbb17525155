"""The polar decomposition."""

import numpy as np
import scipy.linalg as sl

from autodiff.core.primitive import Array, general
from autodiff.core.tensor import record
from autodiff.rules.linalg.matrices import conj, dagger, recorded
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import stands_for
from autodiff.scipy.linalg.solves import SYLVESTER

__all__ = ["polar"]


@recorded("scipy.polar", True)
def _unitary(a: Array) -> Array:
    u, _, vh = sl.svd(a, full_matrices=False)
    return np.matmul(u, vh)


def _skew(p: Array, x: Array) -> Array:
    """Return the solution of ``p @ y + y @ p = x``."""
    return record(SYLVESTER, (p, p, x))


def _positive_part(u: Array, a: Array) -> Array:
    p = np.matmul(dagger(u), a)
    return 0.5 * (p + dagger(p))


def _polar_jvp(a_dot: Array, out: Array, a: Array) -> Array:
    p = _positive_part(out, a)
    inner = np.matmul(dagger(out), a_dot)
    turn = _skew(p, inner - dagger(inner))
    rest = a_dot - np.matmul(out, inner)
    return np.matmul(out, turn) + dagger(np.linalg.solve(p, dagger(rest)))


def _polar_vjp(g: Array, out: Array, a: Array) -> Array:
    g, p = conj(g), _positive_part(out, a)
    inner = np.matmul(dagger(out), g)
    turn = _skew(p, inner)
    rest = g - np.matmul(out, inner)
    return conj(np.matmul(out, turn - dagger(turn)) + dagger(np.linalg.solve(p, dagger(rest))))


#: The tangent turns by the solution of a Sylvester equation (Higham, Functions of Matrices, 2008,
#: section 8.2), which exists for equal singular values too.
POLAR = general(
    "scipy.polar",
    _unitary,
    [_polar_vjp],
    [_polar_jvp],
    examples=[(((3, 3),), {}), (((4, 2),), {}), (((1, 1),), {})],
    complex=True,
)


@stands_for("scipy.linalg.polar", limits="of matrices of full rank")
def polar(a: Array, side: str = "right") -> tuple[Array, Array]:
    """Return a matrix of orthonormal columns or rows, and a positive one, whose product is `a`."""
    a = as_array(a)
    m, n = np.shape(a)
    u = record(POLAR, (a,)) if m >= n else dagger(record(POLAR, (dagger(a),)))
    if side not in ("right", "left"):
        raise ValueError("`side` must be either 'right' or 'left'")
    p = np.matmul(dagger(u), a) if side == "right" else np.matmul(a, dagger(u))
    return u, 0.5 * (p + dagger(p))
