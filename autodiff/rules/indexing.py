"""Rules of indexing: taking elements is linear, and its transpose adds them back in place."""

import operator
from typing import Any

import numpy as np

from autodiff.rules.table import Array, handles, linear
from autodiff.tensor import Tensor, record


class _Slot:
    """The place of a tensor, such as a mask that is computed anew, in an index."""

    def __repr__(self) -> str:
        return "<mask>"

    def __reduce__(self) -> str:
        # There is one: it is told by its identity, in a pickled graph too.
        return "_SLOT"


_SLOT = _Slot()


def _filled(index: Any, dynamic: tuple[Array, ...]) -> Any:
    if not dynamic:
        return index
    parts = iter(dynamic)
    return tuple(next(parts) if i is _SLOT else i for i in index)


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        isinstance(i, int | np.integer | slice) or i is None or i is Ellipsis
        for i in parts
        if not isinstance(i, bool)
    )


def _take(x: Array, *dynamic: Array, index: Any) -> Array:
    # A mask of an outer trace cannot index a plain array: it must be recorded there.
    return getitem(x, _filled(index, dynamic)) if dynamic else x[index]


def _add_back(g: Array, *dynamic: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Return zeros of a shape to which `g` is added at `index`, repeated places accumulating."""
    if any(type(x) is Tensor for x in (g, *dynamic)):
        return record(SCATTER, (g, *dynamic), {"index": index, "shape": shape})
    index = _filled(index, dynamic)
    result = np.zeros(shape, np.result_type(g))
    if _is_basic(index):
        result[index] = g
    else:
        np.add.at(result, index, g)
    return result


def accumulate_at(total: Array, g: Array, index: Any) -> None:
    """Add `g` to the elements of a plain array at `index`, repeated places accumulating."""
    if _is_basic(index):
        total[index] += g
    else:
        np.add.at(total, index, g)


SCATTER = linear(
    "scatter",
    _add_back,
    lambda g, out, x, *dynamic, index, shape: _take(g, *dynamic, index=index),
    examples=[(((2,),), {"index": slice(1, 3), "shape": (4,)})],
)


def _getitem_vjp(g: Array, out: Array, x: Array, *dynamic: Array, index: Any) -> Array:
    return record(SCATTER, (g, *dynamic), {"index": index, "shape": np.shape(x)})


GETITEM = linear(
    "getitem",
    _take,
    _getitem_vjp,
    examples=[
        (((4, 3),), {"index": 1}),
        (((4, 3),), {"index": (slice(None, None, -1), -1)}),
        (((4, 3),), {"index": (None, Ellipsis, slice(0, 2))}),
        (((4, 3),), {"index": (np.array([0, 2, 0]),)}),
        (((4,),), {"index": (np.array([True, False, True, True]),)}),
        (((4, 3),), {"index": (np.array([0, 1, 0]), slice(1, None))}),
    ],
)


def _fixed(part: Any) -> Any:
    """Return a part of an index as it is now, whatever is later written into it."""
    if isinstance(part, list):
        part = np.array(part)
        return part if part.size else part.astype(int)
    return part.copy() if isinstance(part, np.ndarray) else part


@handles(operator.getitem)
def getitem(x: Array, index: Any) -> Array:
    """Return elements of a tensor."""
    parts = tuple(_fixed(i) for i in (index if isinstance(index, tuple) else (index,)))
    dynamic = tuple(i for i in parts if type(i) is Tensor)
    for i in dynamic:
        if i.dtype.kind not in "biu":
            raise TypeError(
                f"a tensor of dtype {i.dtype} cannot be an index: whole numbers and masks can"
            )
    index = tuple(_SLOT if type(i) is Tensor else i for i in parts)
    taken = record(GETITEM, (x, *dynamic), {"index": index})
    if dynamic and type(taken) is Tensor and taken.tape.replayable:
        # How many elements a mask takes is decided by numbers, as a branch is.
        taken.tape.guards.append((taken, "shape", taken.shape))
    return taken


@handles(np.take)
def take(a: Array, indices: Any, axis: int | None = None) -> Array:
    """Return the elements at `indices` along an axis."""
    if not hasattr(indices, "dtype"):
        indices = np.array(indices)
    if indices.dtype.kind == "b":
        raise TypeError("take: the indices are a mask; index with it: a[mask]")
    if axis is None:
        return np.ravel(a)[indices]
    index: list[Any] = [slice(None)] * a.ndim
    index[axis] = indices
    return a[tuple(index)]


@handles(np.diagonal)
def diagonal(a: Array, offset: int = 0) -> Array:
    """Return a diagonal of a matrix."""
    if a.ndim != 2:
        raise NotImplementedError(f"np.diagonal of a tensor of shape {a.shape}: 2 axes are needed")
    below, above = max(0, -offset), max(0, offset)
    places = np.arange(max(0, min(a.shape[0] - below, a.shape[1] - above)))
    return a[places + below, places + above]


@handles(np.diag)
def diag(v: Array, k: int = 0) -> Array:
    """Return a diagonal of a matrix, or the matrix with a vector on its diagonal."""
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"diag: an array of shape {v.shape} arrived; 1 or 2 axes are needed")
    n = v.shape[0] + abs(k)
    places = np.arange(v.shape[0])
    index = (places + max(0, -k), places + max(0, k))
    return record(SCATTER, (v,), {"index": index, "shape": (n, n)})


@handles(np.tril)
def tril(m: Array, k: int = 0) -> Array:
    """Return the lower triangle, zeros elsewhere."""
    return np.where(np.tri(m.shape[-min(2, m.ndim)], m.shape[-1], k, bool), m, 0.0)


@handles(np.triu)
def triu(m: Array, k: int = 0) -> Array:
    """Return the upper triangle, zeros elsewhere."""
    return np.where(np.tri(m.shape[-min(2, m.ndim)], m.shape[-1], k - 1, bool), 0.0, m)
