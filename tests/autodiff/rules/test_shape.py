"""Functions that give elements another shape or place, or repeat them."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import autodiff
from autodiff import grad, trace
from autodiff.rules.shape import ASTYPE

A, C = (2, 3), (2, 3, 4)

CALLS = {
    np.reshape: [
        (lambda x: np.reshape(x, (3, 2), order="F"), [A]),
        (lambda x: np.reshape(x, (4, -1), "F"), [C]),
        (lambda x: np.reshape(np.array([3, 2])[0] * x, np.array([3, 2])), [A]),
        (lambda x: np.reshape(x, [3, np.int64(2)], copy=True), [A]),
        (lambda x: np.reshape(x, (2, 0, 3)), [(0, 4)]),
        (lambda x: np.reshape(x, (1, 1), order="F"), [()]),
    ],
    np.ravel: [
        (lambda x: np.ravel(x, "F"), [C]),
        (lambda x: np.ravel(x), [(0, 3)]),
    ],
    np.copy: [(lambda x: np.copy(x) * x, [A]), (lambda x: np.copy(x, order="F"), [()])],
    np.expand_dims: [(lambda x: np.expand_dims(x, [0, 2]), [A])],
    np.squeeze: [(lambda x: np.squeeze(x), [(1,)])],
    np.atleast_1d: [(lambda x, y: np.atleast_1d(x, y, 2.0)[0] * y, [(), A])],
    np.atleast_2d: [(lambda x: np.atleast_2d(x), [()]), (lambda x: np.atleast_2d(x), [(0,)])],
    np.atleast_3d: [
        (lambda x: np.atleast_3d(x), [()]),
        (lambda x: np.atleast_3d(x), [(3,)]),
        (lambda x: np.atleast_3d(x), [A]),
        (lambda x, y: np.atleast_3d(x, y)[1] * x, [C, (3,)]),
    ],
    np.linalg.matrix_transpose: [(lambda x: np.linalg.matrix_transpose(x), [C])],
    np.swapaxes: [(lambda x: np.swapaxes(x, -2, 0), [C])],
    np.rollaxis: [
        (lambda x: np.rollaxis(x, 2), [C]),
        (lambda x: np.rollaxis(x, 0, 3), [C]),
        (lambda x: np.rollaxis(x, 1, -1), [C]),
        (lambda x: np.rollaxis(x, -1, 2), [C]),
    ],
    np.flip: [(lambda x: np.flip(x, -1), [C])],
    np.fliplr: [(lambda x: np.fliplr(x), [C])],
    np.flipud: [(lambda x: np.flipud(x), [C]), (lambda x: np.flipud(x), [(3,)])],
    np.rot90: [
        *[(lambda x, k=k: np.rot90(x, k), [A]) for k in range(-2, 5)],
        (lambda x: np.rot90(x, axes=(2, 0)), [C]),
        (lambda x: np.rot90(x, 3, (-1, 1)), [C]),
    ],
    np.roll: [
        (lambda x: np.roll(x, 1, axis=(0, 1)), [A]),
        (lambda x: np.roll(x, np.array([1, -1]), axis=1), [A]),
        (lambda x: np.roll(x, 2, 0), [(0, 3)]),
    ],
    np.tile: [
        (lambda x: np.tile(x, (2, 0)), [A]),
        (lambda x: np.tile(x, np.array([2, 1])), [(3,)]),
        (lambda x: np.tile(x, (3, 1, 1, 2)), [A]),
    ],
    np.repeat: [
        (lambda x: np.repeat(x, 3), [A]),
        (lambda x: np.repeat(x, 2, axis=0), [A]),
        (lambda x: np.repeat(x, [2], axis=-1), [C]),
        (lambda x: np.repeat(x, [2, 0, 3], axis=1), [A]),
        (lambda x: np.repeat(x, np.array([1, 2, 3, 0, 1, 2])), [A]),
        (lambda x: np.repeat(x, 0, 1), [A]),
        (lambda x: np.repeat(x, 3), [()]),
    ],
    np.resize: [
        (lambda x: np.resize(x, (3, 4)), [A]),
        (lambda x: np.resize(x, 4), [A]),
        (lambda x: np.resize(x, (2, 6)), [A]),
        (lambda x: np.resize(x, (0, 2)) + np.sum(x), [A]),
        (lambda x: np.resize(x, (2, 2)), [()]),
    ],
    np.broadcast_to: [
        (lambda x: np.broadcast_to(x, (0, 3)), [(1, 3)]),
        (lambda x: np.broadcast_to(x, [2, 3], subok=True), [A]),
    ],
    np.broadcast_arrays: [
        (lambda x, y: np.broadcast_arrays(x, y)[0] * np.broadcast_arrays(x, y)[1], [(2, 1), (3,)]),
        (lambda x: np.broadcast_arrays(x, np.ones((4, 1)), [1.0, 2.0, 3.0])[0], [(3,)]),
    ],
    sliding_window_view: [
        (lambda x: sliding_window_view(x, 2), [(5,)]),
        (lambda x: sliding_window_view(x, (2, 2)), [(3, 4)]),
        (lambda x: sliding_window_view(x, 3, axis=-1), [(2, 5)]),
        (lambda x: sliding_window_view(x, (2, 3), (0, 0)), [(6,)]),
        (lambda x: np.max(sliding_window_view(x, 3), axis=-1), [(7,)]),
        (lambda x: sliding_window_view(x, 5), [(5,)]),
    ],
    np.astype: [
        (lambda x: np.astype(x, float, copy=False), [A]),
        (lambda x: np.astype(x, np.dtype("f8"), device="cpu"), [A]),
    ],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))
    wide = [rng.normal(size=tuple(2 * n for n in shape)) for shape in shapes if shape]
    if len(wide) == len(shapes):
        agrees(numpy_call, *(x[tuple(slice(None, None, -2) for _ in x.shape)] for x in wide))


@pytest.mark.each("order", ["C", "F", "A", "K"])
@pytest.mark.each(
    "layout",
    [
        lambda x: x,
        lambda x: np.asfortranarray(x),
        lambda x: x.transpose(1, 2, 0).copy().transpose(2, 0, 1),
        lambda x: x[::-1, :, ::-1],
        lambda x: x[:, :1],
    ],
)
def test_orders_of_reading_follow_the_memory(order, layout, rng):
    x = layout(rng.normal(size=C))
    weights = rng.normal(size=x.size)

    def f(x):
        return np.sum(weights * np.ravel(x, order=order))

    value, x_bar = autodiff.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(x))
    # The position of each element among those read, by NumPy itself.
    places = np.empty_like(x)
    places[...] = np.arange(x.size).reshape(x.shape)
    expected = np.zeros(x.size)
    expected[np.ravel(_like(places, x), order=order).astype(int)] = weights
    np.testing.assert_array_equal(x_bar.ravel(), expected)


def _like(values, x):
    """Return values in the memory layout of another array."""
    memory = np.zeros(1 + sum(abs(s) * (n - 1) for s, n in zip(x.strides, x.shape, strict=True)))
    result = np.lib.stride_tricks.as_strided(memory, x.shape, [abs(s) for s in x.strides])
    result[...] = values
    return result


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.reshape(x, (4, 6), order="A"),
        lambda x: np.reshape(np.transpose(x), (6, 4), order="A") ** 2,
        lambda x: np.ravel(np.transpose(x, (1, 2, 0)), order="K") ** 2,
        lambda x: np.ravel(np.transpose(x), order="A") ** 2,
    ],
)
def test_orders_of_reading_in_graphs(f, agrees, rng):
    agrees(f, rng.normal(size=C))


def test_another_memory_layout_is_another_branch(rng):
    x = rng.normal(size=A)
    graph = trace(lambda x: np.ravel(x, "A") * np.arange(6.0), x)
    graph.forward(x)
    with pytest.raises(autodiff.BranchChanged, match="memory order"):
        graph.forward(np.asfortranarray(x))


def test_a_copy_may_be_changed_in_place(agrees, rng):
    def f(x):
        y = np.copy(x)
        y += 1.0
        return x * y

    agrees(f, rng.normal(size=A))


def test_reshape_without_a_copy_raises_where_one_is_needed(rng):
    x = rng.normal(size=A)
    assert grad(lambda x: np.sum(np.reshape(x, (3, 2), copy=False) ** 2))(x).shape == A
    with pytest.raises(ValueError, match="Unable to avoid creating a copy"):
        grad(lambda x: np.sum(np.reshape(x.T, (6,), copy=False)))(x)


def test_casts_between_real_and_complex():
    x, g = np.ones(2), np.array([1 + 2j, 3j])
    out = ASTYPE.function(x, dtype=np.dtype(complex))
    # The real part that the transpose asks for is taken by the pass, for every primitive.
    x_bar = ASTYPE.vjp(0)(g, out, x, dtype=np.dtype(complex))
    np.testing.assert_array_equal(x_bar, g)
    assert ASTYPE.vjp(0)(x, x, x.astype("f4"), dtype=np.dtype(float)).dtype == np.float32


def test_float32_is_kept(rng):
    x = rng.normal(size=A).astype(np.float32)
    for f in (
        lambda x: np.repeat(np.tile(x, 2), [2, 1, 0, 3, 1, 1], axis=1),
        lambda x: np.resize(np.rot90(np.roll(x, 1)), 9),
        lambda x: sliding_window_view(np.atleast_3d(np.copy(x)), 2, 0),
        lambda x: np.broadcast_arrays(x, np.float32(1))[0],
    ):
        value, x_bar = autodiff.value_and_grad(lambda x, f=f: np.sum(f(x) ** 2))(x)
        assert (value.dtype, x_bar.dtype) == (np.float32, np.float32)


@pytest.mark.each(
    ("call", "error", "message"),
    [
        (lambda x: np.reshape(x, (4, 4)), ValueError, "reshape: cannot reshape"),
        (lambda x: np.reshape(x, 6, order="K"), ValueError, "order='K' has no meaning"),
        (lambda x: np.ravel(x, order="X"), ValueError, "'C', 'F', 'A' or 'K' is expected"),
        (lambda x: np.squeeze(x, 0), ValueError, "squeeze: axis 0 of shape"),
        (lambda x: np.rollaxis(x, 0, 5), ValueError, "rollaxis: start"),
        (lambda x: np.rot90(x, axes=(0, 0)), ValueError, "repeated axis"),
        (lambda x: np.rot90(x, axes=(0, 2)), ValueError, "out of bounds"),
        (lambda x: np.fliplr(x[0]), ValueError, "fliplr"),
        (lambda x: np.matrix_transpose(x[0]), ValueError, "two axes are needed"),
        (lambda x: np.repeat(x, -1), ValueError, "cannot be negative"),
        (lambda x: np.repeat(x, [1, 2], axis=1), ValueError, "broadcast"),
        (lambda x: np.resize(x, (-1, 2)), ValueError, "negative length"),
        (lambda x: np.astype(x, int), autodiff.LostDerivative, "lose its derivative"),
        (lambda x: np.astype(x, float, device="tpu"), ValueError, "device='tpu'"),
        (lambda x: sliding_window_view(x, 2), ValueError, "1 lengths of a window"),
        (lambda x: sliding_window_view(x, (9, 1)), ValueError, "cannot be larger"),
        (lambda x: sliding_window_view(x, (1, 1), writeable=True), ValueError, "writeable"),
        (lambda x: np.reshape(x, x), TypeError, "cannot be an index|index"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)))(rng.normal(size=A))
