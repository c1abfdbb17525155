"""Arrays of other libraries, which answer NumPy's protocols: of Dask, CuPy, pydata/sparse.

Rules compute with NumPy's functions, which such arrays answer. What they make from nothing, such as
a mask of the diagonal, must become an array of the same library: CuPy refuses to mix, and Dask
would give an array of its own all the same.
"""

from typing import Any

import numpy as np

from autodiff.core.batched import innermost

__all__ = ["beside", "elsewhere", "own_copy"]

_HOST = (np.ndarray, np.generic, float, int, complex)


def elsewhere(x: Any) -> Any:
    """Return the array of another library that a value is below all tensors, or None."""
    x = innermost(x)
    return None if isinstance(x, _HOST) or not hasattr(x, "__array_function__") else x


def beside(x: Any, array: Any) -> Any:
    """Return an array of NumPy's as one of the library of `x`, beside which it will be used."""
    home = elsewhere(x)
    return array if home is None else np.asarray(array, like=home)


def own_copy(x: Any) -> Any:
    """Return a copy of an array of another library, whose elements its owner may change."""
    return x.copy() if hasattr(x, "__setitem__") and hasattr(x, "copy") else x
