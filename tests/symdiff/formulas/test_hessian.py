"""Second derivatives: against hand, against differences of the gradient, and their size."""

import numpy as np
import pytest
import scipy.optimize

import symdiff
from symdiff import ExpressionTooLarge, gradient, parse
from symdiff.store.op_counts import shared_operations
from symdiff.strategies import DERIVATIONS


def network(w1, w2, x):
    h = np.tanh(x @ w1)
    e = h @ w2 - 0.5
    return np.sum(e**2)


SHAPES = {"w1": (2, 3), "w2": (3,), "x": (2, 2)}


@pytest.mark.parametrize("strategy", DERIVATIONS)
def test_against_differences_of_the_gradient(strategy, rng):
    g = gradient(network, strategy=strategy, wrt=("w1", "w2"), **SHAPES)
    point = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    found = g.hessian()(**point)
    for a in ("w1", "w2"):
        for index in np.ndindex(SHAPES[a]):
            step = np.zeros(SHAPES[a])
            step[index] = 1e-6
            above = g(**{**point, a: point[a] + step})
            below = g(**{**point, a: point[a] - step})
            for b in ("w1", "w2"):
                expected = (above[b] - below[b]) / 2e-6
                assert found[a][b].shape == SHAPES[a] + SHAPES[b]
                np.testing.assert_allclose(found[a][b][index], expected, rtol=1e-6, atol=1e-7)


def test_by_hand():
    h = gradient(parse("x**2*y + sin(z)"), x=(), y=(), z=()).hessian()
    assert str(h.blocks["x"]) == "{'x': 2*y, 'y': 2*x, 'z': 0}"
    assert str(h.blocks["z"]["z"]) == "-sin(z)"
    assert h(x=3, y=4, z=0) == {
        "x": {"x": 8.0, "y": 6.0, "z": 0.0},
        "y": {"x": 6.0, "y": 0.0, "z": 0.0},
        "z": {"x": 0.0, "y": 0.0, "z": 0.0},
    }
    assert repr(h) == "Hessian(strategy='shared', wrt=('x', 'y', 'z'), 3 × 3)"
    assert "d2/dx dy = 2*x" in str(h)
    assert "value_and_gradient(x, y, z)" in h.source


def test_extremes_and_choices():
    h = gradient(parse("where(x > 0, x**3, -x)"), x=()).hessian()
    assert [h(x=x)["x"]["x"] for x in (-2, 2)] == [0, 12]
    assert np.isnan(gradient(parse("log(x)"), x=()).hessian()(x=np.nan)["x"]["x"])
    assert gradient(parse("1/x"), x=()).hessian()(x=0.0)["x"]["x"] == np.inf


def test_lets_and_forms():
    def f(x):
        s = np.sin(x[0]) * np.exp(x[1])
        return s * s * x[2]

    h = gradient(f, strategy="adjoint", x=(3,)).hessian()
    assert h.lets
    names = {symbol for symbol, _ in h.lets}
    forms = h.block_forms["x"]["x"]
    assert forms.shape == (3, 3)
    assert any(names & form.free_symbols for form in forms.ravel())
    assert str(h).count("\n") + 1 == len(h.lets) + 6
    assert 0 < h.operation_count < 60
    text = h.latex()
    assert r"\frac{\partial^2 f}{\partial x_0 \partial x_2}" in text
    assert text.count("&=") == len(h.lets) + 6
    assert "more lines" in h.latex(max_lines=2)
    assert h._repr_latex_().startswith("$")
    with pytest.raises(ValueError, match="max_lines"):
        h.latex(max_lines=0)


def test_names_of_arguments_that_look_like_pairs():
    h = gradient(lambda a, b, a_b: a * b * a_b, a=(), b=(), a_b=()).hessian()
    assert h(a=2, b=3, a_b=5)["a"] == {"a": 0.0, "b": 5.0, "a_b": 3.0}


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("n", "most"), [(200, 20_000), (2000, None)])
def test_too_many_parameters_are_refused(n, most, monkeypatch):
    if most:
        monkeypatch.setattr("symdiff.formulas.hessian._WORK", most)
    g = gradient(lambda x: np.sum(np.exp(x)) ** 2, strategy="adjoint", x=(n,))
    with pytest.raises(ExpressionTooLarge, match=rf"{n} parameters.*wrt"):
        g.hessian()


def test_a_gradient_of_nothing():
    g = gradient(lambda x: np.sum(x**2), wrt=(), x=(2,))
    assert g.hessian()(x=[1, 2]) == {}


@pytest.mark.each("strategy", ["expanded", "shared", "adjoint"])
@pytest.mark.each(
    ("f", "at", "second"),
    [
        (lambda x: np.abs(x) ** 2, 0.0, 2.0),
        (lambda x: np.abs(x) * np.abs(x), 0.0, 2.0),
        (lambda x: np.maximum(x, -x) ** 2, 0.0, 2.0),
        (lambda x: np.minimum(x, -x) ** 2, 0.0, 2.0),
        (lambda x: np.hypot(x, 2 * x) ** 2, 0.0, 10.0),
        (lambda x: np.cos(np.abs(x)), 0.0, -1.0),
        (lambda x: np.cosh(np.abs(x)), 0.0, 1.0),
        (lambda x: np.where(np.abs(x) < 1, x * x / 2, np.abs(x) - 0.5), 0.0, 1.0),
        (lambda x: np.maximum(x, 0.0) ** 2, 1.5, 2.0),
        (lambda x: np.abs(x), -2.0, 0.0),
        # No second derivative: a 0 in silence would be taken for one.
        (lambda x: np.abs(x), 0.0, np.nan),
        (lambda x: x * np.abs(x), 0.0, np.nan),
        (lambda x: np.maximum(x, 0.0) ** 2, 0.0, np.nan),
        (lambda x: np.minimum(x, 1.0), 1.0, np.nan),
        (lambda x: x * np.sign(x), 0.0, np.nan),
    ],
)
def test_a_kink_is_no_constant(f, at, second, strategy):
    found = symdiff.hessian(f, strategy=strategy)(at)
    np.testing.assert_allclose(found, second, rtol=1e-14)


@pytest.mark.parametrize("strategy", symdiff.STRATEGIES)
@pytest.mark.parametrize("f", [lambda x: np.sum(x) > 0, lambda x: x[0] == x[1]])
def test_the_outcome_of_a_comparison_has_no_gradient(f, strategy):
    with pytest.raises(TypeError, match="outcome of a comparison"):
        symdiff.grad(f, strategy=strategy)(np.ones(2))


def test_a_sparse_matrix_is_derived_where_it_is_not_zero():
    def f(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    n = 400
    g = gradient(f, strategy="adjoint", x=(n,))
    h = g.hessian()
    x = np.linspace(0.5, 1.5, n)
    np.testing.assert_allclose(h(x=x)["x"]["x"], scipy.optimize.rosen_hess(x), rtol=1e-12)
    # FastDifferentiation.jl tells of 1.13 for the gradient and 2.4 for the Hessian.
    of_value = shared_operations(g._parts.dag, [g._parts.value])
    assert g.operation_count - of_value <= 1.13 * of_value
    assert h.operation_count <= 2.4 * of_value
    assert h.source.count("0.0, 0.0") == 0
