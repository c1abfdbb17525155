"""Printing a program as kernels that Numba compiles: a module that runs on its own when pasted.

Steps of the same form share one kernel, so that a network of five hundred layers takes as long to
compile as one of two.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff.core.primitive import PRIMITIVES
from autodiff.plan.literals import UNPACKED, array_text, literal
from autodiff.plan.names import Names
from autodiff.plan.printed import unless_finite
from autodiff.plan.program import CONSTANT, FINITE, Guard, Node, Program
from autodiff.plan.to_numba.fusion import Fused, Step
from autodiff.plan.to_numba.kernels import KERNEL_KINDS, Part, is_known, kernel_text, type_name
from autodiff.plan.to_numba.placement import check_fused

__all__ = ["MOST_KERNELS", "NotCompiled", "Printed", "imports", "names_above", "print_kernels"]

#: Kernels from which a program takes too long to compile: 0.2 s each.
MOST_KERNELS = 64
#: Calls of kernels that are written one by one; more are rows of a table, which takes less time to
#: compile: of `deep-64` 0.03 ×.
_STRAIGHT = 40


class NotCompiled(ValueError):
    """A program is not one for Numba."""


class Printed(NamedTuple):
    """The source of a program."""

    source: str
    #: Names that it needs, and bytes of its buffers.
    constants: dict[str, Any]
    size: int
    fused: Fused
    #: Whether it returns ``changed`` for arrays of other shapes and data types.
    checks_shapes: bool
    #: Whether it has no memory of its own, so that threads can share it.
    is_free: bool


#: A step, its kernel, and the memory that it takes.
_Call = tuple[Step, str, list[Part]]
#: By identity of a value: number of its array, first item, and how many.
_Places = dict[int, tuple[int, int, int]]


class _Module:
    """The module of a program.

    Every value that needs memory is an argument, a result, or a slice of the one buffer that the
    function `make` holds for its data type.
    """

    def __init__(self, program: Program, fused: Fused, inputs: Sequence[str]) -> None:
        self.program, self.fused = program, fused
        self.constants: dict[str, Any] = {}
        self.header: list[str] = []
        self.kernels: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.used: set[str] = set()
        names = Names()
        self.fresh = names.fresh
        for name in names_above():
            self.fresh(name)
        self.names: dict[int, str] = {}
        for node, name in zip(program.inputs, inputs, strict=True):
            self.names[id(node)] = self.fresh(name)
        self.stored = {id(node) for node in fused.stored}
        given = {id(node): node for node in fused.outputs if node.shape and node.op != CONSTANT}
        self.outputs = list(given.values())
        for node in self.outputs:
            self.names[id(node)] = self.fresh(node.name)
        self.parts = _parts(fused.steps)
        #: Slices by identity of node: their number, and for each its length, data type and start.
        self.slices: dict[int, int] = {}
        self.lengths: list[tuple[int, np.dtype[Any]]] = []
        self.starts: list[int] = []
        self.buffers: dict[np.dtype[Any], int] = {}
        self._assign()
        self.buffer_names = {dtype: self.fresh(f"buffer_{dtype}") for dtype in self.buffers}
        self._functions: dict[str, str] = {}
        self._shown: dict[int, str] = {}
        self.views: list[str] = []

    def _assign(self) -> None:
        """Give values slices: those that are done with go to later ones of about that length."""
        steps = self.fused.steps
        nodes = [x for x in self.program.inputs if not x.shape]
        nodes += [x for x in self.fused.stored if id(x) not in self.names]
        last = {id(self.fused.seen(node).root): len(steps) for node in self.fused.outputs}
        for place, step in reversed(list(enumerate(steps))):
            for node in step.nodes:
                for x in node.args:
                    last.setdefault(id(self.fused.seen(x).root), place)
        free: dict[np.dtype[Any], list[tuple[int, int]]] = {}
        ends: dict[int, list[int]] = {}
        done = 0
        for node in nodes:
            place = self.fused.place(node)
            for before in range(done, place):
                for number in ends.pop(before, ()):
                    length, dtype = self.lengths[number]
                    free.setdefault(dtype, []).append((length, number))
            done = max(done, place)
            idle = free.setdefault(node.dtype, [])
            fitting = [each for each in idle if node.size <= each[0] <= 2 * node.size]
            if fitting:
                idle.remove(each := min(fitting))
                number = each[1]
            else:
                number = self._slice(node.size, node.dtype)
            self.slices[id(node)] = number
            ends.setdefault(max(last.get(id(node), place), place), []).append(number)

    def _slice(self, size: int, dtype: np.dtype[Any]) -> int:
        """Return the number of a new slice of a buffer."""
        # Numbers lie side by side, arrays begin where a vector instruction likes it.
        length = size if size == 1 else -(-max(size, 1) // 8) * 8
        start = self.buffers.get(dtype, 0)
        start = start if size == 1 else -(-start // 8) * 8
        self.lengths.append((length, dtype))
        self.starts.append(start)
        self.buffers[dtype] = start + length
        return len(self.starts) - 1

    @property
    def size(self) -> int:
        """Bytes of the buffers."""
        return sum(length * dtype.itemsize for dtype, length in self.buffers.items())

    def buffer_lines(self) -> list[str]:
        """Return the statements that make the buffers."""
        self.used.add("aligned")
        return [
            f"{self.buffer_names[dtype]} = aligned({length}, {dtype.str!r})"
            for dtype, length in self.buffers.items()
        ]

    def slice(self, node: Node) -> str:
        """Return the slice in which a value lies."""
        number = self.slices[id(node)]
        start = self.starts[number]
        return f"{self.buffer_names[node.dtype]}[{start} : {start + node.size}]"

    def kernel(self, step: Step) -> tuple[str, list[Part]]:
        """Return the name of the kernel of a step, and the memory it takes."""
        text, parts = kernel_text(self.fused, step, self.stored)
        # Kernels of other types of the same text are the same function: Numba looks at the types.
        if text not in self.kernels:
            self.kernels[text] = name = self.fresh(f"{step.kind}_{len(self.kernels) + 1}")
            if len(self.kernels) > MOST_KERNELS:
                raise NotCompiled("it has too many different loops")
            self.texts[name] = text.replace("KERNEL", name)
        return self.kernels[text], parts

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
            text = array_text(np.ascontiguousarray(value))
            if "unpacked(" in text:
                self.used.add("unpacked")
                text += ".copy()"
            self.header.append(f"{name} = {text}")
            return name
        return self.array(node) if node.shape else f"{self.array(node)}[0]"

    def array(self, node: Node) -> str:
        """Return a slice as an array of the shape of its value; of a number as a vector of one."""
        key = ~id(node)
        if key not in self._shown:
            self._shown[key] = name = self.fresh(f"{node.name or 'value'}_at")
            shape = f".reshape({node.shape})" if len(node.shape) > 1 else ""
            self.views.append(f"{name} = {self.slice(node)}{shape}")
        return self._shown[key]

    def function(self, node: Node) -> str:
        """Return the name under which a function of NumPy's is called."""
        if isinstance(node.function, np.ufunc) and hasattr(np, node.function.__name__):
            return f"np.{node.function.__name__}"
        if node.op in ("flat_copy", "copy"):
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
            if key == "needed_shape":
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
        if "needed_shape" in node.params:
            lines = [
                f"r = {text}{comment}",
                f"if np.shape(r) != {node.params['needed_shape']}:",
                "    return changed",
            ]
            text, comment = "r", ""
        out = self.names.get(id(node)) if node.shape else None
        if out is None and id(node) not in self.slices:
            # Only its shape is needed, which has been looked at.
            return lines or [text]
        return [*lines, f"{out or self.array(node)}[...] = {text}{comment}"]


#: Names of modules that the functions use beside those of the libraries below.
_RESERVED = (
    *("make", "np", "math", "complex128", "float32", "float64", "int64", "uint64"),
    *("arrays", "row", "r", "i", "run", "changed"),
)


def _parts(steps: Sequence[Step]) -> list[Step | list[Step]]:
    """Return runs of steps of kernels as lists, and the others between them."""
    parts: list[Step | list[Step]] = []
    for step in steps:
        if step.kind not in KERNEL_KINDS:
            parts.append(step)
        elif parts and isinstance(parts[-1], list):
            parts[-1].append(step)
        else:
            parts.append([step])
    return parts


def _empty(shape: Any, dtype: np.dtype[Any]) -> str:
    """Return the source of an array without contents."""
    named = repr(dtype.str)
    if is_known(dtype):
        named = "np.bool_" if dtype.kind == "b" else f"np.{type_name(dtype)}"
    return f"np.empty({shape})" if dtype == np.float64 else f"np.empty({shape}, {named})"


def print_kernels(
    program: Program,
    inputs: Sequence[str],
    result: Callable[..., str],
    title: str,
    *,
    donate: bool = False,
) -> Printed:
    """Return the source of a program for Numba, and what there is to know about it."""
    fused = Fused(program)
    module = _Module(program, fused, inputs)
    check_fused(fused, module.slices)
    writer = _Writer(module)
    run = writer.statements()
    outputs = []
    for node in fused.outputs:
        outputs.append(module.names[id(node)] if id(node) in module.names else module.shown(node))
    empty = [f"{module.names[id(x)]} = {_empty(x.shape, x.dtype)}" for x in module.outputs]
    numbers = [
        f"{module.array(x)}[0] = {module.names[id(x)]}" for x in program.inputs if not x.shape
    ]
    # An item of a slice is of the type of the result.
    exact = [node.op != CONSTANT and not node.shape for node in fused.outputs]
    body = [*([] if donate else empty), *numbers, *run, f"return {result(outputs, exact)}"]
    buffers = module.buffer_lines()
    lines = _head(module, title, writer.functions)
    parameters = ", ".join(module.names[id(node)] for node in program.inputs)
    lines += ["", "", "def make():", '    """Return the function with buffers of its own."""']
    lines += [f"    {line}" for line in (*buffers, *module.views, *(empty if donate else []))]
    lines += ["", f"    def run({parameters}):", *(f"        {line}" for line in body)]
    lines += ["", "    return run", "", "", "run = make()"]
    is_free = not (buffers or donate or any(isinstance(part, Step) for part in module.parts))
    source = "\n".join(lines) + "\n"
    return Printed(source, module.constants, module.size, fused, writer.checks_shapes, is_free)


def _head(module: _Module, title: str, functions: Sequence[str]) -> list[str]:
    """Return the lines above the function: imports, constants, kernels."""
    texts = [*module.texts.values(), *functions]
    all_text = "\n".join(texts)
    lines = [f'"""{title}"""', ""]
    lines += ["import numpy as np", "", *imports(all_text, module.used)]
    if "PRIMITIVES" in module.used:
        lines += ["from autodiff.core.primitive import PRIMITIVES"]
    if "unpacked" in module.used:
        lines += UNPACKED
    lines += ["", "changed = object()  # returned if the plan is not for the arguments"]
    lines += module.header
    for text in texts:
        lines += ["", "", text]
    return lines


def imports(text: str, used: Collection[str] = ()) -> list[str]:
    """Return the statements that import what compiled functions use."""
    lines = ["import math"] if "math." in text else []
    plain = [n for n in ("complex128", "float32", "float64", "int64", "uint64") if f"{n}(" in text]
    if plain:
        lines.append(f"from numba import {', '.join(plain)}")
    for library in _libraries():
        names = [n for n in library.__all__ if n in used or _is_used(n, text)]
        if names:
            lines.append(f"from {library.__name__} import {', '.join(sorted(names))}")
    return lines


def _libraries() -> tuple[Any, ...]:
    # late: Numba takes a second to import.
    from autodiff.plan.to_numba import arrays, math, matrices

    return arrays, math, matrices


def names_above() -> list[str]:
    """Return the names that may stand above compiled functions."""
    return [*_RESERVED, *(name for library in _libraries() for name in library.__all__)]


def _is_used(name: str, text: str) -> bool:
    return f"{name}(" in text or f"@{name}\n" in text or (name == "HUGE" and name in text)


class _Writer:
    """Writes the statements that run the steps: runs of kernels are functions that Numba compiles.

    The first takes all arrays that are given and compares their shapes and layout, so that Python
    looks at types alone.
    """

    def __init__(self, module: _Module) -> None:
        self.module = module
        self.functions: list[str] = []
        self._given = [x for x in module.program.inputs if x.shape]
        #: Whether the shapes and data types of all arrays that are given are looked at.
        self.checks_shapes = all(is_known(x.dtype) for x in self._given)
        self._given = [x for x in self._given if is_known(x.dtype)]

    def between(self, step: Step) -> list[str]:
        """Return the statements of a step of NumPy's, or of a decision."""
        module = self.module
        if step.kind != "guard":
            return module.call(step.nodes[0])
        guard: Guard = step.nodes[0].params["guard"]
        value = module.shown(step.nodes[0].args[0])
        if guard.what == FINITE:
            return unless_finite(value)
        if guard.what == "bool":
            return [f"if bool({value}) is not {guard.outcome}:", "    return changed"]
        return [f"if int({value}) != {guard.outcome}:", "    return changed"]

    def statements(self) -> list[str]:
        """Return the statements."""
        parts = list(self.module.parts)
        if self._given and (not parts or isinstance(parts[0], Step)):
            parts.insert(0, [])
        lines: list[str] = []
        for number, part in enumerate(parts):
            if isinstance(part, Step):
                lines += self.between(part)
            elif number or not self._given:
                lines.append(self._function(part, []))
            else:
                lines += self._checked(self._function(part, self._given))
        return lines

    def _checked(self, call: str) -> list[str]:
        """Return the statements of the call that gets what was given."""
        module, given = self.module, [self.module.names[id(x)] for x in self._given]
        kinds: dict[np.dtype[Any], list[str]] = {}
        for name, x in zip(given, self._given, strict=True):
            kinds.setdefault(x.dtype, []).append(f"{name}.dtype")
        types = []
        for dtype, attributes in kinds.items():
            module.header.append(
                f"{(known := module.fresh(f'{dtype}_type'))} = np.dtype({dtype.str!r})"
            )
            types.append(" is ".join([*attributes, known]))
        shapes, dtypes = (", ".join(f"{name}.{of}" for name in given) for of in ("shape", "dtype"))
        wanted = [x.shape for x in self._given], [x.dtype.str for x in self._given]
        module.used.add("contiguous")
        names = ", ".join(given)
        return [
            f"if not ({' and '.join([*types, call])}):",
            f"    if ([{shapes}], [{dtypes}]) != {wanted}:",
            "        return changed",
            "    # Compiled for one layout: C order, aligned.",
            f"    {names}{',' if len(given) == 1 else ''} = contiguous({names})",
            f"    if not {call}:",
            "        return changed",
        ]

    def _function(self, steps: Sequence[Step], given: Sequence[Node]) -> str:
        """Add a compiled function that runs steps on arrays, and return its call."""
        module = self.module
        calls = [(step, *module.kernel(step)) for step in steps]
        name = module.fresh(f"steps_{len(self.functions) + 1}")
        arrays: dict[str, tuple[tuple[int, ...], int]] = {}
        places: dict[int, tuple[int, int, int]] = {}
        for x in [*given, *(part.root for _, _, parts in calls for part in parts)]:
            array, shape, start = "", x.shape, 0
            if id(x) in module.slices:
                array, shape = module.buffer_names[x.dtype], (module.buffers[x.dtype],)
                start = module.starts[module.slices[id(x)]]
            arrays.setdefault(array := array or module.shown(x), (shape, x.dtype.itemsize))
            places[id(x)] = list(arrays).index(array), start, x.size
        body = ["if not fits(arrays):", "    return False"]
        if len(calls) <= _STRAIGHT:
            body += self._one_by_one(calls, places)
        else:
            table, rows, statements = self._by_table(name, calls, places, len(arrays))
            arrays[table] = rows, 8
            body += statements
        body.append("return True")
        lines = [f"@taking({list(arrays.values())})", f"def {name}(arrays):"]
        self.functions.append("\n".join([*lines, *(f"    {line}" for line in body)]))
        return f"{name}(({', '.join(arrays)}{',' if len(arrays) == 1 else ''}))"

    def _one_by_one(self, calls: Sequence[_Call], places: _Places) -> list[str]:
        """Return the statements that call kernels."""
        local = Names()
        for reserved in (*names_above(), *self.module.texts):
            local.fresh(reserved)
        taken: dict[tuple[int, int], str] = {}
        lines = []
        for step, kernel, parts in calls:
            for root, start in parts:
                if (id(root), start) not in taken:
                    own = local.fresh(self.module.names.get(id(root), root.name))
                    taken[id(root), start] = own
                    place = ", ".join(map(str, _place(places, root, start)))
                    lines.append(f"{own} = {_at(root)}(arrays, {place})")
            names = ", ".join(taken[id(root), start] for root, start in parts)
            lines.append(f"{kernel}({names})  # {_brief(step)}")
        return lines

    def _by_table(
        self, name: str, calls: Sequence[_Call], places: _Places, number: int
    ) -> tuple[str, tuple[int, int], list[str]]:
        """Return a loop over calls of kernels: layers of a network share a few of them.

        Before it the name and shape of its table, which is the array of that number.
        """
        kinds = [(kernel, tuple(_in(part.root) for part in parts)) for _, kernel, parts in calls]
        order = list(dict.fromkeys(kinds))
        rows = [
            [order.index(kind), *(number for part in parts for number in _place(places, *part))]
            for kind, (_, _, parts) in zip(kinds, calls, strict=True)
        ]
        width = max(map(len, rows))
        table = self.module.fresh(f"table_{name}")
        self.module.header.append(
            f"# {table}: for each call its kernel; for each array its number, first item and size"
        )
        padded = [row + [0] * (width - len(row)) for row in rows]
        self.module.header.append(f"{table} = np.array({padded}, np.int64)")
        lines = [
            f"for i in range({len(rows)}):",
            f"    row = int64_at(arrays, {number}, {width} * i, {width})",
        ]
        for place, (kernel, readers) in enumerate(order):
            arguments = ", ".join(
                f"{reader}(arrays, row, {3 * i + 1})" for i, reader in enumerate(readers)
            )
            lines.append(f"    {'elif' if place else 'if'} row[0] == {place}:")
            lines.append(f"        {kernel}({arguments})")
        return table, (len(rows), width), lines


def _place(places: _Places, root: Node, start: int) -> tuple[int, int, int]:
    """Return where the memory of a value lies, from an item on."""
    number, first, count = places[id(root)]
    return number, first + start, count - start


def _at(node: Node) -> str:
    """Return the name of what takes an array of the type of a value."""
    return f"{'bool' if node.dtype.kind == 'b' else type_name(node.dtype)}_at"


def _in(node: Node) -> str:
    """Return the name of what takes an array that a row tells."""
    return f"{_at(node)[:-2]}in"


def _brief(step: Step) -> str:
    """Return the operations of a step and their rules, for a comment."""
    ops = list(dict.fromkeys(node.op for node in step.nodes))
    rules = list(dict.fromkeys(node.rule for node in step.nodes if node.rule))
    text = ", ".join(ops[:6]) + (", ..." if len(ops) > 6 else "")
    if rules:
        text += f": rules of {', '.join(rules[:4])}" + (", ..." if len(rules) > 4 else "")
    return text
