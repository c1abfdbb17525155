"""Arguments that no derivative is taken with respect to: orders, degrees, integers."""

from typing import NoReturn

from autodiff.core.primitive import Rule
from autodiff.errors import Undifferentiable

__all__ = ["constant"]


def constant(function: str, argument: str, why: str = "no closed form is known") -> Rule:
    """Return the rule of an argument that must stay plain, or its partial derivative: it raises."""

    def refuse(*args: object, **params: object) -> NoReturn:
        raise Undifferentiable(
            f"{function}: no derivative with respect to its argument {argument}: {why}. Make it a "
            "constant, or differentiate with respect to the others only"
        )

    return refuse
