"""`Gradient`: a value and its partial derivatives as formulas that can be read, printed and run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symdiff.formulas.entries import Entries
from symdiff.formulas.hessian import Hessian
from symdiff.formulas.machine_code import Compiled, compile_c, compile_numba
from symdiff.formulas.rewriting import simplified, substituted
from symdiff.printing.c_source import print_c
from symdiff.store.cse import flatten, name_lines
from symdiff.store.dag import Nodes
from symdiff.store.op_counts import shared_operations, tree_operations
from symdiff.strategies import DERIVATIONS, Derivation
from symdiff.text.reading import read_file
from symdiff.text.saving import Saved, write_text
from symdiff.tracing.structures import Structures, leaves

__all__ = ["Gradient", "Operations"]


@dataclass(frozen=True)
class Operations:
    """How large a value and its gradient are, in operations.

    Sums and products of n count n - 1; a division, a power, a function and a comparison 1; a change
    of sign 0.

    Attributes
    ----------
    value_tree, gradient_tree : int
        Written out in full, nothing shared.
    value_dag, gradient_dag : int
        Each distinct subexpression of the formula once, as the strategy wrote it.
    value_shared, gradient_shared : int
        The same with sums and products merged and numbers folded.

    Examples
    --------
    >>> import numpy as np
    >>> from symdiff import gradient
    >>> gradient(lambda x: np.exp(x) * np.exp(x), x=()).operations
    Operations(value_tree=2, value_dag=2, value_shared=2, gradient_tree=3, gradient_dag=3, gradient_shared=3)
    """  # noqa: E501

    value_tree: int
    value_dag: int
    value_shared: int
    gradient_tree: int
    gradient_dag: int
    gradient_shared: int


class Gradient(Entries):
    """A value and its partial derivatives, made by `gradient`.

    Attributes
    ----------
    strategy : str
        How it was derived.

    Examples
    --------
    >>> from symdiff import gradient
    >>> g = gradient(lambda x, y, z: (x + y) * z, x=(), y=(), z=())
    >>> g.partials
    {'x': z, 'y': z, 'z': x + y}
    >>> g(x=-2, y=5, z=-4)
    {'x': -4.0, 'y': -4.0, 'z': 3.0}
    """

    def __init__(
        self,
        strategy: str,
        inputs: Mapping[str, Nodes],
        wrt: Sequence[str],
        parts: Derivation,
        structures: Structures | None = None,
    ) -> None:
        ends = np.cumsum([0, *(inputs[name].size for name in wrt)]).tolist()
        nodes = {
            name: np.array(parts.partials[start:end], dtype=np.int64).reshape(inputs[name].shape)
            for name, start, end in zip(wrt, ends[:-1], ends[1:], strict=True)
        }
        super().__init__(strategy, inputs, nodes, parts, structures)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}={nodes.shape}" for name, nodes in self._inputs.items())
        return (
            f"Gradient(strategy={self.strategy!r}, wrt={tuple(self._nodes)}, {shapes}, "
            f"operation_count={self.operation_count})"
        )

    def _equations(self, latex: bool, most: int | None) -> tuple[list[tuple[str, str]], int]:
        label = self._label(latex)
        entries = self._argument_labels(latex, list(self._nodes))
        form = "\\frac{{\\partial {}}}{{\\partial {}}}" if latex else "d/d{1}"
        lefts = [label, *(form.format(label, entry) for entry in entries)]
        return self._first_equations(lefts, [self._parts.value, *self._parts.partials], latex, most)

    @cached_property
    def operations(self) -> Operations:
        """The size of value and gradient: as trees, as graphs, and shared."""
        dag, value, partials = self._parts.dag, [self._parts.value], self._parts.partials
        return Operations(
            value_tree=tree_operations(dag, value),
            value_dag=shared_operations(dag, value),
            value_shared=shared_operations(*flatten(dag, value)),
            gradient_tree=tree_operations(dag, partials),
            gradient_dag=shared_operations(dag, partials),
            gradient_shared=shared_operations(*flatten(dag, partials)),
        )

    # More formulas ------------------------------------------------------------------------------

    def code(self, language: str = "python") -> str:
        """Return source that computes value and gradient, in a language.

        Parameters
        ----------
        language : {"python", "c"}
            What to write: `source` itself, or one C99 function of doubles.

        Returns
        -------
        str
            A file. In C, ``value_and_gradient`` takes a pointer for each argument, then for the
            value and for the gradient by each argument, ``x_bar``; it needs ``math.h`` only.

        Raises
        ------
        ValueError
            If the language is another.

        Examples
        --------
        >>> from symdiff import gradient
        >>> g = gradient(lambda x: x**2, x=())
        >>> g.code(language="c").splitlines()[-3:]
        ['    *value = x[0]*x[0];', '    x_bar[0] = 2.0*x[0];', '}']
        """
        if language == "python":
            return self.source
        if language != "c":
            raise ValueError(f"code: there is no language {language!r}; there are python, c")
        parts = self._parts
        return print_c(
            parts.dag,
            list(self._nodes),
            parts.value,
            parts.partials,
            parts.names,
            title=self._title,
        )

    def compile(self, *, backend: str = "c") -> Compiled:
        """Return the gradient as machine code, to be called as this one is.

        Parameters
        ----------
        backend : {"c", "numba"}
            What compiles it: a C compiler (``cc``, ``gcc``, ``clang``, or what ``CC`` names), or
            Numba, if it is installed.

        Returns
        -------
        Compiled
            The first call is checked against the Python form. What a C compiler made is kept by
            its content in ``~/.cache/symdiff`` (``XDG_CACHE_HOME``).

        Raises
        ------
        RuntimeError
            If there is no compiler, it fails, or the first numbers are others.
        PermissionError
            If others than the user can write where the machine code is kept.
        NotImplementedError
            If C lacks a function of the formula.

        Examples
        --------
        >>> from symdiff import gradient
        >>> fast = gradient(lambda x, y: x**2 * y, x=(), y=()).compile()  # doctest: +SKIP
        >>> fast(x=3, y=4)  # doctest: +SKIP
        {'x': 24.0, 'y': 9.0}
        """
        if backend not in ("c", "numba"):
            raise ValueError(f"compile: there is no backend {backend!r}; there are c, numba")
        inputs = {name: self._inputs[name].shape for name in self._parts.dag.shapes}
        results = {name: nodes.shape for name, nodes in self._nodes.items()}
        if backend == "c":
            run = compile_c(self.code("c"), len(inputs) + 1 + len(results))
        else:
            inputs = {name: nodes.shape for name, nodes in self._inputs.items()}
            run = compile_numba(self.source)
        return Compiled(run, backend == "c", inputs, results, self)

    def hessian(self) -> Hessian:
        """Return the second derivatives by the same arguments.

        Returns
        -------
        Hessian
            Formulas to read and to run.

        Raises
        ------
        ExpressionTooLarge
            If there are so many parameters that it could not be derived in reasonable time.

        Examples
        --------
        >>> import numpy as np
        >>> from symdiff import gradient
        >>> g = gradient(lambda x: np.sum(x**3), x=(2,))
        >>> g.hessian()(x=[1, 2])["x"]["x"].tolist()
        [[6.0, 0.0], [0.0, 12.0]]
        """
        return Hessian(self)

    def subs(self, replacements: Mapping[str, Any] | None = None, /, **named: Any) -> Gradient:
        """Return the gradient of the function with something put in for some arguments.

        Parameters
        ----------
        replacements : mapping of str to object, optional
            What is put in, all at once, by the name of the argument: real numbers; text that
            `parse` reads, such as ``"2*z"``; or SymPy expressions.
        **named
            The same by keyword.

        Returns
        -------
        Gradient
            By the arguments that are left, and by the new ones where they replace one by which the
            gradient was taken. What is put in is differentiated by the chain rule.

        Raises
        ------
        ValueError
            If there is no such argument, or a shape does not fit.
        Unparsable
            If a text is no formula.

        Examples
        --------
        >>> from symdiff import gradient
        >>> g = gradient(lambda x, y: x**2 * y, x=(), y=())
        >>> g.subs(x=3).partials, g.subs(x="2*z").partials
        ({'y': 9}, {'y': (2*z)**2, 'z': 8*y*z})
        """
        put = {**(replacements or {}), **named}
        new = substituted(self._parts.dag, [self._parts.value], self._inputs, put)
        wrt = [name for name in self._nodes if name in new.inputs]
        if any(name in self._nodes for name in put):
            wrt += [name for name in new.inputs if name not in self._inputs]
        symbols = [node for name in wrt for node in new.inputs[name].ravel().tolist()]
        parts = DERIVATIONS[self.strategy](new.dag, new.roots[0], symbols)
        whole = {
            name: structure
            for name, structure in self._structures.items()
            if new.inputs.keys() >= set(leaves(structure))
        }
        return Gradient(self.strategy, new.inputs, wrt, parts, whole)

    def simplify(self) -> Gradient:
        """Return the gradient with value and partials as SymPy simplifies them.

        Returns
        -------
        Gradient
            The same numbers: every formula was held against the one before at some points. A
            formula that SymPy makes longer stays as it is.

        Raises
        ------
        ExpressionTooLarge
            If the formulas have more than some 200 operations, written out.

        Examples
        --------
        >>> import numpy as np
        >>> from symdiff import gradient
        >>> gradient(lambda x: np.sin(x) ** 2 + np.cos(x) ** 2 + x, x=()).simplify().value
        x + 1
        """
        parts = self._parts
        new = simplified(parts.dag, [parts.value, *parts.partials], self._inputs)
        lines = {} if self.strategy == "expanded" else name_lines(new.dag, new.roots)
        simpler = Derivation(new.dag, new.roots[0], new.roots[1:], lines)
        names = list(self._nodes)
        return Gradient(self.strategy, new.inputs, names, simpler, self._structures)

    # Files --------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the gradient to a file of text, which `load` reads without running any of it.

        Parameters
        ----------
        path : str or path-like
            The file; one that is there is replaced.

        Raises
        ------
        ExpressionTooLarge
            If the text would be too long to be loaded again.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> from symdiff import gradient
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "square.txt"
        >>> gradient(lambda x: x**2, x=()).save(path)
        >>> print(path.read_text(), end="")
        symdiff gradient, format 1
        strategy shared
        argument x ()
        wrt x
        value = x**2
        partial x = 2*x
        end 6
        >>> Gradient.load(path)(x=3)
        {'x': 6.0}
        """
        if self._structures:
            raise NotImplementedError(
                f"save: the argument {next(iter(self._structures))!r} holds several arrays, and a "
                "file has arrays only; derive with an argument for each of them, and save that"
            )
        parts = self._parts
        text = write_text(
            Saved(
                self.strategy,
                parts.dag,
                list(self._nodes),
                parts.value,
                parts.partials,
                parts.names,
            )
        )
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Gradient:
        """Return the gradient that a file holds; the file may come from anywhere.

        Parameters
        ----------
        path : str or path-like
            A file as `save` writes it; see `symdiff.text.saving` for the format.

        Returns
        -------
        Gradient
            With the same numbers.

        Raises
        ------
        Unparsable
            If the file is anything else; the message gives the line and what is wrong with it.

        Examples
        --------
        See `save`.
        """
        saved = read_file(path, DERIVATIONS)
        inputs = saved.inputs()
        parts = Derivation(saved.dag, saved.value, saved.partials, saved.names)
        return cls(saved.strategy, inputs, saved.wrt, parts)
