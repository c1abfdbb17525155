"""All scalar strategies against each other and against complex steps, on random programs.

A program is a straight-line function of two numbers which uses its values again.
"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from symdiff import gradient, trace
from symdiff.store.op_counts import tree_operations
from symdiff.strategies import DERIVATIONS
from symdiff.strategies.expanded import predict_operations

SCALAR = ("expanded", "shared", "adjoint")
COORDINATE = st.floats(-2, 2, allow_subnormal=False)
STEP = 1e-30  # of a complex step, which has no cancellation


def _positive(x):
    return 1.5 + np.tanh(x)


UNARY = {
    "neg": lambda x: -x,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "exp": lambda x: np.exp(np.tanh(x)),
    "log": lambda x: np.log(_positive(x)),
    "sqrt": lambda x: np.sqrt(_positive(x)),
    "root": lambda x: _positive(x) ** 1.3,
    "square": np.square,
    "cube": lambda x: np.sin(x) ** 3,
    "inverse": lambda x: 1 / _positive(x),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "third": lambda x: x / 3,
    "affine": lambda x: 2 - 0.5 * x,
}
BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": lambda x, y: np.tanh(x) * y,
    "product": lambda x, y: np.sin(x) * y * 0.5 * np.cos(y),
    "divide": lambda x, y: x / _positive(y),
    "power": lambda x, y: _positive(x) ** np.sin(y),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": lambda x, y: np.where(np.real(x) > np.real(y), x * 0.5, np.tanh(y)),
}
SAME_AT_A_TIE = {"maximum", "minimum", "where"}


@st.composite
def programs(draw, steps=10):
    """Draw a list of operations and the values, counted from the last, that each takes."""
    count = draw(st.integers(1, steps))
    unary = st.tuples(st.sampled_from(sorted(UNARY)), st.integers(0, 4))
    binary = st.tuples(st.sampled_from(sorted(BINARY)), st.integers(0, 4), st.integers(0, 4))
    return draw(st.lists(unary | binary, min_size=count, max_size=count))


def run(program, x, y, ties=None):
    """Return the result of a program; values that tie where it chooses are counted in `ties`."""
    values = [2.0, x, y]
    for name, *places in program:
        args = [values[-1 - place % len(values)] for place in places]
        if ties is not None and name in SAME_AT_A_TIE and abs(args[0] - args[1]) < 1e-9:
            ties.append(name)
        values.append(({**UNARY, **BINARY})[name](*args))
    return values[-1] + 0.125 * values[-2]


def complex_step(program, x, y):
    """Return value and derivatives by complex steps."""
    by_x = run(program, complex(x, STEP), complex(y))
    by_y = run(program, complex(x), complex(y, STEP))
    return float(np.real(by_x)), {"x": np.imag(by_x) / STEP, "y": np.imag(by_y) / STEP}


@settings(max_examples=150, deadline=None)
@given(program=programs(), x=COORDINATE, y=COORDINATE)
def test_strategies_and_complex_steps_agree(program, x, y):
    ties = []
    run(program, x, y, ties)
    assume(not ties)
    value, expected = complex_step(program, x, y)
    scale = 1 + abs(value) + sum(map(abs, expected.values()))
    for name in SCALAR:
        g = gradient(lambda x, y: run(program, x, y), strategy=name, x=(), y=())
        found = g.value_and_gradient(x=x, y=y)
        assert found[0] == pytest.approx(value, rel=1e-12, abs=1e-12)
        assert found[1] == pytest.approx(expected, rel=1e-9, abs=1e-10 * scale)


@settings(max_examples=60, deadline=None)
@given(program=programs(), x=COORDINATE, y=COORDINATE)
def test_strategies_agree_at_ties_too(program, x, y):
    found = [
        gradient(lambda x, y: run(program, x, y), strategy=name, x=(), y=())(x=x, y=y)
        for name in SCALAR
    ]
    for other in found[1:]:
        assert other == pytest.approx(found[0], rel=1e-9, abs=1e-9)


@settings(max_examples=300, deadline=None)
@given(program=programs(steps=14))
def test_the_prediction_is_exact_on_random_programs(program):
    traced = trace(lambda x, y: run(program, x, y), x=(), y=())
    symbols = [int(nodes) for nodes in traced.inputs.values()]
    predicted = predict_operations(traced.dag, int(traced.nodes), symbols)
    derivation = DERIVATIONS["expanded"](traced.dag, int(traced.nodes), symbols)
    assert predicted == tree_operations(derivation.dag, derivation.partials)


SMOOTH_YET_FRAGILE = {
    "square of a double": (lambda x: np.square(x + x), 0.0, 0.0),
    "square of a quotient": (lambda x: np.square(x / 2), 0.0, 0.0),
    "power of a power": (lambda x: (x**2) ** 3, 0.0, 0.0),
    "power of a product": (lambda x: (3 * x) ** 3 * x, 0.0, 0.0),
    "power with power zero": (lambda x: x**2.5, 0.0, 0.0),
    "sigmoid far left": (lambda x: 1 / (1 + np.exp(-x)), -800.0, 0.0),
    "sigmoid far right": (lambda x: 1 / (1 + np.exp(-x)), 800.0, 0.0),
    "scaled sigmoid far left": (lambda x: 3 / (1 + np.exp(-x)), -800.0, 0.0),
    "falling sigmoid far right": (lambda x: 1 / (1 + np.exp(x)), 800.0, 0.0),
    "divided sigmoid": (lambda x: x / (np.exp(-x) + 1), -800.0, 0.0),
    "tanh far": (lambda x: np.tanh(x), -800.0, 0.0),
    "log of a sum of exponentials": (lambda x: np.logaddexp(x, 0.0), 800.0, 1.0),
    "inverse sine far": (lambda x: np.arcsinh(x), 1e200, 1e-200),
    "guarded root": (lambda x: np.where(x > 0, np.sqrt(x), 0 * x), 0.0, 0.0),
    "guarded quotient": (lambda x: np.where(x == 0, 1.0, np.sin(x) / x), 0.0, 0.0),
    "guarded product": (lambda x: np.where(x > 0, x * np.log(x), 0.0), 0.0, 0.0),
    "guarded factor": (lambda x: np.where(x > 1, 2 * np.log(x - 1) * x, x), 1.0, 1.0),
    "choice within a choice": (
        lambda x: np.where(x < 5, np.where(x > 0, np.sqrt(x) * x, 1.0), x),
        0.0,
        0.0,
    ),
}


@pytest.mark.each("strategy", SCALAR)
@pytest.mark.each("name", SMOOTH_YET_FRAGILE)
def test_smooth_functions_have_finite_derivatives(name, strategy):
    f, x, slope = SMOOTH_YET_FRAGILE[name]
    assert gradient(f, strategy=strategy, x=())(x=x)["x"] == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("strategy", SCALAR)
def test_a_power_of_zero_by_its_exponent(strategy):
    g = gradient(lambda x, y: x**y, strategy=strategy, x=(), y=())
    assert g(x=0, y=2) == {"x": 0.0, "y": 0.0}
    assert g(x=2, y=3) == pytest.approx({"x": 12.0, "y": 8 * np.log(2)})


@pytest.mark.each("strategy", SCALAR)
@pytest.mark.each("z", [-40.0, -5.0, 2.0, 10.0, 20.0, 40.0, 300.0])
def test_a_saturated_sigmoid_keeps_its_digits(strategy, z):
    g = gradient(lambda z: 1 / (1 + np.exp(-z)), strategy=strategy, z=())
    e = np.exp(-abs(z))
    assert g(z=z)["z"] == pytest.approx(e / (1 + e) ** 2, rel=1e-15)
    assert str(g.partial_forms["z"]) in ("v1*(1 - v1)", "(1 - sigmoid(z))*sigmoid(z)")


def test_every_scalar_strategy_is_here():
    assert set(SCALAR) == set(DERIVATIONS)
