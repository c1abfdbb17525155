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
from autodiff.plan.literals import UNPACKED_NUMBERS, array_text, index_text, literal
from autodiff.plan.names import Names
from autodiff.plan.operations import Kind, bias_of, kind_of
from autodiff.plan.program import CONSTANT, LOOP, PICK, Node, Program, is_number
from autodiff.plan.to_numpy.buffers import Memory
from autodiff.plan.to_numpy.tiling import Block
from autodiff.plan.to_python.scalars import Writer

__all__ = ["HELPERS", "Printer"]

_INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "matmul": "@"}
_INFIX |= {"power": "**", "less": "<", "greater": ">", "equal": "==", "not_equal": "!="}
#: NumPy's functions that are no universal functions, by the name of the operation.
_DIRECT = {
    "where": "np.where",
    "reshape": "np.reshape",
    "transpose": "np.transpose",
    "broadcast_to": "np.broadcast_to",
    "flip": "np.flip",
    "roll": "np.roll",
    "cumsum": "np.cumsum",
    "cumprod": "np.cumprod",
    "inv": "np.linalg.inv",
    "det": "np.linalg.det",
    "cholesky": "np.linalg.cholesky",
}

HELPERS = {
    "chosen": '''def chosen(condition, x, y, out):
    """Write x where a condition holds and y elsewhere."""
    np.copyto(out, y)
    np.copyto(out, x, where=condition)''',
    "without_lost": '''def without_lost(direction, product, out):
    """Set a product to zero where it is NaN because a direction of zero met an infinite slope."""
    flat = product.reshape(-1)
    squares = flat.dot(flat)
    if squares == squares:
        if out is not product:
            np.copyto(out, product)
    else:
        lost = np.isnan(product) & (direction == 0)
        np.copyto(out, product)
        np.copyto(out, 0.0, where=lost)''',
    "odd_share": '''def odd_share(x, flat, mask):
    """Return the derivative of a rectifier if an element is 0 or NaN; nothing otherwise."""
    squares = flat.dot(flat)
    if squares == squares and b"\\x01" not in _equal(x, zero, mask).tobytes():
        return None
    return np.logical_not(x < zero) - 0.5 * (x == zero)''',
    "stepped": '''def stepped(g, h, odd, step, out):
    """Write the cotangent of the argument of a rectifier, whose result is h."""
    _multiply(g, _sign(h, step) if odd is None else odd, out)''',
    "rectified": '''def rectified(g, x, out, mask):
    """Write the cotangent of the argument of a rectifier: half of it where the argument is 0."""
    np.equal(x, zero, mask)
    if np.count_nonzero(mask):
        out[...] = g * (np.logical_not(x < zero) - 0.5 * mask)
        return
    np.less_equal(x, zero, mask)
    if out is not g:
        np.copyto(out, g)
    np.copyto(out, zero, where=mask)''',
}


#: Buffers of one shape from which they are made in one statement.
_FEW = 8
#: Operations that are written as a function that fills an array.
_REDUCTIONS = {"sum": "np.add.reduce", "max": "np.maximum.reduce", "min": "np.minimum.reduce"}
_FILLING = frozenset({"stepped", "nothing times", "relu_pull", "where", "cast", "astype"})


class Printer:
    """Statements for a program.

    Parameters
    ----------
    program : Program
        The operations in the order in which they run.
    memory : Memory
        Where their values lie.
    inputs : sequence of str
        The names of the inputs.
    """

    def __init__(self, program: Program, memory: Memory, inputs: Sequence[str]) -> None:
        self.program, self.memory = program, memory
        self.header: list[str] = []
        self.statements: list[str] = []
        self.functions: list[list[str]] = []
        self.names: dict[int, str] = {}
        self.constants: dict[str, Any] = {}
        self.helpers: set[str] = set()
        self.imports: dict[str, list[str]] = {}
        self._ufuncs: dict[np.ufunc, str] = {}
        names = Names()
        self.fresh = names.fresh
        self._buffers: list[str] = []
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
        for node, name in zip(program.inputs, inputs, strict=True):
            self.names[id(node)] = self.fresh(name)

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
            return literal(value)
        name = self.fresh("k")
        self._static.add(id(node))
        if is_number(node):
            self.header.append(f"{name} = np.full({node.shape}, {literal(value)})")
        else:
            self.header.append(f"{name} = {array_text(np.asarray(value))}")
        return name

    def operand(self, node: Node, result: Node) -> str:
        """Return an operand of an elementwise operation: numbers as arrays without axes."""
        if node.op != CONSTANT or node.shape or not is_number(node) or not result.shape:
            return self.name_of(node)
        text = self.name_of(node)
        integer = node.dtype.kind == "i" and result.op in _INFIX
        if result.dtype != np.float64 or not (integer or node.dtype == np.float64):
            return text
        return self._fixed(f"np.array({text}, float)", "c")

    def flat(self, node: Node) -> str | None:
        """Return the name of a value as a vector, if it is that without a copy."""
        if id(node) not in self._static or not self.is_whole(node):
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

    def is_whole(self, node: Node) -> bool:
        """Return whether a value is known to lie in one piece."""
        return id(node) in self.memory.slots or (
            node.op == "reshape" and self.is_whole(node.args[0])
        )

    def ones(self, length: int) -> str:
        """Return the name of a vector of ones."""
        return self._fixed(f"np.ones({length})", f"ones_{length}")

    def scratch(self, node: Node) -> str:
        """Return the name of a mask that any statement may write into."""
        if self.rows is not None:
            return f"np.empty({self.name_of(node.args[0])}.shape, bool)"
        return self._fixed(f"np.empty({node.shape}, bool)", "mask")

    def _fixed(self, key: str, wish: str) -> str:
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
        if node.op in _DIRECT:
            return _DIRECT[node.op]
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
        for unit in units:
            for node in unit.nodes if isinstance(unit, Block) else [unit]:
                slot = self.memory.slots.get(id(node))
                if slot is not None:
                    one = not isinstance(unit, Block) and node.nbytes == self.memory.sizes[slot]
                    form = (node.shape, node.dtype) if one else None
                    forms.setdefault(slot, set()).add(form)
        for slot, size in enumerate(self.memory.sizes):
            self._buffers.append("")
            if len(forms[slot]) > 1 or None in forms[slot]:
                self._buffers[-1] = self.fresh(f"m{slot}")
                self.header.append(f"{self._buffers[-1]} = np.empty({size}, np.uint8)")

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
        slot = self.memory.slots[id(node)]
        self._static.add(id(node))
        if self._buffers[slot]:
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
        slot = self.memory.slots[id(node)]
        nbytes = node.dtype.itemsize * math.prod(shape)
        name = self._buffers[slot]
        part = name if nbytes == self.memory.sizes[slot] else f"{name}[:{nbytes}]"
        kind = "float" if node.dtype == np.float64 else repr(node.dtype.str)
        return f"{part}.view({kind})" + (f".reshape{shape}" if len(shape) > 1 else "")

    def say(self, statement: str, comment: str = "") -> None:
        """Write a statement of the function."""
        self.statements.append(f"{statement}  # {comment}" if comment else statement)

    def write(self, node: Node) -> None:
        """Write the statement of a node."""
        kind = kind_of(node)
        if kind is Kind.VIEW:
            self._write_view(node)
        elif kind.owns_memory and node.shape:
            self._write_into(node, id(node) in self.memory.slots)
        elif node.op == "odd share":
            self.helpers.add("odd_share")
            (x,) = node.args
            mask = self._fixed(f"np.empty({x.shape}, bool)", "mask")
            flat = self.flat(x) or f"{self.name_of(x)}.reshape(-1)"
            self._assign(node, f"odd_share({self.name_of(x)}, {flat}, {mask})")
        elif node.op == "vdot":
            x, y = node.args
            left, right = self.flat(x), self.flat(y)
            if left and right:
                text = f"{left}.dot({right})"
            else:
                text = f"np.vdot({self.name_of(x)}, {self.name_of(y)})"
            self._assign(node, text)
        elif node.op in _REDUCTIONS and kind is Kind.COMPUTED:
            (x,) = node.args
            text = self.flat(x) or self.name_of(x)
            axis = ", None" if text == self.name_of(x) and len(x.shape) != 1 else ""
            self._assign(node, f"{_REDUCTIONS[node.op]}({text}{axis})")
        elif node.op == "matmul" and kind is Kind.COMPUTED:
            left, right = map(self.name_of, node.args)
            self._assign(node, f"{left}.dot({right})")
        else:
            self._write_call(node)

    def _assign(self, node: Node, text: str) -> None:
        name = self.names[id(node)] = self.fresh(node.name)
        self.say(f"{name} = {text}", self.comment(node, brief=True))

    def comment(self, node: Node, brief: bool = False) -> str:
        """Return what a statement computes, and by which rule."""
        rule = f"rule of {node.rule}" if node.rule else ""
        if brief:
            return rule
        names = [self.name_of(x) for x in node.args]
        if node.op in _INFIX and len(names) == 2:
            text = f"{names[0]} {_INFIX[node.op]} {names[1]}"
        elif node.op == "negative":
            text = f"-{names[0]}"
        else:
            text = f"{node.op.replace(' ', '_')}({', '.join(names)})"
        return f"{self.name_of(node)} = {text}{rule and ': '}{rule}"

    def _write_view(self, node: Node) -> None:
        (x,) = node.args
        text = self.view(node)
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

    def view(self, node: Node) -> str:
        """Return the expression of a view; within a block, of the rows of a chunk."""
        (x,) = node.args
        source = self.name_of(x)
        shape = str(node.shape)
        if self.rows is not None:
            role = self.rows.roles[id(node)]
            lengths = list(map(str, node.shape))
            lengths[role.axis or 0] = f"{source}.shape[{role.cuts[0]}]"
            shape = f"({', '.join(lengths)},)"
        if node.op == "transpose":
            axes = tuple(node.params["axes"])
            backward = axes == tuple(range(len(axes)))[::-1]
            return f"{source}.T" if backward else f"{source}.transpose{axes}"
        if node.op == "reshape":
            return f"{source}.reshape({shape})"
        if node.op == "broadcast_to":
            return f"np.broadcast_to({source}, {shape})"
        return f"{source}[{index_text(node.params['index'])}]"

    def _write_into(self, node: Node, placed: bool) -> None:
        """Write a statement whose result goes to a buffer, or to fresh memory for the user."""
        out = self.place(node) if placed else ""
        if not placed and node.op in _FILLING:
            out = self.names[id(node)] = self.fresh(node.name)
            kind = "" if node.dtype == np.float64 else f", {node.dtype.str!r}"
            self.say(f"{out} = np.empty({node.shape}{kind})")
            placed = True
        bias = bias_of(node) if placed else None
        if bias is not None:
            row, matrix = self.name_of(node.args[bias]), self.name_of(node.args[1 - bias])
            rows = self._fixed(f"np.empty({node.shape})", "rows")
            self.say(f"{rows}[...] = {row}")
            text = f"{self.function(node)}({matrix}, {rows}, {out})"
        else:
            text = self.text(node, out)
        if placed:
            self.say(text, self.comment(node))
        else:
            self._assign(node, text)

    def text(self, node: Node, out: str) -> str:
        """Return the call that computes a node, into an array if one is given."""
        if node.op == "matmul":
            return self._product(node, out)
        if node.op == "sum of rows":
            (x,) = node.args
            return f"{self.ones(x.shape[0])}.dot({self.name_of(x)}{out and ', '}{out})"
        if node.op == "row dots":
            names = ", ".join(map(self.name_of, node.args))
            return f'np.einsum("...i,...i->...", {names}{out and ", out="}{out})'
        if node.op in _REDUCTIONS:
            axis, keepdims = node.params["axis"], node.params["keepdims"]
            text = (
                f"{_REDUCTIONS[node.op]}({self.name_of(node.args[0])}, {axis}, None, {out or None}"
            )
            return text + (", True)" if keepdims else ")")
        if node.op == "stepped":
            self.helpers.add("stepped")
            names = ", ".join(map(self.name_of, node.args))
            return f"stepped({names}, {self._fixed(f'np.empty({node.shape})', 'step')}, {out})"
        if node.op in _FILLING:
            names = ", ".join([*map(self.name_of, node.args), out])
            if node.op in ("cast", "astype"):
                return f'np.copyto({out}, {self.name_of(node.args[0])}, casting="unsafe")'
            if node.op == "where":
                return self._choice(node, out, names)
            if node.op == "relu_pull":
                self.helpers.add("rectified")
                return f"rectified({names}, {self.scratch(node)})"
            self.helpers.add("without_lost")
            return f"without_lost({names})"
        operands = [self.operand(x, node) for x in node.args]
        # Of these NumPy wants the result by keyword.
        by_name = "out=" if node.op in ("maximum", "minimum") else ""
        if out:
            operands.append(f"{by_name}{out}")
        return f"{self.function(node)}({', '.join(operands)})"

    def _choice(self, node: Node, out: str, names: str) -> str:
        condition, x, y = node.args
        slots = self.memory.slots
        if id(y) in slots and slots[id(y)] == slots.get(id(node)):
            # Written over what is there already.
            return f"np.copyto({out}, {self.name_of(x)}, where={self.name_of(condition)})"
        self.helpers.add("chosen")
        return f"chosen({names})"

    def _product(self, node: Node, out: str) -> str:
        x, y = node.args
        names = [self.name_of(x), self.name_of(y)]
        if self.rows is None and len(x.shape) <= 2 and len(y.shape) <= 2:
            return f"{names[0]}.dot({names[1]}{out and ', '}{out})"
        return f"np.matmul({', '.join([*names, out] if out else names)})"

    def _write_loop(self, node: Node) -> None:
        """Write the loop over steps on numbers, or a result of one."""
        if self._steps is None:
            self._steps = Writer(self.fresh, self.name_of, "np.")
        steps = self._steps
        if node.op == PICK:
            self.names[id(node)] = steps.picked(node)
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
        params = node.params
        if node.op == "negative" and not params:
            return self._assign(node, f"-{names[0]}")
        if node.op in _INFIX and len(names) == 2 and not params:
            return self._assign(node, f"{names[0]} {_INFIX[node.op]} {names[1]}")
        if node.op == "getitem" and len(names) == 1:
            return self._assign(node, f"{names[0]}[{self._index(params['index'])}]")
        arguments = [*names, *(f"{key}={self._param(value)}" for key, value in params.items())]
        if node.op == "reshape":
            arguments = [names[0], repr(node.shape)]
        return self._assign(node, f"{self.function(node)}({', '.join(arguments)})")

    def _index(self, index: Any) -> str:
        parts = index if isinstance(index, tuple) else (index,)
        if all(i is None or i is Ellipsis or isinstance(i, slice | int) for i in parts):
            return index_text(index)
        return self._param(index)

    def _param(self, value: Any) -> str:
        """Return an argument by keyword as source; what has no source is held beside it."""
        if value is None or isinstance(value, bool | int | float | str):
            return repr(value)
        if isinstance(value, tuple) and all(isinstance(x, bool | int | str) for x in value):
            return repr(value)
        name = self.fresh("p")
        self.constants[name] = value
        if isinstance(value, np.dtype):
            self.header.append(f"{name} = np.dtype({value.str!r})")
        else:
            self.header.append(f"# {name}: {_brief(value)}")
        return name


def _brief(value: Any) -> str:
    return " ".join(repr(value).split())[:60]
