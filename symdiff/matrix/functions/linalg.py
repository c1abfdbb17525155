"""Linear algebra of one matrix or two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symdiff.matrix import construct
from symdiff.matrix.array import FUNCTIONS, MatrixArray, as_node
from symdiff.matrix.construct import make
from symdiff.matrix.node import Graph, Node


def _of_matrix(op: str) -> Callable[..., Node]:
    return lambda graph, a: make(op, as_node(graph, a))


def _slogdet(graph: Graph, a: Any) -> Any:
    node = as_node(graph, a)
    inverted = node.op == "inv"
    whole = make("logabsdet", node.args[0] if inverted else node)
    sign = MatrixArray(make("signdet", node))
    parts = (sign, MatrixArray(construct.negate(whole) if inverted else whole))
    return _SlogdetResult(*parts)


class _SlogdetResult(tuple[MatrixArray, MatrixArray]):
    """Sign and logarithm, as NumPy names them."""

    def __new__(cls, sign: MatrixArray, logabsdet: MatrixArray) -> _SlogdetResult:
        """Return the pair."""
        return super().__new__(cls, (sign, logabsdet))

    @property
    def sign(self) -> MatrixArray:
        return self[0]

    @property
    def logabsdet(self) -> MatrixArray:
        return self[1]


def _solve(graph: Graph, a: Any, b: Any) -> Node:
    return make("solve", as_node(graph, a), as_node(graph, b))


def _trace(graph: Graph, a: Any) -> Node:
    return make("trace", as_node(graph, a))


FUNCTIONS.update(
    {
        np.trace: _trace,
        np.linalg.trace: _trace,
        np.linalg.det: _of_matrix("det"),
        np.linalg.slogdet: _slogdet,
        np.linalg.inv: lambda graph, a: construct.inverse(as_node(graph, a)),
        np.linalg.solve: _solve,
        np.linalg.cholesky: _of_matrix("cholesky"),
    }
)
