"""Arrays handed to compiled functions as a tuple: those of other forms are noticed, not read."""

import gc
import sys

import numpy as np
import pytest

pytest.importorskip("numba", reason="Numba is not installed", exc_type=ImportError)

from autodiff.plan.to_numba.arrays import (
    aligned,
    bool_at,
    contiguous,
    fits,
    float32_at,
    float64_at,
    int64_at,
    taking,
)

A, B = np.arange(12.0).reshape(3, 4), np.arange(6, dtype=np.float32)


@pytest.fixture(scope="module")
def add():
    """Return the function that adds item 5 of A to item 2 of B, if they are of their forms."""

    @taking([((3, 4), 8), ((6,), 4)])
    def function(arrays):
        if not fits(arrays):
            return False
        float32_at(arrays, 1, 2, 4)[0] += float64_at(arrays, 0, 4, 8)[1]
        return True

    return function


def _unaligned(x):
    octets = np.empty(x.nbytes + 1, np.uint8)[1:]
    found = octets.view(x.dtype).reshape(x.shape)
    found[...] = x
    return found


RIGHT = {
    "itself": A,
    "a view": np.arange(24.0)[12:].reshape(3, 4),
    "read-only": np.broadcast_to(A, (3, 4)),
    "of another type of that size": A.astype(np.int64),
}
WRONG = {
    "fewer rows": A[:2],
    "one axis": A.ravel(),
    "one axis more": A[..., None],
    "one axis more in front": A[None],
    "many axes": A.reshape((3, 4) + (1,) * 40),
    "no axis": np.array(1.0),
    "its transpose's shape": A.T,
    "Fortran order": np.asfortranarray(A),
    "reversed": A[::-1],
    "strided": np.zeros((3, 8))[:, ::2],
    "rows apart": np.zeros((3, 2, 4))[:, 0],
    "broadcast": np.broadcast_to(A[0], (3, 4)),
    "float32": A.astype(np.float32),
    "complex": A.astype(complex),
    "unaligned": _unaligned(A),
    "a number": 1.0,
    "none": None,
}


@pytest.mark.parametrize("name", RIGHT)
def test_arrays_of_the_form_are_taken(add, name):
    b = B.copy()
    assert add((RIGHT[name], b))
    if RIGHT[name].dtype == A.dtype:
        assert b[2] == B[2] + RIGHT[name][1, 1]


@pytest.mark.each("name", WRONG)
def test_arrays_of_other_forms_are_not_touched(add, name):
    b = B.copy()
    assert not add((WRONG[name], b))
    np.testing.assert_array_equal(b, B)


@pytest.mark.parametrize("given", [(), (A,), (A, B, B), (B, A)])
def test_another_number_or_order_of_arrays_is_noticed(add, given):
    assert not add(given)


def test_what_is_no_tuple_is_an_error(add):
    with pytest.raises(SystemError, match="bad argument"):
        add([A, B])


@pytest.mark.parametrize(
    ("shape", "array"),
    [
        ((1, 3), np.ones((6, 3))[::2][:1]),
        ((0, 3), np.ones((4, 3))[4:, ::-1]),
        ((3, 1), np.ones((3, 4))[:, :1].copy()[:, ::-1]),
        ((), np.array(2.0)),
    ],
    ids=["one row", "no rows", "one column", "no axis"],
)
def test_strides_of_axes_that_have_one_item_do_not_matter(shape, array):
    assert array.flags.c_contiguous
    assert taking([(shape, 8)])(lambda arrays: fits(arrays))((array,))


def test_every_type_has_a_reader():
    @taking([((2,), 8), ((2,), 1)])
    def function(arrays):
        int64_at(arrays, 0, 0, 2)[1] = 7
        bool_at(arrays, 1, 0, 2)[0] = True
        return True

    whole, mask = np.zeros(2, np.int64), np.zeros(2, bool)
    assert function((whole, mask))
    assert (whole.tolist(), mask.tolist()) == ([0, 7], [True, False])


def test_nothing_is_kept(add):
    a, b = A.copy(), B.copy()
    before = sys.getrefcount(a), sys.getrefcount(b)
    for _ in range(100):
        add((a, b))
    gc.collect()
    assert (sys.getrefcount(a), sys.getrefcount(b)) == before


def test_copies_are_made_where_needed_alone():
    odd = A.T, _unaligned(A), A
    found = contiguous(*odd)
    assert found[2] is A
    for x, y in zip(found, odd, strict=True):
        assert x.flags.c_contiguous
        assert x.flags.aligned
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("dtype", ["<f8", "<f4", "<i8", "|b1"])
def test_buffers_begin_with_a_line_of_the_cache(dtype):
    for count in (0, 1, 7, 1000):
        found = aligned(count, dtype)
        assert (found.shape, found.dtype.str) == ((count,), dtype)
        assert not count or found.ctypes.data % 64 == 0
        assert found.flags.carray
        assert np.all(found != found) if "f" in dtype else np.all(found.astype(int) != 0)
