"""Gradients as C: compiled, called, and held against the same formulas in Python."""

import keyword
import re
import shutil

import numpy as np
import pytest
import scipy.special

from symdiff import gradient, parse
from symdiff.operations.table import OPERATIONS
from symdiff.strategies import DERIVATIONS

COMPILER = shutil.which("gcc") or shutil.which("clang") or shutil.which("cc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler here")


def check(compiled, g, **point):
    value, found = compiled(g)(**point)
    expected_value, expected = g.value_and_gradient(**point)
    np.testing.assert_allclose(value, expected_value, rtol=1e-12, atol=1e-300)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, atol=1e-14)


def network(w1, b1, w2, x, y):
    h = 1 / (1 + np.exp(-(x @ w1 + b1)))
    e = h @ w2 - y
    return np.sum(e**2) / 3 + 0.1 * np.sum(np.abs(w1))


SHAPES = {"w1": (3, 4), "b1": (4,), "w2": (4, 2), "x": (2, 3), "y": (2, 2)}


@needs_compiler
@pytest.mark.parametrize("strategy", DERIVATIONS)
def test_a_network(strategy, compiled, rng):
    g = gradient(network, strategy=strategy, wrt=("w1", "b1", "w2"), **SHAPES)
    check(compiled, g, **{name: rng.normal(size=shape) for name, shape in SHAPES.items()})


FUNCTIONS_OF_ONE = """
    exp(x) log(x+3) sin(x) cos(x) tan(x) asin(x/4) acos(x/4) atan(x) sinh(x) cosh(x) tanh(x)
    asinh(x) acosh(x+4) atanh(x/4) exp2(x) expm1(x) log1p(x+2) log2(x+3) log10(x+3)
    cbrt(x+3) sqrt(x+3) abs(x) sign(x) sigmoid(x) relu(x) softplus(x) x**2 x**3 (x+3)**2.5
    1/x x**-2 2**x 1/(x+3)**0.5 -x 3*x/7 0.1*x where(x<1,x,x**2) where(x==1,1,2*x)
"""
FUNCTIONS_OF_TWO = """
    max(x,y) min(x,y) max(x,y,1) min(x,y,x*y) hypot(x,y) atan2(x,y) logaddexp(x,y) (x+3)**y
    x-y-(x-2*y)*x x/y/x x/(y*x) -(x+y)*-x where(x>y,x*y,where(x<0,y,x)) x*y*x*3
"""


@needs_compiler
@pytest.mark.sampled(4)
@pytest.mark.each("text", FUNCTIONS_OF_ONE.split())
def test_functions_of_one(text, compiled):
    call_at = compiled(g := gradient(parse(text), x=(), strategy="adjoint"))
    for x in (-1.7, -0.3, 0.6, 1.0, 2.3):
        value, found = call_at(x=x)
        expected_value, expected = g.value_and_gradient(x=x)
        np.testing.assert_allclose(value, expected_value, rtol=1e-12)
        np.testing.assert_allclose(found["x"], expected["x"], rtol=1e-12)


@needs_compiler
@pytest.mark.sampled(4)
@pytest.mark.each("text", FUNCTIONS_OF_TWO.split())
def test_functions_of_two(text, compiled):
    g = gradient(parse(text, ["x", "y"]), x=(), y=())
    for x, y in ((-1.7, 0.4), (0.6, 0.6), (2.3, -1.0)):
        check(compiled, g, x=x, y=y)


SINGULAR = """
    1/x exp(x)*x log(x) sqrt(x) x*x tanh(x) sigmoid(x) relu(x) max(x,1) min(x,1) abs(x)
    sign(x) x**0.5 x**-3 logaddexp(x,1) hypot(x,1) where(x>0,sqrt(x),0*x) exp(x)/exp(x)
"""
EXTREMES = [0.0, 1e4, -1e4, 1e300, -1.0, np.inf, -np.inf, np.nan]


@needs_compiler
@pytest.mark.each(
    "text",
    SINGULAR.split(),
)
def test_infinities_and_nan_flow_through(text, compiled):
    g = gradient(parse(text), x=())
    call_at = compiled(g)
    for x in EXTREMES:
        value, found = call_at(x=x)
        expected_value, expected = g.value_and_gradient(x=x)
        np.testing.assert_allclose(value, expected_value, rtol=1e-12, err_msg=f"value at {x}")
        np.testing.assert_allclose(found["x"], expected["x"], rtol=1e-12, err_msg=f"at {x}")


@needs_compiler
def test_deep_long_and_wide_formulas(compiled):
    def deep(w, x):
        for _ in range(300):
            x = np.tanh(w * x)
        return x

    def wide(x):
        return np.sum(np.exp(x)) * np.prod(x[:120]) + np.max(x[:125])

    check(compiled, gradient(deep, strategy="adjoint", w=(), x=()), w=1.1, x=0.5)
    x = np.linspace(0.9, 1.1, 400)
    check(compiled, gradient(wide, strategy="adjoint", x=(400,)), x=x)


HOSTILE_NAMES = """
    double int register restrict main unix linux signgam gamma y0 j1 value x_bar x_bar_bar
    exp NAN INFINITY M_PI HUGE_VAL isnan _x __x __LINE__ _Bool θ φ_bar w1 W1
    value_and_gradient r1 v1 argument1 bar1 sigmoid maximum errno FP_NAN OVERFLOW I x1_y2
"""


@needs_compiler
def test_names_that_c_has_other_uses_for(compiled, rng):
    names = [name for name in HOSTILE_NAMES.split() if not keyword.iskeyword(name)]

    def f(**arguments):
        total = 1.0
        for name in names:
            total = total * np.exp(arguments[name][0] * 0.1) + np.maximum(arguments[name][1], total)
        return total

    g = gradient(f, strategy="adjoint", inputs=dict.fromkeys(names, (2,)))
    check(compiled, g, **{name: rng.normal(size=2) for name in names})
    code = g.code(language="c")
    assert code.isascii()
    assert "θ" not in code
    assert not re.search(r"\bunix\[|\bNAN\[|\bexp\[", code)


@needs_compiler
def test_every_function_compiles(compiled, rng):
    rows = [row for row in OPERATIONS.values() if row.kind == "function"]
    rows = [row for row in rows if row.name not in ("step", "smallest")]  # of no traced function
    rows = [row for row in rows if row.c != "-" and not row.c_whole]
    assert {row.name for row in rows} >= {"erf", "sigmoid", "fmaximum", "hypot"}
    point = {row.name: [rng.uniform(*bounds) for bounds in row.domain] for row in rows}

    def f(**arguments):
        return sum(row.evaluate(*arguments[row.name]) for row in rows)

    g = gradient(f, strategy="adjoint", inputs={row.name: (len(row.domain),) for row in rows})
    check(compiled, g, **{name: np.array(values) for name, values in point.items()})


@needs_compiler
def test_bessel_functions_of_whole_orders_compile(compiled):
    def f(x):
        return scipy.special.j0(x) * scipy.special.jv(2, x) + scipy.special.y1(x)

    check(compiled, gradient(f, x=()), x=np.array(0.7))


@pytest.mark.parametrize("f", [lambda x: scipy.special.jv(0.5, x), lambda x: scipy.special.i0(x)])
def test_what_c_has_not_is_refused(f):
    with pytest.raises(NotImplementedError, match=r"C has no function.*scipy\.special\.(jv|iv)"):
        gradient(f, x=()).code(language="c")


@needs_compiler
def test_special_functions_far_out(compiled):
    def f(x):
        return sum(
            np.sum(function(x))
            for function in (scipy.special.log_ndtr, scipy.special.erfcx, scipy.special.erf)
        )

    check(compiled, gradient(f, x=(5,)), x=np.array([-5.0, -0.1, 0.0, 3.0, 1000.0]))
    g = gradient(lambda p: scipy.special.ndtri(p) + scipy.special.erfinv(p), p=())
    for p in (1e-200, 1e-9, 0.3, 0.999):
        check(compiled, g, p=np.array(p))


@needs_compiler
def test_a_place_in_the_order_compiles(compiled):
    g = gradient(lambda x: np.sum(np.sort(x) * np.arange(4.0)) * np.median(x), x=(4,))
    for x in ([3.0, -1.0, 2.0, 0.5], [1.0, 1.0, 0.0, 1.0], [0.0, -0.0, np.inf, 1.0]):
        check(compiled, g, x=np.array(x))


def test_python_is_the_other_language():
    g = gradient(lambda x: x**2, x=())
    assert g.code() == g.code(language="python") == g.source
    with pytest.raises(ValueError, match=r"'rust'.*python, c"):
        g.code(language="rust")
