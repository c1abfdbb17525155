"""Linear algebra of small matrices, written out in their entries.

Determinants are expanded by minors, so that nothing is divided by and no pivot is chosen: the
formula is right wherever the function is. Larger matrices are those of ``strategy="matrix"``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from symdiff.errors import Untraceable
from symdiff.store.dag import ONE, ZERO, Dag, Nodes
from symdiff.tracing.array import SymbolicArray, map_nodes, nodes_of, traced_in

__all__ = ["cholesky", "det", "inv", "slogdet", "solve"]

_MOST = {"det": 8, "inv": 6, "solve": 6, "cholesky": 24}  # rows up to which formulas are written


def _matrices(name: str, dag: Dag, a: Any) -> Nodes:
    """Return a stack of square matrices that are small enough."""
    nodes = map_nodes(Dag.numeric, dag, nodes_of(dag, a))._nodes
    if nodes.ndim < 2 or nodes.shape[-1] != nodes.shape[-2]:
        raise ValueError(f"np.linalg.{name}: a square matrix is needed, not shape {nodes.shape}")
    if nodes.shape[-1] > _MOST[name]:
        raise Untraceable(
            f"np.linalg.{name}: a matrix of {nodes.shape[-1]} rows has too many terms to write out "
            f"its entries; up to {_MOST[name]} rows are traceable"
        )
    return nodes


def _minors(dag: Dag, rows: Sequence[Sequence[int]], count: int) -> dict[int, int]:
    """Return the determinants of all rows and as many columns, by the set of these as bits."""
    known = {0: ONE}
    for row in rows:
        longer: dict[int, list[int]] = {}
        for columns, minor in known.items():
            for column in range(count):
                bit = 1 << column
                if columns & bit:
                    continue
                sign = (columns >> (column + 1)).bit_count()  # columns behind that of the last row
                term = dag.multiply(row[column], minor)
                term = dag.negate(term) if sign % 2 else term
                longer.setdefault(columns | bit, []).append(term)
        known = {columns: dag.add(*terms) for columns, terms in longer.items()}
    return known


def _determinant(dag: Dag, rows: Sequence[Sequence[int]]) -> int:
    """Return the determinant of a matrix."""
    return _minors(dag, rows, len(rows))[(1 << len(rows)) - 1]


def _adjugate(dag: Dag, rows: Sequence[Sequence[int]]) -> tuple[list[list[int]], int]:
    """Return the transpose of the matrix of cofactors, and the determinant."""
    n = len(rows)
    adjugate = [[ZERO] * n for _ in range(n)]
    for i in range(n):
        minors = _minors(dag, [row for k, row in enumerate(rows) if k != i], n)
        for j in range(n):
            minor = minors[((1 << n) - 1) ^ (1 << j)]
            adjugate[j][i] = dag.negate(minor) if (i + j) % 2 else minor
    whole = dag.add(*(dag.multiply(rows[0][j], adjugate[j][0]) for j in range(n)))
    return adjugate, whole


def _each(
    nodes: Nodes, f: Callable[[list[list[int]]], Any], shape: Sequence[int] | None = None
) -> Nodes:
    """Return a function of each matrix of a stack."""
    lead, own = nodes.shape[:-2], nodes.shape[-2:]
    results = [f(part.tolist()) for part in nodes.reshape((-1, *own))]
    last = own if shape is None else tuple(shape)
    return np.array(results, dtype=np.int64).reshape(lead + last)


def det(a: Any) -> SymbolicArray:
    """Return the determinant of each matrix."""
    dag = traced_in(a)
    nodes = _matrices("det", dag, a)
    return SymbolicArray(dag, _each(nodes, lambda rows: _determinant(dag, rows), ()))


def inv(a: Any) -> SymbolicArray:
    """Return the inverse of each matrix: its adjugate over its determinant."""
    dag = traced_in(a)

    def inverse(rows: list[list[int]]) -> list[list[int]]:
        adjugate, whole = _adjugate(dag, rows)
        return [[dag.divide(entry, whole) for entry in row] for row in adjugate]

    return SymbolicArray(dag, _each(_matrices("inv", dag, a), inverse))


def solve(a: Any, b: Any) -> Any:
    """Return the solution of linear equations, by Cramer's rule."""
    dag = traced_in(a, b)
    nodes = _matrices("solve", dag, a)
    right = nodes_of(dag, b)
    if right.shape[-2 if right.ndim > 1 else -1 :][:1] != nodes.shape[-1:]:
        raise ValueError(
            f"np.linalg.solve: shapes {nodes.shape} and {right.shape} do not align: the rows differ"
        )
    solved: Any = SymbolicArray(dag, right)
    columns = solved if right.ndim > 1 else solved[:, None]
    pairs: tuple[Nodes, Any] = (
        _each(nodes, lambda rows: _adjugate(dag, rows)[0]),
        det(SymbolicArray(dag, nodes)),
    )
    product = np.matmul(SymbolicArray(dag, pairs[0]), columns) / pairs[1][..., None, None]
    return product if right.ndim > 1 else product[..., 0]


class _SlogdetResult(NamedTuple):
    """Sign and logarithm, as NumPy names them."""

    sign: Any
    logabsdet: Any


def slogdet(a: Any) -> _SlogdetResult:
    """Return the sign of the determinant and the logarithm of its size."""
    whole = det(a)
    return _SlogdetResult(np.sign(whole), np.log(np.absolute(whole)))


def cholesky(a: Any, *, upper: bool = False) -> Any:
    """Return the factor of a positive definite matrix, of which one triangle is read."""
    dag = traced_in(a)

    def factor(rows: list[list[int]]) -> list[list[int]]:
        n = len(rows)
        lower = [[ZERO] * n for _ in range(n)]
        for i in range(n):
            for j in range(i + 1):
                own = rows[j][i] if upper else rows[i][j]
                done = [dag.multiply(lower[i][k], lower[j][k]) for k in range(j)]
                rest = dag.subtract(own, dag.add(*done)) if done else own
                square = dag.apply("sqrt", rest) if i == j else ZERO
                lower[i][j] = square if i == j else dag.divide(rest, lower[j][j])
        return lower

    result = SymbolicArray(dag, _each(_matrices("cholesky", dag, a), factor))
    return result.mT if upper else result
