"""Constructors of matrix operations: each simplifies what a person would not write.

Simplifications hold for all numbers, up to rounding. Recognised are the forms that make formulas
shorter: the logistic function, softmax and log-sum-exp (also in their overflow-safe spellings),
inner products, Euclidean norms.
"""

from symdiff.matrix.construct.arithmetic import (
    Arrays,
    add,
    as_number,
    complement,
    divide,
    is_flat,
    is_sum_of_squares,
    multiply,
    negate,
    sigmoid,
    subtract,
)
from symdiff.matrix.construct.functions import elementwise, power
from symdiff.matrix.construct.movement import broadcast, make, reshape, spread
from symdiff.matrix.construct.products import dot, inverse, matmul, outer, swap, transpose
from symdiff.matrix.construct.reductions import count, total, unbroadcast

__all__ = [
    "Arrays",
    "add",
    "as_number",
    "broadcast",
    "complement",
    "count",
    "divide",
    "dot",
    "elementwise",
    "inverse",
    "is_flat",
    "is_sum_of_squares",
    "make",
    "matmul",
    "multiply",
    "negate",
    "outer",
    "power",
    "reshape",
    "sigmoid",
    "spread",
    "subtract",
    "swap",
    "total",
    "transpose",
    "unbroadcast",
]
