"""Terms: a number, scalar factors, and a chain of matrices and vectors, read from operations.

Vectors stand as columns. A factor that is flipped is transposed: a flipped vector is a row.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from symdiff.matrix.construct import divide, inverse, make, matmul, multiply, outer, power
from symdiff.matrix.construct import transpose as transposed
from symdiff.matrix.node import Node

__all__ = [
    "Factor",
    "Reader",
    "Scalars",
    "Term",
    "build",
    "flip",
    "is_ones",
    "is_symmetric",
    "monomial",
    "spelling",
    "times",
]

_DEEPEST = 60  # operations inside each other that are read as one term
_KEY = 5  # operations inside each other by which terms are ordered


class Factor(NamedTuple):
    """A factor of a chain."""

    node: Node
    flipped: bool = False

    @property
    def sides(self) -> tuple[int | str, int | str]:
        """Rows and columns."""
        rows, columns = (*self.node.shape, 1, 1)[:2]
        return (columns, rows) if self.flipped else (rows, columns)


Scalars = tuple[tuple[Node, float], ...]


class Term(NamedTuple):
    """A product: ``number * scalars * chain``; the powers of scalars stand beside them."""

    number: float
    scalars: Scalars
    chain: tuple[Factor, ...]


def flip(chain: Sequence[Factor]) -> tuple[Factor, ...]:
    """Return the chain of the transpose."""
    return tuple(
        Factor(f.node, not f.flipped and not is_symmetric(f.node)) for f in reversed(chain)
    )


def is_symmetric(node: Node, depth: int = 6) -> bool:
    """Return whether a matrix is symmetric by how it is made: ``A + A.T``, ``A.T @ A``."""
    if node.ndim != 2 or node.shape[0] != node.shape[1] or not depth:
        return False
    op, args = node.op, node.args
    if op in ("eye", "diag"):
        return True
    if op == "array":
        values = node.graph.arrays[node.params[0]]
        return bool((values == values.T).all())
    if op in ("inv", "transpose", "negate", "square"):
        return is_symmetric(args[0], depth - 1)
    if op in ("add", "subtract", "multiply", "divide"):
        if all(arg.shape == () or is_symmetric(arg, depth - 1) for arg in args):
            return True
        return op == "add" and _mirrored(*args)
    return (op == "matmul" and _is_palindrome(node)) or (op == "outer" and args[0] is args[1])


def _mirrored(a: Node, b: Node) -> bool:
    """Return whether two matrices are transposes of each other."""
    one, other = Reader().term(a), Reader().term(b)
    return one.number == other.number and one[1:] == (other.scalars, flip(other.chain))


def _is_palindrome(node: Node) -> bool:
    """Return whether a product reads the same from the other end, as ``A.T @ S @ A`` does."""
    chain = Reader().term(node).chain
    if len(chain) < 2 or any(f.node is node for f in chain):
        return False
    half = len(chain) // 2
    middle = chain[half] if len(chain) % 2 else None
    ends = tuple(Factor(f.node, not f.flipped) for f in reversed(chain[-half:]))
    return chain[:half] == ends and (middle is None or is_symmetric(middle.node))


def monomial(scalars: Mapping[Node, float]) -> Scalars:
    """Return powers of scalars in order, those to the power of 0 left out."""
    kept = [(node, n) for node, n in scalars.items() if n]
    return tuple(sorted(kept, key=lambda pair: spelling(pair[0])))


class Reader:
    """Reads operations as terms.

    Parameters
    ----------
    known : mapping of int to Node
        What stands for a node where it is a factor, by index.
    whole : callable
        Whether a node is a factor as it stands.
    """

    def __init__(
        self,
        known: Mapping[int, Node] | None = None,
        whole: Callable[[Node], bool] = lambda node: False,
    ) -> None:
        self.known = {} if known is None else known
        self.whole = whole

    def sum(self, node: Node) -> list[Term]:
        """Return the terms of a sum; a sum that stands in a product stays whole."""
        terms: list[Term] = []
        stack = [(node, 1.0, False)]
        while stack:
            part, sign, flipped = stack.pop()
            same = all(arg.shape == part.shape or arg.number is not None for arg in part.args)
            if part.number is not None and part.shape != node.shape:
                ones = make("broadcast", part.graph.number(1), params=(node.shape,))
                terms.append(Term(sign * part.number, (), (Factor(ones),)))
                continue
            inside = part is node or not self.whole(part)
            if inside and same and part.op in ("add", "subtract"):
                a, b = part.args
                minus = -sign if part.op == "subtract" else sign
                stack += [(b, minus, flipped), (a, sign, flipped)]
            elif inside and part.op == "negate":
                stack.append((part.args[0], -sign, flipped))
            elif inside and part.op == "transpose" and part.ndim == 2:
                stack.append((part.args[0], sign, not flipped))
            else:
                term = self.term(part, top=part is node)
                if term.number == 1 and not term.scalars and len(term.chain) == 1:
                    (factor,) = term.chain  # a product entry by entry has its number inside
                    if factor.node is not part and not factor.flipped:
                        term = self.term(factor.node)
                chain = flip(term.chain) if flipped else term.chain
                terms.append(Term(sign * term.number, term.scalars, chain))
        return terms

    def term(self, node: Node, *, top: bool = True, depth: int = 0) -> Term:
        """Return a node as one term."""
        if depth <= _DEEPEST and (top or not self.whole(node)):
            if node.shape == ():
                read = self._scalar(node, depth + 1)
            else:
                read = self._product(node, depth + 1)
            if read is not None:
                return read
        node = node if top and not depth else self.known.get(node.index, node)
        if node.number is not None and node.shape == ():
            return Term(node.number, (), ())
        if node.shape == ():
            return Term(1, ((node, 1),), ())
        return Term(1, (), (Factor(node),))

    def _inner(self, node: Node, depth: int) -> Term:
        return self.term(node, top=False, depth=depth)

    def _scalar(self, node: Node, depth: int) -> Term | None:
        """Return a scalar that is a product, a quotient or a power of scalars."""
        op, args = node.op, node.args
        if op == "negate":
            part = self._inner(args[0], depth)
            return part._replace(number=-part.number)
        if op in ("multiply", "divide") and not node.truth:
            sign = 1 if op == "multiply" else -1
            return times(self._inner(args[0], depth), self._inner(args[1], depth), sign)
        if op == "sumsquares":  # a power of the norm, so that norms cancel
            return Term(1, ((make("norm", args[0], params=node.params), 2.0),), ())
        if op == "sqrt":
            part = self._inner(args[0], depth)
            return _raised(part, 0.5) if part.number == 1 and len(part.scalars) == 1 else None
        if op in ("square", "power", "reciprocal"):
            n = {"square": 2.0, "reciprocal": -1.0}.get(op)
            n = args[1].number if n is None else n
            if n is None or not float(n).is_integer() or abs(n) > 99:
                return None
            return _raised(self._inner(args[0], depth), n)
        return None

    def _product(self, node: Node, depth: int) -> Term | None:
        """Return a product with scalars or of matrices and vectors; None for what is neither."""
        op, args = node.op, node.args
        if op == "negate":
            part = self._inner(args[0], depth)
            return part._replace(number=-part.number)
        if op == "multiply" and args[0].shape == () and not args[1].truth:
            return times(self._inner(args[0], depth), self._inner(args[1], depth))
        if op == "divide" and args[1].shape == () and args[0].shape == node.shape:
            return times(self._inner(args[0], depth), self._inner(args[1], depth), -1)
        if node.ndim > 2 or any(arg.ndim > 2 for arg in args):
            return None
        if op == "transpose":
            part = self._inner(args[0], depth)
            return part._replace(chain=flip(part.chain))
        if op in ("diag", "diagonal"):
            part = self._inner(args[0], depth)
            flipped = op == "diagonal" and len(part.chain) == 1
            chain = (Factor(part.chain[0].node),) if flipped else part.chain
            return part._replace(chain=(Factor(make(op, build(Term(1, (), chain), args[0]))),))
        if op == "inv":
            part = self._inner(args[0], depth)
            if len(part.chain) > 1:
                return None
            (factor,) = part.chain
            chain = (Factor(inverse(factor.node), factor.flipped),)
            return _raised(part, -1)._replace(chain=chain)
        if op not in ("matmul", "outer", "solve"):
            return None
        if op == "solve":
            inverted = self._inner(inverse(self.known.get(args[0].index, args[0])), depth)
            return times(inverted, self._inner(args[1], depth))
        one, other = (self._inner(arg, depth) for arg in args)
        if op == "outer":
            return times(one, other._replace(chain=flip(other.chain)))
        if args[0].ndim == 1:  # a row times a matrix, as a column
            return times(other._replace(chain=flip(other.chain)), one)
        return times(one, other)


def _raised(term: Term, n: float) -> Term:
    """Return a power of a product of scalars."""
    if not term.number and n < 0:
        return Term(float("inf"), (), ())
    return Term(term.number**n, tuple((node, k * n) for node, k in term.scalars), ())


def times(a: Term, b: Term, sign: int = 1) -> Term:
    """Return a product, or a quotient by scalars."""
    b = b if sign > 0 else _raised(b, -1)
    powers = dict(a.scalars)
    for node, n in b.scalars:
        powers[node] = powers.get(node, 0) + n
    return Term(a.number * b.number, monomial(powers), a.chain + b.chain)


def spelling(node: Node, depth: int = _KEY) -> str:
    """Return the key by which nodes are ordered: how they are made, not when."""
    if node.op in ("input", "number", "length"):
        return _counted(str(node.params[0]))
    if node.index in node.graph.names:
        return _counted(node.graph.names[node.index])
    if not depth:
        return f"#{node.index:09}"
    if node.op == "transpose":
        return f"{spelling(node.args[0], depth - 1)}'"
    inside = ",".join(spelling(arg, depth - 1) for arg in node.args)
    return f"{node.op}{node.params or ''}({inside})"


@functools.lru_cache(1 << 12)
def _counted(name: str) -> str:
    """Return a key by which ``x2`` comes before ``x10``."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(9), name)


# Terms as operations ------------------------------------------------------------------------------


def _matrix(factor: Factor) -> Node:
    return transposed(factor.node) if factor.flipped else factor.node


def _column(chain: Sequence[Factor]) -> Node:
    """Return a chain that ends in a vector."""
    *front, last = chain
    return matmul(_chain(front), last.node) if front else last.node


def _chain(chain: Sequence[Factor]) -> Node:
    """Return a chain of matrices, or one that ends in a vector, or a column times a row."""
    for k, factor in enumerate(chain):
        if factor.node.ndim == 1:
            if k == len(chain) - 1 and not factor.flipped:
                return _column(chain)
            if not factor.flipped:
                return outer(_column(chain[: k + 1]), _column(flip(chain[k + 1 :])))
            raise AssertionError(f"a row at {k} in {chain}")  # pragma: no cover
    whole = _matrix(chain[0])
    for factor in chain[1:]:
        whole = make("matmul", whole, _matrix(factor))
    return whole


def _power(node: Node, n: float) -> Node:
    return power(node, node.graph.number(n))


def is_ones(node: Node) -> bool:
    """Return whether an array is 1 everywhere."""
    return node.op == "broadcast" and node.args[0].number == 1


def build(term: Term, like: Node) -> Node:
    """Return a term as operations, of the shape of a node."""
    graph = like.graph
    if len(term.chain) == 1 and is_ones(term.chain[0].node):
        term = term._replace(chain=())  # a scalar in a sum is added to each entry
    above, below = graph.number(abs(term.number)), graph.number(1)
    for node, n in term.scalars:
        if n > 0:
            above = multiply(above, _power(node, n))
        else:
            below = multiply(below, _power(node, -n))
    front = divide(above, below)
    whole = multiply(front, _chain(term.chain)) if term.chain else front
    if term.number < 0:
        whole = make("negate", whole) if whole.number is None else graph.number(-whole.number)
    return whole
