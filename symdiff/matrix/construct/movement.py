"""Operations that repeat or reshape an array, of which arithmetic makes use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdiff.matrix.node import Node
from symdiff.matrix.shapes import Shape, axes_of
from symdiff.matrix.table import RULES

__all__ = ["broadcast", "make", "reshape", "spread"]


def make(op: str, *args: Node, params: tuple[Any, ...] = ()) -> Node:
    """Return the node of an operation as it stands, of the shape that its rule gives."""
    graph = args[0].graph
    known = graph.known(op, args, params)
    if known is not None:
        return known
    shape = RULES[op].shape
    assert shape is not None, op
    return graph.make(op, args, params, shape(args, params))


def reshape(a: Node, shape: Shape) -> Node:
    """Return the elements in another shape, which holds as many."""
    if a.shape == shape:
        return a
    if a.shape == ():
        return broadcast(a, shape)
    if a.op == "reshape":
        return reshape(a.args[0], shape)
    if a.op == "broadcast" and a.args[0].shape == ():
        return broadcast(a.args[0], shape)
    if a.op == "negate" and shape:
        return make("negate", reshape(a.args[0], shape))
    if a.op == "multiply" and a.args[0].shape == () and not a.args[1].truth and shape:
        return make("multiply", a.args[0], reshape(a.args[1], shape))
    if a.op in ("sum", "norm", "sumsquares", "max", "min", "logsumexp"):
        axes = axes_of(a.params)
        kept = tuple(n for k, n in enumerate(a.args[0].shape) if k not in axes)
        if a.params[1] and shape == kept:
            return make(a.op, a.args[0], params=(a.params[0], False))
    return make("reshape", a, params=(shape,))


def broadcast(a: Node, shape: Shape) -> Node:
    """Return the array repeated to a shape."""
    if a.shape == shape:
        return a
    if a.op == "broadcast":
        return broadcast(a.args[0], shape)
    return make("broadcast", a, params=(shape,))


def spread(a: Node, shape: Shape, axes: Sequence[int]) -> Node:
    """Return the result of a reduction over axes repeated to the shape before it."""
    if a.shape == ():
        return broadcast(a, shape)
    kept = tuple(1 if k in axes else n for k, n in enumerate(shape))
    return broadcast(reshape(a, kept), shape)
