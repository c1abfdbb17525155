"""Where slopes are infinite: functions that grow there like a power below 1.

Near the end u₀ of a square root, an arc cosine or a power p the result grows by s = a (σ (u - u₀))ᵖ
with a sign σ of the side it lives on, and so u - u₀ = σ (s / a)¹ᐟᵖ. A function F of it has the
derivative F'(s) / (du/ds), a limit where F' vanishes like s to the power 1/p - 1: `graph.steep`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autodiff.core.primitive import PRIMITIVES, Array

__all__ = ["STEEP", "Steep"]


@dataclass(frozen=True, slots=True)
class Steep:
    """The power, the factor and the side, as functions of the operands, and where that is so."""

    at: Callable[..., Array]
    power: Callable[..., Array]
    factor: Callable[..., Array]
    side: Callable[..., Array]
    #: Where the result is rounded, as pi is, so that what vanishes there is 0 but for rounding.
    rounded: Callable[..., Array] = lambda *xs: np.False_


def _root(power: float) -> Steep:
    return Steep(
        lambda x: np.equal(x, 0), lambda x: power, lambda x: np.ones_like(x), lambda x: 1.0
    )


def _arc(
    factor: Callable[..., Array], side: Callable[..., Array], rounded: Callable[..., Array]
) -> Steep:
    return Steep(lambda x: np.equal(np.abs(x), 1), lambda x: 0.5, factor, side, rounded)


_POWER = Steep(
    lambda x, y: np.logical_and(np.equal(x, 0), np.logical_and(np.less(0, y), np.less(y, 1))),
    lambda x, y: np.clip(y, 1e-3, 1.0),
    lambda x, y: np.ones_like(x),
    lambda x, y: 1.0,
)
_TWO = math.sqrt(2.0)
STEEP = {
    PRIMITIVES[name]: steep
    for name, steep in {
        "sqrt": _root(0.5),
        "cbrt": _root(1.0 / 3.0),
        "power": _POWER,
        "float_power": _POWER,
        "arccos": _arc(lambda x: _TWO * x, lambda x: -x, lambda x: np.equal(x, -1)),
        "arcsin": _arc(lambda x: -_TWO * x, lambda x: -x, lambda x: np.equal(np.abs(x), 1)),
        "arccosh": _arc(
            lambda x: np.full_like(x, _TWO), lambda x: x, lambda x: np.zeros_like(x, bool)
        ),
    }.items()
}
