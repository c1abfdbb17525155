"""Arguments that no derivative is taken with respect to: orders, degrees, integers."""

from collections.abc import Sequence
from typing import NoReturn

from autodiff.core.primitive import Rule
from autodiff.errors import Undifferentiable

__all__ = ["constant"]


def constant(
    function: str, argument: str, why: str = "no closed form is known", others: Sequence[str] = ()
) -> Rule:
    """Return the rule of an argument that must stay plain, or its partial derivative: it raises.

    `others` are the names of the arguments that have one.
    """
    rest = f"{', '.join(others)} only" if others else "the others only"

    def refuse(*args: object, **params: object) -> NoReturn:
        raise Undifferentiable(
            f"{function}: no derivative with respect to its argument {argument}: {why}. Make it a "
            f"constant, or differentiate with respect to {rest}"
        )

    return refuse
