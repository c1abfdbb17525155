"""Naming what is used more than once, and merging what is not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from symdiff.store.dag import Dag, Nodes
from symdiff.store.properties import LEAVES

__all__ = ["flatten", "name_lines", "numbered_name", "variable_names"]

_PREFIXES = ("v", "u", "t", "s", "let")
_DEPTH = 12  # a node nested more deeply gets a name too, so that every line stays readable
_TERMS = ("add", "mul")
_UNNAMED = LEAVES | {"neg"}


def flatten(dag: Dag, roots: Sequence[int]) -> tuple[Dag, list[int]]:
    """Return the formulas with sums merged into sums, and products into products, where free."""
    order = dag.reachable(roots)
    uses = dag.uses(order, roots)
    ops, args = dag.ops, dag.args
    absorbed = {
        arg
        for node in order
        if ops[node] in _TERMS
        for arg in args[node]
        if ops[arg] == ops[node] and uses[arg] == 1
    }
    if not absorbed:
        return dag, list(roots)
    merged = [
        (node, _spliced(dag, node, absorbed))
        for node in order
        if ops[node] in _TERMS and node not in absorbed and not absorbed.isdisjoint(args[node])
    ]
    flat = dag.copy()
    for node, terms in merged:
        numbers = [ops[term] for term in terms].count("number")
        if numbers > 1 or len(set(terms)) < len(terms) or not flat.replace_args(node, terms):
            return _rebuilt(dag, order, roots, dict(merged))
    return flat, list(roots)


def _rebuilt(
    dag: Dag, order: Sequence[int], roots: Sequence[int], merged: Mapping[int, tuple[int, ...]]
) -> tuple[Dag, list[int]]:
    """Return the roots in a new graph, some nodes with other arguments, all simplified again."""
    flat = Dag()
    starts = {name: flat.symbols(name, shape) for name, shape in dag.shapes.items()}
    new: dict[int, int] = {}
    for node in order:
        op = dag.ops[node]
        if op == "symbol":
            name, position = dag.data[node]
            new[node] = int(starts[name].flat[position])
            continue
        if op == "number":
            new[node] = flat.number(dag.data[node])
            continue
        args = [new[arg] for arg in merged.get(node, dag.args[node])]
        if op == "add":
            new[node] = flat.add(*args)
        elif op == "mul":
            new[node] = _merged_product(flat, args) if node in merged else flat.multiply(*args)
        elif op == "neg":
            new[node] = flat.negate(*args)
        else:
            new[node] = flat.node(op, *args)
    flat.variables = [(name, _moved(new, nodes)) for name, nodes in dag.variables]
    return flat, [new[root] for root in roots]


def _spliced(dag: Dag, node: int, absorbed: set[int]) -> tuple[int, ...]:
    """Return the arguments of a node, absorbed ones replaced by theirs."""
    found: list[int] = []
    stack = list(reversed(dag.args[node]))
    while stack:
        arg = stack.pop()
        if arg in absorbed:
            stack.extend(reversed(dag.args[arg]))
        else:
            found.append(arg)
    return tuple(found)


def _merged_product(dag: Dag, factors: list[int]) -> int:
    """Return a product as one node, its number in front."""
    product = dag.multiply(*factors)
    args = dag.args[product]
    if dag.ops[product] == "mul" and dag.ops[args[0]] == "number" and dag.ops[args[1]] == "mul":
        return dag.node("mul", args[0], *dag.args[args[1]])
    return product


def _moved(new: Mapping[int, int], nodes: Nodes) -> Nodes:
    """Return nodes in a new graph; 0, which nobody names, for those that it lacks."""
    moved = [new.get(node, 0) for node in nodes.ravel().tolist()]
    return np.array(moved, dtype=np.int64).reshape(nodes.shape)


def numbered_name(stem: str, number: int) -> str:
    """Return the name of one of several; the second h_1 is h_1_2, which nobody reads as h_12."""
    return f"{stem}_{number}" if stem[-1].isdigit() else f"{stem}{number}"


def variable_names(dag: Dag) -> dict[int, str]:
    """Return the names that the traced function itself gave to nodes."""
    known = [
        (name, nodes)
        for name, nodes in dag.variables
        if any(dag.ops[node] not in _UNNAMED for node in nodes.ravel().tolist())
    ]
    count = Counter(name for name, _ in known)
    taken = {*dag.shapes, *(name for name, n in count.items() if n == 1)}
    numbered: Counter[str] = Counter()
    names: dict[int, str] = {}
    for name, nodes in known:
        text = name
        while (count[name] > 1 or name in dag.shapes) and (text == name or text in taken):
            numbered[name] += 1
            text = numbered_name(name, numbered[name])
        taken.add(text)
        for index, node in np.ndenumerate(nodes):
            if dag.ops[node] not in _UNNAMED:
                entry = f"[{','.join(map(str, index))}]" if index else ""
                names.setdefault(int(node), text + entry)
    return names


def _prefix(taken: set[str]) -> str:
    """Return a prefix whose numbered names collide with none that is taken."""
    for prefix in _PREFIXES:
        if not any(re.fullmatch(rf"{prefix}\d*", name) for name in taken):
            return prefix
    return "v_" + "_" * max(map(len, taken))


def name_lines(
    dag: Dag, roots: Sequence[int], adjoint_of: Mapping[int, int] | None = None
) -> dict[int, str]:
    """Return the nodes that get a line of their own, and its name."""
    adjoint_of = adjoint_of or {}
    order = dag.reachable(roots)
    uses = dag.uses(order, roots)
    ops, args = dag.ops, dag.args
    for node in reversed(order):
        if ops[node] == "neg":  # a sign is written where it stands; what it changes is used so
            uses[args[node][0]] += uses[node] - 1
    variables = variable_names(dag)
    stems = {re.split(r"\W", name)[0] for name in (*variables.values(), *dag.shapes)}
    prefix = _prefix(stems)
    delta = _free("delta", stems)
    names: dict[int, str] = {}
    taken: set[str] = set()
    counts: Counter[str] = Counter()
    level: dict[int, int] = {}
    for node in order:
        if not args[node]:
            level[node] = 0
            continue
        depth = max(map(level.__getitem__, args[node]))
        wanted = ops[node] not in _UNNAMED
        level[node] = depth = depth + wanted
        if not wanted or not (uses[node] > 1 or depth > _DEPTH or node in variables):
            continue
        name = variables.get(node)
        if name is None and node in adjoint_of:
            name = _bar(names.get(adjoint_of[node]), stems)
        if name is None or name in taken:
            stem = delta if node in adjoint_of else prefix
            counts[stem] += 1
            name = f"{stem}{counts[stem]}"
        taken.add(name)
        names[node], level[node] = name, 0
    return names


def _free(stem: str, taken: set[str]) -> str:
    """Return a stem that begins no name which is taken."""
    while any(re.fullmatch(rf"{stem}\d*", name) for name in taken):
        stem += "_"
    return stem


def _bar(name: str | None, stems: set[str]) -> str | None:
    """Return the name of the adjoint of what has a name."""
    if name is None:
        return None
    stem, bracket, index = name.partition("[")
    return None if f"{stem}_bar" in stems else f"{stem}_bar{bracket}{index}"
