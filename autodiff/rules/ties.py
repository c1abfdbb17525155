"""Equal elements that are put in order: which of them comes first is a convention.

The first derivative of a function of sorted elements is that of the order that was taken. Its
derivative exists at a tie where the order makes no difference: where the cotangents of equal
elements are equal, and move apart as the elements do. That is so for ``sum(sort(x)**2)``, and not
for the square of a median.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.batching import broadcast, stacked
from autodiff.core.primitive import Array, Primitive, discrete
from autodiff.core.tensor import Tensor, record
from autodiff.rules.kinks import KINKS, Kink, outer_tape
from autodiff.rules.linalg.matrices import recorded

__all__ = ["ORDERS", "RANKED", "ranked", "unequal", "uneven"]

#: Relative difference of two numbers that are one but for rounding.
_APART = 1e-8


@recorded("equal in a row")
def _equal(x: Array) -> Array:
    """Return which elements are equal to another along the last axis."""
    order = np.argsort(x, axis=-1, kind="stable")
    row = np.take_along_axis(x, order, -1)
    same = row[..., 1:] == row[..., :-1]
    none = np.zeros_like(row[..., :1], bool)
    tied = np.concatenate([same, none], -1) | np.concatenate([none, same], -1)
    # Each back to its place, without writing: not every library has `put_along_axis`.
    return np.take_along_axis(tied[..., : x.shape[-1]], np.argsort(order, axis=-1), -1)


discrete(_equal, "equal in a row", batch=stacked(1))
#: By name of a primitive that finds positions in an order: whether equal elements are among those
#: of its operands. A plan, which has no node `RANKED`, asks this of them.
ORDERS: dict[str, Callable[..., Array]] = {
    "argsort": lambda x, **params: _equal(np.moveaxis(x, params["axis"], -1)),
    **dict.fromkeys(
        ("positions_of_ranks", "positions_of_weighted_ranks"),
        lambda x, *others, **params: _equal(x),
    ),
}


def ranked(x: Array) -> Array:
    """Return an array whose elements are put in order along the last axis, as one that may bend.

    It is noted only where its derivative may be differentiated again.
    """
    if type(x) is Tensor and outer_tape(x.value) is not None:
        return record(RANKED, (x,))
    return x


def _ranked(x: Array) -> Array:
    # A kink has a node on the tape that derivatives are taken along, and none in plans.
    tape = outer_tape(x)
    return x if tape is None or tape.replayable else record(RANKED, (x,))


#: Nothing but the place of a kink. It is in no registry: it stands on tapes of eager calls only.
RANKED = Primitive(
    "ranked",
    _ranked,
    "linear",
    (lambda g, out, x: g,),
    (lambda x_dot, out, x: x_dot,),
    complex=True,
    batch=broadcast,
)
KINKS[RANKED] = Kink("order", lambda out, x: _equal(x))


def _neighbours(x: Array) -> tuple[Array, Array]:
    """Return the order of the elements of rows, and which are equal to the next one in it."""
    order = np.argsort(x, axis=-1, kind="stable")
    row = np.take_along_axis(x, order, -1)
    return order, np.equal(row[..., 1:], row[..., :-1])


def _steps(x: Array, order: Array) -> Array:
    """Return the differences of elements that are next to each other in an order."""
    return np.diff(np.take_along_axis(np.broadcast_to(x, np.shape(order)), order, -1), axis=-1)


def uneven(
    x: Array, g: Array, least: Array, moved: Sequence[tuple[Array, Array]]
) -> tuple[Array, Array]:
    """Return in which rows the cotangents of equal elements depend on the order.

    And what they change by with the elements, for each two neighbours. `moved` has what both
    changed by in two probes.
    """
    order, same = _neighbours(x)
    least = np.max(least, initial=0.0)
    first, second = (
        _steps(by, order) / np.where(same, _steps(distance, order), 1.0) for by, distance in moved
    )
    most = np.abs(first) + np.abs(second) + least
    bad = np.logical_or(np.abs(_steps(g, order)) > least, np.abs(first - second) > _APART * most)
    bad = np.logical_and(same, bad)
    # Of three equal elements both differences change alike.
    jump = np.abs(first[..., 1:] - first[..., :-1]) > _APART * most[..., 1:]
    jump = np.logical_and(jump, np.logical_and(same[..., 1:], same[..., :-1]))
    rows = np.any(bad, axis=-1, keepdims=True) | np.any(jump, axis=-1, keepdims=True)
    return rows, np.where(same, first, 0.0)


def unequal(x: Array, g: Array, terms: Sequence[tuple[Array, Array]], least: Any) -> Array:
    """Return in which rows a second cotangent depends on the order of equal elements.

    `terms` has for each first cotangent what it changes by, and the direction that it is asked for.
    """
    order, same = _neighbours(x)
    rest = _steps(g, order) - sum(rate * _steps(h, order) for rate, h in terms)
    size = np.abs(g) + sum(np.max(np.abs(rate), initial=0.0) * np.abs(h) for rate, h in terms)
    bad = np.logical_and(same, np.abs(rest) > least + _APART * np.max(size, initial=0.0))
    return np.any(bad, axis=-1, keepdims=True)
