"""Conversions of a tensor to plain numbers, text, arrays and copies.

Most would lose the derivative, and say what to write instead.
"""

import copy
import operator
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import numpy as np

from autodiff.core.batched import Batched
from autodiff.core.messages import complex_objects
from autodiff.core.users import is_foreign

__all__ = ["PYTHON_NUMBER", "Conversions", "plain_value", "text_of", "type_of"]

#: Parameters of the inputs that were numbers of Python's, not NumPy's.
PYTHON_NUMBER: dict[str, Any] = {}

#: Names of the modules that are told the type of a tensor.
_BESIDE = ("autodiff.", "scipy.sparse.", "dask.array.", "sparse.")
_Decision = TypeVar("_Decision")


def type_of(tensor: Any) -> type:
    """Return the type of what a tensor stands for."""
    value, batched = tensor.value, False
    while type(value) is Batched or hasattr(value, "operands"):
        batched = batched or type(value) is Batched
        value = value.array if type(value) is Batched else value.value
    dtype = getattr(value, "dtype", None)
    if tensor.tape.ended or dtype is None or dtype.kind not in "fciub":
        return type(tensor)
    if tensor.params is PYTHON_NUMBER:
        return float if dtype.kind == "f" else complex
    # Of a batch the value has an axis more than the element.
    return dtype.type if batched and not tensor.shape else type(value)


class Conversions:
    """Conversions that Python and NumPy ask a tensor for."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self: Any) -> Any:
        """The type of what a tensor of real or complex numbers stands for, to all but this package.

        And but the libraries whose arrays leave an operation to what they do not take for a plain
        array: Dask would put the tensor into its graph, and the derivative would be lost.

        `isinstance`, `match` and `functools.singledispatch` ask for it, and so take the way that
        they take without a derivative.
        """
        asking = str(sys._getframe(1).f_globals.get("__name__"))
        if asking.startswith(_BESIDE):
            return type(self)
        if is_foreign(asking):
            self.tape.mark("classes")
        return type_of(self)

    def _now(self: Any) -> Any:
        """Return the present content of the tensor: itself, another, or a plain array."""
        stores = self.tape.stores
        return self if stores is None else stores.current(self)

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> Any:
        """Return an array of objects, one tensor for each element, which can be put together again.

        NumPy asks for it where it does not dispatch: ``np.array([t, u])``, ``np.asarray(t)``.
        """
        now = self._now()
        if type(now) is not type(self):
            return np.array(now, dtype, copy=copy)
        caller = sys._getframe(1)
        if caller.f_code.co_name == "_matmul_dispatch" and _is_sparse(caller.f_globals):
            # A sparse matrix leaves the product to what is not to be taken for an array.
            alone = np.empty((), object)
            alone[()] = self
            return alone
        if self.tape.batch is not None and self.dtype.kind in "biu":
            raise self.tape.refused(
                "vmap: a mask or position that differs between the elements of the batch cannot "
                "become a plain array, such as the index of one: map over the array too, with "
                "np.broadcast_to(array, (n, *array.shape)), or use np.where"
            )
        if self.dtype.kind in "biu":
            if self.tape.known and self.primitive is not None:
                return _plain_array(self, dtype)
            raise self.tape.refused(
                "a mask or position that is computed from tensors cannot become a plain array, "
                "such as the index of one: make the array it indexes an argument of the traced "
                "function, or use np.where"
            )
        if dtype is not None and np.dtype(dtype) != object:
            raise self.tape.refused(
                f"an array of dtype {np.dtype(dtype)} made of a tensor would lose its derivative: "
                "use the tensor itself, np.stack([...]) to build an array from several, or "
                "np.array([...]) without a dtype"
            )
        if self.dtype.kind == "c":
            raise complex_objects()
        if self.tape.stores is None and not self.tape.ended:
            # In the second attempt ``np.asarray(t)`` is the tensor itself.
            raise self.tape.refused(
                "a plain array made of a tensor would lose its derivative: use the tensor itself, "
                "np.stack or np.concatenate to build arrays of tensors"
            )
        self.tape.scattered = True
        elements = np.empty(self.shape, object)
        for place in np.ndindex(self.shape):
            elements[place] = self[place] if place else self
        # What is written into ``np.asarray(t)`` would be written into ``t``, were it an array.
        elements.flags.writeable = bool(copy)
        return elements

    def __float__(self: Any) -> float:
        now = self._now()
        if type(now) is not type(self):
            return float(now)
        if self.tape.known:
            return plain_value(self, float(self.value))
        raise self.tape.refused(
            "float() of a tensor would lose its derivative: use the tensor itself; np.exp, "
            "np.sin, ... instead of math.exp, math.sin, ...; np.stack instead of assigning into "
            "a plain array"
        )

    def __int__(self: Any) -> int:
        if self.tape.known:
            return int(plain_value(self, self.value.item()))
        raise self.tape.refused(
            "int() of a tensor would lose its derivative, as an array of integers would into which "
            "one is written: use np.floor, and arrays of floating-point numbers"
        )

    __trunc__ = __int__

    def __complex__(self: Any) -> complex:
        if self.tape.known:
            return plain_value(self, complex(self.value))
        raise self.tape.refused("complex() of a tensor would lose its derivative: use the tensor")

    def __str__(self: Any) -> str:
        """Return text, of a plain array that which NumPy has for it."""
        now = self._now()
        return repr(self) if type(now) is type(self) else str(now)

    def __format__(self: Any, specification: str) -> str:
        """Return text, as of the value: for people, who take no derivative of it."""
        now = self._now()
        if type(now) is not type(self):
            return str(format(now, specification))
        text: str = _Text(self.tape, format(now.value, specification))
        return text

    def __bool__(self) -> bool:
        return _decided(self, "bool", bool)

    def __index__(self: Any) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"a tensor of dtype {self.dtype} cannot be an index: integers can")
        return _decided(self, "index", operator.index)

    # Copies. One that is not on the tape would take no part in the derivative.

    def __copy__(self: Any) -> Any:
        return self if self.tape.ended else np.copy(self)

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Any:
        if not self.tape.ended:
            return np.copy(self)
        # The node of a graph, whose copy has nodes of its own.
        memo[id(self)] = twin = object.__new__(type(self))
        for name in self.__slots__:
            setattr(twin, name, copy.deepcopy(getattr(self, name), memo))
        return twin

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        if not self.tape.ended:
            # Dask pickles what it puts into a graph, and goes on where that fails.
            raise self.tape.refused(
                "pickling a tensor would lose its derivative, as its way into a graph of Dask's "
                "would: use the tensor, and functions of NumPy in place of Dask's own"
            )
        return super().__reduce_ex__(protocol)


def _is_sparse(names: dict[str, Any]) -> bool:
    return str(names.get("__name__", "")).startswith("scipy.sparse.")


def _decided(tensor: Any, what: str, convert: Callable[[Any], _Decision]) -> _Decision:
    """Convert the value to decide Python's control flow, and guard the decision."""
    outcome = convert(tensor.value)
    if tensor.tape.replayable:
        tensor.tape.guards.append((tensor, what, outcome))
    return outcome


def plain_value(tensor: Any, value: _Decision) -> _Decision:
    """Return the value of a tensor that nobody differentiates as a plain one, and guard it."""
    tensor.tape.guards.append((tensor, "value", np.asarray(tensor.value).tobytes()))
    return value


def _plain_array(tensor: Any, dtype: Any) -> Any:
    return np.array(plain_value(tensor, tensor.value), dtype)


#: Follows each digit of the text of a tensor: nobody sees it, and no number is read from it.
_JOINER = "\u2060"
_DIGITS = re.compile(r"(?<=[0-9])")


def text_of(tensor: Any, text: str) -> str:
    """Return text of a tensor, from which no number can be read while derivatives are taken."""
    if tensor.tape.ended or type(tensor._now()) is not type(tensor):
        return text
    tensor.tape.mark("text")
    return _DIGITS.sub(_JOINER, text)


class _Text(str):
    """Text of a tensor, which cannot become a number again: that would lose the derivative."""

    _tape: Any
    _text: str

    def __new__(cls, tape: Any, text: str) -> Any:
        """Return the text with joiners; it is equal to the text without."""
        made = super().__new__(cls, _DIGITS.sub(_JOINER, text))
        made._tape, made._text = tape, text
        tape.mark("text")
        return made

    def __eq__(self, other: object) -> bool:
        return bool(self._text == (other._text if isinstance(other, _Text) else other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._text)

    def __float__(self) -> NoReturn:
        raise self._tape.refused(
            "float() of the text of a tensor would lose the derivative: use the tensor itself, "
            "np.round to round it"
        )

    __int__ = __complex__ = __float__
