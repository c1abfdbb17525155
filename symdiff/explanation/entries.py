"""Derivations of scalar formulas: every operation a line, every entry a derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symdiff.errors import nearest
from symdiff.explanation.lines import Explanation, Line, check_length, slope, title, used_again
from symdiff.operations.derivatives import partials, scale
from symdiff.operations.evaluate import evaluate
from symdiff.operations.sympy_conversion import definitions, to_sympy
from symdiff.printing.infix import Dialect, formula
from symdiff.printing.latex import typeset
from symdiff.printing.names import spell
from symdiff.store.cse import variable_names
from symdiff.store.dag import ONE, ZERO, Dag
from symdiff.store.properties import LEAVES
from symdiff.text.saving import DIALECT
from symdiff.tracing.trace import trace

__all__ = ["EntryLines", "explain_entries"]


# Why the local derivative of an operation is what it is.
_REASONS = {
    "add": "the derivative of a sum is 1 for every term",
    "subtract": "the derivative of a sum is 1 for every term, and -1 where it is subtracted",
    "mul": "the derivative of a product is the other factor",
    "scaled": "a constant factor stays",
    "neg": "a change of sign changes the sign of the derivative",
    "div": "a quotient a/b has the derivatives 1/b by a, and -(a/b)/b by b",
    "pow": "the power rule: the exponent comes down, and one less is left",
    "exponential": "a**b has the derivative a**b log(a) by its exponent",
    "sqrt": "the derivative of a square root is one over twice the root",
    "exp": "the derivative of exp is exp itself",
    "log": "the derivative of log is one over its argument",
    "sigmoid": "the derivative of s = sigmoid(z) is s (1 - s)",
    "tanh": "the derivative of t = tanh(z) is 1 - t**2, from the value alone",
    "sin": "the derivative of sin is cos",
    "cos": "the derivative of cos is -sin",
    "tan": "the derivative of t = tan(z) is 1 + t**2, from the value alone",
    "maximum": "the largest argument takes the whole derivative, the others none; a tie shares it",
    "minimum": "the smallest argument takes the whole derivative, the others none; a tie shares it",
    "where": "the branch that is chosen takes the derivative, the other none",
    "absolute": "the derivative of |z| is the sign of z",
    "sign": "a sign is constant on either side of 0: its derivative is 0",
}


class EntryLines:
    """The lines of one function."""

    def __init__(self, dag: Dag, value: int, dialect: Dialect) -> None:
        self.dag = dag
        self.value = value
        self.dialect = dialect
        self.order = dag.reachable([value])
        self.names: dict[int, str] = {}
        self.users: dict[int, list[tuple[int, int, int]]] = {}
        self.values: dict[int, Any] | None = None
        self.adjoints: dict[int, int] = {}
        self.branches: set[int] = set()  # what only the branches of choices use
        self.written: list[tuple[int, list[int], int]] = []  # a line each: node, users, derivative
        self.result = next(
            name for name in ("f", "value", *map("f{}".format, range(9))) if name not in dag.shapes
        )
        self._name()

    def _name(self) -> None:
        """Give a name to every operation; signs and conditions are written where they stand."""
        dag = self.dag
        variables = variable_names(dag)
        stems = {name.partition("[")[0] for name in variables.values()} | set(dag.shapes)
        prefix = next(p for p in ("v", "u", "t", "let") if not any(s.startswith(p) for s in stems))
        count = 0
        for node in self.order:
            op = dag.ops[node]
            if op == "symbol":
                self.names[node] = dag.symbol_name(node)
            elif node == self.value:
                self.names[node] = self.result
            elif op not in LEAVES and op != "neg" and not dag.is_condition(node):
                name = variables.get(node)
                if name is None or name in (self.result, *dag.shapes):
                    count += 1
                    name = f"{prefix}{count}"
                self.names[node] = name

    def text(self, node: int) -> str:
        """Return the formula of a node in terms of names."""
        return formula(self.dag, node, self.names, self.dialect)

    def number(self, node: int) -> float | None:
        """Return the number of a node at the point."""
        if self.values is None:
            return None
        return float(evaluate(self.dag, [node], self.values)[0])

    def forward(self) -> list[Line]:
        """Return the lines of the forward pass."""
        dag = self.dag
        found = [
            Line(self.names[node], "", self.text(node), number=self.number(node))
            for node in self.order
            if node in self.names and dag.ops[node] != "symbol"
        ]
        if dag.ops[self.value] == "symbol":
            found.append(
                Line(self.result, "", self.text(self.value), number=self.number(self.value))
            )
        return found

    def _signed(self, node: int) -> tuple[int, int]:
        """Return the node behind a change of sign, and the sign."""
        if self.dag.ops[node] == "neg" and node not in self.names:
            return self.dag.args[node][0], -1
        return node, 1

    def backward(self, wrt: Sequence[int]) -> list[Line]:
        """Return the lines of the backward pass."""
        dag = self.dag
        wanted = set(wrt)
        useful: set[int] = set(wanted)  # the arguments, and what depends on them
        for node in self.order:
            if any(arg in useful for arg in dag.args[node]):
                useful.add(node)
        for user in self.order:
            if user in self.names and user in useful and dag.ops[user] != "symbol":
                self._use(user, useful)
        inner = [n for n in reversed(self.order) if n in self.users and n not in wanted]
        return [self._line(node) for node in (*inner, *wrt)]

    def _use(self, user: int, useful: set[int]) -> None:
        """Note for each argument of an operation its local derivative."""
        dag = self.dag
        for arg, partial in zip(dag.args[user], partials(dag, user), strict=True):
            node, sign = self._signed(arg)
            if dag.ops[node] == "number" or node not in useful or node not in self.names:
                continue
            local = dag.negate(partial) if sign < 0 else partial
            self.users.setdefault(node, []).append((user, local, arg))

    def _line(self, node: int) -> Line:
        """Return the derivative of the result by a node."""
        dag, name, result = self.dag, self.names[node], self.result
        left = f"∂{result}/∂{name}"
        uses = self.users.get(node, [])
        if node == self.value:
            self.written.append((node, [], ONE))
            return Line(left, "", "1", (f"{result} is {name} itself.",), self._constant(1.0))
        if not uses:
            reason = f"{result} does not depend on {name}."
            self.written.append((node, [], ZERO))
            return Line(left, "", "0", (reason,), self._constant(0.0))
        terms, chain, rules = [], [], []
        for user, local, arg in uses:
            outer = ONE if user == self.value else self.adjoints[user]
            terms.append(self._term(user, local, arg, outer))
            used = self.names[user]
            outer_text = "" if user == self.value else f"∂{result}/∂{used} · "
            chain.append(f"{outer_text}∂{used}/∂{name}")
            rules.append(f"{used} = {self._short(user)}: {self._rule(user, arg)}.")
        total = dag.add(*terms)
        text = self.names.get(total) or self.text(total)
        number = self._sum([user for user, _, _ in uses], terms, total)
        if all(user in self.branches or dag.ops[user] == "where" for user, _, _ in uses):
            self.branches.add(node)
        [adjoint] = dag.symbols(left, ()).ravel().tolist()
        self.names[adjoint] = f"({left})"
        self.adjoints[node] = adjoint
        if self.values is not None:
            self.values[adjoint] = np.float64(number)
        direct = len(uses) == 1 and uses[0][0] == self.value
        self.written.append((node, [] if direct else [user for user, _, _ in uses], total))
        right = text[1:-1] if total in self.adjoints.values() else text
        return Line(
            left,
            "" if direct else " + ".join(chain),
            right,
            tuple(dict.fromkeys([*rules, *used_again(name, len(uses))])),
            number,
        )

    def typeset(self, forward: list[Line], backward: list[Line]) -> list[Line]:
        """Return the lines with their equations as LaTeX."""
        dag, names = self.dag, self.names
        slopes = set(self.adjoints.values())
        letters = spell([self.result, *(name for n, name in names.items() if n not in slopes)])
        result = letters[self.result]

        def by(node: int, whole: str = result) -> str:
            return slope(whole, letters[names[node]])

        nodes = [n for n in self.order if n in names and dag.ops[n] != "symbol"]
        forms = definitions(dag, names, nodes) if nodes else []
        sides = [(letters[names[node]], "") for node in nodes]
        if len(nodes) < len(forward):
            forms += to_sympy(dag, [self.value], names)
            sides.append((result, ""))
        for node, users, _ in self.written:
            ways = [(by(user), by(node, letters[names[user]])) for user in users]
            steps = (
                last if user == self.value else f"{outer} {last}"
                for user, (outer, last) in zip(users, ways, strict=True)
            )
            sides.append((by(node), " + ".join(steps)))
        forms += to_sympy(dag, [total for _, _, total in self.written], names)
        letters |= {names[adjoint]: by(node) for node, adjoint in self.adjoints.items()}
        return [
            replace(line, equation=(*side, right))
            for line, side, right in zip(
                (*forward, *backward), sides, typeset(forms, letters), strict=True
            )
        ]

    def _term(self, user: int, local: int, arg: int, outer: int) -> int:
        """Return the share of one use: the derivative by the user, times the local derivative."""
        dag = self.dag
        if dag.ops[user] != "where":
            return scale(dag, local, outer)
        condition, a, b = dag.args[user]
        sign = dag.negate if self._signed(arg)[1] < 0 else (lambda x: x)
        if a == b:
            return sign(outer)
        return sign(dag.choose(condition, *((outer, ZERO) if arg == a else (ZERO, outer))))

    def _sum(self, users: Sequence[int], terms: Sequence[int], total: int) -> float | None:
        """Return the number of a sum of shares; a branch that was not chosen has none, not NaN."""
        if self.values is None:
            return None
        idle = [user in self.branches and self.values[self.adjoints[user]] == 0 for user in users]
        if not any(idle):
            return self.number(total)
        chosen = [term for term, without in zip(terms, idle, strict=True) if not without]
        return float(sum(evaluate(self.dag, chosen, self.values)))

    def _constant(self, number: float) -> float | None:
        """Return a number that every point has."""
        return None if self.values is None else number

    def _short(self, node: int) -> str:
        """Return the formula of a node, cut where it is wide."""
        text = self.text(node)
        return text if len(text) <= 60 else f"{text[:57]}..."

    def _rule(self, user: int, arg: int) -> str:
        """Return why the derivative of an operation by an argument is what it is."""
        dag = self.dag
        op = dag.ops[user]
        if op == "add" and any(dag.ops[term] == "neg" for term in dag.args[user]):
            op = "subtract"
        if op == "mul" and any(dag.ops[factor] == "number" for factor in dag.args[user]):
            op = "scaled" if len(dag.args[user]) == 2 else "mul"
        if op == "pow" and dag.args[user][1] == arg:
            op = "exponential"
        return _REASONS.get(op, f"the derivative of {op}, from the table of derivatives")


def explain_entries(
    f: Callable[..., Any], given: Mapping[str, Any], at: Mapping[str, Any] | None = None
) -> Explanation:
    """Return the derivation of a gradient entry by entry."""
    traced = trace(f, inputs=given)
    if traced.nodes.ndim:
        raise ValueError(
            f"explain: the function returned an array of shape {traced.nodes.shape}, a scalar is "
            "needed; sum it (np.sum) or select one entry"
        )
    dag, value = traced.dag, int(traced.nodes)
    derivation = EntryLines(dag, value, DIALECT)
    wrt = [node for nodes in traced.inputs.values() for node in nodes.ravel().tolist()]
    check_length(
        2 * len(derivation.names) + len(wrt),
        "take smaller shapes, or symdiff.gradient(..., strategy='adjoint'), whose lines are the "
        "same without the words",
    )
    if at is not None:
        derivation.values = _point(at, traced.inputs)
    for node in wrt:
        derivation.names.setdefault(node, dag.symbol_name(node))
    forward = derivation.forward()
    lines = derivation.typeset(forward, derivation.backward(wrt))
    n = len(forward)
    return Explanation(title(derivation.result, traced.inputs), lines[:n], lines[n:])


def _point(at: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[int, Any]:
    """Return the numbers of the symbols."""
    values: dict[int, Any] = {}
    for name in at:
        if name not in inputs:
            raise ValueError(
                f"explain: the point has {name!r}, which is no symbolic argument."
                f"{nearest(name, inputs)} They are {', '.join(inputs) or 'none'}"
            )
    for name, nodes in inputs.items():
        if name not in at:
            raise ValueError(f"explain: the point lacks {name!r}; give every argument a number")
        numbers = np.asarray(at[name], dtype=float)
        if numbers.shape != nodes.shape:
            raise ValueError(
                f"explain: the point has shape {numbers.shape} for {name!r}, {nodes.shape} is what "
                "the function takes"
            )
        values.update(zip(nodes.ravel().tolist(), map(np.float64, numbers.ravel()), strict=True))
    return values
