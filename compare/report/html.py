"""The report as one page that needs no other file."""

import base64
import functools
import gzip
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from compare.report.content import Report
from compare.report.draw import Drawing

__all__ = ["inline_code", "packed", "render_html", "shared_symbols"]


#: Words that stay on the line of the number before them.
_UNITS = r"(?:[nµm]?s|min|h|[kMGT]?B|[MG]iB|million|billion|trillion)\b|×"


def render_html(
    report: Report,
    drawings: Mapping[str, Drawing],
    datasets: Mapping[str, Any],
) -> str:
    """Return the report as a page of HTML, with its scripts, styles, charts and data inside."""
    environment = Environment(
        loader=PackageLoader("compare", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = inline_code
    pictures, symbols = shared_symbols(
        {name: (drawing.svg, drawing.narrow_svg) for name, drawing in drawings.items()}
    )
    charts = {
        "specs": {name: [drawing.wide, drawing.narrow] for name, drawing in drawings.items()},
        "datasets": dict(datasets),
    }
    return environment.get_template("report.html.jinja").render(
        report=report,
        drawings=drawings,
        pictures=pictures,
        symbols=symbols,
        charts=packed(json.dumps(charts, allow_nan=False)),
        bundle=_bundle() if drawings else "",
    )


def inline_code(text: str) -> Markup:
    """Return escaped text in which backticks became code."""
    # A number and its unit stay on one line.
    parts = re.sub(rf"(?<=\d) (?={_UNITS})", "&nbsp;", str(escape(text))).split("`")
    if len(parts) % 2 == 0:
        return Markup("`".join(parts))
    return Markup(
        "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
    )


def packed(text: str) -> Markup:
    """Return text packed with gzip and written in base64."""
    # No time of day in the header, so that the same report has the same bytes.
    return Markup(base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode())


def shared_symbols(
    pictures: Mapping[str, tuple[str, str]],
) -> tuple[dict[str, tuple[Markup, Markup]], Markup]:
    """Return pictures that refer to marks drawn many times, and those marks."""
    mark = re.compile(r'<(path|line) (transform="[^"]*") ([^>]{40,}?)/>')
    counts = Counter(
        (kind, attributes)
        for pair in pictures.values()
        for svg in pair
        for kind, _, attributes in mark.findall(svg)
    )
    names = {
        attributes: f"s{i}" for i, (attributes, n) in enumerate(sorted(counts.items())) if n > 3
    }

    def used(match: re.Match[str]) -> str:
        name = names.get((match[1], match[3]))
        return f'<use {match[2]} href="#{name}"/>' if name else match[0]

    shapes = "".join(
        f'<{kind} id="{name}" {attributes}/>' for (kind, attributes), name in names.items()
    )
    found = {
        key: (Markup(mark.sub(used, wide)), Markup(mark.sub(used, narrow)))
        for key, (wide, narrow) in pictures.items()
    }
    return found, Markup(f"<defs>{shapes}</defs>")


@functools.cache
def _bundle() -> Markup:
    """Return Vega-Embed with Vega and Vega-Lite, packed; the browser unpacks them."""
    # The bundle's own names for Vega and Vega-Lite are null in vl-convert 1.9; Vega-Embed's is not.
    script = vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;")
    return packed(script)
