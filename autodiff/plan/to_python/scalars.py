"""Printing a program of numbers as plain Python arithmetic.

NumPy takes 60 times as long for a number as Python does. Python raises where NumPy gives infinity
or NaN; the function itself is then called.
"""

import base64
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autodiff.plan.literals import UNPACKED_NUMBERS, literal
from autodiff.plan.names import Names
from autodiff.plan.operations import operation_of
from autodiff.plan.printed import unless_finite
from autodiff.plan.program import (
    CONSTANT,
    FINITE,
    INPUT,
    LOOP,
    PICK,
    Body,
    Guard,
    Node,
    Program,
    body_of,
)
from autodiff.plan.to_python.elements import ASSEMBLE, GETITEM, Elements, place_of
from autodiff.plan.to_python.parts import in_parts

__all__ = ["Writer", "is_scalar", "print_scalars", "value_test"]

_NESTED = 6
#: Elements of an array for each that is read, up to which it becomes a list.
_RARE = 20
#: Numbers of a list that are written as text.
_FEW = 50


def is_scalar(program: Program, elements: bool = False) -> bool:
    """Return whether a program is one of real numbers that plain Python can run.

    With `elements` its numbers may be elements of arrays, and become arrays again as results.
    """
    if any(node.dtype != np.float64 for node in program.inputs):
        return False
    arrays = {id(x): 0 for x in program.inputs if x.shape}
    if arrays and not elements:
        return False
    numbers = set(map(id, program.inputs)) - arrays.keys()
    made: set[int] = set()
    for node in program.nodes:
        if node.op == ASSEMBLE and elements and node.shape and node.dtype == np.float64:
            made.add(id(node))
        elif node.op == GETITEM and id(node.args[0]) in arrays and place_of(node) is not None:
            arrays[id(node.args[0])] += 1
            numbers.add(id(node))
            continue
        elif not _is_number(node):
            return False
        if any(id(x) not in numbers and not _is_number(x) for x in node.args):
            return False
    if any(x.size > _RARE * arrays[id(x)] for x in program.inputs if x.shape):
        return False
    return all(id(x) in made or id(x) in numbers or _is_number(x) for x in program.roots)


def _is_number(node: Node) -> bool:
    """Return whether a node that is no input is a number that plain Python can compute."""
    typed = node.dtype == np.float64 or node.dtype.kind in "bi"
    return typed and not node.shape and _is_known(node)


def _is_known(node: Node) -> bool:
    if node.op == LOOP:
        body = body_of(node)
        return body.stacks is None and all(map(_is_known, body.needed()))
    return operation_of(node).has_numbers or node.op in (CONSTANT, PICK)


class Writer:
    """Statements for operations on numbers.

    `text_of` returns the text of nodes that others write; `function_of` the name of the function of
    a node, by default that of the module math; `call_of` the call of an operation that plain Python
    has not, of operands.
    """

    def __init__(
        self,
        fresh: Callable[[str], str],
        text_of: Callable[[Node], str] | None = None,
        function_of: Callable[[Node], str] | None = None,
        call_of: Callable[[Node, Sequence[str]], str] | None = None,
    ) -> None:
        self.fresh, self._outer, self._function_of = fresh, text_of, function_of
        self._call_of = call_of
        self.lines: list[str] = []
        #: Functions of the module math that they use.
        self.functions: set[str] = set()
        #: By name, long lists of numbers.
        self.packed: dict[str, str] = {}
        self._texts: dict[int, str] = {}
        self._depths: dict[int, int] = {}
        self._saved: dict[int, list[str]] = {}
        self._lists: dict[int, str] = {}
        self._results: dict[int, tuple[list[str], list[str]]] = {}
        self._indent = ""
        self.elements = Elements(self)

    def name(self, node: Node, text: str) -> None:
        """Set the text of a node."""
        self._texts[id(node)] = text

    def say(self, statement: str) -> None:
        """Write a statement."""
        self.lines.append(self._indent + statement)

    def text_of(self, node: Node) -> str:
        """Return the text of a node as an operand."""
        text = self._texts.get(id(node))
        if text is not None:
            closed = not self._depths.get(id(node)) or operation_of(node).math
            return text if closed else f"({text})"
        if node.op == CONSTANT:
            return literal(_number(node.function))
        if node.op == PICK:
            return self.picked(node)
        assert self._outer is not None
        return self._outer(node)

    def picked(self, node: Node) -> str:
        """Return the text of a result of a loop."""
        carries, given = self._results[id(node.args[0])]
        if "carry" in node.params:
            return carries[int(node.params["carry"])]
        return f"{given[node.params['given']]}[{node.params['at']}]"

    def decide(self, guards: Iterable[Guard]) -> None:
        """Write that the function ends if it would decide otherwise."""
        for guard in guards:
            if guard.what == FINITE:
                for line in unless_finite(self.text_of(guard.node)):
                    self.say(line)
                continue
            if guard.what == "value":
                self.say(f"if {value_test(guard, self.text_of(guard.node))}:")
                self.say("    return changed")
                continue
            convert = "bool" if guard.what == "bool" else "int"
            self.say(f"if {convert}({self.text_of(guard.node)}) != {guard.outcome}:")
            self.say("    return changed")

    def write(self, nodes: Iterable[Node], roots: Iterable[Node], guards: Iterable[Guard]) -> None:
        """Write the statements of operations."""
        nodes = list(nodes)
        decisions: dict[int, list[Guard]] = {}
        for guard in guards:
            decisions.setdefault(id(guard.node), []).append(guard)
        parts = _parts(nodes, roots)
        backward = bool(self._indent)
        for node in nodes:
            if node.rule and not backward:
                backward = True
                self.say("# backward")
            if node.op == LOOP:
                self.loop(node)
                continue
            if node.op == ASSEMBLE:
                self.name(node, self.elements.together(node))
                continue
            if node.op in (PICK, GETITEM):
                self.name(node, self.picked(node) if node.op == PICK else self.elements.one(node))
                self.decide(decisions.get(id(node), ()))
                continue
            operands = [self.text_of(x) for x in node.args]
            row = operation_of(node)
            if row.math:
                function = row.math if self._function_of is None else self._function_of(node)
                self.functions.add(function)
                expression = f"{function}({', '.join(operands)})"
            elif not row.python:
                assert self._call_of is not None
                expression = self._call_of(node, operands)
            else:
                expression = row.python.format(*operands)
            depth = 1 + max([self._depths.get(id(x), 0) for x in node.args], default=0)
            if id(node) in parts and depth < _NESTED and not node.name:
                # Within the one expression that uses it: a name would take as long as a sum.
                self._texts[id(node)], self._depths[id(node)] = expression, depth
                continue
            self._texts[id(node)] = name = self.fresh(node.name)
            rule = f"  # rule of {node.rule}" if node.rule else ""
            self.say(f"{name} = {expression}{rule}")
            self.decide(decisions.get(id(node), ()))

    def loop(self, node: Node) -> None:
        """Write the statements of a loop."""
        body = body_of(node)
        args = iter(node.args)
        carries = [self.fresh("") for _ in body.carries]
        for name, x in zip(carries, body.carries, strict=True):
            self.say(f"{name} = {self.text_of(next(args))}")
            self.name(x, name)
        sources = self._sources(body, args)
        for x in body.shared:
            self.name(x, self.text_of(next(args)))
        saved = [self.fresh("saved") for _ in body.kept]
        given = [self.fresh("given") for _ in body.given]
        self._saved[id(body)] = saved
        for name in (*saved, *given):
            self.say(self.empty_list(name, body.count))
        header, taken = self.header(sources, body.count)
        self.say(header)
        before, self._indent = self._indent, self._indent + "    "
        outer, self.lines = self.lines, []
        for statement in taken:
            self.say(statement)
        left = list(zip((*saved, *given), (*body.kept, *body.given), strict=True))
        for name, x in left:
            if x.op == INPUT:
                self.say(self.appended(name, self.text_of(x)))
        self.write(body.needed(), body.roots, body.guards)
        for name, x in left:
            if x.op != INPUT:
                self.say(self.appended(name, self._alone(x)))
        moved = [(name, self._alone(x)) for name, x in zip(carries, body.following, strict=True)]
        self.lines, moved = _in_place(self.lines, moved)
        if moved:
            names, texts = zip(*moved, strict=True)
            self.say(f"{', '.join(names)} = {', '.join(texts)}")
        self.lines = outer + self.lines
        self._indent = before
        self._results[id(node)] = carries, given

    # What lists are: others may have arrays in their place.

    def empty_list(self, name: str, count: int) -> str:
        """Return the statement that makes a list to which so many numbers will be appended."""
        return f"{name} = []"

    def appended(self, name: str, text: str) -> str:
        """Return the statement that appends the number of an iteration."""
        return f"{name}.append({text})"

    def reversed_list(self, name: str) -> str:
        """Return the text of a list in reverse order."""
        return f"reversed({name})"

    def numbers(self, name: str, numbers: Sequence[float]) -> None:
        """Write, or note, a list of numbers that are known."""
        if len(numbers) <= _FEW:
            self.say(f"{name} = [{', '.join(map(literal, numbers))}]")
        else:
            octets = np.array(numbers).tobytes()
            self.packed[name] = base64.b85encode(zlib.compress(octets, 1)).decode()

    def header(self, sources: Sequence[tuple[str, str]], count: int) -> tuple[str, list[str]]:
        """Return the head of a loop that takes numbers from lists, and statements that do so."""
        if not sources:
            return f"for _ in range({count}):", []
        names, texts = zip(*sources, strict=True)
        together = texts[0] if len(texts) == 1 else f"zip({', '.join(texts)})"
        return f"for {', '.join(names)} in {together}:", []

    def _alone(self, x: Node) -> str:
        """Return the text of a node that stands alone."""
        return self._texts.get(id(x)) or self.text_of(x)

    def _sources(self, body: Body, args: Any) -> list[tuple[str, str]]:
        """Return the names that an iteration takes from lists, and the texts of the lists."""
        found: list[tuple[str, str]] = []
        for x, key, numbers in body.lists:
            own = [] if numbers is not None else [next(args) for _ in range(body.count)]
            if key in self._lists:
                text = self.reversed_list(self._lists[key])
            else:
                self._lists[key] = text = self.fresh("each")
                if numbers is None:
                    self.say(f"{text} = {self.elements.listed(own)}")
                else:
                    self.numbers(text, numbers)
            found.append((self.fresh(""), text))
            self.name(x, found[-1][0])
        for x, number in body.saved:
            assert body.other is not None
            saved = self._saved[id(body.other)][number]
            found.append((self.fresh(""), self.reversed_list(saved)))
            self.name(x, found[-1][0])
        return found


def value_test(guard: Guard, text: str) -> str:
    """Return the condition that a number is another than when the function was traced."""
    value = np.frombuffer(guard.outcome, guard.node.dtype)[0].item()
    if not value or value != value:
        return f"str({text}) != {str(value)!r}"  # 0.0 is not -0.0, and NaN is itself
    return f"{text} != {literal(value)}"


def _in_place(
    lines: list[str], moved: list[tuple[str, str]]
) -> tuple[list[str], list[tuple[str, str]]]:
    """Return lines that compute the next values of names under these names, where that is safe.

    Those that are left are returned too: of values that are still read after the next are known.
    """
    moved = [(name, text) for name, text in moved if name != text]
    if len(moved) * len(lines) > 20_000:
        return lines, moved
    left: list[tuple[str, str]] = []
    for name, text in moved:
        starts = [i for i, line in enumerate(lines) if line.lstrip().startswith(f"{text} = ")]
        others = " ".join(x for other, x in moved if other != name)
        word = re.compile(rf"\b{name}\b")
        if len(starts) != 1 or word.search(others) or re.search(rf"\b{text}\b", others):
            left.append((name, text))
            continue
        after = lines[starts[0] + 1 :]
        if any(word.search(line) for line in after):
            left.append((name, text))
            continue
        own = re.compile(rf"\b{text}\b")
        first = own.sub(name, lines[starts[0]], count=1)
        lines = [*lines[: starts[0]], first, *(own.sub(name, line) for line in after)]
    return lines, left


def print_scalars(
    program: Program,
    inputs: Sequence[str],
    result: Callable[[Sequence[str]], str],
    title: str,
) -> str:
    """Return the source of a program of numbers."""
    names = Names(*dir(math), "float64")
    writer = Writer(names.fresh)
    parameters = [names.fresh(wish) for wish in inputs]
    for node, name in zip(program.inputs, parameters, strict=True):
        writer.name(node, name)
    if program.nodes:
        writer.say("# forward")
    for node in program.inputs:
        if node.size and node.shape:
            writer.elements.read(node)
    own = set(map(id, program.inputs))
    writer.decide(guard for guard in program.guards if id(guard.node) in own)
    others = [guard for guard in program.guards if id(guard.node) not in own]
    writer.write(program.nodes, program.roots, others)
    texts = writer.elements.results(program)
    ending = f"return {result(texts)}"
    head = [f'"""{title}"""', ""]
    if writer.packed:
        head += ["import base64", "import zlib", ""]
    arrays = any(node.shape for node in (*program.inputs, *program.outputs))
    if writer.packed or arrays or "np." in ending:
        head += ["import numpy as np", ""]
    if re.search(r"(?<!\.)float64\(", ending):
        head += ["from numpy import float64", ""]
    if writer.functions:
        head += [f"from math import {', '.join(sorted(writer.functions))}", ""]
    if any(line.endswith("return changed") for line in writer.lines):
        head += ["changed = object()  # returned if the function would decide otherwise", ""]
    if writer.packed:
        head += ["", UNPACKED_NUMBERS, "", ""]
        head += [f'{key} = unpacked_numbers("{text}")' for key, text in writer.packed.items()]
    return "\n".join([*head, *in_parts(writer.lines, ending, parameters)]) + "\n"


def _parts(nodes: Iterable[Node], roots: Iterable[Node]) -> set[int]:
    """Return the identities of the nodes that one other node uses, and writes once."""
    uses = Counter(id(x) for x in roots)
    once: set[int] = set()
    for node in nodes:
        if node.op == LOOP:
            # Within the loop they would be computed again and again.
            uses.update(2 * [id(x) for x in node.args])
            continue
        row = operation_of(node)
        for i, x in enumerate(node.args):
            uses[id(x)] += 1
            if row.math or row.python.count(f"{{{i}}}") == 1:
                once.add(id(x))
    return {key for key in once if uses[key] == 1}


def _number(value: Any) -> Any:
    """Return a number of Python's own."""
    return value.item() if isinstance(value, np.generic) else value
