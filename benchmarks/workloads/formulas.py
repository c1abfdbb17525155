"""Networks whose formulas are run: a sigmoid network on one sample, and a residual network."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workloads.networks import draw_layers
from benchmarks.workloads.workload import Workload
from compare.problems.mlp import mlp_gradient, mlp_loss, parameter_names
from compare.problems.problem import Gradients, Inputs

__all__ = ["residual", "sample"]


def _sample(names: Sequence[str], xp: Any, x: Any, t: Any, *layers: Any) -> Any:
    return mlp_loss(x, t, **dict(zip(names, layers, strict=True)))


def _sample_in_casadi(casadi: Any, x: Any, t: Any, *layers: Any) -> Any:
    """Vectors are rows."""
    *hidden, w, b = layers
    h = x
    for weights, bias in zip(hidden[::2], hidden[1::2], strict=True):
        h = 1.0 / (1.0 + casadi.exp(-(h @ weights + bias)))
    return casadi.sum2((h @ w + b - t) ** 2)


def _sample_by_hand(names: Sequence[str], x: Any, t: Any, *layers: Any) -> tuple[float, Gradients]:
    return mlp_gradient(x, t, **dict(zip(names, layers, strict=True)))


def _draw_sample(widths: Sequence[int], rng: np.random.Generator) -> Inputs:
    inputs = {"x": rng.uniform(0.0, 1.0, widths[0]), "t": rng.standard_normal(widths[-1])}
    return inputs | draw_layers(rng, widths)


def sample(widths: Sequence[int]) -> Workload:
    """Return the sigmoid network of the comparison, on one sample.

    Examples
    --------
    >>> sample((3, 32, 32, 1)).name
    '3-32-32-1'
    """
    names = parameter_names(widths)
    return Workload(
        name="-".join(map(str, widths)),
        meaning="sigmoid network on one sample, squared loss",
        operations=0,
        function=partial(_sample, names),
        hand=partial(_sample_by_hand, names),
        draw=partial(_draw_sample, tuple(widths)),
        wrt=names,
        idioms={"casadi": _sample_in_casadi},
    )


def _residual(xp: Any, x: Any, y: Any, *weights: Any) -> Any:
    h = x
    for w in weights:
        h = h + xp.tanh(h @ w)
    return xp.sum((h - y) ** 2)


def _residual_by_hand(x: Any, y: Any, *weights: Any) -> tuple[Any, list[Any]]:
    inputs, outputs, h = [], [], x
    for w in weights:
        inputs.append(h)
        outputs.append(np.tanh(h @ w))
        h = h + outputs[-1]
    error = h - y
    h_bar = 2.0 * error
    gradients: list[Any] = []
    for w, before, after in zip(weights[::-1], inputs[::-1], outputs[::-1], strict=True):
        z_bar = h_bar * (1.0 - after**2)
        gradients.append(before.T @ z_bar)
        h_bar = h_bar + z_bar @ w.T
    return np.sum(error**2), gradients[::-1]


def _draw_residual(depth: int, width: int, batch: int, rng: np.random.Generator) -> Inputs:
    inputs = {name: rng.standard_normal((batch, width)) for name in ("x", "y")}
    scale = 0.5 / np.sqrt(width * depth)
    return inputs | {
        f"w{k}": scale * rng.standard_normal((width, width)) for k in range(1, depth + 1)
    }


def residual(depth: int = 8, width: int = 64, batch: int = 64) -> Workload:
    """Return a network of blocks ``h + tanh(h w)``.

    Examples
    --------
    >>> residual(3).wrt
    ('w1', 'w2', 'w3')
    """
    return Workload(
        name=f"residual-{depth}",
        meaning=f"residual network of {depth} blocks, width {width}, on a batch of {batch}",
        operations=0,
        function=_residual,
        hand=_residual_by_hand,
        draw=partial(_draw_residual, depth, width, batch),
        wrt=tuple(f"w{k}" for k in range(1, depth + 1)),
    )
