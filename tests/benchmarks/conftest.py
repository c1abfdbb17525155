import numpy as np
import pytest

from benchmarks.candidates import BoundCall, Implementation
from benchmarks.turns import take_turns
from benchmarks.workloads import Workload
from compare.measure.timing import Sample


def _squares(xp, x, w):
    return xp.sum((w * x) ** 2)


def _squares_by_hand(x, w):
    return np.sum((w * x) ** 2), {"x": 2 * w**2 * x}


@pytest.fixture
def undisturbed(monkeypatch):
    """A machine that never drifts: the workload that would tell takes 0.4 s for each table."""
    monkeypatch.setattr(take_turns, "__defaults__", (lambda: Sample(0.005, 0.005),))


@pytest.fixture
def squares():
    """A small workload, in place of those of the benchmark."""
    return Workload(
        name="squares",
        meaning="sum of squares",
        operations=3,
        function=_squares,
        hand=_squares_by_hand,
        draw=lambda rng: {"x": rng.standard_normal(4), "w": rng.standard_normal(4)},
        wrt=("x",),
    )


@pytest.fixture
def candidate():
    """Make a candidate of a function that returns value and gradients of a workload."""

    def make(answer, name="mine", module="numpy", **fields):
        def bind(library, workload):
            return BoundCall(lambda: answer(workload), lambda result: result)

        return Implementation(name, "made for a test", module, bind, **fields)

    return make
