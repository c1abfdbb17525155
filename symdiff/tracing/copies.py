"""Copies of functions in which names lead elsewhere, for what does not ask its arguments.

NumPy asks an argument for its own version of a function; ``np.eye(X.shape[0])`` and SciPy's
functions do not. A function that calls these is called once more as a copy, in which its names for
them lead to stand-ins; the libraries and the function stay as they are.
"""

from __future__ import annotations

import builtins
import types
from collections.abc import Callable
from typing import Any

__all__ = ["copied"]


def copied(f: Callable[..., Any], in_place_of: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a copy of a function, and of the functions it calls, with stand-ins for some names.

    `in_place_of` returns the stand-in for a value, or the value.
    """
    copies: dict[int, Any] = {}
    replaced = {name: in_place_of(value) for name, value in vars(builtins).items()}

    def copy_of(x: Any) -> Any:
        if isinstance(x, types.MethodType):
            return types.MethodType(copy_of(x.__func__), x.__self__)
        library = (getattr(x, "__module__", None) or "").split(".")[0] in ("numpy", "scipy")
        if not isinstance(x, types.FunctionType) or library:
            return in_place_of(x)
        if id(x) not in copies:
            names: dict[str, Any] = {"__builtins__": replaced}
            cells = tuple(types.CellType() for _ in x.__closure__ or ())
            copy = types.FunctionType(x.__code__, names, x.__name__, x.__defaults__, cells or None)
            copy.__kwdefaults__ = x.__kwdefaults__
            copies[id(x)] = copy
            names.update({name: copy_of(value) for name, value in x.__globals__.items()})
            for cell, original in zip(cells, x.__closure__ or (), strict=True):
                try:
                    cell.cell_contents = copy_of(original.cell_contents)
                except ValueError:
                    continue  # an empty cell stays empty
        return copies[id(x)]

    result: Callable[..., Any] = copy_of(f)
    return result
