"""Loops whose bodies are drawn at random give what the function gives, forward and backward."""

import numpy as np
import pytest

import autodiff
from autodiff.plan.passes.parts import add_parts
from autodiff.plan.program import Node, Program

_STEPS, _WIDTH = 40, 4


def _sliced(u, v, x, w):
    return np.concatenate([u[:1], 0.5 * (u[2:] + v[:-2]), x[-1:]])


def _put_together(u, v, x, w):
    return np.array([u[0] * x[1], v[3], 0.3 * u[2] - x[0], v[1]])


#: Each gives a vector of the same length from two that are carried, one of the step, and a matrix.
_PARTS = [
    lambda u, v, x, w: np.tanh(w @ u + x),
    lambda u, v, x, w: np.roll(u, 1) * 0.4 + 0.3 * v,
    lambda u, v, x, w: (u + x)[::-1] * 0.6,
    lambda u, v, x, w: np.where(u > v, np.sin(u), 0.5 * v),
    lambda u, v, x, w: np.tanh(np.outer(u, v).T @ x),
    lambda u, v, x, w: u / (1.0 + np.sum(v**2)),
    lambda u, v, x, w: np.linalg.solve(np.eye(_WIDTH) * 2.0 + np.outer(v, v), u),
    lambda u, v, x, w: np.maximum(u, 0.0) + w.T @ (0.2 * x),
    lambda u, v, x, w: 0.8 * v,
    lambda u, v, x, w: x,
    lambda u, v, x, w: w[1] * u[2] + np.cumsum(v) * 0.1,
    lambda u, v, x, w: np.reshape(np.reshape(u, (2, 2)).T, -1) * 0.9 + 0.05 * x,
    _sliced,
    _put_together,
]


def _drawn(seed):
    """Return a function with a loop, and its arguments."""
    rng = np.random.default_rng(seed)
    parts = [_PARTS[i] for i in rng.integers(len(_PARTS), size=rng.integers(2, 5))]
    swaps = rng.random(len(parts)) < 0.4
    from_nothing, backwards, collects, sums, late = rng.random(5) < 0.4

    def f(w, xs, u, v):
        if from_nothing:
            v = np.zeros(_WIDTH)
        total, states, earlier = 0.0, [], u
        for t in range(_STEPS):
            before = u
            for part, swap in zip(parts, swaps, strict=True):
                u = part(u, v, xs[-1 - t if backwards else t], w)
                if swap:
                    u, v = v, u
            if late:
                u, earlier = u + 0.1 * earlier, before
            if collects:
                states.append(u * v)
            if sums:
                total = total + np.sum(u * xs[t])
        if states:
            total = total + np.sum(np.stack(states)[3:] ** 2)
        return total + np.sum(u**2 * v) + np.sum(earlier)

    shapes = ((_WIDTH, _WIDTH), (_STEPS, _WIDTH), _WIDTH, _WIDTH)
    return f, [rng.normal(size=shape) * 0.4 for shape in shapes]


def _leaves(tree):
    if isinstance(tree, list | tuple):
        return [x for part in tree for x in _leaves(part)]
    return [np.asarray(tree)]


@pytest.mark.sampled(8)
@pytest.mark.parametrize("seed", range(40))
def test_loops_drawn_at_random_are_right(seed):
    f, args = _drawn(seed)
    eager = autodiff.value_and_grad(f, (0, 1, 2, 3))
    plan = autodiff.compile(eager)
    first = plan(*args)
    kept = [x.copy() for x in _leaves(first)]
    for given in ([0.5 * x + 0.01 for x in args], args, [np.asfortranarray(x) for x in args]):
        for x, y in zip(_leaves(plan(*given)), _leaves(eager(*given)), strict=True):
            assert (x.shape, x.dtype) == (y.shape, y.dtype)
            np.testing.assert_allclose(x, y, 1e-8, 1e-10 * (1e-300 + np.abs(y).max()))
    for x, y in zip(_leaves(first), kept, strict=True):
        np.testing.assert_array_equal(x, y)


def _lines(f, *args):
    return autodiff.compile(autodiff.value_and_grad(f)).plan(*args).source.count("\n")


def _gated(w, xs):
    h = c = np.zeros(_WIDTH)
    for x in xs:
        a = 1.0 / (1.0 + np.exp(-(w @ h + x)))
        c = a * c + (1.0 - a) * np.tanh(x)
        h = a * np.tanh(c)
    return np.sum(h**2)


def _heat(u, xs):
    for x in xs:
        inner = u[1:-1] + 0.1 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u = np.concatenate([u[:1], inner, u[-1:]]) + x[0]
    return np.sum(u**2)


@pytest.mark.parametrize("f", [_gated, _heat])
def test_the_source_does_not_grow_with_the_steps(f, rng):
    w = rng.normal(size=(_WIDTH, _WIDTH))
    few, many = (_lines(f, w, rng.normal(size=(steps, _WIDTH))) for steps in (40, 160))
    assert few == many


def test_weights_of_their_own_for_few_layers_stay_straight(rng):
    def f(weights, h):
        for w in weights:
            h = np.tanh(w @ h)
        return np.sum(h)

    weights = [rng.normal(size=(_WIDTH, _WIDTH)) for _ in range(60)]
    plan = autodiff.compile(autodiff.value_and_grad(f)).plan(weights, rng.normal(size=_WIDTH))
    assert "\n    for " not in plan.source


def test_what_is_the_same_in_each_step_is_computed_once(rng):
    def f(w, h):
        for _ in range(_STEPS):
            h = np.tanh((w.T * 2.0) @ h)
        return np.sum(h)

    args = rng.normal(size=(_WIDTH, _WIDTH)), rng.normal(size=_WIDTH)
    source = autodiff.compile(f).plan(*args).source
    before, loop = source.split("    for ")
    assert "multiply(" in before
    assert "multiply(" not in loop


def test_a_part_is_added_without_the_zeros_around_it():
    x, g = (Node("input", (), {}, (n,), np.dtype(float)) for n in (5, 3))
    index = {"index": slice(1, 4)}
    put = Node("scatter", (g,), {**index, "shape": (5,)}, (5,), x.dtype)
    total = Node("add", (put, x), {}, (5,), x.dtype, np.add)
    program = add_parts(Program([x, g], [total], [], [put, total]))
    assert program.nodes == [total]
    assert (total.op, total.args, total.params) == ("add_part", (g, x), index)
    np.testing.assert_array_equal(
        total.function(np.ones(3), np.arange(5.0), **index), [0.0, 2.0, 3.0, 4.0, 4.0]
    )


def test_a_part_that_is_read_by_others_too_stays():
    x, g = (Node("input", (), {}, (n,), np.dtype(float)) for n in (5, 3))
    put = Node("scatter", (g,), {"index": slice(1, 4), "shape": (5,)}, (5,), x.dtype)
    total = Node("add", (put, x), {}, (5,), x.dtype, np.add)
    program = add_parts(Program([x, g], [total, put], [], [put, total]))
    assert program.nodes == [put, total]
