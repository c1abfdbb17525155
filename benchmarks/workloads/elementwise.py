"""One long expression over many elements: memory traffic and transcendental functions."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload
from compare.problems.problem import Gradients, Inputs

__all__ = ["elementwise"]

#: Elements of a block: the buffers of one fit into the second-level cache together.
_BLOCK = 8192


def _sum(xp: Any, x: Any) -> Any:
    return xp.sum(xp.sin(x) * xp.exp(-(x**2)) + xp.log1p(x**2) * xp.tanh(x))


def _by_hand(x: Any) -> tuple[float, Gradients]:
    square = x**2
    s, e, log, t = np.sin(x), np.exp(-square), np.log1p(square), np.tanh(x)
    x_bar = np.cos(x) * e - 2.0 * x * s * e + 2.0 * x / (1.0 + square) * t + log * (1.0 - t**2)
    return np.sum(s * e + log * t), {"x": x_bar}


def _best(x: Any) -> Callable[..., Any]:
    """Block by block, so that no intermediate leaves the cache; the sums are scalar products."""
    x_bar = np.empty_like(x)
    starts = range(0, x.size, _BLOCK)
    buffers = np.empty((6, _BLOCK))
    blocks = []
    for start in starts:
        place = slice(start, min(start + _BLOCK, x.size))
        blocks.append((place, x_bar[place], *buffers[:, : place.stop - place.start]))
    one, minus_two = np.array(1.0), np.array(-2.0)
    add, subtract, multiply, divide, negative = (
        np.add, np.subtract, np.multiply, np.divide, np.negative
    )  # fmt: skip
    sin, cos, exp, log1p, tanh = np.sin, np.cos, np.exp, np.log1p, np.tanh

    def run(x: Any) -> Any:
        value = 0.0
        for place, out, square, s, e, log, t, part in blocks:
            xs = x[place]
            multiply(xs, xs, square)
            sin(xs, s)
            negative(square, e)
            exp(e, e)
            log1p(square, log)
            tanh(xs, t)
            value += s.dot(e) + log.dot(t)
            # e (cos x - 2 x s) + 2 x t / (1 + x^2) + log (1 - t^2)
            cos(xs, out)
            multiply(xs, minus_two, part)
            multiply(s, part, s)
            add(out, s, out)
            multiply(out, e, out)
            add(square, one, square)
            multiply(part, t, part)
            divide(part, square, part)
            subtract(out, part, out)
            multiply(t, t, t)
            subtract(one, t, t)
            multiply(t, log, t)
            add(out, t, out)
        return value, (x_bar,)

    return run


def _draw(size: int, rng: np.random.Generator) -> Inputs:
    return {"x": rng.standard_normal(size)}


def elementwise(size: int = 100_000) -> Workload:
    """Return the sum of an expression of twenty operations, element by element.

    Examples
    --------
    >>> elementwise(5).inputs["x"].shape
    (5,)
    """
    return Workload(
        name="elementwise",
        label="W4",
        meaning=f"sum(sin(x)·exp(−x²) + log1p(x²)·tanh(x)) over {size:,} elements",
        operations=11,
        function=_sum,
        hand=_by_hand,
        best=_best,
        draw=partial(_draw, size),
        wrt=("x",),
    )
