"""Printing a program of numbers with loops as one function that Numba compiles.

The statements are those of plain Python, with arrays in the place of lists.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from autodiff.plan.literals import UNPACKED, array_text
from autodiff.plan.names import Names
from autodiff.plan.operations import operation_of
from autodiff.plan.passes.nan_checks import is_partial
from autodiff.plan.program import FINITE, LOOP, PICK, Guard, Node, Program, body_of
from autodiff.plan.to_numba.source import NotCompiled
from autodiff.plan.to_python.elements import GETITEM, Elements
from autodiff.plan.to_python.scalars import Writer

__all__ = ["has_loops_of_numbers", "print_numbers"]

#: Statements up to which it takes Numba a few seconds to compile them.
_LONGEST = 1000
#: Statements of one form from which they become a loop.
_SHORTEST = 8
_PLACE = re.compile(r"\[(\d+)\]")
_NAME = re.compile(r"\b[A-Za-z_]\w*\b")


def has_loops_of_numbers(program: Program) -> bool:
    """Return whether there are loops, and all of them are on numbers."""
    bodies = [body_of(node) for node in program.nodes if node.op == LOOP]
    return bool(bodies) and all(body.stacks is None for body in bodies)


def print_numbers(
    program: Program,
    inputs: Sequence[str],
    result: Callable[[Sequence[str]], str],
    title: str,
) -> tuple[str, int]:
    """Return the source of a program of numbers, and the bytes of the arrays in its loops."""
    decided = any(guard.what != FINITE for guard in program.guards)
    if decided or any(body_of(node).guards for node in program.nodes if node.op == LOOP):
        raise NotCompiled("numbers that decide branches are plain Python arithmetic")
    names = Names(*dir(math), "float64", "np", "numbers", "looped")
    writer = _Writer(names.fresh)
    parameters = [names.fresh(wish) for wish in inputs]
    for node, name in zip(program.inputs, parameters, strict=True):
        writer.name(node, name)
        if node.shape:
            writer.elements.read(node)
    writer.write(program.nodes, program.roots, ())
    texts = writer.elements.results(program)
    results = [names.fresh("") for _ in texts]
    lines = _rolled([*writer.lines, f"return ({', '.join(texts)},)"], names.fresh)
    if len(lines) > _LONGEST:
        raise NotCompiled("it has too many different operations on numbers")
    body = [re.sub(r'float\("(-?)(inf|nan)"\)', r"\1np.\2", line) for line in lines]
    given = [
        f"np.array({name}).reshape(-1)" if node.shape else f"float({name})"
        for node, name in zip(program.inputs, parameters, strict=True)
    ]
    outer = [f"{', '.join(results)}, = numbers({', '.join([*given, *writer.known])})"]
    known = [f"{name} = {array_text(np.array(x))}" for name, x in writer.known.items()]
    head = [f'"""{title}"""', ""]
    if any("unpacked(" in line for line in known):
        head += UNPACKED
    if writer.functions:
        head.append(f"from math import {', '.join(sorted(writer.functions))}")
    head += ["import numpy as np", "from numpy import float64", ""]
    head += ["from autodiff.plan.to_numba.math import looped", "", *known, ""]
    head += ["", "@looped", f"def numbers({', '.join([*parameters, *writer.known])}):"]
    tail = ["", "", f"def run({', '.join(parameters)}):"]
    outer.append(f"return {result(results)}")
    source = [*head, *(f"    {x}" for x in body), *tail, *(f"    {x}" for x in outer)]
    return "\n".join(source) + "\n", 8 * writer.size


class _Writer(Writer):
    """Statements with arrays in the place of lists."""

    def __init__(self, fresh: Callable[[str], str]) -> None:
        super().__init__(fresh)
        self.elements = _Items(self)
        #: By name, numbers that are known; and how many the arrays hold that are made.
        self.known: dict[str, Sequence[float]] = {}
        self.size = 0
        self._turn = ""

    def write(self, nodes: Iterable[Node], roots: Iterable[Node], guards: Iterable[Guard]) -> None:
        """Write the statements of operations; what Python might refuse must be finite."""
        nodes = list(nodes)
        guards = [Guard(node, FINITE, None) for node in nodes if _may_raise(node)]
        super().write(nodes, [*roots, *(guard.node for guard in guards)], guards)

    def loop(self, node: Node) -> None:
        """Write the statements of a loop."""
        outer, self._turn = self._turn, self.fresh("turn")
        super().loop(node)
        self._turn = outer

    def empty_list(self, name: str, count: int) -> str:
        """Return the statement that makes an array for so many numbers."""
        self.size += count
        return f"{name} = np.empty({count})"

    def appended(self, name: str, text: str) -> str:
        """Return the statement that stores the number of an iteration."""
        return f"{name}[{self._turn}] = {text}"

    def reversed_list(self, name: str) -> str:
        """Return the text of an array in reverse order."""
        return f"{name}[::-1]"

    def numbers(self, name: str, numbers: Sequence[float]) -> None:
        """Note an array of numbers that are known."""
        self.known[name] = numbers

    def header(self, sources: Sequence[tuple[str, str]], count: int) -> tuple[str, list[str]]:
        """Return the head of a loop that takes numbers from arrays, and statements that do so."""
        taken = []
        for name, text in sources:
            array = text
            if not text.isidentifier():
                self.say(f"{(array := self.fresh('backward'))} = {text}")
            taken.append(f"{name} = {array}[{self._turn}]")
        return f"for {self._turn} in range({count}):", taken


def _may_raise(node: Node) -> bool:
    """Return whether Python may raise, or have a complex number, instead of what is not finite.

    A rule computes with NumPy's numbers.
    """
    known = bool(node.args) and node.op not in (LOOP, PICK, GETITEM) and node.dtype.kind == "f"
    return known and not node.rule and (is_partial(node) or bool(operation_of(node).math))


class _Items(Elements):
    """The same of numbers that are read from arrays and put together to others."""

    def read(self, x: Node) -> None:
        """Note that the items of an argument, which has one axis, are read."""
        self._lists[id(x)] = self._writer.text_of(x), []

    def listed(self, nodes: Sequence[Node]) -> str:
        """Write an array of numbers, and return its name."""
        name: str = self._writer.fresh("together")
        self._writer.say(f"{name} = np.empty({len(nodes)})")
        for i, x in enumerate(nodes):
            self._writer.say(f"{name}[{i}] = {self._writer.text_of(x)}")
        return name

    def together(self, node: Node) -> str:
        """Write that numbers become an array, and return its name."""
        name = self.listed(node.args)
        if len(node.shape) == 1:
            return name
        shaped: str = self._writer.fresh(node.name)
        self._writer.say(f"{shaped} = {name}.reshape({node.shape})")
        return shaped


def _rolled(lines: Iterable[str], fresh: Callable[[str], str]) -> list[str]:
    r"""Return lines with a loop where the same is done with the next items of arrays.

    Examples
    --------
    >>> lines = [f"v{i} = x[{i}] * y[{9 - i}]" for i in range(9)]
    >>> print("\n".join(_rolled([*lines, "z = v2"], lambda wish: wish)))
    items = np.empty(9)
    for turn in range(9):
        items[turn] = x[turn] * y[9 - turn]
    z = items[2]
    """
    lines, found = list(lines), []
    #: What stands for names that have become items.
    known: dict[str, str] = {}

    def renamed(line: str) -> str:
        return _NAME.sub(lambda name: known.get(name[0], name[0]), line) if known else line

    start = 0
    while start < len(lines):
        line = renamed(lines[start])
        form, places = _form(line)
        before, steps, end = places, [0] * len(places), start + 1
        while places and end < len(lines):
            other, now = _form(renamed(lines[end]))
            if other != form:
                break
            distances = [x - y for x, y in zip(now, before, strict=True)]
            if end > start + 1 and distances != steps:
                break
            before, steps, end = now, distances, end + 1
        if end - start < _SHORTEST:
            found.append(line)
            start += 1
            continue
        turn, moving = fresh("turn"), zip(places, steps, strict=True)
        texts = [_progression(place, step, turn) for place, step in moving]
        text = form.format(*texts)
        if text.startswith("= "):
            name = fresh("items")
            found.append(f"{name} = np.empty({end - start})")
            names = [x.split(" ", 1)[0] for x in lines[start:end]]
            known |= {x: f"{name}[{i}]" for i, x in enumerate(names)}
            text = f"{name}[{turn}] {text}"
        found += [f"for {turn} in range({end - start}):", f"    {text}"]
        start = end
    return found


def _form(line: str) -> tuple[str, list[int]]:
    """Return a statement without the places of items and the name it gives, and these places.

    One that stands in a loop has none.
    """
    statement = line.split("  # ")[0]
    places = [] if line.startswith(" ") else [int(x) for x in _PLACE.findall(statement)]
    return re.sub(r"^\w+ = ", "= ", _PLACE.sub("[{}]", statement)), places


def _progression(start: int, step: int, turn: str) -> str:
    """Return the text of a place that moves by a step in each turn."""
    if not step:
        return str(start)
    moved = turn if abs(step) == 1 else f"{abs(step)} * {turn}"
    if step < 0:
        return f"{start} - {moved}"
    return f"{start} + {moved}" if start else moved
