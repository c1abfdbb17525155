"""Running a benchmark: check every contender, then time those that are right, in turn."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from compare.agreement import compare_gradients
from compare.bench.contenders import BASELINE, Contender, Prepared
from compare.bench.imports import time_imports
from compare.bench.results import Entry, Report, Result, timed
from compare.bench.threads import one_thread
from compare.bench.timing import fair_collector, interleaved
from compare.bench.workloads import Workload
from compare.tolerance import TOLERANCES

__all__ = ["IMPORT", "import_result", "run"]

#: Name of the workload that is no function: importing the engine.
IMPORT = "import"
#: Largest ratio of importing `autodiff` to importing NumPy that is meant to be needed.
_IMPORT_GOAL = 1.5


@dataclass(frozen=True)
class _Library:
    """The library of a contender, or why there is none."""

    contender: Contender
    module: Any = None
    failed: Entry | None = None


def run(
    workloads: Sequence[Workload],
    contenders: Sequence[Contender],
    *,
    rounds: int,
    sample_s: float,
    imports: bool = True,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Report:
    """Return what a benchmark finds.

    Parameters
    ----------
    workloads : sequence of Workload
        What is differentiated.
    contenders : sequence of Contender
        Who does it; the baseline is added in front.
    rounds : int
        Samples of each contender.
    sample_s : float
        Length of a sample at least, in s.
    imports : bool
        Whether importing `autodiff` is timed too.
    on_stage : callable
        Called with what begins.

    Returns
    -------
    Report
        Contenders that are wrong have no times.

    Raises
    ------
    ThreadsNotPinned
        If a library does not keep to one thread.
    """
    field = [BASELINE, *(c for c in contenders if c.name != BASELINE.name)]
    results = []
    with ExitStack() as stack:
        on_stage("importing the contenders")
        libraries = [_open(contender, stack) for contender in field]
        # Last, so that it finds the libraries that were just loaded.
        threads = stack.enter_context(one_thread()) if workloads else {}
        for workload in workloads:
            on_stage(f"checking {workload.name}")
            result = Result(workload.name, workload.meaning, workload.operations, workload.goal, [])
            runs = dict(_checked(workload, libraries, result))
            on_stage(f"timing {workload.name}")
            if BASELINE.name in runs:
                with fair_collector():
                    timed(result, interleaved(runs, rounds, sample_s))
            results.append(result)
    if imports:
        on_stage("timing imports")
        results.append(import_result(rounds))
    installed = {c.module: c.version for c in field if c.version}
    return Report(results, installed, threads, rounds, sample_s)


def _open(contender: Contender, stack: ExitStack) -> _Library:
    """Return the library of a contender, whose settings hold until the stack is closed."""
    entry = Entry(contender.name, contender.meaning, judged=contender.judged)
    try:
        return _Library(contender, stack.enter_context(contender.session(contender.module)))
    except ModuleNotFoundError as error:
        if error.name != contender.module:
            entry.status, entry.message = "error", _sentence(error)
        else:
            entry.status, entry.message = "absent", "not installed"
    except Exception as error:
        entry.status, entry.message = "error", _sentence(error)
    return _Library(contender, failed=entry)


def _checked(
    workload: Workload, libraries: Sequence[_Library], result: Result
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Add an entry for every contender, and yield those whose gradients are right."""
    reference = workload.hand(**workload.inputs)
    for library in libraries:
        contender = library.contender
        if library.failed is not None:
            result.entries.append(library.failed)
            continue
        entry = Entry(contender.name, contender.meaning, judged=contender.judged)
        result.entries.append(entry)
        try:
            start = time.perf_counter()
            prepared = contender.prepare(library.module, workload)
            answer = prepared.run()
            entry.prepare_s = time.perf_counter() - start
            _check(prepared, answer, reference, entry)
            # Once more: a second call that differs from the first would be timed unchecked.
            _check(prepared, prepared.run(), reference, entry)
        except Exception as error:
            entry.status, entry.message = "error", _sentence(error)
        if entry.status == "ok":
            yield contender.name, prepared.run


def _check(prepared: Prepared, answer: Any, reference: tuple[Any, Any], entry: Entry) -> None:
    """Hold value and gradients against the reference."""
    value, gradients = prepared.read(answer)
    if np.asarray(value).dtype != np.float64:
        entry.status = "mismatch"
        entry.message = f"the value has dtype {np.asarray(value).dtype}; expected float64"
        return
    difference = compare_gradients(value, gradients, *reference, TOLERANCES["exact"])
    entry.max_error = difference.max_error
    if not difference.agrees:
        entry.status, entry.message = "mismatch", difference.message


def import_result(rounds: int) -> Result:
    """Return what importing the engine costs, beside importing NumPy.

    Parameters
    ----------
    rounds : int
        Samples of each.

    Returns
    -------
    Result
        Entries ``numpy`` and ``autodiff``.
    """
    result = Result(
        IMPORT,
        "import in a fresh process",
        0,
        _IMPORT_GOAL,
        [Entry("numpy", "import numpy"), Entry("autodiff", "import autodiff", judged=True)],
    )
    timed(result, time_imports([entry.contender for entry in result.entries], rounds))
    return result


def _sentence(error: BaseException) -> str:
    """Return an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
