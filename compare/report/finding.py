"""The finding in one sentence, and the remarks before it, computed from the frames."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from compare.report import cells as frames
from compare.report.format import MISSING, count_text, list_text, ratio_text
from compare.report.reach import FORMULAS, budget, reach

__all__ = ["finding", "remarks"]

#: How a sentence calls what each of them derives, first and behind another.
_DERIVED = {
    "expanded": ("a closed formula", "as a closed formula"),
    "shared": ("a formula with common subexpressions", "with its common subexpressions named"),
    "adjoint": ("a formula in reverse", "with every intermediate named in reverse"),
    "matrix": ("a formula of matrices", "in whole matrices"),
}
#: Ways to end that are the formula's own: a budget, or a size that it refuses to write out.
_LIMITS = (*frames.STOPPED, "unsupported")
_UNSTOPPED = " (the largest tried)"


def finding(results: pd.DataFrame, run: Mapping[str, Any]) -> str:
    """Return the finding of a run: one sentence with its numbers."""
    if results.empty:
        return "No cell was finished, so there is nothing to compare yet."
    if frames.ok(results).empty:
        ends = results["status"].value_counts()
        how = list_text([f"{count} as {status or 'unknown'}" for status, count in ends.items()])
        return f"No gradient was timed: {_cells(len(results))} ended, {how}."
    grown = frames.growing(results)
    scope = next((s for s in (frames.networks(grown), grown) if len(frames.ok(s))), None)
    if scope is None:
        done, all_cells = len(frames.ok(results)), len(results)
        return (
            f"No growing network was timed; on the single problems of the notes, "
            f"{done:,} of {_cells(all_cells)} ended with a gradient that agreed."
        )
    clauses = list(filter(None, [_formula_clause(scope), _graph_clause(scope)]))
    if not clauses:
        clauses = [_first_clause(scope)]
    elif len(clauses) == 2 and frames.ok(scope, "graph").shape[0]:
        clauses[1] = clauses[1].replace(f" {_unit(scope)},", ",", 1)
    limits = budget(results, run)
    text = "; ".join(clauses)
    return f"Within {limits}, {text}." if limits else f"{text[0].upper()}{text[1:]}."


def _cells(count: int) -> str:
    return f"{count:,} cell" + ("" if count == 1 else "s")


def _unit(scope: pd.DataFrame) -> str:
    """Return the unit of n in a scope of cells."""
    if (scope["against"] == "parameters").any():
        return "parameters"
    return frames.SIZE_WORDS.get(str(scope["family"].iloc[0]), "in size")


def _thing(scope: pd.DataFrame, quantifier: str, n: float) -> str:
    """Return such as "a network of at most 289 parameters"."""
    family = scope["family"].iloc[0]
    what = f"the {family}" if _unit(scope) != "parameters" else f"`{family}`"
    if len(frames.networks(scope)):
        what = "a network"
    return f"{what} of {quantifier}{count_text(n)} {_unit(scope)}"


def _formula_clause(scope: pd.DataFrame) -> str:
    found = {name: far for name in FORMULAS if (far := reach(scope, name))}
    if not found:
        return ""
    first, far = next(iter(found.items()))
    word = _DERIVED[first][0]
    if not far.best:
        smallest = _thing(scope, "", far.smallest)
        text = f"{word} could not be derived, not even for {smallest} ({far.stopped_by})"
    elif far.stopped_by in _LIMITS:
        text = f"{word} could be derived for {_thing(scope, 'at most ', far.n)}"
    else:
        text = f"{word} was derived for {_thing(scope, 'up to ', far.n)}"
        text += f" ({far.stopped_by} ended it)" if far.stopped_by else _UNSTOPPED
    if not far.best:
        return text
    further = []
    for name, more in found.items():
        if name != first and more.best and more.n != far.n:
            # A larger network of another family may have been tried, and have been too large.
            all_done = more.n >= scope.loc[scope["engine"] == name, "n"].max()
            end = _UNSTOPPED if all_done and far.stopped_by in _LIMITS else ""
            further.append(f"of {count_text(more.n)} {_DERIVED[name][1]}{end}")
    joint = ", and " if len(further) == 1 else ", "
    return text + (joint + list_text(further) if further else "")


def _graph_clause(scope: pd.DataFrame) -> str:
    far = reach(scope, "graph")
    if far is None:
        return ""
    if not far.best:
        return f"the graph differentiated none ({far.stopped_by})"
    cost = ratio_text(far.best["ratio"])
    text = f"the graph differentiated {_thing(scope, '', far.n)}"
    text += "" if cost == MISSING else f", at {cost} the cost of one evaluation of the loss"
    return text + (f" ({far.stopped_by} ended it)" if far.stopped_by else "")


def _first_clause(scope: pd.DataFrame) -> str:
    """Return the clause on the engine that came farthest, where neither of ours ran."""
    row = frames.ok(scope).sort_values("n", kind="stable").iloc[-1]
    cost = ratio_text(row["ratio"])
    text = f"{row['engine']} differentiated {_thing(scope, 'up to ', row['n'])}"
    return text + ("" if cost == MISSING else f", at {cost} the cost of one evaluation of the loss")


def remarks(results: pd.DataFrame, run: Mapping[str, Any]) -> list[str]:
    """Return the remarks that stand before the numbers: an interruption, a wrong gradient."""
    found = []
    planned = run.get("planned_cells")
    if run.get("interrupted"):
        of = f" of {planned:,}" if isinstance(planned, int) else ""
        found.append(
            f"This run was interrupted: {len(results):,}{of} cells are finished, and the report "
            "shows those."
        )
    if run.get("quick"):
        found.append(
            "This was a quick run, on few and small sizes; a full run reaches farther and its "
            "exponents mean more."
        )
    wrong = int((results["status"] == "mismatch").sum())
    if wrong:
        engines = results.loc[results["status"] == "mismatch", "engine"]
        found.append(
            f"{_cells(wrong)} computed a wrong gradient and {'was' if wrong == 1 else 'were'} "
            f"not timed ({', '.join(engines.unique())}); the table of failures says where."
        )
    return found
