"""The fields of the texts of operations: what stands for operands, memory and parameters.

Each is a function of the printer, the node, and the text of the array that is written into.
"""

import functools
import re
from collections.abc import Callable
from typing import Any

from autodiff.plan.literals import index_text
from autodiff.plan.operations import fields_of, operation_of
from autodiff.plan.program import Node

__all__ = ["FIELDS", "parsed"]


def _axis(node: Node) -> Any:
    axis = operation_of(node).axis
    return node.params["axis"] if axis is None else axis


def _over_last(printer: Any, node: Node, out: str) -> str | None:
    """Return the array to write into if it holds the last operand already."""
    slots, last = printer.buffers.slots, node.args[-1]
    placed = id(last) in slots and slots[id(last)] == slots.get(id(node))
    return out if placed or (out and printer.names.get(id(last)) == out) else None


def _target(printer: Any, node: Node, out: str) -> str | None:
    """Return the part of the result that an index takes, which stands ready if the result does."""
    index = node.params["index"]
    parts = index if isinstance(index, tuple) else (index,)
    if not node.args[0].shape and not any(part is Ellipsis for part in parts):
        index = (*parts, ...)  # a view of an element, not a number
    text = f"{out}[{index_text(index)}]"
    return printer.fixed(text, f"{out}_part") if id(node) in printer.buffers.slots else text


def _mask(printer: Any, node: Node) -> str:
    """Return a mask for an operand that any statement may write into."""
    x = node.args[0]
    if printer.rows is not None:
        return f"np.empty({printer.name_of(x)}.shape, bool)"
    return str(printer.fixed(f"np.empty({x.shape}, bool)", "mask"))


def _dot(printer: Any, node: Node) -> str | None:
    """Return the method of arrays that multiplies matrices, quicker than the function."""
    x, y = node.args
    return None if printer.rows is not None or max(len(x.shape), len(y.shape)) > 2 else ".dot"


def _ones(printer: Any, length: int) -> str:
    return str(printer.fixed(f"np.ones({length})", f"ones_{length}"))


def _reversed(node: Node) -> str | None:
    axes = tuple(node.params["axes"])
    return ".T" if axes == tuple(range(len(axes)))[::-1] else None


def _part(node: Node, source: bool, rolled: bool) -> str:
    """Return the index of what comes round the end of a rolled axis, or of the rest, in either."""
    axis = int(node.params["axis"]) % len(node.shape)
    length = node.shape[axis]
    shift = node.params["shift"] % length if length else 0
    border = length - shift if source else shift
    part = f"{border}:" if rolled is source else f":{border}"
    return ":, " * axis + part


_Field = Callable[[Any, Node, str], str | None]
#: The fields of `numpy` and `share`; those that return None cannot be had there.
_FIELDS: dict[str, _Field] = {
    "function": lambda p, node, out: p.function(node),
    # Operands of an elementwise operation: numbers as arrays without axes.
    "operands": lambda p, node, out: ", ".join([p.operand(x, node) for x in node.args]),
    # The array that is written into: as a further argument, if there is one; by itself.
    "out": lambda p, node, out: out and f", {out}",
    "named_out": lambda p, node, out: out and f", out={out}",
    "out_or_none": lambda p, node, out: out or "None",
    "to": lambda p, node, out: out or None,
    "out_over_last": _over_last,
    "part": _target,
    "part_over_last": lambda p, node, out: _over_last(p, node, out) and _target(p, node, out),
    "names": lambda p, node, out: ", ".join([p.name_of(x) for x in node.args]),
    # An operand as a vector: without a copy; without a copy, or as a copy.
    "flat0": lambda p, node, out: p.flat(node.args[0]),
    "flat1": lambda p, node, out: p.flat(node.args[1]),
    "vector0": lambda p, node, out: p.vector(node.args[0]),
    "vector1": lambda p, node, out: p.vector(node.args[1]),
    "dot": lambda p, node, out: _dot(p, node),
    "all": lambda p, node, out: p.all_axes(node),
    "axis": lambda p, node, out: str(_axis(node)),
    "shift": lambda p, node, out: str(node.params["shift"]),
    "rolled": lambda p, node, out: _part(node, True, True),
    "kept": lambda p, node, out: _part(node, True, False),
    "rolled_to": lambda p, node, out: _part(node, False, True),
    "kept_to": lambda p, node, out: _part(node, False, False),
    "keepdims": lambda p, node, out: ", True" if node.params.get("keepdims") else "",
    # Arrays that stand ready: ones for each row, a mask, and memory of the shape of the result.
    "ones": lambda p, node, out: _ones(p, node.args[0].shape[0]),
    "mask": lambda p, node, out: _mask(p, node),
    "step": lambda p, node, out: p.fixed(f"np.empty({node.shape})", "step"),
    # Of views.
    "shape": lambda p, node, out: p.shape(node),
    "axes": lambda p, node, out: str(tuple(node.params["axes"])),
    "reversed": lambda p, node, out: _reversed(node),
    "index": lambda p, node, out: index_text(node.params["index"]),
}


@functools.cache
def parsed(text: str) -> tuple[str, list[_Field]]:
    """Return a text with its fields numbered, and what fills them; the operands come last."""
    fields = sorted(fields_of(text), key=lambda field: (field.isdigit(), field))
    numbered = re.sub(r"\w+(?=\})", lambda match: str(fields.index(match[0])), text)
    return numbered, [_operand(int(x)) if x.isdigit() else _FIELDS[x] for x in fields]


def _operand(place: int) -> _Field:
    return lambda p, node, out: p.numpy_name(node.args[place])


#: Those fields, for the tests of the table.
FIELDS = frozenset(_FIELDS)
