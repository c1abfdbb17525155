"""Arguments that hold several arrays: one meaning in every strategy, partials like the argument."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

from symdiff import STRATEGIES, explain, gradient
from symdiff.strategies import DERIVATIONS

W, B = np.array([[0.3, -0.5], [0.2, 0.4]]), np.array([0.1, -0.2])
X = np.array([0.7, -1.1])


class Pair(NamedTuple):
    weight: object
    bias: object


@dataclasses.dataclass(frozen=True)
class Layer:
    weight: object
    bias: object
    act: object = np.tanh

    def __call__(self, x):
        return self.act(x @ self.weight + self.bias)


def _dense(x, w, b):
    return np.sum(np.tanh(x @ w + b) ** 2)


def _chain(ws, x):
    for w in ws:
        x = np.tanh(w @ x)
    return np.sum(x)


#: The function, the structure of shapes, the same of numbers, and what it holds, in one order.
CASES = {
    "list": (lambda p, x: _dense(x, p[0], p[1]), [(2, 2), (2,)], [W, B], lambda p: p),
    "tuple": (lambda p, x: _dense(x, *p), ((2, 2), (2,)), (W, B), list),
    "dict": (
        lambda p, x: _dense(x, p["W"], p["b"]),
        {"W": (2, 2), "b": (2,)},
        {"b": B, "W": W},
        lambda p: [p["W"], p["b"]],
    ),
    "named tuple": (
        lambda p, x: _dense(x, p.weight, p.bias),
        Pair((2, 2), (2,)),
        Pair(W, B),
        list,
    ),
    "dataclass": (
        lambda p, x: np.sum(p(x) ** 2),
        Layer((2, 2), (2,)),
        Layer(W, B),
        lambda p: [p.weight, p.bias],
    ),
    "one after the other": (lambda p, x: _chain(p, x), [(2, 2), (2, 2)], [W, W.T], list),
    "nested": (
        lambda p, x: _dense(x, p["layers"][1].weight, p["layers"][0]["b"]),
        {"layers": [{"b": (2,), "unused": ()}, Pair((2, 2), 0.0)]},
        {"layers": [{"b": B, "unused": 2.0}, Pair(W, 0.0)]},
        lambda p: [p["layers"][1].weight, p["layers"][0]["b"], p["layers"][0]["unused"]],
    ),
    "keys that are no names": (
        lambda p, x: _dense(x, p["layer 1/w"], p[2]),
        {"layer 1/w": (2, 2), 2: (2,)},
        {"layer 1/w": W, 2: B},
        lambda p: [p["layer 1/w"], p[2]],
    ),
    "scalars": (lambda p, x: p[0] * np.sum(x**2) + p[1] ** 2, [(), ()], [2.0, 3.0], lambda p: p),
    "settings": (
        lambda p, x: p["scale"] * np.sum(np.tanh(x @ p["W"]) ** 2) if p["act"] == "tanh" else 0.0,
        {"W": (2, 2), "scale": 2.0, "act": "tanh"},
        {"W": W, "scale": 2.0, "act": "tanh"},
        lambda p: [p["W"]],
    ),
}


def _differences(f, p, taken, x, step=1e-6):
    found = []
    for entry in taken(p):
        array = np.asarray(entry, dtype=float)
        slopes = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                other = array.copy()
                other[index] += sign * step
                ends.append(f(_replaced(p, entry, other), x))
            slopes[index] = (ends[0] - ends[1]) / (2 * step)
        found.append(slopes)
    return found


def _replaced(p, old, new):
    if p is old:
        return new
    if isinstance(p, dict):
        return {key: _replaced(entry, old, new) for key, entry in p.items()}
    if dataclasses.is_dataclass(p):
        return dataclasses.replace(
            p, weight=_replaced(p.weight, old, new), bias=_replaced(p.bias, old, new)
        )
    if isinstance(p, (list, tuple)):
        entries = [_replaced(entry, old, new) for entry in p]
        return type(p)(*entries) if hasattr(p, "_fields") else type(p)(entries)
    return p


@pytest.mark.each("strategy", STRATEGIES)
@pytest.mark.each("name", CASES)
def test_partials_have_the_structure_of_the_argument(name, strategy):
    f, shapes, numbers, taken = CASES[name]
    g = gradient(f, strategy=strategy, inputs={"p": shapes, "x": (2,)})
    value, found = g.value_and_gradient(p=numbers, x=X)
    assert value == pytest.approx(f(numbers, X), rel=1e-12)
    assert type(found["p"]) is type(shapes)
    for entry, expected in zip(taken(found["p"]), _differences(f, numbers, taken, X), strict=True):
        assert np.shape(entry) == expected.shape
        np.testing.assert_allclose(entry, expected, atol=1e-7)
    assert set(g.partials) == set(found) == {"p", "x"}
    assert type(g.partial_forms["p"]) is type(shapes)
    assert all((str(g), g.latex(), g.source))
    by_p = gradient(f, strategy=strategy, wrt="p", inputs={"p": shapes, "x": (2,)})
    assert set(by_p(p=numbers, x=X)) == {"p"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_list_of_numbers_is_an_array(strategy):
    for numbers in ([2.0, 3.0], [2, 3], (2.0, 3.0), np.array([2.0, 3.0]), [[2.0], [3.0]]):
        f = lambda c, x: np.sum(np.ravel(np.asarray(c)) * x)  # noqa: E731
        if strategy == "matrix" and not isinstance(numbers, list | tuple | np.ndarray):
            continue
        if strategy == "matrix":
            f = lambda c, x: np.sum(np.ravel(c) * x)  # noqa: E731
        g = gradient(f, strategy=strategy, wrt="x", inputs={"c": numbers, "x": (2,)})
        assert g(x=[1.0, 1.0])["x"].tolist() == [2.0, 3.0]


@pytest.mark.each("strategy", STRATEGIES)
@pytest.mark.each(
    ("given", "kind", "words"),
    [
        ({"p": [W]}, ValueError, "1 entries arrived, 2 were traced"),
        ({"p": {"W": W, "b": B}}, TypeError, "a list of 2 was traced, and dict arrived"),
        ({"q": [W, B]}, TypeError, "unknown argument 'q'"),
        ({}, TypeError, "missing argument p"),
        ({"p": [W, B.reshape(1, 2)]}, ValueError, r"p\[1\].*shape \(1, 2\) arrived"),
    ],
)
def test_another_structure_is_refused(given, kind, words, strategy):
    g = gradient(lambda p, x: _dense(x, *p), strategy=strategy, p=[(2, 2), (2,)], x=(2,))
    with pytest.raises(kind, match=words):
        g(**given, x=X)


def test_entries_are_called_by_their_keys():
    g = gradient(lambda p, q: p["w"] * q["w"] * p["c"], p={"w": (), "c": ()}, q={"w": ()})
    assert str(g.partials["p"]["c"]) == "p.w*q.w"
    assert str(g.partials["q"]["w"]) == "c*p.w"
    code = g.code("c")
    assert all(name in code for name in ("p_w", "q_w"))
    assert "w" in str(explain(lambda p: p["w"] ** 2, p={"w": ()}))


@pytest.mark.parametrize("strategy", DERIVATIONS)
def test_hessians_and_substitution_take_the_structure(strategy):
    g = gradient(lambda p: p["a"] ** 2 * p["b"], strategy=strategy, p={"a": (), "b": ()})
    assert g.hessian()(p={"a": 3.0, "b": 4.0}) == {
        "a": {"a": 8.0, "b": 6.0},
        "b": {"a": 6.0, "b": 0.0},
    }
    assert g.subs(b=2)(a=3.0) == {"a": 12.0}
    assert g.simplify()(p={"a": 3.0, "b": 4.0}) == {"p": {"a": 24.0, "b": 9.0}}
    with pytest.raises(NotImplementedError, match="'p' holds several arrays"):
        g.save("nowhere")
