"""Reverse accumulation: the adjoint of every operation that a value depends on, as operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symdiff.matrix import construct
from symdiff.matrix.node import Node, depends, reachable
from symdiff.matrix.table import RULES

__all__ = ["accumulate"]


def _gathered(parts: Sequence[Node]) -> Node:
    """Return the sum of contributions; those to different entries as one array."""
    scatters = [part for part in parts if part.op == "scatter"]
    rest = [part for part in parts if part.op != "scatter"]
    if len(scatters) > 1:
        args = [arg for part in scatters for arg in part.args]
        indices = [index for part in scatters for index in part.params[1]]
        order = sorted(range(len(args)), key=lambda k: str(indices[k]).zfill(12))
        params = (scatters[0].params[0], tuple(indices[k] for k in order))
        scatters = [construct.make("scatter", *(args[k] for k in order), params=params)]
    whole, *others = [*rest, *scatters]
    for other in others:
        whole = construct.add(whole, other)
    return whole


def accumulate(value: Node, sources: Iterable[Node]) -> tuple[list[Node], dict[int, Node]]:
    """Return the derivatives of a scalar with respect to some nodes."""
    sources = list(sources)
    nodes = reachable([value])
    active = depends(nodes, sources)
    contributions: dict[int, list[Node]] = {value.index: [value.graph.number(1)]}
    primals: dict[int, Node] = {}
    found: dict[int, Node] = {}
    for node in reversed(nodes):
        parts = contributions.pop(node.index, None)
        if parts is None or node.index not in active:
            continue
        bar = _gathered(parts)
        found[node.index] = bar
        if bar.index > value.index:
            primals.setdefault(bar.index, node)
        rule = RULES[node.op]
        if rule.adjoint is None:
            continue
        for arg, part in zip(node.args, rule.adjoint(node, bar), strict=True):
            if part is not None and arg.index in active:
                contributions.setdefault(arg.index, []).append(part)
    gradients = []
    for source in sources:
        zero = construct.broadcast(source.graph.number(0), source.shape)
        gradients.append(found.get(source.index, zero))
    return gradients, primals
