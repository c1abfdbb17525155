"""Buffer assignment: which values share memory, known before anything runs.

A value lives from the operation that computes it to the last one that reads it or a view of it.
Elementwise operations write over an operand that is not read again; other values get the smallest
buffer that is free and large enough.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autodiff.plan.operation import Kind
from autodiff.plan.operations import kind_of, may_show_operand, operation_of
from autodiff.plan.program import Node, Program, loops_on_arrays
from autodiff.plan.to_numpy.tiling import Block

__all__ = ["Buffers", "assign_buffers"]


@dataclass
class Buffers:
    """Where the values of a program lie."""

    #: Bytes of each buffer.
    sizes: list[int]
    #: By identity of each node that has memory of its own, the number of its buffer. Of a node
    #: that is used within a block alone that memory is for one tile.
    slots: dict[int, int]
    #: By identity of each view, the node whose memory it shows.
    roots: dict[int, Node]
    #: Identities of the nodes that get fresh memory on each call: the user keeps it.
    outputs: set[int]

    @property
    def peak_bytes(self) -> int:
        """Bytes of all buffers together."""
        return sum(self.sizes)


def assign_buffers(
    units: Sequence[Node | Block], program: Program, *, donate: bool = False
) -> Buffers:
    """Return where the values of a program lie, those of its loops too."""
    buffers = _Planner(units, program, donate).buffers
    for body in loops_on_arrays(units):
        inner = body.program
        roots = _roots(inner.nodes)
        # An iteration leaves memory of its own: the next one writes over all other.
        inner.outputs += [roots[id(x)] for x in inner.outputs if id(x) in roots]
        own = _Planner(inner.nodes, inner, False).buffers
        first = len(buffers.sizes)
        buffers.sizes += own.sizes
        buffers.slots.update({key: first + slot for key, slot in own.slots.items()})
        buffers.roots.update(own.roots)
        buffers.outputs |= own.outputs
    return buffers


class _Planner:
    """Hands out buffers in the order of the program."""

    def __init__(self, units: Sequence[Node | Block], program: Program, donate: bool) -> None:
        self._units = units
        self._roots = _roots(units)
        self._last = self._last_uses(program)
        self._free = _Free()
        fresh = {id(x) for x in program.outputs if kind_of(x).owns_memory and not donate}
        self.buffers = Buffers([], {}, self._roots, fresh)
        ends: dict[int, list[Node]] = {}
        for unit in units:
            for node in _results(unit):
                if id(node) not in self._roots:
                    ends.setdefault(self._last.get(id(node), -1), []).append(node)
        for place, unit in enumerate(units):
            if isinstance(unit, Block):
                self._place_block(unit)
            else:
                self._place(unit, place, unit.nbytes, self._last)
            self._release(unit, ends.get(place, ()))

    def _last_uses(self, program: Program) -> dict[int, int]:
        """Return the place of the last unit that reads each node that has memory."""
        last: dict[int, int] = {}
        for x in program.roots:
            last[id(self._roots.get(id(x), x))] = len(self._units)
        # Backward, so that it is known how long the result of a call is read, which may show the
        # memory of an operand.
        for place in range(len(self._units) - 1, -1, -1):
            unit = self._units[place]
            for node in _results(unit):
                last.setdefault(id(node), place)
            shows = not isinstance(unit, Block) and may_show_operand(unit)
            until = last[id(unit)] if shows else place
            for x in unit.operands if isinstance(unit, Block) else unit.args:
                key = id(self._roots.get(id(x), x))
                last[key] = max(until, last.get(key, until))
        return last

    def _place(self, node: Node, place: int, nbytes: int, last: dict[int, int]) -> None:
        """Give a node a buffer, if it needs one."""
        kind, buffers = kind_of(node), self.buffers
        if not kind.owns_memory or not node.shape or id(node) in buffers.outputs:
            return
        over = None
        if kind is Kind.ELEMENTWISE or operation_of(node).keeps:
            over = _written_over(node, buffers, last, place)
        buffers.slots[id(node)] = self._taken(nbytes) if over is None else buffers.slots[id(over)]

    def _place_block(self, block: Block) -> None:
        """Give memory to what a block leaves, and to the tiles of the rest while it runs."""
        for node in block.nodes:
            left = id(node) in block.full or block.is_total(node)
            owned = kind_of(node).owns_memory and node.shape
            if left and owned and id(node) not in self.buffers.outputs:
                self.buffers.slots[id(node)] = self._taken(node.nbytes)
        free, self._free = self._free, _Free()
        first = len(self.buffers.sizes)
        inside = [x for x in block.nodes if id(x) not in block.full and not block.is_total(x)]
        tiles = {id(x) for x in inside}
        last: dict[int, int] = {}
        for place, node in enumerate(block.nodes):
            last.setdefault(id(node), place)
            for x in node.args:
                last[id(self._roots.get(id(x), x))] = place
        # Only tiles may be written over: of the others more than this block may know.
        tile_last = {key: place for key, place in last.items() if key in tiles}
        for place, node in enumerate(block.nodes):
            if id(node) in tiles and id(node) not in self._roots:
                rows = node.nbytes // block.length * block.step
                self._place(node, place, rows, tile_last)
            dead = [x for x in inside if last.get(id(x)) == place and id(x) not in self._roots]
            self._release(node, dead)
        # While the block runs nobody else does: its tiles are free when it is done.
        for slot in range(first, len(self.buffers.sizes)):
            free.put(slot, self.buffers.sizes[slot])
        self._free = free

    def _release(self, unit: Node | Block, dead: Iterable[Node]) -> None:
        """Take back the buffers of nodes that nobody reads any more."""
        own = self.buffers.slots.get(id(unit))
        for node in dead:
            slot = self.buffers.slots.get(id(node))
            # One that was written over lives on as what was written.
            if slot is not None and (node is unit or slot != own):
                self._free.put(slot, self.buffers.sizes[slot])

    def _taken(self, nbytes: int) -> int:
        """Return the number of a buffer that is free and large enough, or of a new one."""
        slot = self._free.take(nbytes)
        if slot is not None:
            return slot
        self.buffers.sizes.append(nbytes)
        return len(self.buffers.sizes) - 1


class _Free:
    """Buffers that are free, by their size: to look at each would be quadratic."""

    def __init__(self) -> None:
        self._slots: dict[int, list[int]] = {}

    def put(self, slot: int, size: int) -> None:
        """Add a buffer."""
        self._slots.setdefault(size, []).append(slot)

    def take(self, nbytes: int) -> int | None:
        """Remove one of the smallest that are large enough: the latest, still in the cache."""
        fitting = [size for size in self._slots if nbytes <= size <= 4 * nbytes]
        if not fitting:
            return None
        size = min(fitting)
        slots = self._slots[size]
        slot = slots.pop()
        if not slots:
            del self._slots[size]
        return slot


def _results(unit: Node | Block) -> list[Node]:
    """Return the nodes of a unit that others may read."""
    if isinstance(unit, Block):
        return [x for x in unit.nodes if id(x) in unit.full or unit.is_total(x)]
    return [unit]


def _roots(units: Sequence[Node | Block]) -> dict[int, Node]:
    """Return for each view the node whose memory it shows."""
    roots: dict[int, Node] = {}
    for unit in units:
        for node in unit.nodes if isinstance(unit, Block) else [unit]:
            if kind_of(node) is Kind.VIEW:
                x = node.args[0]
                roots[id(node)] = roots.get(id(x), x)
    return roots


def _written_over(node: Node, buffers: Buffers, last: dict[int, int], place: int) -> Node | None:
    """Return an operand whose memory the result of an elementwise operation may take."""
    candidates = node.args[-1:] if operation_of(node).keeps else node.args
    for x in candidates:
        if (
            id(x) in buffers.slots
            and x.shape == node.shape
            and x.dtype == node.dtype
            and last.get(id(x)) == place
            and all(y is x or buffers.roots.get(id(y), y) is not x for y in node.args)
        ):
            return x
    return None
