"""`Dag`: formulas as nodes, simplified where they are built as a person would without thinking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from symdiff.store.exact import Number, fold
from symdiff.store.nodes import ONE, ZERO, Nodes, NodeStore
from symdiff.store.properties import COMPARE, CONDITIONS, FOLDS
from symdiff.store.stable import (
    GROWING,
    PAIRS,
    Term,
    changed,
    stable_logarithm,
    stable_product,
    stable_quotient,
)

__all__ = ["CONDITIONS", "ONE", "ZERO", "Dag", "Nodes"]

_EXACT_EXPONENT = 64
_FOLDED = frozenset({"number", "neg"})
_SUMS = frozenset({"add", "logaddexp", "logsumexp"})
_ROOTS = frozenset({"sqrt", "pow"})
_LOGARITHMS = {"log": "log", "log1p": "log1p", "xlogy": "log", "xlog1py": "log1p"}
_NESTED = 4  # products inside each other in which a power of one base is looked for


class Dag(NodeStore):
    """A directed acyclic graph of formulas, each distinct one once."""

    def complement(self, node: int) -> int | None:
        """Return the node s of which a node is 1 - s, written so that it keeps its digits."""
        if self.ops[node] != "sigmoid" or self.ops[self.args[node][0]] != "neg":
            return None
        other = self._tables["sigmoid"].get(self.args[self.args[node][0]])
        return other if other is not None and other < node else None

    def term(self, node: int) -> Term:
        """Return a node as an operation on others."""
        number = self.data[node] if self.ops[node] == "number" else None
        return Term(self.ops[node], self.args[node], number)

    # Arithmetic ---------------------------------------------------------------------------------

    def add(self, *terms: int) -> int:
        """Return the sum of the terms as one node."""
        if len(set(terms)) == len(terms) > 1:
            numbers = [self.ops[term] for term in terms].count("number")
            if numbers == 0 or (numbers == 1 and ZERO not in terms):
                if len(terms) == 2:
                    if self._cancel(*terms):
                        return ZERO
                    if _SUMS & {self.ops[terms[0]], self.ops[terms[1]]}:
                        whole = self._without_shift(*terms)
                        if whole is not None:
                            return whole
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

    def _cancel(self, x: int, y: int) -> bool:
        """Return whether one of two terms is the other with its sign changed."""
        return (self.ops[x] == "neg" and self.args[x][0] == y) or (
            self.ops[y] == "neg" and self.args[y][0] == x
        )

    def subtract(self, x: int, y: int) -> int:
        """Return ``x - y``; 1 less a logistic function or erf as one, which does not round to 0."""
        if x == ONE and self.ops[y] == "sigmoid":
            return self.apply("sigmoid", self.negate(self.args[y][0]))
        if x == ONE and self.ops[y] == "erf":
            return self.apply("erfc", *self.args[y])
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
                whole = None
                if ops[x] in _ROOTS or ops[y] in _ROOTS:
                    whole = self._one_power(x, y)
                elif (ops[x], ops[y]) in PAIRS:
                    whole = stable_product(self, x, y)
                return self.node("mul", x, y) if whole is None else whole
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

    def _one_power(self, x: int, y: int, depth: int = 0) -> int | None:
        """Return a product of two powers of one base, one of them a root, as one power; or None.

        Written so, the derivative of ``x*sqrt(x)`` is a number at 0 too.
        """
        for one, other in ((x, y), (y, x)):
            if self.ops[one] == "mul" and depth < _NESTED:
                for place, factor in enumerate(factors := self.args[one]):
                    whole = self._one_power(factor, other, depth + 1)
                    if whole is not None:
                        return self.multiply(*factors[:place], whole, *factors[place + 1 :])
        (base, n), (other_base, m) = map(self._as_power, (x, y))
        if base != other_base or min(n, m) <= 0 or (n + m) % 1 == 0:
            return None
        return self.power(base, self.number(n + m))

    def _as_power(self, node: int) -> tuple[int, Number]:
        """Return a base and the number to whose power it is raised."""
        op, args = self.ops[node], self.args[node]
        if op == "sqrt":
            return args[0], Fraction(1, 2)
        if op == "pow" and self.ops[args[1]] == "number":
            return args[0], self.data[args[1]]
        return node, 1

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
        if ops[y] == "add":
            softmax = self._over_exponentials(x, y)
            if softmax is not None:
                return softmax
        if ops[y] in GROWING:
            stable = stable_quotient(self, x, y)
            if stable is not None:
                return stable
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
            if n > 0 and n % 2 == 0:
                smooth = self._without_kink(base, n)
                if smooth is not None:
                    return smooth
            if n > 0 and n % 2 and self.ops[base] == "sqrt":
                return self.power(self.args[base][0], self.number(Fraction(n, 2)))
        if n < 0:
            return self.divide(ONE, self.power(base, self.number(-n)))
        if n == Fraction(1, 2):
            return self.apply("sqrt", base)
        return self.node("pow", base, exponent)

    def _without_kink(self, base: int, n: int) -> int | None:
        """Return an even power of a size or a length as the power of what is below it, else None.

        Written so, its second derivative is right at 0 too.
        """
        op, args = self.ops[base], self.args[base]
        if op == "absolute":
            return self.power(args[0], self.number(n))
        if op == "hypot":
            return self.power(self.add(*map(self.square, args)), self.number(n // 2))
        if op == "sqrt" and self.is_sum_of_squares(args[0]):
            return self.power(args[0], self.number(n // 2))
        return None

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
        if function in ("cos", "cosh", "absolute") and self.ops[args[0]] == "absolute":
            args = self.args[args[0]]  # even: without a kink at 0
        if (
            function in ("maximum", "minimum")
            and len(args) == 2
            and args[1] == self.negate(args[0])
        ):
            size = self.apply("absolute", args[0])
            return size if function == "maximum" else self.negate(size)
        if function in _LOGARITHMS:
            stable = self._log(_LOGARITHMS[function], args[-1], len(args) > 1)
            if stable is not None:
                return stable if len(args) == 1 else self.multiply(args[0], stable)
        return self.node(function, *args)

    # Sums of squares and of exponentials --------------------------------------------------------

    def is_sum_of_squares(self, node: int) -> bool:
        """Return whether a node is never negative and has the derivative 0 wherever it is 0.

        Then its square root is a length, and the square of that is smooth.
        """
        stack, several = [node], False
        while stack:
            op, args = self.ops[part := stack.pop()], self.args[part]
            numbers = [self.data[arg] for arg in args if self.ops[arg] == "number"]
            if op == "add" and not numbers:
                stack.extend(args)
            elif op == "mul" and all(n > 0 for n in numbers):
                stack.extend([arg for arg in args if self.ops[arg] != "number"])
            elif op == "div" and numbers and self.ops[args[1]] == "number" and numbers[0] > 0:
                stack.append(args[0])
            elif op != "pow" or not numbers or numbers[-1] % 2 or numbers[-1] <= 0:
                return False
            several = True
        return several

    def is_flat(self, base: int, n: Number) -> bool:
        """Return whether a root ``base**n``, n < 1, has the derivative 0 wherever it is 0."""
        while self.ops[base] in ("mul", "div"):  # a positive multiple of a power
            args = self.args[base]
            number = args[0 if self.ops[base] == "mul" else 1]
            if len(args) > 2 or self.ops[number] != "number" or self.data[number] <= 0:
                break
            base = args[1] if number == args[0] else args[0]
        power, m = self._as_power(base)
        if power != base and m > 0:
            return n * m > 1 or (n * m == 1 and m % 2 == 0)
        return n * 2 >= 1 and self.is_sum_of_squares(base)

    def _exponents(self, total: int) -> list[int] | None:
        """Return the exponents of a sum of exponentials and positive numbers, else None."""
        found = []
        stack = [total]
        while stack:
            op, args = self.ops[term := stack.pop()], self.args[term]
            if op == "add":
                stack.extend(reversed(args))
            elif op == "exp":
                found.append(args[0])
            elif op == "number" and self.data[term] > 0:
                found.append(self.apply("log", term))
            elif op == "mul" and len(args) == 2 and self.ops[args[1]] == "exp":
                if self.ops[args[0]] != "number" or self.data[args[0]] <= 0:
                    return None
                exponent, shift = self._shifted(self.args[args[1]][0])
                scaled = self.add(self.apply("log", args[0]), exponent)
                found.append(scaled if shift is None else self.subtract(scaled, shift))
            else:
                return None
        return found

    def _shifted(self, node: int) -> tuple[int, int | None]:
        """Return the minuend and the maximum that is taken off it; None if none is."""
        op, args = self.ops[node], self.args[node]
        if op == "add" and self.ops[args[-1]] == "neg":
            taken = self.args[args[-1]][0]
            if self.ops[taken] == "maximum":
                return self.add(*args[:-1]), taken
        elif op in ("logaddexp", "logsumexp"):
            parts = [self._shifted(exponent) for exponent in args]
            if parts[0][1] is not None and len({shift for _, shift in parts}) == 1:
                return self.log_sum_exp([part for part, _ in parts]), parts[0][1]
        return node, None

    def log_sum_exp(self, exponents: Sequence[int]) -> int:
        """Return the logarithm of a sum of exponentials, without overflow."""
        if len(exponents) < 2:
            return exponents[0] if exponents else self.number(-math.inf)
        name = "logaddexp" if len(exponents) == 2 else "logsumexp"
        return self.apply(name, *exponents)

    def _without_shift(self, x: int, y: int) -> int | None:
        """Return ``(u - m) + m`` as u and ``(u - m) - (v - m)`` as u - v, m a maximum; or None.

        The maximum has a kink at a tie, and the whole has none.
        """
        for one, other in ((x, y), (y, x)):
            rest, shift = self._shifted(one)
            if shift is not None and shift == other:
                return rest
            if shift is not None and self.ops[other] == "neg":
                taken, same = self._shifted(self.args[other][0])
                if same == shift:
                    return self.subtract(rest, taken)
        return None

    def smallest(self, k: int, args: Sequence[int]) -> int:
        """Return the k-th smallest of some values, counted from 0."""
        if len(args) == 1:
            return args[0]
        if len(args) == 2:
            return self.apply("maximum" if k else "minimum", *args)
        return self.apply("smallest", self.number(k), *args)

    def _over_exponentials(self, x: int, y: int) -> int | None:
        """Return x / y by softmax, if x is made of parts of the sum y of exponentials, or None."""
        exponents = self._exponents(y)
        if exponents is None:
            return None

        def share(part: int) -> int | None:
            exponent = self.args[part][0] if self.ops[part] == "exp" else None
            if exponent not in exponents:
                return None
            if len(exponents) == 2:
                a, b = exponents
                return self.apply("sigmoid", self.subtract(*((a, b) if a == exponent else (b, a))))
            return self.apply("exp", self.subtract(exponent, self.log_sum_exp(exponents)))

        found, stack = list[int](), [x]
        while stack:
            if self.ops[term := stack.pop()] == "add":
                stack += reversed(self.args[term])
                continue
            part = changed(self, term, share)
            if part is None:
                return None
            found.append(part)
        return self.add(*found)

    def _log(self, function: str, x: int, positive: bool) -> int | None:
        """Return the logarithm of x, or of 1 + x, where it has a form without overflow.

        Where that form is to be finite everywhere, x has to be `positive` by how it is made.
        """
        ops, args = self.ops, self.args
        if function == "log1p":
            if ops[x] == "neg" and ops[args[x][0]] == "sigmoid":
                return self.negate(self.apply("logaddexp", ZERO, args[args[x][0]][0]))
            exponents = self._exponents(x) if ops[x] in ("exp", "add") else None
            return None if exponents is None else self.log_sum_exp([ZERO, *exponents])
        if ops[x] == "exp":
            return args[x][0]
        if ops[x] == "sigmoid":
            return self.negate(self.apply("logaddexp", ZERO, self.negate(args[x][0])))
        if ops[x] == "div":
            above, below = args[x]
            exponentials = (ops[above], ops[below]).count("exp")
            if exponentials == 2 or (exponentials and not positive):
                return self.subtract(self.apply("log", above), self.apply("log", below))
            if ops[below] == "number" and self.data[below] > 0 and ops[above] == "add":
                exponents = self._exponents(above)
                if exponents is not None:
                    return self.subtract(self.log_sum_exp(exponents), self.apply("log", below))
        if ops[x] in ("add", "mul"):
            for one, other in (args[x], args[x][::-1]) if len(args[x]) == 2 else ():
                if one == ONE and ops[other] == "neg" and ops[args[other][0]] == "sigmoid":
                    return self.negate(self.apply("logaddexp", ZERO, args[args[other][0]][0]))
            exponents = self._exponents(x)
            if exponents is not None:
                return self.log_sum_exp(exponents)
        return stable_logarithm(self, x, positive)

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
