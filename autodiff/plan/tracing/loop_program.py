"""A loop of a trace as an operation of a program, whose body is a program too."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.core.tensor import Tensor
from autodiff.plan.passes.simplify import Builder
from autodiff.plan.program import INPUT, LOOP, PICK, Body, Guard, Node, body_of, reachable
from autodiff.plan.tracing.loop import Loop

__all__ = ["write_loop"]

_FLOAT = np.dtype(float)


def write_loop(
    builder: Builder, loop: Loop, known: dict[int, Node], node_of: Callable[[Any], Node]
) -> None:
    """Add a loop of a trace to a program."""
    inner = Builder()
    body = Body(loop.count)
    found: dict[int, Node] = {}
    args: list[Node] = []
    saved: dict[int, Node] = {}
    shared: dict[int, Node] = {}
    origins: list[Tensor] = []
    for carry in loop.carries:
        found[id(carry.inner)] = node = _input(carry.inner.value.dtype)
        body.carries.append(node)
        args.append(node_of(carry.first))
    for sequence in loop.sequences:
        found[id(sequence.inner)] = node = _input()
        numbers = None
        if any(type(x) is Tensor for x in sequence.items):
            args += [node_of(x) for x in sequence.items]
        else:
            numbers = [float(x) for x in sequence.items]
        body.lists.append((node, id(sequence.inner), numbers))
    values = {} if loop.of is None else loop.of.values

    def operand(x: Any) -> Node:
        if type(x) is not Tensor:
            return inner.constant(x)
        node = found.get(id(x))
        if node is not None:
            return node
        if id(x) in values:
            if id(x) not in saved:
                saved[id(x)] = _input(values[id(x)].dtype)
                origins.append(x)
            return saved[id(x)]
        outer = node_of(x)
        if outer.op == "constant":
            return inner.constant(outer.function)
        if id(outer) not in shared:
            shared[id(outer)] = _input(outer.dtype)
            body.shared.append(shared[id(outer)])
            args.append(outer)
        return shared[id(outer)]

    for x, rule in zip(loop.body, loop.rules, strict=True):
        made = len(inner.nodes)
        primitive = x.primitive
        assert primitive is not None
        function = primitive.function
        name = function.__name__ if isinstance(function, np.ufunc) else primitive.name
        operands = [operand(y) for y in x.operands]
        found[id(x)] = inner.make(name, operands, x.params or {}, (), x.value.dtype, function)
        for new in inner.nodes[made:]:
            new.rule = rule
    body.following = [operand(carry.following) for carry in loop.carries]
    body.given = [operand(x) for x, _ in loop.given]
    body.guards = [Guard(found[id(x)], what, outcome) for x, what, outcome in loop.guards]
    body.nodes = inner.nodes
    loop.values = found
    if loop.of is not None:
        other = loop.of.written
        assert other is not None
        body.other = body_of(other)
        needed = reachable(body.roots)
        for x in origins:
            if id(saved[id(x)]) in needed:
                if values[id(x)] not in body.other.kept:
                    body.other.kept.append(values[id(x)])
                body.saved.append((saved[id(x)], body.other.kept.index(values[id(x)])))
        args.append(other)
    loop.written = written = builder.make(LOOP, args, {"body": body}, (), _FLOAT, None)
    for number, carry in enumerate(loop.carries):
        place = {"carry": number}
        dtype = carry.inner.value.dtype
        known[id(carry.last)] = builder.make(PICK, [written], place, (), dtype, None)
    for number, (_, results) in enumerate(loop.given):
        for i, x in enumerate(results):
            place = {"given": number, "at": i}
            known[id(x)] = builder.make(PICK, [written], place, (), _FLOAT, None)


def _input(dtype: np.dtype[Any] = _FLOAT) -> Node:
    return Node(INPUT, (), {}, (), dtype)
