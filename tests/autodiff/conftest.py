"""The referee of the engine's tests: plain NumPy for values, central differences for gradients."""

import numpy as np
import pytest

import autodiff

#: Central differences with this step are off by about step² from truncation and 1e-16 / step from
#: rounding: 1e-10 relative. The tolerance leaves three digits for curvature and cancellation.
STEP = 1e-5
#: Where a function is composed of others, sums may be rounded in another order: a few last bits.
SAME = {"rtol": 1e-14, "atol": 1e-15}
TOLERANCE = {"rtol": 1e-6, "atol": 1e-7}


@pytest.fixture
def slope(rng):
    """Return a function that gives a random direction and the central difference along it."""

    def measure(f, args, step=STEP):
        directions = [rng.normal(size=np.shape(x)) for x in args]
        ahead = f(*(x + step * d for x, d in zip(args, directions, strict=True)))
        behind = f(*(x - step * d for x, d in zip(args, directions, strict=True)))
        return directions, (ahead - behind) / (2 * step)

    return measure


@pytest.fixture
def agrees(rng, slope):
    """Return a function that holds value and gradient of `f`, both ways, against plain NumPy."""

    def check(f, *args):
        plain = f(*args)
        weights = rng.normal(size=np.shape(plain))[()]

        def loss(*xs):
            return np.sum(weights * f(*xs))

        value, gradients = autodiff.value_and_grad(loss, tuple(range(len(args))))(*args)
        np.testing.assert_allclose(value, loss(*args), **SAME)
        graph = autodiff.trace(f, *args)
        out = graph.forward(*args)
        np.testing.assert_allclose(out, plain, **SAME, strict=isinstance(plain, np.ndarray))
        for again in (graph.backward(weights), graph.backward(weights)):
            for x, x_bar, from_graph in zip(args, gradients, again.values(), strict=True):
                assert np.shape(x_bar) == np.shape(x)
                np.testing.assert_allclose(from_graph, x_bar, rtol=1e-13, atol=1e-14)
        directions, expected = slope(loss, args)
        found = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
        np.testing.assert_allclose(found, expected, **TOLERANCE)
        return gradients

    return check
