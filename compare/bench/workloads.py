"""What is differentiated: one entry a workload, with its gradient as a person writes it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from compare.problems import get_problem
from compare.problems.problem import Gradients, Inputs

__all__ = ["WORKLOADS", "Workload"]

_STEPS = 200


@dataclass(frozen=True)
class Workload:
    """A function to differentiate, with its gradient by hand.

    Parameters
    ----------
    name : str
        Unique name, as typed on the command line.
    meaning : str
        One line for a reader.
    operations : int
        Operations that an engine records in one call of the function.
    goal : float
        Largest ratio to NumPy by hand that the project's own engine is meant to need.
    function : callable
        ``function(xp, *inputs)`` returns a scalar, with the functions of the array library `xp`.
    torch_function : callable
        ``torch_function(torch, *inputs)``: the same as a user of PyTorch writes it.
    hand : callable
        ``hand(**inputs)`` returns the value, and the gradients by name of argument.
    draw : callable
        ``draw(rng)`` returns the arguments by name: float64 arrays.
    wrt : tuple of str
        Arguments that the gradient is taken with respect to.
    """

    name: str
    meaning: str
    operations: int
    goal: float
    function: Callable[..., Any]
    torch_function: Callable[..., Any]
    hand: Callable[..., tuple[float, Gradients]]
    draw: Callable[[np.random.Generator], Inputs]
    wrt: tuple[str, ...]

    @cached_property
    def inputs(self) -> Inputs:
        """Arguments by name, drawn once: every contender gets the same."""
        return self.draw(np.random.default_rng(0))

    @property
    def argnums(self) -> tuple[int, ...]:
        """Places of the arguments that the gradient is taken with respect to."""
        names = list(self.inputs)
        return tuple(names.index(name) for name in self.wrt)

    def by_name(self, gradients: Any) -> Gradients:
        """Return gradients that arrived in the order of `wrt` by name of argument."""
        return dict(zip(self.wrt, gradients, strict=True))


def _chain(xp: Any, h: Any, w: Any, b: Any) -> Any:
    for _ in range(_STEPS):
        h = xp.sin(h * w + b)
    return xp.sum(h)


def _chain_by_hand(h: Any, w: Any, b: Any) -> tuple[float, Gradients]:
    before = []
    for _ in range(_STEPS):
        z = h * w + b
        before.append(z)
        h = np.sin(z)
    h_bar = np.ones_like(h)
    for z in reversed(before):
        h_bar = h_bar * np.cos(z) * w
    return np.sum(h), {"h": h_bar}


def _draw_chain(rng: np.random.Generator) -> Inputs:
    """Return weights near 1 and biases near 0, which keep the gradient from vanishing."""
    return {
        "h": rng.standard_normal(10),
        "w": rng.uniform(0.99, 1.01, 10),
        "b": rng.uniform(-0.001, 0.001, 10),
    }


def _notes(xp: Any, x: Any, y: Any, w1: Any, w2: Any) -> Any:
    h = 1.0 / (1.0 + xp.exp(-(x @ w1)))
    return xp.sum((h @ w2 - y) ** 2)


def _notes_in_torch(torch: Any, x: Any, y: Any, w1: Any, w2: Any) -> Any:
    h = torch.sigmoid(x @ w1)
    return torch.nn.functional.mse_loss(h @ w2, y, reduction="sum")


def _mlp(xp: Any, x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
    h1 = xp.tanh(x @ w1 + b1)
    h2 = xp.tanh(h1 @ w2 + b2)
    return xp.mean((h2 @ w3 + b3 - t) ** 2)


def _mlp_in_torch(
    torch: Any, x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any
) -> Any:
    h1 = torch.tanh(torch.addmm(b1, x, w1))
    h2 = torch.tanh(torch.addmm(b2, h1, w2))
    return torch.nn.functional.mse_loss(torch.addmm(b3, h2, w3), t)


def _mlp_by_hand(
    x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any
) -> tuple[float, Gradients]:
    h1 = np.tanh(x @ w1 + b1)
    h2 = np.tanh(h1 @ w2 + b2)
    residual = h2 @ w3 + b3 - t
    y_bar = residual * (2.0 / residual.size)
    z2_bar = (y_bar @ w3.T) * (1.0 - h2**2)
    z1_bar = (z2_bar @ w2.T) * (1.0 - h1**2)
    return np.mean(residual**2), {
        "w1": x.T @ z1_bar,
        "b1": np.sum(z1_bar, axis=0),
        "w2": h1.T @ z2_bar,
        "b2": np.sum(z2_bar, axis=0),
        "w3": h2.T @ y_bar,
        "b3": np.sum(y_bar, axis=0),
    }


def _draw_mlp(rng: np.random.Generator) -> Inputs:
    """Return a batch of 8, and weights that keep the size of the signal, for 10-16-16-1."""
    inputs = {"x": rng.standard_normal((8, 10)), "t": rng.standard_normal((8, 1))}
    for k, (before, after) in enumerate(((10, 16), (16, 16), (16, 1)), 1):
        inputs[f"w{k}"] = rng.standard_normal((before, after)) / np.sqrt(before)
        inputs[f"b{k}"] = 0.1 * rng.standard_normal(after)
    return inputs


def _two_layers() -> dict[str, Any]:
    """Return gradient by hand, inputs and arguments of the network of the lecture notes."""
    problem = get_problem("two-layer-sigmoid")
    return {"hand": problem.gradient, "draw": partial(problem.inputs, 1000), "wrt": problem.wrt}


#: Every workload by name, in the order in which they are timed.
WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload(
            name="chain",
            meaning=f"{_STEPS} × (multiply, add, sin) over 10 elements",
            operations=3 * _STEPS,
            goal=2.5,
            function=_chain,
            torch_function=_chain,
            hand=_chain_by_hand,
            draw=_draw_chain,
            wrt=("h",),
        ),
        Workload(
            name="notes",
            meaning="two-layer sigmoid network of the lecture notes, 64×1000×100×10",
            operations=9,
            goal=1.05,
            function=_notes,
            torch_function=_notes_in_torch,
            **_two_layers(),
        ),
        Workload(
            name="mlp",
            meaning="tanh network 10-16-16-1 on a batch of 8, mean squared error",
            operations=11,
            goal=1.5,
            function=_mlp,
            torch_function=_mlp_in_torch,
            hand=_mlp_by_hand,
            draw=_draw_mlp,
            wrt=("w1", "b1", "w2", "b2", "w3", "b3"),
        ),
    )
}
