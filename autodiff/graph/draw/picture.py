"""Contents of a drawing: the parts of a graph and their labels, as they were when it was drawn."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from autodiff.core.tensor import Tensor, primal
from autodiff.graph.draw.labels import lines
from autodiff.graph.draw.symbols import INFIX, gate
from autodiff.graph.draw.text import cleaned

__all__ = ["Drawable", "Part", "Picture", "label", "picture_of"]

Kind = Literal["input", "gate", "constant", "output"]
#: Operations whose sign is clear where their operand has no name: [0], −.
_CLEAR = ("getitem", "negative", "positive")
#: A name that is longer does not stand in a sign.
_LONGEST_NAME = 12
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Drawable(Protocol):
    """The parts of a `Graph` that a drawing shows."""

    @property
    def nodes(self) -> Sequence[Tensor]:
        """Every node, each after its operands."""

    @property
    def inputs(self) -> Mapping[str, Tensor]:
        """The nodes of the arguments."""

    @property
    def names(self) -> Mapping[str, Tensor]:
        """The nodes that have a name."""

    @property
    def output(self) -> Any:
        """The node of the result, or a constant."""


@dataclass(frozen=True, slots=True)
class Part:
    """One box of the drawing and the wire that leaves it."""

    kind: Kind
    #: The text in the box, and small letters below it.
    symbol: str
    detail: str = ""
    #: Name of the local variable that held the value of a gate.
    name: str = ""
    #: The gate as a formula of the names of its operands.
    formula: str = ""
    #: Lines above and below the wire; none where it is not known.
    value: tuple[str, ...] = ()
    gradient: tuple[str, ...] = ()
    #: The parts whose wires end here, in the order of the arguments.
    operands: tuple[int, ...] = ()
    #: Place in ``graph.nodes``.
    node: int | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """All parts, each after those that its wires come from."""

    parts: tuple[Part, ...]

    @property
    def wires(self) -> list[tuple[int, int, int]]:
        """Source, target and place among the target's operands of every wire."""
        return [
            (source, target, place)
            for target, part in enumerate(self.parts)
            for place, source in enumerate(part.operands)
        ]

    def table(self) -> str:
        """Return the nodes as a table of text: name, formula, value, gradient."""
        rows = [
            (label(part), part.formula, ", ".join(part.value), ", ".join(part.gradient))
            for part in self.parts
            if part.node is not None
        ]
        header = ("node", "is", "value", "gradient")
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        return "\n".join(
            "  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)).rstrip()
            for row in (header, *rows)
        )


def label(part: Part) -> str:
    """Return the name of a part in a formula, or the letter v with its number."""
    if part.kind in ("input", "constant"):
        return part.symbol
    return part.name or f"v{part.node}".translate(_SUBSCRIPTS)


def _nearest(graph: Drawable, most: int | None) -> tuple[set[int], set[int]]:
    """Return the nodes that are drawn, those nearest to the result, and the nodes they use."""
    nodes = {id(node): node for node in graph.nodes}
    if most is None or len(nodes) <= most:
        return set(nodes), set()
    kept: set[int] = set()
    # In breadth, so that every branch that ends in the result is seen from its end.
    waiting = deque([graph.output])
    while waiting and len(kept) < most:
        node = waiting.popleft()
        if id(node) in nodes and id(node) not in kept:
            kept.add(id(node))
            waiting.extend(node.operands)
    used = {id(x) for i in kept for x in nodes[i].operands if id(x) in nodes}
    return kept, used - kept


def picture_of(graph: Drawable, digits: int, top: int | None = None) -> Picture:
    """Return the contents of the drawing of a graph, or of the nodes nearest to its result."""
    inputs = {id(node): name for name, node in graph.inputs.items()}
    names: dict[int, list[str]] = {}
    for name, node in graph.names.items():
        names.setdefault(id(node), []).append(name)
    parts: list[Part] = []
    place: dict[int, int] = {}
    kept, cut = _nearest(graph, top)
    # In a sign such as x² the letter stands for the operand, unless an input has that name.
    letter = "·" if "x" in graph.inputs else "x"
    for number, node in enumerate(graph.nodes):
        if id(node) in kept:
            made = _made_of(node, place, parts, digits, letter)
        elif id(node) in cut:
            symbol = f"v{number}".translate(_SUBSCRIPTS)
            made = Part(kind="input", symbol=symbol, formula="of the part not drawn")
        else:
            continue
        name = cleaned(inputs.get(id(node)) or ", ".join(names.get(id(node), ())))
        value = primal(node.value)
        kind = np.result_type(value).kind if value is not None else ""
        known = node.adjoint is not None and kind != "b"
        part = Part(
            kind=made.kind,
            symbol=(name or made.symbol or "input") if made.kind == "input" else made.symbol,
            detail=made.detail,
            name="" if made.kind == "input" else name,
            formula=made.formula,
            value=lines(value, digits),
            gradient=lines(primal(node.adjoint), digits) if known else (),
            operands=made.operands,
            node=number,
        )
        place[id(node)] = len(parts)
        parts.append(part)
    source = _operand(graph.output, place, parts, digits)
    parts.append(Part(kind="output", symbol="output", operands=(source,)))
    return Picture(tuple(parts))


def _made_of(
    node: Tensor, place: dict[int, int], parts: list[Part], digits: int, letter: str
) -> Part:
    """Return the box of a node without its labels; its constants become parts of their own."""
    if node.primitive is None:
        return Part(kind="input", symbol="", formula="input")
    constants = [None if id(x) in place else _plain(x) for x in node.operands]
    symbol, detail, absorbed = gate(node.primitive.name, node.params, constants)
    symbol, detail = cleaned(symbol), cleaned(detail)
    operands = tuple(
        _operand(x, place, parts, digits) for i, x in enumerate(node.operands) if i not in absorbed
    )
    terms = [label(parts[i]) for i in operands]
    formula = _formula(node.primitive.name, symbol, [*terms, detail] if detail else terms)
    if len(operands) == 1 and _is_sign(node.primitive.name, symbol):
        operand = parts[operands[0]]
        named = operand.symbol if operand.kind == "input" else operand.name
        unnamed = "" if node.primitive.name in _CLEAR else letter
        symbol = symbol.replace("x", named if 0 < len(named) <= _LONGEST_NAME else unnamed, 1)
    return Part(kind="gate", symbol=symbol, detail=detail, formula=formula, operands=operands)


def _is_sign(name: str, symbol: str) -> bool:
    """Return whether a symbol is a sign in which the letter x stands for the operand."""
    return "x" in symbol and name != symbol


def _operand(x: Any, place: dict[int, int], parts: list[Part], digits: int) -> int:
    """Return the place of an operand among the parts; a constant becomes a new part."""
    if id(x) in place:
        return place[id(x)]
    parts.append(Part(kind="constant", symbol=" ".join(lines(_plain(x), digits))))
    return len(parts) - 1


def _plain(x: Any) -> Any:
    """Return the value of a constant, also where the graph keeps it in a holder."""
    x = primal(x)
    return primal(x.value) if hasattr(x, "value") else x


def _formula(name: str, symbol: str, terms: Sequence[str]) -> str:
    if name in INFIX and len(terms) == 2:
        return f"{terms[0]} {symbol} {terms[1]}"
    if len(terms) == 1 and _is_sign(name, symbol):
        return symbol.replace("x", terms[0], 1)
    return f"{symbol}({', '.join(terms)})"
