"""`SymbolicArray`: what a traced function receives in place of NumPy arrays."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from inspect import CO_NEWLOCALS, CO_OPTIMIZED
from typing import Any

import array_api_compat
import numpy as np

from symdiff import errors
from symdiff.operations.sympy_conversion import shaped, to_sympy
from symdiff.store.dag import Dag, Nodes
from symdiff.tracing.traced import TracedArray, known_index

__all__ = ["SymbolicArray", "map_nodes", "nodes_of", "note_variables", "traced_in"]

_OWN = tuple(  # where functions stand that are no user's
    os.path.join(os.path.dirname(os.path.abspath(path)), "")
    for path in (errors.__file__, np.__file__, array_api_compat.__file__)
)
_LOOKUPS = 10_000  # names of more values than this help nobody, and each takes some microseconds
_FUNCTION = CO_OPTIMIZED | CO_NEWLOCALS


def traced_in(*values: Any) -> Dag:
    """Return the graph of the traced arrays among some values."""
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
    """Return anything that takes part in a traced operation as an array of nodes."""
    if isinstance(value, SymbolicArray):
        if value._dag is not dag:
            traced_in(value, SymbolicArray(dag, np.zeros((), dtype=np.int64)))
        return value._nodes
    if isinstance(value, (list, tuple)) and any(isinstance(v, SymbolicArray) for v in value):
        raise TypeError(
            "a list that holds traced values arrived where one array is expected; "
            "join them with np.stack or np.concatenate"
        )
    if type(value) is float or type(value) is int:
        return np.array(dag.number(value), dtype=np.int64)
    array = np.asarray(value)
    constant = dag.boolean if array.dtype == bool else dag.number
    entries = [constant(entry) for entry in array.ravel().tolist()]
    return np.array(entries, dtype=np.int64).reshape(array.shape)


def map_nodes(form: Callable[..., int], dag: Dag, *operands: Nodes) -> SymbolicArray:
    """Return a formula applied to each node of the operands, broadcast as NumPy does."""
    if not any([operand.ndim for operand in operands]):
        entry = form(dag, *[operand.item() for operand in operands])
        return SymbolicArray(dag, np.array(entry, dtype=np.int64))
    given = operands
    if len(operands) > 1:
        operands = np.broadcast_arrays(*operands)
    columns = [operand.ravel().tolist() for operand in operands]
    entries = [form(dag, *entry) for entry in zip(*columns, strict=True)]
    nodes = np.array(entries, dtype=np.int64).reshape(operands[0].shape)
    if not all(operand.flags.c_contiguous for operand in given):
        # What reshape makes of it later, a view or a copy, depends on the order in memory.
        ordered: Nodes = np.copy(functools.reduce(np.add, given), order="K")
        ordered[...] = nodes
        nodes = ordered
    return SymbolicArray(dag, nodes)


class SymbolicArray(TracedArray):
    """An array of formulas which NumPy's functions and operators accept.

    Parameters
    ----------
    dag : Dag
        The graph.
    nodes : numpy.ndarray
        Of int64, nodes of the graph.
    named : bool
        Whether it has a name already, as an argument has.
    view : bool
        Whether it is an array in NumPy though it has no axes: what is written into it is written.

    Notes
    -----
    The nodes are an array of NumPy's, and what NumPy makes a view of another array is a view of its
    nodes: assignment and in-place operators write nodes, and every alias sees them.
    """

    def __init__(self, dag: Dag, nodes: Nodes, named: bool = False, view: bool = False) -> None:
        self._dag = dag
        self._nodes = nodes
        self._named = named
        self._view = view

    def known(self) -> Any:
        """Return its numbers where no argument has a part in them, else None."""
        dag, nodes = self._dag, self._nodes.ravel().tolist()
        if not all(dag.ops[node] in ("number", "true", "false") for node in nodes):
            return None
        found = [
            dag.data[node] if dag.ops[node] == "number" else dag.ops[node] == "true"
            for node in nodes
        ]
        return np.array(found, bool if self.is_condition() else float).reshape(self.shape)

    def counted(self) -> SymbolicArray:
        """Return conditions as numbers: 1 where they hold, else 0."""
        return map_nodes(Dag.numeric, self._dag, self._nodes)

    def is_condition(self) -> bool:
        """Return whether the elements hold or do not."""
        return bool(self.size) and all(map(self._dag.is_condition, self._nodes.ravel().tolist()))

    def __repr__(self) -> str:
        entries = to_sympy(self._dag, self._nodes.ravel().tolist())
        return f"SymbolicArray({shaped(entries, self.shape).tolist()})"

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
        index = known_index(index)
        entries = index if isinstance(index, tuple) else (index,)
        if any(isinstance(entry, SymbolicArray) for entry in entries):
            raise TypeError(
                "a traced value cannot be an index: which entry it selects is not known; "
                "use np.where"
            )
        note_variables([self])
        nodes = self._nodes[index]
        return SymbolicArray(self._dag, np.asarray(nodes), view=isinstance(nodes, np.ndarray))

    def __setitem__(self, index: Any, value: Any) -> None:
        index = known_index(index)
        if isinstance(index, SymbolicArray):
            self._choose(index, value)
            return
        note_variables([self])
        self._nodes[index] = self._like_own(value)

    def _like_own(self, value: Any) -> Nodes:
        """Return the nodes of a value as they are written here: numbers, or conditions."""
        dag, nodes = self._dag, nodes_of(self._dag, value)
        if not dag.has_conditions:
            return nodes
        return map_nodes(Dag.condition if self.is_condition() else Dag.numeric, dag, nodes)._nodes

    def _choose(self, mask: SymbolicArray, value: Any) -> None:
        """Write one value where a traced condition holds."""
        conditions = nodes_of(self._dag, mask)
        are = map(self._dag.is_condition, conditions.ravel().tolist())
        if conditions.shape != self.shape[: conditions.ndim] or not all(are):
            raise TypeError(
                "a traced value cannot be an index: which entry it selects is not known; "
                "use np.where"
            )
        new = self._like_own(value)
        if new.size != 1:
            raise TypeError(
                "several values are assigned where a traced condition holds: how many entries it "
                "selects is not known; give one value, or use np.where"
            )
        conditions = conditions.reshape(conditions.shape + (1,) * (self.ndim - conditions.ndim))
        chosen = map_nodes(Dag.choose, self._dag, conditions, new.reshape(()), self._nodes)
        self._nodes[...] = chosen._nodes

    def update(self, operation: Callable[..., Any], other: Any) -> SymbolicArray:
        """Return an in-place operator: what it wrote into this array, or a new scalar."""
        result: SymbolicArray = operation(self, other)
        if not self.ndim and not self._view:
            return result  # as a number of NumPy's, which nothing changes
        return self.overwrite(result, operation.__name__)

    def overwrite(self, result: SymbolicArray, name: str) -> SymbolicArray:
        """Write a result of the same shape into this array, as ``out=`` does, and return it."""
        if result.shape != self.shape:
            raise ValueError(
                f"np.{name}: a result of shape {result.shape} is to be written in place into an "
                f"array of shape {self.shape}; use the returned array"
            )
        self._nodes[...] = self._like_own(result)
        return self

    def in_order(self) -> SymbolicArray:
        """Return what `np.ascontiguousarray` does: this array, or a copy of it."""
        return SymbolicArray(self._dag, np.ascontiguousarray(self._nodes), view=True)

    def copy(self, order: str = "C") -> SymbolicArray:
        """Return a copy, which keeps its values when this array is written into."""
        return SymbolicArray(self._dag, np.copy(self._nodes, order=order), view=True)  # type: ignore[call-overload]

    def fill(self, value: Any) -> None:
        """Write one value into every entry."""
        self[...] = value

    def no_number(self, kind: str) -> str:
        """Return the message for code that wants a number of a kind: the reason, and the cure."""
        return (
            f"a traced value has no number yet and cannot become {kind}: use NumPy's functions "
            "(np.exp in place of math.exp), leave out conversions, and join values with np.stack"
        )

    def item(self) -> SymbolicArray:
        """Return the only element as a traced scalar."""
        if self.size != 1:
            raise ValueError(f"item: the array of shape {self.shape} has not one element")
        return self.reshape(())

    def astype(self, dtype: Any, **kwargs: Any) -> SymbolicArray:
        """Return the array, its conditions as numbers; it stands for float64 ones."""
        found = super().astype(dtype)
        if np.dtype(dtype).kind == "b":
            return found
        numbers = found.counted()
        same = kwargs.get("copy") is False and np.array_equal(numbers._nodes, self._nodes)
        return self if same else numbers

    def reshape(self, *shape: Any, **kwargs: Any) -> SymbolicArray:
        """Return the elements in another shape."""
        return SymbolicArray(self._dag, self._nodes.reshape(*shape, **kwargs), view=True)

    def transpose(self, *axes: Any) -> SymbolicArray:
        """Return the array with its axes permuted."""
        return SymbolicArray(self._dag, self._nodes.transpose(*axes))

    def swapaxes(self, first: int, second: int) -> SymbolicArray:
        """Return the array with two axes exchanged."""
        return SymbolicArray(self._dag, self._nodes.swapaxes(first, second))

    def ravel(self) -> SymbolicArray:
        """Return the elements along one axis, as a view where they lie together."""
        return SymbolicArray(self._dag, self._nodes.ravel(), view=True)

    def flatten(self) -> SymbolicArray:
        """Return a copy of the elements along one axis."""
        return self.reshape(-1).copy()

    def squeeze(self, axis: Any = None) -> SymbolicArray:
        """Return the array without axes of length one."""
        return SymbolicArray(self._dag, self._nodes.squeeze(axis), view=True)


def note_variables(operands: Sequence[Any]) -> None:
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
                operand._dag.variables.append((name, operand._nodes.copy()))
                break
