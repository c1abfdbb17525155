"""`Dag`: formulas as hash-consed nodes in flat lists.

A node is an integer, its position. Equal operations on equal nodes are one node, arguments come
before what uses them, and nothing here recurses: the size of a graph is limited by memory alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from symdiff.store.exact import Number, exact_number, fold

__all__ = ["CONDITIONS", "ONE", "ZERO", "Dag", "Nodes"]

Nodes = npt.NDArray[np.int64]

ZERO, ONE = 0, 1  # the nodes of these two numbers, in every graph

RELATIONS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "==", "ne": "!="}
CONDITIONS = frozenset({*RELATIONS, "choice", "true", "false"})
_COMMUTATIVE = frozenset({"add", "mul", "eq", "ne", "maximum", "minimum", "hypot", "logaddexp"})
_EXACT_EXPONENT = 64
_FOLDED = frozenset({"number", "neg"})


def _sign(x: Number) -> Number:
    """Return the sign of a number."""
    return (x > 0) - (x < 0) if x == x else math.nan


# What is evaluated at once on numbers, whatever they are.
_EXACT: dict[str, Any] = {
    "absolute": abs,
    "sign": _sign,
    "step": lambda a, b: fold((a > b) + Fraction(int(a == b), 2)),
    "maximum": lambda *x: max(x) if all(v == v for v in x) else math.nan,
    "minimum": lambda *x: min(x) if all(v == v for v in x) else math.nan,
}
_AT_ZERO: dict[str, Number] = {
    **dict.fromkeys(("exp", "exp2", "cos", "cosh"), 1),
    **dict.fromkeys(("sin", "tan", "arcsin", "arctan", "sinh", "tanh", "arcsinh", "arctanh"), 0),
    **dict.fromkeys(("expm1", "log1p", "cbrt", "sqrt"), 0),
    "sigmoid": Fraction(1, 2),
}
_AT_ONE: dict[str, Number] = {"log": 0, "log2": 0, "log10": 0, "cbrt": 1, "sqrt": 1, "arccosh": 0}


class Dag:
    """A directed acyclic graph of operations, each distinct one once.

    Attributes
    ----------
    ops : list of str
        The operation of each node: ``symbol``, ``number``, ``add`` and ``mul`` (any number of
        arguments), ``neg``, ``div``, ``pow``, ``where``, a condition (``gt`` …), or a function by
        NumPy's name (``exp`` …).
    args : list of tuple of int
        The arguments of each node; they are smaller than the node.
    data : list
        The number of a ``number``; the argument and flat position of a ``symbol``; else None.
    shapes : dict of str to tuple of int
        The arguments that have symbols.
    variables : list of tuple of str and numpy.ndarray
        Local variables of the traced function and their nodes.
    lookups : int
        How often such a variable has been looked for.
    has_conditions : bool
        Whether any node is a condition.

    Examples
    --------
    >>> dag = Dag()
    >>> x, y = dag.symbols("x", (2,)).tolist()
    >>> product = dag.multiply(x, y)
    >>> product == dag.multiply(y, x), dag.ops[product], dag.symbol_name(y)
    (True, 'mul', 'x[1]')
    """

    def __init__(self) -> None:
        self.ops: list[str] = []
        self.args: list[tuple[int, ...]] = []
        self.data: list[Any] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.variables: list[tuple[str, Nodes]] = []
        self.lookups = 0
        self.has_conditions = False
        self._numbers: dict[Any, int] = {}
        self._tables: dict[str, dict[tuple[int, ...], int]] = {}
        self.number(0)
        self.number(1)

    def __len__(self) -> int:
        return len(self.ops)

    def __repr__(self) -> str:
        return f"Dag({len(self)} nodes of {', '.join(self.shapes) or 'no arguments'})"

    def copy(self) -> Dag:
        """Return a graph of the same nodes.

        Examples
        --------
        >>> dag = Dag()
        >>> len(dag.copy()) == len(dag)
        True
        """
        other = Dag.__new__(Dag)
        other.ops, other.args, other.data = self.ops.copy(), self.args.copy(), self.data.copy()
        other.shapes, other.variables = self.shapes.copy(), self.variables.copy()
        other.lookups, other.has_conditions = self.lookups, self.has_conditions
        other._numbers = self._numbers.copy()
        other._tables = {op: table.copy() for op, table in self._tables.items()}
        return other

    # Nodes --------------------------------------------------------------------------------------

    def _append(self, op: str, args: tuple[int, ...], data: Any) -> int:
        """Return a new node."""
        self.ops.append(op)
        self.args.append(args)
        self.data.append(data)
        return len(self.ops) - 1

    def node(self, op: str, *args: int) -> int:
        """Return the one node of an operation on nodes, exactly as it stands.

        Examples
        --------
        >>> dag = Dag()
        >>> dag.node("add", ONE, ONE) == dag.node("add", ONE, ONE) != dag.number(2)
        True
        """
        table = self._tables.get(op)
        if table is None:
            table = self._tables[op] = {}
            self.has_conditions = self.has_conditions or op in CONDITIONS
        key = args
        if op in _COMMUTATIVE and (len(args) > 2 or args[0] > args[1]):
            key = _sorted(args)
            if key == args:
                args = key  # one tuple in memory, not two
        found = table.get(key)
        if found is None:
            found = table[key] = len(self.ops)
            self.ops.append(op)
            self.args.append(args)
            self.data.append(None)
        return found

    def replace_args(self, node: int, args: tuple[int, ...]) -> bool:
        """Give a commutative node other arguments of the same meaning, if no node has them.

        Examples
        --------
        >>> dag = Dag()
        >>> x, y, z = dag.symbols("x", (3,)).tolist()
        >>> total = dag.add(dag.add(x, y), z)
        >>> dag.replace_args(total, (x, y, z)), dag.add(x, y, z) == total
        (True, True)
        """
        table = self._tables[self.ops[node]]
        if table.setdefault(_sorted(args), node) != node:
            return False
        self.args[node] = args
        return True

    def symbols(self, name: str, shape: tuple[int, ...]) -> Nodes:
        """Return new symbols, the entries of an argument.

        Examples
        --------
        >>> Dag().symbols("x", (2, 2))
        array([[2, 3],
               [4, 5]])
        """
        if name in self.shapes:
            raise ValueError(f"the graph has symbols of an argument {name!r} already")
        start, count = len(self.ops), math.prod(shape)
        self.shapes[name] = shape
        self.ops += ["symbol"] * count
        self.args += [()] * count
        self.data += [(name, position) for position in range(count)]
        return np.arange(start, start + count, dtype=np.int64).reshape(shape)

    def symbol_name(self, node: int) -> str:
        """Return the name of a symbol, with its position in the argument.

        Examples
        --------
        >>> dag = Dag()
        >>> [dag.symbol_name(node) for node in dag.symbols("w", (1, 2)).flat]
        ['w[0,0]', 'w[0,1]']
        """
        name, position = self.data[node]
        shape = self.shapes[name]
        if not shape:
            return str(name)
        index = []
        for length in reversed(shape):
            position, entry = divmod(position, length)
            index.append(str(entry))
        return f"{name}[{','.join(reversed(index))}]"

    def number(self, value: Any) -> int:
        """Return the node of a number.

        Examples
        --------
        >>> dag = Dag()
        >>> dag.number(0.0) == ZERO, dag.data[dag.number(0.5)]
        (True, Fraction(1, 2))
        """
        number = exact_number(value)
        key = number if number == number else "nan"
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = self._append("number", (), number)
        return found

    def boolean(self, value: bool) -> int:
        """Return the condition that always holds, or the one that never does.

        Examples
        --------
        >>> dag = Dag()
        >>> dag.ops[dag.boolean(True)]
        'true'
        """
        return self.node("true" if value else "false")

    def is_condition(self, node: int) -> bool:
        """Return whether a node is a condition and not a number.

        Examples
        --------
        >>> dag = Dag()
        >>> x = int(dag.symbols("x", ()))
        >>> dag.is_condition(x), dag.is_condition(dag.compare("gt", x, ZERO))
        (False, True)
        """
        return self.has_conditions and self.ops[node] in CONDITIONS

    def complement(self, node: int) -> int | None:
        """Return the node s of which a node is 1 - s, written so that it keeps its digits.

        Examples
        --------
        >>> dag = Dag()
        >>> z = int(dag.symbols("z", ()))
        >>> s = dag.apply("sigmoid", z)
        >>> dag.complement(dag.apply("sigmoid", dag.negate(z))) == s
        True
        """
        if self.ops[node] != "sigmoid" or self.ops[self.args[node][0]] != "neg":
            return None
        other = self._tables["sigmoid"].get(self.args[self.args[node][0]])
        return other if other is not None and other < node else None

    # Arithmetic ---------------------------------------------------------------------------------

    def add(self, *terms: int) -> int:
        """Return the sum of the terms as one node.

        Examples
        --------
        >>> dag = Dag()
        >>> x = int(dag.symbols("x", ()))
        >>> dag.add(x, ONE, x, dag.number(-1)) == dag.multiply(dag.number(2), x)
        True
        """
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
        """Return ``x - y``.

        Examples
        --------
        >>> dag = Dag()
        >>> x = int(dag.symbols("x", ()))
        >>> dag.subtract(x, ZERO) == x
        True
        """
        return self.add(x, self.negate(y))

    def negate(self, x: int) -> int:
        """Return ``-x``, a sum kept whole.

        Examples
        --------
        >>> dag = Dag()
        >>> x = int(dag.symbols("x", ()))
        >>> dag.negate(dag.negate(x)) == x
        True
        """
        op = self.ops[x]
        if op == "neg":
            return self.args[x][0]
        if op == "number":
            return self.number(-self.data[x])
        return self.node("neg", x)

    def multiply(self, *factors: int) -> int:
        """Return the product of the factors.

        Examples
        --------
        >>> dag = Dag()
        >>> x, y = dag.symbols("x", (2,)).tolist()
        >>> dag.multiply(dag.negate(x), y) == dag.negate(dag.multiply(x, y))
        True
        >>> dag.multiply(x, x) == dag.square(x), dag.multiply(x, ZERO) == ZERO
        (True, True)
        """
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
        """Return ``x / y``.

        Examples
        --------
        >>> dag = Dag()
        >>> z = int(dag.symbols("z", ()))
        >>> s = dag.divide(ONE, dag.add(ONE, dag.apply("exp", dag.negate(z))))
        >>> s == dag.apply("sigmoid", z)
        True
        """
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
        """Return ``base**exponent``.

        Examples
        --------
        >>> dag = Dag()
        >>> x = int(dag.symbols("x", ()))
        >>> dag.power(x, dag.number(-1)) == dag.divide(ONE, x)
        True
        """
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
        """Return ``x**2``.

        Examples
        --------
        >>> dag = Dag()
        >>> dag.data[dag.square(dag.number(-3))]
        9
        """
        return self.power(x, self.number(2))

    def apply(self, function: str, *args: int) -> int:
        """Return a function of nodes; evaluated where the result is an exact number, or a float is.

        Examples
        --------
        >>> dag = Dag()
        >>> dag.apply("exp", ZERO) == ONE, dag.ops[dag.apply("log", dag.number(2))]
        (True, 'log')
        """
        if all(self.ops[arg] == "number" for arg in args):
            value = _evaluate(function, [self.data[arg] for arg in args])
            if value is not None:
                return self.number(value)
        return self.node(function, *args)

    # Choices ------------------------------------------------------------------------------------

    def compare(self, relation: str, x: int, y: int) -> int:
        """Return a comparison; decided at once between two numbers.

        Examples
        --------
        >>> dag = Dag()
        >>> dag.ops[dag.compare("lt", ZERO, ONE)]
        'true'
        """
        if self.ops[x] == self.ops[y] == "number":
            a, b = self.data[x], self.data[y]
            holds = {"gt": a > b, "ge": a >= b, "lt": a < b, "le": a <= b, "eq": a == b}
            return self.boolean(holds[relation] if relation != "ne" else a != b)
        return self.node(relation, x, y)

    def choose(self, condition: int, a: int, b: int) -> int:
        """Return a where the condition holds and b elsewhere.

        Examples
        --------
        >>> dag = Dag()
        >>> x = int(dag.symbols("x", ()))
        >>> dag.choose(dag.compare("gt", x, ZERO), x, x) == x
        True
        """
        if self.ops[condition] == "true" or a == b:
            return a
        if self.ops[condition] == "false":
            return b
        conditions = self.is_condition(a) or self.is_condition(b)
        return self.node("choice" if conditions else "where", condition, a, b)

    def numeric(self, node: int) -> int:
        """Return a node as a number: a condition counts 1 where it holds, else 0.

        Examples
        --------
        >>> dag = Dag()
        >>> dag.numeric(dag.boolean(True)) == ONE
        True
        """
        return self.choose(node, ONE, ZERO) if self.is_condition(node) else node

    def condition(self, node: int) -> int:
        """Return a node as a condition: a number holds where it is not zero.

        Examples
        --------
        >>> dag = Dag()
        >>> dag.condition(ONE) == dag.boolean(True)
        True
        """
        return node if self.is_condition(node) else self.compare("ne", node, ZERO)

    # Walking ------------------------------------------------------------------------------------

    def reachable(self, roots: Iterable[int]) -> list[int]:
        """Return every node below the roots once, arguments before what uses them.

        Examples
        --------
        >>> dag = Dag()
        >>> x = int(dag.symbols("x", ()))
        >>> dag.reachable([dag.apply("sin", dag.add(x, ONE))])
        [1, 2, 3, 4]
        """
        marked = bytearray(len(self.ops))
        stack = list(dict.fromkeys(int(root) for root in roots))
        for root in stack:
            marked[root] = 1
        args = self.args
        while stack:
            for arg in args[stack.pop()]:
                if not marked[arg]:
                    marked[arg] = 1
                    stack.append(arg)
        found: list[int] = np.flatnonzero(np.frombuffer(marked, dtype=np.uint8)).tolist()
        return found

    def uses(self, order: Sequence[int], roots: Iterable[int]) -> list[int]:
        """Return how often each node is used.

        Examples
        --------
        >>> dag = Dag()
        >>> x = int(dag.symbols("x", ()))
        >>> y = dag.multiply(x, dag.apply("sin", x))
        >>> dag.uses(dag.reachable([y]), [y])[x]
        2
        """
        count = [0] * len(self.ops)
        args = self.args
        for node in order:
            for arg in args[node]:
                count[arg] += 1
        for root in roots:
            count[root] += 1
        return count


def _sorted(args: tuple[int, ...]) -> tuple[int, ...]:
    """Return arguments in ascending order: those of equal sums and products are equal."""
    return tuple(sorted(args))


def _quotient(x: Number, y: Number) -> Number:
    """Return a quotient of numbers; by zero it is infinite or not a number, as in NumPy."""
    if y == 0:
        return math.nan if x == 0 or x != x else math.copysign(math.inf, x)
    if isinstance(x, float) or isinstance(y, float):
        return float(x) / float(y)
    return Fraction(x) / Fraction(y)


def _evaluate(function: str, values: list[Number]) -> Number | None:
    """Return a function of numbers where it is exact or a float is given, else None."""
    if function in _EXACT:
        result: Number = _EXACT[function](*values)
        return result
    if len(values) == 1 and values[0] in (0, 1):
        return (_AT_ONE if values[0] else _AT_ZERO).get(function)
    if not any(isinstance(value, float) for value in values):
        return None
    if function == "sigmoid":
        with np.errstate(all="ignore"):
            return float(1 / (1 + np.exp(-np.float64(values[0]))))
    with np.errstate(all="ignore"):
        number = float(getattr(np, function)(*map(float, values)))
    return number if math.isfinite(number) else None
