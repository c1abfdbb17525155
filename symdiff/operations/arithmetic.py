"""Rows of arithmetic, comparisons and choices, and of NumPy functions that are made of these."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from symdiff.operations import sympy_functions as fn
from symdiff.operations.operation import Kind, Operation, Partials
from symdiff.store.dag import ONE, ZERO, Dag

__all__ = ["ROWS"]

_REAL, _POSITIVE = (-2.0, 2.0), (0.3, 3.0)


# Derivatives ------------------------------------------------------------------------------------


def _products_of_others(dag: Dag, _: int, *factors: int) -> Partials:
    """Return, for each factor, the product of all others: running products from both ends."""
    if len(factors) == 2:
        return factors[1], factors[0]
    before, after = [ONE], [ONE]
    for left, right in zip(factors[:-1], reversed(factors[1:]), strict=True):
        before.append(dag.multiply(before[-1], left))
        after.append(dag.multiply(right, after[-1]))
    return tuple(dag.multiply(b, a) for b, a in zip(before, reversed(after), strict=True))


def _of_quotient(dag: Dag, n: int, x: int, y: int) -> Partials:
    """Return the partials of x/y."""
    return dag.divide(ONE, y), dag.negate(dag.divide(n, y))


def _of_power(dag: Dag, n: int, base: int, exponent: int) -> Partials:
    """Return the partials of base**exponent."""
    if dag.ops[exponent] == "number" and dag.data[exponent] < 1:
        below = dag.power(base, dag.subtract(ONE, exponent))
        flat = n in dag.harmless or dag.is_flat(base, dag.data[exponent])
        inverse = dag.apply("pinv", below) if flat else ONE
        by_base = dag.multiply(exponent, inverse) if flat else dag.divide(exponent, below)
    else:
        by_base = dag.multiply(exponent, dag.power(base, dag.subtract(exponent, ONE)))
    if dag.ops[exponent] == "number":
        return by_base, ZERO
    by_exponent = dag.multiply(n, dag.apply("log", base))
    if dag.ops[base] != "number":
        # 0**y stays 0 next to a positive y, and 0*log(0) is not a number.
        by_exponent = dag.choose(dag.compare("eq", n, ZERO), ZERO, by_exponent)
    return by_base, by_exponent


# Conditions -------------------------------------------------------------------------------------


def _and(dag: Dag, p: int, q: int) -> int:
    """Return whether both conditions hold."""
    return dag.choose(p, q, dag.boolean(False))


def _or(dag: Dag, p: int, q: int) -> int:
    """Return whether one condition holds at least."""
    return dag.choose(p, dag.boolean(True), q)


def _not(dag: Dag, p: int) -> int:
    """Return whether a condition does not hold."""
    return dag.choose(p, dag.boolean(False), dag.boolean(True))


def _xor(dag: Dag, p: int, q: int) -> int:
    """Return whether one of two conditions holds and the other does not."""
    return dag.choose(p, _not(dag, q), q)


# Rows -------------------------------------------------------------------------------------------


def _arithmetic(
    name: str,
    form: Callable[..., int],
    partials: Callable[..., Partials],
    *ufuncs: np.ufunc,
    domain: tuple[tuple[float, float], ...],
    **columns: Any,
) -> Operation:
    """Return the row of an operation that graphs, printers and SymPy write as a person does."""
    defaults: dict[str, Any] = {"arity": (len(domain),) * 2, "evaluate": ufuncs[0]}
    return Operation(
        name=name,
        kind="arithmetic",
        form=form,
        partials=partials,
        ufuncs=ufuncs,
        domain=domain,
        **(defaults | columns),
    )


def _relation(
    name: str, ufunc: np.ufunc, sign: str, sympy: Any, *, commutes: bool = False
) -> Operation:
    """Return the row of a comparison."""
    return Operation(
        name=name,
        kind="relation",
        form=lambda dag, x, y: dag.compare(name, x, y),
        arity=(2, 2),
        ufuncs=(ufunc,),
        evaluate=ufunc,
        sympy=sympy,
        sign=sign,
        commutes=commutes,
    )


def _formula(
    form: Callable[..., int],
    *ufuncs: np.ufunc,
    domain: tuple[tuple[float, float], ...] = (),
    kind: Kind = "formula",
    parse: tuple[str, ...] = (),
) -> Operation:
    """Return the row of NumPy functions that are written in terms of other operations."""
    ufunc = ufuncs[0]
    return Operation(
        name=ufunc.__name__,
        kind=kind,
        form=form,
        arity=(ufunc.nin, ufunc.nin),
        ufuncs=ufuncs,
        domain=domain,
        evaluate=ufunc,
        parse=parse,
    )


def _heaviside(dag: Dag, x: int, half: int) -> int:
    """Return 0 below 0, 1 above, and what is given at 0."""
    above = dag.choose(dag.compare("gt", x, ZERO), ONE, dag.multiply(ZERO, x))
    return dag.choose(dag.compare("eq", x, ZERO), half, above)


def _ceil(dag: Dag, x: int) -> int:
    """Return the smallest whole number that is not below."""
    return dag.negate(dag.apply("floor", dag.negate(x)))


def _trunc(dag: Dag, x: int) -> int:
    """Return the whole number next to it towards 0."""
    return dag.choose(dag.compare("lt", x, ZERO), _ceil(dag, x), dag.apply("floor", x))


def _is_finite(dag: Dag, x: int) -> int:
    """Return whether a value is a finite number."""
    return dag.compare("lt", dag.apply("absolute", x), dag.number(math.inf))


def _is_infinite(dag: Dag, x: int) -> int:
    """Return whether a value is infinite."""
    return dag.compare("eq", dag.apply("absolute", x), dag.number(math.inf))


def _scaled(factor: float) -> Callable[[Dag, int], int]:
    """Return multiplication by a number."""
    return lambda dag, x: dag.multiply(dag.number(factor), x)


_logic = functools.partial(_formula, kind="logic")

ROWS = (
    _arithmetic(
        "add",
        Dag.add,
        lambda dag, n, *args: (ONE,) * len(args),
        np.add,
        domain=(_REAL, _REAL),
        arity=(2, None),
        evaluate=lambda *terms: sum(terms[1:], terms[0]),
        sympy=sympy.Add,
        commutes=True,
    ),
    _arithmetic(
        "mul",
        Dag.multiply,
        _products_of_others,
        np.multiply,
        domain=(_REAL, _REAL),
        arity=(2, None),
        evaluate=lambda *factors: np.prod(factors),
        sympy=sympy.Mul,
        commutes=True,
    ),
    _arithmetic(
        "neg",
        Dag.negate,
        lambda dag, n, x: (dag.number(-1),),
        np.negative,
        domain=(_REAL,),
        count=0,
    ),
    _arithmetic(
        "div", Dag.divide, _of_quotient, np.divide, domain=(_REAL, _POSITIVE), singular=True
    ),
    _arithmetic(
        "pow",
        Dag.power,
        _of_power,
        np.power,
        np.float_power,
        domain=(_POSITIVE, _REAL),
        sympy=sympy.Pow,
        singular=True,
    ),
    _relation("gt", np.greater, ">", sympy.StrictGreaterThan),
    _relation("ge", np.greater_equal, ">=", sympy.GreaterThan),
    _relation("lt", np.less, "<", sympy.StrictLessThan),
    _relation("le", np.less_equal, "<=", sympy.LessThan),
    _relation("eq", np.equal, "==", sympy.Equality, commutes=True),
    _relation("ne", np.not_equal, "!=", sympy.Unequality, commutes=True),
    Operation(
        name="where",
        kind="choice",
        form=Dag.choose,
        arity=(3, 3),
        partials=lambda dag, n, c, a, b: (ZERO, dag.choose(c, ONE, ZERO), dag.choose(c, ZERO, ONE)),
        evaluate=np.where,
        sympy=fn.Where,
        parse=("where",),
    ),
    Operation(  # between conditions
        name="choice",
        kind="choice",
        form=Dag.choose,
        arity=(3, 3),
        evaluate=np.where,
        sympy=fn.Choice,
    ),
    _formula(Dag.subtract, np.subtract, domain=(_REAL, _REAL)),
    _formula(lambda dag, x: x, np.positive, domain=(_REAL,)),
    _formula(Dag.square, np.square, domain=(_REAL,), parse=("square",)),
    _formula(lambda dag, x: dag.divide(ONE, x), np.reciprocal, domain=(_POSITIVE,)),
    _formula(_scaled(np.pi / 180), np.deg2rad, np.radians, domain=(_REAL,)),
    _formula(_scaled(180 / np.pi), np.rad2deg, np.degrees, domain=(_REAL,)),
    _formula(_heaviside, np.heaviside, domain=((0.1, 2.0), _REAL)),
    _formula(_ceil, np.ceil, domain=((0.1, 0.9),), parse=("ceil",)),
    _formula(_trunc, np.trunc, domain=((0.1, 0.9),)),
    _formula(
        lambda dag, x, y: dag.apply("floor", dag.divide(x, y)),
        np.floor_divide,
        domain=((0.1, 0.9), (1.1, 2.0)),
    ),
    _formula(lambda dag, x: dag.compare("ne", x, x), np.isnan, kind="test"),
    _formula(_is_finite, np.isfinite, kind="test"),
    _formula(_is_infinite, np.isinf, kind="test"),
    _logic(_and, np.logical_and, np.bitwise_and),
    _logic(_or, np.logical_or, np.bitwise_or),
    _logic(_not, np.logical_not, np.invert),
    _logic(_xor, np.logical_xor),
)
