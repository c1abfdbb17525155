"""The comparison: proves that the engines agree, times them on networks that grow, and reports.

Nothing is imported before it is used, so that a measured process starts with nothing loaded.

Examples
--------
>>> import compare
>>> frame = compare.verify(lambda x, y: x * y + x, 2.0, 3.0, engines=["shared"])
>>> frame[["engine", "against", "status"]].to_dict("records")
[{'engine': 'shared', 'against': 'graph', 'status': 'ok'}]
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compare.checks.tolerance import TOLERANCES, Tolerance
    from compare.cluster.runner import DaskRunner
    from compare.engines import ENGINES, get_engine
    from compare.engines.engine import Engine, Prepared
    from compare.growth.summary import summarise
    from compare.measure.plan import Plan
    from compare.measure.sweep import benchmark, sweep
    from compare.problems import PROBLEMS, get_problem
    from compare.problems.problem import Case, Problem
    from compare.process.executor import Budget
    from compare.results.reading import read_results
    from compare.results.samples import read_samples
    from compare.run.verify import verify
    from compare.testing.asserting import assert_gradients_agree
    from compare.truth import measure_errors, taylor_test, true_gradient

__all__ = [
    "ENGINES",
    "PROBLEMS",
    "TOLERANCES",
    "Budget",
    "Case",
    "DaskRunner",
    "Engine",
    "Plan",
    "Prepared",
    "Problem",
    "Tolerance",
    "assert_gradients_agree",
    "benchmark",
    "get_engine",
    "get_problem",
    "measure_errors",
    "read_results",
    "read_samples",
    "summarise",
    "sweep",
    "taylor_test",
    "true_gradient",
    "verify",
]

_MODULES = {
    "Budget": "compare.process.executor",
    "Case": "compare.problems.problem",
    "DaskRunner": "compare.cluster.runner",
    "ENGINES": "compare.engines",
    "Engine": "compare.engines.engine",
    "PROBLEMS": "compare.problems",
    "Plan": "compare.measure.plan",
    "Prepared": "compare.engines.engine",
    "Problem": "compare.problems.problem",
    "TOLERANCES": "compare.checks.tolerance",
    "Tolerance": "compare.checks.tolerance",
    "assert_gradients_agree": "compare.testing.asserting",
    "benchmark": "compare.measure.sweep",
    "get_engine": "compare.engines",
    "get_problem": "compare.problems",
    "measure_errors": "compare.truth",
    "read_results": "compare.results.reading",
    "read_samples": "compare.results.samples",
    "summarise": "compare.growth.summary",
    "sweep": "compare.measure.sweep",
    "taylor_test": "compare.truth",
    "true_gradient": "compare.truth",
    "verify": "compare.run.verify",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'compare' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
