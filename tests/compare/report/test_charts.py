"""Every chart renders, says its units, and keeps an engine's style everywhere."""

import json

import pandas as pd
import pytest
import vl_convert

from compare.engines import ENGINES as SHIPPED
from compare.report.charts import CHARTS
from compare.report.draw import draw, small
from compare.report.layers import decades, powers
from compare.report.palette import ENGINES, mark_styles
from compare.report.record import RunRecord


@pytest.fixture(scope="module")
def frames(results, summary, agreement, training, swell):
    return RunRecord(results, summary, agreement, training, swell)


def test_the_charts_stand_in_the_order_of_the_report():
    assert list(CHARTS) == [
        "cost",
        "operations",
        "swell",
        "build",
        "memory",
        "agreement",
        "training",
    ]


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_valid_and_renders(frames, name, narrow):
    chart = CHARTS[name]
    spec = chart.function(getattr(frames, chart.source), narrow=narrow).to_dict()
    svg = vl_convert.vegalite_to_svg(spec)
    assert svg.startswith("<svg")
    assert vl_convert.svg_to_png(svg)[:8] == b"\x89PNG\r\n\x1a\n"
    if narrow:
        assert float(svg.split('width="')[1].split('"')[0]) <= 390


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cost", ["time of one gradient (s)", "parameters (number)", "iterations (number)"]),
        ("operations", ["operations or nodes (number)"]),
        ("swell", ["operations of the gradient (number)", "hidden layers (number)", "tree: "]),
        ("build", ["time to build (s)"]),
        ("memory", ["peak memory (bytes)", "budget 4 GiB"]),
        ("agreement", ["mismatch", "unsupported", "timeout", "2e-16"]),
        ("training", ["loss (squared error, no unit)", "step of gradient descent (number)"]),
    ],
)
def test_a_picture_says_its_units(written, name, words):
    svg = (written / "charts" / f"{name}.svg").read_text()
    for word in words:
        assert word in svg


def test_stops_are_hollow_triangles_with_the_shape_of_their_engine(written, results):
    svg = (written / "charts" / "cost.svg").read_text()
    assert "stopped by the time budget: at least this" in svg
    assert "stopped by the memory budget" in svg
    assert "stopped by the time" not in (written / "charts" / "memory.svg").read_text()


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize(
    "rows", [slice(0, 0), slice(0, 1), slice(36, 37), slice(-1, None)], ids=str
)
def test_a_chart_of_next_to_nothing_renders(frames, name, rows):
    chart = CHARTS[name]
    frame = getattr(frames, chart.source).iloc[rows]
    spec = chart.function(frame).to_dict()
    assert vl_convert.vegalite_to_svg(spec).startswith("<svg")


def test_one_engine_with_nothing_but_failures_is_still_seen(frames):
    cells = frames.results.query("engine == 'expanded' and status == 'timeout'")
    svg = vl_convert.vegalite_to_svg(CHARTS["cost"].function(cells).to_dict())
    assert "expanded" in svg
    assert "stopped by the time budget" in svg


def test_a_family_named_like_an_expression_is_only_a_name(frames):
    evil = "x' || alert(1) || '</script>"
    cells = frames.results.replace({"family": {"mlp width": evil}})
    spec = CHARTS["cost"].function(cells).to_dict()
    assert "alert" in json.dumps(spec)
    svg = vl_convert.vegalite_to_svg(spec)
    assert "</script>" not in svg


def test_looks_differ_in_colour_shape_and_dash():
    """Each has a style of its own, and shipped engines differ in all three."""
    assert len(set(ENGINES.values())) == len(ENGINES)
    ours = [style for name, style in ENGINES.items() if name in SHIPPED and name != "graph-eager"]
    for attribute in ("colour", "shape", "dash"):
        values = [getattr(style, attribute) for style in ours]
        assert len(set(values)) == len(values)


def test_an_engine_looks_the_same_whoever_stands_beside_it():
    assert (
        mark_styles(["graph", "jax"])["graph"] == mark_styles(["graph", "expanded", "jax"])["graph"]
    )
    strangers = mark_styles([f"stranger {i}" for i in range(12)])
    assert len(strangers) == 12


def test_charts_without_a_frame_are_left_out():
    drawings, datasets = draw(RunRecord())
    assert list(drawings) == ["cost", "operations", "build", "memory"]
    assert datasets == {}
    assert "Nothing was measured." in drawings["cost"].svg


def test_data_are_rounded_and_leave_out_what_is_missing(frames):
    records = CHARTS["cost"].function(frames.results).to_dict()["datasets"]["cells"]
    assert all(value is not None for record in records for value in record.values())
    assert max(len(repr(record["run_s"])) for record in records if "run_s" in record) <= 10


def test_small_pictures_are_still_pictures(written):
    from xml.etree import ElementTree

    for path in sorted((written / "charts").glob("*.svg")):
        ElementTree.fromstring(path.read_text())
    assert (
        small('<svg><text x="-0.001">1.23456</text></svg>')
        == '<svg><text x="0">1.23456</text></svg>'
    )


def test_axes_have_powers_of_ten():
    assert decades(2e-6, 12) == [1e-6, 100.0]
    assert powers(1, 1e6, "")["values"] == [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6]
    assert len(powers(1e-9, 1e9, "s")["values"]) <= 8
    assert isinstance(pd.Series(powers(1, 10, "s")["values"]).max(), float)
