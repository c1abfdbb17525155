"""Products of arrays, each as one contraction.

`contract` is the broadcast product of its operands, summed over the labels that the result does not
have. The other functions have the names and arguments of NumPy's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.errors import Untraceable
from symdiff.store.dag import Dag
from symdiff.tracing.array import SymbolicArray, map_nodes, nodes_of, traced_in

__all__ = [
    "contract",
    "dot",
    "einsum",
    "inner",
    "matmul",
    "outer",
    "tensordot",
    "vdot",
    "vecdot",
]


def contract(name: str, operands: Sequence[Any], labels: Sequence[str], out: str) -> SymbolicArray:
    """Return the sum of products of the operands, in Einstein's notation."""
    dag = traced_in(*operands)
    arrays = [nodes_of(dag, value) for value in operands]
    sizes: dict[str, int] = {}
    for position, (array, axes) in enumerate(zip(arrays, labels, strict=True)):
        if array.ndim != len(axes):
            raise ValueError(
                f"{name}: operand {position} has {array.ndim} axes where {len(axes)} are expected"
            )
        for length, axis in zip(array.shape, axes, strict=True):
            if sizes.setdefault(axis, length) != length:
                shapes = " and ".join(str(a.shape) for a in arrays)
                raise ValueError(
                    f"{name}: shapes {shapes} do not align: {length} in operand {position} is not "
                    f"{sizes[axis]}, the length of the same axis before"
                )
    every = out + "".join(axis for axis in sizes if axis not in out)
    spread = []
    for array, axes in zip(arrays, labels, strict=True):
        unique = "".join(dict.fromkeys(axes))
        for axis in unique:
            while axes.count(axis) > 1:
                first, second = axes.index(axis), axes.rindex(axis)
                array = np.diagonal(array, axis1=first, axis2=second)
                rest = axes[:first] + axes[first + 1 : second] + axes[second + 1 :]
                axes = rest + axis
        array = array.transpose([axes.index(axis) for axis in every if axis in axes])
        shape = tuple(sizes[axis] if axis in axes else 1 for axis in every)
        spread.append(array.reshape(shape))
    spread = [map_nodes(Dag.numeric, dag, array)._nodes for array in spread]
    products = map_nodes(Dag.multiply, dag, *spread)._nodes
    full = tuple(sizes[axis] for axis in every)
    shape = full[: len(out)]
    rows = np.broadcast_to(products, full).reshape((math.prod(shape), math.prod(full[len(out) :])))
    sums = [dag.add(*row) for row in rows.tolist()]
    return SymbolicArray(dag, np.array(sums, dtype=np.int64).reshape(shape))


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def einsum(subscripts: Any, *operands: Any, **_: Any) -> SymbolicArray:
    """Return np.einsum of an explicit or implicit subscript string."""
    if not isinstance(subscripts, str) or "." in subscripts:
        raise Untraceable(
            "np.einsum: traceable with a subscript string without ellipsis, 'ij,jk->ik'"
        )
    inputs, arrow, out = subscripts.replace(" ", "").partition("->")
    labels = inputs.split(",")
    if not arrow:
        out = "".join(sorted(axis for axis in set(inputs) - {","} if inputs.count(axis) == 1))
    if len(labels) != len(operands) or not set(out) <= set(inputs) or len(set(out)) != len(out):
        raise ValueError(f"np.einsum: {subscripts!r} does not describe {len(operands)} operands")
    return contract("np.einsum", operands, labels, out)


def matmul(a: Any, b: Any) -> SymbolicArray:
    """Return the matrix product, leading axes broadcast."""
    dag = traced_in(a, b)
    left, right = nodes_of(dag, a), nodes_of(dag, b)
    if not left.ndim or not right.ndim:
        raise ValueError("matmul: an operand is a scalar; use * to multiply by it")
    inner = (left.shape[-1], right.shape[-2 if right.ndim > 1 else 0])
    if inner[0] != inner[1]:
        axis = "second to last" if right.ndim > 1 else "only"
        raise ValueError(
            f"matmul: shapes {left.shape} and {right.shape} do not align: {inner[0]} (last axis of "
            f"argument 0) is not {inner[1]} ({axis} axis of argument 1)."
        )
    row, column = "i" * (left.ndim > 1), "k" * (right.ndim > 1)
    stack = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    batch = _LETTERS.upper()[: len(stack)]
    if stack:
        left = np.broadcast_to(left, stack + left.shape[-2:]) if left.ndim > 1 else left
        right = np.broadcast_to(right, stack + right.shape[-2:]) if right.ndim > 1 else right
    labels = [
        (batch if row else "") + row + "j",
        (batch if column else "") + "j" + column,
    ]
    return contract(
        "matmul",
        [SymbolicArray(dag, left), SymbolicArray(dag, right)],
        labels,
        batch + row + column,
    )


def dot(a: Any, b: Any) -> Any:
    """Return np.dot: last axis with last but one."""
    left, right = np.ndim(a), np.ndim(b)
    if not left or not right:
        return np.multiply(a, b)
    return tensordot(a, b, ([left - 1], [max(right - 2, 0)]), "np.dot")


def inner(a: Any, b: Any) -> Any:
    """Return np.inner: last axis with last axis."""
    left, right = np.ndim(a), np.ndim(b)
    if not left or not right:
        return np.multiply(a, b)
    return tensordot(a, b, ([left - 1], [right - 1]), "np.inner")


def tensordot(a: Any, b: Any, axes: Any = 2, name: str = "np.tensordot") -> SymbolicArray:
    """Return the product of two arrays summed over pairs of axes."""
    left, right = np.ndim(a), np.ndim(b)
    if isinstance(axes, int):
        axes = (range(left - axes, left), range(axes))
    pairs = [
        [int(k) for k in np.atleast_1d(list(side) if np.ndim(side) else side)] for side in axes
    ]
    first = list(_LETTERS[:left])
    second = list(_LETTERS[left : left + right])
    for i, j in zip(*pairs, strict=True):
        second[j] = first[i]
    summed = {first[i] for i in pairs[0]}
    out = "".join(axis for axis in first + second if axis not in summed)
    return contract(name, [a, b], ["".join(first), "".join(second)], out)


def outer(a: Any, b: Any) -> SymbolicArray:
    """Return the product of every element with every element."""
    return contract("np.outer", [np.ravel(a), np.ravel(b)], ["i", "j"], "ij")


def vdot(a: Any, b: Any) -> SymbolicArray:
    """Return the sum of the products of all elements."""
    return contract("np.vdot", [np.ravel(a), np.ravel(b)], ["i", "i"], "")


def vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    """Return the dot products along an axis."""
    return np.sum(np.multiply(x1, x2), axis=axis)
