"""Derivatives of operations in a graph: partials from the table, and what keeps them finite."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from symdiff.operations.operation import Partials
from symdiff.operations.table import OPERATIONS
from symdiff.store.dag import ONE, ZERO, Dag

__all__ = ["Singular", "guarded", "partials", "scale"]


def partials(dag: Dag, node: int) -> Partials:
    """Return the derivatives of a node with respect to each of its arguments."""
    row = OPERATIONS.get(dag.ops[node])
    if row is None or row.partials is None:
        known = ", ".join(row.name for row in OPERATIONS.values() if row.partials)
        raise NotImplementedError(
            f"no derivative is known for {dag.ops[node]}; the table has {known}"
        )
    return row.partials(dag, node, *dag.args[node])


_SINGULAR = frozenset(row.name for row in OPERATIONS.values() if row.singular)


class Singular:
    """Which nodes may be infinite, or not a number, at finite values of the symbols.

    Parameters
    ----------
    dag : Dag
        The graph, which may grow.

    Examples
    --------
    >>> dag = Dag()
    >>> x = int(dag.symbols("x", ()))
    >>> singular = Singular(dag)
    >>> singular[dag.negate(dag.apply("log", x))], singular[dag.apply("sin", x)]
    (True, False)
    """

    def __init__(self, dag: Dag) -> None:
        self._dag = dag
        self._known = bytearray()

    def __getitem__(self, node: int) -> bool:
        known, dag = self._known, self._dag
        for new in range(len(known), node + 1):
            op = dag.ops[new]
            own = not math.isfinite(dag.data[new]) if op == "number" else op in _SINGULAR
            known.append(own or any([known[arg] for arg in dag.args[new]]))
        return bool(known[node])


def scale(dag: Dag, partial: int, outer: int) -> int:
    """Return ``outer * partial``, a division where the partial is a reciprocal."""
    if partial == ONE:
        return outer
    if outer == ONE:
        return partial
    op = dag.ops[partial]
    if dag.ops[outer] == "div" and dag.args[outer] == (ONE, partial):
        return ONE
    if op == "number":
        number = dag.data[partial]
        if isinstance(number, Fraction) and abs(number.numerator) == 1:
            return dag.divide(outer, dag.number(1 / number))
    elif op == "div":
        x, y = dag.args[partial]
        if x == ONE:
            return ONE if outer == y else dag.divide(outer, y)
    elif op == "neg":
        return dag.negate(scale(dag, dag.args[partial][0], outer))
    return dag.multiply(outer, partial)


def guarded(
    dag: Dag, partial: int, inner: int, times: Callable[[Dag, int, int], int], singular: Singular
) -> int:
    """Return a product, 0 where a choice makes the inner factor 0 and the partial is infinite."""
    op, args = dag.ops[inner], dag.args[inner]
    if op == "neg":
        return dag.negate(guarded(dag, partial, args[0], times, singular))
    if op == "where" and ZERO in args[1:] and singular[partial]:
        condition, a, b = args
        whole = guarded(dag, partial, a if b == ZERO else b, times, singular)
        return dag.choose(condition, *((whole, ZERO) if b == ZERO else (ZERO, whole)))
    return times(dag, partial, inner)
