"""Guards: whether what a function reads from outside its arguments is still what it was.

A plan holds the numbers of its trace. Arrays and numbers that the function closes over, finds among
the globals of its module, in containers, in attributes of objects or in modules of the user's are
compared on every call; if one has changed, the function is traced again. What it reads from files,
clocks and the like cannot be seen here.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autodiff import errors
from autodiff.core.constants import fingerprint
from autodiff.core.pytrees import flatten

__all__ = ["Guards", "held_outside"]

_CALLED = (FunctionType, MethodType, functools.partial)
_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
_DEPTH = 4
_OWN = os.path.dirname(os.path.abspath(errors.__file__)) + os.sep


def _is_library(module: str) -> bool:
    """Return whether a module is one of Python's or NumPy's, which hold nothing of the user's."""
    root = module.split(".")[0]
    return root in sys.stdlib_module_names or root in ("numpy", "scipy")


class Guards:
    """The numbers that a function reads from outside its arguments, watched.

    `arrays` are known to have taken part; functions that it calls by name are looked into too.

    Examples
    --------
    >>> scale = np.ones(2)
    >>> guards = Guards(lambda x: x * scale, [])
    >>> scale[0] = 5.0
    >>> guards.changed()
    True
    """

    def __init__(self, f: Callable[..., Any], arrays: Sequence[Any]) -> None:
        search = _Search()
        search.arrays = {id(x): x for x in arrays}
        search.function(f, _DEPTH)
        self._reads = search.reads
        self._arrays = [(x, _state(x)) for x in search.arrays.values()]

    def __bool__(self) -> bool:
        return bool(self._reads or self._arrays)

    def changed(self) -> bool:
        """Return whether any of it is no longer what it was."""
        for read, value in self._reads:
            now = read()
            if now is not value and (type(now) is not type(value) or not _equal(now, value)):
                return True
        return any([_state(x) != state for x, state in self._arrays])


def _equal(now: Any, value: Any) -> bool:
    # An array or a function is itself or another; of numbers NaN is itself.
    if isinstance(value, tuple):
        return bool(now == value)
    if isinstance(value, _PLAIN):
        return bool(now == value or (now != now and value != value))
    return False


def _state(x: Any) -> Any:
    """Return bytes or a number that tell whether an array has changed."""
    if x.nbytes < 4096:
        return x.tobytes()
    return fingerprint(x if x.flags.c_contiguous else np.ascontiguousarray(x))


class _Search:
    """Looks for what a function reads, through the functions that it calls by name."""

    def __init__(self) -> None:
        #: Functions that return what is read now, and what it was.
        self.reads: list[tuple[Callable[[], Any], Any]] = []
        self.arrays: dict[int, Any] = {}
        self._seen: set[int] = set()

    def function(self, f: Any, depth: int) -> None:
        """Add what a function reads."""
        if id(f) in self._seen or depth < 0:
            return
        self._seen.add(id(f))
        if isinstance(f, functools.partial):
            for value in (f.func, *f.args, *f.keywords.values()):
                self.value(None, value, depth, ())
            return
        if isinstance(f, MethodType):
            self.value(None, f.__self__, depth, ())
            f = f.__func__
        if not isinstance(f, FunctionType):
            # An object that is called.
            self.value(None, f, depth, ())
            return
        cells = [
            (functools.partial(_contents, cell), _contents(cell)) for cell in f.__closure__ or ()
        ]
        own = f.__code__.co_filename.startswith(_OWN)
        if own or (f.__module__ != "__main__" and _is_library(f.__module__ or "")):
            # Transforms read what they wrap, which is what matters here.
            for _, value in cells:
                if isinstance(value, _CALLED):
                    self.function(value, depth)
            return
        names = _names(f.__code__)
        for read, value in cells:
            self.value(read, value, depth, names)
        for value in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
            self.value(None, value, depth, names)
        for name in names:
            if name in f.__globals__:
                read = functools.partial(f.__globals__.get, name)
                self.value(read, f.__globals__[name], depth, names)

    def value(
        self, read: Callable[[], Any] | None, value: Any, depth: int, names: Iterable[str]
    ) -> None:
        """Add one value that is read, if it can change.

        `read` returns it anew; `names` are those that the code may ask of a module.
        """
        if isinstance(value, np.ndarray):
            if value.dtype.kind in "fiubc":
                self.arrays[id(value)] = value
        elif isinstance(value, _CALLED):
            self.function(value, depth - 1)
        elif isinstance(value, ModuleType):
            self._module(value, depth, names)
            return
        elif isinstance(value, dict | list | tuple):
            self._container(value)
            return
        elif isinstance(value, type):
            return
        elif not isinstance(value, _PLAIN):
            self._object(value, depth)
            return
        if read is not None:
            self.reads.append((read, value))

    def _module(self, module: ModuleType, depth: int, names: Iterable[str]) -> None:
        """Add the numbers and arrays of a module of the user's that the code has names for."""
        if _is_library(module.__name__) or module.__name__.split(".")[0] == "autodiff":
            return
        for name in names:
            value = vars(module).get(name)
            if value is not None and isinstance(value, (*_PLAIN, np.ndarray, *_CALLED)):
                self.value(functools.partial(vars(module).get, name), value, depth - 1, ())

    def _container(self, value: Any) -> None:
        """Add the numbers and arrays in a nested structure, as one."""
        if id(value) not in self._seen:
            self._seen.add(id(value))
            self.reads.append((functools.partial(_contained, value), _contained(value)))

    def _object(self, value: Any, depth: int) -> None:
        """Add the attributes of an object."""
        attributes = getattr(value, "__dict__", None)
        if id(value) in self._seen or depth < 0 or not isinstance(attributes, dict):
            return
        self._seen.add(id(value))
        for name, x in list(attributes.items()):
            self.value(functools.partial(attributes.get, name), x, depth - 1, ())
        for name, x in list(vars(type(value)).items()):
            if isinstance(x, (*_PLAIN, np.ndarray)) and not name.startswith("__"):
                self.value(functools.partial(getattr, type(value), name), x, depth - 1, ())


def _names(code: CodeType) -> set[str]:
    """Return the names that code and the functions within it may read from the module."""
    names = set(code.co_names)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            names |= _names(inner)
    return names


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _contained(tree: Any) -> tuple[Any, ...]:
    """Return the state of a nested structure: another if its numbers or arrays have changed."""
    leaves, structure = flatten(tree)
    return (
        structure,
        *[(id(x), _state(x)) if isinstance(x, np.ndarray) else _identified(x) for x in leaves],
    )


def _identified(x: Any) -> Any:
    return (type(x), x) if isinstance(x, _PLAIN) else id(x)


def held_outside(x: Any, own: int) -> bool:
    """Return whether anybody but the caller can still change an array."""
    return x.base is not None or sys.getrefcount(x) > own + 2
