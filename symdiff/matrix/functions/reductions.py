"""Reductions: sums, means, variances, extremes, norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symdiff.matrix import construct
from symdiff.matrix.array import FUNCTIONS, MatrixArray, as_node
from symdiff.matrix.construct import make
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.shapes import normalise_axes, reshaped, shown
from symdiff.tracing.composed import norm


def _sum(graph: Graph, a: Any, axis: Any = None, keepdims: bool = False) -> Node:
    a = as_node(graph, a)
    return construct.total(a, normalise_axes(axis, a.ndim, "sum"), bool(keepdims))


def _mean(graph: Graph, a: Any, axis: Any = None, keepdims: bool = False) -> Node:
    a = as_node(graph, a)
    axes = normalise_axes(axis, a.ndim, "mean")
    size = construct.count(graph, [a.shape[k] for k in axes])
    return construct.divide(construct.total(a, axes, bool(keepdims)), size)


def _deviations(
    graph: Graph, a: Any, axis: Any, ddof: int, name: str
) -> tuple[Node, tuple[int, ...], Node]:
    """Return the differences to the mean, the axes, and the degrees of freedom."""
    a = as_node(graph, a)
    axes = normalise_axes(axis, a.ndim, name)
    centred = construct.subtract(a, _mean(graph, MatrixArray(a), axes, True))
    size = construct.count(graph, [a.shape[k] for k in axes])
    return centred, axes, construct.subtract(size, graph.number(ddof))


def _var(graph: Graph, a: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Node:
    centred, axes, freedom = _deviations(graph, a, axis, ddof, "var")
    squares = construct.total(construct.elementwise("square", centred), axes, bool(keepdims))
    return construct.divide(squares, freedom)


def _std(graph: Graph, a: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Node:
    centred, axes, freedom = _deviations(graph, a, axis, ddof, "std")
    # The norm has a derivative by convention where all elements are equal.
    length = make("norm", centred, params=(axes, bool(keepdims)))
    return construct.divide(length, make("sqrt", freedom))


def _extreme(op: str) -> Callable[..., Node]:
    def extreme(graph: Graph, a: Any, axis: Any = None, keepdims: bool = False) -> Node:
        a = as_node(graph, a)
        axes = normalise_axes(axis, a.ndim, op)
        return make(op, a, params=(axes, bool(keepdims))) if axes else a

    return extreme


def _running(op: str, axis: int | None = None) -> Callable[..., Node]:
    """Return the function of an operation along one axis; its default."""

    def running(graph: Graph, a: Any, axis: int | None = axis) -> Node:
        a = as_node(graph, a)
        if axis is None or not a.ndim:
            a, axis = construct.reshape(a, reshaped(a.shape, (-1,))), 0
        (along,) = normalise_axes(axis, a.ndim, op)
        return make(op, construct.as_number(a), params=(along,))

    return running


def _norm(graph: Graph, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    a = as_node(graph, x)
    axes = normalise_axes(axis, a.ndim, "norm")
    if (ord != 2 or len(axes) != 1) and (ord not in (None, "fro") or (len(axes) == 1 and ord)):
        return norm(MatrixArray(a), ord, axis, keepdims)
    if axis is None and a.ndim > 2 and ord is not None:
        raise ValueError(f"norm: ord={ord!r} needs an axis for an array of shape {shown(a.shape)}")
    return make("norm", a, params=(axes, bool(keepdims)))


FUNCTIONS.update(
    {
        np.sum: _sum,
        np.mean: _mean,
        np.var: _var,
        np.std: _std,
        np.max: _extreme("max"),
        np.min: _extreme("min"),
        np.amax: _extreme("max"),
        np.amin: _extreme("min"),
        np.linalg.norm: _norm,
        np.prod: _extreme("prod"),
        np.cumsum: _running("cumsum"),
        np.cumprod: _running("cumprod"),
        np.sort: _running("sort", -1),
    }
)
