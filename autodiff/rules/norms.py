"""Rules of norms of vectors and matrices.

At the origin a norm has no derivative; by convention it is 0 there, as that of the absolute value
is. Where several elements, columns or rows attain a maximum or minimum, they share it evenly.
"""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.core.batching import over_axes
from autodiff.core.primitive import Array, general, handles
from autodiff.core.tensor import Tensor, record
from autodiff.errors import Undifferentiable
from autodiff.rules.magnitude import root, squared
from autodiff.rules.operands import Axis
from autodiff.rules.reductions import counted, expanded, operand, reduced_axes


def _power_norm(x: Array, *, ord: float, axis: Axis, keepdims: bool) -> Array:
    if type(x) is Tensor:
        return record(POWER_NORM, (x,), {"ord": ord, "axis": axis, "keepdims": keepdims})
    return np.sum(x**ord, axis=axis, keepdims=keepdims) ** (1.0 / ord)


def _power_norm_slope(out: Array, x: Array, ord: float, axis: Axis, keepdims: bool) -> Array:
    """Return (x / norm)^(ord - 1), and 0 where the element or the norm is 0."""
    norm = expanded(out, np.shape(x), axis, keepdims)
    flat = (x == 0) | (norm == 0)
    ratio = np.where(flat, 1.0, x) / np.where(norm == 0, 1.0, norm)
    return np.where(flat, 0.0, ratio ** (ord - 1.0))


def _power_norm_vjp(
    g: Array, out: Array, x: Array, *, ord: float, axis: Axis, keepdims: bool
) -> Array:
    slope = _power_norm_slope(out, x, ord, axis, keepdims)
    return expanded(g, np.shape(x), axis, keepdims) * slope


def _power_norm_jvp(
    x_dot: Array, out: Array, x: Array, *, ord: float, axis: Axis, keepdims: bool
) -> Array:
    slope = _power_norm_slope(out, x, ord, axis, keepdims)
    return np.sum(x_dot * slope, axis=axis, keepdims=keepdims)


#: Of numbers that are not negative.
POWER_NORM = general(
    "power_norm",
    _power_norm,
    [_power_norm_vjp],
    [_power_norm_jvp],
    domain=[(0.2, 2.0)],
    examples=[
        (((2, 3),), {"ord": 3.0, "axis": None, "keepdims": False}),
        (((2, 3),), {"ord": 0.5, "axis": (0,), "keepdims": True}),
        (((2, 3, 2),), {"ord": -1.5, "axis": (0, 2), "keepdims": False}),
    ],
    batch=over_axes,
)


def _floating(x: Array, ord: Any) -> Array:
    """Return the operand as floating-point numbers, and refuse an order that is a tensor."""
    if type(ord) is Tensor:
        raise Undifferentiable(
            "np.linalg.norm: ord= is a tensor, with respect to which there is no rule: write "
            "np.sum(np.abs(x) ** p) ** (1 / p)"
        )
    x = operand(x)
    return x if x.dtype.kind in "fc" else x.astype(float)


def _extreme(x: Array, axis: Axis, keepdims: bool, largest: bool) -> Array:
    """Return the largest or smallest of numbers that are not negative; of none, 0 is largest."""
    if largest and not counted(x.shape, axis):
        return np.sum(x, axis=axis, keepdims=keepdims)
    return (np.max if largest else np.min)(x, axis=axis, keepdims=keepdims)


def _vector(x: Array, ord: Any, axis: Axis, keepdims: bool) -> Array:
    """Return the norm over all axes together."""
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    if ord is None or ord == 2:
        return root(np.sum(squared(x), axis=axis, keepdims=keepdims))
    if ord == 0:
        return np.sum((x != 0).astype(x.dtype.char.lower()), axis=axis, keepdims=keepdims)
    size = np.abs(x)
    if abs(ord) == np.inf:
        return _extreme(size, axis, keepdims, largest=ord > 0)
    if ord == 1:
        return np.sum(size, axis=axis, keepdims=keepdims)
    params = {"ord": float(ord), "axis": axis, "keepdims": keepdims}
    return record(POWER_NORM, (size,), params)


def _matrix(x: Array, ord: Any, axes: tuple[int, int], keepdims: bool) -> Array:
    """Return the norm over a pair of axes, of rows and of columns."""
    rows, columns = (normalize_axis_index(axis, x.ndim) for axis in axes)
    if rows == columns:
        raise ValueError("Duplicate axes given.")
    pair = (rows, columns)
    if ord is None or ord in ("fro", "f"):
        return root(np.sum(squared(x), axis=pair, keepdims=keepdims))
    if ord in (2, -2, "nuc"):
        values = np.linalg.svd(np.moveaxis(x, pair, (-2, -1)), compute_uv=False)
        out = np.sum(values, axis=-1) if ord == "nuc" else _extreme(values, -1, False, ord == 2)
    elif ord in (1, -1, np.inf, -np.inf):
        summed, compared = pair if abs(ord) == 1 else (columns, rows)
        sums = np.sum(np.abs(x), axis=summed, keepdims=True)
        out = _extreme(sums, compared, True, ord > 0)
    else:
        raise ValueError("Invalid norm order for matrices.")
    shape = enumerate(x.shape)
    kept = [1 if i in pair else n for i, n in shape if keepdims or i not in pair]
    return np.reshape(out, tuple(kept))


@handles(np.linalg.norm)
def norm(x: Array, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """Return a norm of vectors along one axis or of matrices along two; at 0 it is flat."""
    x = _floating(x, ord)
    if axis is None:
        if ord is None or (ord in ("f", "fro") and x.ndim == 2) or (ord == 2 and x.ndim == 1):
            return _vector(x, None, None, keepdims)
        axis = tuple(range(x.ndim))
    axes = axis if isinstance(axis, tuple) else (int(axis),)
    if len(axes) == 1:
        return _vector(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix(x, ord, axes, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


@handles(np.linalg.vector_norm)
def vector_norm(x: Array, /, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Array:
    """Return a norm of vectors along any number of axes taken as one; at 0 it is flat."""
    x = _floating(x, ord)
    return _vector(x, ord, reduced_axes(x.ndim, axis), keepdims)


@handles(np.linalg.matrix_norm)
def matrix_norm(x: Array, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """Return a norm of the matrices along the last two axes; at 0 it is flat."""
    return _matrix(_floating(x, ord), ord, (-2, -1), keepdims)
