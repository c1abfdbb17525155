"""How far each engine came, how its costs grow, and where engines meet."""

import math
import zlib
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from compare.growth.crossovers import Measured, crossover
from compare.growth.draws import Draws, draw, predict
from compare.growth.laws import Law, choose_law, fit
from compare.growth.tobit import Flags, Floats
from compare.results.reading import as_frame
from compare.results.schema import CROSSOVER_COLUMNS, SCHEMA_VERSION, SUMMARY_COLUMNS

__all__ = ["QUANTITIES", "Growth", "crossovers_of", "growths_of", "summarise", "summary_of"]

#: What is fitted, as named in `RESULT_COLUMNS`.
QUANTITIES = ("run_s", "build_s", "compile_s", "peak_bytes", "operations")
#: Quantities in which engines are compared.
_COMPARED = ("run_s", "build_s")
#: An extrapolation goes to a round number of parameters that is this many times the largest
#: measured one, and at least to this many.
_FURTHER, _AT_LEAST = 10.0, 1e6


@dataclass(frozen=True)
class Growth:
    """The growth of one quantity of one engine in one family."""

    #: Which, on which class of machines; `against` says what its sizes count.
    family: str
    machine_class: str
    engine: str
    quantity: str
    against: str
    #: Sizes, costs, and which costs are lower bounds. Shape (points,).
    n: Floats
    y: Floats
    censored: Flags
    #: Laws that could be fitted, by kind.
    laws: dict[str, Law]
    #: The one that fits best, or ``"none"``.
    chosen: str
    #: What that law leaves open.
    draws: Draws | None
    #: Columns of the summary on how far the engine came.
    reach: dict[str, Any]


def growths_of(results: pd.DataFrame) -> list[Growth]:
    """Return the growth of every quantity of every engine in every family that grows.

    Notes
    -----
    A law is fitted to the cells of one class of machines. What grows with what: the number of
    parameters where it grows in the family, else the size.

    Which cells are fitted: those that ended as ok, and those that a budget ended. A timeout during
    ``build`` bounds ``build_s`` from below by the budget, one during ``compile`` bounds
    ``compile_s`` by what was left of it. A timeout during the first run keeps the measured
    ``build_s``, and bounds the first run by what was left of the budget. A first run may compile
    and load, so that the bound of ``run_s`` is that time, multiplied by the share that the warm
    run had in the first in the engine's largest cell that ended as ok. A cell that memory ended
    bounds ``peak_bytes`` by that budget. Every other way to fail says nothing about a cost; it only
    counts for ``stopped_at``.
    """
    cells = _typed(results)
    cells = cells[cells["family"] != "notes"]
    found = []
    for (family, kind), of_family in cells.groupby(["family", "machine_class"], sort=False):
        against = _grows_with(of_family)
        of_family = of_family.assign(n=of_family[against])
        for engine, of_engine in of_family.groupby("engine", sort=False):
            reach = _reach(of_engine)
            found += [
                _growth(str(family), str(kind), str(engine), quantity, against, of_engine, reach)
                for quantity in QUANTITIES
            ]
    return found


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """Return the reach of each engine in each growing family, and the laws of its costs.

    Parameters
    ----------
    results : pandas.DataFrame
        Rows of ``results.csv``, as `compare.results.reading.read_results` returns them.

    Returns
    -------
    pandas.DataFrame
        The columns of `SUMMARY_COLUMNS`: one row for each family except ``notes``,
        engine and quantity (`QUANTITIES`); `growths_of` says what was fitted.

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
    return summary_of(growths_of(results))


def summary_of(growths: list[Growth]) -> pd.DataFrame:
    """Return `summarise` of results whose growth is known."""
    return as_frame([_summary_row(growth) for growth in growths], SUMMARY_COLUMNS)


def crossovers_of(growths: list[Growth]) -> pd.DataFrame:
    """Return the sizes at which one engine overtakes another."""
    rows = []
    for first, second in combinations(growths, 2):
        same = ("family", "machine_class", "quantity")
        differs = any(getattr(first, name) != getattr(second, name) for name in same)
        if differs or first.quantity not in _COMPARED or not first.draws or not second.draws:
            continue
        met = crossover(_measured(first, first.draws), _measured(second, second.draws))
        if met is None:
            continue
        names = (first.engine, second.engine) if met.first_below else (second.engine, first.engine)
        rows.append(
            {
                "schema_version": SCHEMA_VERSION,
                "family": first.family,
                "machine_class": first.machine_class,
                "quantity": first.quantity,
                "against": first.against,
                "below": names[0],
                "above": names[1],
                "n": met.n,
                "n_low": met.low,
                "n_high": met.high,
                "extrapolated": int(met.extrapolated),
            }
        )
    return as_frame(rows, CROSSOVER_COLUMNS)


def _measured(growth: Growth, draws: Draws) -> Measured:
    """Return the measured costs of a growth, by size."""
    n, y = growth.n[~growth.censored], growth.y[~growth.censored]
    order = np.argsort(n, kind="stable")
    return Measured(n[order], y[order], draws)


#: Stages at which the first gradient is under way.
_FIRST_RUN = ("first run", "run")
_TEXT = ("family", "machine_class", "problem", "engine", "status", "stage", "label")
_NUMBERS = (
    "parameters",
    "size",
    "run_s",
    "first_run_s",
    "build_s",
    "compile_s",
    "peak_bytes",
    "operations",
    "ratio",
    "budget_s",
    "budget_bytes",
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
    """Return the column that grows in the cells of a family: parameters or size."""
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


def _growth(
    family: str,
    machine_class: str,
    engine: str,
    quantity: str,
    against: str,
    cells: pd.DataFrame,
    reach: dict[str, Any],
) -> Growth:
    """Return the growth of one quantity of one engine."""
    n, y, censored = _points(cells, quantity)
    fitted = {kind: fit(kind, n, y, censored) for kind in ("power", "power-log", "exponential")}
    chosen = choose_law(fitted["power"], fitted["exponential"], fitted["power-log"])
    laws = {kind: law for kind, law in fitted.items() if law is not None}
    # One that has not doubled by the middle of the sizes shows in the last point or two only.
    if chosen == "exponential" and laws[chosen].slope * np.median(n) < math.log(2):
        chosen = choose_law(fitted["power"], fitted["power"], fitted["power-log"])
    # Each law is drawn with noise of its own: with the same for two engines, their errors would
    # cancel where their laws meet, and the interval of that size would come out far too narrow.
    seed = zlib.crc32(f"{family}/{engine}/{quantity}".encode())
    draws = draw(laws[chosen], n, y, censored, seed=seed) if chosen in laws else None
    return Growth(
        family,
        machine_class,
        engine,
        quantity,
        against,
        n,
        y,
        censored,
        laws,
        chosen,
        draws,
        reach,
    )


def _summary_row(growth: Growth) -> dict[str, Any]:
    """Return the columns of the summary."""
    row: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "family": growth.family,
        "machine_class": growth.machine_class,
        "engine": growth.engine,
        "quantity": growth.quantity,
        "against": growth.against,
        "points": len(growth.y),
        "censored": int(np.count_nonzero(growth.censored)),
        "law": growth.chosen,
        **growth.reach,
    }
    row |= {f"aic_{kind.replace('-', '_')}": law.aic for kind, law in growth.laws.items()}
    power = growth.laws.get("power-log" if growth.chosen == "power-log" else "power")
    for name, law in (("exponent", power), ("rate", growth.laws.get("exponential"))):
        if law is not None:
            # By the profile likelihood: it holds the truth a little more often than the bootstrap
            # does, as the tests of `compare.growth.draws` tell.
            row |= {
                name: law.slope,
                f"{name}_low": law.slope_low,
                f"{name}_high": law.slope_high,
            }
    if growth.draws is not None:
        at = _further(growth)
        value, low, high = predict(growth.draws, at)
        row |= {
            "overhead": growth.draws.law.overhead,
            "predicted_at": at,
            "predicted_log10": value,
            "predicted_log10_low": low,
            "predicted_log10_high": high,
        }
    return row


def _further(growth: Growth) -> float:
    """Return the size that a growth is extrapolated to."""
    largest = float(np.max(growth.n))
    if growth.against == "size":
        return _FURTHER * largest
    return max(_AT_LEAST, 10.0 ** math.ceil(math.log10(_FURTHER * largest) - 1e-9))


def _points(cells: pd.DataFrame, quantity: str) -> tuple[Floats, Floats, Flags]:
    """Return the sizes, costs and bounds of a quantity that say something about it."""
    n, measured, budget_s, build_s = (
        cells[name].to_numpy(np.float64) for name in ("n", quantity, "budget_s", "build_s")
    )
    ok, timeout, memory = (
        cells["status"].eq(status).to_numpy(np.bool_) for status in ("ok", "timeout", "memory")
    )
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
        "compile_s": (timeout & stage.eq("compile").to_numpy(np.bool_), left_s, ok | timeout),
        "peak_bytes": (memory, cells["budget_bytes"].to_numpy(np.float64), ok),
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
