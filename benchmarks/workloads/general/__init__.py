"""Kinds of code that nobody tuned for: one entry a workload, timed as a group of their own."""

from benchmarks.workloads.general.arrays import embedding, large, ring, windows
from benchmarks.workloads.general.filters import kalman, recurrent, runge_kutta
from benchmarks.workloads.general.gated import gru, lstm
from benchmarks.workloads.general.heat import heat_roll, heat_slices
from benchmarks.workloads.general.matrices import fit, regression, rotations
from benchmarks.workloads.general.models import gaussian_process, qubits
from benchmarks.workloads.workload import Workload

__all__ = ["GENERAL"]

#: Every workload of the group by name, in the order in which they are timed.
GENERAL: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        recurrent(),
        gru(),
        lstm(),
        kalman(),
        runge_kutta(),
        heat_roll(),
        heat_slices(),
        gaussian_process(),
        fit(),
        regression(),
        rotations(),
        embedding(),
        ring(),
        windows(),
        qubits(),
        large(),
    )
}
