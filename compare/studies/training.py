"""The training run of the notes: gradient descent on a two-layer network, with any gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from compare.problems import get_problem

__all__ = ["LEARNING_RATE", "STEPS", "hand_value_and_gradient", "train", "train_all"]

#: Steps and learning rate of the run in the notes.
STEPS = 2000
LEARNING_RATE = 1e-4

#: The network of the notes: 64 samples, 1000 inputs, 100 hidden units, 10 outputs.
_PROBLEM = "two-layer-sigmoid"
_SIZE = 1000

ValueAndGradient = Callable[[Any, Any, Any, Any], tuple[Any, tuple[Any, Any]]]


def hand_value_and_gradient(x: Any, y: Any, w1: Any, w2: Any) -> tuple[float, tuple[Any, Any]]:
    """Return the loss of the two-layer network and its gradient as derived by hand."""
    gradient = get_problem(_PROBLEM).gradient
    assert gradient is not None
    loss, gradients = gradient(x=x, y=y, w1=w1, w2=w2)
    return loss, (gradients["w1"], gradients["w2"])


def train(
    value_and_gradient: ValueAndGradient,
    steps: int = STEPS,
    learning_rate: float = LEARNING_RATE,
    seed: int = 0,
    on_step: Callable[[int, float], None] | None = None,
) -> NDArray[np.float64]:
    """Return the losses of gradient descent on the network of the notes."""
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ValueError(f"train: steps is {steps!r}, expected a whole number of at least 1.")
    inputs = get_problem(_PROBLEM).case(_SIZE, seed).inputs
    x, y = inputs["x"], inputs["y"]
    weights = (inputs["w1"], inputs["w2"])
    losses = np.empty(steps)
    for step in range(steps):
        loss, gradients = value_and_gradient(x, y, *weights)
        losses[step] = float(loss)
        if not np.isfinite(losses[step]):
            raise ValueError(
                f"train: the loss is {losses[step]} at step {step}, expected a finite number. "
                f"Choose a learning rate below {learning_rate}."
            )
        _check_shapes(gradients, weights)
        # New arrays, not in place: a gradient function may hold on to what it was called with.
        weights = tuple(w - learning_rate * g for w, g in zip(weights, gradients, strict=True))
        if on_step is not None:
            on_step(step, float(losses[step]))
    return losses


def _check_shapes(gradients: tuple[Any, Any], weights: tuple[Any, Any]) -> None:
    """Refuse gradients that would be broadcast to the weights instead of matching them."""
    arrived, expected = [np.shape(g) for g in gradients], [np.shape(w) for w in weights]
    if arrived != expected:
        raise ValueError(
            f"train: the gradients have shapes {arrived}, expected the shapes of the weights, "
            f"{expected}. Return the gradients with respect to w1 and w2, in this order."
        )


def train_all(steps: int = STEPS, seed: int = 0) -> pd.DataFrame:
    """Return the losses of three runs: by hand, by autodiff's graph, by symdiff's matrix formula.

    Notes
    -----
    The runs differ in the order of their operations only. Gradient descent at this learning
    rate contracts, so that the differences of rounding do not grow: over 2000 steps and several
    seeds the losses stay within ``2e-14`` of each other, relative.
    """
    import autodiff
    import symdiff

    inputs = get_problem(_PROBLEM).case(_SIZE, seed).inputs
    formula = symdiff.gradient(
        get_problem(_PROBLEM).function,
        wrt=("w1", "w2"),
        strategy="matrix",
        inputs={name: np.shape(value) for name, value in inputs.items()},
    ).value_and_gradient

    def by_formula(x: Any, y: Any, w1: Any, w2: Any) -> tuple[Any, tuple[Any, Any]]:
        loss, gradients = formula(x=x, y=y, w1=w1, w2=w2)
        return loss, (gradients["w1"], gradients["w2"])

    graph = autodiff.value_and_grad(get_problem(_PROBLEM).function, argnums=(2, 3))
    return pd.DataFrame(
        {
            "step": np.arange(steps),
            "loss_hand": train(hand_value_and_gradient, steps=steps, seed=seed),
            "loss_graph": train(graph, steps=steps, seed=seed),
            "loss_formula": train(by_formula, steps=steps, seed=seed),
        }
    )
