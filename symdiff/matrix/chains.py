"""How chains of matrices and vectors are written: ``Aᵀ B x``, ``X²``, transposes at the factors."""

from __future__ import annotations

from symdiff.matrix.form import Piece, Typesetter
from symdiff.matrix.node import Node
from symdiff.matrix.rewriting.terms import Factor, Reader, Term, build, flip

__all__ = ["product_form", "transposed_form"]


def product_form(setter: Typesetter, node: Node) -> Piece:
    """Return a product of matrices and vectors."""
    return _written(setter, node, _read(setter, node))


def transposed_form(setter: Typesetter, node: Node) -> Piece:
    """Return the transpose of a matrix, or a vector as a row."""
    if node.index in setter.names or node.ndim > 2:
        return setter.transposed(setter.piece(node))
    term = _read(setter, node)
    return _written(setter, node, term._replace(chain=flip(term.chain)))


def _read(setter: Typesetter, node: Node) -> Term:
    """Return a node as a term of what has a name, and of what is no product."""
    reader = Reader(whole=lambda part: part.index in setter.names)
    if node.shape == ():  # a row times a column
        a, b = (reader.term(arg, top=False) for arg in node.args)
        return Term(a.number * b.number, a.scalars + b.scalars, flip(a.chain) + b.chain)
    return reader.term(node)


def _written(setter: Typesetter, node: Node, term: Term) -> Piece:
    """Return a term as a formula, its scalars at the front."""
    whole = setter.scalar(setter.piece(build(term._replace(chain=()), node)))
    chain = term.chain
    start = 0
    while start < len(chain):
        stop = start
        while stop < len(chain) and chain[stop] == chain[start]:
            stop += 1
        whole = setter.product(whole, _run(setter, chain[start], stop - start))
        start = stop
    return whole


def _run(setter: Typesetter, factor: Factor, times: int) -> Piece:
    """Return a factor that stands some times beside itself."""
    node, flipped = factor
    inverted = node.op == "inv" and node.index not in setter.names
    base = setter.piece(node.args[0] if inverted else node)
    if times == 1 and inverted:
        return setter.power(base, "-1", transposed=flipped)
    if times > 1:
        base = setter.power(base, str(-times if inverted else times))
    return setter.transposed(base) if flipped else base
