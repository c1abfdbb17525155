"""`NodeStore`: hash-consed nodes in flat lists.

A node is an integer, its position. Equal operations on equal nodes are one node, arguments come
before what uses them, and nothing here recurses: the size of a graph is limited by memory alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from symdiff.store.exact import exact_number
from symdiff.store.properties import COMMUTATIVE, CONDITIONS

__all__ = ["ONE", "ZERO", "NodeStore", "Nodes"]

Nodes = npt.NDArray[np.int64]

ZERO, ONE = 0, 1  # the nodes of these two numbers, in every graph


class NodeStore:
    """The nodes of a graph of formulas, each distinct one once.

    Attributes
    ----------
    ops : list of str
        The operation of each node: ``symbol``, ``number``, ``add`` and ``mul`` (any number of
        arguments), ``neg``, ``div``, ``pow``, ``where``, a condition (``gt`` …), or a function by
        NumPy's name (``exp`` …).
    args : list of tuple of int
        The arguments of each node; they are smaller than the node.
    data : list
        The number of a ``number``; the argument and flat position of a ``symbol``; else None.
    shapes : dict of str to tuple of int
        The arguments that have symbols.
    variables : list of tuple of str and numpy.ndarray
        Local variables of the traced function and their nodes.
    lookups : int
        How often such a variable has been looked for.
    has_conditions : bool
        Whether any node is a condition.
    harmless : set of int
        Roots with no part in the derivative that is being formed, where they are 0.
    """

    def __init__(self) -> None:
        self.ops: list[str] = []
        self.args: list[tuple[int, ...]] = []
        self.data: list[Any] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.variables: list[tuple[str, Nodes]] = []
        self.lookups = 0
        self.has_conditions = False
        self.harmless: set[int] = set()
        self._numbers: dict[Any, int] = {}
        self._tables: dict[str, dict[tuple[int, ...], int]] = {}
        self.number(0)
        self.number(1)

    def __len__(self) -> int:
        return len(self.ops)

    def __repr__(self) -> str:
        return f"Dag({len(self)} nodes of {', '.join(self.shapes) or 'no arguments'})"

    def copy(self) -> Self:
        """Return a graph of the same nodes."""
        other = type(self).__new__(type(self))
        other.ops, other.args, other.data = self.ops.copy(), self.args.copy(), self.data.copy()
        other.shapes, other.variables = self.shapes.copy(), self.variables.copy()
        other.lookups, other.has_conditions = self.lookups, self.has_conditions
        other.harmless = self.harmless.copy()
        other._numbers = self._numbers.copy()
        other._tables = {op: table.copy() for op, table in self._tables.items()}
        return other

    # Nodes --------------------------------------------------------------------------------------

    def _append(self, op: str, args: tuple[int, ...], data: Any) -> int:
        """Return a new node."""
        self.ops.append(op)
        self.args.append(args)
        self.data.append(data)
        return len(self.ops) - 1

    def node(self, op: str, *args: int) -> int:
        """Return the one node of an operation on nodes, exactly as it stands."""
        table = self._tables.get(op)
        if table is None:
            table = self._tables[op] = {}
            self.has_conditions = self.has_conditions or op in CONDITIONS
        key = args
        if op in COMMUTATIVE and (len(args) > 2 or args[0] > args[1]):
            key = _sorted(args)
            if key == args:
                args = key  # one tuple in memory, not two
        found = table.get(key)
        if found is None:
            found = table[key] = len(self.ops)
            self.ops.append(op)
            self.args.append(args)
            self.data.append(None)
        return found

    def nodes_of(self, *ops: str) -> list[int]:
        """Return all nodes of some operations."""
        return [node for op in ops for node in self._tables.get(op, {}).values()]

    def replace_args(self, node: int, args: tuple[int, ...]) -> bool:
        """Give a commutative node other arguments of the same value, if no node has them."""
        table = self._tables[self.ops[node]]
        if table.setdefault(_sorted(args), node) != node:
            return False
        self.args[node] = args
        return True

    def symbols(self, name: str, shape: tuple[int, ...]) -> Nodes:
        """Return new symbols, the entries of an argument."""
        if name in self.shapes:
            raise ValueError(f"the graph has symbols of an argument {name!r} already")
        start, count = len(self.ops), math.prod(shape)
        self.shapes[name] = shape
        self.ops += ["symbol"] * count
        self.args += [()] * count
        self.data += [(name, position) for position in range(count)]
        return np.arange(start, start + count, dtype=np.int64).reshape(shape)

    def symbol_name(self, node: int) -> str:
        """Return the name of a symbol, with its position in the argument."""
        name, position = self.data[node]
        shape = self.shapes[name]
        if not shape:
            return str(name)
        index = []
        for length in reversed(shape):
            position, entry = divmod(position, length)
            index.append(str(entry))
        return f"{name}[{','.join(reversed(index))}]"

    def number(self, value: Any) -> int:
        """Return the node of a number."""
        number = exact_number(value)
        key = number if number == number else "nan"
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = self._append("number", (), number)
        return found

    def boolean(self, value: bool) -> int:
        """Return the condition that always holds, or the one that never does."""
        return self.node("true" if value else "false")

    def is_condition(self, node: int) -> bool:
        """Return whether a node is a condition and not a number."""
        return self.has_conditions and self.ops[node] in CONDITIONS

    # Walking ------------------------------------------------------------------------------------

    def reachable(self, roots: Iterable[int]) -> list[int]:
        """Return every node below the roots once, arguments before what uses them."""
        stack = list(dict.fromkeys(map(int, roots)))
        args, few = self.args, len(self.ops) // 32
        below = set(stack)
        while stack and len(below) <= few:  # a small part of a large graph is not marked in it
            for arg in args[stack.pop()]:
                if arg not in below:
                    below.add(arg)
                    stack.append(arg)
        if not stack:
            return sorted(below)
        marked = bytearray(len(self.ops))
        for node in below:
            marked[node] = 1
        while stack:
            for arg in args[stack.pop()]:
                if not marked[arg]:
                    marked[arg] = 1
                    stack.append(arg)
        found: list[int] = np.flatnonzero(np.frombuffer(marked, dtype=np.uint8)).tolist()
        return found

    def uses(self, order: Sequence[int], roots: Iterable[int]) -> list[int]:
        """Return by node the number of its uses."""
        count = [0] * len(self.ops)
        args = self.args
        for node in order:
            for arg in args[node]:
                count[arg] += 1
        for root in roots:
            count[root] += 1
        return count


def _sorted(args: tuple[int, ...]) -> tuple[int, ...]:
    """Return arguments in ascending order: those of equal sums and products are equal."""
    return tuple(sorted(args))
