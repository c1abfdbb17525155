"""Naming what is used more than once: expressions as a list of definitions and short results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import sympy

from symdiff.construct import Expr, make
from symdiff.dag import count_uses, is_reciprocal, topological

__all__ = ["name_shared"]

_PREFIXES = ("v", "u", "t", "s", "let")
_DEPTH = 12  # a node nested more deeply gets a name too, so that every line stays readable


def _prefix(taken: Iterable[str]) -> str:
    """Return a prefix whose numbered names collide with none that is taken."""
    names = [re.split(r"\W", name)[0] for name in taken]
    for prefix in _PREFIXES:
        if not any(re.fullmatch(rf"{prefix}\d*", name) for name in names):
            return prefix
    return "v_" + "_" * max(map(len, names))


def name_shared(roots: Sequence[Expr]) -> tuple[list[tuple[Expr, Expr]], list[Expr]]:
    """Return definitions for what the expressions share, and the expressions in terms of them.

    Parameters
    ----------
    roots : sequence of sympy.Basic
        Normalised expressions.

    Returns
    -------
    lets : list of tuple of sympy.Symbol and sympy.Basic
        Each may use the symbols before it.
    forms : list of sympy.Basic
        One a root.

    Examples
    --------
    >>> from symdiff.dag import normalise
    >>> x = sympy.Symbol("x", real=True)
    >>> name_shared(normalise([sympy.sin(x) * x, sympy.sin(x) + 1]))
    ([(v1, sin(x))], [v1*x, v1 + 1])
    """
    order = topological(roots)
    uses = count_uses(order, roots)
    prefix = _prefix(node.name for node in order if node.is_Symbol)
    lets: list[tuple[Expr, Expr]] = []
    short: dict[int, Expr] = {}
    depth: dict[int, int] = {}
    for node in order:
        if not node.args:
            short[id(node)], depth[id(node)] = node, 0
            continue
        args = tuple(short[id(arg)] for arg in node.args)
        unchanged = all(a is b for a, b in zip(args, node.args, strict=True))
        form = node if unchanged else make(type(node), args)
        level = 1 + max(depth[id(arg)] for arg in node.args)
        if uses[id(node)] > 1 or (level > _DEPTH and not is_reciprocal(node)):
            symbol = sympy.Symbol(f"{prefix}{len(lets) + 1}", real=True)
            lets.append((symbol, form))
            form, level = symbol, 0
        short[id(node)], depth[id(node)] = form, level
    return lets, [short[id(root)] for root in roots]
