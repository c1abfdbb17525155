"""Every problem: its hand-derived gradient, its inputs and its sizes."""

import pickle

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.lib.mixins import NDArrayOperatorsMixin

from compare.problems import PROBLEMS, Case, Problem, get_problem

NAMES = list(PROBLEMS)
ANALYTIC = [name for name, problem in PROBLEMS.items() if problem.analytic]
SEEDS = st.integers(min_value=0, max_value=2**32 - 1)


def directional(case: Case, gradients: dict, direction: dict) -> float:
    """Return the derivative in a direction, from the gradients."""
    return sum(float(np.sum(gradients[name] * direction[name])) for name in case.wrt)


def draw_direction(case: Case, seed: int) -> dict:
    rng = np.random.default_rng((seed, 1))
    return {name: rng.standard_normal(np.shape(case.inputs[name])) for name in case.wrt}


def moved(case: Case, direction: dict, step: complex) -> dict:
    """Return the inputs moved along a direction."""
    return {
        name: value + step * direction[name] if name in direction else value
        for name, value in case.inputs.items()
    }


def nudged(case: Case, bits: int) -> dict:
    """Return the inputs with each number moved by some units in its last place."""
    return {name: value + bits * np.spacing(value) for name, value in case.inputs.items()}


@pytest.mark.parametrize("name", ANALYTIC)
@given(seed=SEEDS)
@example(seed=26)  # a saturated neuron, where s * (1 - s) has lost four digits
@settings(max_examples=25, deadline=None)
def test_hand_gradient_equals_a_complex_step(name, seed):
    problem = PROBLEMS[name]
    case = problem.case(problem.verify_size, seed)
    value, gradients = problem.gradient(**case.inputs)
    direction = draw_direction(case, seed)
    stepped = problem.function(**moved(case, direction, 1e-200j))
    scale = sum(float(np.sum(abs(gradients[n] * direction[n]))) for n in case.wrt)
    expected = stepped.imag / 1e-200
    found = directional(case, gradients, direction)
    # Nothing can be more accurate than the last bits of its inputs allow: where the logistic map
    # passes 1/2, a rounding of the iterate changes its derivative by much more than a rounding.
    wobble = max(
        abs(directional(case, problem.gradient(**nudged(case, bits))[1], direction) - found)
        for bits in (-1, 1, 2)
    )
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-13 * scale + 8 * wobble)
    assert value == pytest.approx(stepped.real, rel=1e-13, abs=1e-14)


@pytest.mark.each("name", NAMES)
@given(seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_hand_gradient_equals_central_differences(name, seed):
    problem = PROBLEMS[name]
    case = problem.case(problem.verify_size, seed)
    value, gradients = problem.gradient(**case.inputs)
    direction = draw_direction(case, seed)
    step = 1e-6
    above = float(problem.function(**moved(case, direction, step)))
    below = float(problem.function(**moved(case, direction, -step)))
    if not problem.analytic:
        # A kink between the two points would make the difference meaningless.
        middle = float(problem.function(**case.inputs))
        if abs(above - 2.0 * middle + below) > 1e-8 * (1.0 + abs(middle)):
            return
    scale = sum(float(np.sum(abs(gradients[n] * direction[n]))) for n in case.wrt)
    difference = (above - below) / (2.0 * step)
    assert directional(case, gradients, direction) == pytest.approx(
        difference, rel=1e-5, abs=1e-6 * scale + 1e-8 * (1.0 + abs(value))
    )


@pytest.mark.each("name", NAMES)
def test_a_wrong_gradient_would_be_noticed(name):
    problem = PROBLEMS[name]
    case = problem.case(problem.verify_size, 3)
    _, gradients = problem.gradient(**case.inputs)
    direction = draw_direction(case, 3)
    step = 1e-6
    above = float(problem.function(**moved(case, direction, step)))
    below = float(problem.function(**moved(case, direction, -step)))
    wrong = {key: 1.01 * value for key, value in gradients.items()}
    assert directional(case, wrong, direction) != pytest.approx(
        (above - below) / (2.0 * step), rel=1e-3
    )


@pytest.mark.each("name", NAMES)
@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_gradients_have_the_shapes_of_their_arguments(name, seed):
    problem = PROBLEMS[name]
    case = problem.case(problem.sizes[0], seed)
    value, gradients = problem.gradient(**case.inputs)
    assert type(value) is float
    assert set(gradients) == set(case.wrt) <= set(case.inputs)
    assert np.ndim(problem.function(**case.inputs)) == 0
    for argument in case.wrt:
        assert np.shape(gradients[argument]) == np.shape(case.inputs[argument])
        assert np.asarray(gradients[argument]).dtype == np.float64


@pytest.mark.each("name", NAMES)
def test_functions_leave_their_inputs_alone(name):
    problem = PROBLEMS[name]
    case = problem.case(problem.verify_size, 0)
    before = pickle.dumps(dict(case.inputs))
    problem.function(**case.inputs)
    problem.gradient(**case.inputs)
    assert pickle.dumps(dict(case.inputs)) == before


@pytest.mark.each("name", NAMES)
def test_a_seed_draws_the_same_inputs_and_another_seed_others(name):
    problem = PROBLEMS[name]
    first, again, other = (problem.case(problem.verify_size, seed).inputs for seed in (7, 7, 8))
    assert list(first) == list(again) == list(other)
    for argument in first:
        np.testing.assert_array_equal(first[argument], again[argument])
    assert any(not np.array_equal(first[argument], other[argument]) for argument in first)


@pytest.mark.each("name", NAMES)
def test_sizes_grow_and_labels_differ(name):
    problem = PROBLEMS[name]
    for sizes in (problem.sizes, problem.quick_sizes, problem.usual_sizes or ()):
        assert list(sizes) == sorted(set(sizes))
        assert len({problem.label(size) for size in sizes}) == len(sizes)
    assert set(problem.quick_sizes) | set(problem.usual_sizes or ()) <= set(problem.sizes)
    assert problem.name == name
    if problem.family != "notes":
        assert len(problem.sizes) >= 5
        assert 1 <= len(problem.quick_sizes) <= 3


@pytest.mark.each("name", NAMES)
def test_problems_travel_to_another_process(name):
    problem = PROBLEMS[name]
    copy = pickle.loads(pickle.dumps(problem))
    size = problem.verify_size
    assert copy.case(size, 0).wrt == problem.case(size, 0).wrt
    assert copy.label(size) == problem.label(size)


class Recorder(NDArrayOperatorsMixin):
    """The interface of a traced tensor: NumPy's two protocols, operators, shape and indexing."""

    called: frozenset[str] = frozenset()

    def __init__(self, array):
        self.array = np.asarray(array)

    @property
    def shape(self):
        return self.array.shape

    def __getitem__(self, key):
        return Recorder(self.array[key])

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        assert method == "__call__"
        assert "out" not in keywords
        Recorder.called |= {ufunc.__name__}
        return Recorder(ufunc(*(getattr(i, "array", i) for i in inputs), **keywords))

    def __array_function__(self, function, types, arguments, keywords):
        Recorder.called |= {function.__name__}
        return Recorder(function(*(getattr(a, "array", a) for a in arguments), **keywords))


OPERATORS = {"add", "subtract", "multiply", "divide", "power", "negative", "matmul"}
FUNCTIONS = {"exp", "log", "tanh", "maximum", "sum", "mean", "permute_dims"}


@pytest.mark.each("name", NAMES)
@pytest.mark.each("constants", [False, True])
def test_functions_run_on_objects_that_only_speak_the_protocols(name, constants):
    problem = PROBLEMS[name]
    case = problem.case(problem.verify_size, 0)
    traced = {
        argument: value if constants and argument not in case.wrt else Recorder(value)
        for argument, value in case.inputs.items()
    }
    Recorder.called = frozenset()
    result = problem.function(**traced)
    assert Recorder.called <= OPERATORS | FUNCTIONS
    assert float(result.array) == float(problem.function(**case.inputs))


def test_get_problem_returns_it():
    assert get_problem("neuron") is PROBLEMS["neuron"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("mlp-widht", "'mlp-width'"), ("Circuit", "'circuit'"), ("two_layer_relu", "two-layer-relu")],
)
def test_an_unknown_problem_names_the_nearest(name, hint):
    with pytest.raises(ValueError, match=f"did you mean '?{hint}") as error:
        get_problem(name)
    assert all(known in str(error.value) for known in NAMES)


@pytest.mark.parametrize("name", ["", "###"])
def test_an_unknown_problem_without_a_near_one_lists_all(name):
    with pytest.raises(ValueError, match="no problem is called") as error:
        get_problem(name)
    assert "did you mean" not in str(error.value)
    assert all(known in str(error.value) for known in NAMES)


@pytest.mark.parametrize("size", [0, -3, 2.5, True, "4", None, float("nan")])
def test_a_size_must_be_a_positive_whole_number(size):
    with pytest.raises(ValueError, match=r"circuit: size .* is not a whole number of at least 1"):
        PROBLEMS["circuit"].case(size, 0)


def test_wrt_may_be_fixed_or_depend_on_the_size():
    assert PROBLEMS["circuit"].case(1, 0).wrt == ("x", "y", "z")
    assert PROBLEMS["mlp-depth"].case(1, 0).wrt == ("w1", "b1", "w2", "b2")
    assert isinstance(PROBLEMS["mlp-depth"], Problem)
    assert len(PROBLEMS["mlp-depth"].case(3, 0).wrt) == 8
