"""Goals of the project's own candidates, by workload."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = [
    "BUILD_GOALS",
    "CHECKPOINT_GOALS",
    "CHECKPOINT_MEMORY",
    "COMPILED_GOALS",
    "COMPILED_MEANS",
    "DERIVATION_GOALS",
    "EAGER_GOALS",
    "EXPONENT_GOAL",
    "FRESH_GOALS",
    "GRADBENCH_GOALS",
    "LONGEST_GOAL",
    "SYMBOLIC_GOALS",
    "Goal",
    "Goals",
]


@dataclass(frozen=True)
class Goal:
    """A ratio to be reached, or a number."""

    #: Who is to reach it.
    candidate: str
    #: The largest that reaches it.
    most: float
    #: The candidate that it is a ratio to; empty where it is no ratio.
    against: str = "by-hand"
    #: Of what.
    what: str = "time"


#: Goals by name of workload.
Goals = Mapping[str, Sequence[Goal]]

#: Of functions that are differentiated as they run, and of importing the engine.
EAGER_GOALS: Goals = {
    "chain": (Goal("autodiff", 2.5),),
    "notes": (Goal("autodiff", 1.05),),
    "mlp": (Goal("autodiff", 1.5),),
    "import": (Goal("autodiff", 1.5, "numpy"),),
}

#: What prototypes of a plan, a plan with fast_math and a plan with Numba took, as ratios to NumPy
#: by hand.
_PROTOTYPES: dict[str, tuple[float, float | None, float | None]] = {
    "chain": (0.75, None, None),
    "notes": (0.98, None, None),
    "mlp": (0.38, None, 0.17),
    "deep-8": (0.57, None, 0.47),
    "deep-64": (0.59, None, 0.35),
    "deep-512": (0.60, None, None),
    "elementwise": (0.93, 0.35, 0.15),
    "circuit": (1.05, None, 1.5),
    "neuron": (1.00, None, 0.88),
    "single": (1.58, None, 0.28),
    "mixture": (0.35, None, None),
}
#: Where a compiler has the better of NumPy, whose every call costs.
_SLOWER_THAN_JAX = ("chain", "single")


def _compiled(workload: str) -> tuple[Goal, ...]:
    """Return the goals of plans on a workload."""
    names = ("autodiff-plan", "autodiff-plan-fast", "autodiff-plan-numba")
    own = zip(names, _PROTOTYPES[workload], strict=True)
    goals = [Goal(name, most) for name, most in own if most is not None]
    if workload not in _SLOWER_THAN_JAX:
        goals.append(Goal("autodiff-plan", 1.0, "jax-jit"))
    goals.append(Goal("autodiff-plan-numba", 1.0, "jax-jit"))
    goals.append(Goal("autodiff-plan-numba", 0.2, "torch"))
    return tuple(goals)


#: Of plans.
COMPILED_GOALS: Goals = {workload: _compiled(workload) for workload in _PROTOTYPES}

#: Of the fastest plans of the evals of GradBench.
GRADBENCH_GOALS: tuple[Goal, ...] = (
    Goal("autodiff-plan-numba", 1.0, "jax-jit"),
    Goal("autodiff-plan-numba", 1.0, "torch"),
)

#: Of the geometric mean over all workloads but those of Python floats.
COMPILED_MEANS: tuple[Goal, ...] = (Goal("autodiff-plan-numba", 0.5, "jax-jit"),)

#: Of recomputing parts of a long chain instead of keeping them.
CHECKPOINT_GOALS: Goals = {
    "long-chain": (Goal("autodiff-checkpoint", 1.5, "autodiff"),),
}
CHECKPOINT_MEMORY = Goal("autodiff-checkpoint", 1 / 20, "autodiff", "memory")

#: Of making plans: seconds for a depth of the network or a length of the chain.
BUILD_GOALS: dict[tuple[str, int], Goal] = {
    ("network", 512): Goal("autodiff-plan", 0.15, "", "build, s"),
    ("numbers", 10**6): Goal("autodiff-plan", 5.0, "", "build, s"),
}
#: Of running a plan of that many operations on numbers, against a loop written by hand.
LONGEST_GOAL = Goal("autodiff-plan", 1.0)
#: Of the growth of the seconds with the operations, where 1 is linear; timing leaves some room.
EXPONENT_GOAL = Goal("autodiff-plan", 1.1, "", "exponent")

#: Of plans in fresh processes, where it shows who allocates.
FRESH_GOALS: Goals = {
    workload: (Goal("autodiff-plan", 0.6),) for workload in ("elementwise", "mixture")
}

#: Of running formulas: the source by matrices against NumPy by hand, in reverse against CasADi.
SYMBOLIC_GOALS: Goals = {
    "3-32-32-1": (
        Goal("symdiff-adjoint", 1.5, "casadi"),
        Goal("symdiff-adjoint", 1.5, "casadi-arrays"),
        Goal("symdiff-c", 1.0, "casadi-raw"),
        Goal("symdiff-matrix", 1.1),
    ),
    **dict.fromkeys(("notes", "mlp", "deep-8", "residual-8"), (Goal("symdiff-matrix", 1.1),)),
}
#: Of value and gradient, as a ratio to those of the value.
_OPERATIONS = Goal("symdiff-adjoint", 2.6, "", "operations")
#: Goals by network and who derives it; ratios are of the times to derive.
DERIVATION_GOALS: dict[tuple[str, str], Sequence[Goal]] = {
    ("3-8-8-1", "symdiff-adjoint"): (_OPERATIONS,),
    ("4-8-8-8-1", "symdiff-adjoint"): (_OPERATIONS,),
    ("350-200-1", "symdiff-adjoint"): (
        Goal("symdiff-adjoint", 1.0, "", "derive, s"),
        Goal("symdiff-adjoint", 400.0, "", "memory, MB"),
        _OPERATIONS,
    ),
    ("depth 1000", "symdiff-adjoint"): (Goal("symdiff-adjoint", 0.0, "", "failures"),),
    ("3-8-8-1", "symdiff-shared"): (Goal("symdiff-shared", 1 / 15, "sympy", "derive"),),
    ("3-32-32-1", "symdiff-shared"): (Goal("symdiff-shared", 5.0, "", "derive, s"),),
    ("3-8-8-1", "symdiff-expanded"): (
        Goal("symdiff-expanded", 1.0, "sympy", "derive"),
        Goal("symdiff-expanded", 0.0, "", "prediction"),
    ),
    ("mlp 512", "symdiff-matrix"): (Goal("symdiff-matrix", 0.2, "", "derive, s"),),
    ("resnet 512", "symdiff-matrix"): (Goal("symdiff-matrix", 0.2, "", "derive, s"),),
    ("pendulum 30", "symdiff-adjoint"): (Goal("symdiff-adjoint", 1.0, "casadi", "derive"),),
}
