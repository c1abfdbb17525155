"""Running printed source: its function, and the numbers that it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from symdiff.printing.recursion import call_deep
from symdiff.printing.source import ENTRY_POINT

__all__ = ["as_floats", "compile_source"]


def compile_source(source: str, strategy: str) -> Callable[..., Any]:
    """Return the function of our own source text."""
    namespace: dict[str, Any] = {}
    code = call_deep(lambda: compile(source, f"<symdiff {strategy}>", "exec"))
    exec(code, namespace)
    function: Callable[..., Any] = namespace[ENTRY_POINT]
    return function


def as_floats(name: str, value: Any) -> npt.NDArray[np.float64]:
    """Return the value of an argument as a new float64 array; refuse what is no real number."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"argument {name!r}: real numbers are expected, not {array.dtype} "
            f"({type(value).__name__})"
        )
    return array.astype(np.float64)
