"""The rule table and its entries, a module for each family of functions.

`table` says what an entry is. Importing this package fills the table.
"""

from autodiff.rules import discrete, elementwise, indexing, products, reductions, shape

__all__ = ["discrete", "elementwise", "indexing", "products", "reductions", "shape"]
