"""Which arguments a transform is of."""

from collections.abc import Sequence

import numpy as np

__all__ = ["argument_numbers"]


def argument_numbers(argnums: int | Sequence[int], count: int, what: str) -> tuple[int, ...]:
    """Return the numbers of arguments, counted from 0."""
    if type(argnums) is int and 0 <= argnums < count:
        return (argnums,)
    chosen = (argnums,) if isinstance(argnums, int | np.integer) else tuple(argnums)
    for argnum in chosen:
        if not isinstance(argnum, int | np.integer):
            raise TypeError(f"{what}: argnums={argnums!r}: an int or a tuple of ints is needed")
        if not -count <= argnum < count:
            raise ValueError(
                f"{what}: argnums={argnums!r}, but the function was called with {count} "
                "positional arguments, numbered from 0"
            )
    numbers = tuple(int(argnum) % count for argnum in chosen)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{what}: argnums={argnums!r} names an argument twice")
    return numbers
