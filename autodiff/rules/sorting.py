"""Rules of sorting: the sorted values are the elements at positions, which have no derivative.

Equal elements keep their order, so that each has one place in the result and the cotangent of
that place.
"""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.core.batching import along_axis, over_operand
from autodiff.core.primitive import Array, general, handles
from autodiff.core.tensor import record
from autodiff.rules.discrete import recorded
from autodiff.rules.indexing import scattered
from autodiff.rules.operands import as_array, as_decided
from autodiff.rules.ties import ranked

_argsort = recorded(np.argsort, batch=along_axis)
_argpartition = recorded(np.argpartition, batch=along_axis)
_lexsort = recorded(lambda *keys, axis: np.lexsort(keys, axis=axis), "lexsort")
_digitize = recorded(np.digitize, batch=over_operand(0))
_searchsorted = recorded(
    lambda a, v, *sorter, side: np.searchsorted(a, v, side, *sorter),
    "searchsorted",
    batch=over_operand(1),
)
_nonzero = recorded(np.argwhere, "nonzero", shaped=False)


def _refuse_fields(name: str, order: Any) -> None:
    if order is not None:
        raise ValueError(f"{name}: order={order!r} names fields; tensors have none")


@handles(np.argsort, derivative=False)
def argsort(
    a: Array,
    axis: int | None = -1,
    kind: Any = None,
    order: None = None,
    *,
    stable: bool | None = None,
) -> Array:
    """Return the positions of the elements in ascending order."""
    _refuse_fields("argsort", order)
    return _argsort(a, axis=axis, kind=kind, stable=stable)


@handles(np.sort)
def sort(
    a: Array,
    axis: int | None = -1,
    kind: Any = None,
    order: None = None,
    *,
    stable: bool | None = None,
) -> Array:
    """Return the elements in ascending order; equal ones keep theirs."""
    _refuse_fields("sort", order)
    if axis is None:
        a, axis = np.ravel(a), 0
    axis = normalize_axis_index(axis, a.ndim)
    places = _argsort(a, axis=axis, kind="stable")
    return np.take_along_axis(_ranked_along(a, axis), places, axis)


def _ranked_along(a: Array, axis: int) -> Any:
    """Return an array whose elements are put in order along an axis, see `ties`."""
    if axis == np.ndim(a) - 1:
        return ranked(a)
    return np.swapaxes(ranked(np.swapaxes(a, axis, -1)), axis, -1)


@handles(np.sort_complex)
def sort_complex(a: Array) -> Array:
    """Return the elements sorted by real part, then by imaginary part, as complex numbers."""
    ordered = sort(a)
    if ordered.dtype.kind == "c":
        return ordered
    return np.astype(ordered, "G" if ordered.dtype.char == "g" else "D")


def _origins(out: Array, x: Array, axis: int) -> Array:
    """Return for each element of a rearrangement its position in the original.

    Both are sorted: equal ranks belong together, and equal elements are matched in order.
    """
    ranks = np.argsort(np.argsort(out, axis, kind="stable"), axis)
    return np.take_along_axis(np.argsort(x, axis, kind="stable"), ranks, axis)


def _partition_vjp(g: Array, out: Array, x: Array, *, kth: Any, axis: int) -> Array:
    index: list[Any] = list(np.ix_(*map(np.arange, np.shape(x))))
    index[axis] = _origins(out, x, axis)
    return scattered(g, tuple(index), np.shape(x))


# NumPy leaves open in which order it puts the elements beside those at kth, and np.argpartition
# may put them in another than np.partition: which went where is read from the result.
PARTITION = general(
    "partition",
    np.partition,
    [_partition_vjp],
    [
        lambda x_dot, out, x, *, kth, axis: np.take_along_axis(x_dot, _origins(out, x, axis), axis),
    ],
    examples=[(((5,),), {"kth": 2, "axis": 0}), (((3, 4),), {"kth": (1, 2), "axis": 1})],
    complex=True,
    batch=along_axis,
)


@handles(np.partition)
def partition(
    a: Array, kth: Any, axis: int | None = -1, kind: str = "introselect", order: None = None
) -> Array:
    """Return the elements with those at `kth` in their sorted places."""
    _refuse_fields("partition", order)
    if axis is None:
        a, axis = np.ravel(a), 0
    kth = as_decided(kth)
    places = tuple(int(k) for k in kth) if np.ndim(kth) else int(kth)
    return record(PARTITION, (a,), {"kth": places, "axis": normalize_axis_index(axis, a.ndim)})


@handles(np.argpartition, derivative=False)
def argpartition(
    a: Array, kth: Any, axis: int | None = -1, kind: str = "introselect", order: None = None
) -> Array:
    """Return positions of the elements that put those at `kth` in their sorted places."""
    _refuse_fields("argpartition", order)
    return _argpartition(a, kth=as_decided(kth), axis=axis)


@handles(np.lexsort, derivative=False)
def lexsort(keys: Any, axis: int = -1) -> Array:
    """Return the positions in the order of the last key, then of those before it."""
    return _lexsort(*keys, axis=axis)


@handles(np.searchsorted, derivative=False)
def searchsorted(a: Array, v: Array, side: Any = "left", sorter: Array | None = None) -> Array:
    """Return the positions at which values would keep an array sorted."""
    return _searchsorted(a, v, *(() if sorter is None else (sorter,)), side=side)


@handles(np.digitize, derivative=False)
def digitize(x: Array, bins: Array, right: bool = False) -> Array:
    """Return the bin of each value."""
    return _digitize(x, bins, right=right)


@handles(np.argwhere, derivative=False)
def argwhere(a: Array) -> Array:
    """Return the positions of the elements that are not zero, a row for each."""
    return _nonzero(a)


@handles(np.nonzero, derivative=False)
def nonzero(a: Array) -> tuple[Array, ...]:
    """Return the positions of the elements that are not zero, an array for each axis."""
    if not np.ndim(a):
        raise ValueError("nonzero: a number arrived; use np.atleast_1d(a)")
    places = np.argwhere(a)
    return tuple(places[:, i] for i in range(np.ndim(a)))


@handles(np.flatnonzero, derivative=False)
def flatnonzero(a: Array) -> Array:
    """Return the positions in the flattened array of the elements that are not zero."""
    return np.argwhere(np.ravel(as_array(a)))[:, 0]
