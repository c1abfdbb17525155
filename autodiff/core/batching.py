"""How primitives act on a batch: many calls as one, on arrays with one more axis in front.

A tensor of a tape made by `batch_tape` holds a `Batched` value, whose shape leaves that axis out.
What is done with it is computed at once for all elements: operands are the arrays of the batch,
or plain ones that all elements share, and may be tensors of outer tapes, which then record. So
batches nest with derivatives in any order, and rules need to know nothing of them.

A batching rule is the column ``batch`` of an entry: ``rule(primitive, xs, on, params)`` gets the
operands, of which those that are `on` have the axis, and returns the result with that axis in
front. Entries without one act on each element (`broadcast`), or are called in a loop (`loop`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.core.batched import Batched, buffer_id
from autodiff.core.constants import NUMBERS
from autodiff.core.libraries import elsewhere, own_copy
from autodiff.core.primitive import Array, BatchRule, Primitive
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, compute, node_of, record

__all__ = [
    *(
        "aligned",
        "alike",
        "along_axis",
        "batch_tape",
        "broadcast",
        "each",
        "in_batch",
        "loop",
        "of_batch",
    ),
    *("over_operand", "over_axes", "rule_of", "spread", "stacked"),
]

Params = dict[str, Any]


def batch_tape() -> Tape:
    """Return a tape whose tensors stand for one element of a batch each."""
    tape = Tape()
    tape.batch, tape.careful = _record, True
    return tape


def in_batch(tape: Tape, array: Array) -> Tensor:
    """Return the tensor that stands for one element of an array along its first axis."""
    return node_of(Batched(array), tape)


def of_batch(tape: Tape, x: Any, size: int) -> Array:
    """Return all elements that a result stands for along a first axis."""
    if type(x) is Tensor and x.tape is tape:
        _check_written(tape, (x,))
        return x.value.array
    away = elsewhere(x) is not None
    x = x if type(x) is Tensor or away else np.asarray(x)
    wide = np.broadcast_to(x, (size, *np.shape(x)))
    if type(x) is Tensor:
        return wide
    return own_copy(wide) if away else np.array(wide)


def _record(
    tape: Tape, primitive: Primitive, operands: tuple[Any, ...], params: Params | None
) -> Tensor:
    """Return the result of a primitive for all elements of a batch."""
    if tape.written:
        _check_written(tape, operands)
    on = [type(x) is Tensor and x.tape is tape for x in operands]
    xs = [x.value.array if mine else x for x, mine in zip(operands, on, strict=True)]
    rule = primitive.batch or rule_of(primitive)
    # What a tensor is a view of is asked for where arrays are written into.
    held = operands if tape.stores is not None else ()
    return node_of(Batched(rule(primitive, xs, on, params or {})), tape, primitive, held, params)


def _check_written(tape: Tape, operands: Sequence[Any]) -> None:
    """Raise if an array is used that plain NumPy would have changed in place before."""
    for x in operands:
        if type(x) is Tensor and x.tape is tape and tape.written and buffer_id(x) in tape.written:
            raise tape.refused(
                "vmap: an array is used after an in-place operator (a += b) changed it by another "
                "name, which NumPy would see: write a = a + b, or copy the array before"
            )


def rule_of(primitive: Primitive) -> BatchRule:
    """Return the batching rule of an entry."""
    if primitive.batch is not None:
        return primitive.batch
    if primitive.kind == "elementwise":
        return broadcast
    function = primitive.function
    return broadcast if isinstance(function, np.ufunc) and not function.signature else loop


def aligned(xs: Sequence[Array], on: Sequence[bool], cores: Sequence[int] = ()) -> list[Array]:
    """Return operands that broadcast: axes of length 1 between that of the batch and the others.

    The last axes of each operand, `cores` many, take no part in broadcasting.
    """
    inner = cores or [0] * len(xs)
    outer = [np.ndim(x) - mine - n for x, mine, n in zip(xs, on, inner, strict=True)]
    most = max(outer)
    return [
        np.reshape(x, (x.shape[0], *(1,) * (most - n), *x.shape[1:])) if mine and n < most else x
        for x, mine, n in zip(xs, on, outer, strict=True)
    ]


def spread(xs: Sequence[Array], on: Sequence[bool]) -> list[Array]:
    """Return all operands with the axis of the batch, the shared ones repeated."""
    size = next(x.shape[0] for x, mine in zip(xs, on, strict=True) if mine)
    return [
        x if mine else np.broadcast_to(x, (size, *np.shape(x)))
        for x, mine in zip(xs, on, strict=True)
    ]


def broadcast(primitive: Primitive, xs: list[Array], on: list[bool], params: Params) -> Array:
    """Batch a function of each element."""
    if len(xs) == 2 and not params:
        # The cases met most often; they save half of the time of an operation on small arrays.
        x, y = xs
        if type(x) is np.ndarray and type(y) is np.ndarray:
            ndim, other = x.ndim - on[0], y.ndim - on[1]
            if (
                ndim == other
                or (ndim < other and on[1] > on[0])
                or (ndim > other and on[0] > on[1])
            ):
                return compute(primitive, xs, None)
        elif (type(x) is np.ndarray and type(y) in NUMBERS) or type(x) in NUMBERS:
            return record(primitive, (x, y))
    return record(primitive, tuple(aligned(xs, on)), params or None)


def alike(primitive: Primitive, xs: list[Array], on: list[bool], params: Params) -> Array:
    """Batch a function of operands of one shape, whose rules sum over no broadcast axes."""
    return record(primitive, tuple(spread(aligned(xs, on), on)), params or None)


def stacked(*cores: int) -> BatchRule:
    """Return the rule of a function of the last axes of each operand, stacked in the others."""

    def rule(primitive: Primitive, xs: list[Array], on: list[bool], params: Params) -> Array:
        return record(primitive, tuple(aligned(xs, on, cores)), params or None)

    return rule


def over_operand(place: int) -> BatchRule:
    """Return the rule of a function that takes one operand of any shape beside fixed ones."""

    def rule(primitive: Primitive, xs: list[Array], on: list[bool], params: Params) -> Array:
        if on[place] and sum(on) == 1:
            return record(primitive, tuple(xs), params or None)
        return loop(primitive, xs, on, params)

    return rule


def _axes(axis: Any, ndim: int) -> Any:
    """Return axes of one element as those of the batch."""
    if not ndim:
        # NumPy takes the axis 0 of a number for none.
        return ()
    places = tuple(i + 1 for i in normalize_axis_tuple(axis, ndim, allow_duplicate=True))
    return places if isinstance(axis, tuple | list) else places[0]


def over_axes(primitive: Primitive, xs: list[Array], on: list[bool], params: Params) -> Array:
    """Batch a function along axes, along all if it is told of none."""
    ndim = max(np.ndim(x) - mine for x, mine in zip(xs, on, strict=True))
    xs = [
        np.reshape(x, (x.shape[0], *(1,) * (ndim + 1 - np.ndim(x)), *x.shape[1:]))
        for x in spread(xs, on)
    ]
    axis = params["axis"]
    axes = tuple(range(1, ndim + 1)) if axis is None else _axes(axis, ndim)
    return record(primitive, tuple(xs), {**params, "axis": axes})


def along_axis(primitive: Primitive, xs: list[Array], on: list[bool], params: Params) -> Array:
    """Batch a function along an axis, of the flattened array if it is told of none."""
    xs = spread(xs, on)
    ndim = np.ndim(xs[0]) - 1
    axis = params["axis"]
    if axis is not None and ndim:
        return record(primitive, tuple(xs), {**params, "axis": _axes(axis, ndim)})
    flat = [np.reshape(x, (x.shape[0], int(np.prod(x.shape[1:], dtype=int)))) for x in xs]
    out = record(primitive, tuple(flat), {**params, "axis": 1})
    return np.reshape(out, (out.shape[0], *(1,) * ndim)) if params.get("keepdims") else out


def loop(primitive: Primitive, xs: list[Array], on: list[bool], params: Params) -> Array:
    """Batch any function: a call for each element."""

    def call(*operands: Array) -> Array:
        return record(primitive, operands, params or None)

    return _looped(call, xs, on, primitive.name)


def _looped(call: Callable[..., Array], xs: list[Array], on: list[bool], name: str) -> Array:
    size = next(x.shape[0] for x, mine in zip(xs, on, strict=True) if mine)
    if not size:
        raise ValueError(f"{name}: a batch of no elements has no shape of a result")
    parts = [
        call(*[x[i] if mine else x for x, mine in zip(xs, on, strict=True)]) for i in range(size)
    ]
    shapes = {np.shape(part) for part in parts}
    if len(shapes) > 1:
        raise ValueError(
            f"{name}: within vmap it gave results of shapes {sorted(shapes)}, which depend on "
            "numbers: one shape for all elements of the batch is needed; np.where with a fixed "
            "shape, or a loop instead of vmap"
        )
    return np.stack(parts)


def each(call: Callable[..., Array], operands: Sequence[Any], name: str) -> Array:
    """Return the result of a function that knows no batches, for each element of the innermost."""
    tape: Tape | None = None
    for x in operands:
        if type(x) is Tensor and (tape is None or x.tape.level > tape.level):
            tape = x.tape
    if tape is None or tape.batch is None:
        return call(*operands)
    on = [type(x) is Tensor and x.tape is tape for x in operands]
    xs = [x.value.array if mine else x for x, mine in zip(operands, on, strict=True)]

    def inner(*slices: Any) -> Array:
        result = each(call, slices, name)
        return result if hasattr(result, "shape") else np.asarray(result)

    return in_batch(tape, _looped(inner, xs, on, name))
