"""Products of many matrices: chains and powers, in the order that multiplies least."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.core.primitive import Array, handles


@handles(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Array]) -> Array:
    """Return the product of a chain of matrices, in the order with the fewest multiplications."""
    factors = list(arrays)
    if len(factors) < 2:
        raise ValueError(f"multi_dot: {len(factors)} arrays arrived; at least two are needed")
    first, last = np.ndim(factors[0]), np.ndim(factors[-1])
    if first == 1:
        factors[0] = np.reshape(factors[0], (1, -1))
    if last == 1:
        factors[-1] = np.reshape(factors[-1], (-1, 1))
    if any(np.ndim(x) != 2 for x in factors):
        raise np.linalg.LinAlgError(
            f"multi_dot: arrays of {', '.join(str(np.ndim(x)) for x in arrays)} axes arrived; each "
            "must have 2, the first and the last 1 or 2"
        )
    lengths = [np.shape(factors[0])[0], *(np.shape(x)[1] for x in factors)]
    product = _multiplied(factors, _splits(lengths), 0, len(factors) - 1)
    shape = np.shape(product)[:1] * (first == 2) + np.shape(product)[1:] * (last == 2)
    return product[0, 0] if not shape else np.reshape(product, shape)


def _splits(lengths: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return the best split of each partial chain of matrices (lengths[i], lengths[i + 1]).

    Dynamic programming: Cormen et al., Introduction to Algorithms, section 15.2.
    """
    n = len(lengths) - 1
    cost = {(i, i): 0 for i in range(n)}
    split = {}
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1], k)
                for k in range(i, j)
            )
    return split


def _multiplied(
    factors: Sequence[Array], split: dict[tuple[int, int], int], start: int, stop: int
) -> Array:
    """Return the product of the factors from `start` to `stop`, both included."""
    if start == stop:
        return factors[start]
    middle = split[start, stop]
    return np.matmul(
        _multiplied(factors, split, start, middle), _multiplied(factors, split, middle + 1, stop)
    )


@handles(np.linalg.matrix_power)
def matrix_power(a: Array, n: int) -> Array:
    """Return a power of a square matrix, by repeated squaring; of its inverse if `n` < 0."""
    exponent = _exponent(n)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"matrix_power: an array of shape {a.shape} is not square")
    if exponent == 0:
        return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    square, rest = (np.linalg.inv(a), -exponent) if exponent < 0 else (a, exponent)
    result = None
    while True:
        rest, bit = divmod(rest, 2)
        if bit:
            result = square if result is None else np.matmul(result, square)
        if not rest:
            return result
        square = np.matmul(square, square)


def _exponent(n: Any) -> int:
    try:
        return n.__index__()  # type: ignore[no-any-return]
    except AttributeError:
        raise TypeError(f"matrix_power: the exponent {n!r} is not an integer") from None
