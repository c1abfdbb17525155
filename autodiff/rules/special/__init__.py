"""Rules of the universal functions of scipy.special, a module for each family.

Importing this package fills the table. It needs SciPy and takes a while, so the engine imports it
only when a function of `scipy.special` meets a tensor.
"""

from autodiff.rules.special import (
    bessel,
    distributions,
    elementary,
    elliptic,
    error,
    functions,
    gamma,
    hypergeometric,
    multiple,
    polynomials,
)
from autodiff.rules.special.entries import refuse_the_rest

__all__ = ["bessel", "distributions", "elementary", "elliptic", "error", "functions", "gamma"]
__all__ += ["hypergeometric", "multiple", "polynomials"]

refuse_the_rest()
