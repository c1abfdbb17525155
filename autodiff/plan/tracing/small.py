"""Small arrays that are put together from numbers, taken apart into these again.

A solver of three equations puts three numbers into an array, adds arrays, and reads three numbers.
As steps on numbers alone all of that is a loop on numbers: in Python a tenth of the time.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.core.primitive import PRIMITIVES
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, node_of
from autodiff.plan.operations import is_basic_index, runs_on_numbers

__all__ = ["Apart"]

_FLOAT = np.dtype(float)
_NUMBERS = (_FLOAT, np.dtype(np.int64))
#: Elements up to which steps on each take less time than one on the array.
_MOST = 8
#: Arrays put together from which it is looked whether they are those of a loop.
_FEWEST = 32
_ASSEMBLE, _GETITEM = PRIMITIVES["assemble"], PRIMITIVES["getitem"]
_ADD, _SUM = PRIMITIVES["add"], PRIMITIVES["sum"]
#: What only puts elements to other places.
_PLACING = frozenset(
    PRIMITIVES[name] for name in ("getitem", "reshape", "transpose", "concatenate", "broadcast_to")
)


class Apart:
    """The steps of a trace with small arrays as their elements, until they are put back."""

    def __init__(self, tape: Tape, nodes: Sequence[Tensor], kept: Sequence[Any]) -> None:
        self._tape = tape
        self._held = {*map(id, kept), *(id(guard[0]) for guard in tape.guards)}
        #: By identity of an array: its elements; of a number that was read: that element.
        self._elements: dict[int, list[Any]] = {}
        self._read: dict[int, Any] = {}
        #: Arrays that are put together after all, and what has become of steps.
        self._whole: set[int] = set()
        self._before: list[tuple[Tensor, Any, Any, Any]] = []
        self.steps: list[Tensor] = []
        if sum(x.primitive is _ASSEMBLE and x.value.size <= _MOST for x in nodes) < _FEWEST:
            self.steps = list(nodes)
            return
        for x in nodes:
            self._take(x)

    @property
    def changed(self) -> bool:
        """Whether there are such arrays."""
        return bool(self._elements)

    def put_back(self) -> None:
        """Let the steps of the trace be what they were."""
        for x, *before in reversed(self._before):
            x.primitive, x.operands, x.params = before

    def _take(self, x: Tensor) -> None:
        """Add a step, or the steps on elements in its place."""
        found = self._elements_of(x)
        if found is None:
            self._become(x, x.primitive, tuple([self._now(y) for y in x.operands]), x.params)
            self.steps.append(x)
        elif isinstance(x.value, np.ndarray):
            self._elements[id(x)] = found
            if id(x) in self._held:
                self._put_together(x)
        else:
            self._read[id(x)] = found[0]

    def _become(self, x: Tensor, primitive: Any, operands: Any, params: Any) -> None:
        same = all([new is old for new, old in zip(operands, x.operands, strict=False)])
        if primitive is not x.primitive or not same:
            self._before.append((x, x.primitive, x.operands, x.params))
            x.primitive, x.operands, x.params = primitive, operands, params

    def _now(self, x: Any) -> Any:
        """Return the present form of an operand: an element, or an array that is put together."""
        if type(x) is not Tensor:
            return x
        if id(x) in self._read:
            return self._read[id(x)]
        if id(x) in self._elements:
            self._put_together(x)
        return x

    def _put_together(self, x: Tensor) -> None:
        if id(x) not in self._whole:
            self._whole.add(id(x))
            elements = tuple(self._elements[id(x)])
            self._become(x, _ASSEMBLE, elements, {"shape": x.value.shape})
            self.steps.append(x)

    def _elements_of(self, x: Tensor) -> list[Any] | None:
        """Return the elements of the result of a step; None if it stays one."""
        value, primitive, operands = x.value, x.primitive, x.operands
        if getattr(value, "dtype", None) != _FLOAT or value.size > _MOST or primitive is None:
            return None
        if primitive is _ASSEMBLE:
            items = [self._number(self._now(y)) for y in operands]
            return None if any([item is None for item in items]) or not items else items
        if not any([id(y) in self._elements for y in operands]):
            return None
        if primitive is _SUM:
            return self._added(x)
        if primitive in _PLACING:
            return self._placed(x)
        if primitive.kind != "elementwise" or x.params or not runs_on_numbers(primitive):
            return None
        columns = [self._column(y, value.shape) for y in operands]
        if any([column is None for column in columns]) or not value.shape:
            return None
        found = []
        for number, each in zip(value.reshape(-1), zip(*columns, strict=True), strict=True):
            found.append(node_of(number, self._tape, primitive, each))
        self.steps += found
        return found

    def _number(self, x: Any) -> Any:
        """Return a real number as an operand; None if it is none."""
        if type(x) is Tensor:
            return x if type(x.value) is np.float64 else None
        if isinstance(x, np.ndarray | np.generic):
            return float(x) if not x.shape and x.dtype in _NUMBERS else None
        return float(x) if type(x) in (int, float) else None

    def _column(self, x: Any, shape: tuple[int, ...]) -> list[Any] | None:
        """Return for each element of a result the operand it is made of."""
        number = self._number(self._read.get(id(x), x))
        if number is not None:
            return [number] * int(np.prod(shape))
        elements = self._parts(x)
        if elements is None:
            return None
        places = np.arange(len(elements)).reshape(np.shape(_value(x)))
        return [elements[i] for i in np.broadcast_to(places, shape).flat]

    def _parts(self, x: Any) -> list[Any] | None:
        """Return the elements of an array, read from one that is none of these."""
        value = _value(x)
        if type(value) is not np.ndarray or value.dtype != _FLOAT or value.size > _MOST:
            return None
        if type(x) is not Tensor:
            return list(value.reshape(-1).tolist())
        if id(x) not in self._elements:
            reads = [
                node_of(value[place], self._tape, _GETITEM, (x,), {"index": place})
                for place in np.ndindex(*value.shape)
            ]
            self.steps += reads
            return reads
        return self._elements[id(x)]

    def _placed(self, x: Tensor) -> list[Any] | None:
        """Return the elements of an array that has those of others."""
        primitive, params = x.primitive, x.params or {}
        assert primitive is not None
        if id(x) in self._held and not x.value.shape:
            return None
        if primitive is _GETITEM and not (len(x.operands) == 1 and is_basic_index(params["index"])):
            return None
        parts = [self._parts(y) for y in x.operands]
        elements: list[Any] = []
        places = []
        for y, part in zip(x.operands, parts, strict=True):
            if part is None:
                return None
            own = np.arange(len(elements), len(elements) + len(part))
            places.append(own.reshape(np.shape(_value(y))))
            elements += part
        return [elements[i] for i in np.ravel(primitive.function(*places, **params))]

    def _added(self, x: Tensor) -> list[Any] | None:
        """Let the sum of an array be one of numbers: the step itself is the last addition."""
        elements = self._elements[id(x.operands[0])]
        if x.value.shape or len(elements) < 2 or set(x.params or {}) - {"axis", "keepdims"}:
            return None
        total, *others, last = elements
        for other in others:
            value = np.float64(_value(total) + _value(other))
            total = node_of(value, self._tape, _ADD, (total, other))
            self.steps.append(total)
        self._become(x, _ADD, (total, last), None)
        return None


def _value(x: Any) -> Any:
    return x.value if type(x) is Tensor else x
