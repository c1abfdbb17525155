"""Formulas as a person writes them: transposes of products turned around, quotients cancelled."""

import numpy as np
import pytest

from symdiff import gradient

det, inv, norm, tr = np.linalg.det, np.linalg.inv, np.linalg.norm, np.trace
SQUARE = {"X": ("n", "n")}

#: The function, shapes, by what, and the derivative as it is printed.
CASES = {
    "Cookbook 77": (
        lambda X, b, c: b @ X.T @ X @ c,
        {"X": ("m", "n"), "b": ("n",), "c": ("n",)},
        "X",
        "X (b cᵀ + c bᵀ)",
    ),
    "Cookbook 113": (
        lambda X, B, C: tr(X.T @ B @ X @ C),
        {"X": ("m", "n"), "B": ("m", "m"), "C": ("n", "n")},
        "X",
        "B X C + Bᵀ X Cᵀ",
    ),
    "entropy": (lambda p: -np.sum(p * np.log(p)), {"p": ("n",)}, "p", "−t − 1"),
    "power of a determinant": (lambda X: det(X) ** 3, SQUARE, "X", "3 s X⁻ᵀ"),
    "quotient of a determinant": (lambda X, k: k / det(X), SQUARE | {"k": ()}, "X", "−q X⁻ᵀ"),
    "log of an inverse": (lambda X: np.log(det(inv(X))), SQUARE, "X", "−X⁻ᵀ"),
    "sign and log of an inverse": (
        lambda X: np.linalg.slogdet(inv(X))[1],
        SQUARE,
        "X",
        "−X⁻ᵀ",
    ),
    "divergence by the first": (
        lambda p, q: np.sum(p * np.log(p / q)),
        {"p": ("n",), "q": ("n",)},
        "p",
        "t + 1",
    ),
    "divergence by the second": (
        lambda p, q: np.sum(p * np.log(p / q)),
        {"p": ("n",), "q": ("n",)},
        "q",
        "−q1",
    ),
    "squares by norm": (
        lambda A, x, y: norm(A @ x - y) ** 2,
        {"A": ("m", "n"), "x": ("n",), "y": ("m",)},
        "x",
        "2 Aᵀ e",
    ),
    "squares by product": (
        lambda A, x, y: (A @ x - y) @ (A @ x - y),
        {"A": ("m", "n"), "x": ("n",), "y": ("m",)},
        "x",
        "2 Aᵀ e",
    ),
    "squares by sum": (
        lambda A, x, y: np.sum((A @ x - y) ** 2),
        {"A": ("m", "n"), "x": ("n",), "y": ("m",)},
        "x",
        "2 Aᵀ e",
    ),
    "rows by their means": (
        lambda A: np.sum(A * np.mean(A, axis=0)),
        {"A": ("m", "n")},
        "A",
        "2 1 (Aᵀ 1)ᵀ/m",
    ),
    "columns by their sums": (
        lambda A: np.sum(A * np.sum(A, axis=1, keepdims=True)),
        {"A": ("m", "n")},
        "A",
        "2 A 1 1ᵀ",
    ),
    "sums that cancel": (
        lambda A: np.sum(A * np.sum(A, axis=0) - A * np.sum(A, axis=0)) + np.sum(A),
        {"A": ("m", "n")},
        "A",
        "1 1ᵀ",
    ),
    "a row on each row": (
        lambda A, x: np.sum(A * x[None]),
        {"A": ("m", "n"), "x": ("n",)},
        "A",
        "1 xᵀ",
    ),
}


@pytest.mark.each("name", CASES)
def test_the_formula_and_its_numbers(name, rng, error, precise):
    f, shapes, wrt, right = CASES[name]
    g = gradient(f, strategy="matrix", wrt=wrt, inputs=shapes)
    assert str(g).splitlines()[-1].partition(" = ")[2] == right
    point = {
        key: rng.uniform(0.5, 1.5, size=[{"m": 4, "n": 3}[n] for n in shape])
        + (2 * np.eye(3) if shape == ("n", "n") else 0)
        for key, shape in shapes.items()
    }
    assert error(g(**point)[wrt], precise(f, point, wrt)) < 1e-8


def test_a_value_is_what_numpy_gives():
    """Only derivatives are cancelled: x / x has no value at 0."""
    g = gradient(lambda x: np.sum(x / x), strategy="matrix", x=("n",))
    with np.errstate(all="ignore"):
        assert np.isnan(g.value_and_gradient(x=[0.0, 1.0])[0])


def test_what_is_centred_has_the_sum_0_and_products_are_multiplied_out(rng):
    cases = [
        (lambda X: np.var(X), "∂L/∂X = 2 e/(d n)"),
        (lambda X: np.sum((X - np.mean(X, axis=0)) ** 2), "∂L/∂X = 2 e"),
        (lambda X: np.sum((X - X.mean(1, keepdims=True)) ** 2), "∂L/∂X = 2 e"),
        (lambda X: np.sum(X**2 - np.log(X**2)), "∂L/∂X = 2 X − 2 ⊘ X"),
    ]
    for f, text in cases:
        g = gradient(f, strategy="matrix", X=("n", "d"))
        assert str(g).endswith(text), str(g)
    mean = (lambda X: X.mean(axis=0)[:, None], lambda X: X.mean(axis=1), lambda X: X.mean(axis=0))
    for m in mean:  # of a square matrix, the first two along the other axis
        X = rng.normal(size=(3, 3))
        found = [
            gradient(lambda X, m=m: np.sum((X - m(X)) ** 2), strategy=s, X=X.shape)(X=X)["X"]
            for s in ("matrix", "shared")
        ]
        np.testing.assert_allclose(*found, atol=1e-12)
