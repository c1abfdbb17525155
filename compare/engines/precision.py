"""Gradients of the type of their argument, for engines that compute in float64 throughout."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from compare.engines.engine import ValueAndGradient
from compare.problems.problem import Case

__all__ = ["in_types_of_arguments"]


def in_types_of_arguments(run: ValueAndGradient, case: Case) -> ValueAndGradient:
    """Return a run whose gradients have the types of the arguments."""
    types = {name: np.asarray(case.inputs[name]).dtype for name in case.wrt}
    if all(dtype == np.float64 for dtype in types.values()):
        return run

    def run_cast(inputs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        value, gradients = run(inputs)
        return value, {name: np.asarray(gradients[name], types[name]) for name in types}

    return run_cast
