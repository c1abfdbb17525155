"""Derivatives within derivatives: particle and saddle."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gradbench.engines import Engine
from benchmarks.gradbench.evals.eval import Eval, Made, floats

__all__ = ["PARTICLE", "SADDLE"]

#: Where descent stops, and the length of its first step.
_PRECISION = 1e-5


def _norm(x: Any) -> Any:
    return np.sqrt(np.sum(x**2))


def minimum(f: Callable[[Any], Any], slope: Callable[[Any], Any], x: Any) -> Any:
    """Return a minimum by gradient descent, with steps twice as long after ten that helped."""
    value, step, helped, step_length = f(x), slope(x), 0, _PRECISION
    while _norm(step) > _PRECISION:
        if helped == 10:
            step_length, helped = 2 * step_length, 0
            continue
        following = x - step_length * step
        if _norm(x - following) <= _PRECISION:
            break
        found = f(following)
        if found < value:
            x, value, step, helped = following, found, slope(following), helped + 1
        else:
            step_length, helped = step_length / 2, 0
    return x


def _slope(engine: Engine, mode: str, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the gradient of a function of a vector, by forward or by reverse mode."""
    if mode == "r":
        return engine.gradient(f, 0)
    return lambda x: np.stack([engine.along(f, (x,), (e,))[1] for e in np.eye(len(x))])


def potential(right: Any, up: Any, w: Any) -> Any:
    """Return the potential of two charges, at (10, 10 - w) and (10, 0)."""
    aside = (right - 10) ** 2
    return 1 / np.sqrt(aside + (up - 10 + w) ** 2) + 1 / np.sqrt(aside + up**2)


def _potential_slope(engine: Engine, mode: str) -> Callable[..., Any]:
    """Return the gradient of the potential by the place."""
    if mode == "r":
        return engine.gradient(potential, (0, 1))
    return lambda *at: [engine.along(potential, at, (*e, 0.0))[1] for e in np.eye(2).tolist()]


def missed(engine: Engine, mode: str) -> Callable[[Any], Any]:
    """Return the function of the squared distance to the origin where a charge meets the axis."""
    slope, dt = _potential_slope(engine, mode), 0.1

    def step(right: Any, up: Any, v_right: Any, v_up: Any, w: Any) -> Any:
        a_right, a_up = slope(right, up, w)
        return right + dt * v_right, up + dt * v_up, v_right - dt * a_right, v_up - dt * a_up

    taken = engine.compiled(step)

    def miss(w: Any) -> Any:
        right, up, v_right, v_up = 0.0, 8.0, 0.75, 0.0
        while up + dt * v_up > 0:
            right, up, v_right, v_up = taken(right, up, v_right, v_up, w[0])
        return (right - up / v_up * v_right) ** 2

    return miss


def _particle(modes: str) -> Made:
    def made(engine: Engine) -> Callable[..., Any]:
        miss = missed(engine, modes[1])
        return lambda w: minimum(miss, _slope(engine, modes[0], miss), w)[0]

    return made


def height(x: Any, y: Any) -> Any:
    """Return the function whose saddle is sought."""
    return np.sum(x**2) - np.sum(y**2)


def _saddle(modes: str) -> Made:
    def made(engine: Engine) -> Callable[..., Any]:
        def highest(x: Any, start: Any) -> Any:
            def depth(y: Any) -> Any:
                return -height(x, y)

            return minimum(depth, _slope(engine, modes[1], depth), start)

        def saddle(start: Any) -> Any:
            def most(x: Any) -> Any:
                return height(x, highest(x, start))

            x = minimum(most, _slope(engine, modes[0], most), start)
            return np.concatenate([x, highest(x, start)])

        return saddle

    return made


_MODES = ("ff", "fr", "rf", "rr")

PARTICLE = Eval(
    lambda message: (floats([message["w"]]),), {modes: _particle(modes) for modes in _MODES}
)
SADDLE = Eval(
    lambda message: (floats(message["start"]),), {modes: _saddle(modes) for modes in _MODES}
)
