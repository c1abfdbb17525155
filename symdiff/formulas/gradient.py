"""`Gradient`: a value and its partial derivatives as formulas that can be read, printed and run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from symdiff.errors import nearest
from symdiff.formulas.rewriting import simplified, substituted
from symdiff.matrix import MatrixGradient, matrix_gradient
from symdiff.operations.sympy_conversion import Expr, definitions, shaped, symbol, to_sympy
from symdiff.printing.c_source import print_c
from symdiff.printing.latex import aligned, line_latex, name_latex
from symdiff.printing.recursion import call_deep
from symdiff.printing.source import ENTRY_POINT, print_source
from symdiff.store.cse import flatten, name_lines
from symdiff.store.dag import Nodes
from symdiff.store.op_counts import shared_operations, tree_operations, tree_sizes
from symdiff.strategies import STRATEGIES, Derivation
from symdiff.strategies.expanded import check_size
from symdiff.text.reading import read_file
from symdiff.text.saving import Saved, write_text
from symdiff.tracing.trace import Expression, trace

if TYPE_CHECKING:
    from symdiff.formulas.hessian import Hessian

__all__ = ["Gradient", "Operations", "gradient"]

_LINES = 60
Floats = npt.NDArray[np.float64]


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


class Gradient:
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
        self, strategy: str, inputs: Mapping[str, Nodes], wrt: Sequence[str], parts: Derivation
    ) -> None:
        self.strategy = strategy
        self._parts = parts
        self._inputs = dict(inputs)
        ends = np.cumsum([0, *(self._inputs[name].size for name in wrt)]).tolist()
        self._nodes: dict[str, Nodes] = {
            name: np.array(parts.partials[start:end], dtype=np.int64).reshape(inputs[name].shape)
            for name, start, end in zip(wrt, ends[:-1], ends[1:], strict=True)
        }

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}={nodes.shape}" for name, nodes in self._inputs.items())
        return (
            f"Gradient(strategy={self.strategy!r}, wrt={tuple(self._nodes)}, {shapes}, "
            f"operation_count={self.operation_count})"
        )

    def __getstate__(self) -> dict[str, Any]:
        kept = ("strategy", "_parts", "_inputs", "_nodes")  # the rest can be made again
        return {key: self.__dict__[key] for key in kept}

    def __str__(self) -> str:
        lefts = [*self._parts.names.values(), "value"]
        dag = self._parts.dag
        lefts += [
            f"d/d{dag.symbol_name(node)}"
            for name in self._nodes
            for node in self._inputs[name].ravel().tolist()
        ]
        rows, more = self._rows(_LINES)
        lines = call_deep(
            lambda: [f"{left} = {form}" for left, form in zip(lefts, rows, strict=False)]
        )
        return "\n".join([*lines, f"… and {more} more lines"] if more else lines)

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
        return self._written_out[1]

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
        return self._in_lets[1]

    def _rows(self, max_lines: int | None) -> tuple[list[Expr], int]:
        """Return the right sides of the first lines in SymPy, and how many more there are."""
        dag, names = self._parts.dag, self._parts.names
        count = len(names) + 1 + len(self._parts.partials)
        shown = count if max_lines is None else min(count, max_lines)
        lets = list(names)[:shown]
        ends = [self._parts.value, *self._parts.partials][: shown - len(lets)]
        forms = definitions(dag, names, lets) if lets else []
        return [*forms, *to_sympy(dag, ends, names)], count - shown

    # Size -------------------------------------------------------------------------------------

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

    @cached_property
    def operation_count(self) -> int:
        """The operations that one run of `source` executes, for value and gradient together."""
        dag, names = self._parts.dag, self._parts.names
        roots = [self._parts.value, *self._parts.partials]
        sizes = tree_sizes(dag, dag.reachable(roots), names)
        return sum(sizes[node] for node in names) + sum(
            sizes[root] for root in roots if root not in names
        )

    # Text -------------------------------------------------------------------------------------

    def latex(self, max_lines: int | None = _LINES) -> str:
        r"""Return the formulas as LaTeX: intermediates, value and partials, aligned.

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
        >>> print(gradient(lambda x: x**2, x=()).latex())
        \begin{aligned}
        f &= x^{2} \\
        \frac{\partial f}{\partial x} &= 2 x
        \end{aligned}
        """
        if max_lines is not None and max_lines < 1:
            raise ValueError(f"latex: max_lines is {max_lines}; give at least 1, or None for all")
        function = "f" if "f" not in self._inputs else r"\mathrm{value}"
        lefts = [line_latex(name) for name in self._parts.names.values()]
        lefts.append(function)
        lefts += [
            f"\\frac{{\\partial {function}}}{{\\partial {name_latex(name, index)}}}"
            for name, nodes in self._nodes.items()
            for index in np.ndindex(nodes.shape)
        ]
        rows, more = self._rows(max_lines)
        lines = set(self._parts.names.values())
        return aligned(zip(lefts, rows, strict=False), lines, more)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

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
        from symdiff.formulas.hessian import Hessian  # which is made of gradients

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
        parts = STRATEGIES[self.strategy](new.dag, new.roots[0], symbols)
        return Gradient(self.strategy, new.inputs, wrt, parts)

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
        names = {} if self.strategy == "expanded" else name_lines(new.dag, new.roots)
        simpler = Derivation(new.dag, new.roots[0], new.roots[1:], names)
        return Gradient(self.strategy, new.inputs, list(self._nodes), simpler)

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
        saved = read_file(path, STRATEGIES)
        inputs = saved.inputs()
        parts = Derivation(saved.dag, saved.value, saved.partials, saved.names)
        return cls(saved.strategy, inputs, saved.wrt, parts)

    # Numbers ----------------------------------------------------------------------------------

    @cached_property
    def _on_floats(self) -> Callable[..., Any]:
        """The compiled source on Python floats."""
        return _compile(self.source, self.strategy)

    @cached_property
    def _on_scalars(self) -> Callable[..., Any]:
        """The compiled source on NumPy scalars."""
        return _compile(self._print("numpy"), self.strategy)

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        """Return the gradient at a point; see `value_and_gradient`."""
        return self.value_and_gradient(**inputs)[1]

    def value_and_gradient(self, **inputs: Any) -> tuple[float, dict[str, Any]]:
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
        self._check_names(inputs)
        values = [self._numbers(name, inputs[name]) for name in self._inputs]
        try:
            value, found = self._on_floats(*values)
        except (ArithmeticError, ValueError):
            # Plain floats raise where NumPy goes on with inf and nan; the same statements do
            # that on its scalars, at about a tenth of the speed.
            with np.errstate(all="ignore"):
                value, found = self._on_scalars(*values)
        return float(value), {
            name: entry if self._nodes[name].shape else float(entry)
            for name, entry in found.items()
        }

    def _check_names(self, inputs: Mapping[str, Any]) -> None:
        """Refuse arguments that are missing or unknown."""
        known = ", ".join(self._inputs)
        for name in inputs:
            if name not in self._inputs:
                raise TypeError(
                    f"unknown argument {name!r}.{nearest(name, self._inputs)} "
                    f"The symbolic arguments are {known}; constants are part of the formula"
                )
        missing = [name for name in self._inputs if name not in inputs]
        if missing:
            raise TypeError(f"missing argument {', '.join(missing)}: the formula needs {known}")

    def _numbers(self, name: str, value: Any) -> Floats:
        """Return an input as a float64 array, checked."""
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"argument {name!r}: real numbers are expected, not {array.dtype} "
                f"({type(value).__name__})"
            )
        shape = self._inputs[name].shape
        if array.shape != shape:
            raise ValueError(
                f"argument {name!r}: shape {array.shape} arrived, {shape} is what was traced; "
                "derive the gradient again for another shape"
            )
        return array.astype(np.float64)


def _compile(source: str, strategy: str) -> Callable[..., Any]:
    """Return the function of our own source text."""
    namespace: dict[str, Any] = {}
    code = call_deep(lambda: compile(source, f"<symdiff {strategy}>", "exec"))
    exec(code, namespace)
    function: Callable[..., Any] = namespace[ENTRY_POINT]
    return function


def _selected(
    wrt: str | Sequence[str] | None, traced: Expression, given: Sequence[str]
) -> list[str]:
    """Return the arguments to differentiate by, checked."""
    symbolic = ", ".join(traced.inputs) or "none"
    if wrt is None:
        return list(traced.inputs)
    names = [wrt] if isinstance(wrt, str) else list(wrt)
    for name in names:
        if name in traced.inputs:
            continue
        if name in given:
            raise ValueError(
                f"wrt: argument {name!r} is a constant; give it a shape in place of numbers to "
                f"differentiate by it.{nearest(name, traced.inputs)} The symbolic arguments are "
                f"{symbolic}"
            )
        raise ValueError(
            f"wrt: the function has no argument {name!r}.{nearest(name, traced.inputs)} "
            f"The symbolic arguments are {symbolic}"
        )
    return list(dict.fromkeys(names))


@overload
def gradient(
    f: Callable[..., Any],
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    strategy: Literal["matrix"],
    inputs: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> MatrixGradient: ...


@overload
def gradient(
    f: Callable[..., Any],
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    strategy: str = "shared",
    inputs: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Gradient: ...


def gradient(
    f: Callable[..., Any],
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    strategy: str = "shared",
    inputs: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Gradient | MatrixGradient:
    """Return the gradient of a plain NumPy function as formulas.

    Parameters
    ----------
    f : callable
        Returns a scalar. It uses NumPy functions, operators, indexing and loops; no special import.
    wrt : str or sequence of str, optional
        Arguments to differentiate by; every symbolic one if not given.
    strategy : str
        How to derive: a name in the table of strategies, or ``matrix`` for formulas of whole
        matrices (see `symdiff.matrix.matrix_gradient`, which also takes names as lengths).
    inputs : mapping of str to object, optional
        More arguments of `f`: for those called ``wrt``, ``strategy`` or ``inputs``.
    **arguments
        Each argument of `f` by name: a shape (tuple of ints, ``()`` for a scalar) becomes symbols,
        an array or a number stays a constant.

    Returns
    -------
    Gradient or MatrixGradient
        Formulas to read, print and run.

    Raises
    ------
    ValueError
        If the result is not a scalar, or `wrt` or `strategy` is not known.
    TypeError
        If an argument of `f` is missing, unknown or holds no real numbers.
    Untraceable
        If `f` calls what has no symbolic meaning.
    ExpressionTooLarge
        If ``expanded`` would have to write out too much.

    Examples
    --------
    >>> import numpy as np
    >>> g = gradient(lambda w, x: np.exp(w @ x), wrt="w", w=(2,), x=(2,))
    >>> g.partials["w"][0]
    x[0]*exp(w[0]*x[0] + w[1]*x[1])
    >>> g(w=[0, 0], x=[1, 2])
    {'w': array([1., 2.])}
    """
    if strategy == "matrix":
        return matrix_gradient(f, wrt=wrt, inputs={**(inputs or {}), **arguments})
    if strategy not in STRATEGIES:
        known = [*STRATEGIES, "matrix"]
        raise ValueError(
            f"there is no strategy {strategy!r}.{nearest(str(strategy), known)} "
            f"Known strategies: {', '.join(known)}"
        )
    given = {**(inputs or {}), **arguments}
    traced = trace(f, inputs=given)
    names = _selected(wrt, traced, list(given))
    if traced.nodes.ndim:
        raise ValueError(
            f"gradient: the function returned an array of shape {traced.nodes.shape}, a scalar is "
            "needed; sum it (np.sum) or select one entry"
        )
    symbols = [node for name in names for node in traced.inputs[name].ravel().tolist()]
    parts = STRATEGIES[strategy](traced.dag, int(traced.nodes), symbols)
    return Gradient(strategy, traced.inputs, names, parts)
