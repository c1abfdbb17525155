"""Operations whose result is put together of pieces of their operands."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff.plan.operations import ADD_PART, is_basic_index, operation_of
from autodiff.plan.program import Node

__all__ = ["PIECES", "Piece"]

#: Numbers that are put together one by one in a kernel, at most.
_MOST_ITEMS = 64


class Piece(NamedTuple):
    """A part of an operand, and the part of the result that it is copied or added to."""

    #: The number of the operand; none for zeros.
    operand: int | None
    #: Indices that take views.
    source: Any = ...
    target: Any = ...
    adds: bool = False


def _joined(node: Node) -> Sequence[Piece] | None:
    axis = node.params.get("axis", 0)
    if not operation_of(node).fits(node) or type(axis) is not int:
        return None
    before = (slice(None),) * (axis % len(node.shape))
    pieces, start = [], 0
    for number, x in enumerate(node.args):
        stop = start + x.shape[len(before)]
        pieces.append(Piece(number, target=(*before, slice(start, stop))))
        start = stop
    return pieces


def _padded(node: Node) -> Sequence[Piece] | None:
    (x, *others) = node.args
    starts = [before for before, _ in node.params["pad_width"]]
    parts = [slice(start, start + n) for start, n in zip(starts, x.shape, strict=True)]
    return None if others else [Piece(None), Piece(0, target=tuple(parts))]


def _rolled(node: Node) -> Sequence[Piece] | None:
    if not operation_of(node).fits(node):
        return None
    axis = node.params["axis"] % len(node.shape)
    length, before = node.shape[axis], (slice(None),) * axis
    shift = node.params["shift"] % length if length else 0
    ends = slice(length - shift), slice(length - shift, None)
    starts = slice(shift, None), slice(shift)
    return [Piece(0, (*before, x), (*before, y)) for x, y in zip(ends, starts, strict=True)]


def _assembled(node: Node) -> Sequence[Piece] | None:
    numbers = all(x.shape == () and x.dtype == node.dtype for x in node.args)
    places = zip(range(len(node.args)), np.ndindex(*node.shape), strict=False)
    few = len(node.args) <= _MOST_ITEMS
    return [Piece(i, target=place) for i, place in places] if numbers and few else None


def _updated(node: Node) -> Sequence[Piece] | None:
    index = node.params["index"]
    alone = len(node.args) == 2 and is_basic_index(index)
    return [Piece(0), Piece(1, target=index)] if alone else None


def _added(node: Node) -> Sequence[Piece] | None:
    index = node.params["index"]
    alone = len(node.args) == 2 and is_basic_index(index)
    same = all(x.dtype == node.dtype for x in node.args) and node.args[1].shape == node.shape
    return [Piece(1), Piece(0, target=index, adds=True)] if alone and same else None


#: By name of the operation, the pieces of its result in the order in which they are written; None
#: where it is no such result.
PIECES: dict[str, Callable[[Node], Sequence[Piece] | None]] = {
    "assemble": _assembled,
    "concatenate": _joined,
    "pad": _padded,
    "roll": _rolled,
    "update": _updated,
    ADD_PART: _added,
}
