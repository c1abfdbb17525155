"""Running jobs in processes of their own, each under a time budget and a memory budget.

A `Worker` is a process that runs jobs one after the other; `Executor` keeps one for jobs without
a clock and replaces it when a job has to be killed. The parent polls the memory and the processor
time of the worker and its children, and kills the whole process tree when a budget is exceeded.
When the parent is gone, a guard ends what it has left.
"""

import contextlib
import functools
import importlib.metadata
import importlib.util
import io
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from importlib.machinery import PathFinder
from typing import IO, Any, Literal, TypeVar, cast

import cloudpickle

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from compare.process.guard import new_mark, package_environment, package_path
from compare.process.ipc import (
    NoMessage,
    Part,
    parts_of,
    read_message,
    valid_unicode,
    write_message,
)
from compare.process.jobs import call
from compare.process.keeper import KEEPS
from compare.process.pristine import Fork, Pristine
from compare.process.processes import MARK, ProcessTree, end_marked
from compare.process.threads import THREAD_VARIABLES

__all__ = ["Budget", "Executor", "Outcome", "Worker", "pickled", "worker_environment"]

#: Stages whose time counts against the budget of a cell: the work of the engine itself.
TIMED_STAGES = frozenset({"build", "compile", "first run"})
#: Limit for every other stage: importing, drawing inputs, computing the reference.
_UNTIMED_LIMIT_S = 120.0
#: The same once the engine has been at work, if its budget is less: to send what it found. It may
#: write what looks like the begin of a stage.
_ANSWER_LIMIT_S = 10.0
_POLL_S = 0.02
#: What a pipe holds: by 64 kB at a time, large results take twice as long.
_PIPE_BYTES = 1 << 20
#: Bytes at the end of what a process has printed that are read, and blocks of 512 bytes that it
#: may fill on disk.
_LAST_WORDS, _MOST_PRINTED = 1 << 14, 1 << 17
#: Time that a process which has closed its pipe has to end, in s.
_DYING_S = 5.0
#: Processor time that a cell may take on each thread, relative to its wall time, and on top in s:
#: a library that ends its threads a little late is not to blame.
_PROCESSOR_SLACK = 1.25
_PROCESSOR_SLACK_S = 0.5


@dataclass(frozen=True)
class Budget:
    """Limits of one job.

    Parameters
    ----------
    seconds : float
        Time of building, compiling and the first run together, in seconds.
    bytes : int
        Resident memory of the process tree, in bytes.

    Raises
    ------
    ValueError
        If a limit is not a positive finite number.
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

    def processor_s(self, threads: int) -> float:
        """Return the processor time that a job on some threads may take, in seconds.

        Examples
        --------
        >>> Budget(4.0, 10**9).processor_s(2)
        10.5
        """
        return threads * self.seconds * _PROCESSOR_SLACK + _PROCESSOR_SLACK_S


@dataclass(frozen=True)
class Outcome:
    """The end of a job.

    Parameters
    ----------
    status : str
        ``"ok"``, ``"timeout"``, ``"memory"``, ``"crashed"``, ``"unsupported"`` or ``"error"``.
    result : object
        The result of the job, if it ended as ok.
    message : str
        Why it did not.
    stage : str
        Stage under way when it ended early.
    metadata : dict
        Columns that the job had reported until then.
    peak_bytes : int
        Largest resident memory of the process tree that the parent saw while the engine worked.
    """

    status: Literal["ok", "mismatch", "timeout", "memory", "crashed", "unsupported", "error"]
    result: Any = None
    message: str = ""
    stage: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    peak_bytes: int = 0

    def __post_init__(self) -> None:
        # The name of a file that is not Unicode may stand in it.
        object.__setattr__(self, "message", valid_unicode(self.message))


_Pickled = TypeVar("_Pickled", bytes, list[Part])


class Worker:
    """A process that runs jobs sent to it.

    Parameters
    ----------
    threads : int
        Threads of the linear algebra libraries in the process.
    environment : mapping of str to str, optional
        Further variables that it starts with.
    cores : sequence of int
        Cores that it is pinned to; empty to leave it where this process is.
    pristine : Pristine, optional
        The process that it is a fork of, with its environment; a new interpreter otherwise, and
        where that cannot be forked.
    loads : callable
        Reads its answers; `numbers_only` where an engine runs in it.
    """

    def __init__(
        self,
        threads: int = 1,
        environment: Mapping[str, str] | None = None,
        cores: Sequence[int] = (),
        pristine: Pristine | None = None,
        loads: Callable[..., Any] = pickle.loads,
    ) -> None:
        self._threads, self._loads = threads, loads
        #: In the environment of all processes that this one starts.
        self.mark = new_mark()
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        fork = pristine.fork(self.mark, cores, self._stderr) if pristine else None
        self._process: subprocess.Popen[bytes] | Fork = fork or subprocess.Popen(
            [sys.executable, "-m", "compare.process.worker", *map(str, cores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            # Written by threads, which must not keep whoever closes it waiting.
            bufsize=0,
            env=worker_environment(threads, environment) | {MARK: self.mark},
            # Ctrl-C in the terminal must reach the parent only, which then ends the workers.
            start_new_session=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        for pipe in (self._process.stdin, self._process.stdout):
            _widen(pipe)
        self._stdin = self._process.stdin
        self._stdout = io.BufferedReader(cast("io.FileIO", self._process.stdout))
        self._tree = ProcessTree(self._process.pid)
        self._messages: queue.Queue[Any] = queue.Queue()
        self._readable = True
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while (answer := read_message(self._stdout, self._loads)) is not None:
                if not (
                    isinstance(answer, tuple) and len(answer) == 2 + (answer[:1] == ("stage",))
                ):
                    raise NoMessage(f"a {type(answer).__name__} arrived that is no answer")
                self._messages.put(answer)
        except BaseException as error:  # whatever reading a result may raise, SystemExit too
            message = f"its result cannot be read: {type(error).__name__}: {error}"
            # Nobody reads its answers any more: the next job needs another process.
            self._readable = False
            self._tree.kill()
            self._messages.put(("error", message))
        self._messages.put(None)

    def _send(self, parts: Sequence[Part]) -> None:
        # Who has closed the pipe has ended, or will be ended: the reader sees that.
        with contextlib.suppress(OSError, ValueError):
            write_message(self._stdin, parts)

    @property
    def alive(self) -> bool:
        """Whether the process can take a job."""
        return self._readable and self._process.poll() is None

    def run(
        self,
        job: tuple[Any, ...],
        budget: Budget,
        *,
        stage: str = "start",
        limit_s: float = _UNTIMED_LIMIT_S,
    ) -> Outcome:
        """Return the outcome of a job; one that broke its budget has been killed."""
        metadata: dict[str, Any] = {}
        entered_s, peak = time.monotonic(), 0
        #: Time of the stages that have ended: of those that count against the budget, and others.
        spent_s = {True: 0.0, False: 0.0}
        processor_begin = processor_s = 0.0
        try:
            parts = _pickled(job, functools.partial(parts_of, dumps=cloudpickle.dumps))
        except Exception as error:
            message = f"it cannot be sent to a process: {type(error).__name__}: {error}"
            return Outcome("error", message=message, stage=stage)
        # Who does not read would have a large job wait for ever.
        threading.Thread(target=self._send, args=(parts,), daemon=True).start()
        while True:
            timed = stage in TIMED_STAGES
            try:
                answer = self._messages.get(timeout=_POLL_S)
            except queue.Empty:
                pass
            else:
                now = time.monotonic()
                if answer is None:
                    self._messages.put(None)  # the next job finds no process either
                    return Outcome("crashed", None, self._death(), stage, metadata, peak)
                if answer[0] == "stage":
                    _, next_stage, more = answer
                    spent_s[timed] += now - entered_s
                    if timed and limit_s > (least_s := max(budget.seconds, _ANSWER_LIMIT_S)):
                        limit_s, spent_s[False] = least_s, 0.0
                    if timed != (next_stage in TIMED_STAGES):
                        # The time of importing and checking is not the engine's to answer for.
                        seen_s = self._tree.processor_s()
                        processor_s += seen_s - processor_begin if timed else 0.0
                        processor_begin = seen_s
                    stage, entered_s = next_stage, now
                    timed = stage in TIMED_STAGES
                    metadata |= more
                else:
                    status, content = answer
                    if status != "ok":
                        return Outcome(status, None, content, stage, metadata, peak)
                    memory = self._tree.resident_bytes()
                    if memory <= budget.bytes:
                        return Outcome("ok", content, "", "", metadata, peak)
                    # It was done before the next look at its memory.
                    return self._ended("memory", _too_large(budget, stage), stage, metadata, peak)
            if os.fstat(self._stderr.fileno()).st_blocks > _MOST_PRINTED:
                os.truncate(self._stderr.fileno(), 0)  # a disk is no place for what it prints
            memory = self._tree.resident_bytes()
            if timed:
                peak = max(peak, memory)
                used_s = processor_s + self._tree.processor_s() - processor_begin
                if used_s > budget.processor_s(self._threads):
                    message = _too_busy(budget, self._threads, stage)
                    return self._ended("timeout", message, stage, metadata, peak)
            if memory > budget.bytes:
                return self._ended("memory", _too_large(budget, stage), stage, metadata, peak)
            most_s = budget.seconds if timed else limit_s
            if time.monotonic() - entered_s > most_s - spent_s[timed]:
                message = (
                    f"more than {budget.seconds:g} s until the end of the first run, "
                    f"at stage {stage!r}"
                    if timed
                    else f"stage {stage!r} took more than {limit_s:g} s"
                )
                return self._ended("timeout", message, stage, metadata, peak)

    def processor_s(self) -> float:
        """Return the processor time of the process and of all that it has started, in s."""
        return self._tree.processor_s()

    def _ended(self, status: Any, message: str, stage: str, metadata: Any, peak: int) -> Outcome:
        """Return the outcome of a job that broke its budget, whose process is killed."""
        self.kill()
        return Outcome(status, None, message, stage, metadata, peak)

    def _death(self) -> str:
        """Return the reason why the process ended, with its last words."""
        try:
            code = self._process.wait(_DYING_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return "its process closed the pipe of its answers"
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"its process was ended by {signal.Signals(-code).name}"
        self._stderr.seek(max(0, os.fstat(self._stderr.fileno()).st_size - _LAST_WORDS))
        words = self._stderr.read().decode(errors="replace").strip().splitlines()
        return f"its process ended with code {code}" + (f": {words[-1]}" if words else "")

    def kill(self) -> None:
        """End the process and everything it has started."""
        kept = KEEPS and self._process.poll() is None
        self._tree.kill()
        self._process.wait()
        if not kept:
            end_marked(self.mark)

    def close(self) -> None:
        """End the process and everything it has started, and release what belongs to it."""
        self.kill()
        for stream in (self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(OSError):
                stream.close()


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold more, where the system can and lets one user have so much."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def worker_environment(threads: int, environment: Mapping[str, str] | None) -> dict[str, str]:
    """Return the variables that a worker starts with."""
    variables = package_environment() | dict.fromkeys(THREAD_VARIABLES, str(threads))
    return variables | dict(environment or {})


def _too_large(budget: Budget, stage: str) -> str:
    where = f" at stage {stage!r}" if stage else ""
    return f"more than {budget.bytes / 1e9:g} GB of memory{where}"


def _too_busy(budget: Budget, threads: int, stage: str) -> str:
    return (
        f"more than {budget.processor_s(threads):g} s of processor time until the end of the "
        f"first run, at stage {stage!r}: it used more than the {threads} "
        f"{'thread' if threads == 1 else 'threads'} that it was given"
    )


#: What goes by value is noted for all threads at once.
_pickling = threading.Lock()


def pickled(job: tuple[Any, ...], *, elsewhere: bool = False) -> bytes:
    """Return a job as bytes; functions of modules that a worker could not import go by value.

    A worker `elsewhere` imports what is installed: of this machine's folders it has none.
    """
    payload: bytes = _pickled(job, cloudpickle.dumps, elsewhere)
    return payload


def _pickled(
    job: tuple[Any, ...], dumps: Callable[[Any], _Pickled], elsewhere: bool = False
) -> _Pickled:
    registered = []
    with _pickling:
        try:
            if elsewhere:
                names = {name for name in [*sys.modules] if not _is_installed(name)}
            else:
                modules = {getattr(f, "__module__", None) for f in _functions(job)}
                names = {name for name in modules if name and not _importable(name)}
            for name in names - {"__main__"}:
                if name in sys.modules:
                    cloudpickle.register_pickle_by_value(sys.modules[name])
                    registered.append(sys.modules[name])
            return dumps(job)
        finally:
            for module in registered:
                cloudpickle.unregister_pickle_by_value(module)


def _is_installed(name: str) -> bool:
    """Return whether a module is Python's own, of this package, or of one that was installed."""
    top = name.partition(".")[0]
    module, ours = sys.modules[name], __name__.partition(".")[0]
    if top in sys.stdlib_module_names or top == ours or not getattr(module, "__file__", None):
        return True
    return top in _installed()


@functools.cache
def _installed() -> frozenset[str]:
    return frozenset(importlib.metadata.packages_distributions())


def _functions(job: tuple[Any, ...]) -> list[Any]:
    """Return the functions in a job, those in the fields of its dataclasses included."""
    parts = list(job)
    for part in parts:
        if is_dataclass(part) and not isinstance(part, type):
            parts += [getattr(part, f.name) for f in fields(part)]
    return [part for part in parts if callable(part)]


def _importable(name: str) -> bool:
    """Return whether a worker would import a module by its name, and not another one."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    if spec is None or not spec.has_location or "." in name:
        return spec is not None
    there = PathFinder.find_spec(name, package_path())
    return there is not None and there.origin == spec.origin


class Executor:
    """Runs jobs on this machine, in worker processes.

    Parameters
    ----------
    threads : int
        Threads of the linear algebra libraries in each worker.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._workers: dict[str, Worker] = {}
        self._pristine: dict[tuple[str, ...], Pristine] = {}
        self._starting = threading.Lock()

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers.values():
            worker.close()
        for pristine in self._pristine.values():
            pristine.close()

    def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        budget: Budget,
        stage: str = "start",
        of: str = "",
        imports: tuple[str, ...] = (),
        loads: Callable[..., Any] = pickle.loads,
    ) -> Outcome:
        """Return the outcome of ``function(report, *args)``, in a worker kept for the next.

        Jobs `of` one engine share a worker with no other: what an engine changes in its process
        (search paths, limits, functions of NumPy) reaches nobody else. Such a worker is the fork
        of a process that has its `imports`, and its answers are read by `loads`.
        """
        return self._kept(of, imports, loads).run((function, *args), budget, stage=stage)

    def call(self, function: Callable[..., Any], *args: Any, budget: Budget) -> Outcome:
        """Return the outcome of ``function(*args)`` under the time budget, in the same worker."""
        return self.run(call, function, *args, budget=budget)

    def _kept(self, of: str, imports: tuple[str, ...], loads: Callable[..., Any]) -> Worker:
        """Return the worker for jobs without a clock, a new one if the last was killed."""
        worker = self._workers.get(of)
        if worker is None or not worker.alive:
            if worker is not None:
                worker.close()
            pristine = self._pristine_of(imports) if of else None
            worker = self._workers[of] = Worker(self._threads, pristine=pristine, loads=loads)
        return worker

    def _pristine_of(self, imports: tuple[str, ...]) -> Pristine:
        with self._starting:
            if imports not in self._pristine:
                self._pristine[imports] = Pristine(worker_environment(self._threads, None), imports)
            return self._pristine[imports]
