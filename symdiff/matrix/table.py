"""What a rule of matrix calculus is: one entry of the table, everything about one operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from symdiff.matrix.node import Node
from symdiff.matrix.shapes import Shape

if TYPE_CHECKING:
    from symdiff.matrix.form import Piece, Typesetter
    from symdiff.matrix.source import Code, Emitter

__all__ = ["Adjoints", "Rule"]

Adjoints = Sequence[Node | None]


@dataclass(frozen=True)
class Rule:
    """One operation on matrices.

    Attributes
    ----------
    op : str
        Its name.
    shape : callable
        Takes operands and parameters, returns the shape of the result.
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
    >>> from symdiff.matrix.rules import RULES
    >>> RULES["matmul"].cited
    'Giles 2008, 2.2.2; Petersen & Pedersen 2012, (70)-(71)'
    """

    op: str
    shape: Callable[[tuple[Node, ...], tuple[Any, ...]], Shape]
    form: Callable[[Typesetter, Node], Piece]
    source: Callable[[Emitter, Node], Code]
    adjoint: Callable[[Node, Node], Adjoints] | None
    cited: str
    flops: str = "elementwise"
