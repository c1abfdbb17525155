"""Which axis of each value the chunks of a block go along.

An operation can be applied to a chunk of its operands at a time if each element of its result needs
one chunk only, or if it is a sum over the axis of the chunks, which is added up.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from autodiff.plan.operations import Kind, kind_of
from autodiff.plan.program import Node

__all__ = ["Role", "role_of"]

#: Elements of an operand that each chunk reads whole, and of a sum that each chunk is added to.
_SHARED = 4096


class Role(NamedTuple):
    """How an operation takes part in a block.

    Parameters
    ----------
    axis : int or None
        The axis of its result that the chunks go along; None for a sum over all of them.
    cuts : tuple of int or None
        For each operand the axis that chunks are taken along; None if it is read whole.
    """

    axis: int | None
    cuts: tuple[int | None, ...]


Axes = Mapping[int, int]


def role_of(node: Node, axes: Axes, length: int) -> Role | None:
    """Return how an operation takes part in a block, if it can.

    Examples
    --------
    >>> x, y = (Node("exp", (), {}, (5, 7), np.dtype(float), np.exp) for _ in range(2))
    >>> role_of(Node("add", (x, y), {}, (5, 7), x.dtype, np.add), {id(x): 1}, 7)
    Role(axis=1, cuts=(1, 1))
    """
    kind = kind_of(node)
    if node.op == "stepped":
        # What is odd is told of whole arrays.
        return None
    if kind is Kind.ELEMENTWISE:
        return _elementwise(node, axes, length)
    if not any(id(x) in axes for x in node.args):
        return None
    if kind is Kind.VIEW:
        found = _VIEWS[node.op](node, axes[id(node.args[0])], length)
        return None if found is None else Role(found, (axes[id(node.args[0])],))
    handler = _COMPUTED.get(node.op) if kind is Kind.COMPUTED else None
    return None if handler is None else handler(node, axes, length)


def _cut(x: Node, place: int, length: int) -> int | None:
    """Return the axis of an operand at a place from the right, if it has all chunks there."""
    axis = len(x.shape) - place
    return axis if axis >= 0 and x.shape[axis] == length else None


def _spread(x: Node, place: int) -> bool:
    """Return whether an operand is the same for all chunks: it has no axis there, or one of 1."""
    axis = len(x.shape) - place
    return axis < 0 or x.shape[axis] == 1


def _place(node: Node, axes: Axes) -> int | None:
    """Return at which place from the right the operands of a node have their chunks."""
    places = {len(x.shape) - axes[id(x)] for x in node.args if id(x) in axes}
    return places.pop() if len(places) == 1 else None


def _elementwise(node: Node, axes: Axes, length: int) -> Role | None:
    place = _place(node, axes)
    if place is None or len(node.shape) < place or node.shape[-place] != length:
        return None
    cuts = tuple(_cut(x, place, length) for x in node.args)
    for x, cut in zip(node.args, cuts, strict=True):
        if cut is None and not _spread(x, place):
            return None
    return Role(len(node.shape) - place, cuts)


def _along(node: Node) -> set[int] | None:
    """Return the axes that a reduction goes along."""
    ndim = len(node.args[0].shape)
    axis = 0 if node.op == "sum of rows" else node.params["axis"]
    if axis is None:
        return set(range(ndim))
    return {i % ndim for i in ((axis,) if isinstance(axis, int) else axis)}


def _reduction(node: Node, axes: Axes, length: int) -> Role | None:
    axis = axes[id(node.args[0])]
    along = _along(node) or set()
    keepdims = bool(node.params.get("keepdims"))
    if axis in along:
        fits = node.op in ("sum", "sum of rows") and node.dtype == np.float64 and not keepdims
        return Role(None, (axis,)) if fits and node.size <= _SHARED else None
    return Role(axis if keepdims else axis - sum(i < axis for i in along), (axis,))


def _row_dots(node: Node, axes: Axes, length: int) -> Role | None:
    place = _place(node, axes)
    if place in (None, 1):
        return None
    axis = len(node.args[0].shape) - (place or 0)
    return Role(axis, (axis, axis))


def _vdot(node: Node, axes: Axes, length: int) -> Role | None:
    place = _place(node, axes)
    if place is None:
        return None
    axis = len(node.args[0].shape) - place
    return Role(None, (axis, axis))


def _matmul(node: Node, axes: Axes, length: int) -> Role | None:
    x, y = node.args
    inner = 1 if len(y.shape) == 1 else 2
    #: For each operand that is cut: whether it is the right one, and where from the right.
    found = [(i == 1, len(z.shape) - axes[id(z)]) for i, z in enumerate(node.args) if id(z) in axes]
    summed = [place == (inner if right else 1) for right, place in found]
    if all(summed):
        cuts = (_cut(x, 1, length), _cut(y, inner, length))
        return Role(None, cuts) if None not in cuts and node.size <= _SHARED else None
    if any(summed) or len(found) > 1 or found[0][1] > 2:
        # Chunks of a stack of matrices, or two factors that are cut.
        return None
    ((right, _),) = found
    if right:
        # Columns of the right factor.
        return Role(len(node.shape) - 1, (None, len(y.shape) - 1)) if x.size <= _SHARED else None
    axis = len(node.shape) - (2 if inner == 2 else 1)
    return Role(axis, (len(x.shape) - 2, None)) if y.size <= _SHARED else None


def _transposed(node: Node, axis: int, length: int) -> int | None:
    return list(node.params["axes"]).index(axis)


def _reshaped(node: Node, axis: int, length: int) -> int | None:
    before = math.prod(node.args[0].shape[:axis])
    for i, n in enumerate(node.shape):
        if n == length and math.prod(node.shape[:i]) == before:
            return i
    return None


def _broadcast(node: Node, axis: int, length: int) -> int | None:
    return axis + len(node.shape) - len(node.args[0].shape)


def _indexed(node: Node, axis: int, length: int) -> int | None:
    """Return where an axis goes that a basic index takes whole."""
    index = node.params["index"]
    parts = list(index) if isinstance(index, tuple) else [index]
    ndim = len(node.args[0].shape)
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    filled = []
    for part in parts:
        filled += [slice(None)] * (ndim - taken) if part is Ellipsis else [part]
    if Ellipsis not in parts:
        filled += [slice(None)] * (ndim - taken)
    source = result = 0
    for part in filled:
        if part is None:
            result += 1
            continue
        if source == axis:
            return result if isinstance(part, slice) and part == slice(None) else None
        source += 1
        result += isinstance(part, slice)
    return None


_VIEWS: dict[str, Callable[[Node, int, int], int | None]] = {
    "transpose": _transposed,
    "reshape": _reshaped,
    "broadcast_to": _broadcast,
    "getitem": _indexed,
}
_COMPUTED: dict[str, Callable[[Node, Axes, int], Role | None]] = {
    "sum": _reduction,
    "sum of rows": _reduction,
    "max": _reduction,
    "min": _reduction,
    "row dots": _row_dots,
    "vdot": _vdot,
    "matmul": _matmul,
}
