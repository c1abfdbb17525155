"""The rule table and its entries, a module for each family of functions.

`table` says what an entry is. Importing this package fills the table; only `special`, the rules of
`scipy.special`, is left out: it needs SciPy.
"""

from autodiff.rules import (
    complex_numbers,
    discrete,
    elementwise,
    floats,
    indexing,
    products,
    reductions,
    scimath,
    shape,
    transcendental,
)

__all__ = [
    "complex_numbers",
    "discrete",
    "elementwise",
    "floats",
    "indexing",
    "products",
    "reductions",
    "scimath",
    "shape",
    "transcendental",
]
