"""Rules of sets: their elements are elements of the arrays, of equal ones the first."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autodiff.core.primitive import Array, handles
from autodiff.rules.discrete import recorded
from autodiff.rules.indexing import take
from autodiff.rules.operands import as_array, as_decided

_RESULTS = ("values", "index", "inverse", "counts")


def _unique_part(x: Array, *, part: str, **params: Any) -> Array:
    """Return the positions, the inverse or the counts of the unique elements."""
    found = np.unique(x, return_index=True, return_inverse=True, return_counts=True, **params)
    return found[_RESULTS.index(part)]


_unique = recorded(_unique_part, "unique", shaped=False)


@handles(np.unique)
def unique(
    ar: Array,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """Return the different elements in ascending order; of equal ones the first is taken."""
    ar = as_array(ar)
    if axis is not None:
        axis = normalize_axis_index(axis, ar.ndim)
    params = {"axis": axis, "equal_nan": equal_nan}
    first = _unique(ar, part="index", **params)
    results = [take(ar, first, axis)]
    if return_index:
        results.append(first)
    if return_inverse:
        results.append(_unique(ar, part="inverse", **params))
    if return_counts:
        results.append(_unique(ar, part="counts", **params))
    return tuple(results) if len(results) > 1 else results[0]


# The types of their results have no public name: a call gives an example.
_ALL: Any = np.unique_all(np.zeros(0))
_COUNTS: Any = np.unique_counts(np.zeros(0))
_INVERSE: Any = np.unique_inverse(np.zeros(0))


@handles(np.unique_all)
def unique_all(x: Array) -> Any:
    """Return the different elements, their positions, the inverse and how often each occurs."""
    return type(_ALL)(*unique(x, True, True, True, equal_nan=False))


@handles(np.unique_counts)
def unique_counts(x: Array) -> Any:
    """Return the different elements, and how often each occurs."""
    return type(_COUNTS)(*unique(x, return_counts=True, equal_nan=False))


@handles(np.unique_inverse)
def unique_inverse(x: Array) -> Any:
    """Return the different elements, and for each element which of them it is."""
    return type(_INVERSE)(*unique(x, return_inverse=True, equal_nan=False))


@handles(np.unique_values)
def unique_values(x: Array) -> Array:
    """Return the different elements, in ascending order."""
    return unique(x, equal_nan=False)


def _flat(x: Any, unique_already: bool) -> Array:
    x = np.ravel(as_array(x))
    return x if unique_already else np.unique(x)


@handles(np.union1d)
def union1d(ar1: Array, ar2: Array) -> Array:
    """Return the elements of either array; those of both are taken from the first."""
    return np.unique(np.concatenate((as_array(ar1), as_array(ar2)), axis=None))


_common = recorded(
    lambda ar1, ar2, *, part, assume_unique: np.intersect1d(
        ar1, ar2, assume_unique, return_indices=True
    )[part],
    "intersect1d",
    shaped=False,
)


@handles(np.intersect1d)
def intersect1d(
    ar1: Array, ar2: Array, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """Return the elements of both arrays, taken from the first."""
    first = _common(ar1, ar2, part=1, assume_unique=assume_unique)
    values = take(ar1, first)
    if not return_indices:
        return values
    return values, first, _common(ar1, ar2, part=2, assume_unique=assume_unique)


@handles(np.setdiff1d)
def setdiff1d(ar1: Array, ar2: Array, assume_unique: bool = False) -> Array:
    """Return the elements of the first array that are not in the second."""
    first = _flat(ar1, assume_unique)
    return first[np.isin(first, ar2, invert=True)]


@handles(np.setxor1d)
def setxor1d(ar1: Array, ar2: Array, assume_unique: bool = False) -> Array:
    """Return the elements of one array alone."""
    both = np.sort(np.concatenate((_flat(ar1, assume_unique), _flat(ar2, assume_unique))))
    if not both.size:
        return both
    differs = both[1:] != both[:-1]
    return both[np.concatenate(([True], differs)) & np.concatenate((differs, [True]))]


def _bounds(filt: Array) -> Array:
    """Return for each axis where the elements other than zero begin and end."""
    places = np.argwhere(filt)
    if not places.size:
        return np.zeros((np.ndim(filt), 2), int)
    return np.stack([np.min(places, 0), np.max(places, 0) + 1], axis=1)


_extent = recorded(_bounds, "extent")


@handles(np.trim_zeros)
def trim_zeros(filt: Array, trim: str = "fb", axis: Any = None) -> Array:
    """Return the array without the zeros at the front and the back of each axis."""
    sides = trim.lower()
    if not set(sides) <= {"f", "b"}:
        raise ValueError(f"trim_zeros: trim={trim!r} arrived; 'f', 'b' or 'fb' is expected")
    axes = range(filt.ndim) if axis is None else normalize_axis_tuple(axis, filt.ndim, "axis")
    bounds = as_decided(_extent(filt))
    empty = not np.any(bounds[:, 1])
    index = [slice(None)] * filt.ndim
    for i in axes:
        start = int(bounds[i, 0]) if "f" in sides or empty else None
        index[i] = slice(start, int(bounds[i, 1]) if "b" in sides or empty else None)
    return filt[tuple(index)] if axes else filt
