"""Tables of the report, as text: the summary, the notes' problems, failures, conditions."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from compare.report import cells as frames
from compare.report.format import (
    MISSING,
    bytes_text,
    count_text,
    error_text,
    interval_text,
    ratio_text,
    seconds_text,
)
from compare.report.reach import budget, reach

__all__ = [
    "Number",
    "Table",
    "conditions",
    "engines_table",
    "failures",
    "growth_text",
    "single",
    "single_table",
    "summary_table",
    "versions_text",
]


class Number(str):
    """A number as people read it, with the value that it is sorted by.

    Examples
    --------
    >>> text = Number("10.2 million", 10_246_401)
    >>> text, text.value
    ('10.2 million', 10246401)
    """

    __slots__ = ("value",)
    value: float

    def __new__(cls, text: str, value: float | None) -> "Number":
        """Return a text with its value."""
        made = super().__new__(cls, text)
        made.value = math.nan if value is None else value
        return made


@dataclass(frozen=True)
class Table:
    """A table of text."""

    #: Names of the columns.
    header: tuple[str, ...]
    #: The cells.
    rows: Sequence[tuple[str, ...]]
    #: Positions of the columns that are aligned to the right.
    numbers: tuple[int, ...] = ()


def growth_text(summary: pd.DataFrame, family: str, engine: str, quantity: str = "run_s") -> str:
    """Return the growth of a quantity: an exponent with its interval, or "exponential"."""
    here = (summary["family"] == family) & (summary["engine"] == engine)
    found = summary[here & (summary["quantity"] == quantity)]
    if found.empty:
        return MISSING
    law = found.iloc[0]
    if law["law"] == "exponential":
        if not law["rate"] > 0:
            return "exponential"
        doubling = math.log(2) / law["rate"]
        text = f"{doubling:.2g}" if doubling < 10 else count_text(doubling)
        return f"exponential, × 2 every {text}"
    if law["law"] == "none":
        return MISSING
    text = interval_text(law["exponent"], law["exponent_low"], law["exponent_high"])
    return f"{text} × log" if law["law"] == "power-log" else text


def summary_table(results: pd.DataFrame, summary: pd.DataFrame) -> Table:
    """Return one row an engine and family: how far it came, and at what cost."""
    grown = frames.growing(results)
    rows = []
    for family in frames.families(grown):
        cells = grown[grown["family"] == family]
        word = frames.size_word(cells)
        for engine in frames.engines(cells):
            far = reach(cells, engine)
            if far is None:
                continue
            tried = cells[(cells["engine"] == engine) & (cells["status"] != "ok")]
            first = tried.sort_values("n").head(1).to_dict("records")
            stop = MISSING
            if first:
                stop = f"{first[0]['status']} at {count_text(first[0]['n'])}"
            rows.append(
                (
                    family,
                    engine,
                    Number(f"{count_text(far.n)} {word}" if far.best else "none", far.n),
                    Number(seconds_text(far.best.get("run_s")), far.best.get("run_s")),
                    growth_text(summary, family, engine),
                    Number(ratio_text(far.best.get("ratio")), far.best.get("ratio")),
                    stop,
                )
            )
    header = (
        "family",
        "engine",
        "largest",
        "one gradient",
        "growth exponent (95 %)",
        "ratio to loss",
        "stopped by",
    )
    return Table(header, rows, (2, 3, 4, 5))


def single(results: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of problems that do not grow: those of one size, and those of the notes."""
    one = results.groupby("problem")["size"].transform("nunique") < 2
    return results[one | results["family"].isin(["notes", ""])]


def single_table(
    results: pd.DataFrame, column: str = "run_s", text: Callable[[float], str] = seconds_text
) -> Table:
    """Return a quantity of each problem that has one size, one column an engine."""
    cells_of = single(results)
    engines = frames.engines(cells_of)
    rows = []
    for (problem, label), cells in cells_of.groupby(["problem", "label"], sort=False):
        found = {cell["engine"]: cell for cell in cells.to_dict("records")}
        texts: list[str] = []
        for engine in engines:
            cell = found.get(engine)
            if cell is None:
                texts.append(MISSING)
            elif cell["status"] == "ok":
                texts.append(Number(text(cell[column]), cell[column]))
            else:
                texts.append(str(cell["status"]))
        parameters = cells["parameters"].max()
        several = cells_of.loc[cells_of["problem"] == problem, "label"].nunique() > 1
        name = f"{problem} {label}" if several else str(problem)
        rows.append((name, Number(count_text(parameters), parameters), *texts))
    return Table(("problem", "parameters", *engines), rows, tuple(range(1, len(engines) + 2)))


def engines_table(results: pd.DataFrame) -> Table:
    """Return all that is known of each engine on one problem of one size."""
    rows = []
    for engine in frames.engines(results):
        cell = results[results["engine"] == engine].to_dict("records")[-1]
        texts = [
            Number(text(cell[name]), cell[name])
            for name, text in (
                ("run_s", seconds_text),
                ("ratio", ratio_text),
                ("build_s", seconds_text),
                ("first_run_s", seconds_text),
                ("peak_bytes", bytes_text),
                ("operations", count_text),
                ("max_error", error_text),
            )
        ]
        rows.append((engine, str(cell["status"]), *texts))
    header = (
        *("engine", "status", "one gradient", "ratio to loss", "build", "first run", "memory"),
        *("operations", "error"),
    )
    return Table(header, rows, tuple(range(2, len(header))))


def failures(results: pd.DataFrame) -> Table:
    """Return every cell that did not end as ok, with its reason."""
    rows = []
    for cell in frames.failed(results).to_dict("records"):
        message = " ".join(str(cell["message"]).split())
        rows.append(
            (
                str(cell["problem"]),
                str(cell["label"]),
                Number(count_text(cell["parameters"]), cell["parameters"]),
                str(cell["engine"]),
                str(cell["status"]) + (f" ({cell['stage']})" if cell["stage"] else ""),
                message if len(message) <= 300 else f"{message[:299]}…",
            )
        )
    header = ("problem", "size", "parameters", "engine", "status (stage)", "reason")
    return Table(header, rows, (2,))


def versions_text(value: Any) -> str:
    """Return versions, given as a mapping or as text, in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _finished(results: pd.DataFrame, run: Mapping[str, Any]) -> str:
    """Return the number of measured cells, and the reason why others are missing."""
    planned = run.get("planned_cells")
    left = planned - len(results) if isinstance(planned, int) else 0
    if left <= 0:
        return f"{len(results):,}"
    if run.get("interrupted"):
        return f"{len(results):,} of {planned:,}; the run was interrupted"
    return f"{len(results):,}; {left:,} larger ones were not begun once an engine had stopped"


def conditions(results: pd.DataFrame, run: Mapping[str, Any]) -> Table:
    """Return the conditions of the run: machine, versions, budgets, seed, threads."""

    def known(name: str) -> str:
        return versions_text(run.get(name)) or (_column(results, name) if name in results else "")

    elapsed = run.get("elapsed_s")
    made = {
        "machine": known("machine"),
        "frequency governor": known("governor"),
        "load before and after": _load(run),
        "system": known("system"),
        "Python": known("python"),
        "linear algebra": known("blas"),
        "versions": known("versions"),
        "budget of a cell": budget(results, run),
        "seed of the inputs": known("seed"),
        "threads": _threads(known("threads"), results),
        "cores": _column(results, "pinned"),
        "samples": known("mode"),
        "cells": _finished(results, run),
        "noisy cells": _share(results["noisy"] > 0, results["noisy"].notna()),
        "made": str(run.get("created") or ""),
        "resumed": f"{run['resumed']} times" if run.get("resumed") else "",
        "took": seconds_text(elapsed) if isinstance(elapsed, int | float) else "",
    }
    return Table(("", ""), [(name, value) for name, value in made.items() if value])


def _load(run: Mapping[str, Any]) -> str:
    """Return the load of the machine over one minute, before and after the run."""
    moments = [run.get("before"), run.get("after")]
    loads = [m["load"] for m in moments if isinstance(m, Mapping) and m.get("load")]
    return ", ".join(f"{load[0]:g}" for load in loads)


def _threads(requested: str, results: pd.DataFrame) -> str:
    """Return the threads that were requested, and those that libraries reported."""
    read = _column(results, "threads_read")
    return f"{requested} asked for, {read} reported" if requested and read else requested or read


def _column(results: pd.DataFrame, name: str) -> str:
    """Return the different values of a column."""
    values = [v for v in results[name].unique() if v == v and v != ""]
    return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)


def _share(which: "pd.Series[bool]", of: "pd.Series[bool]") -> str:
    """Return a number of cells, of those that it could be."""
    return f"{int(which.sum()):,} of {int(of.sum()):,}" if of.any() else ""
