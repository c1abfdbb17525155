"""Several runs on one page: their machines, dates and versions, and their times side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from compare.report import cells as frames
from compare.report.charts import panel_name
from compare.report.figures import Figure
from compare.report.finding import agreement_line, finding
from compare.report.format import MISSING, count_text, ratio_text, seconds_text
from compare.report.headline import LINES, scope_of
from compare.report.html import environment
from compare.report.palette import ENGINES
from compare.report.plot import Panel, Point, Series, log_axis
from compare.report.reach import budget
from compare.report.record import RunRecord
from compare.report.tables import Number, Table, versions_text
from compare.results.store import as_utf8, replace_file

__all__ = ["SideBySide", "side_by_side", "write_side_by_side"]

#: What tells a cell of one run from another.
_CELL = ["family", "problem", "size", "label", "engine"]
#: Looks of the runs, in turn.
_STYLES = [
    ENGINES[name]
    for name in ("graph", "expanded", "complex-step", "matrix", "shared", "torch", "jax", "casadi")
]


@dataclass(frozen=True)
class SideBySide:
    """The content of the page."""

    title: str
    finding: str
    runs: Table
    #: Time of a gradient on the networks that all runs have, a panel an engine.
    chart: Figure | None
    times: Table


def write_side_by_side(path: Path, runs: Sequence[tuple[str, RunRecord]], title: str = "") -> Path:
    """Return the path of the page of several runs after writing it."""
    content = side_by_side(runs, title)
    page = environment().get_template("side_by_side.html.jinja").render(content=content)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, as_utf8(page))
    return path


def side_by_side(runs: Sequence[tuple[str, RunRecord]], title: str = "") -> SideBySide:
    """Return several runs side by side, the first as the measure of the others."""
    if len(runs) < 2:
        raise ValueError(f"side by side: {len(runs)} runs arrived; expected at least 2")
    named = dict(zip(_names([name for name, _ in runs]), (r for _, r in runs), strict=True))
    joined = _joined(named)
    return SideBySide(
        title or f"{len(named)} runs side by side",
        _finding(joined, list(named)),
        _table_of_runs(named),
        _chart(named),
        _times(joined, list(named)),
    )


def _ratio(ratio: float) -> str:
    """Return a factor that may be close to 1."""
    return f"{ratio:.2f} ×" if 0.1 <= ratio < 10 else ratio_text(ratio)


def _names(paths: Sequence[str]) -> list[str]:
    """Return a short name for each folder, no two alike."""
    last = [Path(path).resolve().name for path in paths]
    names = [n if last.count(n) == 1 else path for n, path in zip(last, paths, strict=True)]
    return [
        name if name not in names[:i] else f"{name} ({names[: i + 1].count(name)})"
        for i, name in enumerate(names)
    ]


def _joined(runs: dict[str, RunRecord]) -> pd.DataFrame:
    """Return the cells of all runs: a row a cell, the time and the status of each run."""
    joined: pd.DataFrame | None = None
    for name, record in runs.items():
        cells = record.results.drop_duplicates(_CELL, keep="last")
        times = cells["run_s"].where(cells["status"] == "ok")
        shown = cells[_CELL].assign(**{f"time {name}": times, f"status {name}": cells["status"]})
        joined = shown if joined is None else joined.merge(shown, on=_CELL, how="outer", sort=False)
    assert joined is not None
    return joined


def _finding(joined: pd.DataFrame, names: list[str]) -> str:
    """Return the sentence on how much slower or faster the other runs are than the first."""
    times = joined[[f"time {name}" for name in names]].dropna()
    times = times[(times > 0).all(axis=1)]
    if times.empty:
        return f"The {len(names)} runs have no cell in common that all of them timed."
    first = times.iloc[:, 0]
    ratios = [float((times.iloc[:, i] / first).median()) for i in range(1, len(names))]
    cells = f"{len(times):,} cell" + ("" if len(times) == 1 else "s")
    if len(names) == 2:
        return (
            f"On {cells} that both timed, {names[1]} takes {_ratio(ratios[0])} the time of "
            f"{names[0]} (median)."
        )
    return (
        f"On {cells} that all timed, the median is {_ratio(min(ratios))} to "
        f"{_ratio(max(ratios))} the time of {names[0]}."
    )


def _table_of_runs(runs: dict[str, RunRecord]) -> Table:
    """Return machine, date, versions, budget and finding of each run."""
    rows = []
    for name, record in runs.items():
        results, run = record.results, record.metadata
        facts = [
            str(run.get("machine") or ""),
            str(run.get("system") or ""),
            str(run.get("created") or "")[:10],
            versions_text(run.get("versions")),
            str(run.get("python") or ""),
            budget(results, run) if len(results) else "",
        ]
        ok = int((results["status"] == "ok").sum())
        cells = Number(f"{ok:,} of {len(results):,}", ok)
        told = [agreement_line(record.agreement, record.truth), finding(results, run)]
        rows.append((name, *facts, cells, *told))
    header = ("run", "machine", "system", "date", "versions", "Python", "budget", "cells ok")
    table = Table((*header, "agreement", "finding"), rows, (7,))
    keep = [i for i in range(len(table.header)) if i == 0 or any(row[i] for row in rows)]
    return Table(
        tuple(table.header[i] for i in keep),
        [tuple(row[i] or MISSING for i in keep) for row in rows],
        tuple(keep.index(i) for i in table.numbers if i in keep),
    )


def _chart(runs: dict[str, RunRecord]) -> Figure | None:
    """Return the time of a gradient in the family that the runs share, a panel an engine."""
    scopes = {name: scope for name, r in runs.items() if (scope := scope_of(r.results))}
    families = {scope.family for scope in scopes.values()}
    if len(scopes) < 2 or len(families) != 1:
        return None
    word = next(iter(scopes.values())).word
    panels = {}
    for engine, title in LINES.items():
        series, values, sizes = [], [], []
        for i, (name, scope) in enumerate(scopes.items()):
            rows = frames.ok(scope.cells, engine).sort_values("n")
            rows = rows[rows["run_s"] > 0]
            points = [
                Point(
                    row["n"],
                    row["run_s"],
                    f"{name}, {count_text(row['n'])} {scope.word}: {seconds_text(row['run_s'])}",
                )
                for row in rows.to_dict("records")
            ]
            series.append(Series(name, _STYLES[i % len(_STYLES)], points))
            values += [p.y for p in points]
            sizes += [p.x for p in points]
        if len(set(sizes)) > 1:
            x = log_axis(word, min(sizes) / 1.4, max(sizes) * 1.4)
            y = log_axis("time of one gradient", min(values) / 1.6, max(values) * 1.6, "s")
            panels[panel_name("runs", engine)] = Panel(title, x, y, series)
    if not panels:
        return None
    styles = {name: _STYLES[i % len(_STYLES)] for i, name in enumerate(scopes)}
    caption = f"Median time of one value with its gradient, {families.pop()}."
    return Figure("Time of one gradient", caption, panels, styles)


def _times(joined: pd.DataFrame, names: list[str]) -> Table:
    """Return the time of each cell in each run, and its ratio to the first run's."""
    rows = []
    for row in joined.to_dict("records"):
        times = [row[f"time {name}"] for name in names]
        texts = [
            Number(seconds_text(t), t) if not math.isnan(t) else _status(row[f"status {name}"])
            for t, name in zip(times, names, strict=True)
        ]
        ratios = [t / times[0] if times[0] > 0 else math.nan for t in times[1:]]
        told = [Number(_ratio(ratio), ratio) for ratio in ratios]
        rows.append((str(row["problem"]), str(row["label"]), str(row["engine"]), *texts, *told))
    header = ("problem", "size", "engine", *names, *(f"{n} / {names[0]}" for n in names[1:]))
    return Table(header, rows, tuple(range(3, len(header))))


def _status(status: object) -> str:
    """Return how a cell ended, or that a run does not have it."""
    return status if isinstance(status, str) and status not in ("", "ok") else MISSING
