"""Messages arrive as they were sent, whatever lies beside the pickle; a broken one is none."""

import io
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from compare.process import ipc

LARGE = np.arange(3.0 * ipc._LARGE)


def sent(message):
    stream = io.BytesIO()
    ipc.write_message(stream, ipc.parts_of(message))
    return stream.getvalue()


def arrived(data, loads=ipc.numbers_only):
    return ipc.read_message(io.BytesIO(data), loads)


@pytest.mark.each(
    "array",
    [
        LARGE,
        LARGE[::2],
        LARGE[::-1],
        np.asfortranarray(LARGE.reshape(3, -1)),
        LARGE.reshape(3, -1).T,
        LARGE.astype(complex),
        np.ma.masked_less(LARGE, 5.0),
        np.broadcast_to(1.0, LARGE.shape),
        LARGE[:0],
    ],
)
def test_large_arrays_arrive_and_can_be_written(array):
    found = arrived(sent(("ok", {"x": array, "y": LARGE})))[1]
    assert type(found["x"]) is type(array)
    assert found["x"].dtype == array.dtype
    np.testing.assert_array_equal(found["x"], array)
    np.testing.assert_array_equal(found["y"], LARGE)
    found["x"][...] = 1.0
    assert LARGE[1] == 1.0
    assert LARGE[2] == 2.0


def test_a_large_array_lies_beside_the_pickle_and_a_small_one_in_it():
    assert [len(part) for part in ipc.parts_of(LARGE)[1:]] == [LARGE.nbytes]
    assert len(ipc.parts_of(LARGE[:100])) == 1


@given(st.lists(arrays.arrays(float, st.integers(0, 4))), st.integers(0, 10**6))
def test_a_message_that_ends_too_early_is_none(message, end):
    data = sent([*message, LARGE])
    assert arrived(data[: end % len(data)]) is None
    assert len(arrived(data)) == len(message) + 1


def test_what_is_no_message_is_told():
    with pytest.raises(ipc.NoMessage):
        arrived(b"Traceback" + sent(1.0))
    with pytest.raises(pickle.UnpicklingError, match=r"print stands in it"):
        arrived(sent(print))
    # A length that nothing follows takes no memory.
    assert arrived(ipc._MARK + (1).to_bytes(8, "big") + (2**60).to_bytes(8, "big")) is None
