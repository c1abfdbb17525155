"""The heat equation on a line: neighbours by rolling the array, and by slices of it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload
from compare.problems.problem import Gradients, Inputs

__all__ = ["heat_roll", "heat_slices"]

Step = Callable[[Any, Any, Any], Any]


def _rolled(xp: Any, u: Any, k: Any) -> Any:
    return u + k * (xp.roll(u, 1) - 2.0 * u + xp.roll(u, -1))


def _sliced(xp: Any, u: Any, k: Any) -> Any:
    inner = u[1:-1] + k[1:-1] * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return xp.concatenate([u[:1], inner, u[-1:]])


def _heat(step: Step, steps: int, xp: Any, u: Any, k: Any) -> Any:
    for _ in range(steps):
        u = step(xp, u, k)
    return xp.sum(u**2)


def _heat_in_jax(step: Step, steps: int, xp: Any, u: Any, k: Any) -> Any:
    from jax import lax

    u, _ = lax.scan(lambda u, _: (step(xp, u, k), None), u, None, steps)
    return xp.sum(u**2)


def _rolled_by_hand(steps: int, u: Any, k: Any) -> tuple[float, Gradients]:
    slopes = []
    for _ in range(steps):
        slope = np.roll(u, 1) - 2.0 * u + np.roll(u, -1)
        slopes.append(slope)
        u = u + k * slope
    g, k_bar = 2.0 * u, np.zeros_like(k)
    for slope in reversed(slopes):
        k_bar += g * slope
        kg = k * g
        g = g + np.roll(kg, 1) - 2.0 * kg + np.roll(kg, -1)
    return np.sum(u**2), {"u": g, "k": k_bar}


def _sliced_by_hand(steps: int, u: Any, k: Any) -> tuple[float, Gradients]:
    inner, slopes = k[1:-1], []
    for _ in range(steps):
        slope = u[2:] - 2.0 * u[1:-1] + u[:-2]
        slopes.append(slope)
        u = u.copy()
        u[1:-1] += inner * slope
    g, k_bar = 2.0 * u, np.zeros_like(k)
    for slope in reversed(slopes):
        k_bar[1:-1] += g[1:-1] * slope
        kg = inner * g[1:-1]
        g[1:-1] -= 2.0 * kg
        g[2:] += kg
        g[:-2] += kg
    return np.sum(u**2), {"u": g, "k": k_bar}


def _draw(size: int, rng: np.random.Generator) -> Inputs:
    return {"u": rng.standard_normal(size), "k": 0.1 + 0.3 * rng.random(size)}


def _workload(name: str, how: str, step: Step, hand: Any, steps: int, size: int) -> Workload:
    return Workload(
        name=name,
        meaning=f"heat equation of {steps} steps on {size} places, by {how}",
        operations=0,
        group="general",
        function=partial(_heat, step, steps),
        idioms={"jax": partial(_heat_in_jax, step, steps)},
        hand=partial(hand, steps),
        draw=partial(_draw, size),
        wrt=("u", "k"),
    )


def heat_roll(steps: int = 100, size: int = 1000) -> Workload:
    """Return the heat equation on a ring."""
    return _workload("heat-roll", "roll", _rolled, _rolled_by_hand, steps, size)


def heat_slices(steps: int = 100, size: int = 1000) -> Workload:
    """Return the heat equation between ends that are held."""
    return _workload("heat-slices", "slices", _sliced, _sliced_by_hand, steps, size)
