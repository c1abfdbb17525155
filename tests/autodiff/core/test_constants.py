import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff import grad, trace
from autodiff.core.constants import Constants, fingerprint


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.fill(2.0),
        lambda b: b.sort(),
        np.random.shuffle,
        lambda b: b.__setitem__(-1, 5.0),
        lambda b: b[::-1].sort(),
    ],
)
def test_a_large_buffer_that_is_written_into_raises(change):
    buffer = np.random.default_rng(0).normal(size=20_001)

    def f(x, buffer):
        y = x * buffer
        change(buffer)
        return np.sum(y * x)

    with pytest.raises(ValueError, match=r"an array of shape \(20001,\) was written into"):
        grad(f)(np.ones(20_001), buffer)
    graph = trace(lambda x: f(x, buffer.copy()), np.ones(20_001))
    np.testing.assert_allclose(graph.forward(np.ones(20_001)), np.sum(buffer))


def test_large_constants_are_right(rng):
    wide = rng.normal(size=(200, 100))
    for array in (wide, wide[::2], wide.T, wide.astype(np.float32), wide > 0, wide[:, ::3]):
        x = np.ones(array.shape)
        np.testing.assert_array_equal(grad(lambda x, a=array: np.sum(x * a))(x), array * 1.0)
        assert array.flags.writeable


def test_a_large_buffer_that_changes_and_changes_back_is_right():
    buffer = np.ones(20_001)

    def f(x):
        y = np.sum(x * buffer)
        buffer[:] = 2.0
        y = y + np.sum(x * buffer)
        buffer[:] = 1.0
        return y

    np.testing.assert_array_equal(grad(f)(np.ones(20_001)), np.full(20_001, 3.0))


@pytest.mark.parametrize("size", [3, 20_001])
def test_a_view_that_is_read_only_changes_with_its_base(size):
    buffer = np.ones(size)

    def f(x):
        y = np.sum(x * np.broadcast_to(buffer, (2, size)))
        buffer[:] += 1.0
        return y

    buffer[:] = 1.0
    np.testing.assert_array_equal(grad(f)(np.ones(size)), np.full(size, 2.0))


def test_what_cannot_change_is_not_copied():
    array = np.ones(20_000)
    array.flags.writeable = False
    for x in (array, 2.0, np.float32(2.0), np.float16(1.0), True):
        assert Constants(brief=False).take(x, "add") is x
    large = np.ones(20_000)
    assert Constants(brief=True).take(large, "add") is large
    assert Constants(brief=False).take(large, "add") is not large


@pytest.mark.parametrize("x", [None, "a", np.ones(2, object), np.array(["a"]), object()])
def test_what_is_no_number_is_refused(x):
    with pytest.raises(TypeError, match="multiply: a tensor and a"):
        Constants(brief=False).take(x, "multiply")


@given(
    st.sampled_from([64, 509, 510, 1018, 1527, 2036, 521 * 2]),
    st.integers(8, 80),
    st.sampled_from([np.float64, np.float32, np.int64, bool]),
    st.integers(0, 1),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_rows_and_columns_that_are_exchanged_are_noticed(columns, rows, dtype, axis, random):
    values = np.random.default_rng(random.randrange(1000)).normal(size=(rows, columns))
    x = (values > 0 if dtype is bool else values * 1000).astype(dtype)
    before = fingerprint(x)
    assert fingerprint(x.copy()) == before
    i, j = random.sample(range(x.shape[axis]), 2)
    order = np.arange(x.shape[axis])
    order[[i, j]] = j, i
    moved = np.ascontiguousarray(np.take(x, order, axis))
    if not np.array_equal(moved, x):
        assert fingerprint(moved) != before
