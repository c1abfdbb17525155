"""Reverse accumulation: few operations, telling names, no recursion."""

import itertools
import pickle

import numpy as np
import pytest
import sympy

from symdiff import gradient, trace
from symdiff.strategies.adjoint import reverse


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _network(widths):
    def f(x, **p):
        h = x
        for k in range(1, len(widths)):
            z = p[f"W{k}"] @ h + p[f"b{k}"]
            h = sigmoid(z)
        return np.sum(h * h)

    shapes = {"x": (widths[0],)}
    for k, (a, b) in enumerate(itertools.pairwise(widths), 1):
        shapes |= {f"W{k}": (b, a), f"b{k}": (b,)}
    return f, shapes


@pytest.mark.parametrize("widths", [(3, 8, 8, 1), (4, 8, 8, 8, 1), (5, 40, 30, 2)])
def test_the_gradient_costs_less_than_the_cheap_gradient_principle_allows(widths):
    f, shapes = _network(widths)
    wrt = [name for name in shapes if name != "x"]
    g = gradient(f, strategy="adjoint", wrt=wrt, inputs=shapes)
    assert g.operation_count <= 2.6 * g.operations.value_shared
    h = gradient(f, strategy="shared", wrt=wrt, inputs=shapes)
    assert g.operation_count < h.operation_count


def test_operations_grow_in_step_with_parameters():
    counts = []
    for width in (16, 32, 64):
        f, shapes = _network((width, width, width, 1))
        g = gradient(f, strategy="adjoint", inputs=shapes)
        counts.append(g.operation_count / width**2)
    assert max(counts) < 1.2 * min(counts)


def test_lines_have_the_names_of_the_function():
    f, shapes = _network((2, 2, 1))
    g = gradient(f, strategy="adjoint", inputs=shapes)
    names = [str(symbol) for symbol, _ in g.lets]
    assert names[:6] == ["z1[0]", "z1[1]", "h1[0]", "h1[1]", "z2[0]", "h2[0]"]
    assert {"z1_bar[0]", "z1_bar[1]", "z2_bar[0]"} <= set(names)
    lets = {str(symbol): str(form) for symbol, form in g.lets}
    assert lets["h1[0]"] == "sigmoid(z1[0])"
    assert lets["z1_bar[0]"] == "W2[0,0]*h1[0]*z2_bar[0]*(1 - h1[0])"
    assert r"{\bar{z}_1}_0 &= " in g.latex()
    assert "z1_bar_0 = " in g.source


def test_names_that_are_taken_are_left_alone():
    def f(h, h_bar, v1, delta):
        h = np.tanh(h * v1)
        return np.sin(h) * np.exp(h) * h_bar * np.cos(v1) * delta * np.cos(np.cos(v1))

    shapes = dict.fromkeys(("h", "h_bar", "v1", "delta"), ())
    point = {"h": 0.3, "h_bar": 0.7, "v1": 1.2, "delta": 0.4}
    g = gradient(f, strategy="adjoint", inputs=shapes)
    names = [str(symbol) for symbol, _ in g.lets]
    assert len(set(names)) == len(names)
    assert not set(names) & set(shapes)
    assert g(**point) == pytest.approx(gradient(f, strategy="expanded", inputs=shapes)(**point))


def test_a_chain_of_2200_operations(differences):
    def f(w, x):
        for _ in range(1100):
            x = np.tanh(w * x)
        return x

    g = gradient(f, strategy="adjoint", w=(), x=())
    point = {"w": 1.01, "x": 0.5}
    differences(f, g(**point), point)
    assert pickle.loads(pickle.dumps(g))(**point) == g(**point)
    assert g.latex(max_lines=None).count("&=") == len(g.lets) + 3
    assert str(g).startswith("x1 = tanh(w*x)")
    assert g.operations.gradient_tree > 10**6
    assert sympy.count_ops(g.value_form) == 0


@pytest.mark.parametrize("strategy", ["shared", "adjoint"])
def test_deep_chains_print_and_pickle(strategy):
    def f(x):
        for _ in range(1200):
            x = np.sin(x)
        return x

    g = gradient(f, strategy=strategy, x=())
    assert pickle.loads(pickle.dumps(g))(x=1.0) == g(x=1.0)
    assert len(g.latex(max_lines=None).splitlines()) == len(g.lets) + 4
    namespace = {}
    exec(g.source, namespace)
    assert namespace["value_and_gradient"](1.0)[1]["x"] == g(x=1.0)["x"]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("n", [300, 1000])
def test_closed_forms_of_deep_chains_print_and_pickle(n):
    def f(x):
        for _ in range(n):
            x = np.sin(x)
        return x

    g = gradient(f, strategy="expanded", x=())
    assert g.operation_count == n + n + sum(range(n)) + n - 1
    assert pickle.loads(pickle.dumps(g)).source == g.source
    assert g.latex(max_lines=1).count(r"\sin") == n


def test_second_derivatives_by_two_passes():
    traced = trace(lambda x, y: x**3 * np.exp(y) + x / y, x=(), y=())
    dag, value = traced.dag, int(traced.nodes)
    nodes = [int(traced.inputs[name]) for name in "xy"]
    first = reverse(dag, value, nodes)
    second = [reverse(dag, node, nodes) for node in first]
    x, y = 0.7, 1.3
    from symdiff.operations.sympy_conversion import to_sympy

    places = dict(zip(to_sympy(dag, nodes), (x, y), strict=True))
    found = [[float(e.subs(places)) for e in to_sympy(dag, row)] for row in second]
    mixed = 3 * x**2 * np.exp(y) - 1 / y**2
    expected = [
        [6 * x * np.exp(y), mixed],
        [mixed, x**3 * np.exp(y) + 2 * x / y**3],
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-13)
