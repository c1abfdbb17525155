"""Methods of universal functions, such as ``np.add.reduce``."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.rules.table import UFUNC_METHODS


def _along_first(function: Callable[..., Any]) -> Callable[..., Any]:
    # These methods work along the first axis where the functions work on all.
    return lambda a, axis=0, **kwargs: function(a, axis=axis, **kwargs)


UFUNC_METHODS[np.add, "reduce"] = _along_first(np.sum)
UFUNC_METHODS[np.multiply, "reduce"] = _along_first(np.prod)
UFUNC_METHODS[np.maximum, "reduce"] = _along_first(np.max)
UFUNC_METHODS[np.minimum, "reduce"] = _along_first(np.min)
UFUNC_METHODS[np.add, "accumulate"] = _along_first(np.cumsum)
