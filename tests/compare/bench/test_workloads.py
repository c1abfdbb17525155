from functools import partial

import numpy as np
import pytest

import autodiff
from compare.bench.workloads import WORKLOADS


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_gradient_by_hand_is_right(name, rng):
    """Against a central difference along a random direction."""
    workload = WORKLOADS[name]
    value, gradients = workload.hand(**workload.inputs)
    function = partial(workload.function, np)
    assert value == pytest.approx(function(*workload.inputs.values()), rel=1e-12)
    assert gradients.keys() == set(workload.wrt)
    for argument in workload.wrt:
        x = workload.inputs[argument]
        assert gradients[argument].shape == x.shape
        direction = rng.standard_normal(x.shape)
        step = 1e-6
        ahead, behind = (
            function(*(workload.inputs | {argument: x + h * direction}).values())
            for h in (step, -step)
        )
        along = np.sum(gradients[argument] * direction)
        assert along == pytest.approx((ahead - behind) / (2 * step), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_operations_are_those_that_are_recorded(name):
    """But for one: the closing sum of the chain; a mean may be recorded as sum and quotient."""
    workload = WORKLOADS[name]
    graph = autodiff.trace(partial(workload.function, np), *workload.inputs.values())
    assert 0 <= graph.operations - workload.operations <= 1


@pytest.mark.parametrize("name", WORKLOADS)
def test_inputs_are_float64_and_the_same_for_everyone(name):
    inputs = WORKLOADS[name].inputs
    assert {x.dtype for x in inputs.values()} == {np.dtype(np.float64)}
    assert WORKLOADS[name].inputs is inputs
