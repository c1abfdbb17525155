"""Einstein sums as products of matrices, in an order that is found when the plan is made."""

import math
from typing import Any

import numpy as np

from autodiff.core.primitive import PRIMITIVES
from autodiff.plan.passes.builder import Builder, rewrites
from autodiff.plan.program import Node

#: A value and the labels of its axes.
Term = tuple[Node, str]


@rewrites("einsum")
def _einsum(
    builder: Builder,
    args: tuple[Node, ...],
    params: dict[str, Any],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Node | None:
    """Return products of two operands at a time; other types than floats stay one call."""
    if dtype.kind not in "fc" or any(x.dtype != dtype or not x.size for x in args):
        return None
    sources, target = params["subscripts"].split("->")
    named = list(zip(args, sources.split(","), strict=True))
    if _is_stack_of_vectors(named, target):
        if not params["optimize"]:
            return None
        return builder.make(
            "einsum",
            args,
            {**params, "optimize": False},
            shape,
            dtype,
            PRIMITIVES["einsum"].function,
        )
    lengths: dict[str, int] = {}
    for x, labels in named:
        for label, length in zip(labels, x.shape, strict=True):
            lengths[label] = max(length, lengths.get(label, 1))
    terms = [_without_repeated(builder, x, labels, lengths) for x, labels in named]
    for places in _path(args, params):
        rest = [term for i, term in enumerate(terms) if i not in places]
        kept = set(target).union(*(labels for _, labels in rest))
        chosen = [_summed(builder, terms[i], kept, terms, i) for i in places]
        product, *others = chosen
        for i, other in enumerate(others):
            later = kept.union(*(labels for _, labels in others[i + 1 :]))
            product = _product(builder, product, other, later, target)
        terms = [*rest, product]
    ((x, labels),) = terms
    x, labels = _summed(builder, (x, labels), set(target), [], -1)
    return _arranged(builder, (x, labels), target)


def _is_stack_of_vectors(named: list[Term], target: str) -> bool:
    """Return whether each of a stack is a product with a vector, or of two.

    One call of NumPy does that in less time: 0.7 for 500 of 4×5.
    """
    if len(named) != 2:
        return False
    (_, left), (_, right) = named
    shared = set(left) & set(right)
    own = [set(labels) - shared for labels in (left, right)]
    matrices = all(own) and shared - set(target)
    return bool(shared & set(target) and any(own) and not matrices)


def _path(args: tuple[Node, ...], params: dict[str, Any]) -> list[tuple[int, ...]]:
    """Return which operands are multiplied in each step: what `optimize` asks for, or greedily."""
    if len(args) < 3:
        return [tuple(range(len(args)))]
    operands = [np.broadcast_to(np.empty((), x.dtype), x.shape) for x in args]
    optimize = params["optimize"] or "greedy"
    return list(np.einsum_path(params["subscripts"], *operands, optimize=optimize)[0][1:])


def _without_repeated(builder: Builder, x: Node, labels: str, lengths: dict[str, int]) -> Term:
    """Return a term without the axes of length 1 that are repeated along others."""
    kept = [i for i, label in enumerate(labels) if x.shape[i] == lengths[label]]
    if len(kept) == len(labels):
        return x, labels
    shape = tuple(x.shape[i] for i in kept)
    return _reshape(builder, x, shape), "".join(labels[i] for i in kept)


def _summed(builder: Builder, term: Term, kept: set[str], terms: list[Term], place: int) -> Term:
    """Return a term summed along the axes that nobody else has."""
    x, labels = term
    elsewhere = kept.union(*(other for i, (_, other) in enumerate(terms) if i != place))
    axes = tuple(i for i, label in enumerate(labels) if label not in elsewhere)
    if not axes:
        return term
    rest = "".join(label for label in labels if label in elsewhere)
    shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    return _sum(builder, x, axes, shape), rest


def _product(builder: Builder, left: Term, right: Term, kept: set[str], target: str) -> Term:
    """Return the product of two terms, summed along what they share and nobody else has."""
    shared = [label for label in left[1] if label in right[1]]
    batch = "".join(label for label in shared if label in kept)
    inner = "".join(label for label in shared if label not in kept)
    # The operand whose own axes come first in the result is the left one.
    own = [[label for label in labels if label not in shared] for _, labels in (left, right)]
    first, second = ([target.find(label) for label in each] for each in own)
    if first and second and min(first) > max(second):
        left, right, own = right, left, own[::-1]
    rows, columns = ("".join(each) for each in own)
    if not inner:
        return _outer(builder, left, right, (batch, rows, columns))
    if not rows and not columns:
        x, y = (_arranged(builder, term, batch + inner) for term in (left, right))
        axes = tuple(range(len(batch), len(batch) + len(inner)))
        return _sum(builder, builder.ufunc(np.multiply, x, y), axes, x.shape[: len(batch)]), batch
    lengths = dict(zip(left[1] + right[1], left[0].shape + right[0].shape, strict=True))

    def shape_of(labels: str) -> tuple[int, ...]:
        return tuple(lengths[label] for label in labels)

    def joined(labels: str) -> tuple[int, ...]:
        # Vectors stay vectors where there is no stack.
        return (math.prod(shape_of(labels)),) if labels or batch else ()

    x = _arranged(builder, left, batch + rows + inner)
    y = _arranged(builder, right, batch + inner + columns)
    x = _reshape(builder, x, (*shape_of(batch), *joined(rows), *joined(inner)))
    y = _reshape(builder, y, (*shape_of(batch), *joined(inner), *joined(columns)))
    shape = (*shape_of(batch), *joined(rows), *joined(columns))
    product = builder.make("matmul", (x, y), {}, shape, x.dtype, np.matmul)
    labels = batch + rows + columns
    return _reshape(builder, product, shape_of(labels)), labels


def _outer(builder: Builder, left: Term, right: Term, parts: tuple[str, str, str]) -> Term:
    """Return a product of two terms in which nothing is summed."""
    batch, rows, columns = parts
    x, y = _arranged(builder, left, batch + rows), _arranged(builder, right, batch + columns)
    x = _reshape(builder, x, x.shape + (1,) * len(columns))
    around = len(batch)
    y = _reshape(builder, y, y.shape[:around] + (1,) * len(rows) + y.shape[around:])
    return builder.ufunc(np.multiply, x, y), batch + rows + columns


def _arranged(builder: Builder, term: Term, labels: str) -> Node:
    """Return a value with its axes in an order."""
    x, own = term
    axes = tuple(own.index(label) for label in labels)
    if axes == tuple(range(len(axes))):
        return x
    shape = tuple(x.shape[i] for i in axes)
    return builder.make("transpose", (x,), {"axes": axes}, shape, x.dtype, np.transpose)


def _reshape(builder: Builder, x: Node, shape: tuple[int, ...]) -> Node:
    if x.shape == shape:
        return x
    return builder.make("reshape", (x,), {"shape": shape}, shape, x.dtype, np.reshape)


def _sum(builder: Builder, x: Node, axes: tuple[int, ...], shape: tuple[int, ...]) -> Node:
    params = {"axis": None if len(axes) == len(x.shape) else axes, "keepdims": False}
    return builder.make("sum", (x,), params, shape, x.dtype, PRIMITIVES["sum"].function)
