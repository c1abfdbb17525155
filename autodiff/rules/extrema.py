"""Rules of maxima and minima: the elements that attain them share the cotangent evenly."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.core.batching import along_axis, over_axes
from autodiff.core.primitive import Array, Primitive, discrete, general, handles
from autodiff.core.tensor import record
from autodiff.rules.operands import Axis
from autodiff.rules.reductions import (
    AXES,
    converted,
    counted,
    expanded,
    masked,
    operand,
    sum_,
    with_initial,
)


def _hits(out: Array, x: Array, axis: Axis, keepdims: bool) -> tuple[Array, Array]:
    """Return which elements attain the extremum, NaN if it is one, and how many they are."""
    full = expanded(out, np.shape(x), axis, keepdims)
    hits, nan = x == full, np.isnan(full)
    # A mask that is recorded, for a graph that runs again, may hold other values then; one of
    # another library would have to be waited for.
    if type(nan) not in (np.ndarray, np.bool_) or np.count_nonzero(nan):
        hits = hits | (np.isnan(x) & nan)
    real = np.result_type(x).char.lower()
    return hits, np.sum(hits, axis=axis, keepdims=True).astype(real)


def _extremum_vjp(g: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
    hits, count = _hits(out, x, axis, keepdims)
    return np.where(hits, expanded(g, np.shape(x), axis, keepdims) / count, 0)


def _extremum_jvp(x_dot: Array, out: Array, x: Array, *, axis: Axis, keepdims: bool) -> Array:
    hits, count = _hits(out, x, axis, keepdims)
    return np.sum(np.where(hits, x_dot / count, 0), axis=axis, keepdims=keepdims)


MAX, MIN, NANMAX, NANMIN = (
    general(
        function.__name__,
        function,
        [_extremum_vjp],
        [_extremum_jvp],
        examples=AXES,
        complex=True,
        batch=over_axes,
        masks=True,
    )
    for function in (np.max, np.min, np.nanmax, np.nanmin)
)


def _outermost(dtype: np.dtype[Any], lowest: bool) -> Any:
    """Return a number that no other of its type is below, or above."""
    if dtype.kind == "b":
        return not lowest
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return dtype.type(limits.min if lowest else limits.max)
    return -np.inf if lowest else np.inf


def _extreme(
    primitive: Primitive, a: Array, axis: Axis, dtype: Any, keepdims: bool, initial: Any, where: Any
) -> Array:
    """Return an extremum of the elements that a mask leaves, and of an initial number."""
    params = {"axis": axis, "keepdims": keepdims}
    if dtype is None and initial is None and where is True:
        return record(primitive, (a,), params)
    a = converted(operand(a), dtype, primitive.name)
    if initial is None:
        if where is not True:
            raise ValueError(
                f"np.{primitive.name}: where= needs initial=, which is the result where the mask "
                "leaves no element"
            )
        return record(primitive, (a,), params)
    largest = primitive in (MAX, NANMAX)
    if primitive in (NANMAX, NANMIN):
        number = np.logical_not(np.isnan(a))
        where, primitive = number & where, MAX if largest else MIN
    a = masked(a, where, _outermost(a.dtype, largest))
    if counted(a.shape, axis):
        out = record(primitive, (a,), params)
        return with_initial(out, initial, np.maximum if largest else np.minimum)
    # Nothing is reduced, so that the initial number is all there is.
    return with_initial(sum_(a, axis, keepdims=keepdims), initial, np.add)


def reduced(primitive: Primitive) -> Any:
    """Return the answer to ``ufunc.reduce``, with the arguments of a reduction and a data type."""

    def reduce(
        array: Array,
        axis: Axis = 0,
        dtype: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Array:
        return _extreme(primitive, array, axis, dtype, keepdims, initial, where)

    return reduce


def _answer(primitive: Primitive, *functions: Callable[..., Array]) -> Callable[..., Array]:
    """Register functions of an extremum, whose cotangent equal elements share evenly."""

    @handles(*functions)
    def extremum(
        a: Array,
        axis: Axis = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Array:
        return _extreme(primitive, a, axis, None, keepdims, initial, where)

    return extremum


_max = _answer(MAX, np.max, np.amax)
_min = _answer(MIN, np.min, np.amin)
_answer(NANMAX, np.nanmax)
_answer(NANMIN, np.nanmin)


@handles(np.ptp)
def ptp(a: Array, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Return the maximum less the minimum."""
    return _max(a, axis, keepdims=keepdims) - _min(a, axis, keepdims=keepdims)


def _position(function: Callable[..., Array]) -> None:
    """Register a function of the position of an extremum of all but NaN."""
    primitive = discrete(function, batch=along_axis)

    @handles(function, derivative=False)
    def position(a: Array, axis: int | None = None, *, keepdims: bool = False) -> Array:
        return record(primitive, (a,), {"axis": axis, "keepdims": keepdims})


_position(np.nanargmax)
_position(np.nanargmin)
