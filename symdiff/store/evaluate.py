"""Numbers of the nodes of a graph, one operation at a time: for checks and for explanations.

What is evaluated often is compiled instead, from `symdiff.printing.source`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdiff.store.dag import Dag

__all__ = ["evaluate"]


def _logistic(x: Any) -> Any:
    """Return the logistic function."""
    return 1 / (1 + np.exp(-x))


# What NumPy has under another name, or not at all.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda *terms: sum(terms[1:], terms[0]),
    "mul": lambda *factors: np.prod(factors),
    "neg": np.negative,
    "div": np.divide,
    "pow": np.power,
    "gt": np.greater,
    "ge": np.greater_equal,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "true": lambda: np.True_,
    "false": lambda: np.False_,
    "choice": np.where,
    "sigmoid": _logistic,
    "step": lambda a, b: np.heaviside(a - b, 0.5),
    "maximum": lambda *values: np.max(values),
    "minimum": lambda *values: np.min(values),
    "fmaximum": np.fmax,
    "fminimum": np.fmin,
}


def evaluate(dag: Dag, roots: Sequence[int], values: dict[int, Any]) -> list[Any]:
    """Return the numbers of nodes.

    Examples
    --------
    >>> dag = Dag()
    >>> x = int(dag.symbols("x", ()))
    >>> evaluate(dag, [dag.add(dag.square(x), x)], {x: np.float64(3)})
    [np.float64(12.0)]
    """
    with np.errstate(all="ignore"):
        for node in dag.reachable(roots):
            if node in values:
                continue
            op = dag.ops[node]
            if op == "number":
                values[node] = np.float64(dag.data[node])
            else:
                function = _FUNCTIONS.get(op) or getattr(np, op)
                values[node] = function(*(values[arg] for arg in dag.args[node]))
    return [values[root] for root in roots]
