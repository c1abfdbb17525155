"""The swell: the operations of one gradient by the form in which it is written down."""

import math
from typing import Any

import altair as alt
import pandas as pd

from compare.report.format import count_text, list_text, power_text
from compare.report.layers import (
    INK,
    blank,
    colour,
    dash,
    decades,
    fade,
    fill,
    layered,
    pickable,
    powers,
    shape,
    size_axis,
    styled,
)
from compare.report.legend import legend
from compare.report.palette import ENGINES, MarkStyle
from compare.report.tables import Table

__all__ = ["swell_chart", "swell_sentences", "swell_tables"]

#: The forms in the order of the table: what a chart calls each, and its style.
_FORMS: dict[str, tuple[str, MarkStyle]] = {
    "tree": ("tree", ENGINES["expanded"]),
    "dag": ("DAG", MarkStyle("#44546A", "triangle-up", (12, 4))),
    "shared": ("shared", ENGINES["shared"]),
    "adjoint": ("adjoint", ENGINES["adjoint"]),
    "matrix": ("matrix", ENGINES["matrix"]),
}
#: Families that are drawn against their size, and what it counts; the others against parameters.
_AGAINST = {"mlp depth": "hidden layers"}
#: Top of the frame; what is larger leaves it.
_TOP = 1e12


def _cells(swell: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that can be drawn, with their place ``n`` and what the chart calls them."""
    rows = swell[swell["form"].isin(list(_FORMS)) & (swell["operations"] > 0)].copy()
    rows["n"] = rows["parameters"].where(~rows["family"].isin(list(_AGAINST)), rows["size"])
    rows["engine"] = rows["form"].map({form: name for form, (name, _) in _FORMS.items()})
    return rows[rows["n"] > 0]


def swell_chart(swell: pd.DataFrame, *, narrow: bool = False) -> alt.TopLevelMixin:
    """Return the operations of one gradient in each form against the size, a panel a family."""
    cells = _cells(swell)
    if cells.empty:
        return styled(blank("Nothing was written down.", narrow), {}, narrow)
    present = set(cells["form"])
    table = {name: style for form, (name, style) in _FORMS.items() if form in present}
    width, height, columns = (272, 240, 1) if narrow else (362, 300, 2)
    lowest, highest = cells["operations"].min(), min(cells["operations"].max(), _TOP)
    low, high = decades(lowest, max(highest, lowest))
    body = alt.ConcatSpecGenericSpec(concat=[], columns=columns, spacing={"row": 18, "column": 14})
    body.concat = [
        _panel(rows, str(family), table, (low / 1.5, high), (width, height))
        for family, rows in cells.groupby("family", sort=False)
    ]
    chart = alt.VConcatChart(spacing=14, data=alt.NamedData("swell"))
    pickable(chart, legend(table, set(), 280 if narrow else 846), body)
    records = [
        record
        for _, rows in cells.groupby(["family", "form"], sort=False)
        for record in _records(rows.sort_values("n").to_dict("records"), high)
    ]
    return styled(chart, {"swell": records}, narrow)


def _records(rows: list[dict[Any, Any]], top: float) -> list[dict[str, Any]]:
    """Return one form's points within the frame, and where its line leaves the frame."""
    found: list[dict[str, Any]] = []
    for last, row in zip([None, *rows], rows, strict=False):
        inside = row["operations"] <= top
        n = row["n"]
        if not inside and last is not None:
            share = math.log(top / last["operations"]) / math.log(
                row["operations"] / last["operations"]
            )
            n = last["n"] * (n / last["n"]) ** share
        found.append(
            {
                "family": str(row["family"]),
                "label": str(row["label"]),
                "engine": str(row["engine"]),
                "n": int(n) if inside else round(n, 3),
                "operations": float(f"{min(row['operations'], top):.6g}"),
                "shown": power_text(row["operations"]),
                "inside": bool(inside),
            }
        )
        if not inside:
            break
    return found


def _panel(
    rows: pd.DataFrame,
    family: str,
    table: dict[str, MarkStyle],
    span: tuple[float, float],
    size: tuple[int, int],
) -> alt.LayerSpec:
    """Return one family's panel; its data come from the chart around it."""
    word = _AGAINST.get(family, "parameters")
    x = size_axis(rows["n"], word)
    marks = powers(*span, "")
    marks["values"] = [value for value in marks["values"] if span[0] <= value <= span[1]]
    y = alt.Y(
        "operations:Q",
        scale=alt.Scale(type="log", domain=list(span), nice=False),
        axis=alt.Axis(title="operations of the gradient (number)", **marks),
    )
    tooltip = [
        alt.Tooltip("engine:N", title="form"),
        alt.Tooltip("label:N", title="size"),
        alt.Tooltip("n:Q", title=word, format=","),
        alt.Tooltip("shown:N", title="operations"),
    ]
    here = alt.Chart().transform_filter(alt.FieldEqualPredicate(field="family", equal=family))
    layers = [
        here.mark_line(strokeWidth=1.8).encode(
            x=x, y=y, color=colour(table), strokeDash=dash(table), opacity=fade(0.1)
        ),
        here.transform_filter("datum.inside")
        .mark_point(filled=True, size=52, stroke="#ffffff", strokeWidth=0.6)
        .encode(x=x, y=y, fill=fill(table), shape=shape(table), tooltip=tooltip, opacity=fade(0.1)),
    ]
    outside = rows[rows["operations"] > span[1]]
    if len(outside):
        largest = outside.sort_values("operations").iloc[-1]
        words = f"{largest['engine']}: {power_text(largest['operations'])} at {largest['n']:.0f} ↑"
        note = alt.Chart(alt.InlineData(values=[{"text": words}]))
        layers.append(
            note.mark_text(align="right", baseline="top", fontSize=12, color=INK).encode(
                text="text:N", x=alt.value(size[0] - 2), y=alt.value(4)
            )
        )
    heading = alt.TitleParams(family, anchor="start", fontSize=13, offset=6)
    return layered(layers, title=heading, width=size[0], height=size[1])


def swell_sentences(swell: pd.DataFrame) -> list[str]:
    """Return the sentences above the chart of the swell."""
    found = [
        "The swell is a property of the representation, not of symbolic differentiation. "
        "What fails is the closed form that has no names for intermediate results; and naming "
        "intermediates is what makes a computational graph. `adjoint` and `matrix` are formulas, "
        "and they are the graph's backward pass, line by line."
    ]
    cells = _cells(swell)
    for family, rows in cells.groupby("family", sort=False):
        at = rows.groupby("n")["form"].nunique()
        full = at[at == at.max()]
        here = rows[rows["n"] == full.index.max()]
        known = dict(zip(here["form"], here["operations"], strict=True))
        wordings = {
            "tree": "{} operations as a closed form written out (tree)",
            "dag": "{} where each distinct part of that form counts once (DAG)",
            "shared": "{} with common subexpressions named (`shared`)",
            "adjoint": "{} in reverse with every intermediate named (`adjoint`)",
            "matrix": "{} on whole matrices (`matrix`)",
        }
        texts = [wordings[form].format(power_text(known[form])) for form in _FORMS if form in known]
        label = here["label"].iloc[0]
        found.append(
            f"The gradient of the network {label if '-' in label else f'with {label}'} "
            f"({count_text(here['parameters'].iloc[0])} parameters) has {list_text(texts)}."
        )
        if laws := _laws(str(family), rows):
            found.append(laws)
    return found


def _laws(family: str, rows: pd.DataFrame) -> str:
    """Return the sentence on the growth of the forms over their last two sizes."""
    word = "layer" if family in _AGAINST else "parameter"
    texts = []
    for form, (name, _) in _FORMS.items():
        last = rows[rows["form"] == form].sort_values("n").tail(2)
        if len(last) < 2:
            continue
        (n0, n1), (y0, y1) = last["n"], last["operations"]
        exponent = math.log(y1 / y0) / math.log(n1 / n0)
        if exponent > 8:
            texts.append(f"{name} × {(y1 / y0) ** (1 / (n1 - n0)):.2g} with each further {word}")
        else:
            texts.append(f"{name} {exponent:.1f}")
    if not texts:
        return ""
    return (
        f"Growth over the last two sizes of {family}, as the power of the number of "
        f"{word}s: {list_text(texts)}."
    )


def swell_tables(swell: pd.DataFrame) -> dict[str, Table]:
    """Return the operations in each form, a row a size."""
    cells = _cells(swell)
    if cells.empty:
        return {}
    forms = [form for form in _FORMS if form in set(cells["form"])]
    rows = []
    for (family, label), here in cells.groupby(["family", "label"], sort=False):
        known = dict(zip(here["form"], here["operations"], strict=True))
        texts = [power_text(known.get(form)) for form in forms]
        rows.append((str(family), str(label), count_text(here["parameters"].iloc[0]), *texts))
    header = ("family", "size", "parameters", *(_FORMS[form][0] for form in forms))
    numbers = tuple(range(2, len(header)))
    return {"Operations of the gradient": Table(header, rows, numbers, grouped=True)}
