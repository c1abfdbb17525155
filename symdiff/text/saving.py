"""Gradients as text, and back: a file that can be read by eye and cannot run anything.

The format, version 1, is one definition a line, in ASCII but for the names of arguments::

    symdiff gradient, format 1
    strategy adjoint
    argument w (2,)
    argument x ()
    wrt w
    let h1 = sigmoid(w[0]*x + w[1])
    part p1 = h1*(1 - h1)
    value = h1
    partial w[0] = p1*x
    partial w[1] = p1
    end 10

`let` is an intermediate that the strategy named, `part` one that only the file needs, so that no
line is long or deep. A name that the grammar has no room for is given another after ``as``. `end`
counts the lines, so that half a file is no file.
"""

from __future__ import annotations

import itertools
import keyword
import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from symdiff.errors import ExpressionTooLarge, Unparsable, nearest
from symdiff.operations.table import OPERATIONS, RELATIONS
from symdiff.printing.infix import ATOM, POWER, PRODUCT, UNARY, Dialect, Text, lines
from symdiff.store.dag import Dag, Nodes
from symdiff.store.exact import Number
from symdiff.text.grammar import Grammar, Index, Step, compile_text

__all__ = ["DIALECT", "FUNCTIONS", "LARGEST_BYTES", "Saved", "read_file", "read_text", "write_text"]

LARGEST_BYTES = 2**26
_LARGEST_ENTRIES = 2**20  # of all arguments together: a short line must not cost much memory
_HEADER = "symdiff gradient, format "
_VERSION = 1
_MANY = 2**20
_MOST_AXES = 32
_NAME_CHARACTERS = 64

# The functions of a graph by NumPy's names, with the fewest and the most arguments.
FUNCTIONS: dict[str, tuple[int, int]] = {
    row.name: (row.arity[0], row.arity[1] or _MANY)
    for row in OPERATIONS.values()
    if row.kind == "function" or row.name in ("add", "mul", "where")
}
_GRAMMAR = Grammar(
    functions=FUNCTIONS,
    constants={"inf": math.inf, "nan": math.nan, "true": True, "false": False},
    entries=True,
    conditional=True,
    free=False,
    integer=2**256,
    characters=2**24,
    tokens=2**22,
)


def _number(value: Number) -> Text:
    """Return a number as the grammar has it."""
    if isinstance(value, Fraction):
        return Text(f"{value.numerator}/{value.denominator}", PRODUCT)
    text = repr(value)
    return Text(text, UNARY if text.startswith("-") else ATOM)


def _power(_: str, args: Sequence[Text]) -> Text:
    """Return a power."""
    return Text(f"{args[0].within(ATOM)}**{args[1].within(POWER)}", POWER)


def _call(op: str, args: Sequence[Text]) -> Text:
    """Return a function, or an operation with many arguments."""
    return Text(f"{op}({', '.join(arg.text for arg in args)})")


def _where(_: str, args: Sequence[Text]) -> Text:
    """Return a choice, between numbers or conditions."""
    return _call("where", args)


_CHAINS = {"+": "add", "*": "mul"}
_RELATIONS = {sign: name for name, sign in RELATIONS.items()}
DIALECT = Dialect(_number, _power, _where, _call)


@dataclass(frozen=True)
class Saved:
    """What a file holds.

    Attributes
    ----------
    strategy : str
        How the gradient was derived.
    dag : Dag
        The graph.
    wrt : list of str
        The arguments by which it was differentiated.
    value : int
        The node of the value.
    partials : list of int
        The nodes of the derivatives, the entries of one argument after those of the other.
    names : dict of int to str
        The named intermediates.

    Examples
    --------
    >>> dag = Dag()
    >>> x = int(dag.symbols("x", ()))
    >>> saved = Saved("shared", dag, ["x"], dag.square(x), [dag.multiply(dag.number(2), x)])
    >>> saved.names
    {}
    """

    strategy: str
    dag: Dag
    wrt: list[str]
    value: int
    partials: list[int]
    names: dict[int, str] = field(default_factory=dict)

    def inputs(self) -> dict[str, Nodes]:
        """Return the symbols of each argument, in its shape.

        Examples
        --------
        >>> dag = Dag()
        >>> _ = dag.symbols("x", (2,))
        >>> Saved("shared", dag, [], 0, []).inputs()
        {'x': array([2, 3])}
        """
        found = {name: np.zeros(shape, dtype=np.int64) for name, shape in self.dag.shapes.items()}
        for node, (op, place) in enumerate(zip(self.dag.ops, self.dag.data, strict=True)):
            if op == "symbol":
                found[place[0]].reshape(-1)[place[1]] = node
        return found


_PLAIN = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(\[[0-9]+(,[0-9]+)*\])?")
_ENTRY = re.compile(r"(?P<name>[^\W\d]\w*)(?P<index>\[[0-9]+(,[0-9]+)*\])?")


def _fits(name: str) -> bool:
    """Return whether the grammar can read a name as it stands."""
    match = _PLAIN.fullmatch(name)
    if match is None or len(name) > _NAME_CHARACTERS:
        return False
    stem = match.group(1)
    reserved = stem in FUNCTIONS or stem in _GRAMMAR.constants or keyword.iskeyword(stem)
    return not reserved


def _inventor(prefix: str, taken: set[str]) -> Callable[[], str]:
    """Return a function that makes new names, p1, p2 and so on."""
    counter = itertools.count(1)

    def invent() -> str:
        name = next(name for n in counter if (name := f"{prefix}{n}") not in taken)
        taken.add(name)
        return name

    return invent


def _indices(shape: tuple[int, ...]) -> Iterator[Index]:
    """Return the positions of the entries of a shape, the last index fastest."""
    return itertools.product(*map(range, shape))


def _entry(name: str, index: Index) -> str:
    """Return the name of an entry."""
    return f"{name}[{','.join(map(str, index))}]" if index else name


def write_text(saved: Saved) -> str:
    """Return a gradient as text.

    Examples
    --------
    >>> dag = Dag()
    >>> x = int(dag.symbols("x", ()))
    >>> twice = dag.multiply(dag.number(2), x)
    >>> print(write_text(Saved("shared", dag, ["x"], dag.square(x), [twice])), end="")
    symdiff gradient, format 1
    strategy shared
    argument x ()
    wrt x
    value = x**2
    partial x = 2*x
    end 6
    """
    dag = saved.dag
    taken = {*dag.shapes, *saved.names.values()}
    alias = _inventor("a", taken)
    invent = _inventor("p", taken)
    out = [f"{_HEADER}{_VERSION}", f"strategy {saved.strategy}"]
    written: dict[str, str] = {}
    for name, shape in dag.shapes.items():
        written[name] = name if _fits(name) else alias()
        renamed = "" if written[name] == name else f" as {written[name]}"
        out.append(f"argument {name}{renamed} {shape}")
    out.append(" ".join(["wrt", *saved.wrt]))
    names: dict[int, str] = {}
    lets: dict[int, str] = {}
    stems, used = set(written.values()), set[str]()
    for node, name in saved.names.items():
        stem = name.partition("[")[0]
        fits = _fits(name) and stem not in stems and name not in used
        used.add(name)
        names[node] = name if fits else alias()
        lets[node] = f"let {name}" if fits else f"let {name} as {names[node]}"
    roots = [saved.value, *saved.partials]
    for node in dag.reachable(roots):
        if dag.ops[node] == "symbol":
            name, _ = dag.data[node]
            names[node] = written[name] + dag.symbol_name(node)[len(name) :]
    titles = ["value"]
    for name in saved.wrt:
        titles += [f"partial {_entry(written[name], i)}" for i in _indices(dag.shapes[name])]
    results = iter(titles)
    for node, written_name, text in lines(dag, roots, names, DIALECT, invent):
        left = next(results) if written_name is None else lets.get(node, f"part {written_name}")
        out.append(f"{left} = {text}")
    out.append(f"end {len(out)}\n")
    whole = "\n".join(out)
    if len(whole) > LARGEST_BYTES:
        raise ExpressionTooLarge(
            f"save: the text has {len(whole)} characters; {LARGEST_BYTES} are the most that can be "
            "loaded again. strategy='adjoint' has the shortest text"
        )
    return whole


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
        match = _PLAIN.fullmatch(name)
        if match is None or not _fits(name):
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
            or len(name) > _NAME_CHARACTERS
            or keyword.iskeyword(match["name"])
            or unicodedata.normalize("NFKC", name) != name
            or (match["index"] and not entries)
        ):
            raise self.fail(f"{name[:20]!a} is no name")
        if other and not _fits(other):
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
        for index, node in zip(_indices(shape), self.dag.symbols(name, shape).flat, strict=True):
            self.define(_entry(written, index), int(node))

    def formula(self, text: str) -> int:
        """Return the node of a formula."""
        try:
            steps = compile_text(text, _GRAMMAR, self.conditions)
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
        """Return a quotient; that of two whole numbers is a number."""
        whole = [self.dag.data[node] for node in (x, y) if self.dag.ops[node] == "number"]
        if len(whole) == 2 and isinstance(whole[0], int) and isinstance(whole[1], int) and whole[1]:
            node = self.dag.number(Fraction(*whole))
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
            plain = [self.dag.data[node] for node in (base, exponent)]
            try:
                finite = None not in plain and math.isfinite(float(plain[0]) ** float(plain[1]))
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
            known = _entry(step.value, step.entry or ())
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
        """Return what the file holds."""
        version = self.lines[0].removeprefix(_HEADER)
        self.at = 1
        if version == self.lines[0]:
            raise self.fail(f"the file does not begin with '{_HEADER}{_VERSION}'")
        if version != str(_VERSION):
            raise self.fail(
                f"the file has format {version[:20]!a}; this version of symdiff reads format "
                f"{_VERSION}"
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
            self.partial(_entry(self.written[name], index))
            for name in wrt
            for index in _indices(self.dag.shapes[name])
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
    """Return the gradient that a text holds.

    Examples
    --------
    >>> dag = Dag()
    >>> x = int(dag.symbols("x", ()))
    >>> text = write_text(Saved("shared", dag, ["x"], dag.square(x), [dag.add(x, x)]))
    >>> write_text(read_text(text)) == text
    True
    """
    return _Reader(text).read()


def read_file(path: str | os.PathLike[str], strategies: Collection[str]) -> Saved:
    """Return the gradient that a file holds.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "gradient.txt"
    >>> _ = path.write_text("Dear student,")
    >>> read_file(path, ["shared"])
    Traceback (most recent call last):
    symdiff.errors.Unparsable: line 1: the file does not begin with 'symdiff gradient, format 1'
    """
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
