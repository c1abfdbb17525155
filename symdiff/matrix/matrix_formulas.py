"""`MatrixFormulas`: a value and derivatives of it as matrix formulas, to be read and run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from symdiff.errors import nearest
from symdiff.matrix.form import Typesetter
from symdiff.matrix.lets import choose_lets, name_lets, source_lines
from symdiff.matrix.node import Node, constants_of, reachable
from symdiff.matrix.rewriting import as_written
from symdiff.matrix.shapes import Shape, shown
from symdiff.matrix.size import MatrixOperations, measure
from symdiff.matrix.source import print_source
from symdiff.matrix.spelling import display_names
from symdiff.matrix.table import RULES
from symdiff.matrix.trace import MatrixTrace
from symdiff.printing.formulas import Formulas
from symdiff.printing.running import as_floats, compile_source
from symdiff.tracing.structures import fill, leaves, take

__all__ = ["MatrixFormulas"]

Floats = npt.NDArray[np.float64]
_ENTRIES = 16  # of a constant array that are written out in a formula


class MatrixFormulas(Formulas):
    """Formulas of one graph: arguments, a value, and by name the nodes of its derivatives."""

    strategy = "matrix"

    def __init__(
        self,
        traced: MatrixTrace,
        wrt: Sequence[str],
        gradients: Mapping[str, Node],
        primals: Mapping[int, Node],
    ) -> None:
        self._inputs = traced.inputs
        self._structures = traced.structures
        self._examples = traced.examples
        self._graph = traced.graph
        self._value = traced.value
        self._wrt = list(wrt)
        self._gradients = dict(gradients)
        self._primals = dict(primals)

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
            right = names.get(node.index) or setter.write(node)
            rows.append((self._left(name, label, names, latex), right))
        kept = rows[:most]
        return kept, len(rows) - len(kept)

    def _left(self, name: str, label: str, names: Mapping[int, str], latex: bool) -> str:
        """Return the left side of the equation of a derivative."""
        symbol = names[self._inputs[name].index]
        left = rf"\frac{{\partial {label}}}{{\partial {symbol}}}"
        return left if latex else f"∂{label}/∂{symbol}"

    @property
    def _title(self) -> str:
        """The first line of source."""
        count = self.operation_count
        return f"Value and gradient by symdiff, strategy 'matrix': {count} matrix operations."

    @cached_property
    def source(self) -> str:
        """Straight-line NumPy source of ``value_and_gradient(...)``, which runs on its own."""
        lines = source_lines(self._roots, self._source_lets, self._primals, self._taken)
        return print_source(
            self._graph, self._inputs, lines, self._value, self._gradients, self._title
        )

    # Numbers ----------------------------------------------------------------------------------

    @cached_property
    def _compiled(self) -> Callable[..., Any]:
        """The compiled source, which gives infinities and NaN without a warning."""
        return np.errstate(all="ignore")(compile_source(self.source, self.strategy))

    def __call__(self, /, **inputs: Any) -> dict[str, Any]:
        """Return the gradient at a point; see `value_and_gradient`."""
        return self.value_and_gradient(**inputs)[1]

    def value_and_gradient(self, /, **inputs: Any) -> tuple[float, dict[str, Any]]:
        """Return the value and the gradient at a point.

        Examples
        --------
        >>> import numpy as np
        >>> from symdiff import gradient
        >>> g = gradient(lambda w: np.sum(w**2), strategy="matrix", w=("n",))
        >>> g.value_and_gradient(w=[1, 2])
        (5.0, {'w': array([2., 4.])})
        """
        arguments = self._arguments(inputs)
        try:
            value, found = self._compiled(*arguments)
        except np.linalg.LinAlgError as error:
            error.add_note(
                "The formula has an inverse of a matrix that is singular at this point; write "
                "np.linalg.pinv, or add a multiple of the identity matrix."
            )
            raise
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

    def _arguments(self, inputs: Mapping[str, Any], checked: bool = False) -> list[Floats]:
        """Return arrays in the order of the source, checked."""
        flat = inputs
        if not checked and (self._structures or inputs.keys() != self._inputs.keys()):
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
