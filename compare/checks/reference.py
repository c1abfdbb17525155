"""The reference of an engine on a case, and how near to it the engine must be."""

from typing import Any

import numpy as np

from compare.checks.tolerance import TOLERANCES, Tolerance, widest
from compare.engines import ENGINES, get_engine
from compare.engines.engine import Engine
from compare.engines.numerical import sampled_differences
from compare.problems.problem import Case
from compare.process.jobs import Report

__all__ = [
    "compute_reference",
    "reference_gradient",
    "reference_name",
    "tolerance_between",
    "tolerance_of",
]

#: Central differences taken as reference are sampled above this number of parameters.
_SAMPLED_ENTRIES = 256


def reference_name(case: Case, engine: Engine) -> str:
    """Return the engine whose gradient is the reference for another.

    The hand-written gradient is, where there is one; else the graph; for the graph itself central
    differences.
    """
    order = ["hand-written", "graph", "finite-differences"]
    return next(name for name in order if name != engine.name and not ENGINES[name].refuses(case))


def reference_gradient(case: Case, name: str) -> tuple[Any, dict[str, Any]]:
    """Return the value and the gradients of a reference, by its name."""
    if name == "finite-differences" and case.parameters > _SAMPLED_ENTRIES:
        return case.problem.function(**case.inputs), sampled_differences(case, _SAMPLED_ENTRIES)
    value, gradients = get_engine(name).prepare(case).run(case.inputs)
    return value, dict(gradients)


def compute_reference(report: Report, case: Case, name: str) -> tuple[Any, dict[str, Any]]:
    """Return `reference_gradient`: the job for a worker."""
    return reference_gradient(case, name)


def tolerance_of(engine: Engine, case: Case | None = None) -> Tolerance:
    """Return the tolerance of an engine on a case."""
    single = case is not None and any(_is_single(x) for x in case.inputs.values())
    return widest(*(TOLERANCES[name] for name in (engine.tolerance, *["float32"] * single)))


def tolerance_between(engine: Engine, reference: str, case: Case | None = None) -> Tolerance:
    """Return the tolerance of the less exact of two engines on a case."""
    return widest(tolerance_of(engine, case), tolerance_of(get_engine(reference), case))


def _is_single(value: Any) -> bool:
    return getattr(value, "dtype", None) == np.float32
