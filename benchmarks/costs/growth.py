"""What a gradient costs beside its time: memory, and making a program as it grows."""

import gc
import math
import statistics
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.checking import Library, checked, opened
from benchmarks.contenders import BASELINE, CHECKPOINT, COMPILED, EAGER, Contender, compiled
from benchmarks.goals import (
    BUILD_GOALS,
    CHECKPOINT_GOALS,
    CHECKPOINT_MEMORY,
    EXPONENT_GOAL,
    LONGEST_GOAL,
)
from benchmarks.peers import jax_program
from benchmarks.results import Footprint, Growth, Report, judged
from benchmarks.run import run
from benchmarks.timing import interleaved, median_and_spread, ratios
from benchmarks.workloads import WORKLOADS, Workload
from benchmarks.workloads.chain import long_chain, number_chain
from benchmarks.workloads.networks import deep
from compare.growth.laws import fit_power

__all__ = ["PARTS", "SERIES", "peak_bytes"]

Stage = Callable[[str], None]

#: Workloads whose memory is measured.
_MEASURED = ("notes", "deep-512", "elementwise")
#: How to make a program and do no more, by contender.
_BUILDS: dict[str, Callable[[Any, Workload], Any]] = {
    "autodiff-plan": lambda autodiff, workload: compiled(autodiff, workload, check=False).plan(
        *workload.inputs.values()
    ),
    "jax-jit": jax_program,
}
#: Workloads that grow: how to make one, the sizes, and who compiles it. JAX takes minutes for the
#: chains of numbers.
SERIES: dict[str, tuple[Callable[[int], Workload], tuple[int, ...], tuple[str, ...]]] = {
    "network": (deep, (64, 128, 256, 512, 1024), ("autodiff-plan", "jax-jit")),
    "numbers": (number_chain, (10**3, 10**4, 10**5, 10**6), ("autodiff-plan",)),
}
#: A series ends with the first size that took longer: the next might take all memory.
_LONGEST_BUILD_S = 10.0
#: Programs of one size that are made, and rounds of timing them.
_TIMES = 3


def peak_bytes(prepare: Callable[[], Callable[[], Any]]) -> int:
    """Return the most memory that a call needs, beyond its arguments.

    What was prepared and lies in arrays counts: buffers, and gradients that lie in them. Python's
    own objects count as far as the call makes them, such as the nodes of a graph.

    Examples
    --------
    >>> bytes_ = peak_bytes(lambda: lambda: np.ones(1000) + 1.0)
    >>> 16_000 <= bytes_ < 20_000
    True
    """
    gc.collect()
    tracemalloc.start()
    try:
        call = prepare()
        call()
        gc.collect()
        arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
        kept = tracemalloc.take_snapshot().filter_traces([arrays]).traces
        kept_bytes = sum(trace.size for trace in kept)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        call()
        _, peak = tracemalloc.get_traced_memory()
        return kept_bytes + peak - before
    finally:
        tracemalloc.stop()


def _footprint(workload: Workload, library: Library) -> Footprint | None:
    """Return the memory of a contender; None if it has no part in this."""
    name, module = library.contender.name, library.module
    if library.failed is not None:
        return None
    if name == "jax-jit":
        told = jax_program(module, workload).memory_analysis()
        size = told.temp_size_in_bytes + told.output_size_in_bytes
        return Footprint(workload.name, name, size, size)
    workload.inputs  # noqa: B018  (drawn now, so that they do not count)
    try:
        peak = peak_bytes(lambda: library.contender.prepare(module, workload).run)
    except NotImplementedError:
        return None
    planned = None
    if name == "autodiff-plan":
        planned = compiled(module, workload).plan(*workload.inputs.values()).peak_bytes
    return Footprint(workload.name, name, peak, planned)


def _memory(
    report: Report,
    contenders: Mapping[str, Contender],
    on_stage: Stage = lambda stage: None,
    workloads: Sequence[Workload] | None = None,
) -> None:
    """Measure memory: what NumPy and Python allocate, traced; for JAX, what its compiler says."""
    told = ("by-hand", "by-hand-out", "autodiff", "autodiff-plan", "autodiff-checkpoint", "jax-jit")
    with opened([contenders[name] for name in told if name in contenders]) as (libraries, _):
        for workload in workloads or [WORKLOADS[each] for each in _MEASURED]:
            on_stage(f"memory of {workload.name}")
            found = [_footprint(workload, library) for library in libraries]
            report.footprints.extend(each for each in found if each is not None)


def _checkpoint(
    report: Report,
    contenders: Mapping[str, Contender],
    on_stage: Stage = lambda stage: None,
    workload: Workload | None = None,
) -> None:
    """Time and weigh a long chain that is kept, and one that is computed again in parts."""
    workload = workload or long_chain()
    field = {each.name: each for each in (BASELINE, EAGER["autodiff"], CHECKPOINT)}
    done = run(
        [workload],
        list(field.values()),
        rounds=report.rounds,
        sample_s=report.sample_s,
        goals=CHECKPOINT_GOALS,
        imports=False,
        on_stage=on_stage,
    )
    report.results += done.results
    _memory(report, field, on_stage, [workload])
    sizes = {f.contender: f.peak_bytes for f in report.footprints if f.workload == workload.name}
    goal = judged(CHECKPOINT_MEMORY, workload.title)
    goal.take(sizes[goal.contender] / sizes[goal.against])
    report.goals.append(goal)


def _growth(
    report: Report,
    contenders: Mapping[str, Contender],
    on_stage: Stage = lambda stage: None,
    series: Mapping[str, tuple[Any, Sequence[int], Sequence[str]]] = SERIES,
) -> None:
    """Time the making of programs as they grow, and their calls."""
    for name, (make, sizes, compilers) in series.items():
        field = [contenders[each] for each in compilers if each in contenders]
        with opened(field) as (libraries, _):
            for library in libraries:
                rows = []
                for size in sizes:
                    on_stage(f"{name}: {library.contender.name} at {size}")
                    rows.append(_grown(name, size, make(size), library))
                    if not (rows[-1].build_s or math.inf) <= _LONGEST_BUILD_S:
                        break
                report.growth += rows
                _judge(report, name, rows)


def _grown(series: str, size: int, workload: Workload, library: Library) -> Growth:
    """Return what making and calling one program costs."""
    name = library.contender.name
    row = Growth(series, size, workload.operations, name)
    entry, prepared = checked(workload, library)
    if prepared is None:
        row.message = f"{entry.status}: {entry.message}"
        return row
    builds: list[float] = []
    while len(builds) < _TIMES and sum(builds) <= _LONGEST_BUILD_S:
        gc.collect()
        start = time.perf_counter()
        _BUILDS[name](library.module, workload)
        builds.append(time.perf_counter() - start)
    row.build_s = statistics.median(builds)
    hand = COMPILED[BASELINE.name].prepare(np, workload).run
    found = interleaved({"hand": hand, name: prepared.run}, rounds=_TIMES, sample_s=0.01)
    row.run_s = found[name].median_s
    row.ratio, _ = median_and_spread(ratios(found[name].seconds, found["hand"].seconds))
    return row


def _judge(report: Report, series: str, rows: Sequence[Growth]) -> None:
    """Hold the costs of growing programs against the goals."""
    by_size = {row.size: row for row in rows}
    for (of, size), goal in BUILD_GOALS.items():
        if of != series or goal.contender != rows[0].contender:
            continue
        row = by_size.get(size)
        goals = [(goal, row.build_s if row else None)]
        if series == "numbers":
            goals.append((LONGEST_GOAL, row.ratio if row else None))
        for each, number in goals:
            found = judged(each, f"{series}-{size}")
            if number is None:
                found.reached = False  # it failed, or a smaller one took too long
            else:
                found.take(number)
            report.goals.append(found)
    done = [row for row in rows if row.build_s is not None]
    law = fit_power([r.operations for r in done], [r.build_s or 0.0 for r in done])
    if law is not None and rows[0].contender == EXPONENT_GOAL.contender:
        found = judged(EXPONENT_GOAL, series)
        found.take(law.slope)
        report.goals.append(found)


#: Parts of the benchmark that are not one workload, by the names of the command line.
#: ``PARTS[name](report, contenders, on_stage)`` writes what it finds into a report; contenders, by
#: name, take part as far as the part is for them; ``on_stage`` is called with what begins. A last
#: argument takes the place of the part's own workloads.
PARTS: dict[str, Callable[..., None]] = {
    "memory": _memory,
    "checkpoint": _checkpoint,
    "growth": _growth,
}
