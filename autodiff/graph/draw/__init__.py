"""Pictures of computational graphs, as teachers draw circuits by hand.

Every gate is a box with its operation; the value stands above its wire in green, the gradient
below it in red, as in the Stanford CS231n notes on backpropagation.
"""

from pathlib import Path
from typing import get_args

from autodiff.graph.draw.dot import dot_text
from autodiff.graph.draw.frames import Direction
from autodiff.graph.draw.picture import Drawable, Picture, picture_of
from autodiff.graph.draw.svg import svg_text

__all__ = ["Drawing", "draw"]


class Drawing:
    """The picture of a graph, made by `draw`.

    It shows the graph as it was when it was drawn. Jupyter shows it as picture; ``print`` shows a
    table of its nodes.

    Parameters
    ----------
    picture : Picture
        What it shows.
    direction : str
        ``"right"`` or ``"down"``.
    """

    def __init__(self, picture: Picture, direction: Direction) -> None:
        self._picture = picture
        self._direction: Direction = direction
        self._svg: str | None = None

    @property
    def svg(self) -> str:
        """The picture as text of an SVG file."""
        if self._svg is None:
            self._svg = svg_text(self._picture, self._direction)
        return self._svg

    @property
    def dot(self) -> str:
        """The graph as text in the DOT language; needs no Graphviz."""
        return dot_text(self._picture, self._direction)

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file and return its path."""
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in (".svg", ".dot"):
            raise ValueError(
                f"draw: {path.name!r} ends in {suffix or 'no suffix'}; "
                "a drawing is saved as .svg or as .dot"
            )
        path.write_text(self.svg if suffix == ".svg" else self.dot, encoding="utf-8")
        return path

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        # A notebook would shrink a wide picture until its letters cannot be read.
        return (
            f'<div style="overflow-x: auto"><div style="width: max-content">{self.svg}</div></div>'
        )

    def __str__(self) -> str:
        return self._picture.table()

    def __repr__(self) -> str:
        return f"<Drawing of {sum(p.node is not None for p in self._picture.parts)} nodes>"


def draw(
    graph: Drawable,
    *,
    direction: Direction = "right",
    digits: int = 3,
    limit: int = 200,
    top: int | None = None,
) -> Drawing:
    """Return the picture of a graph with the values and gradients that it has at this moment.

    Notes
    -----
    A value that is used several times has one label, before its wire divides: its gradient is the
    sum of what the branches send back. Constants are grey. Where the function's local variable
    holds a value, its name is above it. ``top`` draws so many nodes only, those nearest to the
    result; what they use of the others stands as an input.

    Examples
    --------
    The first circuit of the notes:

    >>> import autodiff
    >>> def circuit(x, y, z):
    ...     q = x + y
    ...     return q * z
    >>> graph = autodiff.trace(circuit, -2.0, 5.0, -4.0)
    >>> value, gradients = graph.forward(-2.0, 5.0, -4.0), graph.backward()
    >>> print(draw(graph))
    node  is     value  gradient
    x     input  −2     −4
    y     input  5      −4
    z     input  −4     3
    q     x + y  3      −4
    v₄    q × z  −12    1

    A neuron with a sigmoid, saved as picture:

    >>> import numpy as np, pathlib, tempfile
    >>> def neuron(w0, x0, w1, x1, w2):
    ...     return 1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2)))
    >>> graph = autodiff.trace(neuron, 2.0, -1.0, -3.0, -2.0, -3.0)
    >>> value, gradients = graph.forward(2.0, -1.0, -3.0, -2.0, -3.0), graph.backward()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw(graph).save(pathlib.Path(folder) / "neuron.svg").suffix
    '.svg'
    """
    if direction not in get_args(Direction):
        raise ValueError(f"draw: direction is {direction!r}; it must be 'right' or 'down'")
    if not 1 <= digits <= 17:
        raise ValueError(f"draw: digits is {digits}; it must be from 1 to 17")
    if top is not None and top < 1:
        raise ValueError(f"draw: top is {top}; it must be at least 1, or None for all nodes")
    if len(graph.nodes) > limit and top is None:
        raise ValueError(
            f"draw: the graph has {len(graph.nodes):,} nodes; a picture of more than {limit:,} "
            "cannot be read: draw a smaller instance (fewer layers, steps or iterations), pass "
            f"top={limit} for the last nodes, or limit={len(graph.nodes)}"
        )
    return Drawing(picture_of(graph, digits, top), direction)
