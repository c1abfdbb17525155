"""The pass that shortens: shared subexpressions, shorter forms, nothing that nobody needs."""

# Imported for what they register with the builder.
import autodiff.plan.passes.contractions
import autodiff.plan.passes.rewrites  # noqa: F401
from autodiff.plan.passes.builder import Builder
from autodiff.plan.program import CONSTANT, LOOP, Body, Guard, Node, Program, body_of, reachable

__all__ = ["simplify"]


def simplify(program: Program) -> Program:
    """Return a program of the same results in fewer and shorter operations."""
    built = _Built()
    for node in program.nodes:
        if node.op == LOOP:
            built.add_loop(node)
        else:
            built.add(node)
    simple = Program(
        program.inputs,
        [built.of(x) for x in program.outputs],
        [Guard(built.of(g.node), g.what, g.outcome) for g in program.guards],
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

    def of(self, x: Node) -> Node:
        """Return the new node for an old one; an input stands for itself."""
        known = self._known.get(id(x))
        if known is None:
            known = self.builder.constant(x.function) if x.op == CONSTANT else x
            self._known[id(x)] = known
        return known

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
        own += len(old.stacks or ())
        args = [self.of(next(places)) for _ in range(own)]
        body = Body(old.count, old.carries, lists=old.lists, stacks=old.stacks)
        shared: dict[int, Node] = {}
        for x in old.shared:
            outer = self.of(next(places))
            if outer.op == CONSTANT:
                inner._known[id(x)] = inner.builder.constant(outer.function)
            elif id(outer) in shared:
                inner._known[id(x)] = shared[id(outer)]
            else:
                shared[id(outer)] = x
                body.shared.append(x)
                args.append(outer)
        for x in old.nodes:
            inner.add(x)
        body.following = [inner.of(x) for x in old.following]
        body.given = [inner.of(x) for x in old.given]
        body.guards = [Guard(inner.of(g.node), g.what, g.outcome) for g in old.guards]
        body.nodes = inner.builder.nodes
        self._bodies[id(old)] = body, inner
        if old.other is not None:
            body.other, values = self._bodies[id(old.other)]
            kept, needed = body.other.kept, reachable(body.roots)
            for x, number in old.saved:
                value = values.of(old.other.kept[number])
                if id(x) in needed:
                    if value not in kept:
                        kept.append(value)
                    body.saved.append((x, kept.index(value)))
            args.append(self.of(next(places)))
        builder = self.builder
        new = builder.make(LOOP, args, {"body": body}, node.shape, node.dtype, None)
        new.rule = node.rule
        self._known[id(node)] = new
