"""The raw samples of a run: ``samples.parquet``, and the parts that it is put together from.

While a run is under way each cell's samples are a file of their own in ``samples/``, which is there
before the cell's row is: a run that is killed loses none of a row that it has written. At its end
the parts become one file.
"""

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from compare.results.reading import ResultsError, as_frame
from compare.results.schema import SAMPLE_COLUMNS, Cell
from compare.results.store import write_parquet

__all__ = ["SampleStore", "read_samples"]

_FILE, _PARTS = "samples.parquet", "samples"
_NAMES = [column.name for column in SAMPLE_COLUMNS]


def read_samples(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the raw samples of a run.

    Parameters
    ----------
    path : path
        A folder that ``gradscale run`` has written, also while it does or after it was killed, or
        its ``samples.parquet``.

    Returns
    -------
    pandas.DataFrame
        The columns of `SAMPLE_COLUMNS`: ``Int64``, ``float64`` and text.

    Raises
    ------
    ResultsError
        If there are none, or a file holds something else.

    Examples
    --------
    >>> read_samples("nowhere")
    Traceback (most recent call last):
        ...
    compare.results.reading.ResultsError: nowhere holds no samples: there is no samples.parquet.
    """
    path = Path(path)
    files = [path] if path.is_file() else [f for f in (path / _FILE,) if f.is_file()]
    if path.is_dir():
        # Parts are newer than the file: they are there while a run is unfinished.
        files = sorted((path / _PARTS).glob("*.parquet")) or files
    if not files:
        raise ResultsError(f"{path} holds no samples: there is no {_FILE}.")
    return _concatenated(files)


class SampleStore:
    """The samples in the folder of a run that is under way.

    Parameters
    ----------
    folder : Path
        The folder of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._file, self._parts = folder / _FILE, folder / _PARTS

    def clear(self) -> None:
        """Remove the samples of an earlier run."""
        self._file.unlink(missing_ok=True)
        shutil.rmtree(self._parts, ignore_errors=True)

    def keep(self, cells: Collection[Cell]) -> int:
        """Keep the samples of some cells of an earlier run only; return which run comes next."""
        if self._file.is_file() and not self._parts.is_dir():
            self._put("previous", _concatenated([self._file]))
        latest = -1
        places = {(problem, size) for problem, size, _ in cells}
        for part in sorted(self._parts.glob("*.parquet")):
            frame = _concatenated([part])
            kept = frame[
                [
                    (problem, int(size), engine) in cells
                    or (engine in ("primal", "control") and (problem, int(size)) in places)
                    for problem, size, engine in zip(
                        frame["problem"], frame["size"], frame["engine"], strict=True
                    )
                ]
            ]
            if kept.empty:
                part.unlink()
                continue
            latest = max(latest, int(kept["run"].max()))
            if len(kept) < len(frame):
                self._put(part.stem, kept)
        return latest + 1

    def add(self, cell: Cell, samples: Iterable[Mapping[str, Any]], run: int) -> None:
        """Write the samples of a cell, whole or not at all."""
        rows = [{**sample, "run": run} for sample in samples]
        if rows:
            name = hashlib.sha256(repr((*cell, run)).encode()).hexdigest()[:16]
            self._put(name, as_frame(rows, SAMPLE_COLUMNS))

    def finish(self, *, complete: bool) -> None:
        """Put the parts together into ``samples.parquet``."""
        parts = sorted(self._parts.glob("*.parquet"))
        if parts:
            write_parquet(self._file, _concatenated(parts))
        if complete:
            shutil.rmtree(self._parts, ignore_errors=True)

    def _put(self, name: str, frame: pd.DataFrame) -> None:
        self._parts.mkdir(exist_ok=True)
        write_parquet(self._parts / f"{name}.parquet", frame)


def _concatenated(files: Iterable[Path]) -> pd.DataFrame:
    """Return the rows of some files of samples, one after the other."""
    return pd.concat([_read(file) for file in files], ignore_index=True)


def _read(path: Path) -> pd.DataFrame:
    """Return a file of samples, checked."""
    try:
        # By the open file: its name need not be Unicode.
        with path.open("rb") as file:
            frame = pd.read_parquet(file)
    except Exception as error:  # whatever a damaged file may raise: it is named
        text = " ".join(str(error).split())
        raise ResultsError(f"{path} is damaged, or is no file of samples: {text}.") from None
    if "process" not in frame and "round" in frame:
        frame["process"] = 0  # before version 4 each cell was measured in one
    if sorted(frame.columns) != sorted(_NAMES):
        raise ResultsError(
            f"{path} is not a file of samples: its columns are {', '.join(map(str, frame))}; "
            f"expected {', '.join(_NAMES)}."
        )
    rows: Callable[..., Any] = frame[_NAMES].to_dict
    try:
        samples = as_frame(rows("records"), SAMPLE_COLUMNS)
        for column in SAMPLE_COLUMNS:
            if column.is_amount and not samples[column.name].between(0, math.inf, "left").all():
                raise ValueError(f"a number in column {column.name} is negative or not finite")
    except (TypeError, ValueError, OverflowError) as error:
        raise ResultsError(f"{path} is damaged: {error}.") from None
    return samples
