"""The process that does one job at a time: ``python -m compare.process.worker``.

It starts with nothing but the standard library, so that importing an engine can be timed. A job is
a function with its arguments; unpickling it imports the function's module. Jobs arrive on standard
input and answers leave on what was standard output; whatever a job prints goes to standard error.
Between two jobs it waits on the pipe and uses no processor time. When the parent is gone, standard
input ends and so does the process, with everything it has started: `keep` sees to that.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from compare.process.ipc import parts_of, read_message, write_message
from compare.process.keeper import keep
from compare.process.threads import pin

__all__ = ["main"]


def _end(kept: bool) -> None:
    """End this process and its group, whatever it is doing."""
    if not kept and hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def main(cores: Sequence[int], have_pages: Callable[[], None] | None = None) -> None:
    """Run jobs until standard input ends; a fork has its pages first."""
    with contextlib.suppress(OSError):
        pin(0, cores)
    kept = keep()
    if have_pages is not None:
        have_pages()  # the keeper is a fork as well
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
        _end(kept)

    own = os.getpid()

    def send(*message: Any) -> None:
        if os.getpid() != own:
            os._exit(0)  # a fork that a job has made and that came back: it has no answer to give
        write_message(answers, parts_of(message))

    def report(stage: str, metadata: dict[str, Any]) -> None:
        send("stage", stage, metadata)

    threading.Thread(target=read, daemon=True).start()
    while True:
        job = jobs.get()
        if isinstance(job, Exception):
            answer: tuple[str, Any] = ("error", _sentence(job))
        else:
            try:
                answer = ("ok", job[0](report, *job[1:]))
            except MemoryError:
                answer = ("memory", "MemoryError: the system gave no more memory")
            except NotImplementedError as error:
                answer = ("unsupported", str(error))
            except Exception as error:
                answer = ("error", _sentence(error))
        send(*answer)


def _unpickled(stream: Any) -> Any:
    """Return the next job; one that cannot be unpickled here is an error of that job alone."""
    try:
        return read_message(stream)
    except Exception as error:
        return error


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip()


if __name__ == "__main__":
    main([int(core) for core in sys.argv[1:]])
