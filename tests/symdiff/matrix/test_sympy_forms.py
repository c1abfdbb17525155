import numpy as np
import pytest
import sympy

from symdiff import Untraceable
from symdiff.matrix import matrix_gradient


def _product(factors):
    result = None
    for factor in factors:
        scalar = result is None or np.ndim(result) == 0 or np.ndim(factor) == 0
        result = factor if result is None else result * factor if scalar else result @ factor
    return result


def numbers(expression, point):
    """Evaluate a SymPy matrix expression, by the meaning that SymPy gives to its parts."""
    kind = type(expression).__name__
    if kind in ("MatrixSymbol", "Symbol"):
        value = np.asarray(point[expression.name], dtype=float)
        return value.reshape(-1, 1) if value.ndim == 1 else value
    if kind == "OneMatrix":
        return np.ones([int(n) for n in expression.shape])
    if kind == "Identity":
        return np.eye(int(expression.shape[0]))
    if isinstance(expression, sympy.MatrixBase):
        return np.array(expression.tolist(), dtype=float)
    if expression.is_number and not expression.has(sympy.MatrixExpr):
        return float(expression)
    if kind == "ElementwiseApplyFunction":
        function = sympy.lambdify(*expression.function.signature, expression.function.expr)
        return function(numbers(expression.expr, point))
    args = [numbers(arg, point) for arg in expression.args]
    meanings = {
        "MatMul": lambda: _product(args),
        "MatAdd": lambda: sum(args),
        "Add": lambda: sum(args),
        "Mul": lambda: _product(args),
        "Pow": lambda: args[0] ** args[1],
        "HadamardProduct": lambda: np.prod(args, axis=0),
        "HadamardPower": lambda: args[0] ** args[1],
        "Transpose": lambda: args[0].T,
        "Inverse": lambda: np.linalg.inv(args[0]),
        "Determinant": lambda: np.linalg.det(args[0]),
        "Trace": lambda: np.trace(args[0]),
        "log": lambda: np.log(args[0]),
        "exp": lambda: np.exp(args[0]),
    }
    return meanings[kind]()


ROW, COLUMN = sympy.symbols("i j", integer=True)

CASES = {
    "least squares": (
        lambda X, w, y: np.sum((X @ w - y) ** 2),
        {"X": (3, 2), "w": (2,), "y": (3,)},
    ),
    "network": (
        lambda x, w1, b, w2: np.sum((1 / (1 + np.exp(-(x @ w1 + b))) @ w2) ** 2),
        {"x": (2, 2), "w1": (2, 3), "b": (3,), "w2": (3, 1)},
    ),
    "tanh": (lambda x, w: np.mean(np.tanh(x @ w)), {"x": (2, 2), "w": (2, 2)}),
    "quadratic": (lambda x, A: x @ A @ x, {"x": (2,), "A": (2, 2)}),
    "log det": (lambda A: np.log(np.linalg.det(A @ A.T + np.eye(2))), {"A": (2, 2)}),
    "trace": (lambda A, B: np.trace(A @ B), {"A": (2, 3), "B": (3, 2)}),
    "quotients": (
        lambda A, v: np.sum(A / (1 + v**2)) + np.sum(A, axis=0) @ v + np.sum(A**3),
        {"A": (2, 2), "v": (2,)},
    ),
    "softmax": (
        lambda X, Y: np.sum(Y * (X - np.log(np.sum(np.exp(X), axis=1, keepdims=True)))),
        {"X": (2, 2), "Y": (2, 2)},
    ),
    "solve": (lambda A, b: b @ np.linalg.solve(A, b), {"A": (2, 2), "b": (2,)}),
}


@pytest.mark.parametrize("name", CASES)
def test_sympy_expressions_are_worth_the_same_numbers(name, rng):
    f, shapes = CASES[name]
    g = matrix_gradient(f, inputs=shapes)
    point = {key: rng.normal(size=shape) for key, shape in shapes.items()}
    value, found = g.value_and_gradient(**point)
    assert numbers(g.value, point) == pytest.approx(value, rel=1e-9)
    for key, expression in g.partials.items():
        expected = found[key].reshape(len(found[key]), -1)
        np.testing.assert_allclose(numbers(expression, point), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_lets_and_forms_compose_to_the_same_numbers(name, rng):
    f, shapes = CASES[name]
    g = matrix_gradient(f, inputs=shapes)
    point = {key: rng.normal(size=shape) for key, shape in shapes.items()}
    value, found = g.value_and_gradient(**point)
    known = dict(point)
    for symbol, form in g.lets:
        known[symbol.name] = numbers(form, known)
    assert numbers(g.value_form, known) == pytest.approx(value, rel=1e-9)
    for key, form in g.partial_forms.items():
        expected = found[key].reshape(len(found[key]), -1)
        np.testing.assert_allclose(numbers(form, known), expected, rtol=1e-9, atol=1e-12)


def test_shapes_are_symbolic():
    g = matrix_gradient(lambda X, w: np.sum((X @ w) ** 2), X=("N", "d"), w=("d",))
    N, d = (sympy.Symbol(n, integer=True, positive=True) for n in "Nd")
    assert g.partials["X"].shape == (N, d)
    assert g.partials["w"].shape == (d, 1)


def test_what_sympy_cannot_say_is_refused():
    g = matrix_gradient(lambda X: np.sum(X**2), X=(2, 2, 2))
    with pytest.raises(Untraceable, match="3 axes"):
        _ = g.partials
    g = matrix_gradient(lambda X: np.sum(np.max(X, axis=0)), X=(2, 2))
    with pytest.raises(Untraceable, match="no matrix expression for"):
        _ = g.value
    assert "max" in str(g)


@pytest.mark.parametrize(
    ("theirs", "f", "right"),
    [
        (
            lambda X: sympy.log(sympy.Trace(X)),
            lambda X: np.log(np.trace(X)),
            lambda X: np.eye(2) / np.trace(X),
        ),
        (
            lambda X: sympy.exp(sympy.Trace(X)),
            lambda X: np.exp(np.trace(X)),
            lambda X: np.eye(2) * np.exp(np.trace(X)),
        ),
        (
            lambda X: sympy.Sum(X.applyfunc(sympy.sin)[ROW, COLUMN], (ROW, 0, 1), (COLUMN, 0, 1)),
            lambda X: np.sum(np.sin(X)),
            np.cos,
        ),
    ],
    ids=["log of a trace", "exp of a trace", "sum of entries"],
)
def test_the_derivative_of_sympy_itself_is_silently_wrong(theirs, f, right, rng):
    """Why the rules are ours: SymPy differentiates functions of matrices to a zero matrix."""
    X = sympy.MatrixSymbol("X", 2, 2)
    point = rng.uniform(0.2, 1.0, size=(2, 2))
    np.testing.assert_allclose(matrix_gradient(f, X=(2, 2))(X=point)["X"], right(point))
    assert theirs(X).diff(X) == sympy.ZeroMatrix(2, 2)
    assert np.all(np.abs(np.diag(right(point))) > 0.1)
