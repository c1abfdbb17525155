"""How each engine looks, in one table: order, colour, shape and dash are the same everywhere.

A picture names its colours, ``var(--ink)``: the page gives each name a colour by the reader's
setting, light or dark, and `plain` puts in the light one where a file stands alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["ENGINES", "THEME", "TRAININGS", "MarkStyle", "declarations", "mark_styles", "plain"]

#: Colours of everything that is no engine, in the light and in the dark.
THEME: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#14171c"),
    "tint": ("#f4f6f9", "#1e232b"),
    "ink": ("#1b1f24", "#e9edf2"),
    "soft": ("#57606a", "#a3adb8"),
    "line": ("#d5dae0", "#3a424d"),
    "link": ("#0b5fa5", "#7cc0ff"),
    "value": ("#0a7d28", "#5fd480"),
    "gradient": ("#b00020", "#ff8f9a"),
    "warn": ("#fff3d6", "#3d3114"),
    "bad": ("#b00020", "#ff8f9a"),
    "box": ("#e8f0fe", "#22344f"),
    "edge": ("#3b6fb6", "#7fb0f0"),
    "constant": ("#ececec", "#2c323b"),
}


@dataclass(frozen=True)
class MarkStyle:
    """Colour, shape and dash of an engine."""

    #: Colour on white and on the dark page, each with a contrast of at least 3 to 1.
    colour: str
    dark: str
    #: A path of SVG in the square from -1 to 1.
    shape: str
    #: Lengths of dash and gap in px; empty for a solid line.
    dash: tuple[int, ...] = ()
    #: Width of the line in px.
    width: float = 2.0

    @property
    def paint(self) -> str:
        """The name of the colour in a picture."""
        return f"var(--c{self.colour[1:]})"


_CIRCLE = "M-1,0A1,1 0 1 1 1,0A1,1 0 1 1 -1,0Z"
_SQUARE = "M-.9,-.9H.9V.9H-.9Z"
_DIAMOND = "M0,-1.25L1.05,0L0,1.25L-1.05,0Z"
_TRIANGLE = "M0,-1.1L1.1,.9H-1.1Z"
_CROSS = "M-.4,-1.15H.4V-.4H1.15V.4H.4V1.15H-.4V.4H-1.15V-.4H-.4Z"
_STAR = "M0,-1.2L.33,-.4L1.15,-.37L.5,.15L.7,.97L0,.5L-.7,.97L-.5,.15L-1.15,-.37L-.33,-.4Z"
_SALTIRE = "M-1.2,-.8L-.8,-1.2L0,-.4L.8,-1.2L1.2,-.8L.4,0L1.2,.8L.8,1.2L0,.4L-.8,1.2L-1.2,.8L-.4,0Z"
_HEXAGON = "M-1,0L-.5,-.87L.5,-.87L1,0L.5,.87L-.5,.87Z"
_BAR = "M-1.2,-.45L1.2,-.45L1.2,.45L-1.2,.45Z"
_STAND = "M-.45,-1.2L.45,-1.2L.45,1.2L-.45,1.2Z"

#: The engines in the order of every table, legend and matrix; colours after Okabe and Ito (2008).
ENGINES: dict[str, MarkStyle] = {
    "graph": MarkStyle("#0072B2", "#5AB0F0", _CIRCLE),
    "graph-compiled": MarkStyle("#2485BD", "#9AD7FF", _STAND, (4, 4)),
    "graph-eager": MarkStyle("#4A6FA5", "#8FB4E8", _TRIANGLE, (3, 2)),
    "expanded": MarkStyle("#CC5200", "#FF8A3D", _SQUARE, (6, 3)),
    "shared": MarkStyle("#A87200", "#F0B83C", _DIAMOND, (2, 2)),
    "adjoint": MarkStyle("#7A7A1E", "#C9C95A", _HEXAGON, (9, 3, 2, 3)),
    "matrix": MarkStyle("#882255", "#E88AB8", _BAR, (9, 3, 2, 3, 2, 3)),
    "hand-written": MarkStyle("#26292E", "#F2F4F7", _CROSS, (10, 3)),
    "finite-differences": MarkStyle("#B8578F", "#E39AC6", _SALTIRE, (1, 3)),
    "complex-step": MarkStyle("#00805B", "#3CCB9B", _STAR, (7, 2, 2, 2)),
    "jax": MarkStyle("#7B3294", "#C99BDD", _CIRCLE),
    "jax-eager": MarkStyle("#7B3294", "#C99BDD", _SALTIRE, (4, 4)),
    "torch": MarkStyle("#C51B7D", "#F07ABF", _SQUARE),
    "torch-func": MarkStyle("#C51B7D", "#F07ABF", _DIAMOND, (6, 3)),
    "torch-compile": MarkStyle("#C51B7D", "#F07ABF", _BAR, (2, 2)),
    "autograd": MarkStyle("#5B7A1A", "#A9CC5C", _TRIANGLE),
    "mygrad": MarkStyle("#5B7A1A", "#A9CC5C", _STAND, (4, 4)),
    "casadi": MarkStyle("#8C510A", "#D9A066", _HEXAGON),
    "symengine": MarkStyle("#8C510A", "#D9A066", _CROSS, (4, 4)),
    "sympy-matrix": MarkStyle("#44546A", "#A9B8CC", _STAR, (6, 3)),
}

#: Looks of engines that are not in the table, such as plug-ins, in turn.
_OTHERS = (
    MarkStyle("#44546B", "#A9B8CB", _HEXAGON, (12, 4)),
    MarkStyle("#AA4499", "#DD8ACD", _BAR, (3, 3)),
    MarkStyle("#5B7A1B", "#A9CC5B", _STAND, (8, 2)),
    MarkStyle("#6F6F6F", "#B5B5B5", _DIAMOND, (5, 5)),
)

#: A mark that is not seen: the lines of a training have hundreds of points.
_NO_MARK = "M0,0Z"
#: The runs of a training, drawn on one another, each narrower than the one below.
TRAININGS: dict[str, MarkStyle] = {
    "by hand": MarkStyle("#858D96", "#7A838F", _NO_MARK, width=9),
    "by the formula": MarkStyle("#CC5200", "#FF8A3D", _NO_MARK, width=4.5),
    "by the graph": MarkStyle("#26292E", "#F2F4F7", _NO_MARK, (5, 5), 1.8),
}


def mark_styles(engines: Iterable[str]) -> dict[str, MarkStyle]:
    """Return the style of each engine, in the order of the table; strangers follow by name."""
    present = {name for name in engines if name}
    strangers = sorted(present - set(ENGINES))
    found = {name: style for name, style in ENGINES.items() if name in present}
    return found | {name: _OTHERS[i % len(_OTHERS)] for i, name in enumerate(strangers)}


def declarations(dark: bool) -> str:
    """Return the colours as declarations of CSS.

    Examples
    --------
    >>> declarations(dark=False)[:31]
    '--paper:#ffffff;--tint:#f4f6f9;'
    """
    named = {name: pair[dark] for name, pair in THEME.items()}
    for style in (*ENGINES.values(), *_OTHERS, *TRAININGS.values()):
        named[f"c{style.colour[1:]}"] = style.dark if dark else style.colour
    return "".join(f"--{name}:{colour};" for name, colour in named.items())


def plain(svg: str) -> str:
    """Return a picture in which the names of colours are the light colours.

    Examples
    --------
    >>> plain('<rect fill="var(--paper)" stroke="var(--c0072B2)"/>')
    '<rect fill="#ffffff" stroke="#0072B2"/>'
    """

    def colour(match: re.Match[str]) -> str:
        return THEME[match[1]][0] if match[1] in THEME else f"#{match[1][1:]}"

    return re.sub(r"var\(--(\w+)\)", colour, svg)
