"""Loops on arrays, whose iterations Numba compiles: one function runs all of them.

The rest of the plan is NumPy's. Memory stands ready for every value that needs some, above the
function: what is saved for the other loop, and what is given, are rows of one array; a value that
is carried lies in one of two arrays, which change places after each iteration.
"""

from math import prod

from autodiff.plan.literals import literal
from autodiff.plan.names import Names
from autodiff.plan.program import CONSTANT, Body, Node, Program, body_of, loops_on_arrays
from autodiff.plan.to_numba.fusion import Fused
from autodiff.plan.to_numba.kernels import is_known, kernel_text
from autodiff.plan.to_numba.placement import check_fused
from autodiff.plan.to_numba.source import MOST_KERNELS, imports, names_above
from autodiff.plan.to_numpy.printer import Printer

__all__ = ["compile_loops", "write_compiled_loop"]


def compile_loops(program: Program) -> str:
    """Fuse the operations of loops on arrays; return why Numba compiles none of them, if so.

    The loop of a backward pass reads what the other saved: both are compiled, or none.
    """
    bodies = loops_on_arrays(program.nodes)
    fused = {id(body): Fused(body.program, matrices=True) for body in bodies}
    against = {id(body): _against(body, fused[id(body)]) for body in bodies}
    for body in bodies:
        near = [x for x in bodies if x in (body, body.other) or x.other is body]
        if not any(against[id(x)] for x in near):
            check_fused(fused[id(body)], {})
            body.fused = fused[id(body)]
    if any(body.fused is not None for body in bodies):
        return ""
    reasons = dict.fromkeys(reason for reason in against.values() if reason)
    return f"Numba does not compile its loops: {'; '.join(reasons)}"


def _against(body: Body, fused: Fused) -> str:
    """Return why an iteration cannot be compiled, nothing if it can."""
    pairs = zip(body.carries, body.following, strict=True)
    if body.guards:
        return "numbers decide branches in them"
    if any((x.shape, x.dtype) != (y.shape, y.dtype) for x, y in pairs):
        return "a value changes its shape or type"
    if not all(is_known(x.dtype) for x in body.program.inputs):
        return "complex numbers"
    others = [step.nodes[0].op for step in fused.steps if step.kind in ("numpy", "guard")]
    if others:
        return ", ".join(dict.fromkeys(others))
    return "too many steps" if len(fused.steps) > MOST_KERNELS else ""


def write_compiled_loop(printer: Printer, node: Node) -> list[str]:
    """Write a call of the function that runs a loop, which is among the kernels of the printer.

    Return the statements that import what these use.
    """
    _Writer(printer, node).write()
    return imports("\n".join(printer.kernels), {"aligned", "vector_of"})


class _Writer:
    """The state of printing one loop."""

    def __init__(self, printer: Printer, node: Node) -> None:
        self.printer, self.node, self.body = printer, node, body_of(node)
        assert isinstance(self.body.fused, Fused)
        self.fused = self.body.fused
        self._fresh = Names("turn", *names_above()).fresh
        #: What the function is given, by the name of its parameter.
        self.parameters: dict[str, str] = {}
        #: By identity of a value, its array within the function.
        self.arrays: dict[int, str] = {}
        #: Statements of an iteration before and after its kernels.
        self.before: list[str] = []
        self.after: list[str] = []

    def write(self) -> None:
        """Write the loop."""
        printer, body = self.printer, self.body
        args, outputs = iter(self.node.args), iter(self.fused.outputs)
        results = [self._carry(x, next(outputs), next(args)) for x in body.carries]
        for x, backward in body.stacks or ():
            self._row(x, self._vector(x, next(args)), backward)
        for x in body.shared:
            self.arrays[id(x)] = self._parameter(self._vector(x, next(args)), x)
        for x, number in body.saved:
            assert body.other is not None
            self._row(x, printer.saved[id(body.other)][number], True)
        # In the order of what they are cotangents of.
        given = [self._rows(next(outputs), body.other is not None) for _ in body.given]
        kept = [self._rows(next(outputs), False) for _ in body.kept]
        printer.saved[id(body)] = [flat for _, flat in kept]
        self._write_function()
        printer.results[id(self.node)] = results, [name for name, _ in given]

    def _parameter(self, given: str, x: Node) -> str:
        name = self._fresh(x.name or x.op)
        self.parameters[name] = given
        return name

    def _memory(self, x: Node, *count: int) -> tuple[str, str]:
        """Write the lines that make an array; return its name, and that of it as a vector."""
        printer = self.printer
        name = printer.fresh(x.name or x.op)
        flat = printer.fresh(f"{name}_items")
        shape = (*count, *x.shape)
        printer.header += [
            f"{flat} = aligned({prod(shape)}, {x.dtype.str!r})",
            f"{name} = {flat}.reshape({shape})",
        ]
        return name, flat

    def _vector(self, x: Node, outer: Node) -> str:
        """Write what makes a vector of a value from outside, and return its name."""
        printer = self.printer
        name, text = printer.fresh(f"{x.name or 'given'}_items"), printer.name_of(outer)
        printer.say(f"{name} = vector_of({text}, {x.dtype.str!r})")
        return name

    def _carry(self, x: Node, following: Node, outer: Node) -> str:
        """Write how a carried value begins, and return the text of its last."""
        pairs = [self._memory(x) for _ in range(2)]
        self.printer.say(f"{pairs[0][0]}[...] = {self.printer.name_of(outer)}")
        now, then = [self._parameter(flat, x) for _, flat in pairs]
        self.arrays[id(x)] = now
        self._leaves(following, then)
        self.after.append(f"{now}, {then} = {then}, {now}")
        last = pairs[self.body.count % 2][0]
        return last if x.shape else f"{last}[()]"

    def _rows(self, x: Node, backward: bool) -> tuple[str, str]:
        """Let a value of each iteration be written into rows of an array; return its names."""
        name, flat = self._memory(x, self.body.count)
        self._leaves(x, self._row(x, flat, backward))
        return name, flat

    def _leaves(self, x: Node, array: str) -> None:
        """Let a value that leaves an iteration be written into an array."""
        if x.op == CONSTANT:
            self.before.append(f"{array}[0] = {literal(x.function)}")
        self.arrays[id(x)] = array

    def _row(self, x: Node, flat: str, backward: bool) -> str:
        """Let a value be the row of an iteration, or count from the last; return its name."""
        name = self._fresh(x.name or x.op)
        turn = f"({self.body.count - 1} - turn)" if backward else "turn"
        start = f"{turn} * {x.size}"
        rows = self._parameter(flat, x)
        self.before.append(f"{name} = {rows}[{start} : {start} + {x.size}]")
        self.arrays[id(x)] = name
        return name

    def _array(self, root: Node) -> str:
        """Return the name of the memory of a value."""
        if id(root) not in self.arrays:
            flat = self._vector(root, root) if root.op == CONSTANT else self._memory(root)[1]
            self.arrays[id(root)] = self._parameter(flat, root)
        return self.arrays[id(root)]

    def _write_function(self) -> None:
        """Write the function above the plan, and its call."""
        printer, body = self.printer, self.body
        stored = {id(x) for x in self.fused.stored}
        calls = []
        for step in self.fused.steps:
            text, parts = kernel_text(self.fused, step, stored)
            name = printer.kernel(text, step.kind)
            given = [self._array(x) + (f"[{start}:]" if start else "") for x, start in parts]
            call = f"{name}({', '.join(given)})"
            fails = step.kind == "matrix"
            calls += [f"if not {call}:", "    return False"] if fails else [call]
        lines = [*self.before, *calls, *self.after]
        function = printer.kernel(
            "\n".join(
                [
                    "@compiled",
                    f"def KERNEL({', '.join(self.parameters)}):",
                    f"    for turn in range({body.count}):",
                    *(f"        {line}" for line in lines),
                    "    return True",
                ]
            ),
            "iterations",
        )
        printer.say(f"if not {function}({', '.join(self.parameters.values())}):")
        printer.say(
            '    raise FloatingPointError("what such a matrix has the function itself finds")'
        )
