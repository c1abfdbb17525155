"""The hash-consed graph of matrix operations: every distinct operation exists once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from symdiff.matrix.shapes import Length, Shape, shown

__all__ = ["Graph", "Node", "constants_of", "depends", "reachable"]

_CONDITIONS = frozenset(
    {"greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "step"}
    | {"logical_and", "logical_or", "logical_not"}
)
_TYPE_KEPT = frozenset(
    {"transpose", "reshape", "broadcast", "index", "concatenate", "diagonal", "diag", "tril"}
    | {"triu", "max", "min", "maximum", "minimum", "multiply", "add"}
)


class Node:
    """One operation of a graph.

    Attributes
    ----------
    graph : Graph
        Where it stands.
    op : str
        Its name in the table of rules.
    args : tuple of Node
        Its operands.
    params : tuple
        What else determines it, such as axes.
    shape : tuple of int or str
        Of its result.
    index : int
        Its place in the graph: operands come before what uses them.
    truth : bool
        Whether NumPy would hold it as truth values, which it adds with "or".
    """

    __slots__ = ("args", "graph", "index", "op", "params", "shape", "truth")

    def __init__(
        self,
        graph: Graph,
        op: str,
        args: tuple[Node, ...],
        params: tuple[Any, ...],
        shape: Shape,
        index: int,
    ) -> None:
        self.graph = graph
        self.op = op
        self.args = args
        self.params = params
        self.shape = shape
        self.index = index
        self.truth = _is_truth(graph, op, args, params)

    def __repr__(self) -> str:
        words = [self.op, *map(str, self.params), shown(self.shape)]
        return f"<{' '.join(words)}>"

    def __reduce__(self) -> Any:
        # By its place, not by its operands: a deep graph would be a deep recursion.
        return _node_at, (self.graph, self.index)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def number(self) -> float | None:
        """The number that it is, if it is one."""
        return self.params[0] if self.op == "number" else None


def _is_truth(graph: Graph, op: str, args: tuple[Node, ...], params: tuple[Any, ...]) -> bool:
    """Return whether the result of an operation has the type of truth values."""
    if op in _CONDITIONS:
        return True
    if op == "array":
        return bool(graph.arrays[params[0]].dtype == bool)
    if op == "where":
        return args[1].truth and args[2].truth
    return op in _TYPE_KEPT and all([arg.truth for arg in args])


class Graph:
    """A growing set of operations, none of them twice.

    Attributes
    ----------
    nodes : list of Node
        In the order in which they were made, which is topological.
    names : dict of int to str
        The name of a local variable that held a node, by its index.
    arrays : list of numpy.ndarray
        The constant arrays.
    least : dict of str to int
        How long a named length has to be, so that slices of it are as long as they are taken to be.
    deriving : bool
        Whether what is built is a derivative: a quotient of equals is cancelled then, which at 0,
        where the quotient has no value, gives its limit. A value is what NumPy gives.
    harmless : set of int
        Roots with no part in the derivative that is being formed, where they are 0, by index.
    """

    def __init__(self) -> None:
        self.deriving = False
        self.harmless: set[int] = set()
        self.nodes: list[Node] = []
        self.names: dict[int, str] = {}
        self.arrays: list[npt.NDArray[Any]] = []
        self.least: dict[str, int] = {}
        self._known: dict[Any, Node] = {}
        self._array_places: dict[Any, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        rows = [
            (node.op, [arg.index for arg in node.args], node.params, node.shape)
            for node in self.nodes
        ]
        return {"rows": rows, "names": self.names, "arrays": self.arrays, "least": self.least}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.nodes, self._known, self._array_places = [], {}, {}
        self.deriving = False
        self.harmless = set()
        self.names, self.arrays, self.least = state["names"], state["arrays"], state["least"]
        for op, args, params, shape in state["rows"]:
            self.make(op, tuple(self.nodes[k] for k in args), params, shape)

    def make(self, op: str, args: tuple[Node, ...], params: tuple[Any, ...], shape: Shape) -> Node:
        """Return the node of an operation, the one that exists if there is one."""
        key = (op, tuple([arg.index for arg in args]), params)
        known = self._known.get(key)
        if known is not None:
            return known
        node = Node(self, op, args, params, shape, len(self.nodes))
        self.nodes.append(node)
        self._known[key] = node
        return node

    def known(self, op: str, args: tuple[Node, ...], params: tuple[Any, ...] = ()) -> Node | None:
        """Return the node of an operation if it exists."""
        return self._known.get((op, tuple([arg.index for arg in args]), params))

    def input(self, name: str, shape: Shape) -> Node:
        """Return an argument as a node."""
        return self.make("input", (), (name, shape), shape)

    def number(self, value: float) -> Node:
        """Return a number as a node; 2.0 is 2, but -0.0 and what int rounds stay floats."""
        value = float(value)
        if math.isfinite(value) and value == int(value) and abs(value) < 2**53:
            integer = int(value)
            value = integer if integer or math.copysign(1.0, value) > 0 else value
        return self.make("number", (), (value, repr(value)), ())

    def length(self, n: Length) -> Node:
        """Return a length as a scalar."""
        return self.number(n) if isinstance(n, int) else self.make("length", (), (n,), ())

    def eye(self, n: Length) -> Node:
        """Return the identity matrix as a node."""
        return self.make("eye", (), (n,), (n, n))

    def array(self, values: npt.NDArray[Any]) -> Node:
        """Return a constant array as a node; one that is an identity matrix as that."""
        if values.ndim == 0:
            return self.number(values.item())
        square = values.ndim == 2 and values.shape[0] == values.shape[1] > 1
        if square and np.array_equal(values, np.eye(values.shape[0])):
            return self.eye(values.shape[0])
        key = (values.shape, values.dtype.str, values.tobytes())
        place = self._array_places.setdefault(key, len(self.arrays))
        if place == len(self.arrays):
            self.arrays.append(np.array(values))
        return self.make("array", (), (place,), values.shape)


def _node_at(graph: Graph, index: int) -> Node:
    """Return the node at a place: how nodes are pickled."""
    return graph.nodes[index]


def reachable(roots: Iterable[Node | None]) -> list[Node]:
    """Return all nodes that some nodes depend on, and these, in topological order."""
    found: dict[int, Node] = {}
    stack = [root for root in roots if root is not None]
    while stack:
        node = stack.pop()
        if node.index not in found:
            found[node.index] = node
            stack.extend(node.args)
    return [found[index] for index in sorted(found)]


def constants_of(roots: Iterable[Node | None]) -> list[int]:
    """Return the places of the constant arrays on which some nodes depend."""
    found = set()
    for node in reachable(roots):
        if node.op == "array":
            found.add(node.params[0])
        for index in _indices(node):
            found.update(e[1] for e in index if isinstance(e, tuple) and e[0] == "array")
    return sorted(found)


def _indices(node: Node) -> Sequence[tuple[Any, ...]]:
    """Return the indices among the parameters of a node."""
    if node.op in ("index", "put"):
        return (node.params[0],)
    indices: Sequence[tuple[Any, ...]] = node.params[1] if node.op == "scatter" else ()
    return indices


def depends(nodes: Sequence[Node], sources: Iterable[Node]) -> set[int]:
    """Return the indices of those nodes, in topological order, that depend on sources."""
    found = {source.index for source in sources}
    for node in nodes:
        for arg in node.args:
            if arg.index in found:
                found.add(node.index)
                break
    return found
