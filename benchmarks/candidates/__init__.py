"""Who computes value and gradient: one entry a candidate; libraries that are absent stay out."""

from benchmarks.candidates.formulas import ADJOINT, ADJOINT_C, MATRIX
from benchmarks.candidates.implementation import BoundCall, Implementation, bound
from benchmarks.candidates.own import (
    BASELINE,
    BY_HAND_OUT,
    EAGER_AUTODIFF,
    GRAPH,
    PLAN,
    PLAN_FAST,
    PLAN_NUMBA,
    PLAN_OUT,
)
from benchmarks.candidates.peers import (
    AUTOGRAD,
    CASADI,
    CASADI_ARRAYS,
    CASADI_RAW,
    JAX,
    JAX_JIT,
    MICROGRAD,
    MYGRAD,
    TORCH,
)

__all__ = ["BASELINE", "COMPILED", "EAGER", "FORMULAS", "BoundCall", "Implementation", "bound"]


def _by_name(*implementations: Implementation) -> dict[str, Implementation]:
    return {each.name: each for each in implementations}


#: Candidates that differentiate a function as it runs; a graph or program that this leaves too.
EAGER = _by_name(BASELINE, EAGER_AUTODIFF, GRAPH, AUTOGRAD, MYGRAD, TORCH, JAX, JAX_JIT)
#: Candidates that may prepare a program first, and those that users have otherwise.
COMPILED = _by_name(
    BASELINE,
    BY_HAND_OUT,
    EAGER_AUTODIFF,
    PLAN,
    PLAN_OUT,
    PLAN_FAST,
    PLAN_NUMBA,
    JAX_JIT,
    TORCH,
    AUTOGRAD,
    MYGRAD,
    MICROGRAD,
    CASADI,
)
#: Candidates that run formulas.
FORMULAS = _by_name(BASELINE, MATRIX, ADJOINT, ADJOINT_C, CASADI, CASADI_RAW, CASADI_ARRAYS)
