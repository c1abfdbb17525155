"""Before the clock: load the library of a candidate, bind it, hold it to the gradient by hand."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import threadpoolctl

from benchmarks.candidates import BoundCall, Implementation
from benchmarks.candidates.own import EAGER_AUTODIFF
from benchmarks.results import Entry
from benchmarks.workloads import Workload
from compare.checks.difference import compare_gradients
from compare.checks.tolerance import TOLERANCES

__all__ = ["Loaded", "ThreadsNotPinned", "checked", "loaded", "one_thread"]


class ThreadsNotPinned(OSError):
    """A library of this process does not keep to one thread."""


@contextmanager
def one_thread() -> Iterator[dict[str, int]]:
    """Keep the linear algebra libraries of this process to one thread, and check that they do."""
    with threadpoolctl.threadpool_limits(1):
        threads = {
            f"{pool['internal_api']} {pool['version'] or ''} ({pool['prefix']})": int(
                pool["num_threads"]
            )
            for pool in threadpoolctl.threadpool_info()
        }
        more = [f"{name} uses {count}" for name, count in threads.items() if count != 1]
        if more:
            raise ThreadsNotPinned(f"one thread was requested; {', '.join(more)}")
        yield threads


@dataclass(frozen=True)
class Loaded:
    """A candidate with its library, or with why there is none."""

    candidate: Implementation
    module: Any = None
    failed: Entry | None = None


@contextmanager
def loaded(candidates: Sequence[Implementation]) -> Iterator[tuple[list[Loaded], dict[str, int]]]:
    """Load the libraries of candidates and keep them to one thread; yield their threads, too."""
    with ExitStack() as stack:
        found = [_load(candidate, stack) for candidate in candidates]
        # Last, so that it finds the libraries that were just loaded.
        yield found, stack.enter_context(one_thread())


def _load(candidate: Implementation, stack: ExitStack) -> Loaded:
    """Return a candidate with its library, whose settings hold until the stack is closed."""
    entry = Entry(candidate.name, candidate.meaning)
    try:
        return Loaded(candidate, stack.enter_context(candidate.session(candidate.module)))
    except Exception as error:
        entry.status, entry.message = "error", _sentence(error)
        if isinstance(error, ModuleNotFoundError) and error.name == candidate.module:
            entry.status, entry.message = "absent", "not installed"
    return Loaded(candidate, failed=entry)


def checked(workload: Workload, each: Loaded) -> tuple[Entry, BoundCall | None]:
    """Bind a candidate, call it twice, and hold both answers to the gradient by hand."""
    if each.failed is not None:
        return each.failed, None
    entry = Entry(each.candidate.name, each.candidate.meaning)
    reference = _reference(workload)
    try:
        start = time.perf_counter()
        call = each.candidate.bind(each.module, workload)
        answer = call.run()
        entry.prepare_s = time.perf_counter() - start
        _check(call, answer, reference, entry)
        # Once more: a second call that differs from the first would be timed unchecked.
        _check(call, call.run(), reference, entry)
    except NotImplementedError as error:
        entry.status, entry.message = "unsupported", " ".join(str(error).split())
    except Exception as error:
        entry.status, entry.message = "error", _sentence(error)
    return entry, call if entry.status == "ok" else None


def _reference(workload: Workload) -> tuple[Any, Any]:
    """Return value and gradients by hand; where nobody wrote them, those of the eager engine."""
    if workload.hand is None:
        import autodiff  # late: the harness imports no candidate before its turn

        call = EAGER_AUTODIFF.bind(autodiff, workload)
        return call.read(call.run())
    value, gradients = workload.hand(*workload.inputs.values())
    return value, workload.by_name(gradients)


def _check(call: BoundCall, answer: Any, reference: tuple[Any, Any], entry: Entry) -> None:
    """Hold value and gradients against the reference."""
    value, gradients = call.read(answer)
    if np.asarray(value).dtype != np.float64:
        entry.status = "mismatch"
        entry.message = f"the value has dtype {np.asarray(value).dtype}; expected float64"
        return
    difference = compare_gradients(value, gradients, *reference, TOLERANCES["exact"])
    entry.max_error = difference.max_error
    if not difference.agrees:
        entry.status, entry.message = "mismatch", difference.message


def _sentence(error: BaseException) -> str:
    """Return an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
