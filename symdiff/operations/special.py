"""Rows of functions of `scipy.special`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sympy

from symdiff.operations import sympy_functions as fn
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


def _bessel(
    name: str, slope: Callable[[Dag, int, int, int, int], int], sympy: Any, **columns: Any
) -> Operation:
    """Return the row of a Bessel function, whose first argument is its order, a number.

    The slope takes the graph, the functions of the orders below and above, its node and its
    argument.
    """

    def partials(dag: Dag, n: int, order: int, x: int) -> Partials:
        below, above = (dag.apply(name, dag.add(order, dag.number(k)), x) for k in (-1, 1))
        return dag.number(math.nan), slope(dag, below, above, n, x)

    return function(
        name,
        None,
        ((2.0, 2.0), _POSITIVE),
        partials,
        sympy,
        arity=(2, 2),
        scipy=name,
        evaluate=_special(name),
        singular=True,
        math=f"scipy.special.{name}",
        numpy=f"scipy.special.{name}",
        **{"c": "-", "parse": (name,), **columns},
    )


def _half(sign: int, other: int) -> Callable[[Dag, int, int, int, int], int]:
    """Return the slope of half the functions of both orders, with their signs."""

    def slope(dag: Dag, below: int, above: int, n: int, x: int) -> int:
        both = dag.add(below, above) if sign == other else dag.subtract(below, above)
        return dag.divide(both if sign > 0 else dag.negate(both), dag.number(2))

    return slope


def _of_order(name: str, bessel: str, order: int) -> Operation:
    """Return the row of a Bessel function of a fixed order."""
    form = lambda dag, x: dag.apply(bessel, dag.number(order), x)  # noqa: E731
    return _composed(name, form, _POSITIVE)


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


def _times_log(
    name: str, shift: int, slope: Callable[[Dag, int], int], domain: tuple[float, float], sympy: Any
) -> Operation:
    """Return the row of x times the logarithm of y, or of 1 + y; 0 where x is 0."""

    def partials(dag: Dag, n: int, x: int, y: int) -> Partials:
        by_y = dag.divide(x, dag.add(y, dag.number(shift)) if shift else y)
        return slope(dag, y), dag.choose(dag.compare("eq", x, ZERO), ZERO, by_y)

    log = "log1p" if shift else "log"
    return function(
        name,
        None,
        (_REAL, domain),
        partials,
        sympy,
        arity=(2, 2),
        scipy=name,
        evaluate=_special(name),
        singular=True,
        helper=f"def {name}(x, y):\n    return x * {log}(y) if x or y != y else 0.0",
        helper_needs=(log,),
        c_helper=f"""static double {name}(double x, double y)
{{
    return x != 0.0 || y != y ? x * {log}(y) : 0.0;
}}""",
    )


def _log_gamma(dag: Dag, x: int) -> int:
    """Return log(gamma(x)), which is real for positive x only."""
    positive = dag.compare("gt", x, ZERO)
    return dag.choose(positive, dag.apply("gammaln", x), dag.number(math.nan))


def _log_beta(dag: Dag, a: int, b: int) -> int:
    """Return log(|beta(a, b)|)."""
    whole = dag.add(dag.apply("gammaln", a), dag.apply("gammaln", b))
    return dag.subtract(whole, dag.apply("gammaln", dag.add(a, b)))


def _of_beta(dag: Dag, n: int, *args: int) -> Partials:
    """Return the partials of the beta function."""
    both = dag.apply("digamma", dag.add(*args))
    return tuple(dag.multiply(n, dag.subtract(dag.apply("digamma", arg), both)) for arg in args)


def _of_scaled_erfc(dag: Dag, n: int, x: int) -> Partials:
    """Return the derivative of exp(x**2) erfc(x): of its tail, where two terms would cancel."""
    one, half = dag.number(1), dag.number(0.5)
    near = dag.subtract(dag.multiply(dag.number(2), x, n), dag.number(2 / math.sqrt(math.pi)))
    t = dag.divide(half, dag.square(x))
    inner = dag.subtract(one, dag.multiply(dag.number(5), t))
    series = dag.subtract(one, dag.multiply(dag.number(3), t, inner))
    far = dag.multiply(dag.number(-2 / math.sqrt(math.pi)), t, series)
    return (dag.choose(dag.compare("gt", x, dag.number(100)), far, near),)


def _of_log_normal(dag: Dag, n: int, x: int) -> Partials:
    """Return the inverse Mills ratio, which neither overflows nor cancels."""
    scaled = dag.divide(dag.negate(x), dag.number(math.sqrt(2)))
    return (dag.divide(dag.number(math.sqrt(2 / math.pi)), dag.apply("erfcx", scaled)),)


def _of_inverse(factor: float, over: float) -> Callable[[Dag, int, int], Partials]:
    """Return the derivative of an inverse of erf or ndtr: a factor times exp(n**2 / over)."""

    def rule(dag: Dag, n: int, x: int) -> Partials:
        bell = dag.apply("exp", dag.divide(dag.square(n), dag.number(over)))
        return (dag.multiply(dag.number(factor), bell),)

    return rule


def _entropy(dag: Dag, x: int) -> int:
    """Return -x log(x), 0 at 0, and minus infinity below."""
    inside = dag.negate(dag.apply("xlogy", x, x))
    return dag.choose(dag.compare("lt", x, ZERO), dag.number(-math.inf), inside)


def _relative_entropy(dag: Dag, x: int, y: int) -> int:
    """Return x log(x / y), 0 where both are 0, and infinity where that is no entropy."""
    inside = dag.apply("xlogy", x, dag.divide(x, y))
    false = dag.boolean(False)
    zeros = dag.choose(dag.compare("eq", x, ZERO), dag.compare("eq", y, ZERO), false)
    both = dag.choose(dag.compare("ge", x, ZERO), dag.compare("gt", y, ZERO), false)
    return dag.choose(both, inside, dag.choose(zeros, ZERO, dag.number(math.inf)))


def _divergence(dag: Dag, x: int, y: int) -> int:
    """Return x log(x / y) - x + y."""
    return dag.add(dag.subtract(_relative_entropy(dag, x, y), x), y)


def _huber(dag: Dag, delta: int, r: int) -> int:
    """Return half the square up to delta, and a line from there on."""
    size, half = dag.apply("absolute", r), dag.number(0.5)
    line = dag.multiply(delta, dag.subtract(size, dag.multiply(half, delta)))
    return dag.choose(dag.compare("le", size, delta), dag.multiply(half, dag.square(r)), line)


_C_JN, _C_YN = (f"double {name}(int order, double x);" for name in ("jn", "yn"))  # of POSIX
_C_BETA = """static double beta(double a, double b)
{
    return a > 0.0 && b > 0.0 ? exp(lgamma(a) + lgamma(b) - lgamma(a + b))
                              : tgamma(a) * tgamma(b) / tgamma(a + b);
}"""
_C_ERFCX = """static double erfcx(double x)
{
    double t = 0.5 / (x * x);
    if (x < 20.0)
        return exp(x * x) * erfc(x);
    t = 1.0 - t * (1.0 - 3.0 * t * (1.0 - 5.0 * t * (1.0 - 7.0 * t * (1.0 - 9.0 * t))));
    return t / (x * 1.772453850905516);
}"""
_C_LOG_NDTR = """static double log_ndtr(double x)
{
    double z = -x * 0.7071067811865476, t = 0.5 / (z * z);
    if (x > 0.0)
        return log1p(-0.5 * erfc(-z));
    if (z < 20.0)
        return log(0.5 * erfc(z));
    return -z * z - log(z * 3.544907701811032)
        + log1p(-t * (1.0 - 3.0 * t * (1.0 - 5.0 * t * (1.0 - 7.0 * t * (1.0 - 9.0 * t)))));
}"""
_C_ERFINV = """static double erfinv(double x)
{
    double l = log1p(-x * x), t = 4.330746750799873 + 0.5 * l, y;
    int k;
    if (!(fabs(x) < 1.0))
        return fabs(x) == 1.0 ? x * INFINITY : NAN;
    y = copysign(sqrt(sqrt(t * t - l / 0.147) - t), x);
    for (k = 0; k < 4; k++)
        y -= (erf(y) - x) * 0.886226925452758 * exp(y * y);
    return y;
}"""
_C_NDTRI = """static double ndtri(double p)
{
    double l, t, y;
    int k;
    if (!(p > 0.0 && p < 1.0))
        return p == 0.0 ? -INFINITY : p == 1.0 ? INFINITY : NAN;
    if (p > 0.5)
        return -ndtri(1.0 - p);
    l = log(4.0 * p * (1.0 - p));
    t = 4.330746750799873 + 0.5 * l;
    y = -sqrt(2.0 * (sqrt(t * t - l / 0.147) - t));
    for (k = 0; k < 5; k++) {
        t = 0.5 * erfc(-y * 0.7071067811865476);
        y -= log(t / p) * t * 2.5066282746310002 * exp(0.5 * y * y);
    }
    return y;
}"""
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
    function(
        "gamma",
        None,
        (_POSITIVE,),
        lambda dag, n, x: (dag.multiply(n, dag.apply("digamma", x)),),
        sympy.gamma,
        scipy="gamma",
        evaluate=_special("gamma"),
        singular=True,
        at={1: 1},
        math="scipy.special.gamma",
        numpy="scipy.special.gamma",
        c="tgamma",
    ),
    function(
        "beta",
        None,
        (_POSITIVE, _POSITIVE),
        _of_beta,
        sympy.beta,
        arity=(2, 2),
        scipy="beta",
        evaluate=_special("beta"),
        singular=True,
        math="scipy.special.beta",
        numpy="scipy.special.beta",
        c_helper=_C_BETA,
    ),
    function(
        "erfcx",
        None,
        (_REAL,),
        _of_scaled_erfc,
        fn.ScaledErfc,
        scipy="erfcx",
        evaluate=_special("erfcx"),
        singular=True,
        at={0: 1},
        math="scipy.special.erfcx",
        numpy="scipy.special.erfcx",
        c_helper=_C_ERFCX,
    ),
    function(
        "erfinv",
        None,
        ((-0.9, 0.9),),
        _of_inverse(math.sqrt(math.pi) / 2, 1),
        sympy.erfinv,
        scipy="erfinv",
        evaluate=_special("erfinv"),
        singular=True,
        at={0: 0},
        math="scipy.special.erfinv",
        numpy="scipy.special.erfinv",
        c_helper=_C_ERFINV,
    ),
    function(
        "ndtri",
        None,
        ((0.05, 0.95),),
        _of_inverse(math.sqrt(2 * math.pi), 2),
        fn.NormalQuantile,
        scipy="ndtri",
        evaluate=_special("ndtri"),
        singular=True,
        math="scipy.special.ndtri",
        numpy="scipy.special.ndtri",
        c_helper=_C_NDTRI,
    ),
    function(
        "log_ndtr",
        None,
        (_REAL,),
        _of_log_normal,
        fn.LogNormalCdf,
        latex=r"\log\Phi",
        scipy="log_ndtr",
        evaluate=_special("log_ndtr"),
        math="scipy.special.log_ndtr",
        numpy="scipy.special.log_ndtr",
        c_helper=_C_LOG_NDTR,
    ),
    _bessel("jv", _half(1, -1), sympy.besselj, c="jn", c_helper=_C_JN, c_whole=True),
    _bessel("yv", _half(1, -1), sympy.bessely, c="yn", c_helper=_C_YN, c_whole=True),
    _bessel("iv", _half(1, 1), sympy.besseli),
    _bessel("kv", _half(-1, -1), sympy.besselk),
    _bessel(
        "ive",
        lambda dag, below, above, n, x: dag.subtract(
            dag.divide(dag.add(below, above), dag.number(2)),
            dag.multiply(dag.apply("sign", x), n),
        ),
        fn.ScaledBesselI,
    ),
    *(_of_order(f"{letter}{order}", f"{letter}v", order) for letter in "jyik" for order in (0, 1)),
    *(_of_order(f"i{order}e", "ive", order) for order in (0, 1)),
    _composed("loggamma", _log_gamma, _POSITIVE),
    _composed("betaln", _log_beta, _POSITIVE, _POSITIVE),
    _times_log("xlog1py", 1, lambda dag, y: dag.apply("log1p", y), _POSITIVE, fn.XLog1PY),
    _composed("entr", _entropy, _POSITIVE),
    _composed("rel_entr", _relative_entropy, _POSITIVE, _POSITIVE),
    _composed("kl_div", _divergence, _POSITIVE, _POSITIVE),
    _composed("huber", _huber, (0.5, 1.0), (1.2, 2.0)),
    _composed("expit", lambda dag, x: dag.apply("sigmoid", x), _REAL),
    _composed("ndtr", _normal, _REAL),
    _times_log("xlogy", 0, lambda dag, y: dag.apply("log", y), _POSITIVE, fn.XLogY),
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
