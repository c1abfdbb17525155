"""Typesetting: a gradient as aligned LaTeX, its named intermediates first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from symdiff.operations.sympy_conversion import Expr
from symdiff.operations.sympy_functions import Opaque
from symdiff.operations.table import OPERATIONS
from symdiff.printing.names import spelled
from symdiff.printing.recursion import call_deep

__all__ = ["aligned", "name_latex", "plain", "symbol_names", "typeset"]


def name_latex(name: str, index: tuple[int, ...] = ()) -> str:
    r"""Return the name of an argument, or of an entry of it, as LaTeX.

    Examples
    --------
    >>> print(name_latex("w1", (0, 2)), name_latex("alpha"), name_latex("step_size"))
    {w_1}_{0,2} \alpha \mathrm{step\_size}
    """
    return spelled(f"{name}[{','.join(map(str, index))}]" if index else name)


def symbol_names(symbols: Mapping[str, Any], lets: Iterable[tuple[Expr, Expr]]) -> dict[Expr, str]:
    """Return the LaTeX of each symbol.

    Examples
    --------
    >>> import sympy
    >>> x, v = sympy.symbols("x v1", real=True)
    >>> symbol_names({"x": np.array(x, dtype=object)}, [(v, x**2)])
    {x: 'x', v1: 'v_1'}
    """
    names = {
        array[index]: name_latex(name, index)
        for name, array in symbols.items()
        for index in np.ndindex(array.shape)
    }
    return names | {symbol: spelled(symbol.name) for symbol, _ in lets}


def _digits(value: Expr) -> str:
    """Return a number with all its digits, as Python writes it."""
    return repr(float(value))


class _Typesetter(LatexPrinter):  # type: ignore[misc]
    """A printer which knows symbols by the names that are written for them."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__({"mul_symbol": None})
        self._names = names

    def _print_Symbol(self, symbol: Expr, style: str = "plain") -> str:  # noqa: N802 - SymPy's
        """Typeset a symbol."""
        return self._names.get(symbol.name) or spelled(symbol.name)

    def _print_Float(self, number: Expr) -> str:  # noqa: N802 - SymPy's
        """Typeset a number, with all its digits."""
        mantissa, e, exponent = _digits(number).partition("e")
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else mantissa


# Functions that SymPy lacks are written by the names that `parse` reads.
_WRITTEN = {row.sympy: row.parse[-1] for row in OPERATIONS.values() if row.parse}


class _Writer(StrPrinter):  # type: ignore[misc]
    """A printer of text."""

    def _print_Function(self, application: Expr) -> str:  # noqa: N802 - SymPy's
        """Write the application of a function."""
        kind = type(application)
        name = kind.__name__.lower() if issubclass(kind, Opaque) else kind.__name__
        name = _WRITTEN.get(kind, name)
        return f"{name}({self.stringify(application.args, ', ')})"

    def _print_Float(self, number: Expr) -> str:  # noqa: N802 - SymPy's
        """Write a number, with all its digits."""
        return _digits(number)


def typeset(formulas: Sequence[Expr], names: Mapping[str, str]) -> list[str]:
    """Return expressions as LaTeX; `names` tells how symbols are written.

    Examples
    --------
    >>> import sympy
    >>> typeset([sympy.Symbol("v1") ** 2, sympy.Symbol("w1") + 1], {"v1": "v"})
    ['v^{2}', 'w_1 + 1']
    """
    printer = _Typesetter(names)
    return call_deep(lambda: [printer.doprint(formula) for formula in formulas])


def plain(formulas: Sequence[Expr]) -> list[str]:
    """Return expressions as text, numbers with all their digits.

    Examples
    --------
    >>> import sympy
    >>> plain([sympy.Symbol("x") * 0.30000000000000004])
    ['0.30000000000000004*x']
    """
    printer = _Writer()
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
