"""The tables of NumPy's array functions: reductions, products and what only moves elements.

A function that only moves elements is NumPy's own, applied to the array of expressions. The
products stand in `symdiff.products`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from symdiff import functions as fn
from symdiff import products
from symdiff.array import SymbolicArray, elements, map_elements, objects
from symdiff.construct import Expr, add, apply, divide, multiply, negate, number, power
from symdiff.errors import Untraceable
from symdiff.operations import COMPARISONS, ELEMENTWISE, LOGIC, condition, numeric

__all__ = ["REDUCTIONS", "ROUTINES", "STRUCTURAL", "UFUNC_PRODUCTS", "call"]

_INSTEAD = {
    "out": "use the returned array",
    "where": "use np.where on the operands",
    "initial": "combine the result with the initial value",
    "dtype": "formulas are real and have no dtype",
    "casting": "formulas are real and have no dtype",
    "weights": "write np.sum(weights * x) / np.sum(weights)",
}


def check_keywords(name: str, kwargs: dict[str, Any]) -> None:
    """Remove keywords that stand at their defaults; refuse those without a symbolic meaning."""
    for key, instead in _INSTEAD.items():
        value = kwargs.pop(key, None)
        harmless = value is None or value is True or value is np._NoValue
        if key == "dtype" and not harmless:
            harmless = np.issubdtype(np.dtype(value), np.floating)
        if not harmless:
            raise Untraceable(f"{name}({key}=...): not traceable; {instead}")


def not_known(name: str) -> str:
    """Return the message for a function that no table has."""
    known = sorted(
        {f.__name__ for table in (ELEMENTWISE, COMPARISONS, LOGIC) for f in table}
        | {f.__name__ for f in (*ROUTINES, *STRUCTURAL)}
    )
    return (
        f"{name}: not known to the symbolic tracer; write it with supported functions: "
        f"{', '.join(known)}"
    )


# Reductions -------------------------------------------------------------------------------------


def _reduce(form: Callable[..., Expr], a: Any, axis: Any, keepdims: Any) -> SymbolicArray:
    """Return a formula of all elements along the axes."""
    values = elements(a)
    axes = range(values.ndim) if axis is None else np.atleast_1d(axis).tolist()
    axes = sorted(np.lib.array_utils.normalize_axis_tuple(tuple(axes), values.ndim))
    kept = [k for k in range(values.ndim) if k not in axes]
    shape = tuple(values.shape[k] for k in kept)
    count = math.prod(values.shape[k] for k in axes)
    rows = values.transpose(*kept, *axes).reshape((math.prod(shape), count))
    if keepdims is True:
        shape = tuple(1 if k in axes else n for k, n in enumerate(values.shape))
    return SymbolicArray(objects((form(*map(numeric, row)) for row in rows), shape))


def _mean_of(*terms: Expr) -> Expr:
    """Return the mean; of nothing it is not a number, as in NumPy."""
    return divide(add(*terms), number(len(terms)))


def _extreme_of(function: Any, name: str, *args: Expr) -> Expr:
    """Return the largest or smallest."""
    if not args:
        raise ValueError(f"np.{name}: an empty array has no {name}imum; give it an element")
    return args[0] if len(args) == 1 else apply(function, *args)


def _reduction(form: Callable[..., Expr]) -> Callable[..., SymbolicArray]:
    """Return the NumPy-like function that reduces by a formula."""

    def reduction(a: Any, axis: Any = None, keepdims: Any = False) -> SymbolicArray:
        return _reduce(form, a, axis, keepdims)

    return reduction


_sum, _prod, _mean = map(_reduction, (add, multiply, _mean_of))
_max = _reduction(functools.partial(_extreme_of, fn.Maximum, "max"))
_min = _reduction(functools.partial(_extreme_of, fn.Minimum, "min"))
_all = _reduction(lambda *p: numeric(functools.reduce(LOGIC[np.logical_and], map(condition, p))))
_any = _reduction(lambda *p: numeric(functools.reduce(LOGIC[np.logical_or], map(condition, p))))


def _var(a: Any, axis: Any = None, ddof: int = 0, keepdims: Any = False, **kw: Any) -> Any:
    """Return the variance: squares of the differences to the mean."""
    ddof = kw.get("correction", ddof)

    def form(*terms: Expr) -> Expr:
        mean = negate(_mean_of(*terms))
        squares = (power(add(term, mean), sympy.Integer(2)) for term in terms)
        return divide(add(*squares), number(len(terms) - ddof))

    return _reduce(form, a, axis, keepdims)


def _std(a: Any, axis: Any = None, ddof: int = 0, keepdims: Any = False, **kw: Any) -> Any:
    """Return the standard deviation."""
    return np.sqrt(_var(a, axis, ddof, keepdims, **kw))


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the Euclidean or Frobenius norm."""
    if ord not in (None, 2, "fro") or (ord == 2 and axis is None and np.ndim(x) != 1):
        raise Untraceable(
            f"np.linalg.norm(ord={ord!r}): not traceable; the Euclidean norm (ord=None) is, and "
            "np.sum(np.abs(x)) and np.max(np.abs(x)) are"
        )
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))


def _cumulative(form: Callable[..., Expr]) -> Callable[..., SymbolicArray]:
    """Return the NumPy-like function of running results along an axis."""

    def cumulative(a: Any, axis: int | None = None) -> SymbolicArray:
        values = elements(a)
        if axis is None:
            values, axis = values.reshape(-1), 0
        rows = np.moveaxis(values, axis, 0).copy()
        for position in range(1, len(rows)):
            here, before = slice(position, position + 1), slice(position - 1, position)
            rows[here] = map_elements(form, rows[before], rows[here])._elements
        return SymbolicArray(np.moveaxis(rows, 0, axis))

    return cumulative


def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> SymbolicArray:
    """Return the sum of a diagonal."""
    return _sum(SymbolicArray(np.diagonal(elements(a), offset, axis1, axis2)), axis=-1)


def _diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Return the n-th differences of neighbours along an axis."""
    for _ in range(n):
        rows = np.moveaxis(a, axis, 0)
        a = np.moveaxis(rows[1:] - rows[:-1], 0, axis)
    return a


# Choices and filled arrays ------------------------------------------------------------------------


def _where(test: Any, *branches: Any) -> SymbolicArray:
    """Return np.where with three arguments."""
    if len(branches) != 2:
        raise Untraceable("np.where(condition): not traceable; give it both branches")

    def form(p: Expr, a: Expr, b: Expr) -> Expr:
        return fn.choose(condition(p), numeric(a), numeric(b))

    return map_elements(form, elements(test), *map(elements, branches))


def _clip(a: Any, a_min: Any = None, a_max: Any = None, **kw: Any) -> Any:
    """Return the elements held between two bounds."""
    low, high = kw.get("min", a_min), kw.get("max", a_max)
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def _filled(value: Any) -> Callable[..., Any]:
    """Return the NumPy-like function of constant arrays; the result is not traced."""

    def filled(a: Any, shape: Any = None, **_: Any) -> Any:
        return np.full(np.shape(a) if shape is None else shape, value)

    return filled


def _full_like(a: Any, fill_value: Any, shape: Any = None, **_: Any) -> Any:
    """Return an array filled with one value, which may be traced."""
    return np.broadcast_to(fill_value, np.shape(a) if shape is None else shape)


REDUCTIONS: dict[np.ufunc, Callable[..., SymbolicArray]] = {
    np.add: _sum,
    np.multiply: _prod,
    np.maximum: _max,
    np.minimum: _min,
}

UFUNC_PRODUCTS: dict[np.ufunc, Callable[..., Any]] = {
    np.matmul: lambda a, b: products.matmul(SymbolicArray(a), SymbolicArray(b)),
    np.vecdot: lambda a, b: products.vecdot(SymbolicArray(a), SymbolicArray(b)),
}

ROUTINES: dict[Any, Callable[..., Any]] = {
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
    np.linalg.vector_norm: lambda x, axis=None, keepdims=False, ord=2: (
        _norm(x, None, axis, keepdims) if ord == 2 else _norm(x, ord)
    ),
    np.cumsum: _cumulative(lambda a, b: add(numeric(a), numeric(b))),
    np.cumprod: _cumulative(lambda a, b: multiply(numeric(a), numeric(b))),
    np.dot: products.dot,
    np.inner: products.inner,
    np.outer: products.outer,
    np.linalg.outer: products.outer,
    np.vdot: products.vdot,
    np.linalg.vecdot: products.vecdot,
    np.linalg.matmul: products.matmul,
    np.tensordot: products.tensordot,
    np.linalg.tensordot: lambda x1, x2, axes=2: products.tensordot(x1, x2, axes),
    np.einsum: products.einsum,
    np.trace: _trace,
    np.diff: _diff,
    np.linalg.trace: lambda x, offset=0: _trace(x, offset, -2, -1),
    np.where: _where,
    np.clip: _clip,
    np.ones_like: _filled(1.0),
    np.zeros_like: _filled(0.0),
    np.full_like: _full_like,
    np.empty_like: _filled(0.0),
    np.shape: lambda a: elements(a).shape,
    np.ndim: lambda a: elements(a).ndim,
    np.size: lambda a, axis=None: np.size(elements(a), axis),
    np.copy: lambda a: SymbolicArray(elements(a)),
    np.astype: lambda x, dtype: x.astype(dtype),
    np.real: lambda val: SymbolicArray(elements(val)),
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
    np.pad,
    np.take,
    np.delete,
    np.split,
    np.array_split,
    np.hsplit,
    np.vsplit,
    np.unstack,
)


def _unwrap(value: Any) -> Any:
    """Return an argument with each traced array as its array of expressions."""
    if isinstance(value, SymbolicArray):
        return value._elements
    if isinstance(value, (list, tuple)) and _holds_traced(value):
        return type(value)(_unwrap(item) for item in value)
    return value


def _holds_traced(value: Any) -> bool:
    """Return whether a nested sequence holds a traced array."""
    if isinstance(value, (list, tuple)):
        return any(map(_holds_traced, value))
    return isinstance(value, SymbolicArray)


def _wrap(value: Any) -> Any:
    """Return a result of NumPy on expressions as traced arrays."""
    if isinstance(value, (list, tuple)):
        return type(value)(_wrap(item) for item in value)
    return SymbolicArray(
        objects(
            (item if isinstance(item, sympy.Basic) else number(item) for item in value.flat),
            value.shape,
        )
    )


def call(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Return a NumPy function of arguments of which one at least is traced.

    Parameters
    ----------
    function : callable
        A function of NumPy's public namespaces.
    args, kwargs
        As the user gave them.

    Returns
    -------
    SymbolicArray
        Or what the function returns: a shape, a list of arrays.

    Raises
    ------
    Untraceable
        If the function, or a keyword of it, has no symbolic meaning.

    Examples
    --------
    >>> import sympy
    >>> t = SymbolicArray(objects(sympy.symbols("a b", real=True), (2,)))
    >>> call(np.sum, (t,), {})
    SymbolicArray(a + b)
    """
    module = getattr(function, "__module__", "numpy")
    name = f"{module}.{function.__name__}"
    if function in ROUTINES:
        kwargs = dict(kwargs)
        check_keywords(name, kwargs)
        return ROUTINES[function](*args, **kwargs)
    if function in STRUCTURAL:
        kwargs = {key: _unwrap(value) for key, value in kwargs.items()}
        return _wrap(function(*(_unwrap(value) for value in args), **kwargs))
    raise Untraceable(not_known(name))
