"""Reading gradients that were saved: each line is checked, and nothing of it is ever run."""

from __future__ import annotations

import keyword
import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from fractions import Fraction

from symdiff.errors import Unparsable, nearest
from symdiff.operations.table import RELATIONS
from symdiff.store.dag import Dag
from symdiff.text.saving import (
    FUNCTIONS,
    GRAMMAR,
    HEADER,
    LARGEST_BYTES,
    LONGEST_NAME,
    PLAIN_NAME,
    VERSION,
    Saved,
    entry_name,
    indices,
    is_readable,
)
from symdiff.text.steps import Index, Step, compile_text

__all__ = ["read_file", "read_text"]

_LARGEST_ENTRIES = 2**20  # of all arguments together: a short line must not cost much memory
_MOST_AXES = 32
_CHAINS = {"+": "add", "*": "mul"}
_RELATIONS = {sign: name for name, sign in RELATIONS.items()}
_ENTRY = re.compile(r"(?P<name>[^\W\d]\w*)(?P<index>\[[0-9]+(,[0-9]+)*\])?")


class _Reader:
    """Reads the lines of a file in their order."""

    def __init__(self, text: str) -> None:
        if len(text) > LARGEST_BYTES:
            raise Unparsable(f"line 1: the text has {len(text)} characters; {LARGEST_BYTES} fit")
        self.lines = text.split("\n")
        self.at = 0
        self.dag = Dag()
        self.nodes: dict[tuple[str, Index | None], int] = {}
        self.conditions: set[tuple[str, Index | None]] = set()
        self.written: dict[str, str] = {}
        self.stems: set[str] = set()
        self.entries = 0
        self.constants: set[int] = set()  # what has no symbol below it
        self.names: dict[int, str] = {}

    def fail(self, reason: str, column: int = 1) -> Unparsable:
        """Return the error for the line at hand."""
        return Unparsable(f"line {self.at}: {reason}", column)

    def next(self) -> tuple[str, str]:
        """Return the first word of the next line, and the rest."""
        if self.at == len(self.lines):
            raise self.fail("the file ends here, without its last line, 'end'")
        line = self.lines[self.at]
        self.at += 1
        word, _, rest = line.partition(" ")
        return word, rest

    def expect(self, word: str) -> str:
        """Return the rest of a line that must begin with a word."""
        found, rest = self.next()
        if found != word:
            raise self.fail(f"{word!r} is expected, not {found[:20]!a}")
        return rest

    def define(self, name: str, node: int) -> None:
        """Give a name to a node."""
        match = PLAIN_NAME.fullmatch(name)
        if match is None or not is_readable(name):
            raise self.fail(f"{name[:20]!a} cannot name a line")
        stem, index = match.group(1), match.group(2)
        key = (stem, tuple(map(int, index[1:-1].split(","))) if index else None)
        if key in self.nodes:
            raise self.fail(f"{name!r} is there twice")
        self.nodes[key] = node
        if self.dag.is_condition(node):
            self.conditions.add(key)

    def named(self, text: str, *, entries: bool) -> tuple[str, str]:
        """Return a name that users see, and the one that the file uses for it."""
        name, _, other = text.partition(" as ")
        match = _ENTRY.fullmatch(name)
        if (
            match is None
            or len(name) > LONGEST_NAME
            or keyword.iskeyword(match["name"])
            or unicodedata.normalize("NFKC", name) != name
            or (match["index"] and not entries)
        ):
            raise self.fail(f"{name[:20]!a} is no name")
        if other and not is_readable(other):
            raise self.fail(f"{other[:20]!a} cannot name a line")
        return name, other or name

    def argument(self, rest: str) -> None:
        """Read an argument: its name and its shape."""
        match = re.fullmatch(r"(\w+(?: as \w+)?) \(((?:[0-9]{1,9}, ?)*(?:[0-9]{1,9})?)\)", rest)
        if match is None:
            raise self.fail("an argument is written as 'argument w (2, 3)'")
        name, written = self.named(match[1], entries=False)
        shape = tuple(int(n) for n in re.findall("[0-9]+", match[2]))
        if name in self.dag.shapes or written in self.stems:
            raise self.fail(f"the argument {name!a} is there twice")
        if len(shape) > _MOST_AXES:
            raise self.fail(f"{len(shape)} axes; an array has {_MOST_AXES} at most")
        self.entries += math.prod(shape)
        entries = self.entries
        if entries > _LARGEST_ENTRIES:
            raise self.fail(
                f"the arguments have {entries} entries; {_LARGEST_ENTRIES} are the most"
            )
        self.written[name] = written
        self.stems.add(written)
        for index, node in zip(indices(shape), self.dag.symbols(name, shape).flat, strict=True):
            self.define(entry_name(written, index), int(node))

    def formula(self, text: str) -> int:
        """Return the node of a formula."""
        try:
            steps = compile_text(text, GRAMMAR, self.conditions)
            return self.run(steps)
        except Unparsable as error:
            raise self.fail(str(error), error.column) from None
        except (ArithmeticError, ValueError) as error:
            raise self.fail(f"the formula has no value: {error}") from None

    def run(self, steps: Sequence[Step]) -> int:
        """Return the node that steps build, as it is written: nothing is folded.

        Sums and products from the left are one node, and a sign in front stands before a product.
        """
        dag = self.dag
        stack: list[tuple[str, list[int], bool]] = []  # an open sum or product, or neither; a sign

        def close(item: tuple[str, list[int], bool]) -> int:
            op, terms, negative = item
            node = self.make(_CHAINS[op], *terms) if op else terms[0]
            return self.negative(node) if negative else node

        for step in steps:
            if step.kind != "call":
                stack.append(("", [self.leaf(step)], False))
                continue
            operands = stack[-step.operands :]
            del stack[-step.operands :]
            op = step.value
            if op in ("+", "-"):
                last = close(operands[1])
                opened = operands[0][0] == "+" and not operands[0][2]
                terms = operands[0][1] if opened else [close(operands[0])]
                stack.append(("+", [*terms, self.negative(last) if op == "-" else last], False))
            elif op == "*":
                kind, terms, negative = operands[0]
                if kind == "+":
                    kind, terms, negative = "", [close(operands[0])], False
                terms.append(close(operands[1]))
                stack.append(("*", terms, negative))
            elif op == "/":
                above, negative = (operands[0][0], operands[0][1], False), operands[0][2]
                stack.append(("", [self.quotient(close(above), close(operands[1]))], negative))
            elif op == "negative" and dag.ops[close(operands[0])] != "number":
                kind, terms, negative = operands[0]
                stack.append(
                    (kind, terms, True) if not negative else ("", [close(operands[0])], True)
                )
            else:
                stack.append(("", [self.operation(step, [*map(close, operands)])], False))
        return close(stack[0])

    def quotient(self, x: int, y: int) -> int:
        """Return a quotient; that of two integers is a number."""
        numbers = [self.dag.data[node] for node in (x, y) if self.dag.ops[node] == "number"]
        if len(numbers) == 2 and all(isinstance(n, int) for n in numbers) and numbers[1]:
            node = self.dag.number(Fraction(*numbers))
            self.constants.add(node)
            return node
        if self.dag.ops[x] == "number" and self.dag.data[x] < 0:
            # A quotient has its sign in front, as the graph that was written has.
            positive = self.dag.number(-self.dag.data[x])
            self.constants.add(positive)
            return self.negative(self.quotient(positive, y))
        return self.make("div", x, y)

    def make(self, op: str, *args: int) -> int:
        """Return the node of an operation."""
        node = self.dag.node(op, *args)
        if self.constants.issuperset(args):
            self.constants.add(node)
        return node

    def negative(self, x: int) -> int:
        """Return a node with its sign changed."""
        node = self.dag.negate(x)
        if x in self.constants:
            self.constants.add(node)
        return node

    def power(self, base: int, exponent: int) -> int:
        """Return a power; of numbers only where it is one that can be computed."""
        if self.constants.issuperset((base, exponent)):
            values = [self.dag.data[node] for node in (base, exponent)]
            try:
                finite = None not in values and math.isfinite(float(values[0]) ** float(values[1]))
            except (TypeError, ArithmeticError):  # complex, infinite, or a division by zero
                finite = False
            if not finite:
                raise Unparsable("a power of numbers is no finite number, or a power of a power")
        return self.make("pow", base, exponent)

    def operation(self, step: Step, args: list[int]) -> int:
        """Return a function, a power, a comparison or a choice."""
        dag, op = self.dag, step.value
        if op == "negative":
            return self.negative(args[0])
        if op == "positive":
            return args[0]
        if op == "**":
            return self.power(*args)
        if op == "where":
            return self.make("choice" if dag.is_condition(args[1]) else "where", *args)
        if op in _RELATIONS:
            return self.make(_RELATIONS[op], *args)
        if op not in FUNCTIONS:
            raise Unparsable(f"column {step.column}: {op!r} joins no scalars", step.column)
        return self.make(op, *args)

    def leaf(self, step: Step) -> int:
        """Return the node of a number or of a name."""
        if step.kind == "number":
            if isinstance(step.value, bool):
                return self.dag.boolean(step.value)
            number = self.dag.number(step.value)
            self.constants.add(number)
            return number
        node = self.nodes.get((step.value, step.entry))
        if node is None:
            known = entry_name(step.value, step.entry or ())
            raise Unparsable(f"column {step.column}: {known!a} is not defined above", step.column)
        return node

    def equation(self, rest: str) -> tuple[str, int]:
        """Return the left side of a line, and the node of its right side."""
        left, equals, right = rest.partition(" = ")
        if not equals:
            raise self.fail("a line is written as 'let h = tanh(x)'")
        return left, self.formula(right)

    def number(self, node: int) -> int:
        """Return a node that is no condition."""
        if self.dag.is_condition(node):
            raise self.fail("a result is a number, not a condition")
        return node

    def read(self) -> Saved:
        """Return the gradient of all lines."""
        version = self.lines[0].removeprefix(HEADER)
        self.at = 1
        if version == self.lines[0]:
            raise self.fail(
                f"the file does not begin with '{HEADER}{VERSION}'; one that begins with 'symdiff "
                "matrices' is read by symdiff.matrix.MatrixGradient.load"
            )
        if version != str(VERSION):
            raise self.fail(
                f"the file has format {version[:20]!a}; this version of symdiff reads format "
                f"{VERSION}"
            )
        strategy = self.expect("strategy")
        if not re.fullmatch("[a-z_]{1,32}", strategy):
            raise self.fail(f"{strategy[:20]!a} is the name of no strategy")
        word, rest = self.next()
        while word == "argument":
            self.argument(rest)
            word, rest = self.next()
        if word != "wrt":
            raise self.fail(f"'argument' or 'wrt' is expected, not {word[:20]!a}")
        wrt = rest.split(" ") if rest else []
        for name, times in Counter(wrt).items():
            if name not in self.dag.shapes or times > 1:
                raise self.fail(f"{name[:20]!a} is no argument, or is there twice")
        word, rest = self.next()
        while word in ("let", "part"):
            left, node = self.equation(rest)
            name, written = self.named(left, entries=True)
            self.define(written, node)
            if word == "let":
                self.names.setdefault(node, name)
            word, rest = self.next()
        if word != "value" or not rest.startswith("= "):
            raise self.fail(f"'let', 'part' or 'value =' is expected, not {word[:20]!a}")
        value = self.number(self.formula(rest[2:]))
        partials = [
            self.partial(entry_name(self.written[name], index))
            for name in wrt
            for index in indices(self.dag.shapes[name])
        ]
        count = self.expect("end")
        if count != str(self.at - 1) or self.lines[self.at :] != [""]:
            raise self.fail("the last line counts those before it, and nothing follows it")
        names = {node: name for node, name in self.names.items() if self.dag.args[node]}
        return Saved(strategy, self.dag, wrt, value, partials, names)

    def partial(self, expected: str) -> int:
        """Return the derivative by an entry."""
        left, node = self.equation(self.expect("partial"))
        if left != expected:
            raise self.fail(f"the partial of {expected} is expected, not of {left[:20]!a}")
        return self.number(node)


def read_text(text: str) -> Saved:
    """Return the gradient that a text holds."""
    return _Reader(text).read()


def read_file(path: str | os.PathLike[str], strategies: Collection[str]) -> Saved:
    """Return the gradient that a file holds; refuse one of an unknown strategy."""
    with open(path, "rb") as file:
        content = file.read(LARGEST_BYTES + 1)  # not all: it may be endless
    if len(content) > LARGEST_BYTES:
        raise Unparsable(f"line 1: the file has more than the {LARGEST_BYTES} bytes that are read")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unparsable(f"line {line}: this is no UTF-8, and no text") from None
    saved = read_text(text)
    if saved.strategy not in strategies:
        near = nearest(saved.strategy, strategies)
        raise Unparsable(
            f"line 2: there is no strategy {saved.strategy!r}.{near} Known: {', '.join(strategies)}"
        )
    return saved
