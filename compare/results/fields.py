"""One field of a CSV: a value of its column's type as text, and back."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from compare.results.schema import Column

__all__ = ["read_field", "write_fields"]

#: A spreadsheet runs a cell that starts with one of these as a formula (OWASP, "CSV Injection"),
#: some also if it starts with their full-width forms.
#: The apostrophe, which switches that off, is in the list so that escaping can be undone.
_ESCAPED = "=+-@'＝＋－＠"
#: Signed numbers are what they are, also several with a semicolon between.
_NUMBERS = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?(; -?\d+(\.\d+)?(e[+-]?\d+)?)*", re.ASCII)
#: Spreadsheets cut a cell at this many characters, and the csv module refuses four times as many.
_LONGEST_TEXT = 32_767
_INT64 = np.iinfo(np.int64)


def read_field(field: str, column: Column) -> Any:
    """Return the value of a field; None where it is empty, a ValueError where it has none."""
    if column.required and not field.strip():
        raise ValueError(f"column {column.name} is empty; every row has one.")
    if "\0" in field:
        raise ValueError(f"column {column.name} holds a NUL, which no text has.")
    if column.dtype == "str":
        return _unescape(field)
    if not field:
        return None
    parse, words = _PARSERS[column.dtype]
    try:
        number = parse(field)
        if column.is_amount and not 0 <= number < math.inf:
            words = f"{words} that is finite and not negative"
            raise ValueError
    except ValueError:
        shown = field if len(field) <= 40 else field[:40] + "..."
        raise ValueError(f"{shown!r} in column {column.name} is not {words}.") from None
    return number


def _parse_int(field: str) -> int:
    """Return a whole number of 64 bits."""
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", field):
        raise ValueError
    return _int64(int(field))


def _parse_float(field: str) -> float:
    """Return a float; Python's own underscores between digits are refused."""
    if "_" in field:
        raise ValueError
    return float(field)


_PARSERS: dict[str, tuple[Any, str]] = {
    "int": (_parse_int, "a whole number"),
    "float": (_parse_float, "a number"),
}


def _int64(value: int) -> int:
    """Return a whole number, if 64 bits hold it."""
    if not _INT64.min <= value <= _INT64.max:
        raise ValueError
    return value


def write_fields(row: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
    """Return the text of every field of a row."""
    names = [column.name for column in columns]
    unknown = [str(name) for name in row if name not in names]
    if unknown:
        raise ValueError(
            f"the row has the unexpected columns {', '.join(unknown)}, "
            f"expected only {', '.join(names)}."
        )
    return [_text(row.get(column.name), column) for column in columns]


def _text(value: Any, column: Column) -> str:
    """Return the text of a field; empty where the value is missing."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    write, words = _WRITERS[column.dtype]
    try:
        if column.multiline:
            return "\n".join(map(write, str(value).splitlines()))
        return str(write(value))
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"column {column.name}: {value!r} ({type(value).__name__}) is not {words}."
        ) from None


def _write_int(value: Any) -> str:
    """Return the digits of a whole number."""
    if isinstance(value, bool | np.bool_):
        raise TypeError
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    if not isinstance(value, int | np.integer):
        raise TypeError
    return str(_int64(int(value)))


def _write_float(value: Any) -> str:
    """Return the shortest text that reads back as the same float."""
    if isinstance(value, bool | np.bool_) or not isinstance(
        value, int | float | np.integer | np.floating
    ):
        raise TypeError
    number = float(value)
    return "" if math.isnan(number) else repr(number)


def _write_text(value: Any) -> str:
    """Return a text on one line that no spreadsheet runs as a formula."""
    if not isinstance(value, str):
        raise TypeError
    line = " ".join(value.replace("\0", " ").splitlines())
    if len(line) > _LONGEST_TEXT:
        line = line[: _LONGEST_TEXT - 4] + "..."
    return "'" + line if _runs(line) else line


_WRITERS: dict[str, tuple[Any, str]] = {
    "int": (_write_int, "a whole number of 64 bits"),
    "float": (_write_float, "a number"),
    "str": (_write_text, "text"),
}


def _unescape(field: str) -> str:
    """Return the text that `_write_text` was given."""
    return field[1:] if field.startswith("'") and _runs(field[1:]) else field


def _runs(text: str) -> bool:
    """Return whether a spreadsheet could take a text for a formula, or for an escaped one."""
    return text.lstrip()[:1] in _ESCAPED if text.strip() and not _NUMBERS.fullmatch(text) else False
