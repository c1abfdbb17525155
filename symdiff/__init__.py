"""Derivatives of plain NumPy functions as formulas.

A function is traced into a graph of formulas, its gradient derived as a formula by one of several
strategies, and the formula printed as straight-line source that computes numbers.

Examples
--------
>>> import numpy as np
>>> import symdiff
>>> g = symdiff.gradient(lambda w, x: np.tanh(w * x), w=(), x=())
>>> g.lets, g.partial_forms
([(v1, tanh(w*x)), (v2, 1 - v1**2)], {'w': v2*x, 'x': v2*w})
"""

from symdiff.errors import ExpressionTooLarge, Unparsable, Untraceable
from symdiff.explanation.explain import Explanation, explain
from symdiff.formulas.calling import grad, hessian, value_and_grad
from symdiff.formulas.gradient import Gradient, Operations
from symdiff.formulas.hessian import Hessian
from symdiff.formulas.strategies import STRATEGIES, gradient
from symdiff.text.parse import parse
from symdiff.tracing.trace import Expression, trace

__all__ = [
    "STRATEGIES",
    "Explanation",
    "Expression",
    "ExpressionTooLarge",
    "Gradient",
    "Hessian",
    "Operations",
    "Unparsable",
    "Untraceable",
    "explain",
    "grad",
    "gradient",
    "hessian",
    "parse",
    "trace",
    "value_and_grad",
]
