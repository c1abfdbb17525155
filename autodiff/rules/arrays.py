"""The stand-ins for the functions of NumPy that make arrays, in the copy of a function.

They give the tensors that `core.stores` keeps: of tensors a tensor, of plain numbers one of plain
content.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autodiff.core.primitive import Array
from autodiff.core.stores import is_contiguous, is_number
from autodiff.core.substitution import within
from autodiff.core.tensor import Tensor, assembled, holds_tensor
from autodiff.errors import Undifferentiable
from autodiff.rules.operands import as_array

__all__ = [
    *("array", "asanyarray", "asarray", "asarray_chkfinite", "ascontiguousarray"),
    *("asfortranarray", "fromiter", "require"),
]


def _made(
    x: Any, dtype: Any, copy: bool | None, least: int, plain: Callable[[Any], Any] | None
) -> Array:
    """Return an array of anything; `plain` makes one of what holds no tensor."""
    tape = within.get()
    if type(x) is np.ndarray and x.dtype == object and any(type(i) is Tensor for i in x.flat):
        x = assembled(x)
    if not holds_tensor(x):
        assert plain is not None
        made = plain(x)
        return made if tape is None or tape.stores is None else tape.stores.tensors_of(made)
    if dtype is not None and np.dtype(dtype) == object:
        assert plain is not None
        return plain(x)
    fresh = type(x) is not Tensor
    result = _stacked(x) if fresh else x
    if dtype is not None and result.dtype != np.dtype(dtype):
        result, fresh = result.astype(dtype), True
    if not fresh and (copy or is_number(result)):
        # Of a number NumPy makes an array without axes, which can be written into.
        result = np.copy(result)
    missing = least - result.ndim
    return np.reshape(result, (1,) * missing + result.shape) if missing > 0 else result


def _stacked(x: Any) -> Array:
    """Return nested sequences of tensors and numbers as one tensor."""
    if isinstance(x, list | tuple | deque):
        parts = [_stacked(i) for i in x]
        shapes = {np.shape(p) for p in parts}
        if len(shapes) > 1:
            raise ValueError(
                f"array: parts of shapes {sorted(shapes)} arrived; they must be the same to make "
                "an array of them"
            )
        return np.stack(parts) if any([type(p) is Tensor for p in parts]) else np.array(parts)
    return as_array(x)


def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: bool | None = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
    like: Any = None,
) -> Array:
    """Return a new array, as ``np.array``."""

    def plain(x: Any) -> Any:
        return np.array(x, dtype, copy=copy, order=order, subok=subok, ndmin=ndmin)

    return _made(object, dtype, copy, ndmin, plain)


def asarray(
    a: Any,
    dtype: Any = None,
    order: Any = None,
    *,
    device: Any = None,
    copy: bool | None = None,
    like: Any = None,
) -> Array:
    """Return an array, as ``np.asarray``: a tensor as it is."""
    return _made(a, dtype, copy, 0, lambda x: np.asarray(x, dtype, order, copy=copy))


def asanyarray(a: Any, dtype: Any = None, order: Any = None, **kwargs: Any) -> Array:
    """Return an array, as ``np.asanyarray``: a tensor as it is."""
    return _made(a, dtype, kwargs.get("copy"), 0, lambda x: np.asanyarray(x, dtype, order))


def ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> Array:
    """Return an array of at least one axis, as ``np.ascontiguousarray``."""
    made = _made(a, dtype, None, 1, lambda x: np.ascontiguousarray(x, dtype))
    return made if is_contiguous(a, "C") else np.copy(made)


def asfortranarray(a: Any, dtype: Any = None, *, like: Any = None) -> Array:
    """Return an array, as ``np.asfortranarray``: of a tensor the order of memory stays."""
    made = _made(a, dtype, None, 0, lambda x: np.asfortranarray(x, dtype))
    return made if is_contiguous(a, "F") else np.copy(made, "F")


def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Array:
    """Return an array, or raise if it holds infinity or NaN, as ``np.asarray_chkfinite``."""
    made = asarray(a, dtype, order)
    if made.dtype.kind in "fc" and not np.all(np.isfinite(made)):
        raise ValueError("array must not contain infs or NaNs")
    return made


def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Array:
    """Return an array that lies in memory as asked, as ``np.require``."""
    asked = [requirements] if isinstance(requirements, str) else list(requirements or ())
    letters = {str(x).upper().removesuffix("_CONTIGUOUS")[:1] for x in asked}
    made = _made(a, dtype, None, 0, lambda x: np.require(x, dtype, requirements))
    if "O" in letters and holds_tensor(a):
        raise Undifferentiable(
            f"np.require(requirements={requirements!r}) of a tensor: np.copy(x) owns its memory"
        )
    if "C" in letters and not is_contiguous(made, "C"):
        return np.copy(made)
    return made if "F" not in letters or is_contiguous(made, "F") else np.copy(made, "F")


def fromiter(iter: Iterable[Any], dtype: Any, count: int = -1, *, like: Any = None) -> Array:
    """Return an array of what an iterable gives, as ``np.fromiter``."""
    items = [x for _, x in zip(range(count), iter, strict=False)] if count >= 0 else [*iter]
    return _made(items, dtype, True, 1, lambda x: np.fromiter(x, dtype))
