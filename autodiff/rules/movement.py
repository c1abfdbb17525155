"""Rules of functions that move elements to other places: flips, rolls, windows."""

import itertools
import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view

from autodiff.core.batching import along_axis, over_axes
from autodiff.core.libraries import elsewhere
from autodiff.core.primitive import Array, handles, linear
from autodiff.core.tensor import Tensor, record
from autodiff.rules.operands import as_decided

FLIP = linear(
    "flip",
    np.flip,
    lambda g, out, x, *, axis: np.flip(g, axis),
    examples=[(((2, 3),), {"axis": None}), (((2, 3),), {"axis": 1})],
    batch=over_axes,
)


def _roll_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    x = xs[0]
    if params["axis"] is not None and np.ndim(x) > 1:
        return along_axis(primitive, xs, on, params)
    flat = np.reshape(x, (x.shape[0], math.prod(x.shape[1:])))
    shift = params["shift"]
    return np.reshape(np.roll(flat, sum(shift) if isinstance(shift, tuple) else shift, 1), x.shape)


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
    batch=_roll_batch,
)


@handles(np.flip)
def flip(m: Array, axis: Any = None) -> Array:
    """Return the elements in reversed order."""
    return record(FLIP, (m,), {"axis": axis})


@handles(np.fliplr)
def fliplr(m: Array) -> Array:
    """Return the columns in reversed order."""
    return flip(m, normalize_axis_index(1, m.ndim, "fliplr"))


@handles(np.flipud)
def flipud(m: Array) -> Array:
    """Return the rows in reversed order."""
    return flip(m, normalize_axis_index(0, m.ndim, "flipud"))


@handles(np.rot90)
def rot90(m: Array, k: int = 1, axes: Any = (0, 1)) -> Array:
    """Return the array turned by `k` right angles, from the first of two axes to the second."""
    first, second = normalize_axis_tuple(axes, m.ndim, "axes")
    turns = int(as_decided(k)) % 4
    if turns == 0:
        return m
    if turns == 2:
        return flip(m, (first, second))
    # A turn is a transposition and a reflection.
    return flip(np.swapaxes(m, first, second), first if turns == 1 else second)


@handles(np.roll)
def roll(a: Array, shift: Any, axis: Any = None) -> Array:
    """Return the elements shifted cyclically."""
    shift = as_decided(shift)
    shift = tuple(int(s) for s in shift) if np.ndim(shift) else int(shift)
    return record(ROLL, (a,), {"shift": shift, "axis": axis})


def _windows(x: Array, *, window_shape: tuple[int, ...], axis: tuple[int, ...]) -> Array:
    return sliding_window_view(x, window_shape, axis)


def _overlap_add(
    g: Array, *, window_shape: tuple[int, ...], axis: tuple[int, ...], shape: tuple[int, ...]
) -> Array:
    """Return zeros of a shape to which each window is added where it came from."""
    params = {"window_shape": window_shape, "axis": axis}
    if type(g) is Tensor:
        return record(OVERLAP_ADD, (g,), {**params, "shape": shape})
    total = np.zeros_like(g, shape=shape)
    # A step adds one place in all windows, or all places in one window: the fewer steps the better.
    # A window that was taken along an axis twice has the same element in several places.
    several = len(set(axis)) < len(axis)
    few = math.prod(window_shape) <= math.prod(g.shape[: len(shape)])
    if several or few or elsewhere(g) is not None:
        for offset in itertools.product(*map(range, window_shape)):
            index = [slice(None)] * len(shape)
            for i, start in zip(axis, offset, strict=True):
                begin = (index[i].start or 0) + start
                index[i] = slice(begin, begin + g.shape[i])
            total[tuple(index)] += g[(Ellipsis, *offset)]
        return total
    windows = sliding_window_view(total, window_shape, axis, writeable=True)
    for place in np.ndindex(*g.shape[: len(shape)]):
        windows[place] += g[place]
    return total


def _overlap_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    shape = (xs[0].shape[0], *params["shape"])
    axis = tuple(i + 1 for i in params["axis"])
    return record(primitive, (xs[0],), {**params, "axis": axis, "shape": shape})


def _windows_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    axis = tuple(i + 1 for i in params["axis"])
    return record(primitive, (xs[0],), {**params, "axis": axis})


WINDOWS = linear(
    "sliding_window_view",
    _windows,
    lambda g, out, x, *, window_shape, axis: _overlap_add(
        g, window_shape=window_shape, axis=axis, shape=np.shape(x)
    ),
    examples=[
        (((5,),), {"window_shape": (2,), "axis": (0,)}),
        (((5,),), {"window_shape": (4,), "axis": (0,)}),
        (((4, 3),), {"window_shape": (3, 2), "axis": (0, 1)}),
        (((3, 4),), {"window_shape": (2,), "axis": (1,)}),
        (((6,),), {"window_shape": (2, 3), "axis": (0, 0)}),
    ],
    batch=_windows_batch,
)
OVERLAP_ADD = linear(
    "overlap_add",
    _overlap_add,
    lambda g, out, x, *, window_shape, axis, shape: sliding_window_view(g, window_shape, axis),
    examples=[(((4, 2),), {"window_shape": (2,), "axis": (0,), "shape": (5,)})],
    batch=_overlap_batch,
)


@handles(sliding_window_view)
def sliding_windows(
    x: Array, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Array:
    """Return every window of a shape; where windows overlap, their cotangents are added."""
    window_shape = as_decided(window_shape)
    lengths = tuple(int(n) for n in np.atleast_1d(window_shape))
    axes = tuple(range(x.ndim)) if axis is None else axis
    axes = normalize_axis_tuple(axes, x.ndim, "axis", allow_duplicate=True)
    if len(lengths) != len(axes):
        raise ValueError(
            f"sliding_window_view: {len(lengths)} lengths of a window do not match "
            f"{len(axes)} axes of an array of shape {x.shape}"
        )
    if writeable:
        raise ValueError("sliding_window_view: writeable=True: a tensor cannot be written into")
    return record(WINDOWS, (x,), {"window_shape": lengths, "axis": axes})
