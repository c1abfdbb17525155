"""What a function reads from outside its arguments, and whether it is still what it was.

A plan holds the numbers of its trace. Arrays and numbers that the function closes over, or finds
among the globals of its module, are compared on every call; if one has changed, the function is
traced again.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

import autodiff.call
from autodiff.constants import fingerprint
from autodiff.trees import flatten

__all__ = ["Captured", "held_outside"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
_DEPTH = 4
#: Folders of the libraries whose functions hold nothing of the user's but what they wrap.
_LIBRARIES = tuple(
    os.path.dirname(os.path.abspath(file)) + os.sep
    for file in (np.__file__, autodiff.call.__file__)
)
_LEAVES = 1000


class Captured:
    """The numbers that a function reads from outside its arguments.

    Parameters
    ----------
    f : callable
        The function; those that it calls by name are looked into too.
    arrays : sequence of array
        Arrays that are known to have taken part.

    Examples
    --------
    >>> scale = np.ones(2)
    >>> captured = Captured(lambda x: x * scale, [])
    >>> scale[0] = 5.0
    >>> captured.changed()
    True
    """

    def __init__(self, f: Callable[..., Any], arrays: Sequence[Any]) -> None:
        found: dict[int, Any] = {id(x): x for x in arrays}
        self._reads: list[tuple[Callable[[], Any], Any]] = []
        _look(f, self._reads, found, set(), _DEPTH)
        self._arrays = [(x, _state(x)) for x in found.values()]

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
    if isinstance(value, _PLAIN):
        return bool(now == value or (now != now and value != value))
    return False


def _state(x: Any) -> Any:
    """Return bytes or a number that tell whether an array has changed."""
    if x.nbytes < 4096:
        return x.tobytes()
    return fingerprint(x if x.flags.c_contiguous else np.ascontiguousarray(x))


def _look(
    f: Any,
    reads: list[tuple[Callable[[], Any], Any]],
    arrays: dict[int, Any],
    seen: set[int],
    depth: int,
) -> None:
    """Add what a function and those that it calls read."""
    if id(f) in seen or depth < 0:
        return
    seen.add(id(f))
    if isinstance(f, functools.partial):
        for value in (f.func, *f.args, *f.keywords.values()):
            _add(None, value, reads, arrays, seen, depth)
        return
    if isinstance(f, MethodType):
        for name in getattr(f.__self__, "__dict__", {}):
            _add(
                functools.partial(f.__self__.__dict__.get, name),
                f.__self__.__dict__[name],
                reads,
                arrays,
                seen,
                depth,
            )
        f = f.__func__
    if not isinstance(f, FunctionType):
        return
    if f.__code__.co_filename.startswith(_LIBRARIES):
        # Transforms read what they wrap, which is what matters here.
        for cell in f.__closure__ or ():
            value = _contents(cell)
            if isinstance(value, FunctionType | MethodType | functools.partial):
                _look(value, reads, arrays, seen, depth)
        return
    for cell in f.__closure__ or ():
        _add(functools.partial(_contents, cell), _contents(cell), reads, arrays, seen, depth)
    for value in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
        _add(None, value, reads, arrays, seen, depth)
    for name in _names(f.__code__):
        if name in f.__globals__:
            read = functools.partial(f.__globals__.get, name)
            _add(read, f.__globals__[name], reads, arrays, seen, depth)


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


def _add(
    read: Callable[[], Any] | None,
    value: Any,
    reads: list[tuple[Callable[[], Any], Any]],
    arrays: dict[int, Any],
    seen: set[int],
    depth: int,
) -> None:
    """Add one value that is read."""
    if inspect.ismodule(value) or isinstance(value, type):
        return
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "fiubc":
            arrays[id(value)] = value
    elif isinstance(value, FunctionType | MethodType | functools.partial):
        _look(value, reads, arrays, seen, depth - 1)
    elif isinstance(value, dict | list | tuple):
        if len(value) > _LEAVES:
            return
        # Numbers in it are read anew; its arrays may be written into or exchanged.
        leaves, _ = flatten(value)
        for place, x in enumerate(leaves):
            if isinstance(x, np.ndarray | float | int):
                again = functools.partial(_leaf, value, place)
                _add(again, x, reads, arrays, seen, depth - 1)
        return
    elif not isinstance(value, _PLAIN):
        return
    if read is not None:
        reads.append((read, value))


def _leaf(tree: Any, place: int) -> Any:
    leaves, _ = flatten(tree)
    return leaves[place] if place < len(leaves) else None


def held_outside(x: Any, own: int) -> bool:
    """Return whether anybody but the caller can still change an array.

    Parameters
    ----------
    x : array
        The array.
    own : int
        How many references to it the caller holds, its variable among them.

    Returns
    -------
    bool
        True also of a view, whose memory others may hold.
    """
    return x.base is not None or sys.getrefcount(x) > own + 2
