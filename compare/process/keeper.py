"""The process above a worker: what an engine leaves behind comes to it, and ends with the worker.

A process that has left its parent, its session and its environment is still adopted by the nearest
ancestor that the system calls a subreaper (Linux, ``prctl(2)``). The keeper is one, and has nothing
else to do: when the worker has ended, or nobody sends it jobs any more, it ends all that is left.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from pathlib import Path

__all__ = ["KEEPS", "keep"]

#: Whether what an engine leaves behind is found by the system; elsewhere a mark in the environment
#: finds what has kept its environment.
KEEPS = (
    sys.platform == "linux"
    and hasattr(os, "pidfd_open")
    and Path(f"/proc/self/task/{os.getpid()}/children").exists()
)
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36
#: Time that ending what is left may take, in s: who starts new ones all the time is waited for.
_ENDING_S = 5.0


def keep() -> bool:
    """Go on in a child process; this one stays above it. Return whether the system can do that."""
    if not KEEPS:
        return False
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return False
    if prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        return False
    worker = os.fork()
    if worker == 0:
        # Without its keeper nobody would end what it starts.
        prctl(_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        return True
    _outlive(worker)
    return True


def _outlive(worker: int) -> None:
    """Wait for the end of the worker or of its jobs, end what is left, and end like the worker."""
    # Whoever reads the answers must see their end when the worker closes them.
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 1)
    events = select.poll()
    events.register(os.pidfd_open(worker), select.POLLIN)
    events.register(0, 0)  # the end of standard input, and nothing else
    events.poll()
    code, end_s = 0, time.monotonic() + _ENDING_S
    while (left := _children()) and time.monotonic() < end_s:
        for child in left:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(child, signal.SIGKILL)
                _, status = os.waitpid(child, 0)
                if child == worker:
                    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def _children_file() -> Path:
    return Path(f"/proc/self/task/{os.getpid()}/children")


def _children() -> list[int]:
    """Return the children of this process, adopted ones included."""
    return [int(pid) for pid in _children_file().read_text(encoding="ascii").split()]
