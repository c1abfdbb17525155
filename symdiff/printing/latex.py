"""Typesetting: a gradient as aligned LaTeX, its named intermediates first."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sympy.core.alphabets import greeks
from sympy.printing.latex import LatexPrinter

from symdiff.operations.sympy_conversion import Expr
from symdiff.printing.recursion import call_deep

__all__ = ["aligned", "line_latex", "name_latex", "symbol_names", "typeset"]


def name_latex(name: str, index: tuple[int, ...] = ()) -> str:
    r"""Return the name of an argument, or of an entry of it, as LaTeX.

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


def line_latex(name: str) -> str:
    r"""Return the name of a line as LaTeX.

    Examples
    --------
    >>> print(line_latex("v12"), line_latex("h[0]"), line_latex("h_bar[0,1]"), line_latex("delta1"))
    v_{12} h_{0} \bar{h}_{0,1} \delta_{1}
    """
    stem, _, index = name.rstrip("]").partition("[")
    bar = stem.endswith("_bar")
    stem = stem.removesuffix("_bar")
    letters = stem.rstrip("0123456789")
    if not index and letters and not letters.endswith("_"):
        stem, index = letters, stem[len(letters) :]
    text = name_latex(stem)
    text = f"\\bar{{{text}}}" if bar else text
    return f"{text}_{{{index}}}" if index else text


def symbol_names(symbols: Mapping[str, Any], lets: Iterable[tuple[Expr, Expr]]) -> dict[Expr, str]:
    """Return the LaTeX of each symbol.

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


class _SymbolPrinter(LatexPrinter):  # type: ignore[misc]
    """A printer which knows entries of arguments, and lines, by the names of their symbols."""

    def __init__(self, lines: Container[str]) -> None:
        super().__init__({"mul_symbol": None})
        self._lines = lines

    def _print_Symbol(self, symbol: Expr, style: str = "plain") -> str:  # noqa: N802 - SymPy's
        """Typeset a symbol."""
        if symbol.name in self._lines:
            return line_latex(symbol.name)
        name, _, index = symbol.name.rstrip("]").partition("[")
        return name_latex(name, tuple(map(int, index.split(","))) if index else ())


def typeset(formulas: Sequence[Expr], lines: Container[str]) -> list[str]:
    """Return expressions as LaTeX; `lines` are the names of symbols that stand for lines.

    Examples
    --------
    >>> import sympy
    >>> typeset([sympy.Symbol("v1") ** 2, sympy.Symbol("w1") + 1], {"v1"})
    ['v_{1}^{2}', 'w1 + 1']
    """
    printer = _SymbolPrinter(lines)
    return call_deep(lambda: [printer.doprint(formula) for formula in formulas])


def aligned(equations: Iterable[tuple[str, str]], more: int) -> str:
    r"""Return equations, one a line, aligned at the equals sign.

    Examples
    --------
    >>> print(aligned([("y", "x^{2}")], 3))
    \begin{aligned}
    y &= x^{2} \\
    &\text{… and 3 more lines}
    \end{aligned}
    """
    texts = [f"{left} &= {right}" for left, right in equations]
    if more:
        texts.append(f"&\\text{{… and {more} more lines}}")
    return "\\begin{aligned}\n" + " \\\\\n".join(texts) + "\n\\end{aligned}"
