"""NumPy's functions on traced matrices: a table from each to the operations of the graph."""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from symdiff.matrix import build
from symdiff.matrix.array import MatrixArray, as_node
from symdiff.matrix.build import make
from symdiff.matrix.einsum import einsum
from symdiff.matrix.indexing import take_index
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.shapes import Length, normalise_axes, reshaped, shown

__all__ = ["FUNCTIONS", "UFUNCS", "call_function", "call_ufunc"]


def _unary(op: str) -> Callable[[Node], Node]:
    return lambda x: build.elementwise(op, x)


def _binary(op: str) -> Callable[[Node, Node], Node]:
    return lambda x, y: build.elementwise(op, x, y)


def _truth(x: Node) -> Node:
    """Return a condition: a number holds where it is not zero."""
    return x if x.truth and x.op != "step" else make("not_equal", x, x.graph.number(0))


UFUNCS: dict[np.ufunc, Callable[..., Node]] = {
    np.add: build.add,
    np.subtract: build.subtract,
    np.multiply: build.multiply,
    np.divide: build.divide,
    np.negative: build.negate,
    np.positive: lambda x: x,
    np.power: build.power,
    np.float_power: build.power,
    np.matmul: build.matmul,
    np.reciprocal: lambda x: build.divide(x.graph.number(1), x),
    np.fabs: _unary("absolute"),
    np.logical_not: lambda x: make("logical_not", _truth(x)),
    np.logical_and: lambda x, y: make("logical_and", _truth(x), _truth(y)),
    np.logical_or: lambda x, y: make("logical_or", _truth(x), _truth(y)),
    np.exp2: lambda x: build.elementwise("exp", build.multiply(x.graph.number(math.log(2)), x)),
    np.log2: lambda x: build.divide(build.elementwise("log", x), x.graph.number(math.log(2))),
    np.log10: lambda x: build.divide(build.elementwise("log", x), x.graph.number(math.log(10))),
    np.vecdot: lambda x, y: build.total(build.multiply(x, y), (max(x.ndim, y.ndim) - 1,), False),
    np.matvec: lambda x, y: build.matmul(x, y) if y.ndim == 1 else refuse("np.matvec of stacks"),
    np.vecmat: lambda x, y: build.matmul(x, y) if x.ndim == 1 else refuse("np.vecmat of stacks"),
    **{
        ufunc: _unary(ufunc.__name__)
        for ufunc in (
            np.square,
            np.sqrt,
            np.exp,
            np.expm1,
            np.log,
            np.log1p,
            np.tanh,
            np.sin,
            np.cos,
            np.tan,
            np.sinh,
            np.cosh,
            np.arctan,
            np.arcsinh,
            np.arccosh,
            np.arctanh,
            np.cbrt,
            np.arcsin,
            np.arccos,
            np.absolute,
            np.sign,
        )
    },
    **{
        ufunc: _binary(ufunc.__name__)
        for ufunc in (
            np.maximum,
            np.minimum,
            np.logaddexp,
            np.greater,
            np.greater_equal,
            np.less,
            np.less_equal,
            np.equal,
            np.not_equal,
        )
    },
}


def _unknown(name: str) -> NoReturn:
    """Refuse a function that no table has."""
    known = sorted({f.__name__ for f in UFUNCS} | {f.__name__ for f in FUNCTIONS})
    close = difflib.get_close_matches(name.split(".")[-1], known, n=1)
    hint = f"did you mean np.{close[0]}? " if close else ""
    refuse(name, f"{hint}known are {', '.join(known)}")


def call_ufunc(
    graph: Graph, ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]
) -> MatrixArray:
    """Return a ufunc of traced matrices.

    Examples
    --------
    >>> graph = Graph()
    >>> x = MatrixArray(graph.input("x", (3,)))
    >>> call_ufunc(graph, np.exp, "__call__", [x], {})
    MatrixArray(exp, (3,))
    """
    name = f"np.{ufunc.__name__}"
    kwargs = {k: v for k, v in kwargs.items() if v is not None and not (k == "where" and v is True)}
    if method == "reduce" and ufunc is np.add:
        return MatrixArray(_sum(graph, *inputs, **{"axis": 0, **kwargs}))
    if kwargs:
        refuse(f"{name}({next(iter(kwargs))}=...)", "leave the keyword out")
    operands = [as_node(graph, value) for value in inputs]
    if method == "outer" and ufunc is np.multiply and all(x.ndim == 1 for x in operands):
        return MatrixArray(build.outer(*operands))
    if method != "__call__":
        refuse(f"{name}.{method}")
    if ufunc not in UFUNCS:
        _unknown(name)
    result: Node = UFUNCS[ufunc](*operands)
    return MatrixArray(result)


def call_function(graph: Graph, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Return a NumPy function of traced matrices.

    Examples
    --------
    >>> graph = Graph()
    >>> x = MatrixArray(graph.input("x", ("N", 3)))
    >>> call_function(graph, np.sum, [x], {"axis": 0})
    MatrixArray(sum, (3,))
    """
    module = func.__module__ or "numpy"
    name = f"{'np.linalg' if 'linalg' in module else 'np'}.{func.__name__}"
    entry = FUNCTIONS.get(func)
    if entry is None:
        _unknown(f"{module}.{func.__name__}")
    given = {key: v for key, v in kwargs.items() if v is not None and v is not np._NoValue}
    try:
        result = entry(graph, *args, **given)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        keyword = str(error).split("'")[-2]
        refuse(f"{name}({keyword}=...)", "leave the keyword out")
    return MatrixArray(result) if isinstance(result, Node) else result


# Reductions ---------------------------------------------------------------------------------------


def _sum(graph: Graph, a: Any, axis: Any = None, keepdims: bool = False) -> Node:
    a = as_node(graph, a)
    return build.total(a, normalise_axes(axis, a.ndim, "sum"), bool(keepdims))


def _mean(graph: Graph, a: Any, axis: Any = None, keepdims: bool = False) -> Node:
    a = as_node(graph, a)
    axes = normalise_axes(axis, a.ndim, "mean")
    size = build.count(graph, [a.shape[k] for k in axes])
    return build.divide(build.total(a, axes, bool(keepdims)), size)


def _var(graph: Graph, a: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Node:
    a = as_node(graph, a)
    axes = normalise_axes(axis, a.ndim, "var")
    centred = build.subtract(a, _mean(graph, MatrixArray(a), axes, True))
    size = build.count(graph, [a.shape[k] for k in axes])
    freedom = build.subtract(size, graph.number(ddof))
    squares = build.total(build.elementwise("square", centred), axes, bool(keepdims))
    return build.divide(squares, freedom)


def _std(graph: Graph, a: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Node:
    a = as_node(graph, a)
    axes = normalise_axes(axis, a.ndim, "std")
    centred = build.subtract(a, _mean(graph, MatrixArray(a), axes, True))
    size = build.count(graph, [a.shape[k] for k in axes])
    freedom = build.subtract(size, graph.number(ddof))
    # The norm has a derivative by convention where all elements are equal.
    length = make("norm", centred, params=(axes, bool(keepdims)))
    return build.divide(length, make("sqrt", freedom))


def _extreme(op: str) -> Callable[..., Node]:
    def extreme(graph: Graph, a: Any, axis: Any = None, keepdims: bool = False) -> Node:
        a = as_node(graph, a)
        axes = normalise_axes(axis, a.ndim, op)
        return make(op, a, params=(axes, bool(keepdims))) if axes else a

    return extreme


def _norm(graph: Graph, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Node:
    a = as_node(graph, x)
    axes = normalise_axes(axis, a.ndim, "norm")
    if ord not in (None, "fro") and not (ord == 2 and len(axes) == 1):
        refuse(f"np.linalg.norm(ord={ord!r})", "the Euclidean norm (ord=None) has a rule")
    if axis is None and a.ndim > 2 and ord is not None:
        raise ValueError(f"norm: ord={ord!r} needs an axis for an array of shape {shown(a.shape)}")
    return make("norm", a, params=(axes, bool(keepdims)))


# Products -----------------------------------------------------------------------------------------


def _dot(graph: Graph, a: Any, b: Any) -> Node:
    a, b = as_node(graph, a), as_node(graph, b)
    if not a.shape or not b.shape:
        return build.multiply(a, b)
    if b.ndim > 2:
        refuse("np.dot of a stack", "use @")
    return build.matmul(a, b)


def _inner(graph: Graph, a: Any, b: Any) -> Node:
    a, b = as_node(graph, a), as_node(graph, b)
    if not a.shape or not b.shape:
        return build.multiply(a, b)
    return build.matmul(a, build.transpose(b)) if b.ndim <= 2 else refuse("np.inner of a stack")


def _vdot(graph: Graph, a: Any, b: Any) -> Node:
    a, b = as_node(graph, a), as_node(graph, b)
    if a.shape != b.shape:
        refuse(f"np.vdot of the shapes {shown(a.shape)} and {shown(b.shape)}", "use equal shapes")
    return build.dot(a, b)


def _outer(graph: Graph, a: Any, b: Any) -> Node:
    a, b = as_node(graph, a), as_node(graph, b)
    if a.ndim != 1 or b.ndim != 1:
        refuse("np.outer of matrices", "give it two vectors")
    return build.outer(a, b)


# Movement -----------------------------------------------------------------------------------------


def _lengths(graph: Graph, shape: Any) -> list[Length]:
    """Return a shape as the user gave it: numbers, and traced scalars that are lengths."""
    entries = shape if isinstance(shape, (tuple, list)) else (shape,)
    result: list[Length] = []
    for entry in entries:
        if isinstance(entry, MatrixArray):
            if entry.node.op != "length":
                refuse("a shape computed from named lengths", "give numbers as lengths")
            result.append(entry.node.params[0])
        else:
            result.append(int(entry))
    return result


def _reshape(graph: Graph, a: Any, shape: Any = None, order: str = "C") -> Node:
    a = as_node(graph, a)
    if order != "C":
        refuse(f"np.reshape(order={order!r})", "transpose before and after")
    return build.reshape(a, reshaped(a.shape, _lengths(graph, shape)))


def _ravel(graph: Graph, a: Any) -> Node:
    return _reshape(graph, a, -1)


def _broadcast_to(graph: Graph, a: Any, shape: Any) -> Node:
    return build.broadcast(as_node(graph, a), tuple(_lengths(graph, shape)))


def _transpose(graph: Graph, a: Any, axes: Any = None) -> Node:
    a = as_node(graph, a)
    return build.transpose(a, None if axes is None else [k % a.ndim for k in axes])


def _swapaxes(graph: Graph, a: Any, first: int, second: int) -> Node:
    a = as_node(graph, a)
    axes = list(range(a.ndim))
    axes[first], axes[second] = axes[second], axes[first]
    return build.transpose(a, axes)


def _moveaxis(graph: Graph, a: Any, source: int, destination: int) -> Node:
    a = as_node(graph, a)
    axes = [k for k in range(a.ndim) if k != source % a.ndim]
    axes.insert(destination % a.ndim, source % a.ndim)
    return build.transpose(a, axes)


def _expand_dims(graph: Graph, a: Any, axis: Any) -> Node:
    a = as_node(graph, a)
    count = len(axis) if isinstance(axis, tuple) else 1
    axes = normalise_axes(axis, a.ndim + count, "expand_dims")
    left = iter(a.shape)
    return build.reshape(a, tuple(1 if k in axes else next(left) for k in range(a.ndim + count)))


def _squeeze(graph: Graph, a: Any, axis: Any = None) -> Node:
    a = as_node(graph, a)
    if axis is None:
        if any(isinstance(n, str) for n in a.shape):
            refuse("np.squeeze without axis on named lengths", "name the axis")
        return build.reshape(a, tuple(n for n in a.shape if n != 1))
    axes = normalise_axes(axis, a.ndim, "squeeze")
    if any(a.shape[k] != 1 for k in axes):
        raise ValueError(f"squeeze: shape {shown(a.shape)} has no length 1 at axis {axis}")
    return build.reshape(a, tuple(n for k, n in enumerate(a.shape) if k not in axes))


# Joining, choosing, filling -----------------------------------------------------------------------


def _concatenate(graph: Graph, arrays: Any, axis: int = 0) -> Node:
    nodes = [as_node(graph, value) for value in arrays]
    return make("concatenate", *nodes, params=(axis % nodes[0].ndim,))


def _stack(graph: Graph, arrays: Any, axis: int = 0) -> Node:
    nodes = [as_node(graph, value) for value in arrays]
    rank = nodes[0].ndim + 1
    grown = [_expand_dims(graph, MatrixArray(node), axis % rank) for node in nodes]
    return make("concatenate", *grown, params=(axis % rank,))


def _split(graph: Graph, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[MatrixArray]:
    node = as_node(graph, ary)
    (axis,) = normalise_axes(axis, node.ndim, "split")
    n = node.shape[axis]
    if not isinstance(n, int):
        refuse(f"np.split of the named length {n!r}", "give a number as length")
    if isinstance(indices_or_sections, int):
        if n % indices_or_sections:
            raise ValueError(f"split: length {n} is no multiple of {indices_or_sections}")
        step = n // indices_or_sections
        ends = list(range(step, n, step))
    else:
        ends = [int(k) for k in indices_or_sections]
    before = (slice(None),) * axis
    return [
        MatrixArray(take_index(node, (*before, slice(start, end))))
        for start, end in zip([0, *ends], [*ends, n], strict=True)
    ]


def _vstack(graph: Graph, tup: Any) -> Node:
    nodes = [as_node(graph, value) for value in tup]
    rows = [build.reshape(a, (1, *a.shape)) if a.ndim == 1 else a for a in nodes]
    return make("concatenate", *rows, params=(0,))


def _hstack(graph: Graph, tup: Any) -> Node:
    nodes = [as_node(graph, value) for value in tup]
    return make("concatenate", *nodes, params=(0 if nodes[0].ndim == 1 else 1,))


def _column_stack(graph: Graph, tup: Any) -> Node:
    nodes = [as_node(graph, value) for value in tup]
    columns = [build.reshape(a, (*a.shape, 1)) if a.ndim == 1 else a for a in nodes]
    return make("concatenate", *columns, params=(1,))


def _where(graph: Graph, condition: Any, *branches: Any) -> Node:
    if len(branches) != 2:
        refuse("np.where(condition)", "give it both branches")
    return make("where", *(as_node(graph, value) for value in (condition, *branches)))


def _clip(
    graph: Graph, a: Any, a_min: Any = None, a_max: Any = None, min: Any = None, max: Any = None
) -> Node:
    node = as_node(graph, a)
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if low is not None:
        node = build.elementwise("maximum", node, as_node(graph, low))
    return node if high is None else build.elementwise("minimum", node, as_node(graph, high))


def _filled(value: float) -> Callable[..., Node]:
    def filled(graph: Graph, a: Any) -> Node:
        return build.broadcast(graph.number(value), as_node(graph, a).shape)

    return filled


def _diag(graph: Graph, a: Any) -> Node:
    a = as_node(graph, a)
    return make("diagonal" if a.ndim == 2 else "diag", a)


def _triangle(op: str) -> Callable[..., Node]:
    def triangle(graph: Graph, m: Any, k: int = 0) -> Node:
        node = as_node(graph, m)
        if node.ndim < 2:
            refuse(f"np.{op} of a vector", "give it a matrix")
        return make(op, node, params=(k,))

    return triangle


# Linear algebra -----------------------------------------------------------------------------------


def _of_matrix(op: str) -> Callable[..., Node]:
    return lambda graph, a: make(op, as_node(graph, a))


def _slogdet(graph: Graph, a: Any) -> Any:
    node = as_node(graph, a)
    parts = (MatrixArray(make("signdet", node)), MatrixArray(make("logabsdet", node)))
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


def _matrix_power(graph: Graph, a: Any, n: int) -> Node:
    base = as_node(graph, a)
    if base.ndim != 2 or n < 1:
        refuse(f"np.linalg.matrix_power(n={n})", "use np.linalg.inv, or a power from 1 on")
    result: Node | None = None
    while n:
        if n % 2:
            result = base if result is None else build.matmul(result, base)
        n //= 2
        base = build.matmul(base, base) if n else base
    assert result is not None
    return result


def _multi_dot(graph: Graph, arrays: Any) -> Node:
    nodes = [as_node(graph, value) for value in arrays]
    return functools.reduce(build.matmul, nodes)


def _trace(graph: Graph, a: Any) -> Node:
    return make("trace", as_node(graph, a))


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _sum,
    np.mean: _mean,
    np.average: lambda graph, a, axis=None, keepdims=False: _mean(graph, a, axis, keepdims),
    np.var: _var,
    np.std: _std,
    np.max: _extreme("max"),
    np.min: _extreme("min"),
    np.amax: _extreme("max"),
    np.amin: _extreme("min"),
    np.dot: _dot,
    np.inner: _inner,
    np.vdot: _vdot,
    np.outer: _outer,
    np.einsum: einsum,
    np.reshape: _reshape,
    np.ravel: _ravel,
    np.broadcast_to: _broadcast_to,
    np.transpose: _transpose,
    np.matrix_transpose: lambda graph, x: build.swap(as_node(graph, x)),
    np.swapaxes: _swapaxes,
    np.moveaxis: _moveaxis,
    np.expand_dims: _expand_dims,
    np.squeeze: _squeeze,
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.vstack: _vstack,
    np.hstack: _hstack,
    np.column_stack: _column_stack,
    np.split: _split,
    np.where: _where,
    np.clip: _clip,
    np.zeros_like: _filled(0.0),
    np.ones_like: _filled(1.0),
    np.full_like: lambda graph, a, fill_value: build.broadcast(
        as_node(graph, fill_value), as_node(graph, a).shape
    ),
    np.copy: lambda graph, a: as_node(graph, a),
    np.diag: _diag,
    np.diagonal: lambda graph, a: make("diagonal", as_node(graph, a)),
    np.tril: _triangle("tril"),
    np.triu: _triangle("triu"),
    np.trace: _trace,
    np.linalg.trace: _trace,
    np.linalg.det: _of_matrix("det"),
    np.linalg.slogdet: _slogdet,
    np.linalg.inv: lambda graph, a: build.inverse(as_node(graph, a)),
    np.linalg.solve: _solve,
    np.linalg.cholesky: _of_matrix("cholesky"),
    np.linalg.matrix_power: _matrix_power,
    np.linalg.multi_dot: _multi_dot,
    np.linalg.norm: _norm,
    np.linalg.vector_norm: lambda graph, x, axis=None, keepdims=False: _norm(
        graph, x, None, axis, keepdims
    ),
    np.linalg.matrix_norm: lambda graph, x, keepdims=False: _norm(
        graph, x, "fro", (-2, -1), keepdims
    ),
    np.shape: lambda graph, a: MatrixArray(as_node(graph, a)).shape,
    np.ndim: lambda graph, a: as_node(graph, a).ndim,
    np.size: lambda graph, a: MatrixArray(as_node(graph, a)).size,
}
