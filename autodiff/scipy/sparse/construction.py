"""Functions of `scipy.sparse` that make matrices, for numbers that are tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.core.primitive import Array
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import refused, stands_for
from autodiff.scipy.sparse.tensors import SparseTensor, as_sparse

__all__ = [
    *("block_array", "block_diag", "bmat", "coo_array", "coo_matrix", "csc_array", "csc_matrix"),
    *("csr_array", "csr_matrix", "diags", "diags_array", "hstack", "kron", "vstack"),
]

_IDLE = ["dtype", "format", "copy", "maxprint"]


def _constructor(name: str) -> Any:
    """Return the answer to a class of sparse matrices."""
    compressed = name[:3] if name[:3] in ("csr", "csc") else None

    @stands_for(f"scipy.sparse.{name}", limits="a `SparseTensor`, as of all formats", idle=_IDLE)
    def make(arg1: Any, shape: Any = None) -> SparseTensor:
        """Return a sparse matrix."""
        matrix = name.endswith("matrix")
        if isinstance(arg1, SparseTensor):
            return SparseTensor(arg1.data, arg1.rows, arg1.columns, arg1.shape, matrix)
        if isinstance(arg1, tuple) and len(arg1) == 2:
            data, (rows, columns) = arg1
            rows, columns = (np.asarray(i, int) for i in (rows, columns))
        elif isinstance(arg1, tuple) and len(arg1) == 3 and compressed:
            data, indices, indptr = arg1
            indices, indptr = np.asarray(indices, int), np.asarray(indptr, int)
            lines = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
            rows, columns = (lines, indices) if compressed == "csr" else (indices, lines)
            if shape is None:
                other = int(indices.max(initial=-1)) + 1
                shape = (len(indptr) - 1, other)
                shape = shape if compressed == "csr" else shape[::-1]
        else:
            full = as_sparse(arg1)
            return SparseTensor(full.data, full.rows, full.columns, full.shape, matrix)
        if shape is None:
            shape = [int(i.max(initial=-1)) + 1 for i in (rows, columns)]
        return SparseTensor(np.ravel(as_array(data)), rows, columns, shape, matrix)

    return make


coo_array, csr_array, csc_array = map(_constructor, ("coo_array", "csr_array", "csc_array"))
coo_matrix, csr_matrix, csc_matrix = map(_constructor, ("coo_matrix", "csr_matrix", "csc_matrix"))


def _diagonals(diagonals: Any, offsets: Any, shape: Any, matrix: bool) -> SparseTensor:
    """Return the matrix of some diagonals."""
    if np.ndim(offsets) == 0:
        alone = len(diagonals) == 0 or np.ndim(diagonals[0]) == 0
        diagonals = [diagonals] if alone else diagonals
        offsets = [offsets]
    diagonals = [np.atleast_1d(as_array(d)) for d in diagonals]
    offsets = [int(k) for k in np.atleast_1d(offsets)]
    if len(diagonals) != len(offsets):
        raise ValueError("Different number of diagonals and offsets.")
    if shape is None:
        size = int(np.size(diagonals[0])) + abs(offsets[0])
        shape = (size, size)
    m, n = shape
    data, rows, columns = [], [], []
    for d, k in zip(diagonals, offsets, strict=True):
        first = max(-k, 0)
        length = min(m - first, n - max(k, 0))
        if length < 0 or (np.size(d) not in (1, length)):
            raise ValueError(
                f"Diagonal length (index {k}: {np.size(d)} at offset {k}) does not agree with "
                f"array size ({m}, {n})."
            )
        data.append(np.broadcast_to(d, (length,)))
        rows.append(np.arange(first, first + length))
        columns.append(rows[-1] + k)
    places = np.concatenate(rows), np.concatenate(columns)
    return SparseTensor(np.concatenate(data), *places, shape, matrix)


@stands_for("scipy.sparse.diags", limits="a `SparseTensor`", idle=_IDLE)
def diags(diagonals: Any, offsets: Any = 0, shape: Any = None) -> SparseTensor:
    """Return the matrix of some diagonals."""
    return _diagonals(diagonals, offsets, shape, True)


@stands_for("scipy.sparse.diags_array", limits="a `SparseTensor`", idle=_IDLE)
def diags_array(diagonals: Any, *, offsets: Any = 0, shape: Any = None) -> SparseTensor:
    """Return the array of some diagonals."""
    return _diagonals(diagonals, offsets, shape, False)


def _blocks(rows: Sequence[Sequence[Any]]) -> SparseTensor:
    """Return the matrix of blocks, None for zeros."""
    made = [[None if b is None else as_sparse(b) for b in row] for row in rows]
    heights = [_common([b.shape[0] for b in row if b is not None], "row") for row in made]
    widths = [
        _common([b.shape[1] for row in made if (b := row[j]) is not None], "column")
        for j in range(len(made[0]))
    ]
    data: list[Array] = []
    places: list[tuple[Any, Any]] = []
    for i, row in enumerate(made):
        for j, block in enumerate(row):
            if block is not None:
                data.append(block.data)
                places.append((block.rows + sum(heights[:i]), block.columns + sum(widths[:j])))
    joined = [np.concatenate(parts) for parts in zip(*places, strict=True)]
    matrix = any(b is not None and b.is_matrix for row in made for b in row)
    return SparseTensor(
        np.concatenate(data), joined[0], joined[1], (sum(heights), sum(widths)), matrix
    )


def _common(lengths: list[int], what: str) -> int:
    if len(set(lengths)) != 1:
        raise ValueError(f"blocks of one {what} have lengths {lengths}: they must be the same")
    return lengths[0]


@stands_for("scipy.sparse.hstack", limits="a `SparseTensor`", idle=_IDLE)
def hstack(blocks: Any) -> SparseTensor:
    """Return matrices side by side."""
    return _blocks([list(blocks)])


@stands_for("scipy.sparse.vstack", limits="a `SparseTensor`", idle=_IDLE)
def vstack(blocks: Any) -> SparseTensor:
    """Return matrices one below the other."""
    return _blocks([[b] for b in blocks])


@stands_for("scipy.sparse.bmat", limits="a `SparseTensor`", idle=_IDLE)
def bmat(blocks: Any) -> SparseTensor:
    """Return the matrix of blocks."""
    return _blocks(blocks)


@stands_for("scipy.sparse.block_array", limits="a `SparseTensor`", idle=_IDLE)
def block_array(blocks: Any) -> SparseTensor:
    """Return the array of blocks."""
    return _blocks(blocks)


@stands_for("scipy.sparse.block_diag", limits="a `SparseTensor`", idle=_IDLE)
def block_diag(mats: Any) -> SparseTensor:
    """Return the matrix with the given blocks along its diagonal."""
    count = len(mats)
    if not count:
        raise refused("scipy.sparse.block_diag", "no block")
    return _blocks([[m if i == j else None for j in range(count)] for i, m in enumerate(mats)])


@stands_for("scipy.sparse.kron", limits="a `SparseTensor`", idle=_IDLE)
def kron(A: Any, B: Any) -> SparseTensor:
    """Return the Kronecker product."""
    a, b = as_sparse(A), as_sparse(B)
    data = np.ravel(np.expand_dims(a.data, 1) * b.data)
    rows = (a.rows[:, None] * b.shape[0] + b.rows).reshape(-1)
    columns = (a.columns[:, None] * b.shape[1] + b.columns).reshape(-1)
    shape = (a.shape[0] * b.shape[0], a.shape[1] * b.shape[1])
    return SparseTensor(data, rows, columns, shape, a.is_matrix or b.is_matrix)
