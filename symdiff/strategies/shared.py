"""The gradient with shared terms: memoised forward accumulation, then names for what repeats.

For each parameter the derivative of every node that depends on it is formed once, from those of its
arguments. What does not depend on the parameter is formed once for all: the partials of each node,
their products along a chain of operations with one argument, and the derivative by a node through
which alone several parameters reach the value. It is still differentiation node by node from the
inputs: the work grows with the nodes that are used more than once times those that depend on each.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.operations.derivatives import Singular, guarded, partials, scale
from symdiff.operations.roots import mark_harmless_roots
from symdiff.store.cse import flatten, name_lines
from symdiff.store.dag import CONDITIONS, ONE, ZERO, Dag
from symdiff.strategies.derivation import Derivation

__all__ = ["accumulate", "shared"]

_Edges = list[tuple[int, int]]  # nodes on which one depends, and the partials


class _Graph:
    """The nodes that depend on a parameter, and the partials on the edges between them."""

    def __init__(self, dag: Dag, value: int, symbols: Sequence[int]) -> None:
        self.dag = dag
        self.value = value
        self.known: dict[int, int] = {}  # derivatives of the value by nodes
        order = dag.reachable([value])
        mark_harmless_roots(dag, order, value)
        uses = [0] * (value + 1)
        arguments: dict[int, list[int]] = {}
        active = bytearray(len(dag))
        for symbol in symbols:
            active[symbol] = 1
        for node in order:
            # A condition has no derivative, nor has what stands in it.
            if dag.ops[node] in CONDITIONS or not dag.args[node]:
                continue
            below = [arg for arg in dag.args[node] if active[arg]]
            if below:
                active[node] = 1
                arguments[node] = below
                for arg in below:
                    uses[arg] += 1
        self.singular = Singular(dag)
        self.chosen: set[int] = set()  # nodes of which a choice may make no use
        for node in reversed(order):
            if dag.ops[node] == "where" or node in self.chosen:
                self.chosen.update(dag.args[node])
        self.edges: dict[int, _Edges] = {}
        self.users: dict[int, list[int]] = {}
        for node, below in arguments.items():
            edges = self.edges[node] = self._edges_of(node, set(below), uses)
            for arg, _ in edges:
                self.users.setdefault(arg, []).append(node)

    def _edges_of(self, node: int, active: set[int], uses: list[int]) -> _Edges:
        """Return the edges of a node; a chain of operations with one argument becomes one edge."""
        dag = self.dag
        if dag.ops[node] == "where":
            return [(arg, ONE) for arg in dag.args[node][1:]]
        edges: _Edges = []
        for arg, partial in zip(dag.args[node], partials(dag, node), strict=True):
            if arg not in active or partial == ZERO:
                continue
            below = self.edges.get(arg, [])
            if uses[arg] == 1 and len(below) == 1 and dag.ops[arg] != "where":
                edges.append((below[0][0], scale(dag, partial, below[0][1])))
            else:
                edges.append((arg, partial))
        return edges

    def derivative_by(self, source: int) -> int:
        """Return the derivative of the value with respect to a node.

        While one node alone uses the source, the derivative is that by this node, times a factor.
        """
        factors: list[int] = []
        while len(users := self.users.get(source, [])) == 1:
            user = users[0]
            partial = dict(self.edges[user])[source]
            if self.dag.ops[user] == "where":
                break
            if user in self.chosen and self.singular[partial]:
                break  # where the choice is 0, 0 times infinity would not be
            factors.append(partial)
            source = user
        derivative = self.known.get(source)
        if derivative is None:
            derivative = self.known[source] = self._accumulated(source)
        for partial in reversed(factors):
            derivative = scale(self.dag, partial, derivative)
        return derivative

    def _accumulated(self, source: int) -> int:
        """Return the derivative of the value by a node, accumulated forward from it."""
        reached = {source}
        stack = [source]
        while stack:
            for user in self.users.get(stack.pop(), ()):
                if user not in reached:
                    reached.add(user)
                    stack.append(user)
        dag = self.dag
        tangents: dict[int, int] = {source: ONE}
        for node in sorted(reached - {source}):
            if dag.ops[node] == "where":
                # Not a product with 0 or 1: an infinite tangent of the other branch must not
                # matter.
                a, b = (tangents.get(arg, ZERO) for arg, _ in self.edges[node])
                tangents[node] = dag.choose(dag.args[node][0], a, b)
                continue
            terms = [
                guarded(dag, partial, tangents[arg], scale, self.singular)
                for arg, partial in self.edges[node]
                if arg in tangents
            ]
            tangents[node] = dag.add(*terms)
        return tangents.get(self.value, ZERO)


def accumulate(dag: Dag, value: int, symbols: Sequence[int]) -> list[int]:
    """Return the derivatives of a value by forward accumulation over its graph."""
    graph = _Graph(dag, value, symbols)
    return [graph.derivative_by(symbol) for symbol in symbols]


def shared(dag: Dag, value: int, symbols: Sequence[int]) -> Derivation:
    """Return the partial derivatives with common subexpressions named over all of them."""
    found = accumulate(dag, value, symbols)
    dag, [value, *found] = flatten(dag, [value, *found])
    return Derivation(dag, value, found, name_lines(dag, [value, *found]))
