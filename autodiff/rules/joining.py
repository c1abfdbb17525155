"""Rules of functions that join arrays: linear, and a cotangent is cut where they were joined."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.core.batching import along_axis
from autodiff.core.primitive import Array, handles, linear
from autodiff.core.tensor import record
from autodiff.rules.assembly import ASSEMBLE
from autodiff.rules.indexing import take
from autodiff.rules.operands import as_array, as_decided


def _concatenate(*arrays: Array, axis: int) -> Array:
    return np.concatenate(arrays, axis=axis)


def _concatenate_transpose(g: Array, out: Array, *arrays: Array, axis: int) -> list[Array]:
    before, start, cut = (slice(None),) * axis, 0, []
    for a in arrays:
        end = start + np.shape(a)[axis]
        cut.append(g[(*before, slice(start, end))])
        start = end
    return cut


CONCATENATE = linear(
    "concatenate",
    _concatenate,
    _concatenate_transpose,
    variadic=True,
    examples=[(((2, 3), (1, 3)), {"axis": 0}), (((2, 3), (2, 0), (2, 1)), {"axis": 1})],
    batch=along_axis,
)


def _cast(parts: tuple[Array, ...], dtype: Any, casting: Any) -> tuple[Array, ...]:
    """Return arrays of a type asked for, if the rule of casting allows it."""
    if dtype is None:
        return parts
    wanted = np.dtype(dtype)
    for x in parts:
        if not np.can_cast(x.dtype, wanted, casting):
            raise TypeError(
                f"concatenate: an array of dtype {x.dtype} cannot be cast to {wanted} by the "
                f"rule {casting!r}"
            )
    return tuple(x if x.dtype == wanted else np.astype(x, wanted) for x in parts)


def _joined(
    arrays: Sequence[Array], axis: int | None, dtype: Any = None, casting: Any = "same_kind"
) -> Array:
    parts = tuple(as_array(a) for a in arrays)
    if not parts:
        raise ValueError("concatenate: no arrays arrived; at least one is needed")
    if axis is None:
        parts, axis = tuple(np.ravel(a) for a in parts), 0
    parts = _cast(parts, dtype, casting)
    ndim = parts[0].ndim
    if not ndim:
        raise ValueError("concatenate: arrays without axes cannot be joined: use np.stack")
    return record(CONCATENATE, parts, {"axis": normalize_axis_index(axis, ndim)})


@handles(np.concatenate, np.concat)
def concatenate(
    arrays: Sequence[Array],
    /,
    axis: int | None = 0,
    *,
    dtype: Any = None,
    casting: Any = "same_kind",
) -> Array:
    """Return the arrays joined along an axis they have."""
    return _joined(arrays, axis, dtype, casting)


@handles(np.stack)
def stack(
    arrays: Sequence[Array], axis: int = 0, *, dtype: Any = None, casting: Any = "same_kind"
) -> Array:
    """Return the arrays joined along a new axis."""
    parts = [as_array(a) for a in arrays]
    shapes = {a.shape for a in parts}
    if len(shapes) != 1:
        raise ValueError(f"stack: arrays of shapes {sorted(shapes)} arrived; one shape is needed")
    axis = normalize_axis_index(axis, parts[0].ndim + 1)
    if shapes == {()} and dtype is None:
        return record(ASSEMBLE, tuple(parts), {"shape": (len(parts),)})
    return _joined([np.expand_dims(a, axis) for a in parts], axis, dtype, casting)


@handles(np.vstack)
def vstack(tup: Sequence[Array], *, dtype: Any = None, casting: Any = "same_kind") -> Array:
    """Return the arrays joined along the first axis, vectors as rows."""
    return _joined([np.atleast_2d(as_array(a)) for a in tup], 0, dtype, casting)


@handles(np.hstack)
def hstack(tup: Sequence[Array], *, dtype: Any = None, casting: Any = "same_kind") -> Array:
    """Return the arrays joined along the second axis, vectors along the first."""
    parts = [np.atleast_1d(as_array(a)) for a in tup]
    return _joined(parts, 0 if parts and parts[0].ndim == 1 else 1, dtype, casting)


@handles(np.dstack)
def dstack(tup: Sequence[Array]) -> Array:
    """Return the arrays joined along the third axis."""
    return _joined([np.atleast_3d(as_array(a)) for a in tup], 2)


@handles(np.column_stack)
def column_stack(tup: Sequence[Array]) -> Array:
    """Return vectors joined as the columns of a matrix."""
    parts = [as_array(a) for a in tup]
    return _joined([a if a.ndim > 1 else np.reshape(a, (a.size, 1)) for a in parts], 1)


def _depth(blocks: Any) -> int:
    """Return the depth to which lists are nested, the same in all of them."""
    if isinstance(blocks, tuple):
        raise TypeError("block: a tuple arrived; blocks are arranged by nested lists")
    if not isinstance(blocks, list):
        return 0
    if not blocks:
        raise ValueError("block: an empty list arrived; at least one block is needed")
    depths = {_depth(b) for b in blocks}
    if len(depths) > 1:
        raise ValueError(
            f"block: lists nested {sorted(depths)} deep arrived in one list; they must be alike"
        )
    return 1 + depths.pop()


@handles(np.block)
def block(arrays: Any) -> Array:
    """Return blocks joined: those of the innermost lists along the last axis."""
    depth = _depth(arrays)

    def leaves(blocks: Any) -> list[Array]:
        return [x for b in blocks for x in leaves(b)] if isinstance(blocks, list) else [blocks]

    ndim = max(depth, *(np.ndim(x) for x in leaves(arrays)))

    def built(blocks: Any, level: int) -> Array:
        if isinstance(blocks, list):
            return np.concatenate([built(b, level - 1) for b in blocks], -level)
        x = as_array(blocks)
        return np.reshape(x, (1,) * (ndim - x.ndim) + x.shape)

    return built(arrays, depth) if depth else np.copy(built(arrays, 0))


@handles(np.append)
def append(arr: Array, values: Array, axis: int | None = None) -> Array:
    """Return an array with values after it, both flattened by default."""
    return _joined([arr, values], axis)


def _flat_or_axis(arr: Array, axis: int | None) -> tuple[Array, int]:
    """Return an array flattened if no axis is given, and the axis."""
    arr = as_array(arr)
    if axis is None:
        return np.ravel(arr), 0
    return arr, normalize_axis_index(axis, arr.ndim)


def _places(obj: Any) -> Any:
    """Return the places to insert or delete at, as slice, plain number or plain array."""
    obj = as_decided(obj)
    if isinstance(obj, slice | int | np.integer) and not isinstance(obj, bool):
        return obj
    places = np.array(obj)
    return places.astype(int) if places.size == 0 and not isinstance(obj, np.ndarray) else places


def _along(axis: int, part: Any) -> tuple[Any, ...]:
    """Return the index of a part along an axis."""
    return (slice(None),) * axis + (part,)


@handles(np.insert)
def insert(arr: Array, obj: Any, values: Array, axis: int | None = None) -> Array:
    """Return an array with values inserted before the given places."""
    arr, axis = _flat_or_axis(arr, axis)
    values, places, n = as_array(values), _places(obj), arr.shape[axis]
    if values.dtype != arr.dtype:
        values = np.astype(values, arr.dtype)
    if isinstance(places, slice):
        places = np.arange(n)[places]
    places = np.asarray(places)
    if places.dtype.kind == "b":
        places = np.flatnonzero(places)
    rest = list(arr.shape)
    if places.size == 1:
        # All values come to one place, in their order along the axis.
        values = np.reshape(values, (1,) * (arr.ndim - values.ndim) + values.shape)
        if places.ndim == 0:
            values = np.moveaxis(values, 0, axis)
        rest[axis] = values.shape[axis]
    else:
        rest[axis] = places.size
    values = np.broadcast_to(values, tuple(rest))
    # NumPy itself arranges the numbers of the elements of both arrays.
    count = rest[axis]
    where = np.repeat(places, count) if places.size == 1 else places
    order = np.insert(np.arange(n), where, np.arange(n, n + count))
    return take(np.concatenate([arr, values], axis), order, axis)


@handles(np.delete)
def delete(arr: Array, obj: Any, axis: int | None = None) -> Array:
    """Return an array without the elements at the given places."""
    arr, axis = _flat_or_axis(arr, axis)
    kept = np.delete(np.arange(arr.shape[axis]), _places(obj))
    return take(arr, kept, axis)


# Splitting: slices of one array, whose cotangents are added back in place.


@handles(np.array_split)
def array_split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Return the parts of an array along an axis."""
    ary, axis = as_array(ary), normalize_axis_index(axis, np.ndim(ary))
    places = np.array_split(np.arange(ary.shape[axis]), as_decided(indices_or_sections))
    starts = [int(p[0]) if p.size else 0 for p in places]
    return [
        ary[_along(axis, slice(start, start + p.size))]
        for start, p in zip(starts, places, strict=True)
    ]


@handles(np.split)
def split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Return the parts of an array along an axis, equal ones if their number is given."""
    ary, places = as_array(ary), as_decided(indices_or_sections)
    np.split(np.arange(ary.shape[normalize_axis_index(axis, ary.ndim)]), places)
    return array_split(ary, places, axis)


def _split_along(least: int, axis: Callable[[int], int], name: str) -> Callable[..., list[Array]]:
    def answer(ary: Array, indices_or_sections: Any) -> list[Array]:
        ndim = np.ndim(ary)
        if ndim < least:
            raise ValueError(f"{name}: shape {np.shape(ary)} arrived; {least} axes are needed")
        return split(ary, indices_or_sections, axis(ndim))

    return answer


handles(np.hsplit)(_split_along(1, lambda ndim: min(ndim - 1, 1), "hsplit"))
handles(np.vsplit)(_split_along(2, lambda ndim: 0, "vsplit"))
handles(np.dsplit)(_split_along(3, lambda ndim: 2, "dsplit"))


@handles(np.unstack)
def unstack(x: Array, /, *, axis: int = 0) -> tuple[Array, ...]:
    """Return the parts of an array along an axis, without that axis."""
    axis = normalize_axis_index(axis, x.ndim)
    return tuple(x[_along(axis, i)] for i in range(x.shape[axis]))
