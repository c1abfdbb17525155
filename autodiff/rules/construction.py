"""Rules of functions that build arrays: constants like a tensor, grids, results put together."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from autodiff.core.libraries import beside, elsewhere
from autodiff.core.primitive import Array, handles
from autodiff.rules.operands import as_array, as_decided

#: What makes an array beside one of another library.
_ALIKE: dict[Callable[..., Any], Callable[..., Any]] = {
    np.zeros: np.zeros_like,
    np.ones: np.ones_like,
    np.empty: np.empty_like,
}


def _constant(
    function: Callable[..., Array], a: Array, dtype: Any, order: Any, shape: Any, device: Any
) -> Array:
    """Return a new plain array like a tensor; orders A and K are those of the tensor."""
    lengths = a.shape if shape is None else as_decided(shape)
    kind = a.dtype if dtype is None else dtype
    home = elsewhere(a)
    if home is not None:
        return _ALIKE[function](home, kind, shape=lengths)
    return function(lengths, kind, order="F" if order == "F" else "C", device=device)


@handles(np.zeros_like, derivative=False)
def zeros_like(
    a: Array,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Array:
    """Return zeros of the shape and type of a tensor: a constant."""
    return _constant(np.zeros, a, dtype, order, shape, device)


@handles(np.ones_like, derivative=False)
def ones_like(
    a: Array,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Array:
    """Return ones of the shape and type of a tensor: a constant."""
    return _constant(np.ones, a, dtype, order, shape, device)


@handles(np.empty_like, derivative=False)
def empty_like(
    prototype: Array,
    /,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Array:
    """Return a plain array of the shape and type of a tensor, which plain numbers can fill."""
    return _constant(np.empty, prototype, dtype, order, shape, device)


@handles(np.full_like)
def full_like(
    a: Array,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Array:
    """Return a value, which may be a tensor, in the shape and type of a tensor."""
    lengths = a.shape if shape is None else as_decided(shape)
    wanted = np.dtype(a.dtype if dtype is None else dtype)
    fill = as_array(fill_value)
    # Of plain numbers the copy can be written into, as NumPy's can.
    if isinstance(fill, np.ndarray):
        return beside(a, np.full(lengths, fill, wanted, device=device))
    return np.broadcast_to(fill if fill.dtype == wanted else np.astype(fill, wanted), lengths)


@handles(np.meshgrid)
def meshgrid(
    *xi: Array, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Array, ...]:
    """Return the coordinates of the points of a grid, an array for each axis."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing={indexing!r} arrived; 'xy' or 'ij' is expected")
    axes = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        axes[:2] = [1, 0]
    grids = [
        np.reshape(x, [-1 if i == axis else 1 for i in range(len(xi))])
        for axis, x in zip(axes, map(as_array, xi), strict=True)
    ]
    if not sparse:
        grids = list(np.broadcast_arrays(*grids))
    return tuple(np.copy(grid) if copy else grid for grid in grids)


@handles(np.ix_)
def ix_(*args: Array) -> tuple[Array, ...]:
    """Return vectors along one axis each, so that they index a block together."""
    results = []
    for axis, x in enumerate(map(as_array, args)):
        if x.ndim != 1:
            raise ValueError(f"ix_: an array of shape {x.shape} arrived; vectors are needed")
        if x.dtype.kind == "b":
            x = np.flatnonzero(x)
        elif not x.size:
            x = np.zeros(0, int)
        results.append(np.reshape(x, [-1 if i == axis else 1 for i in range(len(args))]))
    return tuple(results)


@handles(np.vander)
def vander(x: Array, N: int | None = None, increasing: bool = False) -> Array:
    """Return the powers of a vector as the columns of a matrix."""
    if x.ndim != 1:
        raise ValueError(f"vander: an array of shape {x.shape} arrived; a vector is needed")
    count = len(x) if N is None else int(as_decided(N))
    powers = np.arange(count) if increasing else np.arange(count)[::-1]
    return np.reshape(x, (x.shape[0], 1)) ** powers


@handles(np.apply_along_axis)
def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Array, *args: Any, **kwargs: Any
) -> Array:
    """Return the results of a function of vectors for each vector along an axis."""
    arr = as_array(arr)
    axis = normalize_axis_index(axis, arr.ndim)
    lines = np.moveaxis(arr, axis, -1)
    outer = lines.shape[:-1]
    results = [as_array(func1d(lines[place], *args, **kwargs)) for place in np.ndindex(*outer)]
    if not results:
        raise ValueError(f"apply_along_axis: an array of shape {arr.shape} has no vectors to take")
    inner = results[0].shape
    joined = np.reshape(np.stack(results), (*outer, *inner))
    # The axes of a result stand where the axis was.
    order = (
        *range(axis),
        *range(len(outer), len(outer) + len(inner)),
        *range(axis, len(outer)),
    )
    return np.transpose(joined, order)


@handles(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Array, axes: Any) -> Array:
    """Return the result of a function applied over one axis after the other, none of them lost."""
    value = as_array(a)
    for axis in np.atleast_1d(axes):
        axis = normalize_axis_index(int(axis), value.ndim)
        result = func(value, axis)
        if result.ndim != value.ndim:
            result = np.expand_dims(result, axis)
        if result.ndim != value.ndim:
            raise ValueError(
                f"apply_over_axes: the function made shape {result.shape} of {value.shape}; it "
                "must drop one axis or none"
            )
        value = result
    return value
