"""Printing a program as kernels that Numba compiles: a module that runs on its own when pasted.

Kernels take pointers. Steps of the same form share one kernel, so that a network of five hundred
layers takes as long to compile as one of two; programs of many steps run them from a table.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from autodiff.core.primitive import PRIMITIVES
from autodiff.plan.names import Names
from autodiff.plan.program import CONSTANT, Guard, Node, Program
from autodiff.plan.to_numba.fusion import (
    EXPRESSIONS,
    REDUCTIONS,
    ROW_TIMES,
    TIMES_COLUMN,
    Fused,
    Step,
    View,
    is_reduction,
    layout,
    operand_type,
    target,
)
from autodiff.plan.to_numpy.source import _array as array_source
from autodiff.plan.to_numpy.source import _literal as literal

__all__ = ["MOST_KERNELS", "NotCompiled", "print_kernels"]

#: Kernels from which a program takes too long to compile: 0.2 s each.
MOST_KERNELS = 64
#: Steps up to which they are written one by one.
_STRAIGHT = 40
#: Terms of a sum that are added in one go: the partial sums are then added.
_BLOCK = 1024
#: Of angles that are too large for the functions of `autodiff.plan.to_numba.math`.
_ANGLES = {name: f"math.{name}({{0}})" for name in ("sin", "cos", "tan")}
_TYPES = {"f8": "float64", "f4": "float32", "i8": "int64", "b1": "bool"}
_ALIGNED = 64


class NotCompiled(ValueError):
    """A program is not one for Numba."""


def type_name(node: Node) -> str:
    """Return the name of the data type of a value."""
    return _TYPES[node.dtype.str[1:]]


class Loop:
    """The kernel of a loop.

    Parameters
    ----------
    fused : Fused
        The program.
    step : Step
        The operations.
    stored : set of int
        Identities of the nodes that need memory.

    Attributes
    ----------
    roots : list of Node
        Whose memory the pointers are, in their order.
    """

    def __init__(self, fused: Fused, step: Step, stored: set[int]) -> None:
        self._fused = fused
        self._step = step
        self._stored = stored
        self.roots: list[Node] = []
        self._pointers: dict[int, str] = {}
        self._values: dict[Any, str] = {}
        self._loads: list[tuple[str, View]] = []
        self._stores: list[tuple[str, View]] = []
        self._sums: list[tuple[str, View]] = []
        self._body: list[str] = []
        self._far: list[str] = []
        self._angles: list[str] = []
        self._within = {id(node) for node in step.nodes if not is_reduction(node)}
        for node in step.nodes:
            self._write(node)

    def _pointer(self, node: Node) -> str:
        known = self._pointers.get(id(node))
        if known is None:
            known = self._pointers[id(node)] = f"x{len(self.roots)}"
            self.roots.append(node)
        return known

    def _operand(self, node: Node, wanted: np.dtype[Any] | None) -> str:
        """Return an operand: a local variable or a literal of the wanted type."""
        value: str
        view = self._fused.seen(node)
        root = view.root
        if root.op == CONSTANT and not isinstance(root.function, np.ndarray):
            number = root.function if wanted is None else np.dtype(wanted).type(root.function)
            if isinstance(number, np.float32):
                return f"float32({_number(float(number))})"
            return _number(number.item() if isinstance(number, np.generic) else number)
        if id(node) in self._within and self._fused.is_fused(node, self._user):
            value = self._values[id(node)]
        else:
            view = view.broadcast(self._step.shape)
            key = (id(root), view.strides, view.offset)
            if key not in self._values:
                self._values[key] = f"a{len(self._loads)}"
                self._pointer(root)
                self._loads.append((self._values[key], view))
            value = self._values[key]
        if wanted is None or wanted == node.dtype:
            return value
        return f"({value} != 0)" if wanted.kind == "b" else f"{_TYPES[wanted.str[1:]]}({value})"

    def _write(self, node: Node) -> None:
        self._user = node
        dtype = operand_type(node)
        args = list(node.args)
        if node.op == "where":
            operands = [self._operand(args[0], np.dtype(bool))]
            operands += [self._operand(x, dtype) for x in args[1:]]
        elif node.op in ("cast", "astype", "copy", "flat copy"):
            operands = [self._operand(args[0], node.dtype)]
        else:
            operands = [self._operand(x, dtype) for x in args]
        if is_reduction(node):
            products = node.op in ("vdot", "row dots", ROW_TIMES, TIMES_COLUMN)
            expression = "{0} * {1}" if products else "{0}"
        else:
            expression = EXPRESSIONS.get(node.op, "{0}")
        name = f"v{len(self._values)}"
        self._values[id(node)] = name
        self._body.append(f"{name} = {_expression(node, operands, expression)}")
        far = _ANGLES.get(node.op, expression)
        self._far.append(f"{name} = {_expression(node, operands, far)}")
        if node.op in _ANGLES:
            self._angles.append(operands[0])
        if is_reduction(node):
            self._pointer(node)
            self._sums.append((name, target(node)))
        elif id(node) in self._stored:
            self._pointer(node)
            view = self._fused.seen(node)
            own = View(node, self._step.shape, _c_strides(self._step.shape), 0)
            self._stores.append((name, own if node.op == "flat copy" else view))

    def text(self, name: str) -> str:
        """Return the source of the kernel under a name."""
        parameters = ", ".join(self._pointers.values())
        far = f"{name}_far" if self._angles else ""
        lines = self._function(name, parameters, self._body, far)
        if far:
            lines = [*self._function(far, parameters, self._far, ""), "", "", *lines]
        return "\n".join(lines)

    def _function(self, name: str, parameters: str, body: list[str], far: str) -> list[str]:
        views = [view for _, view in (*self._loads, *self._stores, *self._sums)]
        extents, strides = _merged(self._step.shape, [view.strides for view in views])
        depth = len(extents)
        places = {
            id(view): _index(stride, view.offset)
            for view, stride in zip(views, strides, strict=True)
        }
        inner = {id(v) for v, s in zip(views, strides, strict=True) if not depth or s[-1] == 0}
        lines = ["@kernel", f"def {name}({parameters}):", "    separate()"]
        for _, view in self._sums:
            start = REDUCTIONS.get(view.root.op, ("0.0",))[0]
            start = "0" if view.root.dtype.kind == "i" else start
            lines.append(f"    for i in range({view.root.size}):")
            lines.append(f"        {self._pointers[id(view.root)]}[i] = {start}")
        if far:
            lines.append("    far = 0")
        indent = "    "
        blocked = (
            bool(self._sums)
            and depth
            and extents[-1] > 2 * _BLOCK
            and any(id(view) in inner for _, view in self._sums)
        )
        for level, extent in enumerate(extents):
            last = level == depth - 1
            if last and blocked:
                lines.append(f"{indent}for start in range(0, {extent}, {_BLOCK}):")
                indent += "    "
            if last:
                lines += [indent + line for line in self._begin_sums(inner)]
            bounds = f"start, min(start + {_BLOCK}, {extent})" if last and blocked else f"{extent}"
            lines.append(f"{indent}for i{level} in range({bounds}):")
            indent += "    "
        if not depth:
            lines += [indent + line for line in self._begin_sums(inner)]
        for value, view in self._loads:
            pointer = self._pointers[id(view.root)]
            test = " != 0" if view.root.dtype == bool else ""
            lines.append(f"{indent}{value} = {pointer}[{places[id(view)]}]{test}")
        lines += [indent + line for line in body]
        if far:
            angles = " | ".join(f"(abs({x}) > HUGE)" for x in dict.fromkeys(self._angles))
            lines.append(f"{indent}far |= int64({angles})")
        for value, view in self._stores:
            lines.append(f"{indent}{self._pointers[id(view.root)]}[{places[id(view)]}] = {value}")
        for value, view in self._sums:
            if id(view) not in inner:
                lines.append(indent + self._taken_in(view, places[id(view)], value))
            else:
                lines.append(indent + self._taken_in_local(view, value))
        outer = indent[4:] if depth else indent
        for _, view in self._sums:
            if id(view) in inner:
                lines.append(outer + self._taken_in(view, places[id(view)], self._local(view)))
        if far:
            lines += ["    if far:", f"        {far}({parameters})"]
        return lines

    def _local(self, view: View) -> str:
        return f"s_{self._pointers[id(view.root)]}"

    def _begin_sums(self, inner: set[int]) -> list[str]:
        lines = []
        for _, view in self._sums:
            if id(view) in inner:
                start = REDUCTIONS.get(view.root.op, ("0.0",))[0]
                start = "0" if view.root.dtype.kind == "i" else start
                lines.append(f"{self._local(view)} = {start}")
        return lines

    def _taken_in_local(self, view: View, value: str) -> str:
        name = self._local(view)
        if view.root.dtype.kind == "i":
            return f"{name} += {value}"
        text = REDUCTIONS.get(view.root.op, REDUCTIONS["sum"])[1]
        wide = f"float64({value})" if view.root.dtype == np.float32 else value
        return f"{name} = {text.format(name, wide)}"

    def _taken_in(self, view: View, place: str, value: str) -> str:
        item = f"{self._pointers[id(view.root)]}[{place}]"
        if view.root.op in ("max", "min"):
            return f"{item} = {REDUCTIONS[view.root.op][1].format(item, value)}"
        return f"{item} += {value}"


def _number(value: Any) -> str:
    """Return a number as source that Numba reads."""
    if isinstance(value, float) and not np.isfinite(value):
        return "np.nan" if value != value else "np.inf" if value > 0 else "(-np.inf)"
    return literal(value)


def _expression(node: Node, operands: list[str], text: str) -> str:
    """Return the expression of an element, of its own type."""
    if node.dtype != np.float32:
        return text.format(*operands)
    if _calls(text):
        operands = [f"float64({x})" for x in operands]
    # A literal in the expression has made it float64.
    return f"float32({text.format(*operands)})"


def _calls(text: str) -> bool:
    """Return whether an expression is made of functions of float64."""
    return any(part in text for part in ("exp", "log", "sin", "cos", "tan", "sigmoid"))


def _c_strides(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


def _merged(
    shape: Sequence[int], strides: Sequence[Sequence[int]]
) -> tuple[list[int], list[list[int]]]:
    """Return as few loops as reach every element, and the strides of each operand in them."""
    extents: list[int] = []
    found: list[list[int]] = [[] for _ in strides]
    for axis, length in enumerate(shape):
        if length == 1:
            continue
        if extents and all(
            own[-1] == stride[axis] * length for own, stride in zip(found, strides, strict=True)
        ):
            extents[-1] *= length
            for own, stride in zip(found, strides, strict=True):
                own[-1] = stride[axis]
            continue
        extents.append(length)
        for own, stride in zip(found, strides, strict=True):
            own.append(stride[axis])
    return extents, found


def _index(strides: Sequence[int], offset: int) -> str:
    """Return the place of an element, of the variables of the loops."""
    terms = [
        f"i{level}" if stride == 1 else f"{stride} * i{level}"
        for level, stride in enumerate(strides)
        if stride
    ]
    if offset or not terms:
        terms.append(str(offset))
    return " + ".join(terms)


def _product(fused: Fused, node: Node) -> tuple[str, list[Node]]:
    """Return the body of the kernel of a matrix product, and whose memory it takes."""
    x, y = (fused.seen(operand) for operand in node.args)
    if len(x.shape) == 1:
        x = View(x.root, (1, *x.shape), (x.shape[0], 1), x.offset)
    if len(y.shape) == 1:
        y = View(y.root, (*y.shape, 1), (1, 1), y.offset)
    m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
    orders = (layout(x), layout(y))
    function = {
        ("C", "C"): "matrix_product",
        ("F", "C"): "left_transposed",
        ("C", "F"): "right_transposed",
        ("F", "F"): "both_transposed",
    }[orders]  # type: ignore[index]
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x, y = x.broadcast((*batch, m, k)), y.broadcast((*batch, k, n))
    steps = [x.strides[:-2], y.strides[:-2], tuple(s * m * n for s in _c_strides(batch))]
    extents, strides = _merged(batch, steps)
    roots = list({id(r): r for r in (x.root, y.root, node)}.values())
    names = [f"x{[id(r) for r in roots].index(id(r))}" for r in (x.root, y.root, node)]
    lines = []
    for level, extent in enumerate(extents):
        lines.append("    " * (level + 1) + f"for i{level} in range({extent}):")
    pointers = []
    for name, stride, offset in zip(names, strides, (x.offset, y.offset, 0), strict=True):
        place = _index(stride, offset)
        pointers.append(name if place == "0" else f"moved({name}, {place})")
    indent = "    " * (len(extents) + 1)
    if node.size == 0 or k == 0:
        lines = [f"    for i in range({node.size}):", f"        {names[2]}[i] = 0.0"]
    else:
        lines.append(f"{indent}{function}({', '.join(pointers)}, {m}, {k}, {n})")
    return "\n".join(lines), roots


class Printer:
    """The module of a program."""

    def __init__(self, program: Program, fused: Fused, inputs: Sequence[str]) -> None:
        self.program, self.fused = program, fused
        self.constants: dict[str, Any] = {}
        self.header: list[str] = []
        self.kernels: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.used: set[str] = {"compiled", "pointers"}
        names = Names()
        self.fresh = names.fresh
        for name in _RESERVED:
            self.fresh(name)
        self.names: dict[int, str] = {}
        for node, name in zip(program.inputs, inputs, strict=True):
            self.names[id(node)] = self.fresh(name)
        self.stored = {id(node) for node in fused.stored}
        self._outputs = {id(node) for node in fused.outputs if node.shape and node.op != CONSTANT}
        self.arrays = [node for node in program.inputs if node.shape]
        self.arrays += list({id(x): x for x in fused.outputs if id(x) in self._outputs}.values())
        self.table: dict[int, int] = {id(node): i for i, node in enumerate(self.arrays)}
        self.offsets: dict[int, int] = {}
        self.size = self._lay_out()
        self.fixed: list[Node] = []
        for node in self.arrays[len([x for x in program.inputs if x.shape]) :]:
            self.names[id(node)] = self.fresh(node.name)
        self._functions: dict[str, str] = {}
        self._shown: dict[int, str] = {}
        self.views: list[str] = []

    def _lay_out(self) -> int:
        """Give each value that needs it a place in the memory of the plan, and return its size."""
        steps = self.fused.steps
        last: dict[int, int] = {}
        for place, step in enumerate(steps):
            for node in step.nodes:
                for x in node.args:
                    last[id(self.fused.seen(x).root)] = place
        for node in self.fused.outputs:
            last[id(self.fused.seen(node).root)] = len(steps)
        # Numbers first: each has eight bytes of its own.
        size = 0
        numbers = [x for x in self.program.inputs if not x.shape]
        numbers += [x for x in self.fused.stored if not x.shape]
        for node in numbers:
            self.offsets[id(node)] = size
            size += max(8, node.nbytes)
        size = -(-size // _ALIGNED) * _ALIGNED
        free: list[tuple[int, int]] = []
        ends: dict[int, list[tuple[int, int]]] = {}
        for node in self.fused.stored:
            if not node.shape or id(node) in self._outputs:
                continue
            nbytes = max(_ALIGNED, -(-node.nbytes // _ALIGNED) * _ALIGNED)
            place = self.fused.place(node)
            for done in [p for p in ends if p < place]:
                free += ends.pop(done)
            fitting = [block for block in free if nbytes <= block[0] <= 2 * nbytes]
            if fitting:
                block = min(fitting)
                free.remove(block)
            else:
                block = (nbytes, size)
                size += nbytes
            self.offsets[id(node)] = block[1]
            ends.setdefault(max(last.get(id(node), place), place), []).append(block)
        return size

    def slot(self, node: Node) -> int:
        """Return the place of the address of a value in the table."""
        if id(node) not in self.table:
            self.table[id(node)] = len(self.arrays) + len(self.fixed)
            self.fixed.append(node)
        return self.table[id(node)]

    def kernel(self, step: Step) -> tuple[str, list[Node]]:
        """Return the name of the kernel of a step, and whose memory it takes."""
        if step.kind == "loop":
            loop = Loop(self.fused, step, self.stored)
            text, roots, wish = loop.text("KERNEL"), loop.roots, "loop"
        else:
            body, roots = _product(self.fused, step.nodes[0])
            parameters = ", ".join(f"x{i}" for i in range(len(roots)))
            text, wish = f"@kernel\ndef KERNEL({parameters}):\n{body}", "product"
        # Kernels of other types of the same text are the same function: Numba looks at the types.
        if text not in self.kernels:
            self.kernels[text] = name = self.fresh(f"{wish}_{len(self.kernels) + 1}")
            if len(self.kernels) > MOST_KERNELS:
                raise NotCompiled("it has too many different loops")
            self.texts[name] = text.replace("KERNEL", name)
        return self.kernels[text], roots

    def shown(self, node: Node) -> str:
        """Return a value as an operand of a call of NumPy."""
        if node.op == CONSTANT and not node.shape and not isinstance(node.function, np.ndarray):
            return literal(node.function)
        view = self.fused.seen(node)
        if id(node) in self._shown:
            return self._shown[id(node)]
        if view.root is not node:
            source = self.shown(view.root) if view.root.shape else self.array(view.root)
            text = (
                f"np.lib.stride_tricks.as_strided({source}.reshape(-1)[{view.offset}:], "
                f"{view.shape}, {tuple(s * node.dtype.itemsize for s in view.strides)})"
            )
            if not node.size:
                text = f"np.empty({node.shape}, {node.dtype.str!r})"
            return text if node.shape else f"{text}[()]"
        if id(node) in self.names and node.shape:
            return self.names[id(node)]
        if node.op == CONSTANT:
            self._shown[id(node)] = name = self.fresh("k")
            value = np.asarray(node.function)
            if value.shape != node.shape:
                value = np.full(node.shape, value)
            self.header.append(f"{name} = {array_source(np.ascontiguousarray(value))}")
            if "unpacked(" in self.header[-1]:
                self.used.add("unpacked")
            return name
        return self.array(node) if node.shape else f"{self.array(node)}[0]"

    def array(self, node: Node) -> str:
        """Return the name of the memory of a value as an array; of a number as a vector of one."""
        key = ~id(node)
        if key not in self._shown:
            self._shown[key] = name = self.fresh(f"{node.name or 'value'}_at")
            start = self.offsets[id(node)]
            shape = f".reshape({node.shape})" if len(node.shape) > 1 else ""
            nbytes = node.nbytes
            kind = "float" if node.dtype == np.float64 else repr(node.dtype.str)
            self.views.append(f"{name} = m[{start}:{start + nbytes}].view({kind}){shape}")
        return self._shown[key]

    def function(self, node: Node) -> str:
        """Return the name under which a function of NumPy's is called."""
        if isinstance(node.function, np.ufunc) and hasattr(np, node.function.__name__):
            return f"np.{node.function.__name__}"
        if node.op in ("flat copy", "copy"):
            return "np.copy"
        if node.function is None:
            raise NotCompiled(f"Numba's part has no {node.op}")
        if node.op not in self._functions:
            self._functions[node.op] = name = self.fresh(node.op.replace(".", "_"))
            if node.op in PRIMITIVES and PRIMITIVES[node.op].function is node.function:
                self.used.add("PRIMITIVES")
                self.header.append(f"{name} = PRIMITIVES[{node.op!r}].function")
            else:
                self.constants[name] = node.function
                self.header.append(f"# {name}: a function that stands elsewhere")
        return self._functions[node.op]

    def call(self, node: Node) -> list[str]:
        """Return the statements that compute a value with NumPy."""
        arguments = [self.shown(x) for x in node.args]
        for key, value in node.params.items():
            if key == "needed shape":
                continue
            if value is None or isinstance(value, bool | int | str):
                arguments.append(f"{key}={value!r}")
                continue
            name = self.fresh("p")
            self.constants[name] = value
            self.header.append(f"# {name}: {' '.join(repr(value).split())[:60]}")
            arguments.append(f"{key}={name}")
        text = f"{self.function(node)}({', '.join(arguments)})"
        comment = f"  # rule of {node.rule}" if node.rule else ""
        lines = []
        if "needed shape" in node.params:
            lines = [
                f"r = {text}{comment}",
                f"if np.shape(r) != {node.params['needed shape']}:",
                "    return changed",
            ]
            text, comment = "r", ""
        out = self.names.get(id(node)) if node.shape else None
        return [*lines, f"{out or self.array(node)}[...] = {text}{comment}"]


_RESERVED = (
    *(
        "compiled",
        "kernel",
        "pointers",
        "separate",
        "select",
        "add_to",
        "moved",
        "HUGE",
        "make",
        "math",
    ),
    *("float64", "float32", "int64", "float64_at", "float32_at", "int64_at", "bool_at"),
    *("matrix_product", "left_transposed", "right_transposed", "both_transposed", "sigmoid"),
    *("m", "p", "r", "arrays", "table", "steps", "i", "c"),
)
_LIBRARY = (
    *("HUGE", "add_to", "bool_at", "both_transposed", "compiled", "cos", "exp", "expm1"),
    *(
        "float32_at",
        "float64_at",
        "int64_at",
        "kernel",
        "left_transposed",
        "log",
        "log1p",
        "matrix_product",
    ),
    *("moved", "pointers", "right_transposed", "select", "separate", "sigmoid", "sin", "tanh"),
)


def print_kernels(
    program: Program,
    inputs: Sequence[str],
    result: Callable[..., str],
    title: str,
    *,
    donate: bool = False,
) -> tuple[str, dict[str, Any], int, Fused]:
    """Return the source of a program for Numba, and what it needs beside it."""
    fused = Fused(program)
    printer = Printer(program, fused, inputs)
    run, functions = _statements(printer)
    outputs = []
    for node in fused.outputs:
        outputs.append(
            printer.names[id(node)] if id(node) in printer.names else printer.shown(node)
        )
    empty = []
    count = len([x for x in program.inputs if x.shape])
    for node in printer.arrays[count:]:
        kind = "" if node.dtype == np.float64 else f", {node.dtype.str!r}"
        empty.append(f"{printer.names[id(node)]} = np.empty({node.shape}{kind})")
    numbers = [
        f"{printer.array(x)}[0] = {printer.names[id(x)]}" for x in program.inputs if not x.shape
    ]
    given = [printer.names[id(node)] for node in printer.arrays]
    together = f"({', '.join(given)}{',' if len(given) == 1 else ''})"
    checked = [f'np.require({name}, None, "CA")' for name in given[:count]] + given[count:]
    again = f"({', '.join(checked)}{',' if len(given) == 1 else ''})"
    first = run.pop(0)
    begin = [
        f"arrays = {together}",
        f"if not {first}:",
        "    # Kernels read memory in C order only.",
        f"    arrays = {again}",
        f"    {first}",
    ]
    body = [*([] if donate else empty), *numbers, *begin, *run, f"return {result(outputs)}"]
    addresses = [
        f"    p[{printer.table[id(node)]}] = {printer.shown(node)}.ctypes.data"
        for node in printer.fixed
        if node.op == CONSTANT
    ]
    lines = _head(printer, title, functions)
    lines += [
        "",
        "",
        "def make():",
        '    """Return the function with memory of its own."""',
        f"    m = np.empty({printer.size + _ALIGNED}, np.uint8)",
        f"    m = m[-m.ctypes.data % {_ALIGNED} :][:{printer.size}]",
        f"    p = np.empty({len(printer.table)}, np.int64)  # addresses",
    ]
    lines += addresses
    own = [node for node in printer.fixed if node.op != CONSTANT]
    if own:
        slots = [printer.table[id(node)] for node in own]
        places = [printer.offsets[id(node)] for node in own]
        lines.append(f"    p[{slots}] = m.ctypes.data + np.array({places})")
    lines += [f"    {line}" for line in (*printer.views, *(empty if donate else []))]
    parameters = ", ".join(printer.names[id(node)] for node in program.inputs)
    lines += ["", f"    def run({parameters}):", *(f"        {line}" for line in body)]
    lines += ["", "    return run", "", "", "run = make()"]
    return "\n".join(lines) + "\n", printer.constants, printer.size, fused


def _head(printer: Printer, title: str, functions: Sequence[str]) -> list[str]:
    """Return the lines above the function: imports, constants, kernels."""
    texts = [*printer.texts.values(), *functions]
    all_text = "\n".join(texts)
    used = sorted(
        n
        for n in _LIBRARY
        if n in printer.used
        or f"{n}(" in all_text
        or f"@{n}\n" in all_text
        or (n == "HUGE" and "HUGE" in all_text)
    )
    lines = [f'"""{title}"""', ""]
    if "math." in all_text:
        lines += ["import math", ""]
    lines += ["import numpy as np", ""]
    plain = [n for n in ("float32", "float64", "int64") if f"{n}(" in all_text]
    if plain:
        lines.append(f"from numba import {', '.join(plain)}")
    lines.append(f"from autodiff.plan.to_numba.math import {', '.join(used)}")
    if "PRIMITIVES" in printer.used:
        lines += ["from autodiff.core.primitive import PRIMITIVES"]
    if "unpacked" in printer.used:
        lines += [
            "import base64, zlib",
            "",
            "",
            "def unpacked(text, dtype):",
            "    return np.frombuffer(zlib.decompress(base64.b85decode(text)), dtype)",
            "",
        ]
    if printer.program.guards:
        lines += ["", "changed = object()  # returned if the function would decide otherwise"]
    lines += printer.header
    for text in texts:
        lines += ["", "", text]
    return lines


def _statements(printer: Printer) -> tuple[list[str], list[str]]:
    """Return the statements that run the steps, and the functions that they call."""
    run: list[str] = []
    functions: list[str] = []
    segment: list[Step] = []

    def close() -> None:
        if segment and functions:
            name = f"steps_{len(functions) + 1}"
            functions.append(_segment(printer, name, segment))
            run.append(f"{name}(p)")
            segment.clear()
        elif segment:
            first()

    def first() -> None:
        # It finds where the arrays are, too.
        functions.append(_segment(printer, "steps_1", segment, first=True))
        run.append("steps_1(id(arrays), p)")
        segment.clear()

    for step in printer.fused.steps:
        if step.kind in ("loop", "product"):
            segment.append(step)
            continue
        close()
        if not functions:
            first()
        if step.kind == "guard":
            guard: Guard = step.nodes[0].params["guard"]
            value = printer.shown(step.nodes[0].args[0])
            if guard.what == "bool":
                run.append(f"if bool({value}) is not {guard.outcome}:")
            else:
                run.append(f"if int({value}) != {guard.outcome}:")
            run.append("    return changed")
        else:
            run += printer.call(step.nodes[0])
    close()
    if not functions:
        first()
    return run, functions


def _segment(printer: Printer, name: str, steps: Sequence[Step], first: bool = False) -> str:
    """Return a function that runs steps in their order."""
    text = "\n".join(_segment_lines(printer, name, steps))
    if not first:
        return text
    found = f"    if not pointers(arrays, {len(printer.arrays)}, p):\n        return False"
    return text.replace(f"def {name}(p):", f"def {name}(arrays, p):\n{found}") + "\n    return True"


def _segment_lines(printer: Printer, name: str, steps: Sequence[Step]) -> list[str]:
    calls = []
    for step in steps:
        kernel, roots = printer.kernel(step)
        calls.append((step, kernel, roots))
    lines = ["@compiled", f"def {name}(p):"]
    if len(calls) <= _STRAIGHT:
        taken: dict[int, str] = {}
        local = Names()
        for reserved in (*_RESERVED, *printer.texts):
            local.fresh(reserved)
        for step, kernel, roots in calls:
            for root in roots:
                if id(root) not in taken:
                    taken[id(root)] = own = local.fresh(printer.names.get(id(root)) or root.name)
                    lines.append(f"    {own} = {type_name(root)}_at(p, {printer.slot(root)})")
            names = ", ".join(taken[id(root)] for root in roots)
            lines.append(f"    {kernel}({names})  # {_brief(step)}")
        return lines
    order = list(
        dict.fromkeys((kernel, tuple(map(type_name, roots))) for _, kernel, roots in calls)
    )
    width = 1 + max(len(roots) for _, _, roots in calls)
    rows = [
        [order.index((kernel, tuple(map(type_name, roots)))), *map(printer.slot, roots)]
        for _, kernel, roots in calls
    ]
    table = printer.fresh(f"table_{name}")
    padded = [row + [0] * (width - len(row)) for row in rows]
    printer.header.append(f"# {table}: of each step its kernel, and where its arguments are in p")
    printer.header.append(f"{table} = np.array({padded})")
    lines += [f"    for i in range({len(padded)}):", f"        row = {table}[i]"]
    for number, (kernel, types) in enumerate(order):
        arguments = ", ".join(f"{kind}_at(p, row[{i}])" for i, kind in enumerate(types, 1))
        lines.append(f"        {'if' if not number else 'elif'} row[0] == {number}:")
        lines.append(f"            {kernel}({arguments})")
    return lines


def _brief(step: Step) -> str:
    """Return what a step computes."""
    ops = list(dict.fromkeys(node.op for node in step.nodes))
    rules = list(dict.fromkeys(node.rule for node in step.nodes if node.rule))
    text = ", ".join(ops[:6]) + (", ..." if len(ops) > 6 else "")
    if rules:
        text += f": rules of {', '.join(rules[:4])}" + (", ..." if len(rules) > 4 else "")
    return text
