"""Tiling: operations on large arrays in runs that go through all of them tile by tile.

A chain of operations on a million elements reads and writes memory for each of them. In a block
the whole chain is applied to a part of the arrays at a time, about 8192 elements, which stay in the
cache; what is used within the block alone needs memory for one tile. Sums at the end of the chain
are added up over the tiles.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from autodiff.plan.operation import Kind
from autodiff.plan.operations import kind_of, operation_of, reduced_axes
from autodiff.plan.program import Node, Program

__all__ = ["LARGE", "TILE", "Block", "Role", "group", "role_of"]

#: Elements of a tile; twice as many and half as many took longer.
TILE = 8192
#: Elements from which an array is worth it: below, all values of a chain stay in the cache anyway.
LARGE = 4 * TILE
#: Operations without one that joins after which a block is complete.
_FURTHEST = 500
#: Elements of an operand that each tile reads whole, and of a sum that each tile is added to.
_SHARED = 4096


class Role(NamedTuple):
    """How an operation takes part in a block.

    `axis` of its result is the one that the tiles go along, None for a sum over all of them;
    `cuts` are the axes that each operand is cut along, None if it is read whole.
    """

    axis: int | None
    cuts: tuple[int | None, ...]


Axes = Mapping[int, int]


def role_of(node: Node, axes: Axes, length: int) -> Role | None:
    """Return how an operation takes part in a block, if it can.

    Examples
    --------
    >>> x, y = (Node("exp", (), {}, (5, 7), np.dtype(float), np.exp) for _ in range(2))
    >>> role_of(Node("add", (x, y), {}, (5, 7), x.dtype, np.add), {id(x): 1}, 7)
    Role(axis=1, cuts=(1, 1))
    """
    kind = kind_of(node)
    if not operation_of(node).tiles:
        return None
    if kind is Kind.ELEMENTWISE:
        return _elementwise(node, axes, length)
    if not any(id(x) in axes for x in node.args):
        return None
    if kind is Kind.VIEW:
        found = _VIEWS[node.op](node, axes[id(node.args[0])], length)
        return None if found is None else Role(found, (axes[id(node.args[0])],))
    if kind is Kind.REDUCTION:
        return (_matmul if node.op == "matmul" else _reduction)(node, axes, length)
    return None


def _cut(x: Node, place: int, length: int) -> int | None:
    """Return the axis of an operand at a place from the right, if it has all tiles there."""
    axis = len(x.shape) - place
    return axis if axis >= 0 and x.shape[axis] == length else None


def _spread(x: Node, place: int) -> bool:
    """Return whether an operand is the same for all tiles: it has no axis there, or one of 1."""
    axis = len(x.shape) - place
    return axis < 0 or x.shape[axis] == 1


def _place(node: Node, axes: Axes) -> int | None:
    """Return at which place from the right the operands of a node have their tiles."""
    places = {len(x.shape) - axes[id(x)] for x in node.args if id(x) in axes}
    return places.pop() if len(places) == 1 else None


def _elementwise(node: Node, axes: Axes, length: int) -> Role | None:
    place = _place(node, axes)
    if place is None or len(node.shape) < place or node.shape[-place] != length:
        return None
    cuts = tuple(_cut(x, place, length) for x in node.args)
    for x, cut in zip(node.args, cuts, strict=True):
        if cut is None and not _spread(x, place):
            return None
    return Role(len(node.shape) - place, cuts)


def _reduction(node: Node, axes: Axes, length: int) -> Role | None:
    place = _place(node, axes)
    if place is None:
        return None
    axis, along = len(node.args[0].shape) - place, reduced_axes(node)
    cuts = (axis,) * len(node.args)
    keepdims = bool(node.params.get("keepdims"))
    if axis in along:
        adds = operation_of(node).share and node.dtype == np.float64 and not keepdims
        return Role(None, cuts) if adds and node.size <= _SHARED else None
    return Role(axis if keepdims else axis - sum(i < axis for i in along), cuts)


def _matmul(node: Node, axes: Axes, length: int) -> Role | None:
    x, y = node.args
    inner = 1 if len(y.shape) == 1 else 2
    #: For each operand that is cut: whether it is the right one, and where from the right.
    found = [(i == 1, len(z.shape) - axes[id(z)]) for i, z in enumerate(node.args) if id(z) in axes]
    summed = [place == (inner if right else 1) for right, place in found]
    if all(summed):
        cuts = (_cut(x, 1, length), _cut(y, inner, length))
        return Role(None, cuts) if None not in cuts and node.size <= _SHARED else None
    if any(summed) or len(found) > 1 or found[0][1] > 2:
        # Tiles of a stack of matrices, or two factors that are cut.
        return None
    ((right, _),) = found
    if right:
        # Columns of the right factor.
        return Role(len(node.shape) - 1, (None, len(y.shape) - 1)) if x.size <= _SHARED else None
    axis = len(node.shape) - (2 if inner == 2 else 1)
    return Role(axis, (len(x.shape) - 2, None)) if y.size <= _SHARED else None


def _transposed(node: Node, axis: int, length: int) -> int | None:
    return list(node.params["axes"]).index(axis)


def _reshaped(node: Node, axis: int, length: int) -> int | None:
    before = math.prod(node.args[0].shape[:axis])
    for i, n in enumerate(node.shape):
        if n == length and math.prod(node.shape[:i]) == before:
            return i
    return None


def _broadcast(node: Node, axis: int, length: int) -> int | None:
    return axis + len(node.shape) - len(node.args[0].shape)


def _indexed(node: Node, axis: int, length: int) -> int | None:
    """Return where an axis goes that a basic index takes whole."""
    index = node.params["index"]
    parts = list(index) if isinstance(index, tuple) else [index]
    ndim = len(node.args[0].shape)
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    filled = []
    for part in parts:
        filled += [slice(None)] * (ndim - taken) if part is Ellipsis else [part]
    if Ellipsis not in parts:
        filled += [slice(None)] * (ndim - taken)
    source = result = 0
    for part in filled:
        if part is None:
            result += 1
            continue
        if source == axis:
            return result if isinstance(part, slice) and part == slice(None) else None
        source += 1
        result += isinstance(part, slice)
    return None


_VIEWS: dict[str, Callable[[Node, int, int], int | None]] = {
    "transpose": _transposed,
    "reshape": _reshaped,
    "broadcast_to": _broadcast,
    "getitem": _indexed,
}


@dataclass(eq=False)
class Block:
    """Operations that are applied to one tile of their operands at a time."""

    nodes: list[Node]
    #: Of the axis that the tiles go along: its length, and that of a tile.
    length: int
    step: int
    #: How each node takes part, by its identity.
    roles: dict[int, Role] = field(default_factory=dict)
    #: Identities of the nodes, other than sums over all tiles, that are needed after the block.
    full: set[int] = field(default_factory=set)

    @property
    def operands(self) -> list[Node]:
        """The values from outside that the operations use, each once."""
        inside = {id(node) for node in self.nodes}
        found = {id(x): x for node in self.nodes for x in node.args}
        return [x for x in found.values() if id(x) not in inside]

    def is_total(self, node: Node) -> bool:
        """Return whether a node is a sum over all tiles."""
        return self.roles[id(node)].axis is None


def group(program: Program) -> list[Node | Block]:
    """Return the operations of a program, those that can be blocked together in blocks."""
    units: list[Node | Block] = []
    rest: Sequence[Node] = program.nodes
    while True:
        start = next((i for i, node in enumerate(rest) if _starts(node)), None)
        if start is None:
            units += rest
            break
        units += rest[:start]
        before, block, rest = _collected(rest[start:])
        units += before
        # A single operation gains nothing.
        units += [block] if len(block.nodes) > 1 else block.nodes
    return _finished(units, program)


def _tile_axis(node: Node) -> int | None:
    """Return the first axis along which a value can be cut into tiles, if it is large."""
    if node.size < LARGE:
        return None
    for axis, length in enumerate(node.shape):
        if 2 * node.size <= TILE * length:
            return axis
    return None


def _starts(node: Node) -> bool:
    """Return whether a block may begin with an operation."""
    return kind_of(node) is Kind.ELEMENTWISE and _tile_axis(node) is not None


def _first_role(node: Node, axis: int, length: int) -> Role | None:
    """Return the role of a large elementwise operation of values from outside the block."""
    # As if it were the result of itself: its operands are cut where it is.
    one = Node(node.op, (node, *node.args), {}, node.shape, node.dtype, node.function)
    one.kind = Kind.ELEMENTWISE
    role = role_of(one, {id(node): axis}, length)
    return None if role is None else Role(role.axis, role.cuts[1:])


def _collected(nodes: Sequence[Node]) -> tuple[list[Node], Block, list[Node]]:
    """Return the block that begins with the first node, after what runs before it; and the rest."""
    first = nodes[0]
    start = _tile_axis(first)
    assert start is not None
    length = first.shape[start]
    block = Block([], length, length)
    before: list[Node] = []
    after: list[Node] = []
    axes: dict[int, int] = {}
    late: set[int] = set()
    latest = 0
    for place, node in enumerate(nodes):
        if place - latest > _FURTHEST:
            # To look at all that follows for each block would be quadratic.
            after += nodes[place:]
            break
        waits = any([id(x) in late for x in node.args])
        uses = any([id(x) in axes for x in node.args])
        role = None
        if not waits:
            role = role_of(node, axes, length)
            axis = _tile_axis(node)
            if role is None and not uses and _starts(node) and axis is not None:
                role = _first_role(node, axis, length) if node.shape[axis] == length else None
            if role is not None and role.axis is not None and node.size // length > TILE:
                role = None
        if role is None:
            (after if waits or uses else before).append(node)
            if waits or uses:
                late.add(id(node))
            continue
        latest = place
        block.nodes.append(node)
        block.roles[id(node)] = role
        if role.axis is None:
            # A sum is known when the block is done.
            late.add(id(node))
        else:
            axes[id(node)] = role.axis
    block.step = _step([x.size for x in block.nodes if not block.is_total(x)], length)
    return before, block, after


def _step(sizes: Sequence[int], length: int) -> int:
    """Return how long a tile is: such that those of all values together fit into the cache."""
    mean = sum(sizes) / len(sizes)
    return max(1, min(int(TILE * length / mean), 4 * TILE * length // max(sizes), length))


def _finished(units: Sequence[Node | Block], program: Program) -> list[Node | Block]:
    """Return the units that are needed, each block knowing which of its rows are."""
    needed = {id(x) for x in program.roots}
    kept: list[Node | Block] = []
    for unit in reversed(units):
        if isinstance(unit, Block):
            for x in reversed(unit.nodes):
                # A view shows all rows if what it is a view of has them.
                if id(x) in needed and kind_of(x) is Kind.VIEW:
                    needed.add(id(x.args[0]))
            unit.full = {id(x) for x in unit.nodes if id(x) in needed and not unit.is_total(x)}
            needed |= {id(x) for x in unit.operands}
        elif id(unit) in needed:
            needed |= {id(x) for x in unit.args}
        else:
            continue
        kept.append(unit)
    return kept[::-1]
