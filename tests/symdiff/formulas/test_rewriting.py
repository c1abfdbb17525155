"""Formulas with something put in, and formulas made shorter."""

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from symdiff import ExpressionTooLarge, Unparsable, gradient, parse
from symdiff.strategies import DERIVATIONS


def loss(w, x, y):
    return np.sum((np.tanh(x @ w) - y) ** 2)


SHAPES = {"w": (3,), "x": (2, 3), "y": (2,)}


@pytest.mark.parametrize("strategy", DERIVATIONS)
def test_numbers_in_place_of_arguments(strategy, rng):
    point = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    g = gradient(loss, strategy=strategy, **SHAPES)
    put = g.subs(x=point["x"], y=point["y"])
    assert put.strategy == strategy
    value, found = put.value_and_gradient(w=point["w"])
    expected_value, expected = g.value_and_gradient(**point)
    assert value == pytest.approx(expected_value, rel=1e-12)
    assert list(found) == ["w"]
    np.testing.assert_allclose(found["w"], expected["w"], rtol=1e-12)
    assert put.subs({"w": point["w"]}).value_and_gradient()[0] == pytest.approx(expected_value)


@pytest.mark.parametrize("strategy", DERIVATIONS)
def test_formulas_follow_the_chain_rule(strategy, differences):
    g = gradient(lambda x, y: np.sin(x) * y, strategy=strategy, x=(), y=())
    put = g.subs(x="u**2 + y", y="3*u")
    assert list(put.partials) == ["y", "u"]

    def f(y, u):
        return np.sin(u**2 + y) * 3 * u

    point = {"y": 0.4, "u": -0.7}
    assert put.value_and_gradient(**point)[0] == pytest.approx(f(**point))
    differences(f, put(**point), point)


def test_an_argument_in_terms_of_itself_and_both_at_once():
    g = gradient(lambda x, y: x - 2 * y, x=(), y=())
    assert g.subs(x="x + 1").value_and_gradient(x=1, y=0) == (2.0, {"x": 1.0, "y": -2.0})
    assert g.subs(x="y", y="x").value_and_gradient(x=1, y=5)[0] == 3
    assert list(gradient(lambda x, y: x * y, wrt="y", x=(), y=()).subs(x="2*z").partials) == ["y"]


def test_sympy_expressions_and_whole_arrays():
    g = gradient(lambda w: np.sum(w**3), w=(2,))
    t, a0 = sympy.Symbol("t", real=True), sympy.Symbol("w[0]", real=True)
    put = g.subs(w=[t**2, 2 * a0])
    assert put.value_and_gradient(w=[3, 9], t=2)[0] == 4**3 + 6**3
    np.testing.assert_array_equal(put(w=[3, 9], t=2)["w"], [3 * 36 * 2, 0])
    assert g.subs(w=sympy.pi).value == pytest.approx(2 * np.pi**3)
    assert g.subs(w=2).value == 16
    assert g.subs(w="2*w").value_and_gradient(w=[1, 2])[0] == 2**3 + 4**3
    plain = sympy.Symbol("s")
    assert gradient(lambda x: x**2, x=()).subs(x=plain + 1)(s=2) == {"s": 6.0}


def test_what_cannot_be_put_in():
    g = gradient(lambda weight, x: np.sum(weight) * x, weight=(2,), x=())
    with pytest.raises(ValueError, match=r"no argument 'weights'. Did you mean 'weight'"):
        g.subs(weights=1)
    with pytest.raises(ValueError, match=r"'weight' has shape \(2,\), and what is put in.*\(3,\)"):
        g.subs(weight=[1, 2, 3])
    with pytest.raises(ValueError, match=r"shape \(\)"):
        g.subs(x="weight")
    with pytest.raises(Unparsable, match="a formula has no attributes"):
        g.subs(x="os.system")
    with pytest.raises(TypeError, match="complex128"):
        g.subs(x=1j)
    with pytest.raises(TypeError, match="by object"):
        g.subs(x=object())
    with pytest.raises(NotImplementedError, match="airyai"):
        g.subs(x=sympy.airyai(sympy.Symbol("y")))
    with pytest.raises(ValueError, match="no name for an argument"):
        g.subs(x=sympy.Symbol("y; import os"))
    with pytest.raises(ValueError, match=r"weight\[7\]"):
        g.subs(x=sympy.Symbol("weight[7]"))


@pytest.mark.parametrize("strategy", DERIVATIONS)
def test_simpler_formulas(strategy):
    g = gradient(lambda x: (x**2 - 1) / (x - 1), strategy=strategy, x=())
    simple = g.simplify()
    assert simple.strategy == strategy
    assert str(simple.value) == "x + 1"
    assert simple.partials["x"] == 1
    assert simple.operation_count < g.operation_count
    assert simple(x=3) == g(x=3)


@settings(max_examples=40, deadline=None)
@given(
    text=st.sampled_from(
        [
            "x*y + x*y*x - sin(x)**2 - cos(x)**2",
            "exp(x)*exp(y)/exp(x - y)",
            "max(x, y) + abs(x)*sign(x)",
            "where(x > 0, x*y/x, y)",
            "sigmoid(x)*(1 - sigmoid(x)) + tanh(y)**2",
            "sqrt(x**2)*y + log(exp(x*y))",
            "hypot(x, y)**2 - x**2 - y**2 + atan2(y, x)",
            "softplus(x) - log1p(exp(x)) + expm1(y)",
        ]
    ),
    x=st.floats(0.2, 2),
    y=st.floats(0.2, 2),
    signs=st.sampled_from([(1, 1), (1, -1), (-1, 1), (-1, -1)]),
)
def test_simpler_formulas_have_the_same_numbers(text, x, y, signs):
    g = gradient(parse(text, ["x", "y"]), x=(), y=())
    point = {"x": signs[0] * x, "y": signs[1] * y}
    value, found = g.value_and_gradient(**point)
    simple_value, simple = g.simplify().value_and_gradient(**point)
    assert simple_value == pytest.approx(value, rel=1e-8, abs=1e-8)
    assert simple == pytest.approx(found, rel=1e-8, abs=1e-8)


def test_what_is_too_large_to_simplify():
    def logistic(x):
        for _ in range(60):
            x = 4 * x * (1 - x)
        return x

    with pytest.raises(ExpressionTooLarge, match=r"about 10\*\*\d+ operations.*strategy='shared'"):
        gradient(logistic, x=()).simplify()
    with pytest.raises(ExpressionTooLarge, match="an exponent of 100000"):
        gradient(lambda x: (x + 1) ** 100_000, x=()).simplify()
    with pytest.raises(ExpressionTooLarge, match=r"degree 30 in 8 symbols.*48,903,492 terms"):
        gradient(lambda x: np.sum(x) ** 30, wrt=(), x=(8,)).simplify()
    assert gradient(lambda x: (x + 1) ** 12 * np.sin(x), x=()).simplify()(x=0)["x"] == 1
