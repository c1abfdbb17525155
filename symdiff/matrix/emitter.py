"""Writing operations of a graph as NumPy source: expressions, and the statements they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from symdiff.matrix.lengths import replaced
from symdiff.matrix.node import Node

__all__ = [
    "ADDED",
    "ATOMIC",
    "COMPARED",
    "MULTIPLIED",
    "POWERED",
    "SIGNED",
    "Code",
    "Emitter",
    "numpy_call",
]

COMPARED, ADDED, MULTIPLIED, SIGNED, POWERED, ATOMIC = range(6)
_WIDTH = 88  # characters of an expression, above which it is split


class Code(NamedTuple):
    """Source of an expression and how tightly it binds."""

    text: str
    binding: int = ATOMIC


class Emitter:
    """Collects the statements of a function.

    Parameters
    ----------
    names : mapping of int to str
        Names for nodes that get a line, by index; inputs among them.
    taken : set of str
        Names that are in use; grows.
    rules : mapping of str to Rule
        How each operation is written.
    """

    def __init__(
        self,
        names: Mapping[int, str],
        taken: set[str],
        rules: Mapping[str, _Rule],
    ) -> None:
        self.names = dict(names)
        self.taken = taken
        self.rules = rules
        self.planned: set[int] = set()
        self.lines: list[str] = []
        self.helpers: set[str] = set()
        self.lengths: dict[str, str] = {}
        self.arrays: dict[int, str] = {}
        self._codes: dict[int, Code] = {}
        self._parts: dict[Any, Any] = {}

    def code(self, node: Node) -> Code:
        """Return the source of a node whose operands have been visited."""
        if node.index in self.names:
            return Code(self.names[node.index])
        known = self._codes.get(node.index)
        if known is None:
            known = self.rules[node.op].source(self, node)
            long = len(known.text) > _WIDTH and known.binding != ATOMIC
            if long and node.index not in self.planned:
                known = Code(self.assign("t", known.text))
            self._codes[node.index] = known
        return known

    def text(self, node: Node, binding: int = COMPARED) -> str:
        """Return the source of a node, in parentheses where it binds less tightly than needed."""
        code = self.code(node)
        return code.text if code.binding >= binding else f"({code.text})"

    def assign(self, stem: str, text: str) -> str:
        """Return a new name, to which source is assigned."""
        name = self.fresh(stem)
        self.lines.append(f"{name} = {text}")
        return name

    def fresh(self, stem: str) -> str:
        """Return a name that nothing has."""
        name, number = stem, 1
        while name in self.taken:
            number += 1
            name = f"{stem}_{number}"
        self.taken.add(name)
        return name

    def part(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return the names of lines that several operations share, written once."""
        if key not in self._parts:
            self._parts[key] = compute()
        return self._parts[key]

    def helper(self, name: str) -> str:
        """Return the name of a helper function, which will stand above."""
        self.helpers.add(name)
        return name

    def length(self, n: int | str) -> str:
        """Return the source of a length."""
        return replaced(n, self.lengths.__getitem__)

    def shape(self, shape: Sequence[int | str]) -> str:
        """Return the source of a shape."""
        inside = ", ".join(map(self.length, shape))
        return f"({inside},)" if len(shape) == 1 else f"({inside})"

    def array(self, place: int) -> str:
        """Return the name of a constant array."""
        if place not in self.arrays:
            self.arrays[place] = self.fresh(f"C{place + 1}")
        return self.arrays[place]


class _Rule(Protocol):
    """The part of a rule that an emitter reads."""

    @property
    def source(self) -> Callable[[Emitter, Node], Code]: ...


def numpy_call(name: str, after: str = "") -> Callable[[Emitter, Node], Code]:
    """Return the source of an operation that is a function of NumPy, or of SciPy by full name."""
    function = name if name.startswith("scipy.") else f"np.{name}"

    def source(emitter: Emitter, node: Node) -> Code:
        return Code(f"{function}({', '.join(map(emitter.text, node.args))}){after}")

    return source
