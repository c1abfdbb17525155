"""The finding in one sentence, and what stands above each chart, computed from the frames."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from compare.report import cells as frames
from compare.report.format import (
    MISSING,
    budget_text,
    bytes_text,
    count_text,
    list_text,
    ratio_text,
    seconds_text,
)

__all__ = [
    "Reach",
    "budget",
    "build_sentences",
    "cost_sentences",
    "fairness",
    "finding",
    "memory_sentences",
    "operations_sentences",
    "reach",
    "remarks",
]

#: What a sentence calls each engine.
_WORDS = {
    "graph": "the graph",
    "graph-compiled": "the compiled graph",
    "expanded": "the closed formula",
    "shared": "the formula with common subexpressions",
    "adjoint": "the formula in reverse",
    "matrix": "the matrix formula",
    "hand-written": "the hand-written gradient",
    "finite-differences": "finite differences",
    "complex-step": "the complex step",
}
#: The strategies of formulas, from the one that names nothing to the one that names matrices.
_FORMULAS = ("expanded", "shared", "adjoint", "matrix")
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


@dataclass(frozen=True)
class Reach:
    """How far an engine came.

    Parameters
    ----------
    n : float
        Parameters, or size, of the largest cell that ended as ok.
    best : dict
        That cell; empty where there is none.
    smallest : float
        Parameters, or size, of the smallest cell tried.
    stopped_by : str
        Status of the first cell beyond; empty where every cell was ok.
    """

    n: float
    best: dict[str, Any]
    smallest: float
    stopped_by: str


def reach(cells: pd.DataFrame, engine: str) -> Reach | None:
    """Return how far an engine came in growing cells, or None if it was not tried."""
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
    facts = {str(name): value for name, value in best.items()}
    return Reach(float(best["n"]), facts, smallest, stopped_by)


def budget(results: pd.DataFrame, run: Mapping[str, Any]) -> str:
    """Return the budgets of a cell in words, from the run or else from the cells."""
    found = []
    for name in ("budget_s", "budget_bytes"):
        value = run.get(name)
        if not isinstance(value, int | float) or not value > 0:
            value = results[name].max()
        found.append(float(value))
    return budget_text(found[0], found[1])


def finding(results: pd.DataFrame, run: Mapping[str, Any]) -> str:
    """Return what the run found, in one sentence with its numbers."""
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
    """Return what n counts in a scope of cells."""
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
    found = {name: far for name in _FORMULAS if (far := reach(scope, name))}
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
    """Return how far the engine came that came farthest, where neither of ours ran."""
    row = frames.ok(scope).sort_values("n", kind="stable").iloc[-1]
    cost = ratio_text(row["ratio"])
    text = f"{row['engine']} differentiated {_thing(scope, 'up to ', row['n'])}"
    return text + ("" if cost == MISSING else f", at {cost} the cost of one evaluation of the loss")


def remarks(results: pd.DataFrame, run: Mapping[str, Any]) -> list[str]:
    """Return what a reader must know before the numbers: an interruption, a wrong gradient."""
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


def _meeting(results: pd.DataFrame, column: str) -> dict[str, dict[str, Any]]:
    """Return, by engine, the cells of the largest network that formula and graph both did."""
    grown = frames.networks(frames.growing(results))
    good = frames.ok(grown)
    good = good[good[column] > 0]
    key = ["family", "problem", "size"]
    for formula in _FORMULAS:
        ours, graph = good[good["engine"] == formula], good[good["engine"] == "graph"]
        both = ours.merge(graph[key], on=key).drop_duplicates(key)
        if both.empty:
            continue
        place = both.sort_values(["n", "family"]).iloc[-1]
        here = good[(good[key] == place[key]).all(axis=1)].drop_duplicates("engine")
        return {
            str(row["engine"]): {str(name): value for name, value in row.items()}
            for row in here.to_dict("records")
        }
    return {}


def _compared(
    met: dict[str, dict[str, Any]], column: str, text: Callable[[float], str], verb: str
) -> str:
    """Return one sentence that sets the engines side by side on one network."""
    parts: list[str] = []
    for name in (*_FORMULAS, "graph", "graph-compiled", "hand-written"):
        if name in met:
            parts.append(f"{_WORDS[name]} {'' if parts else verb} {text(met[name][column])}")
            if column == "operations":
                units = {"matrix": " on whole matrices", "graph": " nodes"}
                parts[-1] += units.get(name, "" if len(parts) > 1 else " operations")
    cell = next(iter(met.values()))
    where = f"On the network {cell['label']} ({count_text(cell['n'])} parameters), "
    return where + list_text([" ".join(part.split()) for part in parts]) + "."


def cost_sentences(results: pd.DataFrame) -> list[str]:
    """Return what the chart of run time shows."""
    found = []
    if met := _meeting(results, "run_s"):
        found.append(
            _compared(met, "run_s", seconds_text, "takes")
            + " A formula that has been derived can be quick; what grows out of hand is first of "
            "all its derivation."
        )
    grown = frames.networks(frames.growing(results))
    steps = [name for name in ("finite-differences", "complex-step") if len(frames.ok(grown, name))]
    if steps:
        far = reach(grown, steps[0])
        if far and far.best:
            found.append(
                f"{_sentence(list_text([_WORDS[name] for name in steps]))} evaluate the loss again "
                f"for every parameter: at {count_text(far.n)} parameters, {_WORDS[steps[0]]} "
                f"cost {ratio_text(far.best['ratio'])} one evaluation."
            )
    return found


def operations_sentences(results: pd.DataFrame) -> list[str]:
    """Return what the chart of formula and graph size shows."""
    met = _meeting(results, "operations")
    why = (
        "By the chain rule, each partial derivative repeats the expressions it passes through. "
        "Written out, they are repeated for every parameter and every path; the graph computes "
        "each once, keeps it, and passes one adjoint back through it."
    )
    nodes = (
        "An operation of a formula is on scalars, one of a matrix formula and a node of the graph "
        "may be on whole arrays, and the plan of the compiled graph counts the steps of both "
        "passes: the numbers say how much has to be written down, not how much is computed."
    )
    if not met:
        return [why, nodes]
    return [_compared(met, "operations", count_text, "has"), why, nodes]


def build_sentences(results: pd.DataFrame) -> list[str]:
    """Return what the chart of build time shows."""
    found = ["Deriving and tracing happen once for each network, before the first gradient."]
    if met := _meeting(results, "build_s"):
        found.insert(0, _compared(met, "build_s", seconds_text, "takes"))
    return found


def memory_sentences(results: pd.DataFrame) -> list[str]:
    """Return what the chart of peak memory shows."""
    found = []
    if met := _meeting(results, "peak_bytes"):
        found.append(_compared(met, "peak_bytes", bytes_text, "needs"))
    far = reach(frames.networks(frames.growing(results)), "graph")
    if far and far.best and far.best["peak_bytes"] > 0:
        each = far.best["peak_bytes"] / far.n
        found.append(
            f"At its largest network the graph needs {bytes_text(far.best['peak_bytes'])}, which "
            f"is {bytes_text(each)} a parameter; a float64 has 8 B."
        )
    return found


def fairness(results: pd.DataFrame, run: Mapping[str, Any]) -> list[str]:
    """Return what the numbers do not say."""
    limits = budget(results, run)
    return [
        "The swell belongs to closed forms that have no names for intermediate results. Give each "
        "intermediate a name and a formula becomes a graph: `shared` is a step on that way, "
        "`adjoint` and `matrix` are at its end.",
        "The growing networks see one sample at a time, so that each formula is as short as it "
        "can be; a batch would make it longer and leave the graph as it is.",
        "A timeout is a lower bound: the cell takes at least its budget"
        f"{f' ({limits})' if limits else ''}, and nobody knows how much more. The fitted "
        "exponents use such cells as bounds and not as points.",
    ]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
