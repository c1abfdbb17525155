"""The reach of each engine, and the budget that it had."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from compare.report import cells as frames
from compare.report.format import budget_text

__all__ = ["FORMULAS", "Reach", "budget", "reach"]

#: The strategies of formulas, from the one that names nothing to the one that names matrices.
FORMULAS = ("expanded", "shared", "adjoint", "matrix")


@dataclass(frozen=True)
class Reach:
    """The reach of an engine."""

    #: Parameters, or size, of the largest cell that ended as ok.
    n: float
    #: That cell; empty where there is none.
    best: dict[str, Any]
    #: Parameters, or size, of the smallest cell tried.
    smallest: float
    #: Status of the first cell beyond; empty where every cell was ok.
    stopped_by: str


def reach(cells: pd.DataFrame, engine: str) -> Reach | None:
    """Return the reach of an engine in growing cells, or None if it was not tried."""
    tried = cells[(cells["engine"] == engine) & (cells["n"] > 0)]
    if tried.empty:
        return None
    good, smallest = frames.ok(tried), float(tried["n"].min())
    if good.empty:
        return Reach(0, {}, smallest, str(tried.sort_values("n")["status"].iloc[0]))
    best = good.sort_values("n", kind="stable").iloc[-1]
    beyond = tried[(tried["family"] == best["family"]) & (tried["status"] != "ok")]
    beyond = beyond[beyond["n"] > best["n"]].sort_values("n")
    stopped_by = "" if beyond.empty else str(beyond["status"].iloc[0])
    cell = {str(name): value for name, value in best.items()}
    return Reach(float(best["n"]), cell, smallest, stopped_by)


def budget(results: pd.DataFrame, run: Mapping[str, Any]) -> str:
    """Return the budgets of a cell in words, from the run or else from the cells."""
    found = []
    for name in ("budget_s", "budget_bytes"):
        value = run.get(name)
        if not isinstance(value, int | float) or not value > 0:
            value = results[name].max()
        found.append(float(value))
    return budget_text(found[0], found[1])
