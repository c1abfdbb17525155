"""Rows of functions of `scipy.special`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sympy

from symdiff.operations.operation import Operation, Partials, function
from symdiff.store.dag import ONE, ZERO, Dag

__all__ = ["ROWS"]

_REAL, _POSITIVE = (-2.0, 2.0), (0.3, 3.0)


def _of_erf(dag: Dag, n: int, x: int) -> Partials:
    """Return 2/sqrt(pi) exp(-x**2)."""
    bell = dag.apply("exp", dag.negate(dag.square(x)))
    return (dag.multiply(dag.number(2 / math.sqrt(math.pi)), bell),)


def _special(name: str) -> Callable[..., Any]:
    """Return a function of `scipy.special`, imported at its first use: that takes half a second."""

    def function(*values: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(*values)

    return function


def _composed(name: str, form: Callable[..., int], *domain: tuple[float, float]) -> Operation:
    """Return the row of a function of `scipy.special` that is made of other operations."""
    return Operation(
        name=name,
        kind="formula",
        form=form,
        arity=(len(domain),) * 2,
        domain=domain,
        evaluate=_special(name),
        scipy=name,
        parse=(name,),
    )


def _normal(dag: Dag, x: int) -> int:
    """Return the distribution function of the normal distribution."""
    scaled = dag.divide(dag.negate(x), dag.number(math.sqrt(2)))
    return dag.divide(dag.apply("erfc", scaled), dag.number(2))


def _x_log_y(dag: Dag, x: int, y: int) -> int:
    """Return x log(y), and 0 where x is 0."""
    product = dag.multiply(x, dag.apply("log", y))
    return dag.choose(dag.compare("eq", x, ZERO), ZERO, product)


_C_DIGAMMA = """static double digamma(double x)
{
    double shift = 0.0, t;
    if (x <= 0.0)
        return x == floor(x) ? NAN
                             : digamma(1.0 - x) - 3.141592653589793 / tan(3.141592653589793 * x);
    for (; x < 10.0; x += 1.0)
        shift -= 1.0 / x;
    t = 1.0 / (x * x);
    return shift + log(x) - 0.5 / x
        - t * (1.0 / 12 - t * (1.0 / 120 - t * (1.0 / 252 - t * (1.0 / 240 - t * (1.0 / 132)))));
}"""
_C_ZETA = """static double hurwitz(double s, double x)
{
    double sum = 0.0, term;
    if (!(x > 0.0) || !(s > 1.0))
        return NAN;
    for (; x < 12.0; x += 1.0)
        sum += pow(x, -s);
    term = pow(x, -s);
    sum += x * term / (s - 1.0) + 0.5 * term;
    term *= s / x;
    sum += term / 12;
    term *= (s + 1) * (s + 2) / (x * x);
    sum -= term / 720;
    term *= (s + 3) * (s + 4) / (x * x);
    sum += term / 30240;
    term *= (s + 5) * (s + 6) / (x * x);
    return sum - term / 1209600;
}"""


ROWS = (
    function(
        "erf",
        None,
        (_REAL,),
        _of_erf,
        sympy.erf,
        scipy="erf",
        evaluate=_special("erf"),
        numpy="scipy.special.erf",
        at={0: 0},
    ),
    function(
        "erfc",
        None,
        (_REAL,),
        lambda dag, n, x: (dag.negate(*_of_erf(dag, n, x)),),
        sympy.erfc,
        scipy="erfc",
        evaluate=_special("erfc"),
        numpy="scipy.special.erfc",
        at={0: 1},
    ),
    function(
        "gammaln",
        None,
        (_POSITIVE,),
        lambda dag, n, x: (dag.apply("digamma", x),),
        sympy.loggamma,
        scipy="gammaln",
        evaluate=_special("gammaln"),
        singular=True,
        at={1: 0},
        math="lgamma",
        numpy="scipy.special.gammaln",
        c="lgamma",
    ),
    function(
        "digamma",
        None,
        (_POSITIVE,),
        lambda dag, n, x: (dag.apply("zeta", dag.number(2), x),),
        sympy.digamma,
        scipy="psi",
        evaluate=_special("digamma"),
        singular=True,
        math="scipy.special.digamma",
        numpy="scipy.special.digamma",
        c_helper=_C_DIGAMMA,
    ),
    function(
        "zeta",  # Hurwitz's: zeta(2, x) is the derivative of digamma(x)
        None,
        ((2.0, 2.0), _POSITIVE),
        lambda dag, n, s, x: (
            dag.number(math.nan),
            dag.negate(dag.multiply(s, dag.apply("zeta", dag.add(s, ONE), x))),
        ),
        sympy.zeta,
        arity=(2, 2),
        scipy="zeta",
        parse=(),
        evaluate=_special("zeta"),
        singular=True,
        math="scipy.special.zeta",
        numpy="scipy.special.zeta",
        c="hurwitz",
        c_helper=_C_ZETA,
    ),
    _composed("expit", lambda dag, x: dag.apply("sigmoid", x), _REAL),
    _composed("ndtr", _normal, _REAL),
    _composed("xlogy", _x_log_y, _REAL, _POSITIVE),
    _composed(
        "logit",
        lambda dag, x: dag.subtract(dag.apply("log", x), dag.apply("log1p", dag.negate(x))),
        (0.1, 0.9),
    ),
    _composed(
        "log_expit",
        lambda dag, x: dag.negate(dag.apply("logaddexp", ZERO, dag.negate(x))),
        _REAL,
    ),
)
