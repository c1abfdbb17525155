"""Elements of arrays as Python's own numbers: read by one call, put together by another."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.plan.program import Node, Program

__all__ = ["ASSEMBLE", "GETITEM", "Elements", "place_of"]

ASSEMBLE, GETITEM = "assemble", "getitem"
#: Elements of an array up to which each has a name.
_NAMED = 30


def place_of(node: Node) -> int | None:
    """Return the place in the flattened array of the one element that a node takes."""
    index, shape = node.params["index"], node.args[0].shape
    parts = index if isinstance(index, tuple) else (index,)
    if len(node.args) > 1 or len(parts) != len(shape):
        return None
    if not all([isinstance(i, int | np.integer) and not isinstance(i, bool) for i in parts]):
        return None
    place = 0
    for i, length in zip(parts, shape, strict=True):
        place = place * length + int(i) % length
    return place


class Elements:
    """The statements of a program of numbers that have to do with arrays.

    `writer` is the `autodiff.plan.to_python.scalars.Writer` of the others.
    """

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        #: By identity of an array: the name of the list of its elements, and those of each.
        self._lists: dict[int, tuple[str, list[str]]] = {}

    def read(self, x: Node) -> None:
        """Write that an array becomes a list."""
        say, text = self._writer.say, self._writer.text_of(x)
        flat = text if len(x.shape) == 1 else f"{text}.ravel()"
        if x.size <= _NAMED:
            names = [self._writer.fresh(f"{text}_{i}") for i in range(x.size)]
            say(f"{', '.join(names)}{',' * (x.size == 1)} = {flat}.tolist()")
            self._lists[id(x)] = "", names
        else:
            name = self._writer.fresh(f"{text}_list")
            say(f"{name} = {flat}.tolist()")
            self._lists[id(x)] = name, []

    def one(self, node: Node) -> str:
        """Return the text of an element of an array."""
        place = place_of(node)
        assert place is not None
        name, names = self._lists[id(node.args[0])]
        return names[place] if names else f"{name}[{place}]"

    def listed(self, nodes: Sequence[Node]) -> str:
        """Return the text of a list of numbers: part of another, if they follow each other."""
        array = nodes[0].args[0] if nodes and nodes[0].op == GETITEM else None
        name, _ = self._lists.get(id(array), ("", []))
        if name and all([x.op == GETITEM and x.args[0] is array for x in nodes]):
            places = [place_of(x) for x in nodes]
            start, end = places[0], places[-1]
            if places == list(range(start, end + 1)):  # type: ignore[arg-type, operator]
                return f"{name}[{start}:{end + 1}]"  # type: ignore[operator]
        return f"[{', '.join(map(self._writer.text_of, nodes))}]"

    def together(self, node: Node) -> str:
        """Write that numbers become an array, and return its name."""
        name: str = self._writer.fresh(node.name)
        shaped = "" if len(node.shape) == 1 else f".reshape{node.shape}"
        self._writer.say(f"{name} = np.array({self.listed(node.args)}){shaped}")
        return name

    def results(self, program: Program) -> list[str]:
        """Return the texts of the results, none of them the same array as another."""
        seen: set[int] = set()
        texts = []
        for node in program.outputs:
            text = self._writer.text_of(node)
            texts.append(f"{text}.copy()" if node.shape and id(node) in seen else text)
            seen.add(id(node))
        return texts
