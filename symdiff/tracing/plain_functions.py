"""Stand-ins for what takes numbers, and asks traced values for none: np.array, math, max."""

from __future__ import annotations

import functools
import importlib
import operator
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

import numpy as np

from symdiff.errors import Untraceable
from symdiff.tracing.traced import TracedArray

__all__ = [
    "ALWAYS",
    "PLAIN_STAND_INS",
    "are_numbers",
    "constant_array",
    "constants",
    "holds_traced",
    "joined",
    "special",
]

#: What makes a traced array of numbers in the trace that is under way.
constants: ContextVar[Callable[[Any], Any] | None] = ContextVar("constants", default=None)
#: Functions of NumPy's that make arrays which may be written into.
_MAKERS = frozenset(f"numpy.{name}" for name in ("array", "zeros", "ones", "empty", "full", "eye"))
#: What is called by its stand-in whatever its arguments are.
ALWAYS = _MAKERS | {"numpy.fromiter"}
#: Functions of the module math, by name that of NumPy's.
_MATH = {
    name: name
    for name in (
        *("exp", "expm1", "exp2", "log1p", "log2", "log10", "sqrt", "cbrt", "fabs", "hypot"),
        *("sin", "cos", "tan", "sinh", "cosh", "tanh", "floor", "ceil", "trunc", "copysign"),
        *("degrees", "radians", "fmod"),
    )
} | {
    **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{"atan2": "arctan2", "pow": "power"},
}


_NUMBERS = (TracedArray, int, float, np.number, np.ndarray)


def joined(x: Any) -> Any:
    """Return nested lists of numbers and traced values as one traced array."""
    if isinstance(x, (list, tuple)):
        return np.stack([joined(item) for item in x])
    if not isinstance(x, _NUMBERS):
        raise TypeError(f"np.array: a {type(x).__name__} beside traced values")
    return x if isinstance(x, TracedArray) else np.asarray(x, float)


def are_numbers(x: Any) -> bool:
    """Return whether a value is nested lists of numbers, of which some are traced."""
    if not isinstance(x, (list, tuple)):
        return False
    leaves = [item for item in x if not isinstance(item, (list, tuple))]
    inner = [item for item in x if isinstance(item, (list, tuple))]
    plain = all(isinstance(item, _NUMBERS) and not np.shape(item) for item in leaves)
    plain = plain and not (leaves and inner)
    some = any(isinstance(item, TracedArray) for item in leaves)
    return plain and (some or any(map(are_numbers, inner)))


def _array(x: Any, dtype: Any = None, *, copy: bool = True, **more: Any) -> Any:
    if not isinstance(x, TracedArray) and not are_numbers(x) and not holds_traced(x):
        return constant_array(np.array(x, dtype, **more))
    found = joined(x)
    found = found if dtype is None else found.astype(dtype)
    return found.copy() if copy and type(found) is type(x) else found


def holds_traced(x: Any) -> bool:
    """Return whether a value is traced, or a list or tuple that holds one which is."""
    return isinstance(x, TracedArray) or (
        isinstance(x, (list, tuple)) and any(map(holds_traced, x))
    )


def _same(x: Any, dtype: Any = None, **more: Any) -> Any:
    return _array(x, dtype, copy=False)


def constant_array(x: Any) -> Any:
    """Return an array of floats as a traced one, which may be written into."""
    held = constants.get()
    return x if held is None or x.dtype.kind != "f" or not x.ndim else held(x)


def _made(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes traced arrays of numbers where NumPy's makes floats."""

    def make(*args: Any, **kwargs: Any) -> Any:
        if function is np.full and any(isinstance(x, TracedArray) for x in args):
            return constant_array(np.ones(args[0])) * args[1]
        found = function(*args, **kwargs)
        if function is np.empty:
            found.fill(0)
        return constant_array(found)

    return make


def _log(x: Any, base: Any = None) -> Any:
    return np.log(x) if base is None else np.log(x) / np.log(base)


def _largest(choose: Any) -> Callable[..., Any]:
    """Return the stand-in for `max` or `min`, of which NumPy's `choose` takes two."""
    plain = max if choose is np.maximum else min

    def largest(*args: Any, **keywords: Any) -> Any:
        items = list(args[0]) if len(args) == 1 else list(args)
        if keywords or not any(isinstance(x, TracedArray) for x in items):
            return plain(*args, **keywords)
        return functools.reduce(choose, items)

    return largest


def _sorted(items: Iterable[Any], **keywords: Any) -> Any:
    items = list(items)
    if keywords or not any(isinstance(x, TracedArray) for x in items):
        return sorted(items, **keywords)
    return list(np.sort(np.stack(items)))


def _float(x: Any = 0.0) -> Any:
    """Return a traced number as it is; one of several is refused, as NumPy does."""
    return np.reshape(x, ()) if x.size == 1 else float(x)


def special(name: str) -> Callable[..., Any]:
    """Return a function of scipy.special's, which is loaded when it is called."""

    def called(*args: Any) -> Any:
        return getattr(importlib.import_module("scipy.special"), name)(*args)

    return called


def _columns(x: Any) -> Any:
    """Return an entry of ``np.c_`` as columns."""
    x = np.asarray(x) if not isinstance(x, TracedArray) else x
    return np.reshape(x, (*np.shape(x), 1)[-2:] if np.ndim(x) else (1, 1)) if np.ndim(x) < 2 else x


class _Joined:
    """What ``np.r_`` and ``np.c_`` are: arrays, numbers and slices joined by an index."""

    def __init__(self, name: str, form: Callable[[Any], Any], axis: int) -> None:
        self._name, self._form, self._axis = name, form, axis

    def __getitem__(self, key: Any) -> Any:
        entries = key if isinstance(key, tuple) else (key,)
        if any(isinstance(entry, str) for entry in entries):
            raise Untraceable(f"{self._name}['...', x]: write np.concatenate or np.stack")
        parts = [np.r_[x] if isinstance(x, slice) else joined(x) for x in entries]
        return np.concatenate([self._form(x) for x in parts], axis=self._axis)


#: By the name that users write, the stand-in for traced arguments.
PLAIN_STAND_INS: dict[str, Any] = {
    **dict.fromkeys(("numpy.asarray", "numpy.asanyarray"), _same),
    "numpy.ascontiguousarray": lambda a, dtype=None: _same(a, dtype).in_order(),
    **{name: _made(getattr(np, name.removeprefix("numpy."))) for name in _MAKERS},
    "numpy.array": _array,
    **{f"math.{name}": getattr(np, ours) for name, ours in _MATH.items()},
    "numpy.fromiter": lambda items, dtype=None, *_, **__: _array(list(items), dtype),
    "numpy.r_": _Joined("np.r_", np.atleast_1d, 0),
    "numpy.c_": _Joined("np.c_", _columns, -1),
    "math.log": _log,
    "math.hypot": lambda *x: functools.reduce(np.hypot, x),
    "math.dist": lambda p, q: np.linalg.norm(joined(list(p)) - joined(list(q))),
    **{f"math.{name}": special(name) for name in ("erf", "erfc", "gamma")},
    "math.lgamma": special("gammaln"),
    "math.prod": lambda items, start=1: functools.reduce(operator.mul, items, start),
    "math.fsum": sum,
    "statistics.fmean": lambda items: sum(items) / len(items),
    "builtins.float": _float,
    "builtins.max": _largest(np.maximum),
    "builtins.min": _largest(np.minimum),
    "builtins.sorted": _sorted,
}
