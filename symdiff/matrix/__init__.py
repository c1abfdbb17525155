"""Matrix calculus: gradients as the matrix formulas that a person would write.

A plain NumPy function is traced over matrices whose lengths are numbers or names, into a
hash-consed graph of matrix operations. Reverse accumulation by one table of rules gives the
gradient, as formulas whose size does not depend on the lengths.

Examples
--------
>>> import numpy as np
>>> from symdiff.matrix import matrix_gradient
>>> print(matrix_gradient(lambda X, w, y: np.sum((X @ w - y) ** 2),
...                       wrt="w", X=("N", "d"), w=("d",), y=("N",)))
e = X w − y
L = ‖e‖²
∂L/∂w = 2 Xᵀ e
"""

import symdiff.matrix.functions  # fills the tables of `array`
import symdiff.matrix.rules  # noqa: F401  (fills the table of rules)
from symdiff.matrix.gradient import MatrixGradient, matrix_gradient
from symdiff.matrix.size import MatrixOperations
from symdiff.matrix.table import RULES, Rule

__all__ = ["RULES", "MatrixGradient", "MatrixOperations", "Rule", "matrix_gradient"]
