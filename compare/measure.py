"""Measuring one cell: build, first run, check against the reference, then samples of the run."""

import contextlib
import math
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil

from compare.agreement import reference_gradient, reference_name
from compare.engines.engine import Engine
from compare.probe import fingerprints, other_case, probe
from compare.problems.problem import Case

__all__ = ["PeakMemory", "Timing", "measure", "time_calls"]

#: A sample lasts at least this long, so that the clock's resolution and a single interruption
#: weigh little.
SAMPLE_S = 0.01
#: Samples of each quantity; fewer where one call takes long.
SAMPLES = 7
#: Share of the time budget that sampling may take.
_SAMPLING_SHARE = 0.1

Timing = tuple[float, float, list[float], int]


def time_calls(call: Callable[[], Any], limit_s: float) -> Timing:
    """Return the time of a call, from several samples of many calls each.

    Parameters
    ----------
    call : callable
        What to time; it has been called before, so that it is warm.
    limit_s : float
        No further sample is begun after this time. At least one is taken.

    Returns
    -------
    median_s, spread_s : float
        Median of the samples and their median absolute deviation, per call.
    samples_s : list of float
        The samples, per call.
    loops : int
        Calls in each sample, so many that a sample lasts at least `SAMPLE_S`.
    """
    begin = time.perf_counter()
    loops = 1
    while (elapsed_s := _time_loop(call, loops)) < SAMPLE_S:
        loops = max(loops * 2, math.ceil(1.2 * loops * SAMPLE_S / max(elapsed_s, 1e-9)))
        loops = min(loops, 10**7)
    samples_s = [elapsed_s / loops]
    while len(samples_s) < SAMPLES and time.perf_counter() - begin < limit_s:
        samples_s.append(_time_loop(call, loops) / loops)
    median_s = statistics.median(samples_s)
    spread_s = statistics.median(abs(s - median_s) for s in samples_s)
    return median_s, spread_s, samples_s, loops


def _time_loop(call: Callable[[], Any], loops: int) -> float:
    repeat = range(loops)
    start = time.perf_counter()
    for _ in repeat:
        call()
    return time.perf_counter() - start


def measure(
    case: Case, engine: Engine, budget_s: float, report: Callable[[str, dict[str, Any]], None]
) -> dict[str, Any]:
    """Return the measurements of one cell, as columns of results.csv.

    Parameters
    ----------
    case : Case
        The problem; its inputs are drawn outside the clock.
    engine : Engine
        What computes the gradient.
    budget_s : float
        Time budget of building and the first run; the caller enforces it.
    report : callable
        ``report(stage, facts)`` is called when a stage begins, with what is known so far.

    Returns
    -------
    dict
        ``status`` is ok or mismatch; a mismatch has no times of the run.
    """
    report("inputs", {"threads_read": _blas_threads()})
    inputs = case.inputs
    before = fingerprints(inputs)
    memory = PeakMemory()
    resident = psutil.Process().memory_info().rss
    report("build", {"parameters": case.parameters, "baseline_bytes": resident})
    start = time.perf_counter()
    prepared = engine.prepare(case)
    build_s = time.perf_counter() - start
    report("first run", {"build_s": build_s, "operations": prepared.operations})
    start = time.perf_counter()
    first = prepared.run(inputs)
    first_run_s = time.perf_counter() - start
    peak_bytes = memory.above_start()
    facts = {"peak_bytes": peak_bytes} if peak_bytes is not None else {}
    report("check", facts)
    against = reference_name(case, engine)
    reference = reference_gradient(case, against)
    elsewhere = reference_gradient(other_case(case), against) if first_run_s < 1.0 else None
    threads = _blas_threads() or 1
    checked = probe(
        case,
        engine,
        prepared.run,
        first,
        before,
        against,
        reference,
        elsewhere,
        threads=threads,
        first_run_s=first_run_s,
    )
    if checked["status"] != "ok":
        return checked
    del first, reference, elsewhere
    report("sampling", {"first_run_s": first_run_s})
    limit_s = max(0.3, _SAMPLING_SHARE * budget_s)
    function = case.problem.function
    primal_s, _, _, _ = time_calls(lambda: function(**inputs), limit_s)
    run_s, run_spread_s, samples_s, loops = time_calls(lambda: prepared.run(inputs), limit_s)
    return checked | {
        "run_s": run_s,
        "run_spread_s": run_spread_s,
        "primal_s": primal_s,
        "ratio": run_s / primal_s,
        "run_min_s": min(samples_s),
        "samples": len(samples_s),
        "loops": loops,
    }


def _blas_threads() -> int | None:
    """Return the threads that the linear algebra libraries in this process will use."""
    import numpy  # noqa: F401  (its library must be loaded before it can be asked)
    import threadpoolctl

    pools = [p["num_threads"] for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
    return max(pools) if pools else None


class PeakMemory:
    """Largest resident memory from now on, above the present one, as the system counted it.

    Examples
    --------
    >>> memory = PeakMemory()
    >>> memory.above_start() in (None, 0) or memory.above_start() > 0
    True
    """

    def __init__(self) -> None:
        self._start = self._read("VmRSS")
        if self._start is not None:
            # Linux forgets the peak of the past on this request.
            with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as refs:
                refs.write("5")

    @staticmethod
    def _read(key: str) -> int | None:
        if not sys.platform.startswith("linux"):
            return None
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
        return None

    def above_start(self) -> int | None:
        """Return the bytes, or None where the system does not tell them."""
        peak = self._read("VmHWM")
        return None if peak is None or self._start is None else max(0, peak - self._start)
