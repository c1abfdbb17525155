"""Printing a loop on arrays: the statements of one iteration within a ``for``.

Memory stands ready for all that goes from one iteration to another, or out of the loop: what is
saved for the other loop, and what is given, are rows of one array, which the iterations write into
and that loop reads again; a value that is carried is a row too if it is saved, else one of two
buffers in turn; a sum is added to in place.
"""

from collections import Counter
from collections.abc import Iterator

from autodiff.plan.operation import Kind
from autodiff.plan.operations import ADD_PART, kind_of, may_show_operand
from autodiff.plan.program import CONSTANT, INPUT, Body, Guard, Node, body_of
from autodiff.plan.to_numpy.decisions import decide
from autodiff.plan.to_numpy.printer import Printer

__all__ = ["write_loop"]


def write_loop(printer: Printer, node: Node) -> None:
    """Write a loop: what it starts from, its body, and its results."""
    _Writer(printer, node).write()


class _Writer:
    """The state of printing one loop."""

    def __init__(self, printer: Printer, node: Node) -> None:
        self.printer, self.node, self.body = printer, node, body_of(node)
        assert self.body.stacks is not None
        self.totals = _totals(self.body)
        #: What an iteration takes: its name, and the text of what has it for each iteration.
        self.sources: list[tuple[str, str]] = []
        #: By identity of an input, the list that stands ready and has it, and in what order.
        self.rows: dict[int, tuple[str, str]] = {}
        #: Identities of values whose memory is written over in the iteration after the next.
        self.turning: set[int] = set()
        #: By identity of a value of the body: the list of its rows, and that of those before.
        self.kept: dict[int, str] = {}
        #: Carries, whose values move by name at the end.
        self.moved: list[tuple[str, Node]] = []
        #: Values that are put to lists, and those that are copied to rows.
        self.listed: list[tuple[str, Node]] = []
        self.copied: list[tuple[str, Node]] = []

    def write(self) -> None:
        """Write the loop."""
        printer, body = self.printer, self.body
        args = iter(self.node.args)
        results = [self._carry(x, y, next(args)) for x, y in self._carries()]
        for x, backward in body.stacks or ():
            name = printer.names[id(x)] = printer.fresh(x.name)
            self.sources.append((name, printer.name_of(next(args)) + ("[::-1]" * backward)))
        for x in body.shared:
            outer = next(args)
            text = printer.name_of(outer)
            if not text.isidentifier():
                text, value = printer.fresh(x.name), text
                printer.say(f"{text} = {value}")
            printer.names[id(x)] = text
        for x, number in body.saved:
            assert body.other is not None
            text = printer.saved[id(body.other)][number]
            name = printer.names[id(x)] = printer.fresh(x.name)
            self.sources.append((name, f"reversed({text})"))
            if text in printer.rows_ready:
                self.rows[id(x)] = text, "reversed({})"
        printer.saved[id(body)] = [self._saved(x) for x in body.kept]
        given = [self._given(x) for x in body.given]
        self._write_for()
        for x, name in zip(body.given, given, strict=True):
            if not x.shape:
                order = "[::-1]" if body.other is not None else ""
                printer.say(f"{name} = np.array({name}{order}, {x.dtype.str!r})")
        for place, name in enumerate(results):
            if name.endswith("]"):
                results[place] = printer.fresh(body.carries[place].name)
                printer.header.append(f"{results[place]} = {name}")
        printer.results[id(self.node)] = results, given

    def _carries(self) -> Iterator[tuple[Node, Node]]:
        return zip(self.body.carries, self.body.following, strict=True)

    def _carry(self, x: Node, following: Node, outer: Node) -> str:
        """Write how a carried value begins, and return the text of its last."""
        printer, body = self.printer, self.body
        first = printer.numpy_name(outer)
        if outer.op == CONSTANT and not outer.shape:
            # NumPy's from the first iteration on, as it is in the later ones.
            first = f"np.{x.dtype.name}({printer.name_of(outer)})"
        if id(x) in self.totals:
            name = printer.names[id(x)] = printer.fresh(x.name or following.name)
            printer.header.append(f"{name} = np.empty({x.shape}{_kind(x)})")
            printer.say(f"{name}[...] = {first}")
            printer.over[id(following)] = name
            return name
        name = printer.names[id(x)] = printer.fresh(x.name)
        saved = x in body.kept or following in body.kept
        if self._is_owned(following) and (saved or self._may_turn(x, following)):
            if saved:
                rows = self._new_rows(following, 1)
            else:
                rows = self._two_buffers(following)
                self.turning |= {id(x), id(following)}
            before, after = printer.fresh("before"), printer.fresh("after")
            printer.header += [f"{before} = {rows}[:-1]", f"{after} = {rows}[1:]"]
            printer.rows_ready |= {before, after}
            printer.say(f"{rows}[0][...] = {first}")
            self.sources.append((name, before))
            self.rows[id(x)] = before, "{}"
            self.kept[id(x)] = before
            self._into_rows(following, after)
            return f"{after}[-1]"
        printer.say(f"{name} = {first}")
        self.moved.append((name, following))
        return name

    def _is_owned(self, x: Node) -> bool:
        """Return whether a value is written into memory of which nothing is known yet."""
        return bool(x.shape) and kind_of(x).owns_memory and id(x) not in self.printer.over

    def _may_turn(self, x: Node, following: Node) -> bool:
        """Return whether nothing but its own carry hands on a value, or a view of it."""
        roots = [self.printer.buffers.roots.get(id(y), y) for y in self.body.roots]
        return len([y for y in roots if y is x or y is following]) == 1

    def _new_rows(self, x: Node, more: int = 0) -> str:
        """Write the lines that make an array with a row for each iteration; return their list."""
        printer = self.printer
        array, rows = printer.fresh("stack"), printer.fresh("rows")
        shape = (self.body.count + more, *x.shape)
        printer.header += [
            f"{array} = np.empty({shape}{_kind(x)})",
            f"{rows} = list({array})",
        ]
        return rows

    def _two_buffers(self, x: Node) -> str:
        """Write the lines that make two arrays, and return a list that has them in turn."""
        printer, both = self.printer, self.printer.fresh("both")
        pair, count = [printer.fresh("turn") for _ in range(2)], self.body.count
        printer.header += [f"{name} = np.empty({x.shape}{_kind(x)})" for name in pair]
        printer.header.append(f"{both} = ([{', '.join(pair)}] * {count // 2 + 1})[: {count + 1}]")
        return both

    def _into_rows(self, x: Node, rows: str) -> None:
        """Let a value be written into rows."""
        printer = self.printer
        name = printer.over[id(x)] = printer.fresh(x.name)
        self.sources.append((name, rows))
        self.kept[id(x)] = rows

    def _saved(self, x: Node) -> str:
        """Return the name of the list of a value that the other loop takes."""
        printer = self.printer
        if id(x) in self.kept:
            return self.kept[id(x)]
        if self._is_owned(x):
            rows = self._new_rows(x)
            printer.rows_ready.add(rows)
            self._into_rows(x, rows)
            return rows
        name = self.kept[id(x)] = printer.fresh("saved")
        printer.say(f"{name} = []")
        self.listed.append((name, x))
        return name

    def _given(self, x: Node) -> str:
        """Return the name of the array of a value that the loop gives."""
        printer = self.printer
        name = printer.fresh("given")
        if not x.shape:
            printer.say(f"{name} = []")
            self.listed.append((name, x))
            return name
        rows = printer.fresh("rows")
        shape = (self.body.count, *x.shape)
        printer.header += [f"{name} = np.empty({shape}{_kind(x)})", f"{rows} = list({name})"]
        text = rows if self.body.other is None else f"reversed({rows})"
        row = printer.fresh("row")
        self.sources.append((row, text))
        if self._is_owned(x):
            printer.over[id(x)] = row
        else:
            self.copied.append((row, x))
        return name

    def _write_for(self) -> None:
        """Write the statements that are repeated."""
        printer = self.printer
        outer, printer.statements = printer.statements, []
        self._write_body()
        inner, printer.statements = printer.statements, outer
        sources = self.sources
        texts = ", ".join(text for _, text in sources)
        if not sources:
            printer.say(f"for _ in range({self.body.count}):")
        elif len(sources) == 1:
            printer.say(f"for {sources[0][0]} in {texts}:")
        else:
            printer.say(f"for {', '.join(name for name, _ in sources)} in zip({texts}):")
        outer += [f"    {statement}" for statement in inner or ["pass"]]

    def _write_body(self) -> None:
        """Write the statements of one iteration."""
        printer, body = self.printer, self.body
        guards: dict[int, list[Guard]] = {}
        for guard in body.guards:
            guards.setdefault(id(guard.node), []).append(guard)
        for x in body.program.inputs:
            decide(printer, guards.pop(id(x), ()))
        for x in body.needed():
            if kind_of(x) is Kind.VIEW and id(x.args[0]) in self.rows:
                self._view_rows(x)
            else:
                printer.write(x)
            decide(printer, guards.pop(id(x), ()))
        for name, x in self.copied:
            printer.say(f"{name}[...] = {printer.name_of(x)}")
        for name, x in self.listed:
            printer.say(f"{name}.append({self._own(x)})")
        moved = [(name, self._own(x)) for name, x in self.moved]
        moved = [(name, text) for name, text in moved if name != text]
        if moved:
            names, texts = zip(*moved, strict=True)
            printer.say(f"{', '.join(names)} = {', '.join(texts)}")

    def _view_rows(self, x: Node) -> None:
        """Let the views of rows that stand ready stand ready too."""
        printer, source = self.printer, x.args[0]
        rows, order = self.rows[id(source)]
        known, printer.names[id(source)] = printer.names[id(source)], "row"
        text = printer.text(x, "")
        printer.names[id(source)] = known
        views = printer.fixed(f"[{text} for row in {rows}]", rows)
        name = printer.names[id(x)] = printer.fresh(x.name)
        self.sources.append((name, order.format(views)))
        self.rows[id(x)] = views, order

    def _own(self, x: Node) -> str:
        """Return the text of a value that the iterations to come leave as it is."""
        printer = self.printer
        name, root = printer.name_of(x), printer.buffers.roots.get(id(x), x)
        if not root.shape or root.op == CONSTANT:
            return name
        if root.op == INPUT:
            return f"np.array({name})" if id(root) in self.turning | self.totals else name
        placed = id(root) in printer.buffers.slots or id(root) in self.turning
        return f"np.array({name})" if placed or may_show_operand(root) else name


def _kind(x: Node) -> str:
    return "" if x.dtype == float else f", {x.dtype.str!r}"


def _totals(body: Body) -> set[int]:
    """Return the identities of the inputs that each iteration adds to, and nothing else reads."""
    uses: Counter[int] = Counter(map(id, body.program.roots))
    for node in body.needed():
        uses.update(map(id, node.args))
    found: set[int] = set()
    for x, following in zip(body.carries, body.following, strict=True):
        alone = uses[id(x)] == uses[id(following)] == 1
        alike = x.shape == following.shape and x.dtype == following.dtype
        adds = following.op == "add" and kind_of(following) is Kind.ELEMENTWISE
        among = following.args if adds else following.args[-1:] if following.op == ADD_PART else ()
        if x.shape and alone and alike and any(y is x for y in among):
            found.add(id(x))
    return found
