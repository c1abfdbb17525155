"""Entries of tables, looked up by the names that people type."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

__all__ = ["check_name", "nearest"]

_Entry = TypeVar("_Entry")


def nearest(kind: str, name: str, table: Mapping[str, _Entry]) -> _Entry:
    """Return the entry of a table, or say which name was probably meant.

    Examples
    --------
    >>> nearest("fruit", "apple", {"apple": 1})
    1
    """
    if isinstance(name, str) and name in table:
        return table[name]
    close = difflib.get_close_matches(str(name), table, 1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    raise ValueError(f"no {kind} is called {name!r}{hint} There are: {', '.join(table)}")


def check_name(kind: str, name: Any, reserved: Sequence[str] = ()) -> None:
    """Refuse a name that no table could hold, or that stands for something else.

    Examples
    --------
    >>> check_name("a fruit", "apple")
    >>> check_name("a fruit", "")
    Traceback (most recent call last):
    ValueError: a fruit called '' arrived; expected printable text
    """
    if isinstance(name, str) and name.strip() and name.isprintable() and name not in reserved:
        return
    others = (
        f" other than {', '.join(reserved)}, which stand for something else" if reserved else ""
    )
    raise ValueError(f"{kind} called {name!r} arrived; expected printable text{others}")
