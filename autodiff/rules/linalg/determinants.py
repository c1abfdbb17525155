"""Rules of determinants.

The derivative of a determinant is the matrix of its cofactors, which exists for singular matrices
too; so do the derivatives of the cofactors. They are computed through the singular value
decomposition where the inverse is of no use. Source: Giles, Collected matrix derivative results
for forward and reverse mode algorithmic differentiation (2008), section 2.2.4; for singular
matrices Magnus and Neudecker, Matrix Differential Calculus, section 8.3.
"""

from functools import cache
from typing import Any

import numpy as np

from autodiff.core.batching import alike, stacked
from autodiff.core.libraries import beside
from autodiff.core.primitive import Array, Primitive, general, handles
from autodiff.core.tensor import record
from autodiff.rules.linalg.matrices import (
    diagonal,
    real,
    recorded,
    transposed,
)

#: Of the cofactors of two rows, in a type that others keep theirs beside.
_SIGNS = np.array([[1, -1], [-1, 1]], np.int8)


def _products_without_one(s: Array) -> Array:
    """Return for each number along the last axis the product of the others."""
    before = np.cumprod(s, axis=-1)
    after = np.cumprod(s[..., ::-1], axis=-1)[..., ::-1]
    one = np.ones_like(s[..., :1])
    return np.concatenate([one, before[..., :-1]], -1) * np.concatenate([after[..., 1:], one], -1)


def _products_without_two(s: Array) -> Array:
    """Return for each pair of numbers the product of the others; zero for a number with itself."""
    n = s.shape[-1]
    places = np.arange(n)
    one = np.ones_like(s[..., :1])
    before = np.concatenate([one, np.cumprod(s, axis=-1)], axis=-1)[..., :n, None]
    after = np.concatenate([np.cumprod(s[..., ::-1], axis=-1)[..., ::-1], one], axis=-1)
    # Between i and j: what follows i is multiplied up, and moved on by one so as to exclude j.
    follows = np.where(places[None, :] > places[:, None], s[..., None, :], 1.0)
    between = np.cumprod(follows, axis=-1)
    between = np.concatenate([np.ones_like(between[..., :1]), between[..., :-1]], -1)
    upper = np.triu(before * between * after[..., None, 1:], 1)
    return upper + np.swapaxes(upper, -1, -2)


def _by_inverse(a: Array) -> tuple[Array, Array] | None:
    """Return determinant and cofactors by way of the inverse, unless that would lose digits."""
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return None
    rows, inverse_rows = (
        np.max(np.sum(np.abs(x), axis=-1), axis=-1) if x.shape[-1] else 0.0 for x in (a, inverse)
    )
    determinant = np.linalg.det(a)[..., None, None]
    # Cofactors through the inverse are off by about the condition number times the precision.
    bound = np.finfo(inverse.dtype).eps ** (-1 / 3)
    if np.any(rows * inverse_rows > bound) or np.any(determinant == 0):
        return None
    return determinant, determinant * np.swapaxes(inverse, -1, -2)


def _rotated(a: Array) -> tuple[Array, Array, Array]:
    """Return U, S and Vᴴ, the determinant of the rotations multiplied into U, conjugated."""
    u, s, vh = np.linalg.svd(a)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return u * np.conj(sign)[..., None, None], s, vh


@recorded("cofactors")
def _cofactors(a: Array) -> Array:
    if np.shape(a)[-2:] == (2, 2):
        return a[..., ::-1, ::-1] * beside(a, _SIGNS)  # its own elements, in a tenth of the time
    found = _by_inverse(a)
    if found is not None:
        return found[1]
    u, s, vh = _rotated(a)
    return np.matmul(np.conj(u) * _products_without_one(s)[..., None, :], np.conj(vh))


@recorded("cofactor change")
def _cofactor_change(a: Array, x: Array) -> Array:
    """Return the change of the cofactors of `a` along `x`: the second derivative of det.

    With A = U S Vᴴ and M = Uᴴ X V, the cofactors of S + M are a polynomial in M. To first order
    the diagonal ones change by sums over the diagonal of M, the others by its elements, each times
    the product of all singular values but two.
    """
    found = _by_inverse(a)
    if found is not None:
        determinant, c = found
        return (c * _inner(c, x) - np.matmul(c, np.matmul(np.swapaxes(x, -1, -2), c))) / determinant
    u, s, vh = np.linalg.svd(a)
    sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    m = np.matmul(np.swapaxes(np.conj(u), -1, -2), np.matmul(x, np.swapaxes(np.conj(vh), -1, -2)))
    others = _products_without_two(s)
    on = np.matmul(others, diagonal(m)[..., None])
    change = on * beside(s, np.eye(s.shape[-1])) - others * np.swapaxes(m, -1, -2)
    return sign * np.matmul(np.conj(u), np.matmul(change, np.conj(vh)))


def _inner(x: Array, y: Array) -> Array:
    """Return the sums of products of elements, with axes of length 1."""
    return np.sum(x * y, axis=(-2, -1), keepdims=True)


def _third(a: Array, x: Array, y: Array) -> Array:
    """Return the change along `y` of the change of the cofactors along `x`; `a` must be regular.

    That is the derivative of (<C, y> C - C yᵀ C) / det A, its terms contracted with `x`, where C
    are the cofactors. It is symmetric in the two directions and in the one left open.
    """
    c, determinant = record(COFACTORS, (a,)), np.linalg.det(a)[..., None, None]
    c_t = transposed(c)
    direction = (
        _inner(c, x) * y
        + _inner(c, y) * x
        - np.matmul(y, np.matmul(c_t, x))
        - np.matmul(x, np.matmul(c_t, y))
    )
    second = _inner(record(COFACTOR_CHANGE, (a, x)), y)
    return (record(COFACTOR_CHANGE, (a, direction)) - second * c) / determinant


def _regular(rng: Any, *shapes: tuple[int, ...]) -> list[Array]:
    matrix, *directions = (rng.normal(size=shape) for shape in shapes)
    return [matrix + 2.0 * np.eye(shapes[0][-1]), *directions]


COFACTOR_CHANGE: Primitive = general(
    "cofactor change",
    _cofactor_change,
    # The second derivative of the determinant is symmetric, so the map is its own transpose.
    [
        lambda g, out, a, x: _third(a, x, g),
        lambda g, out, a, x: record(COFACTOR_CHANGE, (a, g)),
    ],
    [
        lambda a_dot, out, a, x: _third(a, x, a_dot),
        lambda x_dot, out, a, x: record(COFACTOR_CHANGE, (a, x_dot)),
    ],
    examples=[(((3, 3), (3, 3)), {}), (((2, 2, 2), (2, 2, 2)), {})],
    complex=True,
    draw=_regular,
    batch=alike,
)
COFACTORS: Primitive = general(
    "cofactors",
    _cofactors,
    [lambda g, out, a: record(COFACTOR_CHANGE, (a, g))],
    [lambda a_dot, out, a: record(COFACTOR_CHANGE, (a, a_dot))],
    examples=[(((3, 3),), {}), (((2, 1, 2, 2),), {}), (((1, 1),), {})],
    complex=True,
    draw=_regular,
    batch=stacked(2),
)
DET = general(
    "det",
    np.linalg.det,
    [lambda g, out, a: np.reshape(g, (*np.shape(g), 1, 1)) * record(COFACTORS, (a,))],
    [lambda a_dot, out, a: np.sum(record(COFACTORS, (a,)) * a_dot, axis=(-2, -1))],
    examples=[(((1, 1),), {}), (((3, 3),), {}), (((2, 1, 4, 4),), {}), (((0, 0),), {})],
    complex=True,
    draw=_regular,
    batch=stacked(2),
)


@recorded("slogdet")
def _slogdet(a: Array) -> Array:
    sign, logabsdet = np.linalg.slogdet(a)
    return np.stack([sign, logabsdet], axis=-1)


def _slogdet_vjp(g: Array, out: Array, a: Array) -> Array:
    """Return the cotangent: both results depend on t = tr(A⁻¹ dA), the sign on its imaginary part.

    d log|det A| = Re t and d sign = i sign Im t.
    """
    weight = real(g[..., 1])
    if np.iscomplexobj(a):
        weight = weight + 1j * np.imag(g[..., 0] * out[..., 0])
    return np.reshape(weight, (*np.shape(weight), 1, 1)) * transposed(np.linalg.inv(a))


def _slogdet_jvp(a_dot: Array, out: Array, a: Array) -> Array:
    t = np.sum(diagonal(np.linalg.solve(a, a_dot)), axis=-1)
    if np.iscomplexobj(a):
        return np.stack([1j * out[..., 0] * np.imag(t), np.real(t) + 0j], axis=-1)
    return np.stack([np.zeros_like(t), t], axis=-1)


SLOGDET = general(
    "slogdet",
    _slogdet,
    [_slogdet_vjp],
    [_slogdet_jvp],
    examples=[(((1, 1),), {}), (((3, 3),), {}), (((2, 1, 4, 4),), {})],
    complex=True,
    draw=_regular,
    batch=stacked(2),
)


@cache
def _slogdet_result() -> Any:
    return type(np.linalg.slogdet(np.eye(1)))


@handles(np.linalg.det)
def det(a: Array) -> Array:
    """Return the determinant of square matrices.

    First and second derivatives are right for singular matrices too; third ones need regular
    matrices.
    """
    return record(DET, (a,))


@handles(np.linalg.slogdet)
def slogdet(a: Array) -> Any:
    """Return sign and logarithm of the absolute value of the determinant of square matrices."""
    packed = record(SLOGDET, (a,))
    return _slogdet_result()(packed[..., 0], real(packed[..., 1]))
