"""Running jobs in processes of their own, each under a time budget and a memory budget.

A `Worker` is a process that runs jobs one after the other; `Executor` keeps one for jobs without
a clock and replaces it when a job has to be killed. The parent polls the resident memory of the
worker and its children, and kills the whole process tree when a budget is exceeded.
"""

import contextlib
import importlib.util
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Literal

import cloudpickle
import psutil

from compare.frames import read_frame, write_frame

if TYPE_CHECKING:
    from compare.engines.engine import Engine
    from compare.problems.problem import Case

__all__ = ["THREAD_VARIABLES", "Budget", "Executor", "Outcome", "Worker"]

#: Stages whose time counts against the budget of a cell: what the engine itself does.
TIMED_STAGES = frozenset({"build", "first run"})
#: Limit for every other stage: importing, drawing inputs, computing the reference, sampling.
_UNTIMED_LIMIT_S = 120.0
_POLL_S = 0.02

#: What pins the number of threads of the linear algebra libraries, read when they are loaded.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


@dataclass(frozen=True)
class Budget:
    """Limits of one job.

    Parameters
    ----------
    seconds : float
        Time of building and the first run together, in seconds.
    bytes : int
        Resident memory of the process tree, in bytes.

    Raises
    ------
    ValueError
        If a limit is not a positive finite number.

    Examples
    --------
    >>> Budget(0.0, 10**9)
    Traceback (most recent call last):
    ValueError: time budget: 0.0 s arrived; expected a positive number of seconds
    """

    seconds: float
    bytes: int

    def __post_init__(self) -> None:
        if not 0 < self.seconds < float("inf"):
            raise ValueError(
                f"time budget: {self.seconds} s arrived; expected a positive number of seconds"
            )
        if not 0 < self.bytes < float("inf"):
            raise ValueError(
                f"memory budget: {self.bytes} bytes arrived; expected a positive number of bytes"
            )


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    status : str
        ``"ok"``, ``"timeout"``, ``"memory"``, ``"crashed"``, ``"unsupported"`` or ``"error"``.
    result : object
        What the job returned, if it ended as ok.
    message : str
        Why it did not.
    stage : str
        Stage under way when it ended early.
    facts : dict
        What the job had reported until then.
    peak_bytes : int
        Largest resident memory of the process tree that the parent saw while the engine worked.
    """

    status: Literal["ok", "timeout", "memory", "crashed", "unsupported", "error"]
    result: Any = None
    message: str = ""
    stage: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    peak_bytes: int = 0


class Worker:
    """A process that runs jobs sent to it.

    Parameters
    ----------
    threads : int
        Threads of the linear algebra libraries in the process.
    """

    def __init__(self, threads: int = 1) -> None:
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        # The process must find the packages and the user's modules where this one does.
        environment["PYTHONPATH"] = os.pathsep.join(p or os.getcwd() for p in sys.path)
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "compare.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=environment,
            # Ctrl-C in the terminal must reach the parent only, which then ends the workers.
            start_new_session=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._frames: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while (frame := read_frame(self._stdout)) is not None:
            self._frames.put(frame)
        self._frames.put(None)

    @property
    def alive(self) -> bool:
        """Whether the process can take a job."""
        return self._process.poll() is None

    def run(self, job: tuple[Any, ...], budget: Budget) -> Outcome:
        """Return how a job ended; a job that broke its budget has been killed.

        Parameters
        ----------
        job : tuple
            Name of a job of `compare.worker` and its arguments.
        budget : Budget
            Its limits.

        Returns
        -------
        Outcome
            The result, or why there is none.
        """
        facts: dict[str, Any] = {}
        stage, entered_s, spent_s, peak = "start", time.monotonic(), 0.0, 0
        try:
            write_frame(self._stdin, _pickled(job))
        except OSError:
            return Outcome("crashed", message=self._death(), stage=stage)
        process = psutil.Process(self._process.pid)
        while True:
            try:
                frame = self._frames.get(timeout=_POLL_S)
            except queue.Empty:
                pass
            else:
                now = time.monotonic()
                if frame is None:
                    return Outcome("crashed", None, self._death(), stage, facts, peak)
                if frame[0] == "stage":
                    spent_s += now - entered_s if stage in TIMED_STAGES else 0.0
                    stage, entered_s = frame[1], now
                    facts |= frame[2]
                    continue
                facts |= frame[2]
                if frame[0] == "ok":
                    return Outcome("ok", frame[1], "", "", facts, peak)
                return Outcome(frame[0], None, frame[1], stage, facts, peak)
            memory = _tree_bytes(process)
            if stage in TIMED_STAGES:
                peak = max(peak, memory)
            if memory > budget.bytes:
                self.kill()
                message = f"more than {budget.bytes / 1e9:g} GB of memory at stage {stage!r}"
                return Outcome("memory", None, message, stage, facts, peak)
            elapsed_s = time.monotonic() - entered_s
            timed = stage in TIMED_STAGES
            limit_s = budget.seconds - spent_s if timed else max(_UNTIMED_LIMIT_S, budget.seconds)
            if elapsed_s > limit_s:
                self.kill()
                message = (
                    f"more than {budget.seconds:g} s until the end of the first run, "
                    f"at stage {stage!r}"
                    if timed
                    else f"stage {stage!r}, which is not timed, took more than {limit_s:g} s"
                )
                return Outcome("timeout", None, message, stage, facts, peak)

    def _death(self) -> str:
        """Return why the process ended, with its last words."""
        code = self._process.wait()
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"its process was ended by {signal.Signals(-code).name}"
        self._stderr.seek(0)
        words = self._stderr.read().decode(errors="replace").strip().splitlines()
        return f"its process ended with code {code}" + (f": {words[-1]}" if words else "")

    def kill(self) -> None:
        """End the process and everything it has started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self._process.pid)
            for child in [*process.children(recursive=True), process]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process and release what belongs to it."""
        self.kill()
        for stream in (self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(OSError):
                stream.close()


def _pickled(job: tuple[Any, ...]) -> bytes:
    """Return a job as bytes; functions of modules that a worker could not import go by value."""
    registered = []
    try:
        for name in {getattr(f, "__module__", None) for f in _functions(job)}:
            if name in sys.modules and name != "__main__" and not _importable(name):
                cloudpickle.register_pickle_by_value(sys.modules[name])
                registered.append(sys.modules[name])
        payload: bytes = cloudpickle.dumps(job)
        return payload
    finally:
        for module in registered:
            cloudpickle.unregister_pickle_by_value(module)


def _functions(job: tuple[Any, ...]) -> list[Any]:
    """Return the functions of a user that a job may refer to."""
    owners = [*job, *(getattr(part, "problem", None) for part in job)]
    names = ("function", "gradient", "inputs", "prepare", "refuses")
    return [getattr(owner, name, None) for owner in owners for name in names]


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _tree_bytes(process: psutil.Process) -> int:
    """Return the resident memory of a process and its children."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        total = process.memory_info().rss
        for child in process.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += child.memory_info().rss
    return total


class Executor:
    """Runs jobs on this machine, in worker processes.

    Parameters
    ----------
    threads : int
        Threads of the linear algebra libraries in each worker.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._worker: Worker | None = None

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._worker is not None:
            self._worker.close()

    def gradient(self, case: "Case", engine: "Engine", budget: Budget) -> Outcome:
        """Return what an engine does on a case, in a worker that is kept for the next.

        Parameters
        ----------
        case : Case
            The problem.
        engine : Engine
            The engine.
        budget : Budget
            Limits.

        Returns
        -------
        Outcome
            Its result is a `compare.probe.Observed`.
        """
        return self._kept().run(("gradient", case, engine), budget)

    def call(self, function: Callable[..., Any], *args: Any, budget: Budget) -> Outcome:
        """Return what a function returned, in the same worker.

        Parameters
        ----------
        function : callable
            What to call; it and what it returns are pickled.
        *args : object
            Its arguments.
        budget : Budget
            Limits.

        Returns
        -------
        Outcome
            Its result is what the function returned.
        """
        return self._kept().run(("call", function, *args), budget)

    def _kept(self) -> Worker:
        """Return the worker that is kept from job to job, a new one if the last has died."""
        if self._worker is None or not self._worker.alive:
            if self._worker is not None:
                self._worker.close()
            self._worker = Worker(self._threads)
        return self._worker

    def measure(self, case: "Case", engine: "Engine", budget: Budget) -> Outcome:
        """Return the measurements of one cell, taken in a fresh process.

        Parameters
        ----------
        case : Case
            The problem.
        engine : Engine
            The engine.
        budget : Budget
            Limits.

        Returns
        -------
        Outcome
            Its result is a dict of columns of results.csv.
        """
        worker = Worker(self._threads)
        try:
            imported = worker.run(("import", engine.imports), budget)
            if imported.status != "ok":
                return imported
            outcome = worker.run(("measure", case, engine, budget.seconds), budget)
            outcome.facts["import_s"] = imported.result
            return outcome
        finally:
            worker.close()
