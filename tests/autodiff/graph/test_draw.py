"""The picture of a graph: every node once, values green, gradients red, names escaped."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from autodiff import trace
from autodiff.graph.draw import draw, layout, svg
from autodiff.graph.draw.frames import Frame

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
    with pytest.raises(ValueError, match=r"has 301 nodes; .* top=200 .* limit=301"):
        graph.draw()
    root = ET.fromstring(graph.draw(limit=301).svg)
    assert sum(e.get("class") == "wire" for e in root.iter(SVG + "g")) == 301
    for options, message in [({"digits": 0}, "from 1 to 17"), ({"direction": "up"}, "'right' or")]:
        with pytest.raises(ValueError, match=message):
            graph.draw(limit=301, **options)


def test_signs_name_their_operand():
    def model(w, x):
        h = w[0] * x[0] + w[1] * x[1]
        return (1 / h) ** 2 + np.abs(-(x[1] * 2.0)) + np.sum((w * x)[:1])

    drawing = graph_of(model, np.array([1.0, 2.0]), np.array([3.0, 4.0])).draw()
    symbols = [
        e.text for e in ET.fromstring(drawing.svg).iter(SVG + "text") if e.get("class") == "symbol"
    ]
    for symbol in ("w[0]", "w[1]", "x[0]", "x[1]", "1/h", "·²", "|·|", "−", "[:1]"):
        assert symbol in symbols, symbol
    # Without an input of that name the letter is free.
    assert ">x²<" in graph_of(lambda w: (w + 1.0) ** 2, 2.0).draw().svg


def test_the_top_of_a_graph():
    def chain(x):
        for _ in range(300):
            x = np.sin(x)
        return x

    drawing = graph_of(chain, 0.5).draw(top=5)
    lines = str(drawing).splitlines()[1:]
    assert [line.split()[0] for line in lines] == [
        "v₂₉₅",
        *(f"v{n}" for n in ["₂₉₆", "₂₉₇", "₂₉₈", "₂₉₉", "₃₀₀"]),
    ]
    assert "of the part not drawn" in lines[0]
    with pytest.raises(ValueError, match="top is 0"):
        graph_of(chain, 0.5).draw(top=0)


def _on_path(wire):
    """Return points along a wire: a point, then three for each Bézier curve."""
    for i in range(0, len(wire) - 1, 3):
        ends = np.array(wire[i : i + 4])
        for t in np.linspace(0.0, 1.0, 9):
            weights = np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
            yield weights @ ends


@pytest.mark.parametrize("direction", ["right", "down"])
def test_without_graphviz_no_frame_overlaps_and_no_wire_crosses_one(direction, monkeypatch):
    monkeypatch.setattr(layout, "_command", lambda: None)
    rng = np.random.default_rng(0)
    for count in (1, 2, 7, 40):
        frames = []
        for i in range(count):
            few = min(i, int(rng.integers(0, 4)))
            operands = tuple(int(n) for n in rng.integers(0, i, few)) if i else ()
            frames.append(Frame(*rng.uniform(20, 120, 2), operands, int(rng.integers(0, 2))))
        found = layout.lay_out(frames, direction)
        assert found == layout.lay_out(frames, direction)
        boxes = [
            (x, y, x + f.width, y + f.height)
            for (x, y), f in zip(found.corners, frames, strict=True)
        ]
        for i, a in enumerate(boxes):
            assert a[0] >= -1e-6
            assert a[2] <= found.width + 1e-6
            assert a[3] <= found.height + 1e-6
            for b in boxes[:i]:
                assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert len(found.wires) == sum(len(f.operands) for f in frames)
        for (target, place), wire in found.wires.items():
            ends = {target, frames[target].operands[place]}
            for x, y in _on_path(wire):
                inside = [
                    i
                    for i, (left, top, right, bottom) in enumerate(boxes)
                    if left + 0.1 < x < right - 0.1 and top + 0.1 < y < bottom - 0.1
                ]
                assert set(inside) <= ends


def test_a_picture_without_graphviz_scrolls_in_a_notebook(monkeypatch):
    monkeypatch.setattr(layout.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(layout.shutil, "which", lambda name: None)
    drawing = graph_of(circuit, -2.0, 5.0, -4.0).draw()
    root = ET.fromstring(drawing.svg)
    assert sum(e.get("class") == "wire" for e in root.iter(SVG + "g")) == 5
    assert "overflow-x: auto" in drawing._repr_html_()
    assert drawing.svg in drawing._repr_html_()
