"""The signatures of the steps of a loop on arrays, and arrays whose rows they take."""

from collections import Counter
from collections.abc import Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, node_of
from autodiff.plan.operations import is_basic_index
from autodiff.rules.indexing import GETITEM
from autodiff.rules.joining import CONCATENATE
from autodiff.rules.shape import RESHAPE, TRANSPOSE

__all__ = [
    *("UNKNOWN", "are_rows", "is_strong", "kind_of_operand", "may_repeat", "signature", "stacked"),
    "taken_first",
]

_PLAIN = (bool, int, float, complex, str, type(None), EllipsisType, np.generic, np.dtype)
#: Elements from which a step stays by itself: fresh memory in each iteration, and whole arrays in
#: place of tiles, take longer than the shorter source gains.
_LARGE = 1 << 15
_WEAK = (bool, int, float, complex)
_STRONG = {np.dtype(float), np.dtype(complex)}
_ARRAYS = (np.ndarray, np.generic)
#: The kind of an operand of which nothing is known.
UNKNOWN = "unknown"


def signature(x: Tensor) -> Any:
    """Return a signature that is equal for steps that do the same, or None."""
    params, value = x.params, x.value
    if not isinstance(value, _ARRAYS):
        return None
    if params is None:
        return id(x.primitive), value.shape, value.dtype, len(x.operands)
    try:
        return id(x.primitive), value.shape, value.dtype, len(x.operands), _frozen(params)
    except TypeError:
        return None


def is_strong(value: Any) -> bool:
    """Return whether numbers of Python's have no other type than the result of a step."""
    return getattr(value, "dtype", None) in _STRONG


def kind_of_operand(x: Any, strong: bool, tape: Tape) -> Any:
    """Return a signature that is equal for operands of the same kind."""
    if type(x) is Tensor:
        own = x.value
        known = x.tape is tape and isinstance(own, _ARRAYS)
        return (own.shape, own.dtype) if known else UNKNOWN
    kind = type(x)
    if kind in _WEAK:
        # In an array it would impose its type on all but these.
        return kind if strong else (kind, repr(x))
    return kind, getattr(x, "shape", ()), getattr(x, "dtype", None)


def may_repeat(x: Tensor) -> bool:
    """Return whether a step may be one of a loop."""
    primitive, value = x.primitive, x.value
    return primitive is not None and isinstance(value, _ARRAYS) and value.size < _LARGE


def _frozen(value: Any) -> Any:
    """Return something hashable that is equal for equal parameters only, or raise TypeError."""
    if isinstance(value, dict):
        return tuple((key, _frozen(x)) for key, x in value.items())
    if isinstance(value, tuple | list):
        return (type(value), *map(_frozen, value))
    if isinstance(value, slice):
        return (slice, _frozen(value.start), _frozen(value.stop), _frozen(value.step))
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiubc":
        return (np.ndarray, value.dtype, value.shape, value.tobytes())
    if isinstance(value, _PLAIN):
        # Text, since 0.0 is not -0.0 and NaN is NaN.
        return type(value), repr(value)
    raise TypeError


def taken_first(nodes: Sequence[Tensor], many: int) -> tuple[list[Tensor], set[int]]:
    """Return nodes with the many elements that are taken of an array right after that array.

    Steps that take theirs themselves are then as those that got them from a list. The identities
    of these elements are returned too.
    """
    takes = [
        x
        for x in nodes
        if x.primitive is GETITEM
        and len(x.operands) == 1
        and type(x.operands[0]) is Tensor
        and _has_number(x.params["index"])  # type: ignore[index]
    ]
    counts = Counter([id(x.operands[0]) for x in takes])
    moved = [x for x in takes if counts[id(x.operands[0])] > many]
    if not moved:
        return list(nodes), set()
    taken = set(map(id, moved))
    known = set(map(id, nodes))
    following: dict[int, list[Tensor]] = {}
    ordered: list[Tensor] = []
    for x in moved:
        source = id(x.operands[0])
        if source in known:
            following.setdefault(source, []).append(x)
        else:
            ordered.append(x)
    stack = [x for x in reversed(nodes) if id(x) not in taken]
    stack += reversed(ordered)
    ordered = []
    while stack:
        x = stack.pop()
        ordered.append(x)
        stack += reversed(following.get(id(x), ()))
    return ordered, taken


def _has_number(index: Any) -> bool:
    if type(index) is int:
        return True
    parts = index if isinstance(index, tuple) else (index,)
    return is_basic_index(index) and any(isinstance(i, int | np.integer) for i in parts)


def stacked(items: Sequence[Any], tape: Tape, made: list[Tensor]) -> tuple[Any, bool]:
    """Return the array that has items as its rows, or the item if all are the same, and whether.

    The nodes that make it are added to others.
    """
    first = items[0]
    if type(first) is not Tensor:
        values = [np.asarray(x) for x in items]
        octets = values[0].tobytes()
        if all(x.tobytes() == octets for x in values[1:]):
            return first, True
        return np.stack(values), False
    if all(x is first for x in items):
        return first, True
    rows = _rows(items)
    if rows is not None:
        index, axis, same = rows
        if same:
            return first, True
        source = first.operands[0]
        made.append(node_of(source.value[index], tape, GETITEM, (source,), {"index": index}))
        if axis:
            axes = (axis, *(i for i in range(made[-1].value.ndim) if i != axis))
            value = made[-1].value.transpose(axes)
            made.append(node_of(value, tape, TRANSPOSE, (made[-1],), {"axes": axes}))
        return made[-1], False
    parts = []
    for x in items:
        shape = (1, *x.value.shape)
        parts.append(node_of(np.reshape(x.value, shape), tape, RESHAPE, (x,), {"shape": shape}))
    value = np.concatenate([x.value for x in parts])
    made += parts
    made.append(node_of(value, tape, CONCATENATE, tuple(parts), {"axis": 0}))
    return made[-1], False


def are_rows(items: Sequence[Any]) -> bool:
    """Return whether the array that has items as its rows is there, or is made of constants."""
    return type(items[0]) is not Tensor or _rows(items) is not None


def _rows(items: Sequence[Tensor]) -> tuple[Any, int, bool] | None:
    """Return how items are taken of one array in steps of one axis, if they are.

    That is an index that takes all of them, the axis along which they then lie, and whether all are
    the same one.
    """
    first = items[0]
    indices = []
    for x in items:
        if x.primitive is not GETITEM or len(x.operands) != 1:
            return None
        if x.operands[0] is not first.operands[0]:
            return None
        index = x.params["index"]  # type: ignore[index]
        if not is_basic_index(index):
            return None
        indices.append(index if isinstance(index, tuple) else (index,))
    template = indices[0]
    if any(len(index) != len(template) for index in indices):
        return None
    changing = [
        i for i, part in enumerate(template) if any(index[i] != part for index in indices[1:])
    ]
    if not changing:
        return template, 0, True
    if len(changing) > 1 or None in template or Ellipsis in template:
        return None
    (place,) = changing
    numbers = [index[place] for index in indices]
    if not all(isinstance(i, int | np.integer) for i in numbers):
        return None
    length = first.operands[0].value.shape[place]
    begin, second = int(numbers[0]) % length, int(numbers[1]) % length
    step = second - begin
    if any(int(i) % length != begin + k * step for k, i in enumerate(numbers)):
        return None
    end: int | None = begin + step * len(numbers)
    part = slice(begin, None if end is not None and end < 0 else end, step)
    axis = sum(isinstance(i, slice) for i in template[:place])
    return (*template[:place], part, *template[place + 1 :]), axis, False
