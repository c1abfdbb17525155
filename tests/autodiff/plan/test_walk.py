"""Every entry of the rule table, with its gradient, as a plan: held against the eager graph."""

import numpy as np
import pytest

import autodiff
from autodiff.core.tensor import record
from tests.autodiff.rules.test_table import TAYLOR, completed, draw, wanted


def _loss(primitive, operands, numbers, params, weights):
    def loss(*xs):
        out = record(primitive, tuple(completed(operands, numbers, xs)), params)
        return np.sum(weights * np.real(out) ** 2)

    return loss


@pytest.mark.sampled(8)
@pytest.mark.each(("primitive", "shapes", "params"), TAYLOR)
def test_a_plan_gives_what_the_eager_graph_gives(primitive, shapes, params, rng):
    operands = draw(rng, primitive, shapes)
    numbers = wanted(primitive, operands, params)
    xs = [operands[i] for i in numbers]
    weights = rng.normal(size=np.shape(primitive.function(*operands, **params)))[()]
    loss = _loss(primitive, operands, numbers, params, weights)
    eager = autodiff.value_and_grad(loss, tuple(range(len(xs))))
    plan = autodiff.compile(eager)
    plan(*xs)
    # Other numbers, so that nothing which was computed in the trace can pass for the result.
    others = xs if primitive.draw is not None else [x * 1.01 for x in xs]
    value, gradients = plan(*others)
    expected, expected_gradients = eager(*others)
    np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)
    for x_bar, wanted_x_bar in zip(gradients, expected_gradients, strict=True):
        assert np.shape(x_bar) == np.shape(wanted_x_bar)
        assert np.result_type(x_bar) == np.result_type(wanted_x_bar)
        np.testing.assert_allclose(x_bar, wanted_x_bar, rtol=1e-9, atol=1e-12)
    kept = [np.array(x_bar) for x_bar in gradients]
    plan(*xs)
    for x_bar, before in zip(gradients, kept, strict=True):
        np.testing.assert_array_equal(x_bar, before)
