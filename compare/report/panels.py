"""Panels of growing families: a quantity against the size, log-log, with a legend above."""

import math
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from compare.report import cells as frames
from compare.report.format import budget_text
from compare.report.layers import (
    blank,
    colour,
    dash,
    decades,
    fade,
    fill,
    layered,
    pickable,
    shape,
    size_axis,
    stroke,
    styled,
    ticks,
)
from compare.report.legend import STOPS, legend
from compare.report.palette import MarkStyle, mark_styles

__all__ = ["Quantity", "growth"]

_KEPT = ("family", "problem", "label", "engine", "n", "status")
_NUMBERS = ("run_s", "build_s", "peak_bytes", "operations", "budget_s", "budget_bytes")
#: Height in px that one stop takes when several stand over the same size.
_STACK = 17


@dataclass(frozen=True)
class Quantity:
    """The quantity of a chart of growth."""

    #: Column of the results.
    name: str
    #: Title of the axis, with its unit.
    title: str
    #: Unit behind the numbers of the axis.
    unit: str = ""
    #: Column of the budget that this quantity has.
    budget: str | None = None
    #: Statuses that are marked on the budget's line.
    stops: tuple[str, ...] = ()


def growth(results: pd.DataFrame, quantity: Quantity, narrow: bool) -> alt.TopLevelMixin:
    """Return a quantity against the size of the problem, one panel a family."""
    cells = frames.growing(results)
    cells = cells[cells["n"] > 0]
    shown = cells[cells[quantity.name] > 0]
    stops = cells[cells["status"].isin(quantity.stops) & ~(cells[quantity.name] > 0)]
    drawn = pd.concat([shown, stops])
    if drawn.empty:
        return styled(blank("Nothing was measured.", narrow), {}, narrow)
    values = shown[quantity.name].tolist()
    if quantity.budget:
        values += [value for value in cells[quantity.budget].unique() if value > 0]
    if not values:
        return styled(blank("Nothing was measured.", narrow), {}, narrow)
    table = mark_styles(drawn["engine"])
    width, height, columns = (272, 210, 1) if narrow else (362, 250, 2)
    bottom, top = decades(min(values), max(values))
    if quantity.budget and len(stops):
        # Room above the budget's line for as many stops as stand over one size.
        most = cells[cells["status"].isin(STOPS)].groupby(["family", "n"]).size().max()
        share = min((most * _STACK) / height, 0.5)
        line = stops[quantity.budget].max()
        top = max(top, line * (line / bottom) ** (share / (1 - share)))
    panels = [
        _panel(rows, str(family), quantity, table, (bottom / 1.5, top * 1.2), (width, height))
        for family in frames.families(cells)
        if len(rows := drawn[drawn["family"] == family])
    ]
    spacing = {"row": 18, "column": 14}
    body = alt.ConcatSpecGenericSpec(concat=[], columns=columns, spacing=spacing)
    body.concat = panels
    chart = alt.VConcatChart(spacing=14, data=alt.NamedData("cells"))
    pickable(chart, legend(table, set(stops["status"]), 280 if narrow else 846), body)
    return styled(chart, {"cells": _records(cells)}, narrow)


def _records(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the growing cells as the charts' shared data, rounded to four digits."""
    rows = []
    taken: dict[tuple[str, int], int] = {}
    for cell in cells.to_dict("records"):
        row = {name: cell[name] for name in _KEPT} | {"n": int(cell["n"])}
        for name in _NUMBERS:
            if math.isfinite(cell[name]):
                rounded = float(f"{cell[name]:.4g}")
                row[name] = int(rounded) if rounded.is_integer() else rounded
        if cell["status"] in STOPS:
            # Stops at the same size would hide one another: each is drawn above the last.
            place = (str(row["family"]), int(row["n"]))
            row["rank"] = taken.get(place, 0)
            taken[place] = row["rank"] + 1
        rows.append(row)
    return rows


def _panel(
    drawn: pd.DataFrame,
    family: str,
    quantity: Quantity,
    table: dict[str, MarkStyle],
    span: tuple[float, float],
    size: tuple[int, int],
) -> alt.LayerSpec:
    """Return one family's panel; its data come from the chart around it."""
    sized = bool((drawn["against"] == "size").any())
    word = frames.SIZE_WORDS.get(family, "size") if sized else "parameters"
    x = size_axis(drawn["n"], word)
    scale = alt.Scale(type="log", domain=list(span), nice=False)
    axis = alt.Axis(title=quantity.title, **ticks(*span, quantity.unit))
    y = alt.Y(f"{quantity.name}:Q", scale=scale, axis=axis)

    unit = f" + '{quantity.unit}'" if quantity.unit else ""
    text = f"format(datum.{quantity.name}, '.3s'){unit}"
    if quantity.budget:
        bound = f"'at least ' + format(datum.{quantity.budget}, '.3s'){unit}"
        if quantity.budget == "budget_s":
            bound = f"datum.status === 'timeout' ? {bound} : 'unknown'"
        text = f"datum.{quantity.name} > 0 ? {text} : {bound}"
    # Quoted by Altair, so that a name from outside cannot become an expression.
    here = alt.Chart().transform_filter(alt.FieldEqualPredicate(field="family", equal=family))
    here = here.transform_calculate(shown=text)
    tooltip = [
        alt.Tooltip("engine:N", title="engine"),
        alt.Tooltip("label:N", title="size"),
        alt.Tooltip("n:Q", title=word, format=","),
        alt.Tooltip("shown:N", title=quantity.title.split(" (")[0]),
        alt.Tooltip("status:N", title="status"),
    ]
    known = here.transform_filter(f"datum.{quantity.name} > 0")
    layers = _budget_line(drawn, quantity, scale, axis)
    layers += [
        known.mark_line(strokeWidth=1.8).encode(
            x=x,
            y=y,
            color=colour(table),
            strokeDash=dash(table),
            detail="problem:N",
            opacity=fade(0.1),
        ),
        known.mark_point(filled=True, size=52, stroke="#ffffff", strokeWidth=0.6).encode(
            x=x, y=y, fill=fill(table), shape=shape(table), tooltip=tooltip, opacity=fade(0.1)
        ),
    ]
    layers += _stops(drawn, quantity, table, here, x, scale, axis, tooltip)
    title = alt.TitleParams(family, anchor="start", fontSize=13, offset=6)
    return layered(layers, title=title, width=size[0], height=size[1])


def _budget_line(
    drawn: pd.DataFrame, quantity: Quantity, scale: alt.Scale, axis: alt.Axis
) -> list[alt.Chart]:
    """Return a dashed line with its name at each budget."""
    if not quantity.budget:
        return []
    found = sorted(float(value) for value in drawn[quantity.budget].unique() if value > 0)
    in_time = quantity.budget == "budget_s"
    values = [
        {"at": at, "text": f"budget {budget_text(at, None) if in_time else budget_text(None, at)}"}
        for at in found
    ]
    if not values:
        return []
    y = alt.Y("at:Q", scale=scale, axis=axis)
    base = alt.Chart(alt.InlineData(values=values))
    line = base.mark_rule(color="#777777", strokeDash=[4, 3], strokeWidth=1).encode(y=y)
    text = base.mark_text(align="left", baseline="top", dx=4, dy=4, color="#555555", fontSize=10)
    return [line, text.encode(y=y, x=alt.value(0), text="text:N")]


def _stops(
    drawn: pd.DataFrame,
    quantity: Quantity,
    table: dict[str, MarkStyle],
    here: alt.Chart,
    x: alt.X,
    scale: alt.Scale,
    axis: alt.Axis,
    tooltip: list[alt.Tooltip],
) -> list[alt.Chart]:
    """Return hollow triangles, with the engine's shape inside, for cells that a budget ended."""
    layers: list[alt.Chart] = []
    y = alt.Y(f"{quantity.budget}:Q", scale=scale, axis=axis)
    for status in quantity.stops:
        missing = (drawn["status"] == status) & ~(drawn[quantity.name] > 0)
        places = drawn[drawn["status"].isin(STOPS)].groupby("n").size()
        for rank in range(min(int(places.max()), 6) if missing.any() else 0):
            stopped = here.transform_filter(
                f"datum.status === '{status}' && datum.rank === {rank} "
                f"&& !(datum.{quantity.name} > 0)"
            )
            lift = -_STACK * rank
            down = 2.5 if status == "timeout" else -2.5
            layers += [
                stopped.mark_point(
                    shape=STOPS[status][0], fill="#ffffff", size=210, strokeWidth=1.7, yOffset=lift
                ).encode(
                    x=x,
                    y=y,
                    stroke=stroke(table),
                    tooltip=tooltip,
                    opacity=fade(0.1),
                ),
                stopped.mark_point(filled=True, size=34, yOffset=lift + down).encode(
                    x=x,
                    y=y,
                    fill=fill(table),
                    shape=shape(table),
                    tooltip=tooltip,
                    opacity=fade(0.1),
                ),
            ]
    return layers
