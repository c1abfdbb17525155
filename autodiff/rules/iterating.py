"""The stand-in for ``np.nditer``, which knows plain memory only, in the copy of a function.

NumPy's own iterator goes through the places, in the order of memory; what is at a place of a tensor
is a view of it, as in NumPy.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from autodiff.core.batched import innermost
from autodiff.core.primitive import Array
from autodiff.core.tensor import Tensor
from autodiff.errors import Undifferentiable

__all__ = ["nditer", "nested_iters"]

#: What says how NumPy holds elements, of which a tensor has no need; and what it is asked for.
_WITHOUT_EFFECT = frozenset(
    ["buffered", "copy_if_overlap", "delay_bufalloc", "grow_inner", "refs_ok", "external_loop"]
)
_OF_PLACES = frozenset(["c_index", "f_index", "multi_index", "zerosize_ok"])
_INSTEAD = (
    "go through the places with np.ndindex and write into an array made before, or use NumPy's "
    "functions of whole arrays"
)


def nditer(op: Any, flags: Any = None, op_flags: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Return an iterator over elements, as ``np.nditer``."""
    operands = op if isinstance(op, list | tuple) else [op]
    if not any([type(x) is Tensor for x in operands]):
        return np.nditer(op, flags or [], op_flags, *args, **kwargs)
    flags = {flags} if isinstance(flags, str) else set(flags or ())
    order = kwargs.pop("order", "K")
    kept = {name: x for name, x in kwargs.items() if name != "casting" and x}
    odd = [*sorted(flags - _WITHOUT_EFFECT - _OF_PLACES), *kept, *map(str, args)]
    if odd or any([x is None for x in operands]):
        what = ", ".join(odd) or "an operand that is None, for which it makes an array,"
        raise Undifferentiable(f"np.nditer: {what} is not supported on tensors: {_INSTEAD}")
    return _Elements(operands, isinstance(op, list | tuple), flags, order)


def nested_iters(op: Any, axes: Any, *args: Any, **kwargs: Any) -> Any:
    """Return iterators within each other, as ``np.nested_iters``: of plain arrays."""
    if any([type(x) is Tensor for x in (op if isinstance(op, list | tuple) else [op])]):
        raise Undifferentiable(f"np.nested_iters is not supported on tensors: {_INSTEAD}")
    return np.nested_iters(op, axes, *args, **kwargs)


class _Elements:
    """The elements of tensors that are broadcast together, one place after the other."""

    def __init__(self, operands: Any, several: bool, flags: set[str], order: Any) -> None:
        arrays = [x if type(x) is Tensor else np.asarray(x) for x in operands]
        inside: list[Any] = [*((flags & _OF_PLACES) | {"multi_index"})]
        self._places: Any = np.nditer([*map(_layout, arrays)], inside, order=order)
        shape = self._places.shape
        self.operands = tuple(
            [x if np.shape(x) == shape else np.broadcast_to(x, shape) for x in arrays]
        )
        self._several = several
        self._together = "external_loop" in flags

    def __getattr__(self, name: str) -> Any:
        return getattr(self._places, name)

    def __getitem__(self, number: int) -> Array:
        return self.operands[number][(*self._places.multi_index, ...)]

    def __setitem__(self, number: int, value: Any) -> None:
        self.operands[number][self._places.multi_index] = value

    @property
    def value(self) -> Any:
        """The elements of the present place."""
        found = tuple([self[i] for i in range(len(self.operands))])
        return found if self._several else found[0]

    def __iter__(self) -> Iterator[Any]:
        if self._together:
            found = tuple([np.ravel(x) for x in self.operands])
            yield found if self._several else found[0]
            return
        while not self._places.finished:
            yield self.value
            self._places.iternext()

    def __enter__(self) -> "_Elements":
        return self

    def __exit__(self, *error: object) -> None:
        self._places.close()


def _layout(x: Array) -> Array:
    """Return an array that lies in memory as a value does."""
    plain = innermost(x)
    alike = isinstance(plain, np.ndarray) and plain.shape == np.shape(x)
    return plain if alike else np.empty(np.shape(x))
