"""How a call finds its plan, and every way in which a plan could be wrong without a word."""

import gc
import pickle
import threading
from collections import OrderedDict
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

import autodiff
from autodiff.plan import dispatch as module
from tests.fuzz.threads import in_threads


def _loss(w, x):
    h = np.tanh(x @ w)
    return np.sum(h**2)


def _same(found, expected, rtol=1e-12):
    assert type(found) is type(expected)
    if isinstance(expected, tuple):
        for x, y in zip(found, expected, strict=True):
            _same(x, y, rtol)
    else:
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-14)


TRANSFORMS = {
    "value_and_grad": autodiff.value_and_grad(_loss, (0, 1)),
    "grad": autodiff.grad(_loss),
    "jacobian": autodiff.jacobian(lambda w, x: np.tanh(x @ w)),
    "hessian": autodiff.hessian(_loss),
    "hvp": lambda w, x: autodiff.hvp(_loss, (w, x), (np.ones(3), np.ones((4, 3)))),
    "jvp": lambda w, x: autodiff.jvp(_loss, (w, x), (np.ones(3), np.ones((4, 3)))),
    "vjp": lambda w, x: autodiff.vjp(_loss, w, x)[1](1.0),
    "function": _loss,
    "third order": autodiff.grad(lambda w, x: np.sum(autodiff.hessian(_loss)(w, x) ** 2)),
    "checkpoint": autodiff.grad(autodiff.checkpoint(_loss)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transform_compiles(name, rng):
    f = TRANSFORMS[name]
    plan = autodiff.compile(f)
    for _ in range(3):
        w, x = rng.normal(size=3), rng.normal(size=(4, 3))
        _same(plan(w, x), f(w, x))
    assert len(plan.plans()) == 1


def test_a_new_shape_or_type_is_a_new_plan(rng):
    plan = autodiff.compile(autodiff.grad(_loss))
    for n, dtype in ((2, float), (3, float), (2, float), (2, np.float32)):
        w, x = rng.normal(size=n).astype(dtype), rng.normal(size=(4, n)).astype(dtype)
        found = plan(w, x)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, autodiff.grad(_loss)(w, x), rtol=1e-5)
    assert len(plan.plans()) == 3


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_KEPT", 3)
    plan = autodiff.compile(np.sum)
    for n in range(1, 9):
        assert plan(np.ones(n)) == n
    assert len(plan.plans()) == 3


def test_a_branch_that_turns_is_traced_again():
    def f(x):
        return np.sum(x**2) if np.sum(x) > 0 else np.sum(np.exp(x))

    plan, eager = autodiff.compile(autodiff.grad(f)), autodiff.grad(f)
    for sign in (1.0, -1.0, 1.0, -2.0, 3.0):
        x = sign * np.array([1.0, 2.0])
        np.testing.assert_allclose(plan(x), eager(x))
    first = plan.plan(np.array([1.0, 2.0]))
    with pytest.raises(autodiff.BranchChanged, match="another branch"):
        first(-np.ones(2) if first(np.ones(2))[0] == 2.0 else np.ones(2))


def test_numbers_and_arrays_from_outside_are_watched():
    scale, offset = np.array([1.0, 2.0]), [3.0]
    table = {"k": np.array([1.0, 1.0])}

    def f(x):
        return np.sum(scale * x * offset[0] * table["k"])

    plan, x = autodiff.compile(autodiff.grad(f)), np.ones(2)
    np.testing.assert_array_equal(plan(x), [3.0, 6.0])
    scale[0] = 10.0
    np.testing.assert_array_equal(plan(x), [30.0, 6.0])
    offset[0] = 1.0
    np.testing.assert_array_equal(plan(x), [10.0, 2.0])
    table["k"] = np.array([0.0, 1.0])
    np.testing.assert_array_equal(plan(x), [0.0, 2.0])


_FACTOR = 2.0


def test_a_global_number_is_watched(monkeypatch):
    plan = autodiff.compile(autodiff.grad(lambda x: x * _FACTOR))
    assert plan(1.0) == plan(1.0) == 2.0
    monkeypatch.setitem(globals(), "_FACTOR", 5.0)
    assert plan(1.0) == 5.0


def test_what_is_computed_from_an_array_from_outside_is_watched():
    data = np.arange(30_000.0)

    def f(x):
        return np.sum(x * (data - np.mean(data)))

    plan, x = autodiff.compile(autodiff.grad(f)), np.ones(30_000)
    plan(x)
    data[7] = 1e6
    np.testing.assert_array_equal(plan(x), autodiff.grad(f)(x))


class _Model:
    def __init__(self):
        self.scale = 2.0
        self.shift = np.ones(2)

    def loss(self, x):
        return np.sum(self.scale * x * self.shift)


def test_attributes_of_a_model_are_watched():
    model = _Model()
    plan, x = autodiff.compile(autodiff.grad(model.loss)), np.ones(2)
    np.testing.assert_array_equal(plan(x), [2.0, 2.0])
    model.scale = 3.0
    np.testing.assert_array_equal(plan(x), [3.0, 3.0])
    model.shift[1] = 0.0
    np.testing.assert_array_equal(plan(x), [3.0, 0.0])


def test_an_object_a_function_closes_over_is_watched():
    model, settings = _Model(), SimpleNamespace(rate=1.0, inner=SimpleNamespace(k=np.ones(2)))
    plan = autodiff.compile(
        autodiff.grad(lambda x: np.sum(model.scale * settings.rate * settings.inner.k * x))
    )
    x = np.ones(2)
    np.testing.assert_array_equal(plan(x), [2.0, 2.0])
    model.scale = 3.0
    np.testing.assert_array_equal(plan(x), [3.0, 3.0])
    settings.rate = 2.0
    np.testing.assert_array_equal(plan(x), [6.0, 6.0])
    settings.inner.k[0] = 0.0
    np.testing.assert_array_equal(plan(x), [0.0, 6.0])
    settings.inner.k = np.ones(2)
    np.testing.assert_array_equal(plan(x), [6.0, 6.0])


settings = ModuleType("settings")


def _with_settings(x):
    return np.sum(settings.rate * x * settings.table)


def test_a_module_of_the_users_is_watched(monkeypatch):
    module = ModuleType("settings")
    module.rate, module.table = 2.0, np.ones(2)
    monkeypatch.setitem(globals(), "settings", module)
    plan, x = autodiff.compile(autodiff.grad(_with_settings)), np.ones(2)
    np.testing.assert_array_equal(plan(x), [2.0, 2.0])
    module.rate = 3.0
    np.testing.assert_array_equal(plan(x), [3.0, 3.0])
    module.table = np.zeros(2)
    np.testing.assert_array_equal(plan(x), [0.0, 0.0])


def test_long_lists_of_numbers_are_watched():
    numbers = [1.0] * 5000
    plan = autodiff.compile(autodiff.grad(lambda x: x * sum(numbers)))
    assert plan(1.0) == plan(1.0) == 5000.0
    numbers[4000] = 2.0
    assert plan(1.0) == 5001.0


def test_a_function_that_is_called_is_looked_into(monkeypatch):
    plan = autodiff.compile(autodiff.grad(lambda x: _outer(x)))
    assert plan(1.0) == plan(1.0) == 2.0
    monkeypatch.setitem(globals(), "_FACTOR", 4.0)
    assert plan(1.0) == 4.0
    monkeypatch.setitem(globals(), "_inner", lambda x: 7.0 * x)
    assert plan(1.0) == 7.0


def _inner(x):
    return _FACTOR * x


def _outer(x):
    return _inner(x)


def test_a_function_that_draws_random_numbers_is_refused(rng):
    f = autodiff.grad(lambda x: np.sum(x * rng.normal(size=3)))
    with pytest.raises(autodiff.UnwatchableState, match=r"rng, a numpy.random._generator.Gen"):
        autodiff.compile(f)(np.ones(3))
    with pytest.raises(autodiff.PlanMismatch, match="draws random numbers"):
        autodiff.compile(f, pure=True)(np.ones(3))


def test_a_wrong_plan_is_caught(monkeypatch):
    from autodiff.plan.passes import builder

    def wrong(builder, args, params, shape, dtype):
        return builder.make("multiply", (args[0], builder.number(1.0001)), {}, shape, dtype, None)

    monkeypatch.setitem(builder.REWRITES, "tanh", wrong)
    with pytest.raises(autodiff.PlanMismatch, match="differs from the function"):
        autodiff.compile(autodiff.grad(_loss))(np.ones(3), np.ones((4, 3)))


def test_results_are_the_callers_own(rng):
    plan = autodiff.compile(lambda x: (x, x, x + 0.0, x.T, np.exp(x), np.exp(x)[:1], 2.0))
    x = rng.normal(size=(2, 2))
    plan(x)
    results = plan(x)
    before = [np.array(y) for y in results]
    for y in results:
        assert not np.shares_memory(y, x)
    for i, y in enumerate(results[:-1]):
        assert not any(np.shares_memory(y, z) for z in results[i + 1 :])
    results[0][...] = 7.0
    again = plan(x)
    for y, z in zip(again, before, strict=True):
        np.testing.assert_array_equal(y, z)
    plan(2 * x)
    for y, z in zip(again, before, strict=True):
        np.testing.assert_array_equal(y, z)


def test_a_compiled_function_is_differentiated(rng):
    w, x = rng.normal(size=3), rng.normal(size=(4, 3))
    inner = autodiff.compile(_loss)
    inner(w, x)
    for outer in (autodiff.grad, lambda f: autodiff.compile(autodiff.grad(f)), autodiff.hessian):
        np.testing.assert_allclose(outer(inner)(w, x), outer(_loss)(w, x), rtol=1e-12)
    assert inner(w, x) == pytest.approx(_loss(w, x))


def test_donated_results_are_written_over(rng):
    f = autodiff.value_and_grad(_loss, (0, 1))
    plan = autodiff.compile(f, donate=True)
    w, x = rng.normal(size=3), rng.normal(size=(4, 3))
    plan(w, x)
    first = plan(w, x)
    _same(first, f(w, x))
    second = plan(-2 * w, x)
    assert all(a is b for a, b in zip(first[1], second[1], strict=True))
    _same(second, f(-2 * w, x))
    same = autodiff.compile(lambda x: (x, x.T), donate=True)
    same(x)
    assert not any(np.shares_memory(y, x) for y in same(x))


class _Parameters(NamedTuple):
    w: np.ndarray
    b: float


def test_structures_come_back():
    def f(p, data, power=2):
        return np.mean((data["x"] @ p.w + p.b) ** power)

    both = autodiff.value_and_grad(f)
    plan = autodiff.compile(both)
    p, data = _Parameters(np.ones(3), 0.5), {"x": np.ones((2, 3)), "name": "training"}
    for power in (2, 3, 2):
        value, gradient = plan(p, data, power=power)
        expected, wanted = both(p, data, power=power)
        assert value == pytest.approx(expected)
        assert type(gradient) is _Parameters
        assert type(gradient.b) is float
        np.testing.assert_allclose(gradient.w, wanted.w)
    assert len(plan.plans()) == 2


def test_nested_arguments_go_straight_to_their_plan(rng, monkeypatch):
    def f(p, data):
        x, y = data
        return np.mean((x @ p["w"] + p["inner"]["b"] - y) ** 2)

    both = autodiff.value_and_grad(f)
    plan = autodiff.compile(both)
    p = {"w": rng.normal(size=3), "inner": {"b": rng.normal(size=4)}}
    data = [rng.normal(size=(4, 3)), rng.normal(size=4)]
    for _ in range(2):
        plan(p, data)
    monkeypatch.setitem(plan.__globals__, "general", None)  # the general way
    turned = {"w": -p["w"], "inner": {"b": 2 * p["inner"]["b"]}}
    value, gradient = plan(turned, [data[0] + 1, data[1]])
    expected, wanted = both(turned, [data[0] + 1, data[1]])
    assert value == pytest.approx(expected)
    np.testing.assert_allclose(gradient["w"], wanted["w"])
    np.testing.assert_allclose(gradient["inner"]["b"], wanted["inner"]["b"])
    monkeypatch.undo()
    for other in ({**p, "unused": 1.0}, {**p, "w": np.ones(3, np.float32)}):
        assert plan(other, data)[0] == pytest.approx(both(other, data)[0], rel=1e-6)
    assert plan(p, tuple(data))[0] == pytest.approx(both(p, data)[0])
    with pytest.raises(KeyError):
        plan({"w": p["w"]}, data)


def test_whole_numbers_and_masks_may_change():
    def f(w, x, labels, mask):
        z = x @ w
        log = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
        return -np.mean(np.where(mask, log[np.arange(3), labels], 0.0))

    plan, rng = autodiff.compile(autodiff.grad(f)), np.random.default_rng(0)
    for _ in range(3):
        args = (
            rng.normal(size=(4, 2)),
            rng.normal(size=(3, 4)),
            rng.integers(0, 2, 3),
            rng.random(3) > 0.5,
        )
        np.testing.assert_allclose(plan(*args), autodiff.grad(f)(*args), atol=1e-15)
    assert len(plan.plans()) == 1


def test_whole_numbers_that_index_an_array_from_outside_are_inputs():
    table = np.eye(3)

    def f(x, labels):
        return np.sum((x - table[labels]) ** 2)

    plan, x = autodiff.compile(autodiff.grad(f)), np.ones((2, 3))
    for labels in (np.array([0, 1]), np.array([2, 2]), np.array([0, 1])):
        np.testing.assert_array_equal(plan(x, labels), autodiff.grad(f)(x, labels))
    # In the copy of a function such an array is a tensor, so one plan serves for all of them.
    assert len(plan.plans()) == 1
    table[0] = 5.0
    np.testing.assert_array_equal(plan(x, labels), autodiff.grad(f)(x, labels))


def test_threads_with_other_shapes_do_not_mix():
    f = autodiff.grad(lambda x: np.sum(x**3))
    plan, wrong = autodiff.compile(f), []

    def work(n):
        x = np.full(n, float(n))
        for _ in range(200):
            found = plan(x)
            if found.shape != (n,) or found[0] != 3.0 * n * n:
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_threads_with_many_shapes_at_a_short_switch_interval(monkeypatch):
    monkeypatch.setattr(module, "_KEPT", 3)
    f = autodiff.value_and_grad(lambda w, x: np.sum(np.tanh(x @ w) ** 2))
    step = autodiff.compile(f)
    points = [(np.ones(n), np.ones((m, n))) for n, m in ((3, 4), (5, 2), (7, 7), (2, 2))]
    points += [(np.ones(n), np.ones((1, n))) for n in range(8, 12)]
    expected = [f(*x)[1] for x in points]
    wrong = []

    def work(k):
        draw = np.random.default_rng(k)
        for i in draw.integers(4 if k else len(points), size=100 if k else 15):
            try:
                if not np.allclose(step(*points[i])[1], expected[i]):
                    wrong.append(i)
            except Exception as error:
                wrong.append(error)

    for x in points[:4]:
        step(*x)
    in_threads(work)
    assert not wrong


def test_the_collector_runs_again_after_traces_that_overlap():
    # Each switched off what the other had switched on, and it was off for ever.
    def f(x):
        inside.wait(10)
        return np.sum(x * x)

    inside = threading.Barrier(2, timeout=10)
    steps = [autodiff.compile(autodiff.grad(f)) for _ in range(2)]
    threads = [threading.Thread(target=step, args=(np.ones(3),)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gc.isenabled()


def test_what_the_collector_calls_back_is_no_part_of_the_function():
    def note(phase, info):
        counts.append(len(counts))

    def f(x):
        return sum((x * float(i) for i in range(3000)), 0.0)[0]

    counts = []
    step = autodiff.compile(autodiff.value_and_grad(f))
    gc.callbacks.append(note)
    try:
        x = np.ones(3)
        step(x)
        plan = step.plan(x)
        gc.collect()
        step(x)
        assert step.plan(x) is plan
    finally:
        gc.callbacks.remove(note)


def test_threads_do_not_share_buffers():
    f = autodiff.value_and_grad(lambda x: np.sum(np.sin(x) * np.exp(x)))
    plan = autodiff.compile(f)
    points = [np.full(1000, 0.1 * i) for i in range(8)]
    expected = [f(x) for x in points]
    plan(points[0])
    wrong, start = [], threading.Barrier(8)

    def work(i):
        start.wait()
        for _ in range(100):
            value, gradient = plan(points[i])
            if value != pytest.approx(expected[i][0]) or not np.allclose(gradient, expected[i][1]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_plan_is_pickled_and_pasted(rng):
    w, x = rng.normal(size=3), rng.normal(size=(4, 3))
    step = autodiff.compile(autodiff.value_and_grad(_loss))
    plan = step.plan(w, x)
    expected = autodiff.value_and_grad(_loss)(w, x)
    _same(pickle.loads(pickle.dumps(plan))(w, x), expected)
    namespace = {}
    exec(plan.source, namespace)
    _same(namespace["run"](w, x), expected)
    assert "import autodiff" not in plan.source
    assert "# forward" in plan.source
    assert "rule of tanh" in plan.source
    assert "    tanh(" in plan.source
    assert plan.peak_bytes < 1000
    assert "operations" in repr(plan)


def test_no_work_is_done_for_what_nobody_asked(rng):
    w, x = rng.normal(size=(3, 2)), rng.normal(size=(4, 3))
    loss = lambda w, x: np.sum(np.tanh(x @ w))  # noqa: E731
    one = autodiff.compile(autodiff.grad(loss)).plan(w, x)
    both = autodiff.compile(autodiff.grad(loss, (0, 1))).plan(w, x)
    value = autodiff.compile(loss).plan(w, x)
    assert value.operations < one.operations < both.operations
    # The value is not computed where the gradient alone is returned.
    assert "add.reduce" not in one.source


def test_arguments_by_keyword_and_wrong_ones(rng):
    plan, w, x = autodiff.compile(autodiff.grad(_loss)), rng.normal(size=3), np.ones((4, 3))
    expected = autodiff.grad(_loss)(w, x)
    _same(plan(w, x), expected)
    _same(plan(w, x=x), expected)
    _same(plan(w, x), expected)
    with pytest.raises(TypeError, match="argument"):
        plan(w)
    with pytest.raises(TypeError, match="derivative needs"):
        plan("w", x)
    with pytest.raises(ValueError, match="align"):
        plan(w, np.ones((4, 2)))
    _same(plan(w, x), expected)


@pytest.mark.parametrize(
    ("f", "options", "message"),
    [
        (3.0, {}, "a float arrived; a function is needed"),
        (np.sum, {"backend": "fortran"}, "backend='fortran'"),
    ],
)
def test_what_cannot_be_compiled_is_told(f, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        autodiff.compile(f, **options)


def test_kinks_ties_and_nan_are_those_of_the_graph():
    def f(x):
        return np.sum(np.maximum(x, 0.0) * np.arange(1.0, 7.0)) + np.sum(
            np.where(x > 0, np.sqrt(x), 0.0)
        )

    x = np.array([-1.0, 0.0, 2.0, -0.0, np.nan, np.inf])
    with np.errstate(invalid="ignore"):
        expected = autodiff.grad(f)(x)
        plan = autodiff.compile(autodiff.grad(f))
        np.testing.assert_array_equal(plan(x), expected)
        np.testing.assert_array_equal(plan(x), expected)


@pytest.mark.parametrize("shape", [(6,), (2, 3), (20_000, 6)])
def test_rectifiers_that_do_not_keep_their_arguments(shape, rng):
    weights = np.arange(1.0, shape[-1] + 1)

    def f(x, w):
        sign = np.maximum(x * w, 0.0)
        return np.sum(sign**2 * weights + sign)

    f = autodiff.value_and_grad(f, (0, 1))
    plan, w = autodiff.compile(f), rng.normal(size=shape)
    with np.errstate(invalid="ignore"):
        for value in (1.0, 0.0, -0.0, np.nan, np.inf, -np.inf):
            x = rng.normal(size=shape)
            plan(x, w)
            x.reshape(-1)[1::3] = value
            _same(plan(x, w), f(x, w))


def test_a_saturated_sigmoid_has_no_nan():
    plan = autodiff.compile(autodiff.grad(lambda z: np.sum(1 / (1 + np.exp(-z)))))
    with np.errstate(over="ignore"):
        plan(np.array([0.0, 1.0, 2.0]))
        np.testing.assert_array_equal(plan(np.array([-800.0, 0.0, 800.0])), [0.0, 0.25, 0.0])


def test_no_check_no_second_run(rng):
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(x**2)

    autodiff.compile(f, check=False)(np.ones(2))
    assert len(calls) == 2


def test_complex_functions_compile():
    f = autodiff.grad(lambda z: np.sum(np.abs(np.exp(1j * z) + z) ** 2))
    z = np.array([0.3 + 0.2j, -1.0 + 0.5j])
    plan = autodiff.compile(f)
    plan(z)
    np.testing.assert_allclose(plan(2 * z), f(2 * z))


def test_a_rectifier_of_an_argument(rng):
    both = autodiff.value_and_grad(lambda x: np.sum(np.maximum(x, 0.0) ** 2))
    x = rng.normal(size=(4, 3))
    value, x_bar = autodiff.compile(both)(x)
    assert value == both(x)[0]
    np.testing.assert_array_equal(x_bar, 2.0 * np.maximum(x, 0.0))


def test_the_order_of_keys_and_the_kind_of_a_container_are_part_of_a_call():
    def weighted(p):
        if isinstance(p, list):
            return {"list": p[0] * 2}
        return {k: v * (i + 1) for i, (k, v) in enumerate(p.items())}

    plan, slope = autodiff.compile(weighted), autodiff.grad(lambda p: sum(weighted(p).values()))
    compiled = autodiff.compile(slope)
    ab, ba = {"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}
    for p in (ab, ba, OrderedDict(ba), [3.0], ab, ba):
        assert repr(plan(p)) == repr(weighted(p))
        assert repr(compiled(p)) == repr(slope(p))


def test_an_array_that_is_written_into_is_in_rules_as_it_was():
    def columns(w):
        a = np.exp(w)
        a /= a.sum(axis=0)
        return np.sum(a**2 * np.arange(3))

    w = np.random.default_rng(0).normal(size=(3, 3))
    slope = autodiff.grad(columns)
    plain = autodiff.grad(lambda w: np.sum((np.exp(w) / np.exp(w).sum(axis=0)) ** 2 * np.arange(3)))
    np.testing.assert_allclose(slope(w), plain(w), rtol=1e-12)
    np.testing.assert_allclose(autodiff.compile(slope)(w), plain(w), rtol=1e-12)
    wanted = autodiff.hvp(lambda w: np.sum(plain(w) * w), (w,), (w,))
    np.testing.assert_allclose(
        autodiff.hvp(lambda w: np.sum(slope(w) * w), (w,), (w,)), wanted, rtol=1e-9
    )
