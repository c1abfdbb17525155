"""A long chain of small operations: what each costs beyond its arithmetic."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from compare.bench.workloads.workload import Workload
from compare.problems.problem import Gradients, Inputs

__all__ = ["chain"]


def _chain(xp: Any, h: Any, w: Any, b: Any, *, steps: int) -> Any:
    for _ in range(steps):
        h = xp.sin(h * w + b)
    return xp.sum(h)


def _by_hand(h: Any, w: Any, b: Any, *, steps: int) -> tuple[float, Gradients]:
    before = []
    for _ in range(steps):
        z = h * w + b
        before.append(z)
        h = np.sin(z)
    h_bar = np.ones_like(h)
    for z in reversed(before):
        h_bar = h_bar * np.cos(z) * w
    return np.sum(h), {"h": h_bar}


def _best(h: Any, w: Any, b: Any, *, steps: int) -> Callable[..., Any]:
    """Keep one row of each step: the cosine goes where its argument was."""
    rows = list(np.empty((steps, *h.shape)))
    end, h_bar = np.empty_like(h), np.empty_like(h)
    backwards = rows[::-1]
    multiply, add, sin, cos, sum_ = np.multiply, np.add, np.sin, np.cos, np.add.reduce

    def run(h: Any, w: Any, b: Any) -> Any:
        for z in rows:
            multiply(h, w, z)
            add(z, b, z)
            sin(z, end)
            cos(z, z)
            h = end
        h_bar.fill(1.0)
        for slope in backwards:
            multiply(h_bar, slope, h_bar)
            multiply(h_bar, w, h_bar)
        return sum_(end), (h_bar,)

    return run


def _draw(size: int, rng: np.random.Generator) -> Inputs:
    """Return weights near 1 and biases near 0, which keep the gradient from vanishing."""
    return {
        "h": rng.standard_normal(size),
        "w": rng.uniform(0.99, 1.01, size),
        "b": rng.uniform(-0.001, 0.001, size),
    }


def chain(steps: int = 200, size: int = 10) -> Workload:
    """Return a chain of multiplications, additions and sines.

    Parameters
    ----------
    steps : int
        Times that the three are done.
    size : int
        Elements.

    Returns
    -------
    Workload
        Named ``chain``.

    Examples
    --------
    >>> chain(steps=2, size=3).inputs["w"].shape
    (3,)
    """
    return Workload(
        name="chain",
        label="W0",
        meaning=f"{steps} × (multiply, add, sin) over {size} elements",
        operations=3 * steps,
        function=partial(_chain, steps=steps),
        hand=partial(_by_hand, steps=steps),
        best=partial(_best, steps=steps),
        draw=partial(_draw, size),
        wrt=("h",),
    )
