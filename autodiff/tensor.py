"""The tensor: an array-like that records what is done with it as the node of a graph.

NumPy functions called on tensors arrive in ``__array_ufunc__`` and ``__array_function__``
(NumPy Enhancement Proposals 13 and 18), are looked up in the rule table, computed, and recorded.
"""

import operator
from collections.abc import Callable, Iterator
from itertools import count
from types import ModuleType
from typing import Any, NoReturn, TypeVar

import numpy as np

from autodiff.constants import Constants
from autodiff.errors import LostDerivative, TraceEnded, Undifferentiable
from autodiff.rules.table import FUNCTIONS, REFUSED, UFUNCS, Handler, Primitive

__all__ = ["Tape", "Tensor", "memory", "primal", "record"]

_levels = count(1)
_Decision = TypeVar("_Decision", bool, int)


class Tape:
    """The nodes of one trace, in the order in which they were computed.

    That order is topological: a node comes after everything it was computed from.

    Parameters
    ----------
    replayable : bool
        Whether the record must serve for other inputs too. Then comparisons are recorded as
        nodes, and branches taken on them as guards; otherwise they are plain arrays.
    brief : bool
        Whether the backward pass follows at once, and `Constants.check` after it.

    Attributes
    ----------
    constants : Constants
        The operands that are no tensors.
    ended : bool
        Whether the trace has ended; its tensors can be used no more.
    guards : list of (Tensor, str, object)
        What control flow was decided on: a node, how it was converted, and the outcome.
    written : dict of int to int
        For each piece of memory that plain NumPy would have changed in place (``a += b``), the
        number of nodes at that time.
    """

    __slots__ = ("constants", "ended", "guards", "level", "nodes", "replayable", "written")

    def __init__(self, replayable: bool = False, brief: bool = False) -> None:
        self.nodes: list[Tensor] = []
        self.guards: list[tuple[Tensor, str, Any]] = []
        self.written: dict[int, int] = {}
        self.level = next(_levels)
        self.replayable = replayable
        self.constants = Constants(brief)
        self.ended = False

    def input(self, value: Any) -> "Tensor":
        """Return a new tensor that holds an input."""
        node = Tensor(value, self, None, (), None)
        self.nodes.append(node)
        return node

    def end(self) -> "list[Tensor]":
        """End the trace and return its nodes; tensors of it can be used no more."""
        nodes = self.nodes
        # Nodes know their tape: were it to know them, only the garbage collector could free them.
        self.nodes, self.guards, self.ended = [], [], True
        return nodes

    def __enter__(self) -> "Tape":
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """End the trace if it failed, and tell what NumPy puts into words of its own."""
        if error is not None:
            self.end()
        if isinstance(error, ValueError) and isinstance(error.__cause__, LostDerivative):
            # ``a[0] = tensor`` ends as "setting an array element with a sequence".
            raise error.__cause__ from None


class Tensor:
    """The node of a graph: a value, and how it was computed.

    Tensors are made by `trace` and by the transforms, not by users. They behave as the array
    they stand for: operators, methods and NumPy functions work on them and are recorded.

    Attributes
    ----------
    value : array
        The primal.
    adjoint : array or None
        Derivative of the result with respect to the value, after a backward pass.
    """

    __slots__ = ("adjoint", "operands", "params", "primitive", "tape", "value")

    # Above ndarray's, so that ``array * tensor`` comes here.
    __array_priority__ = 1000.0

    def __init__(
        self,
        value: Any,
        tape: Tape,
        primitive: Primitive | None,
        operands: tuple[Any, ...],
        params: dict[str, Any] | None,
    ) -> None:
        self.value = value
        self.tape = tape
        self.primitive = primitive
        self.operands = operands
        self.params = params
        self.adjoint: Any = None

    # What a plain array would tell about itself: never part of a derivative.

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        """Number of axes of the value."""
        return len(np.shape(self.value))

    @property
    def size(self) -> int:
        """Number of elements of the value."""
        return int(np.size(self.value))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the value."""
        dtype: np.dtype[Any] = np.result_type(primal(self))
        return dtype

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without axes: its shape is ()")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"Tensor({primal(self)!r}, {_name_of(self.primitive)})"

    # NumPy's protocols.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return _ufunc_method(ufunc, method, inputs, kwargs)
        primitive = UFUNCS.get(ufunc)
        if ufunc is np.divmod and not kwargs:
            return np.floor_divide(*inputs), np.remainder(*inputs)
        if primitive is None:
            name, advice = f"np.{ufunc.__name__}", REFUSED.get(ufunc)
            raise Undifferentiable(f"{name} of a tensor: {advice}" if advice else _no_rule(name))
        if kwargs:
            _refuse_ufunc_arguments(ufunc, kwargs)
        return record(primitive, inputs)

    def __array_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        handler = FUNCTIONS.get(function)
        if handler is None:
            name, advice = _public_name(function), REFUSED.get(function)
            raise Undifferentiable(f"{name} of a tensor: {advice}" if advice else _no_rule(name))
        if kwargs and not handler.accepts.issuperset(kwargs):
            _refuse_arguments(function, handler, kwargs)
        return handler.function(*args, **kwargs)

    def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType:
        """Return the namespace of the array API standard that works on tensors: NumPy's."""
        return np

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        if self.dtype.kind in "biu":
            raise LostDerivative(
                "a mask or position that is computed from tensors cannot become a plain array, "
                "such as the index of one: make the array it indexes an argument of the traced "
                "function, or use np.where"
            )
        raise LostDerivative(
            "np.array or np.asarray of a tensor would lose its derivative: use the tensor itself, "
            "np.stack([...]) to build an array from several, np.concatenate to join them; "
            "a list of tensors must be stacked before it is given to another NumPy function"
        )

    # Python's conversions.

    def __float__(self) -> NoReturn:
        raise LostDerivative(
            "float() of a tensor would lose its derivative: use the tensor itself; np.exp, "
            "np.sin, ... instead of math.exp, math.sin, ...; np.stack instead of assigning into "
            "a plain array"
        )

    def __int__(self) -> NoReturn:
        raise LostDerivative("int() of a tensor would lose its derivative: use np.floor")

    def __complex__(self) -> NoReturn:
        raise LostDerivative("complex() of a tensor would lose its derivative: use the tensor")

    def item(self, *args: Any) -> NoReturn:
        """Raise: a plain number would lose the derivative."""
        raise LostDerivative("item() of a tensor would lose its derivative: index it: t[0]")

    def tolist(self) -> NoReturn:
        """Raise: plain numbers would lose the derivative."""
        raise LostDerivative("tolist() of a tensor would lose its derivative: use list(tensor)")

    def __bool__(self) -> bool:
        return self._decided("bool", bool)

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"a tensor of dtype {self.dtype} cannot be an index: integers can")
        return self._decided("index", operator.index)

    def _decided(self, what: str, convert: Callable[[Any], _Decision]) -> _Decision:
        """Convert the value to decide Python's control flow, and guard the decision."""
        outcome = convert(self.value)
        if self.tape.replayable:
            self.tape.guards.append((self, what, outcome))
        return outcome

    # Copies. One that is not on the tape would take no part in the derivative.

    def __copy__(self) -> "Tensor":
        return self

    def __deepcopy__(self, memo: Any) -> "Tensor":
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not self.tape.ended:
            raise LostDerivative("pickling a tensor would lose its derivative: use the tensor")
        return super().__reduce_ex__(protocol)

    # Containers.

    def __getitem__(self, index: Any) -> Any:
        return FUNCTIONS[operator.getitem].function(self, index)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            "a tensor cannot be assigned into: build the new array with np.where, "
            "np.concatenate or np.stack"
        )

    def __hash__(self) -> int:
        return id(self)

    # Operators. Each is the NumPy function of the same meaning.

    def __add__(self, other: Any) -> Any:
        return _operate(np.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return _operate(np.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return _operate(np.subtract, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _operate(np.subtract, other, self)

    def __mul__(self, other: Any) -> Any:
        return _operate(np.multiply, self, other)

    def __rmul__(self, other: Any) -> Any:
        return _operate(np.multiply, other, self)

    def __truediv__(self, other: Any) -> Any:
        return _operate(np.divide, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _operate(np.divide, other, self)

    def __pow__(self, other: Any) -> Any:
        return _operate(np.power, self, other)

    def __rpow__(self, other: Any) -> Any:
        return _operate(np.power, other, self)

    def __matmul__(self, other: Any) -> Any:
        return _operate(np.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _operate(np.matmul, other, self)

    def __mod__(self, other: Any) -> Any:
        return _operate(np.remainder, self, other)

    def __rmod__(self, other: Any) -> Any:
        return _operate(np.remainder, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _operate(np.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _operate(np.floor_divide, other, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __neg__(self) -> Any:
        return record(UFUNCS[np.negative], (self,))

    def __pos__(self) -> Any:
        return record(UFUNCS[np.positive], (self,))

    def __abs__(self) -> Any:
        return record(UFUNCS[np.absolute], (self,))

    def __invert__(self) -> Any:
        return record(UFUNCS[np.invert], (self,))

    def __eq__(self, other: object) -> Any:
        return _operate(np.equal, self, other)

    def __ne__(self, other: object) -> Any:
        return _operate(np.not_equal, self, other)

    def __lt__(self, other: Any) -> Any:
        return _operate(np.less, self, other)

    def __le__(self, other: Any) -> Any:
        return _operate(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Any:
        return _operate(np.greater, self, other)

    def __ge__(self, other: Any) -> Any:
        return _operate(np.greater_equal, self, other)

    def __and__(self, other: Any) -> Any:
        return _operate(np.bitwise_and, self, other)

    def __rand__(self, other: Any) -> Any:
        return _operate(np.bitwise_and, other, self)

    def __or__(self, other: Any) -> Any:
        return _operate(np.bitwise_or, self, other)

    def __ror__(self, other: Any) -> Any:
        return _operate(np.bitwise_or, other, self)

    def __xor__(self, other: Any) -> Any:
        return _operate(np.bitwise_xor, self, other)

    def __rxor__(self, other: Any) -> Any:
        return _operate(np.bitwise_xor, other, self)

    # In place: the name gets a new tensor; other names of the old array may be used no more.

    def __iadd__(self, other: Any) -> Any:
        return _in_place(self, _operate(np.add, self, other))

    def __isub__(self, other: Any) -> Any:
        return _in_place(self, _operate(np.subtract, self, other))

    def __imul__(self, other: Any) -> Any:
        return _in_place(self, _operate(np.multiply, self, other))

    def __itruediv__(self, other: Any) -> Any:
        return _in_place(self, _operate(np.divide, self, other))

    def __ipow__(self, other: Any) -> Any:
        return _in_place(self, _operate(np.power, self, other))

    def __imod__(self, other: Any) -> Any:
        return _in_place(self, _operate(np.remainder, self, other))

    def __ifloordiv__(self, other: Any) -> Any:
        return _in_place(self, _operate(np.floor_divide, self, other))

    def __imatmul__(self, other: Any) -> Any:
        return _in_place(self, _operate(np.matmul, self, other))

    # Methods of arrays. Each is the NumPy function of the same name.

    @property
    def T(self) -> Any:  # noqa: N802 (the name is NumPy's)
        """The axes reversed."""
        return np.transpose(self)

    @property
    def mT(self) -> Any:  # noqa: N802 (the name is NumPy's)
        """The last two axes swapped."""
        return np.swapaxes(self, -1, -2)

    def sum(self, axis: Any = None, **kwargs: Any) -> Any:
        """Return the sum over `axis`, as ``np.sum``."""
        return np.sum(self, axis=axis, **kwargs)

    def mean(self, axis: Any = None, **kwargs: Any) -> Any:
        """Return the mean over `axis`, as ``np.mean``."""
        return np.mean(self, axis=axis, **kwargs)

    def prod(self, axis: Any = None, **kwargs: Any) -> Any:
        """Return the product over `axis`, as ``np.prod``."""
        return np.prod(self, axis=axis, **kwargs)

    def max(self, axis: Any = None, **kwargs: Any) -> Any:
        """Return the maximum over `axis`, as ``np.max``."""
        return np.max(self, axis=axis, **kwargs)

    def min(self, axis: Any = None, **kwargs: Any) -> Any:
        """Return the minimum over `axis`, as ``np.min``."""
        return np.min(self, axis=axis, **kwargs)

    def var(self, axis: Any = None, **kwargs: Any) -> Any:
        """Return the variance over `axis`, as ``np.var``."""
        return np.var(self, axis=axis, **kwargs)

    def std(self, axis: Any = None, **kwargs: Any) -> Any:
        """Return the standard deviation over `axis`, as ``np.std``."""
        return np.std(self, axis=axis, **kwargs)

    def cumsum(self, axis: Any = None, **kwargs: Any) -> Any:
        """Return the running sum along `axis`, as ``np.cumsum``."""
        return np.cumsum(self, axis=axis, **kwargs)

    def argmax(self, axis: Any = None, **kwargs: Any) -> Any:
        """Return the position of the maximum, as ``np.argmax``."""
        return np.argmax(self, axis=axis, **kwargs)

    def argmin(self, axis: Any = None, **kwargs: Any) -> Any:
        """Return the position of the minimum, as ``np.argmin``."""
        return np.argmin(self, axis=axis, **kwargs)

    def any(self, axis: Any = None, **kwargs: Any) -> Any:
        """Return whether any element is true, as ``np.any``."""
        return np.any(self, axis=axis, **kwargs)

    def all(self, axis: Any = None, **kwargs: Any) -> Any:
        """Return whether all elements are true, as ``np.all``."""
        return np.all(self, axis=axis, **kwargs)

    def round(self, decimals: int = 0) -> Any:
        """Return the elements rounded, as ``np.round``."""
        return np.round(self, decimals)

    def dot(self, other: Any) -> Any:
        """Return the dot product, as ``np.dot``."""
        return np.dot(self, other)

    def clip(self, *args: Any, **kwargs: Any) -> Any:
        """Return the values limited to an interval, as ``np.clip``."""
        return np.clip(self, *args, **kwargs)

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        """Return the same elements in another shape, as ``np.reshape``."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **kwargs)

    def ravel(self) -> Any:
        """Return the elements along one axis, as ``np.ravel``."""
        return np.reshape(self, (-1,))

    def flatten(self) -> Any:
        """Return the elements along one axis, as ``np.ravel``."""
        return np.reshape(self, (-1,))

    def transpose(self, *axes: Any) -> Any:
        """Return the axes permuted, as ``np.transpose``."""
        if len(axes) == 1 and not isinstance(axes[0], int | np.integer):
            return np.transpose(self, axes[0])
        return np.transpose(self, axes or None)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Return two axes swapped, as ``np.swapaxes``."""
        return np.swapaxes(self, axis1, axis2)

    def squeeze(self, axis: Any = None) -> Any:
        """Return the array without axes of length 1, as ``np.squeeze``."""
        return np.squeeze(self, axis=axis)

    def copy(self) -> Any:
        """Return the tensor: its value is never changed in place."""
        return self

    def astype(self, dtype: Any) -> Any:
        """Return the value in another floating-point type."""
        return FUNCTIONS[np.astype].function(self, dtype)


#: Types that an operator of a tensor takes beside tensors; others may know better themselves.
_OPERANDS = (Tensor, np.ndarray, np.generic, float, int, complex, bool)


def _operate(ufunc: np.ufunc, left: Any, right: Any) -> Any:
    """Return the result of a binary operator, or leave it to an operand of a foreign type."""
    if isinstance(left, _OPERANDS) and isinstance(right, _OPERANDS):
        return record(UFUNCS[ufunc], (left, right))
    foreign = right if isinstance(left, Tensor) else left
    if isinstance(foreign, list | tuple):
        raise TypeError(
            f"{ufunc.__name__}: a tensor and a {type(foreign).__name__} arrived; "
            "make an array of it with np.array, or with np.stack if it holds tensors"
        )
    return NotImplemented


def _in_place(old: Tensor, new: Any) -> Any:
    """Return the result of an in-place operator, as NumPy would leave it in the old array."""
    if new is NotImplemented:
        return new
    owner = memory(old)
    if owner is None:
        return new
    if new.shape != old.shape:
        raise ValueError(
            f"in-place operator: the result has shape {new.shape}, the array {old.shape}: "
            "write a = a + b instead of a += b"
        )
    new = new.astype(old.dtype)
    old.tape.written[owner] = len(old.tape.nodes)
    return new


def memory(x: Tensor) -> int | None:
    """Return what identifies the memory of a tensor's array and of all its views.

    Parameters
    ----------
    x : Tensor
        The tensor.

    Returns
    -------
    int or None
        None for numbers, which nothing changes in place.
    """
    value = primal(x)
    if not isinstance(value, np.ndarray):
        return None
    while isinstance(value.base, np.ndarray):
        value = value.base
    return id(value)


def primal(x: Any) -> Any:
    """Return the plain value of a tensor of any level, and anything else unchanged."""
    while type(x) is Tensor:
        x = x.value
    return x


def record(
    primitive: Primitive, operands: tuple[Any, ...], params: dict[str, Any] | None = None
) -> Any:
    """Return the result of a primitive, recorded on the tape of the innermost trace.

    Parameters
    ----------
    primitive : Primitive
        The operation.
    operands : tuple
        Its arguments, tensors among them.
    params : dict, optional
        Arguments by keyword, which no derivative is taken with respect to.

    Returns
    -------
    Tensor or array
        A tensor, unless no operand is one or the primitive is discrete and the tape is not
        replayable.

    Raises
    ------
    TraceEnded
        If an operand belongs to a trace that has ended.
    """
    tape, constants = None, False
    for x in operands:
        if type(x) is not Tensor:
            constants = True
        elif tape is None or x.tape.level > tape.level:
            tape = x.tape
    if tape is not None and tape.ended:
        raise TraceEnded(
            f"{primitive.name}: a tensor was used after the trace that it belongs to had ended; "
            "its derivative would be lost. Return what you need from the function instead of "
            "storing it elsewhere"
        )
    if tape is not None and primitive.kind == "discrete" and not tape.replayable:
        values = [x.value if type(x) is Tensor and x.tape is tape else x for x in operands]
        return compute(primitive, values, params)
    if constants and tape is not None:
        name, constant = primitive.name, tape.constants.take
        operands = tuple([x if type(x) is Tensor else constant(x, name) for x in operands])
    values = [x.value if type(x) is Tensor and x.tape is tape else x for x in operands]
    value = compute(primitive, values, params)
    if tape is None:
        return value
    node = Tensor(value, tape, primitive, operands, params)
    tape.nodes.append(node)
    return node


def compute(primitive: Primitive, values: list[Any], params: dict[str, Any] | None) -> Any:
    """Return the value of a primitive; a mismatch of shapes is told with the argument numbers."""
    try:
        return primitive.function(*values, **params) if params else primitive.function(*values)
    except TraceEnded:
        raise
    except ValueError as error:
        raise type(error)(_explain_shapes(primitive, values, error)) from error


def _explain_shapes(primitive: Primitive, values: list[Any], error: ValueError) -> str:
    shapes = [np.shape(v) for v in values]
    if primitive.name == "matmul" and len(shapes[0]) and len(shapes[1]):
        axis = max(len(shapes[1]) - 2, 0)
        if shapes[0][-1] != shapes[1][axis]:
            which = {0: "first", 1: "second"}.get(axis, "second to last")
            return (
                f"matmul: shapes {shapes[0]} and {shapes[1]} do not align: "
                f"{shapes[0][-1]} (last axis of argument 0) is not "
                f"{shapes[1][axis]} ({which} axis of argument 1)."
            )
    message = str(error)
    return message if message.startswith(primitive.name) else f"{primitive.name}: {message}"


_UFUNC_METHODS: dict[tuple[Any, str], Callable[..., Any]] = {
    (np.add, "reduce"): np.sum,
    (np.multiply, "reduce"): np.prod,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
    (np.add, "accumulate"): np.cumsum,
}


def _ufunc_method(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Return ``ufunc.reduce`` and its like where a function of the same meaning has a rule."""
    named = _UFUNC_METHODS.get((ufunc, method))
    if named is None:
        raise Undifferentiable(_no_rule(f"np.{ufunc.__name__}.{method}"))
    # These methods work along the first axis where the functions work on all.
    return named(*inputs, **{"axis": 0, **kwargs} if len(inputs) == 1 else kwargs)


def _refuse_ufunc_arguments(ufunc: np.ufunc, kwargs: dict[str, Any]) -> NoReturn:
    if "out" in kwargs:
        raise LostDerivative(
            f"np.{ufunc.__name__}: the result of a tensor cannot be written into an existing "
            "array (out=, or an in-place operator such as a += t): use the result that is "
            "returned, such as a = a + t"
        )
    raise Undifferentiable(
        f"np.{ufunc.__name__}: {', '.join(f'{name}=' for name in kwargs)} is not supported on "
        "tensors: use np.where to choose elements, and astype for the data type"
    )


def _refuse_arguments(
    function: Callable[..., Any], handler: Handler, kwargs: dict[str, Any]
) -> NoReturn:
    unknown = ", ".join(f"{name}=" for name in kwargs if name not in handler.accepts)
    known = ", ".join(sorted(handler.accepts))
    raise Undifferentiable(
        f"{_public_name(function)}: {unknown} is not supported on tensors; supported: {known}"
    )


def _no_rule(name: str) -> str:
    return (
        f"{name} has no derivative rule for tensors: write it with functions that have one "
        f"(those in autodiff.differentiable()), or apply it before the function that is traced"
    )


def _public_name(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", "").replace("numpy", "np")
    return f"{module}.{getattr(function, '__name__', function)}"


def _name_of(primitive: Primitive | None) -> str:
    return "input" if primitive is None else primitive.name
