"""Parts of all charts: layers, axes of powers of ten, the channels of an engine, the style."""

import math
from typing import Any

import altair as alt
import pandas as pd

from compare.report.palette import MarkStyle

__all__ = [
    "INK",
    "blank",
    "colour",
    "dash",
    "decades",
    "fade",
    "fill",
    "layered",
    "pickable",
    "powers",
    "shape",
    "size_axis",
    "stroke",
    "styled",
    "ticks",
]

#: Colour of text.
INK = "#222222"
#: The first is what vl-convert brings along, so that SVG and PNG come out the same anywhere.
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


def colour(table: dict[str, MarkStyle]) -> alt.Color:
    """Return the channel of the engines' colours for lines."""
    return alt.Color("engine:N", scale=_scale(table, "colour"), legend=None)


def stroke(table: dict[str, MarkStyle]) -> alt.Stroke:
    """Return the channel of the engines' colours for outlines."""
    return alt.Stroke("engine:N", scale=_scale(table, "colour"), legend=None)


def fill(table: dict[str, MarkStyle]) -> alt.Fill:
    """Return the channel of the engines' colours for points."""
    return alt.Fill("engine:N", scale=_scale(table, "colour"), legend=None)


def shape(table: dict[str, MarkStyle]) -> alt.Shape:
    """Return the channel of the engines' shapes."""
    return alt.Shape("engine:N", scale=_scale(table, "shape"), legend=None)


def dash(table: dict[str, MarkStyle]) -> alt.StrokeDash:
    """Return the channel of the engines' dashes."""
    return alt.StrokeDash("engine:N", scale=_scale(table, "dash"), legend=None)


def _scale(table: dict[str, MarkStyle], attribute: str) -> alt.Scale:
    values = [getattr(style, attribute) for style in table.values()]
    values = [list(value) if isinstance(value, tuple) else value for value in values]
    return alt.Scale(domain=list(table), range=values)


def fade(value: float) -> alt.OpacityValue:
    """Return full opacity for the engines that were picked in the legend, or for all."""
    return alt.OpacityValue(value, condition={"param": "picked", "value": 1})


def layered(layers: list[alt.Chart], **properties: Any) -> alt.LayerSpec:
    """Return charts laid over one another, as a part of a larger chart.

    Notes
    -----
    Altair 6 copies each ``LayerChart`` deeply at every level of a concatenation, which takes ten
    times as long as all the rest; a ``LayerSpec`` is taken as it is. Its layers are assigned,
    because its constructor would check them as charts of their own.
    """
    whole = alt.LayerSpec(layer=[], **properties)
    whole.layer = list(layers)
    return whole


def decades(low: float, high: float) -> list[float]:
    """Return the powers of ten around a range, as the domain of an axis."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if first == last:
        first, last = first - 1, last + 1
    return [float(f"1e{first}"), float(f"1e{last}")]


def powers(low: float, high: float, unit: str, most: int = 7) -> dict[str, Any]:
    """Return the settings of a logarithmic axis with labels at powers of ten."""
    first, last = (round(math.log10(end)) for end in decades(low, high))
    step = max(1, math.ceil((last - first) / most))
    values = [float(f"1e{power}") for power in range(first, last + 1, step)]
    if sum(low <= value <= high for value in values) < 2:
        # Within one decade there are too few powers of ten to read a value by.
        values = [factor * value for value in values for factor in (1.0, 2.0, 5.0)]
    number = "replace(format(datum.value, '~s'), regexp('([a-zA-Zµ]?)$'), ' $1')"
    label = f"{number} + '{unit}'" if unit else "format(datum.value, '~s')"
    return {"values": values, "labelExpr": label}


def ticks(low: float, high: float, unit: str = "") -> dict[str, Any]:
    """Return an axis with ticks inside its range only: Vega would draw the others outside it."""
    axis = powers(low, high, unit, most=99)
    values = [value for value in axis["values"] if low <= value <= high]
    return axis | {"values": values[:: math.ceil(len(values) / 9) or 1]}


def size_axis(n: "pd.Series[float]", word: str) -> alt.X:
    """Return the axis of the sizes in a panel, with room on both sides of them."""
    low, high = n.min() / 1.35, max(n.max(), 8 * n.min()) * 1.35
    return alt.X(
        "n:Q",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(title=f"{word} (number)", grid=False, **ticks(low, high)),
    )


def pickable(chart: alt.VConcatChart, legend: Any, body: Any) -> None:
    """Put a legend above the body of a chart, in which engines are picked by a click."""
    chart.vconcat = [legend, body]
    click = alt.PointSelectionConfig(type="point", fields=["engine"], on="click")
    chart.params = [alt.TopLevelSelectionParameter(name="picked", select=click, views=["legend"])]


def blank(words: str, narrow: bool) -> alt.Chart:
    """Return a chart that says why there is nothing to see."""
    base = alt.Chart(alt.InlineData(values=[{"words": words}]))
    text: alt.Chart = base.mark_text(fontSize=14, color="#555555").encode(text="words:N")
    return text.properties(width=300 if narrow else 700, height=60)


def styled(
    chart: Any, datasets: dict[str, list[dict[str, Any]]], narrow: bool
) -> alt.TopLevelMixin:
    """Return a chart with the report's font and colours and with its data."""
    size = 11 if narrow else 12
    chart.config = alt.Config(
        font=_FONT,
        background="#ffffff",
        aria=False,
        padding=4,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelFontSize=size,
            titleFontSize=size,
            titleFontWeight="normal",
            labelColor=INK,
            titleColor=INK,
            gridColor="#e6e6e6",
            domainColor="#888888",
            tickColor="#888888",
        ),
    )
    if datasets:
        chart.datasets = datasets
    found: alt.TopLevelMixin = chart
    return found
