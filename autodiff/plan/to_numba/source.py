"""Printing a program as kernels that Numba compiles: a module that runs on its own when pasted.

Steps of the same form share one kernel, so that a network of five hundred layers takes as long to
compile as one of two; programs of many steps run them from a table.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.primitive import PRIMITIVES
from autodiff.plan.literals import UNPACKED, array_text, literal
from autodiff.plan.names import Names
from autodiff.plan.program import CONSTANT, Guard, Node, Program
from autodiff.plan.to_numba.fusion import Fused, Step
from autodiff.plan.to_numba.kernels import LoopKernel, product_kernel, type_name
from autodiff.plan.to_numba.placement import check_fused

__all__ = ["MOST_KERNELS", "NotCompiled", "print_kernels"]

#: Kernels from which a program takes too long to compile: 0.2 s each.
MOST_KERNELS = 64
#: Steps up to which they are written one by one.
_STRAIGHT = 40
_ALIGNED = 64


class NotCompiled(ValueError):
    """A program is not one for Numba."""


class _Module:
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
            loop = LoopKernel(self.fused, step, self.stored)
            text, roots, wish = loop.text("KERNEL"), loop.roots, "loop"
        else:
            body, roots = product_kernel(self.fused, step.nodes[0])
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
            self.header.append(f"{name} = {array_text(np.ascontiguousarray(value))}")
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
    module = _Module(program, fused, inputs)
    check_fused(fused, module.offsets)
    run, functions = _statements(module)
    outputs = []
    for node in fused.outputs:
        outputs.append(module.names[id(node)] if id(node) in module.names else module.shown(node))
    empty = []
    count = len([x for x in program.inputs if x.shape])
    for node in module.arrays[count:]:
        kind = "" if node.dtype == np.float64 else f", {node.dtype.str!r}"
        empty.append(f"{module.names[id(node)]} = np.empty({node.shape}{kind})")
    numbers = [
        f"{module.array(x)}[0] = {module.names[id(x)]}" for x in program.inputs if not x.shape
    ]
    given = [module.names[id(node)] for node in module.arrays]
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
        f"    p[{module.table[id(node)]}] = {module.shown(node)}.ctypes.data"
        for node in module.fixed
        if node.op == CONSTANT
    ]
    lines = _head(module, title, functions)
    lines += [
        "",
        "",
        "def make():",
        '    """Return the function with memory of its own."""',
        f"    m = np.empty({module.size + _ALIGNED}, np.uint8)",
        f"    m = m[-m.ctypes.data % {_ALIGNED} :][:{module.size}]",
        f"    p = np.empty({len(module.table)}, np.int64)  # addresses",
    ]
    lines += addresses
    own = [node for node in module.fixed if node.op != CONSTANT]
    if own:
        slots = [module.table[id(node)] for node in own]
        places = [module.offsets[id(node)] for node in own]
        lines.append(f"    p[{slots}] = m.ctypes.data + np.array({places})")
    lines += [f"    {line}" for line in (*module.views, *(empty if donate else []))]
    parameters = ", ".join(module.names[id(node)] for node in program.inputs)
    lines += ["", f"    def run({parameters}):", *(f"        {line}" for line in body)]
    lines += ["", "    return run", "", "", "run = make()"]
    return "\n".join(lines) + "\n", module.constants, module.size, fused


def _head(module: _Module, title: str, functions: Sequence[str]) -> list[str]:
    """Return the lines above the function: imports, constants, kernels."""
    # late: Numba takes a second to import.
    from autodiff.plan.to_numba import math as library

    texts = [*module.texts.values(), *functions]
    all_text = "\n".join(texts)
    used = sorted(
        n
        for n in library.__all__
        if n in module.used
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
    if "PRIMITIVES" in module.used:
        lines += ["from autodiff.core.primitive import PRIMITIVES"]
    if "unpacked" in module.used:
        lines += UNPACKED
    if module.program.guards:
        lines += ["", "changed = object()  # returned if the function would decide otherwise"]
    lines += module.header
    for text in texts:
        lines += ["", "", text]
    return lines


def _statements(module: _Module) -> tuple[list[str], list[str]]:
    """Return the statements that run the steps, and the functions that they call."""
    run: list[str] = []
    functions: list[str] = []
    segment: list[Step] = []

    def close() -> None:
        if segment and functions:
            name = f"steps_{len(functions) + 1}"
            functions.append(_segment(module, name, segment))
            run.append(f"{name}(p)")
            segment.clear()
        elif segment:
            first()

    def first() -> None:
        # It finds where the arrays are, too.
        functions.append(_segment(module, "steps_1", segment, first=True))
        run.append("steps_1(id(arrays), p)")
        segment.clear()

    for step in module.fused.steps:
        if step.kind in ("loop", "product"):
            segment.append(step)
            continue
        close()
        if not functions:
            first()
        if step.kind == "guard":
            guard: Guard = step.nodes[0].params["guard"]
            value = module.shown(step.nodes[0].args[0])
            if guard.what == "bool":
                run.append(f"if bool({value}) is not {guard.outcome}:")
            else:
                run.append(f"if int({value}) != {guard.outcome}:")
            run.append("    return changed")
        else:
            run += module.call(step.nodes[0])
    close()
    if not functions:
        first()
    return run, functions


def _segment(module: _Module, name: str, steps: Sequence[Step], first: bool = False) -> str:
    """Return a function that runs steps in their order."""
    text = "\n".join(_segment_lines(module, name, steps))
    if not first:
        return text
    found = f"    if not pointers(arrays, {len(module.arrays)}, p):\n        return False"
    return text.replace(f"def {name}(p):", f"def {name}(arrays, p):\n{found}") + "\n    return True"


def _segment_lines(module: _Module, name: str, steps: Sequence[Step]) -> list[str]:
    calls = []
    for step in steps:
        kernel, roots = module.kernel(step)
        calls.append((step, kernel, roots))
    lines = ["@compiled", f"def {name}(p):"]
    if len(calls) <= _STRAIGHT:
        taken: dict[int, str] = {}
        local = Names()
        for reserved in (*_RESERVED, *module.texts):
            local.fresh(reserved)
        for step, kernel, roots in calls:
            for root in roots:
                if id(root) not in taken:
                    taken[id(root)] = own = local.fresh(module.names.get(id(root)) or root.name)
                    lines.append(f"    {own} = {type_name(root)}_at(p, {module.slot(root)})")
            names = ", ".join(taken[id(root)] for root in roots)
            lines.append(f"    {kernel}({names})  # {_brief(step)}")
        return lines
    order = list(
        dict.fromkeys((kernel, tuple(map(type_name, roots))) for _, kernel, roots in calls)
    )
    width = 1 + max(len(roots) for _, _, roots in calls)
    rows = [
        [order.index((kernel, tuple(map(type_name, roots)))), *map(module.slot, roots)]
        for _, kernel, roots in calls
    ]
    table = module.fresh(f"table_{name}")
    padded = [row + [0] * (width - len(row)) for row in rows]
    module.header.append(f"# {table}: of each step its kernel, and where its arguments are in p")
    module.header.append(f"{table} = np.array({padded})")
    lines += [f"    for i in range({len(padded)}):", f"        row = {table}[i]"]
    for number, (kernel, types) in enumerate(order):
        arguments = ", ".join(f"{kind}_at(p, row[{i}])" for i, kind in enumerate(types, 1))
        lines.append(f"        {'if' if not number else 'elif'} row[0] == {number}:")
        lines.append(f"            {kernel}({arguments})")
    return lines


def _brief(step: Step) -> str:
    """Return the operations of a step and their rules, for a comment."""
    ops = list(dict.fromkeys(node.op for node in step.nodes))
    rules = list(dict.fromkeys(node.rule for node in step.nodes if node.rule))
    text = ", ".join(ops[:6]) + (", ..." if len(ops) > 6 else "")
    if rules:
        text += f": rules of {', '.join(rules[:4])}" + (", ..." if len(rules) > 4 else "")
    return text
