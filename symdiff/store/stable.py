"""Quotients, products and logarithms of exponentials, written so that they stay finite.

Far out ``1/cosh(x)`` is 0, but its derivative as that of a quotient is infinite over infinite.
Written with functions that do not overflow it is right everywhere. Graphs of entries and of
matrices use the same forms: each says what its nodes are, and how it builds new ones.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple, Protocol, TypeVar

from symdiff.store.exact import Number

__all__ = [
    "GROWING",
    "PAIRS",
    "Algebra",
    "Term",
    "changed",
    "stable_logarithm",
    "stable_product",
    "stable_quotient",
]

N = TypeVar("N")

_INVERSES = {"cosh": "sech", "sinh": "csch", "expm1": "rexpm1"}
#: Operations of a divisor that are looked at.
GROWING = frozenset({*_INVERSES, "erfc", "add", "subtract", "mul", "div", "pow", "where"})
_PARTNERS = {
    "exp": ("sigmoid", "rexpm1", "erfc", "mul"),
    "mul": ("erfc", "sech", "csch", "rexpm1"),
    "sinh": ("sech",),
    "cosh": ("csch",),
}
#: Operations of two factors that are looked at.
PAIRS = frozenset(
    pair for one, others in _PARTNERS.items() for b in others for pair in ((one, b), (b, one))
)
_DEEPEST = 4  # products inside each other that are looked at
_WIDEST = 8  # factors of one product


class Term(NamedTuple):
    """An operation as the table names it, its operands, and the number that it is."""

    op: str
    args: tuple[Any, ...]
    number: Number | None = None


class Algebra(Protocol[N]):
    """A graph: what its nodes are, and how new ones are made."""

    def term(self, node: N, /) -> Term:
        """Return a node as an operation on others."""

    def number(self, value: Any, /) -> N:
        """Return a number."""

    def add(self, *terms: N) -> N:
        """Return a sum."""

    def negate(self, x: N, /) -> N:
        """Return -x."""

    def multiply(self, *factors: N) -> N:
        """Return a product."""

    def divide(self, x: N, y: N, /) -> N:
        """Return x / y."""

    def power(self, base: N, exponent: N, /) -> N:
        """Return a power."""

    def apply(self, function: str, /, *args: N) -> N:
        """Return a function of the table of operations."""


class _Part(NamedTuple):
    """A term of a sum: a number times a function, or that number alone."""

    number: Number
    function: str
    argument: Any


def _ratio(a: Any, b: Any) -> Number:
    """Return a / b, exactly where both are exact."""
    exact = not isinstance(a, float) and not isinstance(b, float)
    return Fraction(a) / Fraction(b) if exact else float(a) / float(b)


def _scaled(graph: Algebra[N], node: N) -> tuple[Number, N]:
    """Return a number and what it multiplies."""
    number: Number = 1
    while True:
        op, args, _ = graph.term(node)
        if op == "neg":
            number, node = -number, args[0]
            continue
        numbers = [graph.term(arg).number for arg in args[:2]] if op in ("mul", "div") else []
        if op == "mul" and len(args) == 2 and numbers[0] is not None:
            number, node = number * numbers[0], args[1]
        elif op == "mul" and len(args) == 2 and numbers[1] is not None:
            number, node = number * numbers[1], args[0]
        elif op == "div" and numbers[1]:
            number, node = _ratio(number, numbers[1]), args[0]
        else:
            return number, node


def _parts(graph: Algebra[N], node: N) -> tuple[_Part, _Part] | None:
    """Return the terms of a sum of two functions or numbers, a number first; else None."""
    found: list[_Part] = []
    constant: Number = 0
    stack: list[tuple[Number, N]] = [(1, node)]
    while stack:
        before, part = stack.pop()
        n, part = _scaled(graph, part)
        n = n * before
        op, args, number = graph.term(part)
        if op == "add" and len(args) == 2:
            stack += [(n, arg) for arg in args]
        elif op == "subtract":
            stack += [(n, args[0]), (-n, args[1])]
        elif number is not None:
            constant = constant + n * number
        elif op in ("exp", "tanh", "erf", "erfc", "cosh"):
            found.append(_Part(n, op, args[0]))
        elif op == "expm1":
            found.append(_Part(n, "exp", args[0]))
            constant = constant - n
        else:
            return None
        if len(found) + len(stack) > 3:
            return None
    found += [_Part(constant, "", None)] if constant else []
    if len(found) != 2:
        return None
    one, other = sorted(found, key=lambda part: part.function)
    return one, other


def _shifted(graph: Algebra[N], node: N, ratio: Number) -> N:
    """Return the exponent of a multiple of an exponential."""
    return node if ratio == 1 else graph.add(node, graph.apply("log", graph.number(ratio)))


def _over(graph: Algebra[N], x: N, n: Number) -> N:
    """Return x / n."""
    return x if n == 1 else graph.divide(x, graph.number(n))


def _times(graph: Algebra[N], n: Number, x: N) -> N:
    """Return n * x."""
    if abs(n) == 1:
        return x if n > 0 else graph.negate(x)
    return graph.multiply(graph.number(n), x)


def _mirrored(graph: Algebra[N], one: _Part, other: _Part) -> tuple[Number, Number, N] | None:
    """Return n, a sign s and u of ``n (exp(u) + s exp(-u))``; None for anything else.

    A sum with a constant, ``exp(v) + s``, is that times ``exp(v/2)``.
    """
    if other.function != "exp" or abs(one.number) != abs(other.number):
        return None
    n, sign = other.number, _ratio(one.number, other.number)
    c, base = _scaled(graph, other.argument)
    u = other.argument
    if one.function == "":
        u = _times(graph, _ratio(abs(c), 2), base)
    elif one.function != "exp" or graph.negate(u) != one.argument:
        return None
    elif c < 0:
        u = one.argument
    return (n * sign if c < 0 else n), sign, u


def _inverse(graph: Algebra[N], y: N) -> N | None:
    """Return 1 / y, if that has a form without overflow."""
    op, args, _ = graph.term(y)
    if op in _INVERSES:
        return graph.apply(_INVERSES[op], args[0])
    parts = _parts(graph, y) if op in ("add", "subtract") else None
    if parts is None:
        return None
    (a, first, _), (b, function, v) = parts
    if first == "" and function == "cosh" and a == b:  # 1 + cosh(v) is 2 cosh(v/2)**2
        half = graph.apply("sech", graph.divide(v, graph.number(2)))
        return _over(graph, graph.power(half, graph.number(2)), 2 * a)
    if function != "exp":
        return None
    if first == "" and a > 0 and b > 0:
        z = graph.negate(_shifted(graph, v, _ratio(b, a)))
        return _over(graph, graph.apply("sigmoid", z), a)
    if first == "" and (a > 0) != (b > 0):
        z = _shifted(graph, v, _ratio(abs(b), abs(a)))
        return _over(graph, graph.apply("rexpm1", z), -a)
    both = _mirrored(graph, *parts)
    if both is None or first != "exp":
        return None
    n, sign, u = both
    return _over(graph, graph.apply("sech" if sign > 0 else "csch", u), 2 * n)


def _share(graph: Algebra[N], x: N, y: N) -> N | None:
    """Return x / y for two of a kind: hyperbolic, or made of the same exponential; else None."""
    above, below = graph.term(x), graph.term(y)
    if {above.op, below.op} == {"sinh", "cosh"} and above.args == below.args:
        tanh = graph.apply("tanh", *above.args)
        return tanh if above.op == "sinh" else graph.divide(graph.number(1), tanh)
    if (above.op, below.op) == ("exp", "erfc"):
        bell = _is_square_of(graph, graph.negate(above.args[0]), below.args[0])
        return graph.divide(graph.number(1), graph.apply("erfcx", *below.args)) if bell else None
    parts = _parts(graph, y) if below.op in ("add", "subtract", "expm1") else None
    if parts is None:
        return None
    (a, first, _), (b, function, v) = parts
    if above.op == "exp" and first == "" and function == "exp" and above.args[0] == v:
        z = _shifted(graph, v, _ratio(abs(b), abs(a)))
        if a * b > 0:
            return _over(graph, graph.apply("sigmoid", z), b)
        return graph.negate(_over(graph, graph.apply("rexpm1", graph.negate(z)), b))
    if above.op == "exp" and first == function and a > 0 and b > 0:
        for own, rest in (parts, parts[::-1]):
            if own.argument == above.args[0]:
                z = graph.add(own.argument, graph.negate(rest.argument))
                z = _shifted(graph, z, _ratio(own.number, rest.number))
                return _over(graph, graph.apply("sigmoid", z), own.number)
    others = _parts(graph, x) if above.op in ("add", "subtract", "expm1") else None
    if others is None:
        return None
    up, down = (_mirrored(graph, *both) for both in (others, parts))
    if others[0].function != first or up is None or down is None:
        return None
    if up[2] != down[2] or up[1] == down[1]:
        return None
    tanh = graph.apply("tanh", up[2])
    if up[1] > 0:
        tanh = graph.divide(graph.number(1), tanh)
    number = _ratio(up[0], down[0])
    return tanh if number == 1 else graph.multiply(graph.number(number), tanh)


def changed(graph: Algebra[N], x: N, change: Callable[[N], N | None], depth: int = 0) -> N | None:
    """Return a product with one factor changed; None where no factor is."""
    new = change(x)
    op, args, _ = graph.term(x)
    if new is not None or op not in ("mul", "neg", "div") or depth > _DEEPEST:
        return new
    for k, factor in enumerate(args[: 1 if op == "div" else _WIDEST]):
        new = changed(graph, factor, change, depth + 1)
        if new is not None:
            if op == "neg":
                return graph.negate(new)
            rest = (*args[:k], *args[k + 1 :])
            return graph.divide(new, *rest) if op == "div" else graph.multiply(*rest, new)
    return None


def stable_quotient(graph: Algebra[N], x: N, y: N, depth: int = 0) -> N | None:
    """Return x / y in a form without overflow, None if there is none."""
    op, args, _ = graph.term(y)
    if op == "mul":
        for k, factor in enumerate(args[:_WIDEST] if depth < _DEEPEST else ()):
            whole = stable_quotient(graph, x, factor, depth + 1)
            if whole is not None:
                rest = (*args[:k], *args[k + 1 :])
                return graph.divide(whole, graph.multiply(*rest) if rest[1:] else rest[0])
        return None
    if op == "where":
        found = [
            stable_quotient(graph, x, arg, depth + 1) if depth < _DEEPEST else None
            for arg in args[1:]
        ]
        if all(part is None for part in found):
            return None
        both = zip(found, args[1:], strict=True)
        parts = [graph.divide(x, arg) if part is None else part for part, arg in both]
        return graph.apply("where", args[0], *parts)
    if op == "div":
        whole = stable_quotient(graph, x, args[0], depth + 1) if depth < _DEEPEST else None
        return None if whole is None else graph.multiply(whole, args[1])
    n = graph.term(args[1]).number if op == "pow" else 1
    base = args[0] if op == "pow" else y
    if n is None or n < 1 or n % 1 or graph.term(base).op not in GROWING:
        return None
    whole = changed(graph, x, lambda factor: _share(graph, factor, base))
    if whole is not None and n == 1:
        return whole
    if graph.term(base).op in ("mul", "div"):
        inverse = (
            stable_quotient(graph, graph.number(1), base, depth + 1) if depth < _DEEPEST else None
        )
    else:
        inverse = _inverse(graph, base)
    if inverse is None:
        return None
    if whole is None:
        return graph.multiply(x, _power(graph, inverse, n))
    return graph.multiply(whole, _power(graph, inverse, n - 1))


def _power(graph: Algebra[N], base: N, n: Number) -> N:
    """Return a power."""
    return base if n == 1 else graph.power(base, graph.number(n))


def stable_product(graph: Algebra[N], x: N, y: N) -> N | None:
    """Return x * y where what grows in one is undone by the other, else None."""
    for one, other in ((x, y), (y, x)):
        if graph.term(other).op == "mul":
            continue
        whole = changed(graph, one, functools.partial(_pair, graph, other))
        if whole is not None:
            return whole
    return None


def _pair(graph: Algebra[N], x: N, y: N) -> N | None:
    """Return the product of two factors that belong together, else None."""
    first, second = graph.term(x), graph.term(y)
    for (op, args, _), (other, own, _) in ((first, second), (second, first)):
        if (op, other) == ("exp", "sigmoid") and own[0] == graph.negate(args[0]):
            return graph.apply("sigmoid", args[0])
        if (op, other) == ("exp", "rexpm1") and own == args:
            return graph.negate(graph.apply("rexpm1", graph.negate(args[0])))
        if (op, other) == ("exp", "erfc") and _is_square_of(graph, args[0], own[0]):
            return graph.apply("erfcx", own[0])
        if (op, other) == ("sinh", "sech") and own == args:
            return graph.apply("tanh", *args)
        if (op, other) == ("cosh", "csch") and own == args:
            return graph.divide(graph.number(1), graph.apply("tanh", *args))
    return None


def _is_square_of(graph: Algebra[N], square: N, x: N) -> bool:
    """Return whether a node is the square of another, up to rounding of their numbers."""
    c, power = _scaled(graph, square)
    op, args, _ = graph.term(power)
    if op != "pow" or graph.term(args[1]).number != 2:
        return False
    (d, base), (e, own) = _scaled(graph, args[0]), _scaled(graph, x)
    return base == own and math.isclose(c * d**2, e**2, rel_tol=1e-15)


class _Split(NamedTuple):
    """A value as ``exp(log) * rest * number``; the rest may be negative."""

    log: Any
    rest: Any = None
    number: Number = 1


def stable_logarithm(graph: Algebra[N], x: N, positive: bool = False) -> N | None:
    """Return log(x) in a form without overflow, None if there is none, or x is not `positive`."""
    number, whole = _scaled(graph, x)
    rest: N | None = whole
    logs: list[N] = []
    while rest is not None and (split := _split(graph, rest)) is not None:
        logs.append(split.log)
        number, rest = number * split.number, None
        if split.rest is not None:
            scale, inner = _scaled(graph, split.rest)
            number, rest = number * scale, inner
    if not logs or not number > 0 or (positive and rest is not None):
        return None
    if rest is not None:
        logs.append(graph.apply("log", rest))
    if number != 1:
        logs.append(graph.apply("log", graph.number(number)))
    return graph.add(*logs) if logs[1:] else logs[0]


def _split(graph: Algebra[N], x: N, depth: int = 0) -> _Split | None:
    """Return a product with a factor that grows or vanishes exponentially as one, else None."""
    op, args, _ = graph.term(x)
    if op in ("mul", "div", "neg"):
        return _split_product(graph, x, depth) if depth < _DEEPEST else None
    if op in ("pow", "sqrt"):
        n = Fraction(1, 2) if op == "sqrt" else graph.term(args[1]).number
        inner = None if n is None or depth > _DEEPEST else _split(graph, args[0], depth + 1)
        if n is None or inner is None or not inner.number > 0:
            return None
        rest = None if inner.rest is None else graph.power(inner.rest, graph.number(n))
        return _Split(_times(graph, n, inner.log), rest, inner.number**n)
    if op in ("add", "subtract"):
        return _split_sum(graph, x)
    if op not in _SPLIT:
        return None
    (u,) = args
    if op == "exp":
        return _Split(u)
    if op == "sigmoid":
        return _Split(_log_sigmoid(graph, u))
    if op == "erfc":
        return _Split(_log_normal(graph, u, -1), number=2)
    if op in ("expm1", "rexpm1"):
        log = graph.apply("logaddexp", graph.number(0), u)
        n, base = _scaled(graph, u)
        u = _times(graph, _ratio(n, 2), base)
    else:
        log = graph.apply("logcosh", u)
    tanh = None if op in ("cosh", "sech") else graph.apply("tanh", u)
    if op in ("cosh", "sinh", "expm1"):
        return _Split(log, tanh)
    return _Split(graph.negate(log), None if tanh is None else graph.divide(graph.number(1), tanh))


_SPLIT = frozenset({"exp", "sigmoid", "erfc", *_INVERSES, *_INVERSES.values()})


def _split_product(graph: Algebra[N], x: N, depth: int) -> _Split | None:
    """Return the split of a product or a quotient by that of one of its factors."""
    op, args, _ = graph.term(x)
    for k, factor in enumerate(args[:_WIDEST]):
        split = _split(graph, factor, depth + 1)
        if split is None:
            continue
        log, rest, number = split
        others = [*args[:k], *args[k + 1 :]]
        if op == "neg":
            return split._replace(number=-number)
        if op == "mul":
            others += [] if rest is None else [rest]
            return _Split(log, graph.multiply(*others) if others[1:] else others[0], number)
        if k:
            below = graph.number(1) if rest is None else rest
            return _Split(graph.negate(log), graph.divide(args[0], below), _ratio(1, number))
        return _Split(log, graph.divide(graph.number(1) if rest is None else rest, args[1]), number)
    return None


def _split_sum(graph: Algebra[N], x: N) -> _Split | None:
    """Return the split of 1 with a hyperbolic tangent, erf or an exponential taken off."""
    parts = _parts(graph, x)
    if parts is None:
        return None
    (a, first, _), (b, function, v) = parts
    if first or not a:
        return None
    if function == "exp" and a < 0 < b:
        split = _split(graph, graph.apply("expm1", _shifted(graph, v, _ratio(b, -a))))
        return None if split is None else split._replace(number=-a)
    if function == "erfc" and 2 * b == -a:
        return _Split(_log_normal(graph, v, 1), number=a)
    if function in ("tanh", "erf") and abs(b) == a:
        sign = 1 if b > 0 else -1
        n, base = _scaled(graph, v)
        if function == "erf":
            return _Split(_log_normal(graph, v, sign), number=2 * a)
        return _Split(_log_sigmoid(graph, _times(graph, 2 * sign * n, base)), number=2 * a)
    return None


def _log_sigmoid(graph: Algebra[N], v: N) -> N:
    """Return the logarithm of the logistic function."""
    return graph.negate(graph.apply("logaddexp", graph.number(0), graph.negate(v)))


def _log_normal(graph: Algebra[N], v: N, sign: int) -> N:
    """Return ``log((1 + erf(sign v)) / 2)``."""
    n, base = _scaled(graph, v)
    n = n * sign * math.sqrt(2)
    n = math.copysign(1, n) if math.isclose(abs(n), 1, rel_tol=1e-15) else n
    return graph.apply("log_ndtr", _times(graph, n, base))
