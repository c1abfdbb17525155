"""The rule table and its entries, a module for each family of functions.

`table` says what an entry is. Importing this package fills the table.
"""

from autodiff.rules import (
    construction,
    diagonals,
    differences,
    discrete,
    elementwise,
    indexing,
    interpolation,
    joining,
    movement,
    padding,
    plain,
    polynomials,
    products,
    reductions,
    refused,
    repetition,
    selection,
    sets,
    shape,
    sorting,
)

__all__ = [
    "construction",
    "diagonals",
    "differences",
    "discrete",
    "elementwise",
    "indexing",
    "interpolation",
    "joining",
    "movement",
    "padding",
    "plain",
    "polynomials",
    "products",
    "reductions",
    "refused",
    "repetition",
    "selection",
    "sets",
    "shape",
    "sorting",
]
