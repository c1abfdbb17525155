"""The check of steps and their memory: each loop finds what it reads, where it reads it.

The invariant: of what a loop writes, its operations read only the element that this turn of the
loop has computed (`Fused.is_fused`: the value itself, of the shape of the loop). A view of it
(transposed, reversed, strided, one element), a broadcast of it or a sum is read by a later step.
And no two values that a step reads or writes share memory, unless both are only read.
"""

from collections.abc import Mapping

from autodiff.plan.check import broken
from autodiff.plan.program import CONSTANT, INPUT, Node
from autodiff.plan.to_numba.fusion import Fused, Step

__all__ = ["check_fused"]


def check_fused(fused: Fused, offsets: Mapping[int, int]) -> None:
    """Raise if a loop reads what is not there: not yet, not any more, or not at that place.

    `offsets` are the places in the memory of the plan by identity of node.
    """
    owner: dict[int, Node] = {}
    for place, step in enumerate(fused.steps):
        for node in step.nodes:
            for x in node.args:
                view = fused.seen(x)
                root, at = view.root, fused.place(view.root)
                if not view.is_within:
                    broken(node, f"reads a view that is not within {root}")
                if at > place or (at < 0 and root.op not in (INPUT, CONSTANT)):
                    broken(node, f"uses {root} before it is defined")
                if at == place and not fused.is_fused(x, node):
                    broken(node, f"reads {x} at other positions than its loop writes it")
                offset = offsets.get(id(root))
                if at < place and offset is not None and owner.get(offset, root) is not root:
                    broken(node, f"reads {root} after its memory was given to {owner[offset]}")
        written: dict[int, Node] = {}
        read = {offsets[id(r)]: r for r in _read(fused, step) if id(r) in offsets}
        for node in step.nodes:
            offset = offsets.get(id(node))
            if offset is None:
                continue
            if read.get(offset, node) is not node:
                broken(node, f"reads {read[offset]} after its memory was given to {node}")
            if offset in written:
                broken(node, f"is written where its step writes {written[offset]}")
            owner[offset] = written[offset] = node


def _read(fused: Fused, step: Step) -> list[Node]:
    """Return the arrays whose memory a step reads."""
    return [fused.seen(x).root for node in step.nodes for x in node.args]
