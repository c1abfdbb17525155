"""Systems of linear equations, and matrix equations that are linear."""

from typing import Any

import numpy as np
import scipy.linalg as sl

from autodiff.core.libraries import elsewhere
from autodiff.core.primitive import Array, general
from autodiff.core.tensor import record
from autodiff.rules.linalg.inverses import SOLVE_TRIANGULAR
from autodiff.rules.linalg.matrices import conj, dagger, recorded, transposed
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import stands_for
from autodiff.scipy.linalg.factors import cholesky
from autodiff.scipy.linalg.matrices import assumed, toeplitz

__all__ = [
    *("cho_factor", "cho_solve", "lu_solve", "solve", "solve_continuous_lyapunov"),
    *("solve_discrete_lyapunov", "solve_sylvester", "solve_toeplitz", "solve_triangular"),
]


@stands_for("scipy.linalg.solve")
def solve(
    a: Array, b: Array, lower: bool = False, assume_a: str | None = None, transposed: bool = False
) -> Array:
    """Return the solution of ``a @ x = b``; of `a` only what SciPy reads has a derivative."""
    a = np.atleast_2d(as_array(a))
    triangles = {"lower triangular": True, "upper triangular": False}
    if transposed:
        if np.iscomplexobj(a):
            raise NotImplementedError("scipy.linalg.solve can currently not solve a^T x = b")
        a = np.swapaxes(assumed(a, assume_a, lower), -1, -2)
        return np.linalg.solve(a, as_array(b))
    if assume_a in triangles:
        return _triangular(a, as_array(b), triangles[assume_a])
    return np.linalg.solve(assumed(a, assume_a, lower), as_array(b))


def _triangular(a: Array, b: Array, lower: bool) -> Array:
    return record(SOLVE_TRIANGULAR, (a, b), {"lower": lower})


@stands_for("scipy.linalg.solve_triangular")
def solve_triangular(
    a: Array, b: Array, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False
) -> Array:
    """Return the solution of a system whose matrix is a triangle, or that transposed."""
    a, b = as_array(a), as_array(b)
    if np.shape(a)[-1] != np.shape(a)[-2]:
        raise ValueError(f"expected square matrix, shape {np.shape(a)} arrived")
    if unit_diagonal:
        n = np.shape(a)[-1]
        a = (np.tril(a, -1) if lower else np.triu(a, 1)) + np.eye(n)
    if trans in (1, "T", 2, "C"):
        turned = transposed(a) if trans in (1, "T") else dagger(a)
        return _triangular(turned, b, not lower)
    if trans not in (0, "N"):
        raise ValueError(f"solve_triangular: trans={trans!r} is none of 0, 1, 2, 'N', 'T', 'C'")
    return _triangular(a, b, bool(lower))


@stands_for("scipy.linalg.cho_factor", limits="the other triangle is zero, where SciPy leaves it")
def cho_factor(a: Array, lower: bool = False) -> tuple[Array, bool]:
    """Return a Cholesky factor for `cho_solve`, and whether it is the lower one."""
    return cholesky(as_array(a), lower=lower), bool(lower)


@stands_for("scipy.linalg.cho_solve")
def cho_solve(c_and_lower: tuple[Array, bool], b: Array) -> Array:
    """Return the solution of a system by its Cholesky factor."""
    c, lower = c_and_lower
    c, b = as_array(c), as_array(b)
    if lower:
        return _triangular(dagger(c), _triangular(c, b, True), False)
    return _triangular(c, _triangular(dagger(c), b, True), False)


@stands_for("scipy.linalg.lu_solve")
def lu_solve(lu_and_piv: tuple[Array, Array], b: Array, trans: int = 0) -> Array:
    """Return the solution of a system by `lu_factor`."""
    lu, pivots = as_array(lu_and_piv[0]), lu_and_piv[1]
    b = as_array(b)
    n = np.shape(lu)[-1]
    order = np.arange(n)
    home = elsewhere(pivots)
    for i, other in enumerate(np.asarray(pivots) if home is None else map(int, home)):
        order[[i, other]] = order[[other, i]]
    unit = np.tril(lu, -1) + np.eye(n)
    if not trans:
        return _triangular(lu, _triangular(unit, b[order], True), False)
    if trans == 2:
        lu, unit = conj(lu), conj(unit)
    x = _triangular(transposed(unit), _triangular(transposed(lu), b, True), False)
    return x[np.argsort(order)]


@stands_for("scipy.linalg.solve_toeplitz")
def solve_toeplitz(c_or_cr: Any, b: Array) -> Array:
    """Return the solution of a system with constant diagonals."""
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    b = as_array(b)
    sides = np.reshape(b, (np.shape(b)[0], -1)) if np.ndim(b) > 1 else b
    return np.reshape(np.linalg.solve(toeplitz(c, r), sides), np.shape(b))


@recorded("scipy.solve_sylvester", True)
def _sylvester(a: Array, b: Array, q: Array) -> Array:
    return sl.solve_sylvester(a, b, q)


def _turned(g: Array, a: Array, b: Array) -> Array:
    """Return the cotangent of the right-hand side: the transposed equation."""
    return _sylvester(transposed(a), transposed(b), g)


SYLVESTER = general(
    "scipy.solve_sylvester",
    _sylvester,
    [
        lambda g, out, a, b, q: -np.matmul(_turned(g, a, b), transposed(out)),
        lambda g, out, a, b, q: -np.matmul(transposed(out), _turned(g, a, b)),
        lambda g, out, a, b, q: _turned(g, a, b),
    ],
    [
        lambda a_dot, out, a, b, q: _sylvester(a, b, -np.matmul(a_dot, out)),
        lambda b_dot, out, a, b, q: _sylvester(a, b, -np.matmul(out, b_dot)),
        lambda q_dot, out, a, b, q: _sylvester(a, b, q_dot),
    ],
    draw=lambda rng, *shapes: [
        rng.normal(size=s) + (2.0 * s[-1] * np.eye(s[-1]) if i < 2 else 0.0)
        for i, s in enumerate(shapes)
    ],
    examples=[(((3, 3), (2, 2), (3, 2)), {}), (((1, 1), (2, 2), (1, 2)), {})],
    complex=True,
)


@stands_for("scipy.linalg.solve_sylvester")
def solve_sylvester(a: Array, b: Array, q: Array) -> Array:
    """Return the solution of ``a @ x + x @ b = q`` (Bartels and Stewart 1972)."""
    return record(SYLVESTER, (as_array(a), as_array(b), as_array(q)))


@stands_for("scipy.linalg.solve_continuous_lyapunov")
def solve_continuous_lyapunov(a: Array, q: Array) -> Array:
    """Return the solution of ``a @ x + x @ aᴴ = q``."""
    a = as_array(a)
    return solve_sylvester(a, dagger(a), q)


@stands_for("scipy.linalg.solve_discrete_lyapunov")
def solve_discrete_lyapunov(a: Array, q: Array, method: str | None = None) -> Array:
    """Return the solution of ``a @ x @ aᴴ - x + q = 0``, by the method that SciPy takes."""
    a, q = as_array(a), as_array(q)
    n = np.shape(a)[0]
    method = str(method).lower() if method else "direct" if n < 10 else "bilinear"
    if method == "direct":
        system = np.eye(n * n) - np.kron(a, conj(a))
        return np.reshape(np.linalg.solve(system, np.ravel(q)), np.shape(q))
    if method != "bilinear":
        raise ValueError(f"Unknown solver {method}")
    eye, a_h = np.eye(n), dagger(a)
    inverse = np.linalg.inv(a_h + eye)
    b = np.matmul(a_h - eye, inverse)
    c = 2.0 * np.matmul(np.linalg.inv(a + eye), np.matmul(q, inverse))
    return solve_continuous_lyapunov(dagger(b), -c)
