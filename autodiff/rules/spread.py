"""Variances and standard deviations.

The standard deviation of equal numbers is 0 and has no slope there; by convention it is 0.
"""

import functools
import warnings
from typing import Any

import numpy as np

from autodiff.core.batching import broadcast, over_axes
from autodiff.core.primitive import Array, general, handles
from autodiff.core.tensor import Tensor, record
from autodiff.rules.elementwise_rules import multiply_no_nan, unbroadcast
from autodiff.rules.magnitude import conjugate, real_part, root, squared
from autodiff.rules.operands import Axis
from autodiff.rules.reductions import (
    counted,
    divided,
    expanded,
    masked,
    numbers,
    operand,
    sum_,
)


def _var_slope(x: Array, axis: Axis, ddof: float) -> Array:
    """Return the derivative: as deviations sum to zero, that of the mean takes no part."""
    left = counted(np.shape(x), axis) - ddof
    return (x - np.mean(x, axis=axis, keepdims=True)) * (2.0 / left)


def _var_vjp(g: Array, out: Array, x: Array, *, axis: Axis, ddof: float, keepdims: bool) -> Array:
    return expanded(g, np.shape(x), axis, keepdims) * conjugate(_var_slope(x, axis, ddof))


def _var_jvp(
    x_dot: Array, out: Array, x: Array, *, axis: Axis, ddof: float, keepdims: bool
) -> Array:
    slope = conjugate(_var_slope(x, axis, ddof))
    return np.sum(real_part(slope * x_dot), axis=axis, keepdims=keepdims)


VAR = general(
    "var",
    np.var,
    [_var_vjp],
    [_var_jvp],
    examples=[
        (((2, 3),), {"axis": None, "ddof": 0, "keepdims": False}),
        (((2, 3, 4),), {"axis": (0, 2), "ddof": 1, "keepdims": False}),
        (((2, 3),), {"axis": -1, "ddof": 0.5, "keepdims": True}),
    ],
    complex=True,
    batch=over_axes,
)


def _left_slope(left: Array) -> Array:
    """Return the inverse of the degrees of freedom, NaN where there are none."""
    none = np.logical_not(np.greater(left, 0))
    return np.where(none, np.nan, 1.0 / np.where(none, 1.0, left))


def _over_slope(direction: Array, left: Array) -> Array:
    return multiply_no_nan(direction, direction * _left_slope(left))


def over_freedom(total: Array, left: Array) -> Array:
    """Return a sum of squares over the degrees of freedom; none are left if that is 0 or NaN."""
    if type(total) is Tensor or type(left) is Tensor:
        return record(OVER_FREEDOM, (total, left))
    return divided(total, left)


def _draw(rng: Any, *shapes: tuple[int, ...]) -> list[Array]:
    return [rng.uniform(1.0, 3.0, shape)[()] for shape in shapes]


#: Where no degrees of freedom are left there is no derivative.
OVER_FREEDOM = general(
    "over_freedom",
    over_freedom,
    [
        lambda g, out, total, left: unbroadcast(_over_slope(g, left), np.shape(total)),
        lambda g, out, total, left: unbroadcast(_over_slope(g * -out, left), np.shape(left)),
    ],
    [
        lambda x_dot, out, total, left: np.broadcast_to(_over_slope(x_dot, left), np.shape(out)),
        lambda x_dot, out, total, left: _over_slope(x_dot * -out, left),
    ],
    examples=[(((2, 3), (2, 3)), {}), (((), ()), {}), (((3,), ()), {})],
    draw=_draw,
    batch=broadcast,
)


def _freedom(ddof: Any, correction: Any) -> Any:
    """Return the number that is taken off the count, under either of its names."""
    if correction is None:
        return ddof
    if ddof != 0:
        raise ValueError("ddof and correction can't be provided simultaneously.")
    return correction


def _deviations(a: Array, axis: Axis, dtype: Any, where: Any, given: Any) -> Array:
    """Return the differences from the mean, 0 where a mask leaves elements out."""
    if given is None:
        total = sum_(a, axis, dtype, keepdims=True, where=where)
        given = divided(total, counted(a.shape, axis, where, keepdims=True))
    return masked(a - given, where, 0)


def _are_none(left: Array) -> Array:
    """Return where no degrees of freedom are left, and warn as NumPy does."""
    none = left <= 0
    if type(none) is not Tensor and np.any(none):
        warnings.warn("Degrees of freedom <= 0 for slice.", RuntimeWarning, stacklevel=4)
    return none


@handles(np.var)
def var(
    a: Array,
    axis: Axis = None,
    dtype: Any = None,
    *,
    ddof: Any = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Array:
    """Return the variance over `axis`."""
    a, ddof = operand(a), _freedom(ddof, correction)
    free = where is True and type(ddof) is not Tensor and counted(a.shape, axis) > ddof
    if free and dtype is None and mean is None and a.dtype.kind in "fc":
        return record(VAR, (a,), {"axis": axis, "ddof": ddof, "keepdims": keepdims})
    if dtype is None and a.dtype.kind in "biu":
        dtype = float
    deviations = _deviations(a, axis, dtype, where, mean)
    total = sum_(squared(deviations), axis, dtype, keepdims=keepdims)
    left = counted(a.shape, axis, where, keepdims) - ddof
    if free:
        return divided(total, left)
    _are_none(left)
    return over_freedom(total, np.maximum(left, 0))


@handles(np.std)
@functools.wraps(var, assigned=())
def std(*args: Any, **kwargs: Any) -> Array:
    """Return the standard deviation over `axis`; where it is 0 its derivative is 0."""
    return root(var(*args, **kwargs))


@handles(np.nanvar)
def nanvar(
    a: Array,
    axis: Axis = None,
    dtype: Any = None,
    *,
    ddof: Any = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Array:
    """Return the variance of all but NaN; NaN where there are too few."""
    a, ddof, where = operand(a), _freedom(ddof, correction), numbers(a, where)
    deviations = _deviations(a, axis, dtype, where, mean)
    total = sum_(squared(deviations), axis, dtype, keepdims=keepdims)
    left = counted(a.shape, axis, where, keepdims) - ddof
    return over_freedom(total, np.where(_are_none(left), np.nan, left))


@handles(np.nanstd)
@functools.wraps(nanvar, assigned=())
def nanstd(*args: Any, **kwargs: Any) -> Array:
    """Return the standard deviation of all but NaN; where it is 0 its derivative is 0."""
    return root(nanvar(*args, **kwargs))
