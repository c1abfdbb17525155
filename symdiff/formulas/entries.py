"""`Entries`: a value and derivatives of it as formulas of entries, to be read, printed and run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from symdiff.errors import nearest
from symdiff.operations.sympy_conversion import Expr, definitions, shaped, symbol, to_sympy
from symdiff.printing.formulas import Formulas
from symdiff.printing.latex import plain, typeset
from symdiff.printing.names import indexed, spell
from symdiff.printing.running import as_floats, compile_source
from symdiff.printing.source import print_source
from symdiff.store.dag import Nodes
from symdiff.store.op_counts import tree_counts
from symdiff.strategies import Derivation
from symdiff.strategies.expanded import check_size
from symdiff.tracing.structures import Structures, fill, leaves, take

__all__ = ["Entries"]

_LINE, _PRINTED = 3_000, 12_000  # operations of a printed line, and of all lines together


class Entries(Formulas):
    """Formulas of one graph: arguments, a value, and by name the nodes of its derivatives."""

    def __init__(
        self,
        strategy: str,
        inputs: Mapping[str, Nodes],
        nodes: Mapping[str, Nodes],
        parts: Derivation,
        structures: Structures | None = None,
    ) -> None:
        self.strategy = strategy
        self._structures = structures or {}
        self._parts = parts
        self._inputs = dict(inputs)
        self._nodes = dict(nodes)

    def __getstate__(self) -> dict[str, Any]:
        kept = (
            "strategy",
            "_parts",
            "_inputs",
            "_nodes",
            "_structures",
        )  # the rest can be made again
        return {key: self.__dict__[key] for key in kept}

    # Formulas ---------------------------------------------------------------------------------

    def _formulas(self, names: Mapping[int, str]) -> tuple[Expr, dict[str, Any]]:
        """Return value and partials in SymPy, down to the nodes that have names."""
        roots = [self._parts.value, *self._parts.partials]
        value, *flat = to_sympy(self._parts.dag, roots, names)
        partials: dict[str, Any] = {}
        start = 0
        for name, nodes in self._nodes.items():
            part = shaped(flat[start : start + nodes.size], nodes.shape)
            partials[name] = part if nodes.shape else part[()]
            start += nodes.size
        return value, partials

    @cached_property
    def _written_out(self) -> tuple[Expr, dict[str, Any]]:
        """Value and partials in the symbols of the arguments only."""
        return self._formulas({})

    @cached_property
    def _in_lets(self) -> tuple[Expr, dict[str, Any]]:
        """Value and partials in terms of the named intermediates."""
        return self._formulas(self._parts.names)

    @property
    def value(self) -> Expr:
        """The traced function as a SymPy expression, in the symbols of its arguments."""
        return self._written_out[0]

    @property
    def partials(self) -> dict[str, Any]:
        """By argument one SymPy expression, or an object array of them in its shape."""
        return self._grouped(self._written_out[1])

    @cached_property
    def lets(self) -> list[tuple[Expr, Expr]]:
        """The named intermediates, each in terms of symbols and of those before it."""
        names = self._parts.names
        forms = definitions(self._parts.dag, names)
        return [(symbol(name), form) for name, form in zip(names.values(), forms, strict=True)]

    @property
    def value_form(self) -> Expr:
        """The value in terms of `lets`."""
        return self._in_lets[0]

    @property
    def partial_forms(self) -> dict[str, Any]:
        """The partials in terms of `lets`, as in `partials`."""
        return self._grouped(self._in_lets[1])

    def _grouped(self, flat: Mapping[str, Any]) -> dict[str, Any]:
        """Return by argument what is there by array: in a structure as that of the argument."""
        if not self._structures:
            return dict(flat)
        owner = {name: whole for whole, part in self._structures.items() for name in leaves(part)}
        result: dict[str, Any] = {}
        for name, entry in flat.items():
            whole = owner.get(name)
            if whole is None:
                result[name] = entry
            elif whole not in result:
                result[whole] = fill(self._structures[whole], flat)
        return result

    def _first_equations(
        self, lefts: Sequence[str], results: Sequence[int], latex: bool, most: int | None
    ) -> tuple[list[tuple[str, str]], int]:
        """Return the named intermediates and the results as equations, and how many more there are.

        `lefts` are the left sides of the results.
        """
        dag, names = self._parts.dag, self._parts.names
        count = len(names) + len(results)
        shown = count if most is None else min(count, most)
        lets = list(names)[:shown]
        roots = results[: shown - len(lets)]
        sizes = self._too_large(lets, roots)
        kept = [node for node in lets if node not in sizes]
        forms = definitions(dag, names, kept) if kept else []
        forms += to_sympy(dag, [root for root in roots if root not in sizes], names)
        texts = iter(typeset(forms, self._spelled) if latex else plain(forms))
        dots = r"\text{{… ({:,} operations)}}" if latex else "… ({:,} operations)"
        rights = [
            dots.format(sizes[node]) if node in sizes else next(texts) for node in (*lets, *roots)
        ]
        lines = [self._spelled[line] if latex else line for line in names.values()]
        return list(zip([*lines, *lefts], rights, strict=False)), count - shown

    def _too_large(self, lets: Sequence[int], roots: Sequence[int]) -> dict[int, int]:
        """Return the lines that are too long to be printed, and their operations."""
        dag, names = self._parts.dag, self._parts.names
        counts = tree_counts(dag, dag.reachable([*lets, *roots]), names)
        found: dict[int, int] = {}
        left = _PRINTED
        for node in (*lets, *roots):
            size = 0 if node in names and node in roots else counts[node]
            if size > min(left, _LINE):
                found[node] = size
            else:
                left -= size
        return found

    @cached_property
    def _spelled(self) -> dict[str, str]:
        """How the entries of arguments and the lines are written in LaTeX, by name."""
        dag, lines = self._parts.dag, list(self._parts.names.values())
        stems = spell([*self._inputs, *lines])
        entries = {}
        for name, nodes in self._inputs.items():
            for index, node in np.ndenumerate(nodes):
                text = indexed(stems[name], ",".join(map(str, index))) if index else stems[name]
                entries[dag.symbol_name(int(node))] = text
        return entries | {line: stems[line] for line in lines}

    def _label(self, latex: bool) -> str:
        """Return the name of the value, which no argument has."""
        if not latex:
            return "value"
        return "f" if "f" not in self._inputs else r"\mathrm{value}"

    def _argument_labels(self, latex: bool, names: Sequence[str]) -> list[str]:
        """Return the names of the entries of some arguments."""
        dag = self._parts.dag
        return [
            self._spelled[dag.symbol_name(node)] if latex else dag.symbol_name(node)
            for name in names
            for node in self._inputs[name].ravel().tolist()
        ]

    # Size -------------------------------------------------------------------------------------

    @cached_property
    def operation_count(self) -> int:
        """The operations that one run of `source` executes, for value and gradient together."""
        dag, names = self._parts.dag, self._parts.names
        roots = [self._parts.value, *self._parts.partials]
        counts = tree_counts(dag, dag.reachable(roots), names)
        return sum(counts[node] for node in names) + sum(
            counts[root] for root in roots if root not in names
        )

    # Source -----------------------------------------------------------------------------------

    @cached_property
    def source(self) -> str:
        """Python source of ``value_and_gradient(...)`` on plain floats, which runs on its own."""
        return self._print("float")

    @property
    def _title(self) -> str:
        """The first line of source."""
        return (
            f"Value and gradient by symdiff, strategy {self.strategy!r}: "
            f"{self.operation_count} operations."
        )

    def _print(self, scalars: Literal["float", "numpy"]) -> str:
        """Return the source for Python floats or NumPy scalars."""
        check_size("the source", self.operation_count, self.strategy)
        parts = self._parts
        return print_source(
            parts.dag,
            self._inputs,
            parts.names,
            parts.value,
            self._nodes,
            title=self._title,
            scalars=scalars,
        )

    # Numbers ----------------------------------------------------------------------------------

    @cached_property
    def _on_floats(self) -> Callable[..., Any]:
        """The compiled source on Python floats."""
        return compile_source(self.source, self.strategy)

    @cached_property
    def _on_scalars(self) -> Callable[..., Any]:
        """The compiled source on NumPy scalars."""
        return compile_source(self._print("numpy"), self.strategy)

    def __call__(self, /, **inputs: Any) -> dict[str, Any]:
        """Return the gradient at a point; see `value_and_gradient`."""
        return self.value_and_gradient(**inputs)[1]

    def value_and_gradient(self, /, **inputs: Any) -> tuple[float, dict[str, Any]]:
        """Return the value and the gradient at a point.

        Parameters
        ----------
        **inputs
            Every symbolic argument by name: real numbers of its shape.

        Returns
        -------
        value : float
            The value.
        gradient : dict of str to float or numpy.ndarray
            A float for a scalar argument, else a float64 array of its shape. Infinities and NaN
            come out as NumPy would give them; nothing raises for them.

        Raises
        ------
        TypeError
            If an argument is missing or unknown, or holds no real numbers.
        ValueError
            If a shape does not fit.

        Examples
        --------
        >>> import numpy as np
        >>> from symdiff import gradient
        >>> g = gradient(lambda w: np.sum(w**2), w=(2,))
        >>> g.value_and_gradient(w=[1, 2])
        (5.0, {'w': array([2., 4.])})
        """
        flat = self._flat(inputs)
        value, found = self._evaluated([self._numbers(name, flat[name]) for name in self._inputs])
        entries = {
            name: entry if self._nodes[name].shape else float(entry)
            for name, entry in found.items()
        }
        return float(value), self._grouped(entries) if self._structures else entries

    def _evaluated(self, values: Sequence[Any]) -> tuple[Any, dict[str, Any]]:
        """Return the results of the source for arrays in its order."""
        try:
            result = self._on_floats(*values)
        except (ArithmeticError, ValueError):
            # Plain floats raise where NumPy goes on with inf and nan; the same statements do
            # that on its scalars, at about a tenth of the speed.
            with np.errstate(all="ignore"):
                result = self._on_scalars(*values)
        value, found = result
        return value, found

    def _flat(self, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values of the arguments by array; refuse what is missing or unknown."""
        if inputs.keys() == self._inputs.keys() and not self._structures:
            return inputs
        inside = {name for part in self._structures.values() for name in leaves(part)}
        known = [name for name in self._inputs if name not in inside] + list(self._structures)
        flat: dict[str, Any] = {}
        for name, value in inputs.items():
            if name in self._structures:
                flat |= take(self._structures[name], value, name)
            elif name in known:
                flat[name] = value
            else:
                raise TypeError(
                    f"unknown argument {name!r}.{nearest(name, known)} The symbolic arguments are "
                    f"{', '.join(known)}; constants are part of the formula"
                )
        missing = [name for name in known if name not in inputs]
        if missing:
            raise TypeError(
                f"missing argument {', '.join(missing)}: the formula needs {', '.join(known)}"
            )
        return flat

    def _numbers(self, name: str, value: Any) -> npt.NDArray[np.float64]:
        """Return an input as a float64 array of the shape that was traced."""
        array = as_floats(name, value)
        shape = self._inputs[name].shape
        if array.shape != shape:
            raise ValueError(
                f"argument {name!r}: shape {array.shape} arrived, {shape} is what was traced; "
                "derive the gradient again for another shape"
            )
        return array
