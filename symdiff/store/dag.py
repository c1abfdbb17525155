"""`Dag`: formulas as nodes, simplified where they are built as a person would without thinking."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from symdiff.store.exact import Number, fold
from symdiff.store.nodes import ONE, ZERO, Nodes, NodeStore
from symdiff.store.properties import COMPARE, CONDITIONS, FOLDS

__all__ = ["CONDITIONS", "ONE", "ZERO", "Dag", "Nodes"]

_EXACT_EXPONENT = 64
_FOLDED = frozenset({"number", "neg"})


class Dag(NodeStore):
    """A directed acyclic graph of formulas, each distinct one once."""

    def complement(self, node: int) -> int | None:
        """Return the node s of which a node is 1 - s, written so that it keeps its digits."""
        if self.ops[node] != "sigmoid" or self.ops[self.args[node][0]] != "neg":
            return None
        other = self._tables["sigmoid"].get(self.args[self.args[node][0]])
        return other if other is not None and other < node else None

    # Arithmetic ---------------------------------------------------------------------------------

    def add(self, *terms: int) -> int:
        """Return the sum of the terms as one node."""
        if len(set(terms)) == len(terms) > 1:
            numbers = [self.ops[term] for term in terms].count("number")
            if numbers == 0 or (numbers == 1 and ZERO not in terms):
                return self.node("add", *terms)
        constant: Number = 0
        counts: dict[int, int] = {}
        for term in terms:
            if self.ops[term] == "number":
                constant = fold(constant + self.data[term])
                counts.setdefault(ZERO, 1)  # holds the place of the constant
            else:
                counts[term] = counts.get(term, 0) + 1
        if constant == 0:
            counts.pop(ZERO, None)
        rest = [
            self.number(constant)
            if term == ZERO
            else term
            if n == 1
            else self.multiply(self.number(n), term)
            for term, n in counts.items()
        ]
        return self.node("add", *rest) if len(rest) > 1 else rest[0] if rest else ZERO

    def subtract(self, x: int, y: int) -> int:
        """Return ``x - y``."""
        return self.add(x, self.negate(y))

    def negate(self, x: int) -> int:
        """Return ``-x``, a sum kept whole."""
        op = self.ops[x]
        if op == "neg":
            return self.args[x][0]
        if op == "number":
            return self.number(-self.data[x])
        return self.node("neg", x)

    def multiply(self, *factors: int) -> int:
        """Return the product of the factors."""
        ops = self.ops
        if len(factors) == 2:
            x, y = factors
            if x != y and ops[x] not in _FOLDED and ops[y] not in _FOLDED:
                return self.node("mul", x, y)
        constant: Number = 1
        counts: dict[int, int] = {}
        for factor in factors:
            op = ops[factor]
            if op == "number":
                constant = fold(constant * self.data[factor])
                continue
            if op == "neg":
                constant = -constant
                factor = self.args[factor][0]
            counts[factor] = counts.get(factor, 0) + 1
        if constant == 0:
            return ZERO
        others = [f if n == 1 else self.power(f, self.number(n)) for f, n in counts.items()]
        if not others:
            return self.number(constant)
        product = others[0] if len(others) == 1 else self.node("mul", *others)
        if constant < 0:  # x and -x share all but the sign
            return self.negate(self.multiply(self.number(-constant), product))
        return product if constant == 1 else self.node("mul", self.number(constant), product)

    def divide(self, x: int, y: int) -> int:
        """Return ``x / y``."""
        ops, data = self.ops, self.data
        if ops[y] == "number":
            below = data[y]
            if ops[x] == "number":
                return self.number(_quotient(data[x], below))
            if below == 1:
                return x
            if below < 0:
                return self.negate(self.divide(x, self.number(-below)))
        if x == ZERO:
            return ZERO
        if ops[x] == "neg":
            return self.negate(self.divide(self.args[x][0], y))
        if ops[x] == "number" and data[x] < 0:
            return self.negate(self.divide(self.number(-data[x]), y))
        if ops[y] == "neg":
            return self.negate(self.divide(x, self.args[y][0]))
        if ops[y] == "div" and self.args[y][0] == ONE:
            return self.multiply(x, self.args[y][1])
        if ops[y] == "add" and len(self.args[y]) == 2 and ONE in self.args[y]:
            other = sum(self.args[y]) - ONE
            if ops[other] == "exp":
                sigmoid = self.apply("sigmoid", self.negate(self.args[other][0]))
                return self.multiply(x, sigmoid)
        return self.node("div", x, y)

    def power(self, base: int, exponent: int) -> int:
        """Return ``base**exponent``."""
        if self.ops[exponent] != "number":
            return self.node("pow", base, exponent)
        n = self.data[exponent]
        if n == 1:
            return base
        if n == 0:
            return ONE
        if isinstance(n, int) and abs(n) <= _EXACT_EXPONENT:
            if self.ops[base] == "number":
                known = self.data[base]
                if known == 0 and n < 0:
                    return self.number(math.inf)
                exact: Any = Fraction(known) if isinstance(known, int) else known
                return self.number(fold(exact**n))
            if self.ops[base] == "neg":
                positive = self.power(self.args[base][0], exponent)
                return self.negate(positive) if n % 2 else positive
        if n < 0:
            return self.divide(ONE, self.power(base, self.number(-n)))
        if n == Fraction(1, 2):
            return self.apply("sqrt", base)
        return self.node("pow", base, exponent)

    def square(self, x: int) -> int:
        """Return ``x**2``."""
        return self.power(x, self.number(2))

    def apply(self, function: str, *args: int) -> int:
        """Return a function of nodes; evaluated where that is exact, or a number is a float."""
        if all(self.ops[arg] == "number" for arg in args):
            fold_function = FOLDS.get(function)
            value = fold_function([self.data[arg] for arg in args]) if fold_function else None
            if value is not None:
                return self.number(value)
        return self.node(function, *args)

    # Choices ------------------------------------------------------------------------------------

    def compare(self, relation: str, x: int, y: int) -> int:
        """Return a comparison; decided at once between two numbers."""
        if self.ops[x] == self.ops[y] == "number":
            return self.boolean(COMPARE[relation](self.data[x], self.data[y]))
        return self.node(relation, x, y)

    def choose(self, condition: int, a: int, b: int) -> int:
        """Return a where the condition holds and b elsewhere."""
        if self.ops[condition] == "true" or a == b:
            return a
        if self.ops[condition] == "false":
            return b
        conditions = self.is_condition(a) or self.is_condition(b)
        return self.node("choice" if conditions else "where", condition, a, b)

    def numeric(self, node: int) -> int:
        """Return a node as a number: a condition counts 1 where it holds, else 0."""
        return self.choose(node, ONE, ZERO) if self.is_condition(node) else node

    def condition(self, node: int) -> int:
        """Return a node as a condition: a number holds where it is not zero."""
        return node if self.is_condition(node) else self.compare("ne", node, ZERO)


def _quotient(x: Number, y: Number) -> Number:
    """Return a quotient of numbers; by zero it is infinite or not a number, as in NumPy."""
    if y == 0:
        return math.nan if x == 0 or x != x else math.copysign(math.inf, x)
    if isinstance(x, float) or isinstance(y, float):
        return float(x) / float(y)
    return Fraction(x) / Fraction(y)
