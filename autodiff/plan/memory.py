"""Memory of a program: which values share a buffer, known before anything runs.

A value lives from the operation that computes it to the last one that reads it or a view of it.
Elementwise operations write over an operand that is not read again; other values get the smallest
buffer that is free and large enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from autodiff.plan.operations import Kind, kind_of
from autodiff.plan.program import CONSTANT, INPUT, Node, Program

__all__ = ["Memory", "plan_memory"]


@dataclass
class Memory:
    """Where the values of a program lie.

    Parameters
    ----------
    sizes : list of int
        Bytes of each buffer.
    slots : dict of int to int
        For the identity of each node that has memory of its own, the number of its buffer.
    roots : dict of int to Node
        For the identity of each view, the node whose memory it shows.
    outputs : set of int
        Identities of the nodes that get fresh memory on each call: the user keeps it.
    """

    sizes: list[int]
    slots: dict[int, int]
    roots: dict[int, Node]
    outputs: set[int]

    @property
    def peak_bytes(self) -> int:
        """Bytes of all buffers together."""
        return sum(self.sizes)


def plan_memory(program: Program) -> Memory:
    """Return where the values of a program lie.

    Parameters
    ----------
    program : Program
        The operations in the order in which they run.

    Returns
    -------
    Memory
        Buffers and who uses them.
    """
    roots = _roots(program.nodes)
    last = _last_uses(program, roots)
    outputs = _fresh(program.outputs)
    memory = Memory([], {}, roots, outputs)
    free: list[int] = []
    ends: dict[int, list[Node]] = {}
    for node in program.nodes:
        if id(node) not in roots:
            ends.setdefault(last.get(id(node), -1), []).append(node)
    for place, node in enumerate(program.nodes):
        kind = kind_of(node)
        if id(node) not in roots and kind.owns_memory and node.shape and id(node) not in outputs:
            over = _written_over(node, memory, last, place) if kind is Kind.ELEMENTWISE else None
            if over is not None:
                memory.slots[id(node)] = memory.slots[id(over)]
            else:
                memory.slots[id(node)] = _taken(memory, free, node.nbytes)
        for dead in ends.get(place, ()):
            slot = memory.slots.get(id(dead))
            # One that was written over lives on as what was written.
            if slot is not None and not (dead is not node and memory.slots.get(id(node)) == slot):
                free.append(slot)
    return memory


def _roots(nodes: Sequence[Node]) -> dict[int, Node]:
    """Return for each view the node whose memory it shows."""
    roots: dict[int, Node] = {}
    for node in nodes:
        if kind_of(node) is Kind.VIEW:
            x = node.args[0]
            roots[id(node)] = roots.get(id(x), x)
    return roots


def _last_uses(program: Program, roots: dict[int, Node]) -> dict[int, int]:
    """Return the place of the last operation that reads each node that has memory."""
    last: dict[int, int] = {}
    held: dict[int, list[Node]] = {}
    for place, node in enumerate(program.nodes):
        last.setdefault(id(node), place)
        sources = []
        for x in node.args:
            root = roots.get(id(x), x)
            sources.append(root)
            sources += held.get(id(root), ())
        for root in sources:
            last[id(root)] = place
        if kind_of(node) is Kind.CALL:
            # Its result may show the memory of an operand.
            held[id(node)] = [x for x in sources if x.op not in (INPUT, CONSTANT)]
    end = len(program.nodes)
    for x in program.roots:
        root = roots.get(id(x), x)
        for kept in (root, *held.get(id(root), ())):
            last[id(kept)] = end
    return last


def _fresh(outputs: Sequence[Node]) -> set[int]:
    """Return the outputs that are computed straight into memory that the user gets."""
    return {id(x) for x in outputs if kind_of(x).owns_memory}


def _written_over(node: Node, memory: Memory, last: dict[int, int], place: int) -> Node | None:
    """Return an operand whose memory the result of an elementwise operation may take."""
    for x in node.args:
        if (
            id(x) in memory.slots
            and x.shape == node.shape
            and x.dtype == node.dtype
            and last[id(x)] == place
            and all(y is x or memory.roots.get(id(y), y) is not x for y in node.args)
        ):
            return x
    return None


def _taken(memory: Memory, free: list[int], nbytes: int) -> int:
    """Return the number of a buffer that is free and large enough, or of a new one."""
    fitting = [slot for slot in free if nbytes <= memory.sizes[slot] <= 4 * nbytes]
    if fitting:
        slot = min(fitting, key=memory.sizes.__getitem__)
        free.remove(slot)
        return slot
    memory.sizes.append(nbytes)
    return len(memory.sizes) - 1
