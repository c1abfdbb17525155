"""The sentences above each chart, and those on how to read the numbers fairly."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from compare.report import cells as frames
from compare.report.format import bytes_text, count_text, list_text, ratio_text, seconds_text
from compare.report.reach import FORMULAS, budget, reach

__all__ = [
    "build_sentences",
    "cost_sentences",
    "fairness",
    "memory_sentences",
    "operations_sentences",
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


def _meeting(results: pd.DataFrame, column: str) -> dict[str, dict[str, Any]]:
    """Return, by engine, the cells of the largest network that formula and graph both did."""
    grown = frames.networks(frames.growing(results))
    good = frames.ok(grown)
    good = good[good[column] > 0]
    key = ["family", "problem", "size"]
    for formula in FORMULAS:
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
    for name in (*FORMULAS, "graph", "graph-compiled", "hand-written"):
        if name in met:
            parts.append(f"{_WORDS[name]} {'' if parts else verb} {text(met[name][column])}")
            if column == "operations":
                units = {"matrix": " on whole matrices", "graph": " nodes"}
                parts[-1] += units.get(name, "" if len(parts) > 1 else " operations")
    cell = next(iter(met.values()))
    where = f"On the network {cell['label']} ({count_text(cell['n'])} parameters), "
    return where + list_text([" ".join(part.split()) for part in parts]) + "."


def cost_sentences(results: pd.DataFrame) -> list[str]:
    """Return the sentences above the chart of run time."""
    found = []
    if met := _meeting(results, "run_s"):
        found.append(_compared(met, "run_s", seconds_text, "takes"))
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
    """Return the sentences above the chart of formula and graph size."""
    met = _meeting(results, "operations")
    nodes = (
        "A formula counts operations on scalars; a matrix formula and a graph count operations on "
        "whole arrays: how much has to be written down, not how much is computed."
    )
    if not met:
        return [nodes]
    return [_compared(met, "operations", count_text, "has"), nodes]


def build_sentences(results: pd.DataFrame) -> list[str]:
    """Return the sentences above the chart of build time."""
    found = ["Deriving and tracing happen once, before the first gradient."]
    if met := _meeting(results, "build_s"):
        found.insert(0, _compared(met, "build_s", seconds_text, "takes"))
    return found


def memory_sentences(results: pd.DataFrame) -> list[str]:
    """Return the sentences above the chart of peak memory."""
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
    """Return the sentences on limits of the numbers, those that this run needs."""
    limits = budget(results, run)
    found = []
    if len(frames.networks(frames.growing(results))):
        found.append(
            "The growing networks see one sample at a time, so that each formula is as short as it "
            "can be; a batch would make it longer and leave the graph as it is."
        )
    if (results["status"] == "timeout").any():
        found.append(
            "A timeout is a lower bound: the cell takes at least its budget"
            f"{f' ({limits})' if limits else ''}; the fitted laws use it as a bound, not a point."
        )
    return found


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
