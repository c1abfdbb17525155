"""Reads of arrays that do not change, taken out of the steps that are looked at for loops.

A loop over ``x[i]`` is then one over numbers, each from a list; ``p[0]`` is read once.
"""

from collections.abc import Sequence
from typing import Any

from autodiff.core.primitive import PRIMITIVES
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor
from autodiff.plan.operations import is_basic_index
from autodiff.plan.tracing.rerolling import LONGEST_BODY, has_numbers, reroll
from autodiff.plan.tracing.small import Apart
from autodiff.rules.indexing import index_key

__all__ = ["reroll_reads_apart"]

_GETITEM = PRIMITIVES["getitem"]


def reroll_reads_apart(
    tape: Tape, nodes: Sequence[Tensor], kept: Sequence[Any], arrays: bool
) -> list[Any]:
    """Return the nodes of a trace with loops in place of steps that repeat.

    Where there are loops on numbers, reads stand right behind what is read, those of one element
    once. Where there are none, and `arrays`, loops are made of the nodes as they are.
    """
    apart = Apart(tape, nodes, kept)
    if has_numbers(apart.steps):
        rerolled = _reads_apart(tape, apart.steps, kept)
        if len(rerolled) < len(apart.steps):
            return rerolled
    if apart.changed:
        apart.put_back()
    return reroll(tape, nodes, kept, True) if arrays else list(nodes)


def _reads_apart(tape: Tape, nodes: Sequence[Tensor], kept: Sequence[Any]) -> list[Any]:
    """Return the nodes with loops on numbers, without the reads; or all as they are."""
    behind, first = _reads(nodes)
    if not first:
        return reroll(tape, nodes, kept, False)
    apart = {id(x) for reads in behind.values() for x in reads}
    steps = [x for x in nodes if id(x) not in apart]
    before = [x.operands for x in steps]
    for x in steps:
        if any([id(y) in first for y in x.operands]):
            x.operands = tuple([first.get(id(y), y) for y in x.operands])
    rerolled = reroll(tape, steps, kept, False)
    if len(rerolled) == len(steps):
        for x, operands in zip(steps, before, strict=True):
            x.operands = operands
        return list(nodes)
    placed = list(behind.pop(0, ()))
    for step in rerolled:
        placed.append(step)
        placed += behind.get(id(step), ())
    return placed


def _reads(nodes: Sequence[Tensor]) -> tuple[dict[int, list[Tensor]], dict[int, Tensor]]:
    """Return the reads to take out, by what they stand behind, and for each its first like.

    Those of arrays from outside stand behind 0, which is before all; others are taken out if they
    are read for longer than one iteration of a loop may be: what a loop changes is not.
    """
    place = {id(x): i for i, x in enumerate(nodes)}
    last: dict[int, int] = {}
    for i, x in enumerate(nodes):
        if _is_read(x):
            last[id(x.operands[0])] = i
    behind: dict[int, list[Tensor]] = {}
    first: dict[int, Tensor] = {}
    #: By identity of a read that is taken out: what it stands behind.
    home: dict[int, int] = {}
    known: dict[Any, Tensor] = {}
    for x in nodes:
        if not _is_read(x):
            continue
        source = x.operands[0]
        source = first.get(id(source), source)
        key = id(source)
        if key in home:
            where = home[key]
        elif key not in place:
            where = 0
        elif last[key] - place[key] > LONGEST_BODY:
            where = key
        else:
            continue
        assert x.params is not None
        same = known.setdefault((key, index_key(x.params["index"], source.value.shape)), x)
        if source is not x.operands[0]:
            x.operands = (source,)
        first[id(x)], home[id(x)] = same, where
        behind.setdefault(where, []).append(x)
    return behind, first


def _is_read(x: Tensor) -> bool:
    """Return whether a step takes a part of an array at a place that is known."""
    if x.primitive is not _GETITEM or len(x.operands) != 1 or type(x.operands[0]) is not Tensor:
        return False
    assert x.params is not None
    return is_basic_index(x.params["index"])
