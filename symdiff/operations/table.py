"""The table of elementwise operations: a NumPy ufunc, its formula, and where it is defined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdiff.store.dag import ONE, Dag

__all__ = ["COMPARISONS", "ELEMENTWISE", "LOGIC", "Elementwise"]


@dataclass(frozen=True)
class Elementwise:
    """One NumPy ufunc: its formula, and an interval per argument where it is smooth.

    Attributes
    ----------
    ufunc : numpy.ufunc
        The function that users call.
    form : callable
        Takes the graph and one node an argument, and returns a node.
    domain : tuple of tuple of float
        For each argument the interval that tests draw from.

    Examples
    --------
    >>> dag = Dag()
    >>> x = int(dag.symbols("x", ()))
    >>> dag.ops[ELEMENTWISE[np.square].form(dag, x)]
    'pow'
    """

    ufunc: np.ufunc
    form: Callable[..., int]
    domain: tuple[tuple[float, float], ...]


_REAL, _POSITIVE, _OPEN_UNIT = (-2.0, 2.0), (0.3, 3.0), (-0.9, 0.9)


def _of(function: str) -> Callable[..., int]:
    """Return the constructor of a function."""
    return lambda dag, *args: dag.apply(function, *args)


def _scale(factor: float) -> Callable[[Dag, int], int]:
    """Return multiplication by a number."""
    return lambda dag, x: dag.multiply(dag.number(factor), x)


ELEMENTWISE: dict[np.ufunc, Elementwise] = {
    entry.ufunc: entry
    for entry in (
        Elementwise(np.add, Dag.add, (_REAL, _REAL)),
        Elementwise(np.subtract, Dag.subtract, (_REAL, _REAL)),
        Elementwise(np.multiply, Dag.multiply, (_REAL, _REAL)),
        Elementwise(np.divide, Dag.divide, (_REAL, _POSITIVE)),
        Elementwise(np.negative, Dag.negate, (_REAL,)),
        Elementwise(np.positive, lambda dag, x: x, (_REAL,)),
        Elementwise(np.power, Dag.power, (_POSITIVE, _REAL)),
        Elementwise(np.float_power, Dag.power, (_POSITIVE, _REAL)),
        Elementwise(np.square, Dag.square, (_REAL,)),
        Elementwise(np.sqrt, _of("sqrt"), (_POSITIVE,)),
        Elementwise(np.cbrt, _of("cbrt"), (_POSITIVE,)),
        Elementwise(np.reciprocal, lambda dag, x: dag.divide(ONE, x), (_POSITIVE,)),
        Elementwise(np.exp, _of("exp"), (_REAL,)),
        Elementwise(np.exp2, _of("exp2"), (_REAL,)),
        Elementwise(np.expm1, _of("expm1"), (_REAL,)),
        Elementwise(np.log, _of("log"), (_POSITIVE,)),
        Elementwise(np.log2, _of("log2"), (_POSITIVE,)),
        Elementwise(np.log10, _of("log10"), (_POSITIVE,)),
        Elementwise(np.log1p, _of("log1p"), (_OPEN_UNIT,)),
        Elementwise(np.sin, _of("sin"), (_REAL,)),
        Elementwise(np.cos, _of("cos"), (_REAL,)),
        Elementwise(np.tan, _of("tan"), ((-1.2, 1.2),)),
        Elementwise(np.arcsin, _of("arcsin"), (_OPEN_UNIT,)),
        Elementwise(np.arccos, _of("arccos"), (_OPEN_UNIT,)),
        Elementwise(np.arctan, _of("arctan"), (_REAL,)),
        Elementwise(np.arctan2, _of("arctan2"), (_REAL, _POSITIVE)),
        Elementwise(np.sinh, _of("sinh"), (_REAL,)),
        Elementwise(np.cosh, _of("cosh"), (_REAL,)),
        Elementwise(np.tanh, _of("tanh"), (_REAL,)),
        Elementwise(np.arcsinh, _of("arcsinh"), (_REAL,)),
        Elementwise(np.arccosh, _of("arccosh"), ((1.2, 4.0),)),
        Elementwise(np.arctanh, _of("arctanh"), (_OPEN_UNIT,)),
        Elementwise(np.hypot, _of("hypot"), (_REAL, _POSITIVE)),
        Elementwise(np.maximum, _of("maximum"), ((-2.0, -0.1), (0.1, 2.0))),
        Elementwise(np.minimum, _of("minimum"), ((-2.0, -0.1), (0.1, 2.0))),
        Elementwise(np.fmax, _of("fmaximum"), ((-2.0, -0.1), (0.1, 2.0))),
        Elementwise(np.fmin, _of("fminimum"), ((-2.0, -0.1), (0.1, 2.0))),
        Elementwise(np.absolute, _of("absolute"), ((-2.0, -0.1),)),
        Elementwise(np.fabs, _of("absolute"), ((-2.0, -0.1),)),
        Elementwise(np.sign, _of("sign"), (_POSITIVE,)),
        Elementwise(np.logaddexp, _of("logaddexp"), (_REAL, _REAL)),
        Elementwise(np.deg2rad, _scale(np.pi / 180), (_REAL,)),
        Elementwise(np.radians, _scale(np.pi / 180), (_REAL,)),
        Elementwise(np.rad2deg, _scale(180 / np.pi), (_REAL,)),
        Elementwise(np.degrees, _scale(180 / np.pi), (_REAL,)),
    )
}

COMPARISONS: dict[np.ufunc, str] = {
    np.greater: "gt",
    np.greater_equal: "ge",
    np.less: "lt",
    np.less_equal: "le",
    np.equal: "eq",
    np.not_equal: "ne",
}


def _and(dag: Dag, p: int, q: int) -> int:
    """Return whether both conditions hold."""
    return dag.choose(p, q, dag.boolean(False))


def _or(dag: Dag, p: int, q: int) -> int:
    """Return whether one condition holds at least."""
    return dag.choose(p, dag.boolean(True), q)


def _not(dag: Dag, p: int) -> int:
    """Return whether a condition does not hold."""
    return dag.choose(p, dag.boolean(False), dag.boolean(True))


LOGIC: dict[np.ufunc, Callable[..., int]] = {
    np.logical_and: _and,
    np.logical_or: _or,
    np.logical_not: _not,
    np.logical_xor: lambda dag, p, q: dag.choose(p, _not(dag, q), q),
    np.bitwise_and: _and,
    np.bitwise_or: _or,
    np.invert: _not,
}
