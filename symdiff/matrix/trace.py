"""Tracing a plain NumPy function over matrices with numbers or names as lengths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy

from symdiff.errors import COMPARISON
from symdiff.matrix.array import MatrixArray, NamedLength, as_node
from symdiff.matrix.named_lengths import call_with_named_lengths
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.shapes import Shape, shown
from symdiff.tracing.binding import call_traced, check_argument
from symdiff.tracing.plain_functions import constants
from symdiff.tracing.scipy_functions import with_scipy
from symdiff.tracing.structures import Leaf, Structures, fill, is_shape, name_leaves

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
    structures : dict of str to object
        The arguments that hold several arrays, with the names of these in `inputs` as leaves.
    examples : dict of str to numpy.ndarray
        The inputs that were given as arrays.
    """

    graph: Graph
    inputs: dict[str, Node]
    value: Node
    structures: Structures = field(default_factory=dict)
    examples: dict[str, npt.NDArray[Any]] = field(default_factory=dict)


def _as_shape(name: str, value: tuple[Any, ...]) -> Shape:
    """Return a tuple of lengths as a shape, checked."""
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
        else:
            if n < 0:
                raise ValueError(f"argument {name!r}: the shape {value} has a negative length")
            lengths.append(int(n))
    return tuple(lengths)


class _Inputs:
    """The inputs of a trace, as they are made of the leaves of arguments."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: dict[str, Node] = {}
        self.examples: dict[str, npt.NDArray[Any]] = {}

    def take(self, name: str, value: Any, inside: bool) -> Any:
        """Return the traced array or constant that the function gets for a leaf."""
        if is_shape(value):
            shape = _as_shape(name, value)
        elif isinstance(value, (bool, int, float)):
            return value
        elif inside and (value is None or isinstance(value, str) or callable(value)):
            return value  # a setting
        else:
            array = np.asarray(value)
            if array.dtype.kind not in "biuf":
                raise TypeError(
                    f"argument {name!r}: a shape, such as ('N', 3), an array or a number is "
                    f"expected, not {array.dtype} ({type(value).__name__})"
                )
            if array.dtype.kind != "f":
                return array
            shape = array.shape
            self.examples[name] = array.astype(np.float64)
        self.nodes[name] = node = self.graph.input(name, shape)
        return MatrixArray(node)


def trace_matrices(f: Callable[..., Any], given: Mapping[str, Any]) -> MatrixTrace:
    """Return the operations of a plain NumPy function on matrices."""

    def trace(f: Callable[..., Any]) -> MatrixTrace:
        try:
            return _traced(f, given)
        except TypeError as error:
            # Of np.full(n, 2.0) NumPy tells in words of its own.
            if not isinstance(error, NamedLength) and "sequence of integers" not in str(error):
                raise
            return _traced(call_with_named_lengths(f), given)

    return with_scipy(trace, f)


def _traced(f: Callable[..., Any], given: Mapping[str, Any]) -> MatrixTrace:
    graph = Graph()
    inputs = _Inputs(graph)
    for name in given:
        check_argument(name)
    leaves, structures = name_leaves(given)
    flat = {name: inputs.take(name, value, name not in given) for name, value in leaves.items()}
    values = {name: fill(structures.get(name, Leaf(name)), flat) for name in given}
    made = constants.set(lambda x: MatrixArray(graph.array(x)))
    try:
        result = call_traced(f, values, "=('N', 'd') for a matrix, or an array", "traced matrix")
    finally:
        constants.reset(made)
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
    if node.truth:
        raise TypeError(COMPARISON)
    symbolic = {name: Leaf(name) if name in inputs.nodes else Leaf(None) for name in leaves}
    kept = {name: fill(template, symbolic) for name, template in structures.items()}
    return MatrixTrace(graph, inputs.nodes, node, kept, inputs.examples)
