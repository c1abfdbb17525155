"""How the transpose of an operation is written: (A B)ᵀ as Bᵀ Aᵀ, down to what has a name."""

from __future__ import annotations

from symdiff.matrix.form import HADAMARD, Piece, Typesetter
from symdiff.matrix.node import Node

__all__ = ["transposed_form"]

_DEEPEST = 12  # operations inside each other that are turned around


def transposed_form(setter: Typesetter, node: Node, depth: int = 0) -> Piece:
    """Return the transpose of a matrix, or a vector as a row."""
    piece = setter.piece(node)
    if node.index in setter.names or depth > _DEEPEST or node.ndim > 2:
        return setter.transposed(piece)

    def turned(k: int) -> Piece:
        return transposed_form(setter, node.args[k], depth + 1)

    args = node.args
    if node.op == "transpose":
        return setter.piece(args[0])
    if node.op == "matmul" and args[0].ndim == 2:
        return setter.product(turned(1), turned(0))
    if node.op == "outer":
        return setter.product(setter.piece(args[1]), turned(0))
    if node.op == "inv":
        return setter.raised(setter.piece(args[0]), r"-\top", "⁻ᵀ")
    if node.op == "negate":
        inner = turned(0)
        return inner._replace(number=-inner.number)
    if node.op == "multiply" and args[0].shape == ():
        return setter.product(setter.scalar(setter.piece(args[0])), turned(1))
    if all(arg.shape == node.shape for arg in args):
        if node.op in ("add", "subtract"):
            return setter.sum(turned(0), turned(1), node.op == "subtract")
        if node.op == "multiply":
            return setter.product(turned(0), turned(1), setter.style.hadamard, HADAMARD)
    return setter.transposed(piece)
