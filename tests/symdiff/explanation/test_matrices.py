"""Derivations of matrix formulas: the forms a person writes, and the same numbers."""

import numpy as np
import pytest

from symdiff import ExpressionTooLarge, explain, gradient
from symdiff.explanation.matrices import REASONS, MatrixLines
from symdiff.matrix import RULES
from symdiff.matrix.source import print_source
from symdiff.matrix.trace import trace_matrices


def two_layers(x, w1, w2, y):
    h = 1 / (1 + np.exp(-(x @ w1)))
    e = h @ w2 - y
    return np.sum(e**2)


SHAPES = {"x": ("N", "d"), "w1": ("d", "m"), "w2": ("m", "k"), "y": ("N", "k")}


def test_two_layers_as_on_a_blackboard():
    e = explain(two_layers, strategy="matrix", **SHAPES)
    assert [f"{line.left} = {line.right}" for line in e.backward] == [
        "∂L/∂e = 2 e",
        "∂L/∂z2 = ∂L/∂e",
        "∂L/∂h = (∂L/∂z2) W2ᵀ",
        "∂L/∂z1 = (∂L/∂h) ∘ h ∘ (1 − h)",
        "∂L/∂X = (∂L/∂z1) W1ᵀ",
        "∂L/∂W1 = Xᵀ (∂L/∂z1)",
        "∂L/∂W2 = hᵀ (∂L/∂z2)",
        "∂L/∂Y = −(∂L/∂e)",
    ]
    assert "Giles 2008" in e.backward[2].rules[0]
    assert "h = σ(z1)" in e.backward[3].rules[0]
    assert "G is the derivative by the result" in str(e)
    assert [line.left for line in e.forward] == ["z1", "h", "z2", "e", "L"]


def test_every_operation_with_a_derivative_has_a_reason():
    assert REASONS.keys() <= RULES.keys()


def test_what_is_used_twice_adds_up():
    e = explain(lambda A: np.trace(A.T @ A), strategy="matrix", A=("n", "n"))
    last = e.backward[-1]
    assert last.left == "∂L/∂A"
    assert last.rules[-1] == "A is used 2 times: what comes back by each way adds up."


def test_what_does_not_depend_has_the_derivative_zero():
    e = explain(lambda x, y: np.sum(x**2), strategy="matrix", x=("n",), y=("n",))
    assert [line.right for line in e.backward] == ["2 x", "0"]


def softmax_loss(X, W, b, Y):
    z = X @ W + b
    return -np.sum(Y * (z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))))


def residual(x, w1, w2):
    h = x + np.maximum(x @ w1, 0) @ w2
    return np.sqrt(np.sum(h**2)) / 2 + np.mean(x)


def gaussian(x, mu, s):
    d = x - mu
    return np.sum(d * np.linalg.solve(s, d.T).T) + 3 * np.linalg.slogdet(s)[1]


NUMBERS = {"N": 3, "d": 2, "m": 4, "k": 2}
MODELS = {
    "two layers": (two_layers, SHAPES),
    "softmax": (softmax_loss, {"X": ("N", "d"), "W": ("d", "k"), "b": ("k",), "Y": ("N", "k")}),
    "residual": (residual, {"x": ("N", "d"), "w1": ("d", "m"), "w2": ("m", "d")}),
    "gaussian": (gaussian, {"x": ("N", "d"), "mu": ("d",), "s": ("d", "d")}),
    "A used twice": (lambda A, B: np.trace(A.T @ A @ B) * np.sum(B), {"A": (3, 2), "B": (2, 2)}),
}


@pytest.mark.parametrize("model", MODELS)
def test_line_by_line_the_numbers_are_those_of_the_gradient(model, rng):
    f, shapes = MODELS[model]
    derivation = MatrixLines(traced := trace_matrices(f, shapes))
    derivation.backward(traced.inputs)
    point = {
        name: rng.normal(size=tuple(NUMBERS.get(n, n) for n in shape))
        for name, shape in shapes.items()
    }
    if "s" in point:
        point["s"] = np.eye(2) + 0.1 * point["s"]
    inputs, known = dict(traced.inputs), dict(point)
    for place, (left, symbol, total) in enumerate(derivation.totals):
        source = print_source(traced.graph, inputs, {}, traced.value, {"x": total}, left)
        namespace = {}
        exec(source, namespace)
        number = namespace["value_and_gradient"](*known.values())[1]["x"]
        inputs[f"adjoint{place}"], known[f"adjoint{place}"] = symbol, np.asarray(number)
    expected = gradient(f, strategy="matrix", inputs=shapes)(**point)
    found = list(known.values())[-len(shapes) :]
    for name, number in zip(shapes, found, strict=True):
        np.testing.assert_allclose(number, expected[name], rtol=1e-10, atol=1e-12)


def test_refusals():
    with pytest.raises(ValueError, match="strategy='matrix' has no numbers"):
        explain(two_layers, strategy="matrix", at={"x": 1}, **SHAPES)
    with pytest.raises(ValueError, match=r"'expanded'.*adjoint, matrix"):
        explain(two_layers, strategy="expanded", **SHAPES)

    def deep(x, w):
        for _ in range(200):
            x = np.tanh(x @ w)
        return np.sum(x)

    with pytest.raises(ExpressionTooLarge, match="fewer layers"):
        explain(deep, strategy="matrix", x=("N", "d"), w=("d", "d"))
