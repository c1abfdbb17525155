"""A run as it was left in its folder: its cells, and their samples."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from compare.results.reading import read_results
from compare.results.samples import read_samples

__all__ = ["CellKey", "Row", "Run", "cells_of", "read_run", "seconds_by_cell"]

Row = dict[str, Any]
#: Problem, size, engine and mode: what makes a cell of one run that of another.
CellKey = tuple[str, int, str, str]


@dataclass(frozen=True)
class Run:
    """The tables of a run that are compared with those of another."""

    #: The folder or file.
    path: Path
    #: Columns as in `RESULT_COLUMNS`; the last row of each cell counts.
    results: pd.DataFrame
    #: Columns as in `SAMPLE_COLUMNS`, those that count.
    samples: pd.DataFrame | None = None


def read_run(path: str | os.PathLike[str]) -> Run:
    """Return a run from its folder, or from its results.csv."""
    path = Path(path)
    file = path / "results.csv" if path.is_dir() else path
    results = read_results(file)
    results["mode"] = results["mode"].replace("", "warm")
    results = results.drop_duplicates(["problem", "size", "engine", "mode"], keep="last")
    return Run(path, results, _samples(file.parent))


def _samples(folder: Path) -> pd.DataFrame | None:
    """Return the samples that count, None where there are none."""
    if not (folder / "samples.parquet").exists() and not (folder / "samples").is_dir():
        return None
    samples = read_samples(folder)
    return samples[samples["counts"] == 1]


def cells_of(results: pd.DataFrame) -> dict[CellKey, Row]:
    """Return the rows of a run by their cells."""
    keys = results[["problem", "size", "engine", "mode"]].itertuples(index=False, name=None)
    rows: list[Any] = results.to_dict("records")
    return dict(zip(keys, rows, strict=True))


def seconds_by_cell(samples: pd.DataFrame | None) -> dict[CellKey, pd.Series]:
    """Return the seconds of each cell, of primal and calibration too, by round and process."""
    if samples is None:
        return {}
    # A run that was resumed counts its rounds from 0 again.
    rounds = ["run", "round", "process"]
    samples = samples.assign(process=samples["process"].fillna(0))
    groups = samples.sort_values(rounds, kind="stable").groupby(
        ["problem", "size", "engine", "mode"], sort=False
    )
    return {key: group.set_index(rounds)["seconds"] for key, group in groups}  # type: ignore[misc]
