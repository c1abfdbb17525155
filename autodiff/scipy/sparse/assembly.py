"""Sparse matrices that are written into, element by element, as finite elements are assembled."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from autodiff.core.stores import resolved
from autodiff.errors import Undifferentiable
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import add, has_tensor
from autodiff.scipy.sparse.tensors import SparseTensor, as_sparse

__all__ = ["dok_array", "dok_matrix", "lil_array", "lil_matrix"]

#: Methods that give what a matrix is, or holds, in another form.
_READS = (
    *("tocsr", "tocsc", "tocoo", "todia", "asformat", "toarray", "todense", "transpose", "dot"),
    *("multiply", "sum", "diagonal", "trace", "mean"),
    *("__matmul__", "__rmatmul__", "__mul__", "__rmul__", "__truediv__", "__neg__"),
    *("__add__", "__radd__", "__sub__", "__rsub__"),
)


class _Assembled:
    """The further part of a matrix of SciPy's: the tensors that were written into it, by place."""

    shape: tuple[int, int]
    _tensors: dict[tuple[int, int], Any]

    def __init__(self, arg1: Any, *args: Any, **kwargs: Any) -> None:
        # First: SciPy's own constructors write, and copy.
        self._tensors = {}
        super().__init__(resolved(arg1), *args, **kwargs)  # type: ignore[call-arg]  # SciPy's

    @property
    def holds_tensors(self) -> bool:
        """Whether a tensor was written into the matrix."""
        return bool(self._tensors)

    def sparse_tensor(self) -> SparseTensor:
        """Return the matrix with all its numbers, those that are no tensors too."""
        plain = self._plain("tocoo")
        if not self._tensors:
            return as_sparse(plain)
        rows, columns = zip(*self._tensors, strict=True)
        numbers = [as_array(x) for x in self._tensors.values()]
        return SparseTensor(
            np.concatenate([plain.data, np.stack(numbers)]),
            np.concatenate([plain.row, rows]),
            np.concatenate([plain.col, columns]),
            plain.shape,
            isinstance(self, sp.spmatrix),
        )

    def _plain(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Return the result of SciPy's own method for the numbers that are no tensors."""
        tensors, self._tensors = self._tensors, {}
        try:
            return getattr(super(), method)(*args, **kwargs)
        finally:
            self._tensors = tensors

    def copy(self) -> Any:
        """Return a matrix of its own, with the same tensors."""
        made: Any = type(self)(self._plain("tocoo"))
        made._tensors = dict(self._tensors)
        return made

    def tolil(self, copy: bool = False) -> Any:
        """Return the matrix, which can be written into."""
        return self.copy() if copy else self

    todok = tolil

    def setdiag(self, values: Any, k: int = 0) -> None:
        """Write a diagonal."""
        first = np.arange(min(self.shape[0] + min(k, 0), self.shape[1] - max(k, 0)))
        self[first - min(k, 0), first + max(k, 0)] = values

    def _places(self, index: Any) -> tuple[Any, ...]:
        """Return the rows and columns of an index, as SciPy takes it."""
        rows, columns = index if isinstance(index, tuple) else (index, slice(None))
        rows, columns = resolved(rows), resolved(columns)
        m, n = self.shape
        sliced = isinstance(rows, slice), isinstance(columns, slice)
        r, c = np.arange(m)[rows], np.arange(n)[columns]
        if any(sliced):
            # A row or a column, or all that cross.
            return np.broadcast_arrays(np.reshape(r, (-1, 1)), np.reshape(c, (1, -1)))
        return np.broadcast_arrays(r, c)

    def _has_one_axis(self, index: Any) -> bool:
        """Return whether an index picks an array of one axis, as SciPy's arrays have them."""
        parts = index if isinstance(index, tuple) else (index, slice(None))
        axes = [1 if isinstance(part, slice) else np.ndim(part) for part in parts]
        sliced = any(isinstance(part, slice) for part in parts)
        return (sum(axes) if sliced else max(axes)) == 1

    def __getitem__(self, index: Any) -> Any:
        if not self._tensors:
            found = self._plain("__getitem__", index)
            return type(self)(found) if sp.issparse(found) and found.ndim == 2 else found
        rows, columns = self._places(index)
        if not rows.ndim:
            place = int(rows), int(columns)
            if place in self._tensors:
                return self._tensors[place]
            return self._plain("__getitem__", place)
        if not isinstance(self, sp.spmatrix) and self._has_one_axis(index):
            raise Undifferentiable(
                "scipy.sparse: what is picked of a sparse array of tensors along one axis: take a "
                "slice, K[1:2], or K.toarray()[1]"
            )
        rows, columns = np.atleast_2d(rows), np.atleast_2d(columns)
        block = type(self)(rows.shape)
        for place in np.ndindex(*rows.shape):
            block[place] = self[int(rows[place]), int(columns[place])]
        return block

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, SparseTensor) or sp.issparse(value):
            value = value.toarray()
        value = resolved(value)
        if not has_tensor(value):
            if self._tensors:
                rows, columns = self._places(index)
                for place in zip(rows.reshape(-1), columns.reshape(-1), strict=True):
                    self._tensors.pop((int(place[0]), int(place[1])), None)
            self._plain("__setitem__", index, value)
            return
        rows, columns = self._places(index)
        value = np.broadcast_to(as_array(value), rows.shape)
        for place in np.ndindex(*rows.shape):
            where = int(rows[place]), int(columns[place])
            self._tensors[where] = value[place]
            self._plain("__setitem__", where, 0.0)


def _reading(name: str) -> Any:
    """Return a method that is SciPy's own as long as no tensor was written."""

    def read(self: _Assembled, *args: Any, **kwargs: Any) -> Any:
        if self._tensors or has_tensor(args):
            return getattr(self.sparse_tensor(), name)(*args, **kwargs)
        return self._plain(name, *map(resolved, args), **kwargs)

    read.__name__ = name
    return read


for _name in _READS:
    setattr(_Assembled, _name, _reading(_name))


def _writable(name: str) -> Any:
    """Return the class that stands for one of SciPy's that are written into."""
    theirs: type = getattr(sp, name)
    made = type(name, (_Assembled, theirs), {"__doc__": theirs.__doc__, "__module__": __name__})
    limits = "matrices that are written into; what is made of them is a `SparseTensor`"
    return add(f"scipy.sparse.{name}", made, limits=limits)


lil_array, lil_matrix = _writable("lil_array"), _writable("lil_matrix")
dok_array, dok_matrix = _writable("dok_array"), _writable("dok_matrix")
