"""Rules of products with sparse matrices of `scipy.sparse`, and of systems of equations.

The numbers of a matrix are an operand; where they stand is its `Pattern`, which has no derivative.
This module needs SciPy: it is imported when a sparse matrix first meets a tensor.
"""

import weakref
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from autodiff.core.constants import fingerprint
from autodiff.core.primitive import Array, general
from autodiff.core.tensor import Tensor, record
from autodiff.rules.linalg.matrices import recorded

__all__ = ["Pattern", "operate", "parts_of", "product", "solved"]


class Pattern:
    """The places of the numbers of a matrix, row by row."""

    __slots__ = ("indices", "indptr", "shape")

    def __init__(self, indices: Any, indptr: Any, shape: tuple[int, int]) -> None:
        self.indices, self.indptr, self.shape = indices, indptr, shape

    @property
    def rows(self) -> Any:
        """The row of each number."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    def matrix(self, data: Array) -> Any:
        """Return the matrix of SciPy."""
        return sp.csr_array(
            (np.ascontiguousarray(data), self.indices, self.indptr), shape=self.shape
        )


#: By identity of a matrix: it, numbers that change with its pattern, and the pattern. Without this
#: every product would keep copies of its own.
_patterns: dict[int, tuple[Any, Any, Pattern]] = {}


def parts_of(matrix: Any) -> tuple[Any, Pattern, bool]:
    """Return the numbers of a sparse matrix, their pattern, and whether it is of the transpose."""
    turned = matrix.format == "csc"
    rows = matrix if matrix.format in ("csr", "csc") else matrix.tocsr()
    if rows.ndim != 2:
        raise ValueError(
            f"a sparse array of {rows.ndim} axes and a tensor arrived; a matrix is needed"
        )
    shape = rows.shape[::-1] if turned else rows.shape
    now = tuple([fingerprint(np.ascontiguousarray(x)) for x in (rows.indices, rows.indptr)])
    known = _patterns.get(id(matrix))
    if known is None or known[0]() is not matrix or known[1] != now:
        # SciPy may sort the numbers of a matrix in place at any time: a copy of the pattern stays.
        pattern = Pattern(rows.indices.copy(), rows.indptr.copy(), shape)
        key = id(matrix)
        gone = weakref.ref(matrix, lambda _: _patterns.pop(key, None))
        _patterns[key] = known = gone, now, pattern
    data = rows.data if rows.data.dtype.kind in "fc" else rows.data.astype(float)
    return data, known[2], turned


@recorded("sparse product", True)
def _product(data: Array, x: Array, *, pattern: Pattern, turned: bool) -> Array:
    matrix = pattern.matrix(data)
    return (matrix.T if turned else matrix) @ x


def product(data: Array, x: Array, pattern: Pattern, turned: bool) -> Array:
    """Return the product of a sparse matrix, or its transpose, with a vector or matrix."""
    return record(PRODUCT, (data, x), {"pattern": pattern, "turned": turned})


def _pairs(left: Array, right: Array, pattern: Pattern, turned: bool) -> Array:
    """Return for each number of a matrix the product of rows of `left` and `right` that meet."""
    rows, columns = pattern.rows, pattern.indices
    if turned:
        rows, columns = columns, rows
    both = np.take(left, rows, axis=0) * np.take(right, columns, axis=0)
    return np.sum(both, axis=1) if np.ndim(both) == 2 else both


#: Two numbers of the first stand in one place.
_WIDE = Pattern(np.array([0, 2, 1, 1]), np.array([0, 2, 4]), (2, 3))
_SQUARE = Pattern(np.array([0, 1, 1]), np.array([0, 2, 3]), (2, 2))
PRODUCT = general(
    "sparse product",
    _product,
    [
        lambda g, out, data, x, *, pattern, turned: _pairs(g, x, pattern, turned),
        lambda g, out, data, x, *, pattern, turned: product(data, g, pattern, not turned),
    ],
    [
        lambda d, out, data, x, *, pattern, turned: product(d, x, pattern, turned),
        lambda d, out, data, x, *, pattern, turned: product(data, d, pattern, turned),
    ],
    complex=True,
    examples=[
        (((4,), (3,)), {"pattern": _WIDE, "turned": False}),
        (((4,), (2, 2)), {"pattern": _WIDE, "turned": True}),
    ],
)


@recorded("sparse solve", True)
def _solved(data: Array, b: Array, *, pattern: Pattern, turned: bool) -> Array:
    matrix = pattern.matrix(data)
    # The columns of the transpose are the rows, which are at hand.
    matrix = matrix.T if turned else matrix.tocsc()
    return spsolve(matrix, np.ascontiguousarray(b)).reshape(b.shape)


def solved(data: Array, b: Array, pattern: Pattern, turned: bool) -> Array:
    """Return the solution of a system whose matrix is sparse, or that of its transpose."""
    return record(SOLVE, (data, b), {"pattern": pattern, "turned": turned})


SOLVE = general(
    "sparse solve",
    _solved,
    [
        lambda g, out, data, b, *, pattern, turned: (
            -_pairs(solved(data, g, pattern, not turned), out, pattern, turned)
        ),
        lambda g, out, data, b, *, pattern, turned: solved(data, g, pattern, not turned),
    ],
    [
        lambda d, out, data, b, *, pattern, turned: (
            -solved(data, product(d, out, pattern, turned), pattern, turned)
        ),
        lambda d, out, data, b, *, pattern, turned: solved(data, d, pattern, turned),
    ],
    draw=lambda rng, data, b: [rng.uniform(1.0, 2.0, size=data), rng.normal(size=b)],
    complex=True,
    examples=[
        (((3,), (2,)), {"pattern": _SQUARE, "turned": False}),
        (((3,), (2, 2)), {"pattern": _SQUARE, "turned": True}),
    ],
)


def multiplied(matrix: Any, x: Any) -> Array:
    """Return a constant sparse matrix times a vector or matrix of tensors."""
    if x.ndim not in (1, 2):
        raise ValueError(
            f"a sparse matrix times a tensor of shape {x.shape}: 1 or 2 axes are needed"
        )
    if x.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"matmul: dimension mismatch with signature (n,k={matrix.shape[1]}),"
            f"(k={x.shape[0]},1?)->(n,1?)"
        )
    data, pattern, turned = parts_of(matrix)
    return product(data, x, pattern, turned)


def operate(ufunc: np.ufunc, left: Any, right: Any) -> Any:
    """Return the result of an operator between a tensor and a sparse matrix."""
    times = ufunc is np.matmul
    if ufunc is np.multiply:
        # To matrices, unlike arrays, the operator is that of the product.
        times = isinstance(left if type(right) is Tensor else right, sp.spmatrix)
    if times:
        if type(left) is Tensor:
            return np.transpose(multiplied(right.T, np.transpose(left)))
        return multiplied(left, right)
    dense = [x if type(x) is Tensor else x.toarray() for x in (left, right)]
    return ufunc(*dense)
