"""Functions that move or repeat elements, and those of the shape alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symdiff.matrix import construct
from symdiff.matrix.array import FUNCTIONS, VIEWS, MatrixArray, as_node
from symdiff.matrix.construct import make
from symdiff.matrix.lengths import as_length
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.shapes import Length, normalise_axes, reshaped, shown


def _lengths(graph: Graph, shape: Any) -> list[Length]:
    """Return a shape as the user gave it: numbers, and traced scalars that are lengths."""
    entries = shape if isinstance(shape, (tuple, list)) else (shape,)
    result: list[Length] = []
    for entry in entries:
        if isinstance(entry, MatrixArray):
            length = as_length(entry.node)
            if length is None:
                refuse("a shape computed from named lengths", "add and subtract them only")
            result.append(length)
        else:
            result.append(int(entry))
    return result


def _reshape(graph: Graph, a: Any, shape: Any = None, order: str = "C") -> Node:
    a = as_node(graph, a)
    if order != "C":
        refuse(f"np.reshape(order={order!r})", "transpose before and after")
    return construct.reshape(a, reshaped(a.shape, _lengths(graph, shape)))


def _ravel(graph: Graph, a: Any) -> Node:
    return _reshape(graph, a, -1)


def _broadcast_to(graph: Graph, a: Any, shape: Any) -> Node:
    return construct.broadcast(as_node(graph, a), tuple(_lengths(graph, shape)))


def _transpose(graph: Graph, a: Any, axes: Any = None) -> Node:
    a = as_node(graph, a)
    return construct.transpose(a, None if axes is None else [k % a.ndim for k in axes])


def _swapaxes(graph: Graph, a: Any, first: int, second: int) -> Node:
    a = as_node(graph, a)
    axes = list(range(a.ndim))
    axes[first], axes[second] = axes[second], axes[first]
    return construct.transpose(a, axes)


def _moveaxis(graph: Graph, a: Any, source: int, destination: int) -> Node:
    a = as_node(graph, a)
    axes = [k for k in range(a.ndim) if k != source % a.ndim]
    axes.insert(destination % a.ndim, source % a.ndim)
    return construct.transpose(a, axes)


def _expand_dims(graph: Graph, a: Any, axis: Any) -> Node:
    a = as_node(graph, a)
    count = len(axis) if isinstance(axis, tuple) else 1
    axes = normalise_axes(axis, a.ndim + count, "expand_dims")
    left = iter(a.shape)
    return construct.reshape(
        a, tuple(1 if k in axes else next(left) for k in range(a.ndim + count))
    )


def _squeeze(graph: Graph, a: Any, axis: Any = None) -> Node:
    a = as_node(graph, a)
    if axis is None:
        if any(isinstance(n, str) for n in a.shape):
            refuse("np.squeeze without axis on named lengths", "name the axis")
        return construct.reshape(a, tuple(n for n in a.shape if n != 1))
    axes = normalise_axes(axis, a.ndim, "squeeze")
    if any(a.shape[k] != 1 for k in axes):
        raise ValueError(f"squeeze: shape {shown(a.shape)} has no length 1 at axis {axis}")
    return construct.reshape(a, tuple(n for k, n in enumerate(a.shape) if k not in axes))


def _diag(graph: Graph, a: Any) -> Node:
    a = as_node(graph, a)
    return make("diagonal" if a.ndim == 2 else "diag", a)


def _fill_diagonal(graph: Graph, a: Any, val: Any) -> None:
    """Write a value, or one for each row, into the diagonal of a traced matrix."""
    if not isinstance(a, MatrixArray):
        refuse("np.fill_diagonal of an array of numbers", "write into np.zeros_like(x) or x.copy()")
    node, value = a.node, construct.as_number(as_node(graph, val))
    if node.ndim != 2 or node.shape[0] != node.shape[1]:
        refuse(f"np.fill_diagonal of an array of shape {shown(node.shape)}", "take a square matrix")
    on = make("not_equal", graph.eye(node.shape[0]), graph.number(0))
    a.overwrite(make("where", on, value, node), "fill_diagonal")


def _triangle(op: str) -> Callable[..., Node]:
    def triangle(graph: Graph, m: Any, k: int = 0) -> Node:
        node = as_node(graph, m)
        if node.ndim < 2:
            refuse(f"np.{op} of a vector", "give it a matrix")
        return make(op, node, params=(k,))

    return triangle


FUNCTIONS.update(
    {
        np.reshape: _reshape,
        np.ravel: _ravel,
        np.broadcast_to: _broadcast_to,
        np.transpose: _transpose,
        np.matrix_transpose: lambda graph, x: construct.swap(as_node(graph, x)),
        np.swapaxes: _swapaxes,
        np.moveaxis: _moveaxis,
        np.expand_dims: _expand_dims,
        np.squeeze: _squeeze,
        np.real: lambda graph, val: as_node(graph, val),
        np.diag: _diag,
        np.diagonal: lambda graph, a: make("diagonal", as_node(graph, a)),
        np.fill_diagonal: _fill_diagonal,
        np.tril: _triangle("tril"),
        np.triu: _triangle("triu"),
        np.shape: lambda graph, a: MatrixArray(as_node(graph, a)).shape,
        np.ndim: lambda graph, a: as_node(graph, a).ndim,
        np.size: lambda graph, a: MatrixArray(as_node(graph, a)).size,
    }
)
VIEWS.update(
    {
        np.reshape,
        np.ravel,
        np.broadcast_to,
        np.transpose,
        np.matrix_transpose,
        np.swapaxes,
        np.moveaxis,
        np.expand_dims,
        np.squeeze,
        np.real,
        np.diagonal,
    }
)
