"""How large formulas are: written out in full, and with everything shared."""

from __future__ import annotations

from collections.abc import Container, Sequence

from symdiff.store.dag import Dag
from symdiff.store.properties import COUNTS

__all__ = ["own_operations", "shared_operations", "tree_counts", "tree_operations"]


def own_operations(dag: Dag, node: int) -> int:
    """Return the operations of one node."""
    op = dag.ops[node]
    if op == "add" or op == "mul":
        return len(dag.args[node]) - 1
    if op == "logsumexp":
        return 3 * len(dag.args[node])  # of each argument a difference, an exponential, a sum
    return COUNTS.get(op, 1)


def tree_counts(dag: Dag, order: Sequence[int], stop: Container[int] = ()) -> dict[int, int]:
    """Return for each node its operations written out in full."""
    total: dict[int, int] = {}
    args = dag.args
    for node in order:
        total[node] = own_operations(dag, node) + sum(
            [total[arg] for arg in args[node] if arg not in stop]
        )
    return total


def tree_operations(dag: Dag, roots: Sequence[int]) -> int:
    """Return the operations of formulas written out in full, nothing shared."""
    total = tree_counts(dag, dag.reachable(roots))
    return sum(total[root] for root in roots)


def shared_operations(dag: Dag, roots: Sequence[int]) -> int:
    """Return the operations of formulas if every distinct node is computed once."""
    return sum(own_operations(dag, node) for node in dag.reachable(roots))
