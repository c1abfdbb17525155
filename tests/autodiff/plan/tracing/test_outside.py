"""Kinds of places that hold what a function reads from outside: noticed, or refused by name."""

import abc
import builtins
import collections
import collections.abc
import ctypes
import datetime
import decimal
import enum
import functools
import importlib
import inspect
import math
import operator
import os
import pathlib
import random
import sys
import threading
import time
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import autodiff

X = np.array([1.0, 2.0])


class Thing:
    """An object with one attribute, and what reads it in other ways."""

    def __init__(self, k=2.0):
        self.k = k

    def method(self):
        return self.k

    def __call__(self):
        return 2.0

    def __getitem__(self, key):
        return 2.0

    def __eq__(self, other):
        return isinstance(other, Thing)

    def __hash__(self):
        return 1


class FloatWith(float):
    """A number with attributes."""


class TextWith(str):
    """Text with attributes."""


class Through:
    def __init__(self):
        self.table = {"k": 2.0}

    def __getattr__(self, name):
        return self.__dict__["table"][name]


class Weird:
    def __getattribute__(self, name):
        return {"k": 2.0}[name]


def _with(x, **attributes):
    for name, value in attributes.items():
        setattr(x, name, value)
    return x


def _swap(x, name, value):
    return lambda: setattr(x, name, value)


def _put(x, key, value):
    return lambda: operator.setitem(x, key, value)


CASES: dict[str, Callable[[], tuple[Any, ...]]] = {}


def case(make):
    CASES[make.__name__.strip("_").replace("_", " ")] = make
    return make


def taken(lock):
    free = lock.acquire(blocking=False)
    if free:
        lock.release()
    return free


def entry(name, read, thing, change):
    """Add a case: how a thing is made, read and changed."""

    def make():
        made = thing()
        return (lambda x: np.sum(x * read(made))), lambda: change(made)()

    CASES[name] = make


entry(
    "attribute of a float",
    lambda t: t.k,
    lambda: _with(FloatWith(1), k=2.0),
    lambda t: _swap(t, "k", 5.0),
)
entry(
    "attribute of text",
    lambda t: t.k,
    lambda: _with(TextWith("a"), k=2.0),
    lambda t: _swap(t, "k", 5.0),
)
entry(
    "values of a dict",
    lambda t: sum(t[1]),
    lambda: (d := {"k": 2.0}, d.values()),
    lambda t: _put(t[0], "k", 5.0),
)
entry(
    "items of a dict",
    lambda t: sum(v for _, v in t[1]),
    lambda: (d := {"k": 2.0}, d.items()),
    lambda t: _put(t[0], "k", 5.0),
)
entry(
    "bound method of a dict",
    lambda t: t[1]("k"),
    lambda: (d := {"k": 2.0}, d.get),
    lambda t: _put(t[0], "k", 5.0),
)
entry(
    "bound method of a list",
    lambda t: t[1](0),
    lambda: (d := [2.0], d.__getitem__),
    lambda t: _put(t[0], 0, 5.0),
)
entry(
    "bound method of an array",
    lambda t: t[1](0),
    lambda: (d := np.array([2.0]), d.item),
    lambda t: _put(t[0], 0, 5.0),
)
entry(
    "attrgetter",
    lambda t: t[1](t[0]),
    lambda: (Thing(), operator.attrgetter("k")),
    lambda t: _swap(t[0], "k", 5.0),
)
entry(
    "itemgetter",
    lambda t: t[1](t[0]),
    lambda: ({"k": 2.0}, operator.itemgetter("k")),
    lambda t: _put(t[0], "k", 5.0),
)
entry(
    "methodcaller",
    lambda t: t[1](t[0]),
    lambda: (Thing(), operator.methodcaller("method")),
    lambda t: _swap(t[0], "k", 5.0),
)
entry(
    "flat of an array",
    lambda t: t[1][0],
    lambda: (a := np.array([2.0]), a.flat),
    lambda t: _put(t[0], 0, 5.0),
)
entry(
    "view of an array",
    lambda t: t[1][0],
    lambda: (a := np.array([1.0, 2.0]), a[::-1]),
    lambda t: _put(t[0], 1, 5.0),
)
entry(
    "buffer of bytes",
    lambda t: np.frombuffer(t)[0],
    lambda: bytearray(np.array([2.0]).tobytes()),
    lambda t: _put(t, slice(None), np.array([5.0]).tobytes()),
)
entry(
    "structured array",
    lambda t: t["k"][0],
    lambda: np.array([(2.0, 1)], [("k", float), ("n", int)]),
    lambda t: _put(t["k"], 0, 5.0),
)
entry(
    "rows of a large array",
    lambda t: t[3, 0],
    lambda: np.arange(200_000.0).reshape(1000, 200),
    lambda t: _put(t, [3, 7], t[[7, 3]]),
)
entry(
    "elements of a large array, a multiple of 509 words apart",
    lambda t: t[5],
    lambda: np.arange(200_000.0),
    lambda t: _put(t, [5, 5 + 509 * 3], t[[5 + 509 * 3, 5]]),
)
entry(
    "type of an array",
    lambda t: float(t[1]),
    lambda: np.array([1.0, 2.0]),
    lambda t: _swap(t, "dtype", np.dtype(np.int64)),
)
entry(
    "flags of an array",
    lambda t: 2.0 if t.flags.writeable else 5.0,
    lambda: np.ones(2),
    lambda t: lambda: t.setflags(write=False),
)
entry(
    "record of an array",
    lambda t: t[1]["k"],
    lambda: (a := np.array([(2.0, 1)], [("k", float), ("n", int)]), a[0]),
    lambda t: _put(t[0]["k"], 0, 5.0),
)
entry(
    "default of a dict",
    lambda t: (t["k"], t.pop("k"))[0],
    lambda: collections.defaultdict(lambda: 2.0),
    lambda t: _swap(t, "default_factory", lambda: 5.0),
)
entry(
    "context of decimal",
    lambda t: float(t[0] / 3),
    lambda: [decimal.Decimal(1)],
    lambda t: _swap(decimal.getcontext(), "prec", 2),
)
entry(
    "context of decimals made within",
    lambda t: float(decimal.Decimal(1) / 3),
    lambda: None,
    lambda t: _swap(decimal.getcontext(), "prec", 2),
)
entry("lock", lambda t: 5.0 if t.locked() else 2.0, threading.Lock, lambda t: t.acquire)
entry("lock that is taken", lambda t: 2.0 if taken(t) else 5.0, threading.Lock, lambda t: t.acquire)
entry(
    "name of the thread",
    lambda t: len(threading.current_thread().name),
    lambda: None,
    lambda t: _swap(threading.current_thread(), "name", "PlansChangeIt"),
)
entry(
    "errors of NumPy",
    lambda t: 5.0 if np.geterr()["over"] == "ignore" else 2.0,
    lambda: None,
    lambda t: lambda: np.seterr(over="ignore"),
)
entry(
    "array to text",
    lambda t: float(np.array2string(t)[1:-1]),
    lambda: np.array([1.23456789]),
    lambda t: lambda: np.set_printoptions(precision=2),
)
entry(
    "list in a frame",
    lambda t: t["a"][0][0],
    lambda: pd.DataFrame({"a": [[2.0]]}),
    lambda t: _put(t["a"][0], 0, 5.0),
)
entry(
    "name of an index",
    lambda t: len(t.index.name),
    lambda: pd.DataFrame({"a": [1.0]}, index=pd.Index([1], name="ab")),
    lambda t: _swap(t.index, "name", "abcde"),
)
PATCHED = {builtins: "abs", math: "hypot", np: "cos", np.linalg: "norm"}
for home, patched in PATCHED.items():
    entry(
        f"{patched}, patched",
        lambda t: abs(-2.0) + math.hypot(0.0, 1.0) + np.cos(0.0) + np.linalg.norm([1.0]),
        lambda: None,
        lambda t, home=home, name=patched: _swap(home, name, lambda *args: 9.0),
    )
entry(
    "weak set",
    lambda t: sum(v.k for v in t[1]),
    lambda: (a := Thing(), weakref.WeakSet([a])),
    lambda t: _swap(t[0], "k", 5.0),
)
entry(
    "name of a series",
    lambda t: 2.0 if t.name == "a" else 5.0,
    lambda: pd.Series([1.0], name="a"),
    lambda t: _swap(t, "name", "b"),
)
entry(
    "attributes of a frame",
    lambda t: t.attrs["k"],
    lambda: _with(pd.DataFrame({"a": [1.0]}), attrs={"k": 2.0}),
    lambda t: _put(t.attrs, "k", 5.0),
)
entry(
    "cell of a frame",
    lambda t: t.loc[0, "a"],
    lambda: pd.DataFrame({"a": [2.0]}),
    lambda t: _put(t.loc, (0, "a"), 5.0),
)
entry(
    "class of an instance",
    lambda t: t.m,
    lambda: type("A", (), {"m": 2.0})(),
    lambda t: _swap(t, "__class__", type("C", (), {"m": 5.0})),
)
entry(
    "bases of a class",
    lambda t: t.m,
    lambda: type("D", (type("B", (type("A", (), {"m": 2.0}),), {}),), {}),
    lambda t: _swap(t.__mro__[1], "__bases__", (type("C", (), {"m": 5.0}),)),
)
entry(
    "attribute that hides an inherited one",
    lambda t: t().m,
    lambda: type("B", (type("A", (), {"m": 2.0}),), {}),
    lambda t: _swap(t, "m", 5.0),
)
entry(
    "class attribute before __getattr__",
    lambda t: t().k,
    lambda: type("G", (Through,), {}),
    lambda t: _swap(t, "k", 5.0),
)
entry(
    "attribute of a metaclass",
    lambda t: t.m,
    lambda: type("M", (type,), {"m": 2.0})("A", (), {}),
    lambda t: _swap(type(t), "m", 5.0),
)
entry(
    "special method",
    lambda t: t()(),
    lambda: type("T", (Thing,), {"__call__": lambda self: 2.0}),
    lambda t: _swap(t, "__call__", lambda self: 5.0),
)
entry(
    "item method",
    lambda t: t()[0],
    lambda: type("T", (Thing,), {"__getitem__": lambda self, k: 2.0}),
    lambda t: _swap(t, "__getitem__", lambda self, k: 5.0),
)
entry("event", lambda t: 5.0 if t.is_set() else 2.0, threading.Event, lambda t: t.set)
entry("exception", lambda t: t.args[0], lambda: ValueError(2.0), lambda t: _swap(t, "args", (5.0,)))
entry(
    "ctypes structure",
    lambda t: t.k,
    lambda: type("S", (ctypes.Structure,), {"_fields_": [("k", ctypes.c_double)]})(2.0),
    lambda t: _swap(t, "k", 5.0),
)
entry(
    "getattr under another name",
    lambda t: t[1](t[0], "k"),
    lambda: (Thing(), getattr),
    lambda t: _swap(t[0], "k", 5.0),
)
entry(
    "inspect.getmembers",
    lambda t: dict(inspect.getmembers(t))["k"],
    Thing,
    lambda t: _swap(t, "k", 5.0),
)
entry(
    "environment",
    lambda t: float(os.getenv("PLAN_K", "2")),
    lambda: os.environ.pop("PLAN_K", None),
    lambda t: _put(os.environ, "PLAN_K", "5"),
)
entry(
    "expanded path",
    lambda t: float(os.path.expandvars("$PLAN_K")),
    lambda: os.environ.update(PLAN_K="2"),
    lambda t: _put(os.environ, "PLAN_K", "5"),
)
entry(
    "recursion limit",
    lambda t: float(sys.getrecursionlimit()),
    lambda: sys.setrecursionlimit(1000),
    lambda t: lambda: sys.setrecursionlimit(1001),
)
entry(
    "arguments of the process",
    lambda t: len(sys.argv),
    lambda: None,
    lambda t: lambda: sys.argv.append("more"),
)
entry(
    "print options",
    lambda t: np.get_printoptions()["precision"],
    lambda: None,
    lambda t: lambda: np.set_printoptions(precision=5),
)
entry(
    "written array",
    lambda t: float(str(t)[1:-1]),
    lambda: np.array([1.23456789]),
    lambda t: lambda: np.set_printoptions(precision=2),
)
entry(
    "buffer size",
    lambda t: np.getbufsize(),
    lambda: np.setbufsize(8192),
    lambda t: lambda: np.setbufsize(16_384),
)


@case
def _library_under_another_name():
    place = {"np": np, "__name__": "a_user"}
    exec("def f(x):\n    return np.sum(x)\n", place)
    return place["f"], lambda: place.update(np=types.SimpleNamespace(sum=np.prod))


@case
def _partial_in_place():
    p = functools.partial(lambda k: k, 2.0)
    return lambda x: np.sum(x * p()), lambda: p.__setstate__((lambda k: k, (5.0,), {}, {}))


@case
def _single_dispatch():
    f = functools.singledispatch(lambda x: 1.0)
    f.register(list, lambda x: 2.0)
    return lambda x: np.sum(x * f([])), lambda: f.register(list, lambda x: 5.0)


@case
def _cache_that_is_cleared():
    box = [2.0]
    kept = functools.lru_cache(lambda: box[0])
    kept()

    def change():
        box[0] = 5.0
        kept.cache_clear()

    return lambda x: np.sum(x * kept()), change


@case
def _result_of_a_cache():
    kept = functools.cache(lambda n: {"k": 2.0})
    return lambda x: np.sum(x * kept(3)["k"]), lambda: kept(3).update(k=5.0)


@case
def _code_of_a_helper():
    def helper(x):
        return x * 2.0

    return lambda x: np.sum(helper(x)), _swap(helper, "__code__", (lambda x: x * 5.0).__code__)


@case
def _code_of_the_function():
    def f(x):
        return np.sum(x * 2.0)

    return f, _swap(f, "__code__", (lambda x: np.sum(x * 5.0)).__code__)


@case
def _enum_member():
    mode = enum.Enum("Mode", {"A": [2.0]})
    return lambda x: np.sum(x * mode.A.value[0]), lambda: _put(mode.A.value, 0, 5.0)()


@case
def _attribute_of_an_enum_member():
    mode = enum.Enum("Mode", {"A": 1})
    mode.A.k = 2.0
    return lambda x: np.sum(x * mode.A.k), _swap(mode.A, "k", 5.0)


@case
def _name_among_the_builtins():
    builtins.plan_k = 2.0
    return lambda x: np.sum(x * plan_k), _swap(builtins, "plan_k", 5.0)  # noqa: F821


@case
def _global_that_hides_a_builtin():
    place = {"np": np, "__name__": "a_user"}
    exec("def f(x):\n    return np.sum(x) * max([2.0])\n", place)
    return place["f"], lambda: place.update(max=lambda x: 5.0)


@case
def _global_that_appears():
    place = {"np": np, "__name__": "a_user"}
    text = "def f(x):\n    try:\n        k = K\n    except NameError:\n        k = 2.0\n"
    exec(text + "    return np.sum(x) * k\n", place)
    return place["f"], lambda: place.update(K=5.0)


@case
def _module_by_its_name():
    sys.modules["plan_module"] = module = types.ModuleType("plan_module")
    module.k = 2.0
    return lambda x: np.sum(x * sys.modules["plan_module"].k), _swap(module, "k", 5.0)


@case
def _import_by_name():
    sys.modules["plan_module"] = module = types.ModuleType("plan_module")
    module.k = 2.0
    import importlib

    name = "plan_" + "module"
    return lambda x: np.sum(x * importlib.import_module(name).k), _swap(module, "k", 5.0)


@case
def _attribute_set_on_a_library():
    np.plan_k = 2.0
    return lambda x: np.sum(x * np.plan_k), _swap(np, "plan_k", 5.0)


@case
def _subclasses():
    base = type("Base", (), {})
    kept = [type("First", (base,), {"m": 2.0})]
    return (
        lambda x: np.sum(x * base.__subclasses__()[-1].m),
        lambda: kept.append(type("Second", (base,), {"m": 5.0})),
    )


@case
def _compiled_function_within():
    box, point = [2.0], np.ones(2)
    inner = autodiff.compile(lambda t: t * box[0])
    inner(point)
    return lambda x: np.sum(x * inner(point)), _put(box, 0, 5.0)


@case
def _equal_objects_as_arguments():
    first, second = Thing(2.0), Thing(5.0)
    return lambda x, thing: np.sum(x * thing.k), lambda: (second,), first


@pytest.fixture(autouse=True)
def _process():
    """Set back the state of the process that the cases change."""
    before = np.get_printoptions(), np.getbufsize(), list(sys.argv), sys.getrecursionlimit()
    functions = [(home, name, getattr(home, name)) for home, name in PATCHED.items()]
    thread = threading.current_thread().name
    with decimal.localcontext(), np.errstate():
        yield
    threading.current_thread().name = thread
    for home, name, function in functions:
        setattr(home, name, function)
    np.set_printoptions(**before[0])
    np.setbufsize(before[1])
    sys.argv[:] = before[2]
    sys.setrecursionlimit(before[3])
    os.environ.pop("PLAN_K", None)
    sys.modules.pop("plan_module", None)
    for place in (np, builtins):
        vars(place).pop("plan_k", None)


@pytest.mark.filterwarnings("ignore:Setting the (dtype|shape)")  # NumPy 2.5
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("transform", [autodiff.grad, lambda f: f], ids=["grad", "value"])
def test_a_change_is_noticed(name, transform):
    f, change, *args = CASES[name]()
    eager = transform(f)
    step = autodiff.compile(eager)
    before = eager(X, *args)
    for _ in range(2):
        np.testing.assert_array_equal(step(X, *args), before)
    new = change()
    args = list(new) if isinstance(new, tuple) else args
    for _ in range(2):
        after = eager(X, *args)
        assert not np.array_equal(after, before)
        np.testing.assert_array_equal(step(X, *args), after)


class Shape(abc.ABC):  # noqa: B024
    """A class with which others are registered."""


def test_a_class_that_is_registered_with_another_is_noticed():
    class Round:
        pass

    f = lambda x: np.sum(x) * (2.0 if isinstance(Round(), Shape) else 3.0)  # noqa: E731
    g = lambda x: np.sum(x) * (2.0 if issubclass(Round, collections.abc.Sized) else 3.0)  # noqa: E731
    steps = [autodiff.compile(h) for h in (f, g)]
    assert [step(X) for step in steps] == [9.0, 9.0]
    Shape.register(Round)
    collections.abc.Sized.register(Round)
    assert [step(X) for step in steps] == [6.0, 6.0]


def _caught(x):
    with np.errstate(divide="raise"):
        try:
            return np.sum(1 / x)
        except FloatingPointError:
            return 0.0 * np.sum(x)


def _warned(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.sum(np.log(x))
        except RuntimeWarning:
            return np.sum(x)


POINTER = ctypes.pointer(ctypes.c_double(2.0))
REFUSED = {
    "pointer": (lambda x: np.sum(x) * POINTER.contents.value, "POINTER, a .* not known"),
    "weird": (lambda x: np.sum(x) * WEIRD[0].k, "WEIRD.* that can't be looked into"),
    "clock": (lambda x: np.sum(x) * time.time(), "the clock .time.time."),
    "date": (lambda x: np.sum(x) * datetime.datetime.now().year, "the clock .datetime.now."),
    "size of a file": (lambda x: np.sum(x) * os.path.getsize(__file__), "file system .os.stat."),
    "folder": (lambda x: np.sum(x) * len(os.listdir(".")), "file system .os.listdir."),
    "text of a file": (lambda x: np.sum(x) * len(pathlib.Path(__file__).read_text()), "a file"),
    "random numbers": (lambda x: np.sum(x) * np.random.get_state()[1][0], "state of numpy.random"),
    "Python's random numbers": (lambda x: np.sum(x) * len(random.getstate()), "state of random"),
    "a date": (lambda x: np.sum(x) * time.gmtime().tm_year, "the clock .time.gmtime."),
    "a date of NumPy": (lambda x: np.sum(x) * np.datetime64("now").astype(float), "the clock"),
    "caught": (_caught, "floating-point errors"),
    "warned": (_warned, "warnings that become errors"),
    "numbers of a file": (lambda x: np.sum(x) * len(np.fromfile(__file__, np.uint8)), "a file"),
}
WEIRD = [Weird()]


@pytest.mark.each("name", REFUSED)
def test_what_cannot_be_seen_is_refused_by_name(name):
    f, words = REFUSED[name]
    with pytest.raises(autodiff.UnwatchableState, match=words):
        autodiff.compile(autodiff.grad(f))(X)


class Finder:
    """A finder of modules that looks in files, as that of pytest does."""

    def find_spec(self, *args):
        os.stat(__file__)


def test_what_everybody_does_is_no_state(recwarn, monkeypatch):
    import logging

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    sys.modules.pop("this", None)
    monkeypatch.setattr("builtins.print", lambda *args: None)

    def f(x):
        import this  # noqa: F401

        logging.getLogger("plan").debug("step")
        warnings.warn("odd", UserWarning, stacklevel=1)
        with np.errstate(all="ignore"):
            old = np.seterr(all="ignore")
            np.seterr(**old)
        assert isinstance(x, object), f"{np.shape(x)}"
        table = collections.OrderedDict(k=2.0)
        return np.sum(x * table["k"])

    warnings.simplefilter("always")
    np.testing.assert_array_equal(autodiff.compile(autodiff.grad(f))(X), [2.0, 2.0])


def test_what_others_have_imported_is_not_watched(monkeypatch):
    foreign = types.ModuleType("plan_foreign")
    foreign.__file__, foreign.sum = np.__file__, np.random.default_rng(0)
    monkeypatch.setitem(sys.modules, "plan_foreign", foreign)
    matrix = scipy.sparse.csr_array(np.eye(len(X)))
    for f in (
        lambda x: np.sum(sys.modules["math"].sqrt(4.0) * x),
        lambda x: np.sum(importlib.import_module("math").sqrt(4.0) * x),
        lambda x: np.sum(matrix @ x) * 2.0,
    ):
        np.testing.assert_allclose(autodiff.compile(autodiff.grad(f))(X), np.full(len(X), 2.0))
