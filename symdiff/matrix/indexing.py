"""Indexing a matrix: a view of it, a part of it, or a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdiff.matrix import construct
from symdiff.matrix.construct import make
from symdiff.matrix.lengths import joined
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.shapes import Length, Shape

__all__ = ["take_index"]


def take_index(a: Node, index: Any) -> Node:
    """Return the part of an array that an index selects, a reshape of it where all is kept."""
    entries = list(index) if isinstance(index, tuple) else [index]
    arrays = [k for k, e in enumerate(entries) if isinstance(e, (list, np.ndarray))]
    used = sum(
        e.ndim if isinstance(e, np.ndarray) and e.dtype == bool else 1
        for e in entries
        if e is not None and e is not Ellipsis
    )
    whole = slice(None)
    if not any(e is Ellipsis for e in entries):
        entries.append(Ellipsis)
    k = next(k for k, e in enumerate(entries) if e is Ellipsis)
    entries[k : k + 1] = [whole] * (a.ndim - used)
    if not arrays and all(
        e is None or e == whole or _drops(a, entries, k) for k, e in enumerate(entries)
    ):
        return construct.reshape(a, _kept(a.shape, entries))
    taken: list[Any] = []
    axis = 0
    for entry in entries:
        if isinstance(entry, (list, np.ndarray)):
            values = np.asarray(entry)
            taken.append(("array", a.graph.array(values).params[0]))
            axis += values.ndim if values.dtype == bool else 1
            continue
        if isinstance(entry, slice):
            taken.append(("slice", entry.start, entry.stop, entry.step))
        else:
            taken.append(None if entry is None else int(entry))
        axis += entry is not None
    return make("index", a, params=(tuple(taken), _selected(a.graph, a.shape, tuple(entries))))


def _drops(a: Node, entries: Sequence[Any], place: int) -> bool:
    """Return whether an entry of an index takes the only element of an axis."""
    axis = sum(entry is not None for entry in entries[:place])
    entry = entries[place]
    return isinstance(entry, int) and entry in (0, -1) and a.shape[axis] == 1


def _kept(shape: Shape, entries: Sequence[Any]) -> Shape:
    """Return the shape after an index that only adds and drops axes of length 1."""
    lengths = iter(shape)
    result: list[Length] = []
    for entry in entries:
        if entry is None:
            result.append(1)
            continue
        n = next(lengths)
        if isinstance(entry, slice):
            result.append(n)
    return tuple(result)


def _part_of(graph: Graph, n: Length, part: slice) -> Length:
    """Return the length of a slice of a named length, and note how long that has to be for it."""
    start, stop, step = part.start, part.stop, part.step or 1
    if step == -1 and start is None and stop is None:
        return n
    start = 0 if start is None else start
    if step != 1 or (start < 0 and stop is not None and stop >= 0):
        refuse(f"the slice {part} of the named length {n!r}", "give a number as length")
    ends = [abs(start), abs(stop or 0)]
    most = sum(ends) if start >= 0 and stop is not None and stop < 0 else max(ends)
    graph.least[str(n)] = max(most, graph.least.get(str(n), 0))
    if start < 0:
        return max(-start + (stop or 0), 0)
    if stop is None or stop < 0:
        return joined([n, (stop or 0) - start])
    return max(int(stop) - int(start), 0)


def _selected(graph: Graph, shape: Shape, entries: tuple[Any, ...]) -> Shape:
    """Return the shape of a part, found on an array whose named lengths are unusual numbers."""
    numbers = {n for n in shape if isinstance(n, int)}
    for entry in entries:
        if isinstance(entry, (list, np.ndarray)):
            numbers.update(np.shape(entry), [np.size(entry)])
    names: dict[int, Length] = {}
    stand_in = 1009
    lengths, rest = [], []
    axis = 0
    for entry in entries:
        if isinstance(entry, slice) and isinstance(shape[axis], str) and entry != slice(None):
            part = _part_of(graph, shape[axis], entry)
            shape = (*shape[:axis], part, *shape[axis + 1 :])
            entry = slice(None)
        rest.append(entry)
        mask = isinstance(entry, np.ndarray) and entry.dtype == bool
        axis += 0 if entry is None else entry.ndim if mask else 1
    entries = tuple(rest)
    for n in shape:
        if isinstance(n, str):
            while stand_in in numbers:
                stand_in += 1
            numbers.add(stand_in)
            names[stand_in] = n
            n = stand_in
        lengths.append(n)
    part = np.broadcast_to(np.int8(0), lengths)[entries]
    return tuple(names.get(n, n) for n in part.shape)
