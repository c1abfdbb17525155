"""Loops on arrays: steps that repeat are printed once, forward and backward, and give the same."""

import re
import subprocess
import sys

import numpy as np
import pytest

import autodiff

_SIZE, _STEPS = 4, 60


@pytest.fixture(autouse=True)
def _short_loops(monkeypatch):
    monkeypatch.setattr("autodiff.plan.tracing.rerolling._FEWEST_OF_ARRAYS", 16)


def _leaves(tree):
    if isinstance(tree, list | tuple):
        return [x for part in tree for x in _leaves(part)]
    return [np.asarray(tree)]


def _loops(plan, args):
    return len(re.findall(r"^ *for ", plan.plan(*args).source, re.M))


def _held_against_eager(f, args, others=(), argnums=None, transform=autodiff.value_and_grad):
    """Hold a plan against the eager graph, also for other arrays; return how many loops it has."""
    places = tuple(range(len(args))) if argnums is None else argnums
    eager = transform(f, places)
    plan = autodiff.compile(eager)
    for given in (args, args, others or [x * 0.7 + 0.01 for x in args], args):
        found, wanted = _leaves(plan(*given)), _leaves(eager(*given))
        for x, y in zip(found, wanted, strict=True):
            assert (x.shape, x.dtype) == (y.shape, y.dtype)
            tolerance = 1e-4 if y.dtype in (np.float32, np.complex64) else 1e-9
            np.testing.assert_allclose(x, y, tolerance, tolerance * (1e-300 + np.abs(y).max()))
    return _loops(plan, args)


def _arrays(rng, *shapes):
    return [rng.normal(size=shape) * 0.3 for shape in shapes]


def _recurrent(rng):
    def f(w, u, b, xs, h):
        for t in range(_STEPS):
            h = np.tanh(xs[t] @ w + h @ u + b)
        return np.sum(h**2)

    return f, _arrays(rng, (3, _SIZE), (_SIZE, _SIZE), _SIZE, (_STEPS, 3), _SIZE)


def _batched(rng):
    def f(w, u, xs, h):
        for t in range(_STEPS):
            h = np.tanh(xs[:, t] @ w + h @ u)
        return np.sum(h**2)

    return f, _arrays(rng, (3, _SIZE), (_SIZE, _SIZE), (5, _STEPS, 3), (5, _SIZE))


def _iterated(rng):
    def f(w, u, xs, h):
        for x in xs:
            h = np.tanh(w @ x + u @ h)
        return np.sum(h**2)

    return f, _arrays(rng, (_SIZE, 3), (_SIZE, _SIZE), (_STEPS, 3), _SIZE)


def _gated(rng):
    def f(w, xs, h, c):
        for t in range(_STEPS):
            z = np.concatenate([xs[t], h]) @ w
            i, o = 1 / (1 + np.exp(-z[:_SIZE])), 1 / (1 + np.exp(-z[_SIZE : 2 * _SIZE]))
            c = (1 - i) * c + i * np.tanh(z[2 * _SIZE :])
            h = o * np.tanh(c)
        return np.sum(h * c)

    return f, _arrays(rng, (3 + _SIZE, 3 * _SIZE), (_STEPS, 3), _SIZE, _SIZE)


def _losses(rng):
    def f(w, xs, ys, h):
        loss = 0.0
        for t in range(_STEPS):
            h = np.tanh(xs[t] + w @ h)
            loss = loss + np.sum((h - ys[t]) ** 2)
        return loss / _STEPS

    return f, _arrays(rng, (_SIZE, _SIZE), (_STEPS, _SIZE), (_STEPS, _SIZE), _SIZE)


def _outputs(rng):
    def f(w, v, xs, ys, h):
        outputs = []
        for t in range(_STEPS):
            h = np.tanh(xs[t] + w @ h)
            outputs.append(v @ h)
        return np.mean((np.stack(outputs) - ys) ** 2)

    shapes = ((_SIZE, _SIZE), (2, _SIZE), (_STEPS, _SIZE), (_STEPS, 2), _SIZE)
    return f, _arrays(rng, *shapes)


def _stencil(rng):
    def f(u, k):
        for _ in range(_STEPS):
            u = u + k * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
        return np.sum(u**3)

    return f, [rng.normal(size=9), 0.1]


def _sliced(rng):
    def f(u, k):
        for _ in range(_STEPS):
            inner = u[1:-1] + k * (u[2:] - 2 * u[1:-1] + u[:-2])
            u = np.concatenate([u[:1], inner, u[-1:]])
        return np.sum(u**3)

    return f, [rng.normal(size=9), 0.1]


def _solver(rng):
    def f(y, p):
        def rate(y):
            return np.sin(y @ p) - 0.1 * y

        for _ in range(_STEPS):
            k = rate(y)
            l = rate(y + 0.05 * k)  # noqa: E741
            y = y + 0.1 * l
        return np.sum(y**2)

    return f, _arrays(rng, 3, (3, 3))


def _filter(rng):
    def f(m, p, a, q, zs):
        eye = np.eye(2)
        for t in range(_STEPS):
            m, p = a @ m, a @ p @ a.T + q @ q.T + eye
            gain = np.linalg.solve(p + eye, p).T
            m, p = m + gain @ (zs[t] - m), (eye - gain) @ p
        return np.sum(m**2) + np.trace(p)

    return f, _arrays(rng, 2, (2, 2), (2, 2), (2, 2), (_STEPS, 2))


def _before_last(rng):
    def f(w, h):
        before = h
        for _ in range(_STEPS):
            h, before = np.tanh(w @ h - 0.5 * before), h
        return np.sum(h * before)

    return f, _arrays(rng, (_SIZE, _SIZE), _SIZE)


def _constants(rng):
    rows = rng.normal(size=(_STEPS, _SIZE))

    def f(w, h):
        for t in range(_STEPS):
            h = np.tanh(w @ h + rows[t]) * (1.0 + 0.01 * t)
        return np.sum(h**2)

    return f, _arrays(rng, (_SIZE, _SIZE), _SIZE)


def _listed(rng):
    def f(ws, h):
        for t in range(_STEPS):
            h = np.tanh(ws[_STEPS - 1 - t] @ h - 0.1 * h)
        return np.sum(h**2)

    return f, _arrays(rng, (_STEPS, _SIZE, _SIZE), _SIZE)


def _reused(rng):
    def f(w, xs, h):
        for t in range(_STEPS):
            h = np.tanh(w @ h + xs[t])
        for t in range(_STEPS):
            h = np.sin(w @ h + xs[-1 - t])
        return np.sum(h**2) + np.sum(w) + np.sum(xs**2)

    return f, _arrays(rng, (_SIZE, _SIZE), (_STEPS, _SIZE), _SIZE)


_ROLLED = [
    *(_recurrent, _batched, _iterated, _gated, _losses, _outputs, _stencil, _sliced, _solver),
    *(_filter, _before_last, _constants, _listed, _reused),
]


@pytest.mark.each("make", _ROLLED)
def test_steps_on_arrays_that_repeat_are_loops(make, rng):
    f, args = make(rng)
    assert _held_against_eager(f, args) == (4 if make is _reused else 2)


@pytest.mark.each("make", _ROLLED)
def test_the_value_alone_is_a_loop_too(make, rng):
    f, args = make(rng)
    plan = autodiff.compile(f)
    for given in (args, [0.7 * x for x in args], args):
        assert plan(*given) == pytest.approx(f(*given), rel=1e-9)
    assert _loops(plan, args) == (2 if make is _reused else 1)


@pytest.mark.sampled(4)
@pytest.mark.each("make", _ROLLED)
def test_other_transforms_of_loops_are_right(make, rng):
    f, args = make(rng)
    plain, directions = tuple(args), tuple(rng.normal(size=np.shape(x)) for x in args)
    for transform in (
        lambda *args: autodiff.jvp(f, args, directions),
        lambda *args: autodiff.jvp(autodiff.grad(f), args, directions),
    ):
        for x, y in zip(
            _leaves(autodiff.compile(transform)(*plain)), _leaves(transform(*plain)), strict=True
        ):
            np.testing.assert_allclose(x, y, 1e-8, 1e-10)


def _odd(w, xs, h):
    for t in range(_STEPS):
        h = (np.sin if t == 31 else np.tanh)(w @ h + xs[t])
    return np.sum(h**2)


def _other_constant(w, xs, h):
    for t in range(_STEPS):
        h = np.tanh(w @ h + xs[t] * (0.5 if t == 40 else 0.25)) - (0.0 if t < 50 else -0.0)
    return np.sum(h**2)


def _other_shape(w, xs, h):
    for t in range(_STEPS):
        h = np.tanh(xs[t] + (h if t == 45 else w @ h) * (np.ones((2, 1)) if t == 45 else 1.0))
        h = np.sum(h, axis=0) if t == 45 else h
    return np.sum(h**2)


def _used_after(w, xs, h):
    kept = []
    for t in range(_STEPS):
        h = np.tanh(w @ h + xs[t])
        if t in (0, 17, 18, 58):
            kept.append(h * 2.0 if t == 18 else h)
    return np.sum(h * kept[0] + kept[1] * kept[2] - kept[3] ** 2)


def _branch(w, xs, h):
    for t in range(_STEPS):
        h = w @ h + xs[t]
        if np.sum(h) < 100.0:
            h = np.tanh(h)
    return np.sum(h**2)


def _order(w, xs, h):
    for t in range(_STEPS):
        h = np.tanh(w @ h + xs[t * 7 % _STEPS] - xs[t // 2] * xs[-t])
    return np.sum(h**2)


def _neighbours(w, xs, h):
    for t in range(1, _STEPS - 1):
        h = np.tanh(w @ h + xs[t - 1] - 2 * xs[t] * xs[t + 1])
    return np.sum(h**2)


def _two_axes(w, xs, h):
    for t in range(_STEPS):
        h = np.tanh(w @ h + xs[t, 1] * h - xs[t, t % 4])
    return np.sum(h**2)


def _views(w, xs, h):
    a = np.outer(h, h)
    for t in range(_STEPS):
        a, h = np.tanh(w @ a)[::-1].T, (xs[t] + a[0])[::-1]
    return np.sum(a * h)


def _in_place(w, xs, h):
    total = np.zeros(_SIZE)
    for t in range(_STEPS):
        h = np.tanh(w @ h + xs[t])
        total = total + h * h
        total += xs[t] ** 2
    return np.sum(total)


def _from_nothing(w, xs, h):
    state = 0.0
    for t in range(_STEPS):
        state = np.tanh(w @ h * state + xs[t])
    return np.sum(state**2)


def _nested(w, xs, h):
    for t in range(_STEPS):
        for k in range(3):
            h = np.tanh(w @ h + xs[t] * (k + 1))
        h = h / np.sqrt(np.sum(h**2) + 1.0)
    return np.sum(h**2)


def _all_states(w, xs, h):
    states = [h]
    for t in range(_STEPS):
        states.append(np.tanh(w @ states[-1] + xs[t]))
    joined = np.stack(states)
    return np.sum(joined[1:] * joined[:-1]) + np.sum(np.stack(states[5:20])) + states[7] @ states[9]


def _concatenated(w, xs, h):
    parts = []
    for t in range(_STEPS):
        h = np.tanh(w @ h + xs[t])
        parts.append(h)
    return np.sum(np.concatenate(parts[::-1]) ** 2 * np.arange(_STEPS * _SIZE))


def _elements(w, xs, h):
    loss = 0.0
    for t in range(_STEPS):
        h = np.tanh(w @ h + xs[t])
        loss = loss - np.log(1.0 + h[t % 3] ** 2) + h[1] * xs[t][0]
    return loss


def _far_back(w, xs, h):
    states = [h] * 20
    for t in range(_STEPS):
        states.append(np.tanh(w @ states[-1] + xs[t] * states[-20] - states[-3]))
    return np.sum(states[-1] ** 2 + states[-4])


def _selected(w, xs, h):
    rows = np.array([2, 0, 1, 2])
    for t in range(_STEPS):
        h = np.where(h > 0.1, np.tanh(w @ h)[rows], np.maximum(h, 0.0) + xs[t])
    return np.sum(h**2)


def _computed(w, xs, h):
    w, xs = np.tanh(w), np.cumsum(xs, axis=0) / 60
    for t in range(_STEPS):
        h = np.tanh(w @ h + xs[t])
    return np.sum(h**2) * np.sum(w)


_NEARLY = [
    *(_odd, _other_constant, _other_shape, _used_after, _branch, _order, _neighbours, _two_axes),
    *(_views, _in_place, _from_nothing, _nested, _all_states, _concatenated, _elements, _far_back),
    *(_selected, _computed),
]


@pytest.mark.sampled(4)
@pytest.mark.each("f", _NEARLY)
def test_what_nearly_repeats_is_right(f, rng):
    args = _arrays(rng, (_SIZE, _SIZE), (_STEPS, _SIZE), _SIZE)
    _held_against_eager(f, args)
    _held_against_eager(f, args, argnums=(1,))
    _held_against_eager(f, args, argnums=(0,))


@pytest.mark.sampled(4)
@pytest.mark.each("f", _NEARLY)
def test_other_types_are_kept(f, rng):
    args = _arrays(rng, (_SIZE, _SIZE), (_STEPS, _SIZE), _SIZE)
    single = [x.astype(np.float32) for x in args]
    _held_against_eager(f, single, [x * np.float32(0.7) for x in single])


@pytest.mark.sampled(3)
@pytest.mark.each("f", _NEARLY)
def test_results_are_the_users_own(f, rng):
    args = _arrays(rng, (_SIZE, _SIZE), (_STEPS, _SIZE), _SIZE)
    plan = autodiff.compile(autodiff.grad(f, (0, 1, 2)))
    first = plan(*args)
    copies = [x.copy() for x in first]
    for _ in range(2):
        for x in plan(*[0.5 * x for x in args]):
            x[...] = np.nan
    for x, y in zip(first, copies, strict=True):
        np.testing.assert_array_equal(x, y)
    for x, y in zip(plan(*args), copies, strict=True):
        np.testing.assert_array_equal(x, y)


def test_states_that_are_returned_are_right(rng):
    def f(w, h):
        states = []
        for _ in range(_STEPS):
            h = np.tanh(w @ h) - 0.1 * h
            states.append(h)
        return states, h, states[3]

    args = _arrays(rng, (_SIZE, _SIZE), _SIZE)
    plan = autodiff.compile(f)
    for given in (args, [0.7 * x for x in args], args):
        for x, y in zip(_leaves(plan(*given)), _leaves(f(*given)), strict=True):
            np.testing.assert_allclose(x, y, 1e-12)


def test_a_decision_in_a_loop_on_arrays_is_made_anew(rng):
    args = _arrays(rng, (_SIZE, _SIZE), (_STEPS, _SIZE), _SIZE)
    others = [args[0], args[1] + 60.0, args[2]]
    eager = autodiff.value_and_grad(_branch, (0, 1, 2))
    plan = autodiff.compile(eager)
    for given in (args, others, args, others):
        for x, y in zip(_leaves(plan(*given)), _leaves(eager(*given)), strict=True):
            np.testing.assert_allclose(x, y, 1e-9, 1e-12)


def test_complex_states(rng):
    def f(w, v, h):
        for _ in range(_STEPS):
            h = (w + 1j * v) @ h * 0.9
            h = h / (1.0 + np.abs(h))
        return np.sum(np.abs(h) ** 2)

    args = [*_arrays(rng, (_SIZE, _SIZE), (_SIZE, _SIZE)), rng.normal(size=_SIZE) + 0j]
    assert _held_against_eager(f, args, argnums=(0, 1)) == 2


def test_the_source_of_a_loop_runs_when_pasted(rng, tmp_path):
    f, args = _outputs(rng)
    plan = autodiff.compile(autodiff.value_and_grad(f, (0, 1)))
    wanted = plan(*args)
    source = plan.plan(*args).source
    np.savez(tmp_path / "args.npz", *args)
    ending = f"""
with np.load({str(tmp_path / "args.npz")!r}) as file:
    value, gradients = run(*[file[name] for name in file.files])
print(repr(float(value)), repr(float(gradients[0].sum())))
"""
    (tmp_path / "pasted.py").write_text(source + ending)
    command = [sys.executable, str(tmp_path / "pasted.py")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert float(printed[0]) == wanted[0]
    assert float(printed[1]) == wanted[1][0].sum()


def test_the_source_is_as_long_for_more_steps(rng):
    def f(w, xs, h):
        for x in xs:
            h = np.tanh(w @ h + x)
        return np.sum(h**2)

    lengths = []
    for steps in (50, 400):
        args = _arrays(rng, (_SIZE, _SIZE), (steps, _SIZE), _SIZE)
        plan = autodiff.compile(autodiff.grad(f, (0, 1)))
        plan(*args)
        lengths.append(len(plan.plan(*args).source.splitlines()))
    assert lengths[0] == lengths[1]


def test_steps_on_large_arrays_are_tiled_instead(rng):
    def f(x):
        for _ in range(_STEPS):
            x = np.tanh(x) + 0.1 * x
        return np.sum(x)

    assert _held_against_eager(f, [rng.normal(size=500)]) == 2
    plan = autodiff.compile(autodiff.grad(f))
    plan(rng.normal(size=40_000))
    assert "def block" in plan.plan(rng.normal(size=40_000)).source


def _step_size(w, h, rate, _):
    for _ in range(_STEPS):
        h = h - rate * np.tanh(w @ h)
    return np.sum(h**2)


def _sum_from_a_number(w, h, rate, _):
    total = 0.0
    for _ in range(_STEPS):
        h = h - rate * np.tanh(w @ h)
        total = total * 0.9 + np.sum(h)
    return total


def _plain_value_between(w, h, rate, _):
    for t in range(2 * _STEPS):
        h = np.tanh(w @ h) + rate
        if t == _STEPS:
            h = h * float(np.sign(np.sum(w**2)))
    return np.sum(h**2)


def _after_one_of_numbers(w, h, rate, x):
    s = x[0]
    for _ in range(1200):
        s = np.sin(s * x[1]) + rate * x[2]
    for _ in range(_STEPS):
        h = np.tanh(w @ h) * s
    return np.sum(h)


@pytest.mark.parametrize(
    "f", [_step_size, _sum_from_a_number, _plain_value_between, _after_one_of_numbers]
)
def test_loops_with_numbers_of_pythons(f, rng):
    args = [*_arrays(rng, (_SIZE, _SIZE), _SIZE), 0.1, *_arrays(rng, 3)]
    eager = autodiff.value_and_grad(f, (0, 1, 2))
    plan = autodiff.compile(eager)
    for given in (args, args, [args[0] * 0.7, args[1], 0.3, args[3]], args):
        found, wanted = plan(*given), eager(*given)
        assert [type(x) for x in (found[0], *found[1])] == [
            type(x) for x in (wanted[0], *wanted[1])
        ]
        for x, y in zip(_leaves(found), _leaves(wanted), strict=True):
            np.testing.assert_allclose(x, y, 1e-9, 1e-12)
    assert _loops(plan, args)


def test_what_a_rule_reads_is_watched_though_the_hook_rests_while_loops_are_made():
    """A rule of the user's that runs backward, after the steps of its function became a loop."""
    slope = [3.0]
    own = autodiff.custom(np.sin, vjps={0: lambda out, x: lambda g: g * slope[0]})

    def loss(x):
        for _ in range(100):
            x = np.tanh(1.1 * x) + 0.1
        return np.sum(own(x))

    gradient = autodiff.grad(loss)
    step = autodiff.compile(gradient)
    x = np.array([0.1, 0.2])
    assert step(x) == pytest.approx(gradient(x))
    assert "for " in step.plan(x).source
    slope[0] = 5.0
    assert step(x) == pytest.approx(gradient(x))
