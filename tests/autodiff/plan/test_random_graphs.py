"""The random expression graphs of the eager engine, as plans: whole, and in tiles of two rows."""

import numpy as np
import pytest

import autodiff
from autodiff.plan.to_numpy import tiling
from tests.autodiff.test_random_graphs import GRAPHS, function, program


def _agree(number):
    f, (point, *_) = function(number), program(number)
    args = tuple(point.values())
    eager = autodiff.value_and_grad(f, tuple(range(len(args))))
    plan = autodiff.compile(eager)
    plan(*args)
    others = tuple(x * 0.999 for x in args)
    for _ in range(2):
        value, gradients = plan(*others)
        expected, wanted = eager(*others)
        np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-12)
        for x_bar, wanted_x_bar in zip(gradients, wanted, strict=True):
            scale = np.max(np.abs(wanted_x_bar), initial=1.0)
            np.testing.assert_allclose(x_bar, wanted_x_bar, rtol=1e-10, atol=1e-12 * scale)


@pytest.mark.sampled(8)
@pytest.mark.each("number", range(0, GRAPHS, 2))
def test_a_plan_gives_what_the_eager_graph_gives(number):
    _agree(number)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("number", range(0, GRAPHS, 4))
def test_so_does_one_in_chunks(number, monkeypatch):
    monkeypatch.setattr(tiling, "TILE", 2)
    monkeypatch.setattr(tiling, "LARGE", 3)
    _agree(number)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("number", range(0, GRAPHS, 8))
def test_second_order(number):
    f, (point, *_) = function(number), program(number)
    args = tuple(point.values())

    def product(*args):
        return autodiff.hvp(f, args, tuple(np.ones_like(x) for x in point.values()))

    plan = autodiff.compile(product)
    plan(*args)
    for found, wanted in zip(plan(*args), product(*args), strict=True):
        scale = np.max(np.abs(wanted), initial=1.0)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11 * scale)
