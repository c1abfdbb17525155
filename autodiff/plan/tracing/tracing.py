"""Tracing a call for a plan: what the function does, derivatives included, becomes a program.

A transform that is called on tensors records its own passes on their tape, since rules are made of
the functions that users call. So the joint graph of value and gradient is the trace of
``value_and_grad(f)``, and that of any transform its own.
"""

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.primitive import Primitive
from autodiff.core.pytrees import Structure, flatten
from autodiff.core.tape import Form, Tape
from autodiff.core.tensor import Tensor, leaf
from autodiff.plan.passes.simplify import Builder
from autodiff.plan.program import INPUT, Guard, Node, Program, reachable
from autodiff.plan.tracing.guards import held_outside
from autodiff.plan.tracing.loop import Loop
from autodiff.plan.tracing.loop_program import write_loop
from autodiff.plan.tracing.outside import Visited, visits
from autodiff.plan.tracing.peephole import recognise
from autodiff.plan.tracing.rerolling import SHORTEST, roll

__all__ = ["Trace", "trace_program"]


class Trace:
    """A call as a program.

    Parameters
    ----------
    program : Program
        Its operations.
    structure : Structure
        The structure of the result, of which the outputs of the program are leaves.
    captured : list of array
        Plain arrays that took part in it and are no arguments.
    """

    __slots__ = ("captured", "program", "structure", "visited")

    def __init__(
        self, program: Program, structure: Structure, captured: list[Any], visited: Visited
    ) -> None:
        self.program = program
        self.structure = structure
        self.captured = captured
        self.visited = visited


class _Listener:
    """Notes which rule asked for what, and what is the cotangent of what."""

    def __init__(self, tape: Tape, rolling: bool) -> None:
        self._tape = tape
        self._rolling = rolling
        self._depth = 0
        self.decided: int | None = None
        self.rules: list[tuple[int, str]] = []
        self.cotangents: list[tuple[Tensor, Any]] = []

    def before_passes(self, nodes: Sequence[Tensor]) -> dict[int, Form]:
        """Look for known forms among the nodes that will be differentiated."""
        return recognise(nodes)

    def before_function(self) -> None:
        """Count the calls that are going on."""
        self._depth += 1

    def after_function(self) -> None:
        """Count the calls that are going on."""
        self._depth -= 1

    def before_only_pass(self, nodes: Sequence[Tensor], kept: Sequence[Any]) -> Sequence[Any]:
        """Roll up what repeats, if no other pass was or will be made over it."""
        tape = self._tape
        start = len(tape.nodes) - len(nodes)
        inner = self.rules and self.rules[-1][0] > start
        if not self._rolling or self._depth or inner or len(nodes) < SHORTEST:
            return nodes
        rolled = roll(tape, nodes, kept)
        if len(rolled) < len(nodes):
            tape.nodes[start:] = rolled
            # Values that come of a loop backward are not known: nothing can be decided on them.
            self.decided = len(tape.guards)
        return rolled

    def before_rule(self, node: Tensor, primitive: Primitive, adjoint: Any) -> None:
        """Note that what comes is asked for by the rule of a node."""
        self.rules.append((len(self._tape.nodes), primitive.name))
        self.cotangents.append((node, adjoint))

    def after_pass(self) -> None:
        """Note that what comes is asked for by the user's function."""
        self.rules.append((len(self._tape.nodes), ""))


def trace_program(
    f: Callable[..., Any],
    leaves: Sequence[Any],
    names: Sequence[str],
    call: Callable[[Sequence[Any]], Any],
) -> Trace:
    """Return the program of a call."""
    try:
        trace = _trace(f, leaves, names, call, rolling=True)
    except _Unknown:
        trace = None
    return trace or _trace(f, leaves, names, call, rolling=False)


class _Unknown(Exception):
    """A decision or an error depends on a value that a loop backward left open."""


def _trace(
    f: Callable[..., Any],
    leaves: Sequence[Any],
    names: Sequence[str],
    call: Callable[[Sequence[Any]], Any],
    rolling: bool,
) -> Trace:
    tape = Tape(replayable=True)
    tape.listener = listener = _Listener(tape, rolling)
    inputs = [leaf(tape, x) for x in leaves]
    try:
        with tape:
            output, local, visited = _with_names(f, tape, lambda: call(inputs))
    except Exception as error:
        if listener.decided is None:
            raise
        raise _Unknown from error
    guards = tape.guards
    if listener.decided is not None and len(guards) > listener.decided:
        raise _Unknown
    results, structure = flatten(output)
    for name, node in zip(names, inputs, strict=True):
        local[id(node)] = name
    for node, adjoint in listener.cotangents:
        if id(node) in local and type(adjoint) is Tensor:
            local.setdefault(id(adjoint), f"{local[id(node)]}_bar")
    # What the rules made and nobody else holds is not watched.
    listener.cotangents.clear()
    captured = _outside(tape)
    recorded: list[Any] = tape.end()
    if rolling and not listener.rules:
        tape.guards = guards
        start = len(inputs)
        recorded[start:] = roll(tape, recorded[start:], results)
    program = _program(tape, recorded, inputs, results, guards, local, listener.rules)
    return Trace(program, structure, captured, visited)


def _program(
    tape: Tape,
    recorded: Sequence[Any],
    inputs: Sequence[Tensor],
    results: Sequence[Any],
    guards: Sequence[tuple[Tensor, str, Any]],
    names: dict[int, str],
    rules: Sequence[tuple[int, str]],
) -> Program:
    builder = Builder()
    known: dict[int, Node] = {}

    def node_of(x: Any) -> Node:
        if type(x) is Tensor and x.tape is tape:
            return known[id(x)]
        return builder.constant(x)

    starts = dict(rules)
    rule = ""
    for place, x in enumerate(recorded):
        rule = starts.get(place, rule)
        if type(x) is Loop:
            made = len(builder.nodes)
            write_loop(builder, x, known, node_of)
            for carry in x.carries:
                known[id(carry.last)].name = names.get(id(carry.last), "")
            if x.of is not None:
                for new in builder.nodes[made:]:
                    new.rule = "the loop"
            continue
        shape, dtype = x.value.shape, x.value.dtype
        if x.primitive is None:
            node = Node(INPUT, (), {}, shape, dtype)
        else:
            made = len(builder.nodes)
            function = x.primitive.function
            node = builder.make(
                function.__name__ if isinstance(function, np.ufunc) else x.primitive.name,
                [node_of(operand) for operand in x.operands],
                x.params or {},
                shape,
                dtype,
                function,
            )
            for new in builder.nodes[made:]:
                new.rule = rule
        if not node.name and id(x) in names:
            node.name = names[id(x)]
        known[id(x)] = node
    program = Program(
        [known[id(x)] for x in inputs],
        [node_of(x) for x in results],
        [Guard(known[id(x)], what, outcome) for x, what, outcome in guards],
        builder.nodes,
    )
    needed = reachable(program.roots)
    program.nodes = [node for node in builder.nodes if id(node) in needed]
    return program


def _outside(tape: Tape) -> list[Any]:
    """Return the constant arrays that others hold, and may write into after the trace."""
    constants = tape.constants
    # Held by the tuple in the table; or by the list, as often as it was used.
    found = [x for x, _, _ in constants.copied.values() if held_outside(x, 2)]
    counts = Counter(map(id, constants.originals))
    large = {id(x): x for x in constants.originals}
    return found + [x for key, x in large.items() if held_outside(x, counts[key] + 2)]


def _with_names(
    f: Callable[..., Any], tape: Tape, call: Callable[[], Any]
) -> tuple[Any, dict[int, str], Visited]:
    """Return the result of a call, names of tensors from the variables of `f`, and what ran."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    with visits(code) as visited:
        result = call()
    names: dict[int, str] = {}
    for frame in visited.frames:
        for name, value in frame.f_locals.items():
            if type(value) is Tensor and value.tape is tape:
                names[id(value)] = name
        frame.clear()
    visited.frames.clear()
    return result, names, visited
