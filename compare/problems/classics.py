"""The two functions that the literature of automatic differentiation grew up with."""

import math
from typing import Any

import numpy as np

from compare.problems.namespace import namespace
from compare.problems.problem import Gradients, Inputs, Problem

__all__ = [
    "PROBLEMS",
    "helmholtz_energy",
    "helmholtz_energy_gradient",
    "speelpenning_product",
    "speelpenning_product_gradient",
]

_ROOT_2 = math.sqrt(2.0)
_ROOT_8 = math.sqrt(8.0)


def speelpenning_product(x: Any) -> Any:
    """Return the product of all entries, multiplied one after the other.

    Notes
    -----
    B. Speelpenning, "Compiling fast partial derivatives of functions given by algorithms", Ph.D.
    thesis, University of Illinois at Urbana-Champaign, 1980. Each partial derivative is the product
    of the other ``n - 1`` factors: written out, the gradient has ``n (n - 2)`` multiplications,
    where reverse accumulation needs about ``3 n``.
    """
    product = x[0]
    for k in range(1, x.shape[0]):
        product = product * x[k]
    return product


def speelpenning_product_gradient(x: Any) -> tuple[float, Gradients]:
    """Return value and gradient of `speelpenning_product`.

    Notes
    -----
    The product of the factors before an entry, times the product of those behind it.
    """
    before, behind = np.ones_like(x), np.ones_like(x)
    np.cumprod(x[:-1], out=before[1:])
    behind[:-1] = np.cumprod(x[:0:-1])[::-1]
    return float(before[-1] * x[-1]), {"x": before * behind}


def helmholtz_energy(x: Any, b: Any, A: Any) -> Any:
    """Return the Helmholtz free energy of a mixed fluid in a unit volume, with ``R T = 1``.

    Notes
    -----
    ``sum_i x_i log(x_i / (1 - b^T x)) - x^T A x / (sqrt(8) b^T x)
    log((1 + (1 + sqrt(2)) b^T x) / (1 + (1 - sqrt(2)) b^T x))``: A. Griewank, "On automatic
    differentiation", 1989; A. Griewank, A. Walther, "Evaluating Derivatives", 2nd edition, 2008.

    Examples
    --------
    >>> round(float(helmholtz_energy(np.array([0.5]), np.array([1.0]), np.zeros((1, 1)))), 6)
    0.0
    """
    xp = namespace(x, b, A)
    filled = b @ x
    mixing = xp.sum(x * xp.log(x / (1.0 - filled)))
    logarithm = xp.log((1.0 + (1.0 + _ROOT_2) * filled) / (1.0 + (1.0 - _ROOT_2) * filled))
    return mixing - (x @ (A @ x)) / (_ROOT_8 * filled) * logarithm


def helmholtz_energy_gradient(x: Any, b: Any, A: Any) -> tuple[float, Gradients]:
    """Return value and gradient of `helmholtz_energy`.

    Notes
    -----
    With ``t = b^T x``, ``q = x^T A x`` and the logarithm ``l``, of which ``dl/dt`` is
    ``sqrt(8) / (1 + 2 t - t^2)``:
    ``x_bar = log(x / (1 - t)) + 1 - l (A x + A^T x) / (sqrt(8) t) + t_bar b`` with
    ``t_bar = sum(x) / (1 - t) - q (1 / (t (1 + 2 t - t^2)) - l / (sqrt(8) t^2))``.

    Examples
    --------
    >>> _, gradient = helmholtz_energy_gradient(
    ...     np.array([0.5]), np.array([1.0]), np.zeros((1, 1))
    ... )
    >>> gradient["x"].round(6)
    array([2.])
    """
    t = float(b @ x)
    Ax = A @ x
    q = float(x @ Ax)
    log_x = np.log(x / (1.0 - t))
    log_t = math.log((1.0 + (1.0 + _ROOT_2) * t) / (1.0 + (1.0 - _ROOT_2) * t))
    t_bar = float(np.sum(x)) / (1.0 - t)
    t_bar -= q * (1.0 / (t * (1.0 + 2.0 * t - t * t)) - log_t / (_ROOT_8 * t * t))
    x_bar = log_x + 1.0 - log_t / (_ROOT_8 * t) * (Ax + A.T @ x) + t_bar * b
    return float(x @ log_x) - q * log_t / (_ROOT_8 * t), {"x": x_bar}


def _factors(size: int, rng: np.random.Generator) -> Inputs:
    """Return factors around 1, the nearer the more there are: their product stays around 1."""
    return {"x": np.exp(rng.standard_normal(size) / np.sqrt(size))}


def _mixture(size: int, rng: np.random.Generator) -> Inputs:
    """Return components that fill about half the volume, and symmetric attractions."""
    A = rng.uniform(0.0, 1.0, (size, size))
    return {
        "x": rng.uniform(0.5, 1.5, size) / size,
        "b": rng.uniform(0.3, 0.7, size) / 1.05,
        "A": (A + A.T) / 2.0,
    }


def _factors_label(size: int) -> str:
    """Return the number of factors."""
    return f"{size} factor" + "s" * (size > 1)


def _mixture_label(size: int) -> str:
    """Return the number of components."""
    return f"{size} component" + "s" * (size > 1)


#: Both, which every textbook of the field has.
PROBLEMS: tuple[Problem, ...] = (
    Problem(
        name="speelpenning",
        family="Speelpenning product",
        function=speelpenning_product,
        wrt=("x",),
        inputs=_factors,
        sizes=(2, 8, 32, 256, 2048),
        usual_sizes=(),
        quick_sizes=(32,),
        verify_size=6,
        meaning="Speelpenning's product x1 x2 ... xn",
        label=_factors_label,
        gradient=speelpenning_product_gradient,
    ),
    Problem(
        name="helmholtz",
        family="Helmholtz energy",
        function=helmholtz_energy,
        wrt=("x",),
        inputs=_mixture,
        sizes=(2, 8, 32, 128, 1024),
        usual_sizes=(),
        quick_sizes=(8,),
        verify_size=4,
        meaning="Helmholtz free energy of a mixed fluid",
        label=_mixture_label,
        gradient=helmholtz_energy_gradient,
    ),
)
