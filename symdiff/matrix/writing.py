"""Writing into an array: the node of the whole array after a view of it has got other entries.

A view is a function of the node of its base. Applied to an input in a graph of its own, it is a
chain of transposes, reshapes and indices, which is followed back from the view to the base.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from symdiff.errors import Untraceable
from symdiff.matrix import construct
from symdiff.matrix.indexing import take_index
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.shapes import Shape, is_concrete, shown

__all__ = ["check_order", "in_order", "scattered", "written"]


def _chain(graph: Graph, shape: Shape, view: Callable[[Node], Node]) -> list[Node]:
    """Return the steps from an array to a view of it, in a graph that has the same constants."""
    probe = Graph()
    probe.arrays = graph.arrays
    probe._array_places = graph._array_places
    node = view(probe.input("base", shape))
    steps = []
    while node.op != "input":
        steps.append(node)
        node = node.args[0]
    return steps[::-1]


def _splits(before: Shape, after: Shape) -> bool:
    """Return whether a reshape keeps or splits axes, and so is a view in any order in memory."""
    rest = [n for n in after if n != 1]
    for n in (n for n in before if n != 1):
        if isinstance(n, str):
            if not rest or rest.pop(0) != n:
                return False
            continue
        part = 1
        while part < n and rest:
            length = rest.pop(0)
            if isinstance(length, str):
                return False
            part *= length
        if part != n:
            return False
    return not rest


def in_order(a: Node) -> Node:
    """Return what `np.ascontiguousarray` does of an array with axes: it, or a copy."""
    return a


def _either(shape: Shape, how: str, what: str = "reshape") -> NoReturn:
    """Refuse what depends on the order in memory."""
    raise Untraceable(
        f"{what} of an array of shape {shown(shape)}, {how}: whether NumPy made a view or a "
        f"copy depends on the order in memory. Take {what} of a copy (x.copy()), or write before it"
    )


def check_order(shape: Shape, view: Callable[[Node], Node], how: str) -> None:
    """Refuse a view that NumPy may have made as a copy: a reshape that joins axes."""
    if view is in_order:
        _either(shape, how, "np.ascontiguousarray")
    for step in _chain(Graph(), shape, view):
        if step.op == "reshape" and not _splits(step.args[0].shape, step.shape):
            _either(step.args[0].shape, how)


def written(whole: Node, view: Callable[[Node], Node], value: Node) -> Node:
    """Return an array with a value, broadcast, in place of what a view takes from it."""
    if view is in_order:
        _either(whole.shape, "written into", "np.ascontiguousarray")
    steps = _chain(whole.graph, whole.shape, view)
    if not steps:
        return construct.broadcast(_fitting(value, whole.shape), whole.shape)
    new = construct.broadcast(_fitting(value, steps[-1].shape), steps[-1].shape)
    parents = [whole]
    for step in steps[:-1]:
        parents.append(construct.make(step.op, parents[-1], params=step.params))
    for parent, step in zip(reversed(parents), reversed(steps), strict=True):
        if step.op == "transpose":
            axes = step.params[0]
            new = construct.transpose(new, [axes.index(k) for k in range(len(axes))])
        elif step.op == "reshape":
            if not _splits(parent.shape, step.shape):
                _either(parent.shape, "written into")
            new = construct.reshape(new, parent.shape)
        elif step.op == "index":
            _check_once(parent, step.params[0])
            new = construct.make("put", parent, new, params=step.params)
        else:
            raise ValueError(
                f"the result of np.{_VIEWS.get(step.op, step.op)} is written into: as in NumPy, it "
                "can only be read"
            )
    return new


_VIEWS = {"broadcast": "broadcast_to"}


def _fitting(value: Node, shape: Shape) -> Node:
    """Return a value without axes of length 1 in front that the target lacks."""
    extra = value.ndim - len(shape)
    if extra > 0 and all(n == 1 for n in value.shape[:extra]):
        return construct.reshape(value, value.shape[extra:])
    return value


def _check_once(parent: Node, index: tuple[Any, ...]) -> None:
    """Refuse an index with arrays that names an entry twice, or may do so."""
    graph = parent.graph
    if not any(isinstance(entry, tuple) and entry[0] == "array" for entry in index):
        return
    lengths = []
    for n in parent.shape:
        lengths.append(n if isinstance(n, int) else 1)
    key = tuple(
        graph.arrays[e[1]] if isinstance(e, tuple) and e[0] == "array" else _plain(e) for e in index
    )
    if not is_concrete(parent.shape):
        key = tuple(e for e in key if not isinstance(e, slice) and e is not None)
        arrays = [np.asarray(entry) for entry in key]
        if any(array.dtype == bool for array in arrays) or any((a < 0).any() for a in arrays):
            raise Untraceable(
                "an assignment by an array of indices into an array with named lengths: give "
                "numbers as lengths, or indices that are not negative"
            )
        lengths = [int(array.max(initial=0)) + 1 for array in arrays]
    places = np.arange(math.prod(lengths)).reshape(lengths)[key]
    if np.unique(places).size != places.size:
        raise Untraceable(
            "an assignment by an array of indices that names an entry twice: which value it keeps "
            "depends on their order; assign once to each entry, or add with np.add.at"
        )


def _plain(entry: Any) -> Any:
    """Return an entry of an index as Python has it."""
    return slice(*entry[1:]) if isinstance(entry, tuple) else entry


def scattered(whole: Node, index: Any, value: Node) -> Node:
    """Return an array of zeros to which values were added at an index, as often as it names one."""
    taken = take_index(whole, index)
    if taken.op != "index":
        return construct.reshape(construct.broadcast(value, taken.shape), whole.shape)
    value = construct.broadcast(_fitting(value, taken.shape), taken.shape)
    return construct.make("scatter", value, params=(whole.shape, (taken.params[0],)))
