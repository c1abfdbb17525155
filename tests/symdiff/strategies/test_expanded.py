"""The closed form: its size is known before it is derived."""

import itertools
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdiff import ExpressionTooLarge, gradient, trace
from symdiff.store.op_counts import tree_operations
from symdiff.strategies import expanded as table_entry
from symdiff.strategies.expanded import predict_operations


def _predicted_and_real(f, **shapes):
    traced = trace(f, **shapes)
    symbols = [node for nodes in traced.inputs.values() for node in nodes.ravel().tolist()]
    predicted = predict_operations(traced.dag, int(traced.nodes), symbols)
    derivation = table_entry(traced.dag, int(traced.nodes), symbols)
    return predicted, tree_operations(derivation.dag, derivation.partials)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _network(W1, b1, W2, x):
    h = sigmoid(W1 @ x + b1)
    return np.sum((W2 @ h) ** 2)


def _residual(W, v):
    h = v
    for _ in range(3):
        h = h + np.tanh(W @ h)
    return np.sum(h)


ARRAYS = {
    "network": (_network, {"W1": (4, 3), "b1": (4,), "W2": (2, 4), "x": (3,)}),
    "residual": (_residual, {"W": (2, 2), "v": (2,)}),
    "sums of the same": (lambda v: np.sum(v) * np.sum(v) ** 2 - 3 * np.sum(v), {"v": (4,)}),
    "affine": (lambda v: 2 * np.sum(v) - v[0] / 3 - v[1] + v[1], {"v": (3,)}),
    "running sums": (lambda v: np.prod(np.cumsum(v)), {"v": (5,)}),
    "softmax": (lambda v: np.log(np.sum(np.exp(v - np.max(v)))), {"v": (4,)}),
    "products": (lambda v: np.prod(v) + np.prod(v[:2]) * v[0], {"v": (5,)}),
    "choices": (
        lambda v: np.sum(np.where(v > np.sum(v), v, v * v) + np.where(v > 0, v, v[0])),
        {"v": (3,)},
    ),
    "norm": (lambda v: np.linalg.norm(v) / v[0] ** 3, {"v": (3,)}),
    "constant": (lambda v: 1.0, {"v": (3,)}),
    "itself": (lambda v: v[1], {"v": (3,)}),
    "nothing": (lambda v: np.sum(v), {"v": (0,)}),
}


@pytest.mark.each("name", ARRAYS)
def test_the_prediction_is_exact_on_arrays(name):
    f, shapes = ARRAYS[name]
    predicted, real = _predicted_and_real(f, **shapes)
    assert predicted == real


@settings(max_examples=60, deadline=None)
@given(widths=st.lists(st.integers(1, 4), min_size=2, max_size=4))
def test_the_prediction_is_exact_on_networks(widths):
    def f(x, **weights):
        h = x
        for W in weights.values():
            h = np.tanh(W @ h)
        return np.sum(h)

    shapes = {f"W{k}": (b, a) for k, (a, b) in enumerate(itertools.pairwise(widths))}
    predicted, real = _predicted_and_real(f, x=(widths[0],), **shapes)
    assert predicted == real


def test_nothing_is_derived_before_the_refusal():
    def f(x):
        for _ in range(300):
            x = np.sin(x) * np.cos(x)
        return x

    traced = trace(f, x=())
    before = len(traced.dag)
    with pytest.raises(ExpressionTooLarge, match=r"10\*\*9\d operations.*strategy='adjoint'"):
        table_entry(traced.dag, int(traced.nodes), [int(traced.inputs["x"])])
    # Only the partials of single operations were made: at most some nodes for each.
    assert len(traced.dag) < 3 * before


def test_large_networks_are_refused_with_their_size():
    shapes = {"W1": (60, 50), "b1": (60,), "W2": (40, 60), "x": (50,)}
    with pytest.raises(ExpressionTooLarge, match=r"writes out to [\d,]+ operations") as caught:
        gradient(_network, strategy="expanded", inputs=shapes)
    traced = trace(_network, inputs=shapes)
    symbols = [node for nodes in traced.inputs.values() for node in nodes.ravel().tolist()]
    predicted = predict_operations(traced.dag, int(traced.nodes), symbols)
    assert caught.value.operations == predicted + tree_operations(traced.dag, [int(traced.nodes)])
    assert pickle.loads(pickle.dumps(caught.value)).operations == caught.value.operations


@pytest.mark.parametrize(
    ("strategy", "other"), [("shared", "adjoint"), ("adjoint", "matrix"), ("expanded", "shared")]
)
def test_each_strategy_names_a_stronger_one(strategy, other, monkeypatch):
    monkeypatch.setattr(sys.modules["symdiff.strategies.expanded"], "MAX_OPERATIONS", 5)
    with pytest.raises(ExpressionTooLarge, match=f"strategy='{other}'"):
        _ = gradient(lambda x: np.sum(np.sin(x) ** 3), strategy=strategy, x=(4,)).source
