"""One gradient three ways: the formula of one entry, the circuit, the matrix formula.

Of a small network, or of somebody's own function.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compare.engines.symbolic import by_identifier, short_identifiers
from compare.problems.problem import Case, Problem
from compare.process.executor import Budget, Executor

__all__ = [
    "Example",
    "Part",
    "circuit_of",
    "example_of",
    "formula_of",
    "matrix_of",
    "network",
    "network_example",
    "saved_example",
]

#: A formula longer than this is shown from its beginning only.
_LONGEST = 1500
#: Lines of a matrix formula, and nodes of a circuit, that a page has room for.
_LINES, _NODES = 24, 40
#: What an own function may take to be shown.
_BUDGET = Budget(10.0, 2 * 1024**3)


Function = Callable[..., Any]
Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One of the three ways to write a gradient."""

    #: Its lines, or one picture; empty where there is none.
    lines: tuple[str, ...] = ()
    #: What must be said beside it.
    note: str = ""
    #: Why there is none.
    why: str = ""


@dataclass(frozen=True)
class Example:
    """A gradient as a formula, as matrices and as a circuit."""

    title: str
    formula: Part
    matrix: Part
    circuit: Part


def network(x: Any, t: Any, w1: Any, w2: Any) -> Any:
    """Return the squared error of a network of two inputs, two hidden units and one output."""
    h = np.tanh(x @ w1)
    e = h @ w2 - t
    return e**2


def network_example() -> Example:
    """Return the gradient of a network that fits on a page."""
    inputs = {
        "x": np.array([1.0, 0.5]),
        "t": 1.0,
        "w1": np.array([[0.5, -1.0], [1.0, 0.5]]),
        "w2": np.array([1.0, 2.0]),
    }
    title = "A network of two inputs, two hidden units and one output"
    shown = formula_of(network, inputs, ("w1",)), matrix_of(network, inputs, ("w1",))
    return Example(title, *shown, circuit_of(network, inputs))


def example_of(problem: Problem, seed: int = 0, *, trusted: bool = False) -> Example:
    """Return the gradient of a problem at its smallest size.

    Each part of one that is not trusted is made in a process of its own, under a budget.
    """
    case = problem.case(problem.sizes[0], seed)
    makers = (formula_of, matrix_of, circuit_of)
    if trusted:
        parts = [_made(make, case) for make in makers]
    else:
        with Executor() as executor:
            parts = [_made_apart(executor, make, case) for make in makers]
    size = f"size {case.label}" if case.label.isdecimal() else case.label
    return Example(f"{problem.name}, {size}", *parts)


def _made(make: Function, case: Case) -> Part:
    """Return a part, or why there is none."""
    try:
        made = _part_of(make, case)
    except (ValueError, TypeError, NotImplementedError) as error:
        return Part(why=_line(str(error)))
    return made


def _made_apart(executor: Executor, make: Function, case: Case) -> Part:
    """Return a part that was made in a worker, or why there is none."""
    outcome = executor.call(_part_of, make, case, budget=_BUDGET)
    if outcome.status == "ok":
        made: Part = outcome.result
        return made
    return Part(why=_line(outcome.message or outcome.status))


def _part_of(make: Function, case: Case) -> Part:
    """Return a part of a case; in formulas its inputs have short names, which are Python's."""
    given = {name: name for name in case.inputs}
    names = given if make is circuit_of else short_identifiers(case)
    inputs = {names[name]: value for name, value in case.inputs.items()}
    made: Part = make(by_identifier(case, names), inputs, [names[name] for name in case.wrt])
    return made


def saved_example(saved: Mapping[str, Any]) -> Example:
    """Return the example that a run has saved."""
    parts = []
    for name in ("formula", "matrix", "circuit"):
        part = saved.get(name) or {}
        lines = tuple(str(line) for line in part.get("lines", ()))
        parts.append(Part(lines, str(part.get("note", "")), str(part.get("why", ""))))
    return Example(str(saved.get("title", "")), *parts)


def formula_of(function: Function, inputs: Inputs, wrt: Sequence[str]) -> Part:
    """Return the closed formula of the first entry of a gradient."""
    import symdiff

    closed = symdiff.gradient(function, wrt=tuple(wrt), strategy="expanded", inputs=_shapes(inputs))
    line = next(line for line in str(closed).splitlines() if line.startswith("d/d"))
    left, right = line.split(" = ", 1)
    entry = left.removeprefix("d/d")
    if len(right) > _LONGEST:
        operations = closed.operations.gradient_tree
        note = f"Its beginning: the whole gradient has {operations:,} operations written out."
        return Part((f"∂f/∂{entry} = {right[:_LONGEST]} …",), note)
    return Part((f"∂f/∂{entry} = {right}",))


def matrix_of(function: Function, inputs: Inputs, wrt: Sequence[str]) -> Part:
    """Return the lines of a gradient in whole matrices."""
    import symdiff

    made = symdiff.gradient(function, wrt=tuple(wrt), strategy="matrix", inputs=_shapes(inputs))
    lines = str(made).splitlines()
    if len(lines) > _LINES:
        return Part(tuple(lines[:_LINES]), f"Its first {_LINES} lines.")
    return Part(tuple(lines))


def circuit_of(function: Function, inputs: Inputs, wrt: Sequence[str] = ()) -> Part:
    """Return the drawing of a graph with its values and gradients, or of its top."""
    import autodiff
    from autodiff.graph.draw import draw

    graph = autodiff.trace(function, **inputs)
    graph.forward(**inputs)
    graph.backward()
    count = len(graph.nodes)
    note = f"Its top: {_NODES} of {count:,} nodes." if count > _NODES else ""
    return Part((draw(graph, top=_NODES).svg,), note)


def _line(text: str) -> str:
    """Return an error in one line."""
    kind, _, rest = " ".join(text.split()).partition(": ")
    line = rest if rest and kind.isidentifier() else " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:299]}…"


def _shapes(inputs: Inputs) -> dict[str, Any]:
    return {name: np.shape(value) for name, value in inputs.items()}
