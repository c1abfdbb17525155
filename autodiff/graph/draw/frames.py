"""The input of a layout, and its result."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Direction", "Frame", "Layout", "Point"]

Direction = Literal["right", "down"]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """The room that a box takes together with the labels of its wire, in pixels."""

    width: float
    height: float
    #: Frames whose wires end here, from top to bottom (or left to right).
    operands: tuple[int, ...]
    #: Ports left free before the first and after the last operand: the side is divided evenly.
    pads: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions in pixels, the y axis pointing down."""

    width: float
    height: float
    #: Upper left corner of each frame.
    corners: tuple[Point, ...]
    #: For each target and place among its operands the wire: a point, then three points for each
    #: Bézier curve.
    wires: dict[tuple[int, int], tuple[Point, ...]]
