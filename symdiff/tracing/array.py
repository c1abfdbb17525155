"""`SymbolicArray`: what a traced function receives in place of NumPy arrays."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from inspect import CO_NEWLOCALS, CO_OPTIMIZED
from typing import Any

import array_api_compat
import numpy as np

from symdiff.errors import Untraceable
from symdiff.operations.table import COMPARISONS, ELEMENTWISE, LOGIC
from symdiff.store.dag import Dag, Nodes

__all__ = ["SymbolicArray", "map_nodes", "nodes_of", "traced_in"]

_OWN = tuple(  # where functions stand that are no user's
    os.path.join(os.path.dirname(os.path.abspath(path)), "")
    for path in (__file__, np.__file__, array_api_compat.__file__)
)
_LOOKUPS = 10_000  # names of more values than this help nobody, and each takes some microseconds
_FUNCTION = CO_OPTIMIZED | CO_NEWLOCALS


def traced_in(*values: Any) -> Dag:
    """Return the graph of the traced arrays among some values.

    Examples
    --------
    >>> dag = Dag()
    >>> traced_in(1.0, [SymbolicArray(dag, dag.symbols("x", (2,)))]) is dag
    True
    """
    found: Dag | None = None
    stack = list(values)
    while stack:
        value = stack.pop()
        if isinstance(value, SymbolicArray):
            if found is not None and value._dag is not found:
                raise TypeError(
                    "values of two traces met: a traced function may not keep traced values, nor "
                    "use those of another trace"
                )
            found = value._dag
        elif isinstance(value, (list, tuple)):
            stack.extend(value)
    if found is None:
        raise TypeError("no value is traced")
    return found


def nodes_of(dag: Dag, value: Any) -> Nodes:
    """Return anything that takes part in a traced operation as an array of nodes.

    Examples
    --------
    >>> nodes_of(Dag(), [1.0, 0.0])
    array([1, 0])
    """
    if isinstance(value, SymbolicArray):
        if value._dag is not dag:
            traced_in(value, SymbolicArray(dag, np.zeros((), dtype=np.int64)))
        return value._nodes
    if isinstance(value, (list, tuple)) and any(isinstance(v, SymbolicArray) for v in value):
        raise TypeError(
            "a list that holds traced values arrived where one array is expected; "
            "join them with np.stack or np.concatenate"
        )
    array = np.asarray(value)
    constant = dag.boolean if array.dtype == bool else dag.number
    entries = [constant(entry) for entry in array.ravel().tolist()]
    return np.array(entries, dtype=np.int64).reshape(array.shape)


def map_nodes(form: Callable[..., int], dag: Dag, *operands: Nodes) -> SymbolicArray:
    """Return a formula applied to each node of the operands, broadcast as NumPy does.

    Examples
    --------
    >>> dag = Dag()
    >>> map_nodes(Dag.add, dag, nodes_of(dag, [1, 2]), nodes_of(dag, 3))
    SymbolicArray([4, 5])
    """
    if len(operands) > 1:
        operands = np.broadcast_arrays(*operands)
    columns = [operand.ravel().tolist() for operand in operands]
    entries = [form(dag, *entry) for entry in zip(*columns, strict=True)]
    return SymbolicArray(dag, np.array(entries, dtype=np.int64).reshape(operands[0].shape))


class SymbolicArray:
    """An array of formulas which NumPy's functions and operators accept.

    Parameters
    ----------
    dag : Dag
        The graph.
    nodes : numpy.ndarray
        Of int64, nodes of the graph.
    named : bool
        Whether it has a name already, as an argument has.

    Examples
    --------
    >>> dag = Dag()
    >>> np.exp(2 * SymbolicArray(dag, dag.symbols("a", (2,))))
    SymbolicArray([exp(2*a[0]), exp(2*a[1])])
    """

    __array_priority__ = 1000.0
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, dag: Dag, nodes: Nodes, named: bool = False) -> None:
        self._dag = dag
        self._nodes = nodes
        self._named = named

    def __repr__(self) -> str:
        from symdiff.operations.sympy_conversion import to_sympy

        entries = to_sympy(self._dag, self._nodes.ravel().tolist())
        shaped = np.empty(len(entries), dtype=object)
        shaped[:] = entries
        return f"SymbolicArray({shaped.reshape(self.shape).tolist()})"

    # What NumPy asks for ------------------------------------------------------------------

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return np

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(
            "a traced value cannot become a NumPy array, nor an index into one: it holds no "
            "numbers. Join traced values with np.stack or np.concatenate; leave out np.array and "
            "np.asarray; write a @ b in place of a.dot(b), and np.where in place of an assignment "
            "to an entry"
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from symdiff.tracing.numpy_functions import REDUCTIONS, check_keywords

        name = f"np.{ufunc.__name__}"
        check_keywords(name if method == "__call__" else f"{name}.{method}", kwargs)
        if method == "reduce" and ufunc in REDUCTIONS:
            return REDUCTIONS[ufunc](inputs[0], **{"axis": 0, **kwargs})
        dag = traced_in(*inputs)
        if method == "outer":
            left, right = (nodes_of(dag, value) for value in inputs)
            left = left.reshape(left.shape + (1,) * right.ndim)
            return _operate(ufunc, SymbolicArray(dag, left), SymbolicArray(dag, right))
        if method != "__call__":
            reducible = ", ".join(f"np.{known.__name__}" for known in REDUCTIONS)
            raise Untraceable(
                f"{name}.{method}: not traceable; .reduce of {reducible} is, and .outer of every "
                "elementwise operation"
            )
        note_names(inputs)
        return _elementwise(ufunc, dag, [nodes_of(dag, value) for value in inputs])

    def __array_function__(
        self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        from symdiff.tracing.numpy_functions import call

        note_names(args)
        return call(func, args, kwargs)

    # Shape --------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self._nodes.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._nodes.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._nodes.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the numbers for which the elements stand: float64."""
        return np.dtype(np.float64)

    @property
    def T(self) -> SymbolicArray:  # noqa: N802 - NumPy's name
        """The array with its axes reversed."""
        return SymbolicArray(self._dag, self._nodes.T)

    @property
    def mT(self) -> SymbolicArray:  # noqa: N802 - NumPy's name
        """The array with its last two axes swapped."""
        return SymbolicArray(self._dag, self._nodes.mT)

    @property
    def flat(self) -> Iterator[SymbolicArray]:
        """The elements, one after the other."""
        return iter(self.reshape(-1))

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[SymbolicArray]:
        if self.ndim == 0:
            raise TypeError("iteration over a traced scalar: it has no axis")
        return (self[position] for position in range(len(self)))

    def __getitem__(self, index: Any) -> SymbolicArray:
        entries = index if isinstance(index, tuple) else (index,)
        if any(isinstance(entry, SymbolicArray) for entry in entries):
            raise TypeError(
                "a traced value cannot be an index: which entry it selects is not known; "
                "use np.where"
            )
        note_names([self])
        return SymbolicArray(self._dag, np.asarray(self._nodes[index]))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "traced values cannot be assigned to; use np.where to replace entries, or np.stack and "
            "np.concatenate to build an array"
        )

    # What has no symbolic meaning -----------------------------------------------------------

    def __bool__(self) -> bool:
        raise TypeError(
            "the truth of a traced value is not known: write np.where(condition, a, b) in place of "
            "`if`, `and`, `or`, and np.maximum / np.minimum in place of max / min"
        )

    def __float__(self) -> float:
        raise TypeError(_no_number("float"))

    def __int__(self) -> int:
        raise TypeError(_no_number("int"))

    def __index__(self) -> int:
        raise TypeError(_no_number("an index or int"))

    def __complex__(self) -> complex:
        raise TypeError(_no_number("complex"))

    def item(self) -> SymbolicArray:
        """Return the only element as a traced scalar."""
        if self.size != 1:
            raise ValueError(f"item: the array of shape {self.shape} has not one element")
        return self.reshape(())

    def astype(self, dtype: Any, **kwargs: Any) -> SymbolicArray:
        """Return the array itself, which stands for float64 numbers; other dtypes are refused."""
        if not np.issubdtype(np.dtype(dtype), np.floating):
            raise Untraceable(f"astype({dtype!r}): not traceable; formulas have real values only")
        return map_nodes(Dag.numeric, self._dag, self._nodes)

    # Methods that are NumPy's functions ------------------------------------------------------

    def sum(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.sum` of the array."""
        return _numpy("sum", self, axis=axis, **kwargs)

    def mean(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.mean` of the array."""
        return _numpy("mean", self, axis=axis, **kwargs)

    def prod(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.prod` of the array."""
        return _numpy("prod", self, axis=axis, **kwargs)

    def max(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.max` of the array."""
        return _numpy("max", self, axis=axis, **kwargs)

    def min(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.min` of the array."""
        return _numpy("min", self, axis=axis, **kwargs)

    def var(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.var` of the array."""
        return _numpy("var", self, axis=axis, **kwargs)

    def std(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.std` of the array."""
        return _numpy("std", self, axis=axis, **kwargs)

    def cumsum(self, axis: Any = None) -> SymbolicArray:
        """Return `numpy.cumsum` of the array."""
        return _numpy("cumsum", self, axis=axis)

    def dot(self, other: Any) -> SymbolicArray:
        """Return `numpy.dot` of the array and another."""
        return _numpy("dot", self, other)

    def clip(self, min: Any = None, max: Any = None) -> SymbolicArray:
        """Return `numpy.clip` of the array."""
        return _numpy("clip", self, min, max)

    def trace(self, offset: int = 0) -> SymbolicArray:
        """Return `numpy.trace` of the array."""
        return _numpy("trace", self, offset)

    def diagonal(self, offset: int = 0) -> SymbolicArray:
        """Return `numpy.diagonal` of the array."""
        return _numpy("diagonal", self, offset)

    def reshape(self, *shape: Any, **kwargs: Any) -> SymbolicArray:
        """Return the elements in another shape."""
        return SymbolicArray(self._dag, self._nodes.reshape(*shape, **kwargs))

    def transpose(self, *axes: Any) -> SymbolicArray:
        """Return the array with its axes permuted."""
        return SymbolicArray(self._dag, self._nodes.transpose(*axes))

    def swapaxes(self, first: int, second: int) -> SymbolicArray:
        """Return the array with two axes exchanged."""
        return SymbolicArray(self._dag, self._nodes.swapaxes(first, second))

    def ravel(self) -> SymbolicArray:
        """Return the elements along one axis."""
        return self.reshape(-1)

    def flatten(self) -> SymbolicArray:
        """Return the elements along one axis."""
        return self.reshape(-1)

    def squeeze(self, axis: Any = None) -> SymbolicArray:
        """Return the array without axes of length one."""
        return SymbolicArray(self._dag, self._nodes.squeeze(axis))

    def repeat(self, repeats: Any, axis: int | None = None) -> SymbolicArray:
        """Return `numpy.repeat` of the array."""
        return _numpy("repeat", self, repeats, axis)

    def copy(self) -> SymbolicArray:
        """Return the array itself: traced values never change."""
        return self

    # Operators --------------------------------------------------------------------------------

    def __neg__(self) -> SymbolicArray:
        return _operate(np.negative, self)

    def __pos__(self) -> SymbolicArray:
        return self

    def __abs__(self) -> SymbolicArray:
        return _operate(np.absolute, self)

    def __invert__(self) -> SymbolicArray:
        return _operate(np.invert, self)

    def __pow__(self, exponent: Any, modulo: None = None) -> SymbolicArray:
        return _operate(np.power, self, exponent)

    def __rpow__(self, base: Any, modulo: None = None) -> SymbolicArray:
        return _operate(np.power, base, self)


def _no_number(kind: str) -> str:
    """Return why a traced value has no number of a kind, and what to write instead."""
    return (
        f"a traced value has no number yet and cannot become {kind}: use NumPy's functions (np.exp "
        "in place of math.exp), leave out conversions, and join values with np.stack"
    )


def _numpy(name: str, *args: Any, **kwargs: Any) -> SymbolicArray:
    """Return NumPy's function of a name, as its dispatch would call it."""
    from symdiff.tracing.numpy_functions import call

    result: SymbolicArray = call(getattr(np, name), args, kwargs)
    return result


def note_names(operands: Sequence[Any]) -> None:
    """Note under which local variable of the user's function each operand stands."""
    unnamed = [v for v in operands if isinstance(v, SymbolicArray) and not v._named]
    if not unnamed or unnamed[0]._dag.lookups >= _LOOKUPS:
        return
    unnamed[0]._dag.lookups += 1
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None or frame.f_code.co_flags & _FUNCTION != _FUNCTION:
        return  # the variables of a module may be many
    variables = frame.f_locals
    for operand in unnamed:
        for name, value in variables.items():
            if value is operand and not operand._named:
                operand._named = True
                operand._dag.variables.append((name, operand._nodes))
                break


def _elementwise(ufunc: np.ufunc, dag: Dag, operands: list[Nodes]) -> SymbolicArray:
    """Return a ufunc of arrays of nodes, by whichever table has it."""
    if ufunc in ELEMENTWISE:
        return map_nodes(ELEMENTWISE[ufunc].form, dag, *_numeric(dag, operands))
    if ufunc in COMPARISONS:
        relation = COMPARISONS[ufunc]
        numbers = _numeric(dag, operands)
        return map_nodes(lambda dag, x, y: dag.compare(relation, x, y), dag, *numbers)
    if ufunc in LOGIC:
        conditions = (map_nodes(Dag.condition, dag, operand)._nodes for operand in operands)
        return map_nodes(LOGIC[ufunc], dag, *conditions)
    from symdiff.tracing.numpy_functions import UFUNC_PRODUCTS, not_known

    if ufunc in UFUNC_PRODUCTS:
        arrays = (SymbolicArray(dag, operand) for operand in operands)
        product: SymbolicArray = UFUNC_PRODUCTS[ufunc](*arrays)
        return product
    raise Untraceable(not_known(f"numpy.{ufunc.__name__}"))


def _numeric(dag: Dag, operands: list[Nodes]) -> list[Nodes]:
    """Return arrays of nodes with each condition as a number."""
    if not dag.has_conditions:
        return operands
    return [map_nodes(Dag.numeric, dag, operand)._nodes for operand in operands]


def _operate(ufunc: np.ufunc, *operands: Any) -> SymbolicArray:
    """Return a ufunc of operands of which one at least is traced."""
    result: SymbolicArray = ufunc(*operands)
    return result


def _binary(ufunc: np.ufunc) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the two methods of a binary operator: from the left and from the right."""
    return (
        lambda self, other: _operate(ufunc, self, other),
        lambda self, other: _operate(ufunc, other, self),
    )


for _name, _ufunc in {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "matmul": np.matmul,
    "mod": np.remainder,
    "floordiv": np.floor_divide,
    "and": np.logical_and,
    "or": np.logical_or,
}.items():
    for _side, _method in zip(("", "r"), _binary(_ufunc), strict=True):
        setattr(SymbolicArray, f"__{_side}{_name}__", _method)

for _name, _ufunc in {
    "gt": np.greater,
    "ge": np.greater_equal,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}.items():
    setattr(SymbolicArray, f"__{_name}__", _binary(_ufunc)[0])
