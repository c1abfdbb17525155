"""Blocking: operations on large arrays in runs that go through all of them chunk by chunk.

A chain of operations on a million elements reads and writes memory for each of them. In a block
the whole chain is applied to a part of the arrays at a time, about 8192 elements, which stay in the
cache; what is used within the block alone needs memory for one chunk. Sums at the end of the chain
are added up over the chunks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from autodiff.plan.operations import Kind, kind_of
from autodiff.plan.program import Node, Program
from autodiff.plan.to_numpy.chunks import Role, role_of

__all__ = ["Block", "group"]

#: Elements of a chunk; twice as many and half as many took longer.
CHUNK = 8192
#: Elements from which an array is worth it: below, all values of a chain stay in the cache anyway.
LARGE = 4 * CHUNK
#: Operations without one that joins after which a block is complete.
_FURTHEST = 500


@dataclass(eq=False)
class Block:
    """Operations that are applied to a part of their operands at a time.

    Parameters
    ----------
    nodes : list of Node
        The operations in their order.
    length : int
        The length of the axis that the chunks go along.
    step : int
        The length of a chunk.
    roles : dict of int to Role
        How each node takes part, by its identity.
    full : set of int
        Identities of the nodes, other than sums over all chunks, that are needed after the block.
    """

    nodes: list[Node]
    length: int
    step: int
    roles: dict[int, Role] = field(default_factory=dict)
    full: set[int] = field(default_factory=set)

    @property
    def operands(self) -> list[Node]:
        """What the operations use from outside the block, each once."""
        inside = {id(node) for node in self.nodes}
        found = {id(x): x for node in self.nodes for x in node.args}
        return [x for x in found.values() if id(x) not in inside]

    def is_total(self, node: Node) -> bool:
        """Return whether a node is a sum over all chunks."""
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


def _chunk_axis(node: Node) -> int | None:
    """Return the first axis along which a value can be cut into chunks, if it is large."""
    if node.size < LARGE:
        return None
    for axis, length in enumerate(node.shape):
        if 2 * node.size <= CHUNK * length:
            return axis
    return None


def _starts(node: Node) -> bool:
    """Return whether a block may begin with an operation."""
    return kind_of(node) is Kind.ELEMENTWISE and _chunk_axis(node) is not None


def _first_role(node: Node, axis: int, length: int) -> Role | None:
    """Return the role of a large elementwise operation of values from outside the block."""
    # As if it were the result of itself: its operands are cut where it is.
    one = Node(node.op, (node, *node.args), {}, node.shape, node.dtype, node.function)
    one.kind = Kind.ELEMENTWISE
    role = role_of(one, {id(node): axis}, length)
    return None if role is None else Role(role.axis, role.cuts[1:])


def _collected(nodes: Sequence[Node]) -> tuple[list[Node], Block, list[Node]]:
    """Return what runs before a block that begins with the first node, the block, and the rest."""
    first = nodes[0]
    start = _chunk_axis(first)
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
            axis = _chunk_axis(node)
            if role is None and not uses and _starts(node) and axis is not None:
                role = _first_role(node, axis, length) if node.shape[axis] == length else None
            if role is not None and role.axis is not None and node.size // length > CHUNK:
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
    """Return how long a chunk is: such that those of all values together fit into the cache."""
    mean = sum(sizes) / len(sizes)
    return max(1, min(int(CHUNK * length / mean), 4 * CHUNK * length // max(sizes), length))


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
