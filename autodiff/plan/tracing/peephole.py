"""Forms that have a shorter derivative than the chain rule makes of their parts.

They are looked for in the tape of a call that is being differentiated for a plan, before its
backward pass.
"""

from collections.abc import Sequence
from typing import Any

from autodiff.core.primitive import PRIMITIVES
from autodiff.core.tape import Form
from autodiff.core.tensor import Tensor

__all__ = ["recognise"]

_DIVIDE, _MAXIMUM = PRIMITIVES["divide"], PRIMITIVES["maximum"]


def recognise(nodes: Sequence[Tensor]) -> dict[int, Form]:
    """Return the nodes that are known forms, with the primitive of the whole form."""
    forms: dict[int, Form] = {}
    for node in nodes:
        if type(node) is not Tensor:
            continue
        primitive = node.primitive
        if primitive is _DIVIDE:
            argument = _sigmoid_argument(node)
            if argument is not None:
                forms[id(node)] = PRIMITIVES["sigmoid"], (argument,)
        elif primitive is _MAXIMUM:
            x, y = node.operands
            if _is(x, 0.0):
                x, y = y, x
            if type(x) is Tensor and _is(y, 0.0):
                forms[id(node)] = PRIMITIVES["relu"], (x,)
    return forms


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
