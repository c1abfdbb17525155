"""Eigenvalues and eigenvectors, Hermitian and general."""

import numpy as np
import pytest

import autodiff

N, STACK = (3, 3), (2, 1, 3, 3)


def symmetric(x):
    return x + np.conj(np.swapaxes(x, -1, -2))


def separated(x):
    """Return matrices whose eigenvalues are real and far apart."""
    return 0.4 * x + np.diag(3.0 * np.arange(np.shape(x)[-1]))


#: For each function calls, with the shapes of their arguments.
CALLS = {
    np.linalg.eigh: [
        *(
            (lambda x, i=i, s=s, u=u: np.linalg.eigh(symmetric(separated(x)), *u)[i], [s])
            for i in (0, 1)
            for s in (N, STACK, (1, 1), (0, 2, 2))
            for u in ((), ("U",))
        ),
        (lambda x: np.linalg.eigh(separated(x)).eigenvectors, [N]),
        (lambda x: np.linalg.eigh(separated(x), UPLO="u").eigenvalues, [N]),
        (lambda x: np.linalg.eigh(np.tril(separated(x))).eigenvectors, [N]),
        (lambda x: np.linalg.eigh(x)[0], [(0, 0)]),
    ],
    np.linalg.eigvalsh: [
        (lambda x: np.linalg.eigvalsh(symmetric(x)), [N]),
        (lambda x: np.linalg.eigvalsh(separated(x), "U"), [STACK]),
        (lambda x: np.linalg.eigvalsh(x), [(0, 0)]),
    ],
    np.linalg.eig: [
        (lambda x: np.linalg.eig(separated(x))[0], [N]),
        (lambda x: np.linalg.eig(separated(x)).eigenvectors, [STACK]),
        (lambda x: np.linalg.eig(separated(x))[1], [(1, 1)]),
        (lambda x: np.linalg.eig(x)[0], [(0, 0)]),
    ],
    np.linalg.eigvals: [
        (lambda x: np.linalg.eigvals(separated(x)), [N]),
        (lambda x: np.linalg.eigvals(separated(x)), [STACK]),
    ],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape) for shape in shapes))


def test_two_by_two_by_hand():
    # ((a, b), (b, c)) at a = c = 2, b = 1: eigenvalues 1 and 3, vectors (1, ∓1)/√2. The larger
    # eigenvalue moves by vᵀ dA v, a quarter... of each element: all are v[i] v[j] = 1/2.
    a = np.array([[2.0, 1.0], [1.0, 2.0]])
    a_bar = autodiff.grad(lambda a: np.linalg.eigvalsh(a)[1])(a)
    np.testing.assert_allclose(a_bar, np.full((2, 2), 0.5), rtol=1e-14)
    # Eigenvalues of ((a, b), (c, d)) at (0, 1; 4, 0) are ±2: by a and d they move by 1/2, by b and
    # c by c/4 and b/4, with the sign of the eigenvalue.
    a = np.array([[0.0, 1.0], [4.0, 0.0]])
    a_bar = autodiff.grad(lambda a: np.max(np.linalg.eigvals(a)))(a)
    np.testing.assert_allclose(a_bar, [[0.5, 1.0], [0.25, 0.5]], rtol=1e-14)


def test_where_elements_mirror_each_other_they_share_the_derivative(rng):
    a, weights = symmetric(rng.normal(size=N)), rng.normal(size=N)
    d = symmetric(rng.normal(size=N))
    for uplo in "LU":

        def f(a, uplo=uplo):
            w, v = np.linalg.eigh(a, uplo)
            return np.sum(weights * v**2 * w)

        a_bar = autodiff.grad(f)(a)
        np.testing.assert_array_equal(a_bar, a_bar.T)
        expected = (f(a + 1e-6 * d) - f(a - 1e-6 * d)) / 2e-6
        np.testing.assert_allclose(np.sum(a_bar * d), expected, rtol=1e-7)


def test_sums_over_the_eigenvalues_by_their_identities(rng):
    # sum w³ = tr A³, whose gradient is 3 A²; also where eigenvalues are equal.
    q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    for w in ([1.0, 2.0, 3.0, 5.0], [1.0, 2.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0]):
        a = q * w @ q.T
        a = (a + a.T) / 2
        for f in (np.linalg.eigvalsh, lambda a: np.linalg.eigh(a)[0]):
            a_bar = autodiff.grad(lambda a, f=f: np.sum(f(a) ** 3))(a)
            np.testing.assert_allclose(a_bar, 3 * a @ a, rtol=1e-12, atol=1e-13)


def test_equal_eigenvalues_leave_functions_of_their_space_right(rng):
    # The projector on the space of the double eigenvalue is smooth, its basis is not.
    q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    a = symmetric(q * [1.0, 2.0, 2.0, 7.0] @ q.T) / 2
    weights, d = rng.normal(size=(4, 4)), symmetric(rng.normal(size=(4, 4)))

    def f(a):
        v = np.linalg.eigh(a)[1][:, 1:3]
        return np.sum(weights * (v @ v.T))

    a_bar = autodiff.grad(f)(a)
    expected = (f(a + 1e-6 * d) - f(a - 1e-6 * d)) / 2e-6
    np.testing.assert_allclose(np.sum(a_bar * d), expected, rtol=1e-7)
    a_bar = autodiff.grad(lambda a: np.sum(np.linalg.eigh(a)[1] * weights))(np.eye(4))
    # An element of the basis is another in every basis: there is no derivative.
    np.testing.assert_array_equal(a_bar, np.full((4, 4), np.nan))


def complex_normal(rng, shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


@pytest.mark.parametrize("shape", [(1, 1), N, STACK, (0, 2, 2)])
def test_rules_of_complex_matrices(shape, rng, rules_hold):
    for uplo in "LU":
        rules_hold("eigh", separated(complex_normal(rng, shape)), UPLO=uplo)
        mirrored = symmetric(separated(complex_normal(rng, shape)))
        rules_hold("eigh", mirrored, UPLO=uplo, along=symmetric)
    rules_hold("eig", separated(complex_normal(rng, shape)))


def test_real_matrices_with_complex_eigenvalues(rng, rules_hold, agrees, parts):
    turned = np.array([[1.0, -2.0], [1.5, 1.5]])
    rules_hold("eig", turned)
    a = np.block([[turned, np.ones((2, 1))], [np.full((1, 2), 0.3), 5.0]])
    rules_hold("eig", a)
    agrees(lambda x: parts(np.linalg.eig(x + a)[1]), 0.1 * rng.normal(size=N))
    agrees(lambda x: parts(np.linalg.eigvals(x + a)), 0.1 * rng.normal(size=N))
    # Twice the real part of the pair is the trace of the block.
    a_bar = autodiff.grad(lambda x: np.real(np.linalg.eigvals(x)[0]))(turned)
    np.testing.assert_allclose(a_bar, np.eye(2) / 2, atol=1e-14)
    # A rotation's vectors have elements of equal size: which one is real may change.
    rotation = np.array([[0.0, -1.0], [1.0, 0.0]])
    agrees(lambda x: np.abs(np.linalg.eig(x + rotation)[1]), 0.1 * rng.normal(size=(2, 2)))
    x_bar = autodiff.grad(lambda x: np.sum(np.abs(np.linalg.eig(x)[1])[0]))(rotation)
    # At ((0, -1 - e), (1, 0)) they are (i sqrt(1 + e), 1) / sqrt(2 + e).
    np.testing.assert_allclose(x_bar[0, 1], -1 / np.sqrt(2) / 2, rtol=1e-14)


def test_complex_matrices_in_a_function(rng, agrees, curves, parts):
    def general(a, b):
        w, v = np.linalg.eig(separated(a) + 1j * b)
        return parts(v * w)

    def hermitian(a, b):
        w, v = np.linalg.eigh(symmetric(separated(a) + 1j * b))
        return parts(v * w)

    for f in (general, hermitian):
        agrees(f, *rng.normal(size=(2, 3, 3)))
        curves(f, *rng.normal(size=(2, 3, 3)))


def test_functions_that_do_not_depend_on_phases_lose_no_digits(rng):
    # Blocks leave zeros where LAPACK would fix the phases, or numbers as small as rounding errors.
    a = symmetric(separated(complex_normal(rng, (4, 4))))
    a[0, 1:] = a[1:, 0] = 0
    a[1:, 0] = 1e-17
    weights, d = rng.normal(size=(4, 4)), symmetric(complex_normal(rng, (4, 4)))

    def f(a):
        v = np.linalg.eigh(a)[1]
        return np.sum(weights * np.real(v * np.conj(v)))

    a_bar = autodiff.grad(f)(a)
    expected = (f(a + 1e-6 * d) - f(a - 1e-6 * d)) / 2e-6
    np.testing.assert_allclose(np.sum(a_bar * d).real, expected, rtol=1e-6)


def test_second_derivatives(rng, curves):
    curves(lambda x: np.linalg.eigh(symmetric(separated(x)))[1], rng.normal(size=N))
    curves(np.linalg.eigvalsh, separated(rng.normal(size=N)))
    curves(lambda x: np.linalg.eig(separated(x))[1], rng.normal(size=N))
    curves(lambda x: np.linalg.eigvals(separated(x)), rng.normal(size=N))


def test_results_are_numpys_named_tuples(rng):
    for f in (np.linalg.eigh, np.linalg.eig):
        kept = []

        def g(x, f=f, kept=kept):
            kept.append(f(x))
            return np.sum(kept[0].eigenvalues)

        autodiff.grad(g)(np.diag([1.0, 2.0]))
        assert type(kept[0]) is type(f(np.eye(2)))


def test_types_are_numpys(rng):
    real, turned = np.diag([1.0, 2.0]), np.array([[0.0, 1.0], [-1.0, 0.0]])
    for x in (real, turned, real + 0j, real.astype(np.float32), turned.astype(np.float32)):
        for f in (np.linalg.eigh, np.linalg.eig):
            plain, kept = f(x), []

            def g(x, f=f, kept=kept):
                kept.extend(y.dtype for y in f(x))
                return np.sum(np.real(f(x)[0]))

            assert autodiff.grad(g)(x).dtype == x.dtype
            assert kept == [y.dtype for y in plain]


def test_a_graph_of_real_eigenvalues_is_not_run_where_they_are_complex():
    graph = autodiff.trace(np.linalg.eigvals, np.diag([1.0, 2.0]))
    np.testing.assert_array_equal(graph.forward(np.diag([3.0, 5.0])), [3.0, 5.0])
    with pytest.raises(autodiff.BranchChanged):
        graph.forward(np.array([[0.0, 1.0], [-1.0, 0.0]]))


@pytest.mark.parametrize("f", [np.linalg.eigh, np.linalg.eig], ids=lambda f: f.__name__)
def test_what_is_refused(f):
    with pytest.raises(np.linalg.LinAlgError, match="square"):
        autodiff.grad(lambda x: np.sum(f(x)[0]))(np.ones((2, 3)))
    with pytest.raises(ValueError, match="UPLO"):
        autodiff.grad(lambda x: np.sum(np.linalg.eigvalsh(x, "X")))(np.eye(2))


def test_a_matrix_without_a_basis_of_vectors_has_no_derivative():
    def squares(a):
        return np.real(np.sum(np.linalg.eigvals(a) ** 2))

    jordan = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    turn = np.array([[1.0, 0.3, -0.2], [0.4, 1.0, 0.7], [0.2, -0.5, 1.3]])
    assert np.isnan(autodiff.grad(squares)(jordan)).all()
    assert np.isnan(autodiff.jvp(squares, (jordan,), (turn,))[1])
    # Rounding parts the values: half of the digits are left, and none in a second derivative.
    near = turn @ jordan @ np.linalg.inv(turn)
    np.testing.assert_allclose(autodiff.grad(squares)(near), 2 * near.T, rtol=1e-5, atol=1e-5)
    assert np.isnan(autodiff.hvp(squares, (near,), (turn,))).all()
    np.testing.assert_allclose(autodiff.hvp(squares, (turn,), (turn,)), 2 * turn.T, rtol=1e-9)
