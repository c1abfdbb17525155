"""Reductions, scans, statistics and norms of complex numbers."""

import numpy as np
import pytest

from autodiff import grad, jvp, trace, vjp

MASK = np.array([[True, False, True], [False, True, True]])

FUNCTIONS = {
    "sum": lambda z: np.sum(z, axis=1, where=MASK, initial=1j),
    "sum of reals": lambda z: np.sum(np.real(z), axis=0, dtype=complex) * z,
    "prod": lambda z: np.prod(z, axis=0),
    "prod where": lambda z: np.prod(z, where=MASK, initial=2j),
    "mean": lambda z: np.mean(z, axis=1, keepdims=True),
    "mean where": lambda z: np.mean(z, where=MASK),
    "cumsum": lambda z: np.cumsum(z, axis=1),
    "cumprod": lambda z: np.cumprod(z),
    "cumulative_prod": lambda z: np.cumulative_prod(z, axis=0, include_initial=True),
    "var": lambda z: np.var(z, axis=1, ddof=1),
    "var where": lambda z: np.var(z, where=MASK),
    "std": lambda z: np.std(z, axis=0),
    "max": lambda z: np.max(z, axis=1),
    "min": lambda z: np.min(z, initial=1 - 5j, where=MASK),
    "maximum.accumulate": lambda z: np.maximum.accumulate(z, axis=1),
    "nansum": lambda z: np.nansum(np.where(MASK, z, np.nan), axis=0),
    "nanvar": lambda z: np.nanvar(np.where(MASK, z, np.nan), axis=1, ddof=0.5),
    "median": lambda z: np.median(z, axis=1),
    "average": lambda z: np.average(z, axis=1, weights=z[0]),
    "cov": lambda z: np.cov(z, aweights=[1.0, 2.0, 1.5]),
    "corrcoef": lambda z: np.corrcoef(z),
    "trapezoid": lambda z: np.trapezoid(z, z[::-1], axis=1),
    "norm": lambda z: np.linalg.norm(z),
    "norm 1": lambda z: np.linalg.norm(z, 1),
    "norm of vectors": lambda z: np.linalg.norm(z, 3, axis=1),
    "norm inf": lambda z: np.linalg.norm(z, np.inf, axis=0),
    "vector_norm": lambda z: np.linalg.vector_norm(z, axis=1, ord=0.5),
    "outer": lambda z: np.multiply.outer(z, z[0]),
}


@pytest.mark.each("f", FUNCTIONS.values())
def test_value_and_both_modes(f, rng):
    z, z_dot = rng.normal(size=(2, 2, 3)) + 1j * rng.normal(size=(2, 2, 3))
    out, pullback = vjp(f, z)
    np.testing.assert_allclose(out, f(z), rtol=1e-13, atol=1e-15)
    step = 1e-6
    expected = (f(z + step * z_dot) - f(z - step * z_dot)) / (2 * step)
    out_dot = jvp(f, (z,), (z_dot,))[1]
    np.testing.assert_allclose(out_dot, expected, rtol=1e-6, atol=1e-8)
    g = rng.normal(size=np.shape(out))
    if np.iscomplexobj(out):
        g = g + 1j * rng.normal(size=np.shape(out))
    (z_bar,) = pullback(g)
    assert z_bar.dtype == complex
    paired = np.sum(z_bar * z_dot).real
    np.testing.assert_allclose(paired, np.sum(g * out_dot).real, rtol=1e-10, atol=1e-12)
    graph = trace(f, z)
    np.testing.assert_allclose(graph.forward(z), out, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(graph.backward(g)["z"], z_bar, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["prod", "cumprod", "var", "std", "norm", "norm of vectors"])
def test_second_order(name, rng, slope):
    f = FUNCTIONS[name]
    y = rng.normal(size=(2, 3))
    v = rng.normal(size=(2, 3))

    def along(x):
        def loss(x):
            out = f(x + 1j * y)
            return np.sum(np.real(out) ** 2 + np.imag(out))

        return np.sum(v * grad(loss)(x))

    x = rng.normal(size=(2, 3))
    directions, expected = slope(along, [x])
    np.testing.assert_allclose(np.sum(grad(along)(x) * directions[0]), expected, rtol=1e-6)


def test_products_at_zeros():
    z = np.array([2j, 0.0, 1 + 1j, 0.0])
    second = grad(lambda x: np.real(grad(lambda x: np.real(np.prod(x * z)))(x)[1]))
    np.testing.assert_allclose(second(np.ones(4)), 0)
    np.testing.assert_allclose(
        vjp(np.cumprod, z)[1](np.array([0, 0, 1.0, 0]))[0], [0, 2j * (1 + 1j), 0, 0]
    )


def test_norms_and_deviations_are_flat_where_they_are_zero():
    z = np.zeros(3, complex)
    for f in (np.linalg.norm, np.std, lambda z: np.linalg.norm(z, 3)):
        np.testing.assert_array_equal(vjp(f, z)[1](1.0)[0], 0)
