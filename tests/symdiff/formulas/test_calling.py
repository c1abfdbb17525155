"""`grad`, `value_and_grad` and `hessian`, and gradients of text and of SymPy's expressions."""

import numpy as np
import pytest
import scipy.optimize
import sympy

import symdiff
from symdiff import STRATEGIES, Gradient, Unparsable, gradient, parse


def _least_squares(w, x, y):
    return np.sum((x @ w - y) ** 2)


@pytest.fixture
def point(rng):
    return rng.normal(size=3), rng.normal(size=(5, 3)), rng.normal(size=5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_by_position(strategy, point):
    w, x, y = point
    expected = 2 * x.T @ (x @ w - y)
    np.testing.assert_allclose(symdiff.grad(_least_squares, strategy=strategy)(*point), expected)
    value, (by_x, by_w) = symdiff.value_and_grad(_least_squares, (1, 0), strategy=strategy)(*point)
    assert value == pytest.approx(_least_squares(*point))
    np.testing.assert_allclose(by_w, expected)
    np.testing.assert_allclose(by_x, 2 * np.outer(x @ w - y, w))


@pytest.mark.parametrize("strategy", ["expanded", "shared", "adjoint"])
def test_second_derivatives(strategy, point):
    _, x, _ = point
    second = symdiff.hessian(_least_squares, strategy=strategy)
    np.testing.assert_allclose(second(*point), 2 * x.T @ x)
    both = symdiff.hessian(lambda a, b: a**2 * b, (0, 1), strategy=strategy)(3.0, 4.0)
    assert both == ((8.0, 6.0), (6.0, 0.0))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_goes_into_minimize(strategy):
    def rosenbrock(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    f = symdiff.value_and_grad(rosenbrock, strategy=strategy)
    found = scipy.optimize.minimize(f, np.zeros(3), jac=True)
    np.testing.assert_allclose(found.x, 1.0, atol=1e-4)


def test_derived_once_for_each_signature():
    traces = []

    def f(x, n, scale=2.0):
        traces.append(type(x) is np.ndarray)
        return scale * np.sum(x**n)

    g = symdiff.grad(f)
    assert g(np.array([1.0, 2.0]), 2).tolist() == [4.0, 8.0]
    assert g(np.array([2.0, 3.0]), 2).tolist() == [8.0, 12.0]
    assert traces.count(False) == 1
    assert g(np.array([1.0, 2.0]), 3).tolist() == [6.0, 24.0]  # an integer is part of the formula
    assert traces.count(False) == 2
    assert g(np.array([1.0]), 3, scale=1.0).tolist() == [3.0]
    assert traces.count(False) == 3


def test_what_the_function_reads_elsewhere_may_change():
    held = {"scale": 2.0}
    g = symdiff.grad(lambda x: held["scale"] * np.sum(x**2))
    assert g(np.array([1.0])).tolist() == [4.0]
    held["scale"] = 3.0
    assert g(np.array([1.0])).tolist() == [6.0]
    random = np.random.default_rng(0)
    with pytest.raises(RuntimeError, match="random"):
        symdiff.grad(lambda x: np.sum(x) * random.normal())(np.array([1.0]))
    with pytest.raises(RuntimeError, match="depends on"):
        symdiff.grad(lambda x: np.sum(x**2) * (2 if type(x) is np.ndarray else 3))(np.ones(2))


def test_a_function_that_loses_digits_is_not_random():
    assert symdiff.grad(lambda x: x / (np.exp(x) - 1))(1e-11) == pytest.approx(-0.5, abs=1e-3)
    assert symdiff.grad(lambda x: np.log(1 + np.tanh(x)))(-18.3) == pytest.approx(2)


def test_structures_and_settings():
    def f(p, x, act="tanh", *, flag=True):
        h = np.tanh(x @ p["W"]) if act == "tanh" else x @ p["W"]
        return np.sum(h) if flag else 0.0 * np.sum(h)

    p, x = {"W": np.ones((2, 2))}, np.array([0.5, -0.5])
    found = symdiff.grad(f)(p, x, "none")
    assert found["W"].tolist() == [[0.5, 0.5], [-0.5, -0.5]]
    assert symdiff.grad(f)(p, x, "none", flag=False)["W"].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: symdiff.grad(np.sum, 1)(np.ones(2)), ValueError, "no positional argument 1"),
        (lambda: symdiff.grad(lambda x: x)(np.ones(2)), ValueError, "a scalar is needed"),
        (lambda: symdiff.grad(lambda x: x)("a"), TypeError, "an array or a number is expected"),
        (lambda: symdiff.grad(np.sum, strategy="no"), ValueError, "there is no strategy 'no'"),
    ],
)
def test_wrong_calls(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_text(strategy):
    g = gradient("x^2*y + exp(y)", strategy=strategy)
    assert g(x=3.0, y=0.0) == {"x": 0.0, "y": 10.0}
    assert gradient("sum(x^2)", strategy=strategy, x=(2,))(x=[1.0, 2.0])["x"].tolist() == [2, 4]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_expressions_of_sympy(strategy):
    x, y = sympy.symbols("x y")
    g = gradient(x**2 * sympy.exp(y) + sympy.Max(x, y), strategy=strategy)
    assert g(x=3.0, y=0.0) == pytest.approx({"x": 7.0, "y": 9.0})
    first = gradient(lambda a: np.maximum(a, 0) * np.where(a > 1, a, 2.0), a=())
    assert gradient(first.value, strategy=strategy)(a=3.0) == {"a": 6.0}


def test_matrix_expressions_of_sympy():
    n = sympy.Symbol("n", integer=True, positive=True)
    A, x = sympy.MatrixSymbol("A", n, n), sympy.MatrixSymbol("x", n, 1)
    g = gradient(sympy.Trace(A.T * A) + sympy.Trace(x.T * A * x), strategy="matrix")
    a, v = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [2.0]])
    found = g(A=a, x=v)
    np.testing.assert_allclose(found["A"], 2 * a + v @ v.T)
    np.testing.assert_allclose(found["x"], (a + a.T) @ v)
    with pytest.raises(ValueError, match="a scalar is needed"):
        gradient(A * x, strategy="matrix")


def test_a_caret_is_a_power():
    f = parse("x^2 + 3^x")
    assert f(2.0) == 13.0
    assert "^ is read as a power" in f.__doc__
    with pytest.raises(Unparsable) as caught:
        parse("x^2 + x^3 % 2")
    assert caught.value.column == 11
    assert str(caught.value).startswith("column 11: ")


@pytest.mark.parametrize("text", ["2@3", "x + 2@3", ".5@.5*x"])
def test_numbers_are_not_joined_by_matmul(text):
    with pytest.raises(Unparsable, match=r"column \d+: '@' joins arrays"):
        parse(text)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_argument_called_self(strategy):
    g = gradient(lambda self: self**2, strategy=strategy, self=())
    assert g(self=3.0) == {"self": 6.0}
    assert g.value_and_gradient(self=3.0) == (9.0, {"self": 6.0})


@pytest.mark.parametrize("length", [64, 65, 500])
def test_long_names_are_saved_and_loaded(length, tmp_path):
    name, space = "x" * length, {}
    exec(f"def f({name}): return {name}**2", space)
    gradient(space["f"], **{name: ()}).save(tmp_path / "long.txt")
    assert Gradient.load(tmp_path / "long.txt")(**{name: 3.0}) == {name: 6.0}


def test_names_that_are_too_long_are_refused_when_saved(tmp_path):
    name, space = "x" * 2000, {}
    exec(f"def f({name}): return {name}**2", space)
    with pytest.raises(ValueError, match="1,000 are the most"):
        gradient(space["f"], **{name: ()}).save(tmp_path / "long.txt")
