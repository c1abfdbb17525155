"""Derivatives at repeated and nearly repeated eigenvalues and singular values."""

import numpy as np
import pytest

import autodiff
from autodiff import compile, grad, hessian, hvp, jacobian, jvp, vmap

EYE = np.eye(3)
W = np.array([[0.3, -1.2, 0.5], [0.8, 0.1, 1.5], [-0.7, 0.4, 0.9]])
Q = np.linalg.qr(np.array([[1.0, 2.0, 0.5], [-0.3, 1.0, 1.0], [0.7, -1.0, 2.0]]))[0]
P = np.linalg.qr(W)[0]


def sym(x):
    return (x + np.swapaxes(x, -1, -2)) / 2


def turned(*w):
    return sym(Q @ np.diag(w) @ Q.T)


POINTS = {
    "identity": EYE,
    "a multiple": 2 * EYE,
    "a pair": np.diag([4.0, 1.0, 1.0]),
    "a pair, turned": turned(4.0, 1.0, 1.0),
    "equal to 1e-12": turned(1.0, 1 + 1e-12, 3.0),
    "equal to 1e-9": turned(1.0, 1 + 1e-9, 3.0),
    "equal to 1e-7": np.diag([1.0, 1 + 1e-7, 3.0]),
    "equal to 5e-6": turned(1.0, 1 + 5e-6, 3.0),
    "equal to 1e-4": turned(1.0, 1 + 1e-4, 3.0),
    "apart": turned(1.0, 2.0, 3.5),
}


def by_eigh(f):
    def function(a):
        w, v = np.linalg.eigh(sym(a))
        return (v * f(w)) @ v.T

    return function


def by_diag(f):
    def function(a):
        w, v = np.linalg.eigh(sym(a))
        return v @ np.diag(f(w)) @ v.T

    return function


def by_einsum(f):
    def function(a):
        w, v = np.linalg.eigh(sym(a))
        return np.einsum("ij,j,kj->ik", v, f(w), v)

    return function


def by_eig(f):
    def function(a):
        w, v = np.linalg.eig(sym(a))
        return np.real((v * f(w)) @ np.linalg.inv(v))

    return function


#: Function of the eigenvalues, and its derivative.
SCALAR = {
    "square root": (np.sqrt, lambda w: 0.5 / np.sqrt(w)),
    "logarithm": (np.log, lambda w: 1 / w),
    "exponential": (np.exp, np.exp),
    "inverse": (lambda w: 1 / w, lambda w: -1 / w**2),
    "itself": (lambda w: w, np.ones_like),
    "inverse root": (lambda w: w**-0.5, lambda w: -0.5 * w**-1.5),
}


def divided(f, df, x, y):
    """Return the divided difference by a Gauss-Legendre mean of the derivative."""
    t, weights = np.polynomial.legendre.leggauss(40)
    return np.sum(weights / 2 * df(y + (x - y) * (t + 1) / 2))


def daleckii_krein(f, df, a, direction):
    """Return the derivative of a matrix function, in the basis of its vectors."""
    w, v = np.linalg.eigh(a)
    weights = np.array([[divided(f, df, x, y) for y in w] for x in w])
    return v @ (weights * (v.T @ direction @ v)) @ v.T


@pytest.mark.each(
    ("name", "form"),
    [
        *((name, by_eigh) for name in SCALAR),
        *(("square root", form) for form in (by_diag, by_einsum, by_eig)),
    ],
)
@pytest.mark.each("point", POINTS)
@pytest.mark.sampled(3)
def test_matrix_functions(name, point, form):
    f, df = SCALAR[name]
    a = POINTS[point]
    function = form(f)
    expected = daleckii_krein(f, df, a, sym(W))
    gradient = grad(lambda a: np.sum(function(a) * W))(a)
    # Between 1e-6 and 1e-4 the vectors themselves lose digits to the gap.
    np.testing.assert_allclose(gradient, expected, rtol=1e-8, atol=1e-9)
    tangent = jvp(function, (a,), (W,))[1]
    np.testing.assert_allclose(tangent, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.each("point", ["identity", "a pair, turned", "equal to 1e-7", "apart"])
@pytest.mark.each("name", ["square root", "exponential", "inverse"])
@pytest.mark.sampled(5)
def test_second_derivatives_of_matrix_functions(name, point):
    f, df = SCALAR[name]
    a, function = POINTS[point], by_eigh(f)
    got = hvp(lambda a: np.sum(function(a) * W), (a,), (W,))
    # The derivative is smooth, so that its central differences are right to h⁴.
    h, d = 1e-3, sym(W)
    slopes = [daleckii_krein(f, df, a + k * h * d, d) for k in (-2, -1, 1, 2)]
    expected = (slopes[0] - 8 * slopes[1] + 8 * slopes[2] - slopes[3]) / (12 * h)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    if point == "identity":
        reverse = grad(lambda x: np.sum(grad(lambda a: np.sum(function(a) * W))(x) * W))(a)
        np.testing.assert_allclose(reverse, got, rtol=1e-9, atol=1e-9)


def test_second_and_third_derivatives_of_traces():
    d = sym(W)

    def log_det(a):
        return np.sum(np.log(np.linalg.eigvalsh(a)))

    # d² = -tr(D²) and d³ = 2 tr(D³) at the identity.
    first = [lambda t: log_det(EYE + t * d)]
    for expected in (np.trace(d), -np.trace(d @ d), 2 * np.trace(d @ d @ d)):
        first.append(grad(first[-1]))
        np.testing.assert_allclose(first[-1](0.0), expected, rtol=1e-10)
    H = hessian(lambda a: np.sum(by_eigh(lambda w: w)(a) ** 2))(EYE).reshape(9, 9)
    swapped = np.eye(9).reshape(3, 3, 3, 3).transpose(1, 0, 2, 3).reshape(9, 9)
    np.testing.assert_allclose(H, np.eye(9) + swapped, atol=1e-10)
    # Of the function itself no more than two are known.
    third = grad(grad(grad(lambda t: np.sum(by_eigh(np.sqrt)(EYE + t * d) * W))))
    assert np.isnan(third(0.0))


def by_svd(f, full):
    def function(a):
        u, s, vh = np.linalg.svd(a, full_matrices=full)
        k = len(s)
        return (u[:, :k] * f(s)) @ vh[:k]

    return function


@pytest.mark.each("full", [True, False])
@pytest.mark.each("shape", [(3, 3), (4, 2), (2, 4)])
@pytest.mark.each("kind", ["zero", "eye", "turned", "rank 1", "one zero"])
def test_functions_of_singular_values(kind, shape, full, rng):
    m, n = shape
    u, v = (np.linalg.qr(rng.normal(size=(k, k)))[0] for k in shape)
    a = {
        "zero": np.zeros(shape),
        "eye": np.eye(m, n),
        "turned": u @ (2 * np.eye(m, n)) @ v,
        "rank 1": np.outer(np.arange(1.0, m + 1), np.ones(n)),
        "one zero": np.eye(m, n) * np.r_[1.0, np.zeros(n - 1)],
    }[kind]
    weights, d = rng.normal(size=(2, m, n))
    for power in (1, 3):
        function = by_svd(lambda s, power=power: s**power, full)
        gradient = grad(lambda a, f=function: np.sum(f(a) * weights))(a)
        tangent = jvp(function, (a,), (d,))[1]
        # A, and A Aᵀ A.
        expected, along = weights, d
        if power == 3:
            expected = weights @ a.T @ a + a @ weights.T @ a + a @ a.T @ weights
            along = d @ a.T @ a + a @ d.T @ a + a @ a.T @ d
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(tangent, along, rtol=1e-9, atol=1e-9)


def test_what_is_made_of_singular_vectors():
    a = Q @ np.diag([2.0, 1.0, 1.0]) @ P
    u, s, vh = np.linalg.svd(a)
    # The polar factor: Ω with u Ω vh, Ω_ij = (B - Bᵀ)_ij / (s_i + s_j), B = uᵀ W v.
    b = u.T @ W @ vh.T
    expected = u @ ((b - b.T) / (s[:, None] + s)) @ vh

    def polar(a):
        u, _, vh = np.linalg.svd(a)
        return u @ vh

    np.testing.assert_allclose(jvp(polar, (a,), (W,))[1], expected, atol=1e-12)
    np.testing.assert_allclose(grad(lambda a: np.sum(polar(a) * W))(a), expected, atol=1e-12)
    assert np.isnan(grad(lambda a: np.sum(polar(a) * W))(np.diag([1.0, 1.0, 0.0]))).all()
    inverse = np.linalg.inv(a)

    def pinv(a):
        u, s, vh = np.linalg.svd(a)
        return (vh.T / s) @ u.T

    np.testing.assert_allclose(
        jvp(pinv, (a,), (W,))[1], -inverse @ W @ inverse, rtol=1e-10, atol=1e-12
    )
    H = hessian(lambda a: np.sum(by_svd(lambda s: s, True)(a) ** 2))(np.diag([1.0, 1.0, 2.0]))
    np.testing.assert_allclose(H.reshape(9, 9), 2 * np.eye(9), atol=1e-9)
    H = hessian(lambda a: np.linalg.norm(a, "nuc"))(2 * EYE).reshape(9, 9)
    # Of the sum of singular values: the derivative of the polar factor.
    columns = [jvp(polar, (2 * EYE,), (e.reshape(3, 3),))[1].ravel() for e in np.eye(9)]
    np.testing.assert_allclose(H, columns, atol=1e-10)


@pytest.mark.each(
    "f",
    [
        lambda a: np.linalg.eigh(a)[1][0, 0],
        lambda a: np.sum(np.linalg.eigh(a)[1][:, 0] * np.arange(3.0)),
        lambda a: np.sum(np.outer(np.linalg.eigh(a)[1][:, 0], np.linalg.eigh(a)[1][:, 0]) * W),
        lambda a: np.linalg.svd(a)[0][0, 1],
        lambda a: np.linalg.svd(a)[2][2, 2],
        lambda a: np.real(np.linalg.eig(a)[1][0, 1]),
        lambda a: np.sum(by_eigh(np.sqrt)(a) * W) + np.linalg.eigh(a)[1][1, 1],
    ],
)
@pytest.mark.each("a", [EYE, turned(2.0, 2.0, 2.0)])
def test_what_depends_on_the_choice_of_vectors_has_no_derivative(f, a):
    np.testing.assert_array_equal(grad(f)(a), np.nan)
    assert np.isnan(jvp(f, (a,), (sym(W),))[1])


def test_what_depends_on_single_vectors_has_one():
    a = turned(1.0, 1.0, 5.0)

    def f(a):
        v = np.linalg.eigh(sym(a))[1][:, 2]
        return np.sum(np.outer(v, v) * W)

    # The projector on the space of one value, by the resolvent of the others.
    v = np.linalg.eigh(a)[1][:, 2]
    rest = (EYE - np.outer(v, v)) / 4
    expected = sym(rest @ (W + W.T) @ np.outer(v, v))
    np.testing.assert_allclose(grad(f)(a), expected, atol=1e-12)


def test_a_covariance_at_the_identity():
    x = np.sqrt(2) * np.concatenate([EYE, -EYE])
    d = np.arange(18.0).reshape(6, 3) / 7

    def whitening(x):
        return by_eigh(lambda w: w**-0.5)(x.T @ x / 4)

    # C^(-1/2) changes by -dC/2 at the identity.
    change = -(d.T @ x + x.T @ d) / 8
    np.testing.assert_allclose(jvp(whitening, (x,), (d,))[1], change, atol=1e-12)
    for transform in (jacobian, lambda f: jacobian(f, mode="fwd")):
        np.testing.assert_allclose(
            np.einsum("ijkl,kl->ij", transform(whitening)(x), d), change, atol=1e-12
        )


@pytest.mark.parametrize("form", [by_eigh, by_eig])
def test_functions_of_functions(form):
    def f(a):
        return np.sum(by_eigh(np.log)(form(np.exp)(a)) * W)

    for point in ("identity", "a pair, turned"):
        np.testing.assert_allclose(grad(f)(POINTS[point]), sym(W), atol=1e-8)


@pytest.mark.parametrize("form", [by_eigh, by_einsum, by_eig])
def test_plans_and_graphs(form):
    def f(a):
        return np.sum(form(np.exp)(a) * W)

    compiled = compile(grad(f))
    graph = autodiff.trace(f, EYE)
    graph.forward(EYE)
    np.testing.assert_allclose(graph.backward()["a"], grad(f)(EYE), atol=1e-12)
    for point in ("apart", "identity", "a pair, turned", "apart"):
        a = POINTS[point]
        np.testing.assert_allclose(compiled(a), grad(f)(a), atol=1e-10)


def test_stacks_and_batches():
    stack = np.stack([EYE, turned(1.0, 2.0, 3.0), np.diag([2.0, 2.0, 3.0])])

    def f(a):
        w, v = np.linalg.eigh(sym(a))
        return np.sum((v * np.sqrt(w)[..., None, :]) @ np.swapaxes(v, -1, -2) * W)

    expected = np.stack([grad(f)(a) for a in stack])
    np.testing.assert_allclose(grad(f)(stack), expected, atol=1e-12)
    np.testing.assert_allclose(vmap(grad(f))(stack), expected, atol=1e-12)
    got = grad(f)(stack.astype(np.float32))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-3)


def test_complex_matrices(rng):
    z, d = rng.normal(size=(2, 3, 3)) + 1j * rng.normal(size=(2, 3, 3))
    q = np.linalg.qr(z)[0]
    d = d + np.conj(d.T)

    def power(a, s):
        w, v = np.linalg.eigh(a)
        return (v * np.exp(s * w)) @ np.conj(v.T)

    for w in ([1.0, 1.0, 1.0], [1.0, 1.0, 3.0]):
        a = q @ np.diag(w) @ np.conj(q.T)

        def f(t, a=a):
            m = a + t * d
            w, v = np.linalg.eigh((m + np.conj(m.T)) / 2)
            return np.real(np.sum((v * np.exp(w)) @ np.conj(v.T) * z))

        # The derivative of the exponential, by its integral.
        t, weights = np.polynomial.legendre.leggauss(30)
        part = [
            weight * power(a, (1 + s) / 2) @ d @ power(a, (1 - s) / 2)
            for s, weight in zip(t, weights / 2, strict=True)
        ]
        expected = np.real(np.sum(sum(part) * z))
        np.testing.assert_allclose(grad(f)(0.0), expected, rtol=1e-9)
        np.testing.assert_allclose(jvp(f, (0.0,), (1.0,))[1], expected, rtol=1e-9)


def test_least_squares_of_an_orthonormal_matrix():
    def f(a):
        return np.sum(np.linalg.lstsq(a, W, rcond=None)[0])

    # -A⁻¹ dA A⁻¹ W at the identity.
    np.testing.assert_allclose(grad(f)(EYE), -np.ones((3, 1)) * W.sum(axis=1), atol=1e-12)
    got = hvp(f, (EYE,), (W,))
    one = np.ones((3, 1))
    expected = W.T @ one @ (W @ np.ones((3, 1))).T + one @ (W @ W @ np.ones((3, 1))).T
    np.testing.assert_allclose(got, expected, atol=1e-10)
