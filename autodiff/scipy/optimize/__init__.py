"""Functions of `scipy.optimize` for tensors: solutions by the implicit function theorem."""

from autodiff.scipy.optimize.minima import (
    curve_fit,
    least_squares,
    linear_sum_assignment,
    minimize,
    minimize_scalar,
)
from autodiff.scipy.optimize.roots import (
    bisect,
    brenth,
    brentq,
    fixed_point,
    fsolve,
    newton,
    ridder,
    root,
    root_scalar,
    toms748,
)

__all__ = ["bisect", "brenth", "brentq", "curve_fit", "fixed_point", "fsolve", "least_squares"]
__all__ += ["linear_sum_assignment", "minimize", "minimize_scalar", "newton", "ridder", "root"]
__all__ += ["root_scalar", "toms748"]
