"""Second derivatives: the partials of a gradient, differentiated again in the same graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from symdiff.errors import ExpressionTooLarge
from symdiff.formulas.gradient import Gradient
from symdiff.operations.sympy_conversion import Expr, definitions, to_sympy
from symdiff.printing.latex import aligned, line_latex, name_latex
from symdiff.printing.recursion import call_deep
from symdiff.store.cse import name_lines
from symdiff.store.dag import Dag, Nodes
from symdiff.store.op_counts import shared_operations
from symdiff.strategies import Derivation
from symdiff.strategies.adjoint import reverse

__all__ = ["Hessian", "second_derivatives"]

_WORK = 2_000_000  # entries times operations: some ten seconds
_LINES = 60


def second_derivatives(dag: Dag, partials: Sequence[int], symbols: Sequence[int]) -> Nodes:
    """Return the matrix of second derivatives, one reverse pass a row.

    Examples
    --------
    >>> dag = Dag()
    >>> x, y = dag.symbols("x", (2,)).tolist()
    >>> matrix = second_derivatives(dag, [dag.square(y), dag.multiply(x, y)], [x, y])
    >>> to_sympy(dag, matrix[0].tolist())
    [0, 2*x[1]]
    """
    work = len(symbols) * (shared_operations(dag, partials) + len(symbols))
    if work > _WORK:
        raise ExpressionTooLarge(
            f"hessian: a reverse pass for each of {len(symbols)} parameters takes {work:,} "
            f"operations, and {_WORK:,} can be derived in reasonable time; choose fewer parameters "
            "with wrt"
        )
    matrix = np.zeros((len(symbols), len(symbols)), dtype=np.int64)
    for row, partial in enumerate(partials):
        matrix[row, row:] = reverse(dag, partial, symbols[row:])
        matrix[row:, row] = matrix[row, row:]
    return matrix


class _Entries(Gradient):
    """Second derivatives by pairs of arguments, evaluated as partials are."""

    def __init__(self, first: Gradient, nodes: Mapping[str, Nodes], parts: Derivation) -> None:
        self.strategy = first.strategy
        self._parts = parts
        self._inputs = first._inputs
        self._nodes = dict(nodes)


class Hessian:
    """The second derivatives of a value as formulas, made by `Gradient.hessian`.

    Attributes
    ----------
    strategy : str
        How the first derivatives were derived.

    Examples
    --------
    >>> from symdiff import gradient
    >>> h = gradient(lambda x, y: x**2 * y, x=(), y=()).hessian()
    >>> h.blocks
    {'x': {'x': 2*y, 'y': 2*x}, 'y': {'x': 2*x, 'y': 0}}
    >>> h(x=3, y=4)
    {'x': {'x': 8.0, 'y': 6.0}, 'y': {'x': 6.0, 'y': 0.0}}
    """

    def __init__(self, first: Gradient) -> None:
        self.strategy = first.strategy
        self._wrt = list(first._nodes)
        dag, value = first._parts.dag, first._parts.value
        symbols = [node for name in self._wrt for node in first._inputs[name].ravel().tolist()]
        self._symbols = symbols
        self._matrix = matrix = second_derivatives(dag, first._parts.partials, symbols)
        shapes = {name: first._inputs[name].shape for name in self._wrt}
        ends = np.cumsum([0, *(first._inputs[name].size for name in self._wrt)]).tolist()
        span = {n: slice(*ends[k : k + 2]) for k, n in enumerate(self._wrt)}
        nodes = {
            f"{a},{b}": matrix[span[a], span[b]].reshape(shapes[a] + shapes[b])
            for a in self._wrt
            for b in self._wrt
        }
        roots = [node for block in nodes.values() for node in block.ravel().tolist()]
        upper = matrix[np.triu_indices(len(symbols))].tolist()
        names = {} if self.strategy == "expanded" else name_lines(dag, [value, *upper])
        self._entries = _Entries(first, nodes, Derivation(dag, value, roots, names))

    def __repr__(self) -> str:
        size = len(self._matrix)
        return f"Hessian(strategy={self.strategy!r}, wrt={tuple(self._wrt)}, {size} × {size})"

    def _rows(self, max_lines: int | None) -> tuple[list[tuple[int, int]], list[Expr], int]:
        """Return the pairs above the diagonal, the forms of the first lines, and how many more."""
        parts = self._entries._parts
        size = len(self._symbols)
        upper = [(i, j) for i in range(size) for j in range(i, size)]
        count = len(parts.names) + len(upper)
        shown = count if max_lines is None else min(count, max_lines)
        lets = list(parts.names)[:shown]
        ends = [int(self._matrix[pair]) for pair in upper[: shown - len(lets)]]
        rows = definitions(parts.dag, parts.names, lets) if lets else []
        return upper, [*rows, *to_sympy(parts.dag, ends, parts.names)], count - shown

    def __str__(self) -> str:
        dag, names = self._entries._parts.dag, self._entries._parts.names
        upper, rows, more = self._rows(_LINES)
        labels = [dag.symbol_name(node) for node in self._symbols]
        lefts = [*names.values(), *(f"d2/d{labels[i]} d{labels[j]}" for i, j in upper)]
        lines = call_deep(
            lambda: [f"{left} = {form}" for left, form in zip(lefts, rows, strict=False)]
        )
        return "\n".join([*lines, f"… and {more} more lines"] if more else lines)

    def latex(self, max_lines: int | None = _LINES) -> str:
        r"""Return the formulas as LaTeX: intermediates, then the upper triangle, aligned.

        Parameters
        ----------
        max_lines : int or None
            Lines to print; what is left out is counted in the last line. None for all.

        Returns
        -------
        str
            An ``aligned`` environment, without dollar signs.

        Examples
        --------
        >>> from symdiff import gradient
        >>> print(gradient(lambda x: x**3, x=()).hessian().latex())
        \begin{aligned}
        \frac{\partial^2 f}{\partial x^2} &= 6 x
        \end{aligned}
        """
        if max_lines is not None and max_lines < 1:
            raise ValueError(f"latex: max_lines is {max_lines}; give at least 1, or None for all")
        dag, names = self._entries._parts.dag, self._entries._parts.names
        upper, rows, more = self._rows(max_lines)
        function = "f" if "f" not in dag.shapes else r"\mathrm{value}"
        labels = []
        for node in self._symbols:
            name, position = dag.data[node]
            labels.append(name_latex(name, np.unravel_index(position, dag.shapes[name])))
        lefts = [line_latex(name) for name in names.values()]
        for i, j in upper:
            below = rf"\partial {labels[i]}" + ("^2" if i == j else rf" \partial {labels[j]}")
            lefts.append(rf"\frac{{\partial^2 {function}}}{{{below}}}")
        return aligned(zip(lefts, rows, strict=False), set(names.values()), more)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def _by_pair(self, entries: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return what is known for pairs by the one argument and then the other."""
        return {a: {b: entries[f"{a},{b}"] for b in self._wrt} for a in self._wrt}

    @cached_property
    def blocks(self) -> dict[str, dict[str, Any]]:
        """The second derivatives by two arguments, in the symbols of the arguments only.

        One SymPy expression for two scalars, else an object array: of the shape of the first
        argument, followed by that of the second.
        """
        return self._by_pair(self._entries.partials)

    @cached_property
    def block_forms(self) -> dict[str, dict[str, Any]]:
        """The second derivatives in terms of `lets`, as in `blocks`."""
        return self._by_pair(self._entries.partial_forms)

    @property
    def lets(self) -> list[tuple[Expr, Expr]]:
        """The named intermediates, each in terms of symbols and of those before it."""
        return self._entries.lets

    @property
    def operation_count(self) -> int:
        """The operations that one run of `source` executes."""
        return self._entries.operation_count

    @property
    def source(self) -> str:
        """Python source of a function that returns the value, and the blocks by pair: ``"x,y"``."""
        return self._entries.source

    def __call__(self, **inputs: Any) -> dict[str, dict[str, Any]]:
        """Return the Hessian at a point."""
        return self._by_pair(self._entries(**inputs))
