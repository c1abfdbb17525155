"""Reverse accumulation: the gradient from one walk over the graph, every intermediate a line.

The adjoint of a node is the derivative of the value with respect to it. Walked from the value down,
each node hands its own adjoint, times its partials, to its arguments: the work is a small multiple
of that of the function, however many parameters there are (Baur and Strassen, 1983).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from symdiff.operations.derivatives import Singular, partials, scale
from symdiff.operations.roots import mark_harmless_roots
from symdiff.operations.table import OPERATIONS
from symdiff.store.cse import name_lines
from symdiff.store.dag import CONDITIONS, ONE, ZERO, Dag
from symdiff.strategies.derivation import Derivation

__all__ = ["adjoint", "reverse"]


def _active(dag: Dag, order: Sequence[int], symbols: Sequence[int]) -> bytearray:
    """Return by node whether it depends on a symbol to differentiate by."""
    active = bytearray(len(dag))
    for symbol in symbols:
        active[symbol] = 1
    ops, args = dag.ops, dag.args
    for node in order:
        if args[node] and ops[node] not in CONDITIONS:
            for arg in args[node]:
                if active[arg]:
                    active[node] = 1
                    break
    return active


def _both(dag: Dag, mask: int | None, condition: int) -> int:
    """Return the condition that a mask, if there is one, and a condition hold."""
    return condition if mask is None else dag.choose(mask, condition, dag.boolean(False))


def _negated(dag: Dag, condition: int) -> int:
    """Return the condition that one does not hold."""
    return dag.choose(condition, dag.boolean(False), dag.boolean(True))


def _implies(dag: Dag, a: int, b: int) -> bool:
    """Return whether a condition was made of another one by "and"."""
    false = dag.boolean(False)
    while a != b and dag.ops[a] == "choice" and dag.args[a][2] == false:
        if dag.args[a][1] == b:
            return True
        a = dag.args[a][0]
    return a == b


def _where_it_counts(dag: Dag, product: int) -> list[int]:
    """Return the conditions outside of which a factor of a product is 0, written as such."""
    found, stack = [], [product]
    while stack:
        op, args = dag.ops[factor := stack.pop()], dag.args[factor]
        if op in ("mul", "neg", "div"):
            stack += args[:1] if op == "div" else args
        elif op == "where" and ZERO in args[1:]:
            found.append(args[0] if args[2] == ZERO else _negated(dag, args[0]))
    return found


def _either(dag: Dag, a: int | None, b: int | None) -> int | None:
    """Return the condition that one of two masks holds at least; None if that is always so."""
    if a is None or b is None or a == b:
        return a if a == b else None
    false = dag.boolean(False)
    for one, other in ((a, b), (b, a)):
        if _implies(dag, one, other):
            return other
        if dag.ops[one] == "choice":
            p, q, rest = dag.args[one]
            if (q, rest) == (false, dag.boolean(True)) and p == other:  # not p, or p
                return None
            if rest == false and dag.ops[other] == "choice":
                p_too, r, rest_too = dag.args[other]
                if p == p_too and rest_too == false and _negated(dag, q) == r:
                    return p  # p and q, or p and not q
    return dag.choose(a, dag.boolean(True), b)


class _Adjoints:
    """The contributions to the adjoint of each node, and the condition under which they count."""

    def __init__(self, dag: Dag) -> None:
        self.dag = dag
        self.singular = Singular(dag)
        self.terms: dict[int, list[int]] = {}
        self.masks: dict[int, int] = {}

    def give(self, node: int, outer: int, partial: int, mask: int | None) -> None:
        """Add a product to the adjoint of a node; `mask` is the condition where it is not 0."""
        term = outer if partial == ONE else scale(self.dag, partial, outer)
        if mask is not None and self.singular[partial]:
            term = self.dag.choose(mask, term, ZERO)  # 0 times infinity is not a number
        terms = self.terms.get(node)
        if terms is None:
            self.terms[node] = [term]
            if mask is not None:
                self.masks[node] = mask
        else:
            terms.append(term)
            known = self.masks.pop(node, None)
            either = _either(self.dag, known, mask)
            if either is not None:
                self.masks[node] = either


def reverse(
    dag: Dag,
    value: int,
    symbols: Sequence[int],
    adjoint_of: dict[int, int] | None = None,
    again: bool = False,
) -> list[int]:
    """Return the derivatives of a value with respect to symbols, by reverse accumulation.

    A value that is a derivative itself is differentiated `again`: the convention for its value at a
    kink is no constant, so that there its derivative is not a number.
    """
    order = dag.reachable([value])
    mark_harmless_roots(dag, order, value)
    active = _active(dag, order, symbols)
    ops, args = dag.ops, dag.args
    wanted = set(symbols)
    found: dict[int, int] = {}
    adjoints = _Adjoints(dag)
    give, masks = adjoints.give, adjoints.masks
    if active[value]:
        adjoints.terms[value] = [ONE]
    for node in reversed(order):
        terms = adjoints.terms.pop(node, None)
        if terms is None:
            continue
        outer = terms[0] if len(terms) == 1 else dag.add(*terms)
        mask = masks.pop(node, None)
        if node in wanted:
            found[node] = outer
        elif adjoint_of is not None:
            adjoint_of.setdefault(outer, node)
        op = ops[node]
        if op == "add":
            for arg in args[node]:
                if active[arg]:
                    give(arg, outer, ONE, mask)
        elif op == "mul" and len(args[node]) == 2:
            x, y = args[node]
            if active[x]:
                give(x, outer, y, mask)
            if active[y]:
                give(y, outer, x, mask)
        elif op == "div":
            # With outer/y at hand, the other partial takes one product more and no division.
            x, y = args[node]
            share = dag.divide(outer, y)
            if mask is not None:
                share = dag.choose(mask, share, ZERO)
            if active[x]:
                give(x, share, ONE, mask)
            if active[y]:
                give(y, share, dag.negate(node), mask)
        elif op == "where":
            condition, a, b = args[node]
            if active[a]:
                share = dag.choose(condition, outer, ZERO)
                give(a, share, ONE, _both(dag, mask, condition))
            if active[b]:
                otherwise = _negated(dag, condition)
                share = dag.choose(condition, ZERO, outer)
                give(b, share, ONE, _both(dag, mask, otherwise))
        elif again and (jumps := OPERATIONS[op].jumps if op in OPERATIONS else None):
            for arg, condition in zip(args[node], jumps(dag, *args[node]), strict=True):
                jump = dag.choose(condition, dag.number(math.nan), ZERO)
                for counts in _where_it_counts(dag, outer):
                    jump = dag.choose(counts, jump, ZERO)
                if active[arg] and jump != ZERO:
                    give(arg, ONE, jump, mask)
        elif args[node]:
            for arg, partial in zip(args[node], partials(dag, node), strict=True):
                if active[arg] and partial != ZERO:
                    give(arg, outer, partial, mask)
    return [found.get(symbol, ZERO) for symbol in symbols]


def adjoint(dag: Dag, value: int, symbols: Sequence[int]) -> Derivation:
    """Return the partial derivatives by reverse accumulation, every intermediate a named line."""
    adjoint_of: dict[int, int] = {}
    found = reverse(dag, value, symbols, adjoint_of)
    return Derivation(dag, value, found, name_lines(dag, [value, *found], adjoint_of))
