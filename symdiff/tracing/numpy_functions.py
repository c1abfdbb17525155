"""The tables of NumPy's array functions: reductions, products and what only moves elements.

A function that only moves elements is NumPy's own, applied to the array of expressions. The
products stand in `symdiff.tracing.products`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdiff.errors import Untraceable, name_of
from symdiff.operations.table import OPERATIONS, row_of
from symdiff.store.dag import Dag, Nodes
from symdiff.tracing import linalg, products
from symdiff.tracing.array import SymbolicArray, map_nodes, nodes_of, note_variables, traced_in
from symdiff.tracing.composed import COMPOSED, composed, norm
from symdiff.tracing.decompositions import DECOMPOSITIONS
from symdiff.tracing.refusals import reason_of
from symdiff.tracing.traced import add_methods

__all__ = ["FUNCTIONS", "REDUCTIONS", "STRUCTURAL", "UFUNC_PRODUCTS", "call"]


# Reductions -------------------------------------------------------------------------------------


def _reduce(form: Callable[..., int], a: Any, axis: Any, keepdims: Any) -> SymbolicArray:
    """Return a formula of all elements along the axes."""
    dag = traced_in(a)
    values = map_nodes(Dag.numeric, dag, nodes_of(dag, a))._nodes
    axes = range(values.ndim) if axis is None else np.atleast_1d(axis).tolist()
    axes = sorted(np.lib.array_utils.normalize_axis_tuple(tuple(axes), values.ndim))
    kept = [k for k in range(values.ndim) if k not in axes]
    shape = tuple(values.shape[k] for k in kept)
    count = math.prod(values.shape[k] for k in axes)
    rows = values.transpose(*kept, *axes).reshape((math.prod(shape), count)).tolist()
    if keepdims is True:
        shape = tuple(1 if k in axes else n for k, n in enumerate(values.shape))
    results = [form(dag, *row) for row in rows]
    return SymbolicArray(dag, np.array(results, dtype=np.int64).reshape(shape))


def _mean_of(dag: Dag, *terms: int) -> int:
    """Return the mean; of nothing it is not a number, as in NumPy."""
    return dag.divide(dag.add(*terms), dag.number(len(terms)))


def _extreme_of(function: str, name: str, dag: Dag, *args: int) -> int:
    """Return the largest or smallest."""
    if not args:
        raise ValueError(f"np.{name}: an empty array has no {name}imum; give it an element")
    return args[0] if len(args) == 1 else dag.apply(function, *args)


def _folded(logic: Callable[..., int]) -> Callable[..., int]:
    """Return the formula that joins all elements, as conditions, by one operation."""

    def form(dag: Dag, *args: int) -> int:
        conditions = map(dag.condition, args)
        return functools.reduce(functools.partial(logic, dag), conditions)

    return form


def _reduction(form: Callable[..., int]) -> Callable[..., SymbolicArray]:
    """Return the NumPy-like function that reduces by a formula."""

    def reduction(a: Any, axis: Any = None, keepdims: Any = False) -> SymbolicArray:
        return _reduce(form, a, axis, keepdims)

    return reduction


_sum, _prod, _mean = map(_reduction, (Dag.add, Dag.multiply, _mean_of))
_max = _reduction(functools.partial(_extreme_of, "maximum", "max"))
_min = _reduction(functools.partial(_extreme_of, "minimum", "min"))
_all = _reduction(_folded(OPERATIONS["logical_and"].form))
_any = _reduction(_folded(OPERATIONS["logical_or"].form))


def _var(a: Any, axis: Any = None, ddof: int = 0, keepdims: Any = False, **kw: Any) -> Any:
    """Return the variance: squares of the differences to the mean."""
    ddof = kw.get("correction", ddof)

    def form(dag: Dag, *terms: int) -> int:
        mean = _mean_of(dag, *terms)
        squares = (dag.square(dag.subtract(term, mean)) for term in terms)
        return dag.divide(dag.add(*squares), dag.number(len(terms) - ddof))

    return _reduce(form, a, axis, keepdims)


def _std(a: Any, axis: Any = None, ddof: int = 0, keepdims: Any = False, **kw: Any) -> Any:
    """Return the standard deviation."""
    return np.sqrt(_var(a, axis, ddof, keepdims, **kw))


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the Euclidean or Frobenius norm."""
    vectors = np.ndim(x) == 1 if axis is None else np.ndim(axis) == 0
    if ord is None or (ord == "fro" and not vectors) or (ord == 2 and vectors):
        return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))
    return norm(x, ord, axis, keepdims)


def _cumulative(form: Callable[..., int]) -> Callable[..., SymbolicArray]:
    """Return the NumPy-like function of running results along an axis."""

    def cumulative(a: Any, axis: int | None = None) -> SymbolicArray:
        dag = traced_in(a)
        values = map_nodes(Dag.numeric, dag, nodes_of(dag, a))._nodes
        if axis is None:
            values, axis = values.reshape(-1), 0
        rows = np.moveaxis(values, axis, 0).copy()
        for position in range(1, len(rows)):
            here, before = slice(position, position + 1), slice(position - 1, position)
            rows[here] = map_nodes(form, dag, rows[before], rows[here])._nodes
        return SymbolicArray(dag, np.moveaxis(rows, 0, axis))

    return cumulative


def _sort(a: Any, axis: int | None = -1, kind: Any = None, *, stable: Any = None) -> Any:
    """Return the elements in their order along an axis, each as the k-th smallest of all."""
    dag = traced_in(a)
    values = map_nodes(Dag.numeric, dag, nodes_of(dag, a))._nodes
    if axis is None:
        values, axis = values.reshape(-1), 0
    lanes = np.moveaxis(values, axis, -1)
    rows = lanes.reshape((-1, lanes.shape[-1])).tolist()
    ordered = [[dag.smallest(k, row) for k in range(len(row))] for row in rows]
    nodes = np.array(ordered, dtype=np.int64).reshape(lanes.shape)
    return SymbolicArray(dag, np.moveaxis(nodes, -1, axis).copy())


def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> SymbolicArray:
    """Return the sum of a diagonal."""
    dag = traced_in(a)
    diagonal = np.diagonal(nodes_of(dag, a), offset, axis1, axis2)
    return _sum(SymbolicArray(dag, diagonal), axis=-1)


# Choices and filled arrays ------------------------------------------------------------------------


def _where(test: Any, *branches: Any) -> SymbolicArray:
    """Return np.where with three arguments."""
    if len(branches) != 2:
        raise Untraceable("np.where(condition): not traceable; give it both branches")

    def form(dag: Dag, p: int, a: int, b: int) -> int:
        return dag.choose(dag.condition(p), dag.numeric(a), dag.numeric(b))

    dag = traced_in(test, *branches)
    return map_nodes(form, dag, *(nodes_of(dag, value) for value in (test, *branches)))


def _clip(a: Any, a_min: Any = None, a_max: Any = None, **kw: Any) -> Any:
    """Return the elements held between two bounds."""
    low, high = kw.get("min", a_min), kw.get("max", a_max)
    if low is not None:
        a = np.maximum(a, low)
    a = a if high is None else np.minimum(a, high)
    return a.copy() if low is None and high is None else a


def _filled(value: Any) -> Callable[..., Any]:
    """Return the NumPy-like function of constant arrays, to whose entries formulas are assigned."""
    return lambda a, **keywords: _full_like(a, value, **keywords)


def _full_like(a: Any, fill_value: Any, shape: Any = None, **_: Any) -> Any:
    """Return a new array filled with one value, which may be traced."""
    dag = traced_in(a, fill_value)
    filled = np.broadcast_to(nodes_of(dag, fill_value), np.shape(a) if shape is None else shape)
    return SymbolicArray(dag, filled.copy(), view=True)


_LIKE = (np.zeros_like, np.ones_like, np.empty_like, np.full_like)

REDUCTIONS: dict[np.ufunc, Callable[..., SymbolicArray]] = {
    np.add: _sum,
    np.multiply: _prod,
    np.maximum: _max,
    np.minimum: _min,
    np.logaddexp: _reduction(lambda dag, *args: dag.log_sum_exp(args)),
}

UFUNC_PRODUCTS: dict[np.ufunc, Callable[..., Any]] = {
    np.matmul: products.matmul,
    np.vecdot: products.vecdot,
}

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _sum,
    np.prod: _prod,
    np.mean: _mean,
    np.max: _max,
    np.amax: _max,
    np.min: _min,
    np.amin: _min,
    np.all: _all,
    np.any: _any,
    np.var: _var,
    np.std: _std,
    np.linalg.norm: _norm,
    np.sort: _sort,
    np.linalg.det: linalg.det,
    np.linalg.inv: linalg.inv,
    np.linalg.solve: linalg.solve,
    np.linalg.slogdet: linalg.slogdet,
    np.linalg.cholesky: linalg.cholesky,
    np.cumsum: _cumulative(Dag.add),
    np.cumprod: _cumulative(Dag.multiply),
    np.dot: products.dot,
    np.inner: products.inner,
    np.outer: products.outer,
    np.vdot: products.vdot,
    np.tensordot: products.tensordot,
    np.einsum: products.einsum,
    np.trace: _trace,
    np.linalg.trace: lambda x, offset=0: _trace(x, offset, -2, -1),
    np.where: _where,
    np.clip: _clip,
    np.ones_like: _filled(1.0),
    np.zeros_like: _filled(0.0),
    np.full_like: _full_like,
    np.empty_like: _filled(0.0),
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a, axis=None: np.size(a._nodes, axis),
    np.copy: lambda a, order="K": a.copy(order),
    np.astype: lambda x, dtype: x.astype(dtype),
    np.real: lambda val: val,
    **DECOMPOSITIONS,
}

STRUCTURAL: tuple[Any, ...] = (
    np.transpose,
    np.permute_dims,
    np.matrix_transpose,
    np.linalg.matrix_transpose,
    np.swapaxes,
    np.moveaxis,
    np.rollaxis,
    np.reshape,
    np.ravel,
    np.squeeze,
    np.expand_dims,
    np.broadcast_to,
    np.broadcast_arrays,
    np.concatenate,
    np.stack,
    np.vstack,
    np.hstack,
    np.dstack,
    np.column_stack,
    np.block,
    np.append,
    np.diag,
    np.diagflat,
    np.diagonal,
    np.linalg.diagonal,
    np.tril,
    np.triu,
    np.atleast_1d,
    np.atleast_2d,
    np.atleast_3d,
    np.flip,
    np.fliplr,
    np.flipud,
    np.rot90,
    np.roll,
    np.tile,
    np.repeat,
    np.take,
    np.delete,
    np.split,
    np.array_split,
    np.hsplit,
    np.vsplit,
    np.unstack,
)


_JOINED = (np.append, np.broadcast_arrays)  # each positional argument is an array, or a constant


def _unwrap(dag: Dag, value: Any, *, constants: bool = False) -> Any:
    """Return an argument with each traced array as its nodes, and constants next to one too."""
    if isinstance(value, SymbolicArray):
        return nodes_of(dag, value)
    if isinstance(value, (list, tuple)) and (constants or _holds_traced(value)):
        return type(value)(_unwrap(dag, item, constants=True) for item in value)
    return nodes_of(dag, value) if constants else value


def _holds_traced(value: Any) -> bool:
    """Return whether a nested sequence holds a traced array."""
    if isinstance(value, (list, tuple)):
        return any(map(_holds_traced, value))
    return isinstance(value, SymbolicArray)


def _wrap(dag: Dag, value: Any) -> Any:
    """Return a result of NumPy on nodes as traced arrays; what it filled with 0 is the number 0."""
    if isinstance(value, (list, tuple)):
        return type(value)(_wrap(dag, item) for item in value)
    return SymbolicArray(dag, value, view=True)


def _move(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Return a function that only moves elements, applied to nodes."""
    dag = traced_in(*args, *kwargs.values())
    if function in _JOINED:
        count = 2 if function is np.append else len(args)
        args = [*(nodes_of(dag, value) for value in args[:count]), *args[count:]]
    else:
        args = [_unwrap(dag, value) for value in args]
    return _wrap(dag, function(*args, **{k: _unwrap(dag, v) for k, v in kwargs.items()}))


def _write(function: Any, target: Any, *args: Any, **keywords: Any) -> None:
    """Write into an array by a function of NumPy's that only moves elements: `np.copyto`, ...

    The last argument without keyword is what is written.
    """
    if not isinstance(target, SymbolicArray):
        raise Untraceable(
            f"np.{function.__name__}: a traced value is to be written into an array of numbers; "
            "write into a traced one, np.zeros_like(x) or x.copy()"
        )
    *where, value = args
    if any(isinstance(entry, SymbolicArray) for entry in (*where, *keywords.values())):
        raise Untraceable(
            f"np.{function.__name__}: where it writes is traced, and not known; use np.where"
        )
    function(target._nodes, *where, target._like_own(value), **keywords)


WRITERS: tuple[Any, ...] = (np.copyto, np.put, np.place, np.putmask, np.fill_diagonal)


def _at(ufunc: np.ufunc, target: Any, index: Any, *values: Any) -> None:
    """Apply an operation in place to the entries of an index, each time that one is named."""
    if not isinstance(target, SymbolicArray):
        raise Untraceable(
            f"np.{ufunc.__name__}.at: a traced value is to be written into an array of numbers; "
            "write into a traced one, np.zeros_like(x) or x.copy()"
        )
    places = np.arange(target.size).reshape(target.shape)[index]
    operands = [np.broadcast_to(nodes_of(target._dag, v), places.shape) for v in values]
    for position in np.ndindex(places.shape):
        entry = np.unravel_index(places[position], target.shape)
        own = SymbolicArray(target._dag, np.asarray(target._nodes[entry]))
        others = (SymbolicArray(target._dag, np.asarray(v[position])) for v in operands)
        target[entry] = ufunc(own, *others)


# Dispatch -----------------------------------------------------------------------------------------

_INSTEAD = {
    "out": "use the returned array",
    "where": "use np.where on the operands",
    "initial": "combine the result with the initial value",
    "dtype": "formulas are real and have no dtype",
    "casting": "formulas are real and have no dtype",
}


def _check_keywords(name: str, kwargs: dict[str, Any]) -> None:
    """Remove keywords that stand at their defaults; refuse those without a symbolic meaning."""
    for key, instead in _INSTEAD.items():
        value = kwargs.pop(key, None)
        if isinstance(value, tuple):  # one for each result
            value = None if all(entry is None for entry in value) else value
        harmless = value is None or value is True or value is np._NoValue
        if key == "dtype" and not harmless:
            harmless = np.issubdtype(np.dtype(value), np.floating)
        if not harmless:
            raise Untraceable(f"{name}({key}=...): not traceable; {instead}")


def _not_known(function: Any) -> str:
    """Return the message for a function that no table has."""
    return reason_of(name_of(function), "not known to the symbolic tracer")


def call(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Return a NumPy function of arguments of which one at least is traced."""
    name = name_of(function)
    if function in _LIKE and not np.issubdtype(kwargs.get("dtype") or float, np.floating):
        shape = np.shape(args[0]) if kwargs.get("shape") is None else kwargs["shape"]
        return function(np.empty(shape), *args[1:], **kwargs)  # numbers, such as a mask
    if function in FUNCTIONS:
        kwargs = dict(kwargs)
        target = kwargs.pop("out", None)
        if target is not None and not isinstance(target, SymbolicArray):
            kwargs["out"] = target
        _check_keywords(name, kwargs)
        result = FUNCTIONS[function](*args, **kwargs)
        return result if target is None else target.overwrite(result, function.__name__)
    if function in WRITERS:
        return _write(function, *args, **kwargs)
    if function in STRUCTURAL:
        return _move(function, args, kwargs)
    if function in COMPOSED:
        kwargs = dict(kwargs)
        _check_keywords(name, kwargs)
        return COMPOSED[function](*args, **kwargs)
    raise Untraceable(_not_known(function))


def _call_function(_: SymbolicArray, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Return a NumPy function that was called with a traced array."""
    note_variables(args)
    return call(function, args, kwargs)


def _call_ufunc(
    _: SymbolicArray, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Return a ufunc, or a method of one, that was called with a traced array."""
    if method == "__call__" and not kwargs:
        note_variables(inputs)
        if ufunc in COMPOSED:
            return composed(ufunc, inputs)
        dag = traced_in(*inputs)
        return _elementwise(ufunc, dag, [nodes_of(dag, value) for value in inputs])
    name = f"np.{ufunc.__name__}"
    target, *others = kwargs.get("out") or (None,)
    if isinstance(target, SymbolicArray) and not others:
        kwargs = {key: value for key, value in kwargs.items() if key != "out"}
        result = _call_ufunc(target, ufunc, method, inputs, kwargs)
        return target.overwrite(result, ufunc.__name__)
    _check_keywords(name if method == "__call__" else f"{name}.{method}", kwargs)
    if method == "at":
        return _at(ufunc, *inputs)
    row = row_of(ufunc) if method == "accumulate" else None
    if row is not None and row.arity[0] == 2:
        return _cumulative(row.form)(*inputs, **{"axis": 0, **kwargs})
    if method == "reduce" and ufunc in REDUCTIONS:
        return REDUCTIONS[ufunc](inputs[0], **{"axis": 0, **kwargs})
    if method == "outer":
        dag = traced_in(*inputs)
        left, right = (nodes_of(dag, value) for value in inputs)
        left = left.reshape(left.shape + (1,) * right.ndim)
        return ufunc(SymbolicArray(dag, left), SymbolicArray(dag, right))
    if method != "__call__":
        reducible = ", ".join(f"np.{known.__name__}" for known in REDUCTIONS)
        raise Untraceable(
            f"{name}.{method}: not traceable; .reduce of {reducible} is, and .outer of every "
            "elementwise operation"
        )
    return _call_ufunc(_, ufunc, method, inputs, {})


def _elementwise(ufunc: np.ufunc, dag: Dag, operands: list[Nodes]) -> SymbolicArray:
    """Return a ufunc of arrays of nodes, by the row of the table that has it."""
    row = row_of(ufunc)
    if row is not None:
        if row.kind == "logic":
            operands = [map_nodes(Dag.condition, dag, operand)._nodes for operand in operands]
        elif dag.has_conditions:
            operands = [map_nodes(Dag.numeric, dag, operand)._nodes for operand in operands]
        return map_nodes(row.form, dag, *operands)
    if ufunc in UFUNC_PRODUCTS:
        arrays = (SymbolicArray(dag, operand) for operand in operands)
        product: SymbolicArray = UFUNC_PRODUCTS[ufunc](*arrays)
        return product
    raise Untraceable(_not_known(ufunc))


SymbolicArray.call_ufunc = _call_ufunc
SymbolicArray.call_function = _call_function
_METHODS = (
    "sum mean prod max min var std cumsum cumprod dot clip trace diagonal repeat take round "
    "argmax argmin argsort argpartition partition nonzero searchsorted choose compress"
)
add_methods(SymbolicArray, _METHODS.split(), call)
