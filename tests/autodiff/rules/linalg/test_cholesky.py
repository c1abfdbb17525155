"""The Cholesky factorisation, and which of two mirrored elements a derivative belongs to."""

import numpy as np
import pytest

import autodiff

N = (3, 3)


def positive(x):
    """Return positive definite matrices."""
    return x @ np.swapaxes(x, -1, -2) + 3 * np.eye(np.shape(x)[-2])


def symmetric(x):
    return x + np.conj(np.swapaxes(x, -1, -2))


#: For each function calls, with the shapes of their arguments.
CALLS = {
    np.linalg.cholesky: [
        (lambda x: np.linalg.cholesky(positive(x)), [N]),
        (lambda x: np.linalg.cholesky(positive(x), upper=True), [N]),
        (lambda x: np.linalg.cholesky(positive(x)), [(2, 1, 3, 3)]),
        (lambda x: np.linalg.cholesky(positive(x)), [(1, 1)]),
        (lambda x: np.linalg.cholesky(x), [(0, 2, 2)]),
        # Not symmetric: NumPy reads one triangle.
        (lambda x: np.linalg.cholesky(x + 9 * np.eye(3)), [N]),
        (lambda x: np.linalg.cholesky(x + 9 * np.eye(3), upper=True), [N]),
        (lambda x: np.linalg.cholesky(np.tril(positive(x))), [N]),
    ],
}


@pytest.mark.parametrize(("call", "shapes"), CALLS[np.linalg.cholesky])
def test_value_and_gradient(call, shapes, rng, agrees):
    agrees(call, *(rng.normal(size=shape) for shape in shapes))


def test_by_hand():
    # The factor of a number is its root; the last element of the factor of ((a, b), (b, c)) is
    # sqrt(c - b²/a): at a = 4, b = 2, c = 5 its derivatives are b²/a²/4, -2b/a/4 and 1/4, and the
    # second is shared by both places of b.
    assert autodiff.grad(lambda x: np.linalg.cholesky(x)[0, 0])(np.array([[4.0]])) == 0.25
    a = np.array([[4.0, 2.0], [2.0, 5.0]])
    a_bar = autodiff.grad(lambda x: np.linalg.cholesky(x)[1, 1])(a)
    np.testing.assert_allclose(a_bar, [[0.0625, -0.125], [-0.125, 0.25]], rtol=1e-14)


def test_where_elements_mirror_each_other_they_share_the_derivative(rng):
    a, weights = positive(rng.normal(size=N)), rng.normal(size=N)

    def f(x, upper=False):
        return np.sum(weights * np.linalg.cholesky(x, upper=upper))

    d = symmetric(rng.normal(size=N))
    for upper in (False, True):
        a_bar = autodiff.grad(f)(a, upper=upper)
        np.testing.assert_array_equal(a_bar, a_bar.T)
        expected = (f(a + 1e-6 * d, upper) - f(a - 1e-6 * d, upper)) / 2e-6
        np.testing.assert_allclose(np.sum(a_bar * d), expected, rtol=1e-8)
        read = np.triu(a) if upper else np.tril(a)
        other = autodiff.grad(f)(read, upper=upper)
        # Where only one triangle is there, all of it belongs to what is read.
        twice = a_bar * (2 - np.eye(3))
        np.testing.assert_allclose(
            other, np.triu(twice) if upper else np.tril(twice), rtol=1e-12, atol=1e-14
        )


def test_log_determinant_by_its_identity(rng):
    # log det A = 2 sum log diag L, and its gradient is the inverse.
    a = positive(rng.normal(size=(4, 4)))
    a_bar = autodiff.grad(lambda x: 2 * np.sum(np.log(np.diag(np.linalg.cholesky(x)))))(a)
    np.testing.assert_allclose(a_bar, np.linalg.inv(a), rtol=1e-12)


def hermitian(rng, shape, mirrored):
    x = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    return (symmetric(x) if mirrored else x) + 12 * np.eye(shape[-1])


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), N, (2, 1, 3, 3)])
def test_rules_of_complex_matrices(upper, shape, rng, rules_hold):
    rules_hold("cholesky", hermitian(rng, shape, False), upper=upper)
    rules_hold("cholesky", hermitian(rng, shape, True), upper=upper, along=symmetric)


def test_complex_matrices_in_a_function(rng, agrees, curves, parts):
    def factor(a, b):
        z = a + 1j * b
        return parts(np.linalg.cholesky(z @ np.conj(np.swapaxes(z, -1, -2)) + 3 * np.eye(3)))

    agrees(factor, *rng.normal(size=(2, 3, 3)))
    curves(factor, *rng.normal(size=(2, 3, 3)))


def test_second_derivatives(rng, curves):
    curves(lambda x: np.linalg.cholesky(positive(x)), rng.normal(size=N))
    curves(lambda x: np.linalg.cholesky(positive(x), upper=True), rng.normal(size=N))


def test_float32_is_kept(rng):
    x = positive(rng.normal(size=N)).astype(np.float32)
    out, pullback = autodiff.vjp(np.linalg.cholesky, x)
    assert (out.dtype, pullback(out)[0].dtype) == (np.float32, np.float32)


def test_matrices_that_are_not_positive_definite_are_refused():
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        autodiff.grad(lambda x: np.sum(np.linalg.cholesky(x)))(-np.eye(2))
