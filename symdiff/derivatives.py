"""The table of derivatives: for each class of nodes, its partials as formulas.

An entry takes the node itself and its arguments, so that a derivative can be written in terms of
the value (``tanh`` gives ``1 - tanh**2``), which is then shared instead of computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from symdiff import functions as fn
from symdiff.construct import Expr, add, apply, divide, make, multiply, negate, number, power

__all__ = ["PARTIALS", "partials"]

_ZERO, _ONE = sympy.S.Zero, sympy.S.One
_TWO, _HALF = sympy.Integer(2), sympy.Rational(1, 2)


def _square(x: Expr) -> Expr:
    """Return x**2."""
    return power(x, _TWO)


def _reciprocal(x: Expr) -> Expr:
    """Return 1/x."""
    return power(x, sympy.S.NegativeOne)


def _one_minus(x: Expr) -> Expr:
    """Return 1 - x."""
    return add(_ONE, negate(x))


def _root(x: Expr) -> Expr:
    """Return sqrt(x)."""
    return power(x, _HALF)


def _log_of(n: int) -> Expr:
    """Return log(n)."""
    return apply(sympy.log, sympy.Integer(n))


def _products_of_others(_: Expr, *factors: Expr) -> tuple[Expr, ...]:
    """Return, for each factor, the product of all others: running products from both ends."""
    if len(factors) <= 3:
        return tuple(
            multiply(*factors[:position], *factors[position + 1 :])
            for position in range(len(factors))
        )
    before, after = [_ONE], [_ONE]
    for left, right in zip(factors[:-1], reversed(factors[1:]), strict=True):
        before.append(multiply(before[-1], left))
        after.append(multiply(right, after[-1]))
    return tuple(multiply(b, a) for b, a in zip(before, reversed(after), strict=True))


def _power(node: Expr, base: Expr, exponent: Expr) -> tuple[Expr, Expr]:
    """Return the partials of base**exponent."""
    if exponent is _HALF:
        by_base = multiply(_HALF, _reciprocal(node))
    elif exponent is sympy.S.NegativeOne:
        by_base = negate(_square(node))
    else:
        lower = power(base, add(exponent, sympy.S.NegativeOne))
        by_base = multiply(exponent, lower)
    by_exponent = _ZERO if exponent.is_Number else multiply(node, apply(sympy.log, base))
    return by_base, by_exponent


def _extreme(node: Expr, *args: Expr) -> tuple[Expr, ...]:
    """Return the even share of each argument that ties for the largest or smallest."""
    ties = [fn.choose(make(sympy.Equality, (arg, node)), _ONE, _ZERO) for arg in args]
    share = _reciprocal(add(*ties))
    return tuple(multiply(tie, share) for tie in ties)


def _larger(node: Expr, *args: Expr) -> tuple[Expr, ...]:
    """Return the partials of a maximum."""
    if len(args) != 2:
        return _extreme(node, *args)
    return apply(fn.Step, args[0], args[1]), apply(fn.Step, args[1], args[0])


def _smaller(node: Expr, *args: Expr) -> tuple[Expr, ...]:
    """Return the partials of a minimum."""
    if len(args) != 2:
        return _extreme(node, *args)
    return apply(fn.Step, args[1], args[0]), apply(fn.Step, args[0], args[1])


def _angle(_: Expr, y: Expr, x: Expr) -> tuple[Expr, Expr]:
    """Return the partials of the angle of (x, y)."""
    square = add(_square(x), _square(y))
    return divide(x, square), negate(divide(y, square))


PARTIALS: dict[type, Callable[..., tuple[Expr, ...]]] = {
    sympy.Add: lambda n, *args: (_ONE,) * len(args),
    sympy.Mul: _products_of_others,
    sympy.Pow: _power,
    sympy.exp: lambda n, x: (n,),
    sympy.log: lambda n, x: (_reciprocal(x),),
    sympy.sin: lambda n, x: (apply(sympy.cos, x),),
    sympy.cos: lambda n, x: (negate(apply(sympy.sin, x)),),
    sympy.tan: lambda n, x: (add(_ONE, _square(n)),),
    sympy.asin: lambda n, x: (_reciprocal(_root(_one_minus(_square(x)))),),
    sympy.acos: lambda n, x: (negate(_reciprocal(_root(_one_minus(_square(x))))),),
    sympy.atan: lambda n, x: (_reciprocal(add(_ONE, _square(x))),),
    sympy.sinh: lambda n, x: (apply(sympy.cosh, x),),
    sympy.cosh: lambda n, x: (apply(sympy.sinh, x),),
    sympy.tanh: lambda n, x: (_one_minus(_square(n)),),
    sympy.asinh: lambda n, x: (_reciprocal(_root(add(_ONE, _square(x)))),),
    sympy.acosh: lambda n, x: (_reciprocal(_root(add(_square(x), sympy.S.NegativeOne))),),
    sympy.atanh: lambda n, x: (_reciprocal(_one_minus(_square(x))),),
    fn.Absolute: lambda n, x: (apply(fn.Sign, x),),
    fn.Sign: lambda n, x: (_ZERO,),
    fn.Step: lambda n, a, b: (_ZERO, _ZERO),
    fn.Maximum: _larger,
    fn.Minimum: _smaller,
    fn.FMaximum: _larger,
    fn.FMinimum: _smaller,
    fn.Cbrt: lambda n, x: (_reciprocal(multiply(number(3), _square(n))),),
    fn.Exp2: lambda n, x: (multiply(n, _log_of(2)),),
    fn.Expm1: lambda n, x: (apply(sympy.exp, x),),
    fn.Log1p: lambda n, x: (_reciprocal(add(_ONE, x)),),
    fn.Log2: lambda n, x: (_reciprocal(multiply(x, _log_of(2))),),
    fn.Log10: lambda n, x: (_reciprocal(multiply(x, _log_of(10))),),
    fn.Hypot: lambda n, x, y: (divide(x, n), divide(y, n)),
    fn.ArcTan2: _angle,
    fn.LogAddExp: lambda n, x, y: (
        apply(sympy.exp, add(x, negate(n))),
        apply(sympy.exp, add(y, negate(n))),
    ),
}


def partials(node: Any) -> tuple[Expr, ...]:
    """Return the derivatives of a node with respect to each of its arguments.

    Parameters
    ----------
    node : sympy.Expr
        An operation or a function from the table.

    Returns
    -------
    tuple of sympy.Expr
        One formula an argument.

    Raises
    ------
    NotImplementedError
        If the class of the node is not in the table.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> partials(sympy.tanh(x))
    (1 - tanh(x)**2,)
    """
    rule = PARTIALS.get(type(node))
    if rule is None:
        raise NotImplementedError(
            f"no derivative is known for {type(node).__name__}; the table has "
            f"{', '.join(kind.__name__ for kind in PARTIALS)}"
        )
    return rule(node, *node.args)
