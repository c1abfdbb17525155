"""Second derivatives as matrix formulas: matrices for vectors, products with a direction else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdiff.matrix import construct
from symdiff.matrix.linear import matrix_of
from symdiff.matrix.matrix_formulas import MatrixFormulas
from symdiff.matrix.node import Node
from symdiff.matrix.reverse import accumulate
from symdiff.matrix.shapes import shown

__all__ = ["MatrixHessian"]


class MatrixHessian(MatrixFormulas):
    """The second derivatives of a value as matrix formulas, made by `MatrixGradient.hessian`.

    By vectors and scalars it is a matrix. By an argument with more axes it is written as the
    product with a direction, which has the name of the argument after a ``d``.

    Examples
    --------
    >>> from symdiff import gradient
    >>> h = gradient(lambda x, A: x @ A @ x, strategy="matrix", wrt="x", x=("n",), A=("n", "n"))
    >>> print(h.hessian())
    L = xᵀ A x
    ∂²L/∂x∂x = A + Aᵀ
    """

    def __init__(self, first: MatrixFormulas) -> None:
        self.__dict__.update(first.__dict__)
        cached = ("_lets", "_source_lets", "_written", "_converted", "operations", "source")
        for name in (*cached, "_compiled"):
            self.__dict__.pop(name, None)
        self._first = first
        self._inputs = dict(first._inputs)
        self._primals: dict[int, Node] = {}
        self._directions: dict[str, str] = {}
        sources = {name: first._inputs[name] for name in first._gradients}
        self._gradients = {}
        self._pairs: dict[str, tuple[str, str]] = {}
        for a, slope in first._gradients.items():
            self._derive(a, slope, sources)

    def _derive(self, a: str, slope: Node, sources: Mapping[str, Node]) -> None:
        """Derive the blocks of one argument with all: of its derivative along a direction."""
        graph, shape = self._graph, slope.shape
        if not shape:
            found, _ = accumulate(slope, sources.values(), again=True)
            blocks: Sequence[Node | None] = found
        else:
            direction = self._direction(a, shape)
            along = construct.dot(slope, direction)
            found, _ = accumulate(along, sources.values(), again=True)
            blocks = [matrix_of(node, direction) if node.ndim < 2 else None for node in found]
        whole = all(block is not None for block in blocks)
        for b, product, block in zip(sources, found, blocks, strict=True):
            label = f"{b},{a}"
            self._pairs[label] = (b, a)
            self._gradients[label] = block if whole and block is not None else product
        if shape and not whole:
            self._inputs[self._directions[a]] = direction
        elif shape:
            del self._directions[a]
        graph.deriving = False

    def _direction(self, a: str, shape: Any) -> Node:
        """Return a new argument: the direction along which an argument changes."""
        name = f"d{a}".replace("[", "_").replace("]", "").replace("'", "").replace('"', "")
        while name in self._inputs or name in self._structures:
            name += "_"
        self._directions[a] = name
        return self._graph.input(name, shape)

    def __repr__(self) -> str:
        return f"MatrixHessian(wrt={tuple(self._wrt)}, operation_count={self.operation_count})"

    def _left(self, name: str, label: str, names: Mapping[int, str], latex: bool) -> str:
        b, a = self._pairs[name]
        first, second = (names[self._inputs[key].index] for key in (b, a))
        along = self._directions.get(a)
        if latex:
            left = rf"\frac{{\partial^2 {label}}}{{\partial {first} \partial {second}}}"
            return left if along is None else rf"{left} {names[self._inputs[along].index]}"
        left = f"∂²{label}/∂{first}∂{second}"
        return left if along is None else f"{left} · {names[self._inputs[along].index]}"

    @property
    def partials(self) -> dict[str, Any]:
        """The second derivatives as SymPy matrix expressions, by two arguments."""
        return self._nested({n: self._converted.full(g) for n, g in self._written[0].items()})

    @property
    def partial_forms(self) -> dict[str, Any]:
        """The second derivatives as SymPy expressions in terms of `lets`."""
        return self._nested({n: self._converted.form(g) for n, g in self._written[0].items()})

    def _nested(self, flat: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return by two arguments what is there by pair."""
        result: dict[str, dict[str, Any]] = {}
        for label, (b, a) in self._pairs.items():
            result.setdefault(b, {})[a] = flat[label]
        return result

    def _shapes(self, flat: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
        return {name: np.shape(flat[name]) for name in self._first._inputs}

    def __call__(self, /, **inputs: Any) -> dict[str, dict[str, Any]]:
        """Return the Hessian at a point: by two arguments an array of both shapes.

        Products with a direction are taken along each entry of the argument.
        """
        flat = self._first._flat(inputs)
        shapes = self._shapes(flat)
        zeros = {name: np.zeros(shapes[a]) for a, name in self._directions.items()}
        found = self._at(flat, zeros)
        result = {}
        for label, (b, a) in self._pairs.items():
            shape = (*shapes[b], *shapes[a])
            if a not in self._directions:
                result[label] = np.asarray(found[label], dtype=float).reshape(shape).copy()
            else:
                result[label] = np.empty(shape)
        for a, name in self._directions.items():
            for index in np.ndindex(shapes[a]):
                unit = np.zeros(shapes[a])
                unit[index] = 1.0
                along = self._at(flat, {**zeros, name: unit})
                for label, (_, by) in self._pairs.items():
                    if by == a:
                        result[label][(..., *index)] = along[label]
        return self._nested({k: v if v.shape else float(v) for k, v in result.items()})

    def products(self, directions: Mapping[str, Any], /, **inputs: Any) -> dict[str, Any]:
        """Return the product of the Hessian with a direction, one array for each argument.

        Parameters
        ----------
        directions : mapping of str to array
            By argument, in its shape; one that is not named stays where it is.
        **inputs
            The point.
        """
        for name in directions:
            if name not in self._first._gradients:
                raise ValueError(f"products: there is no derivative by {name!r}")
        flat = self._first._flat(inputs)
        shapes = self._shapes(flat)
        given = {
            a: np.asarray(directions.get(a, np.zeros(shapes[a])), dtype=float)
            for a in self._first._gradients
        }
        for a, direction in given.items():
            if direction.shape != shapes[a]:
                raise ValueError(
                    f"products: the direction of {a!r} has the shape {shown(direction.shape)}, not "
                    f"{shown(shapes[a])}"
                )
        found = self._at(flat, {name: given[a] for a, name in self._directions.items()})
        result: dict[str, Any] = {name: np.zeros(shapes[name]) for name in given}
        for label, (b, a) in self._pairs.items():
            part = np.asarray(found[label], dtype=float)
            if a not in self._directions:
                rows = part.reshape((*shapes[b], -1))
                part = rows @ given[a].reshape(-1)
            result[b] = result[b] + part
        return result

    def _at(self, flat: Mapping[str, Any], directions: Mapping[str, Any]) -> dict[str, Any]:
        """Return the results of the source at a point and along directions."""
        point = self._first._arguments({n: flat[n] for n in self._first._inputs}, checked=True)
        more = [directions[n] for n in self._inputs if n not in self._first._inputs]
        found: dict[str, Any] = self._compiled(*point, *more)[1]
        return found
