"""Products of matrices and vectors."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from symdiff.matrix import construct
from symdiff.matrix.array import FUNCTIONS, as_node
from symdiff.matrix.functions.einsum import einsum
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.shapes import shown


def _dot(graph: Graph, a: Any, b: Any) -> Node:
    a, b = as_node(graph, a), as_node(graph, b)
    if not a.shape or not b.shape:
        return construct.multiply(a, b)
    if b.ndim > 2:
        refuse("np.dot of a stack", "use @")
    return construct.matmul(a, b)


def _inner(graph: Graph, a: Any, b: Any) -> Node:
    a, b = as_node(graph, a), as_node(graph, b)
    if not a.shape or not b.shape:
        return construct.multiply(a, b)
    return (
        construct.matmul(a, construct.transpose(b))
        if b.ndim <= 2
        else refuse("np.inner of a stack")
    )


def _vdot(graph: Graph, a: Any, b: Any) -> Node:
    a, b = as_node(graph, a), as_node(graph, b)
    if a.shape != b.shape:
        refuse(f"np.vdot of the shapes {shown(a.shape)} and {shown(b.shape)}", "use equal shapes")
    return construct.dot(a, b)


def _outer(graph: Graph, a: Any, b: Any) -> Node:
    a, b = as_node(graph, a), as_node(graph, b)
    if a.ndim != 1 or b.ndim != 1:
        refuse("np.outer of matrices", "give it two vectors")
    return construct.outer(a, b)


def _matrix_power(graph: Graph, a: Any, n: int) -> Node:
    base = as_node(graph, a)
    if base.ndim != 2 or n < 1:
        refuse(f"np.linalg.matrix_power(n={n})", "use np.linalg.inv, or a power from 1 on")
    result: Node | None = None
    while n:
        if n % 2:
            result = base if result is None else construct.matmul(result, base)
        n //= 2
        base = construct.matmul(base, base) if n else base
    assert result is not None
    return result


def _multi_dot(graph: Graph, arrays: Any) -> Node:
    nodes = [as_node(graph, value) for value in arrays]
    return functools.reduce(construct.matmul, nodes)


FUNCTIONS.update(
    {
        np.dot: _dot,
        np.inner: _inner,
        np.vdot: _vdot,
        np.outer: _outer,
        np.einsum: einsum,
        np.linalg.matrix_power: _matrix_power,
        np.linalg.multi_dot: _multi_dot,
    }
)
