"""Building a program: each distinct node once, in the shortest form that is known of it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.primitive import PRIMITIVES
from autodiff.plan.operations import OPERATIONS
from autodiff.plan.program import CONSTANT, Node, constant, is_number

__all__ = ["REWRITES", "Builder", "Rewrite", "rewrites"]

_FLOAT = np.dtype(float)
#: Bytes up to which what comes of small constants is kept in their place.
_LARGEST = 1 << 16
#: ``rewrite(builder, args, params, shape, dtype)`` returns the node to use instead, or None.
Rewrite = Callable[..., Node | None]
#: The rewrite of each operation that has one.
REWRITES: dict[str, Rewrite] = {}


def rewrites(*ops: str) -> Callable[[Rewrite], Rewrite]:
    """Return a decorator that registers the rewrite of operations."""

    def register(rewrite: Rewrite) -> Rewrite:
        for op in ops:
            REWRITES[op] = rewrite
        return rewrite

    return register


class Builder:
    """Makes the nodes of a program, each distinct one once.

    Examples
    --------
    >>> builder = Builder()
    >>> x = Node("input", (), {}, (3,), np.dtype(float))
    >>> y = builder.ufunc(np.exp, x)
    >>> builder.ufunc(np.exp, x) is y
    True
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[Any, Node] = {}
        self._arrays: dict[int, tuple[Any, Node]] = {}

    def number(self, value: Any, shape: tuple[int, ...] = ()) -> Node:
        """Return the node of a number, or of an array of that number."""
        key: Any
        if type(value) is float:
            # Text, since 0.0 is not -0.0 and NaN is NaN.
            key = (CONSTANT, repr(value), shape)
        else:
            key = (CONSTANT, np.result_type(value), shape, np.asarray(value).tobytes(), type(value))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = constant(value, shape)
        return known

    def constant(self, value: Any) -> Node:
        """Return the node of a constant operand."""
        if not isinstance(value, np.ndarray):
            return self.number(value, () if type(value) is float else np.shape(value))
        known = self._arrays.get(id(value))
        if known is None:
            # The array is held, so that no other gets its identity.
            node = constant(value)
            if not isinstance(node.function, np.ndarray):
                node = self.number(node.function, node.shape) if node.dtype == _FLOAT else node
            self._arrays[id(value)] = known = (value, node)
        return known[1]

    def ufunc(self, function: np.ufunc, *args: Node) -> Node:
        """Return the node of a universal function of operands of one data type."""
        shape = np.broadcast_shapes(*[x.shape for x in args])
        dtype = args[0].dtype if len(args) == 1 else np.result_type(*[x.dtype for x in args])
        return self.make(function.__name__, args, {}, shape, dtype, function)

    def make(
        self,
        op: str,
        args: Sequence[Node],
        params: dict[str, Any],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        function: Any,
    ) -> Node:
        """Return the node of an operation, in the shortest form that is known of it."""
        args = tuple(args)
        row = OPERATIONS.get(op)
        if row is not None and row.broadcasts:
            args = _unrepeated(self, args, shape, dtype)
        rewrite = REWRITES.get(op)
        if rewrite is not None:
            found = rewrite(self, args, params, shape, dtype)
            if found is not None:
                assert found.shape == shape, (op, found, shape)
                assert found.dtype == dtype, (op, found, dtype)
                return found
        if args and all([x.op == CONSTANT for x in args]):
            value = _evaluated(op, args, params, shape, dtype, function)
            if value is not None:
                return self.constant(value) if value.shape else self.number(value[()])
        identities = tuple(map(id, args))
        if row is not None and row.commutes:
            identities = tuple(sorted(identities))
        # Functions of users may share a name, which says nothing of what they compute.
        own = id(function) if row is None else None
        key = (op, own, identities, _frozen(params) if params else ())
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = Node(op, args, params, shape, dtype, function)
            self.nodes.append(known)
        return known


def _evaluated(
    op: str,
    args: tuple[Node, ...],
    params: dict[str, Any],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    function: Any,
) -> Any:
    """Return the value of an operation on constants, as an array that nobody else holds.

    None if it is large where its operands are not, or of a function that may depend on more.
    """
    known = PRIMITIVES.get(op)
    if not isinstance(function, np.ufunc) and (known is None or known.function is not function):
        return None
    held = sum(x.nbytes for x in args if isinstance(x.function, np.ndarray))
    if math.prod(shape) * dtype.itemsize > max(held, _LARGEST):
        return None
    operands = [
        np.full(x.shape, x.function, x.dtype)
        if x.shape and not isinstance(x.function, np.ndarray)
        else x.function
        for x in args
    ]
    with np.errstate(all="ignore"):
        value = np.array(function(*operands, **params))
    return value if value.shape == shape and value.dtype == dtype else None


def _frozen(value: Any) -> Any:
    """Return something hashable that is equal for equal parameters only."""
    if isinstance(value, dict):
        return tuple((key, _frozen(x)) for key, x in value.items())
    if isinstance(value, tuple | list):
        return (type(value), *map(_frozen, value))
    if isinstance(value, slice):
        return (slice, value.start, value.stop, value.step)
    if isinstance(value, np.ndarray):
        return (np.ndarray, value.dtype, value.shape, value.tobytes())
    try:
        hash(value)
    except TypeError:
        return (type(value), id(value))
    return (type(value), value)


def _unrepeated(
    builder: Builder, args: tuple[Node, ...], shape: tuple[int, ...], dtype: np.dtype[Any]
) -> tuple[Node, ...]:
    """Return operands without the axes that NumPy repeats by itself."""
    if dtype == _FLOAT:
        args = tuple(
            builder.number(float(x.function), x.shape)
            if x.op == CONSTANT and type(x.function) is int and abs(x.function) < 2**53
            else x
            for x in args
        )
    for i, x in enumerate(args):
        other = args[1 - i]
        if other.shape != shape or other.dtype != dtype or x.dtype != dtype:
            continue
        if x.op == "broadcast_to":
            args = (x.args[0], other) if i == 0 else (other, x.args[0])
        elif x.shape and is_number(x) and dtype == _FLOAT:
            number = builder.number(float(x.function))
            args = (number, other) if i == 0 else (other, number)
    return args
