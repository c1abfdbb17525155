"""Writing a graph as lines of infix text: which nodes get a line, and where brackets go.

A line is never nested deeply and never long, whatever the graph: what is shared, named, deep or
wide gets a line of its own. The dialect says how numbers, powers, choices and functions look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from symdiff.operations.table import RELATIONS
from symdiff.store.dag import Dag
from symdiff.store.exact import Number
from symdiff.store.properties import LEAVES

__all__ = [
    "ATOM",
    "COMPARE",
    "POWER",
    "PRODUCT",
    "SUM",
    "UNARY",
    "Dialect",
    "Text",
    "formula",
    "lines",
]

COMPARE, SUM, PRODUCT, UNARY, POWER, ATOM = range(6)


class Text(NamedTuple):
    """A piece of text, how tightly it binds, how deeply it nests."""

    text: str
    binding: int = ATOM  #: `SUM` if it is a sum, and so on up to `ATOM`
    depth: int = 0  #: operations inside each other

    def within(self, binding: int) -> str:
        """Return the text, in brackets where it binds less tightly than required."""
        return self.text if self.binding >= binding else f"({self.text})"


@dataclass(frozen=True)
class Dialect:
    """How a language writes what languages do not agree about."""

    number: Callable[[Number], Text]
    # These take the operation and the texts of its arguments.
    power: Callable[[str, Sequence[Text]], Text]
    where: Callable[[str, Sequence[Text]], Text]
    call: Callable[[str, Sequence[Text]], Text]
    widest: int = 20  #: sums and products of more terms are written by `call`
    deepest: int = 12  #: what nests more deeply gets a line
    true: str = "true"
    false: str = "false"


def _sum(terms: Sequence[Text]) -> Text:
    """Return a sum; a term with a minus in front is subtracted."""
    text = terms[0].within(SUM)
    for term in terms[1:]:
        piece = term.within(PRODUCT)
        text += f" - {piece[1:]}" if piece.startswith("-") else f" + {piece}"
    return Text(text, SUM)


def _product(factors: Sequence[Text]) -> Text:
    """Return a product."""
    first, *rest = factors
    return Text("*".join([first.within(PRODUCT), *(f.within(POWER) for f in rest)]), PRODUCT)


def _negative(argument: Text) -> Text:
    """Return a change of sign."""
    inner = argument.within(PRODUCT)
    if inner.startswith("-"):
        return Text(f"-({inner})", UNARY)
    return Text(f"-{inner}", PRODUCT if argument.binding == PRODUCT else UNARY)


def _joined(op: str, args: Sequence[Text], dialect: Dialect) -> Text:
    """Return an operation on texts."""
    if op in ("add", "mul"):
        if len(args) > dialect.widest:
            return dialect.call(op, args)
        return _sum(args) if op == "add" else _product(args)
    if op == "neg":
        return _negative(args[0])
    if op == "div":
        return Text(f"{args[0].within(PRODUCT)}/{args[1].within(POWER)}", PRODUCT)
    if op == "pow":
        return dialect.power(op, args)
    if op in ("where", "choice"):
        return dialect.where(op, args)
    if op in RELATIONS:
        left, right = (arg.within(SUM) for arg in args)
        return Text(f"{left} {RELATIONS[op]} {right}", COMPARE)
    return dialect.call(op, args)


def lines(
    dag: Dag,
    roots: Sequence[int],
    names: Mapping[int, str],
    dialect: Dialect,
    invent: Callable[[], str],
) -> Iterator[tuple[int, str | None, str]]:
    """Yield the lines that compute the roots: a node, its name, and its text."""
    order = dag.reachable(roots)
    uses = dag.uses(order, ())
    texts: dict[int, Text] = {}
    for node in order:
        op = dag.ops[node]
        if op in LEAVES:
            texts[node] = _leaf(dag, node, names, dialect)
            continue
        args = [texts[arg] for arg in dag.args[node]]
        text = _joined(op, args, dialect)
        depth = 1 + max(arg.depth for arg in args)
        text = text._replace(depth=depth - 1 if op == "neg" else depth)
        named = node in names
        shared = uses[node] > 1 and not (op == "neg" and dag.ops[dag.args[node][0]] in LEAVES)
        if named or shared or text.depth > dialect.deepest:
            name = names[node] if named else invent()
            yield node, name, text.text
            text = Text(name)
        texts[node] = text
    for root in roots:
        yield root, None, texts[root].text


def _leaf(dag: Dag, node: int, names: Mapping[int, str], dialect: Dialect) -> Text:
    """Return a symbol, a number or a constant condition."""
    op = dag.ops[node]
    if op == "symbol":
        return Text(names[node])
    if op == "number":
        return dialect.number(dag.data[node])
    return Text(dialect.true if op == "true" else dialect.false)


def formula(dag: Dag, root: int, names: Mapping[int, str], dialect: Dialect) -> str:
    """Return a node as one piece of text, in terms of named nodes."""
    texts: dict[int, Text] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        if node in texts:
            stack.pop()
            continue
        if node in names and (node != root or dag.ops[node] == "symbol"):
            texts[node] = Text(names[node])
            continue
        if dag.ops[node] in LEAVES:
            texts[node] = _leaf(dag, node, names, dialect)
            continue
        other = dag.complement(node)
        if other is not None and other in names:
            texts[node] = Text(f"1 - {names[other]}", SUM)  # as people write it
            continue
        missing = [arg for arg in dag.args[node] if arg not in texts]
        if missing:
            stack.extend(missing)
            continue
        texts[node] = _joined(dag.ops[node], [texts[arg] for arg in dag.args[node]], dialect)
    return texts[root].text
