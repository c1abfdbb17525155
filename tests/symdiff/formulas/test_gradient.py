"""Gradients: hand values, published values, source, errors, extremes."""

import ast
import pickle

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from symdiff import ExpressionTooLarge, gradient
from symdiff.strategies import DERIVATIONS

BOTH = pytest.mark.parametrize("strategy", list(DERIVATIONS))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def network(x, W1, b1, W2, b2):
    return np.sum(sigmoid(W2 @ sigmoid(W1 @ x + b1) + b2))


SHAPES = {"x": (3,), "W1": (4, 3), "b1": (4,), "W2": (2, 4), "b2": (2,)}
# JMLR 18(153), 2018, Table 1: coefficients of d l_n / dx, lowest power first.
LOGISTIC = {
    1: [1],
    2: [4, -8],
    3: [16, -160, 384, -256],
    4: [64, -2688, 32256, -168960, 450560, -638976, 458752, -131072],
}


@BOTH
def test_product_of_a_sum(strategy):
    g = gradient(lambda x, y, z: (x + y) * z, strategy=strategy, x=(), y=(), z=())
    found = g.value_and_gradient(x=-2, y=5, z=-4)
    assert found == (-12.0, {"x": -4.0, "y": -4.0, "z": 3.0})
    assert g.partials["z"] == sum(sympy.symbols("x y", real=True))


@BOTH
def test_sigmoid_neuron(strategy):
    g = gradient(
        lambda w0, x0, w1, x1, w2: sigmoid(w0 * x0 + w1 * x1 + w2),
        strategy=strategy,
        inputs=dict.fromkeys(["w0", "x0", "w1", "x1", "w2"], ()),
    )
    value, found = g.value_and_gradient(w0=2, x0=-1, w1=-3, x1=-2, w2=-3)
    expected = {
        "w0": -0.19661193324148185,
        "x0": 0.3932238664829637,
        "w1": -0.3932238664829637,
        "x1": -0.5898357997244456,
        "w2": 0.19661193324148185,
    }
    assert value == pytest.approx(0.7310585786300049, rel=1e-15)
    assert found == pytest.approx(expected, rel=1e-14)


@BOTH
def test_maximum(strategy):
    g = gradient(
        lambda x, y, z, w: 2 * (x * y + np.maximum(z, w)),
        strategy=strategy,
        inputs=dict.fromkeys("xyzw", ()),
    )
    value, found = g.value_and_gradient(x=3, y=-4, z=2, w=-1)
    assert (value, found) == (-20.0, {"x": -8.0, "y": 6.0, "z": 2.0, "w": 0.0})


@BOTH
def test_squared_norm(strategy):
    g = gradient(lambda W, x: np.sum((W @ x) ** 2), strategy=strategy, W=(2, 2), x=(2,))
    value, found = g.value_and_gradient(W=[[0.1, 0.5], [-0.3, 0.8]], x=[0.2, 0.4])
    assert value == pytest.approx(0.116)
    np.testing.assert_allclose(found["W"], [[0.088, 0.176], [0.104, 0.208]])
    np.testing.assert_allclose(found["x"], [-0.112, 0.636])


@BOTH
@pytest.mark.parametrize("n", LOGISTIC)
def test_logistic_map(n, strategy):
    def f(x):
        for _ in range(n - 1):
            x = 4 * x * (1 - x)
        return x

    g = gradient(f, strategy=strategy, x=())
    polynomial = sympy.Poly(g.partials["x"], sympy.Symbol("x", real=True))
    assert polynomial.all_coeffs()[::-1] == LOGISTIC[n]


@BOTH
def test_network_against_differences(strategy, rng, differences):
    point = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    g = gradient(network, strategy=strategy, inputs=SHAPES)
    value, found = g.value_and_gradient(**point)
    assert value == pytest.approx(network(**point), rel=1e-14)
    differences(network, found, point)


def _operations_of(source):
    """Count what the statements execute: operators, calls, comparisons and choices."""
    body = ast.parse(source).body[-1].body
    kept = [n for n in body if not ast.unparse(n).startswith(("x ", "(x", "y =", "x_", "W", "b"))]
    counted = (ast.BinOp, ast.Call, ast.IfExp, ast.Compare)
    nodes = [n for s in kept for n in ast.walk(s) if isinstance(n, counted)]
    texts = [(node, ast.unparse(node)) for node in nodes]
    outer = [node for node, text in texts if text.startswith("np.outer")]
    products = sum(len(node.args[0].elts) * len(node.args[1].elts) for node in outer)
    products += 2 * sum(
        isinstance(n, ast.Call) and t.startswith("sigmoid(") for n, t in texts
    )  # each runs three
    return products + sum(1 for _, text in texts if not text.startswith(("np.array", "np.outer")))


CORPUS = {
    "network": (network, SHAPES),
    "quotients": (
        lambda x, y: x / y / (x + y) ** 2 + 1 / x / y - x / 3 - 0.1 * y,
        {"x": (), "y": ()},
    ),
    "powers": (lambda x, y: (x * y) ** 3 / np.sqrt(x) + x**y + 1 / x**1.5, {"x": (), "y": ()}),
    "choices": (lambda x, y: np.where(x > y, x * y, -x) + np.hypot(x, y) - y, {"x": (), "y": ()}),
    "signs": (lambda x, y: -x * -y - (x - y) * -(x + y) / -(x * y), {"x": (), "y": ()}),
    "constant": (lambda x: 3.0, {"x": (2,)}),
}


@BOTH
@pytest.mark.parametrize("name", CORPUS)
def test_operation_count_is_what_the_source_executes(name, strategy):
    f, shapes = CORPUS[name]
    g = gradient(f, strategy=strategy, inputs=shapes)
    assert _operations_of(g.source) == g.operation_count
    if strategy == "expanded":
        assert g.operation_count == g.operations.value_tree + g.operations.gradient_tree


@BOTH
@pytest.mark.parametrize("name", CORPUS)
def test_source_runs_alone(name, strategy, rng):
    f, shapes = CORPUS[name]
    g = gradient(f, strategy=strategy, inputs=shapes)
    point = {key: rng.uniform(0.5, 2.0, size=shape) for key, shape in shapes.items()}
    namespace = {}
    exec(g.source, namespace)
    value, found = namespace["value_and_gradient"](*point.values())
    expected = g.value_and_gradient(**point)
    assert value == expected[0] == pytest.approx(float(f(**point)), rel=1e-13)
    for key, entry in expected[1].items():
        np.testing.assert_array_equal(found[key], entry)


def test_names_of_arguments_cannot_break_the_source():
    names = ["exp", "np", "math", "v1", "x_0", "r1", "float", "value_and_gradient", "maximum"]

    def f(x, **rest):
        return np.sum(np.maximum(np.exp(x), 2)) * sum(rest[name] for name in names)

    g = gradient(f, inputs={"x": (2,), **dict.fromkeys(names, ())})
    point = {"x": np.array([0.5, 1.0]), **dict.fromkeys(names, 0.25)}
    value, found = g.value_and_gradient(**point)
    assert value == pytest.approx(f(**point))
    assert set(found) == {"x", *names}


def _grow(children):
    unary = st.sampled_from([np.tanh, np.sin, np.exp, np.negative, np.arctan, np.square, np.abs])
    binary = st.sampled_from([np.add, np.subtract, np.multiply, np.maximum, np.divide])
    one = st.tuples(unary, children)
    return one | st.tuples(binary, children, children)


TREES = st.recursive(st.sampled_from(["x", "y", 2.0, -1.5]), _grow, max_leaves=12)


def _evaluate(tree, values):
    if isinstance(tree, str):
        return values[tree]
    if isinstance(tree, float):
        return tree
    function, *args = tree
    args = [_evaluate(arg, values) for arg in args]
    if function is np.divide:
        return function(args[0], 2 + np.square(args[1]))
    return function(np.tanh(args[0])) if function is np.exp else function(*args)


@settings(max_examples=60, deadline=None)
@given(tree=TREES, x=st.floats(-2, 2), y=st.floats(-2, 2))
def test_strategies_agree(tree, x, y):
    def f(x, y):
        return _evaluate(tree, {"x": x, "y": y})

    found = [
        gradient(f, strategy=name, x=(), y=()).value_and_gradient(x=x, y=y) for name in DERIVATIONS
    ]
    value = float(f(np.float64(x), np.float64(y)))
    assert found[0][0] == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert found[1][0] == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-9, abs=1e-9)


def _layers(n):
    def f(w, x):
        for _ in range(n):
            x = np.tanh(w * x)
        return x

    return f


def test_a_chain_of_500_layers():
    g = gradient(_layers(500), w=(), x=())
    value, found = g.value_and_gradient(w=1.1, x=0.5)
    f = _layers(500)
    assert value == pytest.approx(f(1.1, 0.5))
    expected = (f(1.1 + 1e-6, 0.5) - f(1.1 - 1e-6, 0.5)) / 2e-6
    assert found["w"] == pytest.approx(expected, rel=1e-6)
    assert g.operation_count < 5000
    assert "more lines" in g.latex(max_lines=5)
    with pytest.raises(ExpressionTooLarge, match="strategy='shared'"):
        gradient(_layers(1000), strategy="expanded", w=(), x=())


def test_expanded_nests_beyond_the_parser():
    g = gradient(_layers(20), strategy="expanded", w=(), x=())
    h = gradient(_layers(20), w=(), x=())
    point = {"w": 1.1, "x": 0.5}
    assert g(**point) == pytest.approx(h(**point), rel=1e-12)

    def tower(x):
        for _ in range(100):
            x = np.sin(x)
        return x

    deep = gradient(tower, strategy="shared", x=())
    assert deep(x=1.0)["x"] == pytest.approx((tower(1 + 1e-6) - tower(1 - 1e-6)) / 2e-6, rel=1e-6)


def test_tree_counts_are_exact_and_large():
    def f(x):
        for _ in range(200):
            x = 4 * x * (1 - x)
        return x

    size = gradient(f, x=()).operations
    # t(n) = 2 t(n-1) + 3, t(0) = 0
    assert size.value_tree == 3 * (2**200 - 1)
    assert size.value_shared == 600
    with pytest.raises(ExpressionTooLarge, match=r"10\*\*62 operations.*strategy='shared'"):
        gradient(f, strategy="expanded", x=())


EXTREMES = {
    "division": (lambda x: 1 / x, 0.0, np.inf, -np.inf),
    "overflow": (lambda x: np.exp(x) * x, 1e4, np.inf, np.inf),
    "logarithm": (lambda x: np.log(x), 0.0, -np.inf, np.inf),
    "root": (lambda x: np.sqrt(x), -1.0, np.nan, np.nan),
    "not a number": (lambda x: x * x, np.nan, np.nan, np.nan),
    "saturation": (lambda x: np.tanh(x), 1e6, 1.0, 0.0),
    "infinity": (lambda x: np.tanh(x), np.inf, 1.0, 0.0),
    "guarded": (lambda x: np.where(x > 0, np.sqrt(x), 0.0 * x), 0.0, 0.0, 0.0),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes_flow_through(name):
    f, x, value, slope = EXTREMES[name]
    found = gradient(f, x=()).value_and_gradient(x=x)
    np.testing.assert_array_equal([found[0], found[1]["x"]], [value, slope])


def test_maximum_passes_on_what_is_not_a_number():
    g = gradient(lambda x, y: np.maximum(x, y) + 0 * np.fmax(x, y), x=(), y=())
    assert np.isnan(g.value_and_gradient(x=np.nan, y=1)[0])
    assert (
        gradient(lambda x, y: np.fmax(x, y), x=(), y=()).value_and_gradient(x=np.nan, y=1)[0] == 1
    )


def test_latex():
    g = gradient(lambda w1, alpha: np.sum(alpha * np.tanh(w1)), w1=(2, 3), alpha=())
    text = g.latex()
    assert "{w_1}_{0,2}" in text
    assert r"\alpha" in text
    assert r"v_1 &= " in text
    assert "… and" not in text
    assert "… and 17 more lines" in g.latex(max_lines=3) or "more lines" in g.latex(max_lines=3)
    assert g.latex(max_lines=None).count("&=") == len(g.lets) + 1 + 7
    assert g._repr_latex_().startswith("$")
    with pytest.raises(ValueError, match="max_lines"):
        g.latex(max_lines=0)


def test_text_forms():
    g = gradient(lambda x: np.exp(x) * x, x=())
    assert str(g).splitlines()[0] == "v1 = exp(x)"
    assert "operation_count=" in repr(g)
    g(x=1.0)
    assert pickle.loads(pickle.dumps(g))(x=1.0) == g(x=1.0)


def test_an_argument_that_is_not_used():
    g = gradient(lambda x, y: np.sum(x), x=(2,), y=(2, 2))
    np.testing.assert_array_equal(g(x=[1, 2], y=np.ones((2, 2)))["y"], np.zeros((2, 2)))


def test_names_taken_by_the_interface():
    def f(wrt, strategy, inputs):
        return wrt * strategy * inputs

    g = gradient(f, inputs={"wrt": (), "strategy": (), "inputs": ()})
    assert g(wrt=1, strategy=2, inputs=3) == {"wrt": 6.0, "strategy": 3.0, "inputs": 2.0}


def test_errors_of_the_request():
    def f(x, weight):
        return x * weight

    with pytest.raises(
        ValueError, match=r"no argument 'weights'. Did you mean 'weight'.*x, weight"
    ):
        gradient(f, wrt="weights", x=(), weight=())
    with pytest.raises(ValueError, match=r"'weight' is a constant.*symbolic arguments are x"):
        gradient(f, wrt=("x", "weight"), x=(), weight=2.0)
    with pytest.raises(ValueError, match=r"'shard'. Did you mean 'shared'.*expanded, shared"):
        gradient(f, strategy="shard", x=(), weight=())
    with pytest.raises(ValueError, match=r"shape \(3,\).*np.sum"):
        gradient(f, x=(3,), weight=())


def test_errors_of_the_numbers():
    g = gradient(lambda x, w: np.sum(x * w), x=(2,), w=(2,))
    with pytest.raises(ValueError, match=r"'x': shape \(3,\) arrived, \(2,\)"):
        g(x=[1, 2, 3], w=[1, 2])
    with pytest.raises(TypeError, match=r"'x'.*object"):
        g(x=np.array([1, 2], dtype=object), w=[1, 2])
    with pytest.raises(TypeError, match=r"'x'.*<U1"):
        g(x=["a", "b"], w=[1, 2])
    with pytest.raises(TypeError, match=r"'x'.*complex128"):
        g(x=[1j, 2], w=[1, 2])
    with pytest.raises(TypeError, match="missing argument w"):
        g(x=[1, 2])
    with pytest.raises(TypeError, match="unknown argument 'W'"):
        g(x=[1, 2], w=[1, 2], W=1)


def test_numbers_in_source_do_not_raise_where_numpy_goes_on():
    def f(x):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.maximum(x / 0.0, 2 * x)  # its derivative divides 0 or 1 by the number 0

    value, found = gradient(f, x=()).value_and_gradient(x=0.0)
    assert np.isnan([value, found["x"]]).all()
    assert gradient(f, x=()).value_and_gradient(x=1.0) == (np.inf, {"x": np.inf})
