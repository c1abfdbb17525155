"""Memory of a call: what NumPy and Python allocate, traced; for JAX, what its compiler says."""

import gc
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.candidates import COMPILED, Implementation
from benchmarks.candidates.own import CHECKPOINT, PLAN, compiled
from benchmarks.candidates.peers import JAX_JIT, jax_program
from benchmarks.checking import Loaded, loaded
from benchmarks.results import Footprint
from benchmarks.workloads import Workload
from compare.measure.memory import allocated_bytes

__all__ = ["footprints", "peak_bytes"]

#: Candidates whose memory can be measured, or is known to their compiler.
_MEASURED = (
    *(COMPILED[name] for name in ("by-hand", "by-hand-out", "autodiff")),
    PLAN,
    CHECKPOINT,
    JAX_JIT,
)


def footprints(
    workloads: Sequence[Workload],
    candidates: Sequence[Implementation],
    on_stage: Callable[[str], None] = lambda stage: None,
) -> list[Footprint]:
    """Return the memory of those candidates that can be measured."""
    chosen = {each.name: each for each in candidates}
    rows = []
    with loaded([chosen[each.name] for each in _MEASURED if each.name in chosen]) as (found, _):
        for workload in workloads:
            on_stage(f"memory of {workload.name}")
            rows += [row for each in found if (row := _footprint(workload, each)) is not None]
    return rows


def _footprint(workload: Workload, each: Loaded) -> Footprint | None:
    """Return the memory of a candidate; None if it has no part in this."""
    name, module = each.candidate.name, each.module
    if each.failed is not None:
        return None
    if name == JAX_JIT.name:
        analysis = jax_program(module, workload).memory_analysis()
        size = analysis.temp_size_in_bytes + analysis.output_size_in_bytes
        return Footprint(workload.name, name, size, size)
    workload.inputs  # noqa: B018  (drawn now, so that they do not count)
    try:
        peak = peak_bytes(lambda: each.candidate.bind(module, workload).run)
    except NotImplementedError:
        return None
    planned = None
    if name == PLAN.name:
        planned = compiled(module, workload).plan(*workload.inputs.values()).peak_bytes
    return Footprint(workload.name, name, peak, planned)


def peak_bytes(prepare: Callable[[], Callable[[], object]]) -> int:
    """Return the most memory that a call needs, beyond its arguments.

    What was prepared and lies in arrays counts: buffers, and gradients that lie in them. Python's
    own objects count as far as the call makes them, such as the nodes of a graph.
    """
    gc.collect()
    tracemalloc.start()
    try:
        call = prepare()
        call()
        gc.collect()
        arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
        kept = tracemalloc.take_snapshot().filter_traces([arrays]).traces
        return sum(trace.size for trace in kept) + allocated_bytes(call)
    finally:
        tracemalloc.stop()
