"""The stand-ins for functions that do not dispatch, in a function that is run again: one table.

`substitution` says when that is. To add one is to add a line; nothing is imported before it is met.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Any

from autodiff.core.scipy_names import SCIPY

__all__ = ["REPLACEMENTS", "replacement", "stands_within"]

_ARRAYS, _NUMBERS = "autodiff.rules.arrays", "autodiff.rules.numbers"
#: By the name under which users reach it: the dotted path of what stands for it. It gets every
#: call, those on plain numbers included, and must answer these as the original does.
REPLACEMENTS: dict[str, str] = {
    **{
        f"numpy.{name}": f"{_ARRAYS}.{name}"
        for name in (
            *("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray"),
            *("fromiter", "asarray_chkfinite", "require"),
        )
    },
    **{
        f"math.{name}": f"{_NUMBERS}.math_{name}"
        for name in (
            *("sqrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "pow", "cbrt"),
            *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh"),
            *("asinh", "acosh", "atanh", "degrees", "radians", "fabs", "copysign", "fmod"),
            *("isnan", "isinf", "isfinite", "isclose", "ldexp", "modf", "hypot", "dist", "fsum"),
            *("erf", "erfc", "gamma", "lgamma", "sumprod"),
        )
    },
    **{
        f"cmath.{name}": f"{_NUMBERS}.cmath_{name}"
        for name in (
            *("sqrt", "exp", "log", "log10", "sin", "cos", "tan", "asin", "acos", "atan"),
            *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "phase", "polar", "rect"),
        )
    },
    **{
        f"builtins.{name}": f"{_NUMBERS}.{name.capitalize()}"
        for name in ("complex", "float", "type")
    },
    **{f"numpy.{name}": f"autodiff.rules.iterating.{name}" for name in ("nditer", "nested_iters")},
    "builtins.isinstance": f"{_NUMBERS}.is_instance",
    "builtins.hasattr": f"{_NUMBERS}.has_attribute",
    **SCIPY,
}
#: By identity of the original: it, and what stands for it. Of libraries that were there then.
_found: dict[int, tuple[Any, Any]] = {}
#: How many modules had been imported when they were last looked for.
_looked = 0


def replacement(x: Any) -> Any:
    """Return the stand-in for an object of a library, or None."""
    if _looked != len(sys.modules):
        _look()
    known = _found.get(id(x))
    return None if known is None or known[0] is not x else known[1]()


def _look() -> None:
    """Note the objects that the names stand for, of modules that have been imported."""
    global _looked
    _looked = len(sys.modules)
    for name, path in REPLACEMENTS.items():
        module, _, last = name.rpartition(".")
        original = getattr(sys.modules.get(module), last, None)
        if original is not None and id(original) not in _found:
            _found[id(original)] = original, _late(path)


def _late(path: str) -> Callable[[], Any]:
    """Return a function that imports an object when it is first asked for."""
    known: list[Any] = []

    def get() -> Any:
        if not known:
            module, _, name = path.rpartition(".")
            known.append(getattr(importlib.import_module(module), name))
        return known[0]

    return get


def stands_within(module: str) -> bool:
    """Return whether something is replaced in a module or in modules below it."""
    return any(name.startswith(f"{module}.") for name in REPLACEMENTS)
