"""Expression swell: how large one gradient is, by the form in which it is written down."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from compare.problems import PROBLEMS
from compare.problems.problem import Case
from compare.results.schema import SCHEMA_VERSION, SWELL_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMS", "QUICK_SERIES", "SERIES", "operations_of", "swell"]

#: Problems whose swell a full run follows, with the sizes.
SERIES: Mapping[str, Sequence[int]] = {
    "mlp-width": (2, 4, 8, 16, 32, 64, 128),
    "mlp-depth": (1, 2, 4, 8, 16, 32, 64, 128, 256),
}
#: The same in a quick run.
QUICK_SERIES: Mapping[str, Sequence[int]] = {
    "mlp-width": (2, 4, 8, 16, 32),
    "mlp-depth": (1, 2, 4, 8, 16, 32),
}
#: A form that took longer, in s of the processor, is not written down for the next size.
_LONGEST_S = 0.5


def _shapes(case: Case) -> dict[str, Any]:
    return {name: np.shape(value) for name, value in case.inputs.items()}


def _traced(case: Case) -> tuple[Any, int, list[int]]:
    """Return the graph of the loss, its node, and the nodes of the parameters."""
    import symdiff

    traced = symdiff.trace(case.problem.function, inputs=_shapes(case))
    symbols = [node for name in case.wrt for node in traced.inputs[name].ravel().tolist()]
    return traced.dag, int(traced.nodes), symbols


def _tree(case: Case) -> int:
    """Return the operations of the closed forms written out, which nobody has to write."""
    from symdiff.strategies.expanded import predict_operations

    return predict_operations(*_traced(case))


def _dag(case: Case) -> int:
    """Return the distinct operations of the closed forms."""
    from symdiff.store.op_counts import shared_operations
    from symdiff.strategies.expanded import closed_form

    dag, value, symbols = _traced(case)
    return shared_operations(dag, closed_form(dag, value, symbols))


def _by(strategy: str) -> Callable[[Case], int]:
    """Return the count of operations of a strategy that names intermediates, as a function."""

    def count(case: Case) -> int:
        import symdiff

        gradient = symdiff.gradient(
            case.problem.function, wrt=case.wrt, strategy=strategy, inputs=_shapes(case)
        )
        found: Any = gradient.operations
        return int(found.gradient if strategy == "matrix" else found.gradient_shared)

    return count


#: Ways to write a gradient down, and how to count its operations.
FORMS: dict[str, Callable[[Case], int]] = {
    "tree": _tree,
    "dag": _dag,
    "shared": _by("shared"),
    "adjoint": _by("adjoint"),
    "matrix": _by("matrix"),
}


def operations_of(case: Case, form: str) -> int:
    """Return the number of operations of a gradient in a form."""
    return FORMS[form](case)


def swell(
    series: Mapping[str, Sequence[int]] = SERIES, longest_s: float = _LONGEST_S
) -> "pd.DataFrame":
    """Return the operations of the gradients of growing problems, in each form."""
    import symdiff  # noqa: F401  (loaded before any clock starts)
    from compare.results.reading import as_frame

    rows = []
    for name, sizes in series.items():
        problem = PROBLEMS[name]
        ended: set[str] = set()
        for size in sizes:
            case = problem.case(size, 0)
            for form in FORMS:
                if form in ended:
                    continue
                start = time.process_time()
                operations = float(operations_of(case, form))
                if time.process_time() - start > longest_s:
                    ended.add(form)
                rows.append(
                    {
                        "schema_version": SCHEMA_VERSION,
                        "family": problem.family,
                        "problem": name,
                        "size": size,
                        "label": case.label,
                        "parameters": case.parameters,
                        "form": form,
                        "operations": operations,
                    }
                )
    return as_frame(rows, SWELL_COLUMNS)
