"""Norms of singular values."""

import numpy as np
import pytest

from autodiff import grad, hessian


@pytest.mark.parametrize("ord", [2, -2, "nuc"])
def test_norms_of_singular_values(ord, rng, agrees):
    agrees(lambda x: np.linalg.norm(x, ord), rng.normal(size=(3, 4)))
    agrees(lambda x: np.linalg.norm(x, ord, axis=(2, 0)), rng.normal(size=(2, 3, 4)))
    agrees(lambda x: np.linalg.norm(x, ord, (-1, 1), True), rng.normal(size=(2, 3, 4)))
    agrees(lambda x: np.linalg.matrix_norm(x, ord=ord), rng.normal(size=(2, 3, 3)))


def test_the_slope_of_the_spectral_norm_is_the_outer_product_of_singular_vectors(rng):
    x = rng.normal(size=(4, 3))
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    np.testing.assert_allclose(
        grad(lambda x: np.linalg.norm(x, 2))(x), np.outer(u[:, 0], vh[0]), rtol=1e-10
    )
    np.testing.assert_allclose(grad(lambda x: np.linalg.norm(x, "nuc"))(x), u @ vh, rtol=1e-10)


def test_the_second_order_of_the_nuclear_norm(rng, slope):
    v = rng.normal(size=(3, 2))

    def along(x):
        return np.sum(v * grad(lambda x: np.linalg.norm(x, "nuc"))(x))

    x = rng.normal(size=(3, 2))
    directions, expected = slope(along, [x])
    np.testing.assert_allclose(np.sum(grad(along)(x) * directions[0]), expected, rtol=1e-6)


def test_an_empty_matrix_has_norm_zero():
    for ord in (2, "nuc"):
        x_bar = grad(lambda x, ord=ord: np.linalg.norm(x, ord))(np.zeros((0, 3)))
        assert x_bar.shape == (0, 3)


@pytest.mark.parametrize("shape", [(2, 2), (3, 2)])
def test_the_square_of_the_nuclear_norm_has_no_hessian_at_zero(shape):
    # It is that of the Frobenius norm and twice the modulus of the determinant.
    found = hessian(lambda x: np.linalg.norm(x, "nuc") ** 2)(np.zeros(shape))
    np.testing.assert_array_equal(found[0, 0, 1, 1], np.nan)
    smooth = hessian(lambda x: np.sum(np.linalg.svdvals(x) ** 2))(np.zeros(shape))
    size = shape[0] * shape[1]
    np.testing.assert_allclose(smooth.reshape(size, size), 2 * np.eye(size), atol=1e-12)
