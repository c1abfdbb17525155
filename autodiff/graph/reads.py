"""Reads: the cotangents of elements and slices of one array, put together once.

A loop that reads n elements one by one would else add n arrays of n elements.
"""

import math
from typing import Any

import numpy as np

from autodiff.core.tensor import Tensor, record
from autodiff.rules.assembly import ASSEMBLE
from autodiff.rules.indexing import GETITEM, SCATTER, composed, index_key

__all__ = ["Reads"]

#: Slices up to which each gets an array of its own, which plans compute in one go.
_FEW = 8
#: Elements of an array that is put together of numbers though few of them are read.
_SMALL = 16


class _Pending:
    """The cotangents that wait for one tensor: by index, the index and their sum."""

    __slots__ = ("latest", "parts", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, self.latest = tensor, tensor
        self.parts: dict[Any, tuple[Any, Any]] = {}


class Reads:
    """Cotangents that wait until all reads of a tensor have been met."""

    def __init__(self) -> None:
        #: By identity of the tensor that was read.
        self.pending: dict[int, _Pending] = {}

    def add(self, x: Tensor, index: Any, g: Any, node: Tensor | None = None) -> None:
        """Add the cotangent of what an index takes of a tensor, which `node` is."""
        waiting = self.pending.get(id(x))
        if waiting is None:
            waiting = self.pending[id(x)] = _Pending(x)
        key = index_key(index, x.value.shape)
        known = waiting.parts.get(key)
        waiting.parts[key] = (index, g if known is None else known[1] + g)
        waiting.latest = x if node is None else node

    def latest(self, x: Tensor) -> Tensor:
        """Return the node of the read of a tensor that was met last."""
        return self.pending[id(x)].latest

    def sources(self) -> list[Tensor]:
        """Return the tensors for which something waits."""
        return [waiting.tensor for waiting in self.pending.values()]

    def added(self, x: Tensor, known: Any, *, last: bool = False) -> Any:
        """Return the cotangent of a tensor with what waits for it, which waits no more.

        Elements of a row or slice go on to the array that it is of, unless the pass ends here.
        """
        parts = self.pending.pop(id(x)).parts
        shape: tuple[int, ...] = x.value.shape
        if x.primitive is GETITEM and len(x.operands) == 1 and not last:
            parts = self._handed_on(x, parts)
        numbers = {key: g for key, (_, g) in parts.items() if _is_place(key, len(shape))}
        others = [part for key, part in parts.items() if key not in numbers]
        size = math.prod(shape)
        if len(numbers) == 1 and size > _SMALL:
            others += [parts[key] for key in numbers]
        elif numbers:
            known = _sum(known, _of_numbers(numbers, shape, x.value.dtype))
        total = sum(math.prod(np.shape(g)) for _, g in others)
        if len(others) <= _FEW or 2 * total >= len(others) * size:
            for index, g in others:
                known = _sum(known, record(SCATTER, (g,), {"index": index, "shape": shape}))
            return known
        positions = np.arange(size).reshape(shape)
        places = np.concatenate([positions[index].reshape(-1) for index, _ in others])
        values = np.concatenate([np.reshape(g, (-1,)) for _, g in others])
        flat = record(SCATTER, (values,), {"index": (places,), "shape": (size,)})
        return _sum(known, np.reshape(flat, shape))

    def _handed_on(self, x: Tensor, parts: dict[Any, Any]) -> dict[Any, Any]:
        """Hand the elements of a row or slice to the array that it is of; return what is left."""
        source, left = x.operands[0], {}
        assert x.params is not None
        for key, (index, g) in parts.items():
            place = None
            if _is_place(key, x.value.ndim):
                place = composed(x.params["index"], key, source.value.shape)
            if place is None:
                left[key] = index, g
            else:
                self.add(source, place, g)
        return left


def _sum(known: Any, x_bar: Any) -> Any:
    return x_bar if known is None else known + x_bar


def _of_numbers(numbers: dict[Any, Any], shape: tuple[int, ...], dtype: Any) -> Any:
    """Return an array of cotangents of elements, each of its own place; of others zero."""
    size = math.prod(shape)
    if size > 4 * len(numbers) + _SMALL:
        values = record(ASSEMBLE, tuple(numbers.values()), {"shape": (len(numbers),)})
        places = tuple(np.array(axis) for axis in zip(*numbers, strict=True))
        return record(SCATTER, (values,), {"index": places, "shape": shape})
    zero = np.zeros((), dtype)[()]
    items = tuple([numbers.get(place, zero) for place in np.ndindex(*shape)])
    return record(ASSEMBLE, items, {"shape": shape})


def _is_place(key: Any, ndim: int) -> bool:
    """Return whether the key of an index is the place of one element."""
    return len(key) == ndim and all([type(i) is int for i in key])
