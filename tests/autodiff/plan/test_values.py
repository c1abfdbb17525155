"""Arguments and results of every layout, type and kind: what the function gives, or refused."""

import enum
import fractions
import math

import numpy as np
import pytest

import autodiff
from autodiff.core.pytrees import flatten
from tests.fuzz.plans import LAYOUTS, laid_out

TYPES = ("f8", "f4", "f2", "g", "c16", "c8", "i8", "i1", "u1", "?", ">f8")
SHAPES = ((), (3,), (2, 3), (0,))
FUNCTIONS = {
    "loss": lambda x: np.sum(np.tanh(x) ** 2),
    "mean": lambda x: np.sum(x * np.mean(x)),
    "reversed": lambda x: x[::-1] * x if np.ndim(x) else x * x,
    "row": lambda x: 2 * (np.sum(x, axis=0) + x) if np.ndim(x) else x,
    "itself": lambda x: x,
    "aliases": lambda x: (x, x, x[..., :1] if np.ndim(x) else x, np.transpose(x)),
    "range": lambda x: np.max(x) - np.min(x) if np.size(x) and x.dtype.kind not in "bc" else x,
    "with text": lambda x: ("+" if np.sum(x) > 0 else "a'\"b", {"n": ""}, b"x", np.shape(x), x * 1),
    "numbers": lambda x: (None, 3, True, np.int8(3), np.array(3, np.int8), np.array(True), x),
}


def _check(found, wanted, rtol=None):
    """Assert that results are equal, and of the same types."""
    x, form = flatten(found)
    y, other = flatten(wanted)
    assert form == other
    for a, b in zip(x, y, strict=True):
        assert type(a) is type(b)
        if isinstance(b, str | bytes):
            assert a == b
            continue
        assert np.result_type(a) == np.result_type(b)
        single = np.result_type(b).itemsize <= 4 or np.result_type(b) == np.complex64
        np.testing.assert_allclose(a, b, rtol=rtol or (3e-3 if single else 1e-9))


def _same_calls(f, *calls, **options):
    step = autodiff.compile(f, **options)
    with np.errstate(all="ignore"):
        for args in calls:
            _check(step(*args), f(*args))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.sampled(3)
@pytest.mark.each("dtype", TYPES)
@pytest.mark.each("name", FUNCTIONS)
def test_every_layout_and_type(dtype, name, rng):
    f = FUNCTIONS[name]
    for shape in SHAPES:
        x = np.asarray((3 * rng.normal(size=shape)).astype(dtype))
        for layout in LAYOUTS:
            given = laid_out(x, layout)
            _same_calls(f, (given,), (given,))
            if dtype in ("f8", "f4") and name in ("loss", "mean"):
                _same_calls(autodiff.grad(f), (given,), (given,))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("make", [np.matrix, np.ma.array], ids=["matrix", "masked"])
def test_arrays_of_subclasses_are_given_to_the_function_itself(make):
    x = make([[1.0, 2.0]])
    step = autodiff.compile(np.sin)
    assert type(step(x)) is type(np.sin(x))
    with pytest.raises(TypeError, match="compile: there is no plan for tensors, arrays of sub"):
        step.plan(x)


@pytest.mark.parametrize(
    "value",
    [range(3), slice(3), np.array(["a"]), object()],
    ids=["range", "slice", "text", "object"],
)
def test_what_no_plan_can_give_is_refused_by_its_place(value):
    with pytest.raises(TypeError, match=r"compile: result\[1\] is a .*return what it is made of"):
        autodiff.compile(lambda x: (x, value))(np.ones(2))


#: Functions of an array and a number that nobody differentiates.
WEAK = {
    "times": lambda a, k: a * k,
    "sum": lambda a, k: np.sum(a) * k,
    "computed": lambda a, k: a * (k * 2.0 + 1.0) - np.abs(a) ** k,
    "exp of it": lambda a, k: a * np.exp(k),
    "math of it": lambda a, k: a * math.exp(k),
    "clip": lambda a, k: np.clip(a, -k, k),
    "where": lambda a, k: np.where(a > 0, a, k),
    "as an array": lambda a, k: a + np.asarray(k),
    "joined": lambda a, k: np.append(a, k),
    "stacked": lambda a, k: np.stack([np.sum(a), k]),
    "in a branch": lambda a, k: a * k if k > 0 else a,
    "of its own": lambda a, k: (a, k * 2.0),
}


@pytest.mark.each("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.each("name", WEAK)
def test_a_number_beside_arrays_of_single_precision(name, dtype):
    f, a = WEAK[name], np.array([1.5, 2.0, -0.3], dtype)
    _same_calls(f, (a, 0.5), (a, 0.75), (a, 2.0), (a[0], 0.5))


def test_a_number_beside_single_precision_stays_an_input():
    step = autodiff.compile(lambda a, k: a * k)
    for k in (0.1, 0.2, 0.3):
        step(np.ones(3, np.float32), k)
    assert len(step.plans()) == 1


def test_a_complex_number_beside_complex64():
    a = np.array([1.5, 2.0j], np.complex64)
    _same_calls(lambda a, k: np.sum(a * k) + k, (a, 0.5 + 1j), (a, 2.0 + 0j))


MODES = enum.Enum("MODES", {"A": 2.0, "B": 3.0, "C": 4.0})
#: Functions of an array and a parameter, and three values of that.
PARAMETERS = {
    "range": (lambda x, n: sum(np.sum(x**k) for k in range(n)), (2, 3, 4)),
    "logarithm": (lambda x, k: np.sum(x) * math.log(k), (2.0, 3.0, 4.0)),
    "integer": (lambda x, k: sum(np.sum(x) * i for i in range(int(k))), (2.0, 3.0, 4.5)),
    "rounded": (lambda x, k: np.sum(x) * round(k), (1.4, 1.6, 2.4)),
    "written": (lambda x, k: np.sum(x) * float(f"{k:.1f}"), (1.44, 1.55, 2.0)),
    "whole": (lambda x, k: np.sum(x) * (2.0 if k.is_integer() else 3.0), (1.0, 1.5, 2.0)),
    "its type": (lambda x, k: np.sum(x) * (2.0 if isinstance(k, float) else 3.0), (1.0, 1, 2.0)),
    "key": (lambda x, k: np.sum(x) * {1.0: 2.0, 2.0: 5.0}[k], (1.0, 2.0, 1.0)),
    "branch": (lambda x, k: np.sum(x) * k if k > 2 else np.sum(x * x), (1.0, 3.0, 2.0)),
    "switch": (lambda x, k: np.sum(x) if k else np.sum(x * x), (True, False, True)),
    "text": (lambda x, k: {"sum": np.sum, "max": np.max}[k](x), ("sum", "max", "sum")),
    "nothing": (lambda x, k: np.sum(x) if k is None else np.sum(x) * k, (None, 2.0, None)),
    "NumPy's integer": (lambda x, k: np.sum(x**k), (np.int64(2), np.int64(3), np.int64(2))),
    "NumPy's bool": (lambda x, k: np.sum(x) if k else np.sum(x * x), (np.True_, np.False_)),
    "float32": (lambda x, k: np.sum(x * k), (np.float32(2), np.float32(3))),
    "axis": (lambda x, k: np.sum(np.max(np.outer(x, x), axis=k)), (0, 1, None)),
    "shape": (lambda x, k: np.sum(np.reshape(x, k) ** 2), ((3, 1), (1, 3), (3,))),
    "function": (lambda x, k: np.sum(k(x)), (np.sin, np.tanh, np.exp)),
    "type": (lambda x, k: np.sum(x.astype(k)), (np.float64, np.float32, float)),
    "slice": (lambda x, k: np.sum(x[k] ** 2), (slice(0, 1), slice(1, 3), slice(None, None, -1))),
    "positions": (lambda x, k: np.sum(x[k] ** 2), ([0], [1, 2], [0, 0])),
    "fraction": (lambda x, k: np.sum(x * float(k)), tuple(fractions.Fraction(i) for i in (1, 2))),
    "set": (lambda x, k: sum(np.sum(x) * i for i in k), ({1, 2}, {3}, {1, 2})),
    "frozen set": (lambda x, k: sum(np.sum(x) * i for i in k), (frozenset({1}), frozenset({3}))),
    "member": (lambda x, k: np.sum(x) * k.value, tuple(MODES)),
    "array": (lambda x, k: np.sum(x) * math.log(k[0]), (np.ones(2), np.array([2.0, 3.0]))),
    "list of it": (lambda x, k: sum(np.sum(x) * i for i in k.tolist()), (np.ones(2), np.eye(2)[0])),
    "zeros": (lambda x, k: np.sum(x) * np.copysign(2.0, k), (0.0, -0.0, 0.0)),
}


@pytest.mark.each("name", PARAMETERS)
def test_parameters_of_every_kind(name, rng):
    f, values = PARAMETERS[name]
    x = rng.normal(size=3)
    _same_calls(autodiff.grad(f), *((x, k) for k in values))
    _same_calls(f, *((x, k) for k in values))


def test_equal_slices_and_sets_share_a_plan():
    step = autodiff.compile(lambda x, k, s: np.sum(x[k]) * max(s))
    for _ in range(3):
        step(np.ones(3), slice(0, 2), frozenset({1, 2}))
    assert len(step.plans()) == 1


def _doubled(x):
    x *= 2.0
    return np.sum(x)


def _assigned(x):
    x[0] = 5.0
    return np.sum(x)


def _into(x):
    np.multiply(x, 2.0, out=x)
    return np.sum(x)


@pytest.mark.parametrize("f", [_doubled, _assigned, _into, lambda x: (x.sort(), np.sum(x))[1]])
@pytest.mark.parametrize("check", [True, False])
def test_a_function_that_writes_into_an_argument_is_refused(f, check):
    with pytest.raises(autodiff.PlanMismatch, match="writes into an array that it is given"):
        autodiff.compile(f, check=check)(np.array([3.0, 1.0]))


def _momentum(m, k):
    m *= k
    return np.sum(m)


def _listed(xs, k):
    xs[0][1:] += k
    return np.sum(xs[0])


def _sum_into(x, y):
    total = x
    total += y
    return np.sum(total)


#: Functions that write into an argument, and arguments of which each element stays what it is.
UNCHANGED = {
    "zeros": (_momentum, (np.zeros(2), 0.5)),
    "nothing added": (_sum_into, (np.ones(2), np.zeros(2))),
    "a part": (_listed, ([np.ones(2)], 0.0)),
    "an element": (lambda x, k: (x.__setitem__(0, k), np.sum(x))[1], (np.ones(2), 1.0)),
    "sorted": (lambda x: (x.sort(), x[0] * 2.0)[1], (np.arange(2.0),)),
    "filled": (lambda x, k: (x.fill(k), np.sum(x))[1], (np.ones(2), 1.0)),
    "out": (lambda x: np.sum(np.clip(x, 0.0, 9.0, out=x)), (np.ones(2),)),
    "masked": (lambda x: (x.__setitem__(x < 0, 0.0), np.sum(x))[1], (np.ones(2),)),
    "through a view": (
        lambda x, k: np.sum(np.multiply(v := x.T, k, out=v)),
        (np.ones((2, 1)), 1.0),
    ),
}


@pytest.mark.each("name", UNCHANGED)
def test_writing_into_an_argument_is_refused_though_nothing_changes(name):
    f, args = UNCHANGED[name]
    with pytest.raises(autodiff.PlanMismatch, match="writes into an array that it is given"):
        autodiff.compile(f)(*args)


@pytest.mark.parametrize("view", ["itself", "slice", "reversed"])
def test_arguments_that_share_memory(view, rng):
    def args():
        x = rng.normal(size=4)
        return x, {"itself": x, "slice": x[:2], "reversed": x[::-1]}[view]

    f = autodiff.grad(lambda x, y: np.sum(np.sin(x)[: len(y)] * y), (0, 1))
    _same_calls(f, args(), args(), args())


#: Functions whose two orders of computing differ by rounding.
ROUNDED = {
    "log-sum-exp": lambda x: (m := np.max(x)) + np.log(np.sum(np.exp(x - m))),
    "softmax": lambda x: np.sum(((e := np.exp(x - np.max(x))) / np.sum(e)) ** 2),
    "layer norm": lambda x: np.sum(np.tanh((x - np.mean(x)) / np.sqrt(np.var(x) + 1e-5))),
    "variance": np.var,
    "variance by moments": lambda x: np.mean(x**2) - np.mean(x) ** 2,
    "kurtosis": lambda x: np.mean((x - np.mean(x)) ** 4) / (np.var(x) ** 2 + 1e-300),
    "sigmoid": lambda x: np.sum(1 / (1 + np.exp(-x))),
    "float64 scalars": lambda x: np.sum(x * np.float64(1.1)) / np.sqrt(np.float64(3.3)),
    "cumulative": lambda x: np.sum(np.cumsum(x) ** 2),
    "norm": lambda x: np.sum(x / np.linalg.norm(x)),
}
SCALES = [(0.0, 1.0), (1e6, 1.0), (1e6, 1e-3), (0.0, 1e6), (-1e6, 1.0), (1e8, 1e-6)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.each("name", ROUNDED)
@pytest.mark.each("dtype", [float, np.float32])
def test_rounding_is_no_reason_to_refuse(name, dtype, rng):
    for offset, scale in SCALES:
        for n in (1, 3, 100):
            x = (offset + scale * rng.normal(size=n)).astype(dtype)
            with np.errstate(all="ignore"):
                autodiff.compile(autodiff.grad(ROUNDED[name]))(x)
                autodiff.compile(ROUNDED[name])(x)
