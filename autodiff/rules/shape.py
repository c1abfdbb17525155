"""Rules of functions that move elements: all linear, so the derivative is the transpose."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autodiff.rules.table import Array, discrete, general, handles, linear, unbroadcast
from autodiff.tensor import record

Shape = tuple[int, ...]


def _astype(x: Array, *, dtype: Any) -> Array:
    return x.astype(dtype)


RESHAPE = linear(
    "reshape",
    np.reshape,
    lambda g, out, x, *, shape: np.reshape(g, np.shape(x)),
    examples=[(((2, 3),), {"shape": (3, 2)}), (((),), {"shape": (1, 1)})],
)
TRANSPOSE = linear(
    "transpose",
    np.transpose,
    lambda g, out, x, *, axes: np.transpose(g, tuple(int(i) for i in np.argsort(axes))),
    examples=[(((2, 3, 4),), {"axes": (2, 0, 1)})],
)
BROADCAST = linear(
    "broadcast_to",
    np.broadcast_to,
    lambda g, out, x, *, shape: unbroadcast(g, np.shape(x)),
    examples=[(((3, 1),), {"shape": (2, 3, 4)}), (((),), {"shape": (2,)})],
)
FLIP = linear(
    "flip",
    np.flip,
    lambda g, out, x, *, axis: np.flip(g, axis),
    examples=[(((2, 3),), {"axis": None}), (((2, 3),), {"axis": 1})],
)
ROLL = linear(
    "roll",
    np.roll,
    lambda g, out, x, *, shift, axis: np.roll(
        g, tuple(-s for s in shift) if isinstance(shift, tuple) else -shift, axis
    ),
    examples=[
        (((5,),), {"shift": 2, "axis": None}),
        (((2, 3),), {"shift": (1, 2), "axis": (0, 1)}),
    ],
)
ASTYPE = linear(
    "astype",
    _astype,
    lambda g, out, x, *, dtype: g.astype(x.dtype),
    examples=[(((3,),), {"dtype": np.dtype("float64")})],
    complex=False,
)
#: Of masks and positions, which have no derivative.
CAST = discrete(_astype, "cast")


def _concatenate(*arrays: Array, axis: int) -> Array:
    return np.concatenate(arrays, axis=axis)


def _concatenate_transpose(g: Array, out: Array, *arrays: Array, axis: int, argnum: int) -> Array:
    start = sum(np.shape(a)[axis] for a in arrays[:argnum])
    index = [slice(None)] * len(np.shape(out))
    index[axis] = slice(start, start + np.shape(arrays[argnum])[axis])
    return g[tuple(index)]


CONCATENATE = linear(
    "concatenate",
    _concatenate,
    _concatenate_transpose,
    variadic=True,
    examples=[(((2, 3), (1, 3)), {"axis": 0}), (((2, 3), (2, 0), (2, 1)), {"axis": 1})],
)

WHERE = general(
    "where",
    np.where,
    vjps=[
        lambda g, out, condition, x, y: np.zeros(np.shape(condition)),
        lambda g, out, condition, x, y: unbroadcast(np.where(condition, g, 0.0), np.shape(x)),
        lambda g, out, condition, x, y: unbroadcast(np.where(condition, 0.0, g), np.shape(y)),
    ],
    jvps=[
        lambda x_dot, out, condition, x, y: np.zeros(np.shape(out)),
        lambda x_dot, out, condition, x, y: np.where(condition, x_dot, np.zeros_like(out)),
        lambda x_dot, out, condition, x, y: np.where(condition, np.zeros_like(out), x_dot),
    ],
    domain=[(-2.0, 2.0)] * 3,
    examples=[(((2, 3), (3,), ()), {}), (((3, 1), (3, 2), (2,)), {})],
)


@handles(np.astype)
def astype(x: Array, dtype: Any) -> Array:
    """Return the value in another floating-point type."""
    dtype = np.dtype(dtype)
    if x.dtype == dtype:
        return x
    if x.dtype.kind != "f":
        return record(CAST, (x,), {"dtype": dtype})
    if dtype.kind != "f":
        raise TypeError(
            f"astype({dtype}) of a tensor would lose its derivative: use np.floor or np.round "
            "for whole numbers, or convert before the function that is traced"
        )
    return record(ASTYPE, (x,), {"dtype": dtype})


@handles(np.reshape)
def reshape(a: Array, /, shape: Any, order: str = "C") -> Array:
    """Return the same elements in another shape."""
    if order != "C":
        raise NotImplementedError(f"np.reshape: order={order!r} of a tensor: transpose it first")
    known = (shape,) if isinstance(shape, int | np.integer) else tuple(int(n) for n in shape)
    return a if known == a.shape else record(RESHAPE, (a,), {"shape": known})


@handles(np.ravel)
def ravel(a: Array) -> Array:
    """Return the elements along one axis."""
    return reshape(a, (-1,))


@handles(np.expand_dims)
def expand_dims(a: Array, axis: int | Sequence[int]) -> Array:
    """Return the array with new axes of length 1."""
    axes = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    axes = normalize_axis_tuple(axes, a.ndim + len(axes))
    lengths = iter(a.shape)
    return reshape(a, [1 if i in axes else next(lengths) for i in range(a.ndim + len(axes))])


@handles(np.squeeze)
def squeeze(a: Array, axis: int | Sequence[int] | None = None) -> Array:
    """Return the array without axes of length 1."""
    if axis is None:
        return reshape(a, [n for n in a.shape if n != 1])
    axes = normalize_axis_tuple(axis, a.ndim)
    long = [i for i in axes if a.shape[i] != 1]
    if long:
        raise ValueError(f"squeeze: axis {long[0]} of shape {a.shape} is not of length 1")
    return reshape(a, [n for i, n in enumerate(a.shape) if i not in axes])


@handles(np.atleast_1d)
def atleast_1d(*arys: Array) -> Array:
    """Return the arrays with at least one axis."""
    results = [a if np.ndim(a) else reshape(a, (1,)) for a in arys]
    return results[0] if len(results) == 1 else tuple(results)


@handles(np.atleast_2d)
def atleast_2d(*arys: Array) -> Array:
    """Return the arrays with at least two axes."""
    results = [a if np.ndim(a) > 1 else reshape(a, (1, -1)) for a in arys]
    return results[0] if len(results) == 1 else tuple(results)


@handles(np.transpose, np.permute_dims)
def transpose(a: Array, axes: Sequence[int] | None = None) -> Array:
    """Return the axes permuted, reversed by default."""
    if axes is None:
        if a.ndim < 2:
            return a
        axes = tuple(range(a.ndim))[::-1]
    return record(TRANSPOSE, (a,), {"axes": normalize_axis_tuple(axes, a.ndim)})


@handles(np.matrix_transpose)
def matrix_transpose(x: Array, /) -> Array:
    """Return the last two axes swapped."""
    return swapaxes(x, -1, -2)


@handles(np.swapaxes)
def swapaxes(a: Array, axis1: int, axis2: int) -> Array:
    """Return two axes swapped."""
    order = list(range(a.ndim))
    first, second = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    order[first], order[second] = order[second], order[first]
    return transpose(a, order)


@handles(np.moveaxis)
def moveaxis(a: Array, source: Any, destination: Any) -> Array:
    """Return the axes `source` moved to the places `destination`."""
    sources = normalize_axis_tuple(source, a.ndim, "source")
    destinations = normalize_axis_tuple(destination, a.ndim, "destination")
    if len(sources) != len(destinations):
        raise ValueError(
            f"moveaxis: {len(sources)} source axes do not match {len(destinations)} destinations"
        )
    order = [i for i in range(a.ndim) if i not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, axis)
    return transpose(a, order)


@handles(np.broadcast_to)
def broadcast_to(array: Array, shape: Any) -> Array:
    """Return the array repeated to a shape."""
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    return array if shape == array.shape else record(BROADCAST, (array,), {"shape": shape})


@handles(np.concatenate, np.concat)
def concatenate(arrays: Sequence[Array], /, axis: int | None = 0) -> Array:
    """Return the arrays joined along an axis they have."""
    parts = tuple(arrays)
    if axis is None:
        parts, axis = tuple(np.ravel(a) for a in parts), 0
    parts = tuple(a if hasattr(a, "shape") else np.asarray(a) for a in parts)
    return record(
        CONCATENATE, parts, {"axis": normalize_axis_index(axis, len(np.shape(parts[0])) or 1)}
    )


@handles(np.stack)
def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Return the arrays joined along a new axis."""
    return concatenate([np.expand_dims(a, axis) for a in arrays], axis)


@handles(np.vstack)
def vstack(tup: Sequence[Array]) -> Array:
    """Return the arrays joined along the first axis."""
    return concatenate([np.atleast_2d(a) for a in tup], 0)


@handles(np.hstack)
def hstack(tup: Sequence[Array]) -> Array:
    """Return the arrays joined along the second axis, vectors along the first."""
    parts = [np.atleast_1d(a) for a in tup]
    return concatenate(parts, 0 if np.ndim(parts[0]) == 1 else 1)


@handles(np.column_stack)
def column_stack(tup: Sequence[Array]) -> Array:
    """Return vectors joined as the columns of a matrix."""
    return concatenate([a if np.ndim(a) > 1 else np.reshape(a, (-1, 1)) for a in tup], 1)


@handles(np.split)
def split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Return the parts of an array along an axis, equal ones if their number is given."""
    np.split(np.arange(ary.shape[axis]), indices_or_sections)
    return array_split(ary, indices_or_sections, axis)


@handles(np.array_split)
def array_split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Return the parts of an array along an axis."""
    places = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
    index: list[Any] = [slice(None)] * ary.ndim
    parts = []
    for place in places:
        index[axis] = slice(place[0], place[-1] + 1) if len(place) else slice(0, 0)
        parts.append(ary[tuple(index)])
    return parts


@handles(np.flip)
def flip(m: Array, axis: Any = None) -> Array:
    """Return the elements in reversed order."""
    return record(FLIP, (m,), {"axis": axis})


@handles(np.roll)
def roll(a: Array, shift: Any, axis: Any = None) -> Array:
    """Return the elements shifted cyclically."""
    if not isinstance(shift, int | np.integer):
        shift = tuple(int(s) for s in shift)
    return record(ROLL, (a,), {"shift": shift, "axis": axis})


@handles(np.tile)
def tile(A: Array, reps: Any) -> Array:
    """Return the array repeated along each axis."""
    repeats = (reps,) if isinstance(reps, int | np.integer) else tuple(reps)
    ndim = max(A.ndim, len(repeats))
    shape = (1,) * (ndim - A.ndim) + tuple(A.shape)
    repeats = (1,) * (ndim - len(repeats)) + repeats
    pairs = [n for pair in zip(repeats, shape, strict=True) for n in pair]
    ones = [n for length in shape for n in (1, length)]
    total = [r * n for r, n in zip(repeats, shape, strict=True)]
    return np.reshape(np.broadcast_to(np.reshape(A, ones), pairs), total)


@handles(np.where)
def where(condition: Array, x: Any = None, y: Any = None, /) -> Array:
    """Return elements of `x` where the condition holds, of `y` elsewhere."""
    if x is None or y is None:
        raise NotImplementedError(
            "np.where(condition) of a tensor: positions depend on the numbers; "
            "use np.where(condition, x, y)"
        )
    return record(WHERE, (condition, x, y))
