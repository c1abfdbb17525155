"""The functions on which matrix formulas are held against numbers."""

from typing import Any, NamedTuple

import numpy as np


class Problem(NamedTuple):
    function: Any
    shapes: dict[str, tuple[Any, ...]]
    wrt: tuple[str, ...] | None = None
    definite: tuple[str, ...] = ()  # arguments that must be symmetric and positive definite
    scalars: bool = True  # whether the scalar strategies know all of its functions


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.maximum(z, 0)


def two_layers(activation, biased):
    if biased:

        def network(x, w1, b1, w2, b2, y):
            h = activation(x @ w1 + b1)
            return np.sum((h @ w2 + b2 - y) ** 2)

    else:

        def network(x, w1, w2, y):
            h = activation(x @ w1)
            return np.sum((h @ w2 - y) ** 2)

    return network


TWO = {"x": ("N", "d"), "w1": ("d", "h"), "w2": ("h", "k"), "y": ("N", "k")}
TWO_BIASED = {**TWO, "b1": ("h",), "b2": ("k",)}


def least_squares(X, w, y):
    return np.sum((X @ w - y) ** 2)


def ridge(X, w, y, penalty):
    return np.mean((X @ w - y) ** 2) + penalty * np.sum(w**2)


def logistic_regression(X, w, b, y):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def logistic_margins(X, w, y):
    return np.sum(np.log1p(np.exp(-y * (X @ w))))


def log_add_exp(a, b):
    return np.sum(np.logaddexp(a, b) * a) + np.sum(np.logaddexp(0, b)) + np.std(a)


def cross_entropy(X, W, b, Y):
    logits = X @ W + b
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.sum(Y * log_p) / X.shape[0]


def cross_entropy_of_softmax(X, W, Y):
    e = np.exp(X @ W)
    return -np.mean(np.sum(Y * np.log(e / np.sum(e, axis=1, keepdims=True)), axis=1))


def three_hidden(x, w1, w2, w3, w4, b1, b2, b3, y):
    h = np.tanh(x @ w1 + b1)
    h = np.tanh(h @ w2 + b2)
    h = np.tanh(h @ w3 + b3)
    return np.mean((h @ w4 - y) ** 2)


def residual_block(x, w1, w2, y):
    h = np.maximum(x @ w1, 0)
    out = x + h @ w2
    return np.sum((out - y) ** 2)


def quadratic_form(x, A):
    return x @ A @ x


def quadratic_form_of_matrix(X, A):
    return np.trace(X.T @ A @ X)


def bilinear(a, X, b):
    return a @ X @ b


def traces(A, B, X):
    return np.trace(A @ X @ B) + np.trace(X) * np.trace(A.T @ B)


def determinant(A):
    return np.linalg.det(A)


def log_det(A):
    return np.log(np.linalg.det(A))


def log_det_of_gram(X):
    return np.linalg.slogdet(X.T @ X + np.eye(3))[1]


def slogdet(A):
    sign, value = np.linalg.slogdet(A)
    return value * sign


def gaussian_inverse(X, mu, S):
    d = X - mu
    return -0.5 * (X.shape[0] * np.linalg.slogdet(S)[1] + np.sum((d @ np.linalg.inv(S)) * d))


def gaussian_solve(x, mu, S):
    d = x - mu
    return -0.5 * (np.linalg.slogdet(S).logabsdet + d @ np.linalg.solve(S, d))


def frobenius(A, B):
    return np.sum((A - B) ** 2) + np.linalg.norm(A @ B.T)


def norms(A, x):
    rows = np.linalg.norm(A, axis=1)
    return np.sum(rows * rows) + np.linalg.norm(A @ x) + np.sqrt(np.sum(x**2)) + np.sum(rows)


def log_sum_exp(x):
    m = np.max(x)
    return m + np.log(np.sum(np.exp(x - m)))


def log_sum_exp_rows(X):
    m = np.max(X, axis=1, keepdims=True)
    return np.sum(m[:, 0] + np.log(np.sum(np.exp(X - m), axis=1)))


def log_sum_exp_columns(X):
    return np.sum(np.log(np.sum(np.exp(X), axis=0)) ** 2)


def factorisation(U, V, R):
    return np.sum((U @ V.T - R) ** 2) + 0.1 * (np.sum(U**2) + np.sum(V**2))


def attention(x, wq, wk, wv):
    q, k, v = x @ wq, x @ wk, x @ wv
    a = q @ k.T / np.sqrt(wq.shape[1])
    e = np.exp(a - np.max(a, axis=-1, keepdims=True))
    p = e / np.sum(e, axis=-1, keepdims=True)
    return np.sum((p @ v) ** 2)


def layer_norm(x, gamma, beta):
    mean = np.mean(x, axis=-1, keepdims=True)
    scaled = (x - mean) / np.sqrt(np.var(x, axis=-1, keepdims=True) + 1e-5)
    return np.sum(np.sin(gamma * scaled + beta))


def einsums(A, B, v):
    c = np.einsum("ij,jk->ik", A, B)
    d = np.einsum("ik,k->i", c, v)
    return np.einsum("ij,ij->", c, c) + np.einsum("i,ij,j->", d, A, B @ v) + np.einsum("ij->", A)


def batched_attention(x, w):
    s = np.exp(x @ w @ np.swapaxes(x, -1, -2))
    p = s / np.sum(s, axis=-1, keepdims=True)
    return np.sum(np.einsum("bij,bjk->bik", p, x) ** 2)


def batched_bias(x, w, b):
    return np.sum(np.tanh(x @ w + b)) + np.mean(x, axis=(0, 1)) @ w @ b


def choices(X, Y):
    c = np.where(X > Y, X * Y, np.abs(X - Y))
    return np.sum(c) + np.sum(np.maximum(X, Y)) + np.sum(np.minimum(X, 0.3) * Y)


def extremes(X):
    return np.max(X) * np.min(X) + np.sum(np.max(X, axis=0)) + np.min(X, axis=1) @ X[:, 0]


def pieces(X, w):
    top, rest = X[0], X[1:3]
    joined = np.concatenate([rest @ w, np.stack([top @ w, w[0] * w[1]])])
    return np.sum(joined**2) + np.sum(X[[0, 2, 0]] * X[-3:]) + X[1, 2] ** 3


def shapes_and_diagonals(A, x):
    D = np.diag(x) @ A + np.tril(A) @ np.triu(A, 1)
    return (
        np.sum(np.diagonal(D) ** 2)
        + np.sum(np.outer(x, x) * A)
        + np.sum(np.expand_dims(x, 1) * A.T)
    )


def gates(X, w, b):
    enter, leave = np.split(X @ w + b, 2, axis=1)
    first, rest = np.split(X, [1])
    return np.sum(np.tanh(enter) / (1 + np.exp(-leave))) + np.sum(first @ rest.T)


def stacks_of_matrices(A, b, v):
    S = A @ np.swapaxes(A, -1, -2) + np.eye(3)
    x = np.linalg.solve(S, b)
    return (
        np.sum(np.linalg.slogdet(S)[1] ** 2)
        + np.sum(np.linalg.inv(S)[0])
        + np.log(np.sum(np.linalg.det(S)))
        + np.sum(x**2)
        + np.sum(v @ A @ b[0])
    )


def cholesky(A, y):
    L = np.linalg.cholesky(A)
    z = np.linalg.solve(L, y)
    return 0.5 * z @ z + np.sum(np.log(np.diagonal(L))) + np.sum(np.sin(L) * L[0, 0])


def joined(A, v):
    tall = np.vstack([A, v, A @ A])
    wide = np.hstack([tall, np.column_stack([tall @ v, tall])])
    cube = np.linalg.matrix_power(A, 3) + np.linalg.multi_dot([A, A.T, A])
    return np.sum(wide**2) + np.trace(cube) + np.sum(np.hstack([v, A @ v]) ** 3)


def reshapes(X, v):
    heads = np.reshape(X, (X.shape[0], 2, -1))
    mixed = np.swapaxes(heads, 1, 2) @ v
    return np.sum(np.reshape(np.tanh(mixed), (X.shape[0], -1)) ** 2 * X[:, :3])


def powers(X, p):
    return (
        np.sum((X**2 + 1) ** p) + np.sum((X**2 + 1) ** -1.5) + np.sum(1 / (X**2 + 2)) + np.sum(X**3)
    )


def functions(X):
    small = np.tanh(X) * 0.9
    return (
        np.sum(np.exp(small) * np.sin(X) + np.cos(X) / np.cosh(X))
        + np.sum(np.log1p(small) * np.sqrt(X**2 + 1) - np.arctan(X))
        + np.sum(np.arcsin(small) - np.arccos(small) ** 2 + np.expm1(small) * np.tan(small))
        + np.sum(np.arcsinh(X) * np.arctanh(small) + np.cbrt(2 + X**2) * np.arccosh(1.5 + X**2))
        + np.sum(np.sinh(small) * np.log(2 + small) + np.sign(X) * np.abs(X))
    )


def gaussian_process(K, y, noise):
    A = K + noise * np.eye(K.shape[0] if isinstance(K.shape[0], int) else 4)
    return 0.5 * y @ np.linalg.solve(A, y) + 0.5 * np.linalg.slogdet(A)[1]


N3 = {"X": ("N", "d"), "w": ("d",), "y": ("N",)}

PROBLEMS: dict[str, Problem] = {
    "least squares": Problem(least_squares, N3),
    "ridge": Problem(ridge, {**N3, "penalty": ()}),
    "logistic regression": Problem(logistic_regression, {**N3, "b": ()}),
    "logistic margins": Problem(logistic_margins, N3),
    "log-add-exp": Problem(log_add_exp, {"a": ("n", "k"), "b": ("k",)}),
    "cross-entropy": Problem(
        cross_entropy, {"X": ("N", "d"), "W": ("d", "k"), "b": ("k",), "Y": ("N", "k")}
    ),
    "cross-entropy of softmax": Problem(
        cross_entropy_of_softmax, {"X": ("N", "d"), "W": ("d", "k"), "Y": ("N", "k")}
    ),
    "two layers, sigmoid": Problem(two_layers(sigmoid, False), TWO),
    "two layers, tanh": Problem(two_layers(np.tanh, False), TWO),
    "two layers, relu": Problem(two_layers(relu, False), TWO),
    "two layers, sigmoid, biases": Problem(two_layers(sigmoid, True), TWO_BIASED),
    "two layers, tanh, biases": Problem(two_layers(np.tanh, True), TWO_BIASED),
    "two layers, relu, biases": Problem(two_layers(relu, True), TWO_BIASED),
    "three hidden layers": Problem(
        three_hidden,
        {
            "x": ("N", "d"),
            "w1": ("d", "h"),
            "w2": ("h", "h"),
            "w3": ("h", "k"),
            "w4": ("k", "k"),
            "b1": ("h",),
            "b2": ("h",),
            "b3": ("k",),
            "y": ("N", "k"),
        },
    ),
    "residual block": Problem(
        residual_block, {"x": ("N", "d"), "w1": ("d", "h"), "w2": ("h", "d"), "y": ("N", "d")}
    ),
    "quadratic form": Problem(quadratic_form, {"x": ("n",), "A": ("n", "n")}),
    "quadratic form of a matrix": Problem(
        quadratic_form_of_matrix, {"X": ("n", "k"), "A": ("n", "n")}
    ),
    "bilinear form": Problem(bilinear, {"a": ("n",), "X": ("n", "k"), "b": ("k",)}),
    "traces": Problem(traces, dict.fromkeys("ABX", ("n", "n"))),
    "determinant": Problem(determinant, {"A": ("n", "n")}, None, ("A",), False),
    "log det": Problem(log_det, {"A": ("n", "n")}, None, ("A",), False),
    "log det of a Gram matrix": Problem(log_det_of_gram, {"X": ("N", 3)}, None, (), False),
    "slogdet": Problem(slogdet, {"A": ("n", "n")}, None, ("A",), False),
    "Gaussian, inverse": Problem(
        gaussian_inverse,
        {"X": ("N", "n"), "mu": ("n",), "S": ("n", "n")},
        None,
        ("S",),
        False,
    ),
    "Gaussian, solve": Problem(
        gaussian_solve, {"x": ("n",), "mu": ("n",), "S": ("n", "n")}, None, ("S",), False
    ),
    "Frobenius": Problem(frobenius, {"A": ("n", "k"), "B": ("n", "k")}),
    "norms": Problem(norms, {"A": ("n", "k"), "x": ("k",)}),
    "log-sum-exp": Problem(log_sum_exp, {"x": ("n",)}),
    "log-sum-exp of rows": Problem(log_sum_exp_rows, {"X": ("n", "k")}),
    "log-sum-exp of columns": Problem(log_sum_exp_columns, {"X": ("n", "k")}),
    "factorisation": Problem(factorisation, {"U": ("m", "r"), "V": ("n", "r"), "R": ("m", "n")}),
    "attention": Problem(
        attention, {"x": ("T", "d"), "wq": ("d", "k"), "wk": ("d", "k"), "wv": ("d", "v")}
    ),
    "layer normalisation": Problem(layer_norm, {"x": ("T", "d"), "gamma": ("d",), "beta": ("d",)}),
    "Einstein sums": Problem(einsums, {"A": ("m", "n"), "B": ("n", "m"), "v": ("m",)}),
    "batched attention": Problem(batched_attention, {"x": ("B", "T", "d"), "w": ("d", "d")}),
    "batched bias": Problem(batched_bias, {"x": ("B", "T", "d"), "w": ("d", "k"), "b": ("k",)}),
    "choices": Problem(choices, {"X": ("n", "k"), "Y": ("n", "k")}),
    "extremes": Problem(extremes, {"X": ("n", "n")}),
    "pieces": Problem(pieces, {"X": (4, "d"), "w": ("d", "d")}),
    "shapes and diagonals": Problem(shapes_and_diagonals, {"A": ("n", "n"), "x": ("n",)}),
    "gates": Problem(gates, {"X": (5, "d"), "w": ("d", 6), "b": (6,)}),
    "stacks of matrices": Problem(
        stacks_of_matrices,
        {"A": ("m", 3, 3), "b": ("m", 3, 2), "v": (3,)},
        ("A", "b", "v"),
        (),
        False,
    ),
    "Cholesky": Problem(cholesky, {"A": ("n", "n"), "y": ("n",)}, None, ("A",), False),
    "joined": Problem(joined, {"A": (3, 3), "v": (3,)}, None, (), False),
    "reshapes": Problem(reshapes, {"X": ("N", 6), "v": (2,)}),
    "powers": Problem(powers, {"X": ("n", "k"), "p": ()}),
    "functions": Problem(functions, {"X": ("n", "k")}),
    "Gaussian process": Problem(
        gaussian_process, {"K": (4, 4), "y": (4,), "noise": ()}, None, ("K",), False
    ),
}

LENGTHS = {"N": 5, "d": 3, "h": 4, "k": 2, "n": 3, "m": 4, "r": 2, "T": 4, "v": 2, "B": 2}
SQUARE = dict.fromkeys(LENGTHS, 3)


def concrete(shapes, lengths):
    return {
        name: tuple(n if isinstance(n, int) else lengths[n] for n in shape)
        for name, shape in shapes.items()
    }


def point_of(problem, lengths, rng):
    point = {}
    for name, shape in concrete(problem.shapes, lengths).items():
        value = rng.normal(size=shape)
        if name in problem.definite:
            value = value @ value.T + np.eye(len(value))
        if name in ("penalty", "noise", "p"):
            value = np.abs(value) + 0.5
        point[name] = value
    return point
