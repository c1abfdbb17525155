"""How large a matrix formula is: in matrix operations, and in operations on numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sympy

from symdiff.matrix.lengths import terms_of
from symdiff.matrix.node import Node, reachable
from symdiff.matrix.shapes import Length
from symdiff.matrix.table import RULES

__all__ = ["FLOPS", "MatrixOperations", "measure", "symbolic_length"]


def symbolic_length(n: Length) -> Any:
    """Return a length as a number or a SymPy symbol."""
    if isinstance(n, int):
        return n
    symbols = {
        name: sympy.Symbol(name, integer=True, positive=True) if name else 1 for name in terms_of(n)
    }
    return sympy.Add(*(count * symbols[name] for name, count in terms_of(n).items()))


def _entries(node: Node) -> Any:
    """Return the number of entries of a value."""
    return math.prod(map(symbolic_length, node.shape))


def _inner(node: Node) -> Any:
    """Return the length over which a product with the first operand sums."""
    return symbolic_length(node.args[0].shape[-1])


def _einsum(node: Node) -> Any:
    lengths = {
        letter: n
        for arg, letters in zip(node.args, node.params[0], strict=True)
        for letter, n in zip(letters, arg.shape, strict=True)
    }
    return len(node.args) * math.prod(map(symbolic_length, lengths.values()))


#: Operations on numbers that one matrix operation takes, by the kind its rule names.
FLOPS: dict[str, Callable[[Node], Any]] = {
    "free": lambda node: 0,
    "elementwise": _entries,
    "sigmoid": lambda node: 4 * _entries(node),
    "softmax": lambda node: 5 * _entries(node.args[0]),
    "reduction": lambda node: _entries(node.args[0]),
    "inner": lambda node: 2 * _entries(node.args[0]),
    "trace": _inner,
    "matmul": lambda node: 2 * _entries(node) * _inner(node),
    "einsum": _einsum,
    "factorised": lambda node: (
        2 * _entries(node.args[0]) * _inner(node)
        + (2 * _entries(node) * _inner(node) if len(node.args) > 1 else 0)
    ),
}


@dataclass(frozen=True)
class MatrixOperations:
    """How large a value and its gradient are.

    Attributes
    ----------
    value, gradient, total : int
        Matrix operations of the value, of the gradient (with what it takes from the value), and of
        both together. Transposes and other views count nothing.
    value_flops, total_flops : int or sympy.Expr
        Operations on numbers; a polynomial in the named lengths. Functions count as 1,
        a factorisation of n by n as 2 n^3.

    Examples
    --------
    >>> import numpy as np
    >>> from symdiff.matrix import matrix_gradient
    >>> matrix_gradient(lambda x: np.sum(x**2), x=("n",)).operations
    MatrixOperations(value=1, gradient=1, total=2, value_flops=2*n, total_flops=3*n)
    """

    value: int
    gradient: int
    total: int
    value_flops: Any
    total_flops: Any


def _count(nodes: Iterable[Node]) -> tuple[int, Any]:
    count, flops, terms = 0, 0, []
    for node in nodes:
        kind = RULES[node.op].flops
        if kind == "free":
            continue
        count += 1
        cost = FLOPS[kind](node)
        if isinstance(cost, int):
            flops += cost
        else:
            terms.append(cost)
    return count, sympy.Add(flops, *terms) if terms else flops


def measure(value: Node, gradients: Iterable[Node]) -> MatrixOperations:
    """Return how large a value and its gradient are."""
    gradients = list(gradients)
    ours, value_flops = _count(reachable([value]))
    theirs, _ = _count(reachable(gradients))
    both, total_flops = _count(reachable([value, *gradients]))
    return MatrixOperations(ours, theirs, both, value_flops, total_flops)
