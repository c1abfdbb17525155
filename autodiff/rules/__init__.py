"""The rule table and its entries, a module for each family of functions.

`table` says what an entry is. Importing this package fills the table.
"""

from autodiff.rules import (
    assembly,
    discrete,
    elementwise,
    extrema,
    indexing,
    norms,
    products,
    quantiles,
    reductions,
    scans,
    shape,
    spread,
    statistics,
    ufunc_methods,
)

__all__ = [
    "assembly",
    "discrete",
    "elementwise",
    "extrema",
    "indexing",
    "norms",
    "products",
    "quantiles",
    "reductions",
    "scans",
    "shape",
    "spread",
    "statistics",
    "ufunc_methods",
]
