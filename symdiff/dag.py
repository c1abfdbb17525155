"""Expressions as directed acyclic graphs: order, sharing, normal form and size, without recursion.

Nodes are told apart by identity (`id`), never by SymPy's structural equality, whose cost is that of
the tree. After `normalise`, equal nodes are the same object.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import sympy

from symdiff.construct import Expr, add, make, multiply, power

__all__ = [
    "count_uses",
    "depth",
    "intern",
    "is_reciprocal",
    "normalise",
    "shared_operations",
    "topological",
    "tree_operations",
]

_SORTED_UP_TO = 64  # longer sums keep the order in which they were written
_canonical = functools.cmp_to_key(sympy.Basic.compare)


def topological(roots: Iterable[Expr]) -> list[Expr]:
    """Return every node below the roots once, arguments before what uses them.

    Parameters
    ----------
    roots : iterable of sympy.Basic
        Expressions, which may share parts.

    Returns
    -------
    list of sympy.Basic
        The nodes; the order is the same in every run.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> topological([sympy.sin(x) + 1])
    [1, x, sin(x), sin(x) + 1]
    """
    order: list[Expr] = []
    done: set[int] = set()
    for root in roots:
        stack: list[tuple[Expr, bool]] = [(root, False)]
        while stack:
            node, expanded = stack.pop()
            if id(node) in done:
                continue
            if expanded or not node.args:
                done.add(id(node))
                order.append(node)
                continue
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args) if id(arg) not in done)
    return order


def count_uses(order: Sequence[Expr], roots: Iterable[Expr]) -> dict[int, int]:
    """Return how often each node is used, by the `id` of the node.

    Parameters
    ----------
    order : sequence of sympy.Basic
        All nodes.
    roots : iterable of sympy.Basic
        The results; each counts as a use.

    Returns
    -------
    dict of int to int
        Uses as an argument, and as a result.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> [root] = intern([sympy.sin(x) + x])
    >>> sorted(count_uses(topological([root]), [root]).values())
    [1, 1, 2]
    """
    uses = {id(node): 0 for node in order}
    for node in order:
        for arg in node.args:
            uses[id(arg)] += 1
    for root in roots:
        uses[id(root)] += 1
    return uses


class _Table:
    """Hash-consing: one object for each operation on the same arguments."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[object, ...], Expr] = {}
        self._known: dict[int, Expr] = {}

    def intern(self, node: Expr) -> Expr:
        """Return the one object for `node`, whose arguments are interned or new and shallow."""
        if id(node) in self._known:
            return node
        args = tuple(self.intern(arg) for arg in node.args)
        kind = type(node)
        key: tuple[object, ...]
        if not args:
            key = (kind, node)
        elif kind is sympy.Add or kind is sympy.Mul:
            key = (kind, *sorted(map(id, args)))
        else:
            key = (kind, *map(id, args))
        found = self._nodes.get(key)
        if found is None:
            same = all(a is b for a, b in zip(args, node.args, strict=True))
            found = node if same else make(kind, args)
            self._nodes[key] = found
            self._known[id(found)] = found
        return found


def _build(kind: type, args: list[Expr], *, split: bool) -> Expr:
    """Return the node of a kind with new arguments, numbers folded, in SymPy's order."""
    if kind is sympy.Add or kind is sympy.Mul:
        if len(args) <= _SORTED_UP_TO:
            args.sort(key=_canonical)
        return add(*args) if kind is sympy.Add else multiply(*args, split=split)
    if kind is sympy.Pow:
        return power(*args)
    return make(kind, tuple(args))


def _rebuild(roots: Sequence[Expr], absorbed: set[int], *, split: bool) -> list[Expr]:
    """Return the roots built again bottom-up, absorbed nodes spliced into what uses them."""
    table = _Table()
    new: dict[int, Expr] = {}
    for node in topological(roots):
        if id(node) in absorbed:
            continue
        if not node.args:
            new[id(node)] = table.intern(node)
            continue
        args: list[Expr] = []
        stack = list(reversed(node.args))
        while stack:
            arg = stack.pop()
            if id(arg) in absorbed:
                stack.extend(reversed(arg.args))
            else:
                args.append(new[id(arg)])
        new[id(node)] = table.intern(_build(type(node), args, split=split))
    return [new[id(root)] for root in roots]


def intern(roots: Sequence[Expr]) -> list[Expr]:
    """Return the expressions with equal nodes made one object, and nothing else changed in size.

    Parameters
    ----------
    roots : sequence of sympy.Basic
        Expressions, which may share parts.

    Returns
    -------
    list of sympy.Basic
        The same expressions.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> a, b = intern([make(sympy.sin, (x,)), make(sympy.sin, (x,))])
    >>> a is b
    True
    """
    return _rebuild(roots, set(), split=False)


def normalise(roots: Sequence[Expr]) -> list[Expr]:
    """Return the expressions with equal nodes made one, and sums and products flattened where free.

    Parameters
    ----------
    roots : sequence of sympy.Basic
        Expressions, which may share parts.

    Returns
    -------
    list of sympy.Basic
        The same expressions. A sum within a sum (a product within a product) is merged into it if
        nothing else uses it, so that no sharing is lost.

    Examples
    --------
    >>> x, y, z = sympy.symbols("x y z", real=True)
    >>> nested = make(sympy.Add, (make(sympy.Add, (z, y)), x))
    >>> normalise([nested])[0] == x + y + z
    True
    """
    roots = _rebuild(roots, set(), split=True)
    order = topological(roots)
    uses = count_uses(order, roots)
    absorbed = {
        id(arg)
        for node in order
        if node.is_Add or node.is_Mul
        for arg in node.args
        if type(arg) is type(node) and uses[id(arg)] == 1
    }
    return _rebuild(roots, absorbed, split=False)


def is_reciprocal(node: Expr) -> bool:
    """Return whether a node is a negative power, which a product prints as a division."""
    return bool(node.is_Pow and node.args[1].is_Number and node.args[1].is_negative)


def _own_operations(node: Expr) -> int:
    """Return the operations of one node; a change of sign is none."""
    if not node.args:
        return 0
    if node.is_Add:
        return len(node.args) - 1
    if node.is_Mul:
        return len(node.args) - (2 if node.args[0] is sympy.S.NegativeOne else 1)
    if is_reciprocal(node):
        return 1 if node.args[1] is sympy.S.NegativeOne else 2
    return 1


def _divisions(node: Expr, reciprocals: int) -> int:
    """Return how many of the reciprocals in a product cost nothing, being its divisions."""
    signs = 1 if node.args[0] is sympy.S.NegativeOne else 0
    only_reciprocals = len(node.args) - signs == reciprocals
    return reciprocals - 1 if only_reciprocals and reciprocals else reciprocals


def tree_operations(roots: Sequence[Expr]) -> int:
    """Return the operations of the expressions written out in full, nothing shared.

    Parameters
    ----------
    roots : sequence of sympy.Basic
        Expressions.

    Returns
    -------
    int
        Exact, however large: it is computed over the graph and the tree is never walked.

    Notes
    -----
    Sums and products of n count n - 1, a division, a power, a function and a comparison 1, and a
    change of sign 0.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> y = x
    >>> for _ in range(100):
    ...     y = make(sympy.Mul, (y, make(sympy.Add, (y, x))))
    >>> tree_operations([y]) == 2 * (2**100 - 1)
    True
    """
    total: dict[int, int] = {}
    for node in topological(roots):
        own = _own_operations(node)
        if node.is_Mul:
            own -= _divisions(node, sum(map(is_reciprocal, node.args)))
        total[id(node)] = own + sum(total[id(arg)] for arg in node.args)
    return sum(total[id(root)] for root in roots)


def depth(roots: Sequence[Expr]) -> int:
    """Return how deeply the expressions are nested.

    Parameters
    ----------
    roots : sequence of sympy.Basic
        Expressions.

    Returns
    -------
    int
        0 for symbols and numbers.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> depth([sympy.sin(x + 1)])
    2
    """
    levels: dict[int, int] = {}
    for node in topological(roots):
        levels[id(node)] = 1 + max((levels[id(arg)] for arg in node.args), default=-1)
    return max((levels[id(root)] for root in roots), default=0)


def shared_operations(roots: Sequence[Expr]) -> int:
    """Return the operations of the expressions if every distinct node is computed once.

    Parameters
    ----------
    roots : sequence of sympy.Basic
        Expressions whose equal nodes are one object, as after `intern` or `normalise`.

    Returns
    -------
    int
        Counted as in `tree_operations`.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> shared_operations(intern([sympy.sin(x) + sympy.sin(x) ** 2]))
    3
    """
    order = topological(roots)
    uses = count_uses(order, roots)
    total = 0
    for node in order:
        total += _own_operations(node)
        if node.is_Mul:
            free = sum(1 for arg in node.args if is_reciprocal(arg) and uses[id(arg)] == 1)
            if free:
                total -= _divisions(node, free)
    return total
