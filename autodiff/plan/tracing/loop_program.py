"""A loop of a trace as an operation of a program, whose body is a program too."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.core.tensor import Tensor
from autodiff.plan.operations import name_of
from autodiff.plan.program import INPUT, LOOP, PICK, Body, Guard, Node, body_of, operand
from autodiff.plan.tracing.loop import Loop

__all__ = ["loop_nodes"]

_FLOAT = np.dtype(float)


def loop_nodes(loop: Loop, known: dict[int, Node], node_of: Callable[[Any], Node]) -> list[Node]:
    """Return the nodes of a loop of a trace: the loop itself, and its results."""
    body = Body(loop.count)
    found: dict[int, Node] = {}
    args: list[Node] = []
    outside: dict[int, Node] = {}
    for carry in loop.carries:
        found[id(carry.inner)] = node = _input_like(carry.inner)
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
    if loop.stacks is not None:
        body.stacks = []
        for stack in loop.stacks:
            found[id(stack.inner)] = node = _input_like(stack.inner)
            body.stacks.append((node, stack.backward))
            args.append(node_of(stack.source))
    values: dict[int, Node] = {}
    if loop.of is not None and loop.of.written is not None:
        values, body.other = loop.of.values, body_of(loop.of.written)

    def inner(x: Any) -> Node:
        if type(x) is not Tensor:
            return operand(x)
        node = found.get(id(x)) or outside.get(id(x))
        if node is not None:
            return node
        if id(x) in values:
            node = _input(values[id(x)].dtype, values[id(x)].shape)
            assert body.other is not None
            body.saved.append((node, len(body.other.kept)))
            body.other.kept.append(values[id(x)])
        else:
            outer = node_of(x)
            node = _input(outer.dtype, outer.shape)
            body.shared.append(node)
            args.append(outer)
        outside[id(x)] = node
        return node

    for x, rule in zip(loop.body, loop.rules, strict=True):
        assert x.primitive is not None
        op, operands = name_of(x.primitive), [inner(y) for y in x.operands]
        node = Node(op, operands, x.params or {}, x.value.shape, x.value.dtype)
        node.function = x.primitive.function
        node.rule = rule
        found[id(x)] = node
        body.nodes.append(node)
    body.following = [inner(carry.following) for carry in loop.carries]
    body.given = [inner(x) for x, _ in (*loop.given, *loop.gathered)]
    body.guards = [Guard(found[id(x)], what, outcome) for x, what, outcome in loop.guards]
    loop.values = found
    if loop.of is not None and loop.of.written is not None:
        args.append(loop.of.written)
    loop.written = written = Node(LOOP, args, {"body": body}, (), _FLOAT)
    nodes = [written]

    def pick(place: dict[str, int], x: Tensor) -> None:
        value = x.value
        known[id(x)] = node = Node(PICK, [written], place, value.shape, value.dtype)
        nodes.append(node)

    for number, carry in enumerate(loop.carries):
        pick({"carry": number}, carry.last)
    for number, (_, given) in enumerate(loop.gathered):
        pick({"given": number}, given)
    for number, (_, results) in enumerate(loop.given):
        for i, x in enumerate(results):
            pick({"given": number, "at": i}, x)
    return nodes


def _input(dtype: np.dtype[Any] = _FLOAT, shape: tuple[int, ...] = ()) -> Node:
    return Node(INPUT, (), {}, shape, dtype)


def _input_like(x: Tensor) -> Node:
    return _input(x.value.dtype, x.value.shape)
