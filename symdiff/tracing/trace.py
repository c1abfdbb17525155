"""Tracing: a plain NumPy function becomes a graph of formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from symdiff.operations.sympy_conversion import Expr, Objects, shaped, to_sympy
from symdiff.store.cse import flatten
from symdiff.store.dag import Dag, Nodes
from symdiff.tracing import numpy_functions  # noqa: F401  (answers NumPy for traced arrays)
from symdiff.tracing.array import SymbolicArray, nodes_of
from symdiff.tracing.binding import call_traced, check_argument
from symdiff.tracing.plain_functions import constants
from symdiff.tracing.scipy_functions import with_scipy
from symdiff.tracing.structures import Leaf, Structures, fill, is_shape, name_leaves

__all__ = ["Expression", "trace"]


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
    structures : dict of str to object
        The arguments that hold several arrays, with the names of these in `inputs` as leaves.

    Examples
    --------
    >>> traced = trace(lambda x, y: x * y + 1, x=(), y=2.0)
    >>> traced.result, traced.shapes
    (2*x + 1, {'x': ()})
    """

    dag: Dag
    inputs: dict[str, Nodes]
    nodes: Nodes
    structures: Structures = field(default_factory=dict)
    #: Whether the result is the outcome of a comparison, which counts as 1 or 0.
    is_condition: bool = False

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


def _constant(name: str, value: Any, inside: bool) -> Any:
    """Return an input that stays a constant: real numbers, or any setting in a structure."""
    if inside and (value is None or isinstance(value, str) or callable(value)):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"argument {name!r}: a shape (tuple of ints) or real numbers are expected, "
            f"not {array.dtype} ({type(value).__name__})"
        )
    return value if isinstance(value, (int, float)) else array


def _lengths(name: str, shape: tuple[Any, ...]) -> tuple[int, ...]:
    """Return a shape whose lengths are numbers, checked."""
    named = [n for n in shape if not isinstance(n, (int, np.integer))]
    if named:
        raise TypeError(
            f"argument {name!r}: the shape {shape} has the name {str(named[0])!r} as a length, "
            "which strategy='matrix' takes; give numbers here"
        )
    if any(n < 0 for n in shape):
        raise ValueError(f"argument {name!r}: the shape {shape} has a negative length")
    return tuple(map(int, shape))


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
        an array or a number stays a constant. Lists, tuples, dicts, named tuples and dataclasses
        may hold them.

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
    for name in given:
        check_argument(name)
    return with_scipy(lambda f: _traced(f, given), f)


def _traced(f: Callable[..., Any], given: Mapping[str, Any]) -> Expression:
    """Return the formulas of a function of arguments whose names are checked."""
    leaves, structures = name_leaves(given)
    shapes = {name: _lengths(name, v) for name, v in leaves.items() if is_shape(v)}
    dag = Dag()
    inputs = {name: dag.symbols(name, shape) for name, shape in shapes.items()}
    flat = {
        name: SymbolicArray(dag, inputs[name].copy(), named=True)
        if name in inputs
        else _constant(name, value, name not in given)
        for name, value in leaves.items()
    }
    values = {name: fill(structures.get(name, Leaf(name)), flat) for name in given}
    made = constants.set(lambda x: SymbolicArray(dag, nodes_of(dag, x).copy()))
    try:
        result = call_traced(f, values, "=() for a scalar, or a constant", "traced value")
    finally:
        constants.reset(made)
    if isinstance(result, (list, tuple)) and any(isinstance(r, SymbolicArray) for r in result):
        raise TypeError(
            f"the function returned a {type(result).__name__} of traced values; return one array, "
            "joined by np.stack or np.concatenate"
        )
    nodes = nodes_of(dag, result)
    conditions = any(dag.is_condition(node) for node in nodes.ravel().tolist())
    roots = [dag.numeric(node) for node in nodes.ravel().tolist()]
    dag, roots = flatten(dag, roots)
    symbolic = {name: Leaf(name) if name in inputs else Leaf(None) for name in leaves}
    kept = {name: fill(template, symbolic) for name, template in structures.items()}
    found = np.array(roots, dtype=np.int64).reshape(nodes.shape)
    return Expression(dag, inputs, found, kept, conditions)
