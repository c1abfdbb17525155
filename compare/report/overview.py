"""The overview: how far each engine came on each problem, and the facts of the run in a line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from compare.report import cells as frames
from compare.report.charts import panel_name
from compare.report.format import count_text, seconds_text
from compare.report.reach import budget, reach

__all__ = ["Overview", "Place", "facts", "overview_of"]


@dataclass(frozen=True)
class Place:
    """A field of the overview."""

    text: str
    #: Name of what it links to.
    link: str
    #: Whether all cells were ok, some, none, or the engine is unable.
    kind: str
    #: What it says in words.
    words: str


@dataclass(frozen=True)
class Overview:
    """The engines across, the problems down."""

    engines: list[str]
    #: Problems with what their numbers count, and a field an engine, None where none was tried.
    rows: list[tuple[str, str, list[Place | None]]]

    @property
    def ended(self) -> bool:
        """Whether an engine ended before the largest size."""
        return any(p and p.kind == "some" for _, _, places in self.rows for p in places)


def overview_of(results: pd.DataFrame) -> Overview:
    """Return how far each engine came on each problem, with links to the chapters."""
    grown = frames.growing(results)
    cells = results.assign(
        n=grown["n"].reindex(results.index), against=grown["against"].reindex(results.index)
    )
    engines = frames.engines(cells)
    rows = []
    for problem in dict.fromkeys(cells["problem"]):
        here = cells[cells["problem"] == problem]
        family = str(here["family"].iloc[0])
        if here["n"].nunique() > 1:
            word, link = frames.size_word(here), panel_name("cost", family)
            fields = [_place(here, str(problem), engine, word, link) for engine in engines]
            rows.append((str(problem), word, fields))
            continue
        # Times at different sizes do not stand in one row.
        for label, one in here.groupby("label", sort=False):
            name = str(problem) if here["label"].nunique() < 2 else f"{problem} {label}"
            rows.append((name, "time", [_place(one, name, e, "", "cost") for e in engines]))
    return Overview(engines, rows)


def _place(cells: pd.DataFrame, problem: str, engine: str, word: str, link: str) -> Place | None:
    """Return the field of an engine on a problem."""
    tried = cells[cells["engine"] == engine]
    if tried.empty:
        return None
    good, bad = frames.ok(tried), tried[tried["status"] != "ok"]
    what = f"{engine} on {problem}"
    if good.empty:
        status = str(bad["status"].iloc[0]) or "unknown"
        kind = "unable" if status == "unsupported" else "none"
        return Place(status, "failures", kind, f"{what}: {status}")
    if word:
        far = reach(cells, engine)
        assert far is not None
        text = count_text(far.n)
        told = f"{what}: up to {text} {word}"
    else:
        text = seconds_text(float(good["run_s"].iloc[-1]))
        told = f"{what}: {text}"
    if bad.empty:
        return Place(text, link, "all", told)
    ends = ", ".join(dict.fromkeys(bad["status"]))
    return Place(text, link, "some", f"{told}, then {ends}")


def facts(results: pd.DataFrame, run: Mapping[str, Any]) -> list[str]:
    """Return machine, date, budget and number of cells, as far as they are known."""
    limits = budget(results, run) if len(results) else ""
    machine = str(run.get("machine") or "")
    created = str(run.get("created") or "")[:10]
    cells = f"{len(results):,} cells" if len(results) else ""
    return [text for text in (cells, f"{limits} each" if limits else "", machine, created) if text]
