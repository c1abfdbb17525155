"""Tracing a call for a plan: what the function does, derivatives included, becomes a program.

A transform that is called on tensors records its own passes on their tape, since rules are made of
the functions that users call. So the joint graph of value and gradient is the trace of
``value_and_grad(f)``, and that of any transform its own.
"""

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from autodiff.core import substitution
from autodiff.core.batched import owner_of
from autodiff.core.primitive import Primitive
from autodiff.core.pytrees import Structure, flatten
from autodiff.core.tape import Form, Tape
from autodiff.core.tensor import Tensor, assembled, leaf
from autodiff.errors import LostDerivative
from autodiff.graph.graph import check_written
from autodiff.graph.trace import call_with_names
from autodiff.plan.operations import name_of
from autodiff.plan.program import INPUT, Guard, Node, Program, operand
from autodiff.plan.tracing.guards import held_outside
from autodiff.plan.tracing.loop import Loop
from autodiff.plan.tracing.loop_program import loop_nodes
from autodiff.plan.tracing.peephole import recognise
from autodiff.plan.tracing.reads import reroll_reads_apart
from autodiff.plan.tracing.visited import Visited, paused_collector, paused_visits
from autodiff.rules.kinks import KINKS, holds
from autodiff.rules.linalg.repeated import SPECTRA, near
from autodiff.rules.ties import ORDERS

__all__ = ["Arguments", "Trace", "Unplanned", "trace_program"]

#: The positional and the named arguments of a call, made of leaves.
Arguments = Callable[[Sequence[Any]], tuple[Any, Any]]
#: What loops are made of: steps on numbers, on arrays too, or nothing.
Loops = Literal["any", "numbers", "none"]


class Trace:
    """A call as a program, the structure of its result, and plain arrays that are no arguments.

    `texts` are results that are no numbers, by their places; `writes` says whether it writes into
    an argument.
    """

    __slots__ = ("outside", "program", "structure", "texts", "visited", "writes")

    def __init__(
        self,
        program: Program,
        structure: Structure,
        texts: dict[int, str | bytes],
        outside: list[Any],
        visited: Visited,
        writes: bool,
    ) -> None:
        self.program = program
        self.structure = structure
        self.texts = texts
        self.outside = outside
        self.visited = visited
        self.writes = writes


class _PassObserver:
    """Notes which rule asked for what, and what is the cotangent of what."""

    def __init__(self, tape: Tape, loops: Loops) -> None:
        self._tape = tape
        self._loops = loops
        self._depth = 0
        self.decided: int | None = None
        #: For nodes that bend the last node of the pass in which they were differentiated first.
        self._bent: dict[int, int] = {}
        self.rules: list[tuple[int, str]] = []
        self.cotangents: list[tuple[Tensor, Any]] = []

    def before_passes(self, nodes: Sequence[Tensor]) -> dict[int, Form]:
        """Look for known forms among the nodes that will be differentiated.

        None may be a decomposition with repeated values. Where nodes that were before are
        differentiated again, with what that made, none may be at a kink. There the derivative is a
        limit, or none.
        """
        last = id(nodes[-1]) if nodes else 0
        for node in nodes:
            primitive = node.primitive if type(node) is Tensor else None
            params = (node.params or {}) if primitive is not None else {}
            if primitive in SPECTRA:
                values = SPECTRA[primitive].values(node, *node.operands, **params)
                limit = holds(near(values))
            elif primitive in KINKS and self._bent.setdefault(id(node), last) != last:
                limit = holds(KINKS[primitive].at(node, *node.operands, **params))
            elif (
                primitive is not None
                and primitive.name in ORDERS
                and self._bent.setdefault(id(node), last) != last
            ):
                limit = holds(ORDERS[primitive.name](*node.operands, **params))
            else:
                continue
            if limit:
                raise _LimitReached
        return recognise(nodes)

    def before_function(self) -> None:
        """Count the calls that are going on."""
        self._depth += 1

    def after_function(self) -> None:
        """Count the calls that are going on."""
        self._depth -= 1

    def before_only_pass(self, nodes: Sequence[Tensor], kept: Sequence[Any]) -> Sequence[Any]:
        """Reroll what repeats, if no other pass was or will be made over it."""
        tape = self._tape
        start = len(tape.nodes) - len(nodes)
        inner = self.rules and self.rules[-1][0] > start
        if self._loops == "none" or self._depth or inner:
            return nodes
        with paused_visits():
            rerolled = reroll_reads_apart(tape, nodes, kept, self._loops == "any")
        if len(rerolled) < len(nodes):
            tape.nodes[start:] = rerolled
            # Values that come of a loop backward are not known: nothing can be decided on them.
            self.decided = len(tape.guards)
        return rerolled

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
    arguments: Arguments,
    loops: Loops = "any",
) -> Trace:
    """Return the program of a call, with loops of numbers or any where steps repeat."""
    for apart in (False, True):
        try:
            try:
                return _trace(f, leaves, names, arguments, loops, apart)
            except _Unknown:
                return _trace(f, leaves, names, arguments, "none", apart)
        except _LimitReached:
            continue
    raise AssertionError("tapes apart find limits")


class Unplanned(Exception):
    """For these arguments the function itself runs, and no guard tells for which others too.

    An operation raised an error that the function caught, they are one object, and it may know, or
    rounding decides a branch.
    """


class _LimitReached(Exception):
    """A derivative is a limit, which passes on one tape do not find."""


class _Unknown(Exception):
    """A decision or an error depends on a value that a loop backward left open."""


def _trace(
    f: Callable[..., Any],
    leaves: Sequence[Any],
    names: Sequence[str],
    arguments: Arguments,
    loops: Loops,
    apart: bool,
) -> Trace:
    plain: list[Trace] = []

    def attempt(tape: Tape, copied: bool) -> Trace:
        found = _recorded(tape, copied, f, leaves, names, arguments, loops, apart)
        if not copied and any([guard.what == "value" for guard in found.program.guards]):
            # Such a plan is for these numbers only; of a copy it may be for all.
            plain.append(found)
            raise tape.refused("a tensor became a plain value")
        return found

    tape = functools.partial(Tape, replayable=True, known=True)
    try:
        trace: Trace = substitution.attempted(f, tape, attempt)
    except LostDerivative:
        if not plain:
            raise
        return plain[0]
    return plain[0] if plain and trace.program.guards else trace


def _recorded(
    tape: Tape,
    copied: bool,
    f: Callable[..., Any],
    leaves: Sequence[Any],
    names: Sequence[str],
    arguments: Arguments,
    loops: Loops,
    apart: bool,
) -> Trace:
    """Record a call; derivatives that are limits need tapes apart, as eager ones have them."""
    observer = _PassObserver(tape, loops)
    tape.observer = None if apart else observer
    inputs = [leaf(tape, x) for x in leaves]
    visited = Visited()
    try:
        with tape:

            def run() -> Any:
                args, kwargs = arguments(inputs)
                if copied:
                    return substitution.call(tape, f, args, kwargs)
                return f(*args, **kwargs)

            with paused_collector():
                output, variables = call_with_names(f, run, visited.on_event)
            results, structure = flatten(output)
            texts = {i: x for i, x in enumerate(results) if isinstance(x, str | bytes)}
            results = [0.0 if i in texts else x for i, x in enumerate(results)]
            # What ``np.array([t, u])`` makes of tensors.
            results = [
                assembled(x) if type(x) is np.ndarray and x.dtype == object else x for x in results
            ]
    except Exception as error:
        if observer.decided is None or isinstance(error, _LimitReached):
            raise
        raise _Unknown from error
    if "errors" in tape.marks:
        raise Unplanned
    if tape.written:
        check_written(tape, tape.nodes, results)
    writes = "arguments" in tape.marks
    guards = tape.guards
    if observer.decided is not None and len(guards) > observer.decided:
        raise _Unknown
    local = {id(x): name for name, x in variables.items() if x.tape is tape}
    for name, node in zip(names, inputs, strict=True):
        local[id(node)] = name
    for node, adjoint in observer.cotangents:
        if id(node) in local and type(adjoint) is Tensor:
            local.setdefault(id(adjoint), f"{local[id(node)]}_bar")
    # What the rules made and nobody else holds is not watched.
    variables.clear()
    observer.cotangents.clear()
    outside = _outside(tape)
    recorded: list[Any] = tape.end()
    if loops != "none" and not observer.rules:
        tape.guards = guards
        start = len(inputs)
        steps = recorded[start:]
        recorded[start:] = reroll_reads_apart(tape, steps, results, loops == "any")
    program = _program(tape, recorded, inputs, results, guards, local, observer.rules)
    return Trace(program, structure, texts, outside, visited, writes)


def _program(
    tape: Tape,
    recorded: Sequence[Any],
    inputs: Sequence[Tensor],
    results: Sequence[Any],
    guards: Sequence[tuple[Tensor, str, Any]],
    names: dict[int, str],
    rules: Sequence[tuple[int, str]],
) -> Program:
    known: dict[int, Node] = {}
    nodes: list[Node] = []

    def node_of(x: Any) -> Node:
        return known[id(x)] if type(x) is Tensor and x.tape is tape else operand(x)

    starts = dict(rules)
    rule = ""
    for place, x in enumerate(recorded):
        rule = starts.get(place, rule)
        if type(x) is Loop:
            made = loop_nodes(x, known, node_of)
            for carry in x.carries:
                known[id(carry.last)].name = names.get(id(carry.last), "")
            for new in made if x.of is not None else ():
                new.rule = "the loop"
            nodes += made
            continue
        value = np.bool_(x.value) if type(x.value) is bool else x.value  # of np.allclose
        shape, dtype = value.shape, value.dtype
        if x.primitive is None:
            node = Node(INPUT, (), {}, shape, dtype)
        else:
            operands = [node_of(y) for y in x.operands]
            op, function = name_of(x.primitive), x.primitive.function
            node = Node(op, operands, x.params or {}, shape, dtype, function)
            node.rule = rule
            nodes.append(node)
        node.name = names.get(id(x), "")
        known[id(x)] = node
    return Program(
        [known[id(x)] for x in inputs],
        [node_of(x) for x in results],
        [Guard(known[id(x)], what, outcome) for x, what, outcome in guards],
        nodes,
    )


def _outside(tape: Tape) -> list[Any]:
    """Return the constant arrays that others hold, and may write into after the trace."""
    constants = tape.constants
    # Rules take views of the copies, which nobody else has.
    copies = {id(copy) for _, _, copy in constants.copied.values()}
    # Held by the tuple in the table; or by the list, as often as it was used.
    found = [
        x
        for x, _, _ in constants.copied.values()
        if held_outside(x, 2) and id(owner_of(x)) not in copies
    ]
    counts = Counter(map(id, constants.originals))
    large = {id(x): x for x in constants.originals}
    return found + [x for key, x in large.items() if held_outside(x, counts[key] + 2)]
