"""Roots whose infinite derivative does not count: of a product that vanishes with their base.

``sin(x) sqrt(x)`` has the derivative 0 at 0, though that of the root alone is infinite there: the
other factor is at most a multiple of x, so that the product is smaller than any of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from symdiff.operations.table import OPERATIONS
from symdiff.store.dag import Dag
from symdiff.store.exact import Number
from symdiff.store.stable import Term

__all__ = ["harmless_roots", "mark_harmless_roots"]

_MOST = 60  # nodes of a factor that are looked at
_EXPONENTS = {"sqrt": 1 / 2, "cbrt": 1 / 3}
#: Functions that are smooth at 0, and infinite elsewhere only.
_SMOOTH_AT_0 = frozenset({"tan", "arcsin", "log1p", "arctanh", "expm1", "sinh"})
_SMOOTH = frozenset({"exp", "cosh", "absolute", "maximum", "minimum"}) | {
    row.name
    for row in OPERATIONS.values()
    if row.kind == "function" and not row.singular and row.jumps is None
}
_UNARY = frozenset({*_EXPONENTS, "neg", "absolute"})  # 0 where their operand is
_LINEAR = frozenset({"add", "subtract", "neg", "mul"})
_ABOVE = _LINEAR | _SMOOTH


class _Near(NamedTuple):
    """The form of a value near the zeros of a base."""

    bounded: bool  # by its value there and a multiple of the base
    value: Number | None  # there, where that is known
    constant: bool  # whether it does not depend on the base


class _Search:
    """Values near the zeros of one base."""

    def __init__(self, term: Callable[[Any], Term], base: Any) -> None:
        self.term = term
        self.known: dict[Any, _Near | None] = {base: _Near(True, 0, False)}

    def vanishes(self, node: Any) -> bool:
        """Return whether a value is at most a multiple of the base."""
        near = self.near(node)
        return near is not None and near.bounded and near.value == 0

    def near(self, node: Any) -> _Near | None:
        """Return the form of a value near the zeros; None if maybe infinite, or too long."""
        stack = [node]
        while stack:
            if len(self.known) > _MOST:
                return None
            last = stack[-1]
            below = [arg for arg in self.term(last).args if arg not in self.known]
            if last in self.known or not below:
                stack.pop()
                if last not in self.known:
                    self.known[last] = self._near(last)
            stack += below if last not in self.known else []
        return self.known[node]

    def _near(self, node: Any) -> _Near | None:
        op, args, number = self.term(node)
        parts = [self.known[arg] for arg in args]
        nears = [part for part in parts if part is not None]
        if len(nears) < len(parts):
            return None
        if all(near.constant for near in nears):
            return _Near(True, number, True)
        bounded = all(near.bounded for near in nears)
        values = [near.value for near in nears if near.value is not None]
        known = len(values) == len(nears)
        if op == "mul" and any(near.bounded and near.value == 0 for near in nears):
            return _Near(True, 0, False)
        if op == "div":
            above, below = nears
            if below.value == 0 or (below.value is None and not below.constant):
                return None
            return _Near(bounded, 0 if above.value == 0 else None, False)
        if op == "pow" or op in _EXPONENTS:
            exponent = _EXPONENTS.get(op, nears[-1].value)
            if exponent is None or exponent <= 0 or (op == "pow" and not nears[1].constant):
                return None
            if nears[0].value == 0:
                return _Near(bounded and exponent >= 1, 0, False)
            return _Near(bounded, None, False) if exponent >= 1 or known else None
        if op in _SMOOTH or (op in _SMOOTH_AT_0 and values == [0]) or op in _LINEAR:
            return _Near(bounded, _value(op, values) if known else None, False)
        return None


def _value(op: str, values: Sequence[Number]) -> Number | None:
    """Return the value of an operation on numbers, where that is exact."""
    if op == "neg":
        return -values[0]
    if op in ("add", "subtract"):
        return sum(values) if op == "add" else values[0] - values[1]
    if op == "mul":
        return None
    return OPERATIONS[op].fold(list(values))


def _base(term: Callable[[Any], Term], node: Any) -> Any:
    """Return the node whose zeros are those of a node."""
    while True:
        op, args, _ = term(node)
        last = term(args[-1]).number if args else None
        if op == "mul" and len(args) == 2 and (last or term(args[0]).number):
            node = args[0] if last else args[1]
        elif op in _UNARY or (last and (op == "div" or (op == "pow" and last > 0))):
            node = args[0]
        else:
            return node


def harmless_roots(
    roots: Iterable[Any], order: Iterable[Any], value: Any, term: Callable[[Any], Term]
) -> set[Any]:
    """Return those of some roots that have no part in the derivative of a value where they are 0.

    Every way from the root to the value leads through a product with what vanishes there, and up to
    this through smooth operations alone.
    """
    users: dict[Any, list[Any]] = {}
    for node in order:
        for arg in term(node).args:
            users.setdefault(arg, []).append(node)
    found = set()
    for root in roots:
        search = _Search(term, _base(term, term(root).args[0]))
        stack: list[Any] = [root]
        seen: set[Any] = set()
        while stack and stack[-1] != value and len(seen) < _MOST:
            node = stack.pop()
            for user in users.get(node, ()):
                op, args, _ = term(user)
                others = [arg for arg in args if arg != node]
                product = op in ("mul", "inner") and any(map(search.vanishes, others))
                if product or user in seen:
                    continue
                smooth = op in _ABOVE or (op in ("div", "pow") and args[1] != node)
                stack.append(user if smooth else value)
                seen.add(user)
        if not stack:
            found.add(root)
    return found


def mark_harmless_roots(dag: Dag, order: Sequence[int], value: int) -> None:
    """Let the partials of roots know which of them do not count where they are 0."""
    powers = [node for node in dag.nodes_of("pow") if _is_root(dag, node)]
    roots = [*dag.nodes_of("sqrt", "cbrt"), *powers]
    dag.harmless = harmless_roots(roots, order, value, dag.term) if roots else set()


def _is_root(dag: Dag, power: int) -> bool:
    """Return whether the exponent of a power is a number between 0 and 1."""
    exponent = dag.args[power][1]
    return dag.ops[exponent] == "number" and 0 < dag.data[exponent] < 1
