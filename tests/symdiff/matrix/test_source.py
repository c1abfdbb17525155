import subprocess
import sys

import numpy as np
import pytest

from symdiff.matrix import matrix_gradient


def run(source):
    namespace = {}
    exec(source, namespace)
    return namespace["value_and_gradient"]


def test_pasted_into_a_file_it_runs_alone(tmp_path):
    def f(x, w, b):
        h = np.maximum(x @ w + b, 0)
        return np.mean(np.linalg.norm(h, axis=1))

    g = matrix_gradient(f, x=("N", "d"), w=("d", "k"), b=("k",))
    ending = """
x, w, b = np.arange(6.0).reshape(3, 2) - 2, np.ones((2, 2)), np.array([0.5, -9.0])
value, found = value_and_gradient(x, w, b)
print(repr(float(value)), found["w"].tolist())
"""
    path = tmp_path / "alone.py"
    path.write_text(g.source + ending, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-W", "error", "-I", str(path)], capture_output=True, text=True, check=True
    )
    x, w, b = np.arange(6.0).reshape(3, 2) - 2, np.ones((2, 2)), np.array([0.5, -9.0])
    value, found = g.value_and_gradient(x=x, w=w, b=b)
    assert result.stdout.strip() == f"{value!r} {found['w'].tolist()}"


def test_the_source_of_the_network_is_what_a_person_writes():
    def f(x, w1, w2, y):
        h = np.tanh(x @ w1)
        e = h @ w2 - y
        return np.sum(e**2)

    g = matrix_gradient(
        f, wrt=["w1", "w2"], x=("N", "d"), w1=("d", "h"), w2=("h", "k"), y=("N", "k")
    )
    body = g.source.split("(N, k)\n")[1]
    assert [line.strip() for line in body.strip().splitlines()] == [
        "h = np.tanh(x @ w1)",
        "e = h @ w2 - y",
        "e_bar = 2 * e",
        "delta = e_bar @ w2.T * (1 - h**2)",
        'return np.vdot(e, e), {"w1": x.T @ delta, "w2": h.T @ e_bar}',
    ]


def test_constants_are_exact(rng):
    small, large = rng.normal(size=(2, 3)), rng.normal(size=(30, 3))
    special = np.array([1e-300, np.pi, -0.1])

    def f(x):
        return np.sum(np.tanh(small @ x)) + np.sum((large @ x) ** 2) + special @ x

    g = matrix_gradient(f, x=(3,))
    x = rng.normal(size=3)
    value, found = run(g.source)(x)
    assert value == pytest.approx(float(f(x)), rel=1e-15)
    h = np.tanh(small @ x)
    expected = small.T @ (1 - h**2) + 2 * large.T @ (large @ x) + special
    np.testing.assert_allclose(found["x"], expected, rtol=1e-13)
    assert "import base64" in g.source


def test_integer_arrays_are_constants():
    labels = np.array([0, 2, 1])

    def f(logits):
        log_p = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
        return -np.mean(log_p[np.arange(3), labels])

    g = matrix_gradient(f, logits=(3, 3))
    point = np.arange(9.0).reshape(3, 3) / 5
    p = np.exp(point) / np.sum(np.exp(point), axis=1, keepdims=True)
    np.testing.assert_allclose(g(logits=point)["logits"], (p - np.eye(3)[labels]) / 3)


def test_names_of_arguments_cannot_break_the_source(rng):
    names = ["np", "step", "reciprocal", "value_and_gradient", "e", "h", "delta", "t", "float", "N"]

    def f(**given):
        e = given["np"] @ given["step"]
        return sum(np.sum(np.maximum(v, 0) @ e) for v in given.values()) + np.mean(e)

    g = matrix_gradient(f, inputs=dict.fromkeys(names, ("N", "N")))
    point = {name: rng.normal(size=(2, 2)) for name in names}
    value, found = run(g.source)(*point.values())
    assert value == pytest.approx(float(f(**point)))
    assert set(found) == set(names)
    assert g.value_and_gradient(**point)[0] == value


def test_gradients_are_floats_when_pasted(rng):
    def f(x, y):
        return np.sum(2 * np.maximum(x, 0)) + np.sum(x) + np.sum(np.where(y > 0, 3 * y, y))

    found = run(matrix_gradient(f, x=("n",), y=("n",)).source)(np.ones(3), np.ones(3))[1]
    assert found["x"].dtype == found["y"].dtype == np.float64
    assert found["x"].tolist() == found["y"].tolist() == [3, 3, 3]


def test_no_rows_at_all():
    def f(X, w):
        return np.sum((X @ w) ** 2) + np.linalg.norm(X)

    g = matrix_gradient(f, X=("N", "d"), w=("d",))
    value, found = g.value_and_gradient(X=np.ones((0, 2)), w=np.ones(2))
    assert value == 0
    assert found["X"].shape == (0, 2)
    assert found["w"].tolist() == [0, 0]


def test_shared_exponentials_are_computed_once():
    def f(x):
        m = np.max(x, axis=1, keepdims=True)
        e = np.exp(x - m)
        p = e / np.sum(e, axis=1, keepdims=True)
        return np.sum(np.log(np.sum(np.exp(x), axis=1)) ** 2) + np.sum(p**2)

    assert matrix_gradient(f, x=("N", "d")).source.count("np.exp") == 1
