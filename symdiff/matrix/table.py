"""The table of matrix calculus: one rule is everything about one operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from symdiff.matrix.emitter import Code, Emitter
from symdiff.matrix.form import Piece, Typesetter
from symdiff.matrix.node import Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.shapes import Shape

__all__ = ["RULES", "Adjoints", "Rule", "no_second", "register"]

Adjoints = Sequence[Node | None]


@dataclass(frozen=True)
class Rule:
    """One operation on matrices.

    Attributes
    ----------
    op : str
        Its name.
    shape : callable or None
        Takes operands and parameters, returns the shape of the result. None for what has no
        operands: the graph is told its shape.
    form : callable
        Takes a typesetter (LaTeX or plain text) and a node, returns the formula.
    source : callable
        Takes an emitter and a node, returns NumPy source.
    adjoint : callable or None
        Takes a node and the adjoint of it, returns what it contributes to the adjoint of each
        operand, None for nothing. None for an operation that has no derivative, or a zero one.
    cited : str
        Where the rule can be looked up.
    flops : str
        How its scalar operations are counted: a key of `symdiff.matrix.size.FLOPS`.

    Examples
    --------
    >>> from symdiff.matrix import RULES
    >>> RULES["matmul"].cited
    'Giles 2008, 2.2.2; Petersen & Pedersen 2012, (70)-(71)'
    """

    op: str
    shape: Callable[[tuple[Node, ...], tuple[Any, ...]], Shape] | None
    form: Callable[[Typesetter, Node], Piece]
    source: Callable[[Emitter, Node], Code]
    adjoint: Callable[[Node, Node], Adjoints] | None
    cited: str
    flops: str = "elementwise"


#: Every rule by the name of its operation; the modules of `symdiff.matrix.rules` fill it.
RULES: dict[str, Rule] = {}


def register(*rules: Rule) -> None:
    """Enter rules into the table."""
    RULES.update((rule.op, rule) for rule in rules)


def no_second(what: str) -> Callable[[Node, Node], NoReturn]:
    """Return the adjoint of what only derivatives are made of: it is refused."""

    def adjoint(node: Node, bar: Node) -> NoReturn:
        refuse(f"a second derivative of {what}", "derive it with strategy='adjoint' where that can")

    return adjoint
