"""Sine and cosine from one tangent: near enough, and only where that was asked for."""

import numpy as np
import pytest

import autodiff


def _wave(x):
    return np.sum(np.sin(x) * np.exp(-(x**2)))


@pytest.mark.parametrize("shape", [(5,), (100_000,), (3, 4)])
def test_values_are_near(shape, rng):
    x = rng.normal(scale=5.0, size=shape)
    x.reshape(-1)[:5] = [0.0, -0.0, np.pi, np.pi / 2, 1e5]
    eager = autodiff.value_and_grad(_wave)
    plan = autodiff.compile(eager, fast_math=True)
    plan(x)
    value, x_bar = plan(x)
    expected, wanted = eager(x)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(x_bar, wanted, atol=1e-14)
    source = plan.plan(x).source
    assert "tan(" in source
    assert " sin(" not in source
    assert " cos(" not in source


def test_a_sine_alone_stays(rng):
    plan = autodiff.compile(lambda x: np.sum(np.sin(x)), fast_math=True)
    assert " sin(" in plan.plan(rng.normal(size=5)).source


def test_nobody_gets_it_unasked(rng):
    plan = autodiff.compile(autodiff.value_and_grad(_wave))
    assert "tan(" not in plan.plan(rng.normal(size=5)).source
