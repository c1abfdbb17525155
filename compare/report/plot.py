"""Plots as SVG: lines over two axes, bars, and squares, in colours that the page names."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from markupsafe import escape

from compare.report.format import SUPERSCRIPTS
from compare.report.palette import MarkStyle

__all__ = ["FONT", "Axis", "Panel", "Point", "Series", "log_axis", "mark", "panel_svg", "words"]

#: The first is what vl-convert brings along, so that a PNG comes out the same anywhere.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
#: Size of text, room left of and below the frame, above and right of it, above without a title.
_TEXT, _LEFT, _BELOW, _ABOVE, _RIGHT, _BARE = 12, 62, 42, 30, 14, 8
#: Height that one stop takes when several stand over the same size.
_STACK = 15
#: About the width of a letter of text of size 1.
_LETTER = 0.6


@dataclass(frozen=True)
class Axis:
    """An axis with its ends, which are positive where it is logarithmic."""

    title: str
    low: float
    high: float
    #: Values with their labels.
    ticks: tuple[tuple[float, str], ...]
    log: bool = True

    def share(self, value: float) -> float:
        """Return the place of a value between the ends, from 0 to 1 within them."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Point:
    """A point of a line, or the place where a line was stopped."""

    x: float
    y: float
    #: What a reader sees who points at it.
    text: str
    #: Empty, or how the cell ended: a hollow triangle stands for it.
    stop: str = ""


@dataclass(frozen=True)
class Series:
    """A line with its points."""

    name: str
    style: MarkStyle
    points: Sequence[Point]
    #: Text at the end of the line; empty where the legend tells.
    label: str = ""


@dataclass(frozen=True)
class Panel:
    """Lines over two axes."""

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    #: Heights of dashed lines with what they are.
    budgets: Sequence[tuple[float, str]] = ()
    #: Notes in the upper left corner, where lines that grow are not.
    notes: Sequence[str] = field(default_factory=tuple)


def log_axis(title: str, low: float, high: float, unit: str = "", most: int = 8) -> Axis:
    """Return a logarithmic axis whose ticks are powers of ten, or finer where there are too few.

    Examples
    --------
    >>> [label for _, label in log_axis("time", 2e-6, 0.5, "s").ticks]
    ['10 µs', '100 µs', '1 ms', '10 ms', '100 ms']
    """
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, math.ceil((last - first + 1) / most))
    values = [10.0**power for power in range(first, last + 1, step)]
    if len(values) < 2:
        powers = range(first - 1, last + 2)
        values = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
        values = [value for value in values if low <= value <= high]
    return Axis(title, low, high, tuple((value, _label(value, unit)) for value in values))


def _label(value: float, unit: str) -> str:
    """Return such as "10 µs", "100k" or "10¹⁸"."""
    power = math.floor(math.log10(value) + 1e-9)
    if not -9 <= power < 15:
        return f"10{str(power).replace('-', '⁻').translate(SUPERSCRIPTS)}"
    steps = max(-3, min(4, power // 3))
    prefix = {-3: "n", -2: "µ", -1: "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T"}[steps]
    number = f"{value / 1000.0**steps:.3g}"
    return f"{number} {prefix}{unit}" if unit else f"{number}{prefix}"


def words(
    x: float, y: float, text: str, *, anchor: str = "start", size: float = _TEXT, **style: str
) -> str:
    """Return a line of text."""
    more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    fill = "" if "fill" in style else ' fill="var(--ink)"'
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}"{fill}{more}>'
        f"{escape(text)}</text>"
    )


def mark(style: MarkStyle, x: float, y: float, size: float = 3.6, text: str = "") -> str:
    """Return the mark of an engine, with what a reader sees who points at it."""
    title = f"<title>{escape(text)}</title>" if text else ""
    return (
        f'<path transform="translate({x:.1f} {y:.1f}) scale({size:g})" d="{style.shape}" '
        f'fill="{style.paint}">{title}</path>'
    )


def panel_svg(
    panel: Panel, width: int, height: int, hidden: Sequence[str] = (), right: int = _RIGHT
) -> str:
    """Return the elements of a panel; lines named as hidden wait for their legend."""
    box = _Box(panel, width, height, right)
    parts = [
        words(_LEFT, 16, panel.title, size=13, font_weight="bold") if panel.title else "",
        *box.grid(),
        *(box.budget(at, text) for at, text in panel.budgets),
        *(
            words(_LEFT + 4, box.top + 13 + 14 * i, note, size=11)
            for i, note in enumerate(panel.notes)
        ),
    ]
    taken: dict[float, int] = {}
    shown = [series for series in panel.series if series.name not in hidden]
    crossed = [place for series in shown for place in box.along(series)]
    for series in panel.series:
        if series.name in hidden:
            parts.append(_group(series, box.line(series, {}), ' class="off"'))
            continue
        label = box.label(series, crossed) if series.label else ""
        parts.append(_group(series, box.line(series, taken) + label))
    return "".join(parts)


def _group(series: Series, inside: str, more: str = "") -> str:
    return f'<g data-series="{escape(series.name)}"{more}>{inside}</g>'


class _Box:
    """The frame of a panel: where values are in px."""

    def __init__(self, panel: Panel, width: int, height: int, right: int) -> None:
        self.panel, self.width, self.height = panel, width, height
        self.left, self.right = _LEFT, width - right
        self.top, self.bottom = _ABOVE if panel.title else _BARE, height - _BELOW

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of a point."""
        across = self.left + (self.right - self.left) * self.panel.x.share(x)
        return across, self.bottom - (self.bottom - self.top) * self.panel.y.share(y)

    def grid(self) -> list[str]:
        """Return the axes with their titles and ticks."""
        x, y = self.panel.x, self.panel.y
        parts = []
        for value, label in y.ticks:
            _, down = self.at(x.low, value)
            parts.append(_rule(self.left, down, self.right, down, "line"))
            parts.append(words(self.left - 6, down + 4, label, anchor="end", size=11))
        last = -math.inf
        for value, label in x.ticks:
            across, _ = self.at(value, y.low)
            half = len(label) * 11 * _LETTER / 2
            if across - half < last + 4:
                continue
            last = across + half
            parts.append(_rule(across, self.bottom, across, self.bottom + 4, "soft"))
            parts.append(words(across, self.bottom + 17, label, anchor="middle", size=11))
        parts.append(_rule(self.left, self.bottom, self.right, self.bottom, "soft"))
        middle = (self.left + self.right) / 2
        parts.append(words(middle, self.height - 8, x.title, anchor="middle"))
        turn = f"rotate(-90 8 {(self.top + self.bottom) / 2:.1f})"
        at = (self.top + self.bottom) / 2
        parts.append(words(8, at + 3, y.title, anchor="middle", transform=turn))
        return parts

    def budget(self, at: float, text: str) -> str:
        """Return a dashed line with its name."""
        _, down = self.at(self.panel.x.low, at)
        line = _rule(self.left, down, self.right, down, "soft", ' stroke-dasharray="4 3"')
        name = words(self.left + 4, down + 13, text, size=11, fill="var(--soft)")
        return line + name

    def line(self, series: Series, taken: dict[float, int]) -> str:
        """Return a line with its points and its stops."""
        style = series.style
        known = sorted((p for p in series.points if not p.stop), key=lambda p: p.x)
        places = [self.at(p.x, p.y) for p in known]
        path = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in places)
        dash = f' stroke-dasharray="{" ".join(map(str, style.dash))}"' if style.dash else ""
        parts = []
        if len(places) > 1:
            parts.append(
                f'<path d="{path}" fill="none" stroke="{style.paint}" '
                f'stroke-width="{style.width:g}"{dash}/>'
            )
        parts += [
            mark(style, *place, text=point.text)
            for point, place in zip(known, places, strict=True)
            if point.text
        ]
        end = places[-1] if places else None
        for point in (p for p in series.points if p.stop in ("timeout", "memory")):
            x, y = self.at(point.x, point.y)
            # Stops at the same size would hide one another: each is drawn above the last.
            lift = taken.get(point.x, 0)
            taken[point.x] = lift + 1
            y -= _STACK * min(lift, 6)
            if end is not None and not lift:
                parts.append(
                    f'<path d="M{end[0]:.1f},{end[1]:.1f}L{x:.1f},{y:.1f}" fill="none" '
                    f'stroke="{style.paint}" stroke-dasharray="1 4" stroke-width="1.5"/>'
                )
            parts.append(_stop(style, x, y, point))
        for point in (p for p in series.points if p.stop == "refused"):
            x, y = self.at(point.x, point.y)
            parts.append(
                f'<path d="M{x - 5:.1f},{y - 5:.1f}l10,10m0,-10l-10,10" fill="none" '
                f'stroke="{style.paint}" stroke-width="2.4"><title>{escape(point.text)}</title>'
                "</path>"
            )
        return "".join(parts)

    def along(self, series: Series) -> list[tuple[float, float]]:
        """Return places along a line and to where it was stopped."""
        places = [self.at(p.x, p.y) for p in sorted(series.points, key=lambda p: p.x)]
        found = places[:1]
        for (x0, y0), (x1, y1) in pairwise(places):
            steps = max(1, int(math.hypot(x1 - x0, y1 - y0) / 4))
            found += [
                (x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps)
                for i in range(1, steps + 1)
            ]
        return found

    def label(self, series: Series, crossed: list[tuple[float, float]]) -> str:
        """Return the text at the end of a line, where it crosses least of what is there."""
        known = [p for p in series.points if not p.stop]
        if not known:
            return ""
        x, y = self.at(*max((p.x, p.y) for p in known))
        lines = series.label.split("\n")
        wide, tall = max(map(len, lines)) * _TEXT * _LETTER, 14.0 * len(lines)
        best, text = math.inf, ""
        for anchor, across, down in (
            ("start", x + 9, y - tall / 2),
            ("end", x - 9, y - tall),
            ("start", x + 9, y + 4),
            ("end", x - 9, y + 4),
            ("middle", x, y - tall - 8),
            ("middle", x, y + 10),
            ("end", x - 34, y - tall / 2),
            ("end", x - 34, y + tall),
            ("start", x + 9, y - 2 * tall),
            ("end", x - 9, y + tall),
            ("start", x + 9, y + tall),
        ):
            left = across - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
            hits = sum(
                left - 3 < a < left + wide + 3 and down - 3 < b < down + tall + 3
                for a, b in crossed
            )
            out = left < self.left or left + wide > self.width or down < 0
            out = out or down + tall > self.bottom
            if (cost := hits + 1000 * out) < best:
                best, place = cost, (left, down)
                text = "".join(
                    words(
                        across,
                        down + 11 + 14 * i,
                        line,
                        anchor=anchor,
                        font_weight="normal" if i else "bold",
                        fill=series.style.paint,
                    )
                    for i, line in enumerate(lines)
                )
        # No other text may stand there.
        across, down = place
        crossed += [
            (across + wide * i / 12, down + tall * j / 4) for i in range(13) for j in range(5)
        ]
        return text


def _stop(style: MarkStyle, x: float, y: float, point: Point) -> str:
    """Return a hollow triangle, up for the time budget and down for the memory budget."""
    up = point.stop == "timeout"
    shape = "M0,-8L8,6H-8Z" if up else "M0,8L8,-6H-8Z"
    inside = mark(style, 0, 1.5 if up else -1.5, 2.1)
    return (
        f'<g transform="translate({x:.1f} {y:.1f})"><path d="{shape}" fill="var(--paper)" '
        f'stroke="{style.paint}" stroke-width="1.6"><title>{escape(point.text)}</title></path>'
        f"{inside}</g>"
    )


def _rule(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    return (
        f'<path d="M{x1:.1f},{y1:.1f}L{x2:.1f},{y2:.1f}" stroke="var(--{colour})" '
        f'stroke-width="1"{more}/>'
    )
