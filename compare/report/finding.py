"""The finding in one sentence, and the remarks before it, computed from the frames."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from compare.report import cells as frames
from compare.report.exactness import ulp_text
from compare.report.format import MISSING, count_text, list_text, ratio_text, seconds_text
from compare.report.headline import Scope, same_size, scope_of
from compare.report.reach import FORMULAS, Reach

__all__ = ["agreement_line", "finding", "remarks"]

#: How a sentence begins that is about what each of them derives.
_DERIVED = {
    "expanded": "a closed formula",
    "shared": "a formula with names",
    "adjoint": "a formula in reverse",
    "matrix": "a matrix formula",
}
#: Ways to end that are the formula's own: a budget, or a size that it refuses to write out.
_LIMITS = (*frames.STOPPED, "unsupported")


def finding(results: pd.DataFrame, run: Mapping[str, Any]) -> str:
    """Return the finding of a run: one sentence of at most 25 words with two numbers."""
    if results.empty:
        return "No cell was finished, so there is nothing to compare yet."
    if frames.ok(results).empty:
        ends = list_text(list(dict.fromkeys(results["status"].replace("", "unknown"))))
        return f"0 of {_cells(len(results))} gave a gradient: {ends}."
    scope = scope_of(results)
    if scope is None:
        return _single(results)
    formula, graph = _formula(scope), scope.reach("graph")
    if formula is None and graph is None:
        return _first(scope)
    if formula is None and graph is not None:
        return _alone("The graph", graph, scope)
    assert formula is not None
    name, far = formula
    if graph is None:
        return _alone(_capital(_DERIVED[name]), far, scope)
    if not far.best and not graph.best:
        return _first(scope)
    if not far.best:
        return (
            f"{_capital(_DERIVED[name])} of the gradient failed already at "
            f"{_amount(far.smallest, scope)} ({far.stopped_by}); the graph "
            f"{_verb(graph)} {count_text(graph.n)}."
        )
    if not graph.best:
        return (
            f"The graph failed already at {_amount(graph.smallest, scope)} "
            f"({graph.stopped_by}); as {_DERIVED[name]} the gradient {_verb(far)} "
            f"{count_text(far.n)}."
        )
    if far.n == graph.n and not far.stopped_by and not graph.stopped_by:
        return _both(name, far, graph, scope)
    return (
        f"Written as {_DERIVED[name]}, the gradient {_verb(far)} {_amount(far.n, scope)}"
        f"{_why(far)}; as a graph it {_verb(graph)} {count_text(graph.n)}{_why(graph)}."
    )


def _formula(scope: Scope) -> tuple[str, Reach] | None:
    """Return the first formula that was tried, with its reach."""
    return next(((name, far) for name in FORMULAS if (far := scope.reach(name)) is not None), None)


def _amount(n: float, scope: Scope) -> str:
    """Return a size in words: of functions whose size is a number of nothing, the number."""
    count = count_text(n)
    return f"size {count}" if scope.word == "size" else f"{count} {scope.word}"


def _verb(far: Reach) -> str:
    return "ended at" if far.stopped_by else "reached"


def _why(far: Reach) -> str:
    """Return the end of an engine in words, where it was no limit of its own."""
    return f" ({far.stopped_by})" if far.stopped_by and far.stopped_by not in _LIMITS else ""


def _both(name: str, far: Reach, graph: Reach, scope: Scope) -> str:
    """Return the sentence where formula and graph came equally far."""
    text = f"Formula and graph both reached {_amount(far.n, scope)}, the largest tried"
    own, other = float(far.best["run_s"]), float(graph.best["run_s"])
    if own > 0 and other > 0:
        text += f"; there {_DERIVED[name]} took {ratio_text(own / other)} the graph's time"
    return f"{text}."


def _alone(what: str, far: Reach, scope: Scope) -> str:
    """Return the sentence on one engine of ours alone."""
    if not far.best:
        return f"{what} failed already at {_amount(far.smallest, scope)} ({far.stopped_by})."
    text = f"{what} {_verb(far)} {_amount(far.n, scope)}{_why(far)}"
    cost = ratio_text(far.best["ratio"])
    return f"{text}{'' if cost == MISSING else f', at {cost} the cost of one evaluation'}."


def _first(scope: Scope) -> str:
    """Return the sentence on the engine that came farthest, where neither of ours did."""
    row = frames.ok(scope.cells).sort_values("n", kind="stable").iloc[-1]
    far = scope.reach(str(row["engine"]))
    assert far is not None
    return _alone(str(row["engine"]), far, scope)


def _single(results: pd.DataFrame) -> str:
    """Return the sentence where nothing grows: formula against graph, or what was done."""
    problems = list(dict.fromkeys(results["problem"]))
    if len(problems) == 1:
        # Times at different sizes are not compared.
        here = same_size(results)
        good = frames.ok(here)
        times = dict(zip(good["engine"], good["run_s"], strict=True))
        formula = next((name for name in FORMULAS if times.get(name, 0) > 0), None)
        told = {"graph": "on the graph", **{n: f"as {text}" for n, text in _DERIVED.items()}}
        if formula and times.get("graph", 0) > 0:
            return (
                f"One gradient of {problems[0]} takes {seconds_text(times[formula])} "
                f"{told[formula]} and {seconds_text(times['graph'])} on the graph."
            )
        if one := formula or ("graph" if times.get("graph", 0) > 0 else ""):
            ratio = ratio_text(float(good.loc[good["engine"] == one, "ratio"].iloc[-1]))
            text = f"One gradient of {problems[0]} takes {seconds_text(times[one])} {told[one]}"
            text += "" if ratio == MISSING else f", {ratio} one evaluation"
            other = here[here["engine"].isin(FORMULAS if one == "graph" else ("graph",))]
            ended = f"; no {'formula' if one == 'graph' else 'graph'} came out"
            return text + (f"{ended} ({other['status'].iloc[0]})." if len(other) else ".")
    of = f"of {problems[0]} " if len(problems) == 1 else ""
    good = frames.ok(results)
    return f"{len(good):,} of {_cells(len(results))} {of}gave a gradient that was found right."


def _cells(count: int) -> str:
    return f"{count:,} cell" + ("" if count == 1 else "s")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def agreement_line(agreement: pd.DataFrame, truth: pd.DataFrame) -> str:
    """Return "N of N comparisons agree, worst error X ULPs"; empty where none was made."""
    able = agreement[agreement["status"] != "unsupported"]
    if able.empty:
        return ""
    good = int((able["status"] == "ok").sum())
    text = f"{good:,} of {len(able):,} comparisons agree"
    known = truth[(truth["status"] == "ok") & truth["ulp_max"].notna()]
    fine = known[known["engine"] != "finite-differences"]
    if len(fine):
        text += f", worst error {ulp_text(float(fine['ulp_max'].max()))} ULPs"
        text += " (finite differences aside)" if len(fine) < len(known) else ""
    return text


def remarks(results: pd.DataFrame, run: Mapping[str, Any]) -> list[str]:
    """Return the remarks that stand before the numbers: an interruption, a wrong gradient."""
    found = []
    planned = run.get("planned_cells")
    if run.get("interrupted"):
        of = f" of {planned:,}" if isinstance(planned, int) else ""
        found.append(f"Interrupted: {len(results):,}{of} cells are finished.")
    if run.get("quick"):
        found.append("A quick run: few sizes, small budgets.")
    wrong = results[results["status"] == "mismatch"]
    if len(wrong):
        found.append(
            f"{_cells(len(wrong))} with a wrong gradient, not timed: "
            f"{list_text(list(dict.fromkeys(wrong['engine'])))}; see the failures."
        )
    return found
