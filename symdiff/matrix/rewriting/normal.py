"""The normal form of derivatives: read as terms, rewritten by the table, built again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from symdiff.matrix import construct
from symdiff.matrix.node import Node, reachable
from symdiff.matrix.rewriting.entrywise import entrywise_product
from symdiff.matrix.rewriting.table import rewrite, sum_of
from symdiff.matrix.rewriting.terms import Factor, Reader, Term, build, flip, times
from symdiff.matrix.shapes import Shape

__all__ = ["as_written"]

_SUMS = frozenset({"add", "subtract", "negate"})
_ENTRYWISE = frozenset({"multiply", "divide", "square", "power"})
_READ = _SUMS | {"multiply", "divide", "matmul", "outer", "transpose", "solve", "square", "power"}
_READ |= {"sumsquares", "sqrt", "reciprocal", "inv", "inner", "diag", "diagonal"}


class _Known(dict[int, Node]):
    """The normal forms that were asked for, by index of the node."""

    def __init__(self, nodes: Mapping[int, Node], write: Callable[[Node], Node]) -> None:
        super().__init__()
        self._nodes = nodes
        self._write = write

    def get(self, index: int, default: Any = None) -> Any:
        """Return the normal form of a node, made now if need be."""
        if index not in self and index in self._nodes:
            self[index] = self._write(self._nodes[index])
        return super().get(index, default)


class _Writer:
    """Brings the operations that derivatives are made of into normal form, operands first."""

    def __init__(self, roots: Sequence[Node], top: int, named: Mapping[int, str]) -> None:
        order = [node for node in reachable(roots) if node.index > top]
        self.known = _Known({node.index: node for node in order}, self._written)
        users: dict[int, list[Node]] = {root.index: [root, root] for root in roots}
        for node in order:
            for arg in set(node.args):
                users.setdefault(arg.index, []).append(node)

        def is_whole(node: Node) -> bool:
            if node.index in named:
                return True
            if node.index <= top:
                if node.op == "divide" and node.shape == ():  # 1/s is a power of s
                    return node.args[0].number is None
                products = ("matmul", "inner") if node.shape == () else ()
                return node.op in _SUMS or node.op not in _READ or node.op in products
            return node.op in _SUMS and len(users.get(node.index, [])) > 1

        self.reader = Reader(self.known, is_whole)
        for node in order:
            user, *others = users[node.index]
            if others or not _is_part(node, user):
                self.known.get(node.index)

    def _written(self, node: Node) -> Node:
        """Return the normal form of a node whose operands have one."""
        op, args = node.op, node.args
        if op not in _READ or (op == "inner" and args[0].ndim > 1):
            return self._rebuilt(node)
        if (
            op in _ENTRYWISE
            and node.shape
            and all(arg.shape or arg.number is not None for arg in args)
        ):
            return entrywise_product(node, self.reader)
        if op in _SUMS and any(arg.shape != node.shape and arg.number is None for arg in args):
            return self._twice(node) or self._rebuilt(node)
        if op in ("matmul", "inner") and node.shape == ():
            a, b = (self.reader.term(arg, top=False) for arg in args)
            terms = [times(a._replace(chain=flip(a.chain)), b)]
        else:
            terms = self.reader.sum(node)
        if terms == [_itself(node)]:
            return self._rebuilt(node)
        return construct.broadcast(sum_of(rewrite(terms, node), node), node.shape)

    def _twice(self, node: Node) -> Node | None:
        """Return ``2 A`` for ``A + a`` where A is the row or column a repeated; None elsewhere."""
        if node.op not in ("add", "subtract") or not all(arg.shape for arg in node.args):
            return None
        args = [self.known.get(arg.index, arg) for arg in node.args]
        one, other = (Reader().term(_repeated(arg, node.shape)) for arg in args)
        if one[1:] != other[1:]:
            return None
        count = one.number + (other.number if node.op == "add" else -other.number)
        return construct.broadcast(build(one._replace(number=count), node), node.shape)

    def _rebuilt(self, node: Node) -> Node:
        """Return an operation on the normal forms of its operands."""
        args = tuple(self.known.get(arg.index, arg) for arg in node.args)
        if args == node.args:
            return node
        rule = _CONSTRUCTORS.get(node.op)
        return construct.make(node.op, *args, params=node.params) if rule is None else rule(*args)


_CONSTRUCTORS: dict[str, Callable[..., Node]] = {
    "add": construct.add,
    "subtract": construct.subtract,
    "multiply": construct.multiply,
    "divide": construct.divide,
    "matmul": construct.matmul,
    "inner": construct.dot,
    "outer": construct.outer,
    "inv": construct.inverse,
}


def _repeated(node: Node, shape: Shape) -> Node:
    """Return an array repeated to a shape, its scalar factors outside."""
    if node.op == "broadcast":
        return _repeated(node.args[0], shape) if node.args[0].shape else node
    if node.op == "reshape" and node.shape == (1, *node.args[0].shape):  # a row, as NumPy has it
        return _repeated(node.args[0], shape)
    if node.op in ("multiply", "divide") and node.args[1].shape == ():
        return construct.make(node.op, _repeated(node.args[0], shape), node.args[1])
    if node.op == "multiply" and node.args[0].shape == ():
        return construct.make("multiply", node.args[0], _repeated(node.args[1], shape))
    if node.op == "negate":
        return construct.make("negate", _repeated(node.args[0], shape))
    return construct.broadcast(node, shape)


def _is_part(node: Node, user: Node) -> bool:
    """Return whether a node is read with the only one that uses it: a sum or product in another."""
    if node.shape != user.shape or not node.shape:
        return False
    return any({node.op, user.op} <= kind for kind in (_SUMS, _ENTRYWISE))


def _itself(node: Node) -> Term:
    """Return the term of what is no product."""
    return Term(1, (), (Factor(node),)) if node.shape else Term(1, ((node, 1),), ())


def as_written(
    roots: Iterable[Node], top: int, named: Mapping[int, str]
) -> tuple[list[Node], dict[int, Node]]:
    """Return derivatives in normal form, and the normal form of all that they are made of.

    What the function itself computes, up to the node `top`, is written as it was typed.
    """
    roots = list(roots)
    writer = _Writer(roots, top, named)
    return [writer.known.get(root.index, root) for root in roots], dict(writer.known)
