"""Numbers among the arguments: taken by every function, of the types of the function itself."""

import itertools
import math

import numpy as np
import pytest

import autodiff
from autodiff.core.pytrees import flatten

TAKING = {
    "stack": lambda w: np.sum(np.stack([10.0, 10.0 - w]) ** 2),
    "array": lambda w: np.sum(np.array([10.0, 10.0 - w]) ** 2),
    "append": lambda w: np.sum(np.append(np.ones(2), 10.0 - w) ** 2),
    "hstack": lambda w: np.sum(np.hstack([10.0, 10.0 - w]) ** 2),
    "concatenate": lambda w: np.sum(np.concatenate([np.ones(2), [10.0 - w]]) ** 2),
    "reshape": lambda w: np.sum(np.reshape(10.0 - w, (1,)) ** 2),
    "reshaped input": lambda w: np.sum(np.reshape(w, (1, 1)) * np.ones((2, 1))),
    "broadcast_to": lambda w: np.sum(np.broadcast_to(10.0 - w, (3,)) ** 2),
    "expand_dims": lambda w: np.sum(np.expand_dims(10.0 - w, 0) ** 2),
    "outer": lambda w: np.sum(np.outer(np.ones(2), 10.0 - w) ** 2),
    "repeat": lambda w: np.sum(np.repeat(10.0 - w, 3) ** 2),
    "tile": lambda w: np.sum(np.tile(10.0 - w, 3) ** 2),
    "where": lambda w: np.sum(np.where(np.array([True, False]), w, 2.0) ** 2),
    "linspace": lambda w: np.sum(np.linspace(0.0, w, 3) ** 2),
    "transpose": lambda w: np.transpose(w) ** 2,
    "complex": lambda w: np.abs(np.stack([w + 0j, 1j * w])[1]) ** 2,
    "complex rows": lambda w: np.sum(np.abs(np.stack([np.cos(w), -1j * np.sin(w)])) ** 3),
    "a loop": lambda w: np.sum(np.array([w * k for k in range(40)]) ** 2),
}


@pytest.mark.each("make", [float, np.float64, np.array])
@pytest.mark.each("name", TAKING)
def test_a_number_may_enter_any_function(name, make):
    for f in (TAKING[name], autodiff.value_and_grad(TAKING[name])):
        step = autodiff.compile(f)
        for w in (0.5, 0.75, 0.5):
            found, expected = step(make(w)), f(make(w))
            pairs = (
                zip(found, expected, strict=True) if type(found) is tuple else [(found, expected)]
            )
            for x, y in pairs:
                assert type(x) is type(y)
                np.testing.assert_allclose(x, y, rtol=1e-12)


def test_a_complex_number_may_enter():
    step = autodiff.compile(lambda z: np.abs(np.sum(np.stack([z, 2 * z]))))
    assert step(1.0 + 2j) == pytest.approx(abs(3 + 6j))
    assert step(1j) == pytest.approx(3.0)


@pytest.mark.parametrize("x", [1.5, np.float64(1.5), np.int64(2), np.float32(1.5), np.array(1.5)])
def test_the_type_of_a_result_is_that_of_the_function(x):
    for f in (lambda x: x * 2, lambda x: (x + 1, [x * x])):
        step = autodiff.compile(f)
        for _ in range(2):
            found, expected = step(x), f(x)
            if type(expected) is tuple:
                assert type(found[1][0]) is type(expected[1][0])
                found, expected = found[0], expected[0]
            assert type(found) is type(expected)


def _long(x, v):
    # So many steps Numba compiles.
    for k in range(12):
        x = x * 0.5 + 0.1 / x + (k + 1.0) * x
    return x, x**0.5 + np.sin(v)


#: What Python raises or has complex numbers for, and NumPy infinity or NaN.
PARTIAL = {
    "root": lambda x, v: v * x**0.5,
    "power": lambda x, v: (v * x**-1.5, 3.0),
    "both": lambda x, v: [v * (x - 1.0) ** x],
    "quotient": lambda x, v: v + 1 / x,
    "whole": lambda x, v: v + 1 // x + 1 % x,
    "hidden": lambda x, v: np.where(np.isnan(x**0.5), v, -v),
    "derivative": lambda x, v: v * autodiff.grad(lambda t: t**3)(x - 1.0) ** 0.5,
    "square root": lambda x, v: v * np.sqrt(x),
    "long": _long,
    "gradient": autodiff.grad(lambda x, v: np.sum(v * x**0.5 + v / x)),
    "complex": lambda x, v: v / (x * 1j) + (x * 1j) ** -1,
}


def _outcome(f, *args):
    try:
        with np.errstate(all="ignore"):
            return flatten(f(*args))[0]
    except (ArithmeticError, TypeError) as error:
        return repr(error)


V = np.arange(3.0)


@pytest.mark.parametrize(
    ("backend", "v"),
    [
        *(("numpy", 1.5), ("numpy", V), ("numba", 1.5)),
        pytest.param("numba", V, marks=pytest.mark.exhaustive),
    ],
    ids=["numpy-number", "numpy-array", "numba-number", "numba-array"],
)
def test_numbers_of_python_raise_and_are_complex_as_in_python(backend, v):
    if backend == "numba":
        pytest.importorskip("numba")
    for name, f in PARTIAL.items():
        if backend == "numba" and name not in ("power", "hidden", "long"):
            continue  # it takes a second for each
        step = autodiff.compile(f, backend=backend)
        for x in (0.25, -0.5, 0.0, 1.75, -0.5):
            found, expected = _outcome(step, x, v), _outcome(f, x, v)
            if isinstance(expected, str):
                assert found == expected, name
                continue
            assert [*map(type, found)] == [*map(type, expected)], name
            for a, b in zip(found, expected, strict=True):
                assert np.asarray(a).dtype == np.asarray(b).dtype, name
                np.testing.assert_allclose(a, b, rtol=1e-12)


NUMBERS = (
    *(1.0, np.float64(1.0), np.float32(1.0), np.array(1.0), 1.0 + 0j, np.complex64(1.0)),
    *(1, np.int64(1), np.uint8(1), np.array(1), True, np.True_, np.array(True)),
    *([1.0], np.array([1.0]), np.array([1.0], np.float32), np.array([1]), np.array([True])),
)


def test_a_plan_for_one_type_of_number_is_not_taken_for_another():
    def f(x):
        return np.multiply(x, 3), np.exp2(x), [x]

    # Equal ones, each after each other, since a plan is asked for by what the call before it left.
    step = autodiff.compile(f)
    for x in [x for pair in itertools.product(NUMBERS, NUMBERS) for x in pair]:
        for found, expected in zip(flatten(step(x))[0], flatten(f(x))[0], strict=True):
            assert np.asarray(found).dtype == np.asarray(expected).dtype
            assert np.shape(found) == np.shape(expected)
            np.testing.assert_allclose(found, expected, rtol=1e-6)


def _repeated(x, n):
    for _ in range(int(n)):
        x = np.sin(x) * n
    return np.sum(x)


TABLE = np.arange(10.0)
PLAIN = {
    "math": (lambda x, g: np.sum(x**2) * math.log(g), (2.0, 3.0, 2.0)),
    "int": (lambda x, k: np.sum(x ** int(k)), (2.0, 3.0, 2.5)),
    "range": (_repeated, (2.0, 5.0, 2.0)),
    "if": (lambda x, g: np.sum(x) if g else np.sum(x * x), (0.0, 1.0)),
    "computed": (lambda x, g: np.sum(x) * math.exp(g * g + 1), (0.0, -0.0, 1.0)),
    "format": (lambda x, g: np.sum(x) * {0.5: 2.0, 1.0: 3.0}[g], (0.5, 1.0, 0.5)),
    "histogram": (lambda x, g: np.sum(x) * np.histogram([g], 3)[1][0], (0.5, 1.0)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_what_nobody_differentiates_may_become_plain(name):
    f, values = PLAIN[name]
    step, eager = autodiff.compile(autodiff.grad(f)), autodiff.grad(f)
    for g in values:
        x = np.array([1.0, 2.0, 3.0])
        np.testing.assert_allclose(step(x, g), eager(x, g), rtol=1e-12)


@pytest.mark.parametrize("look", [np.searchsorted, lambda t, x: np.digitize(x, t)])
def test_positions_that_are_looked_up_are_plain(look):
    def f(x):
        return np.sum(x * TABLE[look(TABLE[:-1], x)])

    step, eager = autodiff.compile(autodiff.grad(f)), autodiff.grad(f)
    for shift in (0.0, 1.0, 0.1, 0.0):
        x = np.array([1.5, 2.5, 6.2]) + shift
        np.testing.assert_allclose(step(x), eager(x))


def test_what_eager_refuses_is_refused():
    with pytest.raises(autodiff.LostDerivative, match="of a tensor would lose"):
        autodiff.compile(autodiff.grad(lambda x: np.sum(x) * int(x[0])))(np.ones(2))


def test_types_among_others():
    x = np.array([0.3, -0.7, 1.2], np.float32)
    z = np.array([0.3 + 0.2j, 1 - 0.4j])
    cases = [
        (lambda a: np.sum(a) * np.float64(2.0), x),
        (lambda a: np.sum(a) * np.array(2.0), x),
        (lambda a: np.sum(a) * 2.0, x),
        (lambda a: np.real(np.sum(np.maximum(a, 2 * a))), z.astype(np.complex64)),
        (lambda a: np.real(np.sum(np.clip(a, -0.4, 0.6))), z.astype(np.complex64)),
        (lambda a: np.real(np.sum(np.float_power(a, a))), z.astype(np.complex64)),
        (lambda a: np.real(np.sum(np.maximum(a, 0))), z),
        (lambda a: np.sum(np.apply_along_axis(lambda v: v * np.sum(v), 0, a)), x),
        (lambda a: np.sum(np.polydiv(a, np.array([1.0, 2.0]))[0]), x.astype(float)),
    ]
    for f, at in cases:
        both = autodiff.value_and_grad(f)
        found, expected = autodiff.compile(both)(at), both(at)
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-5)


def test_a_sum_along_the_axis_of_another_shape_is_one_of_everything():
    step = autodiff.compile(lambda x: np.sum(np.tile(x, 2), axis=(0,)))
    assert step(np.arange(6.0)) == step(np.arange(6.0)) == 30.0


def test_large_constants_are_arrays_that_pasted_source_is_given(tmp_path):
    table = np.random.default_rng(0).normal(size=(200, 100))
    step = autodiff.compile(lambda x: np.tanh(table @ x))
    x = np.linspace(-1.0, 1.0, 100)
    plan = step.plan(x)
    assert len(plan.source) < 2000
    assert "np.savez" in plan.source
    np.savez(tmp_path / "constants.npz", **plan.constants)
    namespace = dict(np.load(tmp_path / "constants.npz"))
    exec(plan.source, namespace)
    np.testing.assert_allclose(namespace["run"](x), np.tanh(table @ x))
