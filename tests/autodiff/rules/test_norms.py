"""Norms at the origin and at ties, complex numbers, errors."""

import numpy as np
import pytest

import autodiff
from autodiff import grad
from autodiff.rules.magnitude import SQUARED_MODULUS

ORDERS = [None, 2, 1, np.inf, -np.inf, 3, 1.5, 0.5]


@pytest.mark.parametrize("ord", ORDERS)
def test_norms_are_flat_at_the_origin(ord):
    for f in (
        lambda x: np.linalg.norm(x, ord),
        lambda x: np.linalg.vector_norm(x, ord=2 if ord is None else ord),
        lambda x: np.sum(np.linalg.norm(np.stack([x, x]), ord, axis=1)),
    ):
        np.testing.assert_array_equal(grad(f)(np.zeros(3)), 0)
        second = grad(lambda x, f=f: np.sum(grad(f)(x)))
        # The slope there is a convention, and no constant: it has no derivative.
        np.testing.assert_array_equal(second(np.zeros(3)), np.nan)


@pytest.mark.parametrize("ord", ["fro", 1, -1, np.inf, -np.inf])
def test_matrix_norms_are_flat_at_the_origin(ord):
    x_bar = grad(lambda x: np.linalg.norm(x, ord))(np.zeros((2, 3)))
    np.testing.assert_array_equal(x_bar, 0)


def test_deviations_of_equal_numbers_are_flat():
    for x in (np.zeros(4), np.full(4, 0.5), np.ones(1)):
        for f in (np.std, np.nanstd):
            np.testing.assert_array_equal(grad(f)(x), 0)
            # Slopes sum to zero everywhere.
            np.testing.assert_array_equal(grad(lambda x, f=f: np.sum(grad(f)(x)))(x), 0)
    x = np.array([[1.0, 1.0], [1.0, 3.0]])
    x_bar = grad(lambda x: np.sum(np.std(x, axis=1)))(x)
    np.testing.assert_array_equal(x_bar, [[0, 0], [-0.5, 0.5]])


def test_elements_that_are_zero():
    x = np.array([0.0, 3.0, -4.0])
    np.testing.assert_allclose(grad(np.linalg.norm)(x), [0, 0.6, -0.8])
    x_bar = grad(lambda x: np.linalg.norm(x, 3))(x)
    np.testing.assert_allclose(x_bar, np.sign(x) * x**2 / 91 ** (2 / 3))
    x_bar = grad(lambda x: np.linalg.norm(x, 0.5))(x)
    assert x_bar[0] == 0
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, -1))(x), 0)


def test_norms_of_large_numbers_derive_without_overflow():
    x = np.array([3e100, 4e100])
    np.testing.assert_allclose(
        grad(lambda x: np.linalg.norm(x, 2.5))(x),
        [0.6**1.5 / (0.6**2.5 + 0.8**2.5) ** 0.6, 0.8**1.5 / (0.6**2.5 + 0.8**2.5) ** 0.6],
        rtol=1e-12,
    )


def test_ties_share_evenly():
    x = np.array([[2.0, -2.0], [1.0, 1.0]])
    np.testing.assert_array_equal(
        grad(lambda x: np.sum(np.linalg.norm(x, np.inf, axis=1)))(x), [[0.5, -0.5], [0.5, 0.5]]
    )
    np.testing.assert_array_equal(
        grad(lambda x: np.linalg.norm(x, 1))(x), [[0.5, -0.5], [0.5, 0.5]]
    )


def test_the_second_order_of_norms(rng, slope):
    for ord in (None, 3, 1.5, -2):
        v = rng.normal(size=4)

        def along(x, ord=ord, v=v):
            return np.sum(v * grad(lambda x: np.linalg.norm(x, ord))(x))

        x = rng.uniform(0.5, 2.0, size=4)
        directions, expected = slope(along, [x])
        np.testing.assert_allclose(grad(along)(x) @ directions[0], expected, rtol=1e-6, atol=1e-8)


def test_the_square_of_a_complex_number(rng):
    z, z_dot = rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3))
    g = rng.normal(size=3)
    z_bar = SQUARED_MODULUS.vjp(0)(g, None, z)
    out_dot = SQUARED_MODULUS.jvp(0)(z_dot, None, z)
    np.testing.assert_allclose(z_bar, 2 * g * np.conj(z))
    np.testing.assert_allclose(np.sum(z_bar * z_dot).real, np.sum(g * out_dot))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.linalg.norm(x[0], "fro"), ValueError, "Invalid norm order 'fro' for vectors"),
        (lambda x: np.linalg.norm(x, 3), ValueError, "Invalid norm order for matrices"),
        (lambda x: np.linalg.norm(x, "abc"), ValueError, "Invalid norm order for matrices"),
        (lambda x: np.linalg.norm(x[None], 1), ValueError, "Improper number of dimensions"),
        (lambda x: np.linalg.norm(x, axis=(0, -2)), ValueError, "Duplicate axes"),
        (lambda x: np.linalg.norm(x, axis=2), ValueError, "out of bounds"),
        (
            lambda x: np.linalg.norm(x[0], ord=x[0, 0]),
            autodiff.Undifferentiable,
            "ord= is a tensor",
        ),
        (lambda x: np.linalg.matrix_norm(x[0]), ValueError, "out of bounds"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)))(rng.normal(size=(2, 3)))
