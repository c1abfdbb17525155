"""Operations of a derivative to those of its function: FastDifferentiation.jl's table."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symdiff import gradient
from symdiff.store.cse import flatten
from symdiff.store.op_counts import shared_operations

__all__ = [
    "ROSENBROCK",
    "SPHERICAL",
    "gradient_ratio",
    "jacobian",
    "rosenbrock",
    "spherical_harmonics",
]

#: By size, the ratio in B. Guenter, FastDifferentiation.jl, docs/src/benchmarks.md, last table. Its
#: third column is of matrix operations that the page does not define.
ROSENBROCK = {10: 1.13, 100: 1.13, 1000: 1.13}
SPHERICAL = {4: 2.2, 11: 2.34, 35: 2.4}


def rosenbrock(x: Any) -> Any:
    """Return the Rosenbrock function of any number of variables."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def gradient_ratio(f: Callable[..., Any], n: int, **constants: Any) -> float:
    """Return the operations of a gradient alone over those of its function."""
    counts = gradient(f, strategy="adjoint", wrt="x", x=(n,), **constants).operations
    return counts.gradient_shared / counts.value_shared


def spherical_harmonics(degree: int) -> Callable[[Any], Any]:
    """Return the function of the real spherical harmonics up to a degree, by their recurrences."""

    def f(v: Any) -> Any:
        x, y, z = v
        sine, cosine = [0.0], [1.0]
        for _ in range(degree):
            s, c = sine[-1], cosine[-1]
            sine.append(x * s + y * c)
            cosine.append(x * c - y * s)
        p = {(0, 0): 1.0}
        for m in range(degree + 1):
            if m:
                p[m, m] = (1 - 2 * m) * p[m - 1, m - 1]
            if m < degree:
                p[m + 1, m] = (2 * m + 1) * z * p[m, m]
            for k in range(m + 2, degree + 1):
                high = (2 * k - 1) * z * p[k - 1, m] - (k + m - 1) * p[k - 2, m]
                p[k, m] = high / (k - m)
        found = []
        for k in range(degree + 1):
            for m in range(-k, k + 1):
                ratio = math.factorial(k - abs(m)) / math.factorial(k + abs(m))
                norm = math.sqrt((2 * k + 1) / (4 * math.pi) * ratio * (2 if m else 1))
                angle = sine[-m] if m < 0 else cosine[m]
                found.append(norm * p[k, abs(m)] * angle + 0 * x)
        return np.stack(found)

    return f


def jacobian(f: Callable[[Any], Any], n: int, m: int) -> tuple[Any, Any, float]:
    """Return the Jacobian at a point, the point, and its operations over those of the function.

    It is the mixed second derivative of ``w @ f(x)``.
    """
    g = gradient(lambda x, w: np.sum(w * f(x)), strategy="adjoint", x=(n,), w=(m,))
    h = g.hessian()
    block = h._matrix[:n, n:].ravel().tolist()
    values = [int(k) for k in g._nodes["w"]]
    dag = g._parts.dag
    ours, theirs = (shared_operations(*flatten(dag, roots)) for roots in (block, values))
    x = np.linspace(0.2, 0.9, n)
    return h(x=x, w=np.ones(m))["w"]["x"], x, ours / theirs
