"""The table of strategies: four, called alike, with the same numbers."""

import numpy as np
import pytest

from symdiff import STRATEGIES, Gradient, gradient
from symdiff.printing.formulas import Formulas
from symdiff.strategies import DERIVATIONS


def loss(x, w):
    return np.sum(np.tanh(x @ w) ** 2)


SHAPES = {"x": (3,), "w": (3, 2)}


def test_there_are_four():
    assert list(STRATEGIES) == ["expanded", "shared", "adjoint", "matrix"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_all_are_called_alike(strategy, rng):
    g = STRATEGIES[strategy](loss, wrt="w", inputs=SHAPES)
    assert isinstance(g, Formulas)
    assert isinstance(g, Gradient) is (strategy in DERIVATIONS)
    assert g.strategy == strategy
    assert str(g) == str(gradient(loss, strategy=strategy, wrt="w", **SHAPES))
    point = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    value, found = g.value_and_gradient(**point)
    h = np.tanh(point["x"] @ point["w"])
    assert value == pytest.approx(np.sum(h**2), rel=1e-13)
    np.testing.assert_allclose(
        found["w"], np.outer(point["x"], 2 * h * (1 - h**2)), rtol=1e-12, atol=1e-14
    )
    assert g(**point).keys() == {"w"}


def test_a_strategy_that_is_added_is_found(monkeypatch):
    monkeypatch.setitem(STRATEGIES, "mine", lambda f, *, wrt, inputs: (wrt, inputs))
    assert gradient(loss, strategy="mine", x=(3,), inputs={"w": (3, 2)}) == (None, dict(SHAPES))
    with pytest.raises(ValueError, match=r"Did you mean 'mine'\?.*adjoint, matrix, mine"):
        gradient(loss, strategy="mine_", x=(3,))
