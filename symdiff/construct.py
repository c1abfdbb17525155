"""Constructors of SymPy nodes that keep what the user wrote, and never recurse.

SymPy's own constructors distribute a number over a sum, merge products and powers, and ask for
assumptions down the whole expression. Each of these costs the sharing on which the size of a
gradient depends. The constructors here fold numbers and nothing else; `symdiff.dag.normalise` does
the rest, once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import sympy

__all__ = ["add", "apply", "divide", "make", "multiply", "negate", "number", "power", "split_sign"]

Expr = Any
_DYADIC = 1024  # floats that are n/1024 or coarser become exact rationals: x**0.5 is a square root
_EXACT_EXPONENT = 64


def number(value: Any) -> Expr:
    """Return a Python or NumPy number as an exact SymPy number.

    Parameters
    ----------
    value : bool, int, float or NumPy scalar
        A real number.

    Returns
    -------
    sympy.Number
        An `Integer` or `Rational` if short, else the `Float` with the same 53 bits.

    Raises
    ------
    TypeError
        If it is complex, or no number.

    Examples
    --------
    >>> number(0.5), number(2.0), number(0.1) == 0.1
    (1/2, 2, True)
    """
    if isinstance(value, (bool, int, np.bool_, np.integer)):
        return sympy.Integer(int(value))
    if isinstance(value, (float, np.floating)):
        exact = float(value)
        if math.isnan(exact):
            return sympy.S.NaN
        if math.isinf(exact):
            return sympy.S.Infinity if exact > 0 else sympy.S.NegativeInfinity
        if abs(exact) < 2**53 and (exact * _DYADIC).is_integer():
            return sympy.Rational(int(exact * _DYADIC), _DYADIC)
        return sympy.Float(exact)
    raise TypeError(
        f"a constant of the traced function is {value!r} of type {type(value).__name__}; "
        "only real numbers can be traced"
    )


def make(kind: Any, args: tuple[Expr, ...]) -> Expr:
    """Return the node ``kind(*args)`` as it stands, nothing evaluated.

    Parameters
    ----------
    kind : type
        A class of SymPy expressions.
    args : tuple of sympy.Basic
        Its arguments.

    Returns
    -------
    sympy.Basic
        The node. Its hash is computed at once, so that SymPy never has to recurse for it.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> make(sympy.Mul, (sympy.Integer(2), make(sympy.Add, (x, sympy.Integer(1)))))
    2*(x + 1)
    """
    if kind is sympy.Add or kind is sympy.Mul:
        node = kind._from_args(args, is_commutative=True)
    else:
        # Basic.__new__ and not the class: SymPy's cache compares structurally, which is exponential
        # in the depth for two equal expressions that were built apart.
        node = sympy.Basic.__new__(kind, *args)
        if kind is sympy.Pow:
            node.is_commutative = True
        elif isinstance(kind, sympy.FunctionClass):
            node.nargs = kind.nargs
    hash(node)
    return node


def split_sign(node: Expr) -> tuple[Expr, Expr]:
    """Return the sign of a product, 1 or -1, and the rest.

    Parameters
    ----------
    node : sympy.Expr
        Any expression.

    Returns
    -------
    tuple of sympy.Expr
        Other numbers stay in the rest: pulled out of every layer of a long recurrence they would
        grow until they overflow.

    Examples
    --------
    >>> x, y = sympy.symbols("x y", real=True)
    >>> split_sign(-x * y), split_sign(2 * x)
    ((-1, x*y), (1, 2*x))
    """
    if node.is_Mul and node.args[0] is sympy.S.NegativeOne:
        rest = node.args[1:]
        return node.args[0], rest[0] if len(rest) == 1 else make(sympy.Mul, rest)
    return sympy.S.One, node


def add(*terms: Expr) -> Expr:
    """Return the sum of the terms as one `sympy.Add`.

    Parameters
    ----------
    *terms : sympy.Expr
        Any number of them.

    Returns
    -------
    sympy.Expr
        Numbers are folded and a term that occurs n times becomes n of it; sums inside stay whole.

    Examples
    --------
    >>> x, y = sympy.symbols("x y", real=True)
    >>> add(x, sympy.Integer(2), x, sympy.Integer(-2)), add()
    (2*x, 0)
    """
    constant = sympy.S.Zero
    counts: dict[int, tuple[Expr, int]] = {}
    for term in terms:
        if term.is_Number:
            constant = constant + term
        else:
            counts[id(term)] = (term, counts.get(id(term), (term, 0))[1] + 1)
    rest = [term if n == 1 else multiply(sympy.Integer(n), term) for term, n in counts.values()]
    if constant is not sympy.S.Zero:
        rest.insert(0, constant)
    return rest[0] if len(rest) == 1 else make(sympy.Add, tuple(rest)) if rest else constant


def multiply(*factors: Expr, split: bool = True) -> Expr:
    """Return the product of the factors as one `sympy.Mul`.

    Parameters
    ----------
    *factors : sympy.Expr
        Any number of them.
    split : bool
        Keep the number apart from the other factors, so that ``a*b`` and ``-a*b`` share ``a*b``.

    Returns
    -------
    sympy.Expr
        Numbers are folded and equal factors become powers; nothing is distributed.

    Examples
    --------
    >>> x, y = sympy.symbols("x y", real=True)
    >>> multiply(sympy.Integer(2), add(x, y)), multiply(x, x), multiply(x, sympy.Integer(0))
    (2*(x + y), x**2, 0)
    """
    constant = sympy.S.One
    counts: dict[int, tuple[Expr, int]] = {}
    for factor in factors:
        if factor.is_Number:
            constant = constant * factor
            continue
        sign, rest = split_sign(factor)
        constant = constant * sign
        counts[id(rest)] = (rest, counts.get(id(rest), (rest, 0))[1] + 1)
    if constant.is_zero:
        return sympy.S.Zero
    others = [f if n == 1 else power(f, sympy.Integer(n)) for f, n in counts.values()]
    if not others:
        return constant
    if constant is sympy.S.One:
        return others[0] if len(others) == 1 else make(sympy.Mul, tuple(others))
    if split and len(others) > 1:
        others = [make(sympy.Mul, tuple(others))]
    return make(sympy.Mul, (constant, *others))


def power(base: Expr, exponent: Expr) -> Expr:
    """Return ``base**exponent``.

    Parameters
    ----------
    base, exponent : sympy.Expr
        Real expressions.

    Returns
    -------
    sympy.Expr
        Exponents 0 and 1, and exact powers of numbers, are evaluated.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> power(x, sympy.Integer(1)), power(power(x, sympy.Integer(-1)), sympy.Integer(-1))
    (x, x)
    """
    if exponent is sympy.S.One:
        return base
    if exponent is sympy.S.Zero:
        return sympy.S.One
    if base.is_Number and exponent.is_Integer and abs(int(exponent)) <= _EXACT_EXPONENT:
        if base.is_zero and exponent.is_negative:
            return sympy.S.Infinity
        return base**exponent
    if base.is_Pow and base.args[1] is sympy.S.NegativeOne and exponent.is_Integer:
        return power(base.args[0], -exponent)
    return make(sympy.Pow, (base, exponent))


def negate(node: Expr) -> Expr:
    """Return ``-node``, a sum kept whole.

    Parameters
    ----------
    node : sympy.Expr
        Any expression.

    Returns
    -------
    sympy.Expr
        Its negative.

    Examples
    --------
    >>> x, y = sympy.symbols("x y", real=True)
    >>> negate(add(x, y))
    -(x + y)
    """
    return multiply(sympy.S.NegativeOne, node)


def divide(numerator: Expr, denominator: Expr) -> Expr:
    """Return ``numerator / denominator``.

    Parameters
    ----------
    numerator, denominator : sympy.Expr
        Real expressions.

    Returns
    -------
    sympy.Expr
        The quotient; a number divided by the number zero is infinite or not a number, as in NumPy.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> divide(x, sympy.Integer(3)), divide(sympy.Integer(1), sympy.Integer(0))
    (x/3, oo)
    """
    if denominator.is_zero is True and denominator.is_Number and numerator.is_zero:
        return sympy.S.NaN
    return multiply(numerator, power(denominator, sympy.S.NegativeOne))


def apply(function: Any, *args: Expr) -> Expr:
    """Return ``function(*args)``; evaluated only where every argument is a number.

    Parameters
    ----------
    function : type
        A class of SymPy functions.
    *args : sympy.Expr
        Its arguments.

    Returns
    -------
    sympy.Expr
        The application.

    Examples
    --------
    >>> apply(sympy.exp, sympy.Integer(0)), apply(sympy.log, sympy.Integer(2))
    (1, log(2))
    """
    if all(arg.is_Number for arg in args):
        value = function(*args)
        if value.is_Number and value.is_finite:
            return value
    return make(function, args)
