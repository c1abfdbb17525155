"""The value of a tensor that stands for one element of a batch: all elements, side by side."""

import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from autodiff.errors import LostDerivative

__all__ = ["Batched", "buffer_id", "innermost", "owner_of"]


class Batched:
    """An array or tensor with the axis of the batch in front, which shape and type leave out."""

    __slots__ = ("array", "dtype", "shape")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape: tuple[int, ...] = array.shape[1:]
        self.dtype: np.dtype[Any] = array.dtype

    @property
    def ndim(self) -> int:
        """Number of axes of one element."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of numbers of one element."""
        return int(np.prod(self.shape, dtype=int))

    def __repr__(self) -> str:
        return f"{self.array.shape[0]} in a batch, each {self.dtype}{list(self.shape)}"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise LostDerivative(
            "vmap: a value of a batch cannot become a plain array: use NumPy functions of it"
        )

    def __bool__(self) -> bool:
        if self.size != 1:
            return bool(np.empty(self.shape, bool))
        truth = np.reshape(np.not_equal(self.array, 0), (-1,))
        return bool(self._agreed(truth, bool, "decides a branch (if, while)"))

    def __index__(self) -> int:
        return int(self._agreed(self.array, operator.index, "is used as a plain integer"))

    def _agreed(self, array: Any, convert: Callable[[Any], Any], what: str) -> Any:
        """Return the one value that all elements of the batch have."""
        if not array.shape[0]:
            raise ValueError(f"vmap: a value {what}, but the batch is empty")
        first = array[0]
        if not np.all(np.equal(array, first)):
            raise ValueError(
                f"vmap: a value that differs between the elements of the batch {what}: choose "
                "with np.where, take elements of plain arrays with np.take_along_axis, or call "
                "the function in a loop"
            )
        return convert(first)


def innermost(value: Any) -> Any:
    """Return the plain array below a value of tensors and batches, axes of batches in front."""
    while True:
        if type(value) is Batched:
            value = value.array
        elif hasattr(value, "operands"):
            value = value.value
        else:
            return value


def owner_of(array: Any) -> Any:
    """Return the array that owns the memory of an array and of all its views."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def buffer_id(x: Any) -> int | None:
    """Return the identity of the array that owns the buffer of a tensor and of all its views."""
    value = innermost(x)
    return id(owner_of(value)) if type(value) is np.ndarray else None
