"""Joining arrays and splitting one."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.matrix import construct
from symdiff.matrix.array import FUNCTIONS, MatrixArray, as_node
from symdiff.matrix.construct import make
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.shapes import normalise_axes


def _concatenate(graph: Graph, arrays: Any, axis: int = 0) -> Node:
    nodes = [as_node(graph, value) for value in arrays]
    return make("concatenate", *nodes, params=(axis % nodes[0].ndim,))


def _stack(graph: Graph, arrays: Any, axis: int = 0) -> Node:
    nodes = [as_node(graph, value) for value in arrays]
    rank = nodes[0].ndim + 1
    grown = [
        construct.reshape(a, (*a.shape[: axis % rank], 1, *a.shape[axis % rank :])) for a in nodes
    ]
    return make("concatenate", *grown, params=(axis % rank,))


def _split(graph: Graph, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[MatrixArray]:
    node = as_node(graph, ary)
    (axis,) = normalise_axes(axis, node.ndim, "split")
    n = node.shape[axis]
    if not isinstance(n, int):
        refuse(f"np.split of the named length {n!r}", "give a number as length")
    if isinstance(indices_or_sections, int):
        if n % indices_or_sections:
            raise ValueError(f"split: length {n} is no multiple of {indices_or_sections}")
        step = n // indices_or_sections
        ends = list(range(step, n, step))
    else:
        ends = [int(k) for k in indices_or_sections]
    before = (slice(None),) * axis
    whole = ary if isinstance(ary, MatrixArray) else MatrixArray(node)
    return [
        whole[(*before, slice(start, end))]
        for start, end in zip([0, *ends], [*ends, n], strict=True)
    ]


def _vstack(graph: Graph, tup: Any) -> Node:
    nodes = [as_node(graph, value) for value in tup]
    rows = [construct.reshape(a, (1, *(a.shape or (1,)))) if a.ndim < 2 else a for a in nodes]
    return make("concatenate", *rows, params=(0,))


def _hstack(graph: Graph, tup: Any) -> Node:
    nodes = [as_node(graph, value) for value in tup]
    parts = [a if a.ndim else construct.reshape(a, (1,)) for a in nodes]
    return make("concatenate", *parts, params=(0 if parts[0].ndim == 1 else 1,))


def _column_stack(graph: Graph, tup: Any) -> Node:
    nodes = [as_node(graph, value) for value in tup]
    columns = [construct.reshape(a, (*(a.shape or (1,)), 1)) if a.ndim < 2 else a for a in nodes]
    return make("concatenate", *columns, params=(1,))


FUNCTIONS.update(
    {
        np.concatenate: _concatenate,
        np.stack: _stack,
        np.vstack: _vstack,
        np.hstack: _hstack,
        np.column_stack: _column_stack,
        np.split: _split,
    }
)
