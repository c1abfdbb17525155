"""Rows of quotients and logarithms of exponentials: they stay finite where these overflow.

`symdiff.store.stable` writes them where a formula has ``1/cosh(x)`` or ``log(cosh(x))``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from symdiff.operations import sympy_functions as fn
from symdiff.operations.operation import Operation, Partials, function
from symdiff.store.dag import Dag

__all__ = ["ROWS"]

_REAL, _POSITIVE = (-2.0, 2.0), (0.3, 3.0)


def _of_sech(dag: Dag, n: int, x: int) -> Partials:
    """Return the derivative of 1/cosh(x)."""
    return (dag.negate(dag.multiply(n, dag.apply("tanh", x))),)


def _of_csch(dag: Dag, n: int, x: int) -> Partials:
    """Return the derivative of 1/sinh(x)."""
    return (dag.negate(dag.divide(n, dag.apply("tanh", x))),)


def _of_rexpm1(dag: Dag, n: int, x: int) -> Partials:
    """Return the derivative of 1/(exp(x) - 1): its product with what it is at -x."""
    return (dag.multiply(n, dag.apply("rexpm1", dag.negate(x))),)


def _sech(x: Any) -> Any:
    """Return 1/cosh(x)."""
    with np.errstate(over="ignore"):
        return 1 / np.cosh(x)


def _csch(x: Any) -> Any:
    """Return 1/sinh(x)."""
    with np.errstate(over="ignore"):
        return 1 / np.sinh(x)


def _logcosh(x: Any) -> Any:
    """Return log(cosh(x))."""
    return np.logaddexp(x, -x) - np.log(2)


def _rexpm1(x: Any) -> Any:
    """Return 1/(exp(x) - 1)."""
    with np.errstate(over="ignore"):
        return 1 / np.expm1(x)


def _row(
    name: str, domain: tuple[float, float], partials: Any, sympy: Any, **own: Any
) -> Operation:
    """Return a row; its helper is one line of Python, which is one of C but for the names."""
    line, needs = own.pop("line"), own.pop("needs")
    c = line.replace("abs(", "fabs(")
    return function(
        name,
        None,
        (domain,),
        partials,
        sympy,
        helper=f"def {name}(x):\n    return {line}",
        helper_needs=needs,
        arrays=True,
        c_helper=f"static double {name}(double x)\n{{\n    return {c};\n}}",
        **own,
    )


ROWS = (
    _row(
        "sech",
        _REAL,
        _of_sech,
        sympy.sech,
        evaluate=_sech,
        at={0: 1},
        line="2.0 * exp(-abs(x)) / (1.0 + exp(-2.0 * abs(x)))",
        needs=("exp",),
    ),
    _row(
        "csch",
        _POSITIVE,
        _of_csch,
        sympy.csch,
        evaluate=_csch,
        singular=True,
        line="copysign(2.0 * exp(-abs(x)), x) / -expm1(-2.0 * abs(x))",
        needs=("copysign", "exp", "expm1"),
    ),
    _row(
        "logcosh",
        _REAL,
        lambda dag, n, x: (dag.apply("tanh", x),),
        fn.LogCosh,
        latex=r"\log\cosh",
        evaluate=_logcosh,
        parse=(),
        at={0: 0},
        line="abs(x) + log1p(0.5 * expm1(-2.0 * abs(x)))",
        needs=("expm1", "log1p"),
    ),
    _row(
        "rexpm1",
        _POSITIVE,
        _of_rexpm1,
        fn.ReciprocalExpm1,
        evaluate=_rexpm1,
        parse=(),
        singular=True,
        line="exp(-0.5 * (x + abs(x))) / copysign(expm1(-abs(x)), x)",
        needs=("copysign", "exp", "expm1"),
    ),
)
