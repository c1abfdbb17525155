"""One run in a folder at a time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from compare.results.reading import ResultsError

__all__ = ["locked"]

_NAME = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder, until this one ends, however it ends.

    Notes
    -----
    The lock is the operating system's: it ends with the process, also after ``kill -9``.
    """
    lock = filelock.FileLock(folder / _NAME, blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise ResultsError(
            f"{folder} is in use by another run{_whose(folder)}. Wait for its end, or choose "
            "another folder with --out."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _whose(folder: Path) -> str:
    """Return the process that has a folder, as far as run.json tells."""
    try:
        metadata = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return f" (process {int(metadata['process'])}, started {metadata['created']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
