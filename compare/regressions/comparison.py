"""Two runs cell by cell: which got slower or faster.

Machines drift between runs: what is compared is therefore the time of a gradient divided by that
of the primal in the same round, or by that of the calibration workload where there was no primal.
Raw seconds are compared where `absolute` is set, or where there is nothing else.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from compare.measure.estimates import between_processes
from compare.regressions.change import Change, change_of_medians, change_of_processes, holm
from compare.regressions.runs import CellKey, Row, Run, cells_of, seconds_by_cell
from compare.results.reading import ResultsError, as_frame
from compare.results.schema import COMPARISON_COLUMNS, SCHEMA_VERSION

__all__ = ["Comparison", "compare_runs"]

#: Largest corrected p-value of a cell that is called slower or faster.
_SIGNIFICANT = 0.05
_FEWEST_SAMPLES = 5
#: Cells that a note names at most; the table has all.
_MOST_NAMED = 8
#: Divisors of samples, in order of preference, by their names in samples.parquet (`control` is the
#: calibration workload); the samples of a problem may lack them.
_UNITS = ("primal", "control")
#: Columns that should be the same in both runs, and what it means if they are not.
_CONDITIONS = {
    "machine": "warning: the machines differ, so times and ratios need not be comparable",
    "governor": "warning: the frequency governors differ",
    "system": "the systems differ",
    "python": "the versions of Python differ",
    "blas": "the linear algebra libraries differ",
    "versions": "the versions differ",
    "seed": "the seeds of the inputs differ",
    "threads": "the numbers of threads differ",
    "budget_s": "the time budgets differ",
    "budget_bytes": "the memory budgets differ",
}


@dataclass(frozen=True)
class Comparison:
    """The differences of two runs."""

    #: Columns as in `COMPARISON_COLUMNS`; what got slower most comes first.
    cells: pd.DataFrame
    #: What makes the runs less comparable, in sentences.
    notes: list[str]
    #: Cells that the other run lacks.
    only_old: int
    only_new: int
    #: Change from which on a cell counts as slower, or its inverse as faster.
    threshold: float

    def count(self, verdict: str) -> int:
        """Return the number of cells with a verdict."""
        return int((self.cells["verdict"] == verdict).sum())

    @property
    def regressed(self) -> bool:
        """Whether a cell got slower, or ended well in the old run only."""
        return self.count("slower") + self.count("broken") > 0


def compare_runs(
    old: Run, new: Run, *, threshold: float = 1.1, absolute: bool = False
) -> Comparison:
    """Return the cells that got slower or faster from one run to another.

    Notes
    -----
    With samples in both runs the test is that of `change_of_processes`, else the weaker one of
    `change_of_medians`; the p-values of all cells are corrected by `holm`. A cell that is noisy in
    a run is not judged.
    """
    if not 1 < threshold < math.inf:
        raise ValueError(f"threshold {threshold!r} arrived; expected a factor above 1, such as 1.1")
    cells_old, cells_new = cells_of(old.results), cells_of(new.results)
    both = [key for key in cells_old if key in cells_new]
    apart = _on_other_machines(cells_old, cells_new, both)
    both = [key for key in both if key not in apart]
    if not both:
        raise ResultsError(
            f"{old.path} and {new.path} have no cell in common: none of {len(cells_old)} cells of "
            "problem, size, engine and mode is in the other; run the same problems and engines"
        )
    taken = [seconds_by_cell(run.samples) for run in (old, new)]
    measured = {
        key: found
        for key in both
        if _timed(cells_old[key]) and _timed(cells_new[key])
        if (found := _measured(key, taken, absolute)) is not None
    }
    between = between_processes([runs for _, runs in measured.values()])
    known = {
        key: (name, change_of_processes(runs[0], runs[1], variance), runs)
        for (key, (name, runs)), variance in zip(measured.items(), between, strict=True)
    }
    rows = [_row(key, cells_old[key], cells_new[key], known.get(key), absolute) for key in both]
    tested = [row for row in rows if row["p"] is not None]
    if not tested and all(row["verdict"] == "untested" for row in rows):
        raise ResultsError(
            f"{old.path} and {new.path} have {len(rows)} cells in common, and neither samples nor "
            "an interval of any in both: nothing can be judged; run them again"
        )
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_corrected"] = p
        if p <= _SIGNIFICANT and row["change"] > threshold:
            row["verdict"] = "slower"
        elif p <= _SIGNIFICANT and row["change"] < 1 / threshold:
            row["verdict"] = "faster"
    rows.sort(key=_place)
    notes = [*_conditions(cells_old, cells_new, both), *_strength(rows, tested, absolute)]
    if apart:
        notes.append(f"{len(apart)} cells were on another class of machines: they are not compared")
    return Comparison(
        as_frame(rows, COMPARISON_COLUMNS),
        notes,
        len(cells_old) - len(both),
        len(cells_new) - len(both),
        threshold,
    )


def _on_other_machines(
    old: Mapping[CellKey, Row], new: Mapping[CellKey, Row], both: list[CellKey]
) -> set[CellKey]:
    """Return the cells on other classes of machines, where the runs have a class in common."""
    kinds = [
        {key: row["machine_class"] for key, row in cells.items() if row.get("machine_class")}
        for cells in (old, new)
    ]
    if not {*kinds[0].values()} & {*kinds[1].values()}:
        return set()
    timed = [key for key in both if key in kinds[0] and key in kinds[1]]
    return {key for key in timed if kinds[0][key] != kinds[1][key]}


def _timed(row: Row) -> bool:
    """Whether the times of a cell can be judged."""
    return bool(row["status"] == "ok" and row["noisy"] != 1)


def _row(
    key: CellKey,
    old: Row,
    new: Row,
    known: tuple[str, Change, list[list[Any]]] | None,
    absolute: bool,
) -> Row:
    """Return the row of one cell, its verdict not yet corrected for the others."""
    row: Row = dict(zip(("problem", "size", "engine", "mode"), key, strict=True))
    row |= {"schema_version": SCHEMA_VERSION, "label": new["label"] or str(key[1]), "p": None}
    row |= {"status_old": old["status"], "status_new": new["status"], "verdict": "same"}
    if old["status"] != "ok" or new["status"] != "ok":
        if old["status"] == "ok":
            row["verdict"] = "broken"
        elif new["status"] == "ok":
            row["verdict"] = "mended"
        elif old["status"] != new["status"]:
            row["verdict"] = "other"
        return row
    if not (_timed(old) and _timed(new)):
        return row | {"verdict": "noisy"}
    change: Change | None
    if known is None:
        measure, change, medians = _from_medians(old, new, absolute)
        counts = (0, 0)
    else:
        measure, change, runs = known
        pooled = [np.concatenate(run) for run in runs]
        medians = (math.exp(np.median(pooled[0])), math.exp(np.median(pooled[1])))
        counts = (len(pooled[0]), len(pooled[1]))
    row |= {"measure": measure, "samples_old": counts[0], "samples_new": counts[1]}
    if change is not None:
        row |= {"old": medians[0], "new": medians[1], "change": change.ratio}
        row |= {"change_low": change.low, "change_high": change.high, "p": change.p}
    else:
        row["verdict"] = "untested"
    return row


def _measured(
    key: CellKey, taken: list[dict[CellKey, pd.Series]], absolute: bool
) -> tuple[str, list[list[Any]]] | None:
    """Return the measure, and the logarithms of its samples by run and process."""
    problem, size, _, mode = key
    for unit in ("", *_UNITS) if absolute else (*_UNITS, ""):
        found = []
        for cells in taken:
            seconds = cells.get(key)
            if seconds is None:
                return None
            found.append(_divided(seconds, cells.get((problem, size, unit, mode)), unit))
        enough = [_by_process(x) for x in found if x is not None and len(x) >= _FEWEST_SAMPLES]
        if len(enough) == len(taken):
            return f"run to {unit}" if unit else "seconds", enough
    return None


def _divided(seconds: pd.Series, unit: pd.Series | None, name: str) -> "pd.Series | None":
    """Return samples divided by what was timed in the same round; None where nothing was."""
    if not name:
        return seconds
    if unit is None:
        return None
    rounds = [seconds.index.get_level_values(level) for level in (0, 1)]
    divisor = unit.groupby(level=[0, 1]).median().reindex(pd.MultiIndex.from_arrays(rounds))
    divided: pd.Series = seconds / divisor.to_numpy(float)
    return divided[divided.between(0.0, math.inf, "neither")]


def _by_process(samples: pd.Series) -> list[Any]:
    """Return the logarithms of the samples of each process."""
    groups = samples.groupby(level=[0, 2])
    return [np.log(group.to_numpy(float)) for _, group in groups]


def _from_medians(
    old: Row, new: Row, absolute: bool
) -> tuple[str, Change | None, tuple[float, float]]:
    """Return the measure, its change and both medians, from results.csv alone."""
    columns = {"run to primal": ("ratio", "ratio_low", "ratio_high")}
    seconds = {"seconds": ("run_s", "run_low_s", "run_high_s")}
    for measure, names in (seconds | columns if absolute else columns | seconds).items():
        parts = [tuple(float(row[name]) for name in names) for row in (old, new)]
        change = change_of_medians(parts[0], parts[1])  # type: ignore[arg-type]
        if change is not None:
            return measure, change, (parts[0][0], parts[1][0])
    return "seconds", None, (math.nan, math.nan)


def _place(row: Row) -> tuple[int, float]:
    """Return the place of a row in the table: broken, then slower, the largest change first."""
    order = ("broken", "slower", "faster", "mended", "other", "noisy", "untested", "same")
    change = row.get("change") or 1.0
    return order.index(row["verdict"]), -abs(math.log(change))


def _conditions(
    old: Mapping[CellKey, Row], new: Mapping[CellKey, Row], both: list[CellKey]
) -> Iterator[str]:
    """Yield a sentence on each condition in which the runs differ."""
    for name, words in _CONDITIONS.items():
        values = [_values(cells, both, name) for cells in (old, new)]
        if values[0] != values[1]:
            shown = " and ".join(", ".join(v) or "nothing" for v in values)
            yield f"{words}: {shown if len(shown) <= 200 else shown[:197] + '...'}"
    changed = [
        key
        for key in both
        if old[key]["fingerprint"]
        and new[key]["fingerprint"]
        and old[key]["fingerprint"] != new[key]["fingerprint"]
    ]
    if changed:
        yield (
            f"the fingerprints differ of {len(changed)} of {len(both)} cells: the problem's source "
            "or the engine's version is another"
        )


def _values(cells: Mapping[CellKey, Row], both: list[CellKey], name: str) -> list[str]:
    values = (cells[key][name] for key in both)
    return sorted({str(v) for v in values if v is not pd.NA and v == v and v != ""})


def _strength(rows: list[Row], tested: list[Row], absolute: bool) -> Iterator[str]:
    """Yield sentences on tests that are weaker than they could be."""
    untested = sum(row["verdict"] == "untested" for row in rows)
    if untested:
        yield (
            f"{untested} of {len(rows)} cells are not judged: there are neither samples nor an "
            "interval in both runs"
        )
    noisy = [row for row in rows if row["verdict"] == "noisy"]
    if noisy:
        named = [f"{row['problem']} {row['label']} {row['engine']}" for row in noisy]
        shown = ", ".join(named[:_MOST_NAMED])
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        yield (
            f"{len(noisy)} of {len(rows)} cells are not judged, since their times are noisy in a "
            f"run: {shown}{more}"
        )
    weak = sum(not row["samples_old"] for row in tested)
    if weak:
        yield (
            f"{weak} of {len(tested)} cells are compared by their medians and intervals alone, a "
            "weaker test: samples.parquet is not there, or holds too few samples"
        )
    raw = sum(row["measure"] == "seconds" for row in tested)
    if raw and not absolute:
        yield f"{raw} of {len(tested)} cells have no primal to divide by: seconds are compared"
