"""Linear algebra of one matrix or two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from symdiff.matrix import construct
from symdiff.matrix.array import FUNCTIONS, MatrixArray, as_node
from symdiff.matrix.construct import make
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.refusal import refuse
from symdiff.tracing.scipy_functions import expm


def _of_matrix(op: str) -> Callable[..., Node]:
    return lambda graph, a: make(op, as_node(graph, a))


def _slogdet(graph: Graph, a: Any) -> Any:
    node = as_node(graph, a)
    inverted = node.op == "inv"
    whole = make("logabsdet", node.args[0] if inverted else node)
    sign = MatrixArray(make("signdet", node))
    parts = (sign, MatrixArray(construct.negate(whole) if inverted else whole))
    return _SlogdetResult(*parts)


class _SlogdetResult(NamedTuple):
    """Sign and logarithm, as NumPy names them."""

    sign: MatrixArray
    logabsdet: MatrixArray


def _cholesky(graph: Graph, a: Any, upper: bool = False) -> Node:
    node = as_node(graph, a)
    if upper:
        return construct.swap(make("cholesky", construct.swap(node)))
    return make("cholesky", node)


def _solve(graph: Graph, a: Any, b: Any) -> Node:
    return make("solve", as_node(graph, a), as_node(graph, b))


def _trace(graph: Graph, a: Any) -> Node:
    return make("trace", as_node(graph, a))


class _EighResult(NamedTuple):
    """Eigenvalues and eigenvectors, as NumPy names them."""

    eigenvalues: MatrixArray
    eigenvectors: MatrixArray


class _SVDResult(NamedTuple):
    """The factors of a singular value decomposition, as NumPy names them."""

    U: MatrixArray
    S: MatrixArray
    Vh: MatrixArray


class _QRResult(NamedTuple):
    """The factors of a QR decomposition, as NumPy names them."""

    Q: MatrixArray
    R: MatrixArray


class _LstsqResult(NamedTuple):
    """The result of `np.linalg.lstsq`; its rank is that of a matrix of full rank."""

    x: MatrixArray
    residuals: MatrixArray
    rank: Any
    s: MatrixArray


def _arrays(a: Node, *ops: str) -> list[MatrixArray]:
    return [MatrixArray(make(op, a)) for op in ops]


def _eigenvalues(graph: Graph, a: Any, UPLO: str = "L") -> Node:
    return make("eigvalsh", _read(as_node(graph, a), UPLO))


def _eigh(graph: Graph, a: Any, UPLO: str = "L") -> _EighResult:
    return _EighResult(*_arrays(_read(as_node(graph, a), UPLO), "eigvalsh", "eigvecs"))


def _read(a: Node, triangle: str) -> Node:
    """Return a matrix of which the lower triangle is the one that is read."""
    return a if triangle.upper() == "L" else construct.swap(a)


def _svd(
    graph: Graph,
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    hermitian: bool = False,
) -> Any:
    node = as_node(graph, a)
    if not compute_uv:
        return make("svdvals", node)
    if full_matrices and node.shape[0] != node.shape[1]:
        refuse("np.linalg.svd(full_matrices=True) of a matrix that is not square", "give False")
    return _SVDResult(*_arrays(node, "svd_u", "svdvals", "svd_vt"))


def _qr(graph: Graph, a: Any, mode: str = "reduced") -> Any:
    node = as_node(graph, a)
    if mode not in ("reduced", "r") and not (mode == "complete" and node.shape[0] == node.shape[1]):
        refuse(f"np.linalg.qr(mode={mode!r})", "mode='reduced' and mode='r' have one")
    return make("qr_r", node) if mode == "r" else _QRResult(*_arrays(node, "qr_q", "qr_r"))


def _lstsq(graph: Graph, a: Any, b: Any, rcond: Any = None) -> _LstsqResult:
    matrix, right = as_node(graph, a), as_node(graph, b)
    x = construct.matmul(make("pinv", matrix), right)
    rest = construct.subtract(right, construct.matmul(matrix, x))
    squares = construct.total(construct.elementwise("square", rest), (0,), right.ndim == 1)
    rank = make("svdvals", matrix).shape[0]
    return _LstsqResult(
        MatrixArray(x), MatrixArray(squares), rank, MatrixArray(make("svdvals", matrix))
    )


FUNCTIONS.update(
    {
        np.trace: _trace,
        np.linalg.trace: _trace,
        np.linalg.det: _of_matrix("det"),
        np.linalg.slogdet: _slogdet,
        np.linalg.inv: lambda graph, a: construct.inverse(as_node(graph, a)),
        np.linalg.solve: _solve,
        np.linalg.cholesky: _cholesky,
        expm: _of_matrix("expm"),
        np.linalg.eigvalsh: _eigenvalues,
        np.linalg.eigh: _eigh,
        np.linalg.svd: _svd,
        np.linalg.qr: _qr,
        np.linalg.pinv: _of_matrix("pinv"),
        np.linalg.lstsq: _lstsq,
    }
)
