"""`MatrixGradient`: a value and its partial derivatives as matrix formulas."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from symdiff.errors import nearest
from symdiff.matrix.entrywise import Entrywise
from symdiff.matrix.form import Typesetter
from symdiff.matrix.lets import choose_lets, name_lets, source_lines
from symdiff.matrix.node import Node, constants_of, reachable
from symdiff.matrix.reverse import accumulate
from symdiff.matrix.rewriting import as_written
from symdiff.matrix.shapes import Shape, shown
from symdiff.matrix.size import MatrixOperations, measure
from symdiff.matrix.source import print_source
from symdiff.matrix.spelling import display_names
from symdiff.matrix.table import RULES
from symdiff.matrix.trace import MatrixTrace, trace_matrices
from symdiff.printing.formulas import Formulas
from symdiff.printing.running import as_floats, compile_source
from symdiff.tracing.structures import fill, leaves, take

__all__ = ["MatrixGradient", "matrix_gradient"]

Floats = npt.NDArray[np.float64]
_ENTRIES = 16  # of a constant array that are written out in a formula


class MatrixGradient(Entrywise, Formulas):
    """A value and its partial derivatives as matrix formulas, made by `matrix_gradient`.

    Attributes
    ----------
    strategy : str
        ``matrix``.

    Examples
    --------
    >>> import numpy as np
    >>> def loss(x, w1, w2, y):
    ...     h = 1 / (1 + np.exp(-(x @ w1)))
    ...     return np.sum((h @ w2 - y) ** 2)
    >>> shapes = {"x": ("N", "d"), "w1": ("d", "h"), "w2": ("h", "k"), "y": ("N", "k")}
    >>> print(matrix_gradient(loss, wrt=["w1", "w2"], inputs=shapes))
    h = σ(X W1)
    e = h W2 − Y
    δ = 2 e W2ᵀ ∘ h ∘ (1 − h)
    L = ‖e‖²
    ∂L/∂W1 = Xᵀ δ
    ∂L/∂W2 = 2 hᵀ e
    """

    strategy = "matrix"

    def __init__(self, traced: MatrixTrace, wrt: Sequence[str]) -> None:
        self._inputs = traced.inputs
        self._structures = traced.structures
        self._examples = traced.examples
        self._graph = traced.graph
        self._value = traced.value
        paths = list(dict.fromkeys(path for name in wrt for path in _arrays_of(name, traced)))
        sources = [traced.inputs[path] for path in paths]
        found, self._primals = accumulate(traced.value, sources)
        self._gradients = dict(zip(paths, found, strict=True))
        self._wrt = list(wrt)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}={shown(node.shape)}" for name, node in self._inputs.items())
        if len(shapes) > 200:
            shapes = f"{len(self._inputs)} arguments"
        return (
            f"MatrixGradient(strategy='matrix', wrt={tuple(self._wrt)}, {shapes}, "
            f"operation_count={self.operation_count})"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_compiled"}

    @property
    def _roots(self) -> list[Node]:
        return [self._value, *self._gradients.values()]

    @cached_property
    def _lets(self) -> dict[int, str]:
        """The names of intermediates, by index of their node, in the order of computation."""
        written, primals = self._written
        lets = choose_lets([self._value, *written.values()], self._named, primals)
        return name_lets(lets, self._named, primals, self._taken)

    @property
    def _named(self) -> dict[int, str]:
        """The names that local variables of the function had, by index of their node."""
        inputs = {node.index for node in self._inputs.values()}
        return {k: name for k, name in self._graph.names.items() if k not in inputs}

    @cached_property
    def _written(self) -> tuple[dict[str, Node], dict[int, Node]]:
        """The derivatives as they are written, and what the adjoints among them belong to."""
        roots = self._gradients.values()
        found, known = as_written(roots, self._value.index, self._named)
        primals = {
            known[k].index: node
            for k, node in self._primals.items()
            if k in known and known[k].index > self._value.index
        }
        return dict(zip(self._gradients, found, strict=True)), primals

    @cached_property
    def _source_lets(self) -> dict[int, str]:
        """The names of intermediates in the source, those of the formulas where it has them.

        The source computes what was derived: its products share more than is good to read.
        """
        there = {node.index for node in reachable(self._roots)}
        adjoints = {
            self._written[1][k].index: name
            for k, name in self._lets.items()
            if k in self._written[1]
        }
        names = {index: name for index, name in self._lets.items() if index in there}
        more, used = [], set(names.values())
        for node in choose_lets(self._roots, self._named, self._primals):
            primal = self._primals.get(node.index)
            name = adjoints.get(primal.index) if primal is not None else None
            if node.index not in names and name is not None and name not in used:
                names[node.index] = name
                used.add(name)
            elif node.index not in names:
                more.append(node)
        taken = [*self._taken, *self._lets.values()]
        names |= name_lets(more, self._named, self._primals, taken)
        return {index: names[index] for index in sorted(names)}

    @property
    def _taken(self) -> list[str]:
        """Names that no intermediate gets."""
        entries = [re.sub(r"\W+", "_", name).rstrip("_") for name in self._inputs]
        printed = [n.params[0] for n in reachable(self._roots) if n.op in ("length", "eye")]
        return [*entries, *self._structures, *(n for n in printed if isinstance(n, str))]

    # SymPy ------------------------------------------------------------------------------------

    @cached_property
    def _converted(self) -> Any:
        from symdiff.matrix.sympy_forms import Converter

        return Converter(self._inputs, self._lets)

    @property
    def value(self) -> Any:
        """The traced function as a SymPy expression of its arguments, made on first use."""
        return self._converted.full(self._value)

    @property
    def partials(self) -> dict[str, Any]:
        """The derivatives as SymPy matrix expressions of the arguments, made on first use.

        Vectors are columns; no expression is evaluated.
        """
        return self._grouped({n: self._converted.full(g) for n, g in self._written[0].items()})

    @property
    def lets(self) -> list[tuple[Any, Any]]:
        """The named intermediates: SymPy symbol and expression, in terms of those before it."""
        nodes = self._graph.nodes
        return [self._converted.definition(nodes[index]) for index in self._lets]

    @property
    def value_form(self) -> Any:
        """The value as a SymPy expression in terms of `lets`."""
        return self._converted.form(self._value)

    @property
    def partial_forms(self) -> dict[str, Any]:
        """The derivatives as SymPy expressions in terms of `lets`."""
        return self._grouped({n: self._converted.form(g) for n, g in self._written[0].items()})

    def _grouped(self, flat: Mapping[str, Any]) -> dict[str, Any]:
        """Return by argument what is there by input: in a structure as that of the argument."""
        known = self._structures
        return {
            name: fill(known[name], flat) if name in known else flat[name] for name in self._wrt
        }

    # Size -------------------------------------------------------------------------------------

    @cached_property
    def operations(self) -> MatrixOperations:
        """The size of value and gradient: in matrix operations, and in those on numbers."""
        return measure(self._value, self._gradients.values())

    @property
    def operation_count(self) -> int:
        """The matrix operations of value and gradient together, each distinct one once."""
        return self.operations.total

    # Text -------------------------------------------------------------------------------------

    def _equations(self, latex: bool, most: int | None) -> tuple[list[tuple[str, str]], int]:
        names = display_names(self._inputs, self._lets, latex)
        used = {*self._inputs, *self._lets.values()}
        stems = ("C", "K", "constant", "array")
        setter = Typesetter(latex, names, RULES, next(s for s in stems if f"{s}1" not in used))
        nodes = self._graph.nodes
        arrays = self._graph.arrays
        written = [self._value, *self._written[0].values()]
        rows = [(setter.constant(k), _constant(arrays[k], latex)) for k in constants_of(written)]
        rows += [(names[index], setter.write(nodes[index])) for index in self._lets]
        spelled = set(names.values())
        label = next((n for n in ("L", "f") if n not in spelled), r"\mathrm{value}")
        label = label if latex or label != r"\mathrm{value}" else "value"
        final = names.get(self._value.index)
        rows.append((label, final or setter.write(self._value)))
        for name, node in self._written[0].items():
            symbol = names[self._inputs[name].index]
            left = rf"\frac{{\partial {label}}}{{\partial {symbol}}}"
            right = names.get(node.index) or setter.write(node)
            rows.append((left if latex else f"∂{label}/∂{symbol}", right))
        kept = rows[:most]
        return kept, len(rows) - len(kept)

    @cached_property
    def source(self) -> str:
        """Straight-line NumPy source of ``value_and_gradient(...)``, which runs on its own."""
        lines = source_lines(self._roots, self._source_lets, self._primals, self._taken)
        title = (
            f"Value and gradient by symdiff, strategy 'matrix': {self.operation_count} "
            "matrix operations."
        )
        return print_source(self._graph, self._inputs, lines, self._value, self._gradients, title)

    # Numbers ----------------------------------------------------------------------------------

    @cached_property
    def _compiled(self) -> Callable[..., Any]:
        """The compiled source."""
        return compile_source(self.source, self.strategy)

    def __call__(self, /, **inputs: Any) -> dict[str, Any]:
        """Return the gradient at a point; see `value_and_gradient`."""
        return self.value_and_gradient(**inputs)[1]

    def value_and_gradient(self, /, **inputs: Any) -> tuple[float, dict[str, Any]]:
        """Return the value and the gradient at a point.

        Examples
        --------
        >>> import numpy as np
        >>> g = matrix_gradient(lambda w: np.sum(w**2), w=("n",))
        >>> g.value_and_gradient(w=[1, 2])
        (5.0, {'w': array([2., 4.])})
        """
        arguments = self._arguments(inputs)
        value, found = self._compiled(*arguments)
        seen = [id(argument) for argument in arguments]
        result: dict[str, Any] = {}
        for name, entry in found.items():
            if not self._inputs[name].shape:
                result[name] = float(entry)
                continue
            array = np.asarray(entry, dtype=np.float64)
            if array.base is not None or id(array) in seen:
                array = array.copy()  # no view of an argument or of another derivative
            seen.append(id(array))
            result[name] = array
        return float(value), self._grouped(result)

    def _arguments(self, inputs: Mapping[str, Any]) -> list[Floats]:
        """Return arrays in the order of the source, checked."""
        flat = inputs
        if self._structures or inputs.keys() != self._inputs.keys():
            flat = self._flat(inputs)
        lengths: dict[str, tuple[int, str]] = {}
        result = []
        for name, node in self._inputs.items():
            array = flat[name]
            if type(array) is not np.ndarray or array.dtype != np.float64:
                array = as_floats(name, array)
            if array.shape != node.shape:
                _check_shape(name, array.shape, node.shape, lengths)
            result.append(array)
        return result

    def _flat(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by input, those from when the gradient was made among them."""
        flat: dict[str, Any] = dict(self._examples)
        inside = {path for part in self._structures.values() for path in leaves(part)}
        known = [n for n in self._inputs if n not in inside] + list(self._structures)
        for name, value in inputs.items():
            if name not in known:
                raise TypeError(
                    f"unknown argument {name!r}.{nearest(name, known)} The symbolic arguments are "
                    f"{', '.join(known)}; numbers are part of the formula"
                )
            if name in self._structures:
                flat.update(take(self._structures[name], value, name))
            else:
                flat[name] = value
        missing = [n for n in self._inputs if n not in flat]
        if missing:
            raise TypeError(
                f"missing argument {', '.join(missing[:5])}: the formula needs {', '.join(known)}"
            )
        return flat


def _constant(values: npt.NDArray[Any], latex: bool) -> str:
    """Return a constant array as text: its entries, or its shape if they are many."""
    if values.size > _ENTRIES:
        text = f"constants of shape {values.shape}"
        return rf"\text{{{text}}}" if latex else text
    return str(values.tolist())


def _check_shape(
    name: str, shape: tuple[int, ...], expected: Shape, lengths: dict[str, tuple[int, str]]
) -> None:
    """Refuse an input whose shape is not what was traced; bind named lengths."""
    if len(shape) != len(expected):
        raise ValueError(
            f"argument {name!r}: shape {shape} arrived, {shown(expected)} is what was traced"
        )
    for axis, (n, length) in enumerate(zip(shape, expected, strict=True)):
        if isinstance(length, str):
            first, where = lengths.setdefault(length, (n, name))
            if n != first:
                raise ValueError(
                    f"argument {name!r}: axis {axis} has length {n}, but {length} is {first} "
                    f"in argument {where!r}"
                )
        elif n != length:
            raise ValueError(
                f"argument {name!r}: shape {shape} arrived, {shown(expected)} is what was traced; "
                "derive the gradient with names as lengths to use other shapes"
            )


def _arrays_of(name: str, traced: MatrixTrace) -> list[str]:
    """Return the inputs of which an argument is made."""
    return leaves(traced.structures[name]) if name in traced.structures else [name]


def _selected(wrt: str | Iterable[str] | None, traced: MatrixTrace) -> list[str]:
    """Return the arguments to differentiate by, checked."""
    owner = {path: name for name in traced.structures for path in _arrays_of(name, traced)}
    known = [*traced.inputs, *traced.structures]
    if wrt is None:
        order = list(dict.fromkeys(owner.get(path, path) for path in traced.inputs))
        shapes = [
            name
            for name in order
            if not any(path in traced.examples for path in _arrays_of(name, traced))
        ]
        return shapes or order
    names = [wrt] if isinstance(wrt, str) else list(wrt)
    for name in names:
        if name not in known:
            raise ValueError(
                f"wrt: the function has no symbolic argument {name!r}.{nearest(name, known)} "
                f"The symbolic arguments are {', '.join(known) or 'none'}"
            )
    return list(dict.fromkeys(names))


def matrix_gradient(
    f: Callable[..., Any],
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    inputs: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> MatrixGradient:
    """Return the gradient of a plain NumPy function as matrix formulas.

    Examples
    --------
    >>> import numpy as np
    >>> g = matrix_gradient(lambda x, A: x @ A @ x, x=("n",), A=("n", "n"))
    >>> print(g)
    L = xᵀ A x
    ∂L/∂x = (A + Aᵀ) x
    ∂L/∂A = x xᵀ
    >>> g(x=[1, 2], A=np.eye(2))["x"]
    array([2., 4.])
    """
    traced = trace_matrices(f, {**(inputs or {}), **arguments})
    return MatrixGradient(traced, _selected(wrt, traced))
