"""Printing formulas as straight-line source that runs on its own.

The same statements run on Python floats (`math`, fast; a division by zero raises) and on NumPy
scalars (`numpy`, slower; infinities and NaN flow through). Only the lines before them differ.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from symdiff.operations.operation import Operation
from symdiff.operations.table import OPERATIONS, RELATIONS
from symdiff.printing.guards import Case, Guard, guards_of
from symdiff.printing.infix import ATOM, COMPARE, POWER, PRODUCT, SUM, UNARY
from symdiff.store.dag import ZERO, Dag, Nodes
from symdiff.store.exact import Number

__all__ = ["ENTRY_POINT", "print_source"]

ENTRY_POINT = "value_and_gradient"

_DEPTH = 40  # CPython's tokenizer stops at 200 nested parentheses
_SPARSE = 256  # entries of an array from which mostly 0 is filled in where it is not
_TERMS = 50  # its compiler recurses once for each term of a sum

# A power with an exponent that is no whole number is a call as well.
_POW = replace(OPERATIONS["pow"], python="pow", math="pow", numpy="power")
_RAISING = frozenset(row.name for row in OPERATIONS.values() if row.singular) - {"sigmoid", "pinv"}
_FUNCTIONS = frozenset(row.python for row in OPERATIONS.values() if row.math or row.helper)


class _Fragment(NamedTuple):
    """A piece of source: its text, how tightly it binds, how deeply it nests."""

    text: str
    binding: int
    depth: int
    lasting: bool = True  # False if it uses a name that was assigned for this one place
    raises: bool = False  # whether plain floats may raise where NumPy goes on


def _literal(number: Number) -> str:
    """Return a number as the source of a float."""
    value = float(number)
    if math.isnan(value):
        return 'float("nan")'
    if math.isinf(value):
        return 'float("inf")' if value > 0 else '-float("inf")'
    return repr(value)


def _enclose(fragment: _Fragment, binding: int) -> str:
    """Return the text, in parentheses where it binds less tightly than required."""
    return fragment.text if fragment.binding >= binding else f"({fragment.text})"


class _Writer:
    """Statements for nodes, and the functions that they call."""

    def __init__(
        self,
        dag: Dag,
        names: dict[int, str],
        taken: set[str],
        scalars: str,
        guards: Mapping[int, Guard],
    ) -> None:
        self.dag = dag
        self.names = names
        self.guards = guards
        self.taken = taken
        self.scalars = scalars
        self.lines: list[str] = []
        self.functions: dict[str, Operation] = {}  # by name
        self._fragments: dict[int, _Fragment] = {}
        self._assigned = 0
        self._defined: set[int] = set()

    def assign(self, node: int, text: str, raises: bool) -> str:
        """Return a new name to which the text, a piece of a node, is assigned."""
        self._assigned += 1
        name = f"r{self._assigned}"
        while name in self.taken:
            name += "_"
        self._write(node, name, text, raises)
        return name

    def _write(self, node: int, name: str, text: str, raises: bool) -> None:
        """Write a line; one that a choice may not need only where the choice needs it."""
        guard = self.guards.get(node) if raises else None
        if guard and all(guard):
            cases = [self._case(case) for case in guard]
            text = f"{text} if {' or '.join(cases)} else 0.0"
        self.lines.append(f"{name} = {text}")

    def _case(self, case: Case) -> str:
        """Return conditions that hold together, those first under which others are computed."""

        def computed(known: tuple[int, bool]) -> tuple[int, int]:
            return max(map(len, self.guards[known[0]])), known[0]

        words = []
        for condition, holds in sorted(case, key=computed):
            self.define_below(condition)
            written = _enclose(self._expression(condition), ATOM)
            words.append(written if holds else f"not {written}")
        return " and ".join(words)

    def define_below(self, node: int) -> None:
        """Write the lines of named nodes on which a node depends, if they are not there yet."""
        waiting, found = [node], {node}
        while waiting:
            for arg in self.dag.args[waiting.pop()]:
                if arg not in found and arg not in self._defined:
                    found.add(arg)
                    waiting.append(arg)
        for below in sorted(found):
            if below in self.names and self.dag.args[below]:
                self.define(below)

    def define(self, node: int) -> None:
        """Write the line of a node that has a name, once."""
        if node in self._defined:
            return
        self._defined.add(node)
        fragment = self._expression(node)
        self._write(node, self.names[node], fragment.text, fragment.raises)
        self._fragments[node] = _Fragment(self.names[node], ATOM, 0)

    def expression(self, root: int) -> str:
        """Return source for a node, each operation printed as often as it stands there."""
        return self._expression(root).text

    def _expression(self, root: int) -> _Fragment:
        """Return the fragment for a node."""
        fragments, args_of = self._fragments, self.dag.args
        known = fragments.get(root)
        if known is not None:
            return known
        results: list[_Fragment] = []
        stack: list[tuple[int, bool]] = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if not ready:
                known = fragments.get(node)
                if known is not None:
                    results.append(known)
                    continue
                if args_of[node]:
                    stack.append((node, True))
                    stack.extend([(arg, False) for arg in reversed(args_of[node])])
                    continue
            count = len(args_of[node])
            args = results[len(results) - count :]
            del results[len(results) - count :]
            fragment = self._render(node, args)
            raises = self.dag.ops[node] in _RAISING or any([arg.raises for arg in args])
            fragment = fragment._replace(raises=raises)
            lasting = fragment.lasting and all([arg.lasting for arg in args])
            if fragment.depth > _DEPTH:
                name = self.assign(node, fragment.text, raises)
                fragment, lasting = _Fragment(name, ATOM, 0), False
            if lasting:
                fragments[node] = fragment
            elif fragment.lasting:
                fragment = fragment._replace(lasting=False)
            results.append(fragment)
        return results[0]

    def _render(self, node: int, args: list[_Fragment]) -> _Fragment:
        """Return the source of one node, given that of its arguments."""
        op = self.dag.ops[node]
        depth = 1 + max([arg.depth for arg in args], default=-1)
        if not args:
            return self._leaf(node)
        if op == "add":
            return self._sum(node, args, depth)
        if op == "mul":
            return self._product(node, args, depth)
        if op == "neg":
            return _negative(args[0], depth)
        if op == "div":
            text = f"{_enclose(args[0], PRODUCT)} / {_enclose(args[1], UNARY)}"
            return _Fragment(text, PRODUCT, depth)
        if op == "pow":
            return self._power(node, args, depth)
        if op in ("where", "choice"):
            condition, a, b = (_enclose(arg, COMPARE) for arg in args)
            return _Fragment(f"({a} if {condition} else {b})", ATOM, depth)
        if op in RELATIONS:
            left, right = (_enclose(arg, SUM) for arg in args)
            return _Fragment(f"({left} {RELATIONS[op]} {right})", ATOM, depth)
        if op not in OPERATIONS:
            raise NotImplementedError(f"no source is known for the function {op}")
        name = self._function(OPERATIONS[op])
        return _Fragment(f"{name}({', '.join([arg.text for arg in args])})", ATOM, depth)

    def _function(self, row: Operation) -> str:
        """Return the name of a function, noted for the lines before the statements."""
        self.functions[row.python] = row
        return row.python

    def _leaf(self, node: int) -> _Fragment:
        """Return a symbol or a number."""
        op = self.dag.ops[node]
        if op == "symbol":
            return _Fragment(self.names[node], ATOM, 0)
        if op != "number":
            return _Fragment(op.capitalize(), ATOM, 0)
        text = _literal(self.dag.data[node])
        if self.scalars == "numpy":  # two plain floats would raise where NumPy goes on
            return _Fragment(f"np.float64({text})", ATOM, 0)
        return _Fragment(text, UNARY if text.startswith("-") else ATOM, 0)

    def _sum(self, node: int, args: list[_Fragment], depth: int) -> _Fragment:
        """Return a sum; a long one in pieces."""
        text, lasting = "", True
        for position, arg in enumerate(args):
            term = _enclose(arg, SUM if position == 0 else PRODUCT)
            if position == 0:
                text = term
            elif term.startswith("-"):
                text += f" - {term[1:]}"
            else:
                text += f" + {term}"
            if position % _TERMS == _TERMS - 1 and position + 1 < len(args):
                raises = any([known.raises for known in args])
                text, lasting = self.assign(node, text, raises), False
        return _Fragment(text, SUM, depth, lasting)

    def _product(self, node: int, args: list[_Fragment], depth: int) -> _Fragment:
        """Return a product; a long one in pieces."""
        lasting = True
        while len(args) > _TERMS:
            piece = self.assign(node, _times(args[:_TERMS]), any([arg.raises for arg in args]))
            args = [_Fragment(piece, ATOM, 0), *args[_TERMS:]]
            lasting = False
        return _Fragment(_times(args), PRODUCT, depth, lasting)

    def _power(self, node: int, args: list[_Fragment], depth: int) -> _Fragment:
        """Return a power."""
        exponent = self.dag.args[node][1]
        n = self.dag.data[exponent] if self.dag.ops[exponent] == "number" else None
        if n == 2 and args[0].text.isidentifier():
            return _Fragment(f"{args[0].text} * {args[0].text}", PRODUCT, depth)
        if isinstance(n, int):
            return _Fragment(f"{_enclose(args[0], ATOM)}**{n}", POWER, depth)
        name = self._function(_POW)
        return _Fragment(f"{name}({args[0].text}, {args[1].text})", ATOM, depth)


def _times(factors: list[_Fragment]) -> str:
    """Return the factors in a row."""
    return " * ".join([_enclose(f, PRODUCT + (k > 0)) for k, f in enumerate(factors)])


def _negative(fragment: _Fragment, depth: int) -> _Fragment:
    """Return the negative of a fragment."""
    if fragment.text.startswith("-") and fragment.binding >= PRODUCT:
        return _Fragment(fragment.text[1:], fragment.binding, depth)
    text = f"-{_enclose(fragment, PRODUCT)}"
    return _Fragment(text, max(min(fragment.binding, UNARY), PRODUCT), depth)


def _header(functions: dict[str, Operation], scalars: str) -> list[str]:
    """Return the imports and the helpers that the statements need."""
    imports: dict[str, set[tuple[str, str]]] = {}  # by module: what it has, and its name here
    helpers: list[str] = []

    def add(known: str, name: str) -> None:
        module, _, known = (known if "." in known else f"{library}.{known}").rpartition(".")
        imports.setdefault(module, set()).add((known, name))

    library = "math" if scalars == "float" else "numpy"
    for name, row in functions.items():
        known = row.math if library == "math" else row.numpy
        if known:
            add(known, name)
            continue
        on_scalars = row.numpy_helper if library == "numpy" else ""
        helpers += ["", "", on_scalars or row.helper]
        for need in row.helper_needs:
            add(need, need)
    lines = {}
    for module, names in imports.items():
        listed = [known if known == name else f"{known} as {name}" for known, name in sorted(names)]
        lines[module] = f"from {module} import {', '.join(listed)}"
    first = [lines.pop(library)] if library in lines else []
    if first and library == "math":
        first.append("")
    return [*first, "import numpy as np", *lines.values(), *helpers]


def _allocate(name: str, taken: set[str]) -> str:
    """Return a Python name like `name` that nothing else has, and take it."""
    name = re.sub(r"\W+", "_", name).rstrip("_") or "v"
    while name in taken or keyword.iskeyword(name):
        name += "_"
    taken.add(name)
    return name


def _outer(dag: Dag, nodes: Nodes) -> tuple[list[int], list[int]] | None:
    """Return the factors of rows and of columns, if a matrix is the outer product of two vectors.

    The derivative by a weight matrix is one: an adjoint of each output times each input.
    """
    if nodes.ndim != 2 or min(nodes.shape) < 2:
        return None
    rows: list[int] = []
    for row in nodes[:, :2].tolist():
        if any(dag.ops[node] != "mul" or len(dag.args[node]) != 2 for node in row):
            return None
        common = set(dag.args[row[0]]) & set(dag.args[row[1]])
        if len(common) != 1:
            return None
        rows += common
    columns = [sum(dag.args[node]) - rows[0] for node in nodes[0].tolist()]
    for factor, row in zip(rows, nodes.tolist(), strict=True):
        for other, node in zip(columns, row, strict=True):
            if dag.ops[node] != "mul" or sorted(dag.args[node]) != sorted((factor, other)):
                return None
    return rows, columns


def _entries(writer: _Writer, nodes: Nodes) -> str:
    """Return source of an array of nodes, or of the one node of a scalar."""
    if not nodes.shape:
        return writer.expression(int(nodes))
    factors = _outer(writer.dag, nodes)
    # Only of names: a factor with operations in it would be computed once where it stands often.
    if factors is not None and all(node in writer.names for side in factors for node in side):
        sides = (f"[{', '.join(map(writer.expression, side))}]" for side in factors)
        return f"np.outer({', '.join(sides)})"
    flat = nodes.ravel()
    places = np.flatnonzero(flat != ZERO)
    sparse = flat.size >= _SPARSE and len(places) < flat.size // 4
    entries = ", ".join(map(writer.expression, (flat[places] if sparse else flat).tolist()))
    text = f"np.array([{entries}], dtype=float)"
    if sparse:
        text = _allocate("sparse", writer.taken)
        writer.lines.append(f"{text} = np.zeros({flat.size})")
        if len(places):
            writer.lines.append(f"{text}[{places.tolist()}] = [{entries}]")
    return text if len(nodes.shape) == 1 else f"{text}.reshape({nodes.shape})"


def print_source(
    dag: Dag,
    inputs: Mapping[str, Nodes],
    names: Mapping[int, str],
    value: int,
    partials: Mapping[str, Nodes],
    *,
    title: str,
    scalars: Literal["float", "numpy"] = "float",
) -> str:
    """Return the source of one function that computes a value and its partial derivatives."""
    taken = {"np", "float", "abs", "max", ENTRY_POINT, _POW.python, *_FUNCTIONS}
    parameters = {name: _allocate(name, taken) for name in inputs}
    texts: dict[int, str] = {}
    for name, nodes in inputs.items():
        for index, node in np.ndenumerate(nodes):
            entry = "_".join([parameters[name], *map(str, index)])
            texts[int(node)] = _allocate(entry, taken) if index else parameters[name]
    for named, line in names.items():
        texts[named] = _allocate(line, taken)
    roots = [value, *(node for nodes in partials.values() for node in nodes.ravel().tolist())]
    guards = guards_of(dag, roots) if scalars == "float" else {}
    writer = _Writer(dag, texts, taken, scalars, guards)
    for name, nodes in inputs.items():
        parameter = parameters[name]
        if not nodes.shape:
            number = f"float({parameter})"
            number = number if scalars == "float" else f"np.float64({number})"
            writer.lines += [f"# {parameter}: a scalar", f"{parameter} = {number}"]
            continue
        writer.lines.append(f"# {parameter}: shape {nodes.shape}")
        if nodes.size:
            targets = ", ".join([texts[node] for node in nodes.ravel().tolist()])
            numbers = f"np.asarray({parameter}, dtype=float).ravel()"
            numbers += ".tolist()" if scalars == "float" else ""
            targets = targets if nodes.size > 1 else f"({targets},)"
            writer.lines.append(f"{targets} = {numbers}")
    for named in names:
        writer.define(named)
    result = writer.expression(value)
    gradients = [f'"{name}": {_entries(writer, nodes)}' for name, nodes in partials.items()]
    writer.lines.append(f"return {result}, {{{', '.join(gradients)}}}")
    body = [
        f"# {title}",
        *_header(writer.functions, scalars),
        "",
        "",
        f"def {ENTRY_POINT}({', '.join(parameters.values())}):",
        *(f"    {line}" for line in writer.lines),
    ]
    return "\n".join(body) + "\n"
