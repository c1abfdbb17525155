"""The statements of a program in NumPy: one call each, into memory that stands ready.

What is fixed before the first call (memory, views of it, constants) stands above the function, so
that each statement of it is one call of NumPy. Measured on arrays of ten elements: ``out`` by
position 0.22 µs where by keyword it takes 0.31 and without it 0.30; ``a.dot(b, out)`` 0.30 where
``np.matmul`` takes 0.85; an operand that is a 0-d array 0.25 where a Python number takes 0.45.
"""

import math
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.core.primitive import PRIMITIVES
from autodiff.plan.literals import (
    LARGE,
    UNPACKED_NUMBERS,
    array_text,
    brief,
    has_text,
    index_text,
    literal,
)
from autodiff.plan.names import Names
from autodiff.plan.operation import Kind
from autodiff.plan.operations import CALLED, HELPERS, is_basic_index, kind_of, operation_of
from autodiff.plan.program import (
    CONSTANT,
    LOOP,
    PICK,
    Node,
    Program,
    is_number,
    loops_on_arrays,
)
from autodiff.plan.to_numpy.buffers import Buffers
from autodiff.plan.to_numpy.fields import parsed
from autodiff.plan.to_numpy.tiling import Block
from autodiff.plan.to_python.scalars import Writer

__all__ = ["Printer"]

#: Buffers of one shape from which they are made in one statement.
_FEW = 8
#: Elements up to which a matrix is filled before a row is added.
_SMALL = 8192
_DOUBLE = (np.dtype(float), np.dtype(complex))
_HELPER_NAMES = [text[4 : text.index("(")] for text in HELPERS if text.startswith("def ")]
_HELPER_NAMES += ["raise_unless_finite", "aligned", "vector_of"]


class Printer:
    """Statements for a program whose values lie in given buffers, and what stands above them."""

    def __init__(self, program: Program, buffers: Buffers, inputs: Sequence[str]) -> None:
        self.program, self.buffers = program, buffers
        self.header: list[str] = []
        self.statements: list[str] = []
        self.functions: list[list[str]] = []
        #: Functions that Numba compiles, by their text in which the name is KERNEL: their names.
        self.kernels: dict[str, str] = {}
        self.names: dict[int, str] = {}
        self.constants: dict[str, Any] = {}
        self.helpers: set[str] = set()
        self.imports: dict[str, list[str]] = {}
        self._ufuncs: dict[np.ufunc, str] = {}
        names = Names(*_HELPER_NAMES)
        self.fresh = names.fresh
        self._raw: list[str] = []
        self._numbers: dict[str, str] = {}
        self._flat: dict[int, str] = {}
        self._static: set[int] = set()
        self._calls: dict[tuple[str, int], str] = {}
        self._arrays: dict[int, str] = {}
        self._empty: dict[str, list[str]] = {}
        self._unnamed: dict[int, str] = {}
        self.within: set[int] = set()
        self._steps: Writer | None = None
        self.rows: Block | None = None
        #: By identity of a loop on arrays, the names of what it carries and gives.
        self.results: dict[int, tuple[list[str], list[str]]] = {}
        #: By identity of its body, the names of the lists of what it saves.
        self.saved: dict[int, list[str]] = {}
        #: Of these, the names of those that stand above the function: arrays that are filled anew.
        self.rows_ready: set[str] = set()
        #: By identity of a node, the array that the statement writes over.
        self.over: dict[int, str] = {}
        #: Constants that decisions are held against: so that no other node gets their identity.
        self.held: list[Node] = []
        #: Names of the inputs that may be numbers of Python's.
        self._given: dict[int, str] = {}
        inner = [x for body in loops_on_arrays(program.nodes) for x in body.needed()]
        nodes = [*program.inputs, *program.nodes, *inner]
        self._mixed = any(x.dtype.kind in "fc" and x.dtype not in _DOUBLE for x in nodes)
        self.parameters = [self.fresh(name) for name in inputs]
        for node, name in zip(program.inputs, self.parameters, strict=True):
            self.names[id(node)] = name

    def take_numbers(self, numbers: Sequence[Node]) -> None:
        """Write that inputs become NumPy's numbers, as in eager functions; loops take them raw."""
        loops = any(x.op == LOOP for x in self.program.nodes)
        for node in numbers:
            given = name = self.names[id(node)]
            if loops:
                self._given[id(node)] = given
                name = self.names[id(node)] = self.fresh(given)
            self.say(f"{name} = np.{node.dtype.name}({given})")

    def _given_name(self, node: Node) -> str:
        """Return the name of an operand of a loop over numbers."""
        return self._given.get(id(node)) or self.name_of(node)

    def numpy_name(self, node: Node) -> str:
        """Return the name of a value that has the methods of arrays."""
        text = self.name_of(node)
        number = node.op == CONSTANT and not isinstance(node.function, np.ndarray | np.generic)
        if not node.shape and node.dtype in _DOUBLE and (number or node.op == PICK):
            return f"np.{node.dtype.name}({text})"
        return text

    def name_of(self, node: Node) -> str:
        """Return the name of the value of a node."""
        known = self.names.get(id(node))
        if known is None:
            assert node.op == CONSTANT
            known = self.names[id(node)] = self._constant(node)
        return known

    def _constant(self, node: Node) -> str:
        """Return the name of a constant array, or a number as source."""
        value = node.function
        if node.shape == () and not isinstance(value, np.ndarray):
            # Among other types NumPy's number is none of Python's, which takes theirs.
            # And Python's complex numbers do not know NumPy's floats.
            numpys = isinstance(value, np.float64 | np.complex128)
            strong = numpys if self._mixed else node.dtype.kind == "c"
            text = literal(value)
            return self.fixed(f"np.{node.dtype.name}({text})", "c") if strong else text
        name = self.fresh("k")
        self._static.add(id(node))
        if is_number(node):
            self.header.append(f"{name} = np.full({node.shape}, {literal(value)})")
        elif value.nbytes > LARGE:
            self.constants[name] = value
            self.header.append(
                f"# {name}: array of shape {value.shape}, {value.dtype}: plan.constants[{name!r}]; "
                f'{name} = np.load("constants.npz")[{name!r}] after '
                'np.savez("constants.npz", **plan.constants)'
            )
        else:
            self.header.append(f"{name} = {array_text(np.asarray(value))}")
        return name

    def operand(self, node: Node, result: Node) -> str:
        """Return an operand of an elementwise operation: numbers as arrays without axes."""
        if node.op != CONSTANT or node.shape or not is_number(node) or not result.shape:
            return self.name_of(node)
        text = self.name_of(node)
        integer = node.dtype.kind == "i" and bool(operation_of(result).operator)
        if result.dtype != np.float64 or not (integer or node.dtype == np.float64):
            return text
        return self.fixed(f"np.array({text}, float)", "c")

    def flat(self, node: Node) -> str | None:
        """Return the name of a value as a vector, if it is that without a copy."""
        if id(node) not in self._static or not self.is_contiguous(node):
            return None
        if len(node.shape) == 1:
            return self.name_of(node)
        if id(node) not in self._flat:
            self._flat[id(node)] = name = self.fresh(f"{self.name_of(node)}_flat")
            self.header.append(f"{name} = {self.name_of(node)}.reshape(-1)")
        return self._flat[id(node)]

    def is_static(self, node: Node) -> bool:
        """Return whether a value has its memory before the function is called."""
        return id(node) in self._static

    def is_contiguous(self, node: Node) -> bool:
        """Return whether a value is known to lie in one piece."""
        return id(node) in self.buffers.slots or (
            node.op == "reshape" and self.is_contiguous(node.args[0])
        )

    def fixed(self, key: str, wish: str) -> str:
        """Return the name of what an expression gives, computed above the function."""
        if key not in self._numbers:
            self._numbers[key] = name = self.fresh(wish)
            self.header.append(f"{name} = {key}")
        return self._numbers[key]

    def _ufunc(self, ufunc: np.ufunc) -> str:
        """Return a name that stands for a universal function; nothing if none is public.

        It is looked up once: ``np.add`` takes a tenth of the time of a small sum, ``add`` none.
        """
        special: Any = sys.modules.get("scipy.special")
        for module, text in ((np, "numpy"), (special, "scipy.special")):
            if module is not None and getattr(module, ufunc.__name__, None) is ufunc:
                name = self._ufuncs[ufunc] = self.fresh(ufunc.__name__)
                renamed = "" if name == ufunc.__name__ else f" as {name}"
                self.imports.setdefault(text, []).append(f"{ufunc.__name__}{renamed}")
                return name
        return ""

    def function(self, node: Node) -> str:
        """Return the name under which the function of an operation is called."""
        if isinstance(node.function, np.ufunc):
            known = self._ufuncs.get(node.function)
            if known is None:
                known = self._ufunc(node.function)
            if known:
                return known
        public = operation_of(node).function
        if public:
            return public
        key = (node.op, id(node.function))
        if key not in self._calls:
            self._calls[key] = name = self.fresh(node.op.replace(" ", "_").replace(".", "_"))
            if node.op in PRIMITIVES and PRIMITIVES[node.op].function is node.function:
                self.header.insert(0, f"{name} = PRIMITIVES[{node.op!r}].function")
            else:
                self.constants[name] = node.function
                self.header.insert(0, f"# {name}: a function of the user's own")
        return self._calls[key]

    def allocate(self, units: Sequence[Node | Block]) -> None:
        """Write the lines that make the buffers which are not seen as arrays of one kind only."""
        forms: dict[int, set[Any]] = {}
        inner = [node for body in loops_on_arrays(units) for node in body.needed()]
        for unit in (*units, *inner):
            for node in unit.nodes if isinstance(unit, Block) else [unit]:
                slot = self.buffers.slots.get(id(node))
                if slot is not None:
                    one = not isinstance(unit, Block) and node.nbytes == self.buffers.sizes[slot]
                    form = (node.shape, node.dtype) if one else None
                    forms.setdefault(slot, set()).add(form)
        for slot, size in enumerate(self.buffers.sizes):
            self._raw.append("")
            if len(forms[slot]) > 1 or None in forms[slot]:
                self._raw[-1] = self.fresh(f"m{slot}")
                self.header.append(f"{self._raw[-1]} = np.empty({size}, np.uint8)")

    def arrays(self) -> list[str]:
        """Return the lines that make the arrays which are buffers of their own."""
        lines: list[str] = []
        for text, names in self._empty.items():
            if len(names) < _FEW:
                lines += [f"{name} = {text}" for name in names]
            else:
                # A line for each would take ten times as long to compile.
                joined = textwrap.fill(", ".join(names), 96).replace("\n", "\n    ")
                lines += ["(", f"    {joined}", f") = [{text} for _ in range({len(names)})]"]
        return lines

    def place(self, node: Node) -> str:
        """Write the line that names the memory of a value, and return the name."""
        slot = self.buffers.slots[id(node)]
        self._static.add(id(node))
        if self._raw[slot]:
            name = self.fresh(node.name)
            self.header.append(f"{name} = {self.buffer(node, node.shape)}")
        elif not node.name and slot in self._unnamed:
            name = self._unnamed[slot]
        else:
            name = self.fresh(node.name)
            known = self._arrays.setdefault(slot, name)
            if known is name:
                kind = "" if node.dtype == np.float64 else f", {node.dtype.str!r}"
                self._empty.setdefault(f"np.empty({node.shape}{kind})", []).append(name)
            else:
                self.header.append(f"{name} = {known}")
            if not node.name:
                self._unnamed[slot] = name
        self.names[id(node)] = name
        return name

    def buffer(self, node: Node, shape: tuple[int, ...]) -> str:
        """Return the expression of the memory of a value as an array of a shape."""
        slot = self.buffers.slots[id(node)]
        nbytes = node.dtype.itemsize * math.prod(shape)
        name = self._raw[slot]
        part = name if nbytes == self.buffers.sizes[slot] else f"{name}[:{nbytes}]"
        kind = "float" if node.dtype == np.float64 else repr(node.dtype.str)
        return f"{part}.view({kind})" + (f".reshape{shape}" if len(shape) > 1 else "")

    def kernel(self, text: str, wish: str) -> str:
        """Return the name of a function that Numba compiles, which those of the same text share."""
        if text not in self.kernels:
            self.kernels[text] = self.fresh(f"{wish}_{len(self.kernels) + 1}")
        return self.kernels[text]

    def say(self, statement: str, comment: str = "") -> None:
        """Write a statement of the function."""
        self.statements.append(f"{statement}  # {comment}" if comment else statement)

    def write(self, node: Node) -> None:
        """Write the statement of a node."""
        kind = kind_of(node)
        if kind is Kind.VIEW:
            self._write_view(node)
        elif kind.owns_memory and node.shape:
            self._write_into(node, id(node) in self.buffers.slots)
        elif kind is Kind.REDUCTION:
            self._assign(node, self.text(node, ""))
        else:
            self._write_call(node)

    def _assign(self, node: Node, text: str) -> None:
        name = self.names[id(node)] = self.fresh(node.name)
        self.say(f"{name} = {text}", self.comment(node, brief=True))

    def comment(self, node: Node, brief: bool = False) -> str:
        """Return the comment of a statement: its formula, and the rule that asked for it."""
        rule = f"rule of {node.rule}" if node.rule else ""
        if brief:
            return rule
        names = [self.name_of(x) for x in node.args]
        operator = operation_of(node).operator
        text = operator.format(*names) if operator else f"{node.op}({', '.join(names)})"
        return f"{self.name_of(node)} = {text}{rule and ': '}{rule}"

    def _write_view(self, node: Node) -> None:
        (x,) = node.args
        text = self.text(node, "")
        if id(x) in self._static:
            name = self.names[id(node)] = self.fresh(
                node.name or (f"{self.name_of(x)}_T" if text.endswith(".T") else "")
            )
            self.header.append(f"{name} = {text}")
            self._static.add(id(node))
        elif id(node) in self.within and not node.name:
            self.names[id(node)] = text
        else:
            self._assign(node, text)

    def _write_into(self, node: Node, placed: bool) -> None:
        """Write a statement whose result goes to a buffer, or to fresh memory for the user."""
        out = self.place(node) if placed else self.over.get(id(node), "")
        if out and not placed:
            self.names[id(node)], placed = out, True
        if not placed and operation_of(node).fills:
            out = self.names[id(node)] = self.fresh(node.name)
            kind = "" if node.dtype == np.float64 else f", {node.dtype.str!r}"
            self.say(f"{out} = np.empty({node.shape}{kind})")
            placed = True
        bias = _bias_of(node) if placed else None
        if bias is not None:
            row, matrix = self.name_of(node.args[bias]), self.name_of(node.args[1 - bias])
            kind = "" if node.dtype == np.float64 else f", {node.dtype.str!r}"
            rows = self.fixed(f"np.empty({node.shape}{kind})", "rows")
            self.say(f"{rows}[...] = {row}")
            text = f"{self.function(node)}({matrix}, {rows}, {out})"
        else:
            text = self.text(node, out)
        if placed:
            self.say(text, self.comment(node))
        else:
            self._assign(node, text)

    def text(self, node: Node, out: str) -> str:
        """Return the text that computes a node, into an array if one is given."""
        row = operation_of(node)
        if row.numpy is CALLED:
            # The same as below in a third of the time.
            operands = [self.operand(x, node) for x in node.args]
            return f"{self.function(node)}({', '.join(operands)}{out and ', '}{out})"
        for text in row.numpy[:-1]:
            filled = self._filled(text, node, out)
            if filled is not None:
                return filled
        self.helpers.update(row.helpers)
        filled = self._filled(row.numpy[-1], node, out)
        assert filled is not None, node
        return filled

    def share(self, node: Node) -> str:
        """Return the expression of what a tile adds to a sum."""
        filled = self._filled(operation_of(node).share, node, "")
        assert filled is not None, node
        return filled

    def _filled(self, text: str, node: Node, out: str) -> str | None:
        """Return a text of the table with its fields filled in; nothing if one cannot be had."""
        pattern, fields = parsed(text)
        values: list[str] = []
        for value_of in fields:
            value = value_of(self, node, out)
            if value is None:
                return None
            values.append(value)
        return pattern.format(*values)

    def shape(self, node: Node) -> str:
        """Return the shape of a view; within a block, of the rows of a tile."""
        if self.rows is None:
            return str(node.shape)
        role = self.rows.roles[id(node)]
        lengths = list(map(str, node.shape))
        lengths[role.axis or 0] = f"{self.name_of(node.args[0])}.shape[{role.cuts[0]}]"
        return f"({', '.join(lengths)},)"

    def all_axes(self, node: Node) -> str | None:
        """Return an operand as the argument of a sum over all of its axes."""
        if node.shape:
            return None
        (x,) = node.args
        return self.flat(x) or self.name_of(x) + (", None" if len(x.shape) != 1 else "")

    def vector(self, x: Node) -> str:
        """Return an operand as a vector."""
        flat = self.flat(x) if self.rows is None else self.name_of(x) if len(x.shape) == 1 else ""
        return flat or f"{self.name_of(x)}.reshape(-1)"

    def number_function(self, node: Node) -> str:
        """Return the name under which a function of NumPy's is called with a number."""
        return f"np.{node.op}" if hasattr(np, node.op) else self.function(node)

    def _write_loop(self, node: Node) -> None:
        """Write the loop over steps on numbers, or a result of one."""
        if self._steps is None:
            function = self.number_function
            self._steps = Writer(self.fresh, self._given_name, function, self._call)
        steps = self._steps
        if node.op == PICK:
            results = self.results.get(id(node.args[0]))
            if results is None:
                self.names[id(node)] = steps.picked(node)
            elif "carry" in node.params:
                self.names[id(node)] = results[0][node.params["carry"]]
            else:
                self.names[id(node)] = results[1][node.params["given"]]
            return
        steps.loop(node)
        self.statements += steps.lines
        if steps.packed:
            if UNPACKED_NUMBERS not in self.header:
                self.header[:0] = ["import base64, zlib", "", "", UNPACKED_NUMBERS, "", ""]
            self.header += [f'{x} = unpacked_numbers("{text}")' for x, text in steps.packed.items()]
        steps.lines, steps.packed = [], {}

    def _write_call(self, node: Node) -> None:
        if node.op in (LOOP, PICK):
            return self._write_loop(node)
        names = [self.name_of(x) for x in node.args]
        if not isinstance(node.function, np.ufunc) and node.dtype in _DOUBLE:
            names = [self.numpy_name(x) for x in node.args]
        params = node.params
        row = operation_of(node)
        operator = row.operator
        # Python's own operator would make a complex number of Python's of a number of NumPy's.
        if operator and not params and not any(isinstance(x.function, complex) for x in node.args):
            self.helpers.update(row.helpers)
            return self._assign(node, operator.format(*names))
        if node.op == "getitem" and len(names) == 1:
            return self._assign(node, f"{names[0]}[{self._index(params['index'])}]")
        return self._assign(node, self._call(node, names))

    def _call(self, node: Node, names: Sequence[str]) -> str:
        """Return the call of the function of an operation of operands."""
        if node.op == "reshape":
            return f"{self.function(node)}({names[0]}, {node.shape!r})"
        params = [f"{key}={self._param(value)}" for key, value in node.params.items()]
        return f"{self.function(node)}({', '.join([*names, *params])})"

    def _index(self, index: Any) -> str:
        return index_text(index) if is_basic_index(index) else self._param(index)

    def _param(self, value: Any) -> str:
        """Return an argument by keyword as source; what has no source is held beside it."""
        if value is None or isinstance(value, bool | int | float | str):
            return repr(value)
        if isinstance(value, tuple) and all(isinstance(x, bool | int | str) for x in value):
            return repr(value)
        name = self.fresh("p")
        if isinstance(value, np.dtype):
            self.header.append(f"{name} = np.dtype({value.str!r})")
        elif has_text(value):
            self.header.append(f"{name} = ({', '.join(map(array_text, value))},)")
        else:
            self.constants[name] = value
            self.header.append(f"# {name}: {brief(value)}")
        return name


def _bias_of(node: Node) -> int | None:
    """Return which operand of a sum is a row that is added to each row of a matrix.

    NumPy fills a small array with the row and adds two arrays of one shape in less time than it
    takes to add the row: 0.67 µs against 0.90 for 32×32.
    """
    if node.op != "add" or len(node.shape) != 2 or node.shape[0] < 2 or node.size > _SMALL:
        return None
    for i, x in enumerate(node.args):
        other = node.args[1 - i]
        if x.shape == node.shape[1:] and other.shape == node.shape and x.op != CONSTANT:
            return i if x.dtype == other.dtype == node.dtype else None
    return None
