"""The singular value decomposition, condition numbers and ranks."""

import numpy as np
import pytest

import autodiff

SHAPES = [(3, 3), (4, 2), (2, 4), (2, 1, 3, 2), (1, 1), (3, 1), (1, 3)]


def separated(x):
    """Return matrices whose singular values are far apart."""
    m, n = np.shape(x)[-2:]
    return 0.4 * x + 2.0 * np.eye(m, n) * (1 + np.arange(n))


def symmetric(x):
    return x + np.conj(np.swapaxes(x, -1, -2))


def thin(x, **kwargs):
    """Return U, the singular values and V, joined."""
    u, s, vh = np.linalg.svd(separated(x), full_matrices=False, **kwargs)
    return np.concatenate([u, s[..., None, :], np.swapaxes(vh, -1, -2)], axis=-2)


#: For each function calls, with the shapes of their arguments.
CALLS = {
    np.linalg.svd: [
        *((thin, [shape]) for shape in SHAPES),
        (lambda x: thin(x, hermitian=True), [(3, 3)]),
        (lambda x: np.linalg.svd(separated(x))[0], [(3, 3)]),
        (lambda x: np.linalg.svd(separated(x)).Vh, [(3, 3)]),
        (lambda x: np.linalg.svd(separated(x)).S, [(4, 2)]),
        (lambda x: np.linalg.svd(separated(x))[0][:, :2], [(4, 2)]),
        (lambda x: np.linalg.svd(separated(x), True, False), [(2, 4)]),
        (lambda x: np.linalg.svd(x, compute_uv=False), [(2, 4, 3)]),
        (lambda x: np.linalg.svd(symmetric(x), compute_uv=False, hermitian=True), [(3, 3)]),
        (lambda x: np.linalg.svd(x, full_matrices=False)[1], [(0, 3)]),
    ],
    np.linalg.svdvals: [
        (lambda x: np.linalg.svdvals(x), [(3, 2)]),
        (lambda x: np.linalg.svdvals(x), [(2, 3, 3)]),
    ],
    np.linalg.cond: [
        *((lambda x, p=p: np.linalg.cond(separated(x), p), [(3, 3)]) for p in (None, 2, -2, "fro")),
        (lambda x: np.linalg.cond(separated(x)), [(4, 2)]),
        (lambda x: np.linalg.cond(separated(x)), [(2, 3, 3)]),
    ],
    np.linalg.matrix_rank: [
        (lambda x: x * np.linalg.matrix_rank(x), [(3, 2)]),
        (lambda x: x[..., 0] * np.linalg.matrix_rank(x, hermitian=True)[..., None], [(2, 3, 3)]),
        (lambda x: x * np.linalg.matrix_rank(x, 1e-3), [(3, 2)]),
        (lambda x: x * np.linalg.matrix_rank(x, rtol=1e-3), [(3, 2)]),
        (lambda x: x * np.linalg.matrix_rank(x), [(3,)]),
    ],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape) for shape in shapes))


@pytest.mark.parametrize("p", [1, -1, np.inf, -np.inf, "nuc"])
def test_condition_numbers_of_other_norms(p, rng, agrees):
    agrees(lambda x: np.linalg.cond(separated(x), p), rng.normal(size=(3, 3)))


def test_by_hand():
    # The singular value of a column is its length.
    x_bar = autodiff.grad(lambda x: np.linalg.svdvals(x)[0])(np.array([[3.0], [4.0]]))
    np.testing.assert_allclose(x_bar, [[0.6], [0.8]], rtol=1e-14)
    # That of a diagonal matrix moves with its own element, and its vectors turn towards others:
    # u is (1, 0), and the second element changes by a[1, 0] with s0 / (s0² - s1²) = 3/8.
    a = np.diag([3.0, 1.0])
    a_bar = autodiff.grad(lambda a: np.abs(np.linalg.svd(a)[0][1, 0] + 1e-3))(a)
    np.testing.assert_allclose(np.abs(a_bar), [[0.0, 1 / 8], [3 / 8, 0.0]], atol=1e-15)


def test_the_nuclear_norm_by_its_identity(rng):
    # d sum s = tr(U Vᵀ dA), also where singular values are equal.
    for a in (rng.normal(size=(4, 3)), np.eye(4, 3), np.diag([2.0, 2.0, 1.0])):
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        a_bar = autodiff.grad(lambda a: np.sum(np.linalg.svdvals(a)))(a)
        np.testing.assert_allclose(a_bar, u @ vh, rtol=1e-12, atol=1e-14)


def test_further_columns_are_right_in_functions_of_their_space(rng, slope):
    for shape in [(4, 2), (2, 4)]:
        weights = rng.normal(size=(4, 4))

        def f(x, weights=weights):
            u, _, vh = np.linalg.svd(x)
            null = u[:, 2:] if len(u) == 4 else np.conj(vh[2:]).T
            return np.sum(weights * np.real(null @ np.conj(null).T))

        def g(a, b, f=f):
            return f(a + 1j * b)

        x = rng.normal(size=shape)
        (d,), expected = slope(f, [x])
        np.testing.assert_allclose(np.sum(autodiff.grad(f)(x) * d), expected, rtol=1e-7)
        args = rng.normal(size=(2, *shape))
        directions, expected = slope(g, args)
        found = sum(
            np.sum(x_bar * d)
            for x_bar, d in zip(autodiff.grad(g, (0, 1))(*args), directions, strict=True)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-7)


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (5, 2)])
def test_rules_of_full_matrices_are_each_others_transposes(shape, rng):
    # Their further columns have no central difference, but both rules mean the same derivative.
    from autodiff.core.primitive import PRIMITIVES

    svd, params = PRIMITIVES["svd"], {"full_matrices": True, "hermitian": False}
    for imaginary in (0, 1j):
        a, a_dot = (rng.normal(size=shape) + imaginary * rng.normal(size=shape) for _ in range(2))
        out = svd.function(a, **params)
        g = rng.normal(size=out.shape) + imaginary * rng.normal(size=out.shape)
        pulled = np.sum(svd.vjp(0)(g, out, a, **params) * a_dot).real
        pushed = np.sum(svd.jvp(0)(a_dot, out, a, **params) * g).real
        np.testing.assert_allclose(pulled, pushed, rtol=1e-12)


def complex_normal(rng, shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


# Vectors of matrices much wider than high, such as (2, 4), LAPACK leaves without real elements.
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (3, 4), (2, 1, 3, 2), (1, 1), (1, 3), (5, 2)])
def test_rules_of_complex_matrices(shape, rng, rules_hold):
    rules_hold("svd", separated(complex_normal(rng, shape)), full_matrices=False, hermitian=False)


def test_rules_of_hermitian_matrices(rng, rules_hold):
    for a in (rng.normal(size=(3, 3)), complex_normal(rng, (3, 3))):
        rules_hold("svd", separated(a), full_matrices=False, hermitian=True)
        mirrored = symmetric(separated(a))
        rules_hold("svd", mirrored, full_matrices=False, hermitian=True, along=symmetric)


def test_functions_that_do_not_depend_on_phases(rng, agrees, parts):
    # LAPACK leaves no element real in vectors of a matrix much wider than high.
    for shape in [(2, 9), (9, 2), (3, 3)]:

        def f(a, b):
            u, s, vh = np.linalg.svd(a + 1j * b, full_matrices=False)
            return parts((u * np.exp(-s)) @ vh)

        agrees(f, *rng.normal(size=(2, *shape)))


def test_equal_and_zero_singular_values_leave_functions_of_their_space_right(rng):
    x, d = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    weights = rng.normal(size=(4, 4))

    def f(x):
        # Of rank 2, so that two singular values are zero but for rounding.
        u = np.linalg.svd(x @ x.T)[0][:, :2]
        return np.sum(weights * (u @ u.T))

    expected = (f(x + 1e-6 * d) - f(x - 1e-6 * d)) / 2e-6
    np.testing.assert_allclose(np.sum(autodiff.grad(f)(x) * d), expected, rtol=1e-7)
    # An element of the basis is another in every basis: there is no derivative.
    for a in (np.eye(4), np.zeros((4, 4))):
        a_bar = autodiff.grad(lambda a: np.sum(weights * np.linalg.svd(a)[0]))(a)
        np.testing.assert_array_equal(a_bar, np.nan)


def test_second_derivatives(rng, curves, parts):
    curves(thin, rng.normal(size=(3, 3)))
    curves(thin, rng.normal(size=(4, 2)))
    curves(thin, rng.normal(size=(2, 3)))
    curves(np.linalg.svdvals, separated(rng.normal(size=(3, 3))))
    curves(lambda a, b: parts(thin(a + 1j * b)), *rng.normal(size=(2, 3, 2)))
    curves(lambda x: np.linalg.cond(separated(x)), rng.normal(size=(3, 3)))


def test_results_are_numpys_named_tuple():
    kept = []

    def f(x):
        kept.append(np.linalg.svd(x))
        return np.sum(kept[0].S)

    autodiff.grad(f)(np.diag([1.0, 2.0]))
    assert type(kept[0]) is type(np.linalg.svd(np.eye(2)))


def test_float32_is_kept(rng):
    x = rng.normal(size=(4, 3)).astype(np.float32)
    for i in range(3):
        out, pullback = autodiff.vjp(lambda x, i=i: np.linalg.svd(x, False)[i], x)
        assert (out.dtype, pullback(out)[0].dtype) == (np.float32, np.float32)


def test_a_singular_matrix_has_an_infinite_condition_number():
    value = autodiff.vjp(np.linalg.cond, np.diag([1.0, 0.0]))[0]
    assert value == np.linalg.cond(np.diag([1.0, 0.0])) == np.inf
    with pytest.raises(np.linalg.LinAlgError, match="empty"):
        autodiff.vjp(np.linalg.cond, np.ones((0, 2)))


def test_tolerances_are_plain_numbers():
    with pytest.raises(autodiff.LostDerivative, match="matrix_rank: tol is a tensor"):
        autodiff.grad(lambda x: np.sum(x) * np.linalg.matrix_rank(x, x[0, 0]))(np.eye(2))
