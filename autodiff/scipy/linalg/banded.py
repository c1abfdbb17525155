"""Systems of linear equations whose matrix has few diagonals, which are never spread out.

Element (i, j) of the matrix stands in row ``upper + i - j`` of column j, as in SciPy.
"""

from typing import Any

import numpy as np
import scipy.linalg as sl

from autodiff.core.primitive import Array, general
from autodiff.core.tensor import record
from autodiff.rules.linalg.matrices import conj, recorded
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import stands_for

__all__ = ["solve_banded", "solveh_banded"]


def _moved(x: Array, by: int) -> Array:
    """Return ``x[..., j + by]`` at place j, zero where there is none."""
    n = np.shape(x)[-1]
    kept = max(n - abs(by), 0)
    gap = np.zeros((*np.shape(x)[:-1], n - kept))
    if by >= 0:
        return np.concatenate([x[..., by:], gap], axis=-1) if by else x
    return np.concatenate([gap, x[..., :kept]], axis=-1)


def _turned(ab: Array, lower: int, upper: int) -> Array:
    """Return the diagonals of the transposed matrix."""
    return np.stack([_moved(ab[lower + upper - r], r - lower) for r in range(lower + upper + 1)])


def _times(ab: Array, x: Array, lower: int, upper: int) -> Array:
    """Return the matrix times vectors that are the rows of `x`."""
    return sum(_moved(ab[r] * x, upper - r) for r in range(lower + upper + 1))


@recorded("scipy.solve_banded", True)
def _solved(ab: Array, b: Array, *, lower: int, upper: int) -> Array:
    return sl.solve_banded((lower, upper), ab, b)


def _vjp_b(g: Array, out: Array, ab: Array, b: Array, *, lower: int, upper: int) -> Array:
    return _solved(_turned(ab, lower, upper), g, lower=upper, upper=lower)


def _vjp_ab(g: Array, out: Array, ab: Array, b: Array, *, lower: int, upper: int) -> Array:
    b_bar = _vjp_b(g, out, ab, b, lower=lower, upper=upper)
    rows, columns = (np.reshape(np.transpose(x), (-1, np.shape(out)[0])) for x in (b_bar, out))
    return np.stack(
        [-np.sum(_moved(rows, r - upper) * columns, axis=0) for r in range(lower + upper + 1)]
    )


def _jvp_ab(a_dot: Array, out: Array, ab: Array, b: Array, *, lower: int, upper: int) -> Array:
    moved = np.transpose(_times(a_dot, np.transpose(out), lower, upper))
    return _solved(ab, -moved, lower=lower, upper=upper)


def _dominant(rng: Any, bands: tuple[int, ...], side: tuple[int, ...]) -> list[Array]:
    ab = rng.normal(size=bands)
    ab[1] += 4.0
    return [ab, rng.normal(size=side)]


BANDED = general(
    "scipy.solve_banded",
    _solved,
    [_vjp_ab, _vjp_b],
    [
        _jvp_ab,
        lambda b_dot, out, ab, b, *, lower, upper: _solved(ab, b_dot, lower=lower, upper=upper),
    ],
    examples=[
        (((3, 5), (5,)), {"lower": 1, "upper": 1}),
        (((4, 5), (5, 2)), {"lower": 2, "upper": 1}),
        (((2, 4), (4,)), {"lower": 0, "upper": 1}),
    ],
    draw=_dominant,
    complex=True,
)


@stands_for("scipy.linalg.solve_banded")
def solve_banded(l_and_u: tuple[int, int], ab: Array, b: Array) -> Array:
    """Return the solution of a system whose matrix is given by its diagonals."""
    lower, upper = (int(n) for n in l_and_u)
    ab, b = as_array(ab), as_array(b)
    if np.shape(ab)[0] != lower + upper + 1:
        raise ValueError(
            f"invalid values for the number of lower and upper diagonals: l+u+1 "
            f"({lower + upper + 1}) does not equal ab.shape[0] ({np.shape(ab)[0]})"
        )
    return record(BANDED, (ab, b), {"lower": lower, "upper": upper})


@stands_for("scipy.linalg.solveh_banded")
def solveh_banded(ab: Array, b: Array, lower: bool = False) -> Array:
    """Return the solution of a Hermitian system, given by half of its diagonals."""
    ab = as_array(ab)
    n = np.shape(ab)[0] - 1
    # Elements outside the matrix, which SciPy does not read, are moved to where it does not either.
    if lower:
        others = [conj(_moved(ab[k], -k)) for k in range(n, 0, -1)]
        every = [*others, *(ab[k] for k in range(n + 1))]
    else:
        others = [conj(_moved(ab[n - k], k)) for k in range(1, n + 1)]
        every = [*(ab[k] for k in range(n + 1)), *others]
    return solve_banded((n, n), np.stack(every), as_array(b))
