"""NumPy functions that move, join and repeat elements, and of neighbours, made of others.

One entry serves the formulas of entries and of matrices; see `symdiff.tracing.composed`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdiff.errors import Untraceable

__all__ = ["MOVED", "at_least", "part", "whole_number"]


def part(a: Any, axis: int, part: Any) -> Any:
    """Return the entries along one axis that a slice, a number or an array of numbers selects."""
    return a[(slice(None),) * (axis % np.ndim(a)) + (part,)]


def whole_number(name: str, value: Any) -> int:
    """Return an argument that has to be a whole number."""
    if not isinstance(value, (int, np.integer)):
        raise Untraceable(f"{name}: a whole number is expected, not {type(value).__name__}")
    return int(value)


# Neighbours ---------------------------------------------------------------------------------------


def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Return the n-th differences of neighbours along an axis."""
    ends = [prepend, a, append]
    for k in (0, 2):
        if ends[k] is not None and np.ndim(ends[k]) == 0:
            shape = [1 if axis % np.ndim(a) == m else length for m, length in enumerate(a.shape)]
            ends[k] = np.broadcast_to(ends[k], tuple(shape))
    joined = [end for end in ends if end is not None]
    a = np.concatenate(joined, axis=axis) if len(joined) > 1 else a
    for _ in range(n):
        a = part(a, axis, slice(1, None)) - part(a, axis, slice(None, -1))
    return a


def _roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Return the elements moved along axes, those that leave at one end at the other."""
    if axis is None:
        return np.reshape(_roll(np.ravel(a), shift, 0), a.shape)
    shifts, axes = np.broadcast_arrays(shift, axis)
    for by, along in zip(shifts.ravel().tolist(), axes.ravel().tolist(), strict=True):
        length = a.shape[along]
        by = by % max(length, 1) if isinstance(length, int) else by
        if by:
            ends = part(a, along, slice(-by, None)), part(a, along, slice(None, -by))
            a = np.concatenate(ends, axis=along)
    return a


def _gradient(f: Any, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Return central differences, and one-sided ones at the ends."""
    if edge_order != 1 or any(np.ndim(h) for h in spacing) or len(spacing) > 1:
        raise Untraceable("np.gradient: traceable with one spacing, a number, and edge_order=1")
    h = spacing[0] if spacing else 1.0
    axes = range(np.ndim(f)) if axis is None else np.atleast_1d(axis).tolist()
    results = []
    for k in axes:
        first, last = (part(f, k, slice(*ends)) for ends in ((0, 2), (-2, None)))
        inner = (part(f, k, slice(2, None)) - part(f, k, slice(None, -2))) / 2
        parts = [_diff(first, axis=k), inner, _diff(last, axis=k)]
        results.append(np.concatenate(parts, axis=k) / h)
    return results[0] if len(results) == 1 else tuple(results)


def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Return the integral by the trapezoidal rule."""
    widths = dx if x is None else _diff(x, axis=axis if np.ndim(x) > 1 else -1)
    if np.ndim(widths) == 1:
        widths = np.reshape(widths, (-1,) + (1,) * (np.ndim(y) - 1 - axis % np.ndim(y)))
    heights = part(y, axis, slice(1, None)) + part(y, axis, slice(None, -1))
    return np.sum(widths * heights, axis=axis) / 2


def _windows(x: Any, window_shape: Any, axis: Any = None, **keywords: Any) -> Any:
    """Return all windows of an array, one axis more for each axis of the window."""
    if any(keywords.values()):
        raise Untraceable("sliding_window_view: windows of traced arrays are read, not written")
    lengths = [whole_number("sliding_window_view", n) for n in np.atleast_1d(window_shape).tolist()]
    axes = range(np.ndim(x)) if axis is None else np.atleast_1d(axis).tolist()
    if len(axes) != len(lengths):
        raise ValueError(
            f"sliding_window_view: a window of {len(lengths)} axes for {len(axes)} axes; name them"
        )
    for n, k in zip(lengths, axes, strict=True):
        k %= np.ndim(x)
        count = x.shape[k] - n + 1
        if count < 1:
            raise ValueError(f"sliding_window_view: a window of {n} in an axis of {x.shape[k]}")
        places = np.arange(count)[:, None] + np.arange(n)
        x = np.moveaxis(part(x, k, places), k + 1, -1)
    return x


def _correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Return sums of products of a vector with another that is moved along it."""
    if np.shape(a)[0] < np.shape(v)[0]:  # NumPy exchanges them, and turns the result around
        return _correlate(v, a, mode)[::-1]
    turned: Any = v[::-1]
    return _convolve(a, turned, mode)


def _convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Return the convolution of two vectors."""
    a, v = (np.reshape(x, (1,)) if np.ndim(x) == 0 else x for x in (a, v))
    if np.shape(a)[0] < np.shape(v)[0]:
        a, v = v, a
    n, m = np.shape(a)[0], np.shape(v)[0]
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"np.convolve: mode is 'full', 'same' or 'valid', not {mode!r}")
    full = _windows(np.pad(a, m - 1), m) @ v[::-1]
    start = {"full": 0, "same": (m - 1) // 2, "valid": m - 1}[mode]
    return full[start : start + {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]]


# Joined and repeated ------------------------------------------------------------------------------


def _tile(A: Any, reps: Any) -> Any:
    """Return an array repeated along its axes."""
    counts = [whole_number("np.tile", n) for n in np.atleast_1d(reps).tolist()]
    counts = [1] * (np.ndim(A) - len(counts)) + counts
    A = np.reshape(A, (1,) * (len(counts) - np.ndim(A)) + tuple(A.shape))
    for axis, count in enumerate(counts):
        if count != 1:
            A = np.concatenate([A] * count, axis=axis) if count else part(A, axis, slice(0, 0))
    return A


def _repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Return an array with each element repeated."""
    if axis is None:
        a, axis = np.ravel(a), 0
    return part(a, axis, np.repeat(np.arange(a.shape[axis]), repeats))


def _take(a: Any, indices: Any, axis: int | None = None) -> Any:
    """Return the elements at places along an axis."""
    if axis is None:
        a, axis = np.ravel(a), 0
    return part(a, axis, indices if isinstance(indices, int) else np.asarray(indices))


def _delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """Return an array without the entries at some places."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    return part(arr, axis, np.delete(np.arange(arr.shape[axis]), obj))


def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Return an array with values put in before one place."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    place = whole_number("np.insert", obj)
    shape = tuple(1 if k == axis % np.ndim(arr) else n for k, n in enumerate(arr.shape))
    values = np.broadcast_to(values, shape) if np.ndim(values) == 0 else values
    ends = part(arr, axis, slice(None, place)), part(arr, axis, slice(place, None))
    return np.concatenate([ends[0], values, ends[1]], axis=axis)


def _meshgrid(*xi: Any, indexing: str = "xy", **keywords: Any) -> tuple[Any, ...]:
    """Return the coordinates of all points of a grid."""
    if any(keywords.values()) or indexing not in ("xy", "ij"):
        raise Untraceable("np.meshgrid: traceable with indexing='xy' or 'ij' only")
    count = len(xi)
    order = [1, 0, *range(2, count)] if indexing == "xy" and count > 1 else list(range(count))
    lengths = tuple(np.shape(np.ravel(xi[k]))[0] for k in order)
    grids = []
    for k, x in enumerate(xi):
        own = order.index(k)
        line = np.reshape(x, tuple(-1 if m == own else 1 for m in range(count)))
        grids.append(np.copy(np.broadcast_to(line, lengths)))
    return tuple(grids)


def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Return an array with values at its end."""
    if axis is None:
        arr, values, axis = np.ravel(arr), np.ravel(values), 0
    return np.concatenate([arr, values], axis=axis)


def at_least(rank: int, *arrays: Any) -> Any:
    """Return arrays with so many axes at least, as NumPy adds them."""

    def grown(a: Any) -> Any:
        missing = rank - np.ndim(a)
        if missing <= 0:
            return a
        after = 1 if rank == 3 and np.ndim(a) else 0
        return np.reshape(a, (1,) * (missing - after) + tuple(np.shape(a)) + (1,) * after)

    results = tuple(map(grown, arrays))
    return results[0] if len(results) == 1 else results


def _dstack(tup: Any) -> Any:
    """Return arrays joined along their third axis."""
    return np.concatenate([at_least(3, a) for a in tup], axis=2)


def _block(arrays: Any) -> Any:
    """Return an array of nested lists of blocks."""

    def depth(part: Any) -> int:
        return 1 + depth(part[0]) if isinstance(part, list) else 0

    def blocks(part: Any) -> list[Any]:
        return [b for p in part for b in blocks(p)] if isinstance(part, list) else [part]

    levels = depth(arrays)
    rank = max(levels, *(np.ndim(b) for b in blocks(arrays)))

    def joined(part: Any, level: int) -> Any:
        if not isinstance(part, list):
            return np.reshape(part, (1,) * (rank - np.ndim(part)) + tuple(np.shape(part)))
        return np.concatenate([joined(p, level - 1) for p in part], axis=-level)

    return joined(arrays, levels)


_PADDING = ("constant", "edge", "reflect", "symmetric", "wrap")


def _pad(array: Any, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> Any:
    """Return the array with elements around it that are constants, or its own."""
    if mode not in _PADDING:
        raise Untraceable(f"np.pad(mode={mode!r}): not traceable; {', '.join(_PADDING)} are")
    array = np.copy(array)  # where nothing is added, too
    widths = np.broadcast_to(pad_width, (np.ndim(array), 2)).tolist()
    fill = np.broadcast_to(constant_values, (np.ndim(array), 2))
    for axis, width in enumerate(widths):
        if mode != "constant":
            array = part(array, axis, np.pad(np.arange(array.shape[axis]), width, mode))
            continue
        parts = [array]
        for end, n in enumerate(width):
            shape = (*array.shape[:axis], n, *array.shape[axis + 1 :])
            side = [np.broadcast_to(fill[axis, end], shape)] if n else []
            parts = parts + side if end else side + parts
        array = np.concatenate(parts, axis=axis) if len(parts) > 1 else array
    return array


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Return parts of an array, of which some may be longer by one."""
    if not isinstance(indices_or_sections, (int, np.integer)):
        return list(np.split(ary, indices_or_sections, axis))
    places = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
    ends = list(itertools.accumulate(map(len, places)))
    return [part(ary, axis, slice(end - len(p), end)) for end, p in zip(ends, places, strict=True)]


def _rot90(m: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """Return a matrix turned by right angles."""
    for _ in range(k % 4):
        m = np.flip(np.swapaxes(m, *axes), axes[0])
    return m


def _flip(m: Any, axis: Any = None) -> Any:
    """Return the elements in reversed order along axes."""
    axes = range(np.ndim(m)) if axis is None else np.atleast_1d(axis).tolist()
    for k in axes:
        m = part(m, k, slice(None, None, -1))
    return m


#: By the function of NumPy's; part of `symdiff.tracing.composed.COMPOSED`.
MOVED: dict[Any, Callable[..., Any]] = {
    np.diff: _diff,
    np.ediff1d: lambda ary: _diff(np.ravel(ary)),
    np.roll: _roll,
    np.gradient: _gradient,
    np.trapezoid: _trapezoid,
    np.lib.stride_tricks.sliding_window_view: _windows,
    np.convolve: _convolve,
    np.correlate: _correlate,
    np.tile: _tile,
    np.repeat: _repeat,
    np.take: _take,
    np.delete: _delete,
    np.insert: _insert,
    np.compress: lambda condition, a, axis=None: _take(a, np.flatnonzero(condition), axis),
    np.extract: lambda condition, arr: _take(arr, np.flatnonzero(condition)),
    np.meshgrid: _meshgrid,
    np.append: _append,
    np.atleast_1d: functools.partial(at_least, 1),
    np.atleast_2d: functools.partial(at_least, 2),
    np.atleast_3d: functools.partial(at_least, 3),
    np.dstack: _dstack,
    np.block: _block,
    np.pad: _pad,
    np.array_split: _split,
    np.hsplit: lambda ary, parts: _split(ary, parts, 1 if np.ndim(ary) > 1 else 0),
    np.vsplit: lambda ary, parts: _split(ary, parts, 0),
    np.rot90: _rot90,
    np.flip: _flip,
    np.fliplr: lambda m: _flip(m, 1),
    np.flipud: lambda m: _flip(m, 0),
    np.diagflat: lambda v: np.diag(np.ravel(v)),
    np.unstack: lambda x, axis=0: tuple(part(x, axis, k) for k in range(x.shape[axis])),
    np.broadcast_arrays: lambda *args: tuple(
        np.broadcast_to(a, np.broadcast_shapes(*map(np.shape, args))) for a in args
    ),
}
