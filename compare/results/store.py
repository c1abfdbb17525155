"""Results on disk: files that survive a kill and a full disk.

A row is written by one call of the operating system, so that a killed sweep leaves whole rows.
"""

import csv
import errno
import io
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from compare.results.fields import write_fields
from compare.results.reading import CUT_OFF_ADVICE, ResultsError, column_difference
from compare.results.schema import RESULT_COLUMNS, SCHEMA_VERSION, Column

__all__ = [
    "append_row",
    "as_utf8",
    "create_results",
    "cut_to_whole_rows",
    "prepare_folder",
    "remove_parts",
    "replace_file",
    "write_parquet",
    "write_table",
]

#: How the name of a file ends that is being written.
_PART = ".part"


def create_results(path: str | os.PathLike[str]) -> Path:
    """Create a file of results that holds the header only, and return its path."""
    path = Path(path)
    if path.exists():
        raise ResultsError(
            f"{path} exists already. Read it to go on from it, or choose another folder."
        )
    replace_file(path, _encode([[column.name for column in RESULT_COLUMNS]]))
    return path


def append_row(path: str | os.PathLike[str], row: Mapping[str, Any]) -> None:
    """Append one row to a file of results, whole or not at all, and wait until it is on disk."""
    path = Path(path)
    line = _encode([write_fields({"schema_version": SCHEMA_VERSION, **row}, RESULT_COLUMNS)])
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
            raise ResultsError(f"{path} does not end with a whole row. {CUT_OFF_ADVICE}")
        _write_whole(file, line, size, path)
        os.fsync(file)
    finally:
        os.close(file)


def write_table(
    path: str | os.PathLike[str], frame: pd.DataFrame, columns: Sequence[Column]
) -> None:
    """Write a table as CSV, replacing the file in one step."""
    names = [column.name for column in columns]
    difference = column_difference(list(frame.columns), names)
    if difference:
        raise ValueError(f"{Path(path).name}: the table {difference}.")
    rows = zip(*(frame[name] for name in names), strict=True)
    texts = [write_fields(dict(zip(names, row, strict=True)), columns) for row in rows]
    replace_file(Path(path), _encode([names, *texts]))


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as Parquet, replacing the file in one step."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    replace_file(path, buffer.getvalue())


def prepare_folder(path: str | os.PathLike[str]) -> Path:
    """Return a folder for results that can be written to; it is created if it is missing."""
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


def _encode(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows of texts as the bytes of a CSV."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return as_utf8(buffer.getvalue())


def as_utf8(text: str) -> bytes:
    """Return the bytes of a text, which may quote the name of a file that is not Unicode."""
    return text.encode("utf-8", errors="backslashreplace")


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
    """Write a file next to its place, and move it there in one step."""
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
    """Remove files that a killed process has left half-written."""
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
    r"""Cut off the bytes behind the last whole row of a file, as a power cut leaves them."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    return len(content) - whole
