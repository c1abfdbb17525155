"""Printing a block: a function for one tile, and the loop that calls it."""

from typing import Any

from autodiff.plan.operation import Kind
from autodiff.plan.operations import kind_of
from autodiff.plan.program import CONSTANT, Node
from autodiff.plan.to_numpy.printer import Printer
from autodiff.plan.to_numpy.tiling import Block

__all__ = ["write_block"]


def write_block(printer: Printer, block: Block) -> None:
    """Write a block: its function above, its loop among the statements."""
    _Writer(printer, block).write()


class _Writer:
    """The state of printing one block."""

    def __init__(self, printer: Printer, block: Block) -> None:
        self.printer, self.block = printer, block
        self.function = printer.fresh("block")
        #: Parameters of the function, with the argument for a whole tile and for the last.
        self.parameters: list[tuple[str, str, str]] = []
        self.tiles: dict[Any, str] = {}
        #: Names within the function, by what they name and the axis along which it is cut.
        self.taken: dict[tuple[int, int | None], str] = {}
        self.tail = block.length % block.step
        self.whole = block.length - self.tail

    def write(self) -> None:
        """Write the function and the loop."""
        printer, block = self.printer, self.block
        before = {id(x): printer.name_of(x) for x in block.operands}
        self._take_operands()
        totals = [x for x in block.nodes if block.is_total(x)]
        arrays = [x for x in totals if x.shape]
        numbers = [x for x in totals if not x.shape]
        for node in arrays:
            self._begin_total(node)
        outer = {id(x): printer.names[id(x)] for x in arrays}
        for node in block.nodes:
            if id(node) in block.full and kind_of(node) is not Kind.VIEW:
                outer[id(node)] = self._full(node)
        for node in numbers:
            outer[id(node)] = printer.fresh(node.name or "total")
            printer.say(f"{outer[id(node)]} = 0.0")
        lines = self._lines(numbers)
        head = f"def {self.function}({', '.join(p for p, _, _ in self.parameters)}):"
        printer.functions.append([head, *(f"    {line}" for line in lines)])
        self._loop([outer[id(x)] for x in numbers])
        printer.names.update(before | outer)
        for node in block.nodes:
            if id(node) in block.full and kind_of(node) is Kind.VIEW:
                printer.write(node)

    def _parameter(self, name: str, whole: str, last: str) -> None:
        """Add a parameter: within the function the name of an array means some of its rows."""
        if all(name != known for known, _, _ in self.parameters):
            self.parameters.append((name, whole, last))

    def _sliced(self, name: str, array: str, axis: int) -> None:
        """Add a parameter that is a part of an array along an axis."""
        before = ":, " * axis
        self._parameter(name, f"{array}[{before}i:j]", f"{array}[{before}{self.whole}:]")

    def _take_operands(self) -> None:
        """Make parameters of what the operations use from outside."""
        printer, block = self.printer, self.block
        cuts: dict[int, set[int | None]] = {id(x): set() for x in block.operands}
        for node in block.nodes:
            for x, cut in zip(node.args, block.roles[id(node)].cuts, strict=True):
                if id(x) in cuts:
                    cuts[id(x)].add(cut)
        for x in block.operands:
            name = printer.name_of(x)
            for cut in cuts[id(x)]:
                if cut is None:
                    self.taken[id(x), None] = name
                    if not printer.is_static(x) and x.op != CONSTANT:
                        self._parameter(name, name, name)
                else:
                    # Within the function the name of an array means a part of it.
                    part = name if len(cuts[id(x)]) == 1 else printer.fresh(name)
                    self.taken[id(x), cut] = part
                    self._sliced(part, name, cut)

    def _name_operands(self, node: Node) -> None:
        """Let the operands of a node have the names that they have within the function."""
        for x, cut in zip(node.args, self.block.roles[id(node)].cuts, strict=True):
            name = self.taken.get((id(x), cut))
            if name is not None:
                self.printer.names[id(x)] = name

    def _begin_total(self, node: Node) -> None:
        """Write the line that sets a sum over rows to zero."""
        printer = self.printer
        if id(node) in printer.buffers.slots:
            printer.say(f"{printer.place(node)}[...] = 0.0")
        else:
            name = printer.names[id(node)] = printer.fresh(node.name)
            printer.say(f"{name} = np.zeros({node.shape})")
            self._parameter(name, name, name)

    def _full(self, node: Node) -> str:
        """Give a value memory for all rows, a parameter for those of a tile; return its name."""
        printer = self.printer
        if id(node) in printer.buffers.slots:
            name = printer.place(node)
        else:
            name = printer.fresh(node.name)
            kind = "" if node.dtype == float else f", {node.dtype.str!r}"
            printer.say(f"{name} = np.empty({node.shape}{kind})")
        printer.names[id(node)] = name
        axis = self.block.roles[id(node)].axis
        assert axis is not None
        self._sliced(name, name, axis)
        return name

    def _tile(self, node: Node) -> str:
        """Give a value that is used within the block memory for one tile."""
        printer = self.printer
        axis = self.block.roles[id(node)].axis
        assert axis is not None
        key = (printer.buffers.slots[id(node)], node.dtype, node.shape, axis)
        name = self.tiles.get(key)
        if name is None:
            # Values that follow each other in the same memory have one name.
            name = self.tiles[key] = printer.fresh(node.name or "t")
            shape = (*node.shape[:axis], self.block.step, *node.shape[axis + 1 :])
            printer.header.append(f"{name} = {printer.buffer(node, shape)}")
            self._parameter(name, name, f"{name}[{':, ' * axis}:{self.tail}]")
        printer.names[id(node)] = name
        return name

    def _lines(self, numbers: list[Node]) -> list[str]:
        """Return the statements of the function."""
        printer, block = self.printer, self.block
        outside, printer.statements = printer.statements, []
        printer.rows = block
        partial: dict[int, str] = {}
        for node in block.nodes:
            self._name_operands(node)
            kind = kind_of(node)
            if block.is_total(node):
                if node.shape:
                    name = printer.names[id(node)]
                    printer.say(
                        f"np.add({name}, {printer.share(node)}, {name})", printer.comment(node)
                    )
                else:
                    partial[id(node)] = printer.fresh("")
                    printer.say(f"{partial[id(node)]} = {printer.share(node)}", _rule(node))
            elif kind is Kind.VIEW:
                name = printer.names[id(node)] = printer.fresh(node.name)
                printer.say(f"{name} = {printer.text(node, '')}")
            else:
                out = printer.names[id(node)] if id(node) in block.full else self._tile(node)
                printer.say(printer.text(node, out), printer.comment(node))
        if numbers:
            printer.say(f"return {', '.join(partial[id(x)] for x in numbers)}")
        lines, printer.statements = printer.statements, outside
        printer.rows = None
        return lines

    def _loop(self, numbers: list[str]) -> None:
        """Write the calls for all tiles."""
        printer, step = self.printer, self.block.step
        whole = ", ".join(argument for _, argument, _ in self.parameters)
        last = ", ".join(argument for _, _, argument in self.parameters)
        printer.say(f"for i in range(0, {self.whole}, {step}):")
        printer.say(f"    j = i + {step}")
        for arguments, indent, due in ((whole, "    ", True), (last, "", bool(self.tail))):
            if not due:
                continue
            call = f"{self.function}({arguments})"
            if not numbers:
                printer.say(f"{indent}{call}")
            elif len(numbers) == 1:
                printer.say(f"{indent}{numbers[0]} += {call}")
            else:
                parts = [printer.fresh("part") for _ in numbers]
                printer.say(f"{indent}{', '.join(parts)} = {call}")
                for total, part in zip(numbers, parts, strict=True):
                    printer.say(f"{indent}{total} += {part}")


def _rule(node: Node) -> str:
    return f"rule of {node.rule}" if node.rule else ""
