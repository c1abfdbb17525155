"""The report on disk: each file whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from compare.report.charts import CHARTS
from compare.report.content import frames_of, report_of
from compare.report.draw import draw
from compare.report.html import render_html
from compare.report.markdown import render_markdown
from compare.results.store import replace_file

__all__ = ["write_report"]


def write_report(
    folder: Path,
    results: pd.DataFrame,
    summary: pd.DataFrame,
    agreement: pd.DataFrame | None = None,
    training: pd.DataFrame | None = None,
    run: Mapping[str, Any] | None = None,
    swell: pd.DataFrame | None = None,
    truth: pd.DataFrame | None = None,
    crossovers: pd.DataFrame | None = None,
) -> Path:
    """Return the path of ``report.html`` after writing the whole report into a folder."""
    folder = Path(folder)
    frames = frames_of(results, summary, agreement, training, swell, truth, crossovers)
    report = report_of(frames, run)
    drawings, datasets = draw(frames)
    page = folder / "report.html"
    files: dict[Path, bytes] = {}
    for name, drawing in drawings.items():
        files[folder / "charts" / f"{name}.svg"] = drawing.svg.encode()
        files[folder / "charts" / f"{name}.png"] = drawing.png
    files[folder / "report.md"] = render_markdown(report, drawings, run).encode()
    files[page] = render_html(report, drawings, datasets, run).encode()
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    # A chart of an earlier report in this folder would be taken for one of this.
    for name in set(CHARTS) - set(drawings):
        for kind in ("svg", "png"):
            (folder / "charts" / f"{name}.{kind}").unlink(missing_ok=True)
    return page
