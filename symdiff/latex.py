"""Typesetting: a gradient as aligned LaTeX, its named intermediates first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sympy.core.alphabets import greeks
from sympy.printing.latex import LatexPrinter

from symdiff.construct import Expr
from symdiff.deep import call_deep

__all__ = ["aligned", "name_latex", "symbol_names"]


def name_latex(name: str, index: tuple[int, ...] = ()) -> str:
    r"""Return the name of an argument, or of an entry of it, as LaTeX.

    Parameters
    ----------
    name : str
        A Python identifier.
    index : tuple of int
        The position of an entry.

    Returns
    -------
    str
        One letter, with or without digits, and Greek names in italics; other names upright.

    Examples
    --------
    >>> print(name_latex("w1", (0, 2)), name_latex("alpha"), name_latex("step_size"))
    w1_{0,2} \alpha \mathrm{step\_size}
    """
    if name in greeks:
        text = f"\\{name}"
    elif re.fullmatch(r"[A-Za-z]\d*", name):
        text = name
    else:
        escaped = name.replace("_", r"\_")
        text = f"\\mathrm{{{escaped}}}"
    return f"{text}_{{{','.join(map(str, index))}}}" if index else text


def symbol_names(symbols: Mapping[str, Any], lets: Iterable[tuple[Expr, Expr]]) -> dict[Expr, str]:
    """Return how each symbol is typeset.

    Parameters
    ----------
    symbols : mapping of str to numpy.ndarray
        For each argument the object array of its symbols.
    lets : iterable of tuple of sympy.Symbol and sympy.Expr
        The named intermediates.

    Returns
    -------
    dict of sympy.Symbol to str
        LaTeX.

    Examples
    --------
    >>> import sympy
    >>> x, v = sympy.symbols("x v1", real=True)
    >>> symbol_names({"x": np.array(x, dtype=object)}, [(v, x**2)])
    {x: 'x', v1: 'v_{1}'}
    """
    names = {
        array[index]: name_latex(name, index)
        for name, array in symbols.items()
        for index in np.ndindex(array.shape)
    }
    for symbol, _ in lets:
        stem = symbol.name.rstrip("0123456789")
        stem_latex = stem if len(stem) == 1 else name_latex(stem)
        names[symbol] = f"{stem_latex}_{{{symbol.name[len(stem) :]}}}"
    return names


def aligned(rows: Iterable[tuple[str, Expr]], names: dict[Expr, str], more: int) -> str:
    r"""Return equations, one a line, aligned at the equals sign.

    Parameters
    ----------
    rows : iterable of tuple of str and sympy.Expr
        Left side as LaTeX, right side.
    names : dict of sympy.Symbol to str
        How symbols are typeset.
    more : int
        Lines left out, which the last line says.

    Returns
    -------
    str
        An ``aligned`` environment.

    Examples
    --------
    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> print(aligned([("y", x**2)], {x: "x"}, 3))
    \begin{aligned}
    y &= x^{2} \\
    &\text{… and 3 more lines}
    \end{aligned}
    """
    printer = LatexPrinter({"symbol_names": names, "mul_symbol": None})
    lines = call_deep(lambda: [f"{left} &= {printer.doprint(right)}" for left, right in rows])
    if more:
        lines.append(f"&\\text{{… and {more} more lines}}")
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
