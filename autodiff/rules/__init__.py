"""The rule table and its entries, a module for each family of functions.

`table` says what an entry is. Importing this package fills the table.
"""

from autodiff.rules import (
    assembly,
    discrete,
    elementwise,
    indexing,
    products,
    reductions,
    shape,
    ufunc_methods,
)

__all__ = [
    "assembly",
    "discrete",
    "elementwise",
    "indexing",
    "products",
    "reductions",
    "shape",
    "ufunc_methods",
]
