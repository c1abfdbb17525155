"""The rule table and its entries, a module for each family of functions.

`table` says what an entry is. Importing this package fills the table.
"""

from autodiff.rules import (
    chains,
    convolution,
    discrete,
    einsum,
    elementwise,
    fourier,
    indexing,
    linalg,
    products,
    reductions,
    shape,
)

__all__ = [
    "chains",
    "convolution",
    "discrete",
    "einsum",
    "elementwise",
    "fourier",
    "indexing",
    "linalg",
    "products",
    "reductions",
    "shape",
]
