"""Repeated eigenvalues and singular values: the derivative of what does not depend on the vectors.

The cotangent of a matrix has for each pair of eigenvalues the element N_ij / (w_j - w_i), where N
is the antisymmetric part of VᵀV̄. Equal eigenvalues have a space of vectors, in which any basis
serves. What depends on that choice, as an element of V does, has no derivative there: N_ij is not
0. Otherwise N_ij vanishes with the difference and the element is the limit, which for V f(w) Vᵀ is
f'(w) times that of the cotangent (Daleckii and Krein, Integration and differentiation of functions
of Hermitian operators, 1965). It is found from what the cotangents of the vectors change by when
the values move apart: `rates`, along two directions of the packed result that `directions` gives.

The limit is that of the mean over both values, (f'(w_i) + f'(w_j)) / 2, as the first derivatives
of that are those of the quotient; so it can be differentiated once more, and no further.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff.core.batched import innermost
from autodiff.core.batching import stacked
from autodiff.core.libraries import beside, elsewhere
from autodiff.core.primitive import Array, Primitive, discrete
from autodiff.core.tensor import Tensor, record
from autodiff.rules.linalg.matrices import recorded

__all__ = ["SPECTRA", "Spectrum", "amounts", "near", "note_repeated", "quotients", "rotation"]


class Spectrum(NamedTuple):
    """The rules of a decomposition where values are repeated."""

    #: ``values(out, a, **params)``: those that may be, and 0 if that is one that counts.
    values: Callable[..., Array]
    #: ``directions(out, a, **params)``: two tangents of the packed result.
    directions: Callable[..., Sequence[Array]]
    #: ``turned(out, a, **params)``: the packed result with other vectors that serve as well.
    turned: Callable[..., Array]
    #: ``vjp(g, rates, out, a, **params)``, with the rates of the cotangent along both.
    vjp: Callable[..., Array]
    #: ``apart(cotangents, out, a, **params)``: whether vectors that cotangents arrive at, or rates
    #: of them, may turn in ways that the rates say nothing of.
    apart: Callable[..., bool] = lambda cotangents, out, a, **params: False


#: By primitive.
SPECTRA: dict[Primitive, Spectrum] = {}


def _near(x: Array, *, relative: float) -> Array:
    largest = np.max(np.abs(x), axis=-1)[..., None, None] if x.shape[-1] else 0.0
    apart = np.abs(x[..., None, :] - x[..., :, None])
    return (apart <= relative * largest) & beside(x, ~np.eye(x.shape[-1], dtype=bool))


_NEAR = discrete(recorded("near")(_near), "near", batch=stacked(1))


def near(x: Array, size: int | None = None) -> Array:
    """Return which values of a row are equal, up to rounding or but for a small difference.

    A quotient by a difference d loses eps / d by rounding, and the limit in its place differs by
    d²: up to the cube root of eps the limit is nearer. With a `size` the difference is rounding.
    """
    relative = _cube_root(x) if size is None else size * float(np.finfo(np.result_type(x)).eps)
    return record(_NEAR, (x,), {"relative": relative})


def amounts(x: Array) -> Array:
    """Return by how much values move apart in a probe, and 0 for those that none is near to."""
    n = np.shape(x)[-1]
    return np.any(near(x), axis=-1) * beside(x, 1.0 + np.arange(n) / max(n, 1))


def note_repeated(packed: Any, values: Any, zero: bool = False) -> Any:
    """Note a decomposition whose values are repeated on all its tapes, and return it.

    Zero may be one of the values that count.
    """
    levels: list[Tensor] = []
    node = packed
    while type(node) is Tensor:
        if node.tape.observer is not None:
            # Passes on one tape look for themselves.
            return packed
        if node.tape.batch is None:
            levels.append(node)
        node = node.value if node.tape.batch is None else node.value.array
    if any([x.tape.replayable for x in levels]):
        # The answer is guarded.
        if zero:
            values = np.concatenate([values, np.zeros_like(values[..., :1])], axis=-1)
        mask = near(values)
        while type(mask) is Tensor and mask.tape.batch is not None:
            mask = mask.value.array
        repeated = bool(np.any(mask))
    else:
        values = innermost(values)
        repeated = _any_near(values if elsewhere(values) is not None else np.asarray(values), zero)
    if repeated:
        for x in levels:
            x.tape.limits.append(x)
    return packed


def _any_near(x: Any, zero: bool) -> bool:
    """Return whether any values of a row are near, in less time than a mask of all pairs takes."""
    if x.dtype.kind == "c":
        return bool(np.any(_near(x, relative=_cube_root(x))))
    row = np.sort(x, axis=-1)
    least = _cube_root(x) * (np.maximum(-row[..., :1], row[..., -1:]) if x.size else x)
    if zero and bool(np.any(row[..., :1] <= least)):
        return True
    return bool(np.any(row[..., 1:] - row[..., :-1] <= least))


def _cube_root(x: Any) -> float:
    return float(np.cbrt(np.finfo(np.result_type(x)).eps))


def quotients(
    numerator: Array,
    rates: Sequence[Array],
    gaps: Array,
    moved: Array,
    mean: Array,
    scale: Array,
    masks: tuple[Array, Array],
    size: int,
) -> Array:
    """Return ``numerator / gaps``, and in near pairs its limit, NaN where there is none.

    Parameters
    ----------
    numerator, gaps : array
        What is divided, and by what.
    rates : sequence of array
        The derivatives of the numerator along both directions.
    moved, mean : array
        The derivative of the gaps along the first, and of the mean of both values.
    scale : array
        The size of the numbers that the numerator is the sum of.
    masks : tuple of array
        Which pairs are near, and which are equal but for rounding.
    size : int
        Number of values, which rounding grows with.
    """
    close, equal = masks
    limit = (rates[0] - mean * rates[1]) / np.where(close, moved, 1.0)
    left = np.abs(numerator - limit * gaps)
    rounding = 64 * size * float(np.finfo(np.result_type(gaps)).eps)
    # Values that are zero but for rounding have cotangents that are too.
    scale = np.max(scale, axis=(-2, -1), keepdims=True)
    fits = left <= rounding * scale + 1e-6 * np.abs(limit * gaps)
    quotient = np.where(equal, np.nan, numerator / np.where(equal, 1.0, gaps))
    return np.where(close, np.where(fits, limit, quotient), quotient)


def _turn(x: Array, *, relative: float) -> Array:
    """Return orthogonal matrices that turn the space of each group of equal values."""
    n = x.shape[-1]
    places = np.arange(n)
    skew = np.cos(places[:, None] * 1.3 + places * 0.7) * (places[:, None] < places)
    skew = _near(x, relative=relative) * (skew - skew.T)
    unit = np.eye(n)
    # Cayley's form of a rotation, which keeps to the groups as they are blocks.
    return np.linalg.solve(unit + skew, unit - skew)


_TURN = discrete(recorded("turn")(_turn), "turn", batch=stacked(1))


def rotation(x: Array, size: int) -> Array:
    """Return matrices that turn the vectors of values that are equal but for rounding."""
    return record(_TURN, (x,), {"relative": size * float(np.finfo(np.result_type(x)).eps)})
