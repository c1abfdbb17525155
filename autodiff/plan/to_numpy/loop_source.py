"""Printing a loop on arrays: the statements of one iteration within a ``for``."""

from collections import Counter

from autodiff.plan.operations import Kind, kind_of
from autodiff.plan.program import CONSTANT, INPUT, Body, Guard, Node, body_of
from autodiff.plan.to_numpy.decisions import decide
from autodiff.plan.to_numpy.printer import Printer

__all__ = ["write_loop"]


def write_loop(printer: Printer, node: Node) -> None:
    """Write a loop: what it starts from, its body, and its results.

    What each iteration leaves for the other loop is a list of arrays, each in memory of its own.
    """
    body = body_of(node)
    assert body.stacks is not None
    args = iter(node.args)
    totals = _totals(body)
    carries: list[str] = []
    for x, following in zip(body.carries, body.following, strict=True):
        name = printer.names[id(x)] = printer.fresh(x.name or following.name)
        carries.append(name)
        first = printer.numpy_name(next(args))
        printer.say(f"{name} = np.array({first})" if id(x) in totals else f"{name} = {first}")
        if id(x) in totals:
            printer.over[id(following)] = name
    sources: list[tuple[str, str]] = []
    for x, backward in body.stacks:
        name = printer.names[id(x)] = printer.fresh(x.name)
        sources.append((name, printer.name_of(next(args)) + ("[::-1]" if backward else "")))
    for x in body.shared:
        text = printer.name_of(next(args))
        if not text.isidentifier():
            text, value = printer.fresh(x.name), text
            printer.say(f"{text} = {value}")
        printer.names[id(x)] = text
    for x, number in body.saved:
        assert body.other is not None
        name = printer.names[id(x)] = printer.fresh(x.name)
        sources.append((name, f"reversed({printer.saved[id(body.other)][number]})"))
    saved = printer.saved[id(body)] = [printer.fresh("saved") for _ in body.kept]
    given = [printer.fresh("given") for _ in body.given]
    for name in (*saved, *given):
        printer.say(f"{name} = []")
    names, texts = ", ".join(name for name, _ in sources), ", ".join(text for _, text in sources)
    if not sources:
        printer.say(f"for _ in range({body.count}):")
    elif len(sources) == 1:
        printer.say(f"for {names} in {texts}:")
    else:
        printer.say(f"for {names} in zip({texts}):")
    outer, printer.statements = printer.statements, []
    _write_body(printer, body, carries, [*saved, *given], totals)
    outer += [f"    {statement}" for statement in printer.statements or ["pass"]]
    printer.statements = outer
    for name, x in zip(given, body.given, strict=True):
        order = "[::-1]" if body.other is not None else ""
        printer.say(f"{name} = np.array({name}{order}, {x.dtype.str!r})")
    printer.results[id(node)] = carries, given


def _write_body(
    printer: Printer, body: Body, carries: list[str], lists: list[str], totals: set[int]
) -> None:
    """Write the statements of one iteration."""
    guards: dict[int, list[Guard]] = {}
    for guard in body.guards:
        guards.setdefault(id(guard.node), []).append(guard)
    for x in body.program.inputs:
        decide(printer, guards.pop(id(x), ()))
    for x in body.needed():
        printer.write(x)
        decide(printer, guards.pop(id(x), ()))
    for name, x in zip(lists, (*body.kept, *body.given), strict=True):
        printer.say(f"{name}.append({_own(printer, x)})")
    moved = [
        (name, _own(printer, following))
        for name, x, following in zip(carries, body.carries, body.following, strict=True)
        if id(x) not in totals
    ]
    moved = [(name, text) for name, text in moved if name != text]
    if moved:
        names, texts = zip(*moved, strict=True)
        printer.say(f"{', '.join(names)} = {', '.join(texts)}")


def _own(printer: Printer, x: Node) -> str:
    """Return the text of a value that the next iteration leaves as it is."""
    name, buffers = printer.name_of(x), printer.buffers
    root = buffers.roots.get(id(x), x)
    if not root.shape or root.op in (INPUT, CONSTANT) or id(root) in buffers.outputs:
        return name
    called = kind_of(root) is Kind.CALL
    return f"np.array({name})" if called or id(root) in buffers.slots else name


def _totals(body: Body) -> set[int]:
    """Return the identities of the inputs that each iteration adds to, and nothing else reads."""
    uses: Counter[int] = Counter(map(id, body.program.roots))
    for node in body.needed():
        uses.update(map(id, node.args))
    found: set[int] = set()
    for x, following in zip(body.carries, body.following, strict=True):
        alone = uses[id(x)] == uses[id(following)] == 1
        alike = x.shape == following.shape and x.dtype == following.dtype
        fits = x.shape and following.op == "add" and kind_of(following) is Kind.ELEMENTWISE
        if alone and alike and fits and any(y is x for y in following.args):
            found.add(id(x))
    return found
