"""Every entry of the table of elementwise operations, walked."""

import dataclasses

import numpy as np
import pytest
import sympy

from symdiff import gradient
from symdiff.operations import derivatives
from symdiff.operations.table import COMPARISONS, ELEMENTWISE, LOGIC
from symdiff.store.dag import ZERO
from symdiff.strategies import STRATEGIES, Derivation

ENTRIES = [pytest.param(entry, id=entry.ufunc.__name__) for entry in ELEMENTWISE.values()]


def _point(entry, rng):
    return {f"x{k}": rng.uniform(*interval) for k, interval in enumerate(entry.domain)}


def _function(entry):
    if len(entry.domain) == 1:
        return lambda x0: entry.ufunc(x0)
    return lambda x0, x1: entry.ufunc(x0, x1)


@pytest.mark.parametrize("strategy", ["shared", "expanded", "adjoint"])
@pytest.mark.parametrize("entry", ENTRIES)
def test_value_and_derivative(entry, strategy, rng, differences):
    f, point = _function(entry), _point(entry, rng)
    g = gradient(f, strategy=strategy, inputs=dict.fromkeys(point, ()))
    value, found = g.value_and_gradient(**point)
    np.testing.assert_allclose(value, f(**point), rtol=1e-14)
    differences(f, found, point)


@pytest.mark.parametrize("entry", ENTRIES)
def test_numpy_scalars_agree_with_floats(entry, rng):
    point = _point(entry, rng)
    g = gradient(_function(entry), inputs=dict.fromkeys(point, ()))
    fast, slow = g._on_floats(*point.values()), g._on_scalars(*point.values())
    np.testing.assert_allclose(slow[0], fast[0], rtol=1e-14)
    for name in point:
        np.testing.assert_allclose(slow[1][name], fast[1][name], rtol=1e-13)


@pytest.mark.parametrize("entry", ENTRIES)
def test_formula_evaluates_in_sympy(entry, rng):
    point = _point(entry, rng)
    g = gradient(_function(entry), inputs=dict.fromkeys(point, ()))
    for formula in (g.value, *g.partials.values()):
        assert not formula.has(sympy.Derivative, sympy.Subs)
        places = {sympy.Symbol(name, real=True): sympy.Float(x) for name, x in point.items()}
        assert formula.subs(places).evalf(30).is_Number


def test_walk_catches_a_wrong_rule(monkeypatch, differences):
    def wrong(dag, n, x):
        return (dag.apply("cos", dag.multiply(dag.number(2), x)),)

    monkeypatch.setitem(derivatives.PARTIALS, "sin", wrong)
    g = gradient(lambda x: np.sin(x), x=())
    with pytest.raises(AssertionError):
        differences(lambda x: np.sin(x), g(x=0.3), {"x": 0.3})


def test_walk_catches_a_wrong_form(monkeypatch, differences):
    def twice(dag, x):
        return dag.multiply(dag.number(2), dag.apply("exp", x))

    wrong = dataclasses.replace(ELEMENTWISE[np.exp], form=twice)
    monkeypatch.setitem(ELEMENTWISE, np.exp, wrong)
    with pytest.raises(AssertionError):
        differences(lambda x: np.exp(x), gradient(lambda x: np.exp(x), x=())(x=0.3), {"x": 0.3})


def test_walk_catches_a_strategy_that_returns_zeros(monkeypatch, differences):
    def zeros(dag, value, symbols):
        return Derivation(dag, value, [ZERO] * len(symbols), {})

    monkeypatch.setitem(STRATEGIES, "zeros", zeros)
    g = gradient(lambda x: np.sum(x**2), strategy="zeros", x=(2,))
    point = {"x": np.array([1.0, 2.0])}
    with pytest.raises(AssertionError):
        differences(lambda x: np.sum(x**2), g(**point), point)


@pytest.mark.parametrize("ufunc", COMPARISONS, ids=lambda u: u.__name__)
def test_comparison(ufunc):
    g = gradient(lambda x: np.sum(np.where(ufunc(x, 1.0), x**2, -x)), x=(3,))
    x = np.array([0.5, 1.0, 2.0])
    value, found = g.value_and_gradient(x=x)
    holds = ufunc(x, 1.0)
    assert value == np.sum(np.where(holds, x**2, -x))
    np.testing.assert_array_equal(found["x"], np.where(holds, 2 * x, -1.0))


@pytest.mark.parametrize("ufunc", LOGIC, ids=lambda u: u.__name__)
def test_logic(ufunc):
    def f(x):
        conditions = (x > 0, x < 1)[: ufunc.nin]
        return np.sum(np.where(ufunc(*conditions), x**2, -x))

    x = np.array([-1.0, 0.5, 2.0])
    assert gradient(f, x=(3,)).value_and_gradient(x=x)[0] == f(x)


def test_a_condition_counts_as_a_number():
    g = gradient(lambda x: np.sum(x * (x > 0)), x=(2,))
    np.testing.assert_array_equal(g(x=[-1, 3])["x"], [0, 1])


def test_cube_root_of_a_negative_number():
    g = gradient(lambda x: np.cbrt(x), x=())
    assert g.value_and_gradient(x=-8) == (-2.0, {"x": pytest.approx(1 / 12)})
