"""The legend of the charts of growth: each engine's line with its point, and the stops."""

from typing import Any

import altair as alt

from compare.report.layers import INK, colour, dash, fade, fill, layered, shape
from compare.report.palette import MarkStyle

__all__ = ["STOPS", "legend"]

#: Stops are hollow triangles: the shape of each status and what the legend says.
STOPS = {
    "timeout": ("triangle-up", "stopped by the time budget: at least this"),
    "memory": ("triangle-down", "stopped by the memory budget"),
}


def legend(table: dict[str, MarkStyle], stops: set[str], width: int) -> alt.LayerSpec:
    """Return a legend of lines with their points, which can be clicked to pick engines."""
    phone = width < 500
    per_row, height, columns = (2, 20, 1) if phone else (6, 20, 2)
    cell = width // per_row
    items: list[dict[str, Any]] = [
        {"engine": name, "x": i % per_row * cell, "y": i // per_row * height + 10}
        for i, name in enumerate(table)
    ]
    for item in items:
        item |= {"mid": item["x"] + 15, "end": item["x"] + 30}
    rows = -(-len(items) // per_row)
    notes = [
        {"mid": 15 + i % columns * 330, "y": (rows + i // columns) * height + 12, "status": status}
        for i, status in enumerate(status for status in STOPS if status in stops)
    ]
    rows += -(-len(notes) // columns)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[rows * height, 0], nice=False, zero=False), axis=None)

    def across(field: str) -> alt.X:
        return alt.X(f"{field}:Q", scale=alt.Scale(domain=[0, width], nice=False), axis=None)

    base = alt.Chart(alt.InlineData(values=items)).encode(y=y, opacity=fade(0.3))
    layers = [
        base.mark_rule(strokeWidth=1.8).encode(
            x=across("x"), x2="end:Q", color=colour(table), strokeDash=dash(table)
        ),
        base.mark_point(filled=True, size=58, stroke="#ffffff", strokeWidth=0.6).encode(
            x=across("mid"), fill=fill(table), shape=shape(table)
        ),
        base.mark_text(
            align="left", baseline="middle", dx=6, fontSize=12, color=INK, cursor="pointer"
        )
        .encode(x=across("end"), text="engine:N")
        .properties(name="legend"),
    ]
    for note in notes:
        symbol, words = STOPS[str(note["status"])]
        one = alt.Chart(alt.InlineData(values=[note | {"text": words}])).encode(y=y)
        layers += [
            one.mark_point(
                shape=symbol, fill="#ffffff", stroke=INK, size=110, strokeWidth=1.6, opacity=1
            ).encode(x=across("mid")),
            one.mark_text(align="left", baseline="middle", dx=21, fontSize=12, color=INK).encode(
                x=across("mid"), text="text:N"
            ),
        ]
    return layered(layers, width=width, height=rows * height)
