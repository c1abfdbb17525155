"""The process that does one job at a time: ``python -m compare.worker``.

It starts with nothing but the standard library, so that importing an engine can be timed. Jobs
arrive on standard input and answers leave on what was standard output; whatever a job prints goes
to standard error. When the parent is gone, standard input ends and so does the process.
"""

import importlib
import os
import pickle
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from compare.frames import read_frame, write_frame

Report = Callable[[str, dict[str, Any]], None]


def _import(report: Report, modules: tuple[str, ...]) -> float:
    """Return the seconds that importing some modules takes."""
    start = time.perf_counter()
    for module in modules:
        importlib.import_module(module)
    return time.perf_counter() - start


def _gradient(report: Report, case: Any, engine: Any) -> Any:
    """Return what an engine does on a case."""
    from compare.probe import observed_in_worker

    return observed_in_worker(report, case, engine, int(os.environ.get("OMP_NUM_THREADS", 1)))


def _call(report: Report, function: Callable[..., Any], *args: Any) -> Any:
    """Return what a function returns."""
    report("build", {})
    return function(*args)


def _measure(report: Report, case: Any, engine: Any, budget_s: float) -> dict[str, Any]:
    """Return the measurements of a cell."""
    from compare.measure import measure

    return measure(case, engine, budget_s, report)


JOBS: dict[str, Callable[..., Any]] = {
    "call": _call,
    "gradient": _gradient,
    "import": _import,
    "measure": _measure,
}


def main() -> None:
    """Run jobs until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    jobs_in = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    jobs: queue.Queue[Any] = queue.Queue()

    def read() -> None:
        while (job := _unpickled(jobs_in)) is not None:
            jobs.put(job)
        # The parent is gone or has closed the pipe: nobody waits for the job under way.
        os._exit(0)

    def report(stage: str, facts: dict[str, Any]) -> None:
        write_frame(answers, pickle.dumps(("stage", stage, facts)))

    threading.Thread(target=read, daemon=True).start()
    while True:
        job = jobs.get()
        if isinstance(job, Exception):
            answer: tuple[str, Any, dict[str, Any]] = ("error", _sentence(job), {})
        else:
            try:
                answer = ("ok", JOBS[job[0]](report, *job[1:]), {})
            except MemoryError:
                answer = ("memory", "MemoryError: the system gave no more memory", {})
            except NotImplementedError as error:
                answer = ("unsupported", str(error), {})
            except Exception as error:
                answer = ("error", _sentence(error), {})
        write_frame(answers, pickle.dumps(answer))


def _unpickled(stream: Any) -> Any:
    """Return the next job; one that cannot be unpickled here is an error of that job alone."""
    try:
        return read_frame(stream)
    except Exception as error:
        return error


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip()


if __name__ == "__main__":
    main()
