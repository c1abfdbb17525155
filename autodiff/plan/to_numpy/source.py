"""Printing a program as a module of straight-line NumPy that runs when pasted into a file."""

import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.plan.literals import UNPACKED
from autodiff.plan.operations import HELPERS, kind_of
from autodiff.plan.printed import RAISE_UNLESS_FINITE
from autodiff.plan.program import LOOP, Guard, Node, Program, body_of, loops_on_arrays
from autodiff.plan.to_numpy.buffers import Buffers
from autodiff.plan.to_numpy.decisions import decide
from autodiff.plan.to_numpy.loop_source import write_loop
from autodiff.plan.to_numpy.printer import Printer
from autodiff.plan.to_numpy.tile_source import write_block
from autodiff.plan.to_numpy.tiling import Block

__all__ = ["print_arrays"]


def print_arrays(
    program: Program,
    units: Sequence[Node | Block],
    buffers: Buffers,
    inputs: Sequence[str],
    result: Callable[..., str],
    title: str,
    *,
    donate: bool = False,
    kinds: Sequence[type] = (),
    looked_at: Sequence[Node] = (),
    write_compiled: Callable[[Printer, Node], list[str]] | None = None,
) -> tuple[str, dict[str, Any]]:
    """Return the source of a program, and what it needs beside it.

    `kinds` are those of inputs; where a result that is `looked_at` is not finite the plan raises.
    `write_compiled` writes the loops that Numba compiles, and returns what they import.
    """
    printer = Printer(program, buffers, inputs)
    pairs = zip(program.inputs, kinds, strict=False)
    printer.take_numbers([x for x, kind in pairs if kind in (float, complex)])
    printer.allocate(units)
    printer.within = _used_once(units, program)
    guards: dict[int, list[Guard]] = {}
    for guard in program.guards:
        guards.setdefault(id(guard.node), []).append(guard)
    backward, compiled = False, []
    if program.nodes:
        printer.say("# forward")
    for node in program.inputs:
        decide(printer, guards.pop(id(node), ()))
    for unit in units:
        if isinstance(unit, Block):
            write_block(printer, unit)
            for node in unit.nodes:
                decide(printer, guards.pop(id(node), ()))
            continue
        if unit.rule and not backward:
            backward = True
            printer.say("# backward")
        if loops_on_arrays([unit]):
            write_loop(printer, unit)
        elif unit.op == LOOP and body_of(unit).fused is not None:
            assert write_compiled is not None
            compiled = write_compiled(printer, unit)
        else:
            printer.write(unit)
        decide(printer, guards.pop(id(unit), ()))
    if looked_at:
        printer.helpers.add(RAISE_UNLESS_FINITE)
        for name in dict.fromkeys(map(printer.name_of, looked_at)):
            printer.say(f"raise_unless_finite({name})")
    texts = _results(program, buffers, printer, donate)
    exact = [x.shape == () and kind_of(x).owns_memory for x in program.outputs]
    printer.say(f"return {result(texts, exact)}")
    lines = [f'"""{title}"""', "", "import numpy as np"]
    imports = [f"from {x} import {', '.join(sorted(y))}" for x, y in printer.imports.items()]
    if not compiled:
        lines += imports
    lines.append("")
    if any("unpacked(" in line for line in printer.header):
        lines += UNPACKED
    if any("PRIMITIVES" in line for line in printer.header):
        lines += ["from autodiff.core.primitive import PRIMITIVES", ""]
    for text in (*HELPERS, RAISE_UNLESS_FINITE):
        if text in printer.helpers:
            lines += ["", text, ""] if text.startswith("def ") else [text]
    if any(statement.endswith("return changed") for statement in printer.statements):
        lines.append("changed = object()  # returned if the function would decide otherwise")
    lines += compiled
    for text, name in printer.kernels.items():
        lines += ["", "", text.replace("KERNEL", name)]
    own = printer.arrays() + printer.header
    for function in printer.functions:
        own += ["", "", *function]
    own += ["", "", f"def run({', '.join(printer.parameters)}):"]
    own += [f"    {statement}" for statement in printer.statements]
    if compiled:
        # Compiled once; each thread gets memory of its own. Kernels know other functions as
        # `multiply` than NumPy's.
        own = [
            "",
            "",
            "def make():",
            *_indented([*imports, *own, "", "return run"]),
            "",
            "",
            "run = make()",
        ]
    return "\n".join([*lines, *own]) + "\n", printer.constants


def _indented(lines: Sequence[str]) -> list[str]:
    """Return lines, of which some are several, as those of a function."""
    return textwrap.indent("\n".join(lines), "    ").split("\n")


def _used_once(units: Sequence[Node | Block], program: Program) -> set[int]:
    """Return the identities of what one operation uses once, apart from blocks."""
    uses = Counter(id(x) for x in program.roots for _ in range(2))
    for unit in units:
        if isinstance(unit, Block):
            uses.update(2 * [id(x) for node in unit.nodes for x in (*node.args, node)])
        else:
            uses.update(map(id, unit.args))
    for body in loops_on_arrays(units):
        uses.update(id(x) for x in body.roots for _ in range(2))
        uses.update(id(x) for node in body.needed() for x in node.args)
    return {key for key, count in uses.items() if count == 1}


def _results(program: Program, buffers: Buffers, printer: Printer, donate: bool) -> list[str]:
    """Return the expressions of the outputs, each of memory that is the user's alone."""
    texts, given = [], set()
    for node in program.outputs:
        name = printer.name_of(node)
        if node.shape == () and kind_of(node).owns_memory:
            texts.append(name)
            continue
        own = id(node) in buffers.outputs or (donate and id(node) in buffers.slots)
        if own and id(node) not in given:
            given.add(id(node))
            texts.append(name)
        elif node.shape == ():
            texts.append(f"np.array({name})[()]")
        else:
            texts.append(f"np.array({name})")
    return texts
