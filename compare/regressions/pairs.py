"""Verdicts on pairs of engines, who is faster than whom, and whether they held in another run."""

import math
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from compare.regressions.runs import CellKey, Row, Run, cells_of

__all__ = ["Verdicts", "verdicts"]


@dataclass(frozen=True)
class Verdicts:
    """How many verdicts of the old run the new one repeats."""

    #: Pairs of engines on one problem and size whose intervals do not overlap in the old run.
    pairs: int
    #: Pairs of these in the same order in the new run.
    same: int
    #: The others: ``problem``, ``size``, ``mode``, ``faster_old``, ``faster_new``, and how many
    #: times faster the first was, ``old``, and is, ``new``.
    flipped: list[Row] = field(default_factory=list)
    #: Cells with a ratio to the primal in both runs.
    cells: int = 0
    #: Median over these of the factor by which the ratio moved, less 1: 0.1 is 10 %, either way.
    moved: float = math.nan


def verdicts(old: Run, new: Run) -> Verdicts:
    """Return the verdicts of two runs on who is faster than whom, held against each other."""
    cells_old, cells_new = cells_of(old.results), cells_of(new.results)
    both = [
        key
        for key, row in cells_old.items()
        if row["status"] == "ok" and cells_new.get(key, {}).get("status") == "ok"
    ]
    groups: dict[tuple[str, int, str], list[CellKey]] = {}
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
