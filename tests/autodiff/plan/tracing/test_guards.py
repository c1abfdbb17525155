"""State outside a compiled function: noticed when it changes, or refused by name."""

import collections.abc
import functools
import gc
import io
import itertools
import random
import sqlite3
import sys
import types
from abc import get_cache_token

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff
from autodiff.plan.tracing.guards import Guards, Visited
from tests.fuzz.stale import HOLDERS, INNERMOST, ROOTS, Program, check

X = np.ones(2)


@pytest.mark.each("name", HOLDERS)
def test_a_change_in_place_and_by_binding_is_noticed(name):
    # Bound anew, another number in the holder, another content of an array in it.
    kinds = ("number", -1), ("number", 0), ("array", 1)
    for root, (innermost, level) in zip(ROOTS, itertools.cycle(kinds), strict=False):
        program = Program(root, (name,), innermost, level, 2.0, 5.0)
        assert check(program) in ("right", "invalid"), program


@pytest.mark.parametrize("name", INNERMOST)
def test_a_change_of_contents_is_noticed(name):
    for root in ROOTS:
        assert check(Program(root, (), name, 0, 2.0, 5.0)) == "right"


@given(
    st.sampled_from(ROOTS),
    st.lists(st.sampled_from(list(HOLDERS)), max_size=3),
    st.sampled_from(list(INNERMOST)),
    st.integers(-1, 3),
)
@settings(max_examples=300, deadline=None)
def test_nothing_hidden_goes_stale(root, holders, innermost, level):
    program = Program(root, tuple(holders), innermost, min(level, len(holders)), 2.0, 5.0)
    assert check(program) in ("right", "refused", "invalid"), program


def test_copies_of_a_trace_are_not_watched():
    x = np.arange(6.0).reshape(2, 3)
    loss = autodiff.compile(autodiff.value_and_grad(lambda w: np.sum(np.tanh(x @ w) @ x)))
    w = np.ones((3, 2))
    _, before = loss(w)
    watched = [v for v in loss.__code__.co_consts if type(v) is np.ndarray]
    assert [v is x for v in watched] == [True]
    x[0, 1] = 7.0
    assert not np.array_equal(loss(w)[1], before)


def _opens(x):
    with open(__file__) as file:
        return np.sum(x) * len(file.read())


STREAM = io.BytesIO()
GENERATOR = np.random.default_rng(0)
PYTHON_RANDOM = random.Random(0)
COUNT = itertools.count(1.0)
ITERATOR = iter([1.0] * 99)
DATABASE = sqlite3.connect(":memory:")

UNWATCHED = {
    "a stream": (lambda x: np.sum(x) * STREAM.readable(), "STREAM, a _io"),
    "a file that is opened": (_opens, "a file that the function opens"),
    "NumPy's generator": (lambda x: np.sum(x) * GENERATOR.normal(), "GENERATOR, a numpy.random"),
    "Python's generator": (lambda x: np.sum(x) * PYTHON_RANDOM.random(), "PYTHON_RANDOM, a random"),
    "a counter": (lambda x: np.sum(x) * next(COUNT), "COUNT, a itertools.count"),
    "an iterator": (lambda x: np.sum(x) * next(ITERATOR), "ITERATOR, a builtins.list_iterator"),
    "a database": (lambda x: np.sum(x) * DATABASE.total_changes, "DATABASE, a sqlite3.Connection"),
}


@pytest.mark.parametrize("name", UNWATCHED)
def test_what_cannot_be_watched_is_refused_by_name(name):
    f, words = UNWATCHED[name]
    with pytest.raises(autodiff.UnwatchableState, match=words) as refused:
        autodiff.compile(autodiff.grad(f))(X)
    assert "pass it as an argument" in str(refused.value)
    assert "pure=True" in str(refused.value)


def test_pure_takes_the_responsibility():
    step = autodiff.compile(autodiff.grad(lambda x: np.sum(x) * STREAM.readable()), pure=True)
    np.testing.assert_array_equal(step(X), X)
    scale = [2.0]
    step = autodiff.compile(autodiff.grad(lambda x: np.sum(x) * scale[0]), pure=True)
    step(X)
    scale[0] = 5.0
    np.testing.assert_array_equal(step(X), 2 * X)


def test_what_code_names_in_a_branch_not_taken_is_no_reason_to_look_further():
    unused = types.SimpleNamespace(rng=GENERATOR)

    def f(x):
        return np.sum(x) if x.ndim else unused

    assert autodiff.compile(autodiff.grad(f))(X).tolist() == [1.0, 1.0]


def test_the_guards_are_those_of_what_ran():
    scale = np.ones(2)

    def f(x):
        return x * scale

    visited = Visited()
    sys.setprofile(visited.on_event)
    f(X)
    sys.setprofile(None)
    guards = Guards(f, (), [], visited)
    assert not guards.changed()
    # The code of f, its cell, and the array in it: a module is not watched.
    assert len(guards) == 3
    scale[0] = 5.0
    assert guards.changed()


def test_a_cell_that_has_become_empty_is_noticed():
    def outer():
        scale = 2.0

        def f(x):
            return np.sum(x) * scale

        def drop():
            nonlocal scale
            del scale

        return f, drop

    f, drop = outer()
    step = autodiff.compile(autodiff.grad(f))
    step(X)
    step(X)
    drop()
    with pytest.raises(NameError, match="scale"):
        step(X)


#: A holder, what takes numbers out of it, and a change of it that leaves the numbers.
REORDERED = {
    "dict": ({"a": 2.0, "b": 3.0}, lambda h: list(h.values()), lambda h: h.update(a=h.pop("a"))),
    "list": ([2.0, 3.0], list, lambda h: h.reverse()),
    "long list": ([2.0, 3.0] * 20, lambda h: h[-2:], lambda h: h.reverse()),
    "dict of numbers": (
        {1: 2.0, 2: 3.0},
        lambda h: list(h.values()),
        lambda h: h.update({1: h.pop(1)}),
    ),
}


@pytest.mark.parametrize("name", REORDERED)
def test_another_order_of_the_same_items_is_noticed(name):
    holder, read, change = REORDERED[name]

    def f(x):
        first, second = read(holder)
        return np.sum(x * first - second * x**2)

    step = autodiff.compile(autodiff.grad(f))
    before = step(X)
    step(X)
    change(holder)
    np.testing.assert_array_equal(step(X), autodiff.grad(f)(X))
    assert not np.array_equal(step(X), before)


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h["array"].fill(3.0),
        lambda h: h["array"].resize((1, 2), refcheck=False),
        lambda h: h["dict"].clear(),
        lambda h: h["dict"].update(c=1.0),
        lambda h: h["list"].append(1.0),
        lambda h: h["list"].pop(),
        lambda h: h["empty"].update(c=1.0),
        lambda h: h.pop("empty"),
        lambda h: h.update(array=np.ones(2)),
        lambda h: h.update(number=-0.0),
        lambda h: h.update(number=0),
    ],
)
def test_each_condition_sees_its_change(change):
    held = {"array": np.ones(2), "dict": {"a": 1.0}, "list": [1.0], "empty": {}, "number": 0.0}

    def f(x):
        return x * held["array"]

    visited = Visited()
    sys.setprofile(visited.on_event)
    f(X)
    sys.setprofile(None)
    guards = Guards(f, (), [], visited)
    texts, names = guards.conditions("_here")
    assert all(name.endswith("_here") for name in names)
    assert all(eval(text, dict(names)) for text in texts)
    assert not guards.changed()
    change(held)
    assert guards.changed()
    assert not all(eval(text, dict(names)) for text in texts)


def test_equal_numbers_are_no_change():
    options = {"power": 2.0, "list": [1.5], "name": "a"}

    def f(x):
        return np.sum(x ** options["power"]) * options["list"][0] * len(options["name"])

    step = autodiff.compile(autodiff.grad(f))
    step(X)
    plan = step.plan(X)
    options.update(power=float("2.0"), name="".join(["a"]))
    options["list"][0] = float("1.5")
    step(X)
    assert step.plan(X) is plan


def test_code_of_pythons_own_is_not_the_users():
    def f(x):
        return x * isinstance(x, collections.abc.Reversible)

    visited = Visited()
    gc.disable()  # what is called back when it runs would count as well
    sys.setprofile(visited.on_event)
    try:
        f(X)
        isinstance(Guards, collections.abc.Reversible)
    finally:
        sys.setprofile(None)
        gc.enable()
    # The code of f, that no global hides isinstance, which is what it was, as the others are.
    guards = Guards(f, (), [], visited)
    names = [name for _, _, name, _ in guards.bindings]
    assert sorted(names) == sorted(
        ["__code__", "isinstance", "isinstance", "collections", "abc", "Reversible"]
    )
    assert [read for _, read, _ in guards.contents] == [get_cache_token]


def test_a_partial_function_that_is_given_another_state():
    def scaled(a, x, k=1.0):
        return a * x * k

    bound = functools.partial(scaled, 2.0)
    step = autodiff.compile(autodiff.grad(bound))
    assert step(3.0) == 2.0
    bound.__setstate__((scaled, (5.0,), {}, None))
    assert step(3.0) == 5.0
    for k in (10.0, 20.0):
        bound.keywords["k"] = k
        assert step(3.0) == 5.0 * k
    # Other names alone, with the function and the arguments of before.
    bound.__setstate__((scaled, bound.args, {"k": 4.0}, None))
    assert step(3.0) == 20.0
