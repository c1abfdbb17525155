"""Errors that numbers raise and formulas do not, where the traced function would catch them."""

from __future__ import annotations

import builtins
import dis
import functools
import itertools
import os
import sys
import types
from typing import Any

import numpy as np

from symdiff import errors
from symdiff.errors import Untraceable

__all__ = ["RAISING", "check_not_caught"]

#: Functions of linear algebra that raise an error for some numbers of the right shape.
RAISING = frozenset(
    (
        *("cholesky", "inv", "solve", "pinv", "lstsq", "matrix_power", "tensorinv", "tensorsolve"),
        *("cho_factor", "cho_solve", "solve_triangular", "eigh", "eigvalsh", "svd", "svdvals"),
    )
)
_LIBRARIES = tuple(
    os.path.join(os.path.dirname(os.path.abspath(path)), "")
    for path in (errors.__file__, np.__file__)
)


@functools.lru_cache(1 << 10)  # functions defined anew do not pile up
def _handlers(code: types.CodeType) -> list[tuple[int, int, list[str]]]:
    """Return where code catches errors: ranges of offsets, and the names of what is caught.

    No names stand for all errors. A `with` catches where `contextlib.suppress` is named.
    """
    steps = list(dis.get_instructions(code))
    found = []
    entries: list[Any] = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]
    for entry in entries:
        handler = [step for step in steps if step.offset >= entry.target]
        kinds = [step.opname for step in handler]
        ours = kinds[1 : kinds.index("RERAISE")] if "RERAISE" in kinds else kinds[1:]
        if kinds[0] != "PUSH_EXC_INFO":
            continue
        if "CHECK_EXC_MATCH" in ours:
            last = len(ours) - ours[::-1].index("CHECK_EXC_MATCH")
            names = [
                step.argval
                for step, following in itertools.pairwise(handler[: last + 1])
                if step.opname.startswith("LOAD_") and following.opname != "LOAD_ATTR"
            ]
            found.append((entry.start, entry.end, names))
        elif "POP_EXCEPT" in ours or ("suppress" in code.co_names and "WITH" in ours[0]):
            found.append((entry.start, entry.end, []))
    return found


def _catch(names: list[str], errors: tuple[type[Exception], ...]) -> bool:
    """Return whether an `except` with these names may catch one of some errors."""
    named = {**vars(builtins), "LinAlgError": np.linalg.LinAlgError}
    kinds = [named.get(name, Exception) for name in names]
    return not kinds or any(issubclass(error, kind) for kind in kinds for error in errors)


def check_not_caught(name: str, *raised: type[Exception]) -> None:
    """Refuse a call whose error, which depends on numbers, the traced function would catch."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "call_traced":
        code, at = frame.f_code, frame.f_lasti
        own = not code.co_filename.startswith(_LIBRARIES)
        for start, end, names in _handlers(code) if own else ():
            if start <= at < end and _catch(names, raised):
                raise Untraceable(
                    f"{name} in a `try` of {code.co_name}: for some numbers it raises an error "
                    "that is caught, and a formula cannot know which; call it outside of `try`, "
                    "or write what the numbers decide with np.where"
                )
        frame = frame.f_back
