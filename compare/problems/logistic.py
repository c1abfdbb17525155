"""The logistic map: the smallest function whose closed-form derivative swells."""

from typing import Any

import numpy as np

from compare.problems.problem import Gradients, Inputs, Problem

__all__ = ["PROBLEMS", "logistic_map", "logistic_map_gradient"]


def logistic_map(x: Any, r: Any) -> Any:
    """Return the last iterate of the logistic map ``l_{k+1} = r_k l_k (1 - l_k)`` from ``l_1 = x``.

    Notes
    -----
    The example of expression swell of A. G. Baydin, B. A. Pearlmutter, A. A. Radul, J. M. Siskind,
    "Automatic differentiation in machine learning: a survey", JMLR 18(153), 2018, Table 1:
    the iterate is a polynomial of degree ``2^(n-1)`` in `x`.
    """
    iterate = x
    for k in range(r.shape[0]):
        iterate = r[k] * iterate * (1.0 - iterate)
    return iterate


def logistic_map_gradient(x: float, r: Any) -> tuple[float, Gradients]:
    """Return value and derivative of `logistic_map`.

    Notes
    -----
    The derivative has a recurrence of its own: ``l'_1 = 1`` and
    ``l'_{k+1} = r_k (1 - 2 l_k) l'_k``.
    """
    iterate, derivative = float(x), 1.0
    for rate in r.tolist():
        derivative = rate * (1.0 - 2.0 * iterate) * derivative
        iterate = rate * iterate * (1.0 - iterate)
    return iterate, {"x": derivative}


def _inputs(size: int, rng: np.random.Generator) -> Inputs:
    """Return a first iterate between 0 and 1, and the rate 4 for each iteration."""
    return {"x": float(rng.uniform()), "r": np.full(size - 1, 4.0)}


def _label(size: int) -> str:
    """Return the name of the iterate."""
    return f"l_{size}"


#: The logistic map. It ends at 16 iterations because it is chaotic: each one doubles the error of
#: rounding, and beyond about 45 no digit of the derivative is left.
PROBLEMS: tuple[Problem, ...] = (
    Problem(
        name="logistic-map",
        family="logistic map",
        function=logistic_map,
        wrt=("x",),
        inputs=_inputs,
        sizes=(2, 4, 8, 12, 16),
        usual_sizes=(4, 8, 16),
        quick_sizes=(8,),
        verify_size=5,
        meaning="iterates of the logistic map 4 l (1 - l)",
        label=_label,
        gradient=logistic_map_gradient,
    ),
)
