"""Printing a program of numbers as plain Python arithmetic.

NumPy takes 60 times as long for a number as Python does. Python raises where NumPy gives infinity
or NaN; the plan then computes with NumPy.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.plan.names import Names
from autodiff.plan.program import CONSTANT, Node, Program

__all__ = ["LONGEST", "is_scalar", "print_scalars"]

#: Operations from which straight-line code takes too long to compile: 6 s for 10⁵.
LONGEST = 20_000
_NESTED = 6

#: For each operation its expression, of operands that are names or literals.
_EXPRESSIONS = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "positive": "{0}",
    "square": "{0} * {0}",
    "reciprocal": "1.0 / {0}",
    "absolute": "abs({0})",
    "fabs": "abs({0})",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "logical_not": "not {0}",
    "logical_and": "bool({0} and {1})",
    "logical_or": "bool({0} or {1})",
    "isnan": "{0} != {0}",
    # NaN is passed on, as NumPy does.
    "maximum": "{0} if {0} >= {1} or {0} != {0} else {1}",
    "minimum": "{0} if {0} <= {1} or {0} != {0} else {1}",
    "where": "{1} if {0} else {2}",
    "relu_pull": "{0} if {1} > 0.0 or {1} != {1} else 0.5 * {0} if {1} == 0.0 else 0.0 * {0}",
    "nothing times": "0.0 if {1} != {1} and {0} == 0.0 else {1}",
    "vdot": "{0} * {1}",
    "sum": "{0}",
    "reshape": "{0}",
    "broadcast_to": "{0}",
    "transpose": "{0}",
}
#: Those that are a function of the module math, and its name there.
_MATH = {
    **{name: name for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: name for name in ("expm1", "log1p", "log2", "log10", "hypot", "cbrt", "exp2")},
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "arctan2": "atan2",
    "power": "pow",
    "float_power": "pow",
    "copysign": "copysign",
    "degrees": "degrees",
    "radians": "radians",
    "rad2deg": "degrees",
    "deg2rad": "radians",
}


def is_scalar(program: Program) -> bool:
    """Return whether a program is one of real numbers that plain Python can run.

    Parameters
    ----------
    program : Program
        Any program.

    Returns
    -------
    bool
        False also for one that is too long for straight-line code.
    """
    if len(program.nodes) > LONGEST:
        return False
    known = _EXPRESSIONS.keys() | _MATH.keys()
    if any(node.shape or node.dtype != np.float64 for node in program.inputs):
        return False
    nodes = [*program.nodes, *program.outputs]
    return all(
        not node.shape
        and node.dtype.kind in "fbi"
        and (node.op in known or node.op == CONSTANT or node in program.inputs)
        and (node.dtype == np.float64 or node.dtype.kind != "f")
        for node in nodes
    )


def print_scalars(
    program: Program, inputs: Sequence[str], result: Callable[[Sequence[str]], str], title: str
) -> str:
    """Return the source of a program of numbers.

    Parameters
    ----------
    program : Program
        A program for which `is_scalar` holds.
    inputs : sequence of str
        The names of the inputs.
    result : callable
        ``result(texts)`` returns the expression of the result, from those of the outputs.
    title : str
        The first line.

    Returns
    -------
    str
        The text of a module that defines ``run``.
    """
    names = Names()
    texts: dict[int, str] = {}
    for node, wish in zip(program.inputs, inputs, strict=True):
        texts[id(node)] = names.fresh(wish)
    parameters = ", ".join(texts[id(node)] for node in program.inputs)
    functions: set[str] = set()
    decisions: dict[int, list[Any]] = {}
    for guard in program.guards:
        decisions.setdefault(id(guard.node), []).append(guard)
    lines = ["# forward"] if program.nodes else []

    parts = _parts(program)
    depths: dict[int, int] = {}

    def text_of(node: Node) -> str:
        if node.op == CONSTANT:
            return _literal(node.function)
        text = texts[id(node)]
        return f"({text})" if depths.get(id(node)) else text

    def decide(node: Node) -> None:
        for guard in decisions.get(id(node), ()):
            convert = "bool" if guard.what == "bool" else "int"
            lines.append(f"if {convert}({text_of(node)}) != {guard.outcome}:")
            lines.append("    return changed")

    for node in program.inputs:
        decide(node)
    backward = False
    for node in program.nodes:
        if node.rule and not backward:
            backward = True
            lines.append("# backward")
        operands = [text_of(x) for x in node.args]
        if node.op in _MATH:
            function = _MATH[node.op]
            functions.add(function)
            expression = f"{function}({', '.join(operands)})"
        else:
            expression = _EXPRESSIONS[node.op].format(*operands)
        depth = 1 + max([depths.get(id(x), 0) for x in node.args], default=0)
        if id(node) in parts and depth < _NESTED and not node.name:
            # Within the one expression that uses it: a name would take as long as a sum.
            texts[id(node)], depths[id(node)] = expression, depth
            continue
        texts[id(node)] = name = names.fresh(node.name)
        lines.append(f"{name} = {expression}" + (f"  # rule of {node.rule}" if node.rule else ""))
        decide(node)
    lines.append(f"return {result([text_of(node) for node in program.outputs])}")
    head = [f'"""{title}"""', ""]
    if functions:
        head += [f"from math import {', '.join(sorted(functions))}", ""]
    if program.guards:
        head += ["changed = object()  # returned if the function would decide otherwise", ""]
    body = "\n".join(f"    {line}" for line in lines)
    return "\n".join(head) + f"\n\ndef run({parameters}):\n{body}\n"


def _parts(program: Program) -> set[int]:
    """Return the identities of the nodes that one other node uses, and writes once."""
    uses = Counter(id(x) for x in program.roots)
    once: set[int] = set()
    for node in program.nodes:
        for i, x in enumerate(node.args):
            uses[id(x)] += 1
            if node.op in _MATH or _EXPRESSIONS[node.op].count(f"{{{i}}}") == 1:
                once.add(id(x))
    return {key for key in once if uses[key] == 1}


def _literal(value: Any) -> str:
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, float) and not np.isfinite(number):
        return f'float("{number}")'
    return f"({number!r})" if number < 0 else repr(number)
