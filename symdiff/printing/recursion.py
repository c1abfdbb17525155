"""Room for SymPy's recursion: a thread with a large stack, and a clear error beyond it.

Nothing in `symdiff` itself recurses over an expression. SymPy does (`diff`, printing, ordering),
and on a chain of some hundred operations it passes both Python's recursion limit and the C stack.
"""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["call_deep"]

_T = TypeVar("_T")

_STACK_BYTES = 256 * 2**20
_RECURSION_LIMIT = 50_000  # about 5 kB of stack a level, twice what SymPy's deepest calls take
_settings = threading.Lock()
_deep = threading.local()
_active: list[int] = []  # one entry a running call: the recursion limit found by the first


def call_deep(function: Callable[[], _T]) -> _T:
    """Return ``function()``, run where SymPy may recurse deeply."""
    if getattr(_deep, "inside", False):
        return function()
    results: list[_T] = []
    failures: list[BaseException] = []
    context = contextvars.copy_context()

    def run() -> None:
        _deep.inside = True
        try:
            results.append(context.run(function))
        except BaseException as failure:  # raised again in the caller's thread
            failures.append(failure)

    thread = threading.Thread(target=run, name="symdiff", daemon=True)
    with _settings:
        _active.append(_active[0] if _active else sys.getrecursionlimit())
        sys.setrecursionlimit(max(_RECURSION_LIMIT, sys.getrecursionlimit()))
        previous = threading.stack_size(_STACK_BYTES)
        try:
            thread.start()
        finally:
            threading.stack_size(previous)
    try:
        thread.join()
    finally:
        with _settings:
            limit = _active.pop()
            if not _active:
                sys.setrecursionlimit(limit)
    if failures and isinstance(failures[0], RecursionError):
        raise ValueError(
            "the expression is nested more deeply than SymPy can follow; use strategy='shared', "
            "whose intermediates are named, or fewer layers"
        ) from failures[0]
    if failures:
        raise failures[0]
    return results[0]
