"""Threads and cores of a measured process: set, and read back."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = [
    "THREAD_VARIABLES",
    "all_off_cores",
    "candidate_cores",
    "off_cores",
    "pin",
    "pinned_cores",
    "threads_read",
]

#: Set the number of threads of the linear algebra libraries, which read them when they are loaded.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def pinned_cores(pid: int = 0) -> tuple[int, ...]:
    """Return the cores that a process may use; empty where the system does not tell."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    return tuple(sorted(os.sched_getaffinity(pid)))


def candidate_cores(threads: int, available: Sequence[int] | None = None) -> tuple[int, ...]:
    """Return the cores that all candidates are pinned to.

    The last ones, since systems like to handle interruptions on the first.

    Examples
    --------
    >>> candidate_cores(2, [0, 1, 2, 3])
    (2, 3)
    >>> candidate_cores(2, [0])
    ()
    """
    cores = tuple(pinned_cores() if available is None else available)
    return cores[-threads:] if len(cores) >= threads else ()


def pin(pid: int, cores: Sequence[int]) -> None:
    """Pin a process to cores; without cores, or where the system cannot, it stays as it is."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, cores)


@contextmanager
def off_cores(cores: Sequence[int]) -> Iterator[None]:
    """Keep this thread off the cores of the candidates, where there are others."""
    before = pinned_cores()
    others = [core for core in before if core not in cores]
    pin(0, others)
    try:
        yield
    finally:
        if others:
            pin(0, before)


@contextmanager
def all_off_cores(cores: Sequence[int], available: Sequence[int]) -> Iterator[None]:
    """Keep every thread of this process off the cores of the candidates, where there are others."""
    tasks = Path("/proc/self/task")
    others = [core for core in available if core not in cores]
    before = {}
    for task in tasks.iterdir() if others and tasks.is_dir() else ():
        with suppress(OSError):  # a thread may have ended
            before[int(task.name)] = pinned_cores(int(task.name))
            pin(int(task.name), others)
    try:
        yield
    finally:
        for thread, its_cores in before.items():
            with suppress(OSError):
                pin(thread, its_cores)


def threads_read(configured: int | None) -> int | None:
    """Return the most threads that a library of this process reports."""
    import threadpoolctl

    reported = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    return max([*reported, *([] if configured is None else [configured])], default=None)
