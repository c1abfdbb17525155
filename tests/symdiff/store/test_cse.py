"""Which nodes get a line, and how it is called."""

import numpy as np
import pytest

from symdiff import gradient, trace
from symdiff.store.cse import flatten, name_lines, variable_names
from symdiff.store.dag import ZERO
from symdiff.store.op_counts import shared_operations, tree_operations


def _names(f, **shapes):
    traced = trace(f, **shapes)
    return list(name_lines(traced.dag, traced.nodes.ravel().tolist()).values())


def test_variables_of_loops_and_helpers_are_numbered():
    def activation(z):
        return np.tanh(z) * z

    def f(W, x):
        h = x
        for _ in range(2):
            h = activation(W @ h)
        return np.sum(h)

    names = set(variable_names(trace(f, W=(2, 2), x=(2,)).dag).values())
    assert names == {"z1[0]", "z1[1]", "z2[0]", "z2[1]", "h1[0]", "h1[1]", "h2[0]", "h2[1]"}


def test_arguments_constants_and_modules_lend_no_names():
    def f(x, scale):
        same, constant = x, np.array([2.0, 3.0])
        return np.sum(np.exp(same) * constant * scale)

    assert variable_names(trace(f, x=(2,), scale=2.0).dag) == {}


def test_a_sign_is_no_line():
    assert _names(lambda x: np.exp(-x) * np.cos(-x) * -x, x=()) == []
    assert _names(lambda x, y: np.exp(-(x * y)) + np.cos(-(x * y)), x=(), y=()) == ["v1"]


def test_deep_lines_are_cut():
    def tower(x):
        for _ in range(40):
            x = np.cos(x + 1)
        return x

    g = gradient(lambda x: tower(x), strategy="expanded", x=())
    names = name_lines(g._parts.dag, [g._parts.value])
    assert len(names) >= 3


def test_flattening_keeps_meaning_and_size():
    def f(x):
        total = ZERO * 0.0
        for k in range(6):
            total = total + x[k] * x[k - 1] * 2
        return total + 1 + total * 3

    traced = trace(f, x=(6,))
    dag, roots = flatten(traced.dag, traced.nodes.ravel().tolist())
    assert shared_operations(dag, roots) <= shared_operations(traced.dag, [int(traced.nodes)])
    assert tree_operations(dag, roots) <= tree_operations(traced.dag, [int(traced.nodes)])


@pytest.mark.parametrize("count", [2, 3, 30])
def test_terms_that_merge_to_the_same_are_one(count):
    def f(x, y):
        sums = [(x + y) + 1 for _ in range(count)] + [x + (y + 1), (1 + x) + y, x + y + x]
        return sum(np.sin(s) for s in sums)

    g = gradient(f, x=(), y=())
    point = {"x": 0.3, "y": 0.4}
    assert g.value_and_gradient(**point)[0] == pytest.approx(f(**point), rel=1e-15)
    expected = (count + 2) * np.cos(1.7) + 2 * np.cos(1.0)
    assert g(**point)["x"] == pytest.approx(expected)


def test_numbers_that_meet_in_a_merged_sum_are_folded():
    traced = trace(lambda x: (x + 1) + 2, x=())
    assert str(traced.result) == "x + 3"
    traced = trace(lambda x: 2 * (3 * np.sin(x)), x=())
    assert str(traced.result) == "6*sin(x)"
