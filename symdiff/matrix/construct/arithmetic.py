"""Sums, differences, products and quotients of elements; the logistic function and softmax."""

from __future__ import annotations

from collections.abc import Callable

from symdiff.matrix.construct.movement import broadcast, make
from symdiff.matrix.node import Node
from symdiff.matrix.shapes import broadcast_shapes

__all__ = ["add", "as_number", "divide", "multiply", "negate", "sigmoid", "subtract", "unshifted"]


def _loosened(a: Node, b: Node) -> tuple[Node, Node]:
    """Return operands without a repetition that broadcasting does anyway."""
    if a.op == "broadcast" or b.op == "broadcast":
        shape = broadcast_shapes(a.shape, b.shape)
        if a.op == "broadcast" and broadcast_shapes(a.args[0].shape, b.shape) == shape:
            a = a.args[0]
        if b.op == "broadcast" and broadcast_shapes(a.shape, b.args[0].shape) == shape:
            b = b.args[0]
    return a, b


def as_number(node: Node) -> Node:
    """Return truth values as numbers, by a product with 1."""
    return make("multiply", node.graph.number(1), node) if node.truth else node


def _keeps(a: Node, b: Node) -> bool:
    """Return whether `b` broadcast against `a` leaves the shape of `a`."""
    return not b.shape or broadcast_shapes(a.shape, b.shape) == a.shape


def _is_negative_multiple(node: Node) -> bool:
    """Return whether a node is a product with a negative number."""
    if node.op != "multiply":
        return False
    factor = node.args[0].number
    return factor is not None and factor < 0


def add(a: Node, b: Node) -> Node:
    """Return a + b."""
    a, b = _loosened(a, b)
    if a.number is not None and b.number is not None:
        return a.graph.number(a.number + b.number)
    if a is b and not a.truth:
        return multiply(a.graph.number(2), a)
    if a.number == 0:
        return as_number(b)
    if b.number == 0:
        return as_number(a)
    if b.op == "negate" or _is_negative_multiple(b):
        return subtract(a, negate(b))
    if a.op == "negate":
        return subtract(b, a.args[0])
    together = _cross_entropy(a, b) or _factored(add, a, b)
    if together is not None:
        return together
    for whole, part in ((a, b), (b, a)):
        # m + (logsumexp(v) - m), the overflow-safe spelling
        if whole.op == "subtract" and whole.args[1] is part and whole.args[0].op == "logsumexp":
            return whole.args[0]
    return make("add", a, b)


def _scaled(node: Node) -> tuple[str, Node | None, Node]:
    """Return how a value is scaled, by which scalar, and what is scaled."""
    if node.shape == () or node.index in node.graph.names:
        return "", None, node
    if node.op == "divide" and node.args[1].shape == ():
        return "divide", node.args[1], node.args[0]
    if node.op == "multiply":
        a, b = node.args
        if a.shape == ():
            return "multiply", a, b
        if a.op == "multiply" and a.args[0].shape == () and a.index not in node.graph.names:
            return "multiply", a.args[0], multiply(a.args[1], b)
    return "", None, node


def _factored(combine: Callable[[Node, Node], Node], a: Node, b: Node) -> Node | None:
    """Return a sum or difference with a common scalar in front, None if there is none."""
    how, scalar, left = _scaled(a)
    if scalar is None or left.truth:
        return None
    other_how, other_scalar, right = _scaled(b)
    if how != other_how or scalar is not other_scalar or right.truth:
        return None
    both = combine(left, right)
    return divide(both, scalar) if how == "divide" else multiply(scalar, both)


def _cross_entropy(a: Node, b: Node) -> Node | None:
    """Return ``y softplus(-z) + (1 - y) softplus(z)`` as ``softplus(z) - y z``, or None.

    It is what ``-(y log(p) + (1 - y) log(1 - p))`` has become for ``p = sigmoid(z)``.
    """
    if a.op != "multiply" or b.op != "multiply":
        return None
    for y, low in (a.args, a.args[::-1]):
        for rest, high in (b.args, b.args[::-1]):
            if low.op != "softplus" or high.op != "softplus":
                continue
            first, second = (y, rest), (rest, y)
            for weight, other in (first, second):
                complement = other.op == "subtract" and other.args[0].number == 1
                if complement and other.args[1] is weight:
                    z = (high if weight is y else low).args[0]
                    if negate(z) is (low if weight is y else high).args[0]:
                        return subtract(make("softplus", z), multiply(weight, z))
    return None


def subtract(a: Node, b: Node) -> Node:
    """Return a - b."""
    a, b = _loosened(a, b)
    if a is b:
        return broadcast(a.graph.number(0), a.shape)
    if b.op == "subtract" == a.op and b.args[0].op == "logsumexp" and b.args[1] is a.args[1]:
        return subtract(a.args[0], b.args[0])  # (v - m) - (logsumexp(v) - m)
    if a.number is not None and b.number is not None:
        return a.graph.number(a.number - b.number)
    if b.number == 0:
        return as_number(a)
    if a.number == 0:
        return negate(b)
    if b.op == "negate" or _is_negative_multiple(b):
        return add(a, negate(b))
    if a.op == "negate":
        together = _cross_entropy(a.args[0], b)
        if together is not None:
            return negate(together)
    if a.op == "add" and b in a.args and a.args[0].op == "logsumexp" and a.args[1] is b:
        return a.args[0]
    return _factored(subtract, a, b) or make("subtract", a, b)


def negate(a: Node) -> Node:
    """Return -a."""
    if a.number is not None:
        return a.graph.number(-a.number)
    if a.op == "negate":
        return a.args[0]
    if a.truth:
        return make("multiply", a.graph.number(-1), a)
    if a.op == "broadcast":
        return broadcast(negate(a.args[0]), a.shape)
    if a.op == "multiply" and a.args[0].number is not None:
        return multiply(negate(a.args[0]), a.args[1])
    return make("negate", a)


def multiply(a: Node, b: Node) -> Node:
    """Return the elementwise product, a scalar factor first."""
    a, b = _loosened(a, b)
    if a.number is not None and b.number is not None:
        return a.graph.number(a.number * b.number)
    if b.number is not None or (b.shape == () and a.shape != ()):
        a, b = b, a
    if a.number is not None:
        if a.number == 1 and not b.truth:
            return b
        if a.number == -1 and not b.truth:
            return negate(b)
        if a.number == 0:
            return broadcast(a, b.shape)
    if b.op == "negate":
        return (
            negate(multiply(a, b.args[0])) if a.number is None else multiply(negate(a), b.args[0])
        )
    if a.op == "negate":
        return negate(multiply(a.args[0], b))
    if a is b:
        return make("square", a)
    if a.shape == () and b.op == "broadcast":
        return broadcast(multiply(a, b.args[0]), b.shape)
    if a.shape == () and b.op == "multiply" and b.args[0].shape == ():
        if a.number is not None and b.args[0].number is not None:
            return multiply(multiply(a, b.args[0]), b.args[1])
        if b.args[1].shape != ():
            return multiply(multiply(a, b.args[0]), b.args[1])
    if a.shape == () and b.op == "divide" and b.args[0].number == 1 and _keeps(b.args[1], a):
        return divide(a, b.args[1])
    if a.number is not None and b.op == "divide":
        n, divisor = b.args[0].number, b.args[1].number
        if divisor is not None and (a.number / divisor).is_integer():
            return multiply(a.graph.number(a.number / divisor), b.args[0])
        if n is not None:
            return divide(a.graph.number(a.number * n), b.args[1])
    for one, other in ((a, b), (b, a)):
        if one.op == "divide" and one.args[0].number == 1 and _keeps(other, one):
            return divide(other, one.args[1])
    return make("multiply", a, b)


def _softmax_axis(a: Node, b: Node) -> int | None:
    """Return the axis over which a / b is a softmax, or None."""
    if a.op != "exp" or b.op != "sum" or b.args[0] is not a or len(b.params[0]) != 1:
        return None
    axis: int = b.params[0][0]
    return axis if b.params[1] or a.ndim == 1 else None


def unshifted(v: Node, axis: int) -> tuple[Node, Node | None]:
    """Return u and m for v = u - m with m constant along an axis, else v and None."""
    if v.op == "subtract" and v.args[0].shape == v.shape:
        u, m = v.args
        along = axis - (v.ndim - m.ndim)
        if along < 0 or m.shape[along] == 1:
            return u, m
    return v, None


def divide(a: Node, b: Node) -> Node:
    """Return a / b."""
    a, b = _loosened(a, b)
    if b.number is not None:
        if b.number == 1:
            return as_number(a)
        if a.number is not None and b.number:
            quotient = a.number / b.number
            if quotient.is_integer() or not float(a.number).is_integer():
                return a.graph.number(quotient)
        if a.op == "multiply" and a.args[0].number is not None and b.number:
            quotient = a.args[0].number / b.number
            if quotient.is_integer():
                return multiply(a.graph.number(quotient), a.args[1])
    if a.op == "negate":
        return negate(divide(a.args[0], b))
    if a.op == "broadcast" and b.shape == ():
        return broadcast(divide(a.args[0], b), a.shape)
    if a.number == 1 and b.op == "add":
        for one, other in (b.args, b.args[::-1]):
            if one.number == 1 and other.op == "exp":
                return sigmoid(negate(other.args[0]))
    if a.op == "exp" and b.op == "add":
        for one, other in (b.args, b.args[::-1]):
            if one.number == 1 and other is a:
                return sigmoid(a.args[0])
    if b.op == "divide" and b.args[0].number == 1 and _keeps(b, a):
        return multiply(a, b.args[1])
    axis = _softmax_axis(a, b)
    if axis is not None:
        return make("softmax", unshifted(a.args[0], axis)[0], params=(axis,))
    return make("divide", a, b)


def sigmoid(z: Node) -> Node:
    """Return 1 / (1 + exp(-z)); from the value at -z, where that is known."""
    opposite = z.graph.known("sigmoid", (negate(z),))
    return make("sigmoid", z) if opposite is None else subtract(z.graph.number(1), opposite)
