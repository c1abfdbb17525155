"""The symbolic engines: a formula derived once, then evaluated for every gradient."""

from collections.abc import Callable

from compare.engines.engine import Engine, Prepared
from compare.problems.problem import Case

__all__ = ["EXPANDED", "SHARED"]


def _preparer(strategy: str) -> Callable[[Case], Prepared]:
    def prepare(case: Case) -> Prepared:
        import numpy as np

        import symdiff

        shapes = {name: np.shape(value) for name, value in case.inputs.items()}
        gradient = symdiff.gradient(
            case.problem.function, wrt=case.wrt, strategy=strategy, inputs=shapes
        )
        return Prepared(
            lambda inputs: gradient.value_and_gradient(**inputs), gradient.operation_count
        )

    return prepare


EXPANDED = Engine(
    name="expanded",
    meaning="symdiff: the closed form, one sympy.diff per parameter",
    imports=("symdiff",),
    prepare=_preparer("expanded"),
)
SHARED = Engine(
    name="shared",
    meaning="symdiff: the same formulas with common subexpressions named",
    imports=("symdiff",),
    prepare=_preparer("shared"),
)
