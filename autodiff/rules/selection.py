"""Rules of functions that select among values: what is not selected has no derivative."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.core.batching import broadcast
from autodiff.core.methods import put_in_place
from autodiff.core.primitive import TUPLES, Array, general, handles
from autodiff.core.tensor import Tensor, record
from autodiff.rules.elementwise_rules import unbroadcast
from autodiff.rules.indexing import getitem, scattered
from autodiff.rules.operands import as_array, as_operand, number

WHERE = general(
    "where",
    np.where,
    vjps=[
        lambda g, out, condition, x, y: np.zeros_like(condition, float),
        lambda g, out, condition, x, y: unbroadcast(np.where(condition, g, 0.0), np.shape(x)),
        lambda g, out, condition, x, y: unbroadcast(np.where(condition, 0.0, g), np.shape(y)),
    ],
    jvps=[
        lambda x_dot, out, condition, x, y: np.zeros_like(out),
        lambda x_dot, out, condition, x, y: np.where(condition, x_dot, np.zeros_like(out)),
        lambda x_dot, out, condition, x, y: np.where(condition, np.zeros_like(out), x_dot),
    ],
    domain=[(-2.0, 2.0)] * 3,
    examples=[(((2, 3), (3,), ()), {}), (((3, 1), (3, 2), (2,)), {})],
    complex=True,
    batch=broadcast,
    masks=True,
)


@handles(np.where)
def where(condition: Array, x: Any = None, y: Any = None, /) -> Array:
    """Return elements of `x` where the condition holds, of `y` elsewhere.

    Without `x` and `y`, return the positions where it holds, as `np.nonzero` does.
    """
    if x is None and y is None:
        return np.nonzero(condition)
    if x is None or y is None:
        raise ValueError("where: one of x and y arrived; both or none are needed")
    return record(WHERE, (as_operand(condition), as_operand(x), as_operand(y)))


def _masks(conditions: Sequence[Array], name: str) -> list[Array]:
    """Return conditions, which must be masks."""
    masks = [as_array(c) for c in conditions]
    for i, mask in enumerate(masks):
        if mask.dtype.kind != "b":
            raise TypeError(
                f"{name}: condition {i} is of dtype {mask.dtype}; a mask is needed, such as x > 0"
            )
    return masks


@handles(np.select)
def select(condlist: Sequence[Array], choicelist: Sequence[Array], default: Any = 0) -> Array:
    """Return elements of the choice whose condition is the first to hold, or of the default."""
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"select: {len(condlist)} conditions and {len(choicelist)} choices arrived; "
            "as many are needed"
        )
    if not len(condlist):
        raise ValueError("select: no conditions arrived; at least one is needed")
    choices = [as_operand(c) for c in (*choicelist, default)]
    dtype = np.result_type(*choices)
    result = choices.pop()
    for mask, choice in reversed(list(zip(_masks(condlist, "select"), choices, strict=True))):
        result = np.where(mask, choice, result)
    return result if result.dtype == dtype else np.astype(result, dtype)


def _conditions(x: Array, condlist: Any, count: int) -> list[Array]:
    """Return the masks of np.piecewise; one that is not in a list is the only one."""
    alone = np.ndim(condlist) == 0 if not isinstance(condlist, Sequence) else not condlist
    if not alone and x.ndim and np.ndim(condlist[0]) == 0:
        alone = True
    masks = [condlist] if alone else [condlist[i] for i in range(len(condlist))]
    masks = [m if m.dtype.kind == "b" else m != 0 for m in map(as_array, masks)]
    if count == len(masks) + 1:
        held = masks[0]
        for mask in masks[1:]:
            held = held | mask
        return [*masks, np.logical_not(held)]
    if count != len(masks):
        raise ValueError(
            f"piecewise: {len(masks)} conditions and {count} functions arrived; as many functions "
            "are needed, or one more for elsewhere"
        )
    return masks


@handles(np.piecewise)
def piecewise(x: Array, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """Return the value of each function, or each constant, where its condition holds.

    A function is called on the elements for which its condition holds and on no others, so that
    it may be undefined elsewhere.
    """
    x = as_array(x)
    result: Array = np.zeros_like(x)
    for mask, function in zip(_conditions(x, condlist, len(funclist)), funclist, strict=True):
        value = function
        if callable(function) or np.ndim(function):
            chosen = getitem(x, mask)
            if not chosen.size:
                if type(x) is Tensor:
                    x.tape.mark("branches")
                continue
            value = function(chosen, *args, **kw) if callable(function) else function
            value = scattered(np.broadcast_to(as_array(value), chosen.shape), mask, x.shape)
        value = as_array(value)
        if value.dtype != x.dtype:
            value = np.astype(value, x.dtype)
        along = np.reshape(mask, mask.shape + (1,) * (x.ndim - mask.ndim))
        result = np.where(along, value, result)
    return result


#: What np.clip was not given.
_ABSENT: Any = np._NoValue


@handles(np.clip)
def clip(
    a: Array, a_min: Any = _ABSENT, a_max: Any = _ABSENT, *, min: Any = _ABSENT, max: Any = _ABSENT
) -> Array:
    """Return the values limited to an interval; at its ends half of the cotangent passes."""
    if a_min is _ABSENT and a_max is _ABSENT:
        low, high = (None if bound is _ABSENT else bound for bound in (min, max))
    elif a_min is _ABSENT or a_max is _ABSENT:
        raise TypeError("clip: one of a_min and a_max arrived; both are needed, or min= or max=")
    elif min is not _ABSENT or max is not _ABSENT:
        raise ValueError("clip: min= or max= arrived beside a_min and a_max; give one pair")
    else:
        low, high = a_min, a_max
    limited = a if low is None else np.maximum(a, low)
    return limited if high is None else np.minimum(limited, high)


# What ``array.clip(t, u)`` calls, which NumPy does not publish.
TUPLES[np._core.umath.clip] = lambda a, low, high: clip(a, low, high)  # type: ignore[attr-defined]


@handles(np.nan_to_num)
def nan_to_num(
    x: Array, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Array:
    """Return the values with numbers for NaN and infinities, where the derivative is zero."""
    if x.dtype.kind == "c":
        real, imaginary = (
            np.nan_to_num(part, copy, nan, posinf, neginf) for part in (np.real(x), np.imag(x))
        )
        return real + 1j * imaginary
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    finite = np.where(np.isnan(x), nan, x)
    finite = np.where(np.isposinf(x), high, finite)
    finite = np.where(np.isneginf(x), low, finite)
    result = finite if finite.dtype == x.dtype else np.astype(finite, x.dtype)
    return number(result) if copy or type(x) is not Tensor else put_in_place(x, result)


@handles(np.real_if_close)
def real_if_close(a: Array, tol: float = 100) -> Array:
    """Return the real part if all imaginary parts are close to zero, else the array."""
    if a.dtype.kind != "c":
        return a
    least = tol * float(np.finfo(a.dtype).eps) if tol > 1 else tol
    return np.real(a) if np.all(np.abs(np.imag(a)) < least) else a
