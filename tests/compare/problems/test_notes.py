"""The numbers that the lecture notes print."""

import numpy as np
import pytest

from compare.problems import get_problem
from compare.problems.notes import two_layer_sigmoid_inputs

GOLDEN = {
    "circuit": (
        {"x": -2.0, "y": 5.0, "z": -4.0},
        -12.0,
        {"x": -4.0, "y": -4.0, "z": 3.0},
    ),
    "neuron": (
        {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0},
        0.7310585786300049,
        {
            "w0": -0.19661193324148185,
            "x0": 0.3932238664829637,
            "w1": -0.3932238664829637,
            "x1": -0.5898357997244456,
            "w2": 0.19661193324148185,
        },
    ),
    "gates": (
        {"x": 3.0, "y": -4.0, "z": 2.0, "w": -1.0},
        -20.0,
        {"x": -8.0, "y": 6.0, "z": 2.0, "w": 0.0},
    ),
    "squared-norm": (
        {"W": np.array([[0.1, 0.5], [-0.3, 0.8]]), "x": np.array([0.2, 0.4])},
        0.116,
        {"W": np.array([[0.088, 0.176], [0.104, 0.208]]), "x": np.array([-0.112, 0.636])},
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_notes_print_these_numbers(name):
    inputs, value, gradient = GOLDEN[name]
    problem = get_problem(name)
    ours, gradients = problem.gradient(**inputs)
    assert ours == pytest.approx(value, rel=1e-15)
    assert float(problem.function(**inputs)) == pytest.approx(value, rel=1e-15)
    assert gradients.keys() == gradient.keys()
    for argument, expected in gradient.items():
        np.testing.assert_allclose(gradients[argument], expected, rtol=1e-14)


def test_the_maximum_sends_its_gradient_to_the_larger_input():
    gates = get_problem("gates")
    assert gates.gradient(3.0, -4.0, -1.0, 2.0)[1] == {"x": -8.0, "y": 6.0, "z": 0.0, "w": 2.0}


def test_a_relu_that_is_off_passes_nothing():
    relu = get_problem("two-layer-relu")
    value, gradients = relu.gradient(
        W1=-np.eye(2), W2=np.ones((1, 2)), x=np.array([1.0, 2.0]), t=np.array([3.0])
    )
    assert value == 4.5
    assert not gradients["W1"].any()
    assert not gradients["W2"].any()


def test_the_network_of_the_notes_has_its_shapes():
    case = get_problem("two-layer-sigmoid").case(1000, 0)
    assert case.parameters == 101_000
    assert case.label == "1000-100-10, 64 samples"


def test_a_size_without_a_network_is_refused():
    with pytest.raises(ValueError, match="size 5 has no network, expected one of 4, 1000"):
        two_layer_sigmoid_inputs(5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="size 5 has no network"):
        get_problem("two-layer-sigmoid").case(5, 0).label  # noqa: B018
