"""Answers to the methods of universal functions: reduce, accumulate, reduceat and outer.

Those without a rule of their own apply the function step by step; those of functions that have no
derivative are refused with what to write instead.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.core.batching import over_axes, spread
from autodiff.core.libraries import elsewhere
from autodiff.core.primitive import REFUSED, UFUNC_METHODS, Array, general
from autodiff.core.tensor import Tensor, record
from autodiff.rules.extrema import MAX, MIN, NANMAX, NANMIN, reduced
from autodiff.rules.operands import Axis
from autodiff.rules.picking import positional
from autodiff.rules.reductions import (
    AXES,
    converted,
    expanded,
    masked,
    operand,
    prod,
    reduced_axes,
    sum_,
    with_initial,
)
from autodiff.rules.scans import cumprod, cumsum, maximum_accumulate, minimum_accumulate

Answer = Callable[..., Any]


def _log_of_sum(ufunc: np.ufunc, power: np.ufunc) -> Answer:
    """Register the logarithm of a sum of powers and return the answer to its reduction.

    Its derivative is the share of each element in the sum, which never overflows.
    """
    name = f"{ufunc.__name__}.reduce"

    def function(x: Array, *, axis: Axis, keepdims: bool) -> Array:
        if type(x) is Tensor:
            return record(primitive, (x,), {"axis": axis, "keepdims": keepdims})
        if elsewhere(x) is not None:
            shift = np.max(x, axis=axis, keepdims=True)
            shift = np.where(np.isfinite(shift), shift, 0.0)
            total = np.sum(power(x - shift), axis=axis, keepdims=True)
            out = (np.log if ufunc is np.logaddexp else np.log2)(total) + shift
            return out if keepdims else np.sum(out, axis=axis)
        return ufunc.reduce(x, axis=axis, keepdims=keepdims)

    def share(out: Array, x: Array, axis: Axis, keepdims: bool) -> Array:
        total = expanded(out, np.shape(x), axis, keepdims)
        # Elements that are all minus infinity would give its difference with itself.
        return power(x - np.where(total == -np.inf, 0.0, total))

    def vjp(g: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
        return expanded(g, np.shape(x), axis, keepdims) * share(out, x, axis, keepdims)

    def jvp(x_dot: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
        return np.sum(x_dot * share(out, x, axis, keepdims), axis=axis, keepdims=keepdims)

    primitive = general(name, function, [vjp], [jvp], examples=AXES, batch=over_axes)

    def reduce(
        array: Array,
        axis: Axis = 0,
        dtype: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Array:
        array = masked(converted(operand(array), dtype, name), where, -np.inf)
        out = record(primitive, (array,), {"axis": axis, "keepdims": keepdims})
        return with_initial(out, initial, ufunc)

    return reduce


def _first_axis(function: Answer) -> Answer:
    """Return a function that works along the first axis unless told otherwise."""

    def call(array: Array, axis: Any = 0, dtype: Any = None, **kwargs: Any) -> Array:
        return function(array, axis, dtype, **kwargs)

    return call


def _discrete(ufunc: np.ufunc, method: str) -> Answer:
    """Return the answer to a method of a function of masks or integers."""
    function = getattr(ufunc, method)

    def batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
        inner, xs = params["params"], spread(xs, on)
        ndim = np.ndim(xs[0]) - 1
        axis = inner["axis"]
        axes = normalize_axis_tuple(range(ndim) if axis is None else axis, ndim)
        moved = tuple(i + 1 for i in axes) if method == "reduce" else axes[0] + 1
        return record(primitive, tuple(xs), {"params": {**inner, "axis": moved}})

    @positional(f"{ufunc.__name__}.{method}", batch)
    def call(array: Array, *mask: Array, params: dict[str, Any]) -> Array:
        return function(array, **({"where": mask[0]} if mask else {}), **params)

    def answer(array: Array, axis: Any = 0, *, where: Any = True, **params: Any) -> Array:
        mask = () if where is True else (where,)
        return call(array, *mask, params={"axis": axis, **params})

    return answer


def _outer(ufunc: np.ufunc) -> Answer:
    """Return the answer to ``ufunc.outer``: the function of every pair of elements."""

    def outer(a: Array, b: Array) -> Array:
        a, b = operand(a), operand(b)
        return ufunc(np.reshape(a, a.shape + (1,) * b.ndim), b)

    return outer


def _parts(ufunc: np.ufunc, array: Array, axis: Any, dtype: Any, what: str) -> tuple[Any, int]:
    """Return the elements along one axis, which come first, and that axis."""
    array = converted(operand(array), dtype, f"{ufunc.__name__}.{what}")
    axes = reduced_axes(np.ndim(array), axis)
    if len(axes) != 1:
        raise ValueError(
            f"np.{ufunc.__name__}.{what}: axis={axis!r} of an array of {np.ndim(array)} axes: it "
            "goes along one axis, in order: give one"
        )
    return np.moveaxis(array, axes[0], 0), axes[0]


def _folded(ufunc: np.ufunc) -> Answer:
    """Return the answer to a reduction: the function of the result so far and the next element."""

    def reduce(
        array: Array,
        axis: Any = 0,
        dtype: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
    ) -> Array:
        parts, along = _parts(ufunc, array, axis, dtype, "reduce")
        if not np.shape(parts)[0] and initial is None:
            # NumPy's own value, or its error.
            return ufunc.reduce(np.zeros(np.shape(array)), axis, keepdims=keepdims)
        start = [] if initial is None else [np.broadcast_to(initial, np.shape(parts)[1:])]
        out = functools.reduce(ufunc, [*start, *parts])
        return np.expand_dims(out, along) if keepdims else out

    return reduce


def _scanned(ufunc: np.ufunc) -> Answer:
    """Return the answer to an accumulation: what a reduction is after each element."""

    def accumulate(array: Array, axis: Any = 0, dtype: Any = None) -> Array:
        parts, along = _parts(ufunc, array, axis, dtype, "accumulate")
        found = [*itertools.accumulate(parts, ufunc)]
        return np.stack(found, along) if found else array

    return accumulate


def _segmented(ufunc: np.ufunc) -> Answer:
    """Return the answer to ``ufunc.reduceat``: reductions from each position up to the next."""

    def reduceat(array: Array, indices: Any, axis: Any = 0, dtype: Any = None) -> Array:
        parts, along = _parts(ufunc, array, axis, dtype, "reduceat")
        count = np.shape(parts)[0]
        # NumPy's error for positions that are none.
        with np.errstate(all="ignore"):
            ufunc.reduceat(np.zeros(count), indices)
        starts = np.asarray(indices).tolist()
        reduce = UFUNC_METHODS[ufunc, "reduce"]
        found = [
            reduce(parts[start:stop], 0) if stop - start > 1 else parts[start]
            for start, stop in zip(starts, [*starts[1:], count], strict=True)
        ]
        shape = np.shape(parts)[1:]
        return np.moveaxis(np.stack(found) if found else np.zeros((0, *shape)), 0, along)

    return reduceat


_OF_MASKS: tuple[np.ufunc, ...] = (
    *(np.logical_and, np.logical_or, np.logical_xor),
    *(np.bitwise_and, np.bitwise_or, np.bitwise_xor),
)

UFUNC_METHODS.update(
    {
        (np.add, "reduce"): _first_axis(sum_),
        (np.multiply, "reduce"): _first_axis(prod),
        (np.maximum, "reduce"): reduced(MAX),
        (np.minimum, "reduce"): reduced(MIN),
        (np.fmax, "reduce"): reduced(NANMAX),
        (np.fmin, "reduce"): reduced(NANMIN),
        (np.logaddexp, "reduce"): _log_of_sum(np.logaddexp, np.exp),
        (np.logaddexp2, "reduce"): _log_of_sum(np.logaddexp2, np.exp2),
        (np.add, "accumulate"): _first_axis(cumsum),
        (np.multiply, "accumulate"): _first_axis(cumprod),
        (np.maximum, "accumulate"): maximum_accumulate,
        (np.minimum, "accumulate"): minimum_accumulate,
    }
)
for _ufunc in _OF_MASKS:
    for _method in ("reduce", "accumulate"):
        UFUNC_METHODS[_ufunc, _method] = _discrete(_ufunc, _method)
#: Those of which NumPy's reductions are what they say: not np.power and np.arctan2 (NumPy 2.4).
_IN_ORDER = (
    *(np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.fmax, np.fmin),
    *(np.logaddexp, np.logaddexp2, np.hypot),
)
_STEPWISE = {"reduce": _folded, "accumulate": _scanned, "reduceat": _segmented}
_ALL = dict.fromkeys(u for u in vars(np).values() if isinstance(u, np.ufunc) and not u.signature)
for _ufunc in _ALL:
    if _ufunc.nin == 2:
        UFUNC_METHODS[_ufunc, "outer"] = _outer(_ufunc)
    for _method, _answer in _STEPWISE.items():
        if (_ufunc, _method) not in UFUNC_METHODS:
            if _ufunc in _IN_ORDER:
                UFUNC_METHODS[_ufunc, _method] = _answer(_ufunc)
            else:
                REFUSED[_ufunc, _method] = "write a loop over the elements, or over slices"
