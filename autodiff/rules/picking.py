"""Picking elements by position: what medians, quantiles and running extrema have in common.

Which position is picked is discrete; the element that is picked depends linearly on the array.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.core.batching import spread
from autodiff.core.libraries import beside, elsewhere
from autodiff.core.primitive import Array, BatchRule, discrete, linear
from autodiff.core.tensor import Tensor, record
from autodiff.rules.indexing import summed_at


def positional(
    name: str, batch: BatchRule | None = None
) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Return a decorator for functions whose results are positions, counts or weights of steps."""

    def decorate(function: Callable[..., Array]) -> Callable[..., Array]:
        def call(*xs: Array, **params: Any) -> Array:
            if any(type(x) is Tensor for x in xs):
                return record(primitive, xs, params)
            return function(*xs, **params)

        primitive = discrete(call, name, batch)
        return call

    return decorate


def _at(positions: Array | None, dynamic: tuple[Array, ...]) -> Array:
    """Return positions that are known, or the operand that holds them in a trace."""
    return dynamic[0] if positions is None else positions


def _pick(x: Array, *dynamic: Array, positions: Array | None, axis: int) -> Array:
    if any(type(operand) is Tensor for operand in (x, *dynamic)):
        return pick(x, _at(positions, dynamic), axis)
    places = beside(x, _at(positions, dynamic))
    if hasattr(x, "map_blocks"):
        return _pick_by_parts(x, places, axis)
    return np.take_along_axis(x, places, axis)


def _pick_by_parts(x: Any, places: Any, axis: int) -> Array:
    """Return elements of an array of Dask, which has no such function, in chunks of whole lines."""
    x = x.rechunk({axis: -1})
    chunks, lengths = list(x.chunks), list(x.shape)
    chunks[axis], lengths[axis] = (places.shape[axis],), places.shape[axis]
    wide: Any = np.broadcast_to(places, tuple(lengths))
    picked: Array = x.map_blocks(
        *(np.take_along_axis, wide.rechunk(tuple(chunks)), axis),
        dtype=x.dtype,
        chunks=tuple(chunks),
    )
    return picked


def _put_back(g: Array, *dynamic: Array, positions: Array | None, axis: int, length: int) -> Array:
    """Return zeros of a length along `axis`, to which `g` is added at the positions."""
    if any(type(operand) is Tensor for operand in (g, *dynamic)):
        params = {"positions": positions, "axis": axis, "length": length}
        return record(PUT_BACK, (g, *dynamic), params)
    g, places = np.moveaxis(g, axis, -1), np.moveaxis(beside(g, _at(positions, dynamic)), axis, -1)
    rows = np.arange(math.prod(g.shape[:-1]))[:, None] * length
    flat = np.reshape(places, (len(rows), g.shape[-1])) + beside(places, rows)
    if elsewhere(g) is not None:
        result = summed_at(np.reshape(flat, (-1,)), np.reshape(g, (-1,)), len(rows) * length)
    else:
        result = np.zeros(len(rows) * length, np.result_type(g))
        np.add.at(result, np.reshape(flat, -1), np.reshape(g, -1))
    return np.moveaxis(np.reshape(result, (*g.shape[:-1], length)), -1, axis)


def _pick_transpose(
    g: Array, out: Array, x: Array, *dynamic: Array, positions: Array | None, axis: int
) -> Array:
    params = {"positions": positions, "axis": axis, "length": np.shape(x)[axis]}
    return record(PUT_BACK, (g, *dynamic), params)


def _put_back_transpose(
    g: Array, out: Array, x: Array, *dynamic: Array, positions: Array | None, axis: int, length: int
) -> Array:
    return pick(g, _at(positions, dynamic), axis)


def _at_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    """Batch elements picked or put back, the same for all or each at positions of its own."""
    if params["positions"] is not None:
        xs, on = [*xs, params["positions"]], [*on, False]
    (x, positions) = spread(xs, on)
    axis = normalize_axis_index(params["axis"], np.ndim(x) - 1) + 1
    if isinstance(positions, np.ndarray):
        return record(primitive, (x,), {**params, "positions": positions, "axis": axis})
    return record(primitive, (x, positions), {**params, "positions": None, "axis": axis})


_EXAMPLE = np.array([[2, 0], [2, 1]])

PICK = linear(
    "pick",
    _pick,
    _pick_transpose,
    examples=[
        (((2, 3),), {"positions": _EXAMPLE, "axis": 1}),
        (((3, 2),), {"positions": _EXAMPLE, "axis": -2}),
    ],
    batch=_at_batch,
)
PUT_BACK = linear(
    "put_back",
    _put_back,
    _put_back_transpose,
    examples=[
        (((2, 2),), {"positions": _EXAMPLE, "axis": 1, "length": 3}),
        (((2, 2),), {"positions": _EXAMPLE, "axis": 0, "length": 4}),
    ],
    batch=_at_batch,
)


def pick(x: Array, positions: Array, axis: int = -1) -> Array:
    """Return the elements at positions along an axis, as ``np.take_along_axis``."""
    if type(positions) is Tensor:
        return record(PICK, (x, positions), {"positions": None, "axis": axis})
    return record(PICK, (x,), {"positions": positions, "axis": axis})
