"""Functions of a vector: hello, lse, llsq, ode and det."""

from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from benchmarks.gradbench.evals.eval import Eval, floats, gradient, plain, primal

__all__ = ["DET", "HELLO", "LLSQ", "LSE", "ODE"]


def square(x: Any) -> Any:
    """Return the square of a number."""
    return x * x


def log_sum_exp(x: Any) -> Any:
    """Return the logarithm of a sum of exponentials."""
    high = np.max(x)
    return high + np.log(np.sum(np.exp(x - high)))


def least_squares(x: Any, powers: Any, signs: Any) -> Any:
    """Return half the squared residual of a polynomial that should be the sign."""
    return 0.5 * np.sum((signs - powers @ x) ** 2)


def _read_least_squares(message: Any) -> tuple[Any, ...]:
    x, n = floats(message["x"]), message["n"]
    t = -1 + np.arange(n) * 2 / (n - 1)
    return x, np.vander(t, len(x), increasing=True), np.sign(t)


def runge_kutta(x: Any, s: int) -> Any:
    """Return the solution at 2 of y₀' = x₀, yᵢ' = xᵢ yᵢ₋₁, in `s` steps of order 4."""
    h = 2.0 / s

    def slope(y: Any) -> Any:
        return np.concatenate([x[:1], x[1:] * y[:-1]])

    y = np.zeros(len(x))
    for _ in range(s):
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y


def _last(x: Any, s: int) -> Any:
    return runge_kutta(x, s)[-1]


def expansion(a: Any) -> Any:
    """Return a determinant by expansion into minors, each of which is computed once."""
    size = len(a)
    minors = a[-1]
    for order, columns, others, signs in _expansions(size):
        minors = np.sum(signs * a[size - order][columns] * minors[others], axis=1)
    return minors[0]


@lru_cache
def _expansions(size: int) -> list[tuple[int, Any, Any, Any]]:
    """Return, by order, the columns of each minor and the minors of its expansion."""
    found = []
    for order in range(2, size + 1):
        smaller = {chosen: i for i, chosen in enumerate(combinations(range(size), order - 1))}
        columns = list(combinations(range(size), order))
        others = [[smaller[c[:j] + c[j + 1 :]] for j in range(order)] for c in columns]
        signs = (-1.0) ** np.arange(order)
        found.append((order, np.array(columns), np.array(others), signs))
    return found


HELLO = Eval(lambda x: (float(x),), {"square": primal(square), "double": gradient(square)})
LSE = Eval(
    lambda message: (floats(message["x"]),),
    {"primal": primal(log_sum_exp), "gradient": gradient(log_sum_exp)},
)
LLSQ = Eval(
    _read_least_squares, {"primal": primal(least_squares), "gradient": gradient(least_squares)}
)
ODE = Eval(
    lambda message: (floats(message["x"]), message["s"]),
    {"primal": primal(runge_kutta), "gradient": gradient(_last)},
)
DET = Eval(
    lambda message: (floats(message["A"]).reshape(message["ell"], message["ell"]),),
    {"primal": primal(expansion), "gradient": gradient(expansion)},
    lambda result: plain(np.ravel(result) if np.ndim(result) else result),
)
