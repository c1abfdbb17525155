"""What the charts share: layers, axes of powers of ten, the channels of an engine, the style."""

import math
from typing import Any

import altair as alt

from compare.report.palette import Look

__all__ = [
    "INK",
    "blank",
    "colour",
    "dash",
    "decades",
    "fade",
    "fill",
    "layered",
    "powers",
    "shape",
    "stroke",
    "styled",
]

#: Colour of text.
INK = "#222222"
#: The first is what vl-convert brings along, so that SVG and PNG come out the same anywhere.
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"


def colour(table: dict[str, Look]) -> alt.Color:
    """Return the channel of the engines' colours for lines."""
    return alt.Color("engine:N", scale=_scale(table, "colour"), legend=None)


def stroke(table: dict[str, Look]) -> alt.Stroke:
    """Return the channel of the engines' colours for outlines."""
    return alt.Stroke("engine:N", scale=_scale(table, "colour"), legend=None)


def fill(table: dict[str, Look]) -> alt.Fill:
    """Return the channel of the engines' colours for points."""
    return alt.Fill("engine:N", scale=_scale(table, "colour"), legend=None)


def shape(table: dict[str, Look]) -> alt.Shape:
    """Return the channel of the engines' shapes."""
    return alt.Shape("engine:N", scale=_scale(table, "shape"), legend=None)


def dash(table: dict[str, Look]) -> alt.StrokeDash:
    """Return the channel of the engines' dashes."""
    return alt.StrokeDash("engine:N", scale=_scale(table, "dash"), legend=None)


def _scale(table: dict[str, Look], attribute: str) -> alt.Scale:
    values = [getattr(look, attribute) for look in table.values()]
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
    """Return the powers of ten around a range, as the domain of an axis.

    Examples
    --------
    >>> decades(3, 250), decades(10, 10)
    ([1.0, 1000.0], [1.0, 100.0])
    """
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
