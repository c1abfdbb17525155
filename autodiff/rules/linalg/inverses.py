"""Rules of inverses and of systems of linear equations.

Source: Giles, Collected matrix derivative results for forward and reverse mode algorithmic
differentiation (2008), sections 2.2.3 and 2.3.1; for the pseudoinverse Golub and Pereyra, The
differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate
(1973), equation 4.12, which holds where the rank stays the same.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.core.batching import aligned, stacked
from autodiff.core.libraries import beside
from autodiff.core.primitive import PRIMITIVES, Array, general, handles
from autodiff.core.tensor import record
from autodiff.rules.elementwise_rules import unbroadcast
from autodiff.rules.linalg.matrices import (
    conj,
    constant,
    dagger,
    recorded,
    symmetrised,
    transposed,
    triangle_share,
)
from autodiff.rules.linalg.triangular import lower_or_upper, solve_triangular


def _regular(rng: Any, *shapes: tuple[int, ...]) -> list[Array]:
    """Return a well-conditioned matrix, and any right-hand side."""
    matrix, *sides = (rng.normal(size=shape) for shape in shapes)
    return [matrix + 3.0 * np.eye(shapes[0][-1]), *sides]


INV = general(
    "inv",
    np.linalg.inv,
    [lambda g, out, a: -np.matmul(transposed(out), np.matmul(g, transposed(out)))],
    [lambda a_dot, out, a: -np.matmul(out, np.matmul(a_dot, out))],
    examples=[(((1, 1),), {}), (((3, 3),), {}), (((2, 1, 3, 3),), {}), (((0, 0),), {})],
    complex=True,
    draw=_regular,
    batch=stacked(2),
)


def _solved(a: Array, side: Array, vector: bool, lower: bool | None) -> Array:
    """Return solutions for right-hand sides that are vectors, stacks of them too, or matrices."""
    side = side[..., None] if vector else side
    x = np.linalg.solve(a, side) if lower is None else solve_triangular(a, side, lower=lower)
    return x[..., 0] if vector else x


def _solve_vjps(
    g: Array, out: Array, a: Array, b: Array, lower: bool | None = None
) -> tuple[Array, Array]:
    """Return both cotangents: that of the matrix is made of that of the right-hand side."""
    vector = np.ndim(b) == 1
    b_bar = _solved(transposed(a), g, vector, None if lower is None else not lower)
    if vector:
        a_bar = -b_bar[..., :, None] * out[..., None, :]
    else:
        a_bar = -np.matmul(b_bar, transposed(out))
    a_bar = _triangle(a_bar, lower)
    return unbroadcast(a_bar, np.shape(a)), unbroadcast(b_bar, np.shape(b))


def _solve_vjp_side(g: Array, out: Array, a: Array, b: Array, lower: bool | None = None) -> Array:
    x_bar = _solved(transposed(a), g, np.ndim(b) == 1, None if lower is None else not lower)
    return unbroadcast(x_bar, np.shape(b))


def _solve_jvps(
    x_dots: Sequence[Any], out: Array, a: Array, b: Array, lower: bool | None = None
) -> Array:
    """Return the tangent: the solution of one system, whichever operands move."""
    a_dot, b_dot = x_dots
    vector = np.ndim(b) == 1
    if a_dot is None:
        # A vector for a stack of matrices has as many solutions.
        if lower is None:
            return np.linalg.solve(a, b_dot)
        return solve_triangular(a, b_dot, lower=lower)
    a_dot = _triangle(a_dot, lower)
    moved = np.matmul(a_dot, out[..., None])[..., 0] if vector else np.matmul(a_dot, out)
    return _solved(a, -moved if b_dot is None else b_dot - moved, vector, lower)


def _triangle(x: Array, lower: bool | None) -> Array:
    """Return the part of matrices that a system reads."""
    if lower is None:
        return x
    return np.tril(x) if lower else np.triu(x)


_SOLVE_SHAPES: list[Any] = [
    ((3, 3), (3,)),
    ((3, 3), (3, 2)),
    ((4, 3, 3), (3,)),
    ((4, 3, 3), (3, 2)),
    ((3, 3), (4, 3, 2)),
    ((4, 1, 3, 3), (5, 3, 1)),
    ((3, 3), (3, 0)),
    ((0, 0), (0, 2)),
]
_SOLVE_JOINT: Any = (_solve_vjps, _solve_jvps)


def _solve_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    """Batch systems of equations; a matrix that all elements share is factorised once."""
    (a, b), (left, right) = xs, on

    def solved(a: Array, b: Array) -> Array:
        return solve_triangular(a, b, **params) if params else np.linalg.solve(a, b)

    vector = np.ndim(b) - right == 1
    if not left and np.ndim(a) == 2:
        if vector:
            return np.swapaxes(solved(a, np.swapaxes(b, 0, 1)), 0, 1)
        if np.ndim(b) == 3:
            size, n, k = b.shape
            sides = np.reshape(np.swapaxes(b, 0, 1), (n, size * k))
            return np.swapaxes(np.reshape(solved(a, sides), (n, size, k)), 0, 1)
    a, b = aligned((a, b[..., None] if vector else b), on, (2, 2))
    out = solved(a, b)
    return out[..., 0] if vector else out


SOLVE = PRIMITIVES["solve"] = replace(
    general(
        "solve",
        np.linalg.solve,
        [lambda *args: _solve_vjps(*args)[0], _solve_vjp_side],
        [
            lambda a_dot, *args: _solve_jvps((a_dot, None), *args),
            lambda b_dot, *args: _solve_jvps((None, b_dot), *args),
        ],
        examples=[(shapes, {}) for shapes in _SOLVE_SHAPES],
        complex=True,
        draw=_regular,
    ),
    # A system is factorised once for both operands, not once for each.
    joint=_SOLVE_JOINT,
    batch=_solve_batch,
)
SOLVE_TRIANGULAR = PRIMITIVES["solve_triangular"] = replace(
    general(
        "solve_triangular",
        solve_triangular,
        [lambda g, out, a, b, lower: _solve_vjps(g, out, a, b, lower)[0], _solve_vjp_side],
        [
            lambda a_dot, out, a, b, lower: _solve_jvps((a_dot, None), out, a, b, lower),
            lambda b_dot, out, a, b, lower: _solve_jvps((None, b_dot), out, a, b, lower),
        ],
        examples=[
            *((shapes, {"lower": True}) for shapes in _SOLVE_SHAPES),
            (((9, 9), (9, 2)), {"lower": False}),
            (((2, 9, 9), (9,)), {"lower": False}),
        ],
        complex=True,
        draw=_regular,
    ),
    joint=_SOLVE_JOINT,
    batch=_solve_batch,
)


@recorded("pinv")
def _pinv(a: Array, *, rcond: Any, hermitian: bool) -> Array:
    return np.linalg.pinv(a, rcond, hermitian)


def _residual_projectors(p: Array, a: Array, hermitian: bool) -> tuple[Array, Array]:
    """Return I - A P and I - P A: what A does not reach, and what it does not see."""
    m, n = np.shape(a)[-2:]
    if hermitian:
        a = symmetrised(triangle_share(a, False) * a)
    one, other = (beside(a, np.eye(k, dtype=np.result_type(a))) for k in (m, n))
    return one - np.matmul(a, p), other - np.matmul(p, a)


def _pinv_vjp(g: Array, out: Array, a: Array, *, rcond: Any, hermitian: bool) -> Array:
    unreached, unseen = _residual_projectors(out, a, hermitian)
    g_t, out_t = transposed(g), transposed(out)
    left = np.matmul(np.matmul(unreached, g_t), np.matmul(out, dagger(out)))
    right = np.matmul(np.matmul(dagger(out), out), np.matmul(g_t, unseen))
    a_bar = conj(left + right) - np.matmul(out_t, np.matmul(g, out_t))
    # What is Hermitian reads the lower triangle only.
    return triangle_share(a, False) * symmetrised(a_bar) if hermitian else a_bar


def _pinv_jvp(a_dot: Array, out: Array, a: Array, *, rcond: Any, hermitian: bool) -> Array:
    if hermitian:
        a_dot = symmetrised(triangle_share(a, False) * a_dot)
    unreached, unseen = _residual_projectors(out, a, hermitian)
    a_dot_h = dagger(a_dot)
    left = np.matmul(np.matmul(out, dagger(out)), np.matmul(a_dot_h, unreached))
    right = np.matmul(np.matmul(unseen, a_dot_h), np.matmul(dagger(out), out))
    return left + right - np.matmul(out, np.matmul(a_dot, out))


PINV = general(
    "pinv",
    _pinv,
    [_pinv_vjp],
    [_pinv_jvp],
    examples=[
        (((3, 3),), {"rcond": 1e-15, "hermitian": False}),
        (((4, 2),), {"rcond": 1e-15, "hermitian": False}),
        (((2, 2, 3),), {"rcond": 1e-12, "hermitian": False}),
        (((0, 3),), {"rcond": 1e-12, "hermitian": False}),
        (((3, 3),), {"rcond": 1e-15, "hermitian": True}),
    ],
    complex=True,
    batch=stacked(2),
)


@handles(np.linalg.inv)
def inv(a: Array) -> Array:
    """Return the inverse of square matrices."""
    return record(INV, (a,))


@handles(np.linalg.solve)
def solve(a: Array, b: Array) -> Array:
    """Return the solution of ``a @ x = b``; `b` with one axis is a vector, else matrices."""
    lower = lower_or_upper(a)
    if lower is not None:
        return record(SOLVE_TRIANGULAR, (a, b), {"lower": lower})
    return record(SOLVE, (a, b))


@handles(np.linalg.pinv)
def pinv(a: Array, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Array:
    """Return the pseudoinverse; singular values up to `rcond` times the largest count as zero.

    The derivative is that along matrices of the same rank; across ranks there is none.
    """
    if rcond is not None and rtol is not np._NoValue:
        raise ValueError("pinv: rcond and rtol are two names of one thing: give one")
    if rcond is None:
        # These are the values that NumPy takes.
        rcond = 1e-15 if rtol is np._NoValue else rtol
    if rcond is None:
        rcond = max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)
    rcond = constant(rcond, "pinv: rcond")
    return record(PINV, (a,), {"rcond": rcond, "hermitian": bool(hermitian)})


@handles(np.linalg.tensorinv)
def tensorinv(a: Array, ind: int = 2) -> Array:
    """Return the inverse of the map that ``tensordot`` with an array is."""
    if ind <= 0:
        raise ValueError(f"tensorinv: ind={ind}; the number of axes must be positive")
    shape = a.shape
    rows = prod(shape[:ind])
    if rows != prod(shape[ind:]):
        raise np.linalg.LinAlgError(
            f"tensorinv: the first {ind} axes of shape {shape} have {rows} elements, the others "
            f"{prod(shape[ind:])}; they must have as many"
        )
    return np.reshape(np.linalg.inv(np.reshape(a, (rows, rows))), shape[ind:] + shape[:ind])


@handles(np.linalg.tensorsolve)
def tensorsolve(a: Array, b: Array, axes: Any = None) -> Array:
    """Return the solution `x` of ``tensordot(a, x, x.ndim) = b``."""
    ndim = np.ndim(a)
    if axes is not None:
        moved = normalize_axis_tuple(axes, ndim, "axes")
        kept = tuple(i for i in range(ndim) if i not in moved)
        a = np.transpose(a, kept + moved)
    shape = np.shape(a)[np.ndim(b) :]
    size = prod(shape)
    if size**2 != np.size(a) or np.size(b) != size:
        raise np.linalg.LinAlgError(
            f"tensorsolve: an array of shape {np.shape(a)} and a right-hand side of shape "
            f"{np.shape(b)}; its axes beyond those of the other must have as many elements"
        )
    x = np.linalg.solve(np.reshape(a, (size, size)), np.reshape(b, (size,)))
    return np.reshape(x, shape)
