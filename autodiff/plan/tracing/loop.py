"""Loops: steps of a trace that repeat, held once.

A function that takes a million steps in a Python loop leaves a million nodes, and its derivative
two million more. Where the steps repeat, the trace keeps those of one iteration, with what goes
from one to the next, and the backward pass is a loop over the iterations in reverse order. Its body
is derived once: the rules are applied to one iteration.
"""

from collections.abc import Container, Sequence
from typing import Any

import numpy as np

from autodiff.core.primitive import Primitive
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, node_of
from autodiff.graph.passes import pull_recorded
from autodiff.plan.program import Node
from autodiff.plan.tracing.peephole import recognise

__all__ = ["Carry", "Listed", "Loop", "Stacked", "placeholder"]


def placeholder(tape: Tape, value: Any) -> Tensor:
    """Return a tensor that stands for another value in each iteration."""
    return node_of(value, tape)


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


class Stacked:
    """A value that each iteration takes from an array: the next of its first axis, or the last."""

    __slots__ = ("backward", "inner", "source")

    def __init__(self, inner: Tensor, source: Any, backward: bool = False) -> None:
        self.inner, self.source, self.backward = inner, source, backward


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
        stacks: list[Stacked] | None = None,
    ) -> None:
        self.tape, self.count, self.body = tape, count, body
        #: Guards are decisions that must be the same in each iteration.
        self.carries, self.sequences, self.guards = carries, sequences, guards
        #: Of a loop on arrays, which has no lists; nothing for one on numbers alone.
        self.stacks = stacks
        #: Values of the body, and what stands for them after the loop in one array.
        self.gathered: list[tuple[Any, Tensor]] = []
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
            for stack in self.stacks or ():
                if id(stack.source) in active:
                    found.add(id(stack.inner))
            for node in self.body:
                assert node.primitive is not None
                if node.primitive.arity >= 0 and any(id(x) in found for x in node.operands):
                    found.add(id(node))
        self._active = found
        active.update(id(c.last) for c in self.carries if id(c.inner) in found)
        active.update(id(given) for x, given in self.gathered if id(x) in found)

    def mask(self, found: set[int]) -> None:
        """Add all that an iteration uses, if a result is among them or a value reaches a mask."""
        results = [*(c.last for c in self.carries), *(given for _, given in self.gathered)]
        if any(node.primitive and node.primitive.masks for node in self.body) or any(
            id(x) in found for x in results
        ):
            found.update(map(id, self.body))
            found.update(id(x) for node in self.body for x in node.operands)
            found.update(id(c.first) for c in self.carries)
            found.update(id(x) for s in self.sequences for x in s.items)
            found.update(id(s.source) for s in self.stacks or ())

    def pull(self, adjoints: dict[int, Any], active: set[int], guard: Container[int]) -> None:
        """Hand the adjoints of the results to what the loop uses: by a loop that is recorded."""
        wanted = [*(c.last for c in self.carries), *(given for _, given in self.gathered)]
        if not any(id(x) in adjoints for x in wanted):
            return
        tape = self.tape
        start = len(tape.nodes)
        rules: list[tuple[int, str]] = []

        def observe(node: Tensor, primitive: Primitive, adjoint: Any) -> None:
            rules.append((len(tape.nodes) - start, primitive.name))

        carried = [c for c in self.carries if id(c.inner) in self._active]
        sequences = [s for s in self.sequences if id(s.inner) in self._active]
        stacks = [s for s in self.stacks or () if id(s.inner) in self._active]
        shared = self._shared(active)
        cotangents = [_cotangent(c.inner) for c in carried]
        seeds: dict[int, Any] = {}

        def seed(x: Any, g: Tensor) -> None:
            seeds[id(x)] = seeds[id(x)] + g if id(x) in seeds else g

        for carry, g in zip(carried, cotangents, strict=True):
            seed(carry.following, g)
        taken = [Stacked(s.inner, s.source, not s.backward) for s in self.stacks or ()]
        for x, given in self.gathered:
            if id(given) in adjoints:
                taken.append(Stacked(_cotangent(x), adjoints.pop(id(given)), True))
                seed(x, taken[-1].inner)
        listed: list[Listed | Stacked] = [*sequences, *stacks]
        inputs = [*(c.inner for c in carried), *(s.inner for s in listed), *shared]
        pull_recorded(self.body, inputs, seeds, recognise(self.body), observe, guard)
        found = [x.adjoint for x in inputs]
        for x in inputs:
            x.adjoint = None
        sums = [_cotangent(x) for x in shared]
        totals = [
            s if x_bar is None else s + x_bar
            for s, x_bar in zip(sums, found[len(inputs) - len(shared) :], strict=True)
        ]
        back = Loop(tape, self.count, tape.nodes[start:], [], [], [])
        del tape.nodes[start:]
        back.of = self
        back.stacks = None if self.stacks is None else taken
        _name_rules(back.rules, rules)
        for carry, g, x_bar in zip(carried, cotangents, found, strict=False):
            first = adjoints.pop(id(carry.last), None)
            zero = _zero(g)
            following = zero if x_bar is None else x_bar
            back.carries.append(
                Carry(g, zero if first is None else first, following, _unknown(tape, g))
            )
        for x, s, total in zip(shared, sums, totals, strict=True):
            first = adjoints.get(id(x))
            back.carries.append(
                Carry(s, _zero(s) if first is None else first, total, _unknown(tape, s))
            )
        results: list[Any] = []
        for each, x_bar in zip(listed, found[len(carried) :], strict=False):
            if x_bar is None:
                results.append(None)
            elif isinstance(each, Listed):
                results.append([_unknown(tape, each.inner) for _ in range(self.count)])
                back.given.append((x_bar, results[-1]))
            else:
                results.append(_unknown(tape, each.inner, self.count))
                back.gathered.append((x_bar, results[-1]))
        back.sequences = [Listed(s.inner, s.items[::-1]) for s in self.sequences]
        tape.append(back)
        for x, carry in zip(shared, back.carries[len(carried) :], strict=True):
            adjoints[id(x)] = carry.last
        for carry, pulled in zip(carried, back.carries, strict=False):
            _add(adjoints, active, carry.first, pulled.last)
        for each, x_bar in zip(listed, results, strict=True):
            if x_bar is None:
                continue
            if isinstance(each, Stacked):
                # In the order of what it is the cotangent of.
                in_order = np.flip(x_bar, 0) if each.backward else x_bar
                _add(adjoints, active, each.source, in_order)
            else:
                for x, pulled_item in zip(each.items, reversed(x_bar), strict=True):
                    _add(adjoints, active, x, pulled_item)

    def _shared(self, active: set[int]) -> list[Tensor]:
        """Return the active tensors from outside that all iterations use."""
        inside = {id(x) for x in self.body}
        inside |= {id(c.inner) for c in self.carries} | {id(s.inner) for s in self.sequences}
        inside |= {id(s.inner) for s in self.stacks or ()}
        found: dict[int, Tensor] = {}
        for node in self.body:
            for x in node.operands:
                if id(x) in active and id(x) not in inside:
                    found[id(x)] = x
        return list(found.values())


def _zero(x: Tensor) -> Any:
    """Return the zero of the shape of a value."""
    return np.zeros(x.value.shape, x.value.dtype)[()]


def _cotangent(x: Tensor) -> Tensor:
    """Return the placeholder of the cotangent of a value within an iteration."""
    return placeholder(x.tape, np.ones(x.value.shape, x.value.dtype)[()])


def _unknown(tape: Tape, x: Tensor, *count: int) -> Tensor:
    """Return the placeholder of values like one that are not known in the trace."""
    value = np.full((*count, *x.value.shape), np.nan).astype(x.value.dtype)[()]
    return placeholder(tape, value)


def _add(adjoints: dict[int, Any], active: set[int], x: Any, x_bar: Any) -> None:
    if id(x) in active:
        known = adjoints.get(id(x))
        adjoints[id(x)] = x_bar if known is None else known + x_bar


def _name_rules(names: list[str], starts: Sequence[tuple[int, str]]) -> None:
    """Fill in for each step the rule that asked for it."""
    ends = [place for place, _ in starts[1:]] + [len(names)]
    for (place, name), end in zip(starts, ends, strict=True):
        names[place:end] = [name] * (end - place)
