"""`Gradient`: a value and its partial derivatives as formulas that can be read, printed and run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from symdiff.array import Objects, objects
from symdiff.construct import Expr
from symdiff.dag import intern, normalise, shared_operations, tree_operations
from symdiff.deep import call_deep
from symdiff.errors import nearest
from symdiff.latex import aligned, name_latex, symbol_names
from symdiff.source import ENTRY_POINT, print_source
from symdiff.strategies import STRATEGIES, Derivation
from symdiff.strategies.expanded import check_size
from symdiff.trace import Expression, trace

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
    value : sympy.Expr
        The traced function, in the symbols of its arguments.
    partials : dict of str to sympy.Expr or numpy.ndarray
        For a scalar argument one expression, else an object array of the argument's shape.
    lets : list of tuple of sympy.Symbol and sympy.Expr
        The named intermediates, each in terms of symbols and of those before it; none if
        `expanded`.
    value_form : sympy.Expr
        The value in terms of `lets`.
    partial_forms : dict of str to sympy.Expr or numpy.ndarray
        The partials in terms of `lets`.

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
        self, strategy: str, symbols: Mapping[str, Objects], wrt: Sequence[str], parts: Derivation
    ) -> None:
        self.strategy = strategy
        self.value: Expr = parts.value
        self.partials: dict[str, Any] = _by_argument(symbols, wrt, parts.partials)
        self.lets = list(parts.lets)
        self.value_form: Expr = parts.value_form
        self.partial_forms: dict[str, Any] = _by_argument(symbols, wrt, parts.partial_forms)
        self._symbols = dict(symbols)
        self._roots = list(parts.partials)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}={array.shape}" for name, array in self._symbols.items())
        return (
            f"Gradient(strategy={self.strategy!r}, wrt={tuple(self.partials)}, {shapes}, "
            f"operation_count={self.operation_count})"
        )

    def __getstate__(self) -> dict[str, Any]:
        compiled = ("_on_floats", "_on_scalars")
        return {key: value for key, value in self.__dict__.items() if key not in compiled}

    def __str__(self) -> str:
        rows = [(str(symbol), form) for symbol, form in self.lets]
        rows.append(("value", self.value_form))
        rows += [(f"d/d{symbol}", form) for _, _, symbol, form in self._entries()]
        shown, more = rows[:_LINES], len(rows) - _LINES
        lines = call_deep(lambda: [f"{left} = {right}" for left, right in shown])
        return "\n".join([*lines, f"… and {more} more lines"] if more > 0 else lines)

    def _entries(self) -> Iterator[tuple[str, tuple[int, ...], Expr, Expr]]:
        """Yield argument, position, symbol and derivative of each parameter."""
        for name, form in self.partial_forms.items():
            symbols = self._symbols[name]
            for index in np.ndindex(symbols.shape):
                yield name, index, symbols[index], form[index] if symbols.shape else form

    # Size -------------------------------------------------------------------------------------

    @cached_property
    def operations(self) -> Operations:
        """The size of value and gradient: as trees, as graphs, and shared."""
        gradient_tree = tree_operations(self._roots)

        def measure() -> Operations:
            return Operations(
                value_tree=tree_operations([self.value]),
                value_dag=shared_operations([self.value]),
                value_shared=shared_operations(normalise([self.value])),
                gradient_tree=gradient_tree,
                gradient_dag=shared_operations(intern(self._roots)),
                gradient_shared=shared_operations(normalise(self._roots)),
            )

        return call_deep(measure)

    @cached_property
    def operation_count(self) -> int:
        """The operations that one run of `source` executes, for value and gradient together."""
        forms = [form for _, form in self.lets]
        return tree_operations([*forms, self.value_form, *(e[3] for e in self._entries())])

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
        names = symbol_names(self._symbols, self.lets)
        function = "f" if "f" not in self._symbols else r"\mathrm{value}"
        rows = [(names[symbol], form) for symbol, form in self.lets]
        rows.append((function, self.value_form))
        rows += [
            (f"\\frac{{\\partial {function}}}{{\\partial {name_latex(name, index)}}}", form)
            for name, index, _, form in self._entries()
        ]
        if max_lines is not None and max_lines < 1:
            raise ValueError(f"latex: max_lines is {max_lines}; give at least 1, or None for all")
        shown = rows if max_lines is None else rows[:max_lines]
        return aligned(shown, names, len(rows) - len(shown))

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    @cached_property
    def source(self) -> str:
        """Python source of ``value_and_gradient(...)`` on plain floats, which runs on its own."""
        return self._print("float")

    def _print(self, scalars: Literal["float", "numpy"]) -> str:
        """Return the source for Python floats or NumPy scalars."""
        check_size("the source", self.operation_count)
        partials = {
            name: form if isinstance(form, np.ndarray) else objects([form], ())
            for name, form in self.partial_forms.items()
        }
        title = (
            f"Value and gradient by symdiff, strategy {self.strategy!r}: "
            f"{self.operation_count} operations."
        )
        return call_deep(
            lambda: print_source(
                self._symbols, self.lets, self.value_form, partials, title=title, scalars=scalars
            )
        )

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
        values = [self._numbers(name, inputs[name]) for name in self._symbols]
        try:
            value, found = self._on_floats(*values)
        except (ArithmeticError, ValueError):
            # Plain floats raise where NumPy goes on with inf and nan; the same statements do
            # that on its scalars, at about a tenth of the speed.
            with np.errstate(all="ignore"):
                value, found = self._on_scalars(*values)
        shapes = {name: self._symbols[name].shape for name in found}
        return float(value), {
            name: entry if shapes[name] else float(entry) for name, entry in found.items()
        }

    def _check_names(self, inputs: Mapping[str, Any]) -> None:
        """Refuse arguments that are missing or unknown."""
        known = ", ".join(self._symbols)
        for name in inputs:
            if name not in self._symbols:
                raise TypeError(
                    f"unknown argument {name!r}.{nearest(name, self._symbols)} "
                    f"The symbolic arguments are {known}; constants are part of the formula"
                )
        missing = [name for name in self._symbols if name not in inputs]
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
        shape = self._symbols[name].shape
        if array.shape != shape:
            raise ValueError(
                f"argument {name!r}: shape {array.shape} arrived, {shape} is what was traced; "
                "derive the gradient again for another shape"
            )
        return array.astype(np.float64)


def _by_argument(
    symbols: Mapping[str, Objects], wrt: Sequence[str], partials: Sequence[Expr]
) -> dict[str, Any]:
    """Return a flat list of derivatives by argument, in the shape of each."""
    result: dict[str, Any] = {}
    start = 0
    for name in wrt:
        array = symbols[name]
        part = objects(partials[start : start + array.size], array.shape)
        result[name] = part if array.shape else part[()]
        start += array.size
    return result


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
    symbolic = ", ".join(traced.symbols) or "none"
    if wrt is None:
        return list(traced.symbols)
    names = [wrt] if isinstance(wrt, str) else list(wrt)
    for name in names:
        if name in traced.symbols:
            continue
        if name in given:
            raise ValueError(
                f"wrt: argument {name!r} is a constant; give it a shape in place of numbers to "
                f"differentiate by it.{nearest(name, traced.symbols)} The symbolic arguments are "
                f"{symbolic}"
            )
        raise ValueError(
            f"wrt: the function has no argument {name!r}.{nearest(name, traced.symbols)} "
            f"The symbolic arguments are {symbolic}"
        )
    return list(dict.fromkeys(names))


def gradient(
    f: Callable[..., Any],
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    strategy: str = "shared",
    inputs: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Gradient:
    """Return the gradient of a plain NumPy function as formulas.

    Parameters
    ----------
    f : callable
        Returns a scalar. It uses NumPy functions, operators, indexing and loops; no special import.
    wrt : str or sequence of str, optional
        Arguments to differentiate by; every symbolic one if not given.
    strategy : str
        How to derive: a name in the table of strategies, ``shared`` or ``expanded``.
    inputs : mapping of str to object, optional
        More arguments of `f`: for those called ``wrt``, ``strategy`` or ``inputs``.
    **arguments
        Each argument of `f` by name: a shape (tuple of ints, ``()`` for a scalar) becomes symbols,
        an array or a number stays a constant.

    Returns
    -------
    Gradient
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
    if strategy not in STRATEGIES:
        raise ValueError(
            f"there is no strategy {strategy!r}.{nearest(str(strategy), STRATEGIES)} "
            f"Known strategies: {', '.join(STRATEGIES)}"
        )
    given = {**(inputs or {}), **arguments}
    traced = trace(f, inputs=given)
    names = _selected(wrt, traced, list(given))
    if isinstance(traced.result, np.ndarray):
        raise ValueError(
            f"gradient: the function returned an array of shape {traced.result.shape}, a scalar is "
            "needed; sum it (np.sum) or select one entry"
        )
    symbols = [symbol for name in names for symbol in traced.symbols[name].flat]
    parts = STRATEGIES[strategy](traced.result, symbols)
    return Gradient(strategy, traced.symbols, names, parts)
