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
    #: Whose memory the result of a call may be.
    shown: dict[int, list[Node]] = {}
    slots, roots = buffers.slots, buffers.roots
    for unit in units:
        if isinstance(unit, Block):
            _check_block(unit, buffers)
        for node in unit.nodes if isinstance(unit, Block) else (unit,):
            own = slots.get(id(node))
            for x in node.args:
                root = roots.get(id(x), x)
                slot = slots.get(id(root))
                if slot is not None and owner[slot] is not root:
                    broken(node, f"reads {root} after its buffer was given to {owner[slot]}")
                if shown and id(root) in shown:
                    _check_shown(node, shown[id(root)], slots, owner)
                # Written over element by element, or not at all.
                if slot is not None and slot == own and (root is not x or x.shape != node.shape):
                    broken(node, f"writes over {root}, which it reads at other positions")
            if own is not None:
                owner[own] = node
            elif may_show_operand(node):
                held = [roots.get(id(x), x) for x in node.args]
                held += [each for x in held for each in shown.get(id(x), ())]
                shown[id(node)] = list({id(x): x for x in held if id(x) in slots}.values())
    for x in program.outputs:
        root = roots.get(id(x), x)
        _check_shown(x, [root, *shown.get(id(root), ())], slots, owner)


def _check_shown(
    node: Node, read: Sequence[Node], slots: dict[int, int], owner: dict[int, Node]
) -> None:
    """Raise if a node reads memory that has been given to another."""
    for x in read:
        slot = slots.get(id(x))
        if slot is not None and owner[slot] is not x:
            broken(node, f"reads {x} after its buffer was given to {owner[slot]}")


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
