"""The matrix of a linear formula: what stands in front of the vector in ``A v + B v``."""

from __future__ import annotations

from collections.abc import Callable

from symdiff.matrix import construct
from symdiff.matrix.construct import make
from symdiff.matrix.node import Node, depends, reachable

__all__ = ["matrix_of"]

#: By node that depends on the vector: its matrix, or its row if it is a scalar.
_Known = dict[int, Node]


def _row(node: Node) -> Node:
    return construct.reshape(node, (1, *node.shape))


def _rows(c: Node, m: Node) -> Node:
    """Return a matrix, each row times an entry of a vector: ``Diag(c) M``."""
    for one, other, first in ((c, m, True), (m, c, False)):
        if one.op == "negate":
            return construct.negate(_rows(*((one.args[0], m) if first else (c, one.args[0]))))
        if one.op == "multiply" and not one.args[0].shape and one.args[1].shape == one.shape:
            rest = _rows(one.args[1], other) if first else _rows(other, one.args[1])
            return construct.multiply(one.args[0], rest)
    if m.op in ("add", "subtract") and all(arg.shape == m.shape for arg in m.args):
        parts = [_rows(c, arg) for arg in m.args]
        return construct.add(*parts) if m.op == "add" else construct.subtract(*parts)
    if m.op == "scaled_rows":
        return _rows(construct.multiply(c, m.args[0]), m.args[1])
    if m.op == "diag":
        return make("diag", construct.multiply(c, m.args[0]))
    if m.op == "broadcast" and m.args[0].shape == (1, m.shape[1]):
        return construct.outer(c, construct.reshape(m.args[0], m.shape[1:]))
    if m.op == "outer":
        return construct.outer(construct.multiply(c, m.args[0]), m.args[1])
    return make("diag", c) if m.op == "eye" else make("scaled_rows", c, m)


def _column_sums(m: Node) -> Node:
    """Return the sums over the rows of a matrix."""
    if m.op == "eye":
        return construct.broadcast(m.graph.number(1), m.shape[:1])
    if m.op == "diag":
        return m.args[0]
    if m.op == "scaled_rows":
        return construct.matmul(construct.transpose(m.args[1]), m.args[0])
    if m.op == "multiply" and not m.args[0].shape:
        return construct.multiply(m.args[0], _column_sums(m.args[1]))
    return construct.total(m, (0,), False)


def _scaled(c: Node, u: Node, m: Node) -> Node | None:
    """Return the matrix of ``c * u``, where `m` is that of `u`."""
    if not c.shape:
        return construct.multiply(c, m)
    if u.shape == (1,) and c.ndim == 1:
        return construct.outer(c, construct.reshape(m, m.shape[1:]))
    if c.ndim != 1:
        return None
    if not u.shape:
        return construct.outer(c, m)
    if u.shape == c.shape:
        return _rows(c, m)
    return None


def _lifted(node: Node, arg: Node, known: _Known) -> Node | None:
    """Return the matrix of an operand, a scalar's repeated to a vector."""
    m = known.get(arg.index)
    if m is None:
        return None
    if arg.shape == node.shape:
        return m
    if arg.shape not in ((), (1,)):
        return None
    row = m if arg.shape else _row(m)
    return construct.broadcast(row, (*node.shape, row.shape[1]))


def _sum(combine: Callable[[Node, Node], Node]) -> Callable[[Node, _Known], Node | None]:
    def rule(node: Node, known: _Known) -> Node | None:
        parts = [_lifted(node, arg, known) for arg in node.args]
        if any(part is None for part in parts):
            return None
        return combine(*parts)  # type: ignore[arg-type]

    return rule


def _product(node: Node, known: _Known) -> Node | None:
    inside = [arg.index in known for arg in node.args]
    if all(inside):
        return None
    u, c = node.args if inside[0] else node.args[::-1]
    return _scaled(c, u, known[u.index])


def _quotient(node: Node, known: _Known) -> Node | None:
    u, c = node.args
    if u.index not in known or c.index in known:
        return None
    if not c.shape:
        return construct.divide(known[u.index], c)
    return _scaled(construct.divide(c.graph.number(1), c), u, known[u.index])


def _matmul(node: Node, known: _Known) -> Node | None:
    a, b = node.args
    if (a.index in known) == (b.index in known) or max(a.ndim, b.ndim) > 2:
        return None
    if b.index in known:
        return construct.matmul(a, known[b.index]) if b.ndim == 1 else None
    if a.ndim != 1:
        return None
    m = known[a.index]
    return construct.matmul(b if b.ndim == 1 else construct.transpose(b), m)


def _solve(node: Node, known: _Known) -> Node | None:
    a, b = node.args
    return make("solve", a, known[b.index]) if a.index not in known and b.ndim == 1 else None


def _total(node: Node, known: _Known) -> Node | None:
    (u,) = node.args
    if u.ndim != 1:
        return None
    sums = _column_sums(known[u.index])
    return _row(sums) if node.shape else sums


def _repeated(node: Node, known: _Known) -> Node | None:
    (u,) = node.args
    return _lifted(node, u, known) if node.ndim == 1 else None


def _chosen(node: Node, known: _Known) -> Node | None:
    condition, *branches = node.args
    parts = []
    for branch in branches:
        part = branch if branch.number == 0 else _lifted(node, branch, known)
        if part is None:
            return None
        parts.append(part)
    if condition.ndim == 1:
        condition = construct.reshape(condition, (*condition.shape, 1))
    return make("where", condition, *parts) if condition.index not in known else None


_WHOLE = ("slice", None, None, None)


def _taken(node: Node, known: _Known) -> Node | None:
    (u,) = node.args
    index, shape = node.params
    if len(index) != 1 or index[0] is None:
        return None
    m = known[u.index]
    if isinstance(index[0], int):
        return make("index", m, params=(index, m.shape[1:]))
    return make("index", m, params=((*index, _WHOLE), (*shape, m.shape[1])))


def _put(node: Node, known: _Known) -> Node | None:
    shape, indices = node.params
    if len(shape) != 1 or any(arg.index not in known for arg in node.args):
        return None
    parts = [known[arg.index] for arg in node.args]
    longer = tuple((*index, _WHOLE) for index in indices)
    return make("scatter", *parts, params=((*shape, parts[0].shape[-1]), longer))


_RULES: dict[str, Callable[[Node, _Known], Node | None]] = {
    "add": _sum(construct.add),
    "subtract": _sum(construct.subtract),
    "negate": lambda node, known: construct.negate(known[node.args[0].index]),
    "multiply": _product,
    "divide": _quotient,
    "matmul": _matmul,
    "inner": _matmul,
    "solve": _solve,
    "sum": _total,
    "broadcast": _repeated,
    "where": _chosen,
    "index": _taken,
    "scatter": _put,
}


def matrix_of(node: Node, vector: Node) -> Node | None:
    """Return the matrix M of a formula that is ``M v``; None where there is none to be written."""
    if vector.ndim != 1 or node.ndim > 1:
        return None
    order = reachable([node])
    inside = depends(order, [vector])
    if node.index not in inside:
        return construct.broadcast(node.graph.number(0), (*node.shape, *vector.shape))
    known: _Known = {vector.index: node.graph.eye(vector.shape[0])}
    for part in order:
        if part.index not in inside or part is vector:
            continue
        rule = _RULES.get(part.op)
        if part.ndim > 1 or rule is None:
            return None
        found = rule(part, known)
        if found is None:
            return None
        known[part.index] = found
    return known[node.index]
