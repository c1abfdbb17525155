"""Rules of np.pad: every mode is linear in the array, and is made of joining and taking."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.core.primitive import Array, handles, linear
from autodiff.core.tensor import Tensor, record
from autodiff.errors import Undifferentiable
from autodiff.rules.operands import as_array, as_decided, holds_tensor

Pairs = tuple[tuple[Any, Any], ...]


def _inside(x: Array, widths: Pairs) -> Array:
    """Return the part between the padding."""
    index = tuple(
        slice(before, before + n - before - after)
        for n, (before, after) in zip(np.shape(x), widths, strict=True)
    )
    return x[index]


def _pad_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    return record(primitive, (xs[0],), {"pad_width": ((0, 0), *params["pad_width"])})


PAD = linear(
    "pad",
    np.pad,
    lambda g, out, x, *, pad_width: _inside(g, pad_width),
    examples=[
        (((2, 3),), {"pad_width": ((1, 2), (0, 3))}),
        (((0,),), {"pad_width": ((1, 1),)}),
    ],
    batch=_pad_batch,
)


def _pairs(x: Any, ndim: int) -> list[list[Any]]:
    """Return a value before and one after each axis, as NumPy broadcasts them."""
    if x is None:
        return [[None, None]] * ndim
    x = as_array(x)
    if type(x) is Tensor:
        pairs: Array = np.broadcast_to(x, (ndim, 2))
        return [[pairs[i, j] for j in range(2)] for i in range(ndim)]
    rows: list[list[Any]] = np.broadcast_to(x, (ndim, 2)).tolist()
    return rows


def _widths(pad_width: Any, ndim: int) -> Pairs:
    """Return the widths of padding before and after each axis."""
    if isinstance(pad_width, dict):
        given = {axis % ndim: width for axis, width in pad_width.items()}
        pad_width = [np.broadcast_to(given.get(i, 0), 2) for i in range(ndim)] or 0
    widths = np.asarray(as_decided(pad_width))
    if widths.dtype.kind not in "iu":
        raise TypeError(f"pad: pad_width of dtype {widths.dtype} arrived; integers are needed")
    if np.any(widths < 0):
        raise ValueError("pad: pad_width has a negative number")
    return tuple((int(before), int(after)) for before, after in _pairs(widths, ndim))


def _along(ndim: int, axis: int, part: Any) -> tuple[Any, ...]:
    return (slice(None),) * axis + (part,) + (slice(None),) * (ndim - axis - 1)


def _filled(x: Array, axis: int, width: int, value: Any) -> Array:
    """Return an array that is `width` wide along an axis, of a value broadcast to it."""
    shape = tuple(width if i == axis else n for i, n in enumerate(x.shape))
    value = as_array(value)
    return np.broadcast_to(value if value.dtype == x.dtype else np.astype(value, x.dtype), shape)


def _with(x: Array, axis: int, before: Array, after: Array) -> Array:
    """Return an array with padding before and after it along an axis."""
    return np.concatenate([p for p in (before, x, after) if p.shape[axis]] or [x], axis)


def _constant(x: Array, axis: int, widths: tuple[int, int], values: list[Any]) -> Array:
    before, after = (_filled(x, axis, *pair) for pair in zip(widths, values, strict=True))
    return _with(x, axis, before, after)


def _ramp(x: Array, axis: int, widths: tuple[int, int], values: list[Any]) -> Array:
    """Pad from each edge to an end value in equal steps."""
    parts = []
    for width, value, edge in zip(widths, values, (0, -1), strict=True):
        end = x[_along(x.ndim, axis, edge)]
        ramp = np.linspace(as_array(value), end, width, False, axis=axis)
        ramp = ramp if ramp.dtype == x.dtype else np.astype(ramp, x.dtype)
        parts.append(np.flip(ramp, axis) if edge else ramp)
    return _with(x, axis, *parts)


def _median(x: Array, axis: int, keepdims: bool = True) -> Array:
    """Return the mean of the one or two middle elements."""
    n = x.shape[axis]
    middle = slice((n - 1) // 2, n // 2 + 1)
    return np.mean(np.sort(x, axis)[_along(x.ndim, axis, middle)], axis=axis, keepdims=keepdims)


_STATISTICS: dict[str, Callable[..., Array]] = {
    "maximum": np.max,
    "minimum": np.min,
    "mean": np.mean,
    "median": _median,
}


def _statistic(mode: str) -> Callable[..., Array]:
    function = _STATISTICS[mode]

    def padded(x: Array, axis: int, widths: tuple[int, int], lengths: list[Any]) -> Array:
        n = x.shape[axis]
        if any(k is not None and k < 0 for k in lengths):
            raise ValueError(f"pad: stat_length={lengths} has a negative number")
        before, after = (n if k is None else min(int(k), n) for k in lengths)
        if not (before and after) and mode in ("maximum", "minimum"):
            raise ValueError("pad: stat_length of 0 yields no value for padding")
        chunks = (slice(0, before), slice(n - after, n))
        values = [function(x[_along(x.ndim, axis, c)], axis=axis, keepdims=True) for c in chunks]
        return _constant(x, axis, widths, values)

    return padded


def _gathered(mode: str) -> Callable[..., Array]:
    """Pad with elements of the array: where NumPy puts their positions."""

    def padded(x: Array, axis: int, widths: tuple[int, int], extra: list[Any]) -> Array:
        places = np.pad(np.arange(x.shape[axis]), widths, mode)  # type: ignore[call-overload]
        return np.take(x, places, axis)

    return padded


def _odd(mode: str) -> Callable[..., Array]:
    """Pad with reflections through the edges.

    A reflection through an edge e of an element v is 2 e - v: each element of the padding is a
    sum of one element of the array and of its two edges, whatever the number of reflections.
    NumPy itself tells the factors when it pads arrays that are 1 at one of these and 0 elsewhere.
    """

    def padded(x: Array, axis: int, widths: tuple[int, int], extra: list[Any]) -> Array:
        n = x.shape[axis]

        def factors(ones: slice) -> Array:
            unit = np.zeros(n, x.dtype)
            unit[ones] = 1
            values: Array = np.pad(unit, widths, mode, reflect_type="odd")  # type: ignore[call-overload]
            return values.reshape([-1 if i == axis else 1 for i in range(x.ndim)])

        def times(element: Array, factor: Array) -> Array:
            # Infinity that is no part of a sum must not make it NaN.
            return np.where(factor == 0, 0.0, element) * factor

        edges = (slice(0, 1), slice(n - 1, n)) if n > 1 else (slice(0, 1),)
        total = times(x[_along(x.ndim, axis, edges[0])], factors(edges[0]))
        for edge in edges[1:]:
            total = total + times(x[_along(x.ndim, axis, edge)], factors(edge))
        if n > 2:
            places = np.pad(np.arange(n), widths, mode)  # type: ignore[call-overload]
            total = total + times(np.take(x, places, axis), factors(slice(1, n - 1)))
        before, after = widths
        return _with(
            x,
            axis,
            total[_along(x.ndim, axis, slice(0, before))],
            total[_along(x.ndim, axis, slice(before + n, before + n + after))],
        )

    return padded


#: For each mode the argument that it takes, and how it pads along one axis.
_MODES: dict[str, tuple[str | None, Callable[..., Array]]] = {
    "constant": ("constant_values", _constant),
    "edge": (None, _gathered("edge")),
    "linear_ramp": ("end_values", _ramp),
    "maximum": ("stat_length", _statistic("maximum")),
    "mean": ("stat_length", _statistic("mean")),
    "median": ("stat_length", _statistic("median")),
    "minimum": ("stat_length", _statistic("minimum")),
    "reflect": ("reflect_type", _gathered("reflect")),
    "symmetric": ("reflect_type", _gathered("symmetric")),
    "wrap": (None, _gathered("wrap")),
    "empty": (None, _constant),
}


@handles(np.pad)
def pad(
    array: Array,
    pad_width: Any,
    mode: Any = "constant",
    *,
    stat_length: Any = None,
    constant_values: Any = None,
    end_values: Any = None,
    reflect_type: Any = None,
) -> Array:
    """Return an array with padding around it; the values of padding may be tensors."""
    if callable(mode):
        raise Undifferentiable(
            "np.pad: a function as mode writes into a plain array, in which derivatives are lost: "
            "compute the padding and join it with np.concatenate"
        )
    if mode not in _MODES:
        raise ValueError(f"pad: mode={mode!r} arrived; one of {', '.join(_MODES)} is expected")
    takes, along_axis = _MODES[mode]
    given = {
        "stat_length": stat_length,
        "constant_values": constant_values,
        "end_values": end_values,
        "reflect_type": reflect_type,
    }
    wrong = [name for name, x in given.items() if x is not None and name != takes]
    if wrong:
        raise ValueError(f"pad: mode {mode!r} does not take {', '.join(wrong)}")
    x = as_array(array)
    if not x.ndim:
        return x
    widths, extra = _widths(pad_width, x.ndim), given.get(takes or "")
    empty = [i for i, n in enumerate(x.shape) if n == 0 and any(widths[i])]
    if mode in ("constant", "empty"):
        extra = 0 if extra is None else extra
        if not holds_tensor(extra) and not np.any(extra):
            return record(PAD, (x,), {"pad_width": widths})
    elif empty:
        raise ValueError(f"pad: mode {mode!r} cannot extend the empty axis {empty[0]}")
    elif mode == "linear_ramp":
        extra = 0 if extra is None else extra
    elif takes == "reflect_type":
        along_axis, extra = (_odd(mode) if extra == "odd" else along_axis), None
    for axis, pair in enumerate(_pairs(extra, x.ndim)):
        if any(widths[axis]):
            x = along_axis(x, axis, widths[axis], pair)
    return x
