"""Frames as the report needs them: every column present, every cell with its place on the axis."""

from typing import Any

import pandas as pd

from compare.report.palette import mark_styles
from compare.results.schema import Column

__all__ = [
    "SIZE_WORDS",
    "complete",
    "engines",
    "failed",
    "families",
    "growing",
    "networks",
    "ok",
    "size_word",
]

#: Families whose number of parameters stays the same, with the word for what grows instead.
SIZE_WORDS = {"logistic map": "iterations"}

#: Families of networks that grow with their parameters; others are functions, somebody's own too.
_NETWORKS = ("mlp width", "mlp depth", "mlp width and depth")

#: Statuses of a cell that a budget ended.
STOPPED = ("timeout", "memory")


def complete(frame: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Return a frame with exactly these columns, numbers as float64 and text as str."""
    source = frame.reset_index(drop=True)
    made: dict[str, pd.Series[Any]] = {}
    for column in columns:
        if column.name in source:
            values = source[column.name]
        else:
            values = pd.Series(None, index=source.index, dtype="object")
        if column.dtype == "str":
            made[column.name] = pd.Series(
                ["" if pd.isna(value) else str(value) for value in values],
                index=source.index,
                dtype="object",
            )
        else:
            made[column.name] = pd.to_numeric(values, errors="coerce").astype("float64")
    return pd.DataFrame(made, index=source.index)


def growing(results: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of growing families, with ``n`` and ``against``."""
    cells = results[~results["family"].isin(["notes", ""])].copy()
    sized = {
        str(family)
        for family, rows in cells.groupby("family")
        if family in SIZE_WORDS or (rows["parameters"].nunique() < 2 <= rows["size"].nunique())
    }
    by_size = cells["family"].isin(sized)
    cells["n"] = cells["parameters"].where(~by_size, cells["size"]).astype("float64")
    cells["against"] = by_size.map({True: "size", False: "parameters"}).astype("object")
    return cells


def size_word(cells: pd.DataFrame) -> str:
    """Return the word for what grows in the growing cells of one family."""
    if (cells["against"] == "parameters").any():
        return "parameters"
    return SIZE_WORDS.get(str(cells["family"].iloc[0]), "size")


def networks(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the growing cells of networks: their number of parameters grows."""
    return cells[(cells["against"] == "parameters") & cells["family"].isin(_NETWORKS)]


def ok(cells: pd.DataFrame, engine: str | None = None) -> pd.DataFrame:
    """Return the cells that ended as ok, of one engine or of all."""
    good = cells[cells["status"] == "ok"]
    return good if engine is None else good[good["engine"] == engine]


def failed(results: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that did not end as ok."""
    return results[results["status"] != "ok"]


def engines(frame: pd.DataFrame) -> list[str]:
    """Return the engines of a frame in the order of every table."""
    return list(mark_styles(frame["engine"]))


def families(cells: pd.DataFrame) -> list[str]:
    """Return the families of a frame in their order of appearance: networks, functions, sizes.

    Examples
    --------
    >>> families(pd.DataFrame({"family": ["map", "mlp"], "against": ["size", "parameters"]}))
    ['mlp', 'map']
    """
    found = [str(name) for name in cells["family"].unique()]
    sized = set(cells.loc[cells["against"] == "size", "family"])
    return sorted(found, key=lambda name: (name in sized, name not in _NETWORKS))
