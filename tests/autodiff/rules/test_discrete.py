"""Functions without a derivative: masks, positions, descriptions, and what is refused."""

import re

import numpy as np
import pytest

import autodiff
from autodiff import grad, trace, value_and_grad
from autodiff.core.primitive import FUNCTIONS, REFUSED
from autodiff.core.tensor import Tape, node_of

A, C = (2, 3), (2, 3, 4)
INF = np.inf

CALLS = {
    np.argmax: [(lambda x: x * np.argmax(x, axis=-1, keepdims=True), [C])],
    np.argmin: [(lambda x: x * np.argmin(x, 0), [C])],
    np.any: [
        (lambda x: x * np.any(x > 1, axis=(0, 2), keepdims=True), [C]),
        (lambda x: x * np.any(x > 0, where=x < 0.1), [A]),
        (lambda x: x * np.any(x), [A]),
    ],
    np.all: [
        (lambda x: x * np.all(x > -1, axis=(1,), keepdims=True), [C]),
        (lambda x: x * np.all(x > -0.5, axis=0, where=[[True], [False]]), [A]),
    ],
    np.round: [(lambda x: x * np.round(x, decimals=-1), [A])],
    np.fix: [(lambda x: x * np.fix(3 * x), [A])],
    np.isclose: [
        (lambda x: x * np.isclose(x, 0.0, atol=0.5), [A]),
        (lambda x: x * np.isclose(x, np.ones(3), np.abs(x), 0.1, equal_nan=True), [A]),
    ],
    np.allclose: [
        (lambda x: x * np.allclose(x, x + 1e-9), [A]),
        (lambda x: x if np.allclose(1.0, x, rtol=0, atol=0) else 2 * x, [A]),
    ],
    np.array_equal: [(lambda x: x * np.array_equal(x, 1 * x, equal_nan=True), [A])],
    np.array_equiv: [(lambda x: x * np.array_equiv(x[0], x), [A])],
    np.isin: [
        (lambda x: x * np.isin(x, x[0]), [A]),
        (lambda x: x * np.isin([1.0, 2.0, 3.0], x, invert=True), [A]),
        (lambda x: x * np.isin(x, x[1], assume_unique=True, kind="sort"), [A]),
    ],
    np.isneginf: [(lambda x: x * np.isneginf(np.where(x > 0, -INF, x)), [A])],
    np.isposinf: [(lambda x: x * ~np.isposinf(x), [A])],
    np.iscomplex: [(lambda x: x * np.iscomplex(x), [A])],
    np.isreal: [(lambda x: x * np.isreal(x), [A])],
    np.size: [(lambda x: x * np.size(x, (0, -1)), [C])]
    if np.lib.NumpyVersion(np.__version__) >= "2.4.0"
    else [(lambda x: x * np.size(x, 1), [C])],
    np.can_cast: [(lambda x: x * np.can_cast(x.dtype, np.float32), [A])],
    np.min_scalar_type: [(lambda x: x * np.min_scalar_type(x).itemsize, [A])],
    np.common_type: [(lambda x: x * np.ones(1, np.common_type(x, np.ones(1, "f4"))), [A])],
    np.may_share_memory: [(lambda x: x * np.may_share_memory(x[0], np.ones(3)), [A])],
    np.shares_memory: [(lambda x: x * np.shares_memory(x, x), [A])],
    np.array2string: [(lambda x: x * ("[" in np.array2string(x, separator=";")), [A])],
    np.array_repr: [(lambda x: x * (np.array_repr(x[:0]) == "array([], shape=(0, 3))"), [A])],
    np.array_str: [(lambda x: x * (np.array_str(x[:0], precision=1) == "[]"), [A])],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    if numpy_call in [call for call, _ in CALLS[np.array2string] + CALLS[np.array_repr]]:
        # Text is plain: a graph holds that of the values it was traced with.
        x = rng.normal(size=shapes[0])
        f = lambda x: np.sum(numpy_call(x))  # noqa: E731
        assert value_and_grad(f)(x)[0] == f(x)
        return
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


def test_what_describes_a_tensor_is_plain(rng):
    tape = Tape()
    x = node_of(rng.normal(size=A).astype("f4"), tape)
    assert np.shape(x) == A
    assert (np.ndim(x), np.size(x), np.size(x, -1)) == (2, 6, 3)
    assert np.can_cast(x, np.float64)
    assert not np.can_cast(x, np.float16, casting="safe")
    assert np.min_scalar_type(x) == np.float32
    assert np.common_type(x, np.ones(1)) == np.float64
    assert np.result_type(x, 1.0) == np.float32
    # For people: behind each digit stands a joiner, so that no number is read from it.
    joiner = chr(0x2060)
    assert np.array_repr(x).replace(joiner, "") == np.array_repr(x.value)
    assert np.array_str(x, precision=1).replace(joiner, "") == np.array_str(x.value, precision=1)
    assert np.array2string(x).replace(joiner, "") == np.array2string(x.value)
    assert np.shares_memory(x, x.value)
    assert np.isrealobj(x)
    assert not np.iscomplexobj(x)


def test_comparisons_of_whole_arrays_are_branches():
    x = np.array([1.0, 2.0])
    for f in (
        lambda x: np.sum(x) if np.allclose(x, [1.0, 2.0]) else np.prod(x),
        lambda x: np.sum(x) if np.array_equal(x, [1.0, 2.0]) else np.prod(x),
        lambda x: np.sum(x) if np.array_equiv(x, [1.0, 2.0]) else np.prod(x),
        lambda x: np.sum(x) if np.count_nonzero(x) == 2 else np.prod(x),
    ):
        graph = trace(f, x)
        assert graph.forward(x) == 3.0
        with pytest.raises(autodiff.BranchChanged):
            graph.forward(np.array([0.0, 2.0]))


def test_positions_of_an_outer_trace_are_recorded_there(rng):
    def f(x):
        places = np.argsort(x)
        inner = grad(lambda y: np.sum(y[places[:2]] * x[:2]))(x)
        return np.sum(inner * np.arange(4.0) ** 2)

    graph = trace(f, rng.normal(size=4))
    for _ in range(3):
        x = rng.normal(size=4)
        np.testing.assert_allclose(graph.forward(x), f(x))
        np.testing.assert_array_equal(graph.backward()["x"], grad(f)(x))


@pytest.mark.each("f", REFUSED)
def test_refusals_say_what_to_do(f):
    assert len(REFUSED[f].split()) >= 5
    assert not REFUSED[f].endswith(".")
    assert f not in FUNCTIONS


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.strings.upper(x), "it works on text"),
        (lambda x: np.char.upper(x), "it works on text"),
        (lambda x: np.save("never-written.npy", x), "leave plain numbers in a file"),
        (lambda x: np.savez("never-written.npz", x), "save the result"),
        (lambda x: np.busday_count("2020-01-01", x), "dates are whole days"),
        (lambda x: np.packbits(x), "bits have no derivative"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(autodiff.Undifferentiable, match=re.escape(message)):
        grad(lambda x: call(x) or np.sum(x))(np.ones(A))
