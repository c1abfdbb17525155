"""The check of buffers: nothing is read after its memory was given to another value."""

from collections.abc import Sequence

from autodiff.plan.check import broken
from autodiff.plan.operations import may_show_operand
from autodiff.plan.program import Node, Program, loops_on_arrays
from autodiff.plan.to_numpy.buffers import Buffers
from autodiff.plan.to_numpy.tiling import Block

__all__ = ["check_placed"]


def check_placed(units: Sequence[Node | Block], buffers: Buffers, program: Program) -> None:
    """Raise if a value is read where another has been written, or is about to be."""
    for body in loops_on_arrays(units):
        check_placed(body.needed(), buffers, body.program)
    owner: dict[int, Node] = {}
    slots, roots = buffers.slots, buffers.roots
    nodes: list[Node] = []
    for unit in units:
        if isinstance(unit, Block):
            _check_block(unit, buffers)
        nodes += unit.nodes if isinstance(unit, Block) else (unit,)
    until = _shown_until(nodes, program, roots)
    for place, node in enumerate(nodes):
        own = slots.get(id(node))
        for x in node.args:
            root = roots.get(id(x), x)
            slot = slots.get(id(root))
            if slot is not None and owner[slot] is not root:
                broken(node, f"reads {root} after its buffer was given to {owner[slot]}")
            # Written over element by element, or not at all.
            if slot is not None and slot == own and (root is not x or x.shape != node.shape):
                broken(node, f"writes over {root}, which it reads at other positions")
        if own is not None:
            before = owner.get(own)
            if before is not None and until.get(id(before), place) > place:
                broken(
                    before, f"is read, as what a call shows, after its buffer was given to {node}"
                )
            owner[own] = node
    for x in program.outputs:
        root = roots.get(id(x), x)
        slot = slots.get(id(root))
        if slot is not None and owner[slot] is not root:
            broken(x, f"reads {root} after its buffer was given to {owner[slot]}")


def _shown_until(nodes: Sequence[Node], program: Program, roots: dict[int, Node]) -> dict[int, int]:
    """Return up to where operands are read that the results of calls may show."""
    last = {id(roots.get(id(x), x)): len(nodes) for x in program.outputs}
    shown: dict[int, int] = {}
    for place in range(len(nodes) - 1, -1, -1):
        node = nodes[place]
        until = max(last.get(id(node), place), shown.get(id(node), place))
        shows = may_show_operand(node)
        for x in node.args:
            key = id(roots.get(id(x), x))
            last.setdefault(key, place)
            if shows:
                shown[key] = max(until, shown.get(key, until))
    return shown


def _check_block(block: Block, buffers: Buffers) -> None:
    """Raise if a tile needs more of a value of the block than the tile that is there."""
    written = {buffers.slots.get(id(node)) for node in block.nodes} - {None}
    for x in block.operands:
        if buffers.slots.get(id(buffers.roots.get(id(x), x))) in written:
            broken(x, "is written over by a block that reads it")
    for node in block.nodes:
        for x, cut in zip(node.args, block.roles[id(node)].cuts, strict=True):
            role = block.roles.get(id(x))
            if role is not None and (role.axis is None or role.axis != cut):
                broken(node, f"reads {x} at other positions than the block writes it")
