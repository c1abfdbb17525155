"""Loops: steps of a trace that repeat, held once.

A function that takes a million steps in a Python loop leaves a million nodes, and its derivative
two million more. Where the steps repeat, the trace keeps those of one iteration, with what goes
from one to the next, and the backward pass is a loop over the iterations in reverse order. Its body
is derived once: the rules are applied to one iteration.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.core.primitive import Primitive
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor
from autodiff.graph.passes import pull_recorded
from autodiff.plan.program import Node
from autodiff.plan.tracing.peephole import recognise

__all__ = ["Carry", "Listed", "Loop", "placeholder"]

_ZERO = np.float64(0.0)


def placeholder(tape: Tape, value: Any) -> Tensor:
    """Return a tensor that stands for another value in each iteration."""
    return Tensor(value, tape, None, (), None)


class Carry:
    """A value that goes from one iteration to the next.

    `inner` stands for it within an iteration; `first` is its value in the first one, `following`
    that in the next one, as a value of this one; `last` stands for its value after the loop.
    """

    __slots__ = ("first", "following", "inner", "last")

    def __init__(self, inner: Tensor, first: Any, following: Any, last: Tensor) -> None:
        self.inner, self.first, self.following, self.last = inner, first, following, last


class Listed:
    """A value that each iteration takes from a list: `inner` stands for it within one."""

    __slots__ = ("inner", "items")

    def __init__(self, inner: Tensor, items: list[Any]) -> None:
        self.inner, self.items = inner, items


class Loop:
    """Steps that are repeated: the body of one iteration, and how values come into it."""

    def __init__(
        self,
        tape: Tape,
        count: int,
        body: list[Tensor],
        carries: list[Carry],
        sequences: list[Listed],
        guards: list[tuple[Tensor, str, Any]],
    ) -> None:
        self.tape, self.count, self.body = tape, count, body
        #: Guards are decisions that must be the same in each iteration.
        self.carries, self.sequences, self.guards = carries, sequences, guards
        #: Values of the body, and what stands for them after the loop, one for each iteration.
        self.given: list[tuple[Any, list[Tensor]]] = []
        #: Of the loop of a backward pass, the one whose values it takes, the last iteration first.
        self.of: Loop | None = None
        #: For each step the rule that asked for it.
        self.rules: list[str] = [""] * len(body)
        #: By identity of what stands within an iteration, its node in the program of the body.
        self.values: dict[int, Node] = {}
        #: The operation of the program that the loop became.
        self.written: Node | None = None
        self._active: set[int] = set()

    def activate(self, active: set[int]) -> None:
        """Add the results that depend on active nodes."""
        found = set(active)
        before = -1
        while before < len(found):
            before = len(found)
            for carry in self.carries:
                if id(carry.first) in found or id(carry.following) in found:
                    found.add(id(carry.inner))
            for sequence in self.sequences:
                if any(id(x) in active for x in sequence.items):
                    found.add(id(sequence.inner))
            for node in self.body:
                assert node.primitive is not None
                if node.primitive.arity >= 0 and any(id(x) in found for x in node.operands):
                    found.add(id(node))
        self._active = found
        active.update(id(c.last) for c in self.carries if id(c.inner) in found)

    def pull(self, adjoints: dict[int, Any], active: set[int]) -> None:
        """Hand the adjoints of the results to what the loop uses: by a loop that is recorded."""
        if not any(id(c.last) in adjoints for c in self.carries):
            return
        tape = self.tape
        start = len(tape.nodes)
        rules: list[tuple[int, str]] = []

        def observe(node: Tensor, primitive: Primitive, adjoint: Any) -> None:
            rules.append((len(tape.nodes) - start, primitive.name))

        carried = [c for c in self.carries if id(c.inner) in self._active]
        sequences = [s for s in self.sequences if id(s.inner) in self._active]
        shared = self._shared(active)
        cotangents = [placeholder(tape, np.float64(1.0)) for _ in carried]
        seeds: dict[int, Any] = {}
        for carry, g in zip(carried, cotangents, strict=True):
            key = id(carry.following)
            seeds[key] = seeds[key] + g if key in seeds else g
        inputs = [*(c.inner for c in carried), *(s.inner for s in sequences), *shared]
        pull_recorded(self.body, inputs, seeds, recognise(self.body), observe)
        found = [x.adjoint for x in inputs]
        for x in inputs:
            x.adjoint = None
        sums = [placeholder(tape, np.float64(1.0)) for _ in shared]
        totals = [
            s if x_bar is None else s + x_bar
            for s, x_bar in zip(sums, found[len(inputs) - len(shared) :], strict=True)
        ]
        back = Loop(tape, self.count, tape.nodes[start:], [], [], [])
        del tape.nodes[start:]
        back.of = self
        _name_rules(back.rules, rules)
        unknown = np.float64(np.nan)
        for carry, g, x_bar in zip(carried, cotangents, found, strict=False):
            first = adjoints.pop(id(carry.last), _ZERO)
            last = placeholder(tape, unknown)
            back.carries.append(Carry(g, first, _ZERO if x_bar is None else x_bar, last))
        for x, s, total in zip(shared, sums, totals, strict=True):
            last = placeholder(tape, unknown)
            back.carries.append(Carry(s, adjoints.get(id(x), _ZERO), total, last))
        for x_bar in found[len(carried) : len(carried) + len(sequences)]:
            if x_bar is not None:
                results = [placeholder(tape, unknown) for _ in range(self.count)]
                back.given.append((x_bar, results))
        back.sequences = [Listed(s.inner, s.items[::-1]) for s in self.sequences]
        tape.append(back)
        for x, carry in zip(shared, back.carries[len(carried) :], strict=True):
            adjoints[id(x)] = carry.last
        for carry, pulled in zip(carried, back.carries, strict=False):
            _add(adjoints, active, carry.first, pulled.last)
        given = iter(back.given)
        for sequence, x_bar in zip(sequences, found[len(carried) :], strict=False):
            if x_bar is not None:
                for x, pulled_item in zip(sequence.items, reversed(next(given)[1]), strict=True):
                    _add(adjoints, active, x, pulled_item)

    def _shared(self, active: set[int]) -> list[Tensor]:
        """Return the active tensors from outside that all iterations use."""
        inside = {id(x) for x in self.body}
        inside |= {id(c.inner) for c in self.carries} | {id(s.inner) for s in self.sequences}
        found: dict[int, Tensor] = {}
        for node in self.body:
            for x in node.operands:
                if id(x) in active and id(x) not in inside:
                    found[id(x)] = x
        return list(found.values())


def _add(adjoints: dict[int, Any], active: set[int], x: Any, x_bar: Any) -> None:
    if id(x) in active:
        known = adjoints.get(id(x))
        adjoints[id(x)] = x_bar if known is None else known + x_bar


def _name_rules(names: list[str], starts: Sequence[tuple[int, str]]) -> None:
    """Fill in for each step the rule that asked for it."""
    ends = [place for place, _ in starts[1:]] + [len(names)]
    for (place, name), end in zip(starts, ends, strict=True):
        names[place:end] = [name] * (end - place)
