"""Tracing: a plain NumPy function becomes a graph of formulas."""

from __future__ import annotations

import inspect
import keyword
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symdiff.errors import nearest
from symdiff.operations.sympy_conversion import Expr, Objects, shaped, to_sympy
from symdiff.store.cse import flatten
from symdiff.store.dag import Dag, Nodes
from symdiff.tracing.array import SymbolicArray, nodes_of

__all__ = ["Expression", "check_argument", "trace"]


@dataclass(frozen=True)
class Expression:
    """A traced function: its arguments and its result, as nodes of a graph and as formulas.

    Attributes
    ----------
    dag : Dag
        The graph.
    inputs : dict of str to numpy.ndarray
        For each symbolic argument the nodes of its symbols, 0-d for a scalar.
    nodes : numpy.ndarray
        The nodes of the result, 0-d for a scalar.

    Examples
    --------
    >>> traced = trace(lambda x, y: x * y + 1, x=(), y=2.0)
    >>> traced.result, traced.shapes
    (2*x + 1, {'x': ()})
    """

    dag: Dag
    inputs: dict[str, Nodes]
    nodes: Nodes

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each symbolic argument."""
        return {name: nodes.shape for name, nodes in self.inputs.items()}

    @cached_property
    def symbols(self) -> dict[str, Objects]:
        """For each symbolic argument the object array of its SymPy symbols, 0-d for a scalar."""
        return {
            name: shaped(to_sympy(self.dag, nodes.ravel().tolist()), nodes.shape)
            for name, nodes in self.inputs.items()
        }

    @cached_property
    def result(self) -> Expr | Objects:
        """The result as a SymPy expression, or an object array of them."""
        formulas = to_sympy(self.dag, self.nodes.ravel().tolist())
        return shaped(formulas, self.nodes.shape) if self.nodes.ndim else formulas[0]


def _is_shape(value: Any) -> bool:
    """Return whether an input is a shape: a tuple of integers."""
    return isinstance(value, tuple) and all(
        isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in value
    )


def check_argument(name: Any) -> None:
    """Refuse a name that no argument of a function can have, or that source would read otherwise.

    Examples
    --------
    >>> check_argument("x1")
    >>> check_argument("x; import os")
    Traceback (most recent call last):
    ValueError: an argument is called 'x; import os', which is no Python identifier
    """
    known = isinstance(name, str) and name.isidentifier() and name != "__debug__"
    if not known or keyword.iskeyword(name):
        raise ValueError(f"an argument is called {name!r}, which is no Python identifier")
    plain = unicodedata.normalize("NFKC", name)
    if plain != name:
        raise ValueError(f"an argument is called {name!r}, which Python reads as {plain!r}")


def _constant(name: str, value: Any) -> Any:
    """Return an input that stays a constant, checked to be real numbers."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"argument {name!r}: a shape (tuple of ints) or real numbers are expected, "
            f"not {array.dtype} ({type(value).__name__})"
        )
    return value if isinstance(value, (int, float)) else array


def _bind(f: Callable[..., Any], inputs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments for `f`; name those missing or unknown."""
    title = getattr(f, "__name__", type(f).__name__)
    try:
        parameters = inspect.signature(f).parameters
    except (TypeError, ValueError):
        return [], dict(inputs)
    kinds = {name: parameter.kind for name, parameter in parameters.items()}
    positional_only = [n for n, kind in kinds.items() if kind is inspect.Parameter.POSITIONAL_ONLY]
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    named = [name for name, kind in kinds.items() if kind not in variadic]
    unknown = [name for name in inputs if name not in named]
    if unknown and inspect.Parameter.VAR_KEYWORD not in kinds.values():
        raise TypeError(
            f"{title} has no argument {unknown[0]!r}.{nearest(unknown[0], named)} "
            f"Its arguments are {', '.join(named) or 'none'}"
        )
    missing = [
        name
        for name in named
        if name not in inputs and parameters[name].default is inspect.Parameter.empty
    ]
    if missing:
        raise TypeError(
            f"{title} needs its argument{'s' * (len(missing) > 1)} {', '.join(missing)}: give each "
            f"a shape, {missing[0]}=() for a scalar, or a constant"
        )
    given = [inputs[name] for name in positional_only if name in inputs]
    return given, {name: v for name, v in inputs.items() if name not in positional_only}


def trace(
    f: Callable[..., Any], /, *, inputs: Mapping[str, Any] | None = None, **arguments: Any
) -> Expression:
    """Return a plain NumPy function as formulas of its arguments.

    Parameters
    ----------
    f : callable
        Uses NumPy functions, operators, indexing and loops; no special import.
    inputs : mapping of str to object, optional
        More arguments of `f`, for names that are taken here (``inputs``, in `gradient` also ``wrt``
        and ``strategy``).
    **arguments
        Each argument of `f` by name: a shape (tuple of ints, ``()`` for a scalar) becomes symbols,
        an array or a number stays a constant.

    Returns
    -------
    Expression
        The symbols of each argument and the result.

    Raises
    ------
    TypeError
        If an argument is missing, unknown or no shape and no number, or if `f` asks a traced value
        for a number.
    Untraceable
        If `f` calls what has no symbolic meaning.

    Examples
    --------
    >>> import numpy as np
    >>> trace(lambda w, x: np.tanh(w @ x), w=(2,), x=(2,)).result
    tanh(w[0]*x[0] + w[1]*x[1])
    """
    given = {**(inputs or {}), **arguments}
    for name, value in given.items():
        check_argument(name)
        if _is_shape(value) and any(n < 0 for n in value):
            raise ValueError(f"argument {name!r}: the shape {value} has a negative length")
    dag = Dag()
    shapes = {name: tuple(map(int, v)) for name, v in given.items() if _is_shape(v)}
    inputs = {name: dag.symbols(name, shape) for name, shape in shapes.items()}
    values = {
        name: SymbolicArray(dag, inputs[name], named=True)
        if name in inputs
        else _constant(name, value)
        for name, value in given.items()
    }
    positional, named = _bind(f, values)
    try:
        result = f(*positional, **named)
    except ValueError as error:
        if "setting an array element" not in str(error):
            raise
        raise TypeError(
            "a traced value was assigned to an entry of a NumPy array, or made part of one by "
            "np.array; use np.where to replace entries, np.stack or np.concatenate to build one"
        ) from error
    if isinstance(result, (list, tuple)) and any(isinstance(r, SymbolicArray) for r in result):
        raise TypeError(
            f"the function returned a {type(result).__name__} of traced values; return one array, "
            "joined by np.stack or np.concatenate"
        )
    nodes = nodes_of(dag, result)
    roots = [dag.numeric(node) for node in nodes.ravel().tolist()]
    dag, roots = flatten(dag, roots)
    return Expression(dag, inputs, np.array(roots, dtype=np.int64).reshape(nodes.shape))
