"""Printing a graph as C: loops over whole matrices, for any lengths.

What is computed from each element alone stands in the loop of what uses it; moved elements are
read where they are; everything else gets a part of one block of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any, NoReturn

import numpy as np

from symdiff.matrix.construct import complement
from symdiff.matrix.lengths import joined, replaced
from symdiff.matrix.node import Graph, Node, reachable
from symdiff.matrix.rules.elementwise import common_shape
from symdiff.matrix.shapes import Length, Shape, axes_of, shown
from symdiff.matrix.table import RULES
from symdiff.operations.table import OPERATIONS
from symdiff.printing.c_source import Names, literal
from symdiff.printing.infix import ATOM

__all__ = ["print_c"]

_Places = Sequence[str]  # an index into an array, as C

#: Operations on each element that are no function of the table of operations.
_SIGNS = {
    "add": "({0} + {1})",
    "subtract": "({0} - {1})",
    "multiply": "({0} * {1})",
    "divide": "({0} / {1})",
    "negate": "(-{0})",
    "power": "pow({0}, {1})",
    "where": "({0} != 0.0 ? {1} : {2})",
    "greater": "(double)({0} > {1})",
    "greater_equal": "(double)({0} >= {1})",
    "less": "(double)({0} < {1})",
    "less_equal": "(double)({0} <= {1})",
    "equal": "(double)({0} == {1})",
    "not_equal": "(double)({0} != {1})",
    "logical_and": "(double)({0} != 0.0 && {1} != 0.0)",
    "logical_or": "(double)({0} != 0.0 || {1} != 0.0)",
    "logical_not": "(double)({0} == 0.0)",
}
#: Those that are one with some operands put in.
_ROWS = {
    "step": ("step", "{0}", "0.0"),
    "relu": ("maximum", "{0}", "0.0"),
    "softplus": ("logaddexp", "{0}", "0.0"),
    "reciprocal": ("pinv", "{0}"),
}
_SQUARE = """static double square(double x)
{
    return x * x;
}"""
_MOVES = frozenset(
    {"transpose", "reshape", "broadcast", "index", "diagonal", "diag", "tril", "triu"}
)
_GATHERS = frozenset({"sum", "sumsquares", "norm", "inner"})


def _axis(places: _Places, shape: Shape, own: Shape) -> list[str]:
    """Return the index into an operand that is broadcast."""
    last = list(places)[len(shape) - len(own) :]
    return ["0" if n == 1 else place for place, n in zip(last, own, strict=True)]


class _Writer:
    """The statements of a function."""

    def __init__(self, graph: Graph, names: Names, order: Sequence[Node]) -> None:
        self.graph = graph
        self.c = names
        self.lines: list[str] = []
        self.depth = 1
        self.helpers: dict[str, str] = {}
        self.lengths: dict[str, str] = {}
        self.known: dict[int, str] = {}  # names of scalars and arrays, by index of their node
        self.memory: list[tuple[str, str]] = []  # parts of the block: name, size
        self.tables: dict[int, str] = {}
        self.users: dict[int, list[Node]] = {}
        self.whole: set[int] = set()  # what is needed as an array in memory
        for node in order:
            z = complement(node)
            for arg in node.args if z is None else (*node.args, z):
                self.users.setdefault(arg.index, []).append(node)
            if node.op == "reshape" and not _same_but_ones(node.args[0].shape, node.shape):
                self.whole.add(node.args[0].index)

    # Text ---------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append("    " * self.depth + text)

    def length(self, n: Length) -> str:
        """Return a length."""
        return replaced(n, self.lengths.__getitem__)

    def size(self, shape: Shape) -> str:
        """Return the number of elements."""
        numbers = prod(n for n in shape if isinstance(n, int))
        parts = [self.length(n) for n in shape if not isinstance(n, int)]
        return " * ".join([*([str(numbers)] if numbers != 1 or not parts else []), *parts])

    def flat(self, places: _Places, shape: Shape) -> str:
        """Return the place of an element in memory."""
        text = ""
        for place, n in zip(places, shape, strict=True):
            text = f"({text}) * {self.length(n)} + {place}" if text else place
        return text or "0"

    @contextmanager
    def loops(self, shape: Shape) -> Iterator[list[str]]:
        """Open a loop over each axis; give the indices."""
        places = []
        for n in shape:
            place = "0" if n == 1 else self.c.new("i")
            places.append(place)
            if n != 1:
                self.line(f"for (int {place} = 0; {place} < {self.length(n)}; {place}++) {{")
                self.depth += 1
        yield places
        for n in shape:
            if n != 1:
                self.depth -= 1
                self.line("}")

    def refuse(self, what: str) -> NoReturn:
        """Refuse what no loops are written for."""
        raise NotImplementedError(
            f"code(language='c'): there are no loops for {what}; code() prints NumPy source, and "
            "strategy='adjoint' with numbers as lengths prints C for what it can write out"
        )

    def call(self, name: str, *args: str) -> str:
        """Return a function of the table of operations."""
        row = OPERATIONS.get(name)
        if row is None or row.c in ("", "-") or row.c_whole or row.c_array:
            self.refuse(name)
        if row.c_helper:
            self.helpers[row.c] = row.c_helper
        return f"{row.c}({', '.join(args)})"

    # Elements -----------------------------------------------------------------------------------

    def at(self, node: Node, places: _Places) -> str:
        """Return an element of an array."""
        name = self.known.get(node.index)
        if name is not None:
            return name if not node.shape else f"{name}[{self.flat(places, node.shape)}]"
        op = node.op
        if op == "number":
            return literal(float(node.params[0])).within(ATOM)
        if op == "length":
            return f"(double)({self.length(node.params[0])})"
        if op == "eye":
            return f"(double)({places[0]} == {places[1]})"
        if op == "array":
            values = self.graph.arrays[node.params[0]]
            return (
                f"{self.table(node.params[0], values, 'double')}[{self.flat(places, node.shape)}]"
            )
        if op in _MOVES:
            return self._moved(node, places)
        z = complement(node)
        if z is not None:
            return self.call("sigmoid", f"-{self.at(z, _axis(places, node.shape, z.shape))}")
        args = [self.at(arg, _axis(places, node.shape, arg.shape)) for arg in node.args]
        if op in _SIGNS:
            return _SIGNS[op].format(*args)
        if op == "square":
            self.helpers["square"] = _SQUARE
            return f"square({args[0]})"
        if op in _ROWS:
            row, *operands = _ROWS[op]
            return self.call(row, *(operand.format(*args) for operand in operands))
        return self.call(op, *args)

    def _moved(self, node: Node, places: _Places) -> str:
        """Return an element that stands elsewhere in an operand."""
        (a,) = node.args
        op = node.op
        if op == "transpose":
            axes = node.params[0]
            return self.at(a, [places[axes.index(k)] for k in range(len(axes))])
        if op == "broadcast":
            return self.at(a, _axis(places, node.shape, a.shape))
        if op == "diagonal":
            return self.at(a, [places[0], places[0]])
        if op == "diag":
            return f"({places[0]} == {places[1]} ? {self.at(a, places[:1])} : 0.0)"
        if op in ("tril", "triu"):
            sign = "<=" if op == "tril" else ">="
            inside = f"{places[1]} - {places[0]} {sign} {node.params[0]}"
            return f"({inside} ? {self.at(a, places)} : 0.0)"
        if op == "index":
            return self.at(a, self.taken(node.params[0], a.shape, places))
        if a.index in self.known and a.shape:
            return f"{self.known[a.index]}[{self.flat(places, node.shape)}]"
        left = [p for p, n in zip(places, node.shape, strict=True) if n != 1]
        return self.at(a, ["0" if n == 1 else left.pop(0) for n in a.shape])

    def table(self, place: int, values: Any, kind: str) -> str:
        """Return the name of a constant array."""
        if place not in self.tables:
            self.tables[place] = name = self.c.new("C")
            flat = np.asarray(values).ravel().tolist()
            texts = [str(int(v)) if kind == "int" else literal(float(v)).text for v in flat]
            text = f"static const {kind} {name}[] = {{{', '.join(texts) or '0'}}};"
            self.helpers[f"~{len(self.tables):09}"] = text
        return self.tables[place]

    def taken(self, index: Sequence[Any], shape: Shape, places: _Places) -> list[str]:
        """Return the place in an array of an element of the part that an index selects."""
        rest, found, axis = list(places), [], 0
        arrays = [k for k, e in enumerate(index) if isinstance(e, tuple) and e[0] == "array"]
        fixed = [k for k, e in enumerate(index) if isinstance(e, int)]
        advanced = sorted(arrays + fixed)  # apart from each other they would move an axis
        apart = advanced and advanced[-1] - advanced[0] >= len(advanced)
        if len(arrays) > 1 or (arrays and apart):
            self.refuse("an index of several arrays")
        for entry in index:
            if entry is None:
                rest.pop(0)
                continue
            n = self.length(shape[axis])
            if isinstance(entry, int):
                found.append(str(entry) if entry >= 0 else f"({n} - {-entry})")
            elif entry[0] == "array":
                values = self.graph.arrays[entry[1]]
                if values.dtype == bool:
                    if values.ndim != 1:
                        self.refuse("an index of truth values with several axes")
                    values = np.flatnonzero(values)
                name = self.table(-1 - entry[1], values, "int")
                here = [rest.pop(0) for _ in range(values.ndim)]
                item = f"{name}[{self.flat(here, values.shape)}]"
                negative = bool((values < 0).any())
                found.append(f"({item} < 0 ? {n} + {item} : {item})" if negative else item)
            else:
                found.append(self._sliced(entry[1:], shape[axis], rest.pop(0)))
            axis += 1
        return [*found, *rest]

    def _sliced(self, entry: Sequence[Any], length: Length, place: str) -> str:
        """Return the place of an element of a slice."""
        start, _, step = entry
        if isinstance(length, int):  # a start beyond the end is the end
            start = slice(*entry).indices(length)[0]
        n, step = self.length(length), 1 if step is None else step
        if start is None:
            first = "0" if step > 0 else f"({n} - 1)"
        elif isinstance(start, str):
            first = self.length(joined([start]))
        elif start >= 0:
            first = str(start)
        else:
            first = f"({n} - {-start})"
        moved = place if step == 1 else f"{step} * {place}"
        return moved if first == "0" else f"({first} + {moved})"

    # Statements ---------------------------------------------------------------------------------

    def compute(self, node: Node) -> None:
        """Compute a node where it has to stand in memory; else it is written where it is used."""
        op = node.op
        if op in ("input", "number", "length", "eye", "array") or node.index in self.known:
            if node.index in self.whole and node.index not in self.known:
                self._store(node)
            return
        each = RULES[op].shape is common_shape
        if node.index in self.whole or not node.shape:
            self._store(node)
        elif op in _MOVES:
            return
        elif each:
            users = self.users.get(node.index, [])
            alone = len(users) == 1 and users[0].args.count(node) == 1
            inside = alone and (RULES[users[0].op].shape is common_shape or users[0].op in _GATHERS)
            if not inside or any(
                arg.shape != node.shape and arg.shape
                for user in users
                for arg in (node, user)
                if RULES[user.op].shape is common_shape
            ):
                self._store(node)
        else:
            self._store(node)

    def _target(self, node: Node) -> Callable[[_Places], str]:
        """Return the place where an element of a node is kept, a new one."""
        name = self.c.new("r" if node.shape else "s")
        if not node.shape:
            self.line(f"double {name};")
            self.known[node.index] = name
            return lambda places: name
        self.memory.append((name, self.size(node.shape)))
        self.known[node.index] = name
        return lambda places: f"{name}[{self.flat(places, node.shape)}]"

    def _store(self, node: Node) -> None:
        """Write the loops that compute a node."""
        writer = getattr(self, f"_{node.op}", None)
        if writer is not None and node.op in _OWN:
            writer(node)
            return
        if node.op in _OF_AXES:
            self._reduced(node)
            return
        leaf = node.op in ("input", "number", "length", "eye", "array")
        if not leaf and node.op not in _MOVES and RULES[node.op].shape is not common_shape:
            self.refuse(node.op)
        target = self._target(node)
        name = self.known.pop(node.index)
        with self.loops(node.shape) as places:
            self.line(f"{target(places)} = {self.at(node, places)};")
        self.known[node.index] = name

    def _reduced(self, node: Node) -> None:
        """Write a reduction over axes."""
        (a, *more), op = node.args, node.op
        axes = axes_of(node.params)
        target = self._target(node)
        start, step, end = _OF_AXES[op]
        kept = [k for k in range(a.ndim) if k not in axes]
        with self.loops(tuple(a.shape[k] for k in kept)) as outer:
            own = dict(zip(kept, outer, strict=True))
            out = [own.get(k, "0") for k in range(a.ndim)] if node.params[1] else outer
            total = self.c.new("a")
            self.line(f"double {total} = {start};")
            with self.loops(tuple(a.shape[k] for k in axes)) as inner:
                own |= dict(zip(axes, inner, strict=True))
                places = [own[k] for k in range(a.ndim)]
                x = self.at(a, places)
                if op in ("max", "min"):
                    self.call("maximum" if op == "max" else "minimum", total, x)
                if op == "ties":
                    x = f"(double)({x} == {self.at(more[0], places)})"
                if op == "sumsquares" or op == "norm":
                    self.helpers["square"] = _SQUARE
                self.line(step.format(total=total, x=x))
            self.line(f"{target(out)} = {end.format(total=total)};")

    def _matmul(self, node: Node) -> None:
        """Write a product of matrices and vectors."""
        a, b = node.args
        if max(a.ndim, b.ndim) > 2:
            self.refuse("a product of stacks of matrices")
        target = self._target(node)
        with self.loops(node.shape) as places:
            left, right = places[: a.ndim - 1], places[a.ndim - 1 :]
            self._dot(target(places), a, b, left, right, a.shape[-1])

    def _dot(
        self, target: str, a: Node, b: Node, left: list[str], right: list[str], n: Length
    ) -> None:
        """Write the sum of products along one axis."""
        total = self.c.new("a")
        self.line(f"double {total} = 0.0;")
        with self.loops((n,)) as (k,):
            self.line(f"{total} += {self.at(a, [*left, k])} * {self.at(b, [k, *right])};")
        self.line(f"{target} = {total};")

    def _outer(self, node: Node) -> None:
        """Write a product of a column with a row."""
        target = self._target(node)
        with self.loops(node.shape) as (i, j):
            a, b = node.args
            self.line(f"{target([i, j])} = {self.at(a, [i])} * {self.at(b, [j])};")

    def _scaled_rows(self, node: Node) -> None:
        """Write a product with a diagonal matrix."""
        target = self._target(node)
        with self.loops(node.shape) as places:
            c, m = node.args
            self.line(f"{target(places)} = {self.at(c, places[:1])} * {self.at(m, places)};")

    def _inner(self, node: Node) -> None:
        """Write the sum of products of elements."""
        target, (a, b) = self._target(node), node.args
        self.line(f"{target([])} = 0.0;")
        with self.loops(a.shape) as places:
            self.line(f"{target([])} += {self.at(a, places)} * {self.at(b, places)};")

    def _trace(self, node: Node) -> None:
        """Write the sum of the diagonal."""
        target, (a,) = self._target(node), node.args
        self.line(f"{target([])} = 0.0;")
        with self.loops(a.shape[:1]) as (i,):
            self.line(f"{target([])} += {self.at(a, [i, i])};")

    def _einsum(self, node: Node) -> None:
        """Write a sum of products over indices."""
        inputs, output = node.params
        lengths = {
            letter: n
            for arg, letters in zip(node.args, inputs, strict=True)
            for letter, n in zip(letters, arg.shape, strict=True)
        }
        target = self._target(node)
        summed = [letter for letter in lengths if letter not in output]
        with self.loops(node.shape) as places:
            own = dict(zip(output, places, strict=True))
            total = self.c.new("a")
            self.line(f"double {total} = 0.0;")
            with self.loops(tuple(lengths[letter] for letter in summed)) as inner:
                own |= dict(zip(summed, inner, strict=True))
                factors = [
                    self.at(arg, [own[letter] for letter in letters])
                    for arg, letters in zip(node.args, inputs, strict=True)
                ]
                self.line(f"{total} += {' * '.join(factors)};")
            self.line(f"{target(places)} = {total};")

    def _concatenate(self, node: Node) -> None:
        """Write arrays after one another."""
        (axis,) = node.params
        target = self._target(node)
        start: Length = 0
        for arg in node.args:
            with self.loops(arg.shape) as places:
                moved = list(places)
                if start != 0:
                    moved[axis] = f"({self.length(start)} + {places[axis]})"
                self.line(f"{target(moved)} = {self.at(arg, places)};")
            start = joined([start, arg.shape[axis]])

    def _scatter(self, node: Node) -> None:
        """Write zeros, and what is added at indices."""
        target = self._target(node)
        with self.loops(node.shape) as places:
            self.line(f"{target(places)} = 0.0;")
        for arg, index in zip(node.args, node.params[1], strict=True):
            with self.loops(arg.shape) as places:
                there = self.taken(index, node.shape, places)
                self.line(f"{target(there)} += {self.at(arg, places)};")

    def _put(self, node: Node) -> None:
        """Write an array, and over it what is put at an index."""
        whole, part = node.args
        target = self._target(node)
        with self.loops(node.shape) as places:
            self.line(f"{target(places)} = {self.at(whole, places)};")
        with self.loops(part.shape) as places:
            there = self.taken(node.params[0], node.shape, places)
            self.line(f"{target(there)} = {self.at(part, places)};")

    def _softmax(self, node: Node) -> None:
        """Write exponentials over their sum."""
        self._exponentials(node, True)

    def _logsumexp(self, node: Node) -> None:
        """Write the logarithm of a sum of exponentials."""
        self._exponentials(node, False)

    def _exponentials(self, node: Node, share: bool) -> None:
        """Write what is made of exponentials, shifted by the largest exponent."""
        (a,) = node.args
        axes = [k % a.ndim for k in np.atleast_1d(node.params[0]).tolist()]
        target = self._target(node)
        kept = [k for k in range(a.ndim) if k not in axes]
        along = tuple(a.shape[k] for k in axes)
        with self.loops(tuple(a.shape[k] for k in kept)) as outer:
            own = dict(zip(kept, outer, strict=True))

            def place(inner: _Places) -> list[str]:
                every = own | dict(zip(axes, inner, strict=True))
                return [every[k] for k in range(a.ndim)]

            top, total = self.c.new("m"), self.c.new("a")
            self.line(f"double {top} = -INFINITY, {total} = 0.0;")
            with self.loops(along) as inner:
                x = self.at(a, place(inner))
                self.line(f"{top} = {self.call('maximum', top, x)};")
            with self.loops(along) as inner:
                self.line(f"{total} += exp({self.at(a, place(inner))} - {top});")
            if share:
                with self.loops(along) as inner:
                    there = place(inner)
                    self.line(f"{target(there)} = exp({self.at(a, there)} - {top}) / {total};")
            else:
                out = [own.get(k, "0") for k in range(a.ndim)] if node.params[1] else outer
                self.line(f"{target(out)} = {top} + log({total});")


_OWN = frozenset(
    {"matmul", "outer", "scaled_rows", "inner", "trace", "einsum", "concatenate", "scatter", "put"}
    | {"softmax", "logsumexp"}
)
#: How reductions over axes start, go on, and end.
_OF_AXES = {
    "sum": ("0.0", "{total} += {x};", "{total}"),
    "sumsquares": ("0.0", "{total} += square({x});", "{total}"),
    "norm": ("0.0", "{total} += square({x});", "sqrt({total})"),
    "prod": ("1.0", "{total} *= {x};", "{total}"),
    "max": ("-INFINITY", "{total} = maximum({total}, {x});", "{total}"),
    "min": ("INFINITY", "{total} = minimum({total}, {x});", "{total}"),
    "ties": ("0.0", "{total} += {x};", "{total}"),
}


def _same_but_ones(before: Shape, after: Shape) -> bool:
    """Return whether a reshape only adds and drops axes of length 1."""
    return [n for n in before if n != 1] == [n for n in after if n != 1]


def print_c(
    graph: Graph,
    inputs: Mapping[str, Node],
    value: Node,
    partials: Mapping[str, Node],
    title: str,
) -> str:
    """Return the C source of a function of value and gradient; it returns 0 if all went well."""
    names = Names(["value_and_gradient", "value", "block", "square", "malloc", "free"])
    order = reachable([value, *partials.values()])
    writer = _Writer(graph, names, order)
    arguments = {name: names.like(name, "argument") for name in inputs}
    results = {name: names.like(f"{arguments[name]}_bar", "bar") for name in partials}
    for node in inputs.values():
        for n in node.shape:
            if isinstance(n, str) and n not in writer.lengths:
                writer.lengths[n] = names.like(n, "length")
    for name, node in inputs.items():
        writer.known[node.index] = arguments[name] if node.shape else f"{arguments[name]}[0]"
    for node in order:
        writer.compute(node)
    writer.line(f"*value = {writer.at(value, [])};")
    for name, node in partials.items():
        with writer.loops(node.shape) as places:
            where = writer.flat(places, node.shape)
            writer.line(f"{results[name]}[{where}] = {writer.at(node, places)};")
    lengths = list(writer.lengths.values())
    parameters = [
        *(f"int {name}" for name in lengths),
        *(f"const double *{name}" for name in arguments.values()),
        "double *value",
        *(f"double *{name}" for name in results.values()),
    ]
    head = [f"/* {title} */", "#include <math.h>", "#include <stdlib.h>", ""]
    for helper in sorted(writer.helpers):
        head += [writer.helpers[helper], ""]
    for name, node in inputs.items():
        head.append(f"/* {arguments[name]}: shape {shown(node.shape)} */")
    body = [f"    (void){name};" for name in (*lengths, *arguments.values())]
    for n, least in graph.least.items():
        body += [f"    if ({writer.length(n)} < {least})", "        return 2;"]
    if writer.memory:
        sizes = " + ".join(f"(size_t)({size})" for _, size in writer.memory)
        body += [
            f"    double *const block = malloc(sizeof(double) * ({sizes} + 1));",
            "    if (block == NULL)",
            "        return 1;",
        ]
        before = "block"
        for name, size in writer.memory:
            body.append(f"    double *const {name} = {before};")
            before = f"{name} + {size}"
    end = ["    free(block);"] if writer.memory else []
    text = ",\n".join(f"    {parameter}" for parameter in parameters)
    code = [*head, "int value_and_gradient(", f"{text})", "{", *body, *writer.lines, *end]
    return "\n".join([*code, "    return 0;", "}", ""])
