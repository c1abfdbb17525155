"""Speelpenning's product and the Helmholtz energy against what can be derived on paper."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symdiff
from compare.problems import get_problem
from compare.problems.classics import (
    helmholtz_energy,
    helmholtz_energy_gradient,
    speelpenning_product,
    speelpenning_product_gradient,
)


@given(st.lists(st.floats(0.25, 4.0) | st.just(0.0), min_size=1, max_size=8))
def test_each_partial_of_the_product_is_the_product_of_the_others(factors):
    x = np.array(factors)
    value, gradients = speelpenning_product_gradient(x)
    others = [math.prod(factors[:k] + factors[k + 1 :]) for k in range(len(factors))]
    assert value == pytest.approx(math.prod(factors), rel=1e-14)
    assert gradients["x"] == pytest.approx(others, rel=1e-14)


@pytest.mark.parametrize("n", [3, 10, 40])
def test_the_product_swells_with_the_square_written_out_and_linearly_in_reverse(n):
    sizes = {
        strategy: symdiff.gradient(speelpenning_product, strategy=strategy, x=(n,)).operations
        for strategy in ("expanded", "adjoint")
    }
    # n partials of n - 2 multiplications each; in reverse two a factor, beside the product itself.
    assert sizes["expanded"].gradient_tree == n * (n - 2)
    assert sizes["adjoint"].gradient_dag == 3 * n - 6


def test_one_component_without_attraction_is_an_ideal_gas_in_less_room():
    for x, b in ((0.3, 0.5), (0.9, 1.0)):
        inputs = {"x": np.array([x]), "b": np.array([b]), "A": np.zeros((1, 1))}
        value, gradients = helmholtz_energy_gradient(**inputs)
        assert value == pytest.approx(x * math.log(x / (1 - b * x)), rel=1e-15)
        assert gradients["x"][0] == pytest.approx(math.log(x / (1 - b * x)) + 1 / (1 - b * x))


def test_the_attraction_of_one_component_by_hand():
    x, b, a = 0.5, 0.8, 3.0
    root, t = math.sqrt(2.0), 0.4
    logarithm = math.log((1 + (1 + root) * t) / (1 + (1 - root) * t))
    expected = x * math.log(x / (1 - t)) - a * x**2 / (math.sqrt(8) * t) * logarithm
    arguments = np.array([x]), np.array([b]), np.array([[a]])
    assert float(helmholtz_energy(*arguments)) == pytest.approx(expected, rel=1e-14)


def test_the_gradient_holds_for_attractions_that_are_not_symmetric(rng):
    x, b, A = rng.uniform(0.1, 0.2, 3), rng.uniform(0.5, 1.0, 3), rng.uniform(0.0, 2.0, (3, 3))
    _, gradients = helmholtz_energy_gradient(x, b, A)
    for k in range(3):
        stepped = helmholtz_energy(x + 1e-200j * np.eye(3)[k], b, A)
        assert gradients["x"][k] == pytest.approx(stepped.imag / 1e-200, rel=1e-12)


@pytest.mark.parametrize("size", get_problem("speelpenning").sizes)
def test_the_product_of_many_factors_neither_vanishes_nor_overflows(size):
    case = get_problem("speelpenning").case(size, 0)
    assert 1e-2 < float(speelpenning_product(**case.inputs)) < 1e2


@pytest.mark.parametrize("size", get_problem("helmholtz").sizes)
def test_the_fluid_leaves_room(size):
    case = get_problem("helmholtz").case(size, 0)
    assert 0.1 < float(case.inputs["b"] @ case.inputs["x"]) < 0.9
    assert case.parameters == size
