"""Charts drawn: each specification once, as SVG and PNG, for a page and for a phone."""

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd
import vl_convert
from altair.utils.schemapi import debug_mode

from compare.report.charts import CHARTS
from compare.report.record import RunRecord

__all__ = ["Drawing", "draw", "small"]

#: Pixels of a PNG for one of the SVG.
_PNG_SCALE = 2.0


@dataclass(frozen=True)
class Drawing:
    """A chart in the forms that the report needs."""

    #: What it shows and how to read it.
    title: str
    caption: str
    #: Its Vega-Lite specification for a page and for a phone, without the data.
    wide: dict[str, Any]
    narrow: dict[str, Any]
    #: The same as pictures.
    svg: str
    narrow_svg: str
    #: The wide picture with twice as many pixels.
    png: bytes


def draw(record: RunRecord) -> tuple[dict[str, Drawing], dict[str, Any]]:
    """Return the charts of a run by name, and the data that they share."""
    drawings: dict[str, Drawing] = {}
    datasets: dict[str, Any] = {}
    for name, chart in CHARTS.items():
        frame: pd.DataFrame = getattr(record, chart.source)
        if frame.empty and chart.source != "results":
            continue
        specs, pictures = [], []
        for narrow in (False, True):
            # The tests validate every chart; here that would take most of the time.
            with debug_mode(False):
                spec = chart.function(frame, narrow=narrow).to_dict(validate=False)
            pictures.append(vl_convert.vegalite_to_svg(spec))
            shared = spec.pop("datasets", {})
            named = {key: shared.pop(key) for key in list(shared) if not key.startswith("data-")}
            # The words of a matrix are shorter on a phone, so its data differ.
            if any(datasets.get(key, values) != values for key, values in named.items()):
                shared |= named
            else:
                datasets |= named
            specs.append(spec | ({"datasets": shared} if shared else {}))
        png = vl_convert.svg_to_png(pictures[0], scale=_PNG_SCALE)
        drawings[name] = Drawing(
            title=chart.title,
            caption=chart.caption,
            wide=specs[0],
            narrow=specs[1],
            svg=small(pictures[0]),
            narrow_svg=small(pictures[1]),
            png=png,
        )
    return drawings, datasets


def small(svg: str) -> str:
    """Return a picture with coordinates of one decimal and no attribute twice."""

    def rounded(match: re.Match[str]) -> str:
        # Adding zero turns a negative zero into zero.
        return f"{round(float(match.group()), 1) + 0.0:.1f}".removesuffix(".0")

    def attributes(match: re.Match[str]) -> str:
        return re.sub(r"-?\d+\.\d{2,}(?:e-?\d+)?", rounded, match.group())

    svg = re.sub(r' (?:d|transform|x|y|x1|x2|y1|y2)="[^"]*"', attributes, svg)
    fonts = sorted(set(re.findall(r' font-family="[^"]*"', svg)))
    if len(fonts) == 1:
        svg = svg.replace(fonts[0], "").replace("<svg", f"<svg{fonts[0]}", 1)
    for default in (' opacity="1"', ' pointer-events="none"', ' aria-hidden="true"'):
        svg = svg.replace(default, "")
    # Vega names each mark for its own scripts and leaves room for what is not drawn.
    svg = re.sub(r' (?:class="(?:mark|role|back|fore)[^"]*"|(?:role|aria-[a-z]+)="[^"]*")', "", svg)
    svg = re.sub(r'<path d="[^"]*"(?: display="none")?/>', "", svg)
    while svg != (fewer := re.sub(r"<g(?: [^>]*)?></g>|<g(?: [^>]*)?/>", "", svg)):
        svg = fewer
    return svg
