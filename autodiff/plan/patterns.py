"""Forms that have a shorter derivative than the chain rule makes of their parts.

They are looked for in the tape of a call that is being differentiated for a plan, before its
backward pass.
"""

from collections.abc import Sequence
from typing import Any

from autodiff.rules.table import PRIMITIVES
from autodiff.tensor import Tensor

__all__ = ["recognise"]


def recognise(nodes: Sequence[Tensor]) -> None:
    """Give nodes that are known forms the primitive of the whole form.

    Parameters
    ----------
    nodes : sequence of Tensor
        The nodes of a tape; values stay as they are, and what is no longer needed gets no
        cotangent.
    """
    for node in nodes:
        primitive = node.primitive
        if primitive is None:
            continue
        if primitive.name == "divide":
            argument = _sigmoid_argument(node)
            if argument is not None:
                node.primitive, node.operands = PRIMITIVES["sigmoid"], (argument,)
        elif primitive.name == "maximum":
            x, y = node.operands
            if _is(x, 0.0):
                x, y = y, x
            if type(x) is Tensor and _is(y, 0.0):
                node.primitive, node.operands = PRIMITIVES["relu"], (x,)


def _is(x: Any, number: float) -> bool:
    return type(x) in (int, float) and x == number


def _operand(x: Any, name: str) -> Any:
    """Return the operand of a node of one argument, or None."""
    if type(x) is Tensor and x.primitive is not None and x.primitive.name == name:
        return x.operands[0]
    return None


def _sigmoid_argument(node: Tensor) -> Any:
    """Return x if a node is 1 / (1 + exp(-x))."""
    one, total = node.operands
    if not _is(one, 1.0) or type(total) is not Tensor or total.primitive is None:
        return None
    if total.primitive.name != "add":
        return None
    left, right = total.operands
    power = right if _is(left, 1.0) else left if _is(right, 1.0) else None
    argument = _operand(_operand(power, "exp"), "negative")
    return argument if type(argument) is Tensor and argument.tape is node.tape else None
