"""Rows of functions.

A derivative takes the graph, the node itself and its arguments, so that it can be written in terms
of the value (``tanh`` gives ``1 - tanh**2``), which is then shared instead of computed again and is
finite where the value is.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from symdiff.operations import sympy_functions as fn
from symdiff.operations.operation import Partials, function
from symdiff.store.dag import ONE, ZERO, Dag
from symdiff.store.exact import Number, fold

__all__ = ["ROWS", "even_shares"]

_REAL, _POSITIVE, _OPEN_UNIT = (-2.0, 2.0), (0.3, 3.0), (-0.9, 0.9)
_APART = ((-2.0, -0.1), (0.1, 2.0))  # where a maximum has no tie


# Derivatives ------------------------------------------------------------------------------------


def _reciprocal(dag: Dag, x: int) -> int:
    """Return 1/x."""
    return dag.divide(ONE, x)


def _one_minus(dag: Dag, x: int) -> int:
    """Return 1 - x."""
    return dag.subtract(ONE, x)


def _root(dag: Dag, x: int) -> int:
    """Return sqrt(x)."""
    return dag.apply("sqrt", x)


def _half_reciprocal(dag: Dag, n: int, x: int) -> Partials:
    """Return 1/(2 n) for the square root n; for a length, which may be 0, half its inverse."""
    if n in dag.harmless or dag.is_flat(x, Fraction(1, 2)):
        return (dag.divide(dag.apply("pinv", n), dag.number(2)),)
    return (_reciprocal(dag, dag.multiply(dag.number(2), n)),)


def _of_cbrt(dag: Dag, n: int, x: int) -> Partials:
    """Return 1/(3 n**2) for the cubic root n."""
    square = dag.square(n)
    if n in dag.harmless or dag.is_flat(x, Fraction(1, 3)):
        return (dag.divide(dag.apply("pinv", square), dag.number(3)),)
    return (_reciprocal(dag, dag.multiply(dag.number(3), square)),)


def _of_hypot(dag: Dag, n: int, *args: int) -> Partials:
    """Return the partials of a length, 0 where it is 0."""
    return tuple(dag.multiply(arg, dag.apply("pinv", n)) for arg in args)


def _of_logsumexp(dag: Dag, n: int, *args: int) -> Partials:
    """Return the softmax of the arguments."""
    return tuple(dag.apply("exp", dag.subtract(arg, n)) for arg in args)


def even_shares(dag: Dag, n: int, *args: int) -> Partials:
    """Return the even share of each argument that ties for the largest or smallest."""
    count = dag.apply("ties", n, *args)
    ties = (dag.choose(dag.compare("eq", arg, n), ONE, ZERO) for arg in args)
    return tuple(dag.divide(tie, count) for tie in ties)


def _where_several(dag: Dag, n: int, *args: int) -> tuple[int, ...]:
    """Return where the number of arguments equal to n jumps: for each that is one of several."""
    several = dag.compare("gt", dag.apply("ties", n, *args), ONE)
    no = dag.boolean(False)
    return no, *(dag.choose(dag.compare("eq", arg, n), several, no) for arg in args)


def _larger(dag: Dag, n: int, *args: int) -> Partials:
    """Return the partials of a maximum."""
    if len(args) != 2:
        return even_shares(dag, n, *args)
    return dag.apply("step", *args), dag.apply("step", *args[::-1])


def _smaller(dag: Dag, n: int, *args: int) -> Partials:
    """Return the partials of a minimum."""
    return even_shares(dag, n, *args) if len(args) != 2 else _larger(dag, n, *args[::-1])


def _of_angle(dag: Dag, _: int, y: int, x: int) -> Partials:
    """Return the partials of the angle of (x, y)."""
    length = dag.apply("hypot", y, x)  # of which no square is taken, that would overflow

    def share(part: int) -> int:
        return dag.divide(dag.divide(part, length), length)

    return share(x), dag.negate(share(y))


def _of_log(base: int) -> Callable[[Dag, int, int], Partials]:
    """Return the rule of a logarithm."""

    def rule(dag: Dag, n: int, x: int) -> Partials:
        return (_reciprocal(dag, dag.multiply(x, dag.apply("log", dag.number(base)))),)

    return rule


def _of_arcsin(dag: Dag, n: int, x: int) -> int:
    """Return the derivative of the inverse sine."""
    return _reciprocal(dag, _root(dag, _one_minus(dag, dag.square(x))))


def _of_arccosh(dag: Dag, n: int, x: int) -> Partials:
    """Return the derivative of the inverse hyperbolic cosine, which does not overflow."""
    roots = _root(dag, dag.subtract(x, ONE)), _root(dag, dag.add(x, ONE))
    return (_reciprocal(dag, dag.multiply(*roots)),)


# Values -----------------------------------------------------------------------------------------


def _sign(x: Number) -> Number:
    """Return the sign of a number."""
    return (x > 0) - (x < 0) if x == x else math.nan


def _step(a: Number, b: Number) -> Number:
    """Return 1 where a > b, 1/2 where they tie and 0 elsewhere."""
    return fold((a > b) + Fraction(int(a == b), 2))


def _exactly(choose: Callable[..., Number]) -> Callable[..., Number]:
    """Return the largest or smallest number, and NaN if one is."""
    return lambda *values: choose(values) if all(v == v for v in values) else math.nan


def _sigmoid(x: Any) -> Any:
    """Return the logistic function."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def _of_all(ufunc: np.ufunc) -> Callable[..., Any]:
    """Return a function of two for any number of arguments."""
    return lambda *values: functools.reduce(ufunc, values)


def _pinv(x: Any) -> Any:
    """Return 1/x, and 0 at 0."""
    return np.where(x == 0, 0.0, 1.0 / np.where(x == 0, 1.0, x))


_C_LOGADDEXP = """static double logaddexp(double a, double b)
{
    return a != b ? fmax(a, b) + log1p(exp(-fabs(a - b))) : a + 0.6931471805599453;
}"""


# Rows -------------------------------------------------------------------------------------------

ROWS = (
    function(
        "sqrt",
        np.sqrt,
        (_POSITIVE,),
        _half_reciprocal,
        sympy.sqrt,
        singular=True,
        at={0: 0, 1: 1},
    ),
    function(
        "cbrt",
        np.cbrt,
        (_POSITIVE,),
        _of_cbrt,
        fn.Cbrt,
        at={0: 0, 1: 1},
    ),
    function("exp", np.exp, (_REAL,), lambda dag, n, x: (n,), sympy.exp, singular=True, at={0: 1}),
    function(
        "exp2",
        np.exp2,
        (_REAL,),
        lambda dag, n, x: (dag.multiply(n, dag.apply("log", dag.number(2))),),
        fn.Exp2,
        singular=True,
        at={0: 1},
    ),
    function(
        "expm1",
        np.expm1,
        (_REAL,),
        lambda dag, n, x: (dag.apply("exp", x),),
        fn.Expm1,
        singular=True,
        at={0: 0},
    ),
    function(
        "log",
        np.log,
        (_POSITIVE,),
        lambda dag, n, x: (_reciprocal(dag, x),),
        sympy.log,
        singular=True,
        at={1: 0},
    ),
    function("log2", np.log2, (_POSITIVE,), _of_log(2), fn.Log2, singular=True, at={1: 0}),
    function("log10", np.log10, (_POSITIVE,), _of_log(10), fn.Log10, singular=True, at={1: 0}),
    function(
        "log1p",
        np.log1p,
        (_OPEN_UNIT,),
        lambda dag, n, x: (_reciprocal(dag, dag.add(ONE, x)),),
        fn.Log1p,
        singular=True,
        at={0: 0},
    ),
    function(
        "sigmoid",
        None,
        (_REAL,),
        # 1 - s is sigmoid(-x), which keeps its digits where s is near 1.
        lambda dag, n, x: (dag.multiply(n, dag.apply("sigmoid", dag.negate(x))),),
        fn.Sigmoid,
        latex=r"\sigma",
        evaluate=_sigmoid,
        at={0: Fraction(1, 2)},
        count=3,  # an exponential, a sum and a division
        helper="""def sigmoid(x):
    return 1.0 / (1.0 + exp(-x)) if x > -709.0 else exp(x)""",
        helper_needs=("exp",),
        c_helper="""static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}""",
    ),
    function(
        "logaddexp",
        np.logaddexp,
        (_REAL, _REAL),
        lambda dag, n, x, y: (
            dag.apply("sigmoid", dag.subtract(x, y)),
            dag.apply("sigmoid", dag.subtract(y, x)),
        ),
        fn.LogAddExp,
        commutes=True,
        numpy="logaddexp",
        helper="""def logaddexp(a, b):
    return max(a, b) + log1p(exp(-abs(a - b))) if a != b else a + 0.6931471805599453""",
        helper_needs=("exp", "log1p"),
        c_helper=_C_LOGADDEXP,
    ),
    function(
        "logsumexp",
        None,
        (_REAL, _REAL),
        _of_logsumexp,
        fn.LogSumExp,
        arity=(2, None),
        evaluate=_of_all(np.logaddexp),
        commutes=True,
        helper="""def logsumexp(*values):
    largest = max(values)
    if largest - largest != 0.0:
        return sum(values) if largest != largest else largest
    return largest + log(sum([exp(value - largest) for value in values]))""",
        helper_needs=("exp", "log"),
        c="logaddexp",
        c_helper=_C_LOGADDEXP,
    ),
    function(
        "pinv",  # 1/x, and 0 at 0: the derivative of a length, which has none at 0
        None,
        (_POSITIVE,),
        lambda dag, n, x: (dag.negate(_reciprocal(dag, dag.square(x))),),
        fn.PseudoInverse,
        exact=lambda x: fold(Fraction(1) / x) if x else 0,
        evaluate=_pinv,
        singular=True,
        parse=(),
        helper="""def pinv(x):
    return 1.0 / x if x else 0.0""",
        numpy_helper="""def pinv(x):
    return np.float64(1.0) / x if x else np.float64(0.0)""",
        c_helper="""static double pinv(double x)
{
    return x != 0.0 ? 1.0 / x : 0.0;
}""",
    ),
    function(
        "sin", np.sin, (_REAL,), lambda dag, n, x: (dag.apply("cos", x),), sympy.sin, at={0: 0}
    ),
    function(
        "cos",
        np.cos,
        (_REAL,),
        lambda dag, n, x: (dag.negate(dag.apply("sin", x)),),
        sympy.cos,
        at={0: 1},
    ),
    function(
        "tan",
        np.tan,
        ((-1.2, 1.2),),
        lambda dag, n, x: (dag.add(ONE, dag.square(n)),),
        sympy.tan,
        singular=True,
        at={0: 0},
    ),
    function(
        "arcsin",
        np.arcsin,
        (_OPEN_UNIT,),
        lambda dag, n, x: (_of_arcsin(dag, n, x),),
        sympy.asin,
        python="asin",
        singular=True,
        at={0: 0},
    ),
    function(
        "arccos",
        np.arccos,
        (_OPEN_UNIT,),
        lambda dag, n, x: (dag.negate(_of_arcsin(dag, n, x)),),
        sympy.acos,
        python="acos",
        singular=True,
    ),
    function(
        "arctan",
        np.arctan,
        (_REAL,),
        lambda dag, n, x: (_reciprocal(dag, dag.add(ONE, dag.square(x))),),
        sympy.atan,
        python="atan",
        at={0: 0},
    ),
    function(
        "arctan2",
        np.arctan2,
        (_REAL, _POSITIVE),
        _of_angle,
        fn.ArcTan2,
        latex=r"\operatorname{atan2}",
        python="atan2",
    ),
    function(
        "hypot",
        np.hypot,
        (_REAL, _POSITIVE),
        _of_hypot,
        fn.Hypot,
        commutes=True,
    ),
    function(
        "sinh",
        np.sinh,
        (_REAL,),
        lambda dag, n, x: (dag.apply("cosh", x),),
        sympy.sinh,
        singular=True,
        at={0: 0},
    ),
    function(
        "cosh",
        np.cosh,
        (_REAL,),
        lambda dag, n, x: (dag.apply("sinh", x),),
        sympy.cosh,
        singular=True,
        at={0: 1},
    ),
    function(
        "tanh",
        np.tanh,
        (_REAL,),
        lambda dag, n, x: (_one_minus(dag, dag.square(n)),),
        sympy.tanh,
        at={0: 0},
    ),
    function(
        "arcsinh",
        np.arcsinh,
        (_REAL,),
        lambda dag, n, x: (_reciprocal(dag, dag.apply("hypot", ONE, x)),),
        sympy.asinh,
        python="asinh",
        at={0: 0},
    ),
    function(
        "arccosh",
        np.arccosh,
        ((1.2, 4.0),),
        _of_arccosh,
        sympy.acosh,
        python="acosh",
        singular=True,
        at={1: 0},
    ),
    function(
        "arctanh",
        np.arctanh,
        (_OPEN_UNIT,),
        lambda dag, n, x: (_reciprocal(dag, _one_minus(dag, dag.square(x))),),
        sympy.atanh,
        python="atanh",
        singular=True,
        at={0: 0},
    ),
    function(
        "absolute",
        np.absolute,
        ((-2.0, -0.1),),
        lambda dag, n, x: (dag.apply("sign", x),),
        fn.Absolute,
        ufuncs=(np.absolute, np.fabs),
        sympy_too=(sympy.Abs,),
        exact=abs,
        python="fabs",
        numpy="fabs",
        parse=("abs",),
    ),
    function(
        "sign",
        np.sign,
        (_POSITIVE,),
        lambda dag, n, x: (ZERO,),
        fn.Sign,
        jumps=lambda dag, x: (dag.compare("eq", x, ZERO),),
        sympy_too=(sympy.sign,),
        exact=_sign,
        numpy="sign",
        helper="""def sign(x):
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x * 0.0""",
        c_helper="""static double sign(double x)
{
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x * 0.0;
}""",
    ),
    function(
        "step",
        None,
        _APART,
        lambda dag, n, a, b: (ZERO, ZERO),
        fn.Step,
        jumps=lambda dag, a, b: (dag.compare("eq", a, b),) * 2,
        arity=(2, 2),
        evaluate=lambda a, b: np.heaviside(a - b, 0.5),
        exact=_step,
        parse=(),
        helper="""def step(a, b):
    return 1.0 if a > b else 0.5 if a == b else 0.0""",
        numpy_helper="""def step(a, b):
    return np.float64(1.0 if a > b else 0.5 if a == b else 0.0)""",
        c_helper="""static double step(double a, double b)
{
    return a > b ? 1.0 : a == b ? 0.5 : 0.0;
}""",
    ),
    function(
        "maximum",
        np.maximum,
        _APART,
        _larger,
        fn.Maximum,
        arity=(2, None),
        evaluate=_of_all(np.maximum),
        sympy_too=(sympy.Max,),
        latex=r"\max",
        commutes=True,
        exact=_exactly(max),
        parse=("max", "maximum"),
        helper="""def maximum(*values):
    largest = values[0]
    for value in values:
        if value != value:
            return value
        if value > largest:
            largest = value
    return largest""",
        c_helper="""static double maximum(double a, double b)
{
    return a != a ? a : b != b ? b : a > b ? a : b;
}""",
    ),
    function(
        "minimum",
        np.minimum,
        _APART,
        _smaller,
        fn.Minimum,
        arity=(2, None),
        evaluate=_of_all(np.minimum),
        sympy_too=(sympy.Min,),
        latex=r"\min",
        commutes=True,
        exact=_exactly(min),
        parse=("min", "minimum"),
        helper="""def minimum(*values):
    smallest = values[0]
    for value in values:
        if value != value:
            return value
        if value < smallest:
            smallest = value
    return smallest""",
        c_helper="""static double minimum(double a, double b)
{
    return a != a ? a : b != b ? b : a < b ? a : b;
}""",
    ),
    function(
        "ties",  # how many of the others equal the first: by so many is an extreme attained
        None,
        ((3.0, 4.0), _REAL),
        lambda dag, n, *args: (ZERO,) * len(args),
        fn.Ties,
        jumps=_where_several,
        arity=(2, None),
        evaluate=lambda n, *args: sum(np.where(arg == n, 1.0, 0.0) for arg in args),
        exact=lambda n, *args: sum(int(arg == n) for arg in args),
        parse=(),
        helper="""def ties(n, *values):
    return float(sum([value == n for value in values]))""",
        numpy_helper="""def ties(n, *values):
    return np.float64(sum([value == n for value in values]))""",
        c_array=True,
        c_helper="""static double ties(double value, int n, const double *x)
{
    double count = 0.0;
    int i;
    for (i = 0; i < n; i++)
        count += x[i] == value;
    return count;
}""",
    ),
    function(
        "fmaximum",
        np.fmax,
        _APART,
        _larger,
        fn.FMaximum,
        latex=r"\max",
        parse=(),
        helper="""def fmaximum(a, b):
    return a if a >= b or b != b else b""",
        c_helper="""static double fmaximum(double a, double b)
{
    return a >= b || b != b ? a : b;
}""",
    ),
    function(
        "fminimum",
        np.fmin,
        _APART,
        _smaller,
        fn.FMinimum,
        latex=r"\min",
        parse=(),
        helper="""def fminimum(a, b):
    return a if a <= b or b != b else b""",
        c_helper="""static double fminimum(double a, double b)
{
    return a <= b || b != b ? a : b;
}""",
    ),
)
