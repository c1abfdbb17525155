"""The check of steps and their memory: each loop finds what it reads, where it reads it."""

from collections.abc import Mapping

from autodiff.plan.check import broken
from autodiff.plan.program import CONSTANT, INPUT, Node
from autodiff.plan.to_numba.fusion import Fused

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
        for node in step.nodes:
            if id(node) in offsets:
                owner[offsets[id(node)]] = node
