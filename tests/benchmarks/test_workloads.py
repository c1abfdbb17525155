from functools import partial

import numpy as np
import pytest

import autodiff
from benchmarks.candidates import COMPILED
from benchmarks.candidates.own import PLAN_NUMBA
from benchmarks.goals import COMPILED_GOALS, EAGER_GOALS, FRESH_GOALS
from benchmarks.run import IMPORT, run
from benchmarks.workloads import EAGER_WORKLOADS, WORKLOADS
from benchmarks.workloads.chain import chain
from benchmarks.workloads.elementwise import elementwise
from benchmarks.workloads.mixture import mixture
from benchmarks.workloads.networks import deep, mlp, notes, single
from benchmarks.workloads.scalars import circuit, neuron

#: One of each family, of sizes that no block or batch divides.
SMALL = {
    workload.name: workload
    for workload in (
        chain(steps=7, size=3),
        notes(4),
        mlp(batch=3),
        deep(3, width=5, batch=4),
        elementwise(8192 + 5),
        circuit(),
        neuron(),
        single(),
        mixture(samples=130, components=3, dimensions=4),
    )
}


def gradients_of(workload, function, *inputs):
    """Return value and gradients of what returns both, copied: the next call may use the arrays."""
    value, gradients = function(*inputs)
    return value, {n: np.array(g) for n, g in workload.by_name(gradients).items()}


#: Every gradient by hand: the plain ones, and the fastest where there are others.
HANDS = [(name, kind) for name in SMALL for kind in ("hand", "best") if getattr(SMALL[name], kind)]


def by_hand(workload, kind):
    return workload.hand if kind == "hand" else workload.best(*workload.inputs.values())


def redrawn(workload, seed):
    return list(workload.draw(np.random.default_rng(seed)).values())


@pytest.mark.each(("name", "kind"), HANDS)
def test_the_gradient_by_hand_is_that_of_differences(name, kind, rng):
    """Against a central difference along a random direction."""
    workload = SMALL[name]
    value, gradients = gradients_of(workload, by_hand(workload, kind), *workload.inputs.values())
    function = partial(workload.function, np)
    assert value == pytest.approx(function(*workload.inputs.values()), rel=1e-12)
    assert gradients.keys() == set(workload.wrt)
    for argument in workload.wrt:
        x = workload.inputs[argument]
        assert gradients[argument].shape == np.shape(x)
        direction = rng.standard_normal(np.shape(x))
        step = 1e-6
        ahead, behind = (
            function(*(workload.inputs | {argument: x + h * direction}).values())
            for h in (step, -step)
        )
        along = np.sum(gradients[argument] * direction)
        assert along == pytest.approx((ahead - behind) / (2 * step), rel=1e-5, abs=1e-6)


@pytest.mark.each(("name", "kind"), HANDS)
def test_the_gradient_by_hand_is_that_of_the_engine(name, kind):
    """Entry by entry, on inputs that the buffers were not made for, and again on the first."""
    workload = SMALL[name]
    run_ = by_hand(workload, kind)
    both = autodiff.value_and_grad(partial(workload.function, np), workload.argnums)
    answers = []
    for seed in (1, 2, 1):
        inputs = redrawn(workload, seed)
        before = [np.copy(x) for x in inputs]
        value, gradients = gradients_of(workload, run_, *inputs)
        expected_value, expected = gradients_of(workload, both, *inputs)
        assert value == pytest.approx(expected_value, rel=1e-12)
        for argument in workload.wrt:
            scale = np.max(np.abs(expected[argument]))
            np.testing.assert_allclose(
                gradients[argument], expected[argument], rtol=1e-9, atol=1e-13 * scale
            )
        assert all(np.array_equal(x, y) for x, y in zip(inputs, before, strict=True))
        answers.append((value, gradients))
    (first, first_gradients), _, (again, again_gradients) = answers
    assert again == first
    assert all(np.array_equal(again_gradients[n], first_gradients[n]) for n in workload.wrt)


@pytest.mark.parametrize("name", SMALL)
def test_the_operations_are_those_that_are_recorded(name):
    """But for one: the closing sum of the chain; a mean may be recorded as sum and quotient."""
    workload = SMALL[name]
    graph = autodiff.trace(partial(workload.function, np), *workload.inputs.values())
    assert 0 <= graph.operations - workload.operations <= 1


@pytest.mark.parametrize("name", WORKLOADS)
def test_inputs_are_float64_and_the_same_for_everyone(name):
    workload = WORKLOADS[name]
    assert {np.asarray(x).dtype for x in workload.inputs.values()} == {np.dtype(np.float64)}
    assert workload.inputs is workload.inputs
    assert workload.scalar == (name in ("circuit", "neuron"))


def test_the_workloads_are_those_of_the_issue():
    labels = ["W0", "W1", "W2", "W3a", "W3b", "W3c", "W4", "W5a", "W5b", "W6", "W8"]
    assert [workload.label for workload in WORKLOADS.values()] == labels
    assert set(COMPILED_GOALS) == set(WORKLOADS)
    assert set(FRESH_GOALS) <= set(WORKLOADS)
    assert set(EAGER_GOALS) == {*EAGER_WORKLOADS, IMPORT}
    sizes = {"deep-512": 512 * (32 * 32 + 32), "single": 369, "mixture": 25 * (1 + 10 + 55)}
    for name, parameters in sizes.items():
        inputs = WORKLOADS[name].inputs
        assert sum(inputs[argument].size for argument in WORKLOADS[name].wrt) == parameters


def test_the_signal_keeps_its_size_through_many_layers():
    workload = WORKLOADS["deep-512"]
    _, gradients = gradients_of(workload, workload.hand, *workload.inputs.values())
    sizes = [np.max(np.abs(gradients[f"w{k}"])) for k in range(1, 513)]
    assert 1e-3 < min(sizes) < max(sizes) < 1e3


@pytest.mark.exhaustive
def test_every_installed_candidate_is_right_or_says_why_not():
    """But for the plan with Numba, which takes a second a workload to compile: it has one."""
    field = [each for each in COMPILED.values() if each is not PLAN_NUMBA]
    for workloads, chosen in ((list(SMALL.values()), field), ([SMALL["mlp"]], [PLAN_NUMBA])):
        report = run(workloads, chosen, imports=False, rounds=1, sample_s=1e-6)
        assert report.wrong == []
        for result in report.results:
            for entry in result.entries:
                assert entry.status in ("ok", "absent") or entry.message
