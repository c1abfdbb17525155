"""Arrays of other libraries, which answer NumPy's protocols: of Dask, CuPy, pydata/sparse.

Rules compute with NumPy's functions, which such arrays answer. What they make from nothing, such as
a mask of the diagonal, must become an array of the same library: CuPy refuses to mix, and Dask
would give an array of its own all the same.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.core.batched import innermost
from autodiff.core.pytrees import flatten

__all__ = [
    *("ADAPTERS", "adapted", "beside", "by_parts", "called_wrapped", "elsewhere", "of_scipy"),
    *("own_copy", "sized", "unwrapped"),
]

#: By type of an array that answers no protocol of NumPy's, its adapter, once `wrap` has made it.
ADAPTERS: dict[type, Any] = {}

_HOST = (np.ndarray, np.generic, float, int, complex)


def elsewhere(x: Any) -> Any:
    """Return the array of another library that a value is below all tensors, or None."""
    x = innermost(x)
    return None if isinstance(x, _HOST) or not hasattr(x, "__array_function__") else x


def adapted(x: Any) -> Any:
    """Return an array of a library that has an adapter as one that answers NumPy's protocols."""
    for kind, adapter in ADAPTERS.items():
        if isinstance(x, kind):
            return adapter.asarray(x)
    return x


def called_wrapped(function: Any, args: Any, kwargs: Any) -> Any:
    """Return the result of a call with adapted arguments, as arrays of their library again.

    None if there are no such arguments.
    """
    leaves, structure = flatten((args, kwargs))
    wrapped = [adapted(x) for x in leaves]
    if all(x is y for x, y in zip(leaves, wrapped, strict=True)):
        return None
    args, kwargs = structure.unflatten(wrapped)
    results, structure = flatten(function(*args, **kwargs))
    return structure.unflatten([unwrapped(x) for x in results])


def unwrapped(x: Any) -> Any:
    """Return an adapted array as its library has it."""
    return x.array if hasattr(x, "adapter") else x


def beside(x: Any, array: Any) -> Any:
    """Return an array of NumPy's as one of the library of `x`, beside which it will be used."""
    home = elsewhere(x)
    return array if home is None else np.asarray(array, like=home)


def own_copy(x: Any) -> Any:
    """Return a copy of an array of another library, whose elements its owner may change."""
    return x.copy() if hasattr(x, "__setitem__") and hasattr(x, "copy") else x


def sized(x: Any) -> Any:
    """Return an array of another library, of which Dask may not know how many elements it has."""
    if any([n != n for n in x.shape]):
        raise ValueError(
            f"an array of Dask of shape {x.shape} arrived, and no rule can do without the lengths: "
            "x.compute_chunk_sizes() computes them, to_dask_array(lengths=True) those of a table, "
            "and np.where(mask, x, 0.0) in place of x[mask] leaves them as they are"
        )
    return x


def of_scipy(
    name: str,
    function: Callable[..., Any],
    operands: Sequence[Any],
    params: Mapping[str, Any],
    elementwise: bool = False,
) -> Any:
    """Return the result of compiled code of SciPy's, which answers no protocol.

    Arrays with an adapter go to their library, where that has the function of this name; others,
    and what the adapter takes to the host, are computed there. Dask's stay lazy if `elementwise`.
    """
    home = next((x for x in map(elsewhere, operands) if x is not None), None)
    if home is None:
        return function(*operands, **params)
    if hasattr(home, "adapter"):
        return home.adapter.called(name, function, home.array, operands, params)
    if elementwise and hasattr(home, "map_blocks"):
        return by_parts(lambda *parts: function(*parts, **params), operands)
    result = function(*operands, **params)
    # Places stay where Dask takes them as an index.
    return result if result.dtype.kind in "iu" else beside(home, result)


def by_parts(function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """Return the result of an elementwise function of arrays of Dask, chunk by chunk."""
    if len(operands) > 1:
        operands = np.broadcast_arrays(*operands)
    first, *others = operands
    return first.map_blocks(function, *others)
