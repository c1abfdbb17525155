"""Parts that the rules of matrix functions share.

A decomposition has several results, a primitive one. It therefore packs them: each is flattened,
and all are joined along the last axis. Slices of that are differentiable as any others.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from math import prod
from typing import Any, TypeVar

import numpy as np

from autodiff.core.batching import stacked
from autodiff.core.libraries import beside, of_scipy
from autodiff.core.primitive import PRIMITIVES, Array, discrete
from autodiff.core.stores import resolved
from autodiff.core.tensor import Tensor, record
from autodiff.errors import LostDerivative

__all__ = [
    "conj",
    "constant",
    "dagger",
    "diagonal",
    "pack",
    "placed",
    "real",
    "reciprocal_gaps",
    "recorded",
    "symmetrised",
    "transposed",
    "triangle_share",
    "unpack",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def recorded(name: str, scipys: bool = False) -> Callable[[_Function], _Function]:
    """Return a decorator for the function of a primitive of that name.

    A derivative of a derivative calls it on a tensor of the outer trace: there it is recorded.
    Compiled code of `scipys` is called by way of the library whose arrays it meets.
    """

    def decorate(function: Any) -> Any:
        @wraps(function)
        def call(*operands: Array, **params: Any) -> Array:
            if any(type(x) is Tensor for x in operands):
                return record(PRIMITIVES[name], operands, params)
            if scipys:
                return of_scipy(name, function, operands, params)
            return function(*operands, **params)

        return call

    return decorate


def pack(parts: Sequence[Array], batch: int) -> Array:
    """Return arrays with the same `batch` leading axes as one, the others flattened and joined."""
    flat = [np.reshape(x, (*np.shape(x)[:batch], prod(np.shape(x)[batch:]))) for x in parts]
    return np.concatenate(flat, axis=-1)


def unpack(packed: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Return the arrays that `pack` joined, given their shapes without the leading axes."""
    parts, start = [], 0
    for shape in shapes:
        stop = start + prod(shape)
        parts.append(np.reshape(packed[..., start:stop], (*np.shape(packed)[:-1], *shape)))
        start = stop
    return parts


def constant(x: Any, what: str) -> Any:
    """Return a tolerance, unless it is a tensor: a rank changes by steps, or not at all."""
    x = resolved(x)
    if type(x) is Tensor:
        raise LostDerivative(f"{what} is a tensor, and has no derivative: give a plain number")
    return x


def transposed(x: Array) -> Array:
    """Return matrices with rows and columns exchanged."""
    return np.swapaxes(x, -1, -2)


def conj(x: Array) -> Array:
    """Return the complex conjugate; of real numbers themselves."""
    return np.conjugate(x) if np.iscomplexobj(x) else x


def dagger(x: Array) -> Array:
    """Return matrices transposed and conjugated."""
    return conj(np.swapaxes(x, -1, -2))


def real(x: Array) -> Array:
    """Return the real part; of real numbers themselves."""
    return np.real(x) if np.iscomplexobj(x) else x


def diagonal(x: Array) -> Array:
    """Return the diagonals of square matrices."""
    return np.einsum("...ii->...i", x)


def placed(x: Array) -> Array:
    """Return matrices with the given diagonals, zero elsewhere."""
    return x[..., None, :] * beside(x, np.eye(np.shape(x)[-1], dtype=bool))


def _coincide(x: Array, *, relative: float) -> Array:
    largest = np.max(np.abs(x), axis=-1)[..., None, None] if x.shape[-1] else 0.0
    return np.abs(x[..., None, :] - x[..., :, None]) <= relative * largest


_COINCIDE = discrete(recorded("coincide")(_coincide), "coincide", batch=stacked(1))


def reciprocal_gaps(x: Array, gaps: Array, size: int) -> Array:
    """Return 1 / gaps, and 0 for pairs of values in `x` that are equal but for rounding.

    Equal eigenvalues or singular values have a space of vectors, in which any basis serves. Zero is
    right for functions of that space and of the values; what else has a derivative has a limit.
    """
    relative = size * float(np.finfo(np.result_type(x)).eps)
    equal = record(_COINCIDE, (x,), {"relative": relative})
    return np.logical_not(equal) / (gaps + equal)


def symmetrised(x: Array) -> Array:
    """Return the matrices plus their conjugate transposes."""
    return x + dagger(x)


def triangle_share(a: Array, upper: bool) -> Array:
    """Return the share of each element of a matrix where NumPy reads only one triangle.

    NumPy takes the other triangle for its mirror image. Where two elements do mirror each other,
    both are understood to be meant, as in JAX: they share the derivative evenly, which is then
    right along every direction that keeps them mirrored. Where they differ, the one counts that
    NumPy reads. A Hermitian tangent is therefore ``symmetrised(share * x_dot)``, and the cotangent
    of the matrix ``share * symmetrised(x_bar)``.
    """
    places = np.arange(np.shape(a)[-1])
    rows, columns = places[:, None], places[None, :]
    mirrored = np.equal(a, dagger(a)) | beside(a, rows == columns)
    read = beside(a, rows < columns if upper else rows > columns)
    half = np.finfo(np.result_type(a)).dtype.type(0.5)
    return half * mirrored + read * np.logical_not(mirrored)
