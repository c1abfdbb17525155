"""Derivations step by step: the notes' circuits, and numbers that agree with the gradient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdiff import ExpressionTooLarge, explain, gradient, parse
from symdiff.text.parse import FUNCTIONS


def lines_of(explanation):
    return {line.left: line for line in explanation.backward}


def test_the_circuit_of_the_notes():
    e = explain(parse("(x + y)*z"), at={"x": -2, "y": 5, "z": -4}, x=(), y=(), z=())
    found = lines_of(e)
    assert [str(line) for line in e.forward] == ["v1 = x + y = 3", "f = v1*z = -12"]
    assert [found[f"∂f/∂{name}"].number for name in "xyz"] == [-4, -4, 3]
    assert str(found["∂f/∂x"]) == "∂f/∂x = ∂f/∂v1 · ∂v1/∂x = ∂f/∂v1 = -4"
    assert found["∂f/∂z"].rules == ("f = v1*z: the derivative of a product is the other factor.",)


def test_a_lecturer_pastes_the_derivation():
    e = explain(lambda a, w_1: a * np.exp(w_1), at={"a": 2, "w_1": 0}, a=(), w_1=())
    assert e.latex().splitlines() == [
        r"\begin{aligned}",
        r"v_1 &= e^{w_1} = 1 \\",
        r"f &= a v_1 = 2 \\[1ex]",
        r"\frac{\partial f}{\partial v_1} &= a = 2"
        r" && \text{the derivative of a product is the other factor} \\",
        r"\frac{\partial f}{\partial a} &= v_1 = 1"
        r" && \text{the derivative of a product is the other factor} \\",
        r"\frac{\partial f}{\partial w_1} &= \frac{\partial f}{\partial v_1}"
        r" \frac{\partial v_1}{\partial w_1} = \frac{\partial f}{\partial v_1} v_1 = 2"
        r" && \text{the derivative of exp is exp itself}",
        r"\end{aligned}",
    ]


def neuron(w, x):
    z = w[0] * x[0] + w[1] * x[1] + w[2]
    s = 1 / (1 + np.exp(-z))
    return s


def test_the_neuron_of_the_notes():
    at = {"w": [2, -3, -3], "x": [-1, -2]}
    e = explain(neuron, at=at, w=(3,), x=(2,))
    found = lines_of(e)
    s = 1 / (1 + np.exp(-1.0))
    slope = s * (1 - s)
    expected = {"w[0]": -1, "w[1]": -2, "w[2]": 1, "x[0]": 2, "x[1]": -3}
    for name, factor in expected.items():
        assert found[f"∂f/∂{name}"].number == pytest.approx(factor * slope, rel=1e-14)
    assert "z = v1 + v2 + w[2] = 1" in map(str, e.forward)
    assert found["∂f/∂z"].right == "f*(1 - f)"
    assert "sigmoid" in found["∂f/∂z"].rules[0]


def test_the_order_is_that_of_a_backward_pass():
    def f(x, y):
        a = x * y
        b = np.sin(a)
        return b + a * x

    e = explain(f, x=(), y=())
    order = [line.left for line in e.backward]
    assert order.index("∂f/∂b") < order.index("∂f/∂a") < order.index("∂f/∂x")
    rules = lines_of(e)["∂f/∂x"].rules
    assert rules[-1] == "x is used 2 times: what comes back by each way adds up."
    assert str(e).splitlines()[0] == "f(x, y), step by step"
    assert e._repr_latex_() == f"$\\displaystyle {e.latex()}$"
    assert all(line.number is None for line in (*e.forward, *e.backward))


def test_signs_constants_and_what_does_not_depend():
    e = explain(lambda x, y, c: c - 3 * x, at={"x": 2, "y": 1}, x=(), y=(), c=7.0)
    found = lines_of(e)
    assert found["∂f/∂x"].number == -3
    assert found["∂f/∂y"].rules == ("f does not depend on y.",)
    assert found["∂f/∂y"].number == 0
    [only] = explain(lambda x: x, at={"x": 5}, x=()).backward
    assert (only.right, only.number) == ("1", 1)
    assert str(explain(lambda x: 3.0, x=()).forward[0]) == "f = 3"


def test_choices_take_one_branch():
    f = parse("where(x > 0, sqrt(x), -x)")
    assert lines_of(explain(f, at={"x": -4}, x=()))["∂f/∂x"].number == -1
    found = lines_of(explain(f, at={"x": 4}, x=()))
    assert found["∂f/∂x"].number == 0.25
    assert "the branch that is chosen" in str(found["∂f/∂v1"].rules)


@pytest.mark.each("name", FUNCTIONS)
def test_every_function_has_its_rule(name):
    fewest = FUNCTIONS[name][0]
    text = "where(x > y, x, y)" if name == "where" else f"{name}({', '.join('xyz'[:fewest])})*2"
    shapes = dict.fromkeys(parse(text).__signature__.parameters, ())
    point = dict(zip(shapes, (0.4, 0.7), strict=False))
    if name in ("acosh", "arccosh"):
        point = {"x": 1.4}
    found = lines_of(explain(parse(text), at=point, inputs=shapes))
    expected = gradient(parse(text), inputs=shapes)(**point)
    for n in shapes:
        assert found[f"∂f/∂{n}"].number == pytest.approx(expected[n], rel=1e-12, nan_ok=True)
        assert found[f"∂f/∂{n}"].rules


_TEXTS = st.recursive(
    st.sampled_from(["x", "y", "2", "0.5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({''.join(t)})"),
        st.tuples(st.sampled_from(["sin", "tanh", "sigmoid", "-"]), inner).map(
            lambda t: f"({t[0]}({t[1]}))"
        ),
        inner.map(lambda e: f"{e}**2" if e in "xy" else f"({e})**2"),
        st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
    ),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(text=_TEXTS, x=st.floats(-2, 2), y=st.floats(-2, 2))
def test_the_numbers_are_those_of_the_gradient(text, x, y):
    f = parse(text, ["x", "y"])
    e = explain(f, at={"x": x, "y": y}, x=(), y=())
    value, expected = gradient(f, x=(), y=()).value_and_gradient(x=x, y=y)
    found = lines_of(e)
    assert e.forward[-1].number == pytest.approx(value, rel=1e-9, abs=1e-9)
    for name in "xy":
        assert found[f"∂f/∂{name}"].number == pytest.approx(expected[name], rel=1e-9, abs=1e-9)


def test_names_do_not_collide():
    def g(f, v1, u):
        value = f * v1
        return value * u + f

    e = explain(g, at={"f": 2, "v1": 3, "u": 4}, f=(), v1=(), u=())
    numbers = {line.left.split("∂")[2]: line.number for line in e.backward}
    assert (numbers["f"], numbers["v1"], numbers["u"]) == (13, 8, 6)
    assert len({line.left for line in (*e.forward, *e.backward)}) == len(e.forward) + len(
        e.backward
    )


def test_what_is_refused():
    with pytest.raises(ExpressionTooLarge, match=r"lines.*strategy='adjoint'"):
        explain(lambda x: np.sum(np.exp(x)), x=(200,))
    with pytest.raises(ValueError, match=r"shape \(2,\).*np.sum"):
        explain(lambda x: x, x=(2,))
    with pytest.raises(ValueError, match=r"'weights'.*Did you mean 'weight'"):
        explain(lambda weight: weight, at={"weights": 1}, weight=())
    with pytest.raises(ValueError, match="lacks 'y'"):
        explain(lambda x, y: x, at={"x": 1}, x=(), y=())
    with pytest.raises(ValueError, match=r"shape \(3,\) for 'x', \(2,\)"):
        explain(lambda x: x[0], at={"x": [1, 2, 3]}, x=(2,))


def test_variables_of_the_engine_name_nothing():
    # The functions behind "sigmoid" and "relu" have variables of their own.
    shown = str(explain(parse("sigmoid(a*b)"), a=(), b=()))
    assert "v1 = a*b" in shown
    assert "x = " not in shown
