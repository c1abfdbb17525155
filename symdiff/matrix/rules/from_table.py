"""Rules of functions of each element that the table of operations has already.

The formulas of its rows are those of one graph of entries; here they are read as operations on
whole arrays, so that a row serves all strategies.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from symdiff.matrix import construct
from symdiff.matrix.construct import make
from symdiff.matrix.emitter import Code, Emitter, numpy_call
from symdiff.matrix.form import lifted_form
from symdiff.matrix.node import Node
from symdiff.matrix.rules.elementwise import common_shape, fitted, reciprocal_form
from symdiff.matrix.table import RULES, Adjoints, Rule, register
from symdiff.operations.operation import Operation
from symdiff.operations.table import OPERATIONS
from symdiff.store.dag import Dag

__all__ = ["applied"]


def _folded(form: Callable[[Node, Node], Node]) -> Callable[..., Node]:
    return lambda *args: functools.reduce(form, args)


_FORMS: dict[str, Callable[..., Node]] = {
    "add": _folded(construct.add),
    "mul": _folded(construct.multiply),
    "neg": construct.negate,
    "div": construct.divide,
    "pow": construct.power,
    "where": functools.partial(make, "where"),
    "choice": functools.partial(make, "where"),
    "gt": functools.partial(make, "greater"),
    "ge": functools.partial(make, "greater_equal"),
    "lt": functools.partial(make, "less"),
    "le": functools.partial(make, "less_equal"),
    "eq": functools.partial(make, "equal"),
    "ne": functools.partial(make, "not_equal"),
    "sigmoid": construct.sigmoid,
    "pinv": functools.partial(make, "reciprocal"),
    "step": lambda a, b: make("step", construct.subtract(a, b)),
    "exp2": lambda x: construct.power(x.graph.number(2), x),
}


def _translated(dag: Dag, roots: Sequence[int], known: dict[int, Node]) -> list[Node]:
    """Return nodes of a graph of entries as operations on arrays that stand for its symbols."""
    (graph,) = {node.graph for node in known.values()}
    for node in dag.reachable(list(roots)):
        if node in known:
            continue
        op = dag.ops[node]
        if op in ("number", "true", "false"):
            known[node] = graph.number(float(dag.data[node]) if op == "number" else op == "true")
            continue
        args = [known[arg] for arg in dag.args[node]]
        form = _FORMS.get(op) or functools.partial(construct.elementwise, op)
        known[node] = form(*args)
    return [known[root] for root in roots]


def applied(row: Operation, *args: Node) -> Node:
    """Return a row of the table applied to each element of arrays."""
    if row.kind == "function":
        return construct.elementwise(row.name, *args)
    dag = Dag()
    symbols = dag.symbols("x", (len(args),)).tolist()
    [result] = _translated(dag, [row.form(dag, *symbols)], dict(zip(symbols, args, strict=True)))
    return result


def _adjoint(row: Operation) -> Callable[[Node, Node], Adjoints]:
    """Return the adjoint rule of a function, from the partials of its row."""

    def adjoint(node: Node, bar: Node) -> Adjoints:
        dag = Dag()
        symbols = dag.symbols("x", (len(node.args),)).tolist()
        known = dict(zip(symbols, node.args, strict=True))
        whole = row.form(dag, *symbols)
        known[whole] = node
        assert row.partials is not None
        slopes = _translated(dag, row.partials(dag, whole, *symbols), known)
        bars = (construct.multiply(bar, slope) for slope in slopes)
        return fitted(*zip(bars, node.args, strict=True))

    return adjoint


def _helper_call(name: str) -> Callable[[Emitter, Node], Code]:
    """Return the source of a call of the helper of a row."""
    return lambda emitter, node: Code(
        f"{emitter.helper(name)}({', '.join(map(emitter.text, node.args))})"
    )


def _rule(row: Operation) -> Rule:
    """Return the rule of a function that NumPy or SciPy has, or a helper computes."""
    if row.arrays:
        source = _helper_call(row.name)
    else:
        source = numpy_call(f"scipy.special.{row.scipy}" if row.scipy else row.ufuncs[0].__name__)
    name = {"fmaximum": "fmax", "fminimum": "fmin"}.get(row.name, row.name)
    latex = row.latex or None
    return Rule(
        row.name,
        common_shape,
        reciprocal_form("expm1") if name == "rexpm1" else lifted_form(name, latex),
        source,
        _adjoint(row),
        "Griewank & Walther 2008, table 4.2; the row of symdiff.operations",
    )


register(
    *(
        _rule(row)
        for row in OPERATIONS.values()
        if row.kind == "function"
        and row.name not in RULES
        and (row.scipy or row.ufuncs or row.arrays)
    )
)
