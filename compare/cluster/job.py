"""The jobs of a worker: it tells what it is, and measures a batch while no other of its host does.

Nothing here needs Dask: its worker calls these functions in its one thread.
"""

import contextlib
import os
import pickle
import platform
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from compare.engines.engine import Engine
from compare.measure.interleaved import Ended, InterleavedBatch
from compare.measure.plan import Plan
from compare.measure.session import MeasurementSession, without_inputs
from compare.problems.problem import Case
from compare.process.executor import Budget, pickled
from compare.process.threads import all_off_cores, pinned_cores
from compare.results.identity import package_versions
from compare.results.machine import description, moment, whole_description

__all__ = ["CORES", "Greeting", "greet", "measure", "order"]

#: Environment variable that names the cores of the machine, before anything was moved off one.
CORES = "GRADSCALE_CORES"
#: Variables that Dask sets for its workers and that measured processes must not inherit: they
#: change how memory is returned, and take the chance out of the order of sets.
_OF_DASK = ("MALLOC_TRIM_THRESHOLD_", "PYTHONHASHSEED")
#: What every batch runs on, beside what its engines import.
_PACKAGES = ("symdiff", "autodiff", "compare", "numpy", "scipy", "sympy", "cloudpickle")


@dataclass(frozen=True)
class Greeting:
    """The identity of a worker: the columns of its machine, all of it, and the versions it runs."""

    where: dict[str, str]
    machine: dict[str, Any]
    versions: dict[str, str]

    def difference(self, other: "Greeting") -> str:
        """Return the versions in which two differ, in words; empty where they are the same."""
        return ", ".join(
            f"{name} {version}, not {other.versions.get(name)}"
            for name, version in self.versions.items()
            if other.versions.get(name) != version
        )


def greet(packages: Sequence[str]) -> Greeting:
    """Return this process's identity, with versions of some packages and digests of ours."""
    python = {"Python": ".".join(platform.python_version_tuple()[:2])}
    versions = python | package_versions(dict.fromkeys([*_PACKAGES, *packages]))
    return Greeting(description(), {**whole_description(), "before": moment()}, versions)


def order(case: Case, engines: Sequence[Engine], plan: Plan) -> bytes:
    """Return a batch as bytes, which a worker can read that has none of the user's files."""
    conditions = (plan.budget, plan.threads, plan.seed, plan.fresh)
    return pickled((without_inputs(case), tuple(engines), conditions), elsewhere=True)


def measure(ordered: bytes) -> tuple[str, list[Ended]]:
    """Return the cells of a batch, and why it could not be read if so."""
    case: Case
    engines: Sequence[Engine]
    conditions: tuple[Budget, int, int, bool]
    try:
        case, engines, conditions = pickle.loads(ordered)
    except Exception as error:  # whatever unpickling the user's own objects may raise
        return f"its worker cannot read it: {type(error).__name__}: {error}", []
    for name in _OF_DASK:
        os.environ.pop(name, None)
    named = os.environ.get(CORES, "")
    cores = [int(core) for core in named.split(",") if core] or pinned_cores()
    with (
        _alone_on_this_machine(),
        MeasurementSession(*conditions, cores=cores) as session,
        all_off_cores(session.cores, cores),
    ):
        where = description()
        cells = InterleavedBatch(case, engines, session).cells()
        return "", [Ended(ended.row | where, ended.samples) for ended in cells]


@contextlib.contextmanager
def _alone_on_this_machine() -> Iterator[None]:
    """Wait until no other worker of this machine measures; the lock ends with its process."""
    # Not the folder that a queueing system makes for each of its jobs.
    shared = Path("/tmp")
    folder = shared if shared.is_dir() else Path(tempfile.gettempdir())
    with filelock.FileLock(folder / "gradscale-worker.lock", mode=0o666):
        yield
