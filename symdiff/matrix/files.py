"""Gradients of whole matrices as text, and back: a line for each operation, nothing of it is run.

The format, version 1, is JSON, a line for each node of the graph::

    symdiff matrices, format 1
    {"wrt": ["w"], "names": {}, "least": {}}
    ["input", [], ["w", ["n"]]]
    ["sumsquares", [0], [[0], false]]
    end 4

Gradients are derived again where the file is read. `end` counts the lines before it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.errors import Unparsable
from symdiff.matrix import construct
from symdiff.matrix.lengths import terms_of
from symdiff.matrix.node import Graph, Node, reachable
from symdiff.matrix.table import RULES
from symdiff.matrix.trace import MatrixTrace
from symdiff.tracing.binding import check_argument

__all__ = ["HEADER", "read_matrices", "write_matrices"]

HEADER = "symdiff matrices, format 1"
LARGEST = 2**26  # characters
_DTYPES = frozenset({"<f8", "<f4", "<i8", "<i4", "<i2", "|i1", "|u1", "<u4", "<u8", "|b1"})
_EINSUM = re.compile(r"[A-Za-z]*")
_ARRAYS = ("index", "put", "scatter")


def _plain(value: Any) -> Any:
    """Return parameters as JSON has them."""
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def write_matrices(traced: MatrixTrace, wrt: Sequence[str]) -> str:
    """Return a traced function as text."""
    if traced.structures:
        raise NotImplementedError(
            f"save: the argument {next(iter(traced.structures))!r} holds several arrays, and a "
            "file has arrays only; derive with an argument for each of them, and save that"
        )
    graph = traced.graph
    named = [graph.nodes[k] for k in graph.names if k < traced.value.index]
    roots = (*traced.inputs.values(), *named, traced.value)
    order = {node.index: node for node in reachable(roots)}
    nodes = [order[index] for index in sorted(order)]
    place = {node.index: k for k, node in enumerate(nodes)}
    head = {
        "wrt": list(wrt),
        "names": {str(place[k]): name for k, name in graph.names.items() if k in place},
        "least": graph.least,
        "arrays": [_packed(array) for array in graph.arrays],
        "examples": {name: _packed(array) for name, array in traced.examples.items()},
        "value": place[traced.value.index],
    }
    lines = [HEADER, json.dumps(head)]
    for node in nodes:
        params = node.params[:1] if node.op == "number" else node.params
        lines.append(json.dumps([node.op, [place[a.index] for a in node.args], _plain(params)]))
    text = "\n".join([*lines, f"end {len(lines)}\n"])
    if len(text) > LARGEST:
        raise ValueError(
            f"save: the text has {len(text)} characters; {LARGEST} are the most that can be loaded "
            "again"
        )
    return text


def _packed(array: Any) -> list[Any]:
    """Return an array as text: its type, its shape, its bytes."""
    array = np.ascontiguousarray(array)
    array = array.astype(array.dtype.newbyteorder("<"))
    return [array.dtype.str, list(array.shape), base64.b64encode(array.tobytes()).decode()]


def _unpacked(entry: Any) -> Any:
    """Return the array that was packed, checked."""
    kind, shape, text = entry
    if kind not in _DTYPES or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"an array of {kind!r} and shape {shape!r}")
    return np.frombuffer(base64.b64decode(text, validate=True), dtype=kind).reshape(shape).copy()


class _Reader:
    """Makes the nodes of a file."""

    def __init__(self, head: Any) -> None:
        self.graph = Graph()
        for entry in head["arrays"]:
            self.graph.array(_unpacked(entry))
        if len(self.graph.arrays) != len(head["arrays"]):
            raise ValueError("constant arrays that are no arrays, or twice the same")
        self.lengths: set[str] = set()
        self.inputs: dict[str, Node] = {}
        self.nodes: list[Node] = []

    def params(self, value: Any, op: str) -> Any:
        """Return parameters, of which every text is known to be harmless."""
        if isinstance(value, list):
            return tuple(self.params(part, op) for part in value)
        if value is None or type(value) in (bool, int, float):
            return value
        known = (
            (op in _ARRAYS and value in ("slice", "array"))
            or (op == "einsum" and _EINSUM.fullmatch(value))
            or (op == "convolve" and value in ("full", "same", "valid"))
            or (re.fullmatch(r"[-+*\w ]+", value) and {*terms_of(value)} - {""} <= self.lengths)
        )
        if not known:
            raise ValueError(f"the text {value[:40]!r} has no place here")
        return value

    def node(self, op: Any, args: Any, params: Any) -> Node:
        """Return the node of a line."""
        graph = self.graph
        if op == "input":
            name, shape = params
            check_argument(name)
            for n in shape:
                if isinstance(n, str):
                    check_argument(n)
                    self.lengths.add(n)
                elif type(n) is not int or n < 0:
                    raise ValueError(f"the length {n!r}")
            if name in self.inputs:
                raise ValueError(f"the argument {name!r} is there twice")
            self.inputs[name] = node = graph.input(name, tuple(shape))
            return node
        clean = self.params(params, op)
        if op in ("number", "length", "eye", "array"):
            (value,) = clean
            if op == "number":
                return graph.number(value)
            if op == "array":
                return graph.array(graph.arrays[value])
            return graph.length(value) if op == "length" else graph.eye(value)
        if op not in RULES:
            raise ValueError(f"there is no operation {op!r}")
        if not all(type(k) is int and 0 <= k < len(self.nodes) for k in args):
            raise ValueError("an operand that is no line before")
        return construct.make(op, *(self.nodes[k] for k in args), params=clean)


def read_matrices(text: str) -> tuple[MatrixTrace, list[str]]:
    """Return the traced function of a text, and the arguments to differentiate by."""
    lines = text[: LARGEST + 1].split("\n")
    if len(text) > LARGEST or lines[0] != HEADER:
        raise Unparsable(f"line 1: {HEADER!r} is expected, and {LARGEST} characters at most")
    if lines[-2:] != [f"end {len(lines) - 2}", ""]:
        raise Unparsable(f"line {len(lines)}: the file ends here, without its last line, 'end'")
    at = 2
    try:
        head = json.loads(lines[1])
        reader = _Reader(head)
        for at, line in enumerate(lines[2:-2], 3):  # noqa: B007 - for the message
            op, args, params = json.loads(line)
            reader.nodes.append(reader.node(op, args, params))
        at = 2
        value = reader.nodes[head["value"]]
        wrt = [name for name in head["wrt"] if reader.inputs[name]]
        for place, name in head["names"].items():
            check_argument(name)
            reader.graph.names[reader.nodes[int(place)].index] = name
        for n, least in head["least"].items():
            if n not in reader.lengths or type(least) is not int:
                raise ValueError(f"the length {n!r}")
            reader.graph.least[n] = least
        examples = {name: _unpacked(entry) for name, entry in head["examples"].items()}
        if value.shape != () or value.truth or not examples.keys() <= reader.inputs.keys():
            raise ValueError("the value is no scalar, or an example no argument")
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Unparsable(f"line {at}: {error}") from None
    return MatrixTrace(reader.graph, reader.inputs, value, {}, examples), wrt
