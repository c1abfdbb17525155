"""Passes that give a sparse matrix: the examples of Gebremedhin and others."""

from typing import Any

import numpy as np

import autodiff

__all__ = ["BANDS", "FIGURES", "banded", "passes", "pattern"]

_TEN = ("127", "1235", "2346", "34A", "2568", "3569", "178", "5789", "689A", "49A")

#: Symmetric matrices by what they are: where each row is not zero, and the published passes.
FIGURES: dict[str, tuple[tuple[str, ...], int]] = {
    "Hessian of 6 variables (2005, figure 4.1), star colouring": (
        ("12", "12356", "234", "346", "25", "246"),
        3,
    ),
    "Hessian of 10 variables (2009, figure 1), star colouring": (_TEN, 5),
    "Hessian of 10 variables (2005, figure 6.1), acyclic colouring": (_TEN, 3),
}

#: Diagonals beside the main one: 2 ⌊ρ/2⌋ + 1 colours.
BANDS = {2: 3, 10: 11, 20: 21}


def pattern(rows: tuple[str, ...]) -> Any:
    """Return a pattern from the numbers of columns, in base 16, of each row."""
    found = np.zeros((len(rows), len(rows)))
    for i, columns in enumerate(rows):
        found[i, [int(column, 16) - 1 for column in columns]] = 1.0
    return found


def banded(size: int, beside: int) -> Any:
    """Return a band."""
    i = np.arange(size)
    return (abs(i[:, None] - i) <= beside // 2).astype(float)


def passes(matrix: Any) -> int:
    """Return the passes by which `autodiff.jacobian` has the elements of a matrix."""
    made = 0

    def along(x_dot: Any, out: Any, x: Any) -> Any:
        nonlocal made
        made += 1
        return matrix @ x_dot

    linear = autodiff.custom(lambda x: matrix @ x, jvps={0: along})
    found = autodiff.jacobian(linear, sparsity=matrix, mode="fwd")(np.ones(len(matrix)))
    if np.any(found.toarray() != matrix):
        raise ValueError("the passes do not give the matrix")
    return made - 1  # the last one checks the pattern that it was given
