"""Constructors of matrix operations: each simplifies what a person would not write.

Simplifications hold for all numbers, up to rounding. Recognised are the forms that make formulas
shorter: the logistic function, softmax and log-sum-exp (also in their overflow-safe spellings),
inner products, Euclidean norms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from symdiff.matrix.node import Graph, Node
from symdiff.matrix.shapes import Length, Shape, broadcast_shapes
from symdiff.matrix.table import RULES

__all__ = [
    "add",
    "broadcast",
    "count",
    "divide",
    "dot",
    "elementwise",
    "inverse",
    "matmul",
    "multiply",
    "negate",
    "outer",
    "power",
    "reshape",
    "subtract",
    "swap",
    "total",
    "transpose",
    "unbroadcast",
]


def make(op: str, *args: Node, params: tuple[Any, ...] = ()) -> Node:
    """Return the node of an operation as it stands, of the shape that its rule gives."""
    graph = args[0].graph
    known = graph.known(op, args, params)
    if known is not None:
        return known
    shape = RULES[op].shape
    assert shape is not None, op
    return graph.make(op, args, params, shape(args, params))


# Arithmetic ---------------------------------------------------------------------------------------


def _loosened(a: Node, b: Node) -> tuple[Node, Node]:
    """Return operands without a repetition that broadcasting does anyway."""
    if a.op == "broadcast" or b.op == "broadcast":
        shape = broadcast_shapes(a.shape, b.shape)
        if a.op == "broadcast" and broadcast_shapes(a.args[0].shape, b.shape) == shape:
            a = a.args[0]
        if b.op == "broadcast" and broadcast_shapes(a.shape, b.args[0].shape) == shape:
            b = b.args[0]
    return a, b


def _as_number(node: Node) -> Node:
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
        return _as_number(b)
    if b.number == 0:
        return _as_number(a)
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
        return _as_number(a)
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


def _unshifted(v: Node, axis: int) -> tuple[Node, Node | None]:
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
            return _as_number(a)
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
        return make("softmax", _unshifted(a.args[0], axis)[0], params=(axis,))
    return make("divide", a, b)


def sigmoid(z: Node) -> Node:
    """Return 1 / (1 + exp(-z)); from the value at -z, where that is known."""
    opposite = z.graph.known("sigmoid", (negate(z),))
    return make("sigmoid", z) if opposite is None else subtract(z.graph.number(1), opposite)


def power(x: Node, exponent: Node) -> Node:
    """Return x**exponent."""
    n = exponent.number
    if n is None:
        return make("power", x, exponent)
    if x.number is not None and (x.number > 0 or float(n).is_integer()) and (x.number or n >= 0):
        return x.graph.number(x.number**n)
    if n == 1:
        return _as_number(x)
    if n == 2:
        return elementwise("square", x)
    if n == 0.5:
        return elementwise("sqrt", x)
    if n == -1:
        return divide(x.graph.number(1), x)
    return make("power", x, exponent)


def elementwise(op: str, *args: Node) -> Node:
    """Return an operation applied to each element."""
    x = args[0]
    if op == "square" and x.number is not None:
        return x.graph.number(x.number**2)
    if op == "square" and x.op == "negate":
        x, args = x.args[0], x.args
    if op == "sqrt" and x.op == "sumsquares":
        a, (axes, keepdims) = x.args[0], x.params
        return make("norm", a, params=(axes, keepdims))
    if op == "maximum":
        for a, b in (args, args[::-1]):
            if b.number == 0:
                return make("relu", a)
    if op == "log":
        return _log(x)
    if op == "log1p" and x.op == "exp":
        return make("softplus", x.args[0])
    if op == "logaddexp":
        for a, b in (args, args[::-1]):
            if a.number == 0:
                return make("softplus", b)
    return make(op, *args)


def _log(x: Node) -> Node:
    """Return log(x), with the logarithms of determinants, sums of exponentials, and softmax."""
    if x.op == "sum" and x.args[0].op == "exp" and len(x.params[0]) == 1:
        (axis,), keepdims = x.params
        u, shift = _unshifted(x.args[0].args[0], axis)
        whole = make("logsumexp", u, params=(axis, keepdims))
        if shift is None:
            return whole
        along = axis - (u.ndim - shift.ndim)
        if not keepdims and along >= 0:
            shape = shift.shape[:along] + shift.shape[along + 1 :]
            shift = reshape(shift, shape)
        return subtract(whole, shift)
    if x.op == "softmax":
        return subtract(x.args[0], make("logsumexp", x.args[0], params=(x.params[0], True)))
    if x.op == "det":
        return make("logdet", x.args[0])
    if x.op == "sigmoid":
        return negate(make("softplus", negate(x.args[0])))
    if x.op == "subtract" and x.args[0].number == 1 and x.args[1].op == "sigmoid":
        return negate(make("softplus", x.args[1].args[0]))
    if x.op == "add":
        for one, other in (x.args, x.args[::-1]):
            if one.number == 1 and other.op == "exp":
                return make("softplus", other.args[0])
    return make("log", x)


# Products -----------------------------------------------------------------------------------------


def matmul(a: Node, b: Node) -> Node:
    """Return a @ b."""
    if a.op == "negate":
        return negate(matmul(a.args[0], b))
    if b.op == "negate":
        return negate(matmul(a, b.args[0]))
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


# Movement -----------------------------------------------------------------------------------------


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
    if a.op in ("sum", "norm", "sumsquares", "max", "min", "logsumexp"):
        axes = a.params[0] if isinstance(a.params[0], tuple) else (a.params[0],)
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


def unbroadcast(a: Node, shape: Shape) -> Node:
    """Return an adjoint summed over the axes along which its operand was repeated."""
    if a.shape == shape:
        return a
    a = total(a, range(a.ndim - len(shape)), False)
    return total(a, [k for k, n in enumerate(shape) if n == 1 and a.shape[k] != 1], True)


# Reductions ---------------------------------------------------------------------------------------


def count(graph: Graph, lengths: Sequence[Length]) -> Node:
    """Return a product of lengths as a scalar."""
    result = graph.number(math.prod(n for n in lengths if isinstance(n, int)))
    for n in lengths:
        if isinstance(n, str):
            result = multiply(result, graph.length(n))
    return result


def total(a: Node, axes: Sequence[int], keepdims: bool) -> Node:
    """Return the sum over axes."""
    axes = tuple(axes)
    if not axes:
        return a
    shape = tuple(1 if k in axes else n for k, n in enumerate(a.shape))
    if not keepdims:
        shape = tuple(n for k, n in enumerate(a.shape) if k not in axes)
    if all(a.shape[k] == 1 for k in axes):
        return reshape(_as_number(a), shape)
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
    if everything and a.op == "sum" and a.index not in a.graph.names:
        return total(a.args[0], range(a.args[0].ndim), False)
    if everything and a.op == "multiply" and a.args[0].shape == a.args[1].shape:
        return dot(*a.args)
    return make("sum", a, params=(axes, keepdims))
