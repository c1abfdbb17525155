"""Tracing a plain NumPy function over matrices with numbers or names as lengths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy

from symdiff.matrix.array import MatrixArray, as_node
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.shapes import Shape, shown
from symdiff.tracing.binding import call_traced, check_argument

__all__ = ["MatrixTrace", "trace_matrices"]


@dataclass(frozen=True)
class MatrixTrace:
    """A traced function: its graph, its inputs and its value.

    Attributes
    ----------
    graph : Graph
        All operations.
    inputs : dict of str to Node
        The symbolic arguments by name, ``ws[0]`` for the first entry of a list.
    value : Node
        What the function returned.
    lists : dict of str to list of str
        For each argument that is a list, its entries in `inputs`.
    examples : dict of str to numpy.ndarray
        The inputs that were given as arrays.
    """

    graph: Graph
    inputs: dict[str, Node]
    value: Node
    lists: dict[str, list[str]] = field(default_factory=dict)
    examples: dict[str, npt.NDArray[Any]] = field(default_factory=dict)


def _as_shape(name: str, value: Any) -> Shape | None:
    """Return a tuple of lengths as a shape, checked; None for anything else."""
    if not isinstance(value, tuple):
        return None
    lengths: list[int | str] = []
    for n in value:
        if isinstance(n, sympy.Symbol):
            n = n.name
        if isinstance(n, str):
            try:
                check_argument(n)
            except ValueError:
                message = f"argument {name!r}: the length {n!r} is no identifier"
                raise ValueError(message) from None
            lengths.append(n)
        elif isinstance(n, (int, np.integer)) and not isinstance(n, bool):
            if n < 0:
                raise ValueError(f"argument {name!r}: the shape {value} has a negative length")
            lengths.append(int(n))
        else:
            raise TypeError(
                f"argument {name!r}: a shape is a tuple of numbers and names, such as ('N', 3); "
                f"{n!r} is neither"
            )
    return tuple(lengths)


class _Inputs:
    """The inputs of a trace, as they are made of arguments."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: dict[str, Node] = {}
        self.lists: dict[str, list[str]] = {}
        self.examples: dict[str, npt.NDArray[Any]] = {}

    def take(self, name: str, value: Any) -> Any:
        """Return the traced array, list or constant that the function gets for an argument."""
        if isinstance(value, list) and value and not all(np.isscalar(v) for v in value):
            paths = [f"{name}[{k}]" for k in range(len(value))]
            self.lists[name] = paths
            return [self.take(path, entry) for path, entry in zip(paths, value, strict=True)]
        shape = _as_shape(name, value)
        if shape is None:
            if isinstance(value, (bool, int, float)):
                return value
            array = np.asarray(value)
            if array.dtype.kind not in "biuf":
                raise TypeError(
                    f"argument {name!r}: a shape, an array or a number is expected, "
                    f"not {array.dtype} ({type(value).__name__})"
                )
            if array.dtype.kind != "f":
                return array
            shape = array.shape
            self.examples[name] = array.astype(np.float64)
        node = self.graph.input(name, shape)
        self.nodes[name] = node
        return MatrixArray(node)


def trace_matrices(f: Callable[..., Any], given: Mapping[str, Any]) -> MatrixTrace:
    """Return the operations of a plain NumPy function on matrices."""
    graph = Graph()
    inputs = _Inputs(graph)
    values: dict[str, Any] = {}
    for name, value in given.items():
        check_argument(name)
        values[name] = inputs.take(name, value)
    result = call_traced(f, values, "=('N', 'd') for a matrix, or an array", "traced matrix")
    if isinstance(result, (list, tuple, dict)):
        raise TypeError(
            f"the function returned a {type(result).__name__}; a gradient needs one scalar"
        )
    node = as_node(graph, result)
    if node.shape != ():
        raise ValueError(
            f"gradient: the function returned an array of shape {shown(node.shape)}, a scalar is "
            "needed; sum it (np.sum) or select one entry"
        )
    return MatrixTrace(graph, inputs.nodes, node, inputs.lists, inputs.examples)
