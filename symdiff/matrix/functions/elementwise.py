"""Operations and functions of each element, and choices between elements."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from symdiff.matrix import construct
from symdiff.matrix.array import FUNCTIONS, UFUNCS, MatrixArray, as_node
from symdiff.matrix.construct import make
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.rules.from_table import applied
from symdiff.matrix.shapes import is_concrete, shown
from symdiff.operations.table import UFUNCS as TABLE


def _truth(x: Node) -> Node:
    """Return a condition: a number holds where it is not zero."""
    return x if x.truth and x.op != "step" else make("not_equal", x, x.graph.number(0))


def _where(graph: Graph, condition: Any, *branches: Any) -> Node:
    if len(branches) != 2:
        refuse("np.where(condition)", "give it both branches")
    return make("where", *(as_node(graph, value) for value in (condition, *branches)))


def _clip(
    graph: Graph, a: Any, a_min: Any = None, a_max: Any = None, min: Any = None, max: Any = None
) -> Node:
    node = as_node(graph, a)
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if low is not None:
        node = construct.elementwise("maximum", node, as_node(graph, low))
    return node if high is None else construct.elementwise("minimum", node, as_node(graph, high))


def _filled(value: float) -> Callable[..., Any]:
    def filled(graph: Graph, a: Any, dtype: Any = None) -> Any:
        shape = as_node(graph, a).shape
        if dtype is not None and not np.issubdtype(dtype, np.floating):
            if not is_concrete(shape):
                refuse(f"a mask of shape {shown(shape)}", "compare, as in x > 0")
            return np.full(shape, value, dtype)  # numbers, such as a mask
        return construct.broadcast(graph.number(value), shape)

    return filled


def _copyto(graph: Graph, dst: Any, src: Any) -> None:
    """Write into a traced array."""
    if not isinstance(dst, MatrixArray):
        refuse("np.copyto into an array of numbers", "write into np.zeros_like(x) or x.copy()")
    dst[...] = src


UFUNCS.update(
    {
        np.add: construct.add,
        np.subtract: construct.subtract,
        np.multiply: construct.multiply,
        np.divide: construct.divide,
        np.negative: construct.negate,
        np.positive: lambda x: x,
        np.power: construct.power,
        np.float_power: construct.power,
        np.matmul: construct.matmul,
        np.reciprocal: lambda x: construct.divide(x.graph.number(1), x),
        np.fabs: partial(construct.elementwise, "absolute"),
        np.logical_not: lambda x: make("logical_not", _truth(x)),
        np.logical_and: lambda x, y: make("logical_and", _truth(x), _truth(y)),
        np.logical_or: lambda x, y: make("logical_or", _truth(x), _truth(y)),
        np.vecdot: lambda x, y: construct.total(
            construct.multiply(x, y), (max(x.ndim, y.ndim) - 1,), False
        ),
        np.matvec: lambda x, y: (
            construct.matmul(x, y) if y.ndim == 1 else refuse("np.matvec of stacks")
        ),
        np.vecmat: lambda x, y: (
            construct.matmul(x, y) if x.ndim == 1 else refuse("np.vecmat of stacks")
        ),
    }
)
UFUNCS.update(
    (ufunc, partial(construct.elementwise, ufunc.__name__))
    for ufunc in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal)
)
UFUNCS.update(  # every other one that has a row
    (ufunc, partial(applied, row))
    for ufunc, row in TABLE.items()
    if row.kind in ("function", "formula", "test") and ufunc not in UFUNCS
)
FUNCTIONS.update(
    {
        np.where: _where,
        np.clip: _clip,
        np.zeros_like: _filled(0.0),
        np.ones_like: _filled(1.0),
        np.empty_like: _filled(0.0),
        np.copyto: _copyto,
        np.full_like: lambda graph, a, fill_value: construct.broadcast(
            as_node(graph, fill_value), as_node(graph, a).shape
        ),
        np.copy: lambda graph, a: as_node(graph, a),
    }
)
