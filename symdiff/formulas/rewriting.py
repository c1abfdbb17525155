"""Formulas with something put in for their arguments, and formulas made shorter."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import sympy

from symdiff.errors import ExpressionTooLarge, nearest
from symdiff.operations.evaluate import evaluate
from symdiff.operations.rebuild import rebuild
from symdiff.operations.sympy_conversion import Expr, from_sympy, symbol, to_sympy
from symdiff.operations.table import OPERATIONS
from symdiff.printing.recursion import call_deep
from symdiff.store.dag import Dag, Nodes
from symdiff.store.op_counts import tree_operations
from symdiff.text.parse import parse
from symdiff.tracing.array import SymbolicArray

__all__ = ["Rewritten", "simplified", "substituted"]

_OPERATIONS = 200  # SymPy's `simplify` takes seconds beyond
_EXPONENT = 64  # it multiplies out powers, and evaluates those of numbers exactly
_BITS = 4096
_TERMS = 5_000
_POLYNOMIAL = {"number", *(row.name for row in OPERATIONS.values() if row.kind == "arithmetic")}
_POINTS = 5
_TOLERANCE = 1e-9


class Rewritten(NamedTuple):
    """Formulas in a graph of their own."""

    dag: Dag
    inputs: dict[str, Nodes]  #: for each argument the nodes of its symbols
    roots: list[int]


# Substitution -----------------------------------------------------------------------------------

_Maker = Callable[[Dag, Mapping[str, Nodes]], Any]


def _from_text(text: str, name: str) -> tuple[set[str], _Maker]:
    """Return the arguments of a formula given as text, and the maker of its nodes."""
    function = parse(text)
    names = list(inspect.signature(function).parameters)

    def made(dag: Dag, inputs: Mapping[str, Nodes]) -> Any:
        result = function(**{used: SymbolicArray(dag, inputs[used]) for used in names})
        if isinstance(result, SymbolicArray):
            return result._nodes
        return np.array(dag.number(result), dtype=np.int64)

    return set(names), made


def _from_expressions(value: Any, name: str) -> tuple[set[str], _Maker]:
    """Return the arguments of SymPy expressions, and the maker of their nodes."""
    entries = np.asarray(value, dtype=object)
    flat = [sympy.Integer(e) if isinstance(e, int) else e for e in entries.ravel().tolist()]
    for entry in flat:
        if not isinstance(entry, (sympy.Expr, float)):
            raise TypeError(
                f"subs: {name!r} is to be replaced by numbers, text such as '2*y', or SymPy "
                f"expressions, not by {type(entry).__name__}"
            )
    flat = [sympy.Float(e) if isinstance(e, float) else e for e in flat]
    symbols = {s for e in flat for s in e.free_symbols}
    names = {s.name.partition("[")[0] for s in symbols}

    def made(dag: Dag, inputs: Mapping[str, Nodes]) -> Any:
        by_name = {
            dag.symbol_name(node): node for used in names for node in inputs[used].ravel().tolist()
        }
        unknown = [s.name for s in symbols if s.name not in by_name]
        if unknown:
            raise ValueError(f"subs: {unknown[0]!r} is no entry of an argument")
        known = {s: by_name[s.name] for s in symbols}
        nodes = from_sympy(dag, flat, known)
        return np.array(nodes, dtype=np.int64).reshape(entries.shape)

    return names, made


def _from_numbers(value: Any, name: str) -> tuple[set[str], _Maker]:
    """Return the maker of the nodes of numbers."""
    numbers = np.asarray(value)
    if numbers.dtype.kind not in "biuf":
        raise TypeError(f"subs: {name!r} is to be replaced by real numbers, not by {numbers.dtype}")

    def made(dag: Dag, inputs: Mapping[str, Nodes]) -> Any:
        nodes = [dag.number(number) for number in numbers.ravel().tolist()]
        return np.array(nodes, dtype=np.int64).reshape(numbers.shape)

    return set(), made


def _replacement(value: Any, name: str) -> tuple[set[str], _Maker]:
    """Return the arguments of a replacement, and the maker of its nodes."""
    if isinstance(value, str):
        return _from_text(value, name)
    if isinstance(value, sympy.Basic) or np.asarray(value).dtype == object:
        return _from_expressions(value, name)
    return _from_numbers(value, name)


def substituted(
    dag: Dag, roots: Sequence[int], inputs: Mapping[str, Nodes], replacements: Mapping[str, Any]
) -> Rewritten:
    """Return formulas with numbers or formulas in place of arguments."""
    for name in replacements:
        if name not in inputs:
            raise ValueError(
                f"subs: there is no argument {name!r}.{nearest(name, inputs)} "
                f"The arguments are {', '.join(inputs) or 'none'}"
            )
    made = {name: _replacement(value, name) for name, value in replacements.items()}
    used = sorted({name for names, _ in made.values() for name in names})
    target = Dag()
    left = [name for name in inputs if name not in made or name in used]
    shapes = {name: inputs[name].shape for name in left}
    shapes |= {name: () for name in used if name not in shapes}
    for name in shapes:
        if not name.isidentifier():
            raise ValueError(f"subs: {name!r} is no name for an argument")
    new = {name: target.symbols(name, shape) for name, shape in shapes.items()}
    known: dict[int, int] = {}
    for name, nodes in inputs.items():
        put = new[name] if name not in made else made[name][1](target, new)
        try:
            put = np.broadcast_to(put, nodes.shape)
        except ValueError:
            raise ValueError(
                f"subs: {name!r} has shape {nodes.shape}, and what is put in for it {put.shape}"
            ) from None
        known.update(zip(nodes.ravel().tolist(), put.ravel().tolist(), strict=True))
    return Rewritten(target, new, rebuild(dag, roots, target, known))


# Simplification ---------------------------------------------------------------------------------


def _check_simple(dag: Dag, roots: Sequence[int]) -> None:
    """Refuse what SymPy could not simplify in reasonable time."""
    size = tree_operations(dag, roots)
    if size > _OPERATIONS:
        shown = f"{size:,}" if size < 10**15 else f"about 10**{len(str(size)) - 1}"
        raise ExpressionTooLarge(
            f"simplify: value and partials write out to {shown} operations, and SymPy simplifies "
            f"some {_OPERATIONS} in reasonable time; strategy='shared' or 'adjoint' names what "
            "repeats, which is what makes a large formula short"
        )
    order = dag.reachable(roots)
    generators = sum(dag.ops[node] not in _POLYNOMIAL for node in order)
    degrees: dict[int, int] = {}
    bits: dict[int, int] = {}  # of what has no symbol below it
    for node in order:
        degrees[node] = _degree(dag, node, degrees, bits)
    highest = max((degrees[root] for root in roots), default=0)
    terms = math.comb(min(highest, _TERMS) + generators, generators)
    if terms > _TERMS:
        raise ExpressionTooLarge(
            f"simplify: multiplied out, as SymPy may do, a formula of degree {highest} in "
            f"{generators} symbols and functions has up to {terms:,} terms; {_TERMS:,} are the most"
        )


def _degree(dag: Dag, node: int, degrees: Mapping[int, int], bits: dict[int, int]) -> int:
    """Return the degree of a node as a polynomial; note how long a number it is, if it is one."""
    op, args = dag.ops[node], dag.args[node]
    if op == "number":
        exact = (
            Fraction(dag.data[node]) if isinstance(dag.data[node], int | Fraction) else Fraction()
        )
        bits[node] = exact.numerator.bit_length() + exact.denominator.bit_length()
        return 0
    if args and all(arg in bits for arg in args):
        bits[node] = sum(bits[arg] for arg in args)
    if op != "pow":
        below = [degrees[arg] for arg in args]
        if op in ("mul", "div"):
            return sum(below)
        return max(below) if op in ("add", "neg") else 1
    base, exponent = args
    if exponent not in bits:
        return 1
    n = abs(dag.data[exponent]) if dag.ops[exponent] == "number" else math.inf
    if not n <= _EXPONENT or bits.get(base, 0) * n > _BITS:
        raise ExpressionTooLarge(
            f"simplify: an exponent of {n} is more than SymPy should multiply out; "
            f"{_EXPONENT} is the most, and numbers of {_BITS} bits"
        )
    bits.update({node: math.ceil(bits[base] * n)} if base in bits else {})
    return math.ceil(degrees[base] * n)


def _shorter(expression: Expr) -> Expr:
    """Return SymPy's simplification where it is no longer than what was there."""
    candidate = sympy.simplify(expression)
    return min((expression, candidate), key=lambda e: (sympy.count_ops(e), e is expression))


def simplified(dag: Dag, roots: Sequence[int], inputs: Mapping[str, Nodes]) -> Rewritten:
    """Return formulas as SymPy simplifies them, each held against the original at some points."""
    _check_simple(dag, roots)
    target = Dag()
    new = {name: target.symbols(name, nodes.shape) for name, nodes in inputs.items()}
    known = {
        old: node
        for name, nodes in inputs.items()
        for old, node in zip(nodes.ravel().tolist(), new[name].ravel().tolist(), strict=True)
    }
    symbols = {symbol(target.symbol_name(node)): node for node in known.values()}
    originals = rebuild(dag, roots, target, dict(known))
    expressions = to_sympy(dag, roots)
    found = []
    for original, expression in zip(originals, expressions, strict=True):
        try:
            shorter = call_deep(functools.partial(_shorter, expression))
            [candidate] = from_sympy(target, [shorter], symbols)
        except NotImplementedError:
            candidate = original
        found.append(candidate if _agree(target, original, candidate, symbols) else original)
    return Rewritten(target, new, found)


def _agree(dag: Dag, original: int, candidate: int, symbols: Mapping[Expr, int]) -> bool:
    """Return whether two formulas have the same numbers, wherever the first has one."""
    rng = np.random.default_rng(0)
    for scale in (1.0,) * _POINTS + (-1.0,) * _POINTS:
        point = {node: np.float64(scale * rng.uniform(0.1, 2.0)) for node in symbols.values()}
        expected, found = evaluate(dag, [original, candidate], point)
        close = np.isclose(found, expected, rtol=_TOLERANCE, atol=_TOLERANCE)
        if np.isfinite(expected) and not close:
            return False
    return True
