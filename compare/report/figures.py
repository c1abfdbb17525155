"""A figure: panels with one legend, as parts of a page and as one file."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from compare.report.palette import MarkStyle, plain
from compare.report.plot import FONT, Panel, mark, panel_svg, words

__all__ = ["MOST_LINES", "Figure", "Picture", "hidden_of", "page_picture"]

#: Lines that a panel shows at first; the legend brings the others.
MOST_LINES = 6
#: Engines in the order in which they get a line.
_FIRST = ("graph", "expanded", "shared", "adjoint", "matrix", "graph-compiled", "hand-written")
_WIDTH, _HEIGHT, _GAP = 400, 290, 12
_ITEM, _ROW = 150, 22


def hidden_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the lines that wait for the legend.

    Examples
    --------
    >>> hidden_of(["graph", "expanded", "a", "b", "c", "d", "e", "shared"])
    ('d', 'e')
    """
    order = sorted(names, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    return tuple(name for name in names if name in order[MOST_LINES:])


@dataclass(frozen=True)
class Picture:
    """A part of a figure that the page shows on its own."""

    #: Name of the part in links.
    name: str
    title: str
    svg: Markup


@dataclass(frozen=True)
class Figure:
    """Panels with one legend."""

    #: What it shows and how to read it.
    title: str
    caption: str
    #: Panels by their name in links.
    panels: dict[str, Panel] = field(default_factory=dict)
    #: The lines of the legend.
    styles: dict[str, MarkStyle] = field(default_factory=dict)
    #: Explanations of marks that are there.
    marks: Sequence[str] = ()
    #: Elements of a picture that has no panels, with its width and height.
    drawn: tuple[str, int, int] | None = None

    @property
    def hidden(self) -> tuple[str, ...]:
        """The lines that wait for the legend."""
        return hidden_of(list(self.styles))

    def pictures(self) -> list[Picture]:
        """Return the panels as pictures of a page, without the legend."""
        if self.drawn:
            return [Picture("", self.title, page_picture(*self.drawn, self.title))]
        found = []
        for name, panel in self.panels.items():
            inside = panel_svg(panel, _WIDTH, _HEIGHT, self.hidden)
            title = f"{self.title}: {panel.title}" if panel.title else self.title
            found.append(Picture(name, title, page_picture(inside, _WIDTH, _HEIGHT, title)))
        return found

    def file(self) -> str:
        """Return all panels with the legend as an SVG that stands alone."""
        if self.drawn:
            inside, width, height = self.drawn
            return _alone(inside, width, height, self.title)
        columns = 1 if len(self.panels) == 1 else 2
        width = columns * _WIDTH + (columns - 1) * _GAP
        legend, top = self._legend(width)
        parts = [legend]
        for i, panel in enumerate(self.panels.values()):
            across, down = i % columns * (_WIDTH + _GAP), top + i // columns * (_HEIGHT + _GAP)
            inside = panel_svg(_without(panel, self.hidden), _WIDTH, _HEIGHT)
            parts.append(f'<g transform="translate({across} {down})">{inside}</g>')
        rows = -(-len(self.panels) // columns)
        return _alone("".join(parts), width, top + rows * (_HEIGHT + _GAP), self.title)

    def swatch(self, name: str) -> Markup:
        """Return the line of a legend with its mark."""
        inside = _swatch(self.styles[name], 0, 8)
        return Markup(f'<svg width="34" height="16" aria-hidden="true">{inside}</svg>')

    def _legend(self, width: int) -> tuple[str, int]:
        """Return the legend, and its height."""
        shown = [name for name in self.styles if name not in self.hidden]
        per_row = max(1, width // _ITEM)
        parts = []
        for i, name in enumerate(shown):
            x, y = 8 + i % per_row * _ITEM, 14 + i // per_row * _ROW
            parts += [_swatch(self.styles[name], x, y), words(x + 40, y + 4, name)]
        down = 14 + -(-len(shown) // per_row) * _ROW
        for note in self.marks:
            parts.append(words(8, down, note, size=11, fill="var(--soft)"))
            down += 16
        return "".join(parts), down


def _without(panel: Panel, hidden: Sequence[str]) -> Panel:
    """Return a panel without some of its lines."""
    shown = [series for series in panel.series if series.name not in hidden]
    return Panel(panel.title, panel.x, panel.y, shown, panel.budgets, panel.notes)


def _swatch(style: MarkStyle, x: float, y: float) -> str:
    dash = f' stroke-dasharray="{" ".join(map(str, style.dash))}"' if style.dash else ""
    return (
        f'<path d="M{x},{y}h34" stroke="{style.paint}" stroke-width="{style.width:g}"{dash}/>'
        + mark(style, x + 17, y)
    )


def page_picture(inside: str, width: int, height: int, title: str) -> Markup:
    """Return a picture that takes the width that a page has for it."""
    return Markup(
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="{FONT}">{inside}</svg>'
    )


def _alone(inside: str, width: int, height: int, title: str) -> str:
    """Return a picture as a file: in plain colours, on white."""
    return plain(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="{FONT}"><title>{escape(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="var(--paper)"/>{inside}</svg>\n'
    )
