"""The workloads that nobody tuned for, small: the gradient by hand, and everyone's."""

from functools import partial

import numpy as np
import pytest

import autodiff
from benchmarks.candidates import COMPILED
from benchmarks.candidates.own import EAGER_AUTODIFF, PLAN_NUMBA
from benchmarks.checking import Loaded, checked
from benchmarks.gradbench.evals import EVALS
from benchmarks.run import run
from benchmarks.workloads import GENERAL, GROUPS, WORKLOADS
from benchmarks.workloads.general.arrays import embedding, large, ring, windows
from benchmarks.workloads.general.filters import kalman, recurrent, runge_kutta
from benchmarks.workloads.general.gated import gru, lstm
from benchmarks.workloads.general.heat import heat_roll, heat_slices
from benchmarks.workloads.general.matrices import fit, regression, rotations
from benchmarks.workloads.general.models import gaussian_process, qubits
from benchmarks.workloads.gradbench import GRADBENCH

SMALL = {
    workload.name: workload
    for workload in (
        recurrent(steps=5, batch=3, width=4),
        gru(steps=4, batch=3, width=4),
        lstm(steps=4, batch=3, width=4),
        kalman(steps=6),
        runge_kutta(steps=4),
        heat_roll(steps=4, size=9),
        heat_slices(steps=4, size=9),
        gaussian_process(points=12),
        fit(rows=9, parameters=4),
        regression(rows=11, parameters=3),
        rotations(points=4, count=2),
        embedding(rows=8, width=3, bags=4, length=5),
        ring(rank=2, n=3),
        windows(images=2, size=7, filters=2, side=3),
        qubits(count=3, layers=2),
        large(size=11),
    )
}


def test_every_workload_of_the_group_is_here_and_has_no_goals():
    assert list(SMALL) == list(GENERAL)
    assert GROUPS["tuned"] is WORKLOADS
    assert GROUPS["general"] is GENERAL
    names = [name for group in GROUPS.values() for name in group]
    assert len(names) == len(set(names))
    for name, group in GROUPS.items():
        assert {workload.group for workload in group.values()} == {name}


@pytest.mark.each("name", SMALL)
def test_derivatives_by_hand_are_those_of_differences(name, rng):
    """Along a random direction; the matrix of second derivatives from gradients of the engine."""
    workload = SMALL[name]
    inputs = workload.inputs
    function = partial(workload.function, np)
    value, found = workload.hand(*inputs.values())
    if workload.derivative == "gradient":
        assert value == pytest.approx(function(*inputs.values()), rel=1e-11)
    if workload.derivative == "hessian":
        function = autodiff.grad(function, *workload.argnums)
    assert found.keys() == set(workload.wrt)
    for argument in workload.wrt:
        x = inputs[argument]
        direction = rng.standard_normal(x.shape)
        step = 1e-6
        ahead, behind = (
            function(*(inputs | {argument: x + h * direction}).values()) for h in (step, -step)
        )
        along = np.sum(found[argument] * direction, tuple(range(-x.ndim, 0)))
        expected = (ahead - behind) / (2 * step)
        np.testing.assert_allclose(along, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.each("name", SMALL)
def test_derivatives_by_hand_leave_the_arguments_alone(name):
    workload = SMALL[name]
    before = [np.copy(x) for x in workload.inputs.values()]
    first = workload.hand(*workload.inputs.values())
    again = workload.hand(*workload.inputs.values())
    for argument in workload.wrt:
        np.testing.assert_array_equal(first[1][argument], again[1][argument])
    assert all(map(np.array_equal, before, workload.inputs.values()))


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_every_installed_candidate_is_right_or_says_why_not():
    """But for the plan with Numba, which takes a second a workload to compile."""
    field = [each for each in COMPILED.values() if each is not PLAN_NUMBA]
    report = run(list(SMALL.values()), field, imports=False, rounds=1, sample_s=1e-6)
    assert report.wrong == []
    for result in report.results:
        for entry in result.entries:
            assert entry.status in ("ok", "absent") or entry.message


def test_the_evals_of_gradbench_are_all_here_and_right_by_hand():
    assert list(GRADBENCH) == [f"gradbench-{name}" for name in EVALS]
    for workload in GRADBENCH.values():
        if workload.hand:
            entry, _ = checked(workload, Loaded(EAGER_AUTODIFF, autodiff))
            assert entry.status == "ok", (workload.name, entry.message)
