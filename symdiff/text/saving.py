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
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from symdiff.errors import ExpressionTooLarge
from symdiff.operations.table import OPERATIONS
from symdiff.printing.infix import ATOM, POWER, PRODUCT, UNARY, Dialect, Text, lines
from symdiff.store.dag import Dag, Nodes
from symdiff.store.exact import Number
from symdiff.text.grammar import Grammar
from symdiff.text.steps import Index

__all__ = [
    "DIALECT",
    "FUNCTIONS",
    "GRAMMAR",
    "HEADER",
    "LARGEST_BYTES",
    "LONGEST_NAME",
    "NAME_CHARACTERS",
    "PLAIN_NAME",
    "VERSION",
    "Saved",
    "entry_name",
    "indices",
    "is_readable",
    "write_text",
]

LARGEST_BYTES = 2**26
HEADER = "symdiff gradient, format "
VERSION = 1
_MANY = 2**20
NAME_CHARACTERS = 64
LONGEST_NAME = 1_000  # of an argument, which gets another name to be read by

# The functions of a graph by NumPy's names, with the fewest and the most arguments.
FUNCTIONS: dict[str, tuple[int, int]] = {
    row.name: (row.arity[0], row.arity[1] or _MANY)
    for row in OPERATIONS.values()
    if row.kind == "function" or row.name in ("add", "mul", "where")
}
GRAMMAR = Grammar(
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


DIALECT = Dialect(_number, _power, _where, _call)


@dataclass(frozen=True)
class Saved:
    """A gradient as a file holds it.

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
    """

    strategy: str
    dag: Dag
    wrt: list[str]
    value: int
    partials: list[int]
    names: dict[int, str] = field(default_factory=dict)

    def inputs(self) -> dict[str, Nodes]:
        """Return the symbols of each argument, in its shape."""
        found = {name: np.zeros(shape, dtype=np.int64) for name, shape in self.dag.shapes.items()}
        for node, (op, place) in enumerate(zip(self.dag.ops, self.dag.data, strict=True)):
            if op == "symbol":
                found[place[0]].reshape(-1)[place[1]] = node
        return found


PLAIN_NAME = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(\[[0-9]+(,[0-9]+)*\])?")


def is_readable(name: str) -> bool:
    """Return whether the grammar can read a name as it stands."""
    match = PLAIN_NAME.fullmatch(name)
    if match is None or len(name) > NAME_CHARACTERS:
        return False
    stem = match.group(1)
    reserved = stem in FUNCTIONS or stem in GRAMMAR.constants or keyword.iskeyword(stem)
    return not reserved


def _inventor(prefix: str, taken: set[str]) -> Callable[[], str]:
    """Return a function that makes new names, p1, p2 and so on."""
    counter = itertools.count(1)

    def invent() -> str:
        name = next(name for n in counter if (name := f"{prefix}{n}") not in taken)
        taken.add(name)
        return name

    return invent


def indices(shape: tuple[int, ...]) -> Iterator[Index]:
    """Return the positions of the entries of a shape, the last index fastest."""
    return itertools.product(*map(range, shape))


def entry_name(name: str, index: Index) -> str:
    """Return the name of an entry."""
    return f"{name}[{','.join(map(str, index))}]" if index else name


def write_text(saved: Saved) -> str:
    """Return a gradient as text."""
    dag = saved.dag
    for name in dag.shapes:
        if len(name) > LONGEST_NAME:
            raise ValueError(
                f"save: the argument {name[:20]}... has a name of {len(name)} characters; "
                f"{LONGEST_NAME:,} are the most that can be loaded again"
            )
    taken = {*dag.shapes, *saved.names.values()}
    alias = _inventor("a", taken)
    invent = _inventor("p", taken)
    out = [f"{HEADER}{VERSION}", f"strategy {saved.strategy}"]
    written: dict[str, str] = {}
    for name, shape in dag.shapes.items():
        written[name] = name if is_readable(name) else alias()
        renamed = "" if written[name] == name else f" as {written[name]}"
        out.append(f"argument {name}{renamed} {shape}")
    out.append(" ".join(["wrt", *saved.wrt]))
    names: dict[int, str] = {}
    lets: dict[int, str] = {}
    stems, used = set(written.values()), set[str]()
    for node, name in saved.names.items():
        stem = name.partition("[")[0]
        fits = is_readable(name) and stem not in stems and name not in used
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
        titles += [f"partial {entry_name(written[name], i)}" for i in indices(dag.shapes[name])]
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
