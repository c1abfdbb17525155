"""Long chains of small operations: what each costs beyond its arithmetic, and what is kept."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload
from compare.problems.problem import Gradients, Inputs

__all__ = ["chain", "long_chain", "number_chain"]


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


def _tanhs(xp: Any, h: Any, w: Any, *, steps: int) -> Any:
    for _ in range(steps):
        h = xp.tanh(h * w)
    return h


def _long(xp: Any, h: Any, w: Any, *, steps: int) -> Any:
    return xp.sum(_tanhs(xp, h, w, steps=steps))


def _in_parts(autodiff: Any, h: Any, w: Any, *, steps: int) -> Any:
    """Keep what goes into each of √steps parts: as much as a part holds when it runs again."""
    length = math.isqrt(steps)
    part = autodiff.checkpoint(partial(_tanhs, np, steps=length))
    for _ in range(steps // length):
        h = part(h, w)
    return np.sum(_tanhs(np, h, w, steps=steps % length))


def _long_by_hand(h: Any, w: Any, *, steps: int) -> tuple[float, Gradients]:
    kept = [h]
    for _ in range(steps):
        kept.append(np.tanh(kept[-1] * w))
    value = np.sum(kept[-1])
    h_bar, w_bar = np.ones_like(h), np.zeros_like(w)
    while len(kept) > 1:
        z_bar = h_bar * (1.0 - kept.pop() ** 2)
        w_bar += z_bar * kept[-1]
        h_bar = z_bar * w
    return value, {"h": h_bar, "w": w_bar}


def _draw_long(size: int, rng: np.random.Generator) -> Inputs:
    """Return weights at 1, where the signal fades slowest without growing."""
    return {"h": rng.standard_normal(size), "w": rng.uniform(0.9999, 1.0001, size)}


def long_chain(steps: int = 10_000, size: int = 1000) -> Workload:
    """Return a chain that is too long to keep all of it.

    Examples
    --------
    >>> long_chain(steps=2, size=3).inputs["w"].shape
    (3,)
    """
    return Workload(
        name="long-chain",
        meaning=f"{steps:,} × (multiply, tanh) over {size:,} elements",
        operations=2 * steps + 1,
        function=partial(_long, steps=steps),
        idioms={"autodiff": partial(_in_parts, steps=steps)},
        hand=partial(_long_by_hand, steps=steps),
        draw=partial(_draw_long, size),
        wrt=("h", "w"),
    )


def _numbers(xp: Any, h: Any, w: Any, b: Any, *, steps: int) -> Any:
    for _ in range(steps):
        h = xp.sin(h * w + b)
    return h


def _numbers_by_hand(
    h: float, w: float, b: float, *, steps: int
) -> tuple[float, tuple[float, float, float]]:
    sin, cos = math.sin, math.cos
    inner, kept = [], []
    for _ in range(steps):
        kept.append(h)
        z = h * w + b
        inner.append(z)
        h = sin(z)
    h_bar, w_bar, b_bar = 1.0, 0.0, 0.0
    for before, z in zip(reversed(kept), reversed(inner), strict=True):
        z_bar = h_bar * cos(z)
        w_bar += z_bar * before
        b_bar += z_bar
        h_bar = z_bar * w
    return h, (h_bar, w_bar, b_bar)


def _draw_numbers(rng: np.random.Generator) -> Inputs:
    """Return a start, and numbers near which a million sines leave something of the gradient."""
    return {"h": float(rng.uniform(0.5, 1.0)), "w": 1.0, "b": 1e-7}


def number_chain(operations: int) -> Workload:
    """Return a chain of operations on Python floats.

    Examples
    --------
    >>> number_chain(9).operations
    9
    """
    steps = operations // 3
    return Workload(
        name=f"numbers-{operations}",
        meaning=f"{steps:,} × (multiply, add, sin) of Python floats",
        operations=3 * steps,
        function=partial(_numbers, steps=steps),
        hand=partial(_numbers_by_hand, steps=steps),
        draw=_draw_numbers,
        wrt=("h", "w", "b"),
    )
