"""The page: libraries × families with counts, each cell opening its cases."""

from datetime import date
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from compare.conformance.judge import VERDICTS
from compare.conformance.suite import FAMILIES

__all__ = ["write_page"]

#: Verdicts that a cell is coloured by, worst first.
_WORST = (
    "wrong",
    "crashed",
    "timeout",
    "warned",
    "nan",
    "refused",
    "inexact",
    "convention",
    "right",
)


def write_page(frame: pd.DataFrame, path: Path) -> Path:
    """Write the page of a run of the suite: one file, without a network."""
    environment = Environment(
        loader=PackageLoader("compare", "conformance"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    families = [family for family in FAMILIES if (frame["family"] == family).any()]
    libraries = [
        {
            "name": name,
            "version": rows["version"].iloc[0],
            "cells": [_cell(rows[rows["family"] == family]) for family in families],
            "all": _cell(rows),
        }
        for name, rows in frame.groupby("library", sort=False)
    ]
    first = frame["library"].iloc[0] if len(frame) else ""
    text = environment.get_template("page.html.jinja").render(
        families=[{"name": family, "meaning": FAMILIES[family]} for family in families],
        libraries=libraries,
        verdicts=VERDICTS,
        day=date.today().isoformat(),
        cases=int((frame["library"] == first).sum()),
    )
    path.write_text(text, encoding="utf-8")
    return path


def _cell(rows: pd.DataFrame) -> dict[str, object]:
    """Return the content of a cell: counts, and the cases not plainly right, worst first."""
    counts = rows["verdict"].value_counts()
    here = [verdict for verdict in _WORST if counts.get(verdict, 0)]
    told = rows[~rows["verdict"].isin(["right"])]
    told = told.sort_values("verdict", key=lambda v: v.map(_WORST.index), kind="stable")
    return {
        "right": int(counts.get("right", 0) + counts.get("convention", 0)),
        "count": len(rows),
        "worst": here[0] if here else "none",
        "counts": {verdict: int(counts[verdict]) for verdict in reversed(here)},
        "cases": told.to_dict("records"),
    }
