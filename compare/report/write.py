"""The report on disk: each file whole or not at all."""

from pathlib import Path
from typing import Any

import vl_convert

from compare.report.charts import CHARTS, charts_of
from compare.report.content import report_of, without_ours
from compare.report.headline import headline_figures
from compare.report.html import picture, render_html
from compare.report.markdown import render_markdown
from compare.report.record import RunRecord
from compare.results.store import as_utf8, replace_file

__all__ = ["write_report"]

#: Pixels of a PNG for one of the SVG.
_PNG_SCALE = 2.0
#: The pictures of the first screen as files.
_HEADLINE, _CIRCUIT = "headline", "circuit"


def write_report(folder: Path, record: RunRecord, *, title: str = "", example: Any = None) -> Path:
    """Return the path of ``report.html`` after writing the whole report into a folder."""
    record = without_ours(record)
    report, charts = report_of(record, title), charts_of(record)
    headline = headline_figures(record.results, record.metadata)
    pictures = {name: figure.file() for name, figure in charts.items()}
    if headline:
        pictures[_HEADLINE] = headline[0].file()
    if example is not None and example.circuit.lines and picture(example.circuit.lines[0]):
        pictures[_CIRCUIT] = example.circuit.lines[0]
    files: dict[Path, bytes] = {}
    for name, svg in pictures.items():
        files[folder / "charts" / f"{name}.svg"] = as_utf8(svg)
        png = vl_convert.svg_to_png(svg, scale=_PNG_SCALE)
        files[folder / "charts" / f"{name}.png"] = png
    markdown = render_markdown(report, charts, headline, example)
    files[folder / "report.md"] = as_utf8(markdown)
    page = folder / "report.html"
    html = render_html(
        report,
        charts,
        headline,
        example,
        command=str(record.metadata.get("command") or ""),
        csv=_csv(folder, record),
        markdown=markdown,
    )
    files[page] = as_utf8(html)
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    # A chart of a previous report in this folder would be taken for one of this.
    for name in {*CHARTS, _HEADLINE, _CIRCUIT} - set(pictures):
        for kind in ("svg", "png"):
            (folder / "charts" / f"{name}.{kind}").unlink(missing_ok=True)
    return page


def _csv(folder: Path, record: RunRecord) -> str:
    """Return the rows of the run as the file has them, which the page carries."""
    file = folder / "results.csv"
    if file.exists():
        return file.read_text(encoding="utf-8-sig")
    return record.results.to_csv(index=False, lineterminator="\n")
