"""Numbers of Python's in and out: the circuit and the neuron of the lecture notes."""

import math
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload
from compare.problems.problem import Inputs

__all__ = ["circuit", "neuron"]


def _circuit(xp: Any, x: Any, y: Any, z: Any) -> Any:
    return (x + y) * z


def _circuit_by_hand(x: float, y: float, z: float) -> tuple[float, tuple[float, ...]]:
    q = x + y
    return q * z, (z, z, q)


def _neuron(xp: Any, w0: Any, x0: Any, w1: Any, x1: Any, w2: Any) -> Any:
    return 1.0 / (1.0 + xp.exp(-(w0 * x0 + w1 * x1 + w2)))


def _neuron_in_torch(torch: Any, w0: Any, x0: Any, w1: Any, x1: Any, w2: Any) -> Any:
    return torch.sigmoid(w0 * x0 + w1 * x1 + w2)


def _neuron_by_hand(
    w0: float, x0: float, w1: float, x1: float, w2: float
) -> tuple[float, tuple[float, ...]]:
    s = 1.0 / (1.0 + math.exp(-(w0 * x0 + w1 * x1 + w2)))
    z_bar = s * (1.0 - s)
    return s, (z_bar * x0, z_bar * w0, z_bar * x1, z_bar * w1, z_bar)


def _draw(names: tuple[str, ...], rng: np.random.Generator) -> Inputs:
    return {name: float(rng.standard_normal()) for name in names}


def _of_floats(names: tuple[str, ...], **parts: Any) -> Workload:
    """Return a workload whose arguments are floats, with the gradient by all of them."""
    return Workload(draw=partial(_draw, names), wrt=names, **parts)


def circuit() -> Workload:
    """Return the circuit ``(x + y) z``.

    Examples
    --------
    >>> circuit().hand(-2.0, 5.0, -4.0)
    (-12.0, (-4.0, -4.0, 3.0))
    """
    return _of_floats(
        ("x", "y", "z"),
        name="circuit",
        label="W5a",
        meaning="(x + y) z, Python floats in and out",
        operations=2,
        function=_circuit,
        hand=_circuit_by_hand,
    )


def neuron() -> Workload:
    """Return the sigmoid neuron of two inputs and a bias.

    Examples
    --------
    >>> value, _ = neuron().hand(2.0, -1.0, -3.0, -2.0, -3.0)
    >>> round(value, 4)
    0.7311
    """
    return _of_floats(
        ("w0", "x0", "w1", "x1", "w2"),
        name="neuron",
        label="W5b",
        meaning="sigmoid neuron of the lecture notes, Python floats in and out",
        operations=8,
        function=_neuron,
        idioms={"torch": _neuron_in_torch},
        hand=_neuron_by_hand,
    )
