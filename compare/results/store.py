"""Results on disk: CSV files that survive a kill, a full disk and a spreadsheet.

A row is written by one call of the operating system, so that a killed sweep leaves whole rows.
Every file is checked against the schema when it is read, and what is wrong is said in one sentence.
"""

import csv
import errno
import io
import itertools
import math
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from compare.results.schema import RESULT_COLUMNS, RETIRED, SCHEMA_VERSION, Column

__all__ = [
    "ResultsError",
    "append_row",
    "as_frame",
    "create_results",
    "cut_to_whole_rows",
    "prepare_folder",
    "read_results",
    "read_table",
    "remove_parts",
    "replace_file",
    "write_parquet",
    "write_table",
]

#: A spreadsheet runs a cell that starts with one of these as a formula (OWASP, "CSV Injection"),
#: some also if it starts with their full-width forms.
#: The apostrophe, which switches that off, is in the list so that escaping can be undone.
_ESCAPED = "=+-@'＝＋－＠"
#: Spreadsheets cut a cell at this many characters, and the csv module refuses four times as many.
_LONGEST_TEXT = 32_767
#: How the name of a file ends that is being written.
_PART = ".part"
_INT64 = np.iinfo(np.int64)
_CUT_OFF_ADVICE = "Delete its last line to go on from the rows before it."
_DTYPES = {"int": "Int64", "float": "float64", "str": "str"}


class ResultsError(ValueError):
    """A file or folder of results that cannot be used, and why."""


def create_results(path: str | os.PathLike[str]) -> Path:
    """Create a file of results that holds the header only, and return its path.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = create_results(Path(folder) / "results.csv")
    ...     len(read_results(path))
    0
    """
    path = Path(path)
    if path.exists():
        raise ResultsError(
            f"{path} exists already. Read it to go on from it, or choose another folder."
        )
    replace_file(path, _encode([[column.name for column in RESULT_COLUMNS]]))
    return path


def append_row(path: str | os.PathLike[str], row: Mapping[str, Any]) -> None:
    """Append one row to a file of results, whole or not at all, and wait until it is on the disk.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = create_results(Path(folder) / "results.csv")
    ...     append_row(path, {"problem": "circuit", "size": 1, "run_s": 2.5e-7})
    ...     read_results(path)["run_s"].tolist()
    [2.5e-07]
    """
    path = Path(path)
    line = _encode([_row_texts({"schema_version": SCHEMA_VERSION, **row}, RESULT_COLUMNS)])
    flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
    try:
        file = os.open(path, flags)
    except FileNotFoundError:
        raise ResultsError(f"{path} does not exist. Create it with create_results.") from None
    try:
        size = os.fstat(file).st_size
        if size:
            os.lseek(file, size - 1, os.SEEK_SET)
        if not size or os.read(file, 1) != b"\n":
            raise ResultsError(f"{path} does not end with a whole row. {_CUT_OFF_ADVICE}")
        _write_whole(file, line, size, path)
        os.fsync(file)
    finally:
        os.close(file)


def read_results(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the rows of a file of results, checked and typed.

    Parameters
    ----------
    path : path
        A file that `create_results` and `append_row` made.

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
    compare.results.store.ResultsError: nowhere/results.csv does not exist.
    """
    return read_table(path, RESULT_COLUMNS)


def write_table(
    path: str | os.PathLike[str], frame: pd.DataFrame, columns: Sequence[Column]
) -> None:
    """Write a table as CSV, replacing the file in one step.

    Examples
    --------
    >>> columns = (Column("step", "int", "1", "number of the step"),)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "steps.csv"
    ...     write_table(path, pd.DataFrame({"step": [0, 1]}), columns)
    ...     read_table(path, columns)["step"].tolist()
    [0, 1]
    """
    names = [column.name for column in columns]
    difference = _difference(list(frame.columns), names)
    if difference:
        raise ValueError(f"{Path(path).name}: the table {difference}.")
    rows = zip(*(frame[name] for name in names), strict=True)
    texts = [_row_texts(dict(zip(names, row, strict=True)), columns) for row in rows]
    replace_file(Path(path), _encode([names, *texts]))


def read_table(path: str | os.PathLike[str], columns: Sequence[Column]) -> pd.DataFrame:
    r"""Return the rows of a CSV that `write_table` made, checked and typed.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "steps.csv"
    ...     _ = path.write_text("step\nseven\n")
    ...     try:
    ...         read_table(path, (Column("step", "int", "1", "number of the step"),))
    ...     except ResultsError as error:
    ...         print(str(error).replace(str(path), "steps.csv"))
    steps.csv, line 2: 'seven' in column step is not a whole number.
    """
    path = Path(path)
    text = _read_text(path)
    lines = _parse(path, text)
    _, header = next(lines, (1, []))
    there = _columns_there(path, header, text, columns)
    if not text.endswith("\n"):
        raise ResultsError(
            f"{path}, line {text.count(chr(10)) + 1}: the file is cut off in the middle of this "
            f"line. {_CUT_OFF_ADVICE}"
        )
    rows = []
    for number, fields in lines:
        if len(fields) != len(there):
            raise ResultsError(
                f"{path}, line {number}: {len(fields)} fields, expected {len(there)}; the row "
                f"is cut off or damaged. {_CUT_OFF_ADVICE}"
            )
        _refuse_newer(path, header, fields)
        rows.append(
            {
                column.name: _value(field, column, path, number)
                for column, field in zip(there, fields, strict=True)
                if column is not None
            }
        )
    return as_frame(rows, columns)


def _columns_there(
    path: Path, header: Sequence[str], text: str, columns: Sequence[Column]
) -> list[Column | None]:
    """Return the column of each field of a file; None for one that an earlier version had."""
    names = [column.name for column in columns]
    if list(header) == names:
        return list(columns)
    _, first = next(itertools.islice(_parse(path, text), 1, None), (2, []))
    _refuse_newer(path, header, first)
    known = {column.name: column for column in columns}
    version = dict(zip(header, first, strict=False)).get("schema_version", "")
    if columns is RESULT_COLUMNS and version.isdecimal() and int(version) in RETIRED:
        now = [RETIRED[int(version)].get(name, name) for name in header]
        if all(name is None or name in known for name in now):
            return [None if name is None else known[name] for name in now]
    difference = _difference(header, names) or "has its columns in another order"
    raise ResultsError(f"{path} is not the file expected here: it {difference}.")


def as_frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """Return rows as a table with the types of its columns.

    Examples
    --------
    >>> columns = (Column("size", "int", "", "size"), Column("label", "str", "", "in words"))
    >>> as_frame([{"size": 2, "label": "2-2-1"}, {}], columns)["size"].tolist()
    [2, <NA>]
    """
    rows = list(rows)
    missing = {"int": pd.NA, "float": math.nan, "str": ""}
    return pd.DataFrame(
        {
            column.name: pd.Series(
                [
                    missing[column.dtype] if row.get(column.name) is None else row[column.name]
                    for row in rows
                ],
                dtype=_DTYPES[column.dtype],
            )
            for column in columns
        }
    )


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as Parquet, replacing the file in one step."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    replace_file(path, buffer.getvalue())


def prepare_folder(path: str | os.PathLike[str]) -> Path:
    """Create a folder for results if it is missing, make sure it can be written to, and return it.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     prepare_folder(Path(folder) / "reports" / "today").is_dir()
    True
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (FileExistsError, NotADirectoryError):
        in_the_way = next(p for p in (path, *path.parents) if p.exists() and not p.is_dir())
        raise ResultsError(
            f"{path} cannot be the output folder: {in_the_way} is a file. Choose another folder."
        ) from None
    except OSError as error:
        raise ResultsError(
            f"{path} cannot be the output folder: {error.strerror or error}. Choose another folder."
        ) from None
    return path


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
        raise ResultsError(f"{path}, line {reader.line_num}: {error}. {_CUT_OFF_ADVICE}") from None


def _refuse_newer(path: Path, header: Sequence[str], fields: Sequence[str]) -> None:
    """Refuse a row whose version of the schema is not known here."""
    versions = dict(zip(header, fields, strict=False))
    version = versions.get("schema_version", "")
    if version.isdecimal() and int(version) > SCHEMA_VERSION:
        raise ResultsError(
            f"{path} has schema version {version}, this gradscale reads versions up to "
            f"{SCHEMA_VERSION}. Install the gradscale that wrote it, or a newer one."
        )


def _difference(arrived: Sequence[str], expected: Sequence[str]) -> str:
    """Return in words which columns are missing, unexpected or there twice."""
    missing = [name for name in expected if name not in arrived]
    unexpected = [str(name) for name in arrived if name not in expected]
    repeated = sorted({str(name) for name in arrived if list(arrived).count(name) > 1})
    found = {
        "lacks the columns": missing,
        "has the unexpected columns": unexpected,
        "repeats the columns": repeated,
    }
    return " and ".join(f"{words} {', '.join(names)}" for words, names in found.items() if names)


def _value(field: str, column: Column, path: Path, number: int) -> Any:
    """Return the value of a field; None where it is empty."""
    if column.dtype == "str":
        return _unescape(field)
    if not field:
        return None
    parse, words = _PARSERS[column.dtype]
    try:
        return parse(field)
    except ValueError:
        shown = field if len(field) <= 40 else field[:40] + "..."
        raise ResultsError(
            f"{path}, line {number}: {shown!r} in column {column.name} is not {words}."
        ) from None


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


def _row_texts(row: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
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
    return text.lstrip()[:1] in _ESCAPED if text.strip() else False


def _encode(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows of texts as the bytes of a CSV."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    # A message may quote the name of a file that is not Unicode.
    return buffer.getvalue().encode("utf-8", errors="backslashreplace")


def _write_whole(file: int, line: bytes, size: int, path: Path) -> None:
    """Append a line in one write; after a short or failed one, cut the file back to its size."""
    try:
        written = os.write(file, line)
        if written == len(line):
            return
        number, reason = errno.ENOSPC, f"only {written} of {len(line)} bytes fitted"
    except OSError as error:
        number, reason = error.errno or errno.EIO, error.strerror or str(error)
    os.ftruncate(file, size)
    raise OSError(
        number,
        f"the row was not written ({reason}) and the file is as before. Free some space",
        path,
    )


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside its place, and move it there in one step."""
    if not path.parent.is_dir():
        raise ResultsError(f"{path.parent} is no folder. Create it with prepare_folder.")
    part = path.with_name(f".{path.name}.{os.getpid()}{_PART}")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise _not_written(error, path) from None
    finally:
        part.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what a killed process has left half-written."""
    for part in folder.rglob(f".*{_PART}"):
        part.unlink(missing_ok=True)


def _not_written(error: OSError, path: Path) -> OSError:
    """Return an error that names the file and says that nothing is lost."""
    reason = error.strerror or str(error)
    advice = " Free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return OSError(
        error.errno or errno.EIO,
        f"not written ({reason}); what was there before is as it was.{advice}",
        str(path),
    )


def cut_to_whole_rows(path: Path) -> int:
    r"""Cut off what stands behind the last whole row of a file, as a power cut leaves it.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "steps.csv"
    ...     _ = path.write_bytes(b"step\n0\n1")
    ...     cut_to_whole_rows(path), path.read_bytes()
    (1, b'step\n0\n')
    """
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    return len(content) - whole
