"""One part of a drawing: its box, the beginning of its wire, the labels of that, and their sizes.

The frame that the layout places holds all of them, so that no wire can cross a label.
"""

from dataclasses import replace

from autodiff.graph.draw.frames import Direction, Frame, Point
from autodiff.graph.draw.picture import Part, label
from autodiff.graph.draw.text import escaped, shortened, width_of

__all__ = ["ARROW", "DETAIL", "GRADIENT", "SOFT", "VALUE", "WIRE", "Box", "written", "xy"]

#: Colours of values and of gradients; on white their contrast is 5.3 and 7.3 to 1.
VALUE, GRADIENT = "#0a7d28", "#b00020"
#: Colours of small print and of wires.
SOFT, WIRE = "#55555f", "#6a6e75"
_INK = "#1b1b1f"
_COLOURS = {"name": SOFT, "value": VALUE, "gradient": GRADIENT}
_FILLS = {"input": "#e8f0fe", "gate": "#ffffff", "constant": "#ececec", "output": "#e8f0fe"}
_EDGES = {"input": "#3b6fb6", "gate": _INK, "constant": "#8a8a8a", "output": "#3b6fb6"}
_HEIGHTS = {"input": 32.0, "gate": 42.0, "constant": 28.0, "output": 32.0}

#: Length of an arrow head, and of the straight end of a wire that it is on.
ARROW, _LEAD = 9.0, 12.0
#: Size of small print.
DETAIL = 12.0
_TEXT, _SIGN, _LABEL, _LINE = 17.0, 22.0, 15.0, 18.0
_PADDING = 9.0
#: Between two arrow heads at a box, at least; between a wire and its labels.
_PORTS, _GAP = 13.0, 6.0
#: A symbol of this many letters is drawn large.
_SHORT = 2
#: Longest text in a box or label; the whole text is in the tooltip.
_LONGEST = 22


class Box:
    """A part of a drawing, with the `frame` that it takes and the sizes within."""

    def __init__(self, part: Part, direction: Direction) -> None:
        self.part = part
        self.rightwards = direction == "right"
        self._symbol = shortened(part.symbol, _LONGEST)
        large = part.kind == "gate" and len(self._symbol) <= _SHORT
        self._font = _SIGN if large else _TEXT if part.kind == "gate" else _LABEL
        name = (shortened(part.name, _LONGEST),) if part.name else ()
        self._above = [("name", line) for line in name] + [("value", line) for line in part.value]
        self._below = [("gradient", line) for line in part.gradient]
        text = max(width_of(self._symbol, self._font), width_of(part.detail, DETAIL))
        count = len(part.operands)
        self._lead = _LEAD if count else 0.0
        self._height, self._width = _HEIGHTS[part.kind], text + 2 * _PADDING
        if part.kind != "constant":
            self._width = max(self._width, self._height)
        ports = 2 * _PADDING * count
        if self.rightwards:
            self._height = max(self._height, ports)
        else:
            self._width = max(self._width, ports)
        self._stub, width, height = self._room()
        side = height if self.rightwards else width
        pads = max(0, int((side / _PORTS - count) / 2)) if count else 0
        self._spacing = side / (count + 2 * pads) if count else 0.0
        self.frame = Frame(width, height, part.operands, pads)

    def _room(self) -> tuple[float, float, float]:
        """Return the length of the wire beside the labels, and width and height of all."""
        widths = [width_of(line, _LABEL) for _, line in (*self._above, *self._below)]
        rows, text = max(len(self._above), len(self._below)), max(widths, default=0.0)
        wired = self.part.kind in ("input", "gate")
        if self.rightwards:
            stub = text + 2 * _GAP if wired else 0.0
            height = max(self._height, 2 * (rows * _LINE + _GAP) if rows else 0.0)
            return stub, self._lead + self._width + stub, height
        stub = rows * _LINE + _GAP if wired else 0.0
        width = max(self._width, 2 * (text + _GAP) if rows else 0.0)
        return stub, width, self._lead + self._height + stub

    @property
    def length(self) -> float:
        """The length of the frame along the wires."""
        return self.frame.width if self.rightwards else self.frame.height

    def lengthen(self, length: float) -> None:
        """Make the frame that long, by a longer wire beside the labels."""
        longer = length - self.length
        self._stub += longer
        across = (longer, 0.0) if self.rightwards else (0.0, longer)
        self.frame = replace(
            self.frame, width=self.frame.width + across[0], height=self.frame.height + across[1]
        )

    def exit(self, corner: Point) -> Point:
        """Return the point at which wires leave the frame."""
        if self.rightwards:
            return corner[0] + self.frame.width, corner[1] + self.frame.height / 2
        return corner[0] + self.frame.width / 2, corner[1] + self.frame.height

    def tip(self, corner: Point, place: int) -> Point:
        """Return the point at which the arrow of an operand ends."""
        aside = (place - (len(self.part.operands) - 1) / 2) * self._spacing
        if self.rightwards:
            return corner[0] + self._lead, corner[1] + self.frame.height / 2 + aside
        return corner[0] + self.frame.width / 2 + aside, corner[1] + self._lead

    def draw(self, corner: Point, uses: int) -> str:
        """Return the box with the beginning of its wire and the labels of that."""
        part, (x, y), end = self.part, corner, self.exit(corner)
        if self.rightwards:
            left, top = x + self._lead, y + (self.frame.height - self._height) / 2
            start = (end[0] - self._stub, end[1])
        else:
            left, top = x + (self.frame.width - self._width) / 2, y + self._lead
            start = (end[0], end[1] - self._stub)
        corners = self._height / 2 if part.kind in ("input", "output") else 6.0
        node = "" if part.node is None else f' data-node="{part.node}"'
        shown = [
            f'<g class="{part.kind}"{node}>',
            f"<title>{escaped(_tooltip(part))}</title>",
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{self._width:.1f}" '
            f'height="{self._height:.1f}" rx="{corners:.0f}" fill="{_FILLS[part.kind]}" '
            f'stroke="{_EDGES[part.kind]}" stroke-width="1.5"/>',
            *self._inside((left + self._width / 2, top + self._height / 2)),
        ]
        if self._stub:
            shown.append(
                f'<path d="M{xy(start)}L{xy(end)}" fill="none" stroke="{WIRE}" stroke-width="1.5"/>'
            )
        if uses > 1:
            shown.append(f'<circle cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="3" fill="{WIRE}"/>')
        return "".join([*shown, *self._labels(start), "</g>"])

    def _inside(self, middle: Point) -> list[str]:
        """Return symbol and detail, in the middle of the box."""
        x, y = middle
        # Letters are about 0.7 of the size of their font high.
        baseline = y + 0.35 * self._font - (DETAIL / 2 + 1 if self.part.detail else 0.0)
        shown = [written("symbol", self._symbol, (x, baseline), self._font, _INK)]
        if self.part.detail:
            at = (x, baseline + DETAIL + 1)
            shown.append(written("detail", self.part.detail, at, DETAIL, SOFT))
        return shown

    def _labels(self, start: Point) -> list[str]:
        """Return the texts on both sides of the beginning of the wire."""
        x, y = start
        shown = []
        for side, lines in ((-1, self._above), (1, self._below)):
            for row, (kind, line) in enumerate(lines):
                if self.rightwards:
                    upwards = y - _GAP - (len(lines) - 1 - row) * _LINE
                    at = (x + self._stub / 2, upwards if side < 0 else y + _LABEL + row * _LINE)
                    anchor = "middle"
                else:
                    at = (x + side * _GAP, y + _LABEL + row * _LINE)
                    anchor = "end" if side < 0 else "start"
                shown.append(written(kind, line, at, _LABEL, _COLOURS[kind], anchor))
        return shown


def xy(point: Point) -> str:
    """Return a point as SVG writes it."""
    return f"{point[0]:.1f},{point[1]:.1f}"


def written(
    kind: str, text: str, at: Point, size: float, colour: str, anchor: str = "middle"
) -> str:
    """Return one line of text as an element of SVG."""
    italic = ' font-style="italic"' if kind == "name" else ""
    return (
        f'<text class="{kind}" x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}" '
        f'font-size="{size:.0f}" fill="{colour}"{italic}>{escaped(text)}</text>'
    )


def _tooltip(part: Part) -> str:
    """Return the text of a tooltip: name, value and gradient of a part in one line."""
    if part.node is None:
        return part.symbol
    known = [
        f"{what} {' '.join(lines)}"
        for what, lines in (("value", part.value), ("gradient", part.gradient))
        if lines
    ]
    return f"{label(part)} = {part.formula}" + (f": {', '.join(known)}" if known else "")
