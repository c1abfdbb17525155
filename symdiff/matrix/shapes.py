"""Shapes whose lengths are numbers or names: how they broadcast, and what is refused.

Two named lengths are equal only if they have the same name. Whether ``N`` is 3 cannot be known
before numbers arrive, so such a meeting is refused instead of guessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "Length",
    "Shape",
    "axes_of",
    "broadcast_shapes",
    "is_concrete",
    "normalise_axes",
    "reshaped",
    "shown",
]

Length = int | str
Shape = tuple[Length, ...]


def shown(shape: Sequence[Length]) -> str:
    """Return a shape as text, names without quotes."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def is_concrete(shape: Iterable[Length]) -> bool:
    """Return whether all lengths are numbers."""
    return all(isinstance(n, int) for n in shape)


def broadcast_shapes(*shapes: Shape, operation: str = "broadcast") -> Shape:
    """Return the common shape of operands, by NumPy's rule."""
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return first
    rank = max(map(len, shapes))
    result: list[Length] = [1] * rank
    for shape in shapes:
        for axis, length in enumerate(shape, rank - len(shape)):
            known = result[axis]
            if known == 1:
                result[axis] = length
            elif length != 1 and length != known:
                both = isinstance(known, int) and isinstance(length, int)
                raise ValueError(
                    f"{operation}: shapes {' and '.join(map(shown, shapes))} do not broadcast: "
                    f"{known} and {length} "
                    + ("differ" if both else "are not known to be equal; give them the same name")
                )
    return tuple(result)


def normalise_axes(axis: Any, rank: int, operation: str) -> tuple[int, ...]:
    """Return axes as sorted numbers from 0; all of them for None."""
    if axis is None:
        return tuple(range(rank))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    if rank == 0 and axes in ((0,), (-1,)):  # as NumPy allows
        return ()
    found = []
    for k in axes:
        if not -rank <= k < rank:
            raise ValueError(f"{operation}: axis {k} does not exist; the operand has {rank} axes")
        found.append(int(k) % rank)
    if len(set(found)) != len(found):
        raise ValueError(f"{operation}: an axis stands twice in {axis}")
    return tuple(sorted(found))


def axes_of(params: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the axes of a reduction, which are its first parameter: a tuple, or one number."""
    first = params[0]
    return first if isinstance(first, tuple) else (first,)


def reshaped(shape: Shape, target: Sequence[Length]) -> Shape:
    """Return the target of a reshape, its -1 replaced, checked to hold as many elements."""
    names = [n for n in shape if isinstance(n, str)]
    left = list(names)
    for n in target:
        if isinstance(n, str):
            if n not in left:
                raise ValueError(f"reshape: {shown(shape)} cannot become {shown(target)}")
            left.remove(n)
    have = math.prod(n for n in shape if isinstance(n, int))
    want = math.prod(n for n in target if isinstance(n, int) and n != -1)
    if list(target).count(-1) == 1:
        if len(left) == 1 and have == want:
            return tuple(left[0] if n == -1 else n for n in target)
        if not left and want and have % want == 0:
            return tuple(have // want if n == -1 else n for n in target)
        if left:
            raise ValueError(
                f"reshape: {shown(shape)} to {shown(target)} would make one axis as long as a "
                "product with a named length; give numbers as lengths to do that"
            )
    elif not left and have == want:
        return tuple(target)
    raise ValueError(
        f"reshape: {shown(shape)} cannot become {shown(target)}: "
        "the number of elements differs, or is not known to be equal"
    )
