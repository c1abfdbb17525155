"""Products and quotients entry by entry: factors collected, cancelled and put in order."""

from __future__ import annotations

import functools
from typing import NamedTuple

from symdiff.matrix.construct import add, broadcast, divide, make, multiply, power, subtract
from symdiff.matrix.node import Node
from symdiff.matrix.rewriting.terms import Reader, Term, build, is_ones, monomial, spelling

__all__ = ["entrywise_product"]


class _Monomial(NamedTuple):
    """A product entry by entry: a number, scalars and arrays to their powers."""

    number: float
    scalars: dict[Node, float]
    powers: dict[Node, float]

    def times(self, other: _Monomial) -> _Monomial:
        """Return a product."""
        whole = _Monomial(self.number * other.number, dict(self.scalars), dict(self.powers))
        for mine, theirs in ((whole.scalars, other.scalars), (whole.powers, other.powers)):
            for base, n in theirs.items():
                mine[base] = mine.get(base, 0) + n
        return whole

    @property
    def degree(self) -> float:
        """How many arrays are multiplied and divided by."""
        return sum(abs(n) for n in self.powers.values())


def _read(node: Node, reader: Reader) -> _Monomial:
    """Return a node as a product; a node that is none is its only factor."""
    number, scalars, powers = 1.0, dict[Node, float](), dict[Node, float]()
    stack = [(node, 1.0)]
    while stack:
        part, n = stack.pop()
        op, args = part.op, part.args
        if part is not node:
            if op not in ("multiply", "divide", "negate") or reader.whole(part):
                part = reader.known.get(part.index, part)
            op, args = part.op, part.args
            if reader.whole(part) or part.shape == ():
                op = ""
        if part.shape == ():
            term = reader.term(part, top=False)
            number *= term.number**n if term.number or n > 0 else float("inf")
            for scalar, k in term.scalars:
                scalars[scalar] = scalars.get(scalar, 0) + n * k
        elif op in ("multiply", "divide") and not any(arg.truth for arg in args):
            stack += [(args[1], n if op == "multiply" else -n), (args[0], n)]
        elif op == "negate" and n in (1, -1):
            number = -number
            stack.append((args[0], n))
        elif op == "square" and args[0].shape == part.shape:
            stack.append((args[0], 2 * n))
        elif op == "power" and args[0].shape == part.shape and _is_small(args[1].number):
            stack.append((args[0], (args[1].number or 0) * n))
        elif op == "rexpm1" and args[0].shape == part.shape:
            stack.append((make("expm1", *args), -n))
        else:
            powers[part] = powers.get(part, 0) + n
    return _Monomial(number, scalars, powers)


def entrywise_product(node: Node, reader: Reader) -> Node:
    """Return a product of arrays: ``p ∘ p`` as a square, ``(a ⊘ b) ⊘ c`` over one bar."""
    whole = _without_ones(_read(node, reader))
    return _multiplied_out(whole, node, reader) or _built(whole, node)


def _without_ones(whole: _Monomial) -> _Monomial:
    """Return a product without arrays of ones, which are its shape and no factor."""
    powers = {a: n for a, n in whole.powers.items() if not is_ones(a)}
    return whole._replace(powers=powers) if powers else whole


def _multiplied_out(whole: _Monomial, like: Node, reader: Reader) -> Node | None:
    """Return ``s ∘ (a − b ⊘ s∘²)`` as ``a s − b ⊘ s``, where that has fewer factors; or None."""
    sums = [a for a, n in whole.powers.items() if n == 1 and a.op in ("add", "subtract")]
    if len(sums) != 1 or len(whole.powers) == 1 or reader.whole(sums[0]):
        return None
    (inner,) = sums
    rest = whole._replace(powers={a: n for a, n in whole.powers.items() if a is not inner})
    if any(arg.shape not in ((), like.shape) or arg.truth for arg in inner.args):
        return None
    before = [_read(arg, reader) for arg in inner.args]
    after = [rest.times(part) for part in before]
    if sum(part.degree for part in after) >= rest.degree + sum(part.degree for part in before):
        return None
    terms = [broadcast(_built(part, like), like.shape) for part in after]
    return (add if inner.op == "add" else subtract)(*terms)


def _built(whole: _Monomial, like: Node) -> Node:
    """Return a product as operations, of the shape of a node."""
    number, scalars, powers = whole
    above = sorted((a for a, n in powers.items() if n > 0), key=_order)
    below = sorted((a for a, n in powers.items() if n < 0), key=_order)
    top, bottom = _product(above, powers), _product(below, powers)
    term = Term(number, monomial(scalars), ())
    over = (
        functools.partial(make, "divide") if any(node.op == "expm1" for node in below) else divide
    )
    if bottom is None:
        product = like.graph.number(1) if top is None else top
    elif top is None:
        product = over(build(term._replace(number=abs(number)), like), bottom)
        term = Term(-1.0 if number < 0 else 1.0, (), ())
    else:
        product = over(top, bottom)
    return broadcast(multiply(build(term, like), product), like.shape)


def _is_small(n: float | None) -> bool:
    return n is not None and float(n).is_integer() and abs(n) < 100


def _product(nodes: list[Node], powers: dict[Node, float]) -> Node | None:
    """Return the product of arrays to their powers."""
    whole: Node | None = None
    for node in nodes:
        n = abs(powers[node])
        part = node if n == 1 else power(node, node.graph.number(n))
        whole = part if whole is None else multiply(whole, part)
    return whole


def _order(node: Node) -> tuple[bool, bool, str]:
    """Return the key by which factors are ordered: products and derivatives first, sums last."""
    text = spelling(node)
    front = node.op in ("matmul", "outer", "sum", "reshape", "broadcast") or text.startswith("∂")
    return not front, node.op in ("add", "subtract"), text
