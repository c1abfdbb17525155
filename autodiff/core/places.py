"""Where views lie in the memory of an array: what NumPy knows and does not tell."""

from typing import Any

import numpy as np

__all__ = ["Way", "lies_as", "place_of"]

#: Arrays that lie in one another: a part and the whole of each step from a view to what it shows.
Way = list[tuple[Any, Any]]


def lies_as(x: Any, y: Any) -> bool:
    """Return whether two arrays are the same elements in the same order."""
    return (
        x.shape == y.shape
        and x.dtype == y.dtype
        and _address(x) == _address(y)
        and all(a == b for n, a, b in zip(x.shape, x.strides, y.strides, strict=True) if n > 1)
    )


def _address(x: Any) -> int:
    return x.__array_interface__["data"][0]  # type: ignore[no-any-return]


def place_of(way: Way) -> tuple[Any, str | None]:
    """Return where a view of views lies in an array, as `_place_in` does."""
    place, half = _place_in(*way[-1])
    if len(way) > 1:
        _, whole = way[-1]
        if isinstance(place, tuple):
            place = np.arange(whole.size).reshape(whole.shape)[place]
        for inner, outer in reversed(way[:-1]):
            place = place.reshape(-1)[_positions(inner, outer)]
    return place, half


def _place_in(part: Any, whole: Any) -> tuple[Any, str | None]:
    """Return where a view lies in an array: an index or positions, and which half of numbers."""
    half = None
    if part.dtype != whole.dtype:
        half = "imag" if (_address(part) - _address(whole)) % whole.itemsize else "real"
    index = None if half else _basic_index(part, whole)
    return (_positions(part, whole) if index is None else index), half


def _basic_index(part: Any, whole: Any) -> tuple[Any, ...] | None:
    """Return the integers and slices that give a view, if there are any: cheaper than positions."""
    rest = _address(part) - _address(whole)
    if not part.size or not all(s > 0 for s in whole.strides):
        return None
    starts = {}
    for axis in sorted(range(whole.ndim), key=lambda a: -whole.strides[a]):
        starts[axis], rest = divmod(rest, whole.strides[axis])
    axes = [*zip(part.shape, part.strides, strict=True)]
    index: list[Any] = []
    for axis, (length, stride) in enumerate(zip(whole.shape, whole.strides, strict=True)):
        start = starts[axis]
        if axes and (axes[0][0] == 1 or axes[0][1] % stride == 0):
            count, step = axes[0][0], axes[0][1] // stride if axes[0][0] > 1 else 1
            end = start + step * (count - 1)
            if step and 0 <= end < length:
                axes.pop(0)
                stop = end + (1 if step > 0 else -1)
                index.append(slice(start, None if stop < 0 else stop, step))
                continue
        if not 0 <= start < length:
            return None
        index.append(start)
    found = whole[tuple(index)]
    same = not rest and not axes and type(found) is np.ndarray and lies_as(found, part)
    return tuple(index) if same else None


def _positions(part: Any, whole: Any) -> Any:
    """Return for each element of a view its position in the flattened array."""
    wanted = (_address(part) - _address(whole) + _offsets(part)) // whole.itemsize * whole.itemsize
    if whole.flags.c_contiguous:
        return wanted // whole.itemsize
    there = _offsets(whole).reshape(-1)
    order = np.argsort(there, kind="stable")
    return order[np.searchsorted(there, wanted, sorter=order)]


def _offsets(x: Any) -> Any:
    """Return for each element of an array how many bytes it lies behind the first."""
    total = np.zeros((1,) * x.ndim, np.int64)
    for axis, (length, stride) in enumerate(zip(x.shape, x.strides, strict=True)):
        total = total + (np.arange(length) * stride).reshape(
            [-1 if i == axis else 1 for i in range(x.ndim)]
        )
    return np.broadcast_to(total, x.shape)
