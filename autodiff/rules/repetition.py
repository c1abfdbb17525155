"""Rules of functions that repeat elements: their transposes add the repetitions up."""

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.core.primitive import Array, handles, linear
from autodiff.core.tensor import record
from autodiff.rules.elementwise_rules import unbroadcast
from autodiff.rules.indexing import take
from autodiff.rules.operands import as_array, as_decided
from autodiff.rules.shape import reshape


def _broadcast_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    x, shape = xs[0], params["shape"]
    ones = (1,) * (len(shape) + 1 - np.ndim(x))
    return np.broadcast_to(np.reshape(x, (x.shape[0], *ones, *x.shape[1:])), (x.shape[0], *shape))


BROADCAST = linear(
    "broadcast_to",
    np.broadcast_to,
    lambda g, out, x, *, shape: unbroadcast(g, np.shape(x)),
    examples=[
        (((3, 1),), {"shape": (2, 3, 4)}),
        (((),), {"shape": (2,)}),
        (((1,),), {"shape": (0,)}),
    ],
    batch=_broadcast_batch,
)


def _lengths(shape: Any) -> tuple[int, ...]:
    """Return a shape as a tuple."""
    shape = as_decided(shape)
    return tuple(int(n) for n in shape) if np.ndim(shape) else (int(shape),)


@handles(np.broadcast_to)
def broadcast_to(array: Array, shape: Any, subok: bool = False) -> Array:
    """Return the array repeated to a shape."""
    lengths = _lengths(shape)
    return array if lengths == array.shape else record(BROADCAST, (array,), {"shape": lengths})


@handles(np.broadcast_arrays)
def broadcast_arrays(*args: Array, subok: bool = False) -> tuple[Array, ...]:
    """Return the arrays repeated to the shape that they have in common."""
    arrays = [as_array(a) for a in args]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return tuple(np.broadcast_to(a, shape) for a in arrays)


@handles(np.tile)
def tile(A: Array, reps: Any) -> Array:
    """Return the array repeated along each axis."""
    repeats = _lengths(reps)
    ndim = max(A.ndim, len(repeats))
    shape = (1,) * (ndim - A.ndim) + tuple(A.shape)
    repeats = (1,) * (ndim - len(repeats)) + repeats
    pairs = [n for pair in zip(repeats, shape, strict=True) for n in pair]
    ones = [n for length in shape for n in (1, length)]
    total = [r * n for r, n in zip(repeats, shape, strict=True)]
    tiled = np.reshape(np.broadcast_to(np.reshape(A, ones), pairs), total)
    # Where nothing is repeated these are views.
    return np.copy(tiled) if all(r == 1 for r in repeats) else tiled


@handles(np.repeat)
def repeat(a: Array, repeats: Any, axis: int | None = None) -> Array:
    """Return each element repeated, all as often or each by a count of its own."""
    if axis is None:
        return repeat(reshape(as_array(a), (-1,)), repeats, 0)
    a, counts = as_array(a), np.asarray(as_decided(repeats))
    axis = normalize_axis_index(axis, a.ndim)
    if counts.size != 1:
        return take(a, np.repeat(np.arange(a.shape[axis]), counts), axis)
    count, before, after = int(counts.item()), a.shape[: axis + 1], a.shape[axis + 1 :]
    if count < 0:
        raise ValueError(f"repeat: {count} repetitions arrived; counts cannot be negative")
    spread = np.broadcast_to(np.reshape(a, (*before, 1, *after)), (*before, count, *after))
    repeated = np.reshape(spread, (*before[:-1], before[-1] * count, *after))
    return np.copy(repeated) if count == 1 else repeated


@handles(np.resize)
def resize(a: Array, new_shape: Any) -> Array:
    """Return an array of another size, filled with the elements again and again."""
    shape = _lengths(new_shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"resize: the new shape {shape} has a negative length")
    size = math.prod(shape)
    if a.size == 0 or size == 0:
        return np.zeros_like(a, shape=shape)
    repeated = np.tile(np.ravel(a), -(-size // a.size))
    return np.reshape(repeated if repeated.size == size else repeated[:size], shape)
