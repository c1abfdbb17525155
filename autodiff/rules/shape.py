"""Rules of functions that give the same elements another shape: linear, and their own transposes.

What moves elements is in `movement`, what repeats them in `repetition`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autodiff.core.batching import broadcast
from autodiff.core.libraries import elsewhere, own_copy
from autodiff.core.primitive import Array, discrete, handles, linear
from autodiff.core.stores import is_contiguous
from autodiff.core.tensor import Tensor, primal, record
from autodiff.errors import LostDerivative
from autodiff.rules.discrete import recorded
from autodiff.rules.operands import as_array, as_decided


def _astype(x: Array, *, dtype: Any) -> Array:
    return x.astype(dtype)


def _copy(x: Array, *, order: Any) -> Array:
    if type(x) is Tensor or elsewhere(x) is None:
        return np.copy(x, order)
    # Dask has no such function, and the order of memory is NumPy's.
    found: Array = own_copy(x)
    return found


def _reshape_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    return np.reshape(xs[0], (xs[0].shape[0], *params["shape"]))


def _transpose_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    return np.transpose(xs[0], (0, *(axis + 1 for axis in params["axes"])))


RESHAPE = linear(
    "reshape",
    np.reshape,
    lambda g, out, x, *, shape: np.reshape(g, np.shape(x)),
    examples=[
        (((2, 3),), {"shape": (3, 2)}),
        (((),), {"shape": (1, 1)}),
        (((0, 2),), {"shape": (2, 0, 3)}),
    ],
    batch=_reshape_batch,
)
TRANSPOSE = linear(
    "transpose",
    np.transpose,
    lambda g, out, x, *, axes: np.transpose(g, tuple(int(i) for i in np.argsort(axes))),
    examples=[(((2, 3, 4),), {"axes": (2, 0, 1)})],
    batch=_transpose_batch,
)
#: A real copy: in-place operators on it must leave the original alone.
COPY = linear(
    "copy",
    _copy,
    lambda g, out, x, *, order: g,
    examples=[(((2, 3),), {"order": "K"}), (((),), {"order": "C"})],
    batch=broadcast,
)
# Between real and complex the core takes the real part of a cotangent, as the transpose asks for.
ASTYPE = linear(
    "astype",
    _astype,
    lambda g, out, x, *, dtype: g if g.dtype.kind != x.dtype.kind else g.astype(x.dtype),
    examples=[(((3,),), {"dtype": np.dtype("float64")})],
    complex=False,
    batch=broadcast,
)
#: Of masks and positions, which have no derivative.
CAST = discrete(_astype, "cast", batch=broadcast)


def _read(x: Array, *, order: str) -> Array:
    """Return the axes from the slowest to the fastest in which order A or K reads, as a number."""
    x = np.asarray(x)
    axes = list(range(x.ndim))
    if order == "A":
        axes = axes[:: -1 if x.flags.fnc else 1]
    else:
        # The sort is stable: it leaves axes of equal strides, which read nothing, where they are.
        axes.sort(key=lambda i: -abs(x.strides[i]))
    return np.int64(sum(axis * x.ndim**i for i, axis in enumerate(axes)))


_memory_order = recorded(_read, "memory order")


def _axes_read(a: Array, order: str) -> tuple[int, ...]:
    """Return the axes from the slowest to the fastest in an order of reading."""
    ndim = np.ndim(a)
    if order in ("C", "F"):
        return tuple(range(ndim))[:: 1 if order == "C" else -1]
    if order not in ("A", "K"):
        raise ValueError(f"order={order!r}: 'C', 'F', 'A' or 'K' is expected")
    number = as_decided(_memory_order(a, order=order))
    return tuple(int(number) // ndim**i % ndim for i in range(ndim))


@handles(np.astype)
def astype(x: Array, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """Return the value in another floating-point or complex type."""
    dtype = np.dtype(dtype)
    if device not in (None, "cpu"):
        raise ValueError(f"astype: device={device!r} arrived; arrays of NumPy are on the 'cpu'")
    if x.dtype == dtype:
        return np.copy(x) if copy else x
    if x.dtype.kind not in "fc":
        return record(CAST, (x,), {"dtype": dtype})
    if dtype.kind not in "fc":
        raise LostDerivative(
            f"astype({dtype}) of a tensor would lose its derivative: use np.floor or np.round "
            "for integers, or convert before the function that is traced"
        )
    return record(ASTYPE, (x,), {"dtype": dtype})


@handles(np.copy)
def copy(a: Array, order: Any = "K", subok: bool = False) -> Array:
    """Return a copy, which in-place operators may change without changing the original."""
    return record(COPY, (a,), {"order": order})


@handles(np.reshape)
def reshape(a: Array, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Array:
    """Return the same elements in another shape."""
    known = as_decided(shape)
    known = tuple(known) if isinstance(known, Sequence | np.ndarray) else (known,)
    known = tuple(int(as_decided(n)) for n in known)
    if order == "C" and copy is None:
        return a if known == a.shape else record(RESHAPE, (a,), {"shape": known})
    if order == "K":
        raise ValueError("reshape: order='K' has no meaning for a new shape; 'C', 'F', 'A' have")
    if copy is False:
        # Raises where a copy is needed.
        np.reshape(np.asarray(primal(a)), known, order=order, copy=False)  # type: ignore[call-overload]
    elif copy:
        a = record(COPY, (a,), {"order": "K"})
    axes = _axes_read(a, order)
    if axes == tuple(range(a.ndim)) and order != "F":
        return reshape(a, known)
    return transpose(reshape(transpose(a), known[::-1]))


@handles(np.ravel)
def ravel(a: Array, order: str = "C") -> Array:
    """Return the elements along one axis."""
    read = a if order == "C" else transpose(a, _axes_read(a, order))
    flat = reshape(read, (-1,))
    return flat if is_contiguous(read, "C") else np.copy(flat)


@handles(np.expand_dims)
def expand_dims(a: Array, axis: int | Sequence[int]) -> Array:
    """Return the array with new axes of length 1."""
    axes = tuple(axis) if isinstance(axis, Sequence | np.ndarray) else (axis,)
    axes = normalize_axis_tuple(axes, a.ndim + len(axes))
    lengths = iter(a.shape)
    return reshape(a, [1 if i in axes else next(lengths) for i in range(a.ndim + len(axes))])


@handles(np.squeeze)
def squeeze(a: Array, axis: int | Sequence[int] | None = None) -> Array:
    """Return the array without axes of length 1."""
    if axis is None:
        return reshape(a, [n for n in a.shape if n != 1])
    # NumPy takes the axes 0 and -1 of a number for one of length 1.
    axes = normalize_axis_tuple(axis, a.ndim) if a.ndim or axis not in (0, -1) else ()
    long = [i for i in axes if a.shape[i] != 1]
    if long:
        raise ValueError(f"squeeze: axis {long[0]} of shape {a.shape} is not of length 1")
    return reshape(a, [n for i, n in enumerate(a.shape) if i not in axes])


def _each(arys: tuple[Array, ...], raised: Callable[[Array], Array]) -> Any:
    """Return one result alone, several as a tuple."""
    results = tuple(raised(as_array(a)) for a in arys)
    return results[0] if len(results) == 1 else results


@handles(np.atleast_1d)
def atleast_1d(*arys: Array) -> Any:
    """Return the arrays with at least one axis."""
    return _each(arys, lambda a: a if a.ndim else np.reshape(a, (1,)))


@handles(np.atleast_2d)
def atleast_2d(*arys: Array) -> Any:
    """Return the arrays with at least two axes."""
    return _each(arys, lambda a: a if a.ndim > 1 else np.reshape(a, (1, a.size)))


@handles(np.atleast_3d)
def atleast_3d(*arys: Array) -> Any:
    """Return the arrays with at least three axes; a vector gets one on each side."""

    def raised(a: Array) -> Array:
        if a.ndim > 2:
            return a
        return np.reshape(a, (*a.shape, 1) if a.ndim == 2 else (1, a.size, 1))

    return _each(arys, raised)


@handles(np.transpose, np.permute_dims)
def transpose(a: Array, axes: Sequence[int] | None = None) -> Array:
    """Return the axes permuted, reversed by default."""
    if axes is None:
        if a.ndim < 2:
            return a
        axes = tuple(range(a.ndim))[::-1]
    return record(TRANSPOSE, (a,), {"axes": normalize_axis_tuple(axes, a.ndim)})


@handles(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Array, /) -> Array:
    """Return the last two axes swapped."""
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: shape {x.shape} arrived; two axes are needed")
    return swapaxes(x, -1, -2)


@handles(np.swapaxes)
def swapaxes(a: Array, axis1: int, axis2: int) -> Array:
    """Return two axes swapped."""
    order = list(range(a.ndim))
    first, second = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    order[first], order[second] = order[second], order[first]
    return transpose(a, order)


@handles(np.moveaxis)
def moveaxis(a: Array, source: Any, destination: Any) -> Array:
    """Return the axes `source` moved to the places `destination`."""
    sources = normalize_axis_tuple(source, a.ndim, "source")
    destinations = normalize_axis_tuple(destination, a.ndim, "destination")
    if len(sources) != len(destinations):
        raise ValueError(
            f"moveaxis: {len(sources)} source axes do not match {len(destinations)} destinations"
        )
    order = [i for i in range(a.ndim) if i not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, axis)
    return transpose(a, order)


@handles(np.rollaxis)
def rollaxis(a: Array, axis: int, start: int = 0) -> Array:
    """Return an axis moved backwards until it stands before the axis `start`."""
    axis = normalize_axis_index(axis, a.ndim)
    place = start + a.ndim if start < 0 else start
    if not 0 <= place <= a.ndim:
        raise np.exceptions.AxisError(start, a.ndim + 1, "rollaxis: start")
    order = [i for i in range(a.ndim) if i != axis]
    order.insert(place - (axis < place), axis)
    return transpose(a, order)
