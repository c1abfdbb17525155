"""Sorted values, their positions, and sets of values."""

import numpy as np
import pytest

import autodiff
from autodiff import grad, trace, value_and_grad

A, C = (2, 3), (2, 3, 4)
NAN = np.nan


def rounded(x):
    """Return multiples of a tensor's first element, equal ones among them."""
    return np.ravel(x)[0] * np.array([3.0, 1.0, 3.0, 2.0, 1.0])


CALLS = {
    np.sort: [
        (lambda x: np.sort(x), [A]),
        (lambda x: np.sort(x, axis=None), [A]),
        (lambda x: np.sort(x, 0, kind="mergesort"), [C]),
        (lambda x: np.sort(x, axis=1, stable=True), [C]),
        (lambda x: np.sort(x), [(0, 3)]),
        (lambda x: np.sort(x, axis=None), [()]),
    ],
    np.argsort: [
        (lambda x: x * np.argsort(x), [A]),
        (lambda x: np.ravel(x) * np.argsort(x, axis=None, kind="stable"), [A]),
        (lambda x: x * np.argsort(x, 0, stable=True), [C]),
    ],
    np.sort_complex: [],
    np.partition: [
        (lambda x: np.partition(x, 1), [A]),
        (lambda x: np.partition(x, (0, 2), axis=1), [C]),
        (lambda x: np.partition(x, -2, axis=None), [C]),
        (lambda x: np.partition(x, [1, 3], kind="introselect"), [(9,)]),
        (lambda x: np.partition(x, 11), [(40,)]),
    ],
    np.argpartition: [
        (lambda x: np.sum(np.take_along_axis(x, np.argpartition(x, 2), 0)[:3]), [(9,)]),
        (lambda x: np.sum(x * np.argpartition(x, 0, axis=0)[0]), [C]),
    ],
    np.lexsort: [
        (lambda x, y: x[np.lexsort((x, y))], [(4,), (4,)]),
        (lambda x: x * np.lexsort((x, np.array([[1, 0, 1], [0, 0, 0]])), axis=0), [A]),
        (lambda x: x[0] * np.lexsort(x), [A]),
    ],
    np.searchsorted: [
        (lambda x, y: y * np.searchsorted(np.sort(x), y), [(5,), A]),
        (lambda x: x * np.searchsorted([-1.0, 0.0, 1.0], x, side="right"), [A]),
        (lambda x: x * np.searchsorted(x, 0.0, "left", np.argsort(x)), [(5,)]),
    ],
    np.digitize: [
        (lambda x: x * np.digitize(x, [-1.0, 0.0, 1.0]), [A]),
        (lambda x: x * np.digitize(x, [1.0, 0.0, -1.0], right=True), [A]),
        (lambda x: np.sum(x) * np.digitize([0.1], np.sort(x)), [(4,)]),
    ],
    np.argwhere: [(lambda x: np.sum(x) * np.argwhere(x > 0), [A])],
    np.nonzero: [
        (lambda x: x[np.nonzero(x > 0)], [A]),
        (lambda x: x[np.nonzero(x)], [A]),
    ],
    np.flatnonzero: [
        (lambda x: np.ravel(x)[np.flatnonzero(x < 0)], [A]),
        (lambda x: np.flatnonzero(x) * x, [(3,)]),
    ],
    np.count_nonzero: [
        (lambda x: x * np.count_nonzero(x > 0), [A]),
        (lambda x: x * np.count_nonzero(x > 0, axis=1, keepdims=True), [A]),
        (lambda x: x * np.count_nonzero(x, (0, 2), keepdims=True), [C]),
    ],
    np.unique: [
        (lambda x: np.unique(x), [A]),
        (lambda x: np.unique(rounded(x)), [A]),
        (lambda x: np.unique(np.stack([x[0], x[1], x[0]]), axis=0), [A]),
        (lambda x: np.unique(x, axis=0), [(4,)]),
        (lambda x: np.unique(rounded(x), return_inverse=True)[0] * 2.0, [A]),
        (lambda x: np.unique(rounded(x), return_counts=True)[1] * np.ravel(x)[0], [A]),
        (lambda x: np.unique(rounded(x), True)[1] * np.ravel(x)[0], [A]),
        (lambda x: (lambda u, i: u[i])(*np.unique(rounded(x), return_inverse=True)), [A]),
        (lambda x: np.unique(x), [(0,)]),
        (lambda x: np.unique(x), [()]),
        (lambda x: np.sort(np.unique(x, sorted=False)), [A]),
    ],
    np.unique_all: [
        (lambda x: np.unique_all(rounded(x)).values, [A]),
        (lambda x: np.unique_all(rounded(x)).counts * np.unique_all(rounded(x)).values, [A]),
        (lambda x: x * np.unique_all(x).inverse_indices + np.unique_all(x).indices[0], [A]),
    ],
    np.unique_counts: [
        (lambda x: np.unique_counts(rounded(x)).values * np.unique_counts(rounded(x)).counts, [A])
    ],
    np.unique_inverse: [
        (lambda x: (lambda u: u.values[u.inverse_indices])(np.unique_inverse(x)), [(4,)])
    ],
    np.unique_values: [(lambda x: np.sort(np.unique_values(rounded(x))), [A])],
    np.union1d: [
        (lambda x, y: np.union1d(x, y), [A, (2,)]),
        (lambda x: np.union1d(x, x[:1]), [A]),
        (lambda x: np.union1d([0.5], x), [A]),
    ],
    np.intersect1d: [
        (lambda x, y: np.intersect1d(x, np.concatenate([y, x[0]])), [A, (2,)]),
        (lambda x: np.intersect1d(x, 2 * x[1:] / 2, assume_unique=True), [(4,)]),
        (lambda x: np.intersect1d(x, x[:1], return_indices=True)[0], [A]),
        (lambda x: np.sum(x) * np.intersect1d(x, x[:1], return_indices=True)[2], [A]),
    ],
    np.setdiff1d: [
        (lambda x: np.setdiff1d(x, x[0]), [A]),
        (lambda x: np.setdiff1d(x[::-1], x[:1], assume_unique=True), [(4,)]),
        (lambda x: np.setdiff1d(rounded(x), x[0]), [A]),
    ],
    np.setxor1d: [
        (lambda x, y: np.setxor1d(x, np.concatenate([x[0], y])), [A, (2,)]),
        (lambda x: np.setxor1d(x, x[:2], True), [(4,)]),
        (lambda x: np.sum(np.setxor1d(x, x)) + x, [(4,)]),
    ],
    np.trim_zeros: [
        (lambda x: np.trim_zeros(np.pad(x, (2, 3))), [(4,)]),
        (lambda x: np.trim_zeros(np.pad(x, (2, 3)), "f"), [(4,)]),
        (lambda x: np.trim_zeros(np.pad(x, (2, 3)), trim="B"), [(4,)]),
        (lambda x: np.trim_zeros(0 * x) + np.sum(x), [(4,)]),
    ],
}
if np.lib.NumpyVersion(np.__version__) >= "2.2.0":
    CALLS[np.trim_zeros] += [
        (lambda x: np.trim_zeros(np.pad(x, 1)), [A]),
        (lambda x: np.trim_zeros(np.pad(x, 1), "fb", axis=-1), [A]),
        (lambda x: np.trim_zeros(np.pad(x, 1), "f", axis=(0, 1)), [A]),
        (lambda x: np.trim_zeros(0 * x, axis=0) + np.sum(x), [A]),
    ]
if np.lib.NumpyVersion(np.__version__) < "2.3.0":
    CALLS[np.unique].pop()


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


def test_equal_elements_keep_their_order():
    x, weights = np.array([2.0, 1.0, 2.0, 1.0]), np.array([1.0, 10.0, 100.0, 1000.0])
    for f in (
        lambda x: np.sum(np.sort(x) * weights),
        lambda x: np.sum(np.partition(x, (0, 1, 2, 3)) * weights),
    ):
        np.testing.assert_array_equal(grad(f)(x), [100, 1, 1000, 10])
    x_bar = grad(lambda x: np.sum(np.unique(x) * np.array([1.0, 10.0])))(x)
    np.testing.assert_array_equal(x_bar, [10, 1, 0, 0])
    from_first = grad(lambda x, y: np.sum(np.union1d(x, y)), (0, 1))(x[:2], x[:2])
    np.testing.assert_array_equal(from_first, [[1, 1], [0, 0]])


def test_nan_is_sorted_last():
    x = np.array([NAN, 2.0, NAN, 1.0])
    value, x_bar = value_and_grad(lambda x: np.sum(np.sort(x)[:3] * np.array([1.0, 10.0, 100.0])))(
        x
    )
    assert np.isnan(value)
    np.testing.assert_array_equal(x_bar, [100, 10, 0, 1])
    assert grad(lambda x: np.sum(np.unique(x)[:2]))(x).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("kth", [0, 17, (5, 60), 99])
def test_partition_gives_numpys_own_arrangement(kth, rng):
    x = rng.permutation(100) / 7.0
    weights = rng.normal(size=100)
    value, x_bar = value_and_grad(lambda x: np.sum(np.partition(x, kth) * weights))(x)
    arranged = np.partition(x, kth)
    np.testing.assert_allclose(value, np.sum(arranged * weights))
    np.testing.assert_array_equal(x_bar[np.argsort(x)], weights[np.argsort(arranged)])


def test_graphs_sort_anew(rng):
    for f in (
        lambda x: np.sum(np.sort(x) * np.arange(4.0)),
        lambda x: np.sum(np.partition(x, 2) ** np.arange(4)),
        lambda x: np.sum(np.unique(x) * np.arange(4.0)),
        lambda x: np.sum(x[np.lexsort((x, -x))] * np.arange(4.0)),
        lambda x: np.sum(x * np.searchsorted(np.sort(x), x)),
    ):
        graph = trace(f, rng.normal(size=4))
        for _ in range(3):
            x = rng.normal(size=4)
            np.testing.assert_allclose(graph.forward(x), f(x), rtol=1e-14)
            np.testing.assert_array_equal(graph.backward()["x"], grad(f)(x))


def test_how_many_differ_is_a_branch():
    x = np.array([1.0, 1.0, 2.0])
    for f, name in (
        (lambda x: np.sum(np.unique(x)), "unique"),
        (lambda x: np.sum(np.intersect1d(x, [1.0, 2.0, 5.0])), "intersect1d"),
        (lambda x: np.sum(x[np.nonzero(x > 1)]), "nonzero"),
        (lambda x: np.sum(np.setdiff1d(x, [1.0])), "unique"),
    ):
        graph = trace(f, x)
        assert graph.forward(x) == f(x)
        with pytest.raises(autodiff.BranchChanged, match=name):
            graph.forward(np.array([1.0, 2.0, 5.0]))


def test_nested_traces_sort_on_the_outer_one(rng):
    x = rng.normal(size=4)

    def f(x):
        inner = grad(lambda y: np.sum(np.sort(x * y) ** 2 * np.arange(4.0)))(np.ones(4))
        return np.sum(np.sort(inner) * np.arange(4.0))

    graph = trace(f, x)
    for other in (x, rng.normal(size=4)):
        np.testing.assert_allclose(graph.forward(other), f(other), rtol=1e-13)
        np.testing.assert_allclose(graph.backward()["x"], grad(f)(other), rtol=1e-13)


def test_float32_is_kept(rng):
    x = rng.normal(size=5).astype(np.float32)
    for f in (np.sort, np.unique, lambda x: np.partition(x, 2), lambda x: np.setxor1d(x, x[:1])):
        value, x_bar = value_and_grad(lambda x, f=f: np.sum(f(x) ** 2))(x)
        assert (value.dtype, x_bar.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.sort(x, axis=2), ValueError, "out of bounds"),
        (lambda x: np.sort(x, order="a"), ValueError, "names fields"),
        (lambda x: np.partition(x, 7), ValueError, "kth"),
        (lambda x: np.trim_zeros(x, "x"), ValueError, "'f', 'b' or 'fb'"),
        (lambda x: np.unique(x, axis=3), ValueError, "out of bounds"),
        (lambda x: np.nonzero(x[0, 0])[0], ValueError, "use np.atleast_1d"),
        (lambda x: np.digitize(x, [0.0, 2.0, 1.0]), ValueError, "monotonically"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)))(rng.normal(size=A))
