"""Two runs side by side: which cells got slower or faster, and whether the verdicts held.

Machines drift between runs: what is compared is therefore the time of a gradient divided by that
of the primal in the same round, or by that of the control kernel where there was no primal. Raw
seconds are compared where they are asked for, or where there is nothing else.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from compare.regressions.change import Change, change_of_medians, change_of_samples, holm
from compare.results.reading import ResultsError, as_frame, read_results
from compare.results.samples import read_samples
from compare.results.schema import COMPARISON_COLUMNS, SCHEMA_VERSION

__all__ = ["Comparison", "Run", "Verdicts", "compare_runs", "read_run", "verdicts"]

Row = dict[str, Any]
_Key = tuple[str, int, str, str]
#: Largest corrected p-value of a cell that is called slower or faster.
_SIGNIFICANT = 0.05
_FEWEST_SAMPLES = 5
#: What samples are divided by, in order of preference; the table of a problem may lack it.
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
class Run:
    """What a run left.

    Parameters
    ----------
    path : Path
        The folder or file.
    results : DataFrame
        Columns as in `RESULT_COLUMNS`; the last row of each cell counts.
    samples : DataFrame, optional
        Columns as in `SAMPLE_COLUMNS`, those that count.
    """

    path: Path
    results: pd.DataFrame
    samples: pd.DataFrame | None = None


@dataclass(frozen=True)
class Comparison:
    """How two runs differ.

    Parameters
    ----------
    cells : DataFrame
        Columns as in `COMPARISON_COLUMNS`; what got slower most comes first.
    notes : list of str
        What makes the runs less comparable, in sentences.
    only_old, only_new : int
        Cells that the other run lacks.
    threshold : float
        Change from which on a cell counts as slower, or its inverse as faster.
    """

    cells: pd.DataFrame
    notes: list[str]
    only_old: int
    only_new: int
    threshold: float

    def count(self, verdict: str) -> int:
        """Return how many cells have a verdict."""
        return int((self.cells["verdict"] == verdict).sum())

    @property
    def regressed(self) -> bool:
        """Whether a cell got slower, or ended well in the old run only."""
        return self.count("slower") + self.count("broken") > 0


@dataclass(frozen=True)
class Verdicts:
    """Whether who is faster than whom was the same in two runs.

    Parameters
    ----------
    pairs : int
        Pairs of engines on one problem and size whose intervals do not overlap in the old run.
    same : int
        Pairs of these in the same order in the new run.
    flipped : list of dict
        The others: ``problem``, ``size``, ``mode``, ``faster_old``, ``faster_new``, and how many
        times faster the first was, ``old``, and is, ``new``.
    cells : int
        Cells with a ratio to the primal in both runs.
    moved : float
        Median over these of the factor by which the ratio moved, less 1: 0.1 is 10 %, either way.
    """

    pairs: int
    same: int
    flipped: list[Row] = field(default_factory=list)
    cells: int = 0
    moved: float = math.nan


def read_run(path: str | os.PathLike[str]) -> Run:
    """Return what a run left in its folder."""
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


def compare_runs(
    old: Run, new: Run, *, threshold: float = 1.1, absolute: bool = False, seed: int = 0
) -> Comparison:
    """Return which cells got slower or faster from one run to another.

    Notes
    -----
    With samples in both runs the test is that of `change_of_samples`, else the weaker one of
    `change_of_medians`; the p-values of all cells are corrected by `holm`.
    """
    if not 1 < threshold < math.inf:
        raise ValueError(f"threshold {threshold!r} arrived; expected a factor above 1, such as 1.1")
    cells_old, cells_new = _cells(old.results), _cells(new.results)
    both = [key for key in cells_old if key in cells_new]
    if not both:
        raise ResultsError(
            f"{old.path} and {new.path} have no cell in common: none of {len(cells_old)} cells of "
            "problem, size, engine and mode is in the other; run the same problems and engines"
        )
    rng = np.random.default_rng(seed)
    taken = [_by_cell(run.samples) for run in (old, new)]
    rows = [_row(key, cells_old[key], cells_new[key], taken, absolute, rng) for key in both]
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
    return Comparison(
        as_frame(rows, COMPARISON_COLUMNS),
        notes,
        len(cells_old) - len(both),
        len(cells_new) - len(both),
        threshold,
    )


def _cells(results: pd.DataFrame) -> dict[_Key, Row]:
    keys = results[["problem", "size", "engine", "mode"]].itertuples(index=False, name=None)
    rows: list[Any] = results.to_dict("records")
    return dict(zip(keys, rows, strict=True))


def _by_cell(samples: pd.DataFrame | None) -> dict[_Key, pd.Series]:
    """Return the seconds of each cell, by round; units of measure are cells too."""
    if samples is None:
        return {}
    # A run that was resumed counts its rounds from 0 again.
    rounds = ["run", "round"]
    groups = samples.sort_values(rounds, kind="stable").groupby(
        ["problem", "size", "engine", "mode"], sort=False
    )
    return {key: group.set_index(rounds)["seconds"] for key, group in groups}  # type: ignore[misc]


def _row(
    key: _Key,
    old: Row,
    new: Row,
    taken: list[dict[_Key, pd.Series]],
    absolute: bool,
    rng: np.random.Generator,
) -> Row:
    """Return the row of one cell, its verdict not yet corrected for the others."""
    row: Row = dict(zip(("problem", "size", "engine", "mode"), key, strict=True))
    row |= {"schema_version": SCHEMA_VERSION, "p": None}
    row |= {"status_old": old["status"], "status_new": new["status"], "verdict": "same"}
    if old["status"] != "ok" or new["status"] != "ok":
        if old["status"] == "ok":
            row["verdict"] = "broken"
        elif new["status"] == "ok":
            row["verdict"] = "mended"
        elif old["status"] != new["status"]:
            row["verdict"] = "other"
        return row
    measure, samples = _measured(key, taken, absolute)
    if samples is None:
        measure, change, medians = _from_medians(old, new, absolute)
        counts = (0, 0)
    else:
        change = change_of_samples(*samples, rng)
        medians = (float(np.median(samples[0])), float(np.median(samples[1])))
        counts = (len(samples[0]), len(samples[1]))
    row |= {"measure": measure, "samples_old": counts[0], "samples_new": counts[1]}
    if change is not None:
        row |= {"old": medians[0], "new": medians[1], "change": change.ratio}
        row |= {"change_low": change.low, "change_high": change.high, "p": change.p}
    else:
        row["verdict"] = "untested"
    return row


def _measured(
    key: _Key, taken: list[dict[_Key, pd.Series]], absolute: bool
) -> tuple[str, tuple[Any, Any] | None]:
    """Return what is compared, and its samples in both runs if there are enough."""
    problem, size, _, mode = key
    for unit in ("", *_UNITS) if absolute else (*_UNITS, ""):
        found = []
        for cells in taken:
            seconds = cells.get(key)
            if seconds is None:
                return "", None
            found.append(_divided(seconds, cells.get((problem, size, unit, mode)), unit))
        if all(x is not None and len(x) >= _FEWEST_SAMPLES for x in found):
            return f"run to {unit}" if unit else "seconds", (found[0], found[1])
    return "", None


def _divided(seconds: pd.Series, unit: pd.Series | None, name: str) -> Any:
    """Return samples divided by what was timed in the same round; None where nothing was."""
    if not name:
        return seconds.to_numpy(float)
    if unit is None:
        return None
    divisor = unit.groupby(level=[0, 1]).median().reindex(seconds.index)
    divided = seconds.to_numpy(float) / divisor.to_numpy(float)
    return divided[np.isfinite(divided)]


def _from_medians(
    old: Row, new: Row, absolute: bool
) -> tuple[str, Change | None, tuple[float, float]]:
    """Return what is compared, how it moved and both medians, from results.csv alone."""
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
    order = ("broken", "slower", "faster", "mended", "other", "untested", "same")
    change = row.get("change") or 1.0
    return order.index(row["verdict"]), -abs(math.log(change))


def _conditions(
    old: Mapping[_Key, Row], new: Mapping[_Key, Row], both: list[_Key]
) -> Iterator[str]:
    """Yield in which conditions the runs differ."""
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


def _values(cells: Mapping[_Key, Row], both: list[_Key], name: str) -> list[str]:
    values = (cells[key][name] for key in both)
    return sorted({str(v) for v in values if v is not pd.NA and v == v and v != ""})


def _strength(rows: list[Row], tested: list[Row], absolute: bool) -> Iterator[str]:
    """Yield on what the tests stand, where that is less than it could be."""
    untested = sum(row["verdict"] == "untested" for row in rows)
    if untested:
        yield (
            f"{untested} of {len(rows)} cells are not judged: there are neither samples nor an "
            "interval in both runs"
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


def verdicts(old: Run, new: Run) -> Verdicts:
    """Return whether who is faster than whom was the same in two runs."""
    cells_old, cells_new = _cells(old.results), _cells(new.results)
    both = [
        key
        for key, row in cells_old.items()
        if row["status"] == "ok" and cells_new.get(key, {}).get("status") == "ok"
    ]
    groups: dict[tuple[str, int, str], list[_Key]] = {}
    for key in both:
        groups.setdefault((key[0], key[1], key[3]), []).append(key)
    pairs = same = 0
    flipped: list[Row] = []
    for (problem, size, mode), keys in groups.items():
        for pair in combinations(keys, 2):
            first, second = sorted(pair, key=lambda key: float(cells_old[key]["run_s"]))
            if not cells_old[first]["run_high_s"] < cells_old[second]["run_low_s"]:
                continue
            pairs += 1
            a, b = (
                float(cells[second]["run_s"]) / float(cells[first]["run_s"])
                for cells in (cells_old, cells_new)
            )
            if b > 1:
                same += 1
            else:
                row = {"problem": problem, "size": int(size), "mode": mode}
                row |= {"faster_old": first[2], "faster_new": second[2], "old": a, "new": 1 / b}
                flipped.append(row)
    ratios = [(float(cells_old[k]["ratio"]), float(cells_new[k]["ratio"])) for k in both]
    moved = [max(a / b, b / a) - 1 for a, b in ratios if a > 0 and b > 0]
    return Verdicts(
        pairs, same, flipped, len(moved), float(np.median(moved)) if moved else math.nan
    )
