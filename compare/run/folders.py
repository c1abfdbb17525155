"""The folder of a run: one of its own, unless it goes on with another or replaces it."""

import contextlib
import itertools
import os
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

from compare.results.reading import ResultsError, read_results
from compare.results.resume import read_json

__all__ = [
    "LATEST",
    "RUNS",
    "free_name",
    "latest_run",
    "make_latest",
    "new_folder",
    "refuse_other_run",
]

#: Where runs go unless a folder is named, and what points at the latest.
RUNS, LATEST = Path("reports/runs"), Path("reports/latest")
#: Files that a run has from its first moment on.
_OF_A_RUN = ("results.csv", "run.json")


def free_name(name: str, taken: Callable[[str], bool], day: date | None = None) -> str:
    """Return the name of a folder for a run of today that is not taken.

    Examples
    --------
    >>> free_name("mlp width", {"2026-01-31-mlp-width"}.__contains__, date(2026, 1, 31))
    '2026-01-31-mlp-width-2'
    """
    plain = re.sub(r"[^\w.]+", "-", name).strip("-.")[:40]
    stem = f"{day or date.today()}-{plain or 'run'}"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(each for each in names if not taken(each))


def new_folder(name: str) -> Path:
    """Return a new folder for a run."""
    try:
        RUNS.mkdir(parents=True, exist_ok=True)
        while True:
            folder = RUNS / free_name(name, lambda each: (RUNS / each).exists())
            try:
                folder.mkdir()
            except FileExistsError:
                continue  # another run was quicker
            return folder
    except OSError as error:
        raise ResultsError(
            f"{RUNS} cannot hold the folder of the run: {error.strerror or error}. Choose another "
            "folder with --out."
        ) from None


def make_latest(folder: Path) -> None:
    """Let `LATEST` point at a run; where systems have no links, it is a file that names it."""
    if LATEST.is_dir() and not LATEST.is_symlink():
        # A run of before, when each was written there: it is kept under a name of its own.
        earlier = new_folder("earlier")
        earlier.rmdir()
        LATEST.rename(earlier)
    link = LATEST.with_name(f".{LATEST.name}-{os.getpid()}")
    target = os.path.relpath(folder, LATEST.parent)
    try:
        link.symlink_to(target, target_is_directory=True)
    except OSError:
        link.write_text(f"{target}\n", encoding="utf-8")
    link.replace(LATEST)


def latest_run() -> Path:
    """Return the folder of the latest run."""
    if LATEST.is_file():
        return LATEST.parent / LATEST.read_text(encoding="utf-8").strip()
    return Path(os.path.relpath(LATEST.resolve())) if LATEST.exists() else LATEST


def refuse_other_run(folder: Path) -> None:
    """Refuse to write a new run into a folder that holds one."""
    if not any((folder / name).exists() for name in _OF_A_RUN):
        return
    created, cells = "", ""
    with contextlib.suppress(ResultsError, KeyError):
        created = f" of {read_json(folder / 'run.json')['created']}"
    with contextlib.suppress(ResultsError):
        cells = f" with {len(read_results(folder / 'results.csv'))} cells"
    raise ResultsError(
        f"{folder} holds a run{created}{cells}. Go on with it by --resume, replace it by "
        "--overwrite, or choose another folder with --out."
    )
