"""Every chart is drawn, says its units, keeps an engine's look, and can be read in any light."""

import re
from xml.etree import ElementTree

import pytest

from compare.engines import ENGINES as SHIPPED
from compare.report.charts import CHARTS, charts_of
from compare.report.figures import MOST_LINES, hidden_of
from compare.report.headline import headline_figures
from compare.report.palette import ENGINES, THEME, TRAININGS, declarations, mark_styles, plain
from compare.report.plot import log_axis
from compare.report.record import RunRecord


@pytest.fixture(scope="module")
def record(results, summary, agreement, training, swell):
    return RunRecord(results, summary, agreement, training, swell)


@pytest.fixture(scope="module")
def charts(record):
    return charts_of(record)


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_text_and_lines_have_contrast_in_both_lights(dark):
    theme = {name: pair[dark] for name, pair in THEME.items()}
    grounds = [theme["paper"], theme["tint"]]
    for name in ("ink", "soft", "link", "value", "gradient", "bad"):
        assert min(contrast(theme[name], ground) for ground in grounds) >= 4.5, name
    assert contrast(theme["ink"], theme["warn"]) >= 4.5
    assert contrast(theme["ink"], theme["box"]) >= 4.5
    assert contrast(theme["paper"], theme["bad"]) >= 4.5
    strangers = mark_styles([f"stranger {i}" for i in range(4)])
    for name, style in (ENGINES | strangers | TRAININGS).items():
        assert contrast(style.dark if dark else style.colour, theme["paper"]) >= 3.0, name


def test_every_chart_is_a_picture_that_names_its_units(charts):
    assert list(charts) == list(CHARTS)
    units = {
        "cost": ["time of one gradient", "parameters", "iterations", "10 µs", "budget 12 s"],
        "operations": ["operations or nodes"],
        "swell": ["operations of the gradient", "hidden layers", "tree: "],
        "build": ["time to derive or trace"],
        "memory": ["peak memory", "budget 4 GiB", "MB"],
        "agreement": ["mismatch", "n/a", "timeout", "e-1"],
        "training": ["loss (squared error)", "step of gradient descent"],
    }
    for name, figure in charts.items():
        svg = figure.file()
        ElementTree.fromstring(svg)
        assert "var(" not in svg
        assert not re.search(r"nan|inf\b", svg)
        for word in units[name]:
            assert word in svg, (name, word)


def test_at_most_six_lines_are_shown_and_the_legend_has_the_others(charts, results):
    engines = [*SHIPPED, "jax"]
    assert len(engines) - len(hidden_of(engines)) == MOST_LINES
    assert {"graph", "expanded", "shared", "matrix"}.isdisjoint(hidden_of(engines))
    more = results[results["engine"] == "graph"]
    more = [more.assign(engine=name) for name in ("jax", "torch", "autograd")]
    import pandas as pd

    figure = charts_of(RunRecord(pd.concat([results, *more])))["cost"]
    assert len(figure.hidden) == len(figure.styles) - MOST_LINES > 0
    for picture in figure.pictures():
        groups = re.findall(r'<g data-series="([^"]+)"( class="off")?>', picture.svg)
        assert sum(not off for _, off in groups) <= MOST_LINES
        assert {name for name, off in groups if off} <= set(figure.hidden)


def test_a_cell_that_a_budget_ended_is_a_triangle_on_its_line(charts):
    cost = "".join(picture.svg for picture in charts["cost"].pictures())
    assert "at least 12 s" in cost
    assert "△ stopped by the time budget: the true value is at least this" in charts["cost"].marks
    assert "△" not in " ".join(charts["memory"].marks)
    assert "▽ stopped by the memory budget" in charts["memory"].marks
    assert "✕ refused or failed at the next size" in charts["cost"].marks


def test_any_part_of_the_rows_is_drawn(record):
    for rows in (slice(0, 0), slice(0, 1), slice(36, 37), slice(-1, None), slice(36, 60)):
        frames = (
            frame.iloc[rows]
            for frame in (record.results, record.agreement, record.training, record.swell)
        )
        results, agreement, training, swell = frames
        part = RunRecord(results, record.summary, agreement, training, swell)
        figures = [*charts_of(part).values(), *headline_figures(part.results, {})]
        for figure in figures:
            ElementTree.fromstring(figure.file())


def test_a_name_from_outside_is_only_a_name(results):
    evil = "x' || alert(1) || '</script><g onload=\"a\">"
    cells = RunRecord(results.replace({"family": {"mlp width": evil}, "engine": {"shared": evil}}))
    for figure in [*charts_of(cells).values(), *headline_figures(cells.results, {})]:
        for element in ElementTree.fromstring(figure.file()).iter():
            assert element.get("onload") is None
            assert not element.tag.endswith("script")


def test_an_engine_looks_the_same_whoever_stands_beside_it():
    both = mark_styles(["graph", "jax"]), mark_styles(["graph", "expanded", "jax"])
    assert both[0]["graph"] == both[1]["graph"]
    ours = [style for name, style in ENGINES.items() if name in SHIPPED]
    for attribute in ("colour", "shape", "dash"):
        assert len({getattr(style, attribute) for style in ours}) == len(ours), attribute


def test_every_colour_of_a_picture_is_named_in_the_page(charts):
    names = set(re.findall(r"--(\w+):", declarations(dark=False)))
    assert names == set(re.findall(r"--(\w+):", declarations(dark=True)))
    for figure in charts.values():
        for picture in figure.pictures():
            used = set(re.findall(r"var\(--(\w+)\)", picture.svg))
            assert used <= names
            assert not re.search(r'(fill|stroke)="#', picture.svg)
            assert "#" not in re.sub(r"#[0-9A-Fa-f]{6}", "", plain(picture.svg)).split("<title>")[0]


@pytest.mark.parametrize(
    ("low", "high", "unit", "labels"),
    [
        (1.0, 1e6, "", ["1", "10", "100", "1k", "10k", "100k", "1M"]),
        (2e-6, 3e-6, "s", ["2 µs"]),
        (1e3, 2e9, "B", ["1 kB", "10 kB", "100 kB", "1 MB", "10 MB", "100 MB", "1 GB"]),
        (1e10, 1e40, "", ["10G", "100T", "10¹⁸", "10²²", "10²⁶", "10³⁰", "10³⁴", "10³⁸"]),
    ],
)
def test_axes_have_powers_of_ten(low, high, unit, labels):
    assert [label for _, label in log_axis("x", low, high, unit).ticks] == labels
