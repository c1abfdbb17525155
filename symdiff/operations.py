"""The table of elementwise operations: a NumPy ufunc, its formula, and where it is defined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from symdiff import functions as fn
from symdiff.construct import Expr, add, apply, divide, make, multiply, negate, number, power

__all__ = ["COMPARISONS", "ELEMENTWISE", "LOGIC", "Elementwise", "condition", "numeric"]


@dataclass(frozen=True)
class Elementwise:
    """One NumPy ufunc: its formula, and an interval per argument where it is smooth.

    Attributes
    ----------
    ufunc : numpy.ufunc
        The function that users call.
    form : callable
        Takes SymPy expressions, one an argument, and returns one.
    domain : tuple of tuple of float
        For each argument the interval that tests draw from.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> ELEMENTWISE[np.square].form(x)
    x**2
    """

    ufunc: np.ufunc
    form: Callable[..., Expr]
    domain: tuple[tuple[float, float], ...]


_REAL, _POSITIVE, _OPEN_UNIT = (-2.0, 2.0), (0.3, 3.0), (-0.9, 0.9)
_TWO, _HALF = sympy.Integer(2), sympy.Rational(1, 2)


def _of(function: Any) -> Callable[..., Expr]:
    """Return the constructor of a SymPy function."""
    return lambda *args: apply(function, *args)


def _subtract(x: Expr, y: Expr) -> Expr:
    """Return x - y."""
    return add(x, negate(y))


def _scale(factor: float) -> Callable[[Expr], Expr]:
    """Return multiplication by a number."""
    return lambda x: multiply(number(factor), x)


ELEMENTWISE: dict[np.ufunc, Elementwise] = {
    entry.ufunc: entry
    for entry in (
        Elementwise(np.add, add, (_REAL, _REAL)),
        Elementwise(np.subtract, _subtract, (_REAL, _REAL)),
        Elementwise(np.multiply, multiply, (_REAL, _REAL)),
        Elementwise(np.divide, divide, (_REAL, _POSITIVE)),
        Elementwise(np.negative, negate, (_REAL,)),
        Elementwise(np.positive, lambda x: x, (_REAL,)),
        Elementwise(np.power, power, (_POSITIVE, _REAL)),
        Elementwise(np.float_power, power, (_POSITIVE, _REAL)),
        Elementwise(np.square, lambda x: power(x, _TWO), (_REAL,)),
        Elementwise(np.sqrt, lambda x: power(x, _HALF), (_POSITIVE,)),
        Elementwise(np.cbrt, _of(fn.Cbrt), (_POSITIVE,)),
        Elementwise(np.reciprocal, lambda x: power(x, sympy.S.NegativeOne), (_POSITIVE,)),
        Elementwise(np.exp, _of(sympy.exp), (_REAL,)),
        Elementwise(np.exp2, _of(fn.Exp2), (_REAL,)),
        Elementwise(np.expm1, _of(fn.Expm1), (_REAL,)),
        Elementwise(np.log, _of(sympy.log), (_POSITIVE,)),
        Elementwise(np.log2, _of(fn.Log2), (_POSITIVE,)),
        Elementwise(np.log10, _of(fn.Log10), (_POSITIVE,)),
        Elementwise(np.log1p, _of(fn.Log1p), (_OPEN_UNIT,)),
        Elementwise(np.sin, _of(sympy.sin), (_REAL,)),
        Elementwise(np.cos, _of(sympy.cos), (_REAL,)),
        Elementwise(np.tan, _of(sympy.tan), ((-1.2, 1.2),)),
        Elementwise(np.arcsin, _of(sympy.asin), (_OPEN_UNIT,)),
        Elementwise(np.arccos, _of(sympy.acos), (_OPEN_UNIT,)),
        Elementwise(np.arctan, _of(sympy.atan), (_REAL,)),
        Elementwise(np.arctan2, _of(fn.ArcTan2), (_REAL, _POSITIVE)),
        Elementwise(np.sinh, _of(sympy.sinh), (_REAL,)),
        Elementwise(np.cosh, _of(sympy.cosh), (_REAL,)),
        Elementwise(np.tanh, _of(sympy.tanh), (_REAL,)),
        Elementwise(np.arcsinh, _of(sympy.asinh), (_REAL,)),
        Elementwise(np.arccosh, _of(sympy.acosh), ((1.2, 4.0),)),
        Elementwise(np.arctanh, _of(sympy.atanh), (_OPEN_UNIT,)),
        Elementwise(np.hypot, _of(fn.Hypot), (_REAL, _POSITIVE)),
        Elementwise(np.maximum, _of(fn.Maximum), ((-2.0, -0.1), (0.1, 2.0))),
        Elementwise(np.minimum, _of(fn.Minimum), ((-2.0, -0.1), (0.1, 2.0))),
        Elementwise(np.fmax, _of(fn.FMaximum), ((-2.0, -0.1), (0.1, 2.0))),
        Elementwise(np.fmin, _of(fn.FMinimum), ((-2.0, -0.1), (0.1, 2.0))),
        Elementwise(np.absolute, _of(fn.Absolute), ((-2.0, -0.1),)),
        Elementwise(np.fabs, _of(fn.Absolute), ((-2.0, -0.1),)),
        Elementwise(np.sign, _of(fn.Sign), (_POSITIVE,)),
        Elementwise(np.logaddexp, _of(fn.LogAddExp), (_REAL, _REAL)),
        Elementwise(np.deg2rad, _scale(np.pi / 180), (_REAL,)),
        Elementwise(np.radians, _scale(np.pi / 180), (_REAL,)),
        Elementwise(np.rad2deg, _scale(180 / np.pi), (_REAL,)),
        Elementwise(np.degrees, _scale(180 / np.pi), (_REAL,)),
    )
}

COMPARISONS: dict[np.ufunc, Any] = {
    np.greater: sympy.StrictGreaterThan,
    np.greater_equal: sympy.GreaterThan,
    np.less: sympy.StrictLessThan,
    np.less_equal: sympy.LessThan,
    np.equal: sympy.Equality,
    np.not_equal: sympy.Unequality,
}

LOGIC: dict[np.ufunc, Callable[..., Expr]] = {
    np.logical_and: lambda p, q: fn.choose(p, q, sympy.false),
    np.logical_or: lambda p, q: fn.choose(p, sympy.true, q),
    np.logical_not: lambda p: fn.choose(p, sympy.false, sympy.true),
    np.logical_xor: lambda p, q: fn.choose(p, fn.choose(q, sympy.false, sympy.true), q),
    np.bitwise_and: lambda p, q: fn.choose(p, q, sympy.false),
    np.bitwise_or: lambda p, q: fn.choose(p, sympy.true, q),
    np.invert: lambda p: fn.choose(p, sympy.false, sympy.true),
}


def numeric(node: Expr) -> Expr:
    """Return an element as a number: a condition counts 1 where it holds, else 0.

    Parameters
    ----------
    node : sympy.Basic
        A number or a condition.

    Returns
    -------
    sympy.Expr
        A number.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> numeric(x), numeric(x > 0)
    (x, Where(x > 0, 1, 0))
    """
    return fn.choose(node, sympy.S.One, sympy.S.Zero) if fn.is_boolean(node) else node


def condition(node: Expr) -> Expr:
    """Return an element as a condition: a number holds where it is not zero.

    Parameters
    ----------
    node : sympy.Basic
        A number or a condition.

    Returns
    -------
    sympy.Basic
        A condition.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> condition(x), condition(sympy.Integer(2))
    (Ne(x, 0), True)
    """
    if fn.is_boolean(node):
        return node
    if node.is_Number:
        return sympy.false if node.is_zero else sympy.true
    return make(sympy.Unequality, (node, sympy.S.Zero))


def compare(relation: Any, x: Expr, y: Expr) -> Expr:
    """Return a comparison of two elements; decided at once between two numbers."""
    x, y = numeric(x), numeric(y)
    if x.is_Number and y.is_Number:
        return relation(x, y)
    return make(relation, (x, y))
