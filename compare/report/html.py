"""The report as one page that needs no other file."""

import base64
import gzip
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from compare.report.content import Report
from compare.report.figures import Figure
from compare.report.palette import declarations
from compare.report.tables import Number
from compare.results.store import as_utf8

__all__ = ["environment", "formula", "inline_code", "packed", "picture", "render_html"]

#: Words that stay on the line of the number before them.
_UNITS = r"(?:[nµm]?s|min|h|[kMGT]?B|[MG]iB|million|billion|trillion|ULPs)\b|×"
#: Columns of results.csv that the table of every cell shows first.
_FIRST = (
    "family problem label engine parameters status build_s first_run_s run_s ratio peak_bytes "
    "operations max_error message"
)
#: Colours of a drawing of a graph, with what the page calls them.
_COLOURS = {
    "#ffffff": "paper",
    "#0a7d28": "value",
    "#b00020": "gradient",
    "#e8f0fe": "box",
    "#3b6fb6": "edge",
    "#1b1b1f": "ink",
    "#55555f": "soft",
    "#6a6e75": "soft",
    "#ececec": "constant",
    "#8a8a8a": "soft",
}
#: Share of its width to which a drawing shrinks.
_SHRINKS = 0.85
_DRAWN = {"svg", "g", "path", "rect", "circle", "text", "tspan", "title", "desc"}


def environment() -> Environment:
    """Return the templates of pages, with their filters."""
    made = Environment(
        loader=PackageLoader("compare", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "code": inline_code,
        "formula": formula,
        "picture": picture,
        "sorting": _sorting,
    }
    made.globals |= {
        "light": Markup(declarations(dark=False)),
        "dark": Markup(declarations(dark=True)),
    }
    return made


def render_html(
    report: Report,
    charts: Mapping[str, Figure],
    headline: Sequence[Figure] = (),
    example: Any = None,
    *,
    command: str = "",
    csv: str = "",
    markdown: str = "",
) -> str:
    """Return the report as a page of HTML, with its script, styles, charts and files inside."""
    return (
        environment()
        .get_template("report.html.jinja")
        .render(
            report=report,
            charts=charts,
            headline=headline,
            example=example,
            command=command,
            csv=packed(csv) if csv else "",
            markdown=packed(markdown),
            columns=_FIRST,
            anchors={name for figure in charts.values() for name in figure.panels},
        )
    )


def inline_code(text: str) -> Markup:
    """Return escaped text in which backticks became code."""
    # A number and its unit stay on one line.
    parts = re.sub(rf"(?<=\d) (?={_UNITS})", "&nbsp;", str(escape(str(text)))).split("`")
    if len(parts) % 2 == 0:
        return Markup("`".join(parts))
    return Markup(
        "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
    )


def formula(text: str) -> Markup:
    """Return a formula with its indices below and its powers above the line.

    Examples
    --------
    >>> str(formula("2*w[0,1]*sigmoid(x)**2 - t"))
    '2 w<sub>0,1</sub> σ(x)<sup>2</sup> − t'
    """
    html = str(escape(text))
    html = re.sub(r"\[(\d+(?:,\s*\d+)*)\]", r"<sub>\1</sub>", html)
    html = re.sub(r"\*\*(\d+(?:\.\d+)?)", r"<sup>\1</sup>", html)
    html = re.sub(r"\bsigmoid\b", "σ", html).replace("Maximum", "max").replace("Minimum", "min")
    html = re.sub(r"(?<!\*)\*(?!\*)", " ", html).replace("-", "−")
    return Markup(html)


def picture(svg: str) -> Markup:
    """Return a drawing of a graph in the colours of the page; nothing if it is anything else."""
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError:
        return Markup("")
    for element in root.iter():
        tag = str(element.tag).rsplit("}", 1)[-1]
        if tag not in _DRAWN or any(n.startswith("on") or "href" in n for n in element.attrib):
            return Markup("")

    def named(match: re.Match[str]) -> str:
        return f'{match[1]}="var(--{_COLOURS[match[2]]})"' if match[2] in _COLOURS else match[0]

    svg = re.sub(r'(fill|stroke)="(#[0-9a-f]{6})"', named, svg)
    # A wide one scrolls before its letters get too small to read.
    least = round(_SHRINKS * float(root.get("width") or 0))
    return Markup(svg.replace("<svg ", f'<svg style="min-width:{least}px" ', 1))


def _sorting(text: Number) -> str:
    """Return the value that a cell is sorted by; nothing where there is none."""
    value = float(text.value)
    return "" if math.isnan(value) else repr(value)


def packed(text: str) -> Markup:
    """Return text packed with gzip and written in base64."""
    # No time of day in the header, so that the same report has the same bytes.
    return Markup(base64.b64encode(gzip.compress(as_utf8(text), 9, mtime=0)).decode())
