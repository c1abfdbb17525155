"""The report as Markdown, for GitHub, with the charts in files."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from compare.report.content import Report
from compare.report.figures import Figure

__all__ = ["markdown_text", "render_markdown"]


def render_markdown(
    report: Report,
    charts: Mapping[str, Figure],
    headline: Sequence[Figure] = (),
    example: Any = None,
) -> str:
    """Return the report as Markdown that shows ``charts/NAME.svg``."""
    environment = Environment(
        loader=PackageLoader("compare", "report"),
        autoescape=False,
        finalize=markdown_text,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["fenced"] = _fenced
    environment.filters["align"] = lambda table: Markup(
        "|".join("---:" if i in table.numbers else "---" for i in range(len(table.header)))
    )
    text = environment.get_template("report.md.jinja").render(
        report=report, charts=charts, headline=headline, example=example
    )
    return re.sub(r"\n{3,}", "\n\n", re.sub(r" +\n", "\n", text)).rstrip() + "\n"


def markdown_text(value: object) -> str:
    r"""Return text in which nothing is HTML or Markdown, except code in backticks."""
    if isinstance(value, Markup):
        return str(value)
    text = " ".join(str(value).split())
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _escaped(text).replace("`", "\\`")
    # In code only a bar needs care: in a table it would end the cell.
    return "`".join(
        part.replace("|", "\\|") if i % 2 else _escaped(part) for i, part in enumerate(parts)
    )


def _escaped(text: str) -> str:
    """Return text in which neither HTML nor Markdown means anything."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\*_\[\]|])", r"\\\1", text)


def _fenced(text: str) -> Markup:
    """Return text for a fence of backticks that it cannot close."""
    return Markup(text.replace("```", "'''"))
