"""Results read back: each file is checked against the schema; what is wrong is one sentence."""

import csv
import io
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from compare.process.ipc import valid_unicode
from compare.results.fields import read_field
from compare.results.schema import (
    RESULT_COLUMNS,
    RETIRED,
    SCHEMA_VERSION,
    Column,
)

__all__ = [
    "CUT_OFF_ADVICE",
    "ResultsError",
    "as_frame",
    "column_difference",
    "read_results",
    "read_table",
]

#: Columns that tables of earlier runs lack.
_ADDED = frozenset({"certified", "loss_formula", "machine_class"})
CUT_OFF_ADVICE = "Delete its last line to go on from the rows before it."
_DTYPES = {"int": "Int64", "float": "float64", "str": "str"}


class ResultsError(ValueError):
    """A file or folder of results that cannot be used, and why."""


def read_results(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the rows of a file of results, checked and typed.

    Parameters
    ----------
    path : path
        ``results.csv`` of a run, or the folder of the run.

    Returns
    -------
    pandas.DataFrame
        The columns of `RESULT_COLUMNS`: ``Int64`` with missing values, ``float64``
        with NaN, and text with ``""`` where the file is empty.

    Raises
    ------
    ResultsError
        If the file is missing, is not a file of results, was written by a newer version, is cut
        off in the middle of a row, or holds a value that is not of its column's type.

    Examples
    --------
    >>> read_results("nowhere/results.csv")
    Traceback (most recent call last):
        ...
    compare.results.reading.ResultsError: nowhere/results.csv does not exist.
    """
    path = Path(path)
    return read_table(path / "results.csv" if path.is_dir() else path, RESULT_COLUMNS)


def read_table(path: str | os.PathLike[str], columns: Sequence[Column]) -> pd.DataFrame:
    r"""Return the rows of a CSV that `write_table` made, checked and typed."""
    path = Path(path)
    text = _read_text(path)
    lines = _parse(path, text)
    _, header = next(lines, (1, []))
    there = _columns_there(path, header, text, columns)
    if not text.endswith("\n"):
        raise ResultsError(
            f"{path}, line {text.count(chr(10)) + 1}: the file is cut off in the middle of this "
            f"line. {CUT_OFF_ADVICE}"
        )
    rows = []
    for number, fields in lines:
        if len(fields) != len(there):
            raise ResultsError(
                f"{path}, line {number}: {len(fields)} fields, expected {len(there)}; the row "
                f"is cut off or damaged. {CUT_OFF_ADVICE}"
            )
        _refuse_newer(path, header, fields)
        try:
            rows.append(
                {
                    column.name: read_field(field, column)
                    for column, field in zip(there, fields, strict=True)
                    if column is not None
                }
            )
        except ValueError as error:
            raise ResultsError(f"{path}, line {number}: {error}") from None
    return as_frame(rows, columns)


def _columns_there(
    path: Path, header: Sequence[str], text: str, columns: Sequence[Column]
) -> list[Column | None]:
    """Return the column of each field of a file; None for one that an earlier version had."""
    names = [column.name for column in columns]
    if list(header) == names:
        return list(columns)
    earlier = [column for column in columns if column.name not in _ADDED]
    if list(header) == [column.name for column in earlier]:
        return list(earlier)
    _, first = next(itertools.islice(_parse(path, text), 1, None), (2, []))
    _refuse_newer(path, header, first)
    known = {column.name: column for column in columns}
    version = dict(zip(header, first, strict=False)).get("schema_version", "")
    # A file without rows does not tell its version.
    for retired in RETIRED if columns is RESULT_COLUMNS else ():
        if version == str(retired) or (not first and "schema_version" in header):
            now = [RETIRED[retired].get(name, name) for name in header]
            if all(name is None or name in known for name in now) and len({*now}) == len(now):
                return [None if name is None else known[name] for name in now]
    difference = column_difference(header, names) or "has its columns in another order"
    raise ResultsError(f"{path} is not the file expected here: it {difference}.")


def as_frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """Return rows as a table with the types of its columns."""
    rows = list(rows)
    missing = {"int": pd.NA, "float": math.nan, "str": ""}
    return pd.DataFrame(
        {
            column.name: pd.Series(
                [_cell(row.get(column.name), missing[column.dtype]) for row in rows],
                dtype=_DTYPES[column.dtype],
            )
            for column in columns
        }
    )


def _cell(value: Any, missing: Any) -> Any:
    if value is None:
        return missing
    return valid_unicode(value) if isinstance(value, str) else value


def _read_text(path: Path) -> str:
    """Return the text of a file; a missing or foreign one is a `ResultsError`."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ResultsError(f"{path} does not exist.") from None
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror or error}.") from None
    if not content:
        raise ResultsError(f"{path} is empty, expected a CSV with a header.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ResultsError(f"{path} is not a CSV in UTF-8.") from None


def _parse(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each line and its fields."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for fields in reader:
            yield reader.line_num, fields
    except csv.Error as error:
        raise ResultsError(f"{path}, line {reader.line_num}: {error}. {CUT_OFF_ADVICE}") from None


def _refuse_newer(path: Path, header: Sequence[str], fields: Sequence[str]) -> None:
    """Refuse a row whose version of the schema is not known here."""
    versions = dict(zip(header, fields, strict=False))
    version = versions.get("schema_version", "")
    if version.isdecimal() and int(version) > SCHEMA_VERSION:
        raise ResultsError(
            f"{path} has schema version {version}, this gradscale reads versions up to "
            f"{SCHEMA_VERSION}. Install the gradscale that wrote it, or a newer one."
        )


def column_difference(arrived: Sequence[str], expected: Sequence[str]) -> str:
    """Return the columns that are missing, unexpected or there twice, in words."""
    missing = [name for name in expected if name not in arrived]
    unexpected = [str(name) for name in arrived if name not in expected]
    repeated = sorted({str(name) for name in arrived if list(arrived).count(name) > 1})
    found = {
        "lacks the columns": missing,
        "has the unexpected columns": unexpected,
        "repeats the columns": repeated,
    }
    return " and ".join(f"{words} {', '.join(names)}" for words, names in found.items() if names)
