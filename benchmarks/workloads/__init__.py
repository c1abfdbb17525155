"""Functions that are differentiated: one entry a workload, a module a family."""

from benchmarks.workloads.chain import chain
from benchmarks.workloads.elementwise import elementwise
from benchmarks.workloads.general import GENERAL
from benchmarks.workloads.gradbench import GRADBENCH
from benchmarks.workloads.mixture import mixture
from benchmarks.workloads.networks import deep, mlp, notes, single
from benchmarks.workloads.scalars import circuit, neuron
from benchmarks.workloads.workload import Workload

__all__ = ["EAGER_WORKLOADS", "GENERAL", "GROUPS", "WORKLOADS", "Workload"]

#: Every tuned workload by name, in the order in which they are timed.
WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        chain(),
        notes(),
        mlp(),
        deep(8, "W3a"),
        deep(64, "W3b"),
        deep(512, "W3c"),
        elementwise(),
        circuit(),
        neuron(),
        single(),
        mixture(),
    )
}

#: Every workload by its name, by the name of its group.
GROUPS: dict[str, dict[str, Workload]] = {
    "tuned": WORKLOADS,
    "general": GENERAL,
    "gradbench": GRADBENCH,
}

#: Names of those that time differentiation as the function runs.
EAGER_WORKLOADS = ("chain", "notes", "mlp")
