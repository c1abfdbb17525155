"""Numbers of the nodes of a graph, one operation at a time: for checks and for explanations.

What is evaluated often is compiled instead, from `symdiff.printing.source`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.operations.table import OPERATIONS
from symdiff.store.dag import Dag

__all__ = ["evaluate"]


def evaluate(dag: Dag, roots: Sequence[int], values: dict[int, Any]) -> list[Any]:
    """Return the numbers of nodes."""
    with np.errstate(all="ignore"):
        for node in dag.reachable(roots):
            if node in values:
                continue
            op = dag.ops[node]
            if op == "number":
                values[node] = np.float64(dag.data[node])
            elif op in ("true", "false"):
                values[node] = np.bool_(op == "true")
            else:
                args = (values[arg] for arg in dag.args[node])
                values[node] = OPERATIONS[op].evaluate(*args)
    return [values[root] for root in roots]
