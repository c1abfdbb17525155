"""Arguments that are one object, or one that the function knows: no plan of others is for them."""

import dataclasses
import operator
from typing import NamedTuple

import numpy as np
import pytest

import autodiff

KNOWN = np.array([1.0, 2.0, 3.0])
TABLE = {"x": KNOWN}
IDENTITIES = {id(KNOWN)}


class Pair(NamedTuple):
    w: np.ndarray


@dataclasses.dataclass
class Weights:
    w: np.ndarray


class Net:
    def __init__(self):
        self.w = KNOWN

    def loss(self, x):
        return np.sum(x) if x is self.w else np.sum(x * x)


def _kernel(x, y=None):
    y = x if y is None else y
    return np.sum(np.exp(-(np.subtract.outer(x, y) ** 2))) + (10.0 if x is y else 0.0)


def _position(x, others):
    return np.sum(x) * next((i for i, y in enumerate(others) if y is x), 9)


def _held(p, q):
    return np.sum(p["w"] * q["w"]) * (2.0 if p is q or p["w"] is q["w"] else 3.0)


X, Y = np.arange(3.0), np.arange(1.0, 4.0)
BASE = np.arange(6.0)
SHARED, PAIR, WEIGHTS, NUMBER = {"w": X}, Pair(X), Weights(X), X[1]
#: Functions, and arguments of their calls: of each, some that are one object and some that are not.
CASES = {
    "is": (lambda x, y: np.sum(x) if x is y else np.sum(x * y), (X, Y), (X, X), (Y, Y)),
    "is not": (lambda x, y: np.sum(x * y) if x is not y else np.sum(x), (X, Y), (X, X)),
    "a kernel": (_kernel, (X, Y), (X, X), (X,), (Y, X)),
    "first one object": (_kernel, (X, X), (X, Y), (Y, Y)),
    "another structure": (lambda x, y: x * 2.0 if x is y else (x, y), (X, X), (X, Y), (Y, Y)),
    "identities": (lambda *xs: sum(map(np.sum, xs)) * len(set(map(id, xs))), (X, Y), (X, X)),
    "operator": (lambda x, y: np.sum(x) * operator.is_(x, y) + np.sum(y), (X, Y), (X, X)),
    "memory": (
        lambda x, y: np.sum(x) if np.shares_memory(x, y) else np.sum(y * y),
        (BASE[:2], BASE[4:]),
        (BASE[:2], BASE[1:3]),
        (BASE[:2], BASE[:2]),
    ),
    "numbers": (lambda x, y: x * 2.0 if x is y else x * y, (X[1], Y[1]), (NUMBER, NUMBER)),
    "among others": (_position, (X, [Y, X]), (X, [X, Y]), (Y, [X, Y]), (X, [Y, Y + 1.0])),
    "dicts": (_held, (SHARED, {"w": Y}), (SHARED, SHARED), (SHARED, {"w": X})),
    "tied": (lambda p: np.sum(p[0]) * (p[0] is p[1]) + np.sum(p[1]), ([X, Y],), ([X, X],)),
    "tuples": (lambda p, q: np.sum(p.w) * (2.0 if p is q else 3.0), (PAIR, Pair(Y)), (PAIR, PAIR)),
    "dataclasses": (
        lambda p, q: np.sum(p.w) * (2.0 if p is q else 3.0),
        (Weights(Y), WEIGHTS),
        (WEIGHTS, WEIGHTS),
    ),
    "a global": (lambda x: np.sum(x) if x is KNOWN else np.sum(x * x), (X,), (KNOWN,), (Y,)),
    "of a dict": (lambda x: np.sum(x) if x is TABLE["x"] else np.sum(x * x), (X,), (KNOWN,)),
    "of an object": (Net().loss, (X,), (KNOWN,), (Y,)),
    "a known identity": (lambda x: np.sum(x) * (id(x) in IDENTITIES) + x[0], (X,), (KNOWN,)),
    "a default": (lambda x, y=KNOWN: np.sum(x) * (x is y) + x[0], (X,), (KNOWN,)),
    "NaN as a sign": (lambda x, k: np.sum(x) if k is np.nan else x[1] * k, (X, 2.0), (X, np.nan)),
}


@pytest.mark.each("name", CASES)
@pytest.mark.each("pure", [False, True])
def test_each_call_goes_the_way_of_its_own_objects(name, pure):
    f, *calls = CASES[name]
    step = autodiff.compile(f, pure=pure)
    for args in (*calls, *calls, *reversed(calls)):
        found, expected = step(*args), f(*args)
        assert type(found) is type(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert len(step.plans()) >= 1, "the function itself runs for all arguments"


def test_one_object_has_a_plan_where_nothing_looks(monkeypatch):
    def f(x, y, mode=None):
        assert type(x) is not list
        return np.sum(x * y) if mode is None else np.sum(x)

    step = autodiff.compile(lambda x, y: f(x, y))
    step(X, X)
    monkeypatch.setitem(step.__globals__, "general", None)  # the general way
    assert step(Y, Y) == np.sum(Y * Y)
    assert step(X, Y) == np.sum(X * Y)
