"""The gradient with sharing: memoised forward accumulation, then names for what repeats.

For each parameter the derivative of every node that depends on it is formed once, from those of its
arguments. It is still differentiation parameter by parameter: the work grows with parameters times
the nodes that depend on each. What does not depend on the parameter (the partials of each node, and
their products along a chain of operations with one argument) is formed once for all parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from symdiff.construct import Expr, add, multiply
from symdiff.dag import normalise, topological
from symdiff.deep import call_deep
from symdiff.derivatives import partials
from symdiff.functions import Where, choose, is_boolean
from symdiff.sharing import name_shared
from symdiff.strategies.derivation import Derivation

__all__ = ["accumulate", "shared"]

_Edges = list[tuple[int, Expr]]  # positions of the nodes on which one depends, and the partials


class _Graph:
    """The nodes that depend on a parameter, and the partials on the edges between them."""

    def __init__(self, value: Expr, symbols: Sequence[Expr]) -> None:
        self.nodes = topological([value])
        self.position = {id(node): k for k, node in enumerate(self.nodes)}
        wanted = set(symbols)
        active = [node.is_Symbol and node in wanted for node in self.nodes]
        uses = [0] * len(self.nodes)
        arguments: list[list[int]] = []
        for k, node in enumerate(self.nodes):
            # A condition has no derivative, nor has what stands in it.
            args = [] if is_boolean(node) else [self.position[id(arg)] for arg in node.args]
            arguments.append([j for j in args if active[j]])
            active[k] = active[k] or bool(arguments[k])
            for j in arguments[k]:
                uses[j] += 1
        self.edges: list[_Edges] = []
        for k, node in enumerate(self.nodes):
            self.edges.append(self._edges_of(k, node, set(arguments[k]), uses))
        self.users: list[list[int]] = [[] for _ in self.nodes]
        for k, edges in enumerate(self.edges):
            for j, _ in edges:
                self.users[j].append(k)

    def _edges_of(self, k: int, node: Expr, active: set[int], uses: list[int]) -> _Edges:
        """Return the edges of a node; a chain of operations with one argument becomes one edge."""
        if not active:
            return []
        if isinstance(node, Where):
            return [(self.position[id(arg)], sympy.S.One) for arg in node.args[1:]]
        edges: _Edges = []
        for arg, partial in zip(node.args, partials(node), strict=True):
            j = self.position[id(arg)]
            if j not in active or partial is sympy.S.Zero:
                continue
            below = self.edges[j]
            if uses[j] == 1 and len(below) == 1 and not isinstance(arg, Where):
                edges.append((below[0][0], multiply(partial, below[0][1])))
            else:
                edges.append((j, partial))
        return edges

    def derivative_by(self, source: int) -> Expr:
        """Return the derivative of the last node with respect to the node at a position."""
        reached = {source}
        stack = [source]
        while stack:
            for user in self.users[stack.pop()]:
                if user not in reached:
                    reached.add(user)
                    stack.append(user)
        tangents: dict[int, Expr] = {source: sympy.S.One}
        for k in sorted(reached - {source}):
            node = self.nodes[k]
            if isinstance(node, Where):
                # Not a product with 0 or 1: an infinite tangent of the other branch must not
                # matter.
                a, b = (tangents.get(j, sympy.S.Zero) for j, _ in self.edges[k])
                tangents[k] = choose(node.args[0], a, b)
                continue
            terms = (
                multiply(partial, tangents[j]) for j, partial in self.edges[k] if j in tangents
            )
            tangents[k] = add(*terms)
        return tangents.get(len(self.nodes) - 1, sympy.S.Zero)


def accumulate(value: Expr, symbols: Sequence[Expr]) -> list[Expr]:
    """Return the derivatives of a value by forward accumulation over its graph.

    Parameters
    ----------
    value : sympy.Expr
        A normalised expression.
    symbols : sequence of sympy.Symbol
        What to differentiate by.

    Returns
    -------
    list of sympy.Expr
        One a symbol, sharing nodes with the value and with each other; not yet normalised.

    Examples
    --------
    >>> x, y = sympy.symbols("x y", real=True)
    >>> accumulate(*normalise([x * y + x]), [x, y])
    [y + 1, x]
    """
    graph = _Graph(value, symbols)
    places = {node: k for k, node in enumerate(graph.nodes) if node.is_Symbol}
    return [
        graph.derivative_by(places[symbol]) if symbol in places else sympy.S.Zero
        for symbol in symbols
    ]


def shared(value: Expr, symbols: Sequence[Expr]) -> Derivation:
    """Return the partial derivatives with common subexpressions named over all of them.

    Parameters
    ----------
    value : sympy.Expr
        A normalised expression.
    symbols : sequence of sympy.Symbol
        What to differentiate by.

    Returns
    -------
    Derivation
        Its intermediates are named in the order in which they are computed.

    Examples
    --------
    >>> x = sympy.Symbol("x", real=True)
    >>> shared(sympy.exp(x**2), [x]).partial_forms
    [2*v1*x]
    """

    def derive() -> Derivation:
        roots = normalise([value, *accumulate(value, symbols)])
        lets, forms = name_shared(roots)
        return Derivation(roots[0], roots[1:], lets, forms[0], forms[1:])

    return call_deep(derive)
