"""Long programs: loops in place of steps that repeat, functions in parts, and linear builds."""

import sys

import numpy as np
import pytest

import autodiff
from autodiff.core.primitive import PRIMITIVES
from autodiff.plan.names import Names
from autodiff.plan.operations import runs_on_numbers
from autodiff.plan.to_python import parts
from autodiff.plan.to_python.parts import LONGEST, in_parts
from autodiff.plan.tracing import rerolling


def _held_against_eager(f, args, others, argnums, loops):
    """Hold a plan against the eager graph, also for other numbers; return its source."""
    eager = autodiff.value_and_grad(f, argnums)
    plan = autodiff.compile(eager)
    plan(*args)
    for given in (args, others):
        value, gradients = plan(*given)
        expected, expected_gradients = eager(*given)
        assert value == pytest.approx(float(expected), rel=1e-9)
        found, wanted = np.array(_leaves(gradients)), np.array(_leaves(expected_gradients))
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-300)
    source = plan.plan(*args).source
    assert sum(line.lstrip().startswith("for ") for line in source.splitlines()) == loops
    return source


def _leaves(tree):
    if isinstance(tree, list | tuple):
        return [x for part in tree for x in _leaves(part)]
    return [float(tree)]


def _uniform(x, w, b):
    for _ in range(1000):
        x = np.sin(x * w + b)
    return x


def _constants(x, w, b):
    for i in range(1000):
        x = np.sin(x * w + (b + 0.001 * i)) * 1.01
    return x


def _lag(x, w, b):
    before = before_that = x
    for _ in range(1000):
        x, before, before_that = np.tanh(w * x - b * before + 0.3 * before_that), x, before
    return x * before


def _interleaved(x, w, b):
    y = x * 0.5
    for _ in range(700):
        x = np.sin(x * w + y)
        y = np.cos(y * b - x)
    return x * y


def _ends(x, w, b):
    scale = np.exp(w) + np.sqrt(b * b + 1.0)
    offset = np.tanh(scale * x)
    for _ in range(1000):
        x = np.cos(x * scale + offset) * 0.2
    return np.log(x * x + scale) / offset


def _used_later(x, w, b):
    middle = []
    for i in range(3000):
        x = np.sin(x * w + b)
        if i in (1200, 2990):
            middle.append(x)
    return x * middle[0] + np.exp(middle[1])


def _two_loops(x, w, b):
    for _ in range(1000):
        x = np.sin(x * w + b)
    y = x * x
    for _ in range(1000):
        y = np.arctan(y + w) * b
    return y


@pytest.mark.parametrize(
    ("f", "loops"),
    [
        (_uniform, 2),
        (_constants, 2),
        (_lag, 2),
        (_interleaved, 2),
        (_ends, 2),
        (_used_later, 4),
        (_two_loops, 4),
    ],
)
def test_a_chain_is_a_loop_that_gives_what_the_eager_graph_gives(f, loops):
    source = _held_against_eager(f, (0.3, 1.1, 0.2), (0.4, 0.9, -0.3), (0, 1, 2), loops)
    assert len(source.splitlines()) < 6000


def test_arguments_of_each_step_come_from_a_list():
    def f(ws, x):
        for w in ws:
            x = np.sin(x * w + 0.5)
        return x

    rng = np.random.default_rng(3)
    ws, others = ([*map(float, rng.uniform(0.5, 1.5, 900))] for _ in range(2))
    _held_against_eager(f, (ws, 0.3), (others, 0.2), (0, 1), 2)


def test_what_is_not_differentiated_gets_no_cotangent():
    source = _held_against_eager(_uniform, (0.3, 1.1, 0.2), (0.4, 0.9, 0.1), (2,), 2)
    assert source.count("append") == 1


def test_a_value_without_a_derivative_is_a_loop_too():
    plan = autodiff.compile(_uniform)
    assert plan(0.3, 1.1, 0.2) == pytest.approx(float(_uniform(0.3, 1.1, 0.2)))
    assert "for _ in range(" in plan.plan(0.3, 1.1, 0.2).source
    assert plan(0.4, 1.2, 0.1) == pytest.approx(float(_uniform(0.4, 1.2, 0.1)))


def test_decisions_in_a_loop_are_kept():
    def f(x, w):
        for _ in range(1200):
            x = x * w + 1.0 if x > 0.0 else x * w - 1.0
        return x

    eager = autodiff.value_and_grad(f, (0, 1))
    plan = autodiff.compile(eager)
    for args in ((2.0, 0.5), (3.0, 0.25), (-2.0, 0.5), (2.0, -0.9), (2.5, 0.5)):
        np.testing.assert_allclose(_leaves(plan(*args)), _leaves(eager(*args)), rtol=1e-9)
    source = plan.plan(2.0, 0.5).source
    assert "changed" in source
    assert "for " in source


def test_a_decision_on_a_gradient_is_made_on_its_value():
    def step(x, w, b):
        value, gradient = autodiff.value_and_grad(_uniform, 1)(x, w, b)
        return value - gradient if gradient > 0.0 else value + gradient

    plan = autodiff.compile(step)
    for args in ((0.3, 1.1, 0.2), (0.3, 1.1, -0.2)):
        assert plan(*args) == pytest.approx(float(step(*args)))


def test_what_comes_of_a_gradient_is_computed_from_it():
    def step(x, w, b):
        value, (w_bar, b_bar) = autodiff.value_and_grad(_uniform, (1, 2))(x, w, b)
        return np.exp(value) * w - 0.1 * w_bar, b - 0.1 * b_bar

    plan = autodiff.compile(step)
    for args in ((0.3, 1.1, 0.2), (0.3, 0.8, -0.2)):
        np.testing.assert_allclose(plan(*args), step(*args), rtol=1e-9)
    assert plan.plan(0.3, 1.1, 0.2).source.count("for ") == 2


_UNARY = [
    name
    for name, primitive in sorted(PRIMITIVES.items())
    if runs_on_numbers(primitive)
    and isinstance(primitive.function, np.ufunc)
    and primitive.function.nin == 1
    and primitive.kind != "discrete"
    and name != "arccosh"
]


@pytest.mark.sampled(8)
@pytest.mark.each("name", _UNARY)
def test_any_operation_in_a_loop_is_printed(name):
    # Rules ask for operations that plain Python has not: of abs it is sign.
    function = PRIMITIVES[name].function

    def f(x, w):
        for _ in range(1100):
            x = 0.1 * x + 0.5 * function(0.3 + 0.1 * np.sin(x * w))
        return x

    _held_against_eager(f, (0.3, 0.4), (-0.2, 0.7), (0, 1), 2)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("count", [1500, 3000])
def test_numbers_that_are_put_together_are_no_loop_of_as_many_variables(count):
    plan = autodiff.compile(autodiff.grad(lambda x: np.sum(np.asarray(list(x)) ** 2)))
    np.testing.assert_allclose(plan(np.arange(count) * 1.0), np.arange(count) * 2.0)


def test_infinite_values_are_those_of_numpy():
    def f(x, w):
        for _ in range(1000):
            x = x / (w - 1.0) + x
        return x

    plan = autodiff.compile(autodiff.value_and_grad(f, (0, 1)))
    plan(1.0, 3.0)
    with np.errstate(all="ignore"):
        found, expected = plan(1.0, 1.0), autodiff.value_and_grad(f, (0, 1))(1.0, 1.0)
    np.testing.assert_array_equal(_leaves(found), _leaves(expected))


def test_a_second_derivative_is_right_without_a_loop():
    def f(x):
        for _ in range(800):
            x = np.sin(x * 1.1 + 0.2)
        return x

    second = autodiff.grad(autodiff.grad(f))
    assert autodiff.compile(second)(0.3) == pytest.approx(second(0.3), rel=1e-9, abs=1e-300)


def test_a_loop_on_numbers_within_a_program_of_arrays(rng):
    def f(x, ws):
        s = np.sum(ws * ws)
        for _ in range(1000):
            s = np.sin(s * x + 0.1)
        return np.sum(ws * s)

    eager = autodiff.value_and_grad(f, (0, 1))
    plan = autodiff.compile(eager)
    ws = rng.normal(size=5)
    plan(0.5, ws)
    value, (x_bar, ws_bar) = plan(0.9, 2.0 * ws)
    expected, (expected_x_bar, expected_ws_bar) = eager(0.9, 2.0 * ws)
    np.testing.assert_allclose([value, x_bar], [expected, expected_x_bar], rtol=1e-9)
    np.testing.assert_allclose(ws_bar, expected_ws_bar, rtol=1e-9)
    assert "for " in plan.plan(0.5, ws).source


def test_what_repeats_twice_is_no_loop(monkeypatch):
    monkeypatch.setattr(rerolling, "SHORTEST", 20)

    def f(x, w):
        for _ in range(2):
            for k in range(10):
                x = (np.sin if k % 3 else np.cos)(x * w) if k % 2 else np.tanh(x + w)
        return x

    _held_against_eager(f, (0.3, 1.1), (0.4, 0.9), (0, 1), 0)


@pytest.mark.parametrize("seed", range(6))
def test_random_bodies(seed, monkeypatch):
    monkeypatch.setattr(rerolling, "SHORTEST", 40)
    rng = np.random.default_rng(seed)
    steps = [(int(rng.integers(4)), *map(int, rng.integers(0, 4, 2))) for _ in range(7)]
    later = [int(i) for i in rng.integers(0, 60, 2)]

    def f(x, w, b, c):
        values, kept = [x, w * x, b, c], []
        for i in range(60):
            for kind, j, k in steps:
                y, z = values[j], values[k]
                new = [y * z + w, np.sin(y) - z * b, np.tanh(y + z), y - 0.5 * z * c][kind]
                values = [np.cos(new), *values[:3]]
            if i in later:
                kept.append(values[0])
        return values[0] + values[2] * kept[0] + kept[-1]

    args, others = rng.normal(size=(2, 4)).tolist()
    eager = autodiff.value_and_grad(f, (0, 1, 2, 3))
    plan = autodiff.compile(eager)
    plan(*args)
    for given in (args, others):
        np.testing.assert_allclose(_leaves(plan(*given)), _leaves(eager(*given)), rtol=1e-7)
    assert "for " in plan.plan(*args).source


def _random_steps(count):
    rng = np.random.default_rng(0)
    draws = rng.integers(0, 4, count).tolist()
    left, right = (rng.integers(1, 30, count).tolist() for _ in range(2))

    def f(x, w):
        values = [x, w, x * w, x + w] + [x] * 30
        for kind, i, j in zip(draws, left, right, strict=True):
            y, z = values[-i], values[-j]
            values.append((np.sin(y), y * 0.5 + z, np.cos(y * z), y - z)[kind])
        return values[-1] * 0.5 + values[40]

    return f


@pytest.mark.exhaustive
def test_steps_that_do_not_repeat_are_in_functions(monkeypatch):
    monkeypatch.setattr(parts, "WHOLE", LONGEST)
    f = _random_steps(6000)
    source = _held_against_eager(f, (0.3, 0.7), (0.4, 0.6), (0, 1), 0)
    functions = source.split("\ndef ")
    assert len(functions) > 3
    assert max(len(text.splitlines()) for text in functions) < 2.5 * LONGEST


def test_parts_hand_on_what_crosses_and_decide():
    lines = [f"v{i} = v{i - 1} + x" if i else "v0 = x * y" for i in range(5 * LONGEST)]
    lines[LONGEST + 5 : LONGEST + 5] = [f"if v{LONGEST} > 1e9:", "    return changed"]
    lines += ["v_end = v3 + v2500"]
    text = "\n".join(in_parts(lines, "return v_end, x", ["x", "y"]))
    namespace = {"changed": object()}
    exec(text, namespace)
    assert namespace["run"](1.0, 2.0) == (5.0 + 2502.0, 1.0)
    assert namespace["run"](1e9, 2.0) is namespace["changed"]


def _calls(function):
    """Return how many Python functions are called."""
    count = 0

    def on_event(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(on_event)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def _deep(depth):
    def f(x, w):
        for i in range(depth):
            x = np.tanh(x * w) + x if i % 3 else np.where(x > 0.0, np.sin(x), w)
        return np.sum(x)

    return f


def test_the_build_is_linear_in_the_depth():
    x, w = np.linspace(-1.0, 1.0, 5), np.full(5, 0.5)

    def calls(depth):
        step = autodiff.compile(autodiff.value_and_grad(_deep(depth), (0, 1)))
        return _calls(lambda: step(x, w))

    calls(5)
    short, long = calls(30), calls(300)
    assert long < 11 * short


def test_a_name_that_is_wished_often_is_found_at_once():
    names = Names()
    found = [names.fresh("c") for _ in range(2000)]
    assert found[:3] == ["c", "c_2", "c_3"]
    assert found[-1] == "c_2000"
    assert names._numbers == {"c": 2000}


def test_nothing_recurs_as_deep_as_the_program():
    limit = sys.getrecursionlimit()
    x = np.linspace(0.1, 0.9, 3)

    def f(x):
        for i in range(20 * 1000):
            x = np.sin(x) if i % 7 else x * 1.5
        return np.sum(x)

    plan = autodiff.compile(f)
    sys.setrecursionlimit(300)
    try:
        value = plan(x)
    finally:
        sys.setrecursionlimit(limit)
    assert value == pytest.approx(float(f(x)))


@pytest.mark.parametrize("steps", [3, 1000])
def test_numbers_in_a_dict_come_back_in_one(steps):
    def f(p):
        x = p["x"]
        for _ in range(steps):
            x = np.sin(x * p["w"])
        return x

    eager = autodiff.value_and_grad(f)
    plan = autodiff.compile(eager)
    p = {"x": 0.3, "w": 1.1}
    for _ in range(3):
        value, gradient = plan(p)
        expected, expected_gradient = eager(p)
        assert gradient == pytest.approx(expected_gradient)
        assert value == pytest.approx(float(expected))


@pytest.mark.parametrize("steps", [3, 1000])
def test_a_call_with_like_arguments_goes_straight_to_the_plan(steps):
    def f(x, w, *, scale=1.5):
        for _ in range(steps):
            x = np.sin(x * w)
        return {"result": x * scale}

    plan = autodiff.compile(f)
    plan(0.3, 1.1)
    assert plan(0.3, 1.1) == f(0.3, 1.1)
    general = _calls(lambda: plan(0.3, 1.1)) - steps
    assert general < 40
