"""How large formulas are: written out in full, and with everything shared."""

from __future__ import annotations

from collections.abc import Container, Sequence

from symdiff.store.dag import Dag
from symdiff.store.properties import COUNTS

__all__ = ["own_operations", "shared_operations", "tree_operations", "tree_sizes"]


def own_operations(dag: Dag, node: int) -> int:
    """Return the operations of one node.

    Examples
    --------
    >>> dag = Dag()
    >>> x, y, z = dag.symbols("x", (3,)).tolist()
    >>> own_operations(dag, dag.add(x, y, z)), own_operations(dag, dag.negate(x))
    (2, 0)
    """
    op = dag.ops[node]
    if op == "add" or op == "mul":
        return len(dag.args[node]) - 1
    return COUNTS.get(op, 1)


def tree_sizes(dag: Dag, order: Sequence[int], stop: Container[int] = ()) -> dict[int, int]:
    """Return for each node its operations written out in full.

    Examples
    --------
    >>> dag = Dag()
    >>> x = int(dag.symbols("x", ()))
    >>> y = dag.apply("sin", dag.apply("exp", x))
    >>> tree_sizes(dag, dag.reachable([y]))[y]
    2
    """
    total: dict[int, int] = {}
    args = dag.args
    for node in order:
        total[node] = own_operations(dag, node) + sum(
            [total[arg] for arg in args[node] if arg not in stop]
        )
    return total


def tree_operations(dag: Dag, roots: Sequence[int]) -> int:
    """Return the operations of formulas written out in full, nothing shared.

    Examples
    --------
    >>> dag = Dag()
    >>> y = x = int(dag.symbols("x", ()))
    >>> for _ in range(100):
    ...     y = dag.multiply(y, dag.add(y, x))
    >>> tree_operations(dag, [y]) > 10**30
    True
    """
    total = tree_sizes(dag, dag.reachable(roots))
    return sum(total[root] for root in roots)


def shared_operations(dag: Dag, roots: Sequence[int]) -> int:
    """Return the operations of formulas if every distinct node is computed once.

    Examples
    --------
    >>> dag = Dag()
    >>> s = dag.apply("sin", int(dag.symbols("x", ())))
    >>> shared_operations(dag, [dag.add(s, dag.square(s))])
    3
    """
    return sum(own_operations(dag, node) for node in dag.reachable(roots))
