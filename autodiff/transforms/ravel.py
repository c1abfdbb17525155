"""Nested structures as one vector, and the way back: what optimisers take."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.libraries import adapted, beside, elsewhere, unwrapped
from autodiff.core.pytrees import flatten
from autodiff.core.tensor import Tensor

__all__ = ["ravel"]


def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return the numbers of a nested structure as one vector, and the function back.

    Parameters
    ----------
    tree : float, array or nested structure
        Dicts, lists, tuples, NamedTuples and dataclasses of numbers and arrays.

    Returns
    -------
    flat : array of shape (n,)
        All elements, in the order of the leaves, in the type that holds them all.
    unravel : callable
        ``unravel(vector)`` returns the structure with the elements of a vector of shape (n,), in
        the shapes and types of the leaves. Both can be differentiated.

    Raises
    ------
    TypeError
        If a leaf is no number or array of numbers.
    ValueError
        From `unravel`, if a vector has another shape.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> params = {"w": np.ones((2, 2)), "b": 0.5}
    >>> flat, unravel = autodiff.ravel(params)
    >>> flat
    array([1. , 1. , 1. , 1. , 0.5])
    >>> autodiff.grad(lambda v: unravel(v)["b"] ** 2)(flat)
    array([0., 0., 0., 0., 1.])
    """
    leaves, structure = flatten(tree)
    arrays = _arrays(leaves)
    for x, path in zip(arrays, structure.paths("tree"), strict=True):
        if x.dtype.kind not in "fciub":
            raise TypeError(f"ravel: {path} is of dtype {x.dtype}; numbers and arrays are expected")
    shapes = [x.shape for x in arrays]
    numbers = (float, complex, int, bool)
    kinds = [
        type(x) if type(x) in numbers else a.dtype for x, a in zip(leaves, arrays, strict=True)
    ]
    ends = np.cumsum([0, *map(math.prod, shapes)])
    flat = np.concatenate([np.reshape(x, (-1,)) for x in arrays]) if arrays else np.zeros(0)

    def unravel(vector: Any) -> Any:
        """Return the structure with the elements of a vector."""
        part: Any
        given, (vector,) = vector, _arrays([vector])
        if vector.shape != (ends[-1],):
            raise ValueError(
                f"unravel: a vector of shape {vector.shape} arrived; the structure has "
                f"{ends[-1]} numbers: ({ends[-1]},) is expected"
            )
        parts = []
        for start, stop, shape, kind in zip(ends, ends[1:], shapes, kinds, strict=False):
            part = np.reshape(vector[int(start) : int(stop)], shape)
            if elsewhere(part) is not None and type(part) is not Tensor:
                # A number stays an array: to read it would wait for it.
                part = _as_given(part.astype(np.dtype(kind)), [given])
            elif type(part) is not Tensor:
                part = kind(part[()]) if isinstance(kind, type) else part.astype(kind)
            elif part.dtype.kind == "f" and np.dtype(kind).kind in "fc":
                part = part.astype(kind)
            parts.append(part)
        return structure.unflatten(parts)

    return _as_given(flat, leaves), unravel


def _as_given(x: Any, leaves: Sequence[Any]) -> Any:
    """Return an array as its library has it, unless adapted ones arrived."""
    return x if any([hasattr(y, "adapter") for y in leaves]) else unwrapped(x)


def _arrays(leaves: Sequence[Any]) -> list[Any]:
    """Return numbers and arrays as arrays, in the library that any of them is of."""
    leaves = [adapted(x) for x in leaves]
    home = next((x for x in leaves if elsewhere(x) is not None), None)
    return [
        x if type(x) is Tensor or elsewhere(x) is not None else beside(home, np.asarray(x))
        for x in leaves
    ]
