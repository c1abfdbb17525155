"""The training run of the notes."""

import numpy as np
import pytest

from compare.checks.tolerance import TRAINING_TOLERANCE
from compare.results.schema import TRAINING_COLUMNS
from compare.studies.training import STEPS, hand_value_and_gradient, train, train_all


def chain_rule(x, y, w1, w2):
    """The same gradient in the order in which a graph of exp, + and / computes it."""
    e = np.exp(-(x @ w1))
    h = 1.0 / (1.0 + e)
    residual = h @ w2 - y
    p_bar = 2.0 * residual
    s_bar = -(p_bar @ w2.T) / (1.0 + e) ** 2
    return np.sum(residual**2), (((-(s_bar * e)).T @ x).T, h.T @ p_bar)


@pytest.mark.exhaustive
def test_the_loss_falls_from_tens_of_thousands_to_a_few_units():
    losses = train(hand_value_and_gradient)
    assert losses.shape == (STEPS,)
    assert 2e4 < losses[0] < 5e4
    assert 1.0 < losses[-1] < 10.0
    assert (np.diff(losses) < 0.0).all()


def test_another_order_of_operations_stays_within_rounding():
    ours = train(hand_value_and_gradient, steps=100)
    theirs = train(chain_rule, steps=100)
    np.testing.assert_allclose(theirs, ours, rtol=TRAINING_TOLERANCE, atol=0.0)


def test_a_gradient_off_by_one_in_a_billion_is_visible():
    def wrong(*arguments):
        loss, (g1, g2) = hand_value_and_gradient(*arguments)
        return loss, (g1, g2 * (1.0 + 1e-9))

    ours, theirs = train(hand_value_and_gradient, steps=30), train(wrong, steps=30)
    assert np.max(np.abs(theirs / ours - 1.0)) > TRAINING_TOLERANCE


def test_the_seed_decides():
    first, again, other = (train(hand_value_and_gradient, 5, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_on_step_sees_every_loss():
    seen = []
    losses = train(hand_value_and_gradient, 4, on_step=lambda step, loss: seen.append((step, loss)))
    assert seen == list(enumerate(losses))


def test_the_graph_and_the_formula_train_like_the_hand():
    frame = train_all(steps=60, seed=3)
    assert list(frame.columns) == [column.name for column in TRAINING_COLUMNS]
    assert frame["step"].tolist() == list(range(60))
    for name in ("loss_graph", "loss_formula"):
        np.testing.assert_allclose(
            frame[name], frame["loss_hand"], rtol=TRAINING_TOLERANCE, atol=0.0
        )


@pytest.mark.parametrize("steps", [0, -1, 2.5, True, "3", None])
def test_steps_must_be_a_positive_whole_number(steps):
    with pytest.raises(ValueError, match="expected a whole number of at least 1"):
        train(hand_value_and_gradient, steps=steps)


def test_a_diverging_run_says_so():
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(ValueError, match=r"the loss is (inf|nan) at step \d+.*below 1e\+30"),
    ):
        train(hand_value_and_gradient, steps=500, learning_rate=1e30)


def test_gradients_of_another_shape_are_refused():
    def swapped(*arguments):
        loss, gradients = hand_value_and_gradient(*arguments)
        return loss, gradients[::-1]

    with pytest.raises(ValueError, match=r"shapes \[\(100, 10\), \(1000, 100\)\], expected"):
        train(swapped, steps=1)
