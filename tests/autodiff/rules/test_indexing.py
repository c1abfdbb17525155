"""Taking elements by index, position, mask and diagonal; the transpose adds them back."""

import operator
import pickle
import tracemalloc

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff
from autodiff import grad, trace
from autodiff.rules.indexing import accumulate_at, scattered

MASK = np.array([[True, False, True], [False, True, True]])
A, C = (2, 3), (2, 3, 4)

CALLS = {
    operator.getitem: [
        (lambda x: x[-1], [A]),
        (lambda x: x[np.int64(1)], [A]),
        (lambda x: x[0, ..., -1], [C]),
        (lambda x: x[..., None], [()]),
        (lambda x: x[::-2, 1:], [C]),
        (lambda x: x[5:], [A]),
        (lambda x: x[False], [A]),
        (lambda x: x[np.True_], [A]),
        (lambda x: x[MASK, 1], [C]),
        (lambda x: x[MASK[:, 0]], [C]),
        (lambda x: x[:, MASK[0], None, [0, 3]], [C]),
        (lambda x: x[[0, 1], :, [3, 3]], [C]),
        (lambda x: x[:, [[0, 2], [2, -1]]], [C]),
        (lambda x: x[[[1]], [0, 2], 1:3], [C]),
        (lambda x: x[np.array(1)], [A]),
        (lambda x: x[np.array([], int)], [A]),
        (lambda x: x[[0, 0, 0]], [A]),
        (lambda x: x[np.arange(2)[:, None], [2, 0, 2]], [A]),
        (lambda x: x[[1, 1, 2, 0]], [(3, 0)]),
        (lambda x: x[np.argsort(x)], [(4,)]),
        (lambda x: x[np.argmax(x) :], [(4,)]),
        (lambda x: x[[np.argmax(x), 0]], [(4,)]),
        (lambda x: x[x > 0], [A]),
        (lambda x: x[(x > 0) & (x < 1), None] * 2, [A]),
        (lambda x: x[:, np.argmin(x[0])], [A]),
        (lambda x: x[np.unravel_index(np.argmax(x), x.shape)], [A]),
        (lambda x: x[np.nonzero(x > 0)], [A]),
        (lambda x: x[np.where(x > 0)], [A]),
        (lambda x: x[np.ix_([1, 0], np.argsort(x[0]))], [A]),
        (lambda x: sum(x[i] * x[i - 1] for i in range(5)), [(5,)]),
    ],
    np.take: [
        (lambda x: np.take(x, [[-1, 0], [5, 5]]), [A]),
        (lambda x: np.take(x, [7, -9, 2], mode="wrap"), [A]),
        (lambda x: np.take(x, [7, -9, 2], axis=1, mode="clip"), [A]),
        (lambda x: np.take(x, 1, axis=-2), [C]),
        (lambda x: np.take(x, []) + np.sum(x), [A]),
        (lambda x: np.take(x, 0), [()]),
        (lambda x: np.take(x, [True, False, True], axis=1), [A]),
        (lambda x: np.take(x, np.argsort(x), mode="wrap"), [(3,)]),
    ],
    np.take_along_axis: [
        (lambda x: np.take_along_axis(x, np.argsort(x, axis=0), 0), [C]),
        (lambda x: np.take_along_axis(x, np.array([[0], [2]]), axis=1), [A]),
        (lambda x: np.take_along_axis(x, np.array([[0, 0, 2, -1]]), 1), [A]),
        (lambda x: np.take_along_axis(x, np.array([5, 0, 0]), axis=None), [A]),
        (lambda x: np.take_along_axis(x, np.argmax(x, axis=1, keepdims=True), 1), [A]),
        (lambda x: np.take_along_axis(np.ones(A), np.argsort(x), 1) * x, [A]),
    ],
    np.choose: [
        (lambda x, y: np.choose([1, 0, 1], [x, y]), [(3,), (3,)]),
        (lambda x, y: np.choose([[1], [0]], (x, y, 2.0)), [(3,), ()]),
        (lambda x: np.choose([2, 0, 1, 1], x), [(3, 4)]),
        (lambda x: np.choose([5, -1, 1], x, mode="wrap"), [(2, 3)]),
        (lambda x: np.choose([5, -1, 1], [x, 2 * x], mode="clip"), [(3,)]),
        (lambda x: np.choose(np.argsort(x), [x, 2 * x, 3 * x]), [(3,)]),
    ],
    np.compress: [
        (lambda x: np.compress([0, 1, 0, 1], x), [A]),
        (lambda x: np.compress([True, False, True], x, axis=1), [A]),
        (lambda x: np.compress([False, True], x, axis=-1), [C]),
        (lambda x: np.compress([True, True, False], x, axis=0), [A]),
        (lambda x: np.compress(x[0] > 0, x, axis=1), [A]),
        (lambda x: np.compress(x[0] > 0, np.arange(3.0)) * np.sum(x), [A]),
    ],
    np.extract: [
        (lambda x: np.extract(MASK, x), [A]),
        (lambda x: np.extract([1, 0, 1], x), [A]),
        (lambda x: np.extract(x > 0, x), [A]),
        (lambda x: np.extract(x, x), [A]),
    ],
    np.diagonal: [
        (lambda x: np.diagonal(x, 1), [C]),
        (lambda x: np.diagonal(x, -1, 1, 2), [C]),
        (lambda x: np.diagonal(x, axis1=-1, axis2=0), [C]),
        (lambda x: np.diagonal(x, 9), [C]),
    ],
    np.linalg.diagonal: [
        (lambda x: np.linalg.diagonal(x), [C]),
        (lambda x: np.linalg.diagonal(x, offset=-2), [C]),
    ],
    np.diag: [(lambda x: np.diag(x, -1), [(0,)]), (lambda x: np.diag(x, -7), [A])],
    np.diagflat: [
        (lambda x: np.diagflat(x, 1), [A]),
        (lambda x: np.diagflat(x, k=-2), [()]),
        (lambda x: np.diagflat(x), [(2,)]),
    ],
    np.tril: [(lambda x: np.tril(x, -1), [C]), (lambda x: np.tril(x, k=np.int64(1)), [A])],
    np.triu: [(lambda x: np.triu(x, 5), [A]), (lambda x: np.triu(x, -9), [(0, 3)])],
    np.ix_: [(lambda x, y: np.multiply(*np.ix_(x, y)), [(2,), (3,)])],
    np.unravel_index: [
        (lambda x: x[np.unravel_index(np.argmin(x), x.shape)], [C]),
        (lambda x: x[np.unravel_index(np.argsort(x[0]), (2, 2), order="F")], [A]),
    ],
    np.ravel_multi_index: [
        (lambda x: x[np.ravel_multi_index((np.argsort(x[:2]), [1, 0]), (2, 2))], [(4,)]),
        (lambda x: x[np.ravel_multi_index((np.argsort(x), [1, 2]), (2, 1), "wrap", "F")], [(2,)]),
    ],
    np.diag_indices_from: [(lambda x: x[np.diag_indices_from(x)], [(3, 3)])],
    np.tril_indices_from: [(lambda x: x[np.tril_indices_from(x, -1)], [(3, 3)])],
    np.triu_indices_from: [(lambda x: x[np.triu_indices_from(x, k=1)], [(3, 4)])],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


INDICES = [
    0,
    (slice(None), -1),
    (Ellipsis, None, slice(None, None, 2)),
    (np.array([2, 2, 0, 2]),),
    (np.array([3]), np.array([1])),
    (np.array([[0, 3], [3, 3]]), np.array([1, 0])),
    (slice(1, 3), np.array([0, 0, 2])),
    (np.array([0, 0]), None, slice(None), np.array([[1], [1]])),
    (np.array([True, False, True, True]),),
    (np.array([True, False, True, True]), np.array([0, 0, 1])),
    (np.array([], int),),
    True,
]


@pytest.mark.each("shape", [(4, 3, 2), (40, 3, 20)])
@pytest.mark.each("layout", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.each("index", INDICES)
def test_accumulate_at_adds_as_numpys_slow_way_does(index, shape, layout, rng):
    total = layout(rng.normal(size=shape))
    if isinstance(index, tuple) and isinstance(index[0], np.ndarray) and index[0].dtype == bool:
        index = (np.resize(index[0], shape[0]), *index[1:])
        if len(index) > 1:
            index = (index[0], np.resize(index[1], np.count_nonzero(index[0])))
    g = rng.normal(size=total[index].shape)
    expected = total.copy()
    np.add.at(expected, index, g)
    accumulate_at(total, g, index)
    np.testing.assert_allclose(total, expected, rtol=1e-14, atol=1e-15)


def test_accumulate_at_keeps_types_and_takes_real_parts(rng):
    total = np.zeros(3, np.float32)
    accumulate_at(total, np.array([1.0, 2.0, 4.0]), (np.array([0, 2, 2]),))
    accumulate_at(total, np.array([1 + 5j, 2 - 1j]), (np.array([1, 1]),))
    accumulate_at(total, 8j, 0)
    np.testing.assert_array_equal(total, np.array([1, 3, 6], np.float32))
    complex_total = np.zeros((2, 2), complex)
    accumulate_at(complex_total, np.full((2, 2), 1j), (np.array([1, 1]),))
    np.testing.assert_array_equal(complex_total, [[0, 0], [2j, 2j]])


def test_accumulate_at_takes_the_operands_that_a_graph_computes():
    x = np.array([3.0, -1.0, 2.0])
    graph = trace(lambda x: x[np.argsort(x)][x > 0], x)
    graph.forward(x)
    for node in graph.nodes:
        if node.primitive is not None and node.primitive.name == "getitem":
            total = np.zeros(3)
            dynamic = [operand.value for operand in node.operands[1:]]
            accumulate_at(total, np.ones(node.shape), node.params["index"], *dynamic)
            assert total.sum() == node.size


def test_scattered_is_the_transpose_of_indexing(agrees, rng):
    places = np.array([[0, 2], [2, 2]])
    agrees(lambda g: scattered(g, places, (3,)), rng.normal(size=(2, 2)))
    agrees(lambda g: scattered(g, (slice(1, 3), 0), (4, 2)), rng.normal(size=2))
    agrees(
        lambda g: scattered(g, np.argsort(g), (3,)) * scattered(g, g > -9, (3,)), rng.normal(size=3)
    )


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ([0, 0, 2], [2, 0, 1]),
        ([[0, 1], [1, 1]], [1, 3, 0]),
        ([2, -1], [0, 0, 2]),
    ],
)
def test_repeated_positions_accumulate(index, expected):
    np.testing.assert_array_equal(grad(lambda x: np.sum(x[index]))(np.zeros(3)), expected)
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.take(x, index)))(np.zeros(3)), expected)


def test_indices_are_taken_as_they_are_now(rng):
    places, x = np.array([0, 1]), rng.normal(size=3)

    def f(x):
        total = np.sum(x[places])
        places[:] = 2
        return total

    np.testing.assert_array_equal(grad(f)(x), [1, 1, 0])


def test_second_order_through_repeated_positions(rng):
    x = rng.normal(size=3)

    def f(x):
        return np.sum(x[[0, 0, 2]] ** 3)

    inner = grad(lambda x: np.sum(grad(f)(x) * np.arange(1.0, 4.0)))(x)
    np.testing.assert_allclose(inner, [12 * x[0], 0, 18 * x[2]])


def test_a_mask_that_takes_as_many_may_take_others(rng):
    x = np.array([1.0, -1.0, 2.0])
    graph = trace(lambda x: np.sum(x[x > 0] ** 2), x)
    assert graph.forward(-x + 0.5) == (1.5) ** 2 if np.count_nonzero(-x + 0.5 > 0) == 2 else True
    for other in (x[::-1], np.array([3.0, 4.0, -1.0])):
        assert graph.forward(other) == np.sum(other[other > 0] ** 2)
        np.testing.assert_array_equal(graph.backward()["x"], 2 * np.where(other > 0, other, 0))
    with pytest.raises(autodiff.BranchChanged, match="shape of 'getitem'"):
        graph.forward(np.abs(x))


def test_an_index_with_tensors_survives_pickling():
    from autodiff.rules.indexing import _SLOT

    assert pickle.loads(pickle.dumps(_SLOT)) is _SLOT
    assert repr(_SLOT) == "<mask>"


def test_float32_is_kept(rng):
    x = rng.normal(size=(4, 4)).astype(np.float32)
    for f in (
        lambda x: x[[0, 0, 1]],
        lambda x: np.take_along_axis(x, np.argsort(x, 1), 1),
        lambda x: np.tril(np.diag(np.diag(x))),
        lambda x: np.choose([1, 0], [x[0, :2], np.float32(1)]),
        lambda x: np.compress([1, 0, 1], x, 0),
    ):
        value, x_bar = autodiff.value_and_grad(lambda x, f=f: np.sum(f(x) ** 2))(x)
        assert (x_bar.dtype, f(x).dtype == value.dtype) == (np.float32, True)


@pytest.mark.each(
    ("call", "error", "message"),
    [
        (lambda x: x[0.5], IndexError, "integers"),
        (lambda x: x[x], TypeError, "cannot be an index"),
        (lambda x: x[0, x[0]], TypeError, "cannot be an index"),
        (lambda x: x[5], IndexError, "out of bounds"),
        (lambda x: x[: x[0, 0]], TypeError, "cannot be an index"),
        (lambda x: x[0, 0, 0], IndexError, "too many indices"),
        (lambda x: x["a"], IndexError, "integers|valid indices"),
        (lambda x: np.take(x, [9]), IndexError, "out of bounds"),
        (lambda x: np.take(x, 0.5), TypeError, "integers are needed"),
        (lambda x: np.take(x, 0, mode="x"), ValueError, "'raise', 'wrap' or 'clip'"),
        (lambda x: np.take(x[:, :0], 0, axis=1), IndexError, "axis of length 0"),
        (lambda x: np.take_along_axis(x, np.ones(A), 0), IndexError, "integers are needed"),
        (lambda x: np.take_along_axis(x, np.array([0]), 0), ValueError, "indices of 1 axes"),
        (lambda x: np.choose([0, 2], x), ValueError, "not among the 2 choices"),
        (lambda x: np.choose([0, -1], x), ValueError, "not among the 2 choices"),
        (lambda x: np.compress([[True]], x), ValueError, r"condition of shape \(1, 1\)"),
        (lambda x: np.compress([0, 0, 1], x, axis=0), IndexError, "chooses beyond the 2 elements"),
        (lambda x: np.diagonal(x[0]), ValueError, "two axes are needed"),
        (lambda x: np.diagonal(x, 0, 1, 1), ValueError, "they must differ"),
        (lambda x: np.diag(np.stack([x, x])), ValueError, "1 or 2 axes"),
        (lambda x: np.tril(x[0, 0]), ValueError, "one axis is needed"),
        (lambda x: np.ix_(x)[0], ValueError, "vectors are needed"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)))(rng.normal(size=A))


@st.composite
def shape_and_index(draw):
    """Return a shape, and an index of any kind into it."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    kind = draw(st.sampled_from(["basic", "positions", "mask", "mixed"]))
    if kind == "basic" or not shape or 0 in shape:
        return shape, draw(hnp.basic_indices(shape, allow_ellipsis=True, allow_newaxis=True))
    if kind == "positions":
        return shape, draw(hnp.integer_array_indices(shape))
    if kind == "mask":
        axes = draw(st.integers(1, len(shape)))
        return shape, draw(hnp.arrays(bool, shape[:axes]))
    parts = []
    for n in shape:
        part = draw(st.sampled_from(["slice", "position", "positions"]))
        if part == "slice":
            parts.append(draw(st.slices(n)))
        elif part == "position":
            parts.append(draw(st.integers(-n, n - 1)))
        else:
            parts.append(draw(st.lists(st.integers(-n, n - 1), min_size=2, max_size=2)))
    return shape, tuple(parts)


@given(shape_and_index(), st.booleans())
@settings(deadline=None, max_examples=300)
def test_any_index_gives_numpys_elements_and_their_transpose(case, fortran):
    shape, index = case
    rng = np.random.default_rng(7)
    x = rng.normal(size=shape)
    x = np.array(x, order="F" if fortran else "C")[()]
    weights = rng.normal(size=np.shape(x[index]))
    value, x_bar = autodiff.value_and_grad(lambda x: np.sum(weights * x[index]))(x)
    np.testing.assert_allclose(value, np.sum(weights * x[index]), atol=1e-14)
    expected = np.zeros(shape)
    np.add.at(expected, index, weights)
    np.testing.assert_allclose(x_bar, expected, atol=1e-14)
    graph = trace(lambda x: x[index] * 1.0, x)
    np.testing.assert_array_equal(graph.forward(x), x[index])
    np.testing.assert_allclose(graph.backward(weights)["x"], expected, atol=1e-14)


_FEW = [np.array([3, -1, 3]), np.array([[0, 5], [5, -6]]), np.array([7])]


@pytest.mark.each(
    "index",
    [
        *((i,) for i in _FEW),
        *((slice(None), i) for i in _FEW),
        *((slice(None, None, -3), i, slice(1, 4)) for i in _FEW),
        *((Ellipsis, i % 4) for i in _FEW),
        *((i, np.array([[1], [-2]])) for i in _FEW[:1]),
        *((2, i, slice(None)) for i in _FEW),
        *((i, slice(None), 1) for i in _FEW),
        *((i, None) for i in _FEW),
        (np.array([0, 0]), slice(2, 2)),
        (np.arange(11) % 3 == 0, np.array([1, 2, 2, 1])),
    ],
)
def test_elements_are_added_back_where_they_were_taken(index, rng):
    """Against NumPy's own sum over repeated places, in an array of which few elements are taken."""
    x = rng.normal(size=(11, 12, 13))
    weights = rng.normal(size=x[index].shape)
    expected = np.zeros(x.shape)
    np.add.at(expected, index, weights)
    x_bar = autodiff.grad(lambda x: np.sum(weights * x[index]))(x)
    np.testing.assert_allclose(x_bar, expected, rtol=1e-13)


def test_rows_of_a_table_are_added_back_without_memory_for_the_table():
    """Positions of the elements taken, not of all elements."""
    rows = np.array([7, 7, 199_999])
    weights = np.ones((3, 8))
    total = np.zeros((200_000, 8))
    tracemalloc.start()
    try:
        accumulate_at(total, weights, (rows,))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000
    assert total[7].tolist() == [2.0] * 8
    assert np.sum(total) == 24.0
