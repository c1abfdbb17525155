"""The report on disk: each file whole or not at all."""

from pathlib import Path

from compare.report.charts import CHARTS
from compare.report.content import report_of
from compare.report.draw import draw
from compare.report.html import render_html
from compare.report.markdown import render_markdown
from compare.report.record import RunRecord
from compare.results.store import replace_file

__all__ = ["write_report"]


def write_report(folder: Path, record: RunRecord) -> Path:
    """Return the path of ``report.html`` after writing the whole report into a folder."""
    report = report_of(record)
    drawings, datasets = draw(record)
    page = folder / "report.html"
    files: dict[Path, bytes] = {}
    for name, drawing in drawings.items():
        files[folder / "charts" / f"{name}.svg"] = drawing.svg.encode()
        files[folder / "charts" / f"{name}.png"] = drawing.png
    files[folder / "report.md"] = render_markdown(report, drawings).encode()
    files[page] = render_html(report, drawings, datasets).encode()
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    # A chart of a previous report in this folder would be taken for one of this.
    for name in set(CHARTS) - set(drawings):
        for kind in ("svg", "png"):
            (folder / "charts" / f"{name}.{kind}").unlink(missing_ok=True)
    return page
