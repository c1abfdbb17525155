"""Determinants and their logarithms, of singular matrices too."""

import itertools

import numpy as np
import pytest

import autodiff
from autodiff.rules.linalg.determinants import (
    _products_without_one,
    _products_without_two,
)

N, STACK = (3, 3), (2, 1, 3, 3)

#: For each function calls, with the shapes of their arguments.
CALLS = {
    np.linalg.det: [
        (lambda x: np.linalg.det(x), [N]),
        (lambda x: np.linalg.det(x), [STACK]),
        (lambda x: np.linalg.det(x), [(1, 1)]),
        (lambda x: np.linalg.det(x), [(0, 0)]),
        (lambda x: np.linalg.det(x), [(0, 2, 2)]),
        # Rank 2 and rank 1: what the inverse would give is not a number.
        (lambda x: np.linalg.det(x @ x.T), [(3, 2)]),
        (lambda x: np.linalg.det(x @ x.T), [(3, 1)]),
    ],
    np.linalg.slogdet: [
        (lambda x: np.linalg.slogdet(x)[1], [N]),
        (lambda x: np.linalg.slogdet(x + 4 * np.eye(3)).logabsdet, [STACK]),
        (lambda x: np.linalg.slogdet(x).sign * np.linalg.det(x), [STACK]),
        (lambda x: np.linalg.slogdet(x)[1], [(0, 2, 2)]),
    ],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape) for shape in shapes))


def by_minors(a):
    """Return the cofactors by their definition."""
    n = len(a)
    minors = np.array(
        [[np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(n)] for i in range(n)]
    )
    return minors * np.where(np.add.outer(np.arange(n), np.arange(n)) % 2, -1, 1)


@pytest.mark.parametrize("is_complex", [False, True])
def test_the_gradient_is_the_matrix_of_cofactors_at_any_rank(is_complex, rng):
    def draw(*shape):
        x = rng.normal(size=shape)
        return x + 1j * rng.normal(size=shape) if is_complex else x

    # A stack of all ranks, each with a cotangent of its own.
    a = np.stack([draw(4, rank) @ draw(rank, 4) for rank in range(5)])
    g = draw(5)
    _, pullback = autodiff.vjp(np.linalg.det, a)
    for found, factor, matrix in zip(pullback(g)[0], g, a, strict=True):
        np.testing.assert_allclose(found, factor * by_minors(matrix), rtol=1e-9, atol=1e-11)


def test_a_singular_matrix_by_hand():
    # d(ad - bc) = (d, -c; -b, a)
    x_bar = autodiff.grad(np.linalg.det)(np.array([[1.0, 2.0], [2.0, 4.0]]))
    np.testing.assert_allclose(x_bar, [[4.0, -2.0], [-2.0, 1.0]], rtol=1e-14)
    np.testing.assert_array_equal(autodiff.grad(np.linalg.det)(np.zeros((2, 2))), np.zeros((2, 2)))


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_second_derivatives_at_any_rank(rank, rng):
    a, d, e = rng.normal(size=(4, rank)) @ rng.normal(size=(rank, 4)), *rng.normal(size=(2, 4, 4))
    second = autodiff.grad(lambda x: np.sum(autodiff.grad(np.linalg.det)(x) * d))(a)
    step = 1e-4
    expected = sum(
        s * t * np.linalg.det(a + step * (s * d + t * e)) for s in (1, -1) for t in (1, -1)
    ) / (4 * step**2)
    np.testing.assert_allclose(np.sum(second * e), expected, rtol=1e-6, atol=1e-6)


def test_third_derivatives_of_regular_matrices(rng):
    # The determinant of a 3 × 3 matrix is of third degree: its third derivative is its polar form.
    a, d = rng.normal(size=N), rng.normal(size=N)

    def first(x):
        return np.sum(autodiff.grad(np.linalg.det)(x) * d)

    def second(x):
        return np.sum(autodiff.grad(first)(x) * d)

    third = np.sum(autodiff.grad(second)(a) * d)
    np.testing.assert_allclose(third, 6 * np.linalg.det(d), rtol=1e-9)


def test_products_without_some():
    s = np.array([3.0, 0.0, 2.0, 5.0])
    without = {
        pair: np.prod([x for i, x in enumerate(s) if i not in pair])
        for n in (1, 2)
        for pair in itertools.combinations(range(4), n)
    }
    np.testing.assert_array_equal(_products_without_one(s), [without[i,] for i in range(4)])
    pairs = _products_without_two(s)
    for (i, j), expected in ((p, x) for p, x in without.items() if len(p) == 2):
        assert pairs[i, j] == pairs[j, i] == expected
    np.testing.assert_array_equal(np.diagonal(pairs), 0.0)
    np.testing.assert_array_equal(_products_without_two(s[:1]), [[0.0]])


def test_logarithm_by_its_identity(rng):
    # d log |det A| = tr(A⁻¹ dA)
    a = rng.normal(size=(4, 4))
    x_bar = autodiff.grad(lambda x: np.linalg.slogdet(x)[1])(a)
    np.testing.assert_allclose(x_bar, np.linalg.inv(a).T, rtol=1e-12)


def test_rules_of_complex_matrices(rng, rules_hold):
    for shape in (N, STACK, (1, 1)):
        a = rng.normal(size=shape) + 1j * rng.normal(size=shape)
        for name in ("det", "slogdet", "cofactors"):
            rules_hold(name, a)
        rules_hold("cofactor change", a, a[..., ::-1] + 1)
    a = rng.normal(size=(4, 2)) @ rng.normal(size=(2, 4)) + 1j * np.outer(
        [1, 2, 3, 4], [1, 0, 2, 1]
    )
    rules_hold("cofactors", a)
    rules_hold("det", a)


def test_complex_matrices_in_a_function(rng, agrees, curves, parts):
    def logarithm(a, b):
        sign, logabsdet = np.linalg.slogdet(a + 1j * b)
        return parts(sign * logabsdet)

    agrees(logarithm, *rng.normal(size=(2, 3, 3)))
    curves(logarithm, *rng.normal(size=(2, 3, 3)))
    agrees(lambda a, b: parts(np.linalg.det(a + 1j * b)), *rng.normal(size=(2, 3, 3)))
    curves(lambda a, b: parts(np.linalg.det(a + 1j * b)), *rng.normal(size=(2, 2, 2)))


def test_results_are_numpys_named_tuple(rng):
    kept = []

    def f(x):
        kept.append(np.linalg.slogdet(x))
        return kept[0].logabsdet

    autodiff.grad(f)(rng.normal(size=N))
    assert type(kept[0]) is type(np.linalg.slogdet(np.eye(2)))


@pytest.mark.parametrize("f", [np.linalg.det, lambda x: np.linalg.slogdet(x)[1]])
@pytest.mark.parametrize("singular", [False, True])
def test_float32_is_kept(f, singular, rng):
    x = (np.ones(N) if singular and f is np.linalg.det else rng.normal(size=N)).astype(np.float32)
    value, x_bar = autodiff.value_and_grad(f)(x)
    assert (value.dtype, x_bar.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("f", [np.linalg.det, lambda x: np.linalg.slogdet(x)[1]])
def test_matrices_that_are_not_square_are_refused(f):
    with pytest.raises(np.linalg.LinAlgError, match="square"):
        autodiff.grad(f)(np.ones((2, 3)))


def test_the_logarithm_has_no_derivative_at_a_singular_matrix():
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        autodiff.grad(lambda x: np.linalg.slogdet(x)[1])(np.ones((2, 2)))


@pytest.mark.parametrize("dtype", [np.float32, float, complex])
def test_cofactors_of_two_rows_are_elements(dtype):
    a = np.array([[0.1, 0.3], [0.7, 0.0]], dtype)
    _, pullback = autodiff.vjp(np.linalg.det, np.stack([a, 2 * a]))
    (found,) = pullback(np.array([1, 1], dtype))
    assert found.dtype == a.dtype
    np.testing.assert_array_equal(
        found[1], 2 * np.array([[a[1, 1], -a[1, 0]], [-a[0, 1], a[0, 0]]])
    )
