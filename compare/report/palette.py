"""How each engine looks, in one table: order, colour, shape and dash are the same everywhere."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["ENGINES", "MarkStyle", "mark_styles"]


@dataclass(frozen=True)
class MarkStyle:
    """Colour, shape and dash of an engine."""

    #: Colour of Okabe and Ito's palette (2008), which colour-blind readers tell apart.
    colour: str
    #: Name of a Vega symbol or an SVG path in the square from -1 to 1.
    shape: str
    #: Lengths of dash and gap in px; ``(1, 0)`` is a solid line.
    dash: tuple[int, ...]


_STAR = "M0,-1.2L.33,-.4L1.15,-.37L.5,.15L.7,.97L0,.5L-.7,.97L-.5,.15L-1.15,-.37L-.33,-.4Z"
_SALTIRE = "M-1.2,-.8L-.8,-1.2L0,-.4L.8,-1.2L1.2,-.8L.4,0L1.2,.8L.8,1.2L0,.4L-.8,1.2L-1.2,.8L-.4,0Z"
_HEXAGON = "M-1,0L-.5,-.87L.5,-.87L1,0L.5,.87L-.5,.87Z"
_BAR = "M-1.2,-.45L1.2,-.45L1.2,.45L-1.2,.45Z"
_STAND = "M-.45,-1.2L.45,-1.2L.45,1.2L-.45,1.2Z"

#: The engines in the order of every table, legend and matrix.
ENGINES: dict[str, MarkStyle] = {
    "graph": MarkStyle("#0072B2", "circle", (1, 0)),
    "graph-compiled": MarkStyle("#56B4E9", _STAND, (4, 4)),
    "graph-eager": MarkStyle("#0072B2", "triangle-up", (3, 2)),
    "expanded": MarkStyle("#D55E00", "square", (6, 3)),
    "shared": MarkStyle("#E69F00", "diamond", (2, 2)),
    "adjoint": MarkStyle("#999933", _HEXAGON, (9, 3, 2, 3)),
    "matrix": MarkStyle("#882255", _BAR, (9, 3, 2, 3, 2, 3)),
    "hand-written": MarkStyle("#000000", "cross", (10, 3)),
    "finite-differences": MarkStyle("#B8578F", _SALTIRE, (1, 3)),
    "complex-step": MarkStyle("#009E73", _STAR, (7, 2, 2, 2)),
    "jax": MarkStyle("#7B3294", "circle", (1, 0)),
    "jax-eager": MarkStyle("#7B3294", _SALTIRE, (4, 4)),
    "torch": MarkStyle("#C51B7D", "square", (1, 0)),
    "torch-func": MarkStyle("#C51B7D", "diamond", (6, 3)),
    "torch-compile": MarkStyle("#C51B7D", _BAR, (2, 2)),
    "autograd": MarkStyle("#6B8E23", "triangle-up", (1, 0)),
    "mygrad": MarkStyle("#6B8E23", _STAND, (4, 4)),
    "casadi": MarkStyle("#8C510A", _HEXAGON, (1, 0)),
    "symengine": MarkStyle("#8C510A", "cross", (4, 4)),
    "sympy-matrix": MarkStyle("#44546A", _STAR, (6, 3)),
}

#: Looks of engines that are not in the table, such as plug-ins, in turn.
_OTHERS = tuple(
    MarkStyle(colour, shape, dash)
    for colour, shape, dash in (
        ("#44546A", _HEXAGON, (12, 4)),
        ("#AA4499", _BAR, (3, 3)),
        ("#6B8E23", _STAND, (8, 2)),
        ("#777777", "diamond", (5, 5)),
    )
)


def mark_styles(engines: Iterable[str]) -> dict[str, MarkStyle]:
    """Return the style of each engine, in the order of the table; strangers follow by name."""
    present = {name for name in engines if name}
    strangers = sorted(present - set(ENGINES))
    found = {name: style for name, style in ENGINES.items() if name in present}
    return found | {name: _OTHERS[i % len(_OTHERS)] for i, name in enumerate(strangers)}
