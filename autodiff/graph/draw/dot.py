"""The drawing in the DOT language, for Graphviz and whatever else reads it."""

from autodiff.graph.draw.box import GRADIENT, VALUE
from autodiff.graph.draw.frames import Direction
from autodiff.graph.draw.picture import Part, Picture
from autodiff.graph.draw.text import escaped

__all__ = ["dot_text"]

_STYLES = {
    "input": 'style="rounded,filled" fillcolor="#e8f0fe" color="#3b6fb6"',
    "gate": 'style="rounded"',
    "constant": 'style="filled" fillcolor="#ececec" color="#8a8a8a" height=0.3',
    "output": 'style="rounded,filled" fillcolor="#e8f0fe" color="#3b6fb6"',
}


def dot_text(picture: Picture, direction: Direction) -> str:
    """Return a picture as the text of a DOT file."""
    text = [
        "digraph {",
        f"  rankdir={'LR' if direction == 'right' else 'TB'} ordering=in",
        '  node [shape=box width=0.4 height=0.4 margin="0.1,0.03" fontname="Helvetica"]',
        '  edge [fontname="Helvetica" fontsize=12]',
    ]
    for i, part in enumerate(picture.parts):
        detail = f'<BR/><FONT POINT-SIZE="9">{_text(part.detail)}</FONT>' if part.detail else ""
        text.append(f"  n{i} [label=<{_text(part.symbol)}{detail}> {_STYLES[part.kind]}]")
    for source, target, _ in picture.wires:
        label = _label(picture.parts[source])
        text.append(f"  n{source} -> n{target}" + (f" [label=<{label}>]" if label else ""))
    return "\n".join([*text, "}"]) + "\n"


def _label(part: Part) -> str:
    """Return name, value and gradient of the wire that leaves a part."""
    shown = [f"<I>{_text(part.name)}</I>"] if part.name else []
    shown += [f'<FONT COLOR="{VALUE}">{_text(line)}</FONT>' for line in part.value]
    shown += [f'<FONT COLOR="{GRADIENT}">{_text(line)}</FONT>' for line in part.gradient]
    return "<BR/>".join(shown)


def _text(text: str) -> str:
    # An HTML-like label must not be empty.
    return escaped(text) or " "
