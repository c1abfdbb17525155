"""Shared checks of linear algebra: rules on chosen operands, and second derivatives."""

import numpy as np
import pytest

import autodiff
from autodiff.core.primitive import PRIMITIVES


@pytest.fixture
def parts():
    """Return a function that joins real and imaginary part, so that a result is real."""

    def join(z):
        return np.stack([np.real(z), np.imag(z)]) if np.iscomplexobj(z) else z

    return join


@pytest.fixture
def rules_hold(rng):
    """Return a function that holds both rules of a primitive against a central difference.

    The table is walked with real operands; here they are what the caller chooses.
    """

    def direction(x):
        x_dot = rng.normal(size=np.shape(x))
        return (x_dot + 1j * rng.normal(size=np.shape(x)) if np.iscomplexobj(x) else x_dot)[()]

    def check(name, *xs, step=1e-5, along=None, **params):
        primitive = PRIMITIVES[name]
        out = primitive.function(*xs, **params)
        g = direction(out)
        for argnum, x in enumerate(xs):
            x_dot = direction(x) if along is None else along(direction(x))
            x_bar = primitive.vjp(argnum)(g, out, *xs, **params)
            out_dot = primitive.jvp(argnum)(x_dot, out, *xs, **params)
            assert np.shape(x_bar) == np.shape(x)
            moved = [[*xs[:argnum], x + h * x_dot, *xs[argnum + 1 :]] for h in (step, -step)]
            ahead, behind = (primitive.function(*operands, **params) for operands in moved)
            np.testing.assert_allclose(out_dot, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-7)
            paired, expected = np.sum(x_bar * x_dot).real, np.sum(g * out_dot).real
            np.testing.assert_allclose(paired, expected, rtol=1e-11, atol=1e-12)
        if primitive.joint:
            check_joint(primitive, g, out, xs, params)

    def check_joint(primitive, g, out, xs, params):
        pull, push = primitive.joint
        for argnum, x_bar in enumerate(pull(g, out, *xs, **params)):
            alone = primitive.vjp(argnum)(g, out, *xs, **params)
            np.testing.assert_allclose(x_bar, alone, rtol=1e-12, atol=1e-13)
        x_dots = [direction(x) for x in xs]
        alone = [primitive.jvp(i)(d, out, *xs, **params) for i, d in enumerate(x_dots)]
        together = push(x_dots, out, *xs, **params)
        np.testing.assert_allclose(together, sum(alone), rtol=1e-11, atol=1e-12)
        for i, expected in enumerate(alone):
            lonely = [d if j == i else None for j, d in enumerate(x_dots)]
            found = push(lonely, out, *xs, **params)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)

    return check


@pytest.fixture
def curves(rng, slope):
    """Return a function that holds second derivatives against differences of first ones."""

    def check(f, *xs, rtol=1e-6):
        everything = tuple(range(len(xs)))
        directions = [rng.normal(size=np.shape(x)) for x in xs]
        weights = rng.normal(size=np.shape(f(*xs)))

        def loss(*xs):
            return np.sum(weights * f(*xs) ** 2)

        def projected(*xs):
            gradients = autodiff.grad(loss, everything)(*xs)
            return sum(np.sum(d * g) for d, g in zip(directions, gradients, strict=True))

        moves, expected = slope(projected, xs)
        second = autodiff.grad(projected, everything)(*xs)
        found = sum(np.sum(g * d) for g, d in zip(second, moves, strict=True))
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-6)

    return check
