"""The sparse matrix whose numbers are a tensor."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from autodiff.core.primitive import Array
from autodiff.errors import Undifferentiable
from autodiff.rules.operands import as_array
from autodiff.rules.sparse import Pattern, product
from autodiff.scipy.entries import has_tensor

__all__ = ["SparseTensor", "as_sparse"]


class SparseTensor:
    """A matrix given by numbers and their rows and columns; what stands twice is added.

    Parameters
    ----------
    data : tensor or array
        The numbers, along one axis.
    rows, columns : array of int
        Where they stand.
    shape : tuple of int
        Of the matrix.
    matrix : bool
        Whether ``*`` is the product of matrices, as of SciPy's matrices, unlike its arrays.
    """

    #: NumPy leaves operators with arrays to this class.
    __array_ufunc__ = None
    holds_tensors = True
    ndim = 2

    def __init__(
        self, data: Array, rows: Any, columns: Any, shape: Any, matrix: bool = False
    ) -> None:
        self.data, self.rows, self.columns = data, np.asarray(rows), np.asarray(columns)
        self.shape: tuple[int, int] = (int(shape[0]), int(shape[1]))
        self.is_matrix = matrix
        for places, length, what in (
            (self.rows, self.shape[0], "row"),
            (self.columns, self.shape[1], "column"),
        ):
            if places.size and (places.max() >= length or places.min() < 0):
                raise ValueError(f"{what} index exceeds matrix dimensions: shape {self.shape}")

    def __repr__(self) -> str:
        return f"<sparse {self.dtype} tensor of shape {self.shape}, {self.nnz} stored>"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the numbers."""
        dtype: np.dtype[Any] = self.data.dtype
        return dtype

    @property
    def nnz(self) -> int:
        """Number of numbers that are stored."""
        return int(np.size(self.data))

    @property
    def T(self) -> "SparseTensor":  # noqa: N802 (the name is NumPy's)
        """The transposed matrix."""
        return SparseTensor(self.data, self.columns, self.rows, self.shape[::-1], self.is_matrix)

    def transpose(self) -> "SparseTensor":
        """Return the transposed matrix."""
        return self.T

    def _same(self, *args: Any, **kwargs: Any) -> "SparseTensor":
        """Return the matrix: formats and copies are the same."""
        return self

    copy = tocsr = tocsc = tocoo = todia = tolil = todok = asformat = _same

    def row_by_row(self) -> tuple[Array, Pattern]:
        """Return the numbers row by row, and their pattern."""
        order = np.lexsort((self.columns, self.rows))
        counts = np.bincount(self.rows, minlength=self.shape[0])
        indptr = np.concatenate([[0], np.cumsum(counts)])
        return np.take(self.data, order), Pattern(self.columns[order], indptr, self.shape)

    def toarray(self) -> Array:
        """Return the matrix with all its numbers."""
        places = self.rows * self.shape[1] + self.columns
        size = self.shape[0] * self.shape[1]
        return np.reshape(_added(self.data, places, size), self.shape)

    todense = toarray

    def dot(self, other: Any) -> Any:
        """Return the product with a vector or a matrix."""
        return self @ other

    def __matmul__(self, other: Any) -> Any:
        if sp.issparse(other) or isinstance(other, SparseTensor):
            return _of_both(self, as_sparse(other))
        other = as_array(other)
        if np.ndim(other) not in (1, 2) or np.shape(other)[0] != self.shape[1]:
            raise ValueError(f"matmul: shapes {self.shape} and {np.shape(other)} do not align")
        data, pattern = self.row_by_row()
        return product(data, other, pattern, False)

    def __rmatmul__(self, other: Any) -> Any:
        if sp.issparse(other):
            return _of_both(as_sparse(other), self)
        return np.transpose(self.T @ np.transpose(as_array(other)))

    def _with(self, data: Array) -> "SparseTensor":
        return SparseTensor(data, self.rows, self.columns, self.shape, self.is_matrix)

    def multiply(self, other: Any) -> "SparseTensor":
        """Return the products of elements with those of an array that broadcasts."""
        if sp.issparse(other) or isinstance(other, SparseTensor):
            other = as_sparse(other).toarray()
        other = as_array(other)
        if np.ndim(other) == 0:
            return self._with(self.data * other)
        wide = np.broadcast_to(other, self.shape)
        return self._with(self.data * wide[self.rows, self.columns])

    def __mul__(self, other: Any) -> Any:
        if self.is_matrix and np.ndim(other):
            return self @ other
        return self.multiply(other)

    def __rmul__(self, other: Any) -> Any:
        if self.is_matrix and np.ndim(other):
            return other @ self
        return self.multiply(other)

    def __truediv__(self, other: Any) -> Any:
        if sp.issparse(other) or isinstance(other, SparseTensor):
            return self.toarray() / as_sparse(other).toarray()
        return self.multiply(1.0 / as_array(other))

    def __neg__(self) -> "SparseTensor":
        return self._with(-self.data)

    def __add__(self, other: Any) -> Any:
        if sp.issparse(other) or isinstance(other, SparseTensor):
            other = as_sparse(other)
            if other.shape != self.shape:
                raise ValueError(f"inconsistent shapes: {self.shape} and {other.shape}")
            return SparseTensor(
                np.concatenate([self.data, other.data]),
                np.concatenate([self.rows, other.rows]),
                np.concatenate([self.columns, other.columns]),
                self.shape,
                self.is_matrix,
            )
        if np.ndim(other) == 0 and not has_tensor(other) and other == 0:
            return self
        return self.toarray() + other

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def sum(self, axis: Any = None) -> Array:
        """Return the sum of all numbers, or along an axis."""
        if axis is None:
            return np.sum(self.data)
        places, length = (
            (self.columns, self.shape[1]) if axis in (0, -2) else (self.rows, self.shape[0])
        )
        sums = _added(self.data, places, length)
        if self.is_matrix:
            return sums[None] if axis in (0, -2) else sums[:, None]
        return sums

    def diagonal(self, k: int = 0) -> Array:
        """Return a diagonal."""
        on = np.flatnonzero(self.columns - self.rows == k)
        first = max(-k, 0)
        length = min(self.shape[0] - first, self.shape[1] - max(k, 0))
        return _added(np.take(self.data, on), self.rows[on] - first, max(length, 0))

    def trace(self) -> Array:
        """Return the sum of the diagonal."""
        return np.sum(self.diagonal())

    def __getitem__(self, index: Any) -> Any:
        raise Undifferentiable(
            "scipy.sparse: elements of a sparse matrix of tensors cannot be picked: use "
            ".toarray()[...]"
        )


def _added(data: Array, places: Any, length: int) -> Array:
    """Return sums of the numbers that belong to each place."""
    if not length:
        return np.zeros(0)
    count = int(np.size(data))
    order = np.argsort(places, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(places, minlength=length))])
    return product(np.ones(count), data, Pattern(order, indptr, (length, count)), False)


def as_sparse(x: Any) -> SparseTensor:
    """Return a sparse matrix of SciPy, or a full one, as numbers with their places."""
    if isinstance(x, SparseTensor):
        return x
    if sp.issparse(x):
        coo = x.tocoo()
        if isinstance(coo, SparseTensor):
            return coo
        return SparseTensor(coo.data, coo.row, coo.col, coo.shape, isinstance(x, sp.spmatrix))
    x = np.atleast_2d(as_array(x))
    rows, columns = (i.reshape(-1) for i in np.indices(np.shape(x)))
    return SparseTensor(np.reshape(x, (-1,)), rows, columns, np.shape(x))


def _of_both(left: SparseTensor, right: SparseTensor) -> SparseTensor:
    """Return the product of sparse matrices: of all pairs of numbers that meet."""
    if left.shape[1] != right.shape[0]:
        raise ValueError(f"matmul: shapes {left.shape} and {right.shape} do not align")
    order = np.argsort(right.rows, kind="stable")
    counts = np.bincount(right.rows, minlength=right.shape[0])
    starts = np.cumsum(counts) - counts
    # For each number of the left those of the row of the right that it meets.
    met = counts[left.columns]
    first = np.repeat(np.arange(left.nnz), met)
    within = np.arange(len(first)) - np.repeat(np.cumsum(met) - met, met)
    second = order[starts[left.columns[first]] + within] if len(first) else first
    data = np.take(left.data, first) * np.take(right.data, second)
    shape = (left.shape[0], right.shape[1])
    places = left.rows[first], right.columns[second]
    return SparseTensor(data, *places, shape, left.is_matrix or right.is_matrix)
