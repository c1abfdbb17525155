"""The forms of a function: Python's, a formula as text, or an expression of SymPy."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.matrices.expressions.hadamard import HadamardPower
from sympy.matrices.expressions.matexpr import MatrixElement, MatrixExpr

from symdiff.errors import Untraceable
from symdiff.matrix.rebuilding import FORMS
from symdiff.operations.table import OPERATIONS
from symdiff.text.parse import parse

__all__ = ["function_of"]


def function_of(f: Any, given: Mapping[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return a function, and shapes for all its arguments: those of symbols that are not given."""
    if isinstance(f, str):
        parsed = parse(f)
        shapes: dict[str, Any] = dict.fromkeys(inspect.signature(parsed).parameters, ())
        return parsed, shapes | dict(given)
    if isinstance(f, sympy.Basic):
        return _of_expression(f, given)
    return f, dict(given)


def _named(f: Any) -> tuple[Callable[..., Any], list[str]]:
    """Return the function that a text or an expression is, and the names of its arguments."""
    function, shapes = function_of(f, {})
    names = list(shapes)
    return lambda *values: function(**dict(zip(names, values, strict=True))), names


FORMS.update({str: _named, sympy.Basic: _named})


def _of_expression(
    expression: sympy.Basic, given: Mapping[str, Any]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the function that an expression of SymPy describes, in the order of its names."""
    if isinstance(expression, MatrixExpr):
        if expression.shape != (1, 1):
            raise ValueError(
                f"gradient: the expression has shape {expression.shape}, a scalar is needed; take "
                "its trace, or an entry"
            )
        expression = expression[0, 0]
    matrices = sorted(expression.atoms(sympy.MatrixSymbol), key=lambda symbol: symbol.name)
    lengths = {symbol for matrix in matrices for n in matrix.shape for symbol in n.free_symbols}
    scalars = sorted(
        (s for s in expression.free_symbols - lengths if isinstance(s, sympy.Symbol)),
        key=lambda symbol: symbol.name,
    )
    shapes: dict[str, Any] = {symbol.name: () for symbol in scalars}
    shapes |= {matrix.name: tuple(map(_length, matrix.shape)) for matrix in matrices}
    for name in shapes:
        if not name.isidentifier():
            raise ValueError(
                f"gradient: the symbol {name!r} of the expression is no name for an argument"
            )

    def formula(**arguments: Any) -> Any:
        return _evaluated(expression, arguments)

    formula.__doc__ = str(expression)
    formula.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in shapes]
    )
    return formula, shapes | dict(given)


def _product(*factors: Any) -> Any:
    """Return a product: of numbers, and of matrices in their order."""
    whole = factors[0]
    for factor in factors[1:]:
        both = np.ndim(whole) and np.ndim(factor)
        whole = whole @ factor if both else whole * factor
    return whole


def _piecewise(*pieces: tuple[Any, Any]) -> Any:
    """Return the first piece whose condition holds; where none does, there is no number."""
    result: Any = np.nan
    for value, condition in reversed(pieces):
        result = value if condition is True else np.where(condition, value, result)
    return result


#: SymPy's operations as NumPy's; the functions are those of the table of operations.
_OPERATIONS: dict[Any, Callable[..., Any]] = {
    sympy.Add: lambda *terms: functools.reduce(operator.add, terms),
    sympy.MatAdd: lambda *terms: functools.reduce(operator.add, terms),
    sympy.Mul: _product,
    sympy.MatMul: _product,
    sympy.Pow: operator.pow,
    sympy.Transpose: lambda a: a.T,
    sympy.Inverse: lambda a, *_: np.linalg.inv(a),
    sympy.MatPow: lambda a, n: np.linalg.matrix_power(a, int(n)),
    sympy.Trace: np.trace,
    sympy.Determinant: np.linalg.det,
    sympy.HadamardProduct: lambda *factors: functools.reduce(operator.mul, factors),
    HadamardPower: operator.pow,
    MatrixElement: lambda a, i, j: a[int(i), int(j)],
    ExprCondPair: lambda value, condition: (value, condition),
    sympy.Piecewise: _piecewise,
    sympy.And: lambda *conditions: functools.reduce(np.logical_and, conditions),
    sympy.Or: lambda *conditions: functools.reduce(np.logical_or, conditions),
    sympy.Not: np.logical_not,
    sympy.atan2: np.arctan2,
    sympy.Mod: np.remainder,
    sympy.Heaviside: np.heaviside,
    sympy.sinc: lambda x: np.sinc(x / np.pi),
    sympy.sec: lambda x: 1 / np.cos(x),
    sympy.csc: lambda x: 1 / np.sin(x),
    sympy.cot: lambda x: np.cos(x) / np.sin(x),
    sympy.coth: lambda x: 1 / np.tanh(x),
    **{
        kind: row.evaluate
        for row in OPERATIONS.values()
        for kind in (row.sympy, *row.sympy_too)
        if kind is not None and kind not in (sympy.Add, sympy.Mul, sympy.Pow)
    },
}


def _evaluated(expression: Any, arguments: Mapping[str, Any]) -> Any:
    """Return the value of an expression of SymPy for values of its symbols."""
    known: dict[Any, Any] = {}
    stack = [expression]
    while stack:
        node = stack[-1]
        if node in known:
            stack.pop()
        elif isinstance(node, (sympy.Symbol, sympy.MatrixSymbol)):
            known[node] = arguments[node.name]
        elif node.is_number and not node.has(sympy.MatrixSymbol):
            known[node] = int(node) if node.is_Integer else float(node)
        elif node in (sympy.true, sympy.false):
            known[node] = bool(node)
        elif type(node) not in _OPERATIONS:
            raise Untraceable(
                f"sympy.{type(node).__name__}: not known as a part of an expression; write the "
                "function with NumPy"
            )
        else:
            missing = [arg for arg in node.args if arg not in known]
            stack += missing
            if not missing:
                known[node] = _OPERATIONS[type(node)](*(known[arg] for arg in node.args))
    return known[expression]


def _length(n: Any) -> Any:
    """Return a length of SymPy as a number or a name."""
    return int(n) if n.is_Integer else str(n)
