"""vmap: JAX's signature and meaning, nested with every transform, eager and compiled."""

import math
from typing import NamedTuple

import numpy as np
import pytest

import autodiff
from autodiff import (
    checkpoint,
    custom,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
from autodiff.transforms import matrices
from tests.autodiff.test_random_graphs import function, program

RNG = np.random.default_rng(3)
X, W = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))


class Pair(NamedTuple):
    left: object
    right: object


def layer(a):
    return np.tanh(a @ W)


def energy(a):
    return np.sum(layer(a) ** 2) + np.prod(a)


def branching(a):
    return np.where(np.sum(a) > 0, np.max(a) * a[0], np.linalg.norm(a))


def accumulating(a):
    h = a * 1.0
    for x in a:
        h += x * np.sort(a)
    return h[::-1].mean()


exp_by_rule = custom(
    lambda x: np.exp(x),
    vjps={0: lambda out, x: lambda g: g * exp_by_rule(x)},
    jvps={0: lambda x_dot, out, x: x_dot * exp_by_rule(x)},
)
recomputed = checkpoint(layer)


def with_rules(a):
    return np.sum(exp_by_rule(a)) * np.sum(recomputed(recomputed(a)))


FUNCTIONS = [energy, branching, accumulating, with_rules]
TRANSFORMS = {
    "value": lambda f: f,
    "grad": grad,
    "value_and_grad": lambda f: lambda a: value_and_grad(f)(a)[1],
    "vjp": lambda f: lambda a: vjp(f, a)[1](np.float64(2.0))[0],
    "jvp": lambda f: lambda a: jvp(f, (a,), (np.cos(a),))[1],
    "jacobian, forward": lambda f: jacobian(grad(f), mode="fwd"),
    "jacobian, reverse": lambda f: jacobian(grad(f), mode="rev"),
    "hessian": hessian,
    "hvp": lambda f: lambda a: hvp(f, (a,), (np.sin(a),)),
    "grad of grad": lambda f: grad(lambda a: np.sum(np.sin(grad(f)(a)))),
    "checkpoint": lambda f: grad(checkpoint(f)),
    "elementwise_grad": lambda f: elementwise_grad(lambda a: np.sin(a) * stop_gradient(f(a))),
}


def by_loop(f, *arrays):
    return np.stack([f(*xs) for xs in zip(*arrays, strict=True)])


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.each("f", FUNCTIONS)
@pytest.mark.each("name", TRANSFORMS)
def test_of_a_transform(name, f):
    transformed = TRANSFORMS[name](f)
    close(vmap(transformed)(X), by_loop(transformed, X))


@pytest.mark.each("f", FUNCTIONS)
@pytest.mark.each("name", TRANSFORMS)
def test_under_a_transform(name, f):
    """A transform of a sum over the batch, against the same sum by a loop."""

    def every(y):
        return np.sum(vmap(f)(y) ** 2)

    def loop(y):
        return sum(f(y[i]) ** 2 for i in range(len(y)))

    close(TRANSFORMS[name](every)(X), TRANSFORMS[name](loop)(X))


@pytest.mark.parametrize("f", [energy, with_rules], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", ["value", "grad", "hessian", "hvp", "jacobian, reverse"])
@pytest.mark.filterwarnings("ignore")
def test_compiled(name, f):
    transformed = TRANSFORMS[name](f)
    expected = by_loop(transformed, X)
    plan = autodiff.compile(vmap(transformed))
    for _ in range(3):
        close(plan(X), expected)
    close(plan(X[::-1] * 0.5), by_loop(transformed, X[::-1] * 0.5))
    close(vmap(autodiff.compile(transformed))(X), expected)
    inside = autodiff.compile(lambda y: vmap(transformed)(y * 2.0))
    close(inside(X), by_loop(transformed, X * 2.0))


def test_nested_batches():
    close(vmap(vmap(np.multiply, (0, None)), (None, 0))(X[0], X[:, 0]), np.outer(X[:, 0], X[0]))
    both = vmap(vmap(grad(energy)))(np.stack([X, 2 * X]))
    close(both, np.stack([by_loop(grad(energy), X), by_loop(grad(energy), 2 * X)]))


def test_rules_that_know_plain_numbers_only():
    rule = custom(math.exp, {0: lambda out, x: lambda g: g * math.exp(x)}, {})
    close(vmap(grad(rule))(X[:, 0]), np.exp(X[:, 0]))
    close(jacobian(vmap(rule), mode="rev")(X[:, 0]), np.diag(np.exp(X[:, 0])))


def test_axes():
    close(vmap(np.sum, in_axes=-1)(X), X.sum(0))
    close(vmap(lambda a: np.outer(a, a), out_axes=-1)(X), np.einsum("ni,nj->ijn", X, X))


def test_structures():
    def f(p, scale):
        return Pair(p["w"] * scale, [np.sum(p["b"]), 1.0])

    out = vmap(f, ({"b": None, "w": 1}, None), Pair(1, [None, 0]))({"w": X, "b": W}, 2.0)
    close(out.left, 2 * X)
    close(out.right[0], W.sum())
    close(out.right[1], np.ones(3))
    close(vmap(lambda a, *, k: a + k)(X, k=X), 2 * X)
    close(vmap(lambda: np.ones(2), axis_size=3)(), np.ones((3, 2)))
    assert vmap(lambda a: np.sum(2 * a))(np.zeros((0, 3))).shape == (0,)
    assert vmap(grad(lambda a: np.sum(a**2)))(X.astype(np.float32)).dtype == np.float32
    close(vmap(lambda a: np.array([[a[0], 1.0], [a[1], a[2]]]))(X)[:, 1], X[:, 1:])


def test_positions_that_differ():
    places = np.array([0, 1, 1])
    expected = np.array([[1.0] * 3, [2.0] * 3, [0.0] * 3])
    close(grad(lambda table: np.sum(vmap(lambda i: table[i])(places)))(W), expected)
    wide = np.broadcast_to(W, (3, 3, 3))
    close(vmap(lambda table, i: table[i])(wide, places), W[places])
    close(vmap(lambda a, i: a[i])(X, np.array([0, 1, 2, 0])), X[np.arange(4), [0, 1, 2, 0]])


def test_a_branch_that_all_take():
    close(vmap(lambda a: 2 * a if a.sum() * 0 == 0 else a)(X), 2 * X)
    plan = autodiff.compile(vmap(lambda a: 2 * a if np.sum(a) < 1e3 else -a))
    close(plan(X), 2 * X)
    close(plan(X + 1e4), -X - 1e4)


def changed_by_another_name(a):
    h = a * 1.0
    k = h
    k += 1.0
    return h


LEFT: list = []
WRONG = {
    "different lengths: 0 has 4 .*; 1 has 5": lambda: vmap(np.add)(X, np.ones(5)),
    "argument 0 .* no axis 0": lambda: vmap(np.sin)(2.0),
    "no axis 2": lambda: vmap(np.sum, in_axes=2)(X),
    "no argument of .* is mapped": lambda: vmap(np.sum, in_axes=None)(X),
    "has 1 parts, but .* 2 positional": lambda: vmap(np.add, in_axes=(0,))(X, X),
    r"expected \['w'\]": lambda: vmap(np.sum, in_axes=({"q": 0},))({"w": X}),
    "in_axes holds 'x'": lambda: vmap(np.sum, in_axes="x"),
    "out_axes is None": lambda: vmap(np.sum, out_axes=None)(X),
    "out_axes=7": lambda: vmap(np.sin, out_axes=7)(X),
    "expected one int or None": lambda: vmap(np.sin, out_axes=(0, 0))(X),
    "decides a branch": lambda: vmap(lambda a: a if a[0] > 0 else -a)(X),
    "plain integer": lambda: vmap(lambda i: np.ones(range(9)[i]))(np.arange(3)),
    r"results of shapes \[": lambda: vmap(lambda a: a[a > 0])(X),
    "returned a NoneType": lambda: vmap(lambda a: None)(X),
    "is a str; arrays are mapped": lambda: vmap(len)(["a", "b"]),
    "dtype int64; a derivative": lambda: vmap(grad(np.sum))(np.ones((2, 2), int)),
    "after the trace": lambda: (vmap(lambda a: LEFT.append(a) or a)(X), LEFT[0] + 1),
}


def test_arrays_from_outside_and_other_names():
    places = np.array([0, 1, 1])
    np.testing.assert_array_equal(vmap(lambda i: W[i])(places), W[places])
    np.testing.assert_array_equal(vmap(changed_by_another_name)(X), X + 1.0)
    expected = np.stack([grad(lambda a: a[0] ** 2)(x + 1.0) for x in X])
    found = vmap(grad(lambda a: changed_by_another_name(a)[0] ** 2))(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.each("message", WRONG)
def test_errors(message):
    kinds = (ValueError, TypeError, NotImplementedError)
    with pytest.raises(kinds, match=message):
        WRONG[message]()


def one_at_a_time(monkeypatch):
    """Let each basis vector go through a pass of its own."""
    monkeypatch.setattr(matrices, "_MOST", 1)


@pytest.mark.parametrize("number", range(40))
def test_matrices_of_random_programs(number, monkeypatch):
    f, (point, _, _, _) = function(number), program(number)
    args = tuple(point.values())

    def vector(a, b, s):
        return np.concatenate([np.ravel(np.sin(a) * f(a, b, s)), np.ravel(b) * s])

    calls = [
        lambda: jacobian(vector, (0, 1, 2), mode="fwd")(*args),
        lambda: jacobian(vector, (0, 1, 2), mode="rev")(*args),
        lambda: [x for row in hessian(f, (0, 1))(*args) for x in row],
    ]
    together = [call() for call in calls]
    one_at_a_time(monkeypatch)
    for found, call in zip(together, calls, strict=True):
        for x, y in zip(found, call(), strict=True):
            assert type(x) is type(y)
            scale = max(1.0, float(np.max(np.abs(y), initial=0.0)))
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.each("number", range(40))
def test_batches_of_random_programs(number):
    f, (point, _, _, _) = function(number), program(number)
    rng = np.random.default_rng(number)
    args = [
        np.stack([x + 1e-3 * rng.normal(size=np.shape(x)) for _ in range(3)])
        for x in point.values()
    ]
    gradient = grad(f, (0, 1, 2))
    expected = [gradient(*xs) for xs in zip(*args, strict=True)]
    total = grad(lambda *xs: np.sum(vmap(f)(*xs)), (0, 1, 2))(*args)
    for found in (vmap(gradient)(*args), total):
        for place, x in enumerate(found):
            y = np.stack([e[place] for e in expected])
            scale = max(1.0, float(np.max(np.abs(y))))
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11 * scale)


def test_chunks(monkeypatch):
    """Jacobians in several passes are those of one pass; the chunks keep below the limit."""
    expected = [jacobian(layer, mode=mode)(X[0]) for mode in ("fwd", "rev")]
    for most in (1, 24, 48, 72, 1 << 20):
        monkeypatch.setattr(matrices, "_MOST", most)
        for mode, matrix in zip(("fwd", "rev"), expected, strict=True):
            close(jacobian(layer, mode=mode)(X[0]), matrix)
