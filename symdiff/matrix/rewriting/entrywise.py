"""Products and quotients entry by entry: factors collected, cancelled and put in order."""

from __future__ import annotations

from symdiff.matrix.construct import broadcast, divide, multiply, power
from symdiff.matrix.node import Node
from symdiff.matrix.rewriting.terms import Reader, Term, build, monomial, spelling

__all__ = ["entrywise_product"]


def entrywise_product(node: Node, reader: Reader) -> Node:
    """Return a product of arrays: ``p ∘ p`` as a square, ``(a ⊘ b) ⊘ c`` over one bar."""
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
        else:
            powers[part] = powers.get(part, 0) + n
    above = sorted((a for a, n in powers.items() if n > 0), key=_order)
    below = sorted((a for a, n in powers.items() if n < 0), key=_order)
    top, bottom = _product(above, powers), _product(below, powers)
    term = Term(number, monomial(scalars), ())
    if bottom is None:
        whole = node.graph.number(1) if top is None else top
    elif top is None:
        whole = divide(build(term._replace(number=abs(number)), node), bottom)
        term = Term(-1.0 if number < 0 else 1.0, (), ())
    else:
        whole = divide(top, bottom)
    front = build(term, node)
    return broadcast(multiply(front, whole), node.shape)


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
