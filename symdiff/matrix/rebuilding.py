"""The same operations in another graph, with something put in for some inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.errors import nearest
from symdiff.matrix import construct
from symdiff.matrix.array import MatrixArray, as_node
from symdiff.matrix.lengths import joined, terms_of
from symdiff.matrix.node import Graph, Node, reachable
from symdiff.matrix.shapes import Length, Shape, is_concrete, shown
from symdiff.matrix.trace import MatrixTrace
from symdiff.tracing.structures import leaves

__all__ = ["FORMS", "substituted"]

#: Makers of functions, with the names of their arguments, from what may be put in besides numbers:
#: by its type. Text and expressions of SymPy are entered by what reads them.
FORMS: dict[type, Callable[[Any], tuple[Callable[..., Any], Sequence[str]]]] = {}

_LENGTH = re.compile(r"[-+*\w ]+")
#: Operations that are simplified where they are made.
_CONSTRUCTORS: dict[str, Callable[..., Node]] = {
    "add": construct.add,
    "subtract": construct.subtract,
    "multiply": construct.multiply,
    "divide": construct.divide,
    "negate": construct.negate,
    "power": construct.power,
    "matmul": construct.matmul,
    "inner": construct.dot,
    "outer": construct.outer,
    "inv": construct.inverse,
}


def _length(n: Length, lengths: Mapping[str, int]) -> Length:
    """Return a length with numbers for some names."""
    terms = terms_of(n)
    known = sum(count * lengths.get(name, 1) for name, count in terms.items() if name in lengths)
    rest = [joined([name], count) for name, count in terms.items() if name and name not in lengths]
    return joined([*rest, known + terms.get("", 0)])


def _params(value: Any, lengths: Mapping[str, int]) -> Any:
    """Return parameters with numbers for some names of lengths."""
    if isinstance(value, tuple):
        if value and value[0] in ("slice", "array"):
            return (value[0], *(_params(part, lengths) for part in value[1:]))
        return tuple(_params(part, lengths) for part in value)
    if isinstance(value, str) and _LENGTH.fullmatch(value) and lengths.keys() & terms_of(value):
        return _length(value, lengths)
    return value


def _rebuilt(
    value: Node, known: dict[int, Node], target: Graph, lengths: Mapping[str, int]
) -> Node:
    """Return a node in another graph, where some nodes are known."""
    for node in reachable([value]):
        if node.index in known:
            continue
        op, params = node.op, node.params
        if op != "einsum":
            params = _params(params, lengths) if lengths else params
        args = tuple(known[arg.index] for arg in node.args)
        if op == "number":
            new = target.number(params[0])
        elif op == "length":
            new = target.length(params[0])
        elif op == "eye":
            new = target.eye(params[0])
        elif op == "array":
            new = target.array(node.graph.arrays[params[0]])
        elif op == "broadcast":
            new = construct.broadcast(args[0], params[0])
        elif op == "reshape":
            new = construct.reshape(args[0], params[0])
        elif op in _CONSTRUCTORS:
            new = _CONSTRUCTORS[op](*args)
        else:
            new = construct.make(op, *args, params=params)
        known[node.index] = new
    return known[value.index]


def _bind(name: str, shape: Shape, given: tuple[int, ...], lengths: dict[str, int]) -> None:
    """Note the lengths that an array has; refuse one of another shape."""
    fits = len(shape) == len(given)
    for n, m in zip(shape, given, strict=False):
        fits = fits and (n == m if isinstance(n, int) else lengths.setdefault(n, m) == m)
    if not fits:
        raise ValueError(
            f"subs: {name!r} has shape {shown(shape)}, and what is put in for it {shown(given)}"
        )


def substituted(traced: MatrixTrace, replacements: Mapping[str, Any]) -> MatrixTrace:
    """Return a traced function with numbers or formulas in place of some inputs."""
    inputs, lengths = traced.inputs, dict[str, int]()
    arrays: dict[str, Any] = {}
    formulas: dict[str, tuple[Callable[..., Any], Sequence[str]]] = {}
    for name, value in replacements.items():
        if name not in inputs:
            raise ValueError(
                f"subs: there is no argument {name!r}.{nearest(name, inputs)} "
                f"The arguments are {', '.join(inputs) or 'none'}"
            )
        reader = next((FORMS[kind] for kind in FORMS if isinstance(value, kind)), None)
        if reader is not None:
            formulas[name] = reader(value)
            continue
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"subs: {name!r} is to be replaced by real numbers, not {array.dtype}")
        if array.ndim:
            _bind(name, inputs[name].shape, array.shape, lengths)
        arrays[name] = array.astype(np.float64)
    graph = Graph()
    graph.arrays = list(traced.graph.arrays)
    graph._array_places = dict(traced.graph._array_places)
    used = sorted({one for _, names in formulas.values() for one in names})
    shapes = {name: node.shape for name, node in inputs.items() if name not in replacements}
    shapes |= {name: inputs[name].shape if name in inputs else () for name in used}
    new = {name: graph.input(name, _params(shape, lengths)) for name, shape in shapes.items()}
    known = {node.index: new[name] for name, node in inputs.items() if name not in replacements}
    carried = {n for node in new.values() for n in node.shape}
    for name in replacements:
        shape = _params(inputs[name].shape, lengths)
        if name in arrays:
            put = as_node(graph, arrays[name])
        else:
            f, names = formulas[name]
            put = as_node(graph, f(*(MatrixArray(new[one]) for one in names)))
        lost = [n for n in shape if isinstance(n, str) and n not in carried]
        if put.shape != shape and lost:
            raise ValueError(
                f"subs: without {name!r} the length {lost[0]} is that of no argument; put in an "
                f"array of shape {shown(shape)}"
            )
        if put.ndim > len(shape) or (put.shape != shape and is_concrete(shape) and put.shape):
            _bind(name, shape, put.shape, {})  # type: ignore[arg-type]
        known[inputs[name].index] = construct.broadcast(put, shape)
    for n, least in traced.graph.least.items():
        if lengths.get(n, least) < least:
            raise ValueError(
                f"subs: the length {n} has to be {least} at least: the formula takes slices of it"
            )
        if n not in lengths:
            graph.least[n] = least
    value = _rebuilt(traced.value, known, graph, lengths)
    for index, label in traced.graph.names.items():
        if index in known and known[index].op != "input" and label not in new:
            graph.names.setdefault(known[index].index, label)
    whole = {
        name: structure
        for name, structure in traced.structures.items()
        if new.keys() >= set(leaves(structure))
    }
    kept = {name: array for name, array in traced.examples.items() if name in new}
    return MatrixTrace(graph, new, value, whole, kept)
