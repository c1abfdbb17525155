"""Chart specifications: one function a chart, from a frame to an Altair chart."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import altair as alt
import pandas as pd

from compare.report.format import error_text
from compare.report.layers import blank, decades, layered, powers, styled
from compare.report.palette import mark_styles
from compare.report.panels import Quantity, growth
from compare.report.swelling import swell_chart
from compare.report.worst import worst_pairs

__all__ = ["CHARTS", "Chart", "agreement", "build", "cost", "memory", "operations", "training"]

#: Points of a training curve that a chart keeps; more cannot be seen.
_CURVE_POINTS = 240

#: Cells that any budget ended.
_ANY = ("timeout", "memory")

#: What stands in a square of the matrix where there is no error, wide and narrow.
_STATUS_WORDS = {
    "mismatch": ("mismatch", "≠"),
    "timeout": ("timeout", "time"),
    "memory": ("memory", "mem."),
    "unsupported": ("unsupported", "n/a"),
    "error": ("error", "err."),
    "crashed": ("crashed", "died"),
}


def cost(results: pd.DataFrame, *, narrow: bool = False) -> alt.TopLevelMixin:
    """Return the chart of the time of one gradient against the size, a panel a family."""
    return growth(
        results, Quantity("run_s", "time of one gradient (s)", "s", "budget_s", _ANY), narrow
    )


def operations(results: pd.DataFrame, *, narrow: bool = False) -> alt.TopLevelMixin:
    """Return the chart of the size of formula and graph."""
    return growth(results, Quantity("operations", "operations or nodes (number)"), narrow)


def build(results: pd.DataFrame, *, narrow: bool = False) -> alt.TopLevelMixin:
    """Return the chart of the time to derive a formula or to trace a graph."""
    return growth(results, Quantity("build_s", "time to build (s)", "s", "budget_s", _ANY), narrow)


def memory(results: pd.DataFrame, *, narrow: bool = False) -> alt.TopLevelMixin:
    """Return the chart of the peak memory above the inputs."""
    # A cell that time ended says nothing about memory, so only memory's own stops are drawn.
    stops = ("memory",)
    quantity = Quantity("peak_bytes", "peak memory (bytes)", "B", "budget_bytes", stops)
    return growth(results, quantity, narrow)


def agreement(pairs: pd.DataFrame, *, narrow: bool = False) -> alt.TopLevelMixin:
    """Return the matrix of the largest error of each engine on each problem."""
    if pairs.empty:
        return styled(blank("No engines were compared.", narrow), {}, narrow)
    squares = _squares(pairs, narrow)
    engines = list(mark_styles(pairs["engine"]))
    problems = list(dict.fromkeys(pairs["problem"]))
    room = 336 - 96 if narrow else 640
    step = min(92, room / len(engines))
    x = alt.X(
        "engine:N",
        sort=engines,
        title=None,
        axis=alt.Axis(orient="top", labelAngle=-55 if narrow else -25, labelPadding=6),
    )
    y = alt.Y(
        "problem:N",
        sort=problems,
        title=None,
        axis=alt.Axis(labelLimit=92 if narrow else 180),
    )
    base = alt.Chart(alt.NamedData("agreement")).encode(x=x, y=y)
    square = base.mark_rect(stroke="#ffffff", strokeWidth=2)
    tooltip = [alt.Tooltip(f"{name}:N") for name in ("engine", "problem", "status", "error")]
    tooltip += [alt.Tooltip(f"{name}:N") for name in ("against", "at", "tolerance")]
    shade = alt.Color(
        "power:Q",
        scale=alt.Scale(domain=[-17, -3], range=["#eef6fc", "#7fb4dc"], clamp=True),
        legend=None,
    )
    good = square.transform_filter("datum.status === 'ok'").encode(color=shade, tooltip=tooltip)
    no = "datum.status === 'unsupported'"
    wrong = (
        square.transform_filter(f"datum.status !== 'ok' && !({no})")
        .mark_rect(stroke="#ffffff", strokeWidth=2, fill="#333333")
        .encode(tooltip=tooltip)
    )
    unable = (
        square.transform_filter(no)
        .mark_rect(fill="#ffffff", stroke="#999999", strokeWidth=1, strokeDash=[3, 2])
        .encode(tooltip=tooltip)
    )
    size = 10 if narrow else 12
    text = base.mark_text(fontSize=size).encode(text="text:N", color=alt.value("#111111"))
    words = [
        text.transform_filter("datum.status === 'ok'"),
        text.transform_filter(no).encode(color=alt.value("#666666")),
        text.transform_filter(f"datum.status !== 'ok' && !({no})")
        .mark_text(fontSize=size, fontWeight="bold")
        .encode(color=alt.value("#ffffff")),
    ]
    chart = alt.layer(good, wrong, unable, *words).properties(
        width=round(step * len(engines)), height=(24 if narrow else 27) * len(problems)
    )
    return styled(chart, {"agreement": squares}, narrow)


def _squares(pairs: pd.DataFrame, narrow: bool) -> list[dict[str, object]]:
    """Return one record a square of the matrix: the worst pair of engine and problem."""
    squares: list[dict[str, object]] = []
    for (problem, engine), row in worst_pairs(pairs).items():
        error, status = float(row["max_error"]), str(row["status"])
        word = _STATUS_WORDS.get(status, (status, status[:4]))[narrow]
        squares.append(
            {
                "engine": engine,
                "problem": problem,
                "status": status,
                "text": error_text(error) if status == "ok" else word,
                "error": error_text(error),
                "power": round(math.log10(max(error, 1e-17)), 2) if math.isfinite(error) else -3,
                "against": row["against"],
                "at": row["max_error_at"],
                "tolerance": error_text(float(row["tolerance"])),
            }
        )
    return squares


def training(curves: pd.DataFrame, *, narrow: bool = False) -> alt.TopLevelMixin:
    """Return the chart of the loss of two training runs, one drawn on the other."""
    curves = curves[(curves["loss_hand"] > 0) | (curves["loss_graph"] > 0)]
    if curves.empty:
        return styled(blank("No network was trained.", narrow), {}, narrow)
    positions = {0, len(curves) - 1}
    positions |= {round(i * (len(curves) - 1) / _CURVE_POINTS) for i in range(_CURVE_POINTS)}
    positions |= {i for i in range(1, 30) if i < len(curves)}
    kept = curves.iloc[sorted(positions)]
    records = [
        {
            "step": int(row["step"]),
            "hand": float(f"{row['loss_hand']:.6g}"),
            "graph": float(f"{row['loss_graph']:.6g}"),
        }
        for row in kept.to_dict("records")
    ]
    last = int(curves["step"].max())
    values = [v for r in records for v in (r["hand"], r["graph"]) if v > 0]
    y_axis = alt.Axis(title="loss (squared error, no unit)", **powers(min(values), max(values), ""))
    scale = alt.Scale(type="log", domain=decades(min(values), max(values)))
    base = alt.Chart(alt.NamedData("training")).encode(
        x=alt.X(
            "step:Q",
            scale=alt.Scale(domain=[0, max(last, 1)], nice=False),
            title="step of gradient descent (number)",
            axis=alt.Axis(grid=False, tickCount=5),
        ),
        tooltip=[alt.Tooltip("step:Q"), alt.Tooltip("hand:Q"), alt.Tooltip("graph:Q")],
    )
    wide = base.transform_filter("datum.hand > 0").mark_line(
        color="#9fd0ee", strokeWidth=7, strokeCap="round"
    )
    thin = base.transform_filter("datum.graph > 0").mark_line(
        color="#111111", strokeWidth=1.6, strokeDash=[6, 4]
    )
    width = 270 if narrow else 700
    plot = alt.layer(
        wide.encode(y=alt.Y("hand:Q", scale=scale, axis=y_axis)),
        thin.encode(y=alt.Y("graph:Q", scale=scale, axis=y_axis)),
    ).properties(width=width, height=220 if narrow else 300)
    key = _training_key(width)
    return styled(alt.vconcat(key, plot, spacing=8), {"training": records}, narrow)


def _training_key(width: int) -> alt.LayerSpec:
    rows = [("hand-written gradient", 7, [1, 0], "#9fd0ee"), ("graph", 1.6, [6, 4], "#111111")]
    layers: list[alt.Chart] = []
    for i, (name, stroke, dash, colour) in enumerate(rows):
        left = i * 190
        one = alt.Chart(alt.InlineData(values=[{"x": left, "end": left + 32, "name": name}]))
        x = alt.X("x:Q", scale=alt.Scale(domain=[0, width], nice=False), axis=None)
        line = one.mark_rule(strokeWidth=stroke, strokeDash=dash, color=colour)
        layers.append(line.encode(x=x, x2="end:Q", y=alt.value(8)))
        words = one.mark_text(align="left", dx=40, baseline="middle", fontSize=12)
        layers.append(words.encode(x=x, text="name:N", y=alt.value(8)))
    return layered(layers, width=width, height=16)


@dataclass(frozen=True)
class Chart:
    """A chart of the report."""

    #: What it shows.
    title: str
    #: From a frame to an Altair chart; takes ``narrow=True`` for a phone.
    function: Callable[..., alt.TopLevelMixin]
    #: One sentence that says how to read it.
    caption: str
    #: Which frame it draws: results, swell, agreement or training.
    source: Literal["results", "swell", "agreement", "training"] = "results"


_STOPS = (
    "hollow triangles on the dashed line are cells that a budget ended: "
    "upwards by time (the truth is at least this), downwards by memory. A formula whose line ends "
    "without one refuses its next size, as too long to write out."
)

#: The charts of the report by name, in its order.
CHARTS: dict[str, Chart] = {
    "cost": Chart(
        "Time of one gradient",
        cost,
        f"Median time of one value with its gradient, both axes logarithmic; {_STOPS}",
    ),
    "operations": Chart(
        "Size of the formula and of the graph",
        operations,
        "Operations in the formula, or nodes in the graph; "
        "a line ends at the largest size that its engine did.",
    ),
    "swell": Chart(
        "Where the swell is",
        swell_chart,
        "Operations of one and the same gradient, both axes logarithmic: the closed form written "
        "out (tree), its distinct parts (DAG), and the forms that name intermediates; one that is "
        "larger than the frame leaves it, and the table has its numbers.",
        "swell",
    ),
    "build": Chart(
        "Time to build",
        build,
        f"Time to derive the formula or to trace the graph, once a network; {_STOPS}",
    ),
    "memory": Chart(
        "Peak memory",
        memory,
        "Peak resident memory of building and running, above the inputs; hollow triangles that "
        "point down on the dashed line are cells that the memory budget ended.",
    ),
    "agreement": Chart(
        "Agreement",
        agreement,
        "Largest error of an entry of the gradient, relative to the engine it agrees with least; "
        "darker is larger, black is a failure, a dashed square is a problem the engine cannot do.",
        "agreement",
    ),
    "training": Chart(
        "Training",
        training,
        "Loss at each step of gradient descent; the dashed line lies on the wide one.",
        "training",
    ),
}
