"""Nodes of a graph as SymPy expressions, and back."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy

from symdiff.operations.derivatives import partials
from symdiff.operations.sympy_functions import Opaque
from symdiff.operations.table import OPERATIONS
from symdiff.store.dag import ONE, Dag

__all__ = [
    "Expr",
    "Objects",
    "definitions",
    "derivative_of",
    "from_sympy",
    "make",
    "shaped",
    "symbol",
    "to_sympy",
]

Expr = Any
Objects = npt.NDArray[np.object_]

# Longer sums, and deeply nested ones, keep the order in which they were written.
_ORDERED_UP_TO = 64
_ORDERED_DEPTH = 12
_canonical = functools.cmp_to_key(sympy.Basic.compare)

_ROWS = {kind: row for row in OPERATIONS.values() for kind in (row.sympy, *row.sympy_too) if kind}
_HALF = sympy.Rational(1, 2)


def make(kind: Any, args: tuple[Expr, ...]) -> Expr:
    """Return the SymPy node ``kind(*args)`` as it stands, nothing evaluated."""
    if kind is sympy.Add or kind is sympy.Mul:
        node = kind._from_args(args, is_commutative=True)
    else:
        # Basic.__new__ and not the class: SymPy's cache compares structurally, which is exponential
        # in the depth for two equal expressions that were built apart.
        node = sympy.Basic.__new__(kind, *args)
        if kind is sympy.Pow:
            node.is_commutative = True
        elif isinstance(kind, sympy.FunctionClass):
            node.nargs = kind.nargs
    hash(node)
    return node


def shaped(values: Sequence[Expr], shape: tuple[int, ...]) -> Objects:
    """Return a sequence of expressions as an object array of a shape."""
    flat = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        flat[position] = value
    return flat.reshape(shape)


def _number(value: int | Fraction | float) -> Expr:
    """Return a number as SymPy's."""
    if isinstance(value, int):
        return sympy.Integer(value)
    if isinstance(value, Fraction):
        return sympy.Rational(value.numerator, value.denominator)
    if math.isnan(value):
        return sympy.S.NaN
    if math.isinf(value):
        return sympy.S.Infinity if value > 0 else sympy.S.NegativeInfinity
    return sympy.Float(value)


def _factors(node: Expr) -> tuple[Expr, ...]:
    """Return the factors of a product, or the node itself."""
    return tuple(node.args) if node.is_Mul else (node,)


def _product(factors: Sequence[Expr], *, order: bool) -> Expr:
    """Return a product with its numbers in front as one."""
    constant = sympy.S.One
    rest = []
    for factor in factors:
        if factor.is_Number:
            constant = constant * factor
        else:
            rest.append(factor)
    if order:
        rest.sort(key=_canonical)
    args = rest if constant is sympy.S.One else [constant, *rest]
    return make(sympy.Mul, tuple(args)) if len(args) > 1 else args[0] if args else constant


def _reciprocal(node: Expr) -> tuple[Expr, ...]:
    """Return the factors of ``1/node``."""
    if node.is_Number:
        return (sympy.S.One / node,)
    if node.is_Pow and node.args[1].is_Number:
        return (make(sympy.Pow, (node.args[0], -node.args[1])),)
    return (make(sympy.Pow, (node, sympy.S.NegativeOne)),)


def _operation(op: str, args: list[Expr], order: bool) -> Expr:
    """Return an operation on expressions."""
    if op == "add":
        if order:
            args.sort(key=_canonical)
        numbers = [arg for arg in args if arg.is_Number]
        rest = [arg for arg in args if not arg.is_Number]
        return make(sympy.Add, (*numbers, *rest))
    if op == "mul":
        return _product([factor for arg in args for factor in _factors(arg)], order=order)
    if op == "neg":
        return _product([sympy.S.NegativeOne, *_factors(args[0])], order=False)
    if op == "div":
        return _product([*_factors(args[0]), *_reciprocal(args[1])], order=order)
    if op == "complement":
        minus = _product([sympy.S.NegativeOne, *_factors(args[0])], order=False)
        return make(sympy.Add, (sympy.S.One, minus))
    if op == "rexpm1":
        return _product(_reciprocal(make(OPERATIONS["expm1"].sympy, tuple(args))), order=order)
    if op == "pinv":  # as it is written: a length of 0 has no direction
        return _product(_reciprocal(args[0]), order=order)
    if op == "sqrt":
        return make(sympy.Pow, (args[0], _HALF))
    if op == "pow":
        return make(sympy.Pow, tuple(args))
    return make(OPERATIONS[op].sympy, tuple(args))


def to_sympy(dag: Dag, roots: Sequence[int], names: Mapping[int, str] | None = None) -> list[Expr]:
    """Return nodes as SymPy expressions, which share what the nodes share."""
    names = names or {}
    known = _convert(dag, [root for root in roots if root not in names], names)
    return [symbol(names[root]) if root in names else known[root] for root in roots]


def definitions(dag: Dag, names: Mapping[int, str], nodes: Sequence[int] = ()) -> list[Expr]:
    """Return the right sides of named nodes, each in terms of the others."""
    wanted = list(nodes) or list(names)
    known = _convert(dag, wanted, names)
    return [known[node] for node in wanted]


def symbol(name: str) -> Expr:
    """Return the SymPy symbol of a name, a real number."""
    return sympy.Symbol(name, real=True)


def _convert(dag: Dag, roots: Sequence[int], names: Mapping[int, str]) -> dict[int, Expr]:
    """Return the expressions of the roots, and of the nodes below them that no name hides."""
    known: dict[int, Expr] = {}
    symbols: dict[int, Expr] = {}
    depth: dict[int, int] = {}
    for node in _below(dag, roots, names):
        op = dag.ops[node]
        level = 0
        if op == "symbol":
            known[node] = symbol(dag.symbol_name(node))
        elif op == "number":
            known[node] = _number(dag.data[node])
        elif op in ("true", "false"):
            known[node] = sympy.true if op == "true" else sympy.false
        else:
            args = []
            if dag.complement(node) is not None:
                op = "complement"
            for arg in _read_from(dag, node):
                if arg in names:
                    if arg not in symbols:
                        symbols[arg] = symbol(names[arg])
                    args.append(symbols[arg])
                else:
                    args.append(known[arg])
                    level = max(level, depth[arg])
            level += 1
            ordered = len(args) <= _ORDERED_UP_TO and level <= _ORDERED_DEPTH
            known[node] = _operation(op, args, ordered)
        depth[node] = level
    return known


def _read_from(dag: Dag, node: int) -> tuple[int, ...]:
    """Return the nodes in terms of which a node is written: 1 - s in terms of the sigmoid s."""
    other = dag.complement(node)
    return dag.args[node] if other is None else (other,)


def _below(dag: Dag, roots: Sequence[int], names: Mapping[int, str]) -> list[int]:
    """Return the roots and the nodes below them that no name hides, arguments first."""
    found = set(roots)
    stack = list(found)
    while stack:
        for arg in _read_from(dag, stack.pop()):
            if arg not in found and arg not in names:
                found.add(arg)
                stack.append(arg)
    return sorted(found)


def from_sympy(dag: Dag, roots: Sequence[Expr], symbols: Mapping[Expr, int]) -> list[int]:
    """Return SymPy expressions as nodes of a graph."""
    known: dict[int, int] = {}
    kept: list[Expr] = []  # an id is only valid while its object lives
    for root in roots:
        stack: list[tuple[Expr, bool]] = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if id(node) in known:
                continue
            args = tuple(node.args)
            if args and not ready:
                stack.append((node, True))
                stack.extend((arg, False) for arg in args)
                continue
            known[id(node)] = _node_of(dag, node, [known[id(arg)] for arg in args], symbols)
            kept.append((node, args))
    return [known[id(root)] for root in roots]


def _node_of(dag: Dag, node: Expr, args: list[int], symbols: Mapping[Expr, int]) -> int:
    """Return the node of one SymPy expression, given those of its arguments."""
    kind = type(node)
    if node.is_Symbol and node in symbols:
        return symbols[node]
    if node in (sympy.true, sympy.false):
        return dag.boolean(bool(node))
    if node.is_Number or node.is_NumberSymbol:
        exact = Fraction(int(node.p), int(node.q)) if node.is_Rational else float(node)
        return dag.number(exact)
    if kind is sympy.Mul:
        return _quotient_of(dag, node, args)
    if kind in _ROWS:
        return _ROWS[kind].form(dag, *args)
    what = f"the function {kind.__name__}" if args else f"{node} ({kind.__name__})"
    raise NotImplementedError(f"{what} has no meaning as a formula here")


def _quotient_of(dag: Dag, node: Expr, args: list[int]) -> int:
    """Return a product, its reciprocals as one division."""
    above, below = [], []
    for factor, arg in zip(node.args, args, strict=True):
        if dag.ops[arg] == "div" and dag.args[arg][0] == ONE and factor.is_Pow:
            below.append(dag.args[arg][1])
        else:
            above.append(arg)
    product = dag.multiply(*above)
    return dag.divide(product, dag.multiply(*below)) if below else product


def derivative_of(application: Any, position: int) -> Expr:
    """Return the derivative of a function of SymPy by one of its arguments, by our table."""
    dag = Dag()
    symbols = dag.symbols("arguments", (len(application.args),)).tolist()
    node = dag.apply(_ROWS[type(application)].name, *symbols)
    formulas = to_sympy(dag, [partials(dag, node)[position], *symbols])
    return formulas[0].xreplace(dict(zip(formulas[1:], application.args, strict=True)))


Opaque.derivative_of = derivative_of
for _row in OPERATIONS.values():
    if isinstance(_row.sympy, type) and issubclass(_row.sympy, Opaque):
        _row.sympy.latex_name = _row.latex or rf"\operatorname{{{_row.name}}}"
