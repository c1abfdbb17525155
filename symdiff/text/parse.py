"""Functions from text, safely: the text is checked, then interpreted, and never run as Python."""

from __future__ import annotations

import inspect
import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdiff.errors import Unparsable, nearest
from symdiff.operations.table import OPERATIONS
from symdiff.text.grammar import Grammar, check_name
from symdiff.text.latex import from_latex, is_latex
from symdiff.text.steps import Step, compile_text

__all__ = ["FUNCTIONS", "parse"]

_MANY = 100
_LARGEST_EXPONENT = 1024.0


def _relu(x: Any) -> Any:
    """Return the positive part; its derivative at 0 is 0."""
    return np.where(x > 0, x, 0.0)


def _softplus(x: Any) -> Any:
    """Return the logarithm of 1 + exp(x)."""
    return np.logaddexp(0.0, x)


# What a text may call: the fewest and the most arguments, and what is computed.
FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    name: (row.arity[0], row.arity[1] or _MANY, row.evaluate)
    for row in OPERATIONS.values()
    for name in row.parse
}
for _function in (np.mean, np.sum, np.transpose, _relu, _softplus):
    FUNCTIONS[_function.__name__.strip("_")] = (1, 1, _function)
FUNCTIONS = dict(sorted(FUNCTIONS.items()))
_OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "@": operator.matmul,
    "**": operator.pow,
    "negative": operator.neg,
    "positive": operator.pos,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_GRAMMAR = Grammar(
    functions={name: (fewest, most) for name, (fewest, most, _) in FUNCTIONS.items()},
    constants={"pi": math.pi},
)
_CALLS = _OPERATORS | {name: function for name, (_, _, function) in FUNCTIONS.items()}


def _fold(steps: list[Step]) -> list[Step]:
    """Return the steps with what is between numbers computed, in floats: 9**9**9 is cheap."""
    folded: list[Step] = []
    starts: list[tuple[int, Any]] = []  # for each value: its first step, and itself if a number
    for step in steps:
        if step.kind != "call":
            number = float(step.value) if step.kind == "number" else None
            starts.append((len(folded), number))
            folded.append(step if number is None else step._replace(value=number))
            continue
        operands = starts[-step.operands :]
        del starts[-step.operands :]
        first, numbers = operands[0][0], [value for _, value in operands]
        if step.value == "**" and numbers[1] is not None and abs(numbers[1]) > _LARGEST_EXPONENT:
            raise Unparsable(
                f"column {step.column}: the exponent {numbers[1]:g} is above "
                f"{_LARGEST_EXPONENT:g}, the largest that is taken",
                step.column,
            )
        if step.value == "@" and None not in numbers:
            raise Unparsable(
                f"column {step.column}: '@' joins arrays, and these are numbers; write *",
                step.column,
            )
        if None in numbers:
            starts.append((first, None))
            folded.append(step)
            continue
        with np.errstate(all="ignore"):
            result = _CALLS[step.value](*map(np.float64, numbers))
        if not np.isfinite(result):
            raise Unparsable(
                f"column {step.column}: {step.value!r} of numbers gives {result}, which is no "
                "finite number",
                step.column,
            )
        kept = bool(result) if isinstance(result, (bool, np.bool_)) else float(result)
        del folded[first:]
        starts.append((first, kept))
        folded.append(Step("number", kept, column=step.column))
    return folded


def _parameters(steps: list[Step], arguments: Sequence[str] | None) -> list[str]:
    """Return the names of the arguments: as given, or in the order in which they appear."""
    found = {step.value: step.column for step in steps if step.kind == "name"}
    if arguments is None:
        return list(found)
    if isinstance(arguments, str) or not all(isinstance(name, str) for name in arguments):
        raise TypeError(
            f"arguments: a list of names such as ['x', 'y'] is expected, not {arguments!r}"
        )
    names = list(arguments)
    for position, name in enumerate(names):
        try:
            check_name(name, _GRAMMAR)
        except Unparsable as error:
            reason = str(error).partition(": ")[2]
            raise Unparsable(f"arguments, position {position}: {reason}") from None
        if name in names[:position]:
            raise Unparsable(f"arguments, position {position}: {name!r} is there twice")
    for name, column in found.items():
        if name not in names:
            raise Unparsable(
                f"column {column}: {name!r} is none of the arguments {', '.join(names)}."
                f"{nearest(name, names)}",
                column,
            )
    return names


def _run(steps: list[Step], values: dict[str, Any]) -> Any:
    """Return the value of the steps on a stack machine."""
    stack: list[Any] = []
    for step in steps:
        if step.kind == "call":
            operands = stack[-step.operands :]
            del stack[-step.operands :]
            stack.append(_CALLS[step.value](*operands))
        else:
            stack.append(step.value if step.kind == "number" else values[step.value])
    return stack[0]


def _column(text: str, column: int) -> int:
    """Return a place in a text whose ^ were written as ** there."""
    place = 0
    for position, character in enumerate(text, 1):
        place += 2 if character == "^" else 1
        if place >= column:
            return position
    return len(text)


def _parse_latex(text: str, arguments: Sequence[str] | None) -> Callable[..., Any]:
    """Return the function that a formula in LaTeX describes, by way of plain text."""
    plain = from_latex(text, FUNCTIONS)
    try:
        formula = parse(plain, arguments)
    except Unparsable as error:
        raise Unparsable(f"{error}, of {plain[:60]!r}, as the LaTeX is read", 1) from None
    formula.__doc__ = f"{plain}  (read from LaTeX)"
    return formula


def parse(text: str, arguments: Sequence[str] | None = None) -> Callable[..., Any]:
    r"""Return the function that a formula describes; no text can make it run anything else.

    Parameters
    ----------
    text : str
        Numbers, names, ``+ - * / @ **``, brackets, comparisons, and the functions of `FUNCTIONS`;
        ``pi`` is a number, and ``^`` a power as ``**`` is. At most 10,000 characters. A text with
        a backslash or braces is LaTeX: fractions, roots, powers, functions, names with an index;
        ``e`` is Euler's number there, ``\lambda`` is called ``lamda`` and ``\beta`` ``beta_``.
    arguments : sequence of str, optional
        The names of the arguments in their order; if not given, as they appear in the text.

    Returns
    -------
    callable
        Takes numbers, arrays, or what `symdiff` and other tools trace NumPy functions with, by
        position or by name. Numbers in the text are float64.

    Raises
    ------
    TypeError
        If `text` is no str, or `arguments` no sequence of str.
    Unparsable
        If the text is anything but such a formula: the message gives the column and what to write.

    Notes
    -----
    SymPy's `sympify` and `parse_expr` hand the text to `eval`, and so do ``diff("...")`` and
    ``Matrix(["..."])``; none of them may ever see a text from outside. Here Python's parser builds
    a tree of a text that was checked token by token, its nodes are held against a list, and a stack
    machine computes what is left: no code is made and none is run.

    Examples
    --------
    >>> from symdiff import gradient, parse
    >>> f = parse("2*(x*y + max(z, w))")
    >>> f(x=3, y=-4, z=2, w=-1)
    -20.0
    >>> gradient(f, x=(), y=(), z=(), w=())(x=3, y=-4, z=2, w=-1)
    {'x': -8.0, 'y': 6.0, 'z': 2.0, 'w': 0.0}
    >>> gradient(r"\frac{x^{2}}{2} \sin y").partials
    {'x': x*sin(y), 'y': x**2*cos(y)/2}
    >>> parse("__import__('os').system('ls')")
    Traceback (most recent call last):
    symdiff.errors.Unparsable: column 12: "'" is refused: a formula has no strings
    """
    if isinstance(text, str) and is_latex(text):
        return _parse_latex(text, arguments)
    written = text.replace("^", "**") if isinstance(text, str) else text
    try:
        steps = _fold(compile_text(written, _GRAMMAR))
    except Unparsable as error:
        if written == text:
            raise
        column = _column(text, error.column)
        message = re.sub(r"^column \d+", f"column {column}", str(error))
        raise Unparsable(message, column) from None
    names = _parameters(steps, arguments)
    signature = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    )

    def formula(*args: Any, **kwargs: Any) -> Any:
        result = _run(steps, signature.bind(*args, **kwargs).arguments)
        return result.item() if isinstance(result, np.generic) else result

    formula.__doc__ = text if written == text else f"{written}  (^ is read as a power)"
    formula.__signature__ = signature  # type: ignore[attr-defined]
    return formula
