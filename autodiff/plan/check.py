"""The definition of a program: operands come first, shapes and types are the operations' own."""

import functools
from typing import Any, NoReturn

import numpy as np

from autodiff.errors import PlanMismatch
from autodiff.plan.operation import Kind
from autodiff.plan.operations import is_basic_index, kind_of, operation_of, reduced_axes
from autodiff.plan.program import CONSTANT, LOOP, Node, Program, body_of

__all__ = ["broken", "check"]

_BYTE = np.zeros((), np.int8)
_FLOAT = np.dtype(float)
_WEAK = (int, float, complex)
#: Universal functions that are known to take float64 to float64.
_REAL: set[Any] = set()


def broken(node: Node, why: str) -> NoReturn:
    """Raise the error for a program that is none."""
    raise PlanMismatch(
        f"compile: {node} {why}: the program is broken; please report it, and use the function "
        "itself meanwhile"
    )


def check(program: Program) -> Program:
    """Return a program that is one: or raise, naming the operation that is not as it must be."""
    known = {id(x) for x in program.inputs}
    for node in program.nodes:
        kind, shape = kind_of(node), node.shape
        alike, real = not shape, node.dtype is _FLOAT
        others = False
        for x in node.args:
            if id(x) not in known and x.op != CONSTANT:
                broken(node, f"uses {x} before it is defined")
            if x.shape == shape:
                alike = True
            elif x.shape:
                others = True
            real = real and x.dtype is _FLOAT
        known.add(id(node))
        if node.op == LOOP:
            body = body_of(node)
            check(body.program)
            for x, following in zip(body.carries, body.following, strict=True):
                if body.stacks is not None and (x.shape, x.dtype) != (
                    following.shape,
                    following.dtype,
                ):
                    broken(node, f"goes on with {following} in place of {x}")
        if kind is Kind.CALL:
            continue
        # Nearly all: numbers and arrays of one shape, and functions that are known to be of floats.
        if kind is not Kind.ELEMENTWISE or others or not alike:
            due = _shape(node, kind)
            if due != shape:
                broken(node, f"has another shape than its operation gives: {due}")
        if not (real and (kind is Kind.VIEW or node.function in _REAL)):
            dtype = _dtype(node, kind)
            # Not `in (None, ...)`: to NumPy None is float64.
            if dtype is not None and dtype != node.dtype:
                broken(node, f"has another data type than its operation gives: {dtype}")
    for x in program.roots:
        if id(x) not in known and x.op != CONSTANT:
            broken(x, "is needed and not defined")
    return program


def _shape(node: Node, kind: Kind) -> tuple[int, ...] | None:
    """Return the shape that an operation gives; of a view that does not fit its operand None."""
    args = node.args
    if kind is Kind.ELEMENTWISE:
        return _broadcast(*[x.shape for x in args])
    if kind is Kind.VIEW:
        return _shape_of_view(node)
    if node.op == "matmul":
        x, y = args
        if len(x.shape) == len(y.shape) == 2:
            return (x.shape[0], y.shape[1])
        rows = x.shape[-2:-1]
        columns = y.shape[-1:] if len(y.shape) > 1 else ()
        return (*_broadcast(x.shape[:-2], y.shape[:-2]), *rows, *columns)
    if not operation_of(node).combine or "shape" in node.params:
        return node.shape
    shape, axes = args[0].shape, reduced_axes(node)
    if node.params.get("keepdims"):
        return tuple([1 if i in axes else n for i, n in enumerate(shape)])
    return tuple([n for i, n in enumerate(shape) if i not in axes])


def _shape_of_view(node: Node) -> tuple[int, ...] | None:
    """Return the shape of a view; None if it shows what its operand does not have."""
    (x,) = node.args
    if node.op == "transpose":
        return tuple([x.shape[i] for i in node.params["axes"]])
    if node.op == "reshape":
        return node.shape if node.size == x.size else None
    try:
        if node.op == "broadcast_to":
            return node.shape if _broadcast(x.shape, node.shape) == node.shape else None
        assert is_basic_index(node.params["index"])
        shape: tuple[int, ...] = np.broadcast_to(_BYTE, x.shape)[node.params["index"]].shape
        return shape
    except (IndexError, ValueError):
        return None


def _dtype(node: Node, kind: Kind) -> np.dtype[Any] | None:
    """Return the data type that an operation gives; None if only its function knows."""
    args = node.args
    if kind is Kind.VIEW:
        return args[0].dtype
    if not isinstance(node.function, np.ufunc):
        return None
    strong = _resolved(node.function, *[x.dtype for x in args])
    if strong == _FLOAT and all([x.dtype == _FLOAT for x in args]):
        _REAL.add(node.function)
    if strong == node.dtype:
        return strong
    # A number of Python's takes the type of the others.
    weak: list[Any] = [
        type(x.function) if x.op == CONSTANT and type(x.function) in _WEAK else x.dtype
        for x in args
    ]
    return _resolved(node.function, *weak)


@functools.lru_cache(4096)
def _broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    # Most shapes come again and again.
    return np.broadcast_shapes(*shapes)


@functools.cache
def _resolved(function: np.ufunc, *types: Any) -> np.dtype[Any] | None:
    if all(isinstance(x, type) for x in types):
        types = tuple(map(np.dtype, types))
    try:
        dtype: np.dtype[Any] = function.resolve_dtypes((*types, None))[-1]
        return dtype
    except TypeError:
        return None
