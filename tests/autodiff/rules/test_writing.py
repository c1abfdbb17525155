"""Functions that write into arrays: the array, and so its derivative, is what NumPy leaves."""

import operator

import numpy as np
import pytest

from autodiff import LostDerivative, grad, jvp, vmap
from tests.views import VIEWS_AND_COPIES, writing

A, B = (2, 3), (4,)
MASK = np.array([[True, False, True], [False, True, False]])


def writes(write, start=None):
    """Return a function that writes into an array made of its argument, or by NumPy."""

    def f(x):
        y = np.full(A, 0.5) if start is None else start(x)
        write(y, x)
        return y * y

    return f


def product(x):
    return np.outer(x, x)[:2, :3] * 1.0


CALLS = {
    operator.setitem: [
        (writes(lambda y, x: operator.setitem(y, 0, x[:3])), [B]),
        (writes(lambda y, x: operator.setitem(y, (slice(None), [0, 2, 0]), x[:3]), product), [B]),
        (writes(lambda y, x: operator.setitem(y, MASK, x[:3]), product), [B]),
        (writes(lambda y, x: operator.setitem(y, ..., x[None, None, :3])), [B]),
        (writes(lambda y, x: operator.setitem(y, (1, -1), x[0])), [B]),
        (writes(lambda y, x: operator.setitem(y, (None, 0), [x[0], 1.0, x[1]])), [B]),
        (writes(lambda y, x: operator.setitem(y, slice(0, 0), x[:3])), [B]),
    ],
    np.copyto: [
        (writes(lambda y, x: np.copyto(y, x[:3])), [B]),
        (writes(lambda y, x: np.copyto(y, x[0], where=MASK), product), [B]),
        (writes(lambda y, x: np.copyto(y, 2.0, where=MASK), product), [B]),
    ],
    np.put: [
        (writes(lambda y, x: np.put(y, [0, -1, 0], x[:2])), [B]),
        (writes(lambda y, x: np.put(y, [7, -9], x, mode="wrap"), product), [B]),
        (writes(lambda y, x: np.put(y, [[7], [-9]], x[0], mode="clip"), product), [B]),
        (writes(lambda y, x: np.put(y, [], x)), [B]),
    ],
    np.place: [
        (writes(lambda y, x: np.place(y, MASK, x[:2]), product), [B]),
        (writes(lambda y, x: np.place(y, ~MASK & MASK, x)), [B]),
    ],
    np.putmask: [(writes(lambda y, x: np.putmask(y, MASK, x), product), [B])],
    np.put_along_axis: [
        (writes(lambda y, x: np.put_along_axis(y, np.array([[1], [0]]), x[:2, None], 1)), [B]),
        (writes(lambda y, x: np.put_along_axis(y, np.array([[1, 0, 1]]), x[0], 0), product), [B]),
        (writes(lambda y, x: np.put_along_axis(y, np.array([1, 5]), x[:2], None)), [B]),
    ],
    np.fill_diagonal: [
        (writes(lambda y, x: np.fill_diagonal(y, x[:2]), product), [B]),
        (writes(lambda y, x: np.fill_diagonal(y.T, x[0], wrap=True), product), [B]),
    ],
}
AT = {
    "add": (lambda y, x: np.add.at(y, ([0, 0, 1], [1, 1, 2]), x[:3]), product),
    "add, a plain array": (lambda y, x: np.add.at(y, 0, x[:3]), None),
    "subtract": (lambda y, x: np.subtract.at(y, [0, 0], x[0]), product),
    "multiply": (lambda y, x: np.multiply.at(y, ([0, 0, 0], [1, 1, 2]), x[:3]), product),
    "maximum": (lambda y, x: np.maximum.at(y, ([0, 0], [1, 1]), x[:2]), product),
    "negative": (lambda y, x: np.negative.at(y, ([0, 0, 1], [1, 1, 0])), product),
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


@pytest.mark.parametrize(("write", "start"), AT.values(), ids=AT)
def test_methods_of_universal_functions(write, start, rng, agrees):
    agrees(writes(write, start), rng.normal(size=B))


@pytest.mark.each("f", [call for calls in CALLS.values() for call, _ in calls])
def test_batches_and_forward_mode(f, rng):
    x, v = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    for one, of_one in ((grad(lambda x: np.sum(f(x))), x), (lambda z: jvp(f, (z,), (C,))[1], x)):
        expected = np.stack([one(row) for row in of_one])
        np.testing.assert_allclose(vmap(one)(of_one), expected, rtol=1e-12, atol=1e-12)
    total = np.sum(jvp(f, (x[0],), (v[0],))[1])
    np.testing.assert_allclose(grad(lambda x: np.sum(f(x)))(x[0]) @ v[0], total, rtol=1e-12)


C = np.array([1.0, -2.0, 0.5, 3.0])


def test_what_other_code_made_is_not_written_into():
    made = np.zeros(3, dtype=object)
    with pytest.raises(LostDerivative, match="build a new array"):
        grad(lambda x: (np.copyto(made, x[:3]), np.sum(x))[1])(C)


@pytest.mark.parametrize("kind", VIEWS_AND_COPIES)
def test_what_is_written_into_a_view_is_in_the_array_and_into_a_copy_is_not(kind, agrees):
    for f in writing(kind):
        agrees(f, np.linspace(0.5, 2.0, 6).reshape(2, 3))
