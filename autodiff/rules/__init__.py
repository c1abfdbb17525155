"""The rule table and its entries, a module for each family of functions.

`table` says what an entry is. Importing this package fills the table; only `special`, the rules of
`scipy.special`, is left out: it needs SciPy.
"""

from autodiff.rules import (
    assembly,
    chains,
    convolution,
    discrete,
    einsum,
    elementwise,
    extrema,
    fourier,
    indexing,
    linalg,
    magnitude,
    norms,
    picking,
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
    "chains",
    "convolution",
    "discrete",
    "einsum",
    "elementwise",
    "extrema",
    "fourier",
    "indexing",
    "linalg",
    "magnitude",
    "norms",
    "picking",
    "products",
    "quantiles",
    "reductions",
    "scans",
    "shape",
    "spread",
    "statistics",
    "ufunc_methods",
]
