"""Reverse accumulation: the adjoint of every operation that a value depends on, as operations.

What a choice does not take may be infinite there or no number, and so may its derivatives: adjoints
of a branch carry the condition under which they count, and are masked where it ends.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from symdiff.matrix import construct
from symdiff.matrix.node import Node, depends, reachable
from symdiff.matrix.rules.elementwise import common_shape
from symdiff.matrix.shapes import axes_of
from symdiff.matrix.table import RULES
from symdiff.operations.roots import harmless_roots
from symdiff.store.stable import Term

__all__ = ["accumulate"]

#: Operations that only move or repeat elements: their adjoint moves a condition as it does values.
_MOVES = frozenset(
    {"transpose", "reshape", "index", "concatenate", "broadcast", "sum", "diagonal", "diag"}
    | {"tril", "triu", "put"}
)
#: Those which are finite, and have finite derivatives, at finite operands.
_CALM = _MOVES | {"input", "number", "array", "length", "eye", "add", "subtract", "negate"}
_CALM |= {"multiply", "square", "sin", "cos", "tanh", "arctan", "sigmoid", "softplus", "relu"}
_CALM |= {"absolute", "sign", "step", "maximum", "minimum", "logaddexp", "where", "matmul", "outer"}
_CALM |= {"inner", "sumsquares", "trace"}


#: Those that may have an infinite derivative where they are finite.
_SINGULAR = frozenset(
    {"divide", "power", "log", "log1p", "sqrt", "cbrt", "norm", "reciprocal", "tan", "arcsin"}
    | {"arccos", "arccosh", "arctanh", "gammaln", "digamma"}
)


#: Conventions at 0: constant on either side of it, or infinite.
_JUMPS = frozenset({"sign", "step", "reciprocal", "ties", "tied"})


class _Part(NamedTuple):
    """A contribution to an adjoint, and the condition under which it counts."""

    value: Node
    mask: Node | None = None

    def masked(self) -> Node:
        """Return the contribution, 0 where it does not count."""
        value, mask = self
        if mask is None:
            return value
        zero = value.graph.number(0)
        if mask.op == "logical_not":
            return construct.make("where", mask.args[0], zero, value)
        return construct.make("where", mask, value, zero)


def _gathered(parts: Sequence[Node]) -> Node:
    """Return the sum of contributions; those to different entries as one array."""
    scatters = [part for part in parts if part.op == "scatter"]
    rest = [part for part in parts if part.op != "scatter"]
    if len(scatters) > 1:
        args = [arg for part in scatters for arg in part.args]
        indices = [index for part in scatters for index in part.params[1]]
        order = sorted(range(len(args)), key=lambda k: str(indices[k]).zfill(12))
        params = (scatters[0].params[0], tuple(indices[k] for k in order))
        scatters = [construct.make("scatter", *(args[k] for k in order), params=params)]
    whole, *others = [*rest, *scatters]
    for other in others:
        whole = construct.add(whole, other)
    return whole


def _together(parts: Sequence[_Part]) -> _Part:
    """Return the sum of contributions; those of both branches of a choice as that choice."""
    masks = {part.mask.index if part.mask is not None else -1 for part in parts}
    if len(masks) == 1:
        return _Part(_gathered([part.value for part in parts]), parts[0].mask)
    if len(parts) == 2:
        for one, other in (parts, parts[::-1]):
            mask = other.mask
            if mask is not None and mask.op == "logical_not" and mask.args[0] is one.mask:
                return _Part(construct.make("where", mask.args[0], one.value, other.value))
    mask = parts[0].mask
    for part in parts[1:]:
        mask = _either(mask, part.mask)
    return _Part(_gathered([part.masked() for part in parts]), mask)


def _either(a: Node | None, b: Node | None) -> Node | None:
    """Return the condition that one of two masks holds at least; None if that is always so."""
    if a is None or b is None or a is b:
        return a if a is b else None
    for one, other in ((a, b), (b, a)):
        if one.op == "logical_not" and one.args[0] is other:
            return None
        whole = one
        while whole.op == "logical_and":
            if other in whole.args:
                return other
            whole = whole.args[0]
    if a.op == b.op == "logical_and" and a.args[0] is b.args[0]:
        rest = _either(a.args[1], b.args[1])
        return a.args[0] if rest is None else _both(a.args[0], rest)
    return construct.make("logical_or", a, b)


def _both(mask: Node | None, condition: Node) -> Node:
    """Return the condition that two hold, of which the first may be none."""
    return condition if mask is None else construct.make("logical_and", mask, condition)


def _branches(node: Node, bar: _Part) -> list[_Part | None]:
    """Return the contributions of a choice to its branches."""
    condition, *branches = node.args
    negated = construct.make("logical_not", condition)
    parts: list[_Part | None] = [None]
    for branch, holds in zip(branches, (condition, negated), strict=True):
        part = _Part(bar.value, _both(bar.mask, holds))
        if branch.shape != node.shape:
            part = _Part(construct.unbroadcast(part.masked(), branch.shape))
        parts.append(part)
    return parts


def _entry_by_entry(node: Node, bar: _Part, active: set[int]) -> list[_Part | None]:
    """Return the contributions of an operation on each element, masked before they are summed."""
    args = [
        construct.broadcast(arg, node.shape) if arg.index in active else arg for arg in node.args
    ]
    whole = node
    if any(new is not old for new, old in zip(args, node.args, strict=True)):
        whole = node.graph.make(node.op, tuple(args), node.params, node.shape)
    adjoint = RULES[node.op].adjoint
    assert adjoint is not None
    result: list[_Part | None] = []
    for value, arg in zip(adjoint(whole, bar.value), node.args, strict=True):
        part = None if value is None else _Part(value, bar.mask)
        if part is not None and part.value.shape != arg.shape:
            part = _Part(construct.unbroadcast(part.masked(), arg.shape))
        result.append(part)
    return result


def _moved(node: Node, bar: _Part, mask: Node) -> list[_Part | None]:
    """Return the contributions of an operation that moves elements, their conditions moved too."""
    adjoint = RULES[node.op].adjoint
    assert adjoint is not None
    masks = adjoint(node, construct.broadcast(mask, node.shape))
    values = adjoint(node, bar.value)
    return [
        None if value is None else _Part(value, where)
        for value, where in zip(values, masks, strict=True)
    ]


def _of_some(node: Node, bar: Node, singular: set[int]) -> list[_Part | None]:
    """Return the contributions to arrays of which some entries are not used at all."""
    adjoint = RULES[node.op].adjoint
    assert adjoint is not None
    ones = construct.broadcast(node.graph.number(1), node.shape)
    parts: list[_Part | None] = []
    for arg, value, used in zip(node.args, adjoint(node, bar), adjoint(node, ones), strict=True):
        partly = used is not None and arg.index in singular and used.op in ("scatter", "put")
        parts.append(None if value is None else _Part(value, used if partly else None))
    return parts


def _parts_of(
    node: Node, bar: _Part, active: set[int], risky: set[int], singular: set[int]
) -> list[_Part | None]:
    """Return the contributions of a node to its operands."""
    rule = RULES[node.op]
    if rule.adjoint is None:
        return [None] * len(node.args)
    if node.op == "where" and bar.value.shape == node.shape:
        return _branches(node, bar)
    if bar.mask is not None and any(arg.index in risky for arg in (node, *node.args)):
        if rule.shape is common_shape:
            return _entry_by_entry(node, bar, active)
        if node.op in _MOVES:
            return _moved(node, bar, bar.mask)
    if node.op in ("index", "put") and any(arg.index in singular for arg in node.args):
        return _of_some(node, bar.masked(), singular)
    values = rule.adjoint(node, bar.masked())
    return [None if value is None else _Part(value) for value in values]


def _jumps(node: Node) -> Node:
    """Return where an operand of what is constant between jumps is at one."""
    x = node.args[0]
    number = node.graph.number
    if node.op == "ties":
        several = construct.make("greater", node, number(1))
        axes = axes_of(node.params)
        at = construct.make("equal", *node.args)
        return construct.make("logical_and", at, construct.spread(several, x.shape, axes))
    if node.op == "tied":
        axis = node.params[0]
        rows, columns = (
            construct.reshape(x, (*x.shape[:k], 1, *x.shape[k:])) for k in (axis, axis + 1)
        )
        alike = construct.total(construct.make("equal", rows, columns), (axis + 1,), False)
        return construct.make("greater", alike, number(1))
    return construct.make("equal", x, number(0))


def _jump(node: Node, bar: _Part) -> list[_Part | None]:
    """Return the derivative of a step where it is differentiated again: none where it jumps."""
    x = node.args[0]
    number = node.graph.number
    if node.op == "reciprocal":  # 0 at 0, where this is 0/0
        slope = construct.divide(construct.multiply(bar.value, node), x)
        return [_Part(construct.negate(slope), bar.mask)]
    slope = construct.make("where", _jumps(node), number(math.nan), number(0))
    if node.op not in ("ties", "tied"):
        return [_Part(construct.multiply(bar.value, slope), bar.mask)]
    adjoint = RULES[node.op].adjoint
    assert adjoint is not None
    whole = bar.masked()
    rest = [None if part is None else _Part(part) for part in adjoint(node, whole)[1:]]
    if node.op == "ties":
        whole = construct.spread(whole, x.shape, axes_of(node.params))
    return [_Part(construct.multiply(whole, slope)), *rest]


def _harmless(nodes: Sequence[Node], value: Node) -> set[int]:
    """Return the roots that have no part in the derivative of a value where they are 0."""

    def term(index: Any) -> Term:
        node = value.graph.nodes[index]
        if node.op == "relu":
            return Term("maximum", (node.args[0].index, value.graph.number(0).index))
        op, args, number = construct.Arrays.term(node)
        return Term(op, tuple([arg.index for arg in args]), number)

    roots = [
        node.index
        for node in nodes
        if node.op in ("sqrt", "cbrt")
        or (node.op == "power" and 0 < (node.args[1].number or 0) < 1)
    ]
    order = [node.index for node in nodes]
    return harmless_roots(roots, order, value.index, term) if roots else set()


def accumulate(
    value: Node, sources: Iterable[Node], again: bool = False
) -> tuple[list[Node], dict[int, Node]]:
    """Return the derivatives of a scalar with respect to some nodes.

    A value that holds a derivative is differentiated `again`: what that is at a kink is a
    convention and no constant, so that its own derivative there is not a number.
    """
    sources = list(sources)
    nodes = reachable([value])
    active = depends(nodes, sources)
    calm = _CALM - _JUMPS if again else _CALM
    risky = depends(nodes, [node for node in nodes if node.op not in calm])
    singular = depends(nodes, [node for node in nodes if node.op in _SINGULAR])
    value.graph.deriving = True
    value.graph.harmless = _harmless(nodes, value)
    contributions: dict[int, list[_Part]] = {value.index: [_Part(value.graph.number(1))]}
    primals: dict[int, Node] = {}
    found: dict[int, Node] = {}
    for node in reversed(nodes):
        parts = contributions.pop(node.index, None)
        if parts is None or node.index not in active:
            continue
        bar = _together(parts)
        if bar.mask is not None and node.index not in risky:
            bar = _Part(bar.masked())
        if bar.mask is None or not node.args:
            found[node.index] = whole = bar.masked()
            if whole.index > value.index:
                primals.setdefault(whole.index, node)
        if again and node.op in _JUMPS:
            given = _jump(node, bar)
        else:
            given = _parts_of(node, bar, active, risky, singular)
        for arg, part in zip(node.args, given, strict=True):
            if part is not None and arg.index in active:
                contributions.setdefault(arg.index, []).append(part)
    gradients = []
    for source in sources:
        zero = construct.broadcast(source.graph.number(0), source.shape)
        gradients.append(found.get(source.index, zero))
    return gradients, primals
