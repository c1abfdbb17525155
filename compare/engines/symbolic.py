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
        try:
            gradient = symdiff.gradient(
                case.problem.function, wrt=case.wrt, strategy=strategy, inputs=shapes
            )
            operations = gradient.operation_count
            # Predicts the size of the text, and refuses to print one that is too large.
            _ = gradient.source
        except symdiff.ExpressionTooLarge as error:
            raise NotImplementedError(str(error)) from error
        return Prepared(lambda inputs: gradient.value_and_gradient(**inputs), operations)

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
