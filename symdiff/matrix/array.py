"""`MatrixArray`, which a traced function gets in place of arrays, and the tables it calls by."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from symdiff.errors import Untraceable, name_of
from symdiff.matrix import construct
from symdiff.matrix.construct import as_number
from symdiff.matrix.indexing import take_index
from symdiff.matrix.lengths import as_length
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.rules.from_table import applied
from symdiff.matrix.shapes import shown
from symdiff.matrix.writing import check_order, in_order, scattered, written
from symdiff.operations.table import row_of
from symdiff.tracing.composed import COMPOSED, composed
from symdiff.tracing.refusals import reason_of
from symdiff.tracing.traced import TracedArray, add_methods, known_index

__all__ = ["FUNCTIONS", "UFUNCS", "VIEWS", "MatrixArray", "NamedLength", "as_node"]

_PACKAGE = "symdiff."
_MANY = 1000  # local variables, above which a frame is not searched for names


#: What computes a ufunc from the nodes of its operands; `symdiff.matrix.functions` fills it.
UFUNCS: dict[np.ufunc, Callable[..., Node]] = {}
#: What computes a NumPy function from the graph and its arguments; filled there, too.
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
#: The functions that methods of ufuncs are.
METHODS: dict[str, dict[np.ufunc, Any]] = {
    "reduce": {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min},
    "accumulate": {np.add: np.cumsum, np.multiply: np.cumprod},
}
#: Those of which NumPy's result is a view of the first argument.
VIEWS: set[Any] = set()


def note_locals(graph: Graph) -> None:
    """Note which local variables of the traced code hold which nodes.

    What is computed later needs the local variables that hold its operands, so that a look into the
    frames below each operation finds every name without a hook into the interpreter.
    """
    frames = []
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_PACKAGE):
            if frame.f_code.co_name == "trace_matrices":
                break
        elif not module.startswith("numpy"):
            frames.append(frame)
        frame = frame.f_back  # type: ignore[assignment]
    else:
        return
    names = graph.names
    for frame in reversed(frames):
        variables = frame.f_locals
        if len(variables) > _MANY:
            continue
        for name, value in variables.items():
            if type(value) is MatrixArray:
                index = value._node.index
                if index not in names:
                    names[index] = name


def as_node(graph: Graph, value: Any) -> Node:
    """Return an operand as a node; refuse what is no array of real numbers."""
    if isinstance(value, MatrixArray):
        if value.node.graph is not graph:
            raise TypeError(
                "a traced value outlived the trace that it belongs to; do not keep traced values "
                "in global variables"
            )
        return value.node
    if isinstance(value, (list, tuple)) and any(isinstance(v, MatrixArray) for v in value):
        raise TypeError(
            "a list that holds traced values arrived where one array is expected; "
            "join them with np.stack or np.concatenate"
        )
    if type(value) in (int, float):
        return graph.number(value)
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"real numbers are expected, not {array.dtype} ({type(value).__name__}); matrix "
            "formulas are real"
        )
    return graph.array(array)


class NamedLength(TypeError):
    """A length with a name and no number was asked for an integer."""


class MatrixArray(TracedArray):
    """An array of a traced function: a node which NumPy's functions and operators accept.

    Parameters
    ----------
    node : Node
        What it stands for.
    base : MatrixArray, optional
        The array of which it is a view.
    view : callable, optional
        Takes the node of the base and returns that of the view.

    Notes
    -----
    Nodes never change; what an array stands for does, when it is written into. A view is made again
    from its base where that has changed, and what is written into a view goes into its base.
    """

    __slots__ = ("_base", "_node", "_seen", "_view")

    def __init__(
        self,
        node: Node,
        base: MatrixArray | None = None,
        view: Callable[[Node], Node] | None = None,
    ) -> None:
        self._node = node
        self._base = base
        self._view = view
        self._seen = None if base is None else base.node

    @property
    def node(self) -> Node:
        """The node that it stands for now."""
        if self._base is not None and self._view is not None:
            now = self._base.node
            if now is not self._seen:
                check_order(now.shape, self._view, "read after the array was changed in place")
                self._node, self._seen = self._view(now), now
        return self._node

    def overwrite(self, new: Node, name: str) -> MatrixArray:
        """Write a node of the same shape into this array and those of which it is a view."""
        shape = self.node.shape
        if new.shape != shape:
            raise ValueError(
                f"np.{name}: a result of shape {shown(new.shape)} is to be written in place into "
                f"an array of shape {shown(shape)}; use the returned array"
            )
        if self._base is None or self._view is None:
            self._node = new
        else:
            self._base.overwrite(written(self._base.node, self._view, new), name)
        return self

    def update(self, operation: Callable[..., Any], other: Any) -> MatrixArray:
        """Return an in-place operator: what it wrote into this array, or a new scalar."""
        result: MatrixArray = operation(self, other)
        if not self.ndim and self._base is None:
            return result  # as a number of NumPy's, which nothing changes
        return self.overwrite(as_number(result.node), operation.__name__)

    def copy(self, order: str = "C") -> MatrixArray:
        """Return a copy, which keeps its values when this array is written into."""
        return MatrixArray(self.node)

    def fill(self, value: Any) -> None:
        """Write one value into every entry."""
        self[...] = value

    def known(self) -> Any:
        """Return its numbers where it is a constant, else None."""
        if self.node.op == "array":
            return self.node.graph.arrays[self.node.params[0]]
        number = self.node.number
        return None if number is None else np.array(number)

    def counted(self) -> MatrixArray:
        """Return conditions as numbers: 1 where they hold, else 0."""
        return MatrixArray(as_number(self.node))

    def is_condition(self) -> bool:
        """Return whether the elements hold or do not."""
        return self.node.truth

    @property
    def flat(self) -> Iterator[MatrixArray]:
        """The elements, one after the other."""
        return iter(self.flatten())

    def __repr__(self) -> str:
        return f"MatrixArray({self.node.op}, {shown(self.node.shape)})"

    # Shape --------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[Any, ...]:
        """The lengths of the axes; a named length is a traced scalar."""
        return tuple(
            n if isinstance(n, int) else MatrixArray(self.node.graph.length(n))
            for n in self.node.shape
        )

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.node.ndim

    @property
    def size(self) -> Any:
        """The number of elements; a traced scalar if a length is named."""
        size = construct.count(self.node.graph, self.node.shape)
        return MatrixArray(size) if size.number is None else size.number

    @property
    def T(self) -> MatrixArray:  # noqa: N802 - NumPy's name
        """The array with its axes reversed."""
        return self.viewed(construct.transpose)

    @property
    def mT(self) -> MatrixArray:  # noqa: N802 - NumPy's name
        """The array with its last two axes swapped."""
        return self.viewed(construct.swap)

    def in_order(self) -> MatrixArray:
        """Return what `np.ascontiguousarray` does."""
        if self.ndim < 2:
            return self if self.ndim else self.reshape((1,))
        return self.viewed(in_order)

    def viewed(self, view: Callable[[Node], Node]) -> MatrixArray:
        """Return a view of this array, given as what it makes of a node."""
        return MatrixArray(view(self.node), self, view)

    def __len__(self) -> int:
        if not self.node.shape:
            raise TypeError("len: a traced scalar has no axis")
        n = self.node.shape[0]
        if isinstance(n, str):
            raise TypeError(
                f"len: the length {n!r} is a name; use x.shape[0], or give a number as its length"
            )
        return n

    def __iter__(self) -> Iterator[MatrixArray]:
        return (self[position] for position in range(len(self)))

    def __getitem__(self, index: Any) -> MatrixArray:
        index = known_index(index)
        entries = index if isinstance(index, tuple) else (index,)
        if any(isinstance(entry, MatrixArray) for entry in entries):
            raise TypeError(
                "a traced value cannot be an index: which entry it selects is not known; "
                "use np.where"
            )
        if any(isinstance(entry, (list, np.ndarray)) for entry in entries):
            return MatrixArray(take_index(self.node, index))  # a copy, as in NumPy
        taken = self.viewed(lambda node: take_index(node, index))
        if taken.ndim or any(entry is Ellipsis for entry in entries):
            return taken
        return MatrixArray(taken.node)

    def __setitem__(self, index: Any, value: Any) -> None:
        index = known_index(index)
        node, new = self.node, as_number(as_node(self.node.graph, value))
        if isinstance(index, MatrixArray):
            mask = index.node
            if not mask.truth or mask.shape != node.shape or any(n != 1 for n in new.shape):
                raise TypeError(
                    "a traced value cannot be an index: which entries it selects is not known. "
                    "One value can be assigned where a condition of the array's shape holds; else "
                    "use np.where"
                )
            scalar = construct.reshape(new, ())
            self.overwrite(construct.make("where", mask, scalar, node), "copyto")
            return
        entries = index if isinstance(index, tuple) else (index,)
        if any(isinstance(entry, MatrixArray) for entry in entries):
            raise TypeError(
                "a traced value cannot be an index: which entry it selects is not known; "
                "use np.where"
            )
        note_locals(node.graph)
        self.overwrite(written(node, lambda whole: take_index(whole, index), new), "copyto")

    def __index__(self) -> NoReturn:
        error = TypeError if as_length(self.node) is None else NamedLength
        raise error(self.no_number("an index or int"))

    def no_number(self, kind: str) -> str:
        """Return the message for code that wants a number of a kind: the reason, and the cure."""
        return (
            f"a traced matrix has no numbers yet and cannot become {kind}: use NumPy's functions "
            "(np.exp in place of math.exp), leave out conversions; range needs a number as length, "
            "not a name"
        )

    def item(self) -> MatrixArray:
        """Return the only element as a traced scalar."""
        return MatrixArray(construct.reshape(self.node, ()))

    def flatten(self) -> MatrixArray:
        """Return a copy of the elements along one axis."""
        return MatrixArray(FUNCTIONS[np.ravel](self.node.graph, self))

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        """Return the elements in another shape."""
        target = shape[0] if len(shape) == 1 else shape
        return np.reshape(self, target, **kwargs)

    def transpose(self, *axes: Any) -> Any:
        """Return the array with its axes permuted."""
        if not axes:
            return self.T
        order = axes[0] if len(axes) == 1 else axes
        return np.transpose(self, order)


def _unknown(function: Any) -> NoReturn:
    """Refuse a function that no table has."""
    raise Untraceable(reason_of(name_of(function), "strategy='matrix' has no rule for it"))


def _call_ufunc(
    array: MatrixArray, ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """Return a ufunc, or a method of one, that was called with a traced matrix."""
    graph = array.node.graph
    note_locals(graph)
    name = f"np.{ufunc.__name__}"
    kwargs = {k: v for k, v in kwargs.items() if v is not None and not (k == "where" and v is True)}
    target, *others = kwargs.get("out") or (None,)
    if isinstance(target, MatrixArray) and not others:
        kwargs.pop("out")
        result = _call_ufunc(target, ufunc, method, inputs, kwargs)
        return target.overwrite(as_number(result.node), ufunc.__name__)
    if method == "at" and ufunc is np.add and isinstance(inputs[0], MatrixArray):
        whole: MatrixArray = inputs[0]
        index, value = inputs[1:]
        added = scattered(whole.node, index, as_number(as_node(graph, value)))
        return whole.overwrite(construct.add(whole.node, added), "add.at")
    if ufunc in METHODS.get(method, {}):
        function = METHODS[method][ufunc]
        return MatrixArray(FUNCTIONS[function](graph, *inputs, **{"axis": 0, **kwargs}))
    if method == "reduce" and ufunc is np.logaddexp:
        exponentials = MatrixArray(construct.elementwise("exp", as_node(graph, inputs[0])))
        summed = FUNCTIONS[np.sum](graph, exponentials, **{"axis": 0, **kwargs})
        return MatrixArray(construct.elementwise("log", summed))
    if kwargs:
        refuse(f"{name}({next(iter(kwargs))}=...)", "leave the keyword out")
    operands = [as_node(graph, value) for value in inputs]
    if method == "outer":
        if ufunc is np.multiply and all(x.ndim == 1 for x in operands):
            return MatrixArray(construct.outer(*operands))
        left = construct.reshape(operands[0], operands[0].shape + (1,) * operands[1].ndim)
        return _call_ufunc(array, ufunc, "__call__", (MatrixArray(left), inputs[1]), {})
    if method != "__call__":
        refuse(f"{name}.{method}")
    if ufunc in UFUNCS:
        result = MatrixArray(UFUNCS[ufunc](*operands))
        numbers = [MatrixArray(x).known() for x in operands] if result.node.truth else [None]
        known = all(x is not None for x in numbers)
        return ufunc(*numbers) if known else result  # of constants it may be an index
    row = row_of(ufunc)
    if ufunc in COMPOSED:
        return composed(ufunc, inputs)
    if row is None or not row.scipy:
        _unknown(ufunc)
    return MatrixArray(applied(row, *operands))


def _composed(func: Any) -> Callable[..., Any]:
    """Return a function that is made of others, with the arguments of `FUNCTIONS`."""
    return lambda graph, *args, **kwargs: COMPOSED[func](*args, **kwargs)


def _call_function(
    array: MatrixArray, func: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """Return a NumPy function that was called with a traced matrix."""
    graph = array.node.graph
    note_locals(graph)
    name = name_of(func)
    entry = FUNCTIONS.get(func)
    given = {key: v for key, v in kwargs.items() if v is not None and v is not np._NoValue}
    if entry is None and func in COMPOSED:
        entry = _composed(func)
    if entry is None:
        _unknown(func)
    if "dtype" in given and np.dtype(given["dtype"]) == np.float64:
        del given["dtype"]
    target = given.pop("out", None)
    if target is not None and not isinstance(target, MatrixArray):
        given["out"] = target
    try:
        if func in VIEWS and args and isinstance(args[0], MatrixArray):
            return args[0].viewed(
                lambda node: entry(node.graph, MatrixArray(node), *args[1:], **given)
            )
        result = entry(graph, *args, **given)
    except TypeError as error:
        if "unexpected keyword argument" in str(error):
            keyword = str(error).split("'")[-2]
            refuse(f"{name}({keyword}=...)", "leave the keyword out")
        if "positional argument" not in str(error):
            raise
        refuse(f"{name} with {len(args)} arguments", "leave out those that are not needed")
    if target is not None:
        node = result if isinstance(result, Node) else as_node(graph, result)
        return target.overwrite(as_number(node), func.__name__)
    return MatrixArray(result) if isinstance(result, Node) else result


MatrixArray.call_ufunc = _call_ufunc
MatrixArray.call_function = _call_function
_METHODS = (
    "sum mean max min var std dot clip trace diagonal ravel squeeze swapaxes repeat prod cumsum "
    "cumprod take round argmax argmin argsort argpartition partition nonzero searchsorted choose "
    "compress"
)
add_methods(MatrixArray, _METHODS.split())
