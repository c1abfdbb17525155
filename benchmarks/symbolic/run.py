"""Formulas against formulas: deriving them, how large they are, and running them."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.candidates import FORMULAS, Implementation
from benchmarks.fresh import in_new_process
from benchmarks.goals import DERIVATION_GOALS, EXPONENT_GOAL, SYMBOLIC_GOALS, Goal
from benchmarks.results import Derived, Report, judged
from benchmarks.run import run
from benchmarks.symbolic.derivation import measure
from benchmarks.workloads import WORKLOADS, Workload
from benchmarks.workloads.formulas import residual, sample
from compare.problems.mlp import count_parameters

__all__ = ["DERIVATIONS", "RUNS", "derive", "run_symbolic"]

Stage = Callable[[str], None]
Metadata = Mapping[str, Any]

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
    ((30,), ("symdiff-adjoint-pendulum", "casadi-pendulum")),
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
#: What candidates run whose gradients are formulas.
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
    """Return the names of a network, and of the tool that derives its gradient, in tables."""
    if len(widths) == 1:
        candidate, _, network = tool.rpartition("-")
        return f"{network} {widths[0]}", candidate
    short = len(widths) < 8
    return "-".join(map(str, widths)) if short else f"depth {len(widths) - 2}", tool


def derive(widths: Sequence[int], tool: str, times: int = _TIMES) -> tuple[Derived, Metadata]:
    """Return the cost of deriving a gradient in fresh processes, and all numbers of the last.

    Examples
    --------
    >>> row, _ = derive((2, 2, 1), "symdiff-adjoint", times=1)
    >>> row.parameters, row.operations
    (9, 39)
    """
    parameters = widths[0] if len(widths) == 1 else count_parameters(widths)
    parameters *= 2 if tool.endswith("pendulum") else 1  # angles and speeds
    row = Derived(*_names(widths, tool), parameters)
    shallow = tool.startswith("symdiff") and len(widths) > 8
    found: list[Metadata] = []
    for _ in range(times):
        outcome = in_new_process(measure, tool, widths, shallow, tool == "symdiff-expanded")
        if outcome.status != "ok":
            row.message = outcome.message.rpartition(": ")[2]
            return row, {}
        found.append(outcome.result)
    metadata = found[-1]
    if "absent" in metadata:
        row.message = f"{metadata['absent']} is not installed"
        return row, metadata
    row.samples_s = [each["processor_s"] for each in found]
    row.derive_s = statistics.median(row.samples_s)
    row.peak_bytes = max((each.get("peak_bytes", 0) for each in found), default=0)
    if "operations" in metadata:
        row.operations = metadata["operations"]
        row.ratio = metadata["operations"] / metadata["value_operations"]
    return row, metadata


def run_symbolic(
    *,
    rounds: int,
    sample_s: float,
    derivations: Sequence[tuple[tuple[int, ...], Sequence[str]]] = DERIVATIONS,
    workloads: Sequence[Workload] | None = None,
    candidates: Sequence[Implementation] | None = None,
    times: int = _TIMES,
    on_stage: Stage = lambda stage: None,
) -> Report:
    """Return the report of deriving formulas and running them."""
    field = list(FORMULAS.values()) if candidates is None else list(candidates)
    report = run(
        list(RUNS.values()) if workloads is None else workloads,
        field,
        rounds=rounds,
        sample_s=sample_s,
        goals=SYMBOLIC_GOALS,
        imports=False,
        on_stage=on_stage,
    )
    metadata: dict[tuple[str, str], Metadata] = {}
    for widths, tools in derivations:
        for tool in tools:
            names = _names(widths, tool)
            on_stage(f"deriving {': '.join(names)}")
            row, metadata[names] = derive(widths, tool, times)
            report.derived.append(row)
    _judge(report, metadata)
    return report


def _judge(report: Report, metadata: Mapping[tuple[str, str], Metadata]) -> None:
    """Hold what was derived against the goals."""
    rows = {(row.network, row.candidate): row for row in report.derived}

    def take(goal: Goal, network: str, found: float | None) -> None:
        if found is not None:
            entry = judged(goal, network)
            entry.take(found)
            report.goals.append(entry)

    for (network, tool), row in rows.items():
        for goal in DERIVATION_GOALS.get((network, tool), ()):
            other = rows.get((network, goal.against))
            take(goal, network, _found(goal, row, other, metadata[network, tool]))
    for name, (candidate, networks) in _GROWING.items():
        done = [rows[key] for each in networks if (key := (each, candidate)) in rows]
        known = [(row.parameters, row.derive_s) for row in done if row.derive_s]
        if len(known) > 1:
            n, y = np.log(np.array(known)).T
            slope = float(np.polyfit(n, y, 1)[0])
            take(Goal(candidate, EXPONENT_GOAL.most, "", "exponent"), name, slope)


def _found(goal: Goal, row: Derived, other: Derived | None, metadata: Metadata) -> float | None:
    """Return the number that a goal is about, or None where it was not measured."""
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
        "prediction": float(abs(metadata["predicted"] - metadata["tree"]))
        if "predicted" in metadata
        else None,
    }[goal.what]
