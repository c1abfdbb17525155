import numpy as np
import pytest

from symdiff.matrix import matrix_gradient


def layers(x, y, **weights):
    h = x
    for w in weights.values():
        h = np.maximum(h @ w, 0)
    return np.sum((h - y) ** 2)


def residual(x, y, **weights):
    h = x
    for w in weights.values():
        h = h + np.tanh(h @ w)
    return np.mean((h - y) ** 2)


def shapes(n):
    names = [f"w{k + 1}" for k in range(n)]
    return {"x": ("N", "d"), "y": ("N", "d"), **dict.fromkeys(names, ("d", "d"))}, names


@pytest.mark.parametrize("f", [layers, residual])
def test_operations_grow_linearly_with_depth(f):
    counts = []
    for n in (10, 20, 30):
        inputs, names = shapes(n)
        counts.append(matrix_gradient(f, wrt=names, inputs=inputs).operation_count)
    assert counts[2] - counts[1] == counts[1] - counts[0] <= 100


@pytest.mark.sampled(2)
@pytest.mark.parametrize("f", [layers, residual])
def test_a_thousand_layers(f, rng):
    inputs, names = shapes(1000)
    g = matrix_gradient(f, wrt=names, inputs=inputs)
    point = {
        name: rng.normal(size=(3, 3)) if name in "xy" else np.eye(3) + rng.normal(size=(3, 3)) / 900
        for name in inputs
    }
    value, found = g.value_and_gradient(**point)
    assert value == pytest.approx(float(f(**point)))
    step = 1e-6
    moved = [f(**{**point, "w500": point["w500"] + sign * step * np.eye(3)}) for sign in (1, -1)]
    expected = (moved[0] - moved[1]) / (2 * step)
    assert np.trace(found["w500"]) == pytest.approx(expected, rel=1e-5, abs=1e-8)
    assert len(g.latex(max_lines=None).splitlines()) > 1000


def test_deep_formulas_without_names(rng):
    def f(x):
        y = x
        parts = [x]
        for _ in range(1200):
            parts.append(np.sin(parts.pop()))
        return np.sum(parts[0]) + np.sum(y)

    g = matrix_gradient(f, x=(3,))
    assert g(x=np.ones(3))["x"].shape == (3,)
    assert g.latex(max_lines=None)


def test_sympy_forms_of_a_deep_network_do_not_recurse():
    inputs, names = shapes(60)
    g = matrix_gradient(layers, wrt=names, inputs=inputs)
    assert len(g.lets) >= 60
    assert g.partials["w1"].shape == g.partial_forms["w1"].shape
