"""Conversions of a tensor to plain numbers, text, arrays and copies.

Most would lose the derivative, and say what to write instead.
"""

import copy
import operator
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import numpy as np

from autodiff.core.messages import complex_objects
from autodiff.errors import LostDerivative

__all__ = ["Conversions", "plain_value"]

_Decision = TypeVar("_Decision")


class Conversions:
    """Conversions that Python and NumPy ask a tensor for."""

    __slots__ = ()

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> Any:
        """Return an array of objects, one tensor for each element, which can be put together again.

        NumPy asks for it where it does not dispatch: ``np.array([t, u])``, ``np.asarray(t)``.
        """
        caller = sys._getframe(1)
        if caller.f_code.co_name == "_matmul_dispatch" and _is_sparse(caller.f_globals):
            # A sparse matrix leaves the product to what is not to be taken for an array.
            alone = np.empty((), object)
            alone[()] = self
            return alone
        if self.tape.batch is not None and self.dtype.kind in "biu":
            raise LostDerivative(
                "vmap: a mask or position that differs between the elements of the batch cannot "
                "become a plain array, such as the index of one: map over the array too, with "
                "np.broadcast_to(array, (n, *array.shape)), or use np.where"
            )
        if self.dtype.kind in "biu":
            if self.tape.known and self.primitive is not None:
                return _plain_array(self, dtype)
            raise LostDerivative(
                "a mask or position that is computed from tensors cannot become a plain array, "
                "such as the index of one: make the array it indexes an argument of the traced "
                "function, or use np.where"
            )
        if dtype is not None and np.dtype(dtype) != object:
            raise LostDerivative(
                f"an array of dtype {np.dtype(dtype)} made of a tensor would lose its derivative: "
                "use the tensor itself, np.stack([...]) to build an array from several, or "
                "np.array([...]) without a dtype"
            )
        if self.dtype.kind == "c":
            raise complex_objects()
        self.tape.scattered = True
        elements = np.empty(self.shape, object)
        for place in np.ndindex(self.shape):
            elements[place] = self[place] if place else self
        # What is written into ``np.asarray(t)`` would be written into ``t``, were it an array.
        elements.flags.writeable = bool(copy)
        return elements

    def __float__(self: Any) -> float:
        if self.tape.known:
            return plain_value(self, float(self.value))
        raise LostDerivative(
            "float() of a tensor would lose its derivative: use the tensor itself; np.exp, "
            "np.sin, ... instead of math.exp, math.sin, ...; np.stack instead of assigning into "
            "a plain array"
        )

    def __int__(self: Any) -> int:
        if self.tape.known:
            return int(plain_value(self, self.value.item()))
        raise LostDerivative("int() of a tensor would lose its derivative: use np.floor")

    __trunc__ = __int__

    def __complex__(self: Any) -> complex:
        if self.tape.known:
            return plain_value(self, complex(self.value))
        raise LostDerivative("complex() of a tensor would lose its derivative: use the tensor")

    def __format__(self: Any, specification: str) -> str:
        """Return text, as of the value: for people, who take no derivative of it."""
        return _Text(format(self.value, specification))

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
            raise LostDerivative("pickling a tensor would lose its derivative: use the tensor")
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


class _Text(str):
    """Text of a tensor, which cannot become a number again: that would lose the derivative."""

    __slots__ = ()

    def __float__(self) -> NoReturn:
        raise LostDerivative(
            "float() of the text of a tensor would lose its derivative: use the tensor itself, "
            "np.round to round it"
        )

    __int__ = __complex__ = __float__
