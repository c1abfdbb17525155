"""The one table of matrix calculus: for each operation its shape, formula, source and adjoint.

An adjoint is the derivative of the final scalar with respect to every entry of a value, in an
array of the shape of that value (denominator layout). Rules take the adjoint of a result to those
of its operands.

References
----------
.. [1] M. B. Giles, An extended collection of matrix derivative results for forward and reverse mode
   algorithmic differentiation, 2008.
.. [2] K. B. Petersen, M. S. Pedersen, The Matrix Cookbook, 2012.
.. [3] J. R. Magnus, H. Neudecker, Matrix Differential Calculus, 3rd edition, 2019.
.. [4] A. Griewank, A. Walther, Evaluating Derivatives, 2nd edition, 2008.
"""

from symdiff.matrix.rules import (
    convolutions,
    decompositions,
    elementwise,
    from_table,
    functions,
    leaves,
    linalg,
    movement,
    ordering,
    piecewise,
    products,
    reductions,
)

__all__ = [
    "convolutions",
    "decompositions",
    "elementwise",
    "from_table",
    "functions",
    "leaves",
    "linalg",
    "movement",
    "ordering",
    "piecewise",
    "products",
    "reductions",
]
