"""Rules of differences: between neighbours, and as estimates of a slope."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autodiff.core.batching import along_axis
from autodiff.core.primitive import Array, handles, linear
from autodiff.core.tensor import Tensor, record
from autodiff.rules.operands import as_array, as_decided


def _diff_transpose(g: Array, out: Array, x: Array, *, n: int, axis: int) -> Array:
    """Return the transposed differences: differences again, with zeros beyond both ends."""
    shape = np.shape(x)
    if n >= shape[axis]:
        return np.zeros(shape)
    widths = [(n, n) if i == axis else (0, 0) for i in range(len(shape))]
    x_bar = np.diff(np.pad(g, widths), n, axis)
    return x_bar if n % 2 == 0 else -x_bar


DIFF = linear(
    "diff",
    np.diff,
    _diff_transpose,
    examples=[
        (((4,),), {"n": 1, "axis": 0}),
        (((5, 3),), {"n": 2, "axis": 0}),
        (((2, 6),), {"n": 3, "axis": 1}),
        (((2, 3),), {"n": 3, "axis": 1}),
        (((0, 2),), {"n": 1, "axis": 0}),
    ],
    batch=along_axis,
)

#: What np.diff was not given.
_ABSENT: Any = np._NoValue


@handles(np.diff)
def diff(
    a: Array, n: int = 1, axis: int = -1, prepend: Any = _ABSENT, append: Any = _ABSENT
) -> Array:
    """Return the differences of neighbours along `axis`, taken `n` times."""
    n = int(as_decided(n))
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"diff: n={n} arrived; differences cannot be taken less than 0 times")
    a = as_array(a)
    axis = normalize_axis_index(axis, a.ndim)

    def beyond(x: Any) -> list[Array]:
        if x is _ABSENT:
            return []
        x = as_array(x)
        end = tuple(1 if i == axis else n for i, n in enumerate(a.shape))
        return [x if x.ndim else np.broadcast_to(x, end)]

    parts = [*beyond(prepend), a, *beyond(append)]
    joined = a if len(parts) == 1 else np.concatenate(parts, axis)
    return record(DIFF, (joined,), {"n": n, "axis": axis})


@handles(np.ediff1d)
def ediff1d(ary: Array, to_end: Any = None, to_begin: Any = None) -> Array:
    """Return the differences of neighbours of the flattened array, with values at its ends."""
    flat = np.ravel(as_array(ary))
    steps = np.diff(flat)
    parts = []
    for name, x in (("to_begin", to_begin), ("", steps), ("to_end", to_end)):
        if x is None:
            continue
        x = np.ravel(as_array(x))
        if not np.can_cast(x.dtype, flat.dtype, "same_kind"):
            raise TypeError(
                f"ediff1d: {name} of dtype {x.dtype} arrived; it must fit an array of {flat.dtype}"
            )
        parts.append(x if x.dtype == flat.dtype else np.astype(x, flat.dtype))
    return np.concatenate(parts) if len(parts) > 1 else steps


def _spacings(f: Array, varargs: tuple[Any, ...], axes: tuple[int, ...]) -> list[Array]:
    """Return for each axis the distance between points, or the distances where they differ."""
    if not varargs:
        return [1.0] * len(axes)
    if len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        return [varargs[0]] * len(axes)
    if len(varargs) != len(axes):
        raise TypeError(
            f"gradient: {len(varargs)} spacings and {len(axes)} axes arrived; one spacing, or one "
            "for each axis, is needed"
        )
    spacings = []
    for axis, x in zip(axes, map(as_array, varargs), strict=True):
        if x.ndim == 0:
            spacings.append(x)
            continue
        if x.shape != (f.shape[axis],):
            raise ValueError(
                f"gradient: coordinates of shape {x.shape} arrived for axis {axis} of length "
                f"{f.shape[axis]}; one number for each point is needed"
            )
        distances = np.diff(x if x.dtype.kind in "fc" else x.astype(float))
        # As NumPy does; a tensor's distances each have a derivative of their own.
        same = type(distances) is not Tensor and np.all(distances == distances[0])
        spacings.append(distances[0] if same else distances)
    return spacings


def _slopes(f: Array, h: Any, axis: int, edge_order: int) -> Array:
    """Return second-order differences inside, one-sided ones of an order at both edges.

    Source: Fornberg, Generation of finite difference formulas on arbitrarily spaced grids (1988).
    """

    def at(start: int | None, stop: int | None) -> Array:
        return f[(slice(None),) * axis + (slice(start, stop),)]

    def shaped(weight: Array) -> Array:
        return np.reshape(weight, [-1 if i == axis else 1 for i in range(f.ndim)])

    if np.ndim(h) == 0:
        inner = (at(2, None) - at(None, -2)) / (2.0 * h)
        first = last = (h, h)
    else:
        p, q = shaped(h[:-1]), shaped(h[1:])
        a, b, c = -q / (p * (p + q)), (q - p) / (p * q), p / (q * (p + q))
        inner = a * at(None, -2) + b * at(1, -1) + c * at(2, None)
        first, last = (h[0], h[min(1, len(h) - 1)]), (h[-1], h[max(-2, -len(h))])
    if edge_order == 1:
        begin = (at(1, 2) - at(0, 1)) / first[0]
        end = (at(-1, None) - at(-2, -1)) / last[0]
    else:
        # The three points at an edge; seen from the other side the signs change.
        def edge(points: tuple[Array, Array, Array], p: Array, q: Array) -> Array:
            a, b, c = (
                -(2.0 * p + q) / (p * (p + q)),
                (p + q) / (p * q),
                -p / (q * (p + q)),
            )
            return a * points[0] + b * points[1] + c * points[2]

        begin = edge((at(0, 1), at(1, 2), at(2, 3)), *first)
        end = -edge((at(-1, None), at(-2, -1), at(-3, -2)), *last)
    return np.concatenate((begin, inner, end), axis)


@handles(np.gradient)
def gradient(f: Array, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Return estimates of the slopes along the axes; the points may be tensors too."""
    f = as_array(f)
    axes = tuple(range(f.ndim)) if axis is None else normalize_axis_tuple(axis, f.ndim)
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order={edge_order} arrived; 1 or 2 is expected")
    if f.dtype.kind in "biu":
        f = f.astype(float)
    results = []
    for i, h in zip(axes, _spacings(f, varargs, axes), strict=True):
        if f.shape[i] < edge_order + 1:
            raise ValueError(
                f"gradient: axis {i} has length {f.shape[i]}; edge_order={edge_order} needs "
                f"{edge_order + 1} points"
            )
        slopes = _slopes(f, h, i, edge_order)
        results.append(slopes if slopes.dtype == f.dtype else np.astype(slopes, f.dtype))
    return results[0] if len(results) == 1 else tuple(results)
