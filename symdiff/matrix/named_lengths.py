"""Arrays that NumPy makes of lengths, where a length has a name and no number yet.

``np.eye(X.shape[0])`` asks the length for an integer and does not dispatch. Then the function is
called once more as a copy, in which its name for NumPy leads to constructors that take such
lengths.
"""

import types
from collections.abc import Callable
from typing import Any

import numpy as np

from symdiff.matrix import construct
from symdiff.matrix.array import MatrixArray, NamedLength
from symdiff.matrix.lengths import as_length
from symdiff.tracing.copies import copied

__all__ = ["call_with_named_lengths"]


def _length(n: Any) -> Any:
    """Return a number or the name of a length, as shapes hold them."""
    found = as_length(n.node) if isinstance(n, MatrixArray) else None
    return n if found is None else found


def _lengths(shape: Any) -> tuple[Any, ...]:
    return tuple(map(_length, shape)) if isinstance(shape, tuple | list) else (_length(shape),)


def _graph_of(*lengths: Any) -> Any:
    """Return the graph of the first length that has a name, or None."""
    return next((n.node.graph for n in lengths if isinstance(n, MatrixArray)), None)


def _eye(N: Any, M: Any = None, k: int = 0, dtype: Any = float) -> Any:
    graph = _graph_of(N, M)
    if graph is None:
        return np.eye(N, M, k, dtype)
    if (M is not None and _length(M) != _length(N)) or k != 0:
        raise NamedLength(
            f"np.eye: {_length(N)} rows, {_length(N if M is None else M)} columns and k={k} "
            "arrived; of named lengths the identity alone is known: np.eye(n)"
        )
    return MatrixArray(graph.eye(_length(N)))


def _identity(n: Any, dtype: Any = float) -> Any:
    return _eye(n, dtype=dtype)


def _full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    graph = _graph_of(*(shape if isinstance(shape, tuple | list) else (shape,)))
    if graph is None:
        return np.full(shape, fill_value, dtype)
    value = fill_value.node if isinstance(fill_value, MatrixArray) else graph.number(fill_value)
    return MatrixArray(construct.broadcast(value, _lengths(shape)))


def _zeros(shape: Any, dtype: Any = float) -> Any:
    return _full(shape, 0.0, dtype)


def _ones(shape: Any, dtype: Any = float) -> Any:
    return _full(shape, 1.0, dtype)


_CONSTRUCTORS: dict[Any, Callable[..., Any]] = {
    np.eye: _eye,
    np.identity: _identity,
    np.full: _full,
    np.zeros: _zeros,
    np.empty: _zeros,
    np.ones: _ones,
}


class _NumPy:
    """NumPy, with constructors that take named lengths."""

    def __getattr__(self, name: str) -> Any:
        return _in_place_of(getattr(np, name))


def _in_place_of(x: Any) -> Any:
    """Return the stand-in for NumPy or a constructor of it, anything else unchanged."""
    if x is np:
        return _NumPy()
    made = isinstance(x, types.FunctionType | types.BuiltinFunctionType)
    return _CONSTRUCTORS.get(x, x) if made else x


def call_with_named_lengths(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a copy of a function for which NumPy is `_NumPy`."""
    return copied(f, _in_place_of)
