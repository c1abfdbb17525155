"""The networks that grow: their sizes, and gradients of a healthy size at any depth."""

import numpy as np
import pytest

from compare.problems import get_problem
from compare.problems.mlp import (
    count_parameters,
    deep_wide_widths,
    deep_widths,
    draw_network,
    mlp_loss,
    parameter_names,
    wide_widths,
)

FAMILIES = {"mlp-width": wide_widths, "mlp-depth": deep_widths, "mlp-both": deep_wide_widths}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_starts_at_two_two_one(name):
    problem = get_problem(name)
    first = problem.case(problem.sizes[0], 0)
    assert first.label == "2-2-1"
    assert first.parameters == 9


@pytest.mark.parametrize("name", FAMILIES)
def test_the_count_needs_no_draw_and_equals_the_drawn_network(name):
    problem = get_problem(name)
    counts = [count_parameters(FAMILIES[name](size)) for size in problem.sizes]
    assert counts == sorted(set(counts))
    for size, count in zip(problem.sizes[:5], counts, strict=False):
        assert problem.case(size, 0).parameters == count


def test_the_largest_networks_have_over_ten_million_parameters():
    wide, both = get_problem("mlp-width"), get_problem("mlp-both")
    assert wide.quick_sizes[-1] == wide.sizes[-1]
    assert count_parameters(wide_widths(wide.sizes[-1])) == 3201**2 > 10_000_000
    assert count_parameters(deep_wide_widths(both.sizes[-1])) == 10_497_025 > 10_000_000


@pytest.mark.parametrize("width", [1, 2, 64, 65, 3200])
def test_width_alone_makes_the_square_of_the_next_number(width):
    assert count_parameters(wide_widths(width)) == (width + 1) ** 2


def test_depth_alone_adds_six_parameters_a_layer():
    assert [count_parameters(deep_widths(d)) for d in (1, 2, 1024)] == [9, 15, 6147]
    assert get_problem("mlp-depth").label(1024) == "1024 hidden layers of 2"
    assert get_problem("mlp-both").label(4) == "16-16-16-16-16-1"


def test_names_go_from_the_first_layer_to_the_last():
    assert parameter_names((5, 4, 3, 2)) == ("w1", "b1", "w2", "b2", "w3", "b3")


@pytest.mark.parametrize("n", [2, 8, 64])
def test_narrow_layers_are_four_times_orthogonal_and_sit_at_the_middle(n):
    network = draw_network((n, n, 1), np.random.default_rng(5))
    w1 = network["w1"]
    np.testing.assert_allclose(w1.T @ w1, 16.0 * np.eye(n), atol=1e-13)
    np.testing.assert_allclose(network["w2"].T @ network["w2"], [[16.0]])
    # A sample of halves is the middle of every unit: all hidden values are a half, too.
    middle = np.full(n, 0.5) @ w1 + network["b1"]
    np.testing.assert_allclose(middle, 0.0, atol=1e-13)


def test_wide_layers_keep_lengths_on_average():
    network = draw_network((512, 512, 1), np.random.default_rng(5))
    assert np.var(network["w1"]) == pytest.approx(16.0 / 512, rel=0.02)


@pytest.mark.each(("name", "size"), [("mlp-depth", 1024), ("mlp-both", 8), ("mlp-width", 512)])
@pytest.mark.each("seed", range(4))
def test_gradients_neither_vanish_nor_explode(name, size, seed):
    problem = get_problem(name)
    case = problem.case(size, seed)
    _, gradients = problem.gradient(**case.inputs)
    norms = [np.linalg.norm(gradients[w]) for w in case.wrt if w.startswith("w")]
    assert min(norms) > 1e-4
    assert max(norms) < 1e3
    assert min(norms) > 1e-4 * max(norms)


def test_a_network_without_hidden_layers_is_a_linear_model():
    x, t = np.array([1.0, 2.0]), np.array([3.0])
    loss = mlp_loss(x, t, w1=np.array([[1.0], [1.0]]), b1=np.array([2.0]))
    assert float(loss) == 4.0


def test_layers_are_found_by_name_not_by_order():
    case = get_problem("mlp-depth").case(3, 0)
    backwards = dict(reversed(case.inputs.items()))
    assert float(mlp_loss(**backwards)) == float(mlp_loss(**case.inputs))
