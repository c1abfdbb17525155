import numpy as np
import pytest

from compare.problems import namespace


class Traced:
    def __array_namespace__(self, api_version=None):
        return np


class ProtocolOnly:
    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        return self


class Foreign:
    def __array_namespace__(self, api_version=None):
        return pytest


@pytest.mark.parametrize(
    "arrays",
    [
        (),
        (1.0, 2, True, 1j),
        (np.float64(1.0), np.ones(2), np.ma.masked_array([1.0])),
        (np.ones(2), Traced(), 1.0),
        (ProtocolOnly(),),
    ],
)
def test_numpy_is_the_namespace_of_numbers_arrays_and_traced_tensors(arrays):
    assert namespace(*arrays) is np


def test_the_first_foreign_array_decides():
    assert namespace(1.0, np.ones(2), Foreign(), Traced()) is pytest
    assert namespace(Traced(), Foreign()) is np


@pytest.mark.parametrize("value", ["text", None, [1.0], object()])
def test_what_is_no_array_is_refused(value):
    message = f"argument 1 is a {type(value).__name__}, expected a number"
    with pytest.raises(TypeError, match=message):
        namespace(1.0, value)
