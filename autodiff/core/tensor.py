"""The tensor: an array-like that records what is done with it as the node of a graph.

NumPy functions called on tensors arrive in ``__array_ufunc__`` and ``__array_function__``
(NumPy Enhancement Proposals 13 and 18), are looked up in the registries, computed, and recorded.
"""

import math
import operator
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from autodiff.core.constants import NUMBERS
from autodiff.core.conversions import Conversions, plain_value, text_of
from autodiff.core.libraries import ADAPTERS, adapted
from autodiff.core.messages import (
    complex_objects,
    explained,
    foreign_operand,
    no_complex_rule,
    no_rule,
    public_name,
    refused_arguments,
    refused_ufunc_arguments,
)
from autodiff.core.methods import ArrayMethods, put_in_place
from autodiff.core.primitive import (
    FAST_PATHS,
    FUNCTIONS,
    LATE_RULES,
    PRIMITIVES,
    TUPLES,
    UFUNC_METHODS,
    UFUNCS,
    UNARY,
    Primitive,
)
from autodiff.core.tape import Tape
from autodiff.errors import LostDerivative, TraceEnded

__all__ = [
    "Tensor",
    "assembled",
    "leaf",
    "matrix_product",
    "node_of",
    "primal",
    "record",
]


def _operators(ufunc: np.ufunc) -> tuple[Callable[[Any, Any], Any], ...]:
    """Return the operator, the reflected and the in-place one that stand for a ufunc."""

    def operate(self: Any, other: Any) -> Any:
        return _operate(ufunc, self, other)

    def reflected(self: Any, other: Any) -> Any:
        return _operate(ufunc, other, self)

    def in_place(self: Any, other: Any) -> Any:
        return put_in_place(self, _operate(ufunc, self, other))

    return operate, reflected, in_place


def _comparison(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    """Return the operator that stands for a comparison, which solvers of SciPy may not use."""

    def compare(self: Any, other: Any) -> Any:
        if sys._getframe(1).f_globals.get("__name__", "").startswith("scipy.optimize."):
            # Where it stops, the value has converged, and the derivative perhaps not at all.
            raise LostDerivative(
                "scipy.optimize compares a tensor to decide when to stop: the derivative of its "
                "steps is not that of the solution"
            )
        return _operate(ufunc, self, other)

    return compare


def _arithmetic(
    ufunc: np.ufunc, function: Callable[[Any, Any], Any]
) -> tuple[Callable[[Any, Any], Any], ...]:
    """Return the same for arithmetic, with a fast path for the operands met most often.

    There `function` takes the place of the ufunc, whose call costs more than that of an operator.

    It saves 1 µs of 2 µs against `record` (``python -m benchmarks eager``, the chain).
    """
    operate, reflected, in_place = _operators(ufunc)
    # The registries are filled after this module is read.
    primitive: Any = None

    def quick(self: Any, other: Any) -> Any:
        nonlocal primitive
        tape, kind = self.tape, type(other)
        if tape.careful:
            return operate(self, other)
        if kind is Tensor:
            if other.tape is not tape:
                return operate(self, other)
            right = other.value
        elif kind is _ARRAY:
            known = tape.copied.get(id(other))
            if known is not None and known[1] == other.tobytes():
                other = right = known[2]
            elif other.dtype is _FLOAT:
                other = right = tape.constants.take(other, ufunc.__name__)
            else:
                return operate(self, other)
        elif kind in NUMBERS:
            right = other
        else:
            return operate(self, other)
        if primitive is None:
            primitive = UFUNCS[ufunc]
        node = Tensor()
        try:
            node.value = function(self.value, right)
        except ValueError as error:
            raise explained(primitive, [self.value, right], error) from error
        node.primitive, node.tape, node.operands = primitive, tape, (self, other)
        node.params = node.adjoint = None
        tape.append(node)
        return node

    def quick_reflected(self: Any, other: Any) -> Any:
        nonlocal primitive
        tape, kind = self.tape, type(other)
        if tape.careful:
            return reflected(self, other)
        if kind in NUMBERS:
            left = other
        elif kind is _ARRAY and other.dtype is _FLOAT:
            other = left = tape.constants.take(other, ufunc.__name__)
        else:
            return reflected(self, other)
        if primitive is None:
            primitive = UFUNCS[ufunc]
        node = Tensor()
        try:
            node.value = function(left, self.value)
        except ValueError as error:
            raise explained(primitive, [left, self.value], error) from error
        node.primitive, node.tape, node.operands = primitive, tape, (other, self)
        node.params = node.adjoint = None
        tape.append(node)
        return node

    _BINARY[ufunc] = quick, quick_reflected
    return quick, quick_reflected, in_place


def matrix_product(x: Any, y: Any) -> Any:
    """Return the product of matrices or of stacks; of small ones in half the time of ``@``."""
    # Of vectors and matrices, for which products of NumPy's are all the same.
    if type(x) is type(y) is _ARRAY and 1 <= x.ndim <= 2 and 1 <= y.ndim <= 2:
        return x.dot(y)
    return np.matmul(x, y)


def _unary(ufunc: np.ufunc) -> Callable[[Any], Any]:
    """Return the operator that stands for a universal function of one argument."""

    def operate(self: Any) -> Any:
        return self.__array_ufunc__(ufunc, "__call__", self)

    return operate


#: The operator and the reflected one of each universal function of two arguments that has them.
_BINARY: dict[np.ufunc, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {}
_FLOAT, _ARRAY = np.dtype(float), np.ndarray
#: Kinds of primitives that may make complex numbers of real ones, as Fourier transforms do.
_MAY_TURN_COMPLEX = frozenset({"linear", "general"})
#: Exponents for which the operator ``**`` of arrays is another function.
_POWERS: dict[float, np.ufunc] = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}


class Tensor(Conversions, ArrayMethods):
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

    value: Any
    tape: Tape
    primitive: Primitive | None
    operands: tuple[Any, ...]
    params: dict[str, Any] | None
    adjoint: Any

    # Above ndarray's, so that ``array * tensor`` comes here.
    __array_priority__ = 1000.0
    # Above that of pandas' frames, for the same reason.
    __pandas_priority__ = 5000

    # Shape and type: never part of a derivative.

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
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the value."""
        value = primal(self)
        dtype: np.dtype[Any] = value.dtype if hasattr(value, "dtype") else np.result_type(value)
        return dtype

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without axes: its shape is ()")
        return self.shape[0]

    def __repr__(self) -> str:
        now = self._now()
        if type(now) is not Tensor:
            return repr(now)
        kind = now.primitive.name if now.primitive else "input"
        return text_of(self, f"Tensor({primal(now)!r}, {kind})")

    # NumPy's protocols.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        tape, primitive = self.tape, UNARY.get(ufunc)
        if primitive is not None and not tape.careful and not kwargs and method == "__call__":
            node = Tensor()
            node.value = ufunc(self.value)
            node.primitive, node.tape, node.operands = primitive, tape, inputs
            node.params = node.adjoint = None
            tape.append(node)
            return node
        if tape.stores is not None:
            done = tape.stores.ufunc(ufunc, method, inputs, kwargs)
            if done is not NotImplemented:
                return done
        if kwargs or method != "__call__" or ufunc not in UFUNCS:
            return _unusual(ufunc, method, inputs, kwargs)
        operators = _BINARY.get(ufunc)
        if operators is not None:
            x, y = inputs
            if type(x) in _OPERANDS and type(y) in _OPERANDS:
                return operators[0](x, y) if type(x) is Tensor else operators[1](y, x)
        return record(UFUNCS[ufunc], inputs)

    def __array_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if self.tape.stores is not None:
            done = self.tape.stores.function(function, args, kwargs)
            if done is not NotImplemented:
                return done
        if function in FAST_PATHS and not kwargs and len(args) == 1 and args[0] is self:
            return FAST_PATHS[function](self)
        handler = FUNCTIONS.get(function)
        if handler is None:
            raise no_rule(public_name(function), function)
        if kwargs:
            if not handler.accepts.issuperset(kwargs):
                raise refused_arguments(function, handler, args, kwargs) or AssertionError(kwargs)
            kwargs = {name: _gathered(x) for name, x in kwargs.items()}
        try:
            return handler.function(*[_gathered(x) for x in args], **kwargs)
        except TypeError:
            if refusal := refused_arguments(function, handler, args, kwargs):
                raise refusal from None
            raise

    def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType:
        """Return the namespace of the array API standard that works on tensors: NumPy's."""
        return np

    # Containers.

    def __getitem__(self, index: Any) -> Any:
        return FUNCTIONS[operator.getitem].function(self, index)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __setitem__(self, index: Any, value: Any) -> None:
        if self.tape.stores is None:
            raise self.tape.refused(
                "a tensor cannot be assigned into here: build the new array with np.where, "
                "np.concatenate or np.stack"
            )
        self.tape.stores.write(self, index, value)

    def __hash__(self) -> int:
        if self.tape.known:
            return hash(plain_value(self, self.value.item()))
        # By identity a number would not be found in ``{0.5: ...}``; by value a cache would give
        # one tensor the result, and the derivative, of another.
        raise LostDerivative(
            "hash() of a tensor: as the key of a dict, in a set or in a cache, one tensor would be "
            "taken for another of the same value: use an index as the key, and == to compare"
        )

    # Operators. Each is the NumPy function that it stands for.

    __add__, __radd__, __iadd__ = _arithmetic(np.add, operator.add)
    __sub__, __rsub__, __isub__ = _arithmetic(np.subtract, operator.sub)
    __mul__, __rmul__, __imul__ = _arithmetic(np.multiply, operator.mul)
    __truediv__, __rtruediv__, __itruediv__ = _arithmetic(np.divide, operator.truediv)
    __matmul__, __rmatmul__, __imatmul__ = _arithmetic(np.matmul, matrix_product)
    _power, __rpow__, _ipower = _arithmetic(np.power, np.power)
    __mod__, __rmod__, __imod__ = _operators(np.remainder)
    __floordiv__, __rfloordiv__, __ifloordiv__ = _operators(np.floor_divide)
    __and__, __rand__, __iand__ = _operators(np.bitwise_and)
    __or__, __ror__, __ior__ = _operators(np.bitwise_or)
    __xor__, __rxor__, __ixor__ = _operators(np.bitwise_xor)
    __lshift__, __rlshift__, __ilshift__ = _operators(np.left_shift)
    __rshift__, __rrshift__, __irshift__ = _operators(np.right_shift)
    __eq__, __ne__ = _comparison(np.equal), _comparison(np.not_equal)
    __lt__, __le__ = _comparison(np.less), _comparison(np.less_equal)
    __gt__, __ge__ = _comparison(np.greater), _comparison(np.greater_equal)

    def __pow__(self, other: Any) -> Any:
        # As the operator of arrays does, so that values are those of plain NumPy.
        ufunc = _POWERS.get(other) if type(other) in (int, float) else None
        return (
            self._power(other) if ufunc is None else self.__array_ufunc__(ufunc, "__call__", self)
        )

    def __ipow__(self, other: Any) -> Any:
        return put_in_place(self, self**other)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    __neg__, __pos__ = _unary(np.negative), _unary(np.positive)
    __abs__, __invert__ = _unary(np.absolute), _unary(np.invert)

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)


#: Types that an operator of a tensor takes; others may know better themselves.
_OPERANDS = frozenset({Tensor, _ARRAY, complex}) | NUMBERS
_ANSWERING = ("autodiff.core.", "autodiff.rules.discrete", "autodiff.rules.sorting")
_CONVERTED = (np.generic, np.ndarray, float, int, complex)


def _taken_by_operators(x: Any) -> bool:
    return type(x) in _OPERANDS or isinstance(x, _CONVERTED) or hasattr(x, "__array_function__")


def _operate(ufunc: np.ufunc, left: Any, right: Any) -> Any:
    """Return the result of a binary operator, or leave it to an operand of a foreign type."""
    if _taken_by_operators(left) and _taken_by_operators(right):
        return record(UFUNCS[ufunc], (left, right))
    foreign = right if isinstance(left, Tensor) else left
    other = assembled(foreign) if isinstance(foreign, list | tuple) else adapted(foreign)
    if other is not foreign:
        pair = (left, other) if foreign is right else (other, right)
        return record(UFUNCS[ufunc], pair)
    if type(foreign).__module__.startswith("scipy.sparse."):
        return import_module(LATE_RULES["scipy.sparse"]).operate(ufunc, left, right)
    error = foreign_operand(ufunc, foreign)
    if error is not None:
        raise error
    return NotImplemented


def holds_tensor(x: Any) -> bool:
    """Return whether a tensor is among the elements of nested sequences."""
    if isinstance(x, list | tuple | deque):
        return any([holds_tensor(i) for i in x])
    return type(x) is Tensor


def primal(x: Any) -> Any:
    """Return the plain value of a tensor of any level, and anything else unchanged."""
    while type(x) is Tensor:
        x = x.value
    return x


def record(
    primitive: Primitive,
    operands: tuple[Any, ...],
    params: dict[str, Any] | None = None,
    *,
    as_is: bool = False,
) -> Any:
    """Return the result of a primitive, recorded on the tape of the innermost trace.

    Its operands are what has been written into them by now, or `as_is` the values they stand for.
    """
    tape, arrays, odd = None, False, False
    if len(operands) == 1 and type(operands[0]) is Tensor and primitive.kind != "discrete":
        # The fast path of the calls met most often.
        x = operands[0]
        if not x.tape.careful:
            return _recorded(primitive, operands, params, x.tape, (x.value,))
    for x in operands:
        kind = type(x)
        if kind is Tensor:
            if x.tape.stores is not None and not as_is:
                return x.tape.stores.recorded(primitive, operands, params)
            if tape is None or (x.tape is not tape and x.tape.level > tape.level):
                tape = x.tape
        elif kind is _ARRAY:
            arrays = True
            odd = odd or x.dtype.kind == "O"
        elif kind not in NUMBERS:
            arrays = odd = True
    if odd:
        gathered = tuple([_gathered(x, always=True) for x in operands])
        if any([x is not y for x, y in zip(gathered, operands, strict=True)]):
            return record(primitive, gathered, params, as_is=as_is)
    if tape is None:
        return compute(primitive, operands, params)
    if tape.careful:
        if tape.ended:
            tape.append(node_of(None, tape, primitive))
        if tape.batch is not None:
            return tape.batch(tape, primitive, operands, params)
    discrete = primitive.kind == "discrete" and not tape.replayable
    if arrays and not discrete:
        operands = tuple([x if type(x) is Tensor else _taken(x, tape, primitive) for x in operands])
    values = [x.value if type(x) is Tensor and x.tape is tape else x for x in operands]
    real = primitive.kind != "discrete" and not primitive.complex
    if tape.careful and real and not tape.known and any(_is_complex(primal(x)) for x in values):
        raise no_complex_rule(primitive)
    if discrete:
        result = compute(primitive, values, params)
        if getattr(result, "dtype", _FLOAT).kind != "f" and "masks" not in tape.marks and _asked():
            tape.mark("masks")
        return result
    return _recorded(primitive, operands, params, tape, values)


def _asked() -> bool:
    """Return whether the user's function compares, and not a rule or the trace of a derivative."""
    frame = sys._getframe(2)
    while str(frame.f_globals.get("__name__")).startswith(_ANSWERING):
        if frame.f_code is compute.__code__:
            return False
        frame = frame.f_back  # type: ignore[assignment]
    return not str(frame.f_globals.get("__name__")).startswith("autodiff.")


def _recorded(
    primitive: Primitive,
    operands: tuple[Any, ...],
    params: dict[str, Any] | None,
    tape: Tape,
    values: Sequence[Any],
) -> Tensor:
    """Return the result of a primitive, computed from the values of its operands, as a node."""
    try:
        value = compute(primitive, values, params)
    except (ArithmeticError, np.linalg.LinAlgError):
        tape.mark("errors")
        raise
    if tape.careful and tape.scattered and np.shape(value) == () and np.iscomplexobj(primal(value)):
        raise complex_objects()
    if primitive.kind in _MAY_TURN_COMPLEX and value.dtype.kind == "c":
        tape.careful = True
    node = Tensor()
    node.value, node.primitive, node.tape, node.operands = value, primitive, tape, operands
    node.params, node.adjoint = params, None
    tape.append(node)
    return node


def _taken(x: Any, tape: Tape, primitive: Primitive) -> Any:
    """Return a constant operand as the tape keeps it."""
    x = tape.constants.take(x, primitive.name)
    if type(x) is _ARRAY:
        tape.careful = tape.careful or x.dtype.kind == "c"
    elif type(x) not in NUMBERS:
        tape.careful = tape.careful or _is_complex(x)
    return x


def _is_complex(x: Any) -> bool:
    return bool(x.dtype.kind == "c") if hasattr(x, "dtype") else np.iscomplexobj(x)


def compute(primitive: Primitive, values: Sequence[Any], params: dict[str, Any] | None) -> Any:
    """Return the value of a primitive; the error of a mismatch names the arguments."""
    try:
        return primitive.function(*values, **params) if params else primitive.function(*values)
    except (TraceEnded, np.linalg.LinAlgError):
        raise
    except ValueError as error:
        raise explained(primitive, values, error) from error


def node_of(
    value: Any,
    tape: Tape,
    primitive: Primitive | None = None,
    operands: tuple[Any, ...] = (),
    params: dict[str, Any] | None = None,
) -> Tensor:
    """Return a new tensor, which is not on its tape yet."""
    node = Tensor()
    node.value, node.tape, node.primitive = value, tape, primitive
    node.operands, node.params, node.adjoint = operands, params, None
    return node


def leaf(tape: Tape, value: Any) -> Tensor:
    """Return a new tensor that holds an input of a trace."""
    node = node_of(value, tape)
    tape.append(node)
    if primal(value).dtype.kind == "c":
        tape.careful = True
    return node


def assembled(elements: Any) -> Any:
    """Return one tensor of what an array of objects holds: tensors and numbers."""
    objects = np.asarray(elements)
    if objects.dtype != object:
        return objects
    items = tuple(objects.reshape(-1).tolist())
    wrong = [x for x in items if np.shape(x) != () or isinstance(x, str | bytes | None)]
    if wrong:
        raise TypeError(
            f"an array of objects that holds a {type(wrong[0]).__name__} of shape "
            f"{np.shape(wrong[0])} arrived beside tensors; numbers and tensors of shape () can be "
            "put together: use np.stack or np.concatenate for arrays"
        )
    if not any([type(x) is Tensor for x in items]):
        return np.array(items).reshape(objects.shape)
    return record(PRIMITIVES["assemble"], items, {"shape": objects.shape})


def _gathered(x: Any, always: bool = False) -> Any:
    """Return an argument, an array of objects or (in an operation) a sequence put together."""
    if type(x) is np.ndarray:
        return assembled(x) if x.dtype == object else x
    if always and isinstance(x, list | tuple):
        return assembled(x)
    return adapted(x) if ADAPTERS else x


def _unusual(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the result of a universal function that is called in a less common way."""
    module = "np" if getattr(np, ufunc.__name__, None) is ufunc else "scipy.special"
    name = f"{module}.{ufunc.__name__}"
    inputs = tuple(map(_gathered, inputs))
    if "out" in kwargs:
        raise refused_ufunc_arguments(ufunc, kwargs)
    if method != "__call__":
        answer = UFUNC_METHODS.get((ufunc, method))
        if answer is None:
            raise no_rule(f"{name}.{method}", (ufunc, method))
        return answer(*inputs, **kwargs)
    if kwargs:
        raise refused_ufunc_arguments(ufunc, kwargs)
    if ufunc not in UFUNCS and ufunc not in TUPLES:
        for library, rules in LATE_RULES.items():
            if library in sys.modules:
                import_module(rules)
    if ufunc in TUPLES:
        return TUPLES[ufunc](*inputs)
    if ufunc not in UFUNCS:
        raise no_rule(name, ufunc)
    return record(UFUNCS[ufunc], inputs)
