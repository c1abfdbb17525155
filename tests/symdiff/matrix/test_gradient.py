import importlib.util
import itertools
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import sympy

import symdiff
from symdiff.matrix import MatrixGradient, matrix_gradient

_spec = importlib.util.spec_from_file_location("problems", Path(__file__).parent / "problems.py")
problems = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(problems)

PROBLEMS, LENGTHS, SQUARE = problems.PROBLEMS, problems.LENGTHS, problems.SQUARE
SEED = 11  # no activation within three steps of its kink


@pytest.mark.each("lengths", [LENGTHS, SQUARE])
@pytest.mark.each("name", PROBLEMS)
def test_against_differences(name, lengths, error, precise):
    problem = PROBLEMS[name]
    point = problems.point_of(problem, lengths, np.random.default_rng(SEED))
    by_name = matrix_gradient(problem.function, wrt=problem.wrt, inputs=problem.shapes)
    by_number = matrix_gradient(
        problem.function, wrt=problem.wrt, inputs=problems.concrete(problem.shapes, lengths)
    )
    value, found = by_name.value_and_gradient(**point)
    other_value, other = by_number.value_and_gradient(**point)
    assert value == pytest.approx(float(problem.function(**point)), rel=1e-12, abs=1e-12)
    assert other_value == pytest.approx(value, rel=1e-12, abs=1e-12)
    for key, entry in found.items():
        assert error(entry, precise(problem.function, point, key)) < 1e-9
        assert error(other[key], entry) < 1e-12


@pytest.mark.each("name", [name for name in PROBLEMS if PROBLEMS[name].scalars])
def test_against_the_scalar_formulas(name, error):
    problem = PROBLEMS[name]
    lengths = dict.fromkeys(LENGTHS, 2) | {"N": 3}
    if name == "pieces":
        lengths["d"] = 3
    shapes = problems.concrete(problem.shapes, lengths)
    point = problems.point_of(problem, lengths, np.random.default_rng(SEED))
    value, expected = symdiff.gradient(
        problem.function, strategy="shared", wrt=problem.wrt, inputs=shapes
    ).value_and_gradient(**point)
    g = symdiff.gradient(problem.function, strategy="matrix", wrt=problem.wrt, inputs=shapes)
    found_value, found = g.value_and_gradient(**point)
    assert found_value == pytest.approx(value, rel=1e-10, abs=1e-10)
    for key, entry in expected.items():
        assert error(found[key], entry) < 1e-9


# Formulas and numbers derived by hand ---------------------------------------------------------


def network(x, w1, w2, y):
    h = 1 / (1 + np.exp(-(x @ w1)))
    return np.sum((h @ w2 - y) ** 2)


NETWORK = {"x": ("N", "d"), "w1": ("d", "h"), "w2": ("h", "k"), "y": ("N", "k")}


def test_the_network_of_the_notes_reads_as_by_hand():
    g = symdiff.gradient(network, strategy="matrix", wrt=["w1", "w2"], inputs=NETWORK)
    assert isinstance(g, MatrixGradient)
    assert str(g).splitlines() == [
        "h = σ(X W1)",
        "e = h W2 − Y",
        "δ = 2 e W2ᵀ ∘ h ∘ (1 − h)",
        "L = ‖e‖²",
        "∂L/∂W1 = Xᵀ δ",
        "∂L/∂W2 = 2 hᵀ e",
    ]
    assert g.latex().splitlines()[1:-1] == [
        r"h &= \sigma\left(X W_1\right) \\",
        r"e &= h W_2 - Y \\",
        r"\delta &= 2 e W_2^{\top} \circ h \circ \left(1 - h\right) \\",
        r"L &= \left\lVert e \right\rVert_F^2 \\",
        r"\frac{\partial L}{\partial W_1} &= X^{\top} \delta \\",
        r"\frac{\partial L}{\partial W_2} &= 2 h^{\top} e",
    ]
    assert g._repr_latex_() == f"$\\displaystyle {g.latex()}$"


def test_the_formula_does_not_depend_on_the_widths():
    sizes = [
        {"x": (n, n + 1), "w1": (n + 1, 2 * n), "w2": (2 * n, 3), "y": (n, 3)} for n in (2, 50)
    ]
    texts = {str(matrix_gradient(network, inputs=size)) for size in (*sizes, NETWORK)}
    assert len(texts) == 1


HAND = {
    "least squares": (lambda X, w, y: {"w": 2 * X.T @ (X @ w - y)}, problems.N3),
    "ridge": (
        lambda X, w, y, penalty: {"w": 2 * X.T @ (X @ w - y) / len(y) + 2 * penalty * w},
        {**problems.N3, "penalty": ()},
    ),
    "log det": (lambda A: {"A": np.linalg.inv(A).T}, {"A": ("n", "n")}),
    "determinant": (lambda A: {"A": np.linalg.det(A) * np.linalg.inv(A).T}, {"A": ("n", "n")}),
    "quadratic form": (
        lambda x, A: {"x": (A + A.T) @ x, "A": np.outer(x, x)},
        {"x": ("n",), "A": ("n", "n")},
    ),
    "factorisation": (
        lambda U, V, R: {
            "U": 2 * (U @ V.T - R) @ V + 0.2 * U,
            "V": 2 * (U @ V.T - R).T @ U + 0.2 * V,
        },
        PROBLEMS["factorisation"].shapes,
    ),
    "log-sum-exp": (lambda x: {"x": np.exp(x) / np.sum(np.exp(x))}, {"x": ("n",)}),
}


@pytest.mark.parametrize("name", HAND)
def test_against_formulas_from_papers(name, rng, error):
    by_hand, _ = HAND[name]
    problem = PROBLEMS[name]
    point = problems.point_of(problem, LENGTHS, rng)
    expected = by_hand(**point)
    g = matrix_gradient(problem.function, wrt=list(expected), inputs=problem.shapes)
    for key, entry in g(**point).items():
        assert error(entry, expected[key]) < 1e-12


@pytest.mark.parametrize(
    ("f", "lines"),
    [
        (lambda A: np.log(np.linalg.det(A)), ["L = log det(A)", "∂L/∂A = A⁻ᵀ"]),
        (lambda A: np.trace(A.T @ A), ["L = tr(Aᵀ A)", "∂L/∂A = 2 A"]),
        (lambda A: np.sum(A), ["L = 1ᵀ A 1", "∂L/∂A = 1 1ᵀ"]),
        (lambda A: np.sum(A, axis=0) @ np.sum(A, axis=1), None),
        (lambda A: np.sum(1 / (1 + np.exp(-A))), ["h = σ(A)", "L = 1ᵀ h 1", "∂L/∂A = h ∘ (1 − h)"]),
        (lambda A: np.sum(np.exp(A) / (1 + np.exp(A))), None),
        (lambda A: np.sum(np.log(1 + np.exp(A))), ["L = 1ᵀ softplus(A) 1", "∂L/∂A = σ(A)"]),
        (lambda A: np.sum(np.log1p(np.exp(A))), ["L = 1ᵀ softplus(A) 1", "∂L/∂A = σ(A)"]),
        (lambda A: np.sum(np.maximum(A, 0)), ["L = 1ᵀ relu(A) 1", "∂L/∂A = step(A)"]),
    ],
)
def test_short_formulas(f, lines):
    g = matrix_gradient(f, A=("n", "n"))
    if lines:
        assert str(g).splitlines() == lines
    assert np.shape(g(A=np.eye(2))["A"]) == (2, 2)


def test_logistic_regression_reads_as_by_hand():
    g = matrix_gradient(
        problems.logistic_regression, wrt=("w", "b"), inputs=PROBLEMS["logistic regression"].shapes
    )
    assert str(g).splitlines() == [
        "z = X w + b",
        "p = σ(z)",
        "e = p − y",
        "L = 1ᵀ (softplus(z) − y ∘ z)/N",
        "∂L/∂w = Xᵀ e/N",
        "∂L/∂b = 1ᵀ e/N",
    ]
    far = {"X": np.array([[800.0], [-800.0]]), "w": [1.0], "y": [0.0, 1.0], "b": 0.0}
    with np.errstate(over="ignore"):
        value, found = g.value_and_gradient(**far)
    assert value == 800
    assert found["w"].tolist() == [800]


def test_softmax_cross_entropy_reads_as_by_hand():
    problem = PROBLEMS["cross-entropy"]
    g = matrix_gradient(problem.function, wrt="W", inputs=problem.shapes)
    assert str(g).splitlines() == [
        "logits = X W + 1 bᵀ",
        "log_p = logits − logsumexp[1](logits) 1ᵀ",
        "L = −⟨Y, log_p⟩/N",
        "∂L/∂W = −Xᵀ (Y − Y 1 1ᵀ ∘ softmax(logits))/N",
    ]


# Names -------------------------------------------------------------------------------------------


def test_local_variables_name_the_lets():
    def f(x, w):
        pre = x @ w
        out = np.tanh(pre)
        return np.sum(out**2)

    g = matrix_gradient(f, x=("N", "d"), w=("d", "k"))
    assert [str(symbol) for symbol, _ in g.lets] == ["pre", "out", "pre_bar"]
    assert "pre = x @ w" in g.source


def test_a_name_used_again_is_numbered():
    def f(x, w):
        for _ in range(3):
            x = np.tanh(x @ w)
        return np.sum(x)

    names = [str(symbol) for symbol, _ in matrix_gradient(f, x=("n", "n"), w=("n", "n")).lets]
    assert names[:2] == ["x1", "x2"]


CLASHING = """
def f(x, w, {name}):
    y = np.tanh(x @ w)
    for _ in range({times}):
        {name} = np.tanh({name} * y)
    z = {name} / (1 + np.exp(-y) + {name})
    return np.sum(z * {name}) + np.sum(z) ** 2
"""


@pytest.mark.parametrize("name", ["h", "h1", "h_1", "y_bar", "t", "t1", "delta", "part", "z1"])
def test_no_line_is_named_as_an_argument_or_another_line(name, rng, differences):
    point = {"x": rng.normal(size=(2, 3)), "w": rng.normal(size=3), name: rng.normal(size=2)}
    shapes = {argument: np.shape(value) for argument, value in point.items()}
    for times, make in itertools.product((1, 3), (matrix_gradient, symdiff.gradient)):
        space = {"np": np}
        exec(CLASHING.format(name=name, times=times), space)
        g = make(space["f"], **shapes)
        lets = [str(symbol) for symbol, _ in g.lets]
        assert len({*lets, *shapes}) == len(lets) + len(shapes)
        # Nor as a longer number of its own: h11 is no second h1.
        assert not any(re.match(rf"{name}\d", let) for let in lets if name[-1].isdigit())
        differences(space["f"], g(**point), point)


NESTED = (
    *("x {0} (y {1} z)", "(x {0} y) {1} z", "-(x {0} y) {1} z", "x {0} (-y {1} z)"),
    *("x {0} 2 * (y {1} z)", "x {0} (y {1} z) ** 2", "x {0} 1 / (1 + np.exp(-y) {1} z)"),
)
SIGNS = {"∘²": "**2", "∘³": "**3", "−": "-", "∘": "*", "⊘": "/"}


@pytest.mark.parametrize("nested", NESTED)
def test_what_is_printed_reads_as_what_was_written(nested):
    point = {"x": np.array([0.5, 1.5]), "y": np.array([2.0, 0.7]), "z": np.array([1.1, 0.3])}
    for operators in itertools.product("+-*/", repeat=2):
        written = nested.format(*operators)
        space = {"np": np}
        exec(f"def f(x, y, z):\n    return np.sum(np.tanh({written}))\n", space)
        known = {**point, "exp": np.exp, "tanh": np.tanh}
        for line in str(matrix_gradient(space["f"], **dict.fromkeys(point, (2,)))).splitlines():
            name, _, text = line.partition(" = ")
            if name == "L":
                break
            for sign, ours in SIGNS.items():
                text = text.replace(sign, ours)
            known[name] = eval(re.sub(r"(?<=[\w)]) (?=[\w(])", "*", text), known)
        expected = np.tanh(eval(written, {"np": np, **point}))
        found = [known[name] for name in known.keys() - {*point, "exp", "tanh", "__builtins__"}]
        assert any(np.allclose(x, expected) or np.allclose(np.tanh(x), expected) for x in found)


def test_names_of_helpers_are_found():
    def layer(a, w):
        z = a @ w
        return 1 / (1 + np.exp(-z))

    def f(x, w1, w2):
        h = layer(x, w1)
        return np.sum(layer(h, w2) ** 2)

    text = str(matrix_gradient(f, x=("N", "d"), w1=("d", "m"), w2=("m", "k")))
    assert "z1 = X W1" in text
    assert "h1 = σ(z1)" in text
    assert "z2 = h1 W2" in text


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("w1", "W_1"),
        ("wq", "W_q"),
        ("theta", r"\theta"),
        ("Sigma", r"\Sigma"),
        ("W12", "W_{12}"),
        ("weights", r"\mathrm{weights}"),
        ("w_out", r"w_{\mathrm{out}}"),
    ],
)
def test_names_of_parameters(name, latex):
    def f(**given):
        return np.sum(given[name] ** 2)

    assert rf"\partial {latex}}} &=" in matrix_gradient(f, inputs={name: ("n", "k")}).latex()


def test_capitals_that_are_taken_stay_free():
    g = matrix_gradient(lambda x, X: np.sum(x @ X), x=("n", "n"), X=("n", "n"))
    assert "∂L/∂x = 1 1ᵀ Xᵀ" in str(g)


def test_many_lines_are_counted():
    def f(x, w):
        for _ in range(100):
            x = np.tanh(x @ w)
        return np.sum(x)

    g = matrix_gradient(f, x=("n", "n"), w=("n", "n"))
    assert "more lines" in str(g)
    assert r"more lines}" in g.latex(max_lines=3)
    assert "more lines" not in g.latex(max_lines=None)
    with pytest.raises(ValueError, match="at least 1"):
        g.latex(max_lines=0)


# Arguments ---------------------------------------------------------------------------------------


def test_arrays_are_examples_and_defaults(rng):
    X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    g = matrix_gradient(problems.least_squares, X=X, w=(2,), y=y)
    w = rng.normal(size=2)
    assert set(g(w=w)) == {"w"}
    np.testing.assert_allclose(g(w=w)["w"], 2 * X.T @ (X @ w - y))
    np.testing.assert_allclose(g(w=w, X=2 * X)["w"], 4 * X.T @ (2 * X @ w - y))
    everything = matrix_gradient(problems.least_squares, X=X, w=w, y=y)
    assert set(everything()) == {"X", "w", "y"}


def test_lengths_may_be_sympy_symbols():
    n = sympy.Symbol("n")
    g = matrix_gradient(lambda x: np.mean(x), x=(n, 2))
    np.testing.assert_allclose(g(x=np.ones((3, 2)))["x"], np.full((3, 2), 1 / 6))


def test_lists_of_weights(rng, error, precise):
    def f(x, ws):
        for w in ws:
            x = np.tanh(x @ w)
        return np.sum(x**2)

    g = matrix_gradient(f, wrt="ws", x=("N", "d"), ws=[("d", "h"), ("h", "k")])
    x, ws = rng.normal(size=(4, 3)), [rng.normal(size=(3, 2)), rng.normal(size=(2, 2))]
    found = g(x=x, ws=ws)["ws"]
    for k in range(2):

        def part(w, k=k):
            return f(x, [w if j == k else other for j, other in enumerate(ws)])

        assert error(found[k], precise(part, {"w": ws[k]}, "w")) < 1e-9
    with pytest.raises(ValueError, match="1 entries arrived, 2 were traced"):
        g(x=x, ws=ws[:1])
    assert "∂L/∂Ws[0]" in str(g) or "∂L/∂ws[0]" in str(g)


def test_stacks_of_weights(rng, error, precise):
    def f(x, w):
        for k in range(len(w)):
            x = np.tanh(x @ w[k])
        for matrix in w:
            x = x @ matrix
        return np.sum(x**2)

    g = matrix_gradient(f, x=("N", "d"), w=(3, "d", "d"))
    point = {"x": rng.normal(size=(2, 2)), "w": rng.normal(size=(3, 2, 2))}
    for key, entry in g(**point).items():
        assert error(entry, precise(f, point, key)) < 1e-9


def test_shapes_are_checked():
    g = matrix_gradient(problems.least_squares, X=("N", "d"), w=("d",), y=("N",))
    good = {"X": np.ones((3, 2)), "w": np.ones(2), "y": np.ones(3)}
    with pytest.raises(ValueError, match=r"'w': axis 0 has length 4, but d is 2 in argument 'X'"):
        g(**{**good, "w": np.ones(4)})
    with pytest.raises(ValueError, match=r"'w': shape \(1, 2\) arrived, \(d,\) is what was traced"):
        g(**{**good, "w": np.ones((1, 2))})
    with pytest.raises(TypeError, match="missing argument w"):
        g(X=good["X"], y=good["y"])
    with pytest.raises(TypeError, match=r"unknown argument 'v'\. Did you mean 'w'\?|unknown"):
        g(**good, v=1)
    with pytest.raises(TypeError, match="'w': real numbers are expected, not complex"):
        g(**{**good, "w": np.ones(2) * 1j})
    fixed = matrix_gradient(problems.least_squares, X=(3, 2), w=(2,), y=(3,))
    with pytest.raises(ValueError, match=r"shape \(4,\) arrived, \(2,\).*names as lengths"):
        fixed(**{**good, "w": np.ones(4)})


def test_what_wrt_may_be():
    with pytest.raises(ValueError, match=r"no symbolic argument 'W'"):
        matrix_gradient(problems.least_squares, wrt="W", inputs=problems.N3)
    assert list(
        matrix_gradient(problems.least_squares, wrt=("y", "w"), inputs=problems.N3)(
            X=np.ones((1, 1)), w=[1], y=[2]
        )
    ) == ["y", "w"]


def test_results_are_arrays_of_their_own():
    x, y = np.ones(3), np.ones(3)
    found = matrix_gradient(lambda x, y: x @ y, x=("n",), y=("n",))(x=x, y=y)
    found["x"] += 1
    assert y.tolist() == [1, 1, 1]
    g = matrix_gradient(lambda x: np.sum(np.maximum(x, 0)), x=(3,))
    assert g(x=[1, 2, 3])["x"].dtype == np.float64
    flat = matrix_gradient(lambda x: np.sum(x), x=(3,))(x=[1, 2, 3])["x"]
    flat += 1
    assert flat.tolist() == [2, 2, 2]


def test_a_parameter_that_does_not_matter():
    g = matrix_gradient(lambda x, y: np.sum(x), x=(2,), y=("n", 2))
    assert g(x=[1, 2], y=np.ones((3, 2)))["y"].tolist() == [[0, 0]] * 3
    assert matrix_gradient(lambda x: 3.0, x=(2,)).value_and_gradient(x=[1, 2])[0] == 3.0


def test_sizes():
    g = matrix_gradient(network, wrt=["w1", "w2"], inputs=NETWORK)
    N, d, h, k = (sympy.Symbol(n, integer=True, positive=True) for n in "Ndhk")
    assert g.operations.value == 5
    assert g.operation_count == g.operations.total == 12
    assert sympy.expand(g.operations.total_flops).coeff(N * d * h) == 4
    small = matrix_gradient(network, wrt=["w1"], x=(2, 3), w1=(3, 4), w2=(4, 5), y=(2, 5))
    assert isinstance(small.operations.total_flops, int)
    assert "operation_count" in repr(small)
    del k


# Ties and special points -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "at", "expected"),
    [
        (lambda z: np.sum(np.maximum(z, 0)), [0.0, 1.0, -1.0], [0.5, 1, 0]),
        (lambda z: np.sum(np.abs(z)), [0.0, 2.0, -2.0], [0, 1, -1]),
        (lambda z: np.max(z), [1.0, 1.0, 0.0], [0.5, 0.5, 0]),
        (lambda z: np.min(z), [0.0, 0.0, 0.0], [1 / 3] * 3),
        (lambda z: np.sum(np.minimum(z, 1.0)), [1.0, 2.0, 0.0], [0.5, 0, 1]),
        (lambda z: np.linalg.norm(z), [0.0, 0.0, 0.0], [0, 0, 0]),
        (lambda z: np.sqrt(np.sum(z**2)), [0.0, 3.0, 4.0], [0, 0.6, 0.8]),
        (lambda z: np.sum(np.linalg.norm(np.outer(z, z), axis=1)), [0.0, 1.0, 0.0], [0, 2, 0]),
    ],
)
def test_ties_and_kinks_follow_the_conventions(f, at, expected):
    space = {}
    exec(matrix_gradient(f, z=("n",)).source, space)
    with np.errstate(all="raise"):
        found = space["value_and_gradient"](np.array(at))[1]["z"]
    np.testing.assert_allclose(found, expected)


def test_a_spread_of_zero_has_a_derivative_by_convention():
    assert matrix_gradient(lambda z: np.std(z), z=("n",))(z=[2.0, 2.0])["z"].tolist() == [0, 0]


def test_truth_values_add_up_as_numbers():
    def f(x):
        return np.sum((x > 0) * x + (x < 9) * x)

    found = matrix_gradient(f, x=(2,))(x=[1.0, -1.0])["x"]
    assert found.tolist() == [2, 1]


def test_pickling_does_not_recurse():
    def f(x):
        for _ in range(1200):
            x = np.sin(x)
        return np.sum(x)

    g = matrix_gradient(f, x=("n",))
    again = pickle.loads(pickle.dumps(g))
    assert again(x=[1.0])["x"] == g(x=[1.0])["x"]
    assert str(again) == str(g)


def test_saturation_stays_finite():
    g = matrix_gradient(lambda z: np.sum(1 / (1 + np.exp(-z))), z=("n",))
    with np.errstate(over="ignore"):
        assert g(z=[-800.0, 800.0])["z"].tolist() == [0, 0]
    g = matrix_gradient(problems.log_sum_exp, x=("n",))
    assert g.value_and_gradient(x=[1000.0, 1000.0])[0] == pytest.approx(1000 + np.log(2))
    np.testing.assert_allclose(g(x=[1000.0, 1000.0])["x"], [0.5, 0.5])
