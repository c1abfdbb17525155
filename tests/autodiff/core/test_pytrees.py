"""Nested structures are taken apart and put together again."""

import collections
import dataclasses
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import grad, trace, value_and_grad
from autodiff.core.pytrees import flatten, structure_of


class Layer(NamedTuple):
    w: object
    b: object


@dataclasses.dataclass(frozen=True)
class Net:
    layers: list
    scale: float


TREES = st.recursive(
    st.floats(-10, 10),
    lambda children: (
        st.lists(children, max_size=3)
        | st.tuples(children, children)
        | st.builds(Layer, children, children)
        | st.builds(Net, st.lists(children, max_size=2), children)
        | st.dictionaries(st.text(max_size=3), children, max_size=3)
    ),
    max_leaves=12,
)


@given(TREES)
def test_what_is_taken_apart_is_put_together_again(tree):
    leaves, structure = flatten(tree)
    assert structure.unflatten(leaves) == tree
    assert structure.count == len(leaves) == len(structure.paths())
    assert structure == structure_of(structure.unflatten([0.0] * len(leaves)))


@given(TREES)
def test_gradients_come_back_in_the_same_structure(tree):
    leaves, structure = flatten(tree)
    if leaves:
        gradient = grad(lambda t: sum((x * x for x in flatten(t)[0]), 0.0 * leaves[0]))(tree)
        assert structure_of(gradient) == structure
        assert flatten(gradient)[0] == [2 * x for x in leaves]
        assert all(type(x) is float for x in flatten(gradient)[0])


def test_kinds_of_containers():
    tree = {
        "n": Net([Layer(np.ones(2), 1.0)], 2.0),
        "d": collections.OrderedDict(a=3.0),
        "no": None,
    }

    def f(t):
        layer = t["n"].layers[0]
        assert t["no"] is None
        return np.sum(layer.w * layer.b) * t["n"].scale + t["d"]["a"] ** 2

    value, gradient = value_and_grad(f)(tree)
    assert value == 13.0
    assert isinstance(gradient["n"], Net)
    assert isinstance(gradient["n"].layers[0], Layer)
    assert isinstance(gradient["d"], collections.OrderedDict)
    assert gradient["d"]["a"] == 6.0
    assert gradient["no"] is None
    np.testing.assert_array_equal(gradient["n"].layers[0].w, [2.0, 2.0])
    counts = collections.defaultdict(list, a=1.0)
    assert isinstance(structure_of(counts).unflatten([2.0]), collections.defaultdict)


def test_what_is_no_number_is_named_by_its_path():
    with pytest.raises(TypeError, match=r"grad: argument 0\['a'\]\[1\] is an int"):
        grad(lambda p: p["a"][0])({"a": [1.0, 2]})
    with pytest.raises(TypeError, match=r"argument 1\.w is a str"):
        grad(lambda x, p: x, (0, 1))(1.0, Layer("text", 1.0))
    with pytest.raises(TypeError, match="argument 0 is a NoneType"):
        grad(lambda p: 1.0)(None)


def test_graphs_take_structures():
    parameters = {"w": np.array([1.0, 2.0]), "b": 0.5}

    def model(p, x):
        return np.sum(p["w"] * x) + p["b"]

    graph = trace(model, parameters, np.ones(2))
    assert repr(graph) == "<Graph of (p['w'] 2, p['b'], x 2): 3 operations>"
    assert graph.forward(parameters, np.array([1.0, 3.0])) == 7.5
    gradients = graph.backward()
    assert list(gradients) == ["p", "x"]
    np.testing.assert_array_equal(gradients["p"]["w"], [1.0, 3.0])
    assert gradients["p"]["b"] == 1.0
    np.testing.assert_array_equal(graph["p['w']"].adjoint, [1.0, 3.0])
    with pytest.raises(TypeError, match=r"argument 'p' has the parts p\['w'\]; the graph was"):
        graph.forward({"w": np.ones(2)}, np.ones(2))
    only = trace(model, parameters, np.ones(2), wrt="p['b']")
    only.forward(parameters, np.ones(2))
    assert only.backward() == {"p['b']": 1.0}
    assert list(
        trace(model, parameters, np.ones(2), wrt="p").value_and_gradient(parameters, np.ones(2))[1]
    ) == ["p"]
