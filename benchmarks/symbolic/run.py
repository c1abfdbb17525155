"""Formulas against formulas: deriving them, how large they are, and running them."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.contenders import BASELINE, CASADI_ARRAYS, COMPILED, Contender, Prepared, ready
from benchmarks.fresh import ask
from benchmarks.goals import DERIVATION_GOALS, EXPONENT_GOAL, SYMBOLIC_GOALS, Goal
from benchmarks.results import Derived, Report, judged
from benchmarks.run import run
from benchmarks.workloads import WORKLOADS, Workload
from benchmarks.workloads.formulas import residual, sample

__all__ = ["DERIVATIONS", "FORMULAS", "RUNS", "derive", "run_symbolic"]

Stage = Callable[[str], None]

#: Networks by their widths, or a depth alone for whole matrices, and who derives their gradient.
DERIVATIONS: Sequence[tuple[tuple[int, ...], Sequence[str]]] = (
    (
        (3, 8, 8, 1),
        (
            "symdiff-adjoint",
            "symdiff-shared",
            "symdiff-expanded",
            "casadi",
            "symengine",
            "sympy",
        ),
    ),
    ((4, 8, 8, 8, 1), ("symdiff-adjoint", "symdiff-shared", "casadi", "symengine")),
    ((3, 32, 32, 1), ("symdiff-adjoint", "symdiff-shared", "casadi", "symengine")),
    *(((n, n, 1), ("symdiff-adjoint", "casadi")) for n in (32, 64, 128)),
    ((350, 200, 1), ("symdiff-adjoint", "casadi")),
    ((2,) * 1001 + (1,), ("symdiff-adjoint", "casadi")),
    *(((n,), ("symdiff-matrix-mlp", "symdiff-matrix-resnet")) for n in (128, 256, 512, 1024)),
)
_DEPTHS = (128, 256, 512, 1024)
#: Series whose growth with the parameters, or the depth, is fitted: who derives which networks.
_GROWING: Mapping[str, tuple[str, Sequence[str]]] = {
    "widths": ("symdiff-adjoint", ("32-32-1", "64-64-1", "128-128-1", "350-200-1")),
    "mlp": ("symdiff-matrix", [f"mlp {depth}" for depth in _DEPTHS]),
    "resnet": ("symdiff-matrix", [f"resnet {depth}" for depth in _DEPTHS]),
}
#: Fresh processes that derive each gradient.
_TIMES = 3
#: Entries of the arguments that formulas of scalars are still written for.
_MOST_ENTRIES = 10_000


def _arguments(workload: Workload) -> tuple[Callable[..., Any], dict[str, tuple[int, ...]]]:
    """Return the function of a workload with its arguments by name, and their shapes."""
    names = list(workload.inputs)

    def by_name(**inputs: Any) -> Any:
        return workload.function(np, *(inputs[name] for name in names))

    return by_name, {name: np.shape(x) for name, x in workload.inputs.items()}


def _adjoint(symdiff: Any, workload: Workload) -> Prepared:
    """Prepare the formula in reverse, called as its users do."""
    function, shapes = _arguments(workload)
    if sum(np.size(x) for x in workload.inputs.values()) > _MOST_ENTRIES:
        raise NotImplementedError("entry by entry it would be too long")
    gradient = symdiff.gradient(function, wrt=workload.wrt, strategy="adjoint", inputs=shapes)
    return ready(workload, partial(gradient.value_and_gradient, **workload.inputs))


def _matrix(symdiff: Any, workload: Workload) -> Prepared:
    """Prepare the source that is printed of the formula of whole matrices."""
    function, shapes = _arguments(workload)
    gradient = symdiff.gradient(function, wrt=workload.wrt, strategy="matrix", inputs=shapes)
    namespace: dict[str, Any] = {}
    exec(compile(gradient.source, "<symdiff matrix>", "exec"), namespace)
    return ready(workload, partial(namespace["value_and_gradient"], *workload.inputs.values()))


#: Who runs formulas.
FORMULAS: dict[str, Contender] = {
    contender.name: contender
    for contender in (
        BASELINE,
        Contender("symdiff-matrix", "the source of strategy matrix", "symdiff", _matrix),
        Contender("symdiff-adjoint", "the gradient of strategy adjoint", "symdiff", _adjoint),
        COMPILED["casadi"],
        CASADI_ARRAYS,
    )
}
#: What they run.
RUNS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        sample((3, 32, 32, 1)),
        WORKLOADS["notes"],
        WORKLOADS["mlp"],
        WORKLOADS["deep-8"],
        residual(),
    )
}


def _names(widths: Sequence[int], tool: str) -> tuple[str, str]:
    """Return what tables call a network, and who derives its gradient."""
    if len(widths) == 1:
        contender, _, network = tool.rpartition("-")
        return f"{network} {widths[0]}", contender
    short = len(widths) < 8
    return "-".join(map(str, widths)) if short else f"depth {len(widths) - 2}", tool


def derive(widths: Sequence[int], tool: str, times: int = _TIMES) -> tuple[Derived, dict[str, Any]]:
    """Return what deriving the gradient of a network takes, in fresh processes.

    Examples
    --------
    >>> row, _ = derive((2, 2, 1), "symdiff-adjoint", times=1)
    >>> row.parameters, row.operations
    (9, 39)
    """
    matrix = len(widths) == 1
    parameters = widths[0] if matrix else sum(n * m + m for n, m in pairwise(widths))
    row = Derived(*_names(widths, tool), parameters)
    question = {
        "tool": tool,
        "widths": list(widths),
        "shallow": tool.startswith("symdiff") and len(widths) > 8,
        "predict": tool == "symdiff-expanded",
    }
    found: list[dict[str, Any]] = []
    try:
        found = [ask("benchmarks.derivation", question) for _ in range(times)]
    except OSError as error:
        row.message = str(error).rpartition(": ")[2]
        return row, {}
    facts = found[-1]
    if "absent" in facts:
        row.message = f"{facts['absent']} is not installed"
        return row, facts
    row.samples_s = [each["processor_s"] for each in found]
    row.derive_s = statistics.median(row.samples_s)
    row.peak_bytes = max((each.get("peak_bytes", 0) for each in found), default=0)
    if "operations" in facts:
        row.operations = facts["operations"]
        row.ratio = facts["operations"] / facts["value_operations"]
    return row, facts


def run_symbolic(
    *,
    rounds: int,
    sample_s: float,
    derivations: Sequence[tuple[tuple[int, ...], Sequence[str]]] = DERIVATIONS,
    workloads: Sequence[Workload] | None = None,
    contenders: Sequence[Contender] | None = None,
    times: int = _TIMES,
    on_stage: Stage = lambda stage: None,
) -> Report:
    """Return what deriving formulas and running them takes."""
    field = list(FORMULAS.values()) if contenders is None else list(contenders)
    report = run(
        list(RUNS.values()) if workloads is None else workloads,
        field,
        rounds=rounds,
        sample_s=sample_s,
        goals=SYMBOLIC_GOALS,
        imports=False,
        on_stage=on_stage,
    )
    facts: dict[tuple[str, str], dict[str, Any]] = {}
    for widths, tools in derivations:
        for tool in tools:
            names = _names(widths, tool)
            on_stage(f"deriving {': '.join(names)}")
            row, facts[names] = derive(widths, tool, times)
            report.derived.append(row)
    _judge(report, facts)
    return report


def _judge(report: Report, facts: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    """Hold what was derived against the goals."""
    rows = {(row.network, row.contender): row for row in report.derived}

    def take(goal: Goal, network: str, found: float | None) -> None:
        if found is not None:
            entry = judged(goal, network)
            entry.take(found)
            report.goals.append(entry)

    for (network, tool), row in rows.items():
        for goal in DERIVATION_GOALS.get((network, tool), ()):
            other = rows.get((network, goal.against))
            take(goal, network, _found(goal, row, other, facts[network, tool]))
    for name, (contender, networks) in _GROWING.items():
        done = [rows[key] for each in networks if (key := (each, contender)) in rows]
        known = [(row.parameters, row.derive_s) for row in done if row.derive_s]
        if len(known) > 1:
            n, y = np.log(np.array(known)).T
            slope = float(np.polyfit(n, y, 1)[0])
            take(Goal(contender, EXPONENT_GOAL.most, "", "exponent"), name, slope)


def _found(
    goal: Goal, row: Derived, other: Derived | None, facts: Mapping[str, Any]
) -> float | None:
    """Return what was reached of a goal, or None where it was not measured."""
    if goal.what == "failures":
        return float(row.derive_s is None)
    if row.derive_s is None:
        return None
    if goal.against:
        return None if other is None or not other.derive_s else row.derive_s / other.derive_s
    return {
        "derive, s": row.derive_s,
        "memory, MB": None if row.peak_bytes is None else row.peak_bytes / 1e6,
        "operations": row.ratio,
        "prediction": float(abs(facts["predicted"] - facts["tree"]))
        if "predicted" in facts
        else None,
    }[goal.what]
