"""Loops on arrays that Numba compiles, held against the function itself."""

import functools
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autodiff

pytest.importorskip("numba", reason="Numba is not installed", exc_type=ImportError)

from autodiff.core.pytrees import flatten
from autodiff.plan.to_numba import math, matrices

#: Iterations: an even and an odd number, since two arrays take turns.
COUNTS = (40, 41)


def loop(body, count, number=False, gathered=False):
    """Return the function of a state, weights and inputs that applies a body to the state."""

    def f(x, w, xs):
        s, kept = 0.5, []
        for t in range(count):
            x = np.tanh(body(x, w, xs[t])) + 0.1 * x
            if number:
                s = s * 0.9 + 0.1 * np.sum(x)
                x = x * (1.0 + 0.01 * s)
            if gathered:
                kept.append(x)
        more = np.sum(np.stack(kept) ** 2) if gathered else 0.0
        return np.sum(np.sin(x)) + s + more

    return f


def arguments(rng, count, rows=3, width=4):
    return (
        0.6 * rng.normal(size=(rows, width)),
        0.6 * rng.normal(size=(width, width)),
        0.5 * rng.normal(size=(count, rows, width)),
    )


def positive(w):
    return w @ w.T + 2.0 * np.eye(len(w))


def updated(x):
    y = np.zeros(x.shape)
    y[1:] = 0.5 * x[:-1]
    y[0] = np.sum(x)
    return y


#: Each has operations of several kinds, since it takes Numba a second to compile one.
BODIES = {
    "products and sums": lambda x, w, z: (x @ w + z @ w.T) / (1.0 + np.sum(x**2, axis=0)),
    "rolls, parts and joints": lambda x, w, z: (
        np.roll(x, 1, -1)
        - np.roll(z, -2, 0)
        + np.concatenate([x[1:], 0.3 * z[:1]])
        + np.concatenate([x[:, :1], x[:, 1:-1] * z[:, 2:], x[:, -1:]], axis=1)
    ),
    "padding and norms": lambda x, w, z: (
        np.pad(x, ((0, 1), (1, 0)))[1:, 1:] * z
        + x / np.linalg.norm(x)
        + np.linalg.norm(z, axis=0)
        + np.pad(z[:, 1:], ((0, 0), (0, 1)))
    ),
    "views": lambda x, w, z: x[::-1] * z[:, ::-1] + np.flip(x, 1) + (x.T * 0.5).T + updated(x),
    "solve and inverse": lambda x, w, z: (
        np.linalg.solve(positive(w), x.T).T + z @ np.linalg.inv(positive(w) + np.diag(z[0] ** 2))
    ),
    "triangles and spread": lambda x, w, z: (
        np.linalg.solve(np.linalg.cholesky(positive(w)), x.T).T
        + (z - np.mean(z, -1, keepdims=True)) / np.sqrt(np.var(x + z, -1, keepdims=True) + 0.1)
        + np.var(x, ddof=1)
        + x @ np.linalg.cholesky(positive(w) + np.diag(z[0] ** 2), upper=True)
    ),
    "determinants": lambda x, w, z: (
        x * np.linalg.det(w[:2, :2])
        + z * np.linalg.slogdet(positive(w))[1]
        + 0.01 * np.linalg.det(positive(w)[:3, :3] + x[0, 0])
    ),
    "rectifiers and choices": lambda x, w, z: (
        np.maximum(x @ w, 0.0) + np.where(x > z, np.sin(x), 0.3 * z) + np.clip(z, -0.5, 0.4)
    ),
    "positions": lambda x, w, z: x[[2, 0, 2]] * z[:, [1, 3, 0, 0]] + x @ np.diag(w[::-1, 1]),
    "logarithms of sums": lambda x, w, z: (
        np.logaddexp(x, z)
        + np.exp(x - np.max(x, -1, keepdims=True))
        + np.log(np.sum(np.exp(z), axis=0))
    ),
}


def held(f, args, others, **close):
    """Return the plan of Numba's for a function; the results are those of the function."""
    step = autodiff.compile(f, backend="numba")
    for given in (args, others, args):
        for found, wanted in zip(flatten(step(*given))[0], flatten(f(*given))[0], strict=True):
            np.testing.assert_allclose(found, wanted, **close)
    plan = step.plan(*args)
    assert plan.backend == "numba", plan.note
    assert "iterations_" in plan.source
    return step


@pytest.mark.exhaustive
@pytest.mark.each("place", range(len(BODIES)))
def test_the_results_are_those_of_the_function(rng, place):
    body, count = [*BODIES.values()][place], COUNTS[place % 2]
    f = loop(body, count, number=count == 41, gathered=count == 40)
    both = autodiff.value_and_grad(f, (0, 1, 2))
    args = arguments(rng, count)
    held(both, args, arguments(rng, count), rtol=1e-9, atol=1e-11)


def heat(u, k):
    for _ in range(40):
        u = u + k * (np.roll(u, 1) - 2.0 * u + np.roll(u, -1))
    return np.sum(u**2)


def test_a_loop_is_one_function_with_memory_that_stands_ready(rng):
    args = rng.normal(size=600), 0.1
    step = held(autodiff.value_and_grad(heat, (0, 1)), args, (args[0][::-1] * 1.1, 0.2), rtol=1e-12)
    source = step.plan(*args).source
    assert source.count("def iterations_") == 2
    assert "for turn in range(40):" in source
    assert "np.roll" not in source


@pytest.mark.exhaustive
def test_tangents(rng):
    f = loop(BODIES["products and sums"], 40)
    x, w, xs = arguments(rng, 40)
    direction = rng.normal(size=x.shape)

    def push(x):
        return autodiff.jvp(lambda x: f(x, w, xs), (x,), (direction,))

    held(push, (x,), (x * 0.5,), rtol=1e-9)


def test_single_precision_stays(rng):
    args = tuple(a.astype(np.float32) for a in arguments(rng, 40))
    step = held(
        autodiff.grad(loop(BODIES["products and sums"], 40)),
        args,
        tuple(np.float32(0.7) * a for a in args),
        rtol=1e-3,
        atol=1e-5,
    )
    assert step(*args).dtype == np.float32


def test_threads_share_what_is_compiled_and_no_memory(rng):
    step = autodiff.compile(autodiff.grad(heat), backend="numba")
    calls = [rng.normal(size=50) * (k + 1) for k in range(8)]
    wanted = [step(u, 0.1) for u in calls]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: step(calls[k % 8], 0.1), range(200)))
    for k, result in enumerate(found):
        np.testing.assert_array_equal(result, wanted[k % 8])
    again = pickle.loads(pickle.dumps(step.plan(calls[0], 0.1)))
    np.testing.assert_array_equal(again(calls[1], 0.1), wanted[1])


def test_a_singular_matrix_is_what_the_function_makes_of_it():
    def f(x, a):
        for _ in range(80):
            x = np.tanh(np.linalg.solve(a, x))
        return np.sum(x)

    step = autodiff.compile(autodiff.grad(f), backend="numba")
    x, a = np.array([0.3, 0.4]), np.array([[2.0, 0.5], [0.1, 1.5]])
    np.testing.assert_allclose(step(x, a), autodiff.grad(f)(x, a), rtol=1e-12)
    assert "iterations_" in step.plan(x, a).source
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        step(x, np.ones((2, 2)))
    with np.errstate(all="ignore"):
        assert np.isnan(step(x, a * np.nan)).all()


def test_what_is_not_compiled_is_named(rng):
    def f(x):
        for _ in range(40):
            x = np.tanh(np.cumsum(x) * 0.3)
        return np.sum(x)

    step, x = autodiff.compile(autodiff.grad(f), backend="numba"), rng.normal(size=5)
    np.testing.assert_allclose(step(x), autodiff.grad(f)(x), rtol=1e-12)
    plan = step.plan(x)
    assert plan.backend == "numpy"
    assert plan.note.startswith("Numba does not compile its loops: cumsum")


@functools.cache
def compiled(name):
    """Return a function of small matrices that Python can call."""
    kernel = getattr(matrices, name)
    return math.compiled(lambda a, out, *more: kernel(a, out, *more))


@pytest.mark.sampled(3)
@pytest.mark.each("rows", [3, 1, 2, 8, 5])
def test_small_matrices_are_those_of_lapack(rng, rows):
    a = rng.normal(size=(rows, rows))
    # The first pivot must be looked for.
    a[0, 0] = 0.0 if rows > 1 else 2.0
    b, spd = rng.normal(size=(rows, 3)), a @ a.T + np.eye(rows)

    def run(name, matrix, out, *more):
        assert compiled(name)(matrix.reshape(-1).copy(), out.reshape(-1), rows, *more)
        return out

    close = {"rtol": 1e-9, "atol": 1e-11}
    np.testing.assert_allclose(run("solved", a, b.copy()), np.linalg.solve(a, b), **close)
    inverse = np.linalg.inv(a)
    np.testing.assert_allclose(run("inverted", a, np.empty_like(a)), inverse, **close)
    determinant = np.linalg.det(a)
    np.testing.assert_allclose(run("determinant", a, np.empty(1)), [determinant], **close)
    cofactors = run("cofactors", a, np.empty_like(a))
    np.testing.assert_allclose(cofactors, determinant * inverse.T, **close)
    for upper in (False, True):
        factor = run("factorised", spd, np.empty_like(a), upper)
        np.testing.assert_allclose(factor, np.linalg.cholesky(spd, upper=upper), **close)
        found = run("triangular", factor, b.copy(), not upper)
        np.testing.assert_allclose(found, np.linalg.solve(factor, b), **close)


@pytest.mark.each("name", ["solved", "inverted", "cofactors", "factorised", "triangular"])
def test_small_matrices_that_have_none_are_told(name):
    a = np.triu(np.ones((3, 3)), 1) if name == "triangular" else np.ones((3, 3))
    more = (False,) if name in ("factorised", "triangular") else ()
    assert not compiled(name)(
        a.reshape(-1).copy() - 2.0 * (name == "factorised"), np.ones(9), 3, *more
    )
    nan = np.full(9, np.nan)
    assert compiled(name)(nan, np.ones(9), 3, *more) is (name != "factorised")


def test_every_layout_is_that_of_the_loop(rng):
    step = autodiff.compile(autodiff.value_and_grad(heat, (0, 1)), backend="numba")
    u = rng.normal(size=20)
    wanted = autodiff.value_and_grad(heat, (0, 1))(u, 0.1)
    wide = np.repeat(u, 2)
    fixed = u.copy()
    fixed.flags.writeable = False
    odd = np.frombuffer(b"-" + u.tobytes(), float, offset=1)
    assert not odd.flags.aligned
    for same in (u, wide[::2], u[::-1].copy()[::-1], fixed, odd):
        for found, right in zip(flatten(step(same, 0.1))[0], flatten(wanted)[0], strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-12)
    names = step.plan(u, 0.1).instance().__globals__
    loops = [f for name, f in names.items() if name.startswith("iterations_")]
    assert [len(loop.signatures) for loop in loops] == [1, 1], "compiled once"


def test_names_of_users_hide_no_helper(rng):
    def f(vector_of, aligned, iterations_1):
        for _ in range(40):
            aligned = np.tanh(aligned * vector_of) + np.roll(aligned, 1) * iterations_1
        return np.sum(aligned)

    args = rng.normal(size=5), rng.normal(size=5), 0.3
    held(autodiff.value_and_grad(f, (0, 1, 2)), args, tuple(0.5 * x for x in args), rtol=1e-12)


def test_the_first_run_is_on_memory_of_nan(rng, monkeypatch):
    from autodiff.plan.to_numba import array_loops

    known = array_loops.write_compiled_loop

    def forgetful(printer, node):
        lines = known(printer, node)
        # The first value of a carry is not written.
        printer.statements[:] = [s for s in printer.statements if "[...] = u" not in s]
        return lines

    monkeypatch.setattr(array_loops, "write_compiled_loop", forgetful)
    with pytest.raises(autodiff.PlanMismatch):
        autodiff.compile(autodiff.grad(heat), backend="numba")(rng.normal(size=20), 0.1)


def test_where_a_kernel_gives_up_the_function_itself_is_called():
    def f(x):
        for _ in range(80):
            x = 0.5 * x + 0.01 * np.linalg.det(x)
        return np.sum(x)

    step = autodiff.compile(autodiff.grad(f), backend="numba")
    singular = np.arange(9.0).reshape(3, 3)
    for x in (singular, np.eye(3) + 0.1 * singular, singular):
        np.testing.assert_allclose(step(x), autodiff.grad(f)(x), rtol=1e-9)
        assert "iterations_" in step.plan(x).source


def test_what_numba_refuses_is_left_to_numpy(rng, monkeypatch):
    from autodiff.plan.to_numba import array_loops

    known = array_loops.write_compiled_loop

    def broken(printer, node):
        lines = known(printer, node)
        printer.kernels = {
            k.replace("for turn", "for turn, other"): v for k, v in printer.kernels.items()
        }
        return lines

    monkeypatch.setattr(array_loops, "write_compiled_loop", broken)
    step, u = autodiff.compile(autodiff.grad(heat), backend="numba"), rng.normal(size=20)
    np.testing.assert_allclose(step(u, 0.1), autodiff.grad(heat)(u, 0.1), rtol=1e-12)
    plan = step.plan(u, 0.1)
    assert plan.backend == "numpy"
    assert plan.note.startswith("Numba refused it")


def test_writes_at_known_positions_are_kernels(rng):
    rows, columns = np.array([2, 0, 3]), np.array([1, 1, 0])

    def f(x, y):
        first = np.zeros((4, 3))
        first[rows] = np.exp(x[:3])
        second = x * 2.0
        second[rows, columns] = y
        third = x + 1.0
        third[:, columns[1:]] = 0.5
        return first, second, third, np.sum(second @ third.T)

    x, y = rng.normal(size=(4, 3)), rng.normal(size=3)
    compiled = autodiff.compile(f, backend="numba")
    for found, expected in zip(compiled(x, y), f(x, y), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13)
    plan = compiled.plan(x, y)
    assert plan.backend == "numba", plan.note
    assert "[...] = " not in plan.source, "a call of NumPy's"


def test_of_what_is_written_twice_the_last_stays(rng):
    twice = np.array([1, 0, 1])

    def f(x):
        y = x * 2.0
        y[twice] = np.exp(x[:3])
        return y

    x = rng.normal(size=4)
    np.testing.assert_allclose(autodiff.compile(f, backend="numba")(x), f(x))
