"""Sums over axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from symdiff.matrix.construct.arithmetic import as_number, divide, multiply, negate
from symdiff.matrix.construct.movement import broadcast, make, reshape
from symdiff.matrix.construct.products import dot
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.shapes import Length, Shape

__all__ = ["count", "total", "unbroadcast"]


def count(graph: Graph, lengths: Sequence[Length]) -> Node:
    """Return a product of lengths as a scalar."""
    result = graph.number(math.prod(n for n in lengths if isinstance(n, int)))
    for n in lengths:
        if isinstance(n, str):
            result = multiply(result, graph.length(n))
    return result


def _is_mean(mean: Node, x: Node, axes: Sequence[int]) -> bool:
    """Return whether a node is the mean of an array over axes, along which it is repeated."""
    if mean.op == "broadcast":
        (mean,) = mean.args
    places = [k - (x.ndim - mean.ndim) for k in axes]
    if any(k >= 0 and mean.shape[k] != 1 for k in places):
        return False
    kept = [n for n in mean.shape if n != 1]
    if mean.op == "reshape":
        (mean,) = mean.args
    if [n for n in mean.shape if n != 1] != kept or mean.op != "divide":
        return False
    summed, n = mean.args
    if summed.op != "sum" or summed.args[0] is not x or summed.params[0] != tuple(axes):
        return False
    return n is count(x.graph, [x.shape[k] for k in axes])


def total(a: Node, axes: Sequence[int], keepdims: bool) -> Node:
    """Return the sum over axes."""
    axes = tuple(axes)
    if not axes:
        return a
    shape = tuple(1 if k in axes else n for k, n in enumerate(a.shape))
    if not keepdims:
        shape = tuple(n for k, n in enumerate(a.shape) if k not in axes)
    if all(a.shape[k] == 1 for k in axes):
        return reshape(as_number(a), shape)
    centred = a.graph.deriving and a.op == "subtract" and a.args[0].shape == a.shape
    if centred and _is_mean(a.args[1], a.args[0], axes):
        return broadcast(a.graph.number(0), shape)
    if a.op == "negate":
        return negate(total(a.args[0], axes, keepdims))
    if a.op == "multiply" and a.args[0].shape == ():
        return multiply(a.args[0], total(a.args[1], axes, keepdims))
    if a.op == "divide" and a.args[1].shape == () and a.args[0].shape == a.shape:
        return divide(total(a.args[0], axes, keepdims), a.args[1])
    if a.op == "broadcast" and a.args[0].shape == ():
        times = multiply(count(a.graph, [a.shape[k] for k in axes]), a.args[0])
        return broadcast(times, shape)
    if a.op == "square" and len(axes) == a.ndim:
        return make("sumsquares", a.args[0], params=(axes, keepdims))
    everything = len(axes) == a.ndim and not keepdims
    if everything and a.op == "diagonal":
        return make("trace", a.args[0])
    if everything and a.op == "sum" and a.index not in a.graph.names:
        return total(a.args[0], range(a.args[0].ndim), False)
    if everything and a.op == "multiply" and a.args[0].shape == a.args[1].shape:
        return dot(*a.args)
    return make("sum", a, params=(axes, keepdims))


def unbroadcast(a: Node, shape: Shape) -> Node:
    """Return an adjoint summed over the axes along which its operand was repeated."""
    if a.shape == shape:
        return a
    a = total(a, range(a.ndim - len(shape)), False)
    return total(a, [k for k, n in enumerate(shape) if n == 1 and a.shape[k] != 1], True)
