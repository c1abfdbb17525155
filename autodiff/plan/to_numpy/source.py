"""Printing a program as a module of straight-line NumPy that runs when pasted into a file."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.plan.literals import UNPACKED
from autodiff.plan.operations import HELPERS, kind_of
from autodiff.plan.printed import RAISE_UNLESS_FINITE
from autodiff.plan.program import Guard, Node, Program, loops_on_arrays
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
) -> tuple[str, dict[str, Any]]:
    """Return the source of a program, and what it needs beside it.

    `kinds` are those of inputs; where a result that is `looked_at` is not finite the plan raises.
    """
    printer = Printer(program, buffers, inputs)
    pairs = zip(program.inputs, kinds, strict=False)
    printer.take_numbers([x for x, kind in pairs if kind in (float, complex)])
    printer.allocate(units)
    printer.within = _used_once(units, program)
    guards: dict[int, list[Guard]] = {}
    for guard in program.guards:
        guards.setdefault(id(guard.node), []).append(guard)
    backward = False
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
    for module, imported in printer.imports.items():
        lines.append(f"from {module} import {', '.join(sorted(imported))}")
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
    lines += printer.arrays() + printer.header
    for function in printer.functions:
        lines += ["", "", *function]
    names = ", ".join(printer.parameters)
    lines += ["", "", f"def run({names}):"]
    lines += [f"    {statement}" for statement in printer.statements]
    return "\n".join(lines) + "\n", printer.constants


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
