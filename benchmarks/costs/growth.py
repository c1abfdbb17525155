"""Making a program as it grows, and calling it."""

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.candidates import BASELINE, Implementation
from benchmarks.candidates.own import PLAN, compiled
from benchmarks.candidates.peers import JAX_JIT, jax_program
from benchmarks.checking import Loaded, checked, loaded
from benchmarks.goals import BUILD_GOALS, EXPONENT_GOAL, LONGEST_GOAL
from benchmarks.results import Growth, Judged, judged
from benchmarks.turns import fair_collector, ratio, sampler, take_turns
from benchmarks.workloads import Workload
from benchmarks.workloads.chain import number_chain
from benchmarks.workloads.general.filters import kalman, runge_kutta
from benchmarks.workloads.general.gated import gru, lstm
from benchmarks.workloads.general.heat import heat_roll, heat_slices
from benchmarks.workloads.networks import deep
from compare.growth.laws import fit_power
from compare.measure.memory import allocated_bytes

__all__ = ["SERIES", "Series", "grow"]

#: How to make a program and do no more, by candidate.
_BUILDS: dict[str, Callable[[Any, Workload], Any]] = {
    PLAN.name: lambda autodiff, workload: compiled(autodiff, workload, check=False).plan(
        *workload.inputs.values()
    ),
    JAX_JIT.name: jax_program,
}
#: Workloads that grow: how to make one, the sizes, and who compiles it.
Series = Mapping[str, tuple[Callable[[int], Workload], Sequence[int], Sequence[str]]]
_BOTH = (PLAN.name, JAX_JIT.name)
_STEPS = (64, 128, 256, 512, 1024)
#: JAX takes minutes for the chains of numbers.
SERIES: Series = {
    "network": (deep, _STEPS, _BOTH),
    "numbers": (number_chain, (10**3, 10**4, 10**5, 10**6), (PLAN.name,)),
    "gru": (gru, _STEPS, _BOTH),
    "lstm": (lstm, _STEPS, _BOTH),
    "kalman": (kalman, (25, 100, 400), _BOTH),
    "runge-kutta": (runge_kutta, (125, 500), _BOTH),
    "heat-roll": (heat_roll, (25, 100, 400), _BOTH),
    "heat-slices": (heat_slices, (25, 100, 400), _BOTH),
}
#: A series ends with the first size that took longer: the next might take all memory.
_LONGEST_BUILD_S = 10.0
#: The same for measuring its memory, which takes five times as long.
_LONGEST_TRACED_S = 2.0
#: Programs of one size that are made, and rounds of timing them.
_TIMES = 3


def grow(
    candidates: Sequence[Implementation],
    on_stage: Callable[[str], None] = lambda stage: None,
    series: Series = SERIES,
) -> tuple[list[Growth], list[Judged]]:
    """Return the costs of making programs as they grow, and the goals."""
    chosen = {each.name: each for each in candidates}
    growth: list[Growth] = []
    goals: list[Judged] = []
    for name, (make, sizes, compilers) in series.items():
        with loaded([chosen[each] for each in compilers if each in chosen]) as (found, _):
            for each in found:
                rows = []
                for size in sizes:
                    on_stage(f"{name}: {each.candidate.name} at {size}")
                    rows.append(_grown(name, size, make(size), each))
                    if not (rows[-1].build_s or math.inf) <= _LONGEST_BUILD_S:
                        break
                growth += rows
                goals += _judge(name, rows)
    return growth, goals


def _grown(series: str, size: int, workload: Workload, each: Loaded) -> Growth:
    """Return the costs of making and calling one program."""
    name = each.candidate.name
    row = Growth(series, size, workload.operations, name)
    entry, call = checked(workload, each)
    if call is None:
        row.message = f"{entry.status}: {entry.message}"
        return row
    builds: list[float] = []
    while len(builds) < _TIMES and sum(builds) <= _LONGEST_BUILD_S:
        gc.collect()
        start = time.perf_counter()
        made = _BUILDS[name](each.module, workload)
        builds.append(time.perf_counter() - start)
    row.build_s = statistics.median(builds)
    if name == PLAN.name:
        row.operations = row.operations or made.operations
    if name == PLAN.name and row.build_s <= _LONGEST_TRACED_S:
        gc.collect()
        row.peak_bytes = allocated_bytes(lambda: _BUILDS[name](each.module, workload))
    runs = {BASELINE.name: BASELINE.bind(np, workload).run, name: call.run}
    with fair_collector():
        samplers = {key: sampler(run, sample_s=0.01) for key, run in runs.items()}
        samples, _ = take_turns(samplers, _TIMES)
    row.run_s = statistics.median(sample.seconds for sample in samples[name])
    row.ratio = ratio(samples[name], samples[BASELINE.name]).median
    return row


def _judge(series: str, rows: Sequence[Growth]) -> list[Judged]:
    """Return the goals of one series, with what was reached."""
    by_size = {row.size: row for row in rows}
    found = []
    for (of, size), goal in BUILD_GOALS.items():
        if of != series or goal.candidate != rows[0].candidate:
            continue
        row = by_size.get(size)
        numbers = [(goal, row.build_s if row else None)]
        if series == "numbers":
            numbers.append((LONGEST_GOAL, row.ratio if row else None))
        for each, number in numbers:
            found.append(judged(each, f"{series}-{size}"))
            if number is None:
                found[-1].reached = False  # it failed, or a smaller one took too long
            else:
                found[-1].take(number)
    done = [row for row in rows if row.build_s is not None]
    law = fit_power([r.operations or r.size for r in done], [r.build_s or 0.0 for r in done])
    if law is not None and rows[0].candidate == EXPONENT_GOAL.candidate:
        found.append(judged(EXPONENT_GOAL, series))
        found[-1].take(law.slope)
    return found
