"""The adapter of CuPy: its functions by NumPy's names, and `cupyx.scipy.special` by SciPy's."""

import importlib
from typing import Any

from autodiff.adapters.namespace import Namespace, products

__all__ = ["Cupy"]


class Cupy(Namespace):
    """CuPy's functions; nothing is computed on the host."""

    def __init__(self, xp: Any = None, special: Any = None) -> None:
        xp = xp or importlib.import_module("cupy")
        windows = {"sliding_window_view": xp.lib.stride_tricks.sliding_window_view}
        super().__init__(
            "cupy",
            xp,
            special or importlib.import_module("cupyx.scipy.special"),
            products(xp.matmul, xp.conj) | windows,
        )
