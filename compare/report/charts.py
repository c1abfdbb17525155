"""The charts of the report: one function a chart, from the record of a run to a figure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import escape

from compare.report import cells as frames
from compare.report.figures import Figure
from compare.report.format import (
    budget_text,
    bytes_text,
    count_text,
    error_text,
    power_text,
    seconds_text,
)
from compare.report.palette import TRAININGS, mark_styles
from compare.report.plot import Axis, Panel, Point, Series, log_axis, words
from compare.report.record import RunRecord
from compare.report.swelling import AGAINST, FORMS, TOP, swell_cells
from compare.report.worst import worst_pairs

__all__ = ["CHARTS", "charts_of", "panel_name"]

#: Points of a training curve that a chart keeps; more cannot be seen.
_CURVE_POINTS = 160
#: Statuses that end a cell for its budget, with what the caption says of their marks.
_STOPS = {
    "timeout": "△ stopped by the time budget: the true value is at least this",
    "memory": "▽ stopped by the memory budget",
}
#: What stands in a square of the matrix where there is no error.
_WORDS = {"unsupported": "n/a", "memory": "memory", "crashed": "crashed"}


@dataclass(frozen=True)
class _Quantity:
    """The quantity of a chart of growth."""

    #: Column of the results.
    name: str
    #: Title of the figure, of the axis, and what a point says.
    title: str
    axis: str
    caption: str
    text: Callable[[float], str]
    unit: str = ""
    #: Column of the budget that this quantity has, and the statuses that it ends.
    budget: str = ""
    stops: tuple[str, ...] = ()


_QUANTITIES = {
    "cost": _Quantity(
        "run_s",
        "Time of one gradient",
        "time of one gradient",
        "Median time of one value with its gradient, once derived or traced.",
        seconds_text,
        "s",
        "budget_s",
        ("timeout",),
    ),
    "operations": _Quantity(
        "operations",
        "Size of formula and graph",
        "operations or nodes",
        "Operations of the formula, nodes of the graph, steps of the compiled graph.",
        count_text,
    ),
    "build": _Quantity(
        "build_s",
        "Time to build",
        "time to derive or trace",
        "Time to derive the formula or to trace the graph, once a function.",
        seconds_text,
        "s",
        "budget_s",
        ("timeout",),
    ),
    "memory": _Quantity(
        "peak_bytes",
        "Peak memory",
        "peak memory",
        "Peak resident memory of building and running, above the inputs.",
        bytes_text,
        "B",
        "budget_bytes",
        ("memory",),
    ),
}


def panel_name(chart: str, family: str) -> str:
    """Return the name of a panel in links.

    Examples
    --------
    >>> panel_name("cost", "mlp width")
    'cost-mlp-width'
    """
    plain = "".join(c if c.isalnum() and c.isascii() else "-" for c in family)
    return f"{chart}-{plain}"


def _growth(name: str) -> Callable[[RunRecord], Figure | None]:
    def chart(record: RunRecord) -> Figure | None:
        return _grown(record.results, name, _QUANTITIES[name])

    return chart


def _grown(results: pd.DataFrame, name: str, quantity: _Quantity) -> Figure | None:
    """Return a quantity against the size, one panel a family; None where nothing grows."""
    cells = frames.growing(results)
    cells = cells[cells["n"] > 0]
    known = cells[quantity.name] > 0
    drawn = cells[known | (cells["status"].isin(quantity.stops) & ~known)]
    panels: dict[str, Panel] = {}
    for family in frames.families(cells):
        rows, of_family = (c[c["family"] == family] for c in (drawn, cells))
        if rows["n"].nunique() > 1 and (rows[quantity.name] > 0).any():
            panels[panel_name(name, family)] = _panel(rows, family, quantity, of_family)
    if not panels:
        return None
    shown = drawn[drawn["family"].isin([panel.title for panel in panels.values()])]
    stops = [text for status, text in _STOPS.items() if _stopped(shown, quantity, status)]
    series = [line for panel in panels.values() for line in panel.series]
    if any(point.stop == "refused" for line in series for point in line.points):
        stops.append("✕ refused or failed at the next size")
    return Figure(quantity.title, quantity.caption, panels, mark_styles(shown["engine"]), stops)


def _stopped(cells: pd.DataFrame, quantity: _Quantity, status: str) -> bool:
    return status in quantity.stops and bool(
        ((cells["status"] == status) & ~(cells[quantity.name] > 0)).any()
    )


def _panel(rows: pd.DataFrame, family: str, quantity: _Quantity, cells: pd.DataFrame) -> Panel:
    """Return one family's panel."""
    word = frames.size_word(rows)
    values = rows.loc[rows[quantity.name] > 0, quantity.name].tolist()
    stopped = rows[~(rows[quantity.name] > 0)]
    budgets = sorted({b for b in stopped[quantity.budget] if b > 0}) if quantity.budget else []
    bottom, top = min(values) / 1.6, max([*values, *budgets]) * 1.6
    most = stopped.groupby("n").size().max() if len(stopped) else 0
    # Room above the budget's line for as many stops as stand over one size.
    top *= (top / bottom) ** (0.07 * min(int(most), 6))
    series = []
    for engine, style in mark_styles(rows["engine"]).items():
        points = [
            _point(row, quantity, word) for row in rows[rows["engine"] == engine].to_dict("records")
        ]
        found = [p for p in points if p]
        found += _refusal(cells[cells["engine"] == engine], found)
        series.append(Series(engine, style, found))
    in_time = quantity.budget == "budget_s"
    named = [
        (b, f"budget {budget_text(b, None) if in_time else budget_text(None, b)}") for b in budgets
    ]
    return Panel(
        family,
        _size_axis(rows["n"].tolist(), word),
        log_axis(quantity.axis, bottom, top, quantity.unit),
        series,
        named,
    )


def _point(row: dict[Any, Any], quantity: _Quantity, word: str) -> Point | None:
    """Return a cell as a point; None where nothing is known of it."""
    value = row[quantity.name]
    where = f"{row['engine']}, {row['label']} ({count_text(row['n'])} {word})"
    if value > 0:
        end = "" if row["status"] == "ok" else f", {row['status']}"
        return Point(row["n"], value, f"{where}: {quantity.text(value)}{end}")
    bound = row[quantity.budget]
    if not bound > 0:
        return None
    return Point(row["n"], bound, f"{where}: at least {quantity.text(bound)}", row["status"])


def _refusal(cells: pd.DataFrame, points: list[Point]) -> list[Point]:
    """Return the mark at the end of a line whose next cell was no budget's to end."""
    known = [p for p in points if not p.stop]
    if not known or len(known) < len(points):
        return []
    last = max(known, key=lambda p: p.x)
    beyond = cells[(cells["n"] > last.x) & (cells["status"] != "ok")].sort_values("n")
    if beyond.empty or beyond["status"].iloc[0] in frames.STOPPED:
        return []
    row = beyond.iloc[0]
    text = f"{row['engine']}: {row['status']} at {count_text(row['n'])}"
    return [Point(last.x, last.y, text, "refused")]


def _size_axis(sizes: Sequence[float], word: str) -> Axis:
    low, high = min(sizes), max(sizes)
    return log_axis(word, low / 1.35, max(high, 8 * low) * 1.35)


def _swell(record: RunRecord) -> Figure | None:
    """Return the operations of one gradient in each form, a panel a family."""
    cells = swell_cells(record.swell)
    panels: dict[str, Panel] = {}
    for family, rows in cells.groupby("family", sort=False):
        word = AGAINST.get(str(family), "parameters")
        high = min(rows["operations"].max(), TOP)
        low = rows["operations"].min()
        series, notes = [], []
        for form, (label, style) in FORMS.items():
            mine = rows[rows["form"] == form].sort_values("n")
            if len(mine):
                series.append(Series(label, style, _within(mine, high, word)))
            outside = mine[mine["operations"] > high]
            if len(outside):
                last = outside.iloc[-1]
                notes.append(
                    f"{label}: {power_text(last['operations'])} at {count_text(last['n'])} ↑"
                )
        panels[panel_name("swell", str(family))] = Panel(
            str(family),
            _size_axis(rows["n"].tolist(), word),
            log_axis("operations of the gradient", low / 1.6, max(high, 10 * low) * 1.6),
            series,
            notes=notes,
        )
    if not panels:
        return None
    styles = {label: style for form, (label, style) in FORMS.items() if form in set(cells["form"])}
    caption = (
        "Operations of one gradient: the closed form written out (tree), its distinct parts (DAG), "
        "and the forms that name intermediates."
    )
    return Figure("Where the swell is", caption, panels, styles)


def _within(rows: pd.DataFrame, top: float, word: str) -> list[Point]:
    """Return one form's points within the frame, and where its line leaves it."""
    found: list[Point] = []
    last: dict[Any, Any] = {}
    for row in rows.to_dict("records"):
        operations, n = row["operations"], row["n"]
        if operations > top:
            if last:
                share = math.log(top / last["operations"]) / math.log(
                    operations / last["operations"]
                )
                found.append(Point(last["n"] * (n / last["n"]) ** share, top, ""))
            break
        text = f"{row['engine']}, {count_text(n)} {word}: {power_text(operations)} operations"
        found.append(Point(n, operations, text))
        last = row
    return found


def _agreement(record: RunRecord) -> Figure | None:
    """Return the matrix of the largest error of each engine on each problem."""
    pairs = record.agreement
    if pairs.empty:
        return None
    worst = worst_pairs(pairs)
    engines, problems = frames.engines(pairs), list(dict.fromkeys(pairs["problem"]))
    left, top, wide, high = 140, 92, 74, 26
    parts = []
    for i, engine in enumerate(engines):
        x = left + i * wide + wide / 2
        turn = f"rotate(-30 {x:.0f} {top - 8})"
        parts.append(words(x, top - 8, engine, transform=turn))
    for j, problem in enumerate(problems):
        y = top + j * high
        parts.append(words(left - 8, y + 17, _short(problem), anchor="end"))
        for i, engine in enumerate(engines):
            if row := worst.get((problem, engine)):
                parts.append(_square(row, left + i * wide, y, wide, high))
    size = (left + len(engines) * wide + 60, top + len(problems) * high + 8)
    caption = (
        "Largest error of an entry of the gradient, relative, against the engine that it agrees "
        "with least."
    )
    return Figure("Agreement", caption, drawn=("".join(parts), *size))


def _short(text: str, most: int = 18) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _square(row: dict[Any, Any], x: float, y: float, wide: float, high: float) -> str:
    """Return one square of the matrix: an error, or the reason why there is none."""
    status = str(row["status"])
    text = error_text(row["max_error"]) if status == "ok" else _WORDS.get(status, status)
    paint, ink = "var(--tint)", "var(--ink)"
    if status == "unsupported":
        paint, ink = "none", "var(--soft)"
    elif status != "ok":
        paint, ink = "var(--bad)", "var(--paper)"
    tip = f"{row['engine']} on {row['problem']} against {row['against']}: {status}"
    if status == "ok":
        tip += f", {text} at {row['max_error_at']}, tolerance {error_text(row['tolerance'])}"
    return (
        f'<rect x="{x + 1:.0f}" y="{y + 1:.0f}" width="{wide - 2:.0f}" height="{high - 2:.0f}" '
        f'rx="3" fill="{paint}" stroke="var(--line)"><title>{escape(tip)}</title></rect>'
        + words(x + wide / 2, y + high / 2 + 4, text, anchor="middle", size=11, fill=ink)
    )


#: The column of each run of a training.
_LOSSES = {"loss_hand": "by hand", "loss_formula": "by the formula", "loss_graph": "by the graph"}


def _training(record: RunRecord) -> Figure | None:
    """Return the loss of the training runs, drawn on one another."""
    curves = record.training
    runs = {column: name for column, name in _LOSSES.items() if (curves[column] > 0).any()}
    if not runs or len(curves) < 2:
        return None
    last = len(curves) - 1
    kept = {0, last, *range(1, min(30, last))}
    kept |= {round(i * last / _CURVE_POINTS) for i in range(_CURVE_POINTS)}
    rows = curves.iloc[sorted(kept)]
    series = []
    for column, name in runs.items():
        points = [
            Point(row["step"], row[column], "")
            for row in rows.to_dict("records")
            if row[column] > 0
        ]
        series.append(Series(name, TRAININGS[name], points))
    losses = [p.y for s in series for p in s.points]
    end = max(float(curves["step"].max()), 1.0)
    step = next(s for s in (f * 10**k for k in range(12) for f in (1, 2, 5)) if end / s <= 5)
    steps = tuple((float(v), f"{v:,}") for v in range(0, int(end) + 1, step))
    panel = Panel(
        "",
        Axis("step of gradient descent", 0.0, end, steps, log=False),
        log_axis("loss (squared error)", min(losses) / 1.2, max(losses) * 1.2),
        series,
    )
    caption = "Loss at each step of gradient descent; the curves lie on one another."
    return Figure(
        "Training",
        caption,
        {"training-loss": panel},
        {name: TRAININGS[name] for name in runs.values()},
    )


#: The charts of the report by name, in its order.
CHARTS: dict[str, Callable[[RunRecord], Figure | None]] = {
    "cost": _growth("cost"),
    "operations": _growth("operations"),
    "swell": _swell,
    "build": _growth("build"),
    "memory": _growth("memory"),
    "agreement": _agreement,
    "training": _training,
}


def charts_of(record: RunRecord) -> dict[str, Figure]:
    """Return the charts of a run by name; those that have nothing to show are left out."""
    found = {name: chart(record) for name, chart in CHARTS.items()}
    return {name: figure for name, figure in found.items() if figure is not None}
