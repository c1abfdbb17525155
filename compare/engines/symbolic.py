"""The symbolic engines: a formula derived once, then evaluated for every gradient."""

from collections.abc import Callable

import numpy as np

from compare.engines.engine import Engine, Prepared
from compare.engines.precision import in_types_of_arguments
from compare.problems.problem import Case

__all__ = ["ADJOINT", "EXPANDED", "MATRIX", "SHARED"]


def _preparer(strategy: str) -> Callable[[Case], Prepared]:
    def prepare(case: Case) -> Prepared:
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
        run = in_types_of_arguments(lambda inputs: gradient.value_and_gradient(**inputs), case)
        return Prepared(run, operations)

    return prepare


def _engine(strategy: str, meaning: str) -> Engine:
    """Return the engine of a strategy of symdiff."""
    return Engine(strategy, f"symdiff: {meaning}", ("symdiff",), _preparer(strategy))


EXPANDED = _engine("expanded", "the closed form, the chain rule written out for each parameter")
SHARED = _engine("shared", "the same formulas with common subexpressions named")
ADJOINT = _engine("adjoint", "formulas in reverse, every intermediate a named line")
MATRIX = _engine("matrix", "the same of whole matrices, as a person writes them")
