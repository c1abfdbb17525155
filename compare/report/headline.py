"""The first screen: the cells that the finding is about, and its chart of three lines."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from compare.report import cells as frames
from compare.report.figures import Figure
from compare.report.format import budget_text, count_text, list_text, seconds_text
from compare.report.palette import ENGINES, mark_styles
from compare.report.plot import Panel, Point, Series, log_axis, mark, panel_svg, words
from compare.report.reach import FORMULAS, Reach, reach

__all__ = ["LINES", "Scope", "headline_figures", "same_size", "scope_of"]

#: The three lines: the closed formula, the formula with names, the graph.
LINES = {
    "expanded": "closed formula",
    "shared": "formula with names",
    "graph": "graph",
}
#: What each other strategy is called where one of the three was not measured.
_OTHERS = {"adjoint": "formula in reverse", "matrix": "matrix formula"}
_WIDE, _NARROW, _BAR = (640, 330), (350, 300), 26


@dataclass(frozen=True)
class Scope:
    """The growing cells that the first screen is about: those of one family."""

    family: str
    #: The word for what grows in them.
    word: str
    cells: pd.DataFrame

    def reach(self, engine: str) -> Reach | None:
        """Return the reach of an engine."""
        return reach(self.cells, engine)


def scope_of(results: pd.DataFrame) -> Scope | None:
    """Return the family of the first screen: networks before functions, the largest first."""
    grown = frames.growing(results)
    grown = grown[grown["n"] > 0]
    best, found = (0, 0, 0), None
    for family in frames.families(grown):
        cells = grown[grown["family"] == family]
        if cells["n"].nunique() < 2 or not len(frames.ok(cells)):
            continue
        networks = len(frames.networks(cells)) > 0
        rank = (
            len(set(cells["engine"]) & {*FORMULAS, "graph"}),
            int(networks) + int((cells["against"] == "parameters").any()),
            # One that comes a little farther is not worth leaving the first for.
            round(math.log10(frames.ok(cells)["n"].max())),
        )
        if rank > best or found is None:
            best, found = rank, Scope(family, frames.size_word(cells), cells)
    return found


def lines_of(engines: set[str]) -> dict[str, str]:
    """Return the engines of the chart with their names: at most three."""
    found = {name: text for name, text in LINES.items() if name in engines}
    for name, text in _OTHERS.items():
        if len(found) < len(LINES) and name in engines and not set(found) - {"graph"}:
            found = {name: text} | found
    if not found:
        found = {name: name for name in list(mark_styles(engines))[:3]}
    return found


def headline_figures(results: pd.DataFrame, run: Mapping[str, Any]) -> list[Figure]:
    """Return the chart of the first screen, for a page and for a phone; none without a time."""
    scope = scope_of(results)
    if scope is not None and (panel := _panel(scope)) is not None:
        caption = _caption(scope, panel)
        return [_figure(panel, caption, size) for size in (_WIDE, _NARROW)]
    return [figure for size in (_WIDE, _NARROW) if (figure := _bars(results, size[0]))]


def _figure(panel: Panel, caption: str, size: tuple[int, int]) -> Figure:
    inside = panel_svg(panel, *size)
    ends = list_text([s.label.replace("\n", " ") for s in panel.series])
    return Figure(
        f"{panel.y.title} against {panel.x.title}: {ends}", caption, drawn=(inside, *size)
    )


def _panel(scope: Scope) -> Panel | None:
    """Return the time from a function to its first gradient, a line an engine."""
    series, values, budgets = [], [], set()
    cells = scope.cells.assign(
        first=scope.cells[["build_s", "compile_s", "first_run_s"]].sum(axis=1, min_count=1)
    )
    for engine, name in lines_of(set(cells["engine"])).items():
        rows = cells[cells["engine"] == engine].sort_values("n")
        good = rows[(rows["status"] == "ok") & (rows["first"] > 0)]
        far = scope.reach(engine)
        points = [
            Point(
                row["n"],
                row["first"],
                f"{name}, {count_text(row['n'])} {scope.word}: {seconds_text(row['first'])}",
            )
            for row in good.to_dict("records")
        ]
        if not points or far is None:
            continue
        values += [p.y for p in points]
        label = f"{name}\n{'ends at ' if far.stopped_by else ''}{count_text(far.n)}"
        beyond = rows[(rows["n"] > far.n) & (rows["status"] == "timeout")]
        if far.stopped_by == "timeout" and len(beyond):
            row = beyond.iloc[0]
            if row["budget_s"] > 0:
                budgets.add(row["budget_s"])
                text = f"{name}, {count_text(row['n'])} {scope.word}: stopped by the time budget"
                points.append(Point(row["n"], row["budget_s"], text, "timeout"))
        elif far.stopped_by:
            text = f"{name}: {far.stopped_by} at the next size"
            points.append(Point(points[-1].x, points[-1].y, text, "refused"))
        style = replace(ENGINES[engine], dash=()) if engine in ENGINES else None
        series.append(Series(engine, style or mark_styles([engine])[engine], points, label=label))
    if not series:
        return None
    tall = max([*values, *budgets])
    low, high = scope.cells["n"].min(), max(p.x for s in series for p in s.points)
    return Panel(
        "",
        # Room on the right for what stands at the ends of the lines.
        log_axis(scope.word, low / 1.5, max(high, 10 * low) * (high / low) ** 0.3, most=6),
        log_axis("first gradient", min(values) / 2, tall * 1.8, "s", most=6),
        series,
        [(b, f"budget {budget_text(b, None)}") for b in sorted(budgets)],
    )


def _caption(scope: Scope, panel: Panel) -> str:
    """Return the sentence that says what is seen."""
    stops = {p.stop for s in panel.series for p in s.points}
    signs = {"refused": "✕ refused or failed beyond", "timeout": "△ stopped by the time budget"}
    marks = [text for stop, text in signs.items() if stop in stops]
    text = f"Time from the function to its first gradient, {scope.family}"
    return "; ".join([text, *marks]) + "."


def same_size(results: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of the one problem and size at which most engines were right."""
    if results.empty:
        return results
    right = (
        (results["status"] == "ok").groupby([results["problem"], results["label"]]).transform("sum")
    )
    most = results[right == right.max()].iloc[0]
    here = (results["problem"] == most["problem"]) & (results["label"] == most["label"])
    found: pd.DataFrame = results[here]
    return found


def _bars(results: pd.DataFrame, width: int) -> Figure | None:
    """Return the time of a gradient as a bar an engine, where nothing grows."""
    timed = same_size(results[(results["status"] == "ok") & (results["run_s"] > 0)])
    if timed.empty:
        return None
    problem = timed["problem"].iloc[0]
    rows = timed.drop_duplicates("engine", keep="last")
    times = dict(zip(rows["engine"], rows["run_s"], strict=True))
    styles = mark_styles(times)
    longest = max(times.values())
    left, room = 130, width - 130 - 70
    parts = []
    for i, (engine, style) in enumerate(styles.items()):
        y = 6 + i * _BAR
        long = max(2.0, room * times[engine] / longest)
        parts += [
            words(left - 22, y + 16, engine, anchor="end"),
            mark(style, left - 10, y + 12),
            f'<rect x="{left}" y="{y + 4}" width="{long:.1f}" height="16" fill="{style.paint}"/>',
            words(left + long + 6, y + 16, seconds_text(times[engine])),
        ]
    label = str(rows["label"].iloc[0])
    at = f" ({label})" if results["label"].nunique() > 1 else ""
    caption = f"Time of one value with its gradient of {problem}{at}, once derived or traced."
    size = (width, 12 + len(styles) * _BAR)
    return Figure("Time of one gradient", caption, drawn=("".join(parts), *size))
