"""How far each engine came, and how its cost grows: the rows of ``summary.csv``."""

import math
from typing import Any

import numpy as np
import pandas as pd

from compare.laws import (
    ExponentialLaw,
    Flags,
    Floats,
    PowerLaw,
    choose_law,
    fit_exponential,
    fit_power,
)
from compare.schema import SCHEMA_VERSION, SUMMARY_COLUMNS
from compare.store import as_frame

__all__ = [
    "QUANTITIES",
    "ExponentialLaw",
    "PowerLaw",
    "choose_law",
    "fit_exponential",
    "fit_power",
    "summarise",
]

#: What is fitted, as named in `compare.schema.RESULT_COLUMNS`.
QUANTITIES = ("run_s", "build_s", "operations")


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """Return how far each engine came in each growing family, and how its costs grow.

    Parameters
    ----------
    results : pandas.DataFrame
        Rows of ``results.csv``, as `compare.store.read_results` returns them.

    Returns
    -------
    pandas.DataFrame
        The columns of `compare.schema.SUMMARY_COLUMNS`: one row for each family except ``notes``,
        engine and quantity (`QUANTITIES`).

    Notes
    -----
    What grows with what: the number of parameters where it grows in the family, else the size.

    Which cells are fitted: those that ended as ok, and timeouts. A timeout during ``build`` bounds
    ``build_s`` from below by the budget. A timeout during the first run keeps the measured
    ``build_s``, and bounds the first run by what was left of the budget. A first run may compile
    and load, so that the bound of ``run_s`` is that time, multiplied by the share that the warm
    run had in the first in the engine's largest cell that ended as ok. A timeout elsewhere and
    every other way to fail say nothing about the time; they only count for ``stopped_at``.

    Examples
    --------
    >>> results = pd.DataFrame(
    ...     {
    ...         "family": "mlp width",
    ...         "engine": "hand-written",
    ...         "status": "ok",
    ...         "parameters": [9, 81, 289, 1089, 4225],
    ...         "run_s": [9e-9, 81e-9, 289e-9, 1089e-9, 4225e-9],
    ...     }
    ... )
    >>> run = summarise(results).query("quantity == 'run_s'").iloc[0]
    >>> run["law"], round(float(run["exponent"]), 6), int(run["largest"])
    ('power', 1.0, 4225)
    """
    cells = _typed(results)
    cells = cells[cells["family"] != "notes"]
    rows = []
    for family, of_family in cells.groupby("family", sort=False):
        against = _grows_with(of_family)
        of_family = of_family.assign(n=of_family[against])
        for engine, of_engine in of_family.groupby("engine", sort=False):
            named = {
                "schema_version": SCHEMA_VERSION,
                "family": family,
                "engine": engine,
                "against": against,
                **_reach(of_engine),
            }
            rows += [named | _law(of_engine, quantity) for quantity in QUANTITIES]
    return as_frame(rows, SUMMARY_COLUMNS)


#: Stages at which the first gradient is under way.
_FIRST_RUN = ("first run", "run")
_TEXT = ("family", "problem", "engine", "status", "stage", "label")
_NUMBERS = (
    "parameters",
    "size",
    "run_s",
    "first_run_s",
    "build_s",
    "operations",
    "ratio",
    "budget_s",
)


def _typed(results: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are used here, missing ones filled, numbers as floats."""
    cells = results.reset_index(drop=True).reindex(columns=[*_TEXT, *_NUMBERS])
    texts = {name: cells[name].astype("object").fillna("").astype("str") for name in _TEXT}
    numbers = {
        name: pd.Series(
            pd.to_numeric(cells[name], errors="coerce")
            .astype("Float64")
            .to_numpy(dtype=np.float64, na_value=np.nan)
        )
        for name in _NUMBERS
    }
    typed = pd.DataFrame(texts | numbers)
    # A cell that ended before its inputs were drawn does not tell its number of parameters.
    same = typed.groupby(["problem", "family", "size"])["parameters"].transform("max")
    return typed.assign(parameters=typed["parameters"].fillna(same))


def _grows_with(cells: pd.DataFrame) -> str:
    """Return what the cells of a family grow with."""
    same = cells["parameters"].nunique() < 2
    return "size" if same and cells["size"].nunique() >= 2 else "parameters"


def _reach(cells: pd.DataFrame) -> dict[str, Any]:
    """Return the largest cell that ended as ok and the smallest one that failed."""
    ok = cells["status"] == "ok"
    done = cells[ok].dropna(subset="n").sort_values("n", kind="stable").to_dict("records")
    failed = cells[~ok].sort_values(["n", "size"], kind="stable").to_dict("records")
    found: dict[str, Any] = {}
    if done:
        largest = done[-1]
        found = {
            "largest": int(largest["n"]),
            "largest_label": largest["label"],
            "largest_run_s": largest["run_s"],
            "largest_ratio": largest["ratio"],
        }
    if failed:
        smallest = failed[0]
        place = None if math.isnan(smallest["n"]) else int(smallest["n"])
        found |= {"stopped_at": place, "stopped_by": smallest["status"]}
    return found


def _law(cells: pd.DataFrame, quantity: str) -> dict[str, Any]:
    """Return the law of a quantity as columns of the summary."""
    n, y, censored = _points(cells, quantity)
    power, exponential = fit_power(n, y, censored), fit_exponential(n, y, censored)
    law = choose_law(power, exponential)
    # One that has not doubled by the middle of the sizes shows in the last point or two only.
    if law == "exponential" and exponential and exponential.rate * np.median(n) < math.log(2):
        law = "power" if power else "none"
    found: dict[str, Any] = {
        "quantity": quantity,
        "points": len(y),
        "censored": int(np.count_nonzero(censored)),
        "law": law,
    }
    if power is not None and exponential is not None:
        found |= {
            "exponent": power.exponent,
            "exponent_low": power.exponent_low,
            "exponent_high": power.exponent_high,
            "rate": exponential.rate,
            "aic_power": power.aic,
            "aic_exponential": exponential.aic,
        }
    return found


def _points(cells: pd.DataFrame, quantity: str) -> tuple[Floats, Floats, Flags]:
    """Return the sizes, costs and bounds of a quantity that say something about it."""
    n, measured, budget_s, build_s = (
        cells[name].to_numpy(np.float64) for name in ("n", quantity, "budget_s", "build_s")
    )
    ok, timeout = (cells["status"].eq(status).to_numpy(np.bool_) for status in ("ok", "timeout"))
    stage = cells["stage"]
    nowhere = np.zeros_like(ok)
    left_s = budget_s - np.nan_to_num(build_s)
    # Which cells are bounds of the quantity, what the bounds are, and which cells are points.
    bounded, bound, measured_in = {
        "run_s": (
            timeout & stage.isin(_FIRST_RUN).to_numpy(np.bool_),
            left_s * _warm_share(cells),
            ok,
        ),
        "build_s": (timeout & stage.eq("build").to_numpy(np.bool_), budget_s, ok | timeout),
        "operations": (nowhere, budget_s, ok | timeout),
    }[quantity]
    y = np.where(bounded, bound, measured)
    usable = (bounded | measured_in) & (n > 0.0) & (y > 0.0) & np.isfinite(y)
    return n[usable], y[usable], bounded[usable]


def _warm_share(cells: pd.DataFrame) -> float:
    """Return the share of the warm run in the first, in the largest cell that has both."""
    both = cells[(cells["status"] == "ok") & cells["first_run_s"].gt(0.0) & cells["run_s"].gt(0.0)]
    times = both.dropna(subset="n").sort_values("n", kind="stable")[["run_s", "first_run_s"]]
    if times.empty:
        return 1.0
    run_s, first_run_s = times.to_numpy(np.float64)[-1]
    return min(1.0, float(run_s / first_run_s))
