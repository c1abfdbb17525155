"""Which intermediates get a line of their own, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from symdiff.matrix.construct import complement
from symdiff.matrix.node import Node, reachable
from symdiff.store.cse import numbered_name

__all__ = ["LEAVES", "VIEWS", "choose_lets", "name_lets", "source_lines"]

LEAVES = frozenset({"input", "number", "array", "length", "eye"})
VIEWS = frozenset({"transpose", "reshape", "broadcast", "negate"})
# Symbols above which what stands in a product of matrices gets a name.
_JOINED = {"multiply": 5, "divide": 5, "where": 5, "add": 16, "subtract": 16}
_PRODUCTS = frozenset({"matmul", "outer", "solve", "einsum", "scatter"})
_SHORT = frozenset(
    {"matmul", "outer", "inner", "inv", "solve", "det", "logdet", "trace", "norm", "sumsquares"}
    | {"sum", "diag", "diagonal"}
)
_LETTERS = {
    "subtract": "e",
    "matmul": "z",
    "add": "z",
    "sigmoid": "h",
    "tanh": "h",
    "relu": "h",
    "softmax": "p",
    "logsumexp": "lse",
    "inv": "inverse",
    "solve": "u",
    "norm": "r",
    "divide": "q",
}


def is_transparent(node: Node) -> bool:
    """Return whether a node is only a view of its operand, or a multiple of it."""
    if node.op in LEAVES or node.op in VIEWS or _is_plain_scalar(node):
        return True
    if node.op == "index":
        return node.args[0].op in LEAVES
    if node.op == "multiply":
        a, b = node.args
        return _is_plain_scalar(a) and not (b.shape and b.op in ("multiply", "divide"))
    if node.op == "matmul" and node.ndim == 1:  # A x is no longer than a name for it
        return all(
            arg.op == "input" or (arg.op == "transpose" and arg.args[0].op == "input")
            for arg in node.args
        )
    if node.op == "divide":
        return _is_plain_scalar(node.args[1])
    return False


def _is_plain_scalar(node: Node) -> bool:
    """Return whether a node is a number, a length or a scalar input."""
    stack = [node]
    while stack:
        part = stack.pop()
        if part.shape != () or part.op not in LEAVES | {"multiply", "divide", "negate", "sqrt"}:
            return False
        stack.extend(part.args)
    return True


def choose_lets(
    roots: Sequence[Node], named: Mapping[int, str], adjoints: Mapping[int, Node]
) -> list[Node]:
    """Return the nodes that a person would name, in the order of computation.

    These are what the user's function names; what is used twice, where a transpose, a multiple
    or a change of sign does not count as a use, and a product only if its name makes formulas
    shorter; and of sums and Hadamard products that stand in a matrix product the adjoints and the
    long ones.
    """
    order = reachable(roots)
    uses: dict[int, int] = dict.fromkeys((node.index for node in order), 0)
    factors: set[int] = set()
    for root in roots:
        uses[root.index] += 1
    for node in reversed(order):
        seen = uses[node.index] if is_transparent(node) else 1
        for arg in {arg.index: arg for arg in node.args}.values():
            uses[arg.index] += seen
            if node.op in _PRODUCTS or (node.op in VIEWS and node.index in factors):
                factors.add(arg.index)
    top = roots[0].index
    result: list[Node] = []
    symbols: dict[int, int] = {}  # with what has a name as one
    for node in order:
        symbols[node.index] = _symbols(node, symbols)
        if node.op in LEAVES or (is_transparent(node) and node.index not in named):
            continue
        if node.op == "index" and node.args[0].op in LEAVES and uses[node.index] < 2:
            continue
        wanted = node.index in named or uses[node.index] >= 2
        if node.index in factors and node.index > top:
            wanted |= node.op in _JOINED and (
                node.index in adjoints or symbols[node.index] > _JOINED[node.op]
            )
        if node.index not in named and (
            node.op in VIEWS or not _is_worth(node, symbols, uses, top)
        ):
            continue
        if wanted:
            result.append(node)
            symbols[node.index] = 1
    return result


def _symbols(node: Node, symbols: Mapping[int, int]) -> int:
    """Return about how many symbols a formula has, up to a hundred."""
    size = sum(symbols[arg.index] for arg in node.args)
    return min(100, size + (node.op not in ("matmul", "outer", "inner", "multiply")) or 1)


def _is_worth(node: Node, symbols: Mapping[int, int], uses: Mapping[int, int], top: int) -> bool:
    """Return whether formulas get shorter, all together, by a name for a product or its like."""
    front = node.shape == () and node.op in ("multiply", "divide") and node.index > top
    if node.op not in _SHORT and not front:
        return True
    n = uses[node.index]
    if node.op == "inv" and node.args[0].op in LEAVES:
        return False
    return (n - 1) * symbols[node.index] > n + 2


def _is_input(node: Node) -> bool:
    """Return whether a node is an argument, and no entry of a structure."""
    return node.op == "input" and str(node.params[0]).isidentifier()


def name_lets(
    lets: Iterable[Node],
    named: Mapping[int, str],
    primals: Mapping[int, Node],
    taken: Iterable[str],
) -> dict[int, str]:
    """Return Python identifiers for intermediates."""
    lets = list(lets)
    groups: dict[str, list[tuple[int, int]]] = {}
    adjoints: list[tuple[int, int]] = []
    indices = {node.index for node in lets}
    for node in lets:
        primal = primals.get(node.index)
        if node.index in named:
            groups.setdefault(named[node.index].strip("_") or "t", []).append((node.index,) * 2)
        elif primal is not None and primal.index in indices:
            adjoints.append((node.index, primal.index))
        elif primal is not None:
            groups.setdefault("delta", []).append((primal.index, node.index))
        elif node.op == "inv" and _is_input(node.args[0]):
            groups.setdefault(f"{node.args[0].params[0]}_inv", []).append((node.index,) * 2)
        else:
            letter = _LETTERS.get(node.op, "s" if node.shape == () else "t")
            groups.setdefault(letter, []).append((node.index,) * 2)
    used = set(taken)
    names: dict[int, str] = {}
    for stem, members in groups.items():
        number = 0
        for _, index in sorted(members):
            name = stem
            while name in used or (name == stem and len(members) > 1):
                number += 1
                name = numbered_name(stem, number)
            names[index] = name
            used.add(name)
    for index, primal_index in adjoints:
        name = f"{names[primal_index]}_bar"
        while name in used:
            name += "_"
        names[index] = name
        used.add(name)
    return {index: names[index] for index in sorted(names)}


def source_lines(
    roots: Sequence[Node],
    lets: Mapping[int, str],
    primals: Mapping[int, Node],
    taken: Iterable[str],
) -> dict[int, str]:
    """Return names for all nodes that get a line in source: the lets and what is used twice."""
    order = reachable(roots)
    uses: dict[int, int] = {}
    for root in roots:
        uses[root.index] = uses.get(root.index, 0) + 1
    for node in order:
        for arg in (*node.args, complement(node) or node):
            uses[arg.index] = uses.get(arg.index, 0) + (arg is not node)
    used = {*taken, *lets.values()}
    names = dict(lets)
    for node in order:
        if node.index in names or node.op in LEAVES or node.op in ("transpose", "index"):
            continue
        if uses[node.index] < 2 or _is_plain_scalar(node):
            continue
        primal = primals.get(node.index)
        if primal is not None and primal.index in names:
            stem = f"{names[primal.index]}_bar"
        else:
            stem = "scaled" if is_transparent(node) else "part"
        name, number = stem, 1
        while name in used:
            number += 1
            name = f"{stem}{number}"
        used.add(name)
        names[node.index] = name
    return names
