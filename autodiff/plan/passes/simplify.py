"""The pass that shortens: shared subexpressions, shorter forms, nothing that nobody needs."""

from collections.abc import Iterable

# Imported for what they register with the builder.
import autodiff.plan.passes.contractions
import autodiff.plan.passes.rewrites  # noqa: F401
from autodiff.plan.passes.builder import Builder
from autodiff.plan.program import (
    CONSTANT,
    INPUT,
    LOOP,
    Body,
    Guard,
    Node,
    Program,
    body_of,
    reachable,
)

__all__ = ["simplify"]


def simplify(program: Program) -> Program:
    """Return a program of the same results in fewer and shorter operations."""
    built = _Built()
    for node in program.nodes:
        if node.op == LOOP:
            built.add_loop(node)
        else:
            built.add(node)
    built.finish_loops()
    simple = Program(
        program.inputs,
        [built.of(x) for x in program.outputs],
        built.guards(program.guards),
        built.builder.nodes,
    )
    needed = reachable(simple.roots)
    simple.nodes = [node for node in simple.nodes if id(node) in needed]
    return simple


class _Built:
    """The nodes of a new program by those of the old one."""

    def __init__(self) -> None:
        self.builder = Builder()
        self._known: dict[int, Node] = {}
        #: By identity of the old body of a loop: what became of it and of its nodes.
        self._bodies: dict[int, tuple[Body, _Built]] = {}
        self._loops: list[tuple[Node, list[tuple[Node, Node]], _Built]] = []
        #: Of a body: inputs that are the same in each step with their values outside, by identity;
        #: and these inputs by identity of the value.
        self.outside: dict[int, tuple[Node, Node]] = {}
        self._taken: dict[int, Node] = {}

    def of(self, x: Node) -> Node:
        """Return the new node for an old one; an input stands for itself."""
        known = self._known.get(id(x))
        if known is None:
            known = self.builder.constant(x.function) if x.op == CONSTANT else x
            self._known[id(x)] = known
        return known

    def guards(self, old: Iterable[Guard]) -> list[Guard]:
        """Return the guards of new nodes; what was computed many times is asked once."""
        return list(dict.fromkeys([Guard(self.of(g.node), g.what, g.outcome) for g in old]))

    def add(self, node: Node) -> None:
        """Add an operation."""
        builder, known = self.builder, self._known
        made = len(builder.nodes)
        args = [known.get(id(x)) or self.of(x) for x in node.args]
        new = builder.make(node.op, args, node.params, node.shape, node.dtype, node.function)
        for each in builder.nodes[made:]:
            each.rule = node.rule
        if node.name and not new.name:
            new.name = node.name
        known[id(node)] = new

    def add_loop(self, node: Node) -> None:
        """Add a loop whose body is simplified, and saves only what another loop needs."""
        old, inner = body_of(node), _Built()
        places = iter(node.args)
        own = len(old.carries) + old.count * sum(numbers is None for _, _, numbers in old.lists)
        args = [self.of(next(places)) for _ in range(own)]
        body = Body(old.count, old.carries, lists=old.lists)
        if old.stacks is not None:
            body.stacks = []
            taken: dict[tuple[int, bool], Node] = {}
            for x, backward in old.stacks:
                outer = self.of(next(places))
                same = taken.setdefault((id(outer), backward), x)
                inner._known[id(x)] = same
                if same is x:
                    body.stacks.append((x, backward))
                    args.append(outer)
        for x in old.shared:
            inner.take(x, self.of(next(places)))
        saved: list[tuple[Node, Node]] = []
        by_value: dict[int, Node] = {}
        if old.other is not None:
            body.other, values = self._bodies[id(old.other)]
            for x, number in old.saved:
                value = values.of(old.other.kept[number])
                if value.op == CONSTANT:
                    inner._known[id(x)] = inner.builder.constant(value.function)
                elif id(value) in values.outside:
                    # It is the same in all iterations: nothing is to be saved.
                    inner.take(x, values.outside[id(value)][1])
                else:
                    first = by_value.setdefault(id(value), x)
                    inner._known[id(x)] = first
                    if first is x:
                        saved.append((x, value))
        for x in old.nodes:
            if old.stacks is None or not self._hoisted(x, inner):
                inner.add(x)
        body.following = [inner.of(x) for x in old.following]
        body.given = [inner.of(x) for x in old.given]
        body.guards = inner.guards(old.guards)
        body.nodes = inner.builder.nodes
        self._bodies[id(old)] = body, inner
        if old.other is not None:
            args.append(self.of(next(places)))
        new = self.builder.make(LOOP, args, {"body": body}, node.shape, node.dtype, None)
        new.rule = node.rule
        self._known[id(node)] = new
        self._loops.append((new, saved, inner))

    def finish_loops(self) -> None:
        """Let loops take what they need and no more: the later ones first, which need it."""
        for loop, saved, inner in reversed(self._loops):
            body = body_of(loop)
            needed = reachable(body.roots)
            if body.other is not None:
                kept = body.other.kept
                for x, value in saved:
                    if id(x) in needed:
                        if value not in kept:
                            kept.append(value)
                        body.saved.append((x, kept.index(value)))
            others = () if body.other is None else loop.args[-1:]
            own = loop.args[: len(loop.args) - len(others)]
            shared = [(x, outer) for x, outer in inner.outside.values() if id(x) in needed]
            body.shared = [x for x, _ in shared]
            loop.args = (*own, *(outer for _, outer in shared), *others)

    def take(self, x: Node, outer: Node) -> None:
        """Let an input of a body stand for a value from outside, which is the same in each step."""
        if outer.op == CONSTANT:
            self._known[id(x)] = self.builder.constant(outer.function)
            return
        known = self._taken.get(id(outer))
        if known is None:
            known = x if x.op == INPUT else Node(INPUT, (), {}, x.shape, x.dtype)
            self._taken[id(outer)] = known
            self.outside[id(known)] = known, outer
        self._known[id(x)] = known

    def _hoisted(self, node: Node, inner: "_Built") -> bool:
        """Take an operation out of a loop if it is the same in each of its steps."""
        if not node.args:
            return False
        operands: list[Node] = []
        for x in node.args:
            own = inner.of(x)
            if own.op == CONSTANT:
                operands.append(self.of(own))
            elif id(own) in inner.outside:
                operands.append(inner.outside[id(own)][1])
            else:
                return False
        made = len(self.builder.nodes)
        new = self.builder.make(
            node.op, operands, node.params, node.shape, node.dtype, node.function
        )
        for each in self.builder.nodes[made:]:
            each.rule = node.rule
        inner.take(node, new)
        return True
