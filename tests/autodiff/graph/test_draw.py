"""The picture of a graph: every node once, values green, gradients red, names escaped."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from autodiff import trace
from autodiff.graph.draw import draw, layout, svg

SVG = "{http://www.w3.org/2000/svg}"
X = np.array([0.5, 1.5, -0.75])


def circuit(x, y, z):
    q = x + y
    return q * z


def graph_of(f, *args, backward=True):
    graph = trace(f, *args)
    graph.forward(*args)
    if backward:
        graph.backward()
    return graph


def texts(drawing, colour):
    """Return the texts of one colour."""
    root = ET.fromstring(drawing.svg)
    found = [
        e for e in root.iter() if e.get("fill") == colour and e.tag in (SVG + "text", SVG + "g")
    ]
    return ["".join(e.itertext()).strip() for e in found if "".join(e.itertext()).strip()]


def test_the_circuit_of_the_notes():
    drawing = graph_of(circuit, -2.0, 5.0, -4.0).draw()
    root = ET.fromstring(drawing.svg)
    assert root.get("role") == "img"
    wires = [e for e in root.iter(SVG + "g") if e.get("class") == "wire"]
    ends = {(e.get("data-from"), e.get("data-to"), e.get("data-operand")) for e in wires}
    assert ends == {
        *(("0", "3", "0"), ("1", "3", "1"), ("3", "4", "0"), ("2", "4", "1")),
        ("4", "output", "0"),
    }
    values = " ".join(texts(drawing, svg.VALUE))
    gradients = " ".join(texts(drawing, svg.GRADIENT))
    for number in ("−2", "5", "−4", "3", "−12"):
        assert number in values
    for number in ("−4", "3", "1"):
        assert number in gradients
    assert "−12" not in gradients
    assert drawing._repr_svg_() == drawing.svg
    assert str(drawing).splitlines()[4].split() == ["q", "x", "+", "y", "3", "−4"]
    assert repr(drawing) == "<Drawing of 5 nodes>"


def test_what_is_not_known_is_left_out():
    graph = trace(circuit, 1.0, 2.0, 3.0)
    empty = draw(graph)
    assert not texts(empty, svg.VALUE)
    graph.forward(1.0, 2.0, 3.0)
    forward = draw(graph)
    assert texts(forward, svg.VALUE)
    assert not texts(forward, svg.GRADIENT)


def test_text_from_outside_is_escaped():
    hostile = {"<script>&\"'": 2.0}
    drawing = graph_of(lambda p: p["<script>&\"'"] * 3.0, hostile).draw()
    assert "<script>" not in drawing.svg
    assert "<script>" in "".join(ET.fromstring(drawing.svg).itertext())
    assert drawing.dot.startswith("digraph")


def test_arrays_masks_and_every_direction(tmp_path):
    def model(x, w):
        h = np.maximum(np.outer(x, x) @ w, 0.0)
        return np.sum(h[h > 0.1]) + np.mean(np.where(x > 0, x, 0.1 * x))

    graph = graph_of(model, X, np.ones((3, 40)))
    for direction in ("right", "down"):
        drawing = draw(graph, direction=direction)
        ET.fromstring(drawing.svg)
        assert "3×40" in drawing.svg
    path = drawing.save(tmp_path / "model.svg")
    assert path.read_text(encoding="utf-8") == drawing.svg
    assert drawing.save(tmp_path / "model.dot").read_text(encoding="utf-8") == drawing.dot
    with pytest.raises(ValueError, match=r"ends in .png; a drawing is saved as .svg or as .dot"):
        drawing.save(tmp_path / "model.png")


def test_limits_are_told():
    def chain(x):
        for _ in range(300):
            x = np.sin(x)
        return x

    graph = graph_of(chain, 0.5)
    with pytest.raises(ValueError, match=r"has 301 nodes; .* limit=301"):
        graph.draw()
    root = ET.fromstring(graph.draw(limit=301).svg)
    assert sum(e.get("class") == "wire" for e in root.iter(SVG + "g")) == 301
    for options, message in [({"digits": 0}, "from 1 to 17"), ({"direction": "up"}, "'right' or")]:
        with pytest.raises(ValueError, match=message):
            graph.draw(limit=301, **options)


def test_a_missing_library_is_told(monkeypatch):
    drawing = graph_of(circuit, 1.0, 2.0, 3.0).draw()
    monkeypatch.setattr(layout.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(layout.shutil, "which", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'gradscale\[draw\]'"):
        drawing.svg  # noqa: B018 (the property is what raises)
    assert "digraph" in drawing.dot
