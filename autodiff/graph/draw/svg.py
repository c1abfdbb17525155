"""The drawing as SVG: boxes, wires, the value above a wire in green, the gradient below in red.

Everything is drawn with attributes, not with a style sheet or with definitions: those of several
pictures in one page would meet. The background is white, so that the colours keep their contrast
in a dark page.
"""

from collections import Counter
from collections.abc import Sequence

from autodiff.graph.draw.box import ARROW, DETAIL, GRADIENT, SOFT, VALUE, WIRE, Box, xy
from autodiff.graph.draw.frames import Direction, Layout, Point
from autodiff.graph.draw.layout import lay_out
from autodiff.graph.draw.picture import Picture
from autodiff.graph.draw.text import escaped

__all__ = ["svg_text"]

_FONT = "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\""
_MARGIN, _LEGEND, _LEAST_WIDTH = 14.0, 24.0, 230.0
#: A wire that strays from a straight line by less is drawn as one.
_STRAIGHT = 2.0


def svg_text(picture: Picture, direction: Direction) -> str:
    """Return a picture as the text of an SVG file."""
    boxes = [Box(part, direction) for part in picture.parts]
    inputs = [box for box in boxes if box.part.kind == "input"]
    for box in inputs:
        # One length for all, so that they stand in line.
        box.lengthen(max(other.length for other in inputs))
    found = lay_out([box.frame for box in boxes], direction)
    uses = Counter(source for source, _, _ in picture.wires)
    shown = [_wire(wire, boxes, found) for wire in picture.wires]
    shown += [
        box.draw(corner, uses[i])
        for i, (box, corner) in enumerate(zip(boxes, found.corners, strict=True))
    ]
    legend = _legend(picture, direction)
    width = max(found.width, _LEAST_WIDTH if legend else 0.0) + 2 * _MARGIN
    height = found.height + 2 * _MARGIN + (_LEGEND if legend else 0.0)
    size = f'width="{width:.0f}" height="{height:.0f}"'
    text = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} '
        f'viewBox="0 0 {width:.0f} {height:.0f}" {_FONT}>',
        "<title>Computational graph</title>",
        f"<desc>{escaped(picture.table())}</desc>",
        f'<rect {size} rx="8" fill="#ffffff"/>',
        f'<g transform="translate({_MARGIN:.0f} {_MARGIN:.0f})">',
        *shown,
        "</g>",
    ]
    if legend:
        text.append(
            f'<text x="{_MARGIN:.0f}" y="{height - _MARGIN:.0f}" font-size="{DETAIL:.0f}" '
            f'fill="{SOFT}">{legend}</text>'
        )
    return "\n".join([*text, "</svg>"]) + "\n"


def _wire(wire: tuple[int, int, int], boxes: Sequence[Box], found: Layout) -> str:
    """Return a wire between two frames, its straight end and its arrow head."""
    source, target, place = wire
    box = boxes[target]
    # Graphviz rounds where a wire begins and ends.
    first = boxes[source].exit(found.corners[source])
    _, *bends, last = found.wires[target, place]
    x, y = box.tip(found.corners[target], place)
    if box.rightwards:
        across, last, end = 1, (last[0], y), (x - ARROW, y)
        head = [(x, y), (x - ARROW, y - 4), (x - ARROW, y + 4)]
    else:
        across, last, end = 0, (x, last[1]), (x, y - ARROW)
        head = [(x, y), (x - 4, y - ARROW), (x + 4, y - ARROW)]
    points = [first, *bends, last]
    straight = all(abs(point[across] - first[across]) < _STRAIGHT for point in points)
    path = f"M{xy(first)}{'' if straight else _curves(points)}L{xy(end)}"
    nodes = f'data-from="{_node(boxes[source])}" data-to="{_node(box)}" data-operand="{place}"'
    return (
        f'<g class="wire" {nodes}><path d="{path}" fill="none" stroke="{WIRE}" '
        f'stroke-width="1.5"/><path d="M{xy(head[0])}L{xy(head[1])}L{xy(head[2])}Z" '
        f'fill="{WIRE}"/></g>'
    )


def _curves(points: Sequence[Point]) -> str:
    """Return the Bézier curves through points, three for each after the first."""
    return "".join(f"C{' '.join(map(xy, points[i : i + 3]))}" for i in range(1, len(points), 3))


def _node(box: Box) -> str:
    """Return the number of a part's node, or the kind of the part if it is none."""
    return box.part.kind if box.part.node is None else str(box.part.node)


def _legend(picture: Picture, direction: Direction) -> str:
    """Return the meaning of those colours that are there."""
    sides = ("above", "below") if direction == "right" else ("left of", "right of")
    shown = []
    if any(part.value for part in picture.parts):
        shown.append(f'<tspan fill="{VALUE}">value</tspan> {sides[0]} the wire')
    if any(part.gradient for part in picture.parts):
        shown.append(f'<tspan fill="{GRADIENT}">gradient</tspan> {sides[1]} it')
    return ", ".join(shown)
