"""The closed form: a textbook's rules, one parameter at a time, nothing named.

Sums, products and chains are differentiated as they are written; zeros, ones and signs are left
out, numbers are multiplied, and nothing else is simplified. The formulas share their parts in
memory, which no reader sees: written out, each is a tree.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.errors import ExpressionTooLarge
from symdiff.operations.derivatives import Singular, guarded, partials, scale
from symdiff.operations.roots import mark_harmless_roots
from symdiff.store.dag import CONDITIONS, ONE, ZERO, Dag
from symdiff.store.exact import Number, fold
from symdiff.store.op_counts import tree_counts
from symdiff.strategies.derivation import Derivation

__all__ = ["MAX_OPERATIONS", "check_size", "closed_form", "expanded", "predict_operations"]

MAX_OPERATIONS = 2_000_000  # what CPython compiles in some minutes and gigabytes


_INSTEAD = {
    "expanded": "use strategy='adjoint' or strategy='shared', which name what repeats",
    "shared": "use strategy='adjoint', which differentiates by all parameters at once",
    "adjoint": "use strategy='matrix', whose formulas do not grow with the widths",
}


def check_size(what: str, operations: int, strategy: str) -> None:
    """Refuse a formula that is too large to write out."""
    if operations > MAX_OPERATIONS:
        size = f"{operations:,}" if operations < 10**15 else f"about 10**{len(str(operations)) - 1}"
        instead = _INSTEAD.get(strategy, "derive a smaller part of the function")
        raise ExpressionTooLarge(
            f"{what} writes out to {size} operations, more than {MAX_OPERATIONS:,}; {instead}",
            operations,
        )


class _Rules:
    """The partials on the edges of the graph, and which nodes depend on a parameter."""

    def __init__(self, dag: Dag, value: int, symbols: Sequence[int]) -> None:
        self.dag = dag
        self.value = value
        self.order: list[int] = []  # what depends on a parameter, arguments first
        self.edges: dict[int, list[tuple[int, int]]] = {}
        self.users: dict[int, list[int]] = {}
        self.singular = Singular(dag)
        active = set(symbols)
        order = dag.reachable([value])
        mark_harmless_roots(dag, order, value)
        for node in order:
            args = dag.args[node]
            if dag.ops[node] in CONDITIONS or not any(arg in active for arg in args):
                continue
            known = zip(args, partials(dag, node), strict=True)
            edges = [(arg, part) for arg, part in known if arg in active and part != ZERO]
            if dag.ops[node] == "where":
                edges = [(arg, ONE) for arg in args[1:]]
            active.add(node)
            self.order.append(node)
            self.edges[node] = edges
            for arg in {arg for arg, _ in edges}:
                self.users.setdefault(arg, []).append(node)


def _term(dag: Dag, partial: int, inner: int) -> int:
    """Return one product of the chain rule, its factors as they stand."""
    if partial == ONE or inner == ONE:
        return inner if partial == ONE else partial
    if dag.ops[partial] == "neg":
        return dag.negate(_term(dag, dag.args[partial][0], inner))
    inverse = dag.ops[inner] == "div" and dag.args[inner] == (ONE, partial)
    if inverse or "number" in (dag.ops[partial], dag.ops[inner]) or _is_reciprocal(dag, partial):
        return scale(dag, partial, inner)
    if dag.ops[inner] == "neg":
        return dag.negate(_term(dag, partial, dag.args[inner][0]))
    return dag.node("mul", partial, inner)


def _is_reciprocal(dag: Dag, partial: int) -> bool:
    """Return whether a partial is 1/y or -1/y, which makes a product a division."""
    if dag.ops[partial] == "neg":
        partial = dag.args[partial][0]
    return dag.ops[partial] == "div" and dag.args[partial][0] == ONE


def _sum(dag: Dag, terms: Sequence[int]) -> int:
    """Return a sum, its numbers as one and its other terms as they stand."""
    rest = [term for term in terms if dag.ops[term] != "number"]
    constant = dag.add(*[term for term in terms if dag.ops[term] == "number"])
    if constant != ZERO:
        rest.append(constant)
    return dag.node("add", *rest) if len(rest) > 1 else rest[0] if rest else ZERO


def _derivative(rules: _Rules, symbol: int) -> int:
    """Return the derivative of the value by a symbol."""
    dag = rules.dag
    reached = set(rules.users.get(symbol, ()))
    stack = list(reached)
    while stack:
        for user in rules.users.get(stack.pop(), ()):
            if user not in reached:
                reached.add(user)
                stack.append(user)
    known = {symbol: ONE}
    for node in sorted(reached):
        edges = rules.edges[node]
        if dag.ops[node] == "where":
            a, b = (known.get(arg, ZERO) for arg, _ in edges)
            same = a == b and dag.ops[a] == "number"
            result = a if same else dag.node("where", dag.args[node][0], a, b)
        else:
            terms = [
                guarded(dag, part, known[arg], _term, rules.singular)
                for arg, part in edges
                if arg in known
            ]
            result = _sum(dag, terms)
        if result != ZERO:
            known[node] = result
    return known.get(rules.value, ZERO)


class _Counts:
    """For a node: the numbers of parameters by kind of derivative, and the size of these."""

    __slots__ = ("classes", "numbers", "own", "size")

    def __init__(self, numbers: dict[int, Number] | None = None) -> None:
        #: The parameters by which the derivative is a number, and that number.
        self.numbers = numbers if numbers is not None else {}
        self.own = 0  #: others that can be reached from nowhere but here
        self.classes = 0  #: the rest as bits, each a group that is reached together
        self.size = 0  #: the operations of all the derivatives written out


class _Prediction:
    """The size of the derivatives by recurrences over the graph, none of them formed."""

    def __init__(self, rules: _Rules) -> None:
        self.rules = rules
        dag = rules.dag
        parts = {part for edges in rules.edges.values() for _, part in edges}
        conditions = {dag.args[n][0] for n in rules.order if dag.ops[n] == "where"}
        self.tree = tree_counts(dag, dag.reachable([*parts, *conditions]))
        self.uses: dict[int, int] = {}
        for edges in rules.edges.values():
            for arg, _ in edges:
                self.uses[arg] = self.uses.get(arg, 0) + 1
        self.weights: list[int] = []  # of each class, the number of its parameters
        self.bits: dict[int, int] = {}  # of parameters that several nodes reach
        self.several: set[int] = set()
        self.known_weights: dict[int, int] = {0: 0}

    def _class_of(self, weight: int) -> int:
        """Return the bit of a new class."""
        self.weights.append(weight)
        return 1 << (len(self.weights) - 1)

    def _weight(self, classes: int) -> int:
        """Return the number of parameters that some classes have together."""
        known = self.known_weights.get(classes)
        if known is None:
            rest, known = classes, 0
            while rest:
                low = rest & -rest
                known += self.weights[low.bit_length() - 1]
                rest ^= low
            self.known_weights[classes] = known
        return known

    def total(self, symbols: Sequence[int]) -> int:
        """Return the operations of the derivatives of the value by the symbols."""
        counts: dict[int, _Counts] = {}
        left = dict(self.uses)
        for symbol in symbols:
            counts[symbol] = self._closed(symbol, _Counts({symbol: 1}))
        for node in self.rules.order:
            counts[node] = self._closed(node, self._of(node, counts))
            for arg, _ in self.rules.edges[node]:
                left[arg] -= 1
                if not left[arg]:
                    counts.pop(arg, None)
        return counts[self.rules.value].size if self.rules.value in counts else 0

    def _closed(self, node: int, count: _Counts) -> _Counts:
        """Return the counts of a node; what several nodes use becomes a class."""
        if self.uses.get(node, 0) > 1:
            self.several.update(count.numbers)
            if count.own:
                count.classes |= self._class_of(count.own)
                count.own = 0
        return count

    def _add_parameter(self, result: _Counts, parameter: int) -> bool:
        """Add a parameter to those whose derivative is no number; return whether it is new."""
        if parameter not in self.several:
            result.own += 1
            return True
        bit = self.bits.get(parameter)
        if bit is None:
            bit = self.bits[parameter] = self._class_of(1)
        new = not result.classes & bit
        result.classes |= bit
        return new

    def _of(self, node: int, counts: dict[int, _Counts]) -> _Counts:
        """Return the counts of a node from those of its arguments."""
        dag, result = self.rules.dag, _Counts()
        if dag.ops[node] == "where":
            return self._of_choice(node, counts)
        constants: dict[int, Number] = {}
        terms = 0
        for arg, part in self.rules.edges[node]:
            below = counts.get(arg)
            if below is None:
                continue
            many = below.own + self._weight(below.classes)
            result.size += below.size
            result.own += below.own
            result.classes |= below.classes
            terms += many
            if dag.ops[part] == "number":
                factor = dag.data[part]
                result.size += many * (abs(factor) != 1)
                for parameter, number in below.numbers.items():
                    product = fold(factor * number)
                    constants[parameter] = fold(constants.get(parameter, 0) + product)
                continue
            free = _is_reciprocal(dag, part)
            result.size += many * (self.tree[part] + (not free))
            for parameter, number in below.numbers.items():
                self._add_parameter(result, parameter)
                result.size += self.tree[part] + (not free and abs(number) != 1)
                terms += 1
        for parameter, number in constants.items():
            if number == 0:
                continue
            bit = self.bits.get(parameter, 0)
            if parameter in self.several and result.classes & bit:
                terms += 1
            else:
                result.numbers[parameter] = number
        result.size += terms - result.own - self._weight(result.classes)
        return result

    def _of_choice(self, node: int, counts: dict[int, _Counts]) -> _Counts:
        """Return the counts of a choice between two branches."""
        dag, result = self.rules.dag, _Counts()
        found = [counts.get(arg) or _Counts() for arg, _ in self.rules.edges[node]]
        for below in found:
            result.size += below.size
            result.own += below.own
            result.classes |= below.classes
        a, b = (below.numbers for below in found)
        for parameter in {**a, **b}:
            bit = self.bits.get(parameter, 0)
            outside = parameter in self.several and result.classes & bit
            if not outside and a.get(parameter, 0) == b.get(parameter, 0):
                result.numbers[parameter] = a[parameter]
            else:
                self._add_parameter(result, parameter)
        many = result.own + self._weight(result.classes)
        result.size += many * (self.tree[dag.args[node][0]] + 1)
        return result


def predict_operations(dag: Dag, value: int, symbols: Sequence[int]) -> int:
    """Return the operations of all closed-form derivatives written out, without deriving them.

    Notes
    -----
    The size T of a derivative obeys T(D f(u, …)) = sum over the arguments of T(D u) + T(∂f/∂u) + 1,
    plus the additions. Summed over all parameters this needs for each node only how many parameters
    it depends on, not which: one walk over the graph predicts all derivatives.
    """
    return _Prediction(_Rules(dag, value, symbols)).total(symbols)


def closed_form(dag: Dag, value: int, symbols: Sequence[int]) -> list[int]:
    """Return the partial derivatives as closed forms, however large they are written out."""
    rules = _Rules(dag, value, symbols)
    return [_derivative(rules, symbol) for symbol in symbols]


def expanded(dag: Dag, value: int, symbols: Sequence[int]) -> Derivation:
    """Return the partial derivatives as closed forms."""
    rules = _Rules(dag, value, symbols)
    size = tree_counts(dag, dag.reachable([value]))[value] + _Prediction(rules).total(symbols)
    check_size("the closed form of value and gradient", size, "expanded")
    return Derivation(dag, value, [_derivative(rules, symbol) for symbol in symbols], {})
