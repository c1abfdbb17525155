"""Which array library a function of arrays should call."""

import importlib
from types import ModuleType
from typing import Any

import array_api_compat
import numpy as np

__all__ = ["namespace"]

_NUMPY_TYPES = (bool, int, float, complex, np.ndarray, np.generic)


def namespace(*arrays: Any) -> ModuleType:
    """Return the array library of the first argument that is not a plain NumPy value.

    ``array_api_compat.array_namespace`` refuses a mixture of NumPy arrays and traced tensors;
    a traced function sees just that, because constants stay NumPy arrays.
    """
    for position, array in enumerate(arrays):
        if isinstance(array, _NUMPY_TYPES):
            continue
        try:
            library: ModuleType = array_api_compat.array_namespace(array)
        except TypeError:
            if type(array).__module__.partition(".")[0] == "autograd":
                return importlib.import_module("autograd.numpy")
            if hasattr(array, "__array_ufunc__") or hasattr(array, "__array_function__"):
                return np
            raise TypeError(
                f"namespace: argument {position} is a {type(array).__name__}, expected a number, "
                "an array or a traced tensor. Convert it with numpy.asarray."
            ) from None
        return library
    return np
