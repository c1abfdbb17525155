"""Copies of functions in which names lead elsewhere, for what does not ask its arguments.

NumPy asks an argument for its own version of a function; ``np.eye(X.shape[0])`` and SciPy's
functions do not. A function that calls these is called once more as a copy, in which its names for
them lead to stand-ins; the libraries and the function stay as they are.
"""

from __future__ import annotations

import builtins
import dis
import functools
import types
from collections.abc import Callable
from typing import Any

__all__ = ["copied"]


@functools.lru_cache(1 << 10)  # functions defined anew do not pile up
def _uses(code: types.CodeType) -> dict[str, bool]:
    """Return the names of code, and of the code inside it, and whether each is only called."""
    found: dict[str, bool] = {}
    for step in dis.get_instructions(code):
        if step.opname.startswith("LOAD_") and isinstance(step.argval, str):
            called = step.opname == "LOAD_GLOBAL" and bool((step.arg or 0) & 1)
            found[step.argval] = found.get(step.argval, True) and called
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            for name, called in _uses(inner).items():
                found[name] = found.get(name, True) and called
    return found


def copied(f: Callable[..., Any], in_place_of: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a copy of a function, and of the functions it calls, with stand-ins for some names.

    `in_place_of` returns the stand-in for a value, or the value. A type keeps its name where a
    function does more than call it: ``type(x) is float``.
    """
    copies: dict[int, Any] = {}
    replaced = {name: in_place_of(value) for name, value in vars(builtins).items()}
    kept = {
        name: value
        for name, value in vars(builtins).items()
        if isinstance(value, type) and replaced[name] is not value
    }

    def copy_of(x: Any) -> Any:
        if isinstance(x, types.MethodType):
            return types.MethodType(copy_of(x.__func__), x.__self__)
        if type(x) is functools.partial:
            return functools.partial(copy_of(x.func), *x.args, **x.keywords)
        library = (getattr(x, "__module__", None) or "").split(".")[0] in ("numpy", "scipy")
        if not isinstance(x, types.FunctionType) or library:
            return in_place_of(x)
        if id(x) not in copies:
            names: dict[str, Any] = {"__builtins__": replaced}
            cells = tuple(types.CellType() for _ in x.__closure__ or ())
            copy = types.FunctionType(x.__code__, names, x.__name__, None, cells or None)
            copies[id(x)] = copy
            uses = _uses(x.__code__)
            names.update({n: v for n, v in kept.items() if not uses.get(n, True)})
            names.update(
                {
                    n: copy_of(v) if n in uses else v
                    for n, v in x.__globals__.items()
                    if n != "__builtins__"
                }
            )
            copy.__defaults__ = x.__defaults__ and tuple(map(copy_of, x.__defaults__))
            copy.__kwdefaults__ = x.__kwdefaults__ and {
                n: copy_of(v) for n, v in x.__kwdefaults__.items()
            }
            for cell, original in zip(cells, x.__closure__ or (), strict=True):
                try:
                    cell.cell_contents = copy_of(original.cell_contents)
                except ValueError:
                    continue  # an empty cell stays empty
        return copies[id(x)]

    call = vars(type(f)).get("__call__")
    if isinstance(call, types.FunctionType):  # an object that is called
        f = types.MethodType(call, f)
    result: Callable[..., Any] = copy_of(f)
    return result
