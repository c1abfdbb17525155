"""Matrix products, inverses and transposes."""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.matrix.construct.arithmetic import multiply, negate
from symdiff.matrix.construct.movement import make
from symdiff.matrix.node import Node

__all__ = ["dot", "inverse", "matmul", "outer", "swap", "transpose"]


def matmul(a: Node, b: Node) -> Node:
    """Return a @ b."""
    if a.op == "negate":
        return negate(matmul(a.args[0], b))
    if b.op == "negate":
        return negate(matmul(a, b.args[0]))
    if a is b and a.ndim == 1:
        return dot(a, b)
    for one, other in ((a, b), (b, a)):
        if one.op == "eye" and other.ndim <= 2:
            return other
        if one.op == "multiply" and one.args[0].shape == () and one.args[1].op == "eye":
            return multiply(one.args[0], other)
    return make("matmul", a, b)


def dot(a: Node, b: Node) -> Node:
    """Return the sum of the products of all entries of two arrays of one shape."""
    if a is b:
        return make("sumsquares", a, params=(tuple(range(a.ndim)), False))
    for one, other in ((a, b), (b, a)):
        if one.op == "eye":
            return make("trace", other)
    return make("inner", a, b)


def outer(a: Node, b: Node) -> Node:
    """Return the matrix of all products of entries of two vectors."""
    for one, other, flip in ((a, b, False), (b, a, True)):
        if one.op == "negate":
            return negate(outer(*((other, one.args[0]) if flip else (one.args[0], other))))
        if one.op == "multiply" and one.args[0].shape == ():
            rest = (other, one.args[1]) if flip else (one.args[1], other)
            return multiply(one.args[0], outer(*rest))
    return make("outer", a, b)


def inverse(a: Node) -> Node:
    """Return the inverse matrix."""
    return a.args[0] if a.op == "inv" else make("inv", a)


def transpose(a: Node, axes: Sequence[int] | None = None) -> Node:
    """Return the array with its axes permuted; reversed if not said otherwise."""
    axes = tuple(range(a.ndim))[::-1] if axes is None else tuple(axes)
    if axes == tuple(range(a.ndim)):
        return a
    if a.op == "transpose":
        return transpose(a.args[0], tuple(a.params[0][k] for k in axes))
    if a.op == "eye":
        return a
    if a.op == "negate":
        return negate(transpose(a.args[0], axes))
    if a.op == "multiply" and a.args[0].shape == ():
        return multiply(a.args[0], transpose(a.args[1], axes))
    return make("transpose", a, params=(axes,))


def swap(a: Node) -> Node:
    """Return the array with its last two axes exchanged."""
    axes = list(range(a.ndim))
    axes[-2:] = axes[-1], axes[-2]
    return transpose(a, axes)
