"""Rules of indexing: taking elements is linear, and its transpose adds them back in place."""

import math
import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.core.batching import loop
from autodiff.core.libraries import beside, elsewhere, sized
from autodiff.core.primitive import Array, handles, linear
from autodiff.core.stores import current
from autodiff.core.tensor import Tensor, record
from autodiff.rules.operands import as_array, as_decided, guarded

__all__ = [
    "GETITEM",
    "SCATTER",
    "accumulate_at",
    "composed",
    "filled",
    "getitem",
    "index_key",
    "repeats",
    "scattered",
    "split_index",
    "summed_at",
    "take",
]


class _Slot:
    """The place of a tensor, such as a mask that is computed anew, in an index."""

    def __repr__(self) -> str:
        return "<mask>"

    def __reduce__(self) -> str:
        # There is one: it is told by its identity, in a pickled graph too.
        return "_SLOT"


_SLOT = _Slot()


def filled(index: Any, dynamic: tuple[Array, ...]) -> Any:
    """Return an index with tensors in their slots."""
    if not dynamic:
        return index
    parts = iter(dynamic)
    return tuple(next(parts) if i is _SLOT else i for i in index)


def repeats(index: Any) -> bool:
    """Return whether an index can take an element more than once."""
    parts = index if isinstance(index, tuple) else (index,)
    arrays = [i for i in parts if hasattr(i, "__array_function__")]
    # Masks take no element twice, though several of them are broadcast as integer arrays are.
    return len(arrays) > 1 or any(i.dtype.kind != "b" and i.size > 1 for i in arrays)


def index_key(index: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Return a key, equal for equal indices: of an element or row its place, not negative."""
    parts = index if isinstance(index, tuple) else (index,)
    if all(map(_is_integer, parts)):
        return tuple([int(i) + n if i < 0 else int(i) for i, n in zip(parts, shape, strict=False)])
    found: list[Any] = ["part"]
    for i in parts:
        if isinstance(i, slice):
            found.append((i.start, i.stop, i.step))
        elif isinstance(i, np.ndarray):
            found.append((i.dtype.str, i.shape, i.tobytes()))
        elif hasattr(i, "__array_function__"):
            # The text of a large array leaves elements out.
            found.append(id(i))
        else:
            found.append(repr(i))
    return tuple(found)


def composed(index: Any, inner: Any, shape: tuple[int, ...]) -> tuple[Any, ...] | None:
    """Return the index that takes of an array of a shape what two take one after the other.

    There is one if `index` is made of integers and slices and `inner` of integers, else None.
    """
    parts = list(index) if isinstance(index, tuple) else [index]
    places = list(inner) if isinstance(inner, tuple) else [inner]
    if not all(map(_is_integer, places)) or len(parts) > len(shape):
        return None
    parts += [slice(None)] * (len(shape) - len(parts))
    found: list[Any] = []
    for part, length in zip(parts, shape, strict=True):
        if isinstance(part, slice) and places:
            found.append(range(length)[part][places.pop(0)])
        elif isinstance(part, slice) or _is_integer(part):
            found.append(part)
        else:
            return None
    return None if places else tuple(found)


def _is_integer(part: Any) -> bool:
    return isinstance(part, int | np.integer) and not isinstance(part, bool)


def _positions(shape: tuple[int, ...], index: Any, count: int) -> Array:
    """Return the positions in the flattened array that an index takes, in its order."""
    size = math.prod(shape)
    shares = None
    if 2 * count < size:
        shares = _shares(shape, index if isinstance(index, tuple) else (index,))
    if shares is None:
        # Of a small table this is the fastest.
        return np.arange(size).reshape(shape)[index].reshape(-1)
    return reduce(operator.add, shares).reshape(-1)


def _shares(shape: tuple[int, ...], index: tuple[Any, ...]) -> list[Array] | None:
    """Return the steps of each axis in positions, to be broadcast: no memory for all elements.

    None where masks, new axes, or slices between arrays make the result another one.
    """
    if any(i is Ellipsis for i in index):
        place = next(k for k, i in enumerate(index) if i is Ellipsis)
        hidden = len(shape) - len(index) + 1
        index = (*index[:place], *(slice(None),) * hidden, *index[place + 1 :])
    index = (*index, *(slice(None),) * (len(shape) - len(index)))
    chosen = [k for k, i in enumerate(index) if not isinstance(i, slice)]
    arrays = [np.asarray(index[k]) for k in chosen]
    if (
        not chosen
        or any(i.dtype.kind not in "iu" for i in arrays)
        or chosen[-1] - chosen[0] + 1 != len(chosen)
    ):
        return None
    ndim = max(i.ndim for i in arrays)
    # Axes of the result that follow the share of an axis.
    behind, step, shares = 0, 1, []
    for k in range(len(shape) - 1, -1, -1):
        length, part = shape[k], index[k]
        if isinstance(part, slice):
            places = np.arange(length)[part]
        else:
            places = np.asarray(part, int) % length
        shares.append((places * step).reshape(places.shape + (1,) * behind))
        step *= length
        behind += 1 if isinstance(part, slice) else ndim if k == chosen[0] else 0
    return shares


def accumulate_at(total: Array, g: Array, index: Any, *dynamic: Array) -> None:
    """Add a cotangent in place to the elements that an index takes; repeated places accumulate.

    So a backward pass through ``x[i]`` costs no more than ``x[i]``: the cotangent of ``x`` is made
    once, and each element taken adds to its own place.
    """
    index = filled(index, dynamic)
    if total.dtype.kind != "c" and np.iscomplexobj(g):
        g = np.real(g)
    if not repeats(index):
        total[index] += g
        return
    g = np.asarray(g, total.dtype)
    if not g.size:
        return
    # np.add.at is fast where both are vectors, and a hundred times slower otherwise.
    part = index[0] if isinstance(index, tuple) and len(index) == 1 else index
    if total.ndim == 1 and isinstance(part, np.ndarray) and part.shape == g.shape:
        np.add.at(total, part.reshape(-1), g.reshape(-1))
    elif total.flags.c_contiguous:
        np.add.at(total.reshape(-1), _positions(total.shape, index, g.size), g.reshape(-1))
    else:
        np.add.at(total, index, g)


def _taken(x: Array, *dynamic: Array, index: Any) -> Array:
    # A mask of an outer trace cannot index a plain array: it must be recorded there.
    if dynamic:
        return getitem(x, filled(index, dynamic))
    if type(x) is not np.ndarray and hasattr(x, "vindex"):
        return sized(_taken_of_dask(x, index))
    return x[index]


def _taken_of_dask(x: Any, index: Any) -> Array:
    """Return elements of an array of Dask, which takes one array as an index, of one axis."""
    arrays = [i for i in (index if type(index) is tuple else (index,)) if type(i) is np.ndarray]
    if len(arrays) < 2 and not any(i.ndim > 1 and i.dtype.kind != "b" for i in arrays):
        return x[index]
    shape = np.broadcast_to(False, x.shape)[index].shape
    positions = _positions(x.shape, index, math.prod(shape))
    return np.reshape(np.reshape(x, (-1,))[positions], shape)


def _add_back(g: Array, *dynamic: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Return zeros of a shape to which `g` is added at `index`, repeated places accumulating."""
    if type(g) is Tensor or any(type(x) is Tensor for x in dynamic):
        return record(SCATTER, (g, *dynamic), {"index": index, "shape": shape})
    home = elsewhere(g)
    if home is not None:
        return _add_back_elsewhere(home, filled(index, dynamic), shape)
    result = np.zeros(shape, np.result_type(g))
    accumulate_at(result, g, index, *dynamic)
    return result


def _add_back_elsewhere(g: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Return the same for an array of another library, which need not answer ``np.add.at``."""
    if not repeats(index):
        result = np.zeros_like(g, shape=shape)
        parts = index if isinstance(index, tuple) else (index,)
        if not any(hasattr(i, "shape") for i in parts) and None in parts:
            # Dask writes into no new axes.
            index = tuple(i for i in parts if i is not None)
            g = np.reshape(g, np.shape(result[index]))
        result[index] = g
        return result
    size, parts = math.prod(shape), index if isinstance(index, tuple) else (index,)
    positions = np.arange(size).reshape(shape)
    if not all(isinstance(i, np.ndarray) or not hasattr(i, "__array_function__") for i in parts):
        positions = beside(g, positions)
    return np.reshape(summed_at(positions[index].reshape(-1), np.reshape(g, (-1,)), size), shape)


def summed_at(positions: Array, g: Array, size: int) -> Array:
    """Return the sums of the elements at each position, in the library of `g`."""
    positions = beside(g, positions)
    # Both in the chunks of Dask that suit both.
    positions, g = positions + np.zeros_like(g, positions.dtype), g + np.zeros_like(positions)
    if g.dtype.kind == "c":
        total = np.bincount(positions, np.real(g), size) + 1j * np.bincount(
            positions, np.imag(g), size
        )
    else:
        total = np.bincount(positions, g, size)
    return total.astype(g.dtype)


def _batched_index(
    x_ndim: int, index: Any, dynamic: Sequence[Array], on: Sequence[bool], size: int
) -> tuple[Any, tuple[Array, ...], int, int, int]:
    """Return the index of a batch, its tensors, and how the axes of what it takes are arranged.

    The last three numbers are where NumPy puts the axis of the batch; how many axes of the parts
    that are broadcast together follow it; and where these belong in the result of one element.
    """
    parts = index if isinstance(index, tuple) else (index,)
    flags, tensors = iter(on), iter(dynamic)
    slots = [next(flags) if i is _SLOT else None for i in parts]
    arrays = [next(tensors) if i is _SLOT else i for i in parts]
    axes = [
        1 if x.dtype.kind == "b" else np.ndim(x) - bool(mine)
        for x, mine in zip(arrays, slots, strict=True)
        if hasattr(x, "dtype")
    ]
    most = max(axes, default=0)
    # Integers are broadcast together with arrays, if there are any.
    together = [
        i for i, x in enumerate(arrays) if hasattr(x, "dtype") or (axes and isinstance(x, int))
    ]
    apart = bool(together) and together[-1] - together[0] >= len(together)
    if not any(on):
        # The same places of each element: a slice goes before the index.
        return (slice(None), *parts), tuple(dynamic), most if apart else 0, 0, 0
    moved = tuple(
        np.reshape(x, (size, *(1,) * (most + 1 - np.ndim(x)), *x.shape[1:])) if mine else x
        for x, mine in zip(dynamic, on, strict=True)
    )
    place = 0
    if not apart:
        used = sum(
            np.ndim(x) if hasattr(x, "dtype") and x.dtype.kind == "b" else 1
            for x in arrays
            if x is not None and x is not Ellipsis
        )
        place = sum(x_ndim - used if i is Ellipsis else 1 for i in parts[: together[0]])
    before = np.reshape(np.arange(size), (size, *(1,) * most))
    return (before, *parts), moved, 0, most, place


def _getitem_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    if any(mine and x.dtype.kind == "b" for x, mine in zip(xs[1:], on[1:], strict=True)):
        return loop(primitive, xs, on, params)
    (x, *dynamic), (mine, *own) = xs, on
    size = next(i.shape[0] for i, batched in zip(xs, on, strict=True) if batched)
    index, moved, axis, axes, place = _batched_index(
        np.ndim(x) - mine, params["index"], dynamic, own, size
    )
    if not mine:
        x = np.broadcast_to(x, (size, *np.shape(x)))
    out = record(primitive, (x, *moved), {"index": index})
    if axis:
        out = np.moveaxis(out, axis, 0)
    if place:
        out = np.moveaxis(out, range(1, 1 + axes), range(1 + place, 1 + place + axes))
    if type(out) is np.ndarray and any([hasattr(i, "dtype") for i in index]):
        # How its elements lie in memory decides what is a view of them (`core.stores`).
        return np.ascontiguousarray(out)
    return out


def _scatter_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    if any(mine and x.dtype.kind == "b" for x, mine in zip(xs[1:], on[1:], strict=True)):
        return loop(primitive, xs, on, params)
    (g, *dynamic), (mine, *own) = xs, on
    size = next(i.shape[0] for i, batched in zip(xs, on, strict=True) if batched)
    shape = params["shape"]
    index, moved, axis, axes, place = _batched_index(
        len(shape), params["index"], dynamic, own, size
    )
    if not mine:
        g = np.broadcast_to(g, (size, *np.shape(g)))
    if axis:
        g = np.moveaxis(g, 0, axis)
    if place:
        g = np.moveaxis(g, range(1 + place, 1 + place + axes), range(1, 1 + axes))
    return record(primitive, (g, *moved), {"index": index, "shape": (size, *shape)})


SCATTER = linear(
    "scatter",
    _add_back,
    lambda g, out, x, *dynamic, index, shape: _taken(g, *dynamic, index=index),
    examples=[
        (((2,),), {"index": slice(1, 3), "shape": (4,)}),
        (((3,),), {"index": (np.array([0, 2, 2]),), "shape": (4,)}),
    ],
    batch=_scatter_batch,
)


def _getitem_vjp(g: Array, out: Array, x: Array, *dynamic: Array, index: Any) -> Array:
    return record(SCATTER, (g, *dynamic), {"index": index, "shape": np.shape(x)})


GETITEM = linear(
    "getitem",
    _taken,
    _getitem_vjp,
    examples=[
        (((4, 3),), {"index": 1}),
        (((4, 3),), {"index": (slice(None, None, -1), -1)}),
        (((4, 3),), {"index": (None, Ellipsis, slice(0, 2))}),
        (((4, 3),), {"index": (np.array([0, 2, 0]),)}),
        (((4, 3),), {"index": (np.array([[3, -1], [3, 0]]), np.array([[0], [2]]))}),
        (((4,),), {"index": (np.array([True, False, True, True]),)}),
        (((4, 3),), {"index": (np.array([0, 1, 0]), slice(1, None))}),
        (((4, 3, 2),), {"index": (slice(None), np.array([0, 1, 0]), None, np.array([1, 0, 1]))}),
        (((9, 8),), {"index": (slice(None, 2), np.array([-1, 7]))}),
        (((4, 3),), {"index": (np.array([], int),)}),
    ],
    batch=_getitem_batch,
    masks=True,
)


def _fixed(part: Any) -> Any:
    """Return a part of an index as it is now, whatever is later written into it."""
    part = current(part)
    if isinstance(part, slice):
        return slice(*map(as_decided, (part.start, part.stop, part.step)))
    if isinstance(part, list):
        part = np.array(as_decided(part))
        return part if part.size else part.astype(int)
    return part.copy() if isinstance(part, np.ndarray) else part


def split_index(index: Any) -> tuple[tuple[Any, ...], tuple[Array, ...]]:
    """Return the parts of an index, slots for tensors among them, and these tensors."""
    parts = tuple(map(_fixed, index)) if isinstance(index, tuple) else (_fixed(index),)
    dynamic = tuple(i for i in parts if type(i) is Tensor)
    for i in dynamic:
        if i.dtype.kind not in "biu":
            raise TypeError(
                f"a tensor of dtype {i.dtype} cannot be an index: integers and masks can"
            )
    return tuple(_SLOT if type(i) is Tensor else i for i in parts) if dynamic else parts, dynamic


@handles(operator.getitem)
def getitem(x: Array, index: Any) -> Array:
    """Return elements of a tensor."""
    if type(index) is int:
        return record(GETITEM, (x,), {"index": index})
    static, dynamic = split_index(index)
    taken = record(GETITEM, (x, *dynamic), {"index": static})
    # How many elements a mask takes is decided by numbers, as a branch is.
    return guarded(taken) if any(i.dtype.kind == "b" for i in dynamic) else taken


def scattered(values: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Return zeros of a shape with values added at an index: the transpose of indexing."""
    static, dynamic = split_index(index)
    return record(SCATTER, (values, *dynamic), {"index": static, "shape": shape})


_MODES: dict[str, Any] = {
    "raise": lambda places, length: places,
    "wrap": lambda places, length: places % length,
    "clip": lambda places, length: np.clip(places, 0, length - 1),
}


def _bounded(places: Array, length: int, mode: str) -> Array:
    """Return positions along an axis, brought into its bounds as NumPy does in a mode."""
    if mode not in _MODES:
        raise ValueError(f"mode={mode!r} arrived; 'raise', 'wrap' or 'clip' is expected")
    places = as_array(places)
    if places.dtype.kind == "b" or not places.size:
        places = places.astype(int)
    if places.dtype.kind not in "iu":
        raise TypeError(f"positions of dtype {places.dtype} arrived; integers are needed")
    if not length and places.size:
        raise IndexError("elements cannot be taken along an axis of length 0")
    return _MODES[mode](places, length)


@handles(np.take)
def take(a: Array, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Array:
    """Return the elements at `indices` along an axis.

    NumPy does not look for tensors among the indices: rules call this function themselves.
    """
    a = as_array(a)
    if axis is None:
        a, axis = np.ravel(a), 0
    axis = normalize_axis_index(axis, a.ndim)
    places = _bounded(indices, a.shape[axis], mode)
    return getitem(a, ((slice(None),) * axis + (places,)))


@handles(np.take_along_axis)
def take_along_axis(arr: Array, indices: Array, axis: int | None = -1) -> Array:
    """Return the elements at positions along an axis that differ from line to line."""
    arr, indices = as_array(arr), as_array(indices)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    if indices.dtype.kind not in "iu":
        raise IndexError(
            f"take_along_axis: indices of dtype {indices.dtype} arrived; integers are needed"
        )
    if arr.ndim != indices.ndim:
        raise ValueError(
            f"take_along_axis: indices of {indices.ndim} axes and an array of {arr.ndim} arrived; "
            "they need as many"
        )
    axis = normalize_axis_index(axis, arr.ndim)
    index: list[Any] = list(np.ix_(*map(np.arange, arr.shape)))
    index[axis] = indices
    return getitem(arr, tuple(index))


@handles(np.choose)
def choose(a: Array, choices: Any, *, mode: str = "raise") -> Array:
    """Return at each place the element of the array that a position chooses."""
    if isinstance(choices, Sequence):
        choices = np.stack(np.broadcast_arrays(*choices))
    choices = as_array(choices)
    length = choices.shape[0]
    places = _bounded(a, length, mode)
    # Negative positions do not count from the end here.
    if mode == "raise" and np.any((places < 0) | (places >= length)):
        raise ValueError(f"choose: a position is not among the {length} choices")
    each = choices.shape[1:]
    shape = np.broadcast_shapes(places.shape, each)
    aligned = np.reshape(choices, (length, *(1,) * (len(shape) - len(each)), *each))
    along = np.expand_dims(np.broadcast_to(places, shape), 0)
    return np.take_along_axis(np.broadcast_to(aligned, (length, *shape)), along, 0)[0]


@handles(np.compress)
def compress(condition: Array, a: Array, axis: int | None = None) -> Array:
    """Return the parts along an axis for which the condition holds."""
    a, condition = as_array(a), as_array(condition)
    if condition.ndim != 1:
        raise ValueError(f"compress: a condition of shape {condition.shape} arrived; one axis")
    if axis is None:
        a, axis = np.ravel(a), 0
    axis = normalize_axis_index(axis, a.ndim)
    length = condition.shape[0]
    if length > a.shape[axis]:
        # Only what lies beyond the array must not be chosen.
        if np.any(condition[a.shape[axis] :]):
            raise IndexError(
                f"compress: the condition chooses beyond the {a.shape[axis]} elements along axis "
                f"{axis}"
            )
        condition = condition[: a.shape[axis]]
    elif length < a.shape[axis]:
        a = a[(slice(None),) * axis + (slice(length),)]
    return getitem(a, ((slice(None),) * axis + (condition != 0,)))


@handles(np.extract)
def extract(condition: Array, arr: Array) -> Array:
    """Return the elements for which the condition holds."""
    return np.compress(np.ravel(as_array(condition)), np.ravel(as_array(arr)))
