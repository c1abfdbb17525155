"""Copying formulas into another graph, with something put in for their symbols."""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.operations.table import OPERATIONS
from symdiff.store.dag import Dag

__all__ = ["rebuild"]


def _product(dag: Dag, *factors: int) -> int:
    """Return a product; 2*x*y is one node, and 2*(x*y) two."""
    product = dag.multiply(*factors)
    args = dag.args[product]
    nested = len(args) == 2 and [dag.ops[n] for n in (product, *args)] == ["mul", "number", "mul"]
    if len(factors) > 2 and nested:
        return dag.node("mul", args[0], *dag.args[args[1]])
    return product


def rebuild(source: Dag, roots: Sequence[int], target: Dag, known: dict[int, int]) -> list[int]:
    """Return formulas of one graph in another, with replacements for their symbols."""
    for node in source.reachable(roots):
        if node in known:
            continue
        op = source.ops[node]
        if op == "number":
            known[node] = target.number(source.data[node])
        elif op in ("true", "false"):
            known[node] = target.boolean(op == "true")
        else:
            form = _product if op == "mul" else OPERATIONS[op].form
            known[node] = form(target, *(known[arg] for arg in source.args[node]))
    return [known[root] for root in roots]
