"""Second derivatives: the partials of a gradient, differentiated again in the same graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from symdiff.errors import ExpressionTooLarge
from symdiff.formulas.entries import Entries
from symdiff.operations.sympy_conversion import Expr
from symdiff.printing.formulas import Formulas
from symdiff.store.cse import name_lines
from symdiff.store.dag import Dag, Nodes
from symdiff.strategies import Derivation
from symdiff.strategies.adjoint import reverse

__all__ = ["Hessian", "second_derivatives"]

_WORK = 2_000_000  # entries times operations: some ten seconds


def second_derivatives(dag: Dag, partials: Sequence[int], symbols: Sequence[int]) -> Nodes:
    """Return the matrix of second derivatives, one reverse pass a row, to what is not 0 only."""
    place = {symbol: k for k, symbol in enumerate(symbols)}
    matrix = np.zeros((len(symbols), len(symbols)), dtype=np.int64)
    work = 0
    for row, partial in enumerate(partials):
        order = dag.reachable([partial])
        met = [node for node in order if place.get(node, -1) >= row]
        work += len(order) + len(met)
        if work > _WORK:
            raise ExpressionTooLarge(
                f"hessian: the reverse passes for {row} of {len(symbols)} parameters have taken "
                f"{_WORK:,} operations, the most that can be derived in reasonable time; choose "
                "fewer parameters with wrt"
            )
        columns = [place[node] for node in met]
        matrix[row, columns] = matrix[columns, row] = reverse(dag, partial, met, again=True)
    return matrix


class Hessian(Formulas):
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

    def __init__(self, first: Entries) -> None:
        self.strategy = first.strategy
        self._wrt = list(first._nodes)
        dag, value = first._parts.dag, first._parts.value
        symbols = [node for name in self._wrt for node in first._inputs[name].ravel().tolist()]
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
        upper = np.triu(matrix)
        upper = upper[upper != 0].tolist()
        names = {} if self.strategy == "expanded" else name_lines(dag, [value, *upper])
        self._entries = Entries(
            self.strategy,
            first._inputs,
            nodes,
            Derivation(dag, value, roots, names),
            first._structures,
        )

    def __repr__(self) -> str:
        size = len(self._matrix)
        return f"Hessian(strategy={self.strategy!r}, wrt={tuple(self._wrt)}, {size} × {size})"

    def _equations(self, latex: bool, most: int | None) -> tuple[list[tuple[str, str]], int]:
        entries = self._entries
        value, labels = entries._label(latex), entries._argument_labels(latex, self._wrt)
        lefts, results = [], []
        for i, row in enumerate(labels):
            for j, column in enumerate(labels[i:], i):
                if latex:
                    below = rf"\partial {row}" + ("^2" if i == j else rf" \partial {column}")
                    lefts.append(rf"\frac{{\partial^2 {value}}}{{{below}}}")
                else:
                    lefts.append(f"d2/d{row} d{column}")
                results.append(int(self._matrix[i, j]))
        return entries._first_equations(lefts, results, latex, most)

    def _by_pair(self, entries: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the entries of pairs by the one argument and then the other."""
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

    def __call__(self, /, **inputs: Any) -> dict[str, dict[str, Any]]:
        """Return the Hessian at a point."""
        return self._by_pair(self._entries(**inputs))
