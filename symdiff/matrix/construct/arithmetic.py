"""Sums, differences, products and quotients of elements; the logistic function and softmax."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from symdiff.matrix.construct.movement import broadcast, make
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.shapes import broadcast_shapes
from symdiff.store.stable import GROWING, PAIRS, Term, changed, stable_product, stable_quotient

__all__ = [
    "Arrays",
    "add",
    "as_number",
    "complement",
    "divide",
    "exponents",
    "is_flat",
    "is_positive",
    "is_sum_of_squares",
    "log_sum_exp",
    "multiply",
    "negate",
    "one_or_all",
    "sigmoid",
    "square",
    "subtract",
    "unshifted",
]


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
    """Return a - b; 1 less erf as one, which does not round to 0."""
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
    if a.number == 1 and b.op == "erf":
        return make("erfc", *b.args)
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


def _cancelled_product(a: Node, b: Node) -> Node | None:
    """Return a product of which a divisor is a factor, or that of powers of one base; or None."""
    for one, other in ((a, b), (b, a)):
        if one.op == "divide" and one.args[1] is other and one.shape == other.shape:
            return broadcast(one.args[0], one.shape)
        if one.op == "square" and one.args[0] is other:
            return make("power", other, other.graph.number(3))
        if one.op == "power" and one.args[0] is other and (one.args[1].number or 0) > 1:
            n = one.args[1].number
            assert n is not None
            return make("power", other, other.graph.number(n + 1))
        scaled = one.op == "multiply" and one.args[0].number is not None
        if scaled and one.index not in one.graph.names:
            inner = _cancelled_product(one.args[1], other)
            if inner is not None:
                return multiply(one.args[0], inner)
    return None


def _cancelled_quotient(a: Node, b: Node) -> Node | None:
    """Return a quotient of which the divisor is a factor, or made of the dividend; or None."""
    if a.shape != b.shape:
        return None
    if a is b:
        return broadcast(a.graph.number(1), a.shape)
    if b.op == "divide" and b.args[0] is a:
        return broadcast(b.args[1], a.shape)
    if a.op == "multiply" and b in a.args:
        other = a.args[1] if a.args[0] is b else a.args[0]
        return broadcast(other, a.shape)
    return None


_ROOTS = ("sqrt", "power")


def _as_power(node: Node) -> tuple[Node, float]:
    """Return a base and the number to whose power it is raised."""
    n = {"sqrt": 0.5, "square": 2.0}.get(node.op, 1.0)
    if node.op == "power" and node.args[1].number is not None and not node.args[1].shape:
        n = node.args[1].number
    fits = n != 1 and node.args[0].shape == node.shape
    return (node.args[0], n) if fits else (node, 1.0)


def _one_power(a: Node, b: Node) -> Node | None:
    """Return a product of two powers of one base, one of them a root, as one power; or None.

    Written so, the derivative of ``x*sqrt(x)`` is a number at 0 too.
    """
    for one, other in ((a, b), (b, a)):
        if one.op == "multiply" and one.args[0].number is not None:
            inner = _one_power(one.args[1], other)
            return None if inner is None else multiply(one.args[0], inner)
    (base, n), (other_base, m) = _as_power(a), _as_power(b)
    if base is not other_base or min(n, m) <= 0 or (n + m) % 1 == 0:
        return None
    return make("power", base, base.graph.number(n + m))


def multiply(a: Node, b: Node) -> Node:
    """Return the elementwise product, a scalar factor first."""
    a, b = _loosened(a, b)
    if a.graph.deriving and a.number is None and b.number is None:
        cancelled = _cancelled_product(a, b)
        if cancelled is not None:
            return cancelled
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
        return square(a)
    whole = _one_power(a, b) if a.op in _ROOTS or b.op in _ROOTS else None
    if (_NAMES.get(a.op, a.op), _NAMES.get(b.op, b.op)) in PAIRS:
        whole = stable_product(Arrays(a.graph), a, b)
    if whole is not None:
        return whole
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
        if divisor and (a.number / divisor).is_integer():
            return multiply(a.graph.number(a.number / divisor), b.args[0])
        if n is not None:
            return divide(a.graph.number(a.number * n), b.args[1])
    for one, other in ((a, b), (b, a)):
        if one.op == "divide" and one.args[0].number == 1 and _keeps(other, one):
            return divide(other, one.args[1])
    return make("multiply", a, b)


def square(a: Node) -> Node:
    """Return the square of each element; that of a length is smooth."""
    if a.op == "norm":
        return make("sumsquares", a.args[0], params=a.params)
    if a.op == "sqrt" and is_sum_of_squares(a.args[0]):
        return a.args[0]
    return make("square", a.args[0] if a.op == "absolute" else a)


def is_sum_of_squares(node: Node) -> bool:
    """Return whether a node is never negative and has the derivative 0 wherever it is 0."""
    stack = [node]
    while stack:
        part = stack.pop()
        op, args = part.op, part.args
        if op in ("sumsquares", "square") or (op == "power" and _is_even(args[1].number)):
            continue
        if op == "divide" and (args[1].op == "length" or (args[1].number or 0) > 0):
            stack.append(args[0])
        elif op in ("multiply", "inner"):
            stack += [arg for arg in args if not is_positive(arg)]
        elif op in ("add", "sum", "reshape", "transpose", "broadcast", "index"):
            stack += args
        else:
            return False
    return True


def _is_even(n: float | None) -> bool:
    """Return whether an exponent is a positive even number."""
    return n is not None and n > 0 and n % 2 == 0


def is_flat(base: Node, n: float) -> bool:
    """Return whether a root ``base**n``, n < 1, has the derivative 0 wherever it is 0."""
    while base.op in ("multiply", "divide"):  # a positive multiple of a power
        number, rest = base.args if base.op == "multiply" else base.args[::-1]
        if not (number.number or 0) > 0:
            break
        base = rest
    power, m = _as_power(base)
    if power is not base and m > 0:
        return n * m > 1 or (n * m == 1 and m % 2 == 0)
    return n >= 0.5 and is_sum_of_squares(base)


def is_positive(node: Node) -> bool:
    """Return whether a node is made of positive numbers."""
    if node.op == "array":
        return bool((node.graph.arrays[node.params[0]] > 0).all())
    return (node.number or 0) > 0


Axes = int | tuple[int, ...]


def _softmax_axis(a: Node, b: Node) -> Axes | None:
    """Return the axis, or the axes, over which a / b is a softmax, or None."""
    whole = b.args[0] if b.op == "reshape" else b
    if a.op != "exp" or whole.op != "sum" or whole.args[0] is not a:
        return None
    axes: tuple[int, ...] = whole.params[0]
    kept = tuple(1 if k in axes else n for k, n in enumerate(a.shape))
    return one_or_all(axes) if b.shape in ((), kept) else None


def one_or_all(axes: tuple[int, ...]) -> Axes:
    """Return a single axis as a number."""
    return axes[0] if len(axes) == 1 else axes


def unshifted(v: Node, axis: Axes) -> tuple[Node, Node | None]:
    """Return u and m for v = u - m with m constant along axes, else v and None."""
    if v.op == "subtract" and v.args[0].shape == v.shape:
        u, m = v.args
        along = [k - (v.ndim - m.ndim) for k in (axis if isinstance(axis, tuple) else (axis,))]
        if all(k < 0 or m.shape[k] == 1 for k in along):
            return u, m
    return v, None


def exponents(total: Node) -> list[Node] | None:
    """Return the exponents of a sum of exponentials and positive numbers, else None."""
    found, stack = [], [total]
    while stack:
        term = stack.pop()
        if term.op == "add":
            stack += reversed(term.args)
        elif term.op == "exp":
            found.append(term.args[0])
        elif term.op == "multiply" and (term.args[0].number or 0) > 0 and term.args[1].op == "exp":
            found.append(add(make("log", term.args[0]), term.args[1].args[0]))
        elif (term.number or 0) > 0:
            found.append(term.graph.number(0) if term.number == 1 else make("log", term))
        else:
            return None
    return found


def log_sum_exp(terms: list[Node]) -> Node:
    """Return the logarithm of a sum of exponentials of each element, without overflow."""
    whole = terms[0]
    for term in terms[1:]:
        if term.number == 0 or whole.number == 0:
            whole = make("softplus", whole if term.number == 0 else term)
        else:
            whole = make("logaddexp", whole, term)
    return whole


def divide(a: Node, b: Node) -> Node:
    """Return a / b."""
    a, b = _loosened(a, b)
    if a.graph.deriving and b.number is None:
        cancelled = _cancelled_quotient(a, b)
        if cancelled is not None:
            return cancelled
    if b.number is not None:
        if b.number == 1:
            return as_number(a)
        if b.number == 0 and a.number is not None:
            infinite = math.copysign(math.inf, a.number)
            return a.graph.number(infinite if a.number else math.nan)
        if a.number is not None and b.number:
            ratio = a.number / b.number
            if ratio.is_integer() or not float(a.number).is_integer():
                return a.graph.number(ratio)
        if a.op == "multiply" and a.args[0].number is not None and b.number:
            ratio = a.args[0].number / b.number
            if ratio.is_integer():
                return multiply(a.graph.number(ratio), a.args[1])
    if a.op == "negate":
        return negate(divide(a.args[0], b))
    if a.op == "broadcast" and b.shape == ():
        return broadcast(divide(a.args[0], b), a.shape)
    if Arrays.term(b).op in GROWING:
        stable = stable_quotient(Arrays(a.graph), a, b)
        if stable is not None:
            return stable
    if b.op == "divide" and b.args[0].number == 1 and _keeps(b, a):
        return multiply(a, b.args[1])
    softmax = _over_exponentials(a, b)
    return make("divide", a, b) if softmax is None else softmax


_LINEAR = frozenset({"sum", "inner", "matmul", "index", "transpose", "reshape"})


def _over_exponentials(a: Node, b: Node) -> Node | None:
    """Return a / b by softmax, if a is made of parts of the sum b of exponentials, else None."""
    terms = exponents(b) if b.op == "add" else None
    whole = b.args[0] if b.op == "reshape" else b  # which may have an axis of length 1
    if terms is None and whole.op != "sum":
        return None

    def share(part: Node) -> Node | None:
        if terms is not None and part.op == "exp" and part.args[0] in terms:
            return make("exp", subtract(part.args[0], log_sum_exp(terms)))
        if part.op == "transpose" and part.ndim == 2 and b.ndim == 1 and part.args[0].op == "exp":
            if whole is not b or b.args[0] is not part.args[0] or b.params[0] != (1,):
                return None
            softmax = make("softmax", unshifted(part.args[0].args[0], 1)[0], params=(1,))
            return make("transpose", softmax, params=part.params)
        axis = _softmax_axis(part, b)
        if axis is not None:
            return make("softmax", unshifted(part.args[0], axis)[0], params=(axis,))
        if b.shape == () and part.op in _LINEAR:
            for k, arg in enumerate(part.args):
                new = _over_exponentials(arg, b)
                if new is not None:
                    args = (*part.args[:k], new, *part.args[k + 1 :])
                    return make(part.op, *args, params=part.params)
        return None

    if a.op in ("add", "subtract"):
        parts = [_over_exponentials(arg, b) for arg in a.args]
        if any(part is None for part in parts):
            return None
        return make(a.op, *[part for part in parts if part is not None])
    return changed(Arrays(a.graph), a, share)


def sigmoid(z: Node) -> Node:
    """Return 1 / (1 + exp(-z)); from the value at -z, where that is known."""
    opposite = z.graph.known("sigmoid", (negate(z),))
    return make("sigmoid", z) if opposite is None else subtract(z.graph.number(1), opposite)


def complement(node: Node) -> Node | None:
    """Return z where a node is 1 - sigmoid(z), else None; sigmoid(-z) does not round it to 0."""
    if node.op != "subtract" or node.args[0].number != 1 or node.args[1].op != "sigmoid":
        return None
    return node.args[1].args[0]


#: The names of the table of operations.
_NAMES = {"multiply": "mul", "divide": "div", "negate": "neg", "power": "pow", "square": "pow"}


class Arrays:
    """The nodes of a graph as `symdiff.store.stable` sees them, and how it makes new ones."""

    negate = staticmethod(negate)
    divide = staticmethod(divide)

    def __init__(self, graph: Graph) -> None:
        self.number = graph.number

    @staticmethod
    def term(node: Node) -> Term:
        """Return a node as an operation of the table."""
        args = (*node.args, node.graph.number(2)) if node.op == "square" else node.args
        return Term(_NAMES.get(node.op, node.op), args, node.number)

    @staticmethod
    def add(*terms: Node) -> Node:
        """Return a sum."""
        return functools.reduce(add, terms)

    @staticmethod
    def multiply(*factors: Node) -> Node:
        """Return a product."""
        return functools.reduce(multiply, factors)

    @staticmethod
    def power(base: Node, exponent: Node) -> Node:
        """Return a power, of which the exponent is a number."""
        return square(base) if exponent.number == 2 else make("power", base, exponent)

    @staticmethod
    def apply(function: str, *args: Node) -> Node:
        """Return a function of each element."""
        if function == "sigmoid":
            return sigmoid(*args)
        if function == "logaddexp" and args[0].number == 0:
            return make("softplus", args[1])
        return make(function, *args)
