"""Second derivatives as matrix formulas: how they read, and their numbers."""

import numpy as np
import pytest
import scipy.special

from symdiff import Untraceable, gradient


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def logistic(w, X, y):
    p = sigmoid(X @ w)
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))


N, D = ("n",), ("n", "n")
DATA = {"w": ("d",), "X": ("N", "d"), "y": ("N",)}
CASES = {
    "quadratic form": (lambda x, A: x @ A @ x, "x", {"x": N, "A": D}, "A + Aᵀ"),
    "logistic regression": (logistic, "w", DATA, "Xᵀ Diag(p ∘ (1 − p)) X"),
    "least squares": (lambda w, X, y: np.sum((X @ w - y) ** 2), "w", DATA, "2 Xᵀ X"),
    "log-sum-exp": (lambda x: np.log(np.sum(np.exp(x))), "x", {"x": N}, "Diag(p) (I − 1 pᵀ)"),
    "norm": (lambda x: np.linalg.norm(x), "x", {"x": N}, "(I − x xᵀ/‖x‖²)/‖x‖"),
    "by a matrix": (
        lambda W, X, Y: np.sum((X @ W - Y) ** 2),
        "W",
        {"W": ("d", "k"), "X": ("N", "d"), "Y": ("N", "k")},
        "∂²L/∂W∂W · dW = 2 Xᵀ X dW",
    ),
    "log det": (lambda A: np.linalg.slogdet(A)[1], "A", {"A": D}, "−A⁻ᵀ dAᵀ A⁻ᵀ"),
    "two": (
        lambda x, y, A: x @ A @ y + np.sum(x**2) * np.sum(y),
        ("x", "y"),
        {"x": N, "y": ("m",), "A": ("n", "m")},
        "∂²L/∂y∂x = Aᵀ + 2 1 xᵀ",
    ),
    "network": (
        lambda W, x: np.sum(np.tanh(W @ x) ** 2),
        ("W", "x"),
        {"W": ("k", "n"), "x": N},
        "",
    ),
    "with a scalar": (lambda x, b: np.sum(np.exp(b * x)), ("x", "b"), {"x": N, "b": ()}, ""),
    "neighbours": (lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2), "x", {"x": (4,)}, ""),
    "choices": (
        lambda x: np.sum(np.where(np.abs(x) < 1, x**2 / 2, np.abs(x) - 0.5)),
        "x",
        {"x": N},
        "",
    ),
    "digamma": (lambda x: np.sum(scipy.special.digamma(x**2 + 1)), "x", {"x": N}, "zeta(3, z)"),
    "solve": (lambda x, A: np.exp(x @ np.linalg.solve(A, x)), "x", {"x": N, "A": D}, ""),
    "moments": (lambda x: np.var(x) + np.mean(x) ** 3 + np.median(x) ** 2, "x", {"x": (3,)}, ""),
    "eigenvalues": (lambda A: np.sum(np.linalg.eigvalsh(A) ** 3), "A", {"A": D}, ""),
    "convolution": (
        lambda x, k: np.sum(np.convolve(x, k) ** 2) + np.sum(np.kron(x, k) ** 3),
        ("x", "k"),
        {"x": (4,), "k": (2,)},
        "",
    ),
    "running sums": (lambda x: np.sum(np.cumsum(np.exp(x)) ** 2), "x", {"x": (3,)}, ""),
    "constant": (lambda x, y: np.sum(x) + np.sum(y), ("x", "y"), {"x": N, "y": ()}, ""),
}
LENGTHS = {"n": 3, "m": 2, "N": 5, "d": 3, "k": 2}


def test_every_case_reads_well_and_has_the_right_numbers(rng):
    wrong = []
    for name, (f, wrt, shapes, text) in CASES.items():
        wrt = (wrt,) if isinstance(wrt, str) else wrt
        g = gradient(f, wrt=wrt, strategy="matrix", inputs=shapes)
        h = g.hessian()
        assert text in str(h), name
        assert h.latex()
        point = {
            key: 0.5 * np.asarray(rng.normal(size=[LENGTHS.get(n, n) for n in shape]))
            for key, shape in shapes.items()
        }
        if "A" in point and name != "two":
            point["A"] = point["A"] @ point["A"].T + np.eye(3)
        blocks = h(**point)
        for a in wrt:
            for index in np.ndindex(point[a].shape):
                ends = []
                for step in (1e-6, -1e-6):
                    moved = np.array(point[a])
                    moved[index] += step
                    ends.append(g(**{**point, a: moved}))
                for b in wrt:
                    expected = (np.asarray(ends[0][b]) - np.asarray(ends[1][b])) / 2e-6
                    found = np.asarray(blocks[b][a])[(..., *index)]
                    wrong += [] if np.allclose(found, expected, rtol=1e-5, atol=1e-5) else [name]
        directions = {a: rng.normal(size=point[a].shape) for a in wrt}
        for b, product in h.products(directions, **point).items():
            expected = sum(
                np.tensordot(np.asarray(blocks[b][a]), directions[a], axes=point[a].ndim)
                for a in wrt
            )
            np.testing.assert_allclose(product, expected, rtol=1e-10, atol=1e-12)
    assert not wrong


def test_by_the_eigenvalues_of_a_symmetric_matrix(rng):
    A = rng.normal(size=(3, 3))
    A = A + A.T
    h = gradient(lambda A: np.sum(np.linalg.eigvalsh(A) ** 3), strategy="matrix", A=D).hessian()
    along = rng.normal(size=(3, 3))
    along = along + along.T
    expected = 3 * (A @ along + along @ A)  # of tr(A³), whose gradient is 3 A²
    expected = 2 * np.tril(expected) - np.diag(np.diag(expected))  # of the triangle that is read
    np.testing.assert_allclose(h.products({"A": along}, A=A)["A"], expected, rtol=1e-9)


def test_what_has_no_second_derivative_is_refused():
    for f in (lambda x: np.prod(x), lambda x: np.sum(np.cumprod(x))):
        g = gradient(f, strategy="matrix", x=(3,))
        with pytest.raises(Untraceable, match=r"a second derivative of .*strategy='adjoint'"):
            g.hessian()
    h = gradient(lambda x: x @ x, strategy="matrix", x=N).hessian()
    with pytest.raises(ValueError, match="no derivative by 'y'"):
        h.products({"y": [1.0]}, x=[1.0])
    with pytest.raises(ValueError, match=r"shape \(2,\), not \(1,\)"):
        h.products({"x": [1.0, 2.0]}, x=[1.0])


@pytest.mark.parametrize(
    ("f", "second"),
    [
        (lambda x: np.sum(np.abs(x) ** 2), [2.0, 2.0]),
        (lambda x: np.linalg.norm(x) ** 2, [2.0, 2.0]),
        # No second derivative at 0: a number would be taken for one.
        (lambda x: np.sum(np.abs(x)), [np.nan, 0.0]),
        (lambda x: np.sum(np.maximum(x, 0.0) ** 2), [np.nan, 2.0]),
        (lambda x: np.sum(x * np.abs(x)), [np.nan, 2.0]),
    ],
)
def test_a_kink_is_no_constant(f, second):
    h = gradient(f, strategy="matrix", x=("n",)).hessian()
    np.testing.assert_allclose(h(x=[0.0, 1.0])["x"]["x"], np.diag(second), rtol=1e-14)


def test_singular_vectors_have_no_second_derivative_here():
    def f(A):
        return np.sum(np.linalg.svd(A, compute_uv=False) ** 3)

    with pytest.raises(Untraceable, match=r"derivative of singular vectors.*eigvalsh"):
        gradient(f, strategy="matrix", A=(3, 2)).hessian()
