"""A process and everything it has started: what it takes, and how all of it is ended."""

import contextlib
import os
import signal
import time
from collections.abc import Collection

import psutil

__all__ = ["MARK", "ProcessTree", "end_marked"]

#: Environment variable that every process of a cell inherits, so that also one that has left its
#: parent and its group can be found.
MARK = "GRADSCALE_PROCESS"
#: Seconds between two looks for new children: a look walks through all processes of the machine.
_LOOK_S = 0.1
#: Looks for descendants that are left, when all are ended.
_LOOKS = 20


class ProcessTree:
    """A process and its descendants.

    Parameters
    ----------
    pid : int
        The process; it leads a group of its own.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._members = [self._root]
        self._looked_s = -_LOOK_S

    def _look(self) -> list[psutil.Process]:
        now = time.monotonic()
        if now - self._looked_s >= _LOOK_S:
            self._looked_s = now
            with contextlib.suppress(psutil.NoSuchProcess):
                self._members = [self._root, *self._root.children(recursive=True)]
        return self._members

    def resident_bytes(self) -> int:
        """Return the resident memory of all of them."""
        total = 0
        for member in self._look():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += member.memory_info().rss
        return total

    def processor_s(self) -> float:
        """Return the processor time of all of them and of the children that have ended, in s."""
        total = 0.0
        for member in self._look():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                times = member.cpu_times()
                total += times.user + times.system
                total += getattr(times, "children_user", 0) + getattr(times, "children_system", 0)
        return total

    def kill(self) -> None:
        """End all of them, and whoever is left in the group of the first."""
        for _ in range(_LOOKS):
            # Whose parent ends first may have been adopted by another of them meanwhile.
            with contextlib.suppress(psutil.NoSuchProcess):
                self._members = [self._root, *self._root.children(recursive=True)]
            for member in self._members[1:]:
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    member.kill()
            if len(self._members) == 1 or not self._root.is_running():
                break
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._root.pid, signal.SIGKILL)
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            self._root.kill()


def end_marked(prefix: str, spared: Collection[str] = ()) -> int:
    """End the processes whose mark begins with some text."""
    ended = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            mark = process.environ().get(MARK, "")
            if mark.startswith(prefix) and mark not in spared and process.pid != os.getpid():
                process.kill()
                ended += 1
    return ended
