"""Entries of tables, looked up by the names that people type."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

__all__ = ["nearest"]

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
