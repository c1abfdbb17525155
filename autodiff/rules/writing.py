"""Writes into arrays: an array with a value put into it is linear in both."""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.core.batching import loop, spread
from autodiff.core.libraries import beside, elsewhere, own_copy
from autodiff.core.primitive import UFUNC_METHODS, Array, general, handles
from autodiff.core.stores import current
from autodiff.core.tensor import Tensor, record
from autodiff.errors import LostDerivative, Undifferentiable
from autodiff.rules.elementwise_rules import unbroadcast
from autodiff.rules.indexing import filled, repeats, scattered, split_index
from autodiff.rules.operands import as_array

__all__ = ["UPDATE", "put_into"]


def _put(base: Array, value: Array, *masks: Array, index: Any) -> Array:
    if any([type(x) is Tensor for x in (base, value, *masks)]):
        return record(UPDATE, (base, value, *masks), {"index": index})
    if elsewhere(base) is None:
        # A batch of one array is laid out as its elements are, which tell views from copies.
        result = np.array(base, order="C" if 0 in np.asarray(base).strides else "K")
    else:
        result = own_copy(base)
    result[filled(index, masks)] = value
    return result


def _chosen(g: Array, value: Array, masks: tuple[Array, ...], index: Any) -> Array:
    """Return the part of a cotangent that reaches a value; of places put into twice the last."""
    part = g[filled(index, masks)]
    if repeats(index):
        places = np.arange(math.prod(np.shape(g))).reshape(np.shape(g))[filled(index, masks)]
        _, last = np.unique(places.reshape(-1)[::-1], return_index=True)
        kept = np.zeros(places.size, bool)
        kept[places.size - 1 - last] = True
        part = np.where(beside(g, kept.reshape(places.shape)), part, 0.0)
    return unbroadcast(part, np.shape(value))


def _no_derivative(*args: Any, **params: Any) -> Array:
    raise Undifferentiable("an index has no derivative")


def _batched(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    arrays = [getattr(getattr(i, "dtype", None), "kind", "") for i in params["index"]]
    # Positions for every axis stand together behind that of the batch; others may move it.
    together = all(kind in ("i", "u") for kind in arrays)
    if any(on[2:]) or not (together or not any(arrays)):
        return loop(primitive, xs, on, params)
    base, value = spread(xs[:2], on[:2])
    wanted = np.shape(base[(slice(None), *params["index"])])
    lengths = (1,) * (len(wanted) - np.ndim(value))
    value = np.reshape(value, (value.shape[0], *lengths, *value.shape[1:]))
    return record(primitive, (base, value), {"index": (slice(None), *params["index"])})


UPDATE = general(
    "update",
    _put,
    [
        lambda g, out, base, value, *masks, index: _put(g, 0.0, *masks, index=index),
        lambda g, out, base, value, *masks, index: _chosen(g, value, masks, index),
    ],
    [
        lambda x_dot, out, base, value, *masks, index: _put(x_dot, 0.0, *masks, index=index),
        lambda x_dot, out, base, value, *masks, index: _put(
            np.zeros_like(out, x_dot.dtype), x_dot, *masks, index=index
        ),
    ],
    complex=True,
    examples=[
        (((4,), (2,)), {"index": (slice(1, 3),)}),
        (((4, 3), (3,)), {"index": (slice(None, None, 2),)}),
        (((4, 3), ()), {"index": (1, 2)}),
        (((4,), (3,)), {"index": (np.array([0, 2, 0]),)}),
        (((4, 3), (1, 2)), {"index": (np.array([[3], [1]]), np.array([0, 2]))}),
        (((4,), (3,)), {"index": (np.array([True, False, True, True]),)}),
    ],
    batch=_batched,
)


@handles(operator.setitem)
def put_into(a: Array, b: Any, c: Array, /) -> Array:
    """Return an array with a value in the part that an index chooses."""
    static, masks = split_index(b)
    value = as_array(c)
    extra = np.ndim(value) - np.ndim(a)
    if extra > 0 and set(np.shape(value)[:extra]) == {1}:
        # NumPy drops such axes of what it assigns.
        value = np.reshape(value, np.shape(value)[extra:])
    return record(UPDATE, (a, value, *masks), {"index": static})


def _written(x: Any, name: str) -> Tensor:
    """Return an array that can be written into, or say what to do instead."""
    if type(x) is Tensor and x.tape.stores is not None:
        return x
    message = (
        f"{name}: a tensor would be written into an array that was not made within the function "
        "that is differentiated, or by code that is not the user's: make it there, or build a new "
        "array with np.where, np.concatenate or np.stack"
    )
    raise x.tape.refused(message) if type(x) is Tensor else LostDerivative(message)


@handles(np.copyto)
def copyto(dst: Array, src: Array, casting: Any = "same_kind", where: Any = True) -> None:
    """Write one array into another, where a condition holds."""
    value = src if where is True else np.where(where, src, dst)
    target = _written(dst, "copyto")
    if not np.can_cast(as_array(value).dtype, target.dtype, casting):
        raise TypeError(f"copyto: {as_array(value).dtype} cannot be cast to {target.dtype}")
    target[...] = value


def _unraveled(x: Array, places: Array) -> Any:
    return np.unravel_index(places, np.shape(x))


@handles(np.put)
def put(a: Array, ind: Any, v: Any, mode: str = "raise") -> None:
    """Write values into places of the flattened array, as many values as needed."""
    target = _written(a, "put")
    places, values = np.asarray(ind).reshape(-1), np.ravel(as_array(v))
    size = target.size
    if mode == "wrap":
        places = places % size
    elif mode == "clip":
        places = np.clip(places, 0, size - 1)
    if not places.size:
        return
    target[_unraveled(target, np.where(places < 0, places + size, places))] = np.resize(
        values, places.size
    )


@handles(np.place)
def place(arr: Array, mask: Any, vals: Any) -> None:
    """Write values into the elements that a mask chooses, as many values as needed."""
    target, mask = _written(arr, "place"), np.reshape(as_array(mask), np.shape(arr))
    places = np.flatnonzero(mask)
    if places.size:
        target[_unraveled(target, places)] = np.resize(np.ravel(as_array(vals)), places.size)


@handles(np.putmask)
def putmask(a: Array, mask: Any, values: Any) -> None:
    """Write values, repeated to the size of the array, into the elements that a mask chooses."""
    target = _written(a, "putmask")
    target[...] = np.where(mask, np.reshape(np.resize(values, target.size), a.shape), target)


@handles(np.put_along_axis)
def put_along_axis(arr: Array, indices: Any, values: Any, axis: int | None = None) -> None:
    """Write values into positions along an axis that differ from line to line."""
    target, indices = _written(arr, "put_along_axis"), np.asarray(indices)
    if axis is None:
        target[_unraveled(target, indices.reshape(-1))] = np.ravel(as_array(values))
        return
    axis = normalize_axis_index(axis, target.ndim)
    index: list[Any] = list(np.ix_(*map(np.arange, target.shape)))
    index[axis] = indices
    target[tuple(index)] = values


@handles(np.fill_diagonal)
def fill_diagonal(a: Array, val: Any, wrap: bool = False) -> None:
    """Write values into the main diagonal."""
    target = _written(a, "fill_diagonal")
    marks = np.zeros(target.shape, bool)
    np.fill_diagonal(marks, True, wrap)
    places = np.flatnonzero(marks)
    target[_unraveled(target, places)] = np.resize(np.ravel(as_array(val)), places.size)


def _at(ufunc: np.ufunc) -> Callable[..., None]:
    """Return the answer to ``ufunc.at``: in place, and again where a place is repeated."""

    def at(a: Array, indices: Any, b: Any = None) -> None:
        target = _written(a, f"{ufunc.__name__}.at")
        size = target.size
        places = np.arange(size).reshape(target.shape)[current(indices)]
        flat = places.reshape(-1)
        values = [] if b is None else [np.broadcast_to(as_array(b), places.shape).reshape(-1)]
        if ufunc in (np.add, np.subtract) and values:
            total = scattered(values[0], (flat,), (size,))
            target[...] = ufunc(target, np.reshape(total, target.shape))
            return
        done = np.zeros(places.size, bool)
        while not done.all():
            rest = np.flatnonzero(~done)
            _, first = np.unique(flat[rest], return_index=True)
            turn = rest[first]
            index = _unraveled(target, flat[turn])
            target[index] = ufunc(target[index], *[v[turn] for v in values])
            done[turn] = True

    return at


for _ufunc in {u for u in vars(np).values() if isinstance(u, np.ufunc) and u.signature is None}:
    if _ufunc.nin <= 2 and _ufunc.nout == 1:
        UFUNC_METHODS[_ufunc, "at"] = _at(_ufunc)
