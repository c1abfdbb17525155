"""Products of matrices and vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdiff.matrix import construct
from symdiff.matrix.array import FUNCTIONS, MatrixArray, as_node
from symdiff.matrix.construct import make
from symdiff.matrix.functions.einsum import einsum
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.shapes import shown
from symdiff.tracing.composed import COMPOSED


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


def _kron(graph: Graph, a: Any, b: Any) -> Any:
    left, right = as_node(graph, a), as_node(graph, b)
    if left.ndim == right.ndim and left.ndim in (1, 2):
        return make("kron", left, right)
    return COMPOSED[np.kron](MatrixArray(left), MatrixArray(right))


def _convolve(graph: Graph, a: Any, v: Any, mode: str = "full") -> Any:
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"np.convolve: mode is 'full', 'same' or 'valid', not {mode!r}")
    nodes = (as_node(graph, value) for value in (a, v))
    x, y = (construct.reshape(n, (1,)) if n.ndim == 0 else n for n in nodes)
    whole = MatrixArray(make("convolve", x, y))
    longer, shorter = sorted((int(x.shape[0]), int(y.shape[0])), reverse=True)
    start = {"full": 0, "same": (shorter - 1) // 2, "valid": shorter - 1}[mode]
    count = {"full": len(whole), "same": longer, "valid": longer - shorter + 1}[mode]
    return whole if mode == "full" else whole[start : start + count]


def _correlate(graph: Graph, a: Any, v: Any, mode: str = "valid") -> Any:
    x, y = as_node(graph, a), as_node(graph, v)
    if mode == "valid" and x.ndim == y.ndim == 1 and len(MatrixArray(x)) >= len(MatrixArray(y)):
        return make("correlate", x, y, params=("valid",))
    return COMPOSED[np.correlate](MatrixArray(x), MatrixArray(y), mode)


FUNCTIONS.update(
    {
        np.dot: _dot,
        np.inner: _inner,
        np.vdot: _vdot,
        np.outer: _outer,
        np.einsum: einsum,
        np.kron: _kron,
        np.convolve: _convolve,
        np.correlate: _correlate,
    }
)
