"""The phases of complex eigenvectors and singular vectors.

Any complex number of modulus 1 times such a vector is one too. LAPACK turns each so that one of
its elements is real; the derivative of what it computes keeps that element real. Functions that
do not depend on the phases have the same derivative whichever element that is.
"""

from typing import Any

import numpy as np

from autodiff.core.batching import stacked
from autodiff.core.primitive import Array, discrete
from autodiff.core.tensor import record
from autodiff.rules.linalg.matrices import recorded

__all__ = ["settled_cotangent", "settled_tangent"]


def _real_elements(v: Array, *, rows: tuple[int, ...] | None) -> Array:
    """Return a mask with the element of each column that is real and stays so, if there is one.

    That is the largest real one, or, if rows are given, the one in the first row without
    imaginary parts. Elements near zero would turn rounding errors into phases.
    """
    is_real = v.imag == 0
    if rows is not None:
        chosen = np.zeros_like(is_real)
        free = np.ones_like(is_real[..., :1, :1])
        for row in rows:
            real_columns = free & np.all(is_real[..., row, :], axis=-1)[..., None, None]
            chosen[..., row, :] = real_columns[..., 0, :]
            free = free & ~real_columns
        is_real = chosen
    size = np.where(is_real, np.abs(v), 0.0)
    largest = np.argmax(size, axis=-2, keepdims=True) if v.shape[-2] else 0
    places = np.arange(v.shape[-2])[:, None]
    return (places == largest) & (size > np.sqrt(np.finfo(size.dtype).eps))


_REAL_ELEMENTS = discrete(
    recorded("real elements")(_real_elements), "real elements", batch=stacked(2)
)


def _pivots(v: Array, rows: tuple[int, ...] | None) -> tuple[Array, Array]:
    """Return the mask of the elements that stay real, and 1 / element; 0 for columns without."""
    mask = record(_REAL_ELEMENTS, (v,), {"rows": rows})
    elements = np.sum(np.real(v) * mask, axis=-2, keepdims=True)
    absent = np.equal(elements, 0)
    return mask, np.logical_not(absent) / (elements + absent)


def settled_tangent(v_dot: Array, v: Array, rows: Any = None) -> Array:
    """Return the tangent of vectors, in columns, whose real elements stay real."""
    if not np.iscomplexobj(v):
        return v_dot
    mask, reciprocal = _pivots(v, rows)
    turn = np.imag(np.sum(v_dot * mask, axis=-2, keepdims=True)) * reciprocal
    return v_dot - 1j * (turn * v)


def settled_cotangent(v_bar: Array, v: Array, rows: Any = None) -> Array:
    """Return the cotangent of the vectors but for their phases: the transpose of the tangent's."""
    if not np.iscomplexobj(v):
        return v_bar
    mask, reciprocal = _pivots(v, rows)
    turn = np.imag(np.sum(v_bar * v, axis=-2, keepdims=True)) * reciprocal
    return v_bar - 1j * (turn * mask)
