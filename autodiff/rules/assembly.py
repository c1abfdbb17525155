"""Putting numbers and tensors together: what became of ``np.array([t, [u, 0.0]])``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.core.batching import spread
from autodiff.core.libraries import beside, elsewhere
from autodiff.core.primitive import Array, linear
from autodiff.core.tensor import Tensor, record

__all__ = ["ASSEMBLE"]


def _assemble(*items: Array, shape: tuple[int, ...]) -> Array:
    # Items may be tensors of an outer trace, which has to record it too.
    if any([type(x) is Tensor for x in items]):
        return record(ASSEMBLE, items, {"shape": shape})
    if any([elsewhere(x) is not None for x in items]):
        return np.reshape(np.stack(_in_one_library(items)), shape)
    return np.array(items).reshape(shape)


def _in_one_library(items: Sequence[Array]) -> list[Array]:
    """Return items as they are, those of NumPy as arrays of the library of the others, if any."""
    home = next((x for x in items if elsewhere(x) is not None), None)
    if home is None:
        return list(items)
    return [x if elsewhere(x) is not None else beside(home, np.asarray(x)) for x in items]


def _assemble_transpose(g: Array, out: Array, *items: Array, shape: Any) -> list[Array]:
    if type(g) is not Tensor:
        return list(np.reshape(g, (-1,)))
    return [g[i] for i in np.ndindex(*shape)]


def _assemble_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    joined = np.stack(_in_one_library(spread(xs, on)), axis=1)
    return np.reshape(joined, (joined.shape[0], *params["shape"]))


ASSEMBLE = linear(
    "assemble",
    _assemble,
    _assemble_transpose,
    variadic=True,
    examples=[(((), (), (), ()), {"shape": (2, 2)}), (((), ()), {"shape": (2,)})],
    batch=_assemble_batch,
)
